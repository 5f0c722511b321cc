package pgwalstream

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// Events gives one event after the other, in the order of the commits, until the context ends, the stream fails or is
// closed, or the loop is left. The last pair then has the error: context.Cause(ctx), an *Error, or ErrClosed. At the end
// that the option stop_lsn asked for, and of a replay, the loop just ends.
//
// An event, with all that it gives, is borrowed until the loop's next turn: Clone what is to live on. What a loop that
// was left has not been given comes in the next one. The body may call Ack, Flush and Close, but not read.
func (s *Stream) Events(ctx context.Context) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		w, err := s.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer s.end(w)
		w.begin()
		for {
			for s.walked < s.core.held.Count {
				if err := s.ended(w); err != nil {
					yield(nil, err)
					return
				}
				if !yield(s.step(), nil) {
					return
				}
			}
			if err := s.fill(w); err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// Batches gives all that is ready, batch by batch, and costs one call of C for each. It is like Events otherwise: a
// batch is borrowed until the loop's next turn, with all of its events.
func (s *Stream) Batches(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		w, err := s.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer s.end(w)
		w.begin()
		for {
			if s.walked >= s.core.held.Count {
				if err := s.fill(w); err != nil {
					if !errors.Is(err, io.EOF) {
						yield(nil, err)
					}
					return
				}
			}
			if err := s.ended(w); err != nil {
				yield(nil, err)
				return
			}
			s.batch.first = s.walked
			s.walked = s.core.held.Count
			if !yield(&s.batch, nil) {
				return
			}
		}
	}
}

// Next gives the next event, which is borrowed until the next call that reads from the stream. The error is
// context.Cause(ctx), an *Error, ErrClosed, or io.EOF at the end that the option stop_lsn asked for, and of a replay.
func (s *Stream) Next(ctx context.Context) (*Event, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.end(w)
	if s.walked >= s.core.held.Count {
		if err := s.fill(w); err != nil {
			return nil, err
		}
	}
	return s.step(), nil
}

// NextBatch gives all that is ready as a batch that is the caller's: any goroutine may read it, for as long as it
// likes, until Release. It outlives the stream. It ends anywhere, unless option batch_boundary is "transaction": then behind an
// event with an AckLSN, wherever the transaction fits. Errors are as for Next.
func (s *Stream) NextBatch(ctx context.Context) (*Batch, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.end(w)
	if s.walked >= s.core.held.Count {
		if err := s.fill(w); err != nil {
			return nil, err
		}
	}
	batch := own(s.core.held, s.walked, s.batch.relations)
	s.core.held = capi.Batch{}
	s.walked = 0
	return batch, nil
}

// begin makes the caller the one who reads.
func (s *Stream) begin(ctx context.Context) (*watch, error) {
	if !s.reading.CompareAndSwap(false, true) {
		return nil, mistake(ErrBusy, "another goroutine, or the loop around this call, reads from this stream")
	}
	if ctx.Err() != nil {
		s.reading.Store(false)
		s.drop()
		return nil, context.Cause(ctx)
	}
	if s.core.gate.isClosed() {
		s.reading.Store(false)
		s.drop()
		return nil, ErrClosed
	}
	return &watch{ctx: ctx, gate: &s.core.gate, handle: s.core.c}, nil
}

// end lets others read.
func (s *Stream) end(w *watch) {
	w.end()
	s.reading.Store(false)
	s.drop()
	runtime.KeepAlive(s)
}

// ended says why a loop must not go on.
func (s *Stream) ended(w *watch) error {
	if w.fired.Load() {
		return context.Cause(w.ctx)
	}
	if s.core.gate.isClosed() {
		return ErrClosed
	}
	return nil
}

// step gives the next event of the held batch, which has one.
func (s *Stream) step() *Event {
	s.event.raw = s.core.held.At(s.walked)
	s.walked++
	return &s.event
}

// fill replaces the held batch, which was walked to its end, by the next that has an event.
func (s *Stream) fill(w *watch) error {
	c := s.core
	s.walked = 0
	s.event.raw = &nothing
	if c.waited {
		// As it will again, most likely: the call that finds nothing is better made by who then waits.
		c.status = capi.Timeout
	} else {
		c.take()
	}
	for {
		switch {
		case c.failed != nil:
			err := c.failed
			c.failed = nil
			return failure(err)
		case c.status == capi.OK && c.held.Count > 0:
			return nil
		case c.status == capi.Timeout:
			// Only here may it wait: the descriptor is edge-triggered in the netpoller, and the call that answered so
			// has cleared it and looked again. Read forgets older edges, then polls, then waits.
			w.begin()
			c.polls = 0
			if err := c.raw.Read(c.poll); err != nil {
				return ErrClosed
			}
			c.waited = c.polls > 1
			if c.status == capi.Timeout {
				return ErrClosed
			}
			continue
		case c.gate.isClosed():
			return ErrClosed
		case c.status == capi.End:
			return io.EOF
		case w.ctx.Err() != nil:
			return context.Cause(w.ctx)
		}
		c.take()
	}
}

// take gives the held batch back and takes the next, if there is one.
func (c *core) take() {
	if !c.gate.enter() {
		c.status = capi.End
		return
	}
	c.status, c.failed = c.c.Next(&c.held)
	c.gate.leave()
}
