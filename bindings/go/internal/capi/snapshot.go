package capi

// #include "glue.h"
import "C"

// SnapshotProgress is wal_snapshot_progress, copied.
type SnapshotProgress struct {
	Rows, Bytes, Tables, TablesDone, Items, ItemsDone, Blocks, BlocksDone uint64
	ConsistentLSN, LostWorkers                                            uint64
	BeganAt, EndedAt                                                      int64
	Stage                                                                 uint32
}

// SnapshotProgress is how far the stream's snapshot is.
func (s Stream) SnapshotProgress() (SnapshotProgress, *Error) {
	var c C.wal_snapshot_progress
	var err *C.wal_error
	C.wal_stream_snapshot_progress(s.c, &c, C.sizeof_wal_snapshot_progress, &err)
	return SnapshotProgress{
		Rows: uint64(c.rows), Bytes: uint64(c.bytes), Tables: uint64(c.tables), TablesDone: uint64(c.tables_done),
		Items: uint64(c.items), ItemsDone: uint64(c.items_done), Blocks: uint64(c.blocks), BlocksDone: uint64(c.blocks_done),
		ConsistentLSN: uint64(c.consistent_lsn), LostWorkers: uint64(c.lost_workers),
		BeganAt: int64(c.began_at), EndedAt: int64(c.ended_at), Stage: uint32(c.stage),
	}, take(err)
}
