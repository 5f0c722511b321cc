package capi

// #include <stdlib.h>
// #include "glue.h"
import "C"

import "unsafe"

// Conn is wal_connection. Its calls wait for as long as it takes: Interrupt ends them.
type Conn struct{ c *C.wal_connection }

// forever waits for as long as it takes.
const forever = C.int32_t(-1)

// NewConn makes a connection that is not open.
func NewConn(o Options) (Conn, *Error) {
	var c Conn
	var err *C.wal_error
	if C.wal_connection_new(o.c, &c.c, &err) == C.WAL_OK {
		Live.Connections.Add(1)
	}
	return c, take(err)
}

// Connect opens it.
func (c Conn) Connect() (int32, *Error) {
	var err *C.wal_error
	status := C.wal_connection_connect(c.c, forever, &err)
	return int32(status), take(err)
}

// Check looks whether the server still keeps it.
func (c Conn) Check() (int32, *Error) {
	var err *C.wal_error
	status := C.wal_connection_check(c.c, &err)
	return int32(status), take(err)
}

// ReleaseSnapshot says that an exported snapshot is not needed any more.
func (c Conn) ReleaseSnapshot() (int32, *Error) {
	var err *C.wal_error
	status := C.wal_connection_release_snapshot(c.c, &err)
	return int32(status), take(err)
}

// ServerVersion is as in server_version_num.
func (c Conn) ServerVersion() uint32 { return uint32(C.wal_connection_server_version(c.c)) }

// Interrupt makes the call that waits, or the next, return.
func (c Conn) Interrupt() { C.wal_connection_interrupt(c.c) }

// InterruptClear takes an interrupt back.
func (c Conn) InterruptClear() { C.wal_connection_interrupt_clear(c.c) }

// Free closes it.
func (c Conn) Free() {
	C.wal_connection_free(c.c)
	Live.Connections.Add(-1)
}

// names is C texts, nil for those that are not given.
type names []*C.char

func (n *names) add(text string) *C.char {
	c := C.CString(text)
	*n = append(*n, c)
	return c
}

func (n *names) optional(text string) *C.char {
	if text == "" {
		return nil
	}
	return n.add(text)
}

func (n names) free() {
	for _, text := range n {
		C.free(unsafe.Pointer(text))
	}
}

// Query runs SQL: the columns' names, and the rows, with nil for NULL. The relation that describes the columns is for looking at
// it only, and NULL where there is no answer.
func (c Conn) Query(sql string, look func(relation unsafe.Pointer)) (columns []string, rows [][]*string, status int32, failed *Error) {
	var n names
	defer n.free()
	var out *C.wal_rows
	var err *C.wal_error
	status = int32(C.wal_connection_query(c.c, n.add(sql), forever, &out, &err))
	defer C.wal_rows_free(out)
	if status != OK {
		return nil, nil, status, take(err)
	}
	look(unsafe.Pointer(C.wal_rows_relation(out)))
	width := int(C.wal_rows_column_count(out))
	for i := range width {
		columns = append(columns, text(C.wal_rows_column_name(out, C.size_t(i))))
	}
	for row := range int(C.wal_rows_count(out)) {
		values := make([]*string, width)
		for i := range values {
			value := C.wal_rows_value(out, C.size_t(row), C.size_t(i))
			if value.data != nil {
				copied := text(value)
				values[i] = &copied
			}
		}
		rows = append(rows, values)
	}
	return columns, rows, status, nil
}

// Slot is wal_slot, copied.
type Slot struct {
	Name, Plugin, Database, InvalidationReason, Snapshot         string
	Kind, Flags, ActivePID, XMin, CatalogXMin, WAL, Invalidation uint32
	Timeline                                                     uint32
	RestartLSN, ConfirmedFlushLSN, TwoPhaseAt, ConsistentPoint   uint64
	SafeWALSize, InactiveSince                                   int64
}

func copySlot(c *C.wal_slot) Slot {
	return Slot{
		Name:               text(C.wal_slot_name(c)),
		Plugin:             text(C.wal_slot_plugin(c)),
		Database:           text(C.wal_slot_database(c)),
		InvalidationReason: text(C.wal_slot_invalidation_reason(c)),
		Snapshot:           text(C.wal_slot_snapshot_name(c)),
		Kind:               uint32(C.wal_slot_kind(c)),
		Flags:              uint32(C.wal_slot_flags(c)),
		ActivePID:          uint32(C.wal_slot_active_pid(c)),
		XMin:               uint32(C.wal_slot_xmin(c)),
		CatalogXMin:        uint32(C.wal_slot_catalog_xmin(c)),
		WAL:                uint32(C.wal_slot_wal(c)),
		Invalidation:       uint32(C.wal_slot_invalidation(c)),
		Timeline:           uint32(C.wal_slot_timeline(c)),
		RestartLSN:         uint64(C.wal_slot_restart_lsn(c)),
		ConfirmedFlushLSN:  uint64(C.wal_slot_confirmed_flush_lsn(c)),
		TwoPhaseAt:         uint64(C.wal_slot_two_phase_at(c)),
		ConsistentPoint:    uint64(C.wal_slot_consistent_point(c)),
		SafeWALSize:        int64(C.wal_slot_safe_wal_size(c)),
		InactiveSince:      int64(C.wal_slot_inactive_since(c)),
	}
}

// slot copies what a call gave, and frees it.
func slot(status C.wal_status, out *C.wal_slot, err *C.wal_error) (Slot, int32, *Error) {
	defer C.wal_slot_free(out)
	if status != C.WAL_OK {
		return Slot{}, int32(status), take(err)
	}
	return copySlot(out), OK, nil
}

// CreateLogicalSlot makes a slot.
func (c Conn) CreateLogicalSlot(name, plugin string, flags uint32) (Slot, int32, *Error) {
	var n names
	defer n.free()
	var out *C.wal_slot
	var err *C.wal_error
	status := C.wal_slot_create_logical(c.c, n.add(name), n.optional(plugin), C.uint32_t(flags), forever, &out, &err)
	return slot(status, out, err)
}

// CreatePhysicalSlot makes a slot.
func (c Conn) CreatePhysicalSlot(name string, flags uint32) (Slot, int32, *Error) {
	var n names
	defer n.free()
	var out *C.wal_slot
	var err *C.wal_error
	status := C.wal_slot_create_physical(c.c, n.add(name), C.uint32_t(flags), forever, &out, &err)
	return slot(status, out, err)
}

// CopySlot makes a slot where another stands.
func (c Conn) CopySlot(source, name, plugin string, flags uint32) (Slot, int32, *Error) {
	var n names
	defer n.free()
	var out *C.wal_slot
	var err *C.wal_error
	status := C.wal_slot_copy(c.c, n.add(source), n.add(name), n.optional(plugin), C.uint32_t(flags), forever, &out, &err)
	return slot(status, out, err)
}

// ReadSlot looks at one slot.
func (c Conn) ReadSlot(name string) (Slot, int32, *Error) {
	var n names
	defer n.free()
	var out *C.wal_slot
	var err *C.wal_error
	status := C.wal_slot_read(c.c, n.add(name), forever, &out, &err)
	return slot(status, out, err)
}

// Slots looks at all slots.
func (c Conn) Slots() ([]Slot, int32, *Error) {
	var out *C.wal_slots
	var err *C.wal_error
	status := C.wal_slot_list(c.c, forever, &out, &err)
	defer C.wal_slots_free(out)
	slots := make([]Slot, int(C.wal_slots_count(out)))
	for i := range slots {
		slots[i] = copySlot(C.wal_slots_at(out, C.size_t(i)))
	}
	return slots, int32(status), take(err)
}

// AlterSlot turns flags on and off.
func (c Conn) AlterSlot(name string, on, off uint32) (int32, *Error) {
	var n names
	defer n.free()
	var err *C.wal_error
	status := C.wal_slot_alter(c.c, n.add(name), C.uint32_t(on), C.uint32_t(off), forever, &err)
	return int32(status), take(err)
}

// DropSlot ends a slot.
func (c Conn) DropSlot(name string, wait bool) (int32, *Error) {
	var n names
	defer n.free()
	waits := C.int32_t(0)
	if wait {
		waits = 1
	}
	var err *C.wal_error
	status := C.wal_slot_drop(c.c, n.add(name), waits, forever, &err)
	return int32(status), take(err)
}

// AdvanceSlot moves a slot forward.
func (c Conn) AdvanceSlot(name string, lsn uint64) (uint64, int32, *Error) {
	var n names
	defer n.free()
	var out C.uint64_t
	var err *C.wal_error
	status := C.wal_slot_advance(c.c, n.add(name), C.uint64_t(lsn), forever, &out, &err)
	return uint64(out), int32(status), take(err)
}

// SlotHealth looks at a slot's health.
func (c Conn) SlotHealth(name string) (Health, int32, *Error) {
	var n names
	defer n.free()
	var out C.wal_health
	var err *C.wal_error
	status := C.wal_slot_health(c.c, n.add(name), forever, &out, C.sizeof_wal_health, &err)
	return copyHealth(&out), int32(status), take(err)
}

// CreatePublication makes a publication.
func (c Conn) CreatePublication(name, tables string, flags uint32) (int32, *Error) {
	var n names
	defer n.free()
	var err *C.wal_error
	status := C.wal_publication_create(c.c, n.add(name), n.optional(tables), C.uint32_t(flags), forever, &err)
	return int32(status), take(err)
}

// DropPublication ends a publication.
func (c Conn) DropPublication(name string) (int32, *Error) {
	var n names
	defer n.free()
	var err *C.wal_error
	status := C.wal_publication_drop(c.c, n.add(name), forever, &err)
	return int32(status), take(err)
}

// Publication is wal_publication, copied.
type Publication struct {
	Name  string
	Flags uint32
}

// Publications lists them.
func (c Conn) Publications() ([]Publication, int32, *Error) {
	var out *C.wal_publications
	var err *C.wal_error
	status := C.wal_publication_list(c.c, forever, &out, &err)
	defer C.wal_publications_free(out)
	all := make([]Publication, int(C.wal_publications_count(out)))
	for i := range all {
		at := C.wal_publications_at(out, C.size_t(i))
		all[i] = Publication{text(C.wal_publication_name(at)), uint32(C.wal_publication_flags(at))}
	}
	return all, int32(status), take(err)
}

// Table is wal_table, copied.
type Table struct {
	Namespace, Name, Columns, RowFilter string
	OID, Identity                       uint32
	ReplicaIdentity                     byte
}

// PublicationTables lists the tables of a publication.
func (c Conn) PublicationTables(name string) ([]Table, int32, *Error) {
	var n names
	defer n.free()
	var out *C.wal_tables
	var err *C.wal_error
	status := C.wal_publication_tables(c.c, n.add(name), forever, &out, &err)
	defer C.wal_tables_free(out)
	all := make([]Table, int(C.wal_tables_count(out)))
	for i := range all {
		at := C.wal_tables_at(out, C.size_t(i))
		all[i] = Table{
			Namespace:       text(C.wal_table_namespace(at)),
			Name:            text(C.wal_table_name(at)),
			Columns:         text(C.wal_table_columns(at)),
			RowFilter:       text(C.wal_table_row_filter(at)),
			OID:             uint32(C.wal_table_oid(at)),
			Identity:        uint32(C.wal_table_identity(at)),
			ReplicaIdentity: byte(C.wal_table_replica_identity(at)),
		}
	}
	return all, int32(status), take(err)
}
