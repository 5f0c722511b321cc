package pgwalstream

import (
	"math"
	"unsafe"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A TypeKind says what a type is made of.
type TypeKind uint32

// The kinds of types.
const (
	KindOfUnknown    TypeKind = 0 // the stream tells no more than the name: an enum, a composite, an extension's type
	KindOfBase       TypeKind = 1 // without parts
	KindOfArray      TypeKind = 2 // an array: Element
	KindOfComposite  TypeKind = 3 // a row type
	KindOfRange      TypeKind = 4 // a range: Element is its subtype
	KindOfMultirange TypeKind = 5 // a multirange: Element is its range
	KindOfEnum       TypeKind = 6 // an enum
	KindOfDomain     TypeKind = 7 // a domain: Base
	KindOfPseudo     TypeKind = 8 // what only functions have, such as record
)

// String is the kind's name, as in "DOMAIN".
func (k TypeKind) String() string { return capi.TypeKindName(uint32(k)) }

// A TypeSource says where the knowledge of a type comes from.
type TypeSource uint32

// The sources of types.
const (
	SourceNone    TypeSource = 0 // nothing is known but the OID
	SourceBuiltIn TypeSource = 1 // it is PostgreSQL's own
	SourceStream  TypeSource = 2 // the stream described it before the table, as it was when the change was made
)

// String is the source's name, as in "STREAM".
func (s TypeSource) String() string { return capi.TypeSourceName(uint32(s)) }

// A Type is what is known of a column's type, from the stream alone. Not to be changed.
type Type struct {
	// OID of the type. Of other than built-in types it is of one database only.
	OID uint32
	// Kind is what the type is made of.
	Kind TypeKind
	// Source is where this comes from.
	Source TypeSource
	// Resolved says that it is known how the binary form of its values is read. If it is not, only what is UTF-8 can be read,
	// as text: an enum's label is right, and of another type nobody can tell.
	Resolved bool
	// Namespace is its schema, "" where that is not known, as of domains, which the stream does not name.
	Namespace string
	// Name is its name in pg_type, as in "int4"; "" where that is not known.
	Name string
	// SQLName is the name of a built-in type as SQL shows it, as in "integer".
	SQLName string
	// Base is the type that a domain is over, which is no domain.
	Base *Type
	// Element is the element of an array, the subtype of a range, or the range of a multirange.
	Element *Type

	handle unsafe.Pointer // good as long as the relation
}

// String is the type's name for people: "integer", "a domain over integer, OID 16400", "public.mood, OID 16401".
func (t *Type) String() string {
	switch {
	case t == nil:
		return ""
	case t.SQLName != "":
		return t.SQLName
	case t.Base != nil:
		return "a domain over " + t.Base.SQLName + ", OID " + decimal(int(t.OID))
	case t.OID == 0:
		return "a type that is not told"
	case t.Name == "":
		return "type with OID " + decimal(int(t.OID))
	}
	return t.Namespace + "." + t.Name + ", OID " + decimal(int(t.OID))
}

// BuiltInType is one of PostgreSQL's own types, nil for an OID that is none of theirs.
func BuiltInType(oid uint32) *Type { return newType(capi.BuiltInType(oid)) }

func newType(from *capi.Type) *Type {
	if from == nil {
		return nil
	}
	return &Type{
		OID:       from.OID,
		Kind:      TypeKind(from.Kind),
		Source:    TypeSource(from.Source),
		Resolved:  from.Resolved,
		Namespace: from.Namespace,
		Name:      from.Name,
		SQLName:   from.SQLName,
		Base:      newType(from.Base),
		Element:   newType(from.Element),
		handle:    from.Handle,
	}
}

// notTold is what a value reads as whose type nobody tells, such as a bound of a user's range: its text is taken, its binary form
// is not.
const notTold = math.MaxUint32

// firstNotBuiltIn is the lowest OID of types that are not PostgreSQL's own (FirstGenbkiObjectId).
const firstNotBuiltIn = 10000

// reads is the OID by which the binary form is read. Types of extensions are known by their names.
func (t *Type) reads() uint32 {
	switch {
	case t.Base != nil:
		return t.Base.OID
	case t.OID == 0:
		return notTold
	case t.OID < firstNotBuiltIn || t.Namespace == "pg_catalog":
		return t.OID
	}
	switch t.Name {
	case "citext":
		return oidText
	case "ltree", "lquery", "ltxtquery":
		return oidLtree
	}
	return t.OID
}
