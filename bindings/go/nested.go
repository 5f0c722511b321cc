package pgwalstream

import (
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
	core      *capi.Nested
	parts     capi.Parts
	relation  *Relation
	relations relations
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

// Read reads one level of a value, as its type says. ErrType: it has no parts, the stream only names its type, or its bytes are
// not of the type.
func (n *Nested) Read(f Field) error { return n.ReadAs(f, ShapeAny) }

// ReadAs is Read for a value whose type the stream only names: an enum's array, a composite, a range of a user's type. The bytes
// must bear out what is said of it. Of a type that is known the shape must be right.
func (n *Nested) ReadAs(f Field, shape Shape) error {
	var relation unsafe.Pointer
	column := 0
	if f.relation != nil && f.relation.address != nil && f.column != nil {
		relation, column = f.relation.address, f.relation.place(f.column)
	} else if shape == ShapeAny {
		shape = shapeOf(BuiltInType(f.typ))
	}
	n.relation = nil
	oops := n.core.Read(&f.v, relation, column, uint32(shape), &n.parts)
	runtime.KeepAlive(f.relation)
	if oops != nil {
		return failure(oops)
	}
	n.relation = n.relations.of(n.parts.Relation)
	return nil
}

// Len is how many items there are.
func (n *Nested) Len() int { return len(n.parts.Items) }

// Item is the item at a place. Like a slice it panics where there is none.
func (n *Nested) Item(i int) Field {
	column := &n.relation.Columns[i%len(n.relation.Columns)]
	return Field{Value: Value{n.parts.Items[i]}, typ: column.reads, column: column, relation: n.relation}
}

// Items gives every item with its place.
func (n *Nested) Items() iter.Seq2[int, Field] {
	return func(yield func(int, Field) bool) {
		for i := range n.parts.Items {
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
	n.parts, n.relation = capi.Parts{}, nil
	n.core.Forget()
}

// place is that of a column of this relation.
func (r *Relation) place(column *Column) int {
	first := unsafe.Pointer(unsafe.SliceData(r.Columns))
	return int((uintptr(unsafe.Pointer(column)) - uintptr(first)) / unsafe.Sizeof(Column{}))
}

// shapeOf is what values of a type are.
func shapeOf(t *Type) Shape {
	if t == nil {
		return ShapeAny
	}
	switch t.Kind {
	case KindOfArray:
		return ShapeArray
	case KindOfComposite:
		return ShapeComposite
	case KindOfRange:
		return ShapeRange
	case KindOfMultirange:
		return ShapeMultirange
	}
	return ShapeAny
}
