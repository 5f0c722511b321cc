package capi

// #cgo noescape wal_event_position
// #cgo nocallback wal_event_position
// #cgo noescape wal_acker_done
// #cgo nocallback wal_acker_done
// #include <stdlib.h>
// #include "glue.h"
import "C"

import "unsafe"

// Position is wal_position, copied.
type Position struct {
	System, Commit, Sequence, End uint64
	Timeline, Numbering           uint32
}

func copyPosition(c C.wal_position) Position {
	return Position{
		System: uint64(c.system_identifier), Commit: uint64(c.commit_lsn), Sequence: uint64(c.sequence),
		End: uint64(c.end_lsn), Timeline: uint32(c.timeline), Numbering: uint32(c.numbering),
	}
}

func (p Position) c() C.wal_position {
	return C.wal_position{
		system_identifier: C.uint64_t(p.System), commit_lsn: C.uint64_t(p.Commit), sequence: C.uint64_t(p.Sequence),
		end_lsn: C.uint64_t(p.End), timeline: C.uint32_t(p.Timeline), numbering: C.uint32_t(p.Numbering),
	}
}

// Position is that of an event. It is in the numbers alone: C is given no pointers of Go's, which a clone has.
func (e *Event) Position() Position {
	plain := *e
	plain.Relation, plain.New, plain.Old = nil, nil, nil
	plain.Forget()
	return copyPosition(C.wal_event_position(plain.c()))
}

// Timeline is that of the server that sent it.
func (e *Event) Timeline() uint32 { return uint32(e.spare[1]) }

// Position is that of the batch.
func (b *Batch) Position() Position { return copyPosition(C.wal_batch_position(b.c)) }

// ParsePosition reads one.
func ParsePosition(text string) (Position, *Error) {
	c := C.CString(text)
	defer C.free(unsafe.Pointer(c))
	var out C.wal_position
	var err *C.wal_error
	C.wal_position_parse(c, &out, &err)
	return copyPosition(out), take(err)
}

// String is its text.
func (p Position) String() string {
	c := p.c()
	var buffer [98]C.char
	length := C.wal_position_format(&c, &buffer[0], C.size_t(len(buffer)))
	return C.GoStringN(&buffer[0], C.int(length))
}

// Compare is wal_position_compare.
func (p Position) Compare(other Position) (int, *Error) {
	a, b := p.c(), other.c()
	var order C.int32_t
	var err *C.wal_error
	C.wal_position_compare(&a, &b, &order, &err)
	return int(order), take(err)
}

// Acker is wal_acker.
type Acker struct{ c *C.wal_acker }

// NewAcker makes one, for a stream or for none.
func NewAcker(s Stream, most uint32) (Acker, *Error) {
	var a Acker
	var err *C.wal_error
	C.wal_acker_new(s.c, C.uint32_t(most), &a.c, &err)
	return a, take(err)
}

// Begin begins a unit that ends at a position.
func (a Acker) Begin(p Position) (uint64, *Error) {
	c := p.c()
	var token C.uint64_t
	var err *C.wal_error
	C.wal_acker_begin_at(a.c, &c, &token, &err)
	return uint64(token), take(err)
}

// BeginEvent begins a unit that ends with an event.
func (a Acker) BeginEvent(e *Event) (uint64, *Error) {
	plain := *e
	plain.Relation, plain.New, plain.Old = nil, nil, nil
	plain.Forget()
	var token C.uint64_t
	var err *C.wal_error
	C.wal_acker_begin(a.c, plain.c(), &token, &err)
	return uint64(token), take(err)
}

// Done ends a unit.
func (a Acker) Done(token uint64) *Error {
	var err *C.wal_error
	if C.wal_acker_done(a.c, C.uint64_t(token), &err) == C.WAL_OK {
		return nil
	}
	return take(err)
}

// Position is how far all is done.
func (a Acker) Position() Position { return copyPosition(C.wal_acker_position(a.c)) }

// Kept is how many units are kept.
func (a Acker) Kept() int { return int(C.wal_acker_kept(a.c)) }

// Free frees it.
func (a Acker) Free() { C.wal_acker_free(a.c) }
