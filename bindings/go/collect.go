package pgwalstream

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// A Range is for Row.Scan. Discrete ranges come as the server makes them canonical: [1,10] as from 1, inclusive, to 11.
type Range[T any] struct {
	// Empty says that the range holds nothing.
	Empty bool
	// Lower and Upper are nil where the range is infinite, which is another thing than the bound "infinity".
	Lower, Upper *T
	// LowerInclusive and UpperInclusive say whether the bound belongs to the range.
	LowerInclusive, UpperInclusive bool
}

func (r *Range[T]) scanField(f Field) error {
	set, err := setterOf(reflect.TypeFor[*T]())
	if err != nil {
		return err
	}
	return withParts(f, ShapeRange, func(n *Nested) error {
		*r = Range[T]{Empty: n.IsEmptyRange()}
		if r.Empty {
			return nil
		}
		r.LowerInclusive, r.UpperInclusive = n.IsLowerInclusive(), n.IsUpperInclusive()
		if err := set(unsafe.Pointer(&r.Lower), n.Item(0)); err != nil {
			return err
		}
		return set(unsafe.Pointer(&r.Upper), n.Item(1))
	})
}

// Scan reads the value into what a pointer leads to: see Row.Scan for the types. A struct there is a composite, filled by the
// places of its fields.
func (f Field) Scan(to any) error {
	target := reflect.ValueOf(to)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return mistake(ErrInvalidArgument, fmt.Sprintf("%T is no pointer", to))
	}
	set, err := setterOf(target.Type().Elem())
	if err != nil {
		return mistake(ErrInvalidArgument, err.Error())
	}
	return set(target.UnsafePointer(), f)
}

// readers are those that Row.Scan uses.
var readers sync.Pool

// withParts reads one level of a value, has it looked at, and keeps the reader for the next.
func withParts(f Field, shape Shape, look func(*Nested) error) error {
	n, _ := readers.Get().(*Nested)
	if n == nil {
		var err error
		if n, err = NewNested(); err != nil {
			return err
		}
	}
	err := n.ReadAs(f, shape)
	if err == nil {
		err = look(n)
	}
	n.forget()
	readers.Put(n)
	return err
}

// A list is how a slice is filled: with elements, or with the slices of the next dimension.
type list struct {
	typ   reflect.Type
	set   func() (setter, error)
	inner func() (*list, error) // nil where the element is no slice
}

func listOf(typ reflect.Type) (*list, error) {
	elem := typ.Elem()
	set, err := later(elem)
	l := &list{typ: typ, set: set}
	if elem.Kind() == reflect.Slice && elem.Elem().Kind() != reflect.Uint8 {
		l.inner = sync.OnceValues(func() (*list, error) { return listOf(elem) })
	}
	return l, err
}

// later is how a type is filled. Of one that may contain itself that is found out when it is needed.
func later(typ reflect.Type) (func() (setter, error), error) {
	switch typ.Kind() {
	case reflect.Slice, reflect.Map, reflect.Struct, reflect.Pointer:
		return sync.OnceValues(func() (setter, error) { return setterOf(typ) }), nil
	}
	set, err := setterOf(typ)
	return func() (setter, error) { return set, nil }, err
}

// sliceSetter fills a slice from an array, a multirange, a vector, or points.
func sliceSetter(typ reflect.Type) (setter, error) {
	l, err := listOf(typ)
	if err != nil {
		return nil, err
	}
	return func(to unsafe.Pointer, from Field) error {
		return withParts(from, listShape(from), func(n *Nested) error {
			if !n.isList() {
				return mistake(ErrType, fmt.Sprintf("%s is for an array, a multirange, a vector or points: the value is %s", typ, n.Shape()))
			}
			dimensions := n.Dimensions()
			if len(dimensions) == 0 || n.Shape() != ShapeArray {
				dimensions = []Dimension{{Size: int32(n.Len()), Lower: 1}}
			}
			return l.fill(to, n, 0, dimensions)
		})
	}, nil
}

// listShape is what a slice is asked of: of a type that the stream only names, an array.
func listShape(f Field) Shape {
	typ := BuiltInType(f.typ)
	if f.column != nil {
		typ = f.column.TypeInfo
	}
	switch {
	case typ == nil || typ.Kind == KindOfUnknown && !typ.Resolved:
		return ShapeArray
	case typ.Kind == KindOfDomain && typ.Base != nil && typ.Base.Kind == KindOfUnknown:
		return ShapeArray
	}
	return ShapeAny
}

func (l *list) fill(to unsafe.Pointer, n *Nested, at int, dimensions []Dimension) error {
	size, step := int(dimensions[0].Size), 1
	for _, inner := range dimensions[1:] {
		step *= int(inner.Size)
	}
	if len(dimensions) > 1 && l.inner == nil {
		return mistake(ErrType, fmt.Sprintf("the array has %d more dimensions than %s", len(dimensions)-1, l.typ))
	}
	var fill func(place unsafe.Pointer, at int) error
	if len(dimensions) > 1 {
		inner, err := l.inner()
		if err != nil {
			return err
		}
		fill = func(place unsafe.Pointer, at int) error { return inner.fill(place, n, at, dimensions[1:]) }
	} else {
		set, err := l.set()
		if err != nil {
			return err
		}
		fill = func(place unsafe.Pointer, at int) error { return set(place, n.Item(at)) }
	}
	slice := reflect.MakeSlice(l.typ, size, size)
	base, width := slice.UnsafePointer(), l.typ.Elem().Size()
	for i := range size {
		if err := fill(unsafe.Add(base, uintptr(i)*width), at+i*step); err != nil {
			return err
		}
	}
	reflect.NewAt(l.typ, to).Elem().Set(slice)
	return nil
}

// mapSetter fills a map from an hstore.
func mapSetter(typ reflect.Type) (setter, error) {
	keys, err := later(typ.Key())
	if err != nil {
		return nil, err
	}
	values, err := later(typ.Elem())
	if err != nil {
		return nil, err
	}
	return func(to unsafe.Pointer, from Field) error {
		key, err := keys()
		if err != nil {
			return err
		}
		value, err := values()
		if err != nil {
			return err
		}
		return withParts(from, ShapeHstore, func(n *Nested) error {
			filled := reflect.MakeMapWithSize(typ, n.Len()/2)
			for i := 0; i+1 < n.Len(); i += 2 {
				k, v := reflect.New(typ.Key()), reflect.New(typ.Elem())
				if err := key(k.UnsafePointer(), n.Item(i)); err != nil {
					return err
				}
				if err := value(v.UnsafePointer(), n.Item(i+1)); err != nil {
					return err
				}
				filled.SetMapIndex(k.Elem(), v.Elem())
			}
			reflect.NewAt(typ, to).Elem().Set(filled)
			return nil
		})
	}, nil
}

// structSetter fills a struct from a composite, by the places of its fields: in text nobody tells their names.
func structSetter(typ reflect.Type) (setter, error) {
	type part struct {
		offset uintptr
		set    func() (setter, error)
	}
	var fields []part
	for i := range typ.NumField() {
		field := typ.Field(i)
		if !field.IsExported() {
			return nil, errors.New("there is no way to read a column into " + typ.String() + ": its field " + field.Name + " is not exported")
		}
		set, err := later(field.Type)
		if err != nil {
			return nil, err
		}
		fields = append(fields, part{field.Offset, set})
	}
	return func(to unsafe.Pointer, from Field) error {
		return withParts(from, ShapeComposite, func(n *Nested) error {
			if n.Len() != len(fields) {
				return mistake(ErrType, fmt.Sprintf("the composite has %d fields, %s has %d", n.Len(), typ, len(fields)))
			}
			for i, field := range fields {
				set, err := field.set()
				if err != nil {
					return err
				}
				if err := set(unsafe.Add(to, field.offset), n.Item(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}, nil
}
