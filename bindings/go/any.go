package pgwalstream

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"unsafe"
)

// Map is the row as a map from the names of its columns. NULL is nil. What was not sent, and a large value that the UPDATE did not
// touch, is not in it: see Field.Any for what the others are.
func (r Row) Map() (map[string]any, error) {
	if len(r.values) == 0 || r.relation == nil {
		return nil, ErrNoValue
	}
	row := make(map[string]any, len(r.values))
	for i := range r.values {
		field := r.Field(i)
		if !field.IsSent() {
			continue
		}
		value, err := field.Any()
		if err != nil {
			return nil, &scanError{r.relation, i, err}
		}
		row[r.relation.Columns[i].Name] = value
	}
	return row, nil
}

// Any is the value as what Go has for it: bool, int64, float64, time.Time for a timestamp, []byte for bytea, json.RawMessage,
// []any for an array, map[string]any for an hstore; nil for NULL. All else is a string with the text of the type's output
// function: a numeric, for it loses no digit; a date; and a timestamp that a time.Time cannot hold. A binary form that nobody
// but its type can read is an Unread. Nothing of it is borrowed.
func (f Field) Any() (any, error) {
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
	case oidTimestamp, oidTimestamptz:
		at, err := f.Time()
		if errors.Is(err, ErrOutOfRange) {
			return textual(f)
		}
		return at, err
	case oidBytea:
		return f.Bytea()
	case oidJSON, oidJSONB:
		text, err := f.TextBytes()
		return json.RawMessage(append([]byte(nil), text...)), err
	}
	if value, ok, err := f.parts(); ok {
		return value, err
	}
	text, err := textual(f)
	if err != nil && f.Kind() == Binary {
		return Unread{Type: f.Type(), Bytes: append([]byte(nil), f.Bytes()...)}, nil
	}
	return text, err
}

// Unread is what Field.Any and Row.Map give of a value whose binary form only its type can read, as that of a composite or a range
// that a user made. Without the option binary there is none.
type Unread struct {
	Type  uint32 // the OID of the column's type
	Bytes []byte
}

// parts is a value of a type that is known to be an array or an hstore; false for all else.
func (f Field) parts() (any, bool, error) {
	typ := BuiltInType(f.typ)
	isArray := typ != nil && typ.Kind == KindOfArray
	isHstore := f.column != nil && f.column.TypeInfo != nil && f.column.TypeInfo.Name == "hstore" && f.typ != f.column.Type
	if !isArray && !isHstore {
		return nil, false, nil
	}
	var value any
	err := withParts(f, ShapeAny, func(n *Nested) (err error) {
		switch n.Shape() {
		case ShapeHstore:
			value, err = anyMap(n)
		case ShapeArray:
			value, err = anyList(n, 0, n.Dimensions())
		default:
			value, err = textual(f)
		}
		return err
	})
	return value, true, err
}

func anyMap(n *Nested) (any, error) {
	all := make(map[string]any, n.Len()/2)
	for i := 0; i+1 < n.Len(); i += 2 {
		key, err := n.Item(i).Text()
		if err != nil {
			return nil, err
		}
		if all[key], err = n.Item(i + 1).Any(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func anyList(n *Nested, at int, dimensions []Dimension) (any, error) {
	if len(dimensions) == 0 {
		return []any{}, nil
	}
	size, step := int(dimensions[0].Size), 1
	for _, inner := range dimensions[1:] {
		step *= int(inner.Size)
	}
	list := make([]any, size)
	for i := range list {
		var err error
		if len(dimensions) > 1 {
			list[i], err = anyList(n, at+i*step, dimensions[1:])
		} else {
			list[i], err = n.Item(at + i).Any()
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// jsonSetter fills a field with what encoding/json makes of a document. It is made anew each time: encoding/json would keep what the
// document does not name, and write into slices that a copy of the struct has too.
func jsonSetter(typ reflect.Type) setter {
	return func(to unsafe.Pointer, from Field) error {
		field := reflect.NewAt(typ, to).Elem()
		if from.IsNull() {
			switch typ.Kind() {
			case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
				field.SetZero()
				return nil
			}
			return from.fault(ErrNoValue, "a document")
		}
		text, err := from.TextBytes()
		if err != nil {
			return err
		}
		value := reflect.New(typ)
		if err := json.Unmarshal(text, value.Interface()); err != nil {
			return err
		}
		field.Set(value.Elem())
		return nil
	}
}

// hasTags says whether a field of a struct, or of one that it embeds, names a column.
func hasTags(typ reflect.Type) bool {
	for i := range typ.NumField() {
		field := typ.Field(i)
		tag, tagged := field.Tag.Lookup("wal")
		if tagged && tag != "-" || !tagged && isEmbedded(field) && hasTags(field.Type) {
			return true
		}
	}
	return false
}

// isEmbedded says whether the fields of a field are to be filled and not itself.
func isEmbedded(field reflect.StructField) bool {
	return field.Anonymous && field.Type.Kind() == reflect.Struct && known[field.Type] == nil
}

// byName is how to fill the fields of a struct without tags: those that are named like a column, whatever the case and without
// regard to underscores.
func (r *Relation) byName(typ reflect.Type, base uintptr) ([]step, error) {
	var steps []step
	for i := range typ.NumField() {
		field := typ.Field(i)
		if _, tagged := field.Tag.Lookup("wal"); tagged {
			continue
		}
		if isEmbedded(field) {
			inner, err := r.byName(field.Type, base+field.Offset)
			if err != nil {
				return nil, err
			}
			steps = append(steps, inner...)
			continue
		}
		column := r.named(field.Name)
		if !field.IsExported() || column < 0 {
			continue
		}
		set, err := setterOf(field.Type)
		if err != nil {
			return nil, mistake(ErrInvalidArgument, "field "+field.Name+" of "+typ.String()+": "+err.Error())
		}
		steps = append(steps, step{column: column, offset: base + field.Offset, set: set})
	}
	return steps, nil
}

// named is the place of the column that a field's name stands for; -1: there is none, or it could be several.
func (r *Relation) named(field string) int {
	if i, ok := r.index[field]; ok {
		return i
	}
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
	found := -1
	for i := range r.Columns {
		if plain(r.Columns[i].Name) != plain(field) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}
