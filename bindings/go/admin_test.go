package pgwalstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func TestSlotsAndPublications(t *testing.T) {
	s := connected(t)
	c, ctx := s.conn, soon(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.sql("SET client_min_messages = warning; DROP PUBLICATION IF EXISTS go_admin; DROP TABLE IF EXISTS go_admin, go_keyless; CREATE TABLE go_admin (id int PRIMARY KEY); CREATE TABLE go_keyless (id int)")
	must(c.CreatePublication(ctx, "go_admin", "go_admin, go_keyless", wal.PublishInsert|wal.PublishUpdate))
	if err := c.CreatePublication(ctx, "go_admin", "", 0); !errors.Is(err, wal.ErrPublicationExists) {
		t.Errorf("%v", err)
	}
	publications, err := c.Publications(ctx)
	must(err)
	if !slices.Contains(publications, wal.Publication{Name: "go_admin", Flags: wal.PublishInsert | wal.PublishUpdate}) {
		t.Errorf("%+v", publications)
	}
	tables, err := c.PublicationTables(ctx, "go_admin")
	must(err)
	if len(tables) != 2 || tables[0].Name != "go_admin" || tables[0].ReplicaIdentity != 'd' || tables[0].Identity != wal.IdentityUsable || tables[1].Identity != wal.IdentityNoPrimaryKey {
		t.Errorf("%+v", tables)
	}
	s.drop("go_admin")
	slot, err := c.CreateSlot(ctx, "go_admin", "", wal.SlotExportSnapshot)
	must(err)
	if slot.Snapshot == "" || slot.ConsistentPoint == 0 || slot.Kind != wal.SlotKindLogical || slot.Plugin != "pgoutput" {
		t.Errorf("%+v", slot)
	}
	if _, err := c.Query(ctx, "SELECT 1"); !errors.Is(err, wal.ErrState) {
		t.Errorf("the snapshot is not protected: %v", err)
	}
	must(c.Check())
	must(c.ReleaseSnapshot())
	s.sql("INSERT INTO go_admin VALUES (1)")
	_, err = c.CopySlot(ctx, "go_admin", "go_copy", "", 0)
	must(err)
	all, err := c.Slots(ctx)
	must(err)
	if !slices.ContainsFunc(all, func(s wal.Slot) bool { return s.Name == "go_copy" && s.Database == "postgres" }) {
		t.Errorf("%+v", all)
	}
	end, err := wal.ParseLSN(s.value("SELECT pg_current_wal_lsn()"))
	must(err)
	at, err := c.AdvanceSlot(ctx, "go_copy", end)
	must(err)
	if at != end {
		t.Errorf("%v, not %v", at, end)
	}
	health, err := c.SlotHealth(ctx, "go_admin")
	must(err)
	if health.ServerLSN < end || health.WAL != wal.SlotWALReserved || health.SafeWALSize != -1 || time.Since(health.SampledAt.Time()).Abs() > time.Hour {
		t.Errorf("%+v", health)
	}
	must(c.DropSlot(ctx, "go_copy", true))
	must(c.DropSlot(ctx, "go_admin", false))
	if err := c.DropSlot(ctx, "go_admin", false); !errors.Is(err, wal.ErrSlotMissing) {
		t.Errorf("%v", err)
	}
	_, err = c.CreatePhysicalSlot(ctx, "go_physical", wal.SlotReserveWAL)
	must(err)
	slot, err = c.Slot(ctx, "go_physical")
	must(err)
	if slot.Kind != wal.SlotKindPhysical || slot.RestartLSN == 0 {
		t.Errorf("%+v", slot)
	}
	must(c.DropSlot(ctx, "go_physical", false))
	if c.ServerVersion() >= 170000 {
		_, err = c.CreateSlot(ctx, "go_failover", "", 0)
		must(err)
		must(c.AlterSlot(ctx, "go_failover", wal.SlotFailover, 0))
		slot, err = c.Slot(ctx, "go_failover")
		must(err)
		if slot.Flags&wal.SlotFailover == 0 {
			t.Errorf("%+v", slot)
		}
		must(c.DropSlot(ctx, "go_failover", false))
	}
	must(c.DropPublication(ctx, "go_admin"))
	if err := c.DropPublication(ctx, "a\x00b"); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}

func TestACommandEndsWithItsContext(t *testing.T) {
	s := connected(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errEnough)
	defer cancel()
	begin := time.Now()
	if _, err := s.conn.Query(ctx, "SELECT pg_sleep(600)"); !errors.Is(err, errEnough) {
		t.Errorf("%v", err)
	}
	t.Logf("the command ended %v after its context", time.Since(begin)-50*time.Millisecond)
	if v := s.value("SELECT NULL"); v != "" {
		t.Error(v)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.conn.Query(context.Background(), "SELECT pg_sleep(600)")
		done <- err
	}()
	s2 := connected(t)
	s2.eventually("it sleeps", func() bool {
		return s2.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'") == "1"
	})
	over, end := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, end)
	if _, err := s.conn.Query(over, "SELECT 1"); !errors.Is(err, wal.ErrBusy) {
		t.Errorf("%v", err)
	}
	s.conn.Close()
	if err := <-done; !errors.Is(err, wal.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestHealthBesideAStream(t *testing.T) {
	s := setUp(t, "go_health", "id int PRIMARY KEY")
	if _, _, err := s.open().SlotHealth(); !errors.Is(err, wal.ErrState) {
		t.Errorf("%v", err)
	}
	s.name = "go_health2"
	s.slot(s.name)
	options := s.options("health_interval=20ms")
	options.Publication = "go_health"
	stream, err := wal.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	s.eventually("the health was seen", func() bool {
		health, seen, err := stream.SlotHealth()
		return err == nil && seen && health.ServerLSN > 0
	})
}

func TestADecoderNeedsNoConnection(t *testing.T) {
	s := setUp(t, "go_decoder", "id int PRIMARY KEY, v text")
	s.sql("INSERT INTO go_decoder VALUES (1, 'one'), (2, 'two')")
	decoder, err := wal.NewDecoder(wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	rows := s.sql("SELECT lsn, encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('go_decoder', NULL, NULL, 'proto_version', '1', 'publication_names', 'go_decoder')")
	for _, row := range rows.Values {
		lsn, err := wal.ParseLSN(*row[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := decoder.Feed(lsn, unhex(t, *row[1])); err != nil {
			t.Fatal(err)
		}
	}
	var values []string
	for event, err := range decoder.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() == wal.KindInsert {
			values = append(values, event.New().Field(1).String())
		}
	}
	if !slices.Equal(values, []string{"one", "two"}) {
		t.Errorf("%q", values)
	}
	if err := decoder.Feed(0, []byte("I")); !errors.Is(err, wal.ErrDecode) {
		t.Errorf("%v", err)
	}
	if err := decoder.Feed(0, nil); err == nil {
		t.Error("no message is one")
	}
}

func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b := make([]byte, len(digits)/2)
	for i := range b {
		var n byte
		for _, c := range []byte(digits[2*i : 2*i+2]) {
			n = n<<4 | (c&15 + c>>6*9)
		}
		b[i] = n
	}
	return b
}

func TestLSN(t *testing.T) {
	for text, want := range map[string]wal.LSN{"0/0": 0, "16/B374D848": 0x16B374D848, "FFFFFFFF/FFFFFFFF": 1<<64 - 1, "0/1": 1} {
		lsn, err := wal.ParseLSN(text)
		if err != nil || lsn != want || lsn.String() != text {
			t.Errorf("%s: %v %v", text, lsn, err)
		}
		value, err := lsn.Value()
		var back wal.LSN
		if err != nil || back.Scan(value) != nil || back != lsn {
			t.Errorf("%v %v", value, err)
		}
	}
	for _, text := range []string{"", "/", "0", "0/", "/0", "0/100000000", "0/-1", "0/+1", "0/0x1", "0/1 ", "g/0", "1/2/3", "0/1_0"} {
		if lsn, err := wal.ParseLSN(text); !errors.Is(err, wal.ErrInvalidArgument) {
			t.Errorf("%q is %v", text, lsn)
		}
	}
	var there struct{ At wal.LSN }
	if err := json.Unmarshal([]byte(`{"At":"1/2"}`), &there); err != nil || there.At != 1<<32|2 {
		t.Errorf("%v %v", there, err)
	}
	if b, err := json.Marshal(there); err != nil || string(b) != `{"At":"1/2"}` {
		t.Errorf("%s %v", b, err)
	}
	if err := there.At.Scan(1.5); !errors.Is(err, wal.ErrType) {
		t.Errorf("%v", err)
	}
}
