package capi

// #cgo noescape go_next
// #cgo nocallback go_next
// #cgo noescape wal_stream_ack
// #cgo nocallback wal_stream_ack
// #cgo noescape go_decoder_next
// #cgo nocallback go_decoder_next
// #cgo noescape wal_decoder_feed
// #cgo nocallback wal_decoder_feed
// #include <stdlib.h>
// #include "glue.h"
import "C"

import (
	"sync/atomic"
	"unsafe"
)

// Live counts the handles that are not freed, for tests: what leaks shows here.
var Live struct {
	Streams, Connections, Decoders, Batches, Relations, Readers, Renderers, Records atomic.Int64
}

// Stream is wal_stream.
type Stream struct{ c *C.wal_stream }

// Batch is a batch in the program's hands, and where its events are.
type Batch struct {
	c      *C.wal_batch
	Events *Event
	Count  int
}

// NewStream makes a stream that is not connected.
func NewStream(o Options) (Stream, *Error) {
	var s Stream
	var err *C.wal_error
	if C.wal_stream_new(o.c, &s.c, &err) == C.WAL_OK {
		Live.Streams.Add(1)
	}
	return s, take(err)
}

// Replay opens a capture by its files.
func Replay(paths []string, o Options) (Stream, *Error) {
	// One more, which is never looked at: an array that C sees is not empty.
	all := C.malloc(C.size_t(len(paths)+1) * C.size_t(unsafe.Sizeof((*C.char)(nil))))
	defer C.free(all)
	texts := unsafe.Slice((**C.char)(all), len(paths)+1)
	for i, path := range paths {
		texts[i] = C.CString(path)
		defer C.free(unsafe.Pointer(texts[i]))
	}
	var s Stream
	var err *C.wal_error
	if C.wal_replay_open_files((**C.char)(all), C.size_t(len(paths)), o.c, &s.c, &err) == C.WAL_OK {
		Live.Streams.Add(1)
	}
	return s, take(err)
}

// Connect connects, for as long as it takes: Interrupt ends it.
func (s Stream) Connect() (int32, *Error) {
	var err *C.wal_error
	status := C.wal_stream_connect(s.c, -1, &err)
	return int32(status), take(err)
}

// Next gives the last batch back and takes what is ready, without waiting.
func (s Stream) Next(last *Batch) (int32, *Error) {
	var v C.go_view
	C.go_next(s.c, last.c, 0, &v)
	last.c, last.Events, last.Count = v.batch, (*Event)(unsafe.Pointer(v.events)), int(v.count)
	if v.error != nil {
		return int32(v.status), take(v.error)
	}
	return int32(v.status), nil
}

// Ack acknowledges.
func (s Stream) Ack(lsn uint64) *Error {
	var err *C.wal_error
	if C.wal_stream_ack(s.c, C.uint64_t(lsn), &err) == C.WAL_OK {
		return nil
	}
	return take(err)
}

// Flush reports what is acknowledged, and waits so many milliseconds.
func (s Stream) Flush(timeout int32) (int32, *Error) {
	var err *C.wal_error
	status := C.wal_stream_flush(s.c, C.int32_t(timeout), &err)
	return int32(status), take(err)
}

// StandbyFeedback tells what a hot standby needs.
func (s Stream) StandbyFeedback(xmin, catalogXmin uint64) *Error {
	var err *C.wal_error
	C.wal_stream_standby_feedback(s.c, C.uint64_t(xmin), C.uint64_t(catalogXmin), &err)
	return take(err)
}

// FD is the stream's descriptor.
func (s Stream) FD() int { return int(C.wal_stream_fd(s.c)) }

// Interrupt makes the call that waits, or the next, return.
func (s Stream) Interrupt() { C.wal_stream_interrupt(s.c) }

// InterruptClear takes an interrupt back.
func (s Stream) InterruptClear() { C.wal_stream_interrupt_clear(s.c) }

// Free ends the stream.
func (s Stream) Free() {
	C.wal_stream_free(s.c)
	Live.Streams.Add(-1)
}

// Free gives a batch back.
func (b *Batch) Free() {
	C.wal_batch_free(b.c)
	*b = Batch{}
}

// AckLSN is the highest ack_lsn of the batch.
func (b *Batch) AckLSN() uint64 { return uint64(C.wal_batch_ack_lsn(b.c)) }

// IsNone says whether there is no batch.
func (b *Batch) IsNone() bool { return b.c == nil }

// Decoder is wal_decoder.
type Decoder struct{ c *C.wal_decoder }

// NewDecoder makes a decoder.
func NewDecoder(o Options) (Decoder, *Error) {
	var d Decoder
	var err *C.wal_error
	if C.wal_decoder_new(o.c, &d.c, &err) == C.WAL_OK {
		Live.Decoders.Add(1)
	}
	return d, take(err)
}

// Feed decodes one message.
func (d Decoder) Feed(lsn uint64, message []byte) *Error {
	var err *C.wal_error
	empty := byte(0)
	first := unsafe.SliceData(message)
	if first == nil {
		first = &empty
	}
	if C.wal_decoder_feed(d.c, C.uint64_t(lsn), (*C.uint8_t)(first), C.size_t(len(message)), &err) == C.WAL_OK {
		return nil
	}
	return take(err)
}

// Next gives the last batch back and takes the next.
func (d Decoder) Next(last *Batch) (int32, *Error) {
	var v C.go_view
	C.go_decoder_next(d.c, last.c, &v)
	last.c, last.Events, last.Count = v.batch, (*Event)(unsafe.Pointer(v.events)), int(v.count)
	return int32(v.status), take(v.error)
}

// Free ends the decoder.
func (d Decoder) Free() {
	C.wal_decoder_free(d.c)
	Live.Decoders.Add(-1)
}

// At is the event of an index below Count.
func (b *Batch) At(i int) *Event {
	return (*Event)(unsafe.Add(unsafe.Pointer(b.Events), uintptr(i)*unsafe.Sizeof(Event{})))
}
