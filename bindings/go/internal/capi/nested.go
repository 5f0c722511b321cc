package capi

// #include "glue.h"
import "C"

import (
	"runtime"
	"unsafe"
)

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
type Nested struct {
	c *C.wal_nested
	// pinned is the value that was read last, if it lies in memory of Go's: C keeps pointers into it.
	pinned runtime.Pinner
}

// Parts are what was read, in memory of C's until the reader reads again.
type Parts struct {
	Items      []Value
	Dimensions []Dimension
	Relation   unsafe.Pointer
	Shape      uint32
	Flags      uint32
}

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
func (n *Nested) Read(v *Value, relation unsafe.Pointer, column int, shape uint32, parts *Parts) *Error {
	n.pinned.Unpin()
	if v.Data != nil {
		n.pinned.Pin(v.Data)
	}
	var out C.go_parts
	C.go_nested_read(n.c, (*C.uint8_t)(v.Data), C.uint32_t(v.Len), C.uint8_t(v.Kind), (*C.wal_relation)(relation),
		C.uint32_t(column), C.uint32_t(shape), &out)
	*parts = Parts{
		Items:      unsafe.Slice((*Value)(unsafe.Pointer(out.items)), int(out.count)),
		Dimensions: unsafe.Slice((*Dimension)(unsafe.Pointer(out.dimensions)), int(out.n_dimensions)),
		Relation:   unsafe.Pointer(out.relation),
		Shape:      uint32(out.shape),
		Flags:      uint32(out.flags),
	}
	return take(out.error)
}

// Forget lets go of the value that was read last.
func (n *Nested) Forget() { n.pinned.Unpin() }

// Free ends it.
func (n *Nested) Free() {
	n.pinned.Unpin()
	C.wal_nested_free(n.c)
	Live.Readers.Add(-1)
}

// ShapeName is the name of a shape.
func ShapeName(shape uint32) string { return C.GoString(C.wal_shape_name(C.uint32_t(shape))) }
