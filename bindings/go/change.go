package pgwalstream

import "github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"

// A ChangeKind says how two definitions of a table differ.
type ChangeKind uint32

// The kinds of changes.
const (
	ChangeColumnAdded     ChangeKind = 1  // a column is there that was not
	ChangeColumnDropped   ChangeKind = 2  // a column is gone
	ChangeColumnReplaced  ChangeKind = 3  // another name in the same place: renamed, or dropped and another one added
	ChangeColumnType      ChangeKind = 4  // a column has another type
	ChangeColumnTypmod    ChangeKind = 5  // a column's type has another modifier, such as a length
	ChangeColumnKey       ChangeKind = 6  // a column became part of the replica identity, or is not any more
	ChangeSchema          ChangeKind = 16 // the table is in another schema
	ChangeName            ChangeKind = 17 // the table has another name
	ChangeReplicaIdentity ChangeKind = 18 // the table has another replica identity
)

// String is the kind's name, as in "COLUMN_ADDED".
func (k ChangeKind) String() string { return capi.ChangeKindName(uint32(k)) }

// A Change is one difference between a definition and the one that held before it.
type Change struct {
	// Kind is what is different.
	Kind ChangeKind
	// Column is the column's place in this definition; -1 where it is gone, or the table changed.
	Column int
	// ColumnBefore is the column's place in the definition before; -1 where there was none.
	ColumnBefore int
	// NameBefore is the name before: of the column, the schema or the table.
	NameBefore string
	// TypeBefore is the OID of the column's type before; 0 where there was no column.
	TypeBefore uint32
	// TypmodBefore is the modifier of the column's type before; -1 where there was none.
	TypmodBefore int32
	// IdentityBefore is the letter of the replica identity before, where that is what changed.
	IdentityBefore byte
}
