package pgwalstream

import (
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// A Relation is one definition of a table, as the server described it. It is the program's to keep.
type Relation struct {
	// OID is the table's. With Generation it is a key for what a program remembers of the table.
	OID uint32
	// Generation counts the table's definitions within the stream, from 1.
	Generation uint32
	// Namespace is the table's schema.
	Namespace string
	// Name is the table's name.
	Name string
	// ReplicaIdentity is what identifies an old row: 'd' the primary key, 'n' nothing, 'f' the full row, 'i' an index.
	ReplicaIdentity byte
	// Columns are those that are published, in the order of a row's values. Not to be changed.
	Columns []Column
	// Changes are what this definition differs in from the one that held before it: first those of the table, then those of
	// columns by their places. A first definition has none.
	Changes []Change
	// ChangesKnown is false where the definition before is not known, as after a reconnect.
	ChangesKnown bool

	address unsafe.Pointer
	index   map[string]int
	plans   sync.Map // of scanning, by reflect.Type
}

// A Column is one column of a Relation.
type Column struct {
	// Name is the column's name.
	Name string
	// Type is the OID of its type.
	Type uint32
	// Typmod is the type's modifier, such as the length of a varchar plus 4; -1 where there is none.
	Typmod int32
	// Key says whether the column is part of the replica identity.
	Key bool
	// TypeInfo is what is known of its type. Never nil in a Relation of an event.
	TypeInfo *Type

	reads uint32 // OID of the type that its values are read as
}

// String is the table's name behind its schema's, unquoted.
func (r *Relation) String() string { return r.Namespace + "." + r.Name }

// ColumnIndex is the place of a column in a row, and whether there is one.
func (r *Relation) ColumnIndex(name string) (int, bool) {
	i, ok := r.index[name]
	return i, ok
}

// relations remembers the definitions that were seen by the addresses that events name them with. A definition is
// retained as long as its Relation lives, wherever that is kept, so that no other can have its address meanwhile.
type relations struct {
	last  atomic.Pointer[Relation]
	known atomic.Pointer[map[unsafe.Pointer]*Relation]
	lock  sync.Mutex
}

// of is the definition at an address, nil for none. The caller keeps the batch alive that holds it.
func (r *relations) of(address unsafe.Pointer) *Relation {
	if last := r.last.Load(); last != nil && last.address == address {
		return last
	}
	return r.find(address)
}

func (r *relations) find(address unsafe.Pointer) *Relation {
	if address == nil {
		return nil
	}
	if known := r.known.Load(); known != nil {
		if relation := (*known)[address]; relation != nil {
			r.last.Store(relation)
			return relation
		}
	}
	return r.learn(address)
}

// learn copies a definition that is new, and forgets older ones of the same table.
func (r *relations) learn(address unsafe.Pointer) *Relation {
	r.lock.Lock()
	defer r.lock.Unlock()
	known := map[unsafe.Pointer]*Relation{}
	if old := r.known.Load(); old != nil {
		if relation := (*old)[address]; relation != nil {
			return relation
		}
		known = maps.Clone(*old)
	}
	relation := newRelation(address)
	if kept := capi.RetainRelation(address); kept != nil {
		relation.address = address
		runtime.AddCleanup(relation, capi.FreeRelation, kept)
		maps.DeleteFunc(known, func(_ unsafe.Pointer, other *Relation) bool { return other.OID == relation.OID })
		known[address] = relation
		r.known.Store(&known)
		r.last.Store(relation)
	}
	return relation
}

// forget lets go of all that nobody else keeps. What comes after learns anew.
func (r *relations) forget() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.known.Store(nil)
	r.last.Store(nil)
}

func newRelation(address unsafe.Pointer) *Relation {
	c := capi.CopyRelation(address)
	relation := &Relation{
		OID:             c.OID,
		Generation:      c.Generation,
		Namespace:       c.Namespace,
		Name:            c.Name,
		ReplicaIdentity: c.Identity,
		Columns:         make([]Column, len(c.Columns)),
		Changes:         make([]Change, len(c.Changes)),
		ChangesKnown:    c.ChangesKnown,
		index:           make(map[string]int, len(c.Columns)),
	}
	for i, column := range c.Columns {
		info := newType(column.Info)
		relation.Columns[i] = Column{column.Name, column.Type, column.Typmod, column.Key, info, info.reads()}
		relation.index[column.Name] = i
	}
	for i, change := range c.Changes {
		relation.Changes[i] = Change{ChangeKind(change.Kind), change.Column, change.ColumnBefore, change.NameBefore,
			change.TypeBefore, change.TypmodBefore, change.IdentityBefore}
	}
	return relation
}
