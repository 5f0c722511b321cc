package pgwalstream_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// The WAL that the server writes for a statement, from the beginning of its first page.
func (s *server) walOf(statement string) (wal.LSN, []byte) {
	s.t.Helper()
	s.sql("CHECKPOINT")
	from := s.value("SELECT pg_current_wal_insert_lsn()")
	s.sql(statement)
	to := s.value("SELECT pg_switch_wal()")
	start, err := wal.ParseLSN(from)
	if err != nil {
		s.t.Fatal(err)
	}
	end, err := wal.ParseLSN(to)
	if err != nil {
		s.t.Fatal(err)
	}
	start -= start % 8192
	size := (end-start)/8192*8192 + 8192
	text := s.value(fmt.Sprintf(`SELECT encode(pg_read_binary_file('pg_wal/' || pg_walfile_name('%s'), %d, %d), 'hex')`,
		start+1, start%(16<<20), size))
	data, err := hex.DecodeString(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return start, data
}

// Records come of any cut, with their blocks and images, and a line for each.
func TestRecordsAreRead(t *testing.T) {
	s := setUp(t, "go_record", "id int PRIMARY KEY, v text")
	start, data := s.walOf("INSERT INTO go_record SELECT i, 'row ' || i FROM generate_series(1, 500) i")
	whole, err := wal.NewRecordReader(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	inserts, images := 0, 0
	for record, err := range whole.Records(start, bytes.NewReader(data)) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, record.String())
		if record.ManagerName() == "Heap" && strings.HasPrefix(record.KindName(), "INSERT") {
			inserts++
		}
		if int(record.EndLSN()-record.LSN()) < len(record.Data()) || record.Opaque() || record.Timeline() == 0 {
			t.Errorf("%v", record)
		}
		for block := range record.Blocks() {
			if block.Image() == nil {
				continue
			}
			images++
			if page, err := block.Page(); err != nil || len(page) != 8192 {
				t.Errorf("%v: %v", record, err)
			}
		}
	}
	if inserts < 500 || images == 0 {
		t.Errorf("%d inserts, %d images", inserts, images)
	}
	position := whole.Position()

	cut, err := wal.NewRecordReader(0, 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	at, n := start, 0
	for rest := data; len(rest) > 0; {
		piece := rest[:min(1009, len(rest))]
		for record, err := range cut.Feed(at, piece) {
			if err != nil {
				t.Fatal(err)
			}
			if n >= len(lines) || record.String() != lines[n] {
				t.Fatalf("record %d of the cut WAL is %v", n, record)
			}
			n++
		}
		at, rest = at+wal.LSN(len(piece)), rest[len(piece):]
	}
	if n != len(lines) || cut.Position() < position {
		t.Errorf("%d records of %d, up to %v", n, len(lines), cut.Position())
	}

	blank, err := wal.NewRecordReader(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range blank.Feed(start, make([]byte, 8192)) {
		if !errors.Is(err, wal.ErrRecord) || !blank.AtEnd() {
			t.Errorf("a blank page gives %v", err)
		}
	}

	data[len(data)/2] ^= 1
	damaged, err := wal.NewRecordReader(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range damaged.Feed(start, data) {
		last = err
	}
	if !errors.Is(last, wal.ErrRecord) || damaged.AtEnd() {
		t.Errorf("damaged WAL gives %v", last)
	}
	for _, reader := range []*wal.RecordReader{whole, cut, damaged, blank} {
		reader.Close()
	}
	for _, err := range whole.Feed(0, data) {
		if !errors.Is(err, wal.ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := wal.NewRecordReader(0, 12345); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Error(err)
	}
	if live := capi.Live.Records.Load(); live != 0 {
		t.Errorf("%d readers are not freed", live)
	}
}
