package capi

// #include "glue.h"
import "C"

import "unsafe"

// EventKindName is the name of a kind.
func EventKindName(kind uint32) string {
	return C.GoString(C.wal_event_kind_name(C.uint32_t(kind)))
}

// MessagePrefix is copied.
func (e *Event) MessagePrefix() string { return text(C.wal_event_message_prefix(e.c())) }

// MessageContent is borrowed from the event.
func (e *Event) MessageContent() []byte { return view(C.wal_event_message_content(e.c())) }

// Raw is borrowed from the event.
func (e *Event) Raw() []byte { return view(C.wal_event_raw(e.c())) }

// Origin is its name and position.
func (e *Event) Origin() (string, uint64) {
	return text(C.wal_event_origin_name(e.c())), uint64(C.wal_event_origin_lsn(e.c()))
}

// Type is its OID, schema and name.
func (e *Event) Type() (uint32, string, string) {
	c := e.c()
	return uint32(C.wal_event_type_oid(c)), text(C.wal_event_type_namespace(c)), text(C.wal_event_type_name(c))
}

// Truncated is the relations of a TRUNCATE.
func (e *Event) Truncated() []unsafe.Pointer {
	relations := make([]unsafe.Pointer, int(C.wal_event_truncate_count(e.c())))
	for i := range relations {
		relations[i] = unsafe.Pointer(C.wal_event_truncate_relation(e.c(), C.uint32_t(i)))
	}
	return relations
}

// GID is copied.
func (e *Event) GID() string { return text(C.wal_event_gid(e.c())) }

// PrepareLSN is wal_event_prepare_lsn.
func (e *Event) PrepareLSN() uint64 { return uint64(C.wal_event_prepare_lsn(e.c())) }

// PrepareEndLSN is wal_event_prepare_end_lsn.
func (e *Event) PrepareEndLSN() uint64 { return uint64(C.wal_event_prepare_end_lsn(e.c())) }

// AbortLSN is wal_event_abort_lsn.
func (e *Event) AbortLSN() uint64 { return uint64(C.wal_event_abort_lsn(e.c())) }

// Reconnect is what a RECONNECTED event tells.
type Reconnect struct {
	LostLSN, Switchpoint   uint64
	Attempts               uint32
	Status                 int32
	Message                string
	LostTimeline, Timeline uint32
}

// Reconnect copies what a RECONNECTED event tells.
func (e *Event) Reconnect() Reconnect {
	c := e.c()
	return Reconnect{
		LostLSN:      uint64(C.wal_event_reconnect_lost_lsn(c)),
		Switchpoint:  uint64(C.wal_event_reconnect_switchpoint(c)),
		Attempts:     uint32(C.wal_event_reconnect_attempts(c)),
		Status:       int32(C.wal_event_reconnect_status(c)),
		Message:      text(C.wal_event_reconnect_message(c)),
		LostTimeline: uint32(C.wal_event_reconnect_lost_timeline(c)),
		Timeline:     uint32(C.wal_event_reconnect_timeline(c)),
	}
}

// TimelineSwitch is the timeline that ended, the one that follows, and where.
func (e *Event) TimelineSwitch() (before, timeline uint32, switchpoint uint64) {
	c := e.c()
	return uint32(C.wal_event_timeline_before(c)), uint32(C.wal_event_timeline(c)), uint64(C.wal_event_switchpoint(c))
}

// Snapshot is what a SNAPSHOT event tells: its step, its item, and its state, borrowed from the event.
func (e *Event) Snapshot() (step, item uint32, state []byte) {
	c := e.c()
	return uint32(C.wal_event_snapshot_step(c)), uint32(C.wal_event_snapshot_item(c)), view(C.wal_event_snapshot_state(c))
}

// Relation is one definition of a table, copied.
type Relation struct {
	OID, Generation uint32
	Namespace, Name string
	Identity        byte
	Columns         []Column
	Changes         []Change
	ChangesKnown    bool
}

// Column is one of its columns.
type Column struct {
	Name   string
	Type   uint32
	Typmod int32
	Key    bool
	Info   *Type
}

// Change is one difference between two definitions.
type Change struct {
	Kind                 uint32
	Column, ColumnBefore int
	NameBefore           string
	TypeBefore           uint32
	TypmodBefore         int32
	IdentityBefore       byte
}

// ChangeKindName is the name of a kind of change.
func ChangeKindName(kind uint32) string { return C.GoString(C.wal_change_kind_name(C.uint32_t(kind))) }

func copyChanges(relation *C.wal_relation) ([]Change, bool) {
	count := int(C.wal_relation_change_count(relation))
	changes := make([]Change, max(count, 0))
	for i := range changes {
		var c C.wal_relation_change
		C.wal_relation_change_at(relation, C.uint32_t(i), &c, nil)
		changes[i] = Change{
			Kind:           uint32(c.kind),
			Column:         int(c.column),
			ColumnBefore:   int(c.column_before),
			NameBefore:     text(c.name_before),
			TypeBefore:     uint32(c.type_before),
			TypmodBefore:   int32(c.typmod_before),
			IdentityBefore: byte(c.identity_before),
		}
	}
	return changes, count >= 0
}

// CopyRelation copies a definition.
func CopyRelation(relation unsafe.Pointer) Relation {
	c := (*C.wal_relation)(relation)
	columns := make([]Column, int(C.wal_relation_column_count(c)))
	for i := range columns {
		n := C.uint32_t(i)
		columns[i] = Column{
			Name:   text(C.wal_relation_column_name(c, n)),
			Type:   uint32(C.wal_relation_column_type(c, n)),
			Typmod: int32(C.wal_relation_column_typmod(c, n)),
			Key:    C.wal_relation_column_is_key(c, n) != 0,
			Info:   ColumnType(relation, i),
		}
	}
	changes, known := copyChanges(c)
	return Relation{
		OID:          uint32(C.wal_relation_oid(c)),
		Generation:   uint32(C.wal_relation_generation(c)),
		Namespace:    text(C.wal_relation_namespace(c)),
		Name:         text(C.wal_relation_name(c)),
		Identity:     byte(C.wal_relation_replica_identity(c)),
		Columns:      columns,
		Changes:      changes,
		ChangesKnown: known,
	}
}

// RetainRelation keeps a relation, and so its address, until FreeRelation.
func RetainRelation(relation unsafe.Pointer) unsafe.Pointer {
	var kept *C.wal_relation
	if C.wal_relation_retain((*C.wal_relation)(relation), &kept, nil) != C.WAL_OK {
		return nil
	}
	Live.Relations.Add(1)
	return unsafe.Pointer(kept)
}

// FreeRelation gives back what RetainRelation gave.
func FreeRelation(relation unsafe.Pointer) {
	C.wal_relation_free((*C.wal_relation)(relation))
	Live.Relations.Add(-1)
}
