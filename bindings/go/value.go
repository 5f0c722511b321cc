package pgwalstream

import (
	"iter"
	"strings"
	"unsafe"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A ValueKind says what a value is. NULL, unchanged and not sent are three different things.
type ValueKind uint8

// The kinds of values.
const (
	Null      ValueKind = 0 // SQL NULL
	Text      ValueKind = 1 // the text of the type's output function
	Binary    ValueKind = 2 // the bytes of the type's send function (option binary)
	Unchanged ValueKind = 3 // a large value that the UPDATE did not touch: not sent, and NOT NULL
	Absent    ValueKind = 4 // not sent: a column of an old row of which only the replica identity came
)

// String names the kind.
func (k ValueKind) String() string {
	names := [...]string{"null", "text", "binary", "unchanged", "absent"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// A Value is one column's value, a view of its batch's memory that nothing is copied for.
type Value struct{ v capi.Value }

// Kind says what the value is.
func (v Value) Kind() ValueKind { return ValueKind(v.v.Kind) }

// IsNull says whether it is NULL, which an unchanged value is not.
func (v Value) IsNull() bool { return ValueKind(v.v.Kind) == Null }

// IsSent says whether the server sent it: it is neither unchanged nor absent.
func (v Value) IsSent() bool { return ValueKind(v.v.Kind) < Unchanged }

// Len is how many bytes it has.
func (v Value) Len() int { return int(v.v.Len) }

// Bytes are the value's bytes where they lie, borrowed like the event. Nil unless it is text or binary.
func (v Value) Bytes() []byte { return unsafe.Slice((*byte)(v.v.Data), int(v.v.Len)) }

// UnsafeString is the same as a string without a copy: once the event ends the string CHANGES.
func (v Value) UnsafeString() string { return unsafe.String((*byte)(v.v.Data), int(v.v.Len)) }

// String is a copy of the bytes, "" unless it is text or binary.
func (v Value) String() string { return strings.Clone(v.UnsafeString()) }

// As is the value as one of a type, by its OID; 0 if that is not known, and then what parses is taken.
func (v Value) As(typ uint32) Field { return Field{Value: v, typ: typ} }

// A Row is the values of an event with their columns.
type Row struct {
	values   []Value
	relation *Relation
}

// Len is how many values there are; 0 where the server sent no such row.
func (r Row) Len() int { return len(r.values) }

// Values are the values where they lie.
func (r Row) Values() []Value { return r.values }

// Relation is the table.
func (r Row) Relation() *Relation { return r.relation }

// Field is the value of a column by its place, with its type. Like a slice it panics where there is none.
func (r Row) Field(i int) Field {
	column := &r.relation.Columns[i]
	return Field{Value: r.values[i], typ: column.reads, column: column, relation: r.relation}
}

// Named is the value of a column by its name, and whether there is one.
func (r Row) Named(name string) (Field, bool) {
	if r.relation != nil {
		if i, ok := r.relation.index[name]; ok && i < len(r.values) {
			return r.Field(i), true
		}
	}
	return Field{Value: Value{capi.Value{Kind: uint8(Absent)}}}, false
}

// All gives every column with its value.
func (r Row) All() iter.Seq2[*Column, Field] {
	return func(yield func(*Column, Field) bool) {
		for i := range r.values {
			if !yield(&r.relation.Columns[i], r.Field(i)) {
				return
			}
		}
	}
}

// A Field is a value and its column's type. Its accessors read text and binary alike, exactly: what is not of a type
// that they read is ErrType, what does not fit is ErrOutOfRange, and where there is nothing to read it is ErrNoValue, each for
// errors.Is. A domain is read as its base type. Of other types that are not PostgreSQL's own (enums, extensions) the text is
// taken where it parses; what came in binary is ErrType, but for text. Of type 0 they take what parses.
type Field struct {
	Value
	typ      uint32 // that it is read as
	column   *Column
	relation *Relation
}

// Type is the OID of the column's type, 0 where it is not known.
func (f Field) Type() uint32 {
	if f.column == nil {
		return f.typ
	}
	return f.column.Type
}

// The OIDs of the types that accessors tell apart (src/include/catalog/pg_type.dat).
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidXID         = 28
	oidCID         = 29
	oidJSON        = 114
	oidXML         = 142
	oidFloat4      = 700
	oidFloat8      = 701
	oidUnknown     = 705
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidRefcursor   = 1790
	oidUUID        = 2950
	oidLSN         = 3220
	oidJSONB       = 3802
	oidJSONPath    = 4072
	oidXID8        = 5069
	oidLtree       = 9901 // no OID of PostgreSQL's: ltree and its like have another in each database
)

// form gives the bytes of a value of this type, and whether they are text. Text is taken of types that are not PostgreSQL's
// own too, and of type 0 everything.
func (f Field) form(typ uint32, wanted string) ([]byte, bool, error) {
	if f.Kind() != Text && f.Kind() != Binary {
		return nil, false, f.fault(ErrNoValue, wanted)
	}
	if f.typ != typ && !f.isTaken() {
		return nil, false, f.fault(ErrType, wanted)
	}
	return f.Bytes(), f.Kind() == Text, nil
}

// isTaken says that the accessor decides, whatever the type is.
func (f Field) isTaken() bool {
	switch {
	case f.typ == 0:
		return true
	case f.Kind() != Text:
		return false
	}
	return f.typ >= firstNotBuiltIn || f.column != nil && f.column.Type != f.typ
}
