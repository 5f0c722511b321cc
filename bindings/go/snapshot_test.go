package pgwalstream_test

import (
	"encoding/base64"
	"errors"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func TestRowsComeBeforeTheChanges(t *testing.T) {
	s := connected(t)
	s.name = "go_snapshot"
	s.sql(`SET client_min_messages = warning; DROP PUBLICATION IF EXISTS go_snapshot; DROP TABLE IF EXISTS go_snapshot;
		CREATE TABLE go_snapshot (id int PRIMARY KEY); CREATE PUBLICATION go_snapshot FOR TABLE go_snapshot;
		INSERT INTO go_snapshot VALUES (1), (2)`)
	options := s.options("snapshot=initial", "slot_create=if_missing", "snapshot_workers=2")
	options.Slot = "go_snapshot"
	t.Cleanup(func() { s.conn.DropSlot(soon(t), "go_snapshot", true) })
	stream, err := wal.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	var steps []wal.SnapshotStep
	var ids []int32
	var last *wal.Event
	for event, err := range stream.Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Has(wal.FlagSnapshot) {
			id, err := event.New().Field(0).Int32()
			if err != nil || event.Kind() != wal.KindInsert || event.SnapshotItem() != 0 || event.Clone().SnapshotItem() != 0 {
				t.Errorf("%v %v", event.Kind(), err)
			}
			ids = append(ids, id)
		}
		if event.Kind() == wal.KindSnapshot {
			told := event.Clone().Snapshot()
			steps = append(steps, told.Step)
			if len(told.State) == 0 || string(told.State) != string(event.Snapshot().State) {
				t.Errorf("%v", told)
			}
		}
		if event.AckLSN() != 0 {
			last = event.Clone()
			break
		}
	}
	if len(ids) != 2 || ids[0] != 1 || ids[1] != 2 {
		t.Errorf("%v", ids)
	}
	want := []wal.SnapshotStep{wal.SnapshotTableBegin, wal.SnapshotItemEnd, wal.SnapshotTableEnd, wal.SnapshotEnd}
	if len(steps) != len(want) {
		t.Fatalf("%v", steps)
	}
	for i := range want {
		if steps[i] != want[i] {
			t.Errorf("%v", steps)
		}
	}
	told := last.Snapshot()
	if told.Step != wal.SnapshotEnd || told.Rows != 2 || last.Relation() != nil {
		t.Errorf("%+v", told)
	}
	progress, err := stream.SnapshotProgress()
	if err != nil || progress.Stage != wal.SnapshotComplete || progress.Rows != 2 || progress.ConsistentLSN != last.AckLSN() || progress.ItemsDone != progress.Items || progress.EndedAt < progress.BeganAt {
		t.Errorf("%+v %v", progress, err)
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := wal.Open(t.Context(), options); !errors.Is(err, wal.ErrSnapshot) {
		t.Errorf("%v", err)
	}
	s.sql("INSERT INTO go_snapshot VALUES (3)")
	options.Params["snapshot_state"] = base64.StdEncoding.EncodeToString(told.State)
	stream, err = wal.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for event, err := range stream.Events(soon(t)) {
		if err != nil || event.Kind() == wal.KindSnapshot || event.Has(wal.FlagSnapshot) || event.Snapshot().Step != 0 {
			t.Fatalf("%v %v", event.Kind(), err)
		}
		if event.Kind() == wal.KindInsert {
			break
		}
	}
}
