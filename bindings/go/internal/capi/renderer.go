package capi

// #cgo noescape go_render
// #cgo nocallback go_render
// #include <stdlib.h>
// #include "glue.h"
import "C"

import "unsafe"

// Renderer is wal_renderer, and what it gave last.
type Renderer struct {
	c        *C.wal_renderer
	messages []C.wal_rendered
}

// Rendered is one message, in the renderer's memory. A part that is not there is nil.
type Rendered struct {
	Topic, Key, Value []byte
	Event             int
	Kind              uint32
}

// NewRenderer makes a renderer.
func NewRenderer(format string) (Renderer, *Error) {
	var r Renderer
	var err *C.wal_error
	name := C.CString(format)
	defer C.free(unsafe.Pointer(name))
	if C.wal_renderer_new(name, &r.c, &err) == C.WAL_OK {
		Live.Renderers.Add(1)
	}
	return r, take(err)
}

// Set sets an option.
func (r *Renderer) Set(option, value string) *Error {
	var err *C.wal_error
	name, word := C.CString(option), C.CString(value)
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(word))
	C.wal_renderer_set(r.c, name, word, &err)
	return take(err)
}

// Render renders events that follow each other in C's memory; how many messages there are.
func (r *Renderer) Render(first *Event, count int) (int, *Error) {
	var out C.go_rendered
	C.go_render(r.c, first.c(), C.size_t(count), &out)
	r.messages = unsafe.Slice(out.messages, int(out.count))
	if out.error != nil {
		return 0, take(out.error)
	}
	return len(r.messages), nil
}

// At is one of the messages that were given last.
func (r *Renderer) At(i int) Rendered {
	m := &r.messages[i]
	return Rendered{Topic: view(m.topic), Key: view(m.key), Value: view(m.value), Event: int(m.event), Kind: uint32(m.kind)}
}

// Lines is the values of all of them.
func (r *Renderer) Lines() []byte { return view(C.wal_renderer_lines(r.c)) }

// Free frees the renderer.
func (r *Renderer) Free() {
	C.wal_renderer_free(r.c)
	*r = Renderer{}
	Live.Renderers.Add(-1)
}
