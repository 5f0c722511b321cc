package pgwalstream_test

import (
	"errors"
	"reflect"
	"runtime"
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
	if err := outer.Read(field("way").Value.As(602)); err != nil || outer.Len() != 2 {
		t.Error(err)
	}
}

func TestAListIsNothingElse(t *testing.T) {
	for _, binary := range []string{"off", "on"} {
		t.Run("binary "+binary, func(t *testing.T) {
			connected(t).sql(`SET client_min_messages = warning; DROP TABLE IF EXISTS go_lists; DROP TYPE IF EXISTS go_span; DROP DOMAIN IF EXISTS go_box;
				CREATE EXTENSION IF NOT EXISTS hstore; CREATE TYPE go_span AS RANGE (subtype = float8); CREATE DOMAIN go_box AS box`)
			s := setUp(t, "go_lists", `id int PRIMARY KEY, span int4range, nothing numrange, tags hstore, words tsvector, ring circle, spans go_span,
				frames box[], boxes go_box[], texts text[]`)
			stream := s.open("binary=" + binary)
			s.sql(`INSERT INTO go_lists VALUES (1, '[1,10]', 'empty', 'a=>1', 'a:1 b', '<(1,2),3>', '[1.5,2]',
				'{(1,1),(0,0);(2,2),(0,0)}', '{(1,1),(0,0);(2,2),(0,0)}', ARRAY['a"b', 'c\d', 'e'])`)
			row := changes(t, stream, 1)[0].New()
			field := func(name string) wal.Field {
				f, ok := row.Named(name)
				if !ok {
					t.Fatal(name)
				}
				return f
			}
			for _, name := range []string{"span", "nothing", "tags", "words", "ring"} {
				var numbers []float64
				if err := field(name).Scan(&numbers); !errors.Is(err, wal.ErrType) {
					t.Error(name, numbers, err)
				}
				var texts []*string
				if err := field(name).Scan(&texts); !errors.Is(err, wal.ErrType) {
					t.Error(name, texts, err)
				}
			}
			nobodyTells(t, field, binary == "on")
			itemsNeedNoReader(t, field("texts"))
		})
	}
}

// nobodyTells reads what the type does not tell.
func nobodyTells(t *testing.T, field func(string) wal.Field, binary bool) {
	var span wal.Range[int64]
	if err := field("spans").Scan(&span); !errors.Is(err, wal.ErrType) {
		t.Error(span, err)
	}
	var real wal.Range[float64]
	if err := field("spans").Scan(&real); binary != errors.Is(err, wal.ErrType) {
		t.Error(real, err)
	}
	n, err := wal.NewNested()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.ReadClaim(field("spans"), wal.Claim{Shape: wal.ShapeRange, Item: 701}); err != nil {
		t.Fatal(err)
	}
	if bound, err := n.Item(0).Float64(); err != nil || bound != 1.5 {
		t.Error(bound, err)
	}
	// A type that is told by itself has its delimiter too.
	if err := n.Read(field("frames").Value.As(1020)); err != nil || n.Len() != 2 {
		t.Error(n.Len(), err)
	}
	if err := n.ReadAs(field("boxes"), wal.ShapeArray); !binary && !errors.Is(err, wal.ErrType) {
		t.Error(n.Len(), err)
	}
	for _, claim := range []wal.Claim{{wal.ShapeArray, 603, 0}, {wal.ShapeArray, 0, ';'}} {
		if err := n.ReadClaim(field("boxes"), claim); err != nil || n.Len() != 2 {
			t.Error(n.Len(), err)
		}
	}
	// What is refused as an argument leaves what was read.
	for _, claim := range []wal.Claim{{Shape: 99}, {wal.ShapeArray, 99, 0}, {wal.ShapeArray, 0, '{'}} {
		if err := n.ReadClaim(field("boxes"), claim); !errors.Is(err, wal.ErrInvalidArgument) || n.Len() != 2 || n.Item(1).Len() == 0 {
			t.Error(n.Len(), err)
		}
	}
	if err := n.Read(field("id")); !errors.Is(err, wal.ErrType) || n.Len() != 0 {
		t.Error(n.Len(), err)
	}
}

// itemsNeedNoReader looks at items, dimensions and texts whose reader nobody keeps.
func itemsNeedNoReader(t *testing.T, from wal.Field) {
	item := func() (wal.Field, []byte, []wal.Dimension) {
		n, err := wal.NewNested()
		if err == nil {
			err = n.Read(from)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Read(n.Item(0).Value.As(1009)); from.Kind() == wal.Text && (!errors.Is(err, wal.ErrInvalidArgument) || n.Len() != 3) {
			t.Error(n.Len(), err)
			return wal.Field{}, nil, nil
		}
		if n.Len() != 3 {
			n.Read(from)
		}
		bytes, err := n.Item(1).TextBytes()
		if err != nil {
			t.Fatal(err)
		}
		return n.Item(0), bytes, n.Dimensions()
	}
	for range 20 {
		first, second, dimensions := item()
		for range 3 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		if text, err := first.Text(); err != nil || text != `a"b` || string(second) != `c\d` || dimensions[0].Size != 3 {
			t.Fatal(text, string(second), dimensions, err)
		}
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
