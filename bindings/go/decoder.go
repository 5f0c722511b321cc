package pgwalstream

import (
	"iter"
	"runtime"
	"sync"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Decoder decodes pgoutput's messages without a connection: from pg_logical_slot_peek_binary_changes(), from a file,
// or from a connection of the program's own. It is for one goroutine at a time; the others wait.
type Decoder struct {
	lock    sync.Mutex
	core    *decoderCore
	batch   Batch
	cleanup runtime.Cleanup
}

type decoderCore struct {
	c    capi.Decoder
	held capi.Batch
	open bool
}

// NewDecoder makes a decoder that knows no relation yet. Of the options only batch_events and batch_bytes count.
func NewDecoder(options Options) (*Decoder, error) {
	options.Logger = nil
	c, _, err := options.make()
	if err != nil {
		return nil, err
	}
	defer c.Free()
	made, oops := capi.NewDecoder(c)
	if oops != nil {
		return nil, failure(oops)
	}
	core := &decoderCore{c: made, open: true}
	d := &Decoder{core: core}
	d.batch = Batch{held: &core.held, relations: &relations{}}
	d.cleanup = runtime.AddCleanup(d, (*decoderCore).free, core)
	return d, nil
}

// Feed decodes one message, whole, from its kind on; lsn is where it starts, or 0. Messages come in the order in which
// the server sent them. A message that is refused changes nothing.
func (d *Decoder) Feed(lsn LSN, message []byte) error {
	d.lock.Lock()
	defer d.lock.Unlock()
	if !d.core.open {
		return ErrClosed
	}
	err := d.core.c.Feed(uint64(lsn), message)
	runtime.KeepAlive(d)
	return failure(err)
}

// Events gives what was decoded and not given yet, the oldest first, and ends when there is nothing: feed more. Each is
// borrowed until the loop's next turn. The body must not call the decoder.
func (d *Decoder) Events() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		d.lock.Lock()
		defer d.lock.Unlock()
		defer runtime.KeepAlive(d)
		event := Event{batch: &d.batch, raw: &nothing}
		for {
			for d.batch.first < d.core.held.Count {
				event.raw = d.core.held.At(d.batch.first)
				d.batch.first++
				if !yield(&event, nil) {
					return
				}
			}
			event.raw = &nothing
			if !d.core.open {
				yield(nil, ErrClosed)
				return
			}
			d.batch.first = 0
			status, err := d.core.c.Next(&d.core.held)
			if err != nil {
				yield(nil, failure(err))
				return
			}
			if status != capi.OK {
				return
			}
		}
	}
}

// Close frees the decoder and what it gave.
func (d *Decoder) Close() error {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.cleanup.Stop()
	d.batch.first = 0
	d.batch.relations.forget()
	d.core.free()
	return nil
}

func (c *decoderCore) free() {
	if c.open {
		c.open = false
		c.held.Free()
		c.c.Free()
	}
}
