package pgwalstream

import (
	"iter"
	"runtime"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Batch is a run of events in the order of their commits: plain memory, which any number of goroutines may read.
type Batch struct {
	held *capi.Batch
	// first is the first event that was not given out before.
	first     int
	relations *relations
	owned     bool
	cleanup   runtime.Cleanup
}

// own makes a batch of its own.
func own(held capi.Batch, first int, relations *relations) *Batch {
	kept := &held
	batch := &Batch{held: kept, first: first, relations: relations, owned: true}
	capi.Live.Batches.Add(1)
	batch.cleanup = runtime.AddCleanup(batch, freeBatch, kept)
	return batch
}

func freeBatch(held *capi.Batch) {
	held.Free()
	capi.Live.Batches.Add(-1)
}

// Len is how many events there are.
func (b *Batch) Len() int { return b.held.Count - b.first }

// At is one of the events. It and all that it gives is good as long as the batch.
func (b *Batch) At(i int) Event {
	if i < 0 || i >= b.Len() {
		panic("pgwalstream: no such event in the batch")
	}
	return Event{raw: b.held.At(b.first + i), batch: b}
}

// Events gives the events one after the other; each is borrowed until the loop's next turn.
func (b *Batch) Events() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		event := Event{batch: b}
		for i := b.first; i < b.held.Count; i++ {
			event.raw = b.held.At(i)
			if !yield(&event) {
				return
			}
		}
		event.raw = &nothing
	}
}

// AckLSN is the position to acknowledge once all of the batch is safe; 0 if it ends no transaction.
func (b *Batch) AckLSN() LSN {
	lsn := b.held.AckLSN()
	runtime.KeepAlive(b)
	return LSN(lsn)
}

// Release gives a batch of NextBatch back: its events end. With the option ack set to auto everything in it counts as
// safe from then on. A batch of a loop is the loop's, and stays.
func (b *Batch) Release() {
	if b.owned && !b.held.IsNone() {
		b.cleanup.Stop()
		freeBatch(b.held)
		b.first = 0
	}
}
