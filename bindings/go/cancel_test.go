package pgwalstream_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

var errEnough = errors.New("enough")

// worst is the longest of some durations.
type worst struct{ atomic.Int64 }

func (w *worst) add(d time.Duration) {
	for old := w.Load(); int64(d) > old && !w.CompareAndSwap(old, int64(d)); old = w.Load() {
	}
}

// The aim is 50 ms; what is asserted leaves room for a machine that is busy.
const cancelAim, cancelLimit = 50 * time.Millisecond, 5 * time.Second

func (w *worst) report(t *testing.T, what string) {
	t.Helper()
	d := time.Duration(w.Load())
	t.Logf("%s: at most %v after (aim: %v)", what, d, cancelAim)
	if d > cancelLimit {
		t.Errorf("%s took %v", what, d)
	}
}

func TestALoopThatWaitsEndsWithItsContext(t *testing.T) {
	s := setUp(t, "go_wait", "id int PRIMARY KEY")
	stream := s.open()
	var late worst
	for round := range 60 {
		ctx, cancel := context.WithCancelCause(t.Context())
		var at atomic.Int64
		go func() {
			time.Sleep(time.Duration(round%4) * 3 * time.Millisecond)
			at.Store(time.Now().UnixNano())
			cancel(errEnough)
		}()
		var err error
		switch round % 3 {
		case 0:
			for _, err = range stream.Events(ctx) {
				if err != nil {
					break
				}
			}
		case 1:
			for _, err = range stream.Batches(ctx) {
				if err != nil {
					break
				}
			}
		case 2:
			for err == nil {
				_, err = stream.Next(ctx)
			}
		}
		if !errors.Is(err, errEnough) {
			t.Fatalf("round %d: %v", round, err)
		}
		late.add(time.Duration(time.Now().UnixNano() - at.Load()))
	}
	late.report(t, "cancelled while waiting")
	// No interrupt was left behind.
	s.sql("INSERT INTO go_wait VALUES (1)")
	changes(t, stream, 1)
}

func TestALoopUnderLoadEndsWithItsContext(t *testing.T) {
	s := setUp(t, "go_load", "id int, v text")
	stream := s.open()
	s.sql("INSERT INTO go_load SELECT g, repeat('x', 50) FROM generate_series(1, 200000) g")
	var late worst
	next := int64(1)
	for range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		var at time.Time
		n := 0
		for event, err := range stream.Events(ctx) {
			if err != nil {
				if !errors.Is(err, errEnough) {
					t.Fatal(err)
				}
				break
			}
			if event.Kind() == wal.KindInsert {
				if id, err := event.New().Field(0).Int64(); err != nil || id != next {
					t.Fatalf("%d (%v), not %d", id, err, next)
				}
				next++
			}
			if n++; n == 3000 {
				at = time.Now()
				cancel(errEnough)
			}
			if n > 3000 {
				time.Sleep(time.Millisecond) // a slow consumer, in the middle of a batch
			}
		}
		cancel(nil)
		late.add(time.Since(at))
	}
	late.report(t, "cancelled under load")
}

func TestCloseEndsALoopOfAnotherGoroutine(t *testing.T) {
	s := setUp(t, "go_close", "id int PRIMARY KEY, v text")
	s.sql("INSERT INTO go_close SELECT g, repeat('x', 50) FROM generate_series(1, 20000) g")
	var late worst
	for _, params := range [][]string{{"batch_events=16"}, {}} {
		for pause := range 4 {
			stream := s.open(params...)
			done := make(chan error, 1)
			go func() {
				for event, err := range stream.Events(context.Background()) {
					if err != nil {
						done <- err
						return
					}
					_ = stream.Ack(0 * event.AckLSN())
				}
				done <- nil
			}()
			time.Sleep(time.Duration(pause*40) * time.Millisecond)
			begin := time.Now()
			stream.Close()
			if err := <-done; !errors.Is(err, wal.ErrClosed) {
				t.Fatalf("%v", err)
			}
			late.add(time.Since(begin))
			stream.Close()
		}
	}
	t.Logf("closed within %v", time.Duration(late.Load()))
}

func TestALoopMayCloseItsStream(t *testing.T) {
	s := setUp(t, "go_within", "id int PRIMARY KEY")
	stream := s.open()
	s.sql("INSERT INTO go_within SELECT generate_series(1, 100)")
	n := 0
	for event, err := range stream.Events(soon(t)) {
		if n++; n == 2 {
			if !errors.Is(err, wal.ErrClosed) {
				t.Fatalf("%v %v", event, err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		stream.Close()
	}
	if n != 2 {
		t.Errorf("%d turns", n)
	}
}

// Nothing that comes between a call that found nothing and the wait for the descriptor may be slept over.
func TestNoWakeUpIsLost(t *testing.T) {
	s := setUp(t, "go_wake", "id int PRIMARY KEY")
	stream := s.open("latency_budget=0ms")
	const rounds = 1500
	go func() {
		conn, err := wal.Connect(context.Background(), wal.Options{Conninfo: conninfo(t)})
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for i := range rounds {
			if _, err := conn.Query(context.Background(), "INSERT INTO go_wake SELECT coalesce(max(id), 0) + 1 FROM go_wake"); err != nil {
				t.Errorf("insert %d: %v", i, err)
				return
			}
		}
	}()
	got := changes(t, stream, rounds)
	if id, err := got[rounds-1].New().Field(0).Int64(); err != nil || id != rounds {
		t.Errorf("%d %v", id, err)
	}
}
