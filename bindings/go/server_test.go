package pgwalstream_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// patience is how long a test waits for what should take no time.
const patience = 60 * time.Second

// conninfo is the server of tests/c/with-server.sh. Nothing is skipped without it.
func conninfo(t testing.TB) string {
	t.Helper()
	text := os.Getenv("PGWALSTREAM_TEST_CONNINFO")
	if text == "" {
		t.Fatal("PGWALSTREAM_TEST_CONNINFO is not set: run this with tests/c/with-server.sh 18 -- go test -count=1 ./...")
	}
	return text
}

// A server is the test's own view of the server, with one connection for SQL.
type server struct {
	t    testing.TB
	conn *wal.Conn
	name string
}

// setUp makes table, publication and slot of a name, and checks at the end that nothing of the binding leaked.
func setUp(t testing.TB, name, columns string) *server {
	t.Helper()
	s := connected(t)
	s.name = name
	s.sql(fmt.Sprintf(`SET client_min_messages = warning; DROP PUBLICATION IF EXISTS %[1]s; DROP TABLE IF EXISTS %[1]s;
		CREATE TABLE %[1]s (%[2]s); CREATE PUBLICATION %[1]s FOR TABLE %[1]s`, name, columns))
	s.slot(name)
	return s
}

func connected(t testing.TB) *server {
	t.Helper()
	noLeaks(t)
	conn, err := wal.Connect(t.Context(), wal.Options{Conninfo: conninfo(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &server{t: t, conn: conn}
}

// slot makes a slot that is gone after the test.
func (s *server) slot(name string) {
	s.t.Helper()
	s.drop(name)
	s.sql(fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", name))
	s.t.Cleanup(func() { s.drop(name) })
}

func (s *server) drop(name string) {
	s.t.Helper()
	s.sql(fmt.Sprintf("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '%s' AND active", name))
	s.eventually("the slot is free", func() bool {
		return s.value(fmt.Sprintf("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '%s' AND active", name)) == "0"
	})
	s.sql(fmt.Sprintf("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '%s'", name))
}

func (s *server) sql(text string) wal.Rows {
	s.t.Helper()
	// Also in a cleanup, when the test's context is over.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := s.conn.Query(ctx, text)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, text)
	}
	return rows
}

// value is the first value of the first row.
func (s *server) value(text string) string {
	s.t.Helper()
	rows := s.sql(text)
	if len(rows.Values) == 0 || rows.Values[0][0] == nil {
		return ""
	}
	return *rows.Values[0][0]
}

func (s *server) eventually(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("never: %s", what)
		}
	}
}

// open opens a stream on the test's slot.
func (s *server) open(params ...string) *wal.Stream {
	s.t.Helper()
	stream, err := wal.Open(s.t.Context(), s.options(params...))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { stream.Close() })
	return stream
}

func (s *server) options(params ...string) wal.Options {
	options := wal.Options{Conninfo: conninfo(s.t), Slot: s.name, Publication: s.name, Params: map[string]string{}}
	for _, param := range params {
		name, value, _ := strings.Cut(param, "=")
		options.Params[name] = value
	}
	return options
}

// soon is a context for what should take no time.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// changes reads on to the next n changes, and clones them.
func changes(t testing.TB, stream *wal.Stream, n int) []*wal.Event {
	t.Helper()
	var got []*wal.Event
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatalf("%v after %d changes", err, len(got))
		}
		switch event.Kind() {
		case wal.KindInsert, wal.KindUpdate, wal.KindDelete, wal.KindTruncate, wal.KindMessage:
			if got = append(got, event.Clone()); len(got) == n {
				return got
			}
		}
	}
	t.Fatal("the stream ended")
	return nil
}

// watched are the tests that noLeaks was called for.
var watched sync.Map

// noLeaks checks, after all other cleanups, that no handle is left.
func noLeaks(t testing.TB) {
	t.Helper()
	if _, again := watched.LoadOrStore(t, true); again {
		return
	}
	counts := func() string {
		l := &capi.Live
		return fmt.Sprintf("%d streams, %d connections, %d decoders, %d batches, %d relations, %d readers, %d renderers, %d records",
			l.Streams.Load(), l.Connections.Load(), l.Decoders.Load(), l.Batches.Load(), l.Relations.Load(), l.Readers.Load(),
			l.Renderers.Load(), l.Records.Load())
	}
	t.Cleanup(func() {
		const none = "0 streams, 0 connections, 0 decoders, 0 batches, 0 relations, 0 readers, 0 renderers, 0 records"
		for end := time.Now().Add(20 * time.Second); counts() != none; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("left over: %s", counts())
				return
			}
			// Relations go when the collector has seen that nobody keeps them.
			runtime.GC()
		}
	})
}
