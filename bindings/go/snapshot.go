package pgwalstream

import (
	"runtime"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A SnapshotStep is where a snapshot stands.
type SnapshotStep uint32

// The steps of a snapshot.
const (
	SnapshotTableBegin SnapshotStep = 1 // the rows of Relation follow, between those of other tables
	SnapshotItemEnd    SnapshotStep = 2 // all rows of an item of Relation came
	SnapshotTableEnd   SnapshotStep = 3 // all rows of Relation came
	SnapshotEnd        SnapshotStep = 4 // all rows came: AckLSN is to be acknowledged once they are safe
	SnapshotRestart    SnapshotStep = 5 // drop all rows that came of an earlier snapshot: another one begins
)

// A Snapshot is what a SNAPSHOT event tells, with the option snapshot "initial".
type Snapshot struct {
	// Step is where the snapshot stands; 0 for other events.
	Step SnapshotStep
	// Item is the one that ended, from 0.
	Item int
	// Rows is how many the item, the table or the snapshot has, at its end.
	Rows uint64
	// State is how far the snapshot is: to be stored with the rows. At the next start the option snapshot_state takes it in
	// base64 (encoding/base64.StdEncoding).
	State []byte
}

// A SnapshotStage says whether a snapshot is being copied.
type SnapshotStage uint32

// The stages of a snapshot.
const (
	SnapshotNone     SnapshotStage = 0 // the stream takes none
	SnapshotCopying  SnapshotStage = 1 // rows come
	SnapshotComplete SnapshotStage = 2 // all rows came
	SnapshotFailed   SnapshotStage = 3 // it was given up, and so was the stream
)

// SnapshotProgress is how far the snapshot of a stream is.
type SnapshotProgress struct {
	Stage SnapshotStage
	// Rows and Bytes on the wire came.
	Rows, Bytes uint64
	// TablesDone of Tables, ItemsDone of Items, and the BlocksDone of Blocks on the server's disk that those have.
	Tables, TablesDone, Items, ItemsDone, Blocks, BlocksDone uint64
	// ConsistentLSN is the position that the rows are of, and where the changes begin.
	ConsistentLSN LSN
	// BeganAt and EndedAt are when copying did, or 0.
	BeganAt, EndedAt Timestamp
	// LostWorkers is how often a worker lost its connection and began again.
	LostWorkers uint64
}

// SnapshotProgress is how far the snapshot is.
func (s *Stream) SnapshotProgress() (SnapshotProgress, error) {
	if !s.core.gate.enter() {
		return SnapshotProgress{}, ErrClosed
	}
	c, err := s.core.c.SnapshotProgress()
	s.core.gate.leave()
	runtime.KeepAlive(s)
	return progressOf(c), failure(err)
}

func progressOf(c capi.SnapshotProgress) SnapshotProgress {
	return SnapshotProgress{
		Stage: SnapshotStage(c.Stage), Rows: c.Rows, Bytes: c.Bytes,
		Tables: c.Tables, TablesDone: c.TablesDone, Items: c.Items, ItemsDone: c.ItemsDone,
		Blocks: c.Blocks, BlocksDone: c.BlocksDone, ConsistentLSN: LSN(c.ConsistentLSN),
		BeganAt: Timestamp(c.BeganAt), EndedAt: Timestamp(c.EndedAt), LostWorkers: c.LostWorkers,
	}
}
