package capi

// #include "glue.h"
import "C"

import "unsafe"

// Value is wal_value: one column's value, in its batch's memory.
type Value struct {
	Data     unsafe.Pointer
	Len      uint32
	Kind     uint8
	reserved [3]uint8
}

// Event is wal_event, in its batch's memory.
type Event struct {
	Kind       uint32
	Flags      uint32
	LSN        uint64
	CommitLSN  uint64
	AckLSN     uint64
	CommitTime int64
	XID        uint32
	SubXID     uint32
	Sequence   uint64
	Relation   unsafe.Pointer
	New        unsafe.Pointer
	Old        unsafe.Pointer
	NNew       uint32
	NOld       uint32
	extra      unsafe.Pointer
	nExtra     uint32
	reserved   uint32
	number     uint64
	spare      [2]uint64
}

// The header's layouts and these are the same, or this does not compile: one of the two differences is negative then.
const (
	_ = uint(unsafe.Sizeof(Value{}) - C.sizeof_wal_value)
	_ = uint(C.sizeof_wal_value - unsafe.Sizeof(Value{}))
	_ = uint(unsafe.Sizeof(Event{}) - C.sizeof_wal_event)
	_ = uint(C.sizeof_wal_event - unsafe.Sizeof(Event{}))

	_ = -(unsafe.Offsetof(Value{}.Len) ^ unsafe.Offsetof(C.wal_value{}.len))
	_ = -(unsafe.Offsetof(Value{}.Kind) ^ unsafe.Offsetof(C.wal_value{}.kind))
	_ = -(unsafe.Offsetof(Event{}.Flags) ^ unsafe.Offsetof(C.wal_event{}.flags))
	_ = -(unsafe.Offsetof(Event{}.LSN) ^ unsafe.Offsetof(C.wal_event{}.lsn))
	_ = -(unsafe.Offsetof(Event{}.CommitLSN) ^ unsafe.Offsetof(C.wal_event{}.commit_lsn))
	_ = -(unsafe.Offsetof(Event{}.AckLSN) ^ unsafe.Offsetof(C.wal_event{}.ack_lsn))
	_ = -(unsafe.Offsetof(Event{}.CommitTime) ^ unsafe.Offsetof(C.wal_event{}.commit_time))
	_ = -(unsafe.Offsetof(Event{}.XID) ^ unsafe.Offsetof(C.wal_event{}.xid))
	_ = -(unsafe.Offsetof(Event{}.SubXID) ^ unsafe.Offsetof(C.wal_event{}.subxid))
	_ = -(unsafe.Offsetof(Event{}.Sequence) ^ unsafe.Offsetof(C.wal_event{}.sequence))
	_ = -(unsafe.Offsetof(Event{}.Relation) ^ unsafe.Offsetof(C.wal_event{}.relation))
	_ = -(unsafe.Offsetof(Event{}.New) ^ unsafe.Offsetof(C.wal_event{}.new_values))
	_ = -(unsafe.Offsetof(Event{}.Old) ^ unsafe.Offsetof(C.wal_event{}.old_values))
	_ = -(unsafe.Offsetof(Event{}.NNew) ^ unsafe.Offsetof(C.wal_event{}.n_new))
	_ = -(unsafe.Offsetof(Event{}.NOld) ^ unsafe.Offsetof(C.wal_event{}.n_old))
	_ = -(unsafe.Offsetof(Event{}.spare) ^ unsafe.Offsetof(C.wal_event{}.spare))
)

func (e *Event) c() *C.wal_event { return (*C.wal_event)(unsafe.Pointer(e)) }

// Forget removes what leads into the batch and only C can read.
func (e *Event) Forget() {
	e.extra, e.nExtra = nil, 0
}
