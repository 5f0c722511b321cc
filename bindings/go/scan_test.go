package pgwalstream_test

import (
	"database/sql"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

type common struct {
	ID int `wal:"id"`
}

type everything struct {
	common
	B     bool              `wal:"b"`
	I2    int16             `wal:"i2"`
	I8    *int64            `wal:"i8"`
	O     uint32            `wal:"o"`
	F4    float32           `wal:"f4"`
	F8    float64           `wal:"f8"`
	N     string            `wal:"n"`
	Name  wal.Maybe[string] `wal:"name"`
	Data  []byte            `wal:"data"`
	D     wal.Date          `wal:"d"`
	T     time.Duration     `wal:"t"`
	TS    wal.Timestamp     `wal:"ts"`
	TSTZ  time.Time         `wal:"tstz"`
	U     wal.UUID          `wal:"u"`
	UText string            `wal:"u"`
	L     wal.LSN           `wal:"l"`
	J     []byte            `wal:"j"`
	IP    netip.Addr        `wal:"ip"`
	Null  sql.NullInt64     `wal:"nothing"`
	Left  string
}

func TestRowsAreScannedIntoStructs(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			s := setUp(t, "go_scan", `id int PRIMARY KEY, b bool, i2 smallint, i8 bigint, o oid, f4 real, f8 double precision, n varchar,
				name text, data bytea, d date, t time, ts timestamp, tstz timestamptz, u uuid, l pg_lsn, j jsonb, ip text, nothing bigint`)
			stream := s.open("binary=" + binary)
			s.sql(`INSERT INTO go_scan VALUES (7, true, -2, 9223372036854775807, 4294967295, 0.1, 'NaN', '12.50', 'é', '\x00ff', '2024-02-29',
				'12:34:56.789', 'infinity', '2024-02-29 12:00:00+02', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '16/B374D848', '{"a": 1}', '10.0.0.1', NULL)`)
			row := changes(t, stream, 1)[0]
			var e everything
			if err := row.ScanRow(&e); err != nil {
				t.Fatal(err)
			}
			if e.ID != 7 || !e.B || e.I2 != -2 || *e.I8 != math.MaxInt64 || e.O != math.MaxUint32 || e.F4 != 0.1 || !math.IsNaN(e.F8) ||
				e.N != "12.50" || e.Name.Value != "é" || string(e.Data) != "\x00\xff" || e.D.Time().Format(time.DateOnly) != "2024-02-29" ||
				e.T != 12*time.Hour+34*time.Minute+56789*time.Millisecond || e.TS != wal.TimestampInfinity ||
				!e.TSTZ.Equal(time.Date(2024, 2, 29, 10, 0, 0, 0, time.UTC)) || e.U.String() != "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" ||
				e.UText != e.U.String() || e.L != 0x16B374D848 || string(e.J) != `{"a": 1}` || e.IP.String() != "10.0.0.1" || e.Null.Valid || e.Left != "" {
				t.Errorf("%+v", e)
			}
			// What does not go says so, by the column's name.
			var narrow struct {
				I8 int32 `wal:"i8"`
			}
			if err := row.ScanRow(&narrow); !errors.Is(err, wal.ErrOutOfRange) || !strings.Contains(err.Error(), `column "i8" of public.go_scan`) {
				t.Errorf("%v", err)
			}
			var e2 *wal.Error
			if err := row.ScanRow(&narrow); !errors.As(err, &e2) || e2.Status != wal.ErrOutOfRange {
				t.Errorf("%v", err)
			}
			var null struct {
				N int64 `wal:"nothing"`
			}
			if err := row.ScanRow(&null); !errors.Is(err, wal.ErrNoValue) {
				t.Errorf("%v", err)
			}
			var infinite struct {
				TS time.Time `wal:"ts"`
			}
			if err := row.ScanRow(&infinite); !errors.Is(err, wal.ErrOutOfRange) {
				t.Errorf("%v", err)
			}
			var missing struct {
				X string `wal:"nowhere"`
			}
			if err := row.ScanRow(&missing); !errors.Is(err, wal.ErrInvalidArgument) || !strings.Contains(err.Error(), "nowhere") {
				t.Errorf("%v", err)
			}
			var odd struct {
				X chan int `wal:"id"`
			}
			if err := row.ScanRow(&odd); !errors.Is(err, wal.ErrInvalidArgument) {
				t.Errorf("%v", err)
			}
			if err := row.ScanRow(e); !errors.Is(err, wal.ErrInvalidArgument) {
				t.Errorf("%v", err)
			}
			// A plan is of one definition of the table.
			s.sql("ALTER TABLE go_scan DROP b; ALTER TABLE go_scan ADD b text; INSERT INTO go_scan (id, b) VALUES (8, 'text')")
			row = changes(t, stream, 1)[0]
			if row.Relation().Generation != 2 {
				t.Errorf("generation %d", row.Relation().Generation)
			}
			made := row.Relation().Changes
			if !row.Relation().ChangesKnown || len(made) != 2 || made[0].Kind != wal.ChangeColumnDropped || made[0].NameBefore != "b" ||
				made[0].Column != -1 || made[0].ColumnBefore != 1 || made[1].Kind != wal.ChangeColumnAdded ||
				made[1].Column != len(row.Relation().Columns)-1 || made[1].Kind.String() != "COLUMN_ADDED" {
				t.Errorf("%v %+v", row.Relation().ChangesKnown, made)
			}
			var changed struct {
				B string `wal:"b"`
			}
			if err := row.ScanRow(&changed); err != nil || changed.B != "text" {
				t.Errorf("%v %+v", err, changed)
			}
			if err := row.ScanRow(&e); !errors.Is(err, wal.ErrType) {
				t.Errorf("%v", err)
			}
		})
	}
}
