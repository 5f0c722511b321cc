package pgwalstream_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

const anyColumns = `id int PRIMARY KEY, customer_id bigint, price numeric(10,2), at timestamptz, never timestamp, data bytea, doc jsonb,
	list text[], grid int[], nothing text, ok bool, ratio real`

const anyValues = `(7, 42, 12.50, '2026-02-28 12:34:56+00', 'infinity', '\x00ff', '{"a": [1, 2], "b": null}', '{x,NULL,"y z"}',
	'{{1,2},{3,4}}', NULL, true, 0.5)`

func TestRowsBecomeMaps(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			s := setUp(t, "go_any", anyColumns)
			stream := s.open("binary=" + binary)
			s.sql("INSERT INTO go_any VALUES " + anyValues)
			s.sql("DELETE FROM go_any")
			all := changes(t, stream, 2)
			row, err := all[0].New().Map()
			if err != nil {
				t.Fatal(err)
			}
			at, _ := row["at"].(time.Time)
			if !at.Equal(time.Date(2026, 2, 28, 12, 34, 56, 0, time.UTC)) {
				t.Errorf("%v", row["at"])
			}
			delete(row, "at")
			wanted := map[string]any{
				"id": int64(7), "customer_id": int64(42), "price": "12.50", "never": "infinity", "data": []byte("\x00\xff"),
				"doc": json.RawMessage(`{"a": [1, 2], "b": null}`), "list": []any{"x", nil, "y z"},
				"grid": []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}, "nothing": nil, "ok": true, "ratio": 0.5,
			}
			if !reflect.DeepEqual(row, wanted) {
				t.Errorf("%#v", row)
			}
			// Of the old row the key alone was sent.
			if old, err := all[1].Old().Map(); err != nil || !reflect.DeepEqual(old, map[string]any{"id": int64(7)}) {
				t.Errorf("%#v, %v", old, err)
			}
			if none, err := all[1].New().Map(); !errors.Is(err, wal.ErrNoValue) || none != nil {
				t.Errorf("%#v, %v", none, err)
			}
		})
	}
}

type document struct {
	A []int
	B *string
}

func TestDocumentsAndNamesFillStructs(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			s := setUp(t, "go_named", anyColumns)
			stream := s.open("binary=" + binary)
			s.sql("INSERT INTO go_named VALUES " + anyValues)
			row := changes(t, stream, 1)[0]
			var tagged struct {
				Doc    document         `wal:"doc,json"`
				Whole  map[string]any   `wal:"doc,json,optional"`
				Raw    json.RawMessage  `wal:"doc"`
				None   *document        `wal:"nothing,json"`
				Number *big.Int         `wal:"customer_id"`
				Price  any              `wal:"price"`
				Lost   *json.RawMessage `wal:"lost,json,optional"`
			}
			if err := row.ScanRow(&tagged); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(tagged.Doc, document{A: []int{1, 2}}) || len(tagged.Whole) != 2 || string(tagged.Raw) != `{"a": [1, 2], "b": null}` ||
				tagged.None != nil || tagged.Number.Int64() != 42 || tagged.Price != "12.50" || tagged.Lost != nil {
				t.Errorf("%+v", tagged)
			}
			var wrong struct {
				Doc []int `wal:"doc,json"`
			}
			var fault *json.UnmarshalTypeError
			if err := row.ScanRow(&wrong); !errors.As(err, &fault) {
				t.Errorf("%v", err)
			}
			var named struct {
				ID         int
				CustomerID int64
				Price      string
				Out        string `wal:"-"`
				Other      string
				hidden     int
			}
			if err := row.ScanRow(&named); err != nil || named.ID != 7 || named.CustomerID != 42 || named.Price != "12.50" || named.hidden != 0 {
				t.Errorf("%+v, %v", named, err)
			}
			var nothing struct{ Other string }
			if err := row.ScanRow(&nothing); !errors.Is(err, wal.ErrInvalidArgument) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Of the row before nothing stays, nor is a copy of it written to.
func TestDocumentsAreMadeAnew(t *testing.T) {
	s := setUp(t, "go_anew", "id int PRIMARY KEY, doc jsonb")
	stream := s.open()
	s.sql(`INSERT INTO go_anew VALUES (1, '{"A": [1, 2], "B": "x"}'), (2, '{"A": [3]}'), (3, NULL), (4, 'null')`)
	all := changes(t, stream, 4)
	var row struct {
		Doc document `wal:"doc,json"`
	}
	var wide struct {
		Map map[string]any  `wal:"doc,json"`
		Raw json.RawMessage `wal:"doc,json"`
		Any any             `wal:"doc,json"`
		To  *document       `wal:"doc,json"`
	}
	if err := errors.Join(all[0].ScanRow(&row), all[0].ScanRow(&wide)); err != nil {
		t.Fatal(err)
	}
	before := row
	if err := errors.Join(all[1].ScanRow(&row), all[1].ScanRow(&wide)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(row.Doc, document{A: []int{3}}) || !reflect.DeepEqual(before.Doc.A, []int{1, 2}) || len(wide.Map) != 1 || wide.To.B != nil {
		t.Errorf("%+v, %+v, before %+v", row, wide, before)
	}
	if err := all[2].ScanRow(&row); !errors.Is(err, wal.ErrNoValue) {
		t.Errorf("%+v, %v", row, err)
	}
	if err := all[2].ScanRow(&wide); err != nil || wide.Map != nil || wide.Raw != nil || wide.Any != nil || wide.To != nil {
		t.Errorf("%+v, %v", wide, err)
	}
	if err := all[3].ScanRow(&row); err != nil || row.Doc.A != nil {
		t.Errorf("%+v, %v", row, err)
	}
}

func TestWhatNobodyReadsStaysBytes(t *testing.T) {
	s := connected(t)
	s.sql("DROP TABLE IF EXISTS go_unread; DROP TYPE IF EXISTS go_unread_pair; CREATE TYPE go_unread_pair AS (a int, b text)")
	s = setUp(t, "go_unread", "id int PRIMARY KEY, pair go_unread_pair")
	stream := s.open("binary=on")
	s.sql("INSERT INTO go_unread VALUES (1, (7, 'x'))")
	event := changes(t, stream, 1)[0]
	row, err := event.New().Map()
	if err != nil {
		t.Fatal(err)
	}
	pair, ok := row["pair"].(wal.Unread)
	field := event.New().Field(1)
	if !ok || row["id"] != int64(1) || pair.Type != field.Type() || pair.Type == 0 || string(pair.Bytes) != string(field.Bytes()) || len(pair.Bytes) == 0 {
		t.Errorf("%#v", row)
	}
}

func TestRowsOfAQueryAreRead(t *testing.T) {
	s := connected(t)
	rows, err := s.conn.Query(soon(t), `SELECT 7 AS id, 1.50::numeric(5,2) AS price, ARRAY[1, NULL] AS list, '2026-02-28 12:00:00+00'::timestamptz AS at,
		NULL::int AS none, '' AS word, '{"a": [1, 2]}'::jsonb AS doc`)
	if err != nil {
		t.Fatal(err)
	}
	var row struct {
		ID    int
		Price string
		List  []*int
		At    time.Time
		None  *int
		Word  string
	}
	if err := rows.Row(0).Scan(&row); err != nil || row.ID != 7 || row.Price != "1.50" || *row.List[0] != 1 || row.List[1] != nil ||
		!row.At.Equal(time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)) || row.None != nil || row.Word != "" {
		t.Errorf("%+v, %v", row, err)
	}
	all, err := rows.Row(0).Map()
	if err != nil || len(all) != 7 || all["none"] != nil || !reflect.DeepEqual(all["list"], []any{int64(1), nil}) ||
		!reflect.DeepEqual(all["doc"], json.RawMessage(`{"a": [1, 2]}`)) {
		t.Errorf("%#v, %v", all, err)
	}
	if word, _ := rows.Row(0).Named("word"); word.Type() != 25 {
		t.Error(word.Type())
	}
	if _, err := rows.Row(0).Field(2).Int64(); !errors.Is(err, wal.ErrType) {
		t.Error(err)
	}
}
