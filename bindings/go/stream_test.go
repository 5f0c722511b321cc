package pgwalstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func TestATransactionComesWhole(t *testing.T) {
	s := setUp(t, "go_whole", "id int PRIMARY KEY, v text")
	stream := s.open("messages=on", "status_interval=100ms")
	s.sql(`BEGIN; INSERT INTO go_whole VALUES (1, 'one'), (2, NULL); UPDATE go_whole SET id = 3 WHERE id = 2;
		DELETE FROM go_whole WHERE id = 1; SELECT pg_logical_emit_message(true, 'p', 'c'); TRUNCATE go_whole; COMMIT`)
	var kinds []string
	var ack, commit wal.LSN
	sequence := uint64(0)
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() == wal.KindProgress {
			continue
		}
		kinds = append(kinds, event.Kind().String())
		if commit == 0 {
			commit = event.CommitLSN()
		}
		if event.CommitLSN() != commit || event.XID() == 0 || time.Since(event.CommitTime()).Abs() > time.Hour {
			t.Errorf("%v: %v %v %v", event.Kind(), event.CommitLSN(), event.XID(), event.CommitTime())
		}
		switch event.Kind() {
		case wal.KindInsert, wal.KindUpdate, wal.KindDelete, wal.KindMessage, wal.KindTruncate:
			if event.Sequence() != sequence {
				t.Errorf("%v has sequence %d, not %d", event.Kind(), event.Sequence(), sequence)
			}
			sequence++
		}
		switch event.Kind() {
		case wal.KindRelation:
			r := event.Relation()
			if r.String() != "public.go_whole" || len(r.Columns) != 2 {
				t.Fatalf("%v has %d columns", r, len(r.Columns))
			}
			id := r.Columns[0]
			if id.Name != "id" || id.Type != 23 || id.Typmod != -1 || !id.Key || id.TypeInfo.OID != 23 {
				t.Errorf("%+v", id)
			}
		case wal.KindMessage:
			if prefix, content := event.Message(); prefix != "p" || string(content) != "c" || !event.Has(wal.FlagTransactional) {
				t.Errorf("%q %q %v", prefix, content, event.Flags())
			}
		case wal.KindTruncate:
			if tables := event.Truncated(); len(tables) != 1 || tables[0].Name != "go_whole" {
				t.Errorf("%v", tables)
			}
		case wal.KindCommit:
			ack = event.AckLSN()
		}
		if ack != 0 {
			break
		}
	}
	want := "BEGIN RELATION INSERT INSERT UPDATE DELETE MESSAGE TRUNCATE COMMIT"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if err := stream.Ack(ack); err != nil {
		t.Fatal(err)
	}
	if err := stream.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	s.eventually("the server knows what was acknowledged", func() bool {
		slot, err := s.conn.Slot(soon(t), "go_whole")
		return err == nil && slot.ConfirmedFlushLSN >= ack
	})
	if err := stream.Ack(ack + 1<<40); !errors.Is(err, wal.ErrAckBeyond) {
		t.Errorf("%v", err)
	}
	stats, err := stream.Stats()
	if err != nil || stats.Transactions == 0 || stats.AckedLSN < ack || stats.Timeline == 0 {
		t.Errorf("%v %+v", err, stats)
	}
	var metrics strings.Builder
	if err := wal.WriteMetrics(&metrics); err != nil || !strings.Contains(metrics.String(), `slot="go_whole"`) {
		t.Errorf("%v %s", err, &metrics)
	}
}

func TestNullUnchangedAndAbsentAreThree(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			s := setUp(t, "go_kinds", "id int PRIMARY KEY, n text, big text")
			stream := s.open("binary=" + binary)
			s.sql(`ALTER TABLE go_kinds ALTER big SET STORAGE EXTERNAL;
				INSERT INTO go_kinds VALUES (1, NULL, repeat('x', 100000)); UPDATE go_kinds SET n = '' WHERE id = 1;
				UPDATE go_kinds SET id = 2; DELETE FROM go_kinds`)
			got := changes(t, stream, 4)
			type row struct {
				ID   int64             `wal:"id"`
				N    *string           `wal:"n"`
				Big  wal.Maybe[string] `wal:"big"`
				None string            `wal:"nowhere,optional"`
			}
			var r row
			if err := got[0].ScanRow(&r); err != nil || r.ID != 1 || r.N != nil || len(r.Big.Value) != 100000 {
				t.Errorf("%v %+v", err, r.ID)
			}
			if v := got[0].NewValues()[1]; !v.IsNull() || v.Bytes() != nil || v.String() != "" {
				t.Error("not NULL")
			}
			if err := got[1].ScanRow(&r); err != nil || r.N == nil || *r.N != "" || r.Big.Kind != wal.Unchanged || r.Big.Value != "" {
				t.Errorf("%v %+v", err, r)
			}
			var strict struct {
				Big *string `wal:"big"`
			}
			if err := got[1].ScanRow(&strict); !errors.Is(err, wal.ErrNoValue) || !strings.Contains(err.Error(), `"big"`) {
				t.Errorf("%v", err)
			}
			keep := struct {
				Big string `wal:"big,keep"`
			}{"kept"}
			if err := got[1].ScanRow(&keep); err != nil || keep.Big != "kept" {
				t.Errorf("%v %q", err, keep.Big)
			}
			old := got[2].Old()
			if !got[2].Has(wal.FlagOldKey) || old.Len() != 3 || old.Field(1).Kind() != wal.Absent {
				t.Errorf("%v %v", got[2].Flags(), old.Field(1).Kind())
			}
			if id, err := old.Field(0).Int32(); err != nil || id != 1 {
				t.Errorf("%v %v", id, err)
			}
			if id, ok := got[3].Old().Named("id"); !ok || id.String() == "" || got[3].New().Len() != 0 {
				t.Error("no old key")
			}
			if _, ok := old.Named("nowhere"); ok {
				t.Error("a column that is not there")
			}
		})
	}
}

func TestWhatALoopLeftComesInTheNext(t *testing.T) {
	s := setUp(t, "go_left", "id int PRIMARY KEY")
	stream := s.open()
	s.sql("INSERT INTO go_left SELECT generate_series(1, 1000)")
	want := int32(1)
	see := func(event *wal.Event) {
		t.Helper()
		if event.Kind() != wal.KindInsert {
			return
		}
		if id, err := event.New().Field(0).Int32(); err != nil || id != want {
			t.Fatalf("%d (%v), not %d", id, err, want)
		}
		want++
	}
	for want <= 1000 {
		for event, err := range stream.Events(soon(t)) {
			if err != nil {
				t.Fatal(err)
			}
			if see(event); want%7 == 0 {
				if _, err := stream.Next(t.Context()); !errors.Is(err, wal.ErrBusy) {
					t.Fatalf("a second reader got %v", err)
				}
				break
			}
		}
		for i := 0; i < 3 && want <= 1000; i++ {
			event, err := stream.Next(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			see(event)
		}
		if want > 500 && want <= 1000 {
			batch, err := stream.NextBatch(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			for event := range batch.Events() {
				see(event)
			}
			batch.Release()
			batch.Release()
		}
	}
}

func TestBatchesOutliveTheirStream(t *testing.T) {
	s := setUp(t, "go_batches", "id int PRIMARY KEY, v text")
	stream := s.open("batch_events=16")
	s.sql("INSERT INTO go_batches SELECT g, g::text FROM generate_series(1, 500) g")
	var batches []*wal.Batch
	for seen := 0; seen < 400; {
		batch, err := stream.NextBatch(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		seen += batch.Len()
		batches = append(batches, batch)
	}
	stats, err := stream.Stats()
	if err != nil || stats.BatchesLive != uint64(len(batches)) {
		t.Errorf("%v: %d batches are said to be live, not %d", err, stats.BatchesLive, len(batches))
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for _, batch := range batches {
		for range 2 {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := range batch.Len() {
					event := batch.At(i)
					for column, field := range event.New().All() {
						if text, err := field.Text(); err != nil || text == "" || column.Name == "" {
							t.Errorf("%q %v", text, err)
						}
					}
				}
			}()
		}
	}
	group.Wait()
	for _, batch := range batches {
		batch.Release()
	}
	if _, err := stream.Next(t.Context()); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := stream.Ack(1); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestNobodyKeepsWhatNobodyReleased(t *testing.T) {
	s := setUp(t, "go_forgotten", "id int PRIMARY KEY")
	s.sql("INSERT INTO go_forgotten VALUES (1)")
	func() {
		stream, err := wal.Open(t.Context(), s.options())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.NextBatch(soon(t)); err != nil {
			t.Fatal(err)
		}
	}()
	// noLeaks collects until the batch and the stream are gone.
}

func TestBatchesInALoop(t *testing.T) {
	s := setUp(t, "go_loop", "id int PRIMARY KEY")
	stream := s.open("ack=auto")
	s.sql("INSERT INTO go_loop SELECT generate_series(1, 5000)")
	n := 0
	for batch, err := range stream.Batches(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		batch.Release() // not the loop's
		for event := range batch.Events() {
			if event.Kind() == wal.KindInsert {
				n++
			}
		}
		if n == 5000 && batch.AckLSN() != 0 {
			break
		}
	}
}

func TestErrorsSayWhatHappened(t *testing.T) {
	s := setUp(t, "go_errors", "id int PRIMARY KEY")
	options := s.options()
	options.Slot = "go_none"
	_, err := wal.Open(t.Context(), options)
	var e *wal.Error
	if !errors.Is(err, wal.ErrSlotMissing) || !errors.As(err, &e) || e.Hint == "" || e.Name != "WAL_E_SLOT_MISSING" || !e.Fatal {
		t.Errorf("%v", err)
	}
	if errors.Is(err, wal.ErrSlotActive) {
		t.Error("one status is another")
	}
	_, err = wal.Open(t.Context(), s.options("binnary=on"))
	if !errors.Is(err, wal.ErrUnknownOption) || !errors.As(err, &e) || !strings.Contains(e.Hint, "binary") {
		t.Errorf("%v", err)
	}
	options = s.options()
	options.Conninfo = "host=/nonexistent-folder user=u dbname=d"
	if _, err = wal.Open(t.Context(), options); !errors.Is(err, wal.ErrConnect) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%v", err)
	}
	options.Conninfo = "host=a\x00b"
	if _, err = wal.Open(t.Context(), options); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if _, err = s.conn.Query(t.Context(), "SELECT 1/0"); !errors.As(err, &e) || e.SQLState != "22012" {
		t.Errorf("%v", err)
	}
	if s := wal.ErrSlotMissing.String(); s != "WAL_E_SLOT_MISSING" || wal.ErrSlotMissing.Error() == "" {
		t.Error(s)
	}
}

// Every status below 0 of the header has its sentinel here.
func TestEveryStatusHasASentinel(t *testing.T) {
	header, err := os.ReadFile("../../include/pgwalstream.h")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("status.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(header)) {
		var name string
		var number int
		if c, err := fmt.Sscanf(strings.TrimSpace(line), "WAL_E_%s = %d,", &name, &number); c != 2 || err != nil {
			continue
		}
		n++
		if !strings.Contains(string(source), fmt.Sprintf("Status = %d ", number)) {
			t.Errorf("WAL_E_%s (%d) has no sentinel", name, number)
		}
		if got := wal.Status(number).String(); got != "WAL_E_"+name {
			t.Errorf("%d is %s, not WAL_E_%s", number, got, name)
		}
	}
	if n < 40 {
		t.Fatalf("the header has %d statuses", n)
	}
}

func TestTheEndThatWasAskedFor(t *testing.T) {
	s := setUp(t, "go_end", "id int PRIMARY KEY")
	s.sql("INSERT INTO go_end VALUES (1)")
	end := s.value("SELECT pg_current_wal_lsn()")
	stream := s.open("stop_lsn=" + end)
	n := 0
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() == wal.KindInsert {
			n++
		}
	}
	if _, err := stream.Next(soon(t)); n != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("%d inserts, then %v", n, err)
	}
}

func TestAConnectionIsMadeAgain(t *testing.T) {
	s := setUp(t, "go_again", "id int PRIMARY KEY")
	stream := s.open("reconnect_initial=10ms")
	s.sql("INSERT INTO go_again VALUES (1)")
	changes(t, stream, 1)
	s.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'go_again'")
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() == wal.KindReconnected {
			r := event.Clone().Reconnect()
			if r != event.Reconnect() || r.Attempts < 1 || r.Message == "" || !errors.Is(r.Status, wal.ErrServerShutdown) {
				t.Errorf("%+v", r)
			}
			break
		}
	}
	s.sql("INSERT INTO go_again VALUES (2)")
	if id, err := changes(t, stream, 1)[0].New().Field(0).Int64(); err != nil || id != 2 {
		t.Errorf("%d %v", id, err)
	}
}

func TestACaptureIsReplayed(t *testing.T) {
	s := setUp(t, "go_capture", "id int PRIMARY KEY, v text")
	path := filepath.Join(t.TempDir(), "capture")
	stream := s.open("capture_file=" + path)
	s.sql("INSERT INTO go_capture SELECT g, g::text FROM generate_series(1, 100) g")
	live := changes(t, stream, 100)
	stream.Close()
	replay, err := wal.OpenReplay(path, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	again := changes(t, replay, 100)
	for i := range live {
		a, b := live[i], again[i]
		if a.CommitLSN() != b.CommitLSN() || a.Sequence() != b.Sequence() || a.NewValues()[1].String() != b.NewValues()[1].String() {
			t.Fatalf("change %d: %v", i, b)
		}
	}
	if _, err := wal.OpenReplayFiles(nil, wal.Options{}); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if _, err := wal.OpenReplay(path+"x", wal.Options{}); !errors.Is(err, wal.ErrCapture) {
		t.Errorf("%v", err)
	}
}

func TestWhatHappensIsLogged(t *testing.T) {
	s := setUp(t, "go_log", "id int PRIMARY KEY")
	var lock sync.Mutex
	var text strings.Builder
	options := s.options()
	options.Logger = slog.New(slog.NewTextHandler(locked{&lock, &text}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	stream, err := wal.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	stream.Close()
	lock.Lock()
	defer lock.Unlock()
	for _, want := range []string{"target=connect", "level=INFO", "slot=go_log"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in %s", want, &text)
		}
	}
}

type locked struct {
	lock *sync.Mutex
	to   io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.to.Write(b)
}

func TestOpeningEndsWithItsContext(t *testing.T) {
	noLeaks(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	why := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, why)
	defer cancel()
	options := wal.Options{Conninfo: fmt.Sprintf("host=127.0.0.1 port=%d user=u dbname=d", listener.Addr().(*net.TCPAddr).Port), Slot: "s", Publication: "p"}
	begin := time.Now()
	if _, err := wal.Open(ctx, options); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if _, err := wal.Connect(ctx, options); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	t.Logf("opening ended %v after its context", time.Since(begin)-100*time.Millisecond)
}

func TestOptionsAreDescribed(t *testing.T) {
	all := wal.DescribeOptions()
	if i := slices.IndexFunc(all, func(o wal.OptionInfo) bool { return o.Name == "binary" }); i < 0 || all[i].Sentence == "" || all[i].Default != "off" {
		t.Errorf("%+v", all)
	}
}
