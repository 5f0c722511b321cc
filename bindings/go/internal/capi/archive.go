package capi

// #include <stdlib.h>
// #include "glue.h"
import "C"

import "unsafe"

// Archive is wal_archive.
type Archive struct{ c *C.wal_archive }

// Told is what an archive tells, copied.
type Told struct {
	Kind, Timeline uint32
	Start, End     uint64
	Name           string
}

// Standing is wal_archive_standing.
type Standing struct {
	System, SegmentSize, Written, Durable, Segments uint64
	Timeline                                        uint32
	Full                                            bool
}

// Fault is one of a report, copied.
type Fault struct {
	Kind          uint32
	Name, Message string
	Start, End    uint64
}

// NotFound is WAL_NOT_FOUND.
const NotFound = int32(C.WAL_NOT_FOUND)

// NewArchive makes an archiver.
func NewArchive(o Options) (Archive, *Error) {
	var a Archive
	var err *C.wal_error
	C.wal_archive_new(o.c, &a.c, &err)
	return a, take(err)
}

// Next goes on, and waits so many milliseconds for something to tell.
func (a Archive) Next(timeout int32) (Told, int32, *Error) {
	var out *C.wal_archive_event
	var err *C.wal_error
	status := int32(C.wal_archive_next(a.c, C.int32_t(timeout), &out, &err))
	if status != OK {
		return Told{}, status, take(err)
	}
	return Told{
		Kind: uint32(C.wal_archive_event_kind(out)), Timeline: uint32(C.wal_archive_event_timeline(out)),
		Start: uint64(C.wal_archive_event_start_lsn(out)), End: uint64(C.wal_archive_event_end_lsn(out)),
		Name: C.GoString(C.wal_archive_event_name(out)),
	}, status, nil
}

// Interrupt makes the call that waits, or the next, return.
func (a Archive) Interrupt() { C.wal_archive_interrupt(a.c) }

// InterruptClear takes an interrupt back.
func (a Archive) InterruptClear() { C.wal_archive_interrupt_clear(a.c) }

// Standing is how it stands.
func (a Archive) Standing() (Standing, *Error) {
	var out C.wal_archive_standing
	var err *C.wal_error
	C.wal_archive_status(a.c, &out, C.size_t(unsafe.Sizeof(out)), &err)
	return Standing{
		System: uint64(out.system_identifier), SegmentSize: uint64(out.segment_size), Written: uint64(out.written_lsn),
		Durable: uint64(out.durable_lsn), Segments: uint64(out.segments), Timeline: uint32(out.timeline), Full: out.is_full != 0,
	}, take(err)
}

// Free ends it.
func (a Archive) Free() { C.wal_archive_free(a.c) }

// FetchArchived copies a file of an archive.
func FetchArchived(directory, name, target string) (int32, *Error) {
	var n names
	defer n.free()
	var err *C.wal_error
	status := C.wal_archive_fetch(n.add(directory), n.add(name), n.add(target), &err)
	return int32(status), take(err)
}

// CheckArchive looks at all of an archive.
func CheckArchive(directory string) (uint64, []Fault, *Error) {
	var n names
	defer n.free()
	var report *C.wal_archive_report
	var err *C.wal_error
	C.wal_archive_check(n.add(directory), &report, &err)
	defer C.wal_archive_report_free(report)
	faults := make([]Fault, int(C.wal_archive_report_faults(report)))
	for i := range faults {
		at := C.size_t(i)
		faults[i] = Fault{
			Kind: uint32(C.wal_archive_report_kind(report, at)), Name: C.GoString(C.wal_archive_report_name(report, at)),
			Message: C.GoString(C.wal_archive_report_message(report, at)),
			Start:   uint64(C.wal_archive_report_start_lsn(report, at)), End: uint64(C.wal_archive_report_end_lsn(report, at)),
		}
	}
	return uint64(C.wal_archive_report_segments(report)), faults, take(err)
}
