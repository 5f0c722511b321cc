package pgwalstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

// The bytes of the WAL come through an io.Reader, each behind the one before, and are acknowledged through the stream.
func TestWALIsRead(t *testing.T) {
	s := connected(t)
	begin := s.value("SELECT pg_current_wal_flush_lsn()")
	s.sql("SELECT pg_logical_emit_message(false, 'go', repeat('needle', 100000))")
	// What is not transactional is flushed with the next commit.
	s.sql("CREATE TABLE IF NOT EXISTS physical_go (id int); DROP TABLE physical_go")
	end := s.value("SELECT pg_current_wal_flush_lsn()")
	stream, err := wal.Open(t.Context(), wal.Options{
		Conninfo: conninfo(t),
		Params:   map[string]string{"mode": "physical", "start_lsn": begin, "stop_lsn": end},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	reader := stream.WALReader(t.Context())
	first, err := wal.ParseLSN(begin)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	buffer := make([]byte, 10_007)
	for {
		n, err := reader.Read(buffer)
		all = append(all, buffer[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if reader.LSN() != first+wal.LSN(len(all)) || reader.Timeline() == 0 {
			t.Fatalf("at %v after %d bytes from %v", reader.LSN(), len(all), first)
		}
	}
	if !reader.Done() {
		t.Fatal("the end of the stream is not told from the end of a timeline")
	}
	if reader.LSN().String() != end || len(all) < 600_000 {
		t.Fatalf("ended at %v, not %v, with %d bytes", reader.LSN(), end, len(all))
	}
	if err := stream.Ack(reader.LSN()); err != nil {
		t.Fatal(err)
	}
	if err := stream.StandbyFeedback(2, 0); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Fatal(err)
	}
}

// A context that ends is what a read returns.
func TestWALReadingEndsWithItsContext(t *testing.T) {
	connected(t)
	stream, err := wal.Open(t.Context(), wal.Options{Conninfo: conninfo(t), Params: map[string]string{"mode": "physical"}})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := fmt.Errorf("enough")
	cancel(why)
	reader := stream.WALReader(ctx)
	if _, err := io.ReadAll(reader); !errors.Is(err, why) {
		t.Fatal(err)
	}
}
