package pgwalstream_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

type goPair struct {
	A *int
	B string
}

type parted struct {
	Ints    []*int               `wal:"ints"`
	Matrix  [][]int64            `wal:"matrix"`
	None    [][]int              `wal:"none"`
	Words   []string             `wal:"words"`
	Moods   []string             `wal:"moods"`
	Span    wal.Range[int]       `wal:"span"`
	Until   wal.Range[time.Time] `wal:"since"`
	Spans   []wal.Range[int32]   `wal:"spans"`
	Pairs   []goPair             `wal:"pairs"`
	Pair    *goPair              `wal:"pair"`
	Tags    map[string]*string   `wal:"tags"`
	Way     []wal.Point          `wal:"way"`
	Nothing *[]int               `wal:"nothing"`
	Blobs   [][]byte             `wal:"blobs"`
}

func TestValuesWithPartsComeApart(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			connected(t).sql(`SET client_min_messages = warning; DROP TABLE IF EXISTS go_nested; DROP TYPE IF EXISTS go_pair, go_feeling;
				CREATE TYPE go_pair AS (a int, b text); CREATE TYPE go_feeling AS ENUM ('able', 'so so'); CREATE EXTENSION IF NOT EXISTS hstore`)
			s := setUp(t, "go_nested", `id int PRIMARY KEY, ints int[], matrix int[], none int[], words text[], moods go_feeling[], span int4range,
				since tstzrange, spans int4multirange, pairs go_pair[], pair go_pair, tags hstore, way path, nothing int[], blobs bytea[]`)
			stream := s.open("binary=" + binary)
			s.sql(`INSERT INTO go_nested VALUES (1, '[5:7]={1,NULL,3}', '{{1,2,3},{4,5,6}}', '{}', ARRAY['a', '', 'NULL', E'q"u\\o, {x}'],
				'{able,so so}', '[1,10]', '[2024-01-01 00:00+00,)', '{[1,2),[5,6)}', ARRAY[ROW(1, 'x'), ROW(NULL, '(y,"z")')]::go_pair[],
				ROW(7, ''), 'a=>1, "b c"=>NULL', '((1,2),(3,4))', NULL, ARRAY['\x00ff'::bytea])`)
			row := changes(t, stream, 1)[0].New()
			number := func(n int) *int { return &n }
			one, bound := "1", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
			lower := func(n int) *int { return &n }
			narrow := func(n int32) *int32 { return &n }
			want := parted{
				Ints:   []*int{number(1), nil, number(3)},
				Matrix: [][]int64{{1, 2, 3}, {4, 5, 6}},
				None:   [][]int{},
				Words:  []string{"a", "", "NULL", `q"u\o, {x}`},
				Moods:  []string{"able", "so so"},
				Span:   wal.Range[int]{Lower: lower(1), Upper: lower(11), LowerInclusive: true},
				Until:  wal.Range[time.Time]{Lower: &bound, LowerInclusive: true},
				Spans: []wal.Range[int32]{{Lower: narrow(1), Upper: narrow(2), LowerInclusive: true},
					{Lower: narrow(5), Upper: narrow(6), LowerInclusive: true}},
				Pairs: []goPair{{number(1), "x"}, {nil, `(y,"z")`}},
				Pair:  &goPair{number(7), ""},
				Tags:  map[string]*string{"a": &one, "b c": nil},
				Way:   []wal.Point{{X: 1, Y: 2}, {X: 3, Y: 4}},
				Blobs: [][]byte{{0, 255}},
			}
			// Twice: how it is done is found out the first time.
			for range 2 {
				var got parted
				if err := row.Scan(&got); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, not %+v: %v", got, want, err)
				}
			}
			field := func(name string) wal.Field {
				f, _ := row.Named(name)
				return f
			}
			var flat []int
			if err := field("matrix").Scan(&flat); !errors.Is(err, wal.ErrType) {
				t.Error(flat, err)
			}
			if err := field("ints").Scan(&flat); !errors.Is(err, wal.ErrNoValue) {
				t.Error(flat, err)
			}
			if err := field("nothing").Scan(&flat); !errors.Is(err, wal.ErrNoValue) {
				t.Error(flat, err)
			}
			if err := field("id").Scan(&flat); !errors.Is(err, wal.ErrType) || !strings.Contains(err.Error(), `column "id" (integer)`) {
				t.Error(flat, err)
			}
			var few struct{ A int }
			if err := field("pair").Scan(&few); !errors.Is(err, wal.ErrType) {
				t.Error(few, err)
			}
			readByHand(t, field)
		})
	}
}

func readByHand(t *testing.T, field func(string) wal.Field) {
	outer, err := wal.NewNested()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := wal.NewNested()
	if err != nil {
		t.Fatal(err)
	}
	if err := outer.Read(field("ints")); err != nil || outer.Len() != 3 || outer.Shape() != wal.ShapeArray {
		t.Fatal(outer.Len(), outer.Shape(), err)
	}
	if d := outer.Dimensions(); len(d) != 1 || d[0] != (wal.Dimension{Size: 3, Lower: 5}) {
		t.Error(d)
	}
	sum := 0
	for i, item := range outer.Items() {
		if i == 1 != item.IsNull() {
			t.Error(i, item.Kind())
		} else if n, err := item.Int32(); i != 1 && err == nil {
			sum += int(n)
		}
	}
	if _, err := outer.Item(0).Bool(); sum != 4 || !errors.Is(err, wal.ErrType) || !strings.Contains(err.Error(), `column "element" of integer[]`) {
		t.Error(sum, err)
	}
	if text, err := outer.Item(2).Format(); err != nil || text != "3" {
		t.Error(text, err)
	}
	// The stream only names the type.
	if err := outer.Read(field("pairs")); !errors.Is(err, wal.ErrType) || outer.Len() != 0 {
		t.Error(err)
	}
	if err := outer.ReadAs(field("pairs"), wal.ShapeArray); err != nil || outer.Len() != 2 {
		t.Fatal(err)
	}
	if err := inner.ReadAs(outer.Item(1), wal.ShapeComposite); err != nil || inner.Len() != 2 || inner.Shape().String() != "COMPOSITE" {
		t.Fatal(err)
	}
	if text, err := inner.Item(1).Text(); err != nil || text != `(y,"z")` || !inner.Item(0).IsNull() {
		t.Error(text, err)
	}
	if err := outer.Read(field("way")); err != nil || !outer.IsClosed() {
		t.Error(err)
	}
	// Of a value alone, what its type is told to be.
	if err := outer.Read(field("ints").Value.As(1007)); err != nil || outer.Len() != 3 {
		t.Error(err)
	}
}

// Nothing is found out from a type that contains itself before there is a value.
func TestTypesThatContainThemselvesAreRefusedByTheValue(t *testing.T) {
	type loop struct{ Inner []loop }
	s := setUp(t, "go_loop", "id int PRIMARY KEY, ints int[]")
	stream := s.open()
	s.sql("INSERT INTO go_loop VALUES (1, '{1}')")
	row := changes(t, stream, 1)[0].New()
	var into struct {
		Ints []loop `wal:"ints"`
	}
	if err := row.Scan(&into); !errors.Is(err, wal.ErrType) {
		t.Error(err)
	}
	var hidden struct {
		Ints struct{ hidden int } `wal:"ints"`
	}
	if err := row.Scan(&hidden); !errors.Is(err, wal.ErrInvalidArgument) {
		t.Error(err, hidden.Ints.hidden)
	}
}
