package pgwalstream_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func TestRowsOfACopyComeInBatches(t *testing.T) {
	s := connected(t)
	for _, of := range []struct {
		format      wal.CopyFormat
		sql         string
		first, last string
	}{
		{wal.CopyText, "COPY (SELECT g, NULL FROM generate_series(1, 50000) g) TO STDOUT", "1", "50000"},
		{wal.CopyBinary, "COPY (SELECT g, NULL FROM generate_series(1, 50000) g) TO STDOUT (FORMAT binary)", "\x00\x00\x00\x01", "\x00\x00\xc3\x50"},
		{wal.CopyLines, "COPY (SELECT g FROM generate_series(1, 50000) g) TO STDOUT (FORMAT csv)", "1\n", "50000\n"},
	} {
		rows, err := s.conn.Copy(soon(t), of.sql, of.format)
		if err != nil {
			t.Fatal(err)
		}
		var all [][][]byte
		for {
			batch, err := rows.Next(soon(t))
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, batch...)
		}
		if len(all) != 50000 || string(all[0][0]) != of.first || string(all[49999][0]) != of.last {
			t.Errorf("%d rows, %q", len(all), all[0][0])
		}
		if of.format != wal.CopyLines && all[7][1] != nil {
			t.Errorf("%q is not NULL", all[7][1])
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	// What is not read to its end is cancelled; a context that ends loses nothing.
	rows, err := s.conn.Copy(soon(t), "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT", wal.CopyText)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Next(soon(t)); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ended.Done()
	if _, err := rows.Next(ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := rows.Next(soon(t)); err != nil {
		t.Error(err)
	}
	if _, err := s.conn.Query(soon(t), "SELECT 1"); !errors.Is(err, wal.ErrState) {
		t.Errorf("%v", err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if got := s.value("SELECT 1"); got != "1" {
		t.Errorf("%q", got)
	}
	if _, err := s.conn.Copy(soon(t), "SELECT 1", wal.CopyText); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	failing, err := s.conn.Copy(soon(t), "COPY (SELECT 1 / (90000 - g) FROM generate_series(1, 100000) g) TO STDOUT", wal.CopyText)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for err == nil {
		var batch [][][]byte
		batch, err = failing.Next(soon(t))
		count += len(batch)
	}
	if !errors.Is(err, wal.ErrServer) || count != 89999 {
		t.Errorf("%d %v", count, err)
	}
	failing.Close()
	s.value("SELECT 1")
}
