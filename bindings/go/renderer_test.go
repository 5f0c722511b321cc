package pgwalstream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

// Each event is a line, the same alone as in its batch.
func TestEventsAreRendered(t *testing.T) {
	noLeaks(t)
	s := setUp(t, "go_render", "id int PRIMARY KEY, n numeric, v text")
	s.sql("INSERT INTO go_render VALUES (1, 1.50, E'two\nlines'), (2, 'NaN', NULL)")
	stream := s.open("binary=on")
	renderer, err := wal.NewRenderer("json", map[string]string{"bytes": "base64"})
	if err != nil {
		t.Fatal(err)
	}
	defer renderer.Close()
	single, err := wal.NewRenderer("json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer single.Close()
	var rows []string
	var released *wal.Batch
	for len(rows) < 2 {
		batch, err := stream.NextBatch(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		var lines []byte
		n := 0
		for message, err := range renderer.Batch(batch) {
			if err != nil {
				t.Fatal(err)
			}
			event := batch.At(message.Event)
			if message.Event != n || message.Kind != event.Kind() || message.Key != nil {
				t.Errorf("%+v is no message of event %d", message, n)
			}
			for alone, err := range single.Event(&event) {
				if err != nil || alone.Event != 0 || !bytes.Equal(alone.Value, message.Value) {
					t.Errorf("%s is not %s: %v", alone.Value, message.Value, err)
				}
			}
			if message.Kind == wal.KindInsert {
				if string(message.Topic) != "public.go_render" {
					t.Errorf("%s", message.Topic)
				}
				var line struct{ New json.RawMessage }
				if err := json.Unmarshal(message.Value, &line); err != nil {
					t.Fatal(err)
				}
				rows = append(rows, string(line.New))
			}
			lines = append(append(lines, message.Value...), '\n')
			n++
		}
		if n != batch.Len() || !bytes.Equal(lines, renderer.Lines()) {
			t.Errorf("%d messages of %d events", n, batch.Len())
		}
		var written bytes.Buffer
		if n, err := renderer.WriteTo(&written); err != nil || int(n) != len(lines) || !bytes.Equal(written.Bytes(), lines) {
			t.Errorf("%d of %d bytes: %v", n, len(lines), err)
		}
		batch.Release()
		released = batch
		// It has no events any more, and none of before may be told twice.
		for message, err := range renderer.Batch(batch) {
			t.Errorf("%+v, %v of a released batch", message, err)
		}
		if len(renderer.Lines()) != 0 {
			t.Errorf("%s", renderer.Lines())
		}
	}
	if rows[0] != `{"id":1,"n":1.50,"v":"two\nlines"}` || rows[1] != `{"id":2,"n":"NaN","v":null}` {
		t.Errorf("%q", rows)
	}
	if _, err := wal.NewRenderer("yaml", nil); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if _, err := wal.NewRenderer("json", map[string]string{"numbers": "few"}); !errors.Is(err, wal.ErrBadOption) {
		t.Errorf("%v", err)
	}
	renderer.Close()
	var empty wal.Event
	for _, err := range renderer.Event(&empty) {
		if !errors.Is(err, wal.ErrClosed) {
			t.Errorf("%v", err)
		}
	}
	for _, err := range renderer.Batch(released) {
		if !errors.Is(err, wal.ErrClosed) {
			t.Errorf("%v", err)
		}
	}
	if _, err := renderer.WriteTo(io.Discard); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("%v", err)
	}
	if renderer.Lines() != nil {
		t.Error("lines of a closed renderer")
	}
}

// Debezium's envelope has a topic, a key, and nothing where a row is gone.
func TestDebeziumsMessagesHaveKeysAndTombstones(t *testing.T) {
	noLeaks(t)
	s := setUp(t, "go_debezium", "id int PRIMARY KEY, v text")
	s.sql("INSERT INTO go_debezium VALUES (1, 'x'); DELETE FROM go_debezium")
	renderer, err := wal.NewRenderer("debezium", map[string]string{"topic_prefix": "p", "compatible": "3.6"})
	if err != nil {
		t.Fatal(err)
	}
	defer renderer.Close()
	var operations string
	for event, err := range s.open("binary=on").Events(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		for message, err := range renderer.Event(event) {
			if err != nil {
				t.Fatal(err)
			}
			if string(message.Topic) != "p.public.go_debezium" || string(message.Key) != `{"id":1}` {
				t.Errorf("%s, %s", message.Topic, message.Key)
			}
			if message.Value == nil {
				operations += "-"
				continue
			}
			var value struct {
				Op     string
				Source struct{ Version string }
			}
			if err := json.Unmarshal(message.Value, &value); err != nil || value.Source.Version != "3.6.1.Final" {
				t.Errorf("%s: %v", message.Value, err)
			}
			operations += value.Op
		}
		if event.Kind() == wal.KindDelete {
			break
		}
	}
	if operations != "cd-" {
		t.Error(operations)
	}
	if lines := renderer.Lines(); bytes.Count(lines, []byte("\n")) != 1 {
		t.Errorf("%s", lines)
	}
}
