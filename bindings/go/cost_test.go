package pgwalstream_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

const wide = "a int, b bigint, c float8, d bool, e timestamptz, f uuid, g text, h text, i text, j text"
const wideRow = "g, g, g / 3.0, true, now(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'text', 'more', 'yet more', NULL"

// filled is a stream with so many rows that wait in its queue.
func filled(t testing.TB, name string, rows int, params ...string) *wal.Stream {
	t.Helper()
	s := setUp(t, name, wide)
	s.sql(fmt.Sprintf("INSERT INTO %s SELECT %s FROM generate_series(1, %d) g", name, wideRow, rows))
	stream := s.open(append(params, "binary=on", "queue_bytes=256MB")...)
	s.eventually("all rows are in the queue", func() bool {
		stats, err := stream.Stats()
		return err == nil && stats.Events > uint64(rows)
	})
	return stream
}

var sink int64

// Neither an event nor a column nor a batch allocates.
func TestReadingAllocatesNothing(t *testing.T) {
	const rows = 60000
	stream := filled(t, "go_allocs", rows, "batch_events=256")
	read := func(row wal.Row) {
		for _, v := range row.Values() {
			sink += int64(len(v.Bytes())) + int64(len(v.UnsafeString()))
		}
		n, err1 := row.Field(1).Int64()
		f, err2 := row.Field(2).Float64()
		b, err3 := row.Field(3).Bool()
		at, err4 := row.Field(4).Time()
		u, err5 := row.Field(5).UUID()
		text, err6 := row.Field(6).TextBytes()
		named, ok := row.Named("h")
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil || err6 != nil || !ok {
			t.Error(err1, err2, err3, err4, err5, err6, ok)
		}
		sink += n + int64(f) + at.Unix() + int64(u[0]) + int64(len(text)) + int64(named.Len())
		if !b {
			t.Error("false")
		}
	}
	var scanned struct {
		A int32 `wal:"a"`
		B int64 `wal:"b"`
	}
	var before, after runtime.MemStats
	seen := 0
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() != wal.KindInsert {
			continue
		}
		if seen++; seen == 1000 {
			runtime.ReadMemStats(&before)
		}
		read(event.New())
		if err := event.ScanRow(&scanned); err != nil {
			t.Fatal(err)
		}
		if err := stream.Ack(event.AckLSN()); err != nil {
			t.Fatal(err)
		}
		if seen == rows/2 {
			break
		}
	}
	for batch, err := range stream.Batches(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range batch.Len() {
			if event := batch.At(i); event.Kind() == wal.KindInsert {
				read(event.New())
				seen++
			}
		}
		if seen == rows {
			break
		}
	}
	runtime.ReadMemStats(&after)
	// What the runtime and the two loops themselves allocate does not grow with the events.
	allocated, events := after.Mallocs-before.Mallocs, rows-1000
	t.Logf("%d allocations over %d events of 10 columns", allocated, events)
	if allocated > uint64(events/100) {
		t.Errorf("%d allocations over %d events", allocated, events)
	}
}

// What it costs is reported; the aims are those of an idle machine.
func TestWhatReadingCosts(t *testing.T) {
	stream := filled(t, "go_cost", 40000, "batch_events=16")
	decoder, err := wal.NewDecoder(wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	const calls = 100
	nothing := best(func() {
		for range calls {
			for range decoder.Events() {
				t.Error("an event of nothing")
			}
		}
	})
	t.Logf("%.1f ns a batch call by itself, one that finds nothing (aim 60)", nothing/calls)

	const window = 32
	batches, events, begin, call := 0, 0, time.Now(), time.Hour
	for batch, err := range stream.Batches(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if batches++; batches%window == 0 {
			call, begin = min(call, time.Since(begin)), time.Now()
		}
		if events += batch.Len(); events > 39000 {
			break
		}
	}
	t.Logf("%.1f ns a batch call with what the library does for it: frees a batch of 16 and takes the next, of %d",
		float64(call.Nanoseconds())/window, batches)
	stream.Close()

	stream = filled(t, "go_cost2", 4000)
	batch, err := stream.NextBatch(soon(t))
	for ; err == nil && batch.Len() < 500; batch, err = stream.NextBatch(soon(t)) {
		batch.Release()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Release()
	columns := 0
	column := best(func() {
		columns = 0
		for i := range batch.Len() {
			event := batch.At(i)
			values := event.NewValues()
			columns += len(values)
			for i := range values {
				sink += int64(values[i].Len()) + int64(values[i].Kind())
			}
		}
	})
	t.Logf("%.2f ns a column (aim 1), its event's share included", column/float64(columns))
	typed := best(func() {
		for i := range batch.Len() {
			event := batch.At(i)
			if row := event.New(); row.Len() > 0 {
				n, _ := row.Field(1).Int64()
				sink += n
			}
		}
	})
	t.Logf("%.2f ns an event with a typed column", typed/float64(batch.Len()))
}

// best is the shortest of many runs, in nanoseconds: the others were disturbed.
func best(run func()) float64 {
	least := time.Hour
	for range 500 {
		begin := time.Now()
		run()
		least = min(least, time.Since(begin))
	}
	return float64(least.Nanoseconds())
}

// A goroutine that waits for an event holds no thread. script/test has the server for a thousand of them.
func TestStreamsThatWaitHoldNoThreads(t *testing.T) {
	streams := 30
	if text := os.Getenv("PGWALSTREAM_TEST_STREAMS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		streams = n
	}
	s := setUp(t, "go_many", "id int PRIMARY KEY")
	s.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'go_many\\_%'")
	s.sql(fmt.Sprintf("SELECT pg_create_logical_replication_slot('go_many_' || g, 'pgoutput') FROM generate_series(1, %d) g", streams))
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	var waiting, got atomic.Int64
	var group sync.WaitGroup
	for i := range streams {
		group.Add(1)
		go func() {
			defer group.Done()
			options := s.options("close_timeout=10ms")
			options.Slot = fmt.Sprintf("go_many_%d", i+1)
			stream, err := wal.Open(ctx, options)
			if err != nil {
				t.Error(err)
				cancel()
				return
			}
			defer stream.Close()
			waiting.Add(1)
			for event, err := range stream.Events(ctx) {
				if err != nil {
					t.Error(err)
					return
				}
				if event.Kind() == wal.KindInsert {
					got.Add(1)
					return
				}
			}
		}()
	}
	for waiting.Load() < int64(streams) && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d threads while %d streams wait", len(tasks), waiting.Load())
	if len(tasks) >= 50 {
		t.Errorf("%d threads", len(tasks))
	}
	s.sql("INSERT INTO go_many VALUES (1)")
	group.Wait()
	if got.Load() != int64(streams) {
		t.Errorf("%d of %d streams got the row", got.Load(), streams)
	}
	s.eventually("all slots are free", func() bool {
		return s.value("SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name LIKE 'go_many\\_%'") == "0"
	})
	s.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'go_many\\_%'")
}
