package pgwalstream_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

func TestS14WhatIsReadIsKnownFromTheStream(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			connected(t).sql(`SET client_min_messages = warning; DROP TABLE IF EXISTS go_types; DROP DOMAIN IF EXISTS go_int, go_big, go_oid, go_doc; DROP TYPE IF EXISTS go_mood;
				CREATE DOMAIN go_int AS int; CREATE DOMAIN go_big AS bigint; CREATE DOMAIN go_oid AS oid; CREATE DOMAIN go_doc AS jsonb;
				CREATE TYPE go_mood AS ENUM ('able')`)
			s := setUp(t, "go_types", `id int PRIMARY KEY, word go_int, big go_big, o go_oid, doc go_doc, mood go_mood, empty "char", missing go_int`)
			stream := s.open("binary=" + binary)
			s.sql(`INSERT INTO go_types VALUES (1, 1633837924, 42, 4294967295, '{}', 'able', '')`)
			row := changes(t, stream, 1)[0].New()
			field := func(name string) wal.Field {
				f, ok := row.Named(name)
				if !ok {
					t.Fatalf("no column %s", name)
				}
				return f
			}
			if text, err := field("mood").Numeric(); !errors.Is(err, wal.ErrType) {
				t.Error(text, err)
			}
			if n, err := field("word").Int32(); err != nil || n != 1633837924 {
				t.Error(n, err)
			}
			if n, err := field("big").Float64(); err != nil || n != 42 {
				t.Error(n, err)
			}
			if n, err := field("o").Int64(); err != nil || n != 4294967295 {
				t.Error(n, err)
			}
			for name, want := range map[string]string{"doc": "{}", "mood": "able", "empty": ""} {
				if text, err := field(name).Text(); err != nil || text != want {
					t.Error(name, text, err)
				}
			}
			_, err := field("mood").Int32()
			var e *wal.Error
			if !errors.Is(err, wal.ErrType) || !errors.As(err, &e) || !strings.Contains(e.Message, `column "mood" of public.go_types (public.go_mood, OID`) {
				t.Error(err)
			}
			if binary == "on" && !strings.Contains(e.Hint, "binary") {
				t.Error(e.Hint)
			}
			_, err = field("missing").Int32()
			if !errors.Is(err, wal.ErrNoValue) || !strings.Contains(err.Error(), `column "missing" of public.go_types (a domain over integer`) ||
				!strings.Contains(err.Error(), "the value is NULL") {
				t.Error(err)
			}
			columns := row.Relation().Columns
			word, mood := columns[1].TypeInfo, columns[5].TypeInfo
			if word.Kind != wal.KindOfDomain || word.Source != wal.SourceStream || !word.Resolved || word.Base.SQLName != "integer" {
				t.Errorf("%+v", word)
			}
			if mood.Kind.String() != "UNKNOWN" || mood.Source.String() != "STREAM" || mood.Resolved || mood.Name != "go_mood" || mood.Namespace != "public" {
				t.Errorf("%+v", mood)
			}
			if array := wal.BuiltInType(1007); array.Element.Name != "int4" || wal.BuiltInType(0) != nil {
				t.Errorf("%+v", array)
			}
		})
	}
}

func TestAValueIsFormattedAsTheServerDoes(t *testing.T) {
	const types = "int, numeric, interval, inet, int4[], tstzrange, go_doc, float8, text"
	values := []string{"7", "-12345.6780", "1 day -00:00:01", "::1/64", `[0:1]={1,NULL}`, `["2000-01-01 00:00:00+00",infinity)`, `{"a": 1}`,
		"1e+23", strings.Repeat("x", 1000)}
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			connected(t).sql(`SET client_min_messages = warning; DROP TABLE IF EXISTS go_types, go_format; DROP DOMAIN IF EXISTS go_doc;
				CREATE DOMAIN go_doc AS jsonb`)
			var columns, literals []string
			for i, typ := range strings.Split(types, ", ") {
				columns = append(columns, fmt.Sprintf("c%d %s", i, typ))
				literals = append(literals, "'"+values[i]+"'")
			}
			s := setUp(t, "go_format", strings.Join(columns, ", "))
			stream := s.open("binary=" + binary)
			s.sql("SET timezone = UTC; INSERT INTO go_format VALUES (" + strings.Join(literals, ", ") + "); INSERT INTO go_format DEFAULT VALUES")
			want := s.sql("SET extra_float_digits = 1; SELECT * FROM go_format").Values[0]
			rows := changes(t, stream, 2)
			for i := range values {
				if text, err := rows[0].New().Field(i).Format(); err != nil || text != *want[i] {
					t.Errorf("column %d: %q, not %q: %v", i, text, *want[i], err)
				}
			}
			if _, err := rows[1].New().Field(0).Format(); !errors.Is(err, wal.ErrNoValue) {
				t.Error(err)
			}
			if text, err := rows[0].New().Values()[0].As(23).Format(); err != nil || text != "7" {
				t.Error(text, err)
			}
		})
	}
}

func TestTypesThatGoHasNoneForAreReadAlike(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			s := setUp(t, "go_scalars", `num numeric, span interval, clock timetz, cash money, net inet, bits varbit, place tid, spot point,
				position pg_lsn, long xid8, nothing interval, ip inet, words text[]`)
			stream := s.open("binary=" + binary)
			s.sql(`INSERT INTO go_scalars VALUES (-12345.6780, '1 year 2 mons -3 days -00:00:00.5', '24:00:00-15:59:59', (-12.34)::numeric::money,
				'10.0.0.1/24', B'1010111101', '(42,7)', '(-1.5,Infinity)', '16/B374D848', '18446744073709551615', NULL, '::1', '{a,NULL}')`)
			event := changes(t, stream, 1)[0]
			field := func(name string) wal.Field {
				f, _ := event.New().Named(name)
				return f
			}
			check := func(name string, got any, err error, want any) {
				t.Helper()
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %v, not %v: %v", name, got, want, err)
				}
			}
			text, err := field("num").Numeric()
			check("num", text, err, "-12345.6780")
			whole, err := field("num").NumericInt(3)
			check("num", whole, err, big.NewInt(-12345678))
			if _, err = field("num").NumericInt(2); !errors.Is(err, wal.ErrOutOfRange) {
				t.Error(err)
			}
			double, err := field("num").NumericFloat64()
			check("num", double, err, -12345.678)
			span, err := field("span").Interval()
			check("span", span, err, wal.Interval{Months: 14, Days: -3, Micros: -500000})
			clock, err := field("clock").TimeTZ()
			check("clock", clock, err, wal.TimeTZ{Time: 24 * time.Hour, Offset: -57599})
			cash, err := field("cash").Money()
			check("cash", cash, err, int64(-1234))
			net, err := field("net").Prefix()
			check("net", net, err, netip.MustParsePrefix("10.0.0.1/24"))
			bits, err := field("bits").Bits()
			check("bits", bits, err, wal.Bits{Bytes: []byte{0xaf, 0x40}, Len: 10})
			place, err := field("place").TID()
			check("place", place, err, wal.TID{Block: 42, Offset: 7})
			spot, err := field("spot").Point()
			check("spot", spot, err, wal.Point{X: -1.5, Y: math.Inf(1)})
			position, err := field("position").LSN()
			check("position", position, err, wal.LSN(0x16B374D848))
			long, err := field("long").Uint64()
			check("long", long, err, uint64(math.MaxUint64))
			if _, err = field("nothing").Interval(); !errors.Is(err, wal.ErrNoValue) {
				t.Error(err)
			}
			if _, err = field("num").Interval(); !errors.Is(err, wal.ErrType) {
				t.Error(err)
			}
			var scanned struct {
				Num     string        `wal:"num"`
				Span    wal.Interval  `wal:"span"`
				Net     netip.Prefix  `wal:"net"`
				IP      netip.Addr    `wal:"ip"`
				Nothing *wal.Interval `wal:"nothing"`
				Words   string        `wal:"words"`
			}
			if err := event.ScanRow(&scanned); err != nil || scanned.Num != "-12345.6780" || scanned.Span != span || scanned.Net != net ||
				scanned.IP != netip.MustParseAddr("::1") || scanned.Nothing != nil || scanned.Words != "{a,NULL}" {
				t.Errorf("%+v %v", scanned, err)
			}
		})
	}
}
