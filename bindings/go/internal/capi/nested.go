package capi

// #include "glue.h"
import "C"

import "unsafe"

// The bits of Parts.Flags.
const (
	NestedEmpty          = uint32(C.WAL_NESTED_EMPTY)
	NestedLowerInclusive = uint32(C.WAL_NESTED_LOWER_INCLUSIVE)
	NestedUpperInclusive = uint32(C.WAL_NESTED_UPPER_INCLUSIVE)
	NestedClosed         = uint32(C.WAL_NESTED_CLOSED)
)

// Dimension is wal_dimension.
type Dimension struct{ Size, Lower int32 }

// The header's layout and this are the same, or this does not compile.
const (
	_ = uint(unsafe.Sizeof(Dimension{}) - C.sizeof_wal_dimension)
	_ = uint(C.sizeof_wal_dimension - unsafe.Sizeof(Dimension{}))
	_ = -(unsafe.Offsetof(Dimension{}.Lower) ^ unsafe.Offsetof(C.wal_dimension{}.lower))
)

// Nested is wal_nested.
type Nested struct{ c *C.wal_nested }

// Claim is what a value is read as: by its relation and column, or by a type of its own.
type Claim struct {
	Relation  unsafe.Pointer
	Column    int
	Type      unsafe.Pointer
	Shape     uint32
	Item      unsafe.Pointer
	Delimiter byte
}

// Parts are what was read, in memory of C's until the reader reads again.
type Parts struct {
	Items      []Value
	Dimensions []Dimension
	Relation   unsafe.Pointer
	Shape      uint32
	Flags      uint32
}

// Within is where the bytes of a value begin in those of the one that it is a part of, if they lie there.
func (v *Value) Within(whole Value) (unsafe.Pointer, bool) {
	at := uintptr(v.Data) - uintptr(whole.Data)
	switch {
	case v.Data == nil:
		return nil, true
	case v.Len == 0:
		// Not behind the last byte, where something else may lie.
		return unsafe.Pointer(&empty), true
	case at >= uintptr(whole.Len) || uintptr(v.Len) > uintptr(whole.Len)-at:
		return nil, false
	}
	return unsafe.Add(whole.Data, at), true
}

// empty is where values without bytes lie.
var empty byte

// Bytes are those of a value.
func (v *Value) Bytes() []byte { return unsafe.Slice((*byte)(v.Data), int(v.Len)) }

// NewNested makes a reader.
func NewNested() (*Nested, *Error) {
	n := &Nested{}
	var err *C.wal_error
	if C.wal_nested_new(&n.c, &err) == C.WAL_OK {
		Live.Readers.Add(1)
	}
	return n, take(err)
}

// Read reads one level of a value.
func (n *Nested) Read(v *Value, claim *Claim, parts *Parts) *Error {
	var out C.go_parts
	C.go_nested_read(n.c, (*C.uint8_t)(v.Data), C.uint32_t(v.Len), C.uint8_t(v.Kind), (*C.wal_relation)(claim.Relation),
		C.uint32_t(claim.Column), (*C.wal_type)(claim.Type), C.uint32_t(claim.Shape), (*C.wal_type)(claim.Item),
		C.uint32_t(claim.Delimiter), &out)
	*parts = Parts{
		Items:      unsafe.Slice((*Value)(unsafe.Pointer(out.items)), int(out.count)),
		Dimensions: unsafe.Slice((*Dimension)(unsafe.Pointer(out.dimensions)), int(out.n_dimensions)),
		Relation:   unsafe.Pointer(out.relation),
		Shape:      uint32(out.shape),
		Flags:      uint32(out.flags),
	}
	return take(out.error)
}

// Free ends it.
func (n *Nested) Free() {
	C.wal_nested_free(n.c)
	Live.Readers.Add(-1)
}

// ShapeName is the name of a shape.
func ShapeName(shape uint32) string { return C.GoString(C.wal_shape_name(C.uint32_t(shape))) }
