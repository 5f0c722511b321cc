package pgwalstream

import (
	"errors"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Renderer makes messages of events: lines of JSON, whose values are what the server's to_json() gives. It needs no
// connection. It is for one goroutine at a time; the others wait.
type Renderer struct {
	lock    sync.Mutex
	core    *rendererCore
	cleanup runtime.Cleanup
}

type rendererCore struct {
	c    capi.Renderer
	open bool
}

// Rendered is one message. Its bytes are the renderer's: good until that is used again, and as long as it is reachable.
type Rendered struct {
	Event int    // which of the events it is of, from 0
	Kind  Kind   // what that is
	Topic []byte // schema.table of a change, ambiguous where one has a dot; nil for an event without one table; in "debezium" the whole name
	Key   []byte // what identifies the row, in the format "debezium" where the table has a key
	Value []byte // the message, without a line feed behind it, though csv and sql may hold some in quotes; nil says that the key is gone, in formats that have keys
}

// NewRenderer makes a renderer for a format: "json" gives an object for each event, on one line, "wal2json" and "wal2json2" what
// wal2json gives with format versions 1 and 2, "csv" rows as COPY writes them, "sql"
// statements that apply the changes, "debezium" what Debezium's connector gives, with keys and tombstones. Options that are not named
// keep their defaults: numbers (exact, js, string), bytes (hex, base64), unchanged (list, omit, null), line_separators (plain,
// escaped). The format "debezium" has topic_prefix, database, schemas, decimals, compatible, tombstones, truncates, transactions,
// processed, key_columns and placeholder: docs/rendering.md says what each does.
func NewRenderer(format string, options map[string]string) (*Renderer, error) {
	c, oops := capi.NewRenderer(format)
	if oops != nil {
		return nil, failure(oops)
	}
	for name, value := range options {
		if oops := c.Set(name, value); oops != nil {
			c.Free()
			return nil, failure(oops)
		}
	}
	r := &Renderer{core: &rendererCore{c: c, open: true}}
	r.cleanup = runtime.AddCleanup(r, (*rendererCore).free, r.core)
	return r, nil
}

// Batch renders all events of a batch, and gives the messages in their order. The body must not use the renderer.
func (r *Renderer) Batch(b *Batch) iter.Seq2[Rendered, error] {
	return func(yield func(Rendered, error) bool) {
		var first *capi.Event
		if b.Len() > 0 {
			first = b.held.At(b.first)
		}
		// Of no event, too: what was given before ends.
		r.render(first, max(b.Len(), 0), yield)
		runtime.KeepAlive(b)
	}
}

// Event renders one event, which is not a clone, and gives its messages. The body must not use the renderer.
func (r *Renderer) Event(e *Event) iter.Seq2[Rendered, error] {
	return func(yield func(Rendered, error) bool) {
		if e.clone != nil {
			yield(Rendered{}, errors.New("pgwalstream: a clone cannot be rendered: render the event itself"))
			return
		}
		r.render(e.raw, 1, yield)
		runtime.KeepAlive(e)
	}
}

func (r *Renderer) render(first *capi.Event, count int, yield func(Rendered, error) bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	defer runtime.KeepAlive(r)
	if !r.core.open {
		yield(Rendered{}, ErrClosed)
		return
	}
	messages, oops := r.core.c.Render(first, count)
	if oops != nil {
		yield(Rendered{}, failure(oops))
		return
	}
	for i := range messages {
		m := r.core.c.At(i)
		if !yield(Rendered{m.Event, Kind(m.Kind), m.Topic, m.Key, m.Value}, nil) {
			return
		}
	}
}

// Lines is the values of the messages that were given last, with a line feed behind each. It is C's memory: good until the
// renderer is used again, and as long as the Renderer is reachable. Close it behind the last use, or see runtime.KeepAlive;
// WriteTo needs neither.
func (r *Renderer) Lines() []byte {
	r.lock.Lock()
	defer r.lock.Unlock()
	if !r.core.open {
		return nil
	}
	return r.core.c.Lines()
}

// WriteTo writes what Lines gives. The writer must not use the renderer.
func (r *Renderer) WriteTo(w io.Writer) (int64, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	defer runtime.KeepAlive(r)
	if !r.core.open {
		return 0, ErrClosed
	}
	n, err := w.Write(r.core.c.Lines())
	return int64(n), err
}

// Close frees the renderer and what it gave.
func (r *Renderer) Close() error {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.cleanup.Stop()
	r.core.free()
	return nil
}

func (c *rendererCore) free() {
	if c.open {
		c.open = false
		c.c.Free()
	}
}
