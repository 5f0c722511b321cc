package pgwalstream

import (
	"errors"
	"iter"
	"runtime"
	"unsafe"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Shape says what a value with parts is, and so what its items are.
type Shape uint32

// The shapes.
const (
	ShapeAny        Shape = 0 // as the type says
	ShapeArray      Shape = 1 // elements; of several dimensions the last index runs first
	ShapeComposite  Shape = 2 // fields, without those that were dropped
	ShapeRange      Shape = 3 // the lower bound and the upper one, NULL where infinite; nothing of an empty range
	ShapeMultirange Shape = 4 // ranges
	ShapeHstore     Shape = 5 // key, value, key, value, and so on
	ShapeVector     Shape = 6 // the numbers of a vector or halfvec
	ShapeSparse     Shape = 7 // index (from 1), number, index, number, and so on, of a sparsevec
	ShapeGeometry   Shape = 8 // points; the numbers of a line; point and radius of a circle
	ShapeLexemes    Shape = 9 // of a tsvector lexeme, positions (as in "1A,3", or NULL), and so on
)

// String is the shape's name, as in "ARRAY".
func (s Shape) String() string { return capi.ShapeName(uint32(s)) }

// A Dimension of an array: Size elements, the first of which has the index Lower.
type Dimension = capi.Dimension

// Nested reads values that have parts, one level at a time, from text and binary alike: arrays, composites, ranges,
// multiranges, hstore, pgvector's types, paths and other geometry, tsvector. What it finds are fields again, with types of
// their own.
//
// Keep one and use it again: a read is one call of C, and allocates nothing once the reader has found its size. The items are
// borrowed from the reader until it reads again, and from the value's event. A value in a value takes a second reader. It is
// for one goroutine at a time. Row.Scan fills slices, maps and structs without it.
type Nested struct {
	core       *capi.Nested
	items      []Value
	own        []byte // what had to be unquoted
	dimensions [6]Dimension
	parts      capi.Parts
	relation   *Relation
	known      [16]*Relation // those that were seen last, in a ring
	oldest     int
}

// NewNested makes a reader.
func NewNested() (*Nested, error) {
	core, err := capi.NewNested()
	if err != nil {
		return nil, failure(err)
	}
	n := &Nested{core: core}
	runtime.AddCleanup(n, (*capi.Nested).Free, core)
	return n, nil
}

// A Claim is what you say of a value whose type the stream only names. What is known of it must agree.
type Claim struct {
	// Shape is what the value is; ShapeAny: as its type says.
	Shape Shape
	// Item is the type of an array's elements, a range's bounds, or a multirange's ranges: one of PostgreSQL's own, by its OID. 0:
	// not known.
	Item uint32
	// Delimiter stands between the elements of an array in text: typdelim in pg_type. 0: a comma, or what Item has.
	Delimiter byte
}

// Read reads one level of a value, as its type says. ErrType: it has no parts, the stream only names its type, or its bytes are
// not of the type.
func (n *Nested) Read(f Field) error { return n.ReadClaim(f, Claim{}) }

// ReadAs is Read for a value whose type the stream only names: an enum's array, a composite, a range of a user's type. The bytes
// must bear out what is said of it. Of a type that is known the shape must be right.
func (n *Nested) ReadAs(f Field, shape Shape) error { return n.ReadClaim(f, Claim{Shape: shape}) }

// ReadClaim is ReadAs for a value of which you know more than its shape: the type of its items, or what stands between them.
//
// ErrInvalidArgument, as for an item of this very reader, leaves what was read before. After any other error there are no items.
func (n *Nested) ReadClaim(f Field, c Claim) error {
	if n.holds(f.v.Data) {
		return mistake(ErrInvalidArgument, "the value is an item of this reader, which holds it: read it with another")
	}
	var item unsafe.Pointer
	if c.Item != 0 {
		if item = capi.BuiltInHandle(c.Item); item == nil {
			return mistake(ErrInvalidArgument, "the type of the items is not built in: OID "+decimal(int(c.Item)))
		}
	}
	how := capi.Claim{Shape: uint32(c.Shape), Item: item, Delimiter: c.Delimiter}
	if f.relation != nil && f.relation.address != nil && f.column != nil {
		how.Relation, how.Column = f.relation.address, f.relation.place(f.column)
	} else {
		how.Type = capi.BuiltInHandle(f.typ)
	}
	var parts capi.Parts
	oops := n.core.Read(&f.v, &how, &parts)
	runtime.KeepAlive(f.relation)
	if oops != nil {
		if err := failure(oops); errors.Is(err, ErrInvalidArgument) {
			return err
		} else {
			n.forget()
			return err
		}
	}
	n.take(f.v, parts)
	runtime.KeepAlive(n)
	return nil
}

// take brings what was read into memory of Go's: whoever keeps an item keeps all that it needs.
func (n *Nested) take(from capi.Value, parts capi.Parts) {
	n.relation = n.relationAt(parts.Relation)
	copy(n.dimensions[:], parts.Dimensions)
	own := 0
	for i := range parts.Items {
		if _, within := parts.Items[i].Within(from); !within {
			own += int(parts.Items[i].Len)
		}
	}
	items, bytes := n.items, n.own
	if cap(bytes) < own || wasteful(cap(bytes), own) {
		bytes = make([]byte, 0, own)
	}
	if count := len(parts.Items); cap(items) < count || wasteful(cap(items)*int(unsafe.Sizeof(Value{})), count*int(unsafe.Sizeof(Value{}))) {
		items = make([]Value, 0, count)
	}
	items, bytes = items[:0], bytes[:0]
	for i := range parts.Items {
		item := parts.Items[i]
		if data, within := item.Within(from); within {
			item.Data = data
		} else {
			start := len(bytes)
			bytes = append(bytes, item.Bytes()...)
			item.Data = unsafe.Pointer(unsafe.SliceData(bytes[start:]))
		}
		items = append(items, Value{item})
	}
	if len(items) < len(n.items) && cap(items) == cap(n.items) {
		clear(n.items[len(items):])
	}
	parts.Items, parts.Dimensions = nil, n.dimensions[:len(parts.Dimensions)]
	n.items, n.own, n.parts = items, bytes, parts
}

// wasteful says that memory is much, and much more than is used.
func wasteful(kept, used int) bool { return kept > 1<<20 && kept/8 > used }

// holds says whether bytes are the reader's own.
func (n *Nested) holds(data unsafe.Pointer) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(n.own)))
	return data != nil && uintptr(data) >= start && uintptr(data) < start+uintptr(cap(n.own))
}

// relationAt is the types of items at an address. The reader of C's keeps as many.
func (n *Nested) relationAt(address unsafe.Pointer) *Relation {
	if n.relation != nil && n.relation.address == address {
		return n.relation
	}
	for _, relation := range n.known {
		if relation != nil && relation.address == address {
			return relation
		}
	}
	relation := retained(address)
	if relation.address != nil {
		n.known[n.oldest] = relation
		n.oldest = (n.oldest + 1) % len(n.known)
	}
	return relation
}

// Len is how many items there are.
func (n *Nested) Len() int { return len(n.items) }

// Item is the item at a place. Like a slice it panics where there is none.
func (n *Nested) Item(i int) Field {
	item := n.items[i]
	column := &n.relation.Columns[i%len(n.relation.Columns)]
	return Field{Value: item, typ: column.reads, column: column, relation: n.relation}
}

// Items gives every item with its place.
func (n *Nested) Items() iter.Seq2[int, Field] {
	return func(yield func(int, Field) bool) {
		for i := range n.items {
			if !yield(i, n.Item(i)) {
				return
			}
		}
	}
}

// Shape is what the value is that was read last, ShapeAny if nothing was.
func (n *Nested) Shape() Shape { return Shape(n.parts.Shape) }

// Dimensions are those of an array, from the outermost on; none of an array without elements. Of a vector one. Borrowed like
// the items.
func (n *Nested) Dimensions() []Dimension { return n.parts.Dimensions }

// IsEmptyRange says that a range holds nothing.
func (n *Nested) IsEmptyRange() bool { return n.parts.Flags&capi.NestedEmpty != 0 }

// IsLowerInclusive says that the lower bound belongs to the range.
func (n *Nested) IsLowerInclusive() bool { return n.parts.Flags&capi.NestedLowerInclusive != 0 }

// IsUpperInclusive says that the upper bound belongs to the range.
func (n *Nested) IsUpperInclusive() bool { return n.parts.Flags&capi.NestedUpperInclusive != 0 }

// IsClosed says that a path is closed.
func (n *Nested) IsClosed() bool { return n.parts.Flags&capi.NestedClosed != 0 }

// forget lets go of what was read.
func (n *Nested) forget() {
	clear(n.items)
	n.items, n.parts, n.relation = n.items[:0], capi.Parts{}, nil
}

// isList says that the items are all alike, and all there is. A range is none, nor is a circle.
func (n *Nested) isList() bool {
	switch n.Shape() {
	case ShapeArray, ShapeMultirange, ShapeVector, ShapeGeometry:
		return len(n.relation.Columns) == 1
	}
	return false
}

// place is that of a column of this relation.
func (r *Relation) place(column *Column) int {
	first := unsafe.Pointer(unsafe.SliceData(r.Columns))
	return int((uintptr(unsafe.Pointer(column)) - uintptr(first)) / unsafe.Sizeof(Column{}))
}
