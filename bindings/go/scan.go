package pgwalstream

import (
	"database/sql"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"time"
	"unsafe"
)

// Maybe is a field for Row.Scan that tells NULL, unchanged and not sent apart.
type Maybe[T any] struct {
	// Value is the value, if Kind is Text or Binary.
	Value T
	// Kind says what the server sent.
	Kind ValueKind
}

// IsValue says whether there is a value: neither NULL nor unchanged nor absent.
func (m Maybe[T]) IsValue() bool { return m.Kind == Text || m.Kind == Binary }

func (m *Maybe[T]) scanField(f Field) error {
	*m = Maybe[T]{Kind: f.Kind()}
	if !m.IsValue() {
		return nil
	}
	set, err := setterOf(reflect.TypeFor[T]())
	if err != nil {
		return err
	}
	return set(unsafe.Pointer(&m.Value), f)
}

// Scan reads a row into a struct, by the tags of its fields: `wal:"column"`. Each column that is named must be in the
// table, unless the tag says `wal:"column,optional"`. Fields without a tag are left alone, but those of a struct that is
// embedded are taken for the struct's own.
//
// Where no field has a tag, fields are filled that are named like a column, whatever the case and without regard to underscores:
// CustomerID has customer_id. Columns that two of the table's names could stand for have none, `wal:"-"` keeps a field out, and no
// field at all is an error.
//
// A field is a bool, an integer, a float, a string, []byte, time.Time, time.Duration (for a time of day), Timestamp,
// Date, UUID, LSN, Interval, TimeTZ, netip.Prefix, TID, Point, Bits, what implements sql.Scanner or encoding.TextUnmarshaler, a pointer to one of these, which is nil for
// NULL, or a Maybe. A field of type any takes what Field.Any gives. With `wal:"column,json"` it is what encoding/json makes of
// the document. A slice of these takes an array, a multirange, a vector, points or the numbers of a line; a slice of slices an array of two
// dimensions; a map an hstore; a Range a range; a struct a composite, by the places of its fields. What is asked for says what a
// value is whose type the stream only names: the text (1,5) of a range of a user's type may be a composite's, and fills a struct. NULL for anything else is ErrNoValue. So is a value that was not sent, for a pointer too, unless the
// field is a Maybe, or the tag says `wal:"column,keep"`: then the field stays as it is.
//
// How a struct is filled is found out once for each definition of a table.
func (r Row) Scan(to any) error {
	target := reflect.ValueOf(to)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		return mistake(ErrInvalidArgument, fmt.Sprintf("%T is no pointer to a struct", to))
	}
	if len(r.values) == 0 || r.relation == nil {
		return ErrNoValue
	}
	plan, err := r.relation.plan(target.Type().Elem())
	if err != nil {
		return err
	}
	base := target.UnsafePointer()
	for i := range plan {
		step := &plan[i]
		field := r.Field(step.column)
		if step.keep && !field.IsSent() {
			continue
		}
		if err := step.set(unsafe.Add(base, step.offset), field); err != nil {
			return &scanError{r.relation, step.column, err}
		}
	}
	return nil
}

type scanError struct {
	relation *Relation
	column   int
	cause    error
}

func (e *scanError) Error() string {
	if _, ok := e.cause.(*valueError); ok {
		return e.cause.Error()
	}
	return fmt.Sprintf("column %q of %s: %v", e.relation.Columns[e.column].Name, e.relation, e.cause)
}

func (e *scanError) Unwrap() error { return e.cause }

// A step fills one field.
type step struct {
	column int
	offset uintptr
	set    setter
	keep   bool
}

// A setter writes a value to the field at an address.
type setter func(to unsafe.Pointer, from Field) error

// plan is how to fill a type of struct from this table.
func (r *Relation) plan(typ reflect.Type) ([]step, error) {
	if known, ok := r.plans.Load(typ); ok {
		return known.([]step), nil
	}
	fill := r.steps
	if !hasTags(typ) {
		fill = r.byName
	}
	plan, err := fill(typ, 0)
	if err != nil {
		return nil, err
	}
	if len(plan) == 0 && !hasTags(typ) {
		return nil, mistake(ErrInvalidArgument, fmt.Sprintf("no field of %s has a tag or the name of a column of %s", typ, r))
	}
	r.plans.Store(typ, plan)
	return plan, nil
}

func (r *Relation) steps(typ reflect.Type, base uintptr) ([]step, error) {
	var steps []step
	for i := range typ.NumField() {
		field := typ.Field(i)
		tag, tagged := field.Tag.Lookup("wal")
		if !tagged && isEmbedded(field) {
			inner, err := r.steps(field.Type, base+field.Offset)
			if err != nil {
				return nil, err
			}
			steps = append(steps, inner...)
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		if !tagged || name == "-" {
			continue
		}
		if !field.IsExported() {
			return nil, mistake(ErrInvalidArgument, fmt.Sprintf("field %s of %s has a tag and is not exported", field.Name, typ))
		}
		step := step{offset: base + field.Offset}
		optional, isJSON := false, false
		for rest != "" {
			var word string
			word, rest, _ = strings.Cut(rest, ",")
			switch word {
			case "optional":
				optional = true
			case "keep":
				step.keep = true
			case "json":
				isJSON = true
			default:
				return nil, mistake(ErrInvalidArgument, fmt.Sprintf("the tag of field %s of %s says %q; it can say optional, keep and json", field.Name, typ, word))
			}
		}
		column, ok := r.index[name]
		if !ok && optional {
			continue
		}
		if !ok {
			return nil, mistake(ErrInvalidArgument, fmt.Sprintf("%s has no column %q, which field %s of %s names", r, name, field.Name, typ))
		}
		var err error
		if isJSON {
			step.set = jsonSetter(field.Type)
		} else if step.set, err = setterOf(field.Type); err != nil {
			return nil, mistake(ErrInvalidArgument, fmt.Sprintf("field %s of %s: %v", field.Name, typ, err))
		}
		step.column = column
		steps = append(steps, step)
	}
	return steps, nil
}

type fieldScanner interface{ scanField(Field) error }

var (
	fieldScannerType    = reflect.TypeFor[fieldScanner]()
	sqlScannerType      = reflect.TypeFor[sql.Scanner]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// known are the types that an accessor is there for.
var known = map[reflect.Type]setter{
	reflect.TypeFor[time.Time]():     put(Field.Time),
	reflect.TypeFor[time.Duration](): put(Field.TimeOfDay),
	reflect.TypeFor[Timestamp]():     put(anyTimestamp),
	reflect.TypeFor[Date]():          put(Field.Date),
	reflect.TypeFor[UUID]():          put(Field.UUID),
	reflect.TypeFor[LSN]():           put(lsn),
	reflect.TypeFor[Interval]():      put(Field.Interval),
	reflect.TypeFor[TimeTZ]():        put(Field.TimeTZ),
	reflect.TypeFor[netip.Prefix]():  put(prefix),
	reflect.TypeFor[TID]():           put(Field.TID),
	reflect.TypeFor[Point]():         put(Field.Point),
	reflect.TypeFor[Bits]():          put(Field.Bits),
}

// put makes a setter of an accessor.
func put[T any](read func(Field) (T, error)) setter {
	return func(to unsafe.Pointer, from Field) (err error) {
		value, err := read(from)
		if err == nil {
			*(*T)(to) = value
		}
		return err
	}
}

func setterOf(typ reflect.Type) (setter, error) {
	pointer := reflect.PointerTo(typ)
	if pointer.Implements(fieldScannerType) {
		return func(to unsafe.Pointer, from Field) error {
			return reflect.NewAt(typ, to).Interface().(fieldScanner).scanField(from)
		}, nil
	}
	if set := known[typ]; set != nil {
		return set, nil
	}
	switch {
	case typ.Kind() == reflect.Pointer:
		return pointerSetter(typ)
	case pointer.Implements(sqlScannerType):
		return func(to unsafe.Pointer, from Field) error {
			value, err := sqlValue(from)
			if err != nil {
				return err
			}
			return reflect.NewAt(typ, to).Interface().(sql.Scanner).Scan(value)
		}, nil
	case pointer.Implements(textUnmarshalerType):
		return func(to unsafe.Pointer, from Field) error {
			text, err := textual(from)
			if err != nil {
				return err
			}
			return reflect.NewAt(typ, to).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		}, nil
	}
	switch typ.Kind() {
	case reflect.Bool:
		return put(Field.Bool), nil
	case reflect.Int8:
		return put(func(f Field) (int8, error) {
			n, err := f.within(math.MinInt8, math.MaxInt8, "an 8-bit integer")
			return int8(n), err
		}), nil
	case reflect.Int16:
		return put(Field.Int16), nil
	case reflect.Int32, reflect.Int64, reflect.Int:
		if typ.Size() == 4 {
			return put(Field.Int32), nil
		}
		return put(Field.Int64), nil
	case reflect.Uint8:
		return put(func(f Field) (uint8, error) {
			n, err := f.within(0, math.MaxUint8, "an unsigned 8-bit integer")
			return uint8(n), err
		}), nil
	case reflect.Uint16:
		return put(func(f Field) (uint16, error) {
			n, err := f.within(0, math.MaxUint16, "an unsigned 16-bit integer")
			return uint16(n), err
		}), nil
	case reflect.Uint32, reflect.Uint64, reflect.Uint:
		if typ.Size() == 4 {
			return put(Field.Uint32), nil
		}
		return put(unsigned), nil
	case reflect.Float32:
		return put(Field.Float32), nil
	case reflect.Float64:
		return put(Field.Float64), nil
	case reflect.String:
		return put(textual), nil
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return put(raw), nil
		}
		return sliceSetter(typ)
	case reflect.Interface:
		if typ.NumMethod() == 0 {
			return put(Field.Any), nil
		}
	case reflect.Map:
		return mapSetter(typ)
	case reflect.Struct:
		return structSetter(typ)
	}
	return nil, errors.New("there is no way to read a column into " + typ.String())
}

func pointerSetter(typ reflect.Type) (setter, error) {
	set, err := setterOf(typ.Elem())
	if err != nil {
		return nil, err
	}
	return func(to unsafe.Pointer, from Field) error {
		if from.IsNull() {
			*(*unsafe.Pointer)(to) = nil
			return nil
		}
		value := reflect.New(typ.Elem())
		if err := set(value.UnsafePointer(), from); err != nil {
			return err
		}
		*(*unsafe.Pointer)(to) = value.UnsafePointer()
		return nil
	}, nil
}

func unsigned(f Field) (uint64, error) {
	const wanted = "an unsigned 64-bit integer"
	magnitude, negative, status := f.integer()
	switch {
	case status != 0:
		return 0, f.fault(status, wanted)
	case negative && magnitude != 0:
		return 0, f.fault(ErrOutOfRange, wanted)
	}
	return magnitude, nil
}

// anyTimestamp reads a timestamp with or without time zone.
func anyTimestamp(f Field) (Timestamp, error) {
	if f.typ == oidTimestamp {
		return f.Timestamp()
	}
	return f.Timestamptz()
}

// lsn reads a pg_lsn.
func lsn(f Field) (LSN, error) {
	b, text, err := f.form(oidLSN, "an LSN")
	switch {
	case err != nil:
		return 0, err
	case text:
		if at, err := ParseLSN(unsafeText(b)); err == nil {
			return at, nil
		}
	case len(b) == 8:
		return LSN(binary.BigEndian.Uint64(b)), nil
	}
	return 0, f.fault(ErrType, "an LSN")
}

// prefix reads a network, also from text of another type.
func prefix(f Field) (netip.Prefix, error) {
	if f.typ == oidInet || f.typ == oidCIDR {
		return f.Prefix()
	}
	text, err := textual(f)
	if err != nil {
		return netip.Prefix{}, err
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, f.fault(ErrType, "a network")
	}
	return network, nil
}

// textual is the text of a value, which the output function of its type would write.
func textual(f Field) (string, error) {
	text, err := f.Text()
	if err != nil && f.Kind() == Binary {
		return f.Format()
	}
	return text, err
}

// raw is the bytes of a bytea, else the text.
func raw(f Field) ([]byte, error) {
	if f.typ == oidBytea {
		return f.Bytea()
	}
	text, err := f.TextBytes()
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(text)), text...), nil
}

// sqlValue is a value as database/sql's drivers give it.
func sqlValue(f Field) (any, error) {
	switch {
	case f.IsNull():
		return nil, nil
	case !f.IsSent():
		return nil, f.fault(ErrNoValue, "a value")
	}
	switch f.typ {
	case oidBool:
		return f.Bool()
	case oidInt2, oidInt4, oidInt8, oidOID:
		return f.Int64()
	case oidFloat4, oidFloat8:
		return f.Float64()
	case oidTimestamp, oidTimestamptz, oidDate:
		return f.Time()
	case oidBytea:
		return f.Bytea()
	}
	return textual(f)
}
