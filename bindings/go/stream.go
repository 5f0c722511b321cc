package pgwalstream

import (
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Stream gives the changes of a replication slot. Reading is for one goroutine at a time; everything else may be
// called by any, at any time, also while another waits for an event.
type Stream struct {
	core *core
	// reading is held by whoever reads; the rest is theirs.
	reading atomic.Bool
	// batch is the view of core.held that loops are given.
	batch Batch
	// walked is how many events of the held batch were given out.
	walked int
	event  Event
}

// core is what a Stream frees. It must not lead to the Stream, whose end the collector notices.
type core struct {
	gate  gate
	c     capi.Stream
	file  *os.File
	raw   syscall.RawConn
	poll  func(uintptr) bool
	hooks hooks
	// What the reader's last call came to.
	held   capi.Batch
	status int32
	failed *capi.Error
	// How often the descriptor was polled for it, and whether that had to wait.
	polls   int
	waited  bool
	closing sync.Once
	cleanup runtime.Cleanup
}

// Open connects to the server, checks that slot and publications are as they must be, and starts the stream. It tries
// once; after that a connection that breaks is made again by itself (option reconnect). The context is for opening only.
func Open(ctx context.Context, options Options) (*Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := admit(ctx); err != nil {
		return nil, err
	}
	defer func() { <-connecting }()
	c, hooks, err := options.make()
	if err != nil {
		return nil, err
	}
	defer c.Free()
	made, oops := capi.NewStream(c)
	if oops != nil {
		hooks.stop()
		return nil, failure(oops)
	}
	core := &core{gate: newGate(), c: made, hooks: hooks}
	if err := core.connect(ctx); err != nil {
		core.close()
		return nil, err
	}
	return core.stream()
}

// OpenReplay opens a capture (option capture_file) as a stream that needs no server. Of the options only replay_pace,
// ack, queue_bytes, batch_events, batch_bytes and batch_boundary count, and the logger.
func OpenReplay(path string, options Options) (*Stream, error) {
	return OpenReplayFiles([]string{path}, options)
}

// OpenReplayFiles opens a capture that is in several files (option capture_rotate), in the order in which they were
// written, as OpenReplay opens one in one.
func OpenReplayFiles(paths []string, options Options) (*Stream, error) {
	c, hooks, err := options.make()
	if err != nil {
		return nil, err
	}
	defer c.Free()
	made, oops := capi.Replay(paths, c)
	if oops != nil {
		hooks.stop()
		return nil, failure(oops)
	}
	core := &core{gate: newGate(), c: made, hooks: hooks}
	return core.stream()
}

func (c *core) connect(ctx context.Context) error {
	w := watch{ctx: ctx, gate: &c.gate, handle: c.c}
	w.begin()
	status, err := c.c.Connect()
	w.end()
	switch {
	case err != nil:
		return failure(err)
	case status == capi.OK:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return ErrClosed
	}
}

// stream makes the Stream of a core that is open.
func (c *core) stream() (*Stream, error) {
	file, err := pollable(c.c.FD(), "pgwalstream")
	if err != nil {
		c.close()
		return nil, err
	}
	c.file = file
	if c.raw, err = file.SyscallConn(); err != nil {
		c.close()
		return nil, err
	}
	c.poll = func(uintptr) bool {
		c.polls++
		c.take()
		return c.status != capi.Timeout
	}
	s := &Stream{core: c}
	s.batch = Batch{held: &c.held, relations: &relations{}}
	s.event.batch = &s.batch
	c.cleanup = runtime.AddCleanup(s, func(c *core) {
		go func() {
			c.close()
			c.held.Free()
		}()
	}, c)
	return s, nil
}

// Close ends the stream: it reports what was acknowledged last, as well as that goes within the option close_timeout
// (Flush is for who must know), and ends a loop that waits, which gets ErrClosed. Borrowed events and batches end,
// those of NextBatch and Clone live on. Any goroutine may call it, also more than once, and from inside a loop.
func (s *Stream) Close() error {
	s.core.cleanup.Stop()
	s.core.close()
	s.drop()
	runtime.KeepAlive(s)
	return nil
}

func (c *core) close() {
	c.closing.Do(func() {
		c.gate.shut()
		if c.file != nil {
			c.file.Close()
		}
		c.gate.drain()
		closing <- struct{}{}
		c.c.Free()
		<-closing
		c.hooks.stop()
	})
}

// drop frees the held batch of a closed stream, unless somebody reads, who does it then.
func (s *Stream) drop() {
	if s.core.gate.isClosed() && s.reading.CompareAndSwap(false, true) {
		s.core.held.Free()
		s.walked = 0
		s.event.raw = &nothing
		s.batch.relations.forget()
		s.reading.Store(false)
	}
}

// Ack says that everything up to a position is safe: the server may forget it, and will not send it again. It is
// cumulative, so that a 0, which events without a position have, does nothing. The position is reported within the
// option status_interval; Flush does at once. No lock is taken that a loop holds.
func (s *Stream) Ack(lsn LSN) error {
	if lsn == 0 {
		return nil
	}
	if !s.core.gate.enter() {
		return ErrClosed
	}
	err := s.core.c.Ack(uint64(lsn))
	s.core.gate.leave()
	runtime.KeepAlive(s)
	return failure(err)
}

// flushSlice is how long one call waits that the library cannot be called back from.
const flushSlice = 20

// Flush reports the acknowledged position to the server now, and waits until that was written to the connection.
func (s *Stream) Flush(ctx context.Context) error {
	defer runtime.KeepAlive(s)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !s.core.gate.enter() {
			return ErrClosed
		}
		status, err := s.core.c.Flush(flushSlice)
		s.core.gate.leave()
		if err != nil {
			return failure(err)
		}
		if status == capi.OK {
			return nil
		}
		// Waiting here holds no thread.
		time.Sleep(time.Millisecond)
	}
}

// StandbyFeedback tells the primary which rows a hot standby still needs, with the option mode "physical": ids of transactions with
// their epoch in the upper half. It is sent at once and over each new connection. 0 and 0 take it back, and so does Close
// while the stream is connected. Else the next stream of the slot does.
func (s *Stream) StandbyFeedback(xmin, catalogXmin uint64) error {
	if !s.core.gate.enter() {
		return ErrClosed
	}
	err := s.core.c.StandbyFeedback(xmin, catalogXmin)
	s.core.gate.leave()
	runtime.KeepAlive(s)
	return failure(err)
}

// Stats are the counters at this moment. Each is right; together they may straddle an update.
func (s *Stream) Stats() (Stats, error) {
	if !s.core.gate.enter() {
		return Stats{}, ErrClosed
	}
	stats, err := s.core.c.Stats()
	s.core.gate.leave()
	runtime.KeepAlive(s)
	return statsOf(stats), failure(err)
}

// SlotHealth is what was last seen of the slot, with the option health_interval; false if nothing was seen yet.
func (s *Stream) SlotHealth() (Health, bool, error) {
	if !s.core.gate.enter() {
		return Health{}, false, ErrClosed
	}
	health, status, err := s.core.c.SlotHealth()
	s.core.gate.leave()
	runtime.KeepAlive(s)
	if err != nil || status != capi.OK {
		return Health{}, false, failure(err)
	}
	return healthOf(health), true, nil
}
