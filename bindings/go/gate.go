package pgwalstream

import (
	"context"
	"sync/atomic"
)

// A gate lets calls into a C handle until it is closed. Whoever closes waits until all have left.
type gate struct {
	state   atomic.Int64
	drained chan struct{}
}

// The bit of a gate's state that says that it is closed; below it is how many are inside.
const gateClosed = int64(1) << 62

func newGate() gate { return gate{drained: make(chan struct{}, 1)} }

// enter says whether the handle may be used; then leave must follow.
func (g *gate) enter() bool {
	if g.state.Add(1)&gateClosed != 0 {
		g.leave()
		return false
	}
	return true
}

func (g *gate) leave() {
	if g.state.Add(-1) == gateClosed {
		select {
		case g.drained <- struct{}{}:
		default:
		}
	}
}

func (g *gate) isClosed() bool { return g.state.Load()&gateClosed != 0 }

// shut lets nobody in any more.
func (g *gate) shut() { g.state.Or(gateClosed) }

// drain waits for those inside; once, after shut.
func (g *gate) drain() {
	for g.state.Load() != gateClosed {
		<-g.drained
	}
}

// interruptible is a handle whose waiting call returns at an interrupt, which stays until it is consumed or cleared.
type interruptible interface {
	Interrupt()
	InterruptClear()
}

// A watch interrupts a handle when a context ends.
type watch struct {
	ctx    context.Context
	gate   *gate
	handle interruptible
	stop   func() bool
	done   chan struct{}
	fired  atomic.Bool
}

// begin watches from now on; end must follow.
func (w *watch) begin() {
	if w.ctx.Done() == nil || w.stop != nil {
		return
	}
	w.done = make(chan struct{})
	w.stop = context.AfterFunc(w.ctx, w.fire)
}

func (w *watch) fire() {
	w.fired.Store(true)
	if w.gate.enter() {
		w.handle.Interrupt()
		w.gate.leave()
	}
	close(w.done)
}

// end awaits an interrupt that is on its way and takes it back, so that it does not hit the next call.
func (w *watch) end() {
	if w.stop == nil || w.stop() {
		return
	}
	<-w.done
	if w.gate.enter() {
		w.handle.InterruptClear()
		w.gate.leave()
	}
}

// Blocking calls of C hold a thread each: no more than so many at once connect, and close.
var (
	connecting = make(chan struct{}, 12)
	closing    = make(chan struct{}, 4)
)

// admit waits for a turn to connect.
func admit(ctx context.Context) error {
	select {
	case connecting <- struct{}{}:
		return nil
	default:
	}
	select {
	case connecting <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
