package pgwalstream_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func TestAPositionIsStoredAndResumedAfter(t *testing.T) {
	s := setUp(t, "go_resume", "id int PRIMARY KEY")
	s.sql("INSERT INTO go_resume SELECT generate_series(1, 9)")
	options := s.options("progress=acknowledged")
	stream, err := wal.Open(soon(t), options)
	if err != nil {
		t.Fatal(err)
	}
	var stored, end wal.Position
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		position := event.Position()
		if event.Kind() == wal.KindInsert && event.Sequence() == 4 {
			stored = position
			if clone := event.Clone(); clone.Position() != stored || clone.Timeline() != stored.Timeline {
				t.Errorf("%v is not %v", clone.Position(), stored)
			}
		}
		if event.Kind() == wal.KindBegin && !position.IsZero() {
			t.Errorf("%v", position)
		}
		if event.AckLSN() != 0 {
			end = position
			break
		}
	}
	stream.Close()
	if stored.EndLSN != 0 || stored.Sequence != 4 || end.EndLSN == 0 || stored.SystemIdentifier == 0 {
		t.Fatalf("%v %v", stored, end)
	}
	if order, err := stored.Compare(end); order >= 0 || err != nil {
		t.Errorf("%d %v", order, err)
	}
	if _, err := stored.Compare(wal.Position{}); !errors.Is(err, wal.ErrSystemMismatch) {
		t.Errorf("%v", err)
	}
	// As a program stores it.
	text, err := json.Marshal(stored)
	var read wal.Position
	if err != nil || json.Unmarshal(text, &read) != nil || read != stored {
		t.Errorf("%s %v", text, read)
	}
	value, err := stored.Value()
	if err != nil || read.Scan(nil) != nil || !read.IsZero() || read.Scan(value) != nil || read != stored {
		t.Errorf("%v %v %v", value, read, err)
	}
	if _, err := wal.ParsePosition("7:1:0/1"); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	elsewhere := stored
	elsewhere.SystemIdentifier++
	options.ResumeAfter = elsewhere
	if _, err := wal.Open(soon(t), options); !errors.Is(err, wal.ErrSystemMismatch) {
		t.Errorf("%v", err)
	}
	options.ResumeAfter = read
	stream, err = wal.Open(soon(t), options)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var sequences []uint64
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() == wal.KindInsert {
			sequences = append(sequences, event.Sequence())
		}
		if event.AckLSN() != 0 {
			if event.Position() != end {
				t.Errorf("%v is not %v", event.Position(), end)
			}
			break
		}
	}
	if len(sequences) != 4 || sequences[0] != 5 {
		t.Errorf("%v", sequences)
	}
}

func TestWorkIsAcknowledgedInTheOrderOfTheStream(t *testing.T) {
	s := setUp(t, "go_acker", "id int PRIMARY KEY")
	stream := s.open("progress=acknowledged", "status_interval=20ms")
	defer stream.Close()
	for range 20 {
		s.sql("INSERT INTO go_acker SELECT coalesce(max(id), 0) + 1 FROM go_acker")
	}
	acker, err := wal.NewAcker(stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	var tokens []uint64
	var end wal.Position
	for commits := 0; commits < 20; {
		batch, err := stream.NextBatch(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		var last wal.Position
		for event := range batch.Events() {
			if position := event.Position(); !position.IsZero() {
				last = position
			}
			if event.Kind() == wal.KindProgress {
				continue
			}
			token, err := acker.Begin(event.Position())
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, token)
			if event.Kind() == wal.KindCommit {
				commits++
				end = event.Position()
			}
		}
		if batch.Position() != last {
			t.Errorf("%v is not %v", batch.Position(), last)
		}
		batch.Release()
	}
	first, rest := tokens[0], tokens[1:]
	rand.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	var lanes sync.WaitGroup
	for lane := range 4 {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			for i := lane; i < len(rest); i += 4 {
				if err := acker.Done(rest[i]); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	lanes.Wait()
	if !acker.Position().IsZero() || acker.Kept() != len(tokens) {
		t.Errorf("%v %d", acker.Position(), acker.Kept())
	}
	if err := acker.Done(first); err != nil {
		t.Fatal(err)
	}
	if acker.Position() != end || acker.Kept() != 0 {
		t.Errorf("%v is not %v", acker.Position(), end)
	}
	if err := acker.Done(first); !errors.Is(err, wal.ErrState) {
		t.Errorf("%v", err)
	}
	if err := acker.Done(1 << 40); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	s.eventually("it is confirmed", func() bool {
		slot, err := s.conn.Slot(soon(t), "go_acker")
		return err == nil && slot.ConfirmedFlushLSN >= end.EndLSN
	})
}
