package pgwalstream_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

// An archive is filled, checked and fetched from, and ends where it was asked to.
func TestAnArchiveIsFilled(t *testing.T) {
	s := connected(t)
	directory := filepath.Join(t.TempDir(), "archive")
	s.sql("SELECT pg_switch_wal()")
	begin := s.value("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
	s.sql("CREATE TABLE IF NOT EXISTS archive_go (id int); INSERT INTO archive_go VALUES (1); SELECT pg_switch_wal()")
	s.sql("INSERT INTO archive_go VALUES (2)")
	end := s.value("SELECT pg_current_wal_flush_lsn()")
	options := wal.Options{
		Conninfo: conninfo(t),
		Params: map[string]string{
			"archive_directory": directory, "stop_lsn": end,
			"start_lsn": s.value("SELECT pg_current_wal_flush_lsn() - 16777216"),
		},
	}
	archiver, err := wal.NewArchiver(options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wal.NewArchiver(options); !errors.Is(err, wal.ErrArchive) {
		t.Fatalf("two write to one archive: %v", err)
	}
	var names []string
	for {
		event, err := archiver.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind == wal.ArchiveSegment {
			names = append(names, event.Name)
		}
	}
	standing, err := archiver.Standing()
	if err != nil || standing.Durable.String() != end || standing.SegmentSize != 16<<20 {
		t.Fatalf("%+v, %v", standing, err)
	}
	archiver.Close()
	if _, err := archiver.Next(t.Context()); !errors.Is(err, wal.ErrClosed) {
		t.Fatal(err)
	}
	if len(names) == 0 || names[len(names)-1] != begin {
		t.Fatalf("%v, and not up to %s", names, begin)
	}
	segments, faults, err := wal.CheckArchive(directory)
	if err != nil || len(faults) != 0 || segments != uint64(len(names)) {
		t.Fatalf("%d segments, %+v, %v", segments, faults, err)
	}
	target := filepath.Join(t.TempDir(), "target")
	if found, err := wal.FetchArchived(directory, begin, target); err != nil || !found {
		t.Fatal(found, err)
	}
	if info, err := os.Stat(target); err != nil || info.Size() != 16<<20 {
		t.Fatal(info, err)
	}
	if found, err := wal.FetchArchived(directory, "00000009.history", target); err != nil || found {
		t.Fatal(found, err)
	}
}

// A context that ends is what Next returns, and another call goes on.
func TestAnArchiverObeysItsContext(t *testing.T) {
	connected(t)
	archiver, err := wal.NewArchiver(wal.Options{
		Conninfo: conninfo(t), Params: map[string]string{"archive_directory": filepath.Join(t.TempDir(), "archive")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer archiver.Close()
	if event, err := archiver.Next(t.Context()); err != nil || event.Kind != wal.ArchiveStarted {
		t.Fatal(event, err)
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(why)
	for err = nil; err == nil; {
		_, err = archiver.Next(ctx)
	}
	if !errors.Is(err, why) {
		t.Fatal(err)
	}
}
