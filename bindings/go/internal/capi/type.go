package capi

// #include "glue.h"
import "C"

import "unsafe"

// Type is wal_type, copied.
type Type struct {
	OID, Kind, Source        uint32
	Resolved                 bool
	Namespace, Name, SQLName string
	Base, Element            *Type
	Handle                   unsafe.Pointer
}

// BuiltInType is one of PostgreSQL's own.
func BuiltInType(oid uint32) *Type { return copyType(C.wal_type_built_in(C.uint32_t(oid))) }

// ColumnType is the type of a relation's column.
func ColumnType(relation unsafe.Pointer, column int) *Type {
	return copyType(C.wal_relation_column_type_info((*C.wal_relation)(relation), C.uint32_t(column)))
}

// TypeKindName is the name of a kind of type.
func TypeKindName(kind uint32) string { return C.GoString(C.wal_type_kind_name(C.uint32_t(kind))) }

// TypeSourceName is the name of where the knowledge of a type comes from.
func TypeSourceName(source uint32) string {
	return C.GoString(C.wal_type_source_name(C.uint32_t(source)))
}

func copyType(c *C.wal_type) *Type {
	if c == nil {
		return nil
	}
	return &Type{
		OID:       uint32(C.wal_type_oid(c)),
		Kind:      uint32(C.wal_type_kind(c)),
		Source:    uint32(C.wal_type_source(c)),
		Resolved:  C.wal_type_is_resolved(c) != 0,
		Namespace: text(C.wal_type_namespace(c)),
		Name:      text(C.wal_type_name(c)),
		SQLName:   text(C.wal_type_sql_name(c)),
		Base:      copyType(C.wal_type_base(c)),
		Element:   copyType(C.wal_type_element(c)),
		Handle:    unsafe.Pointer(c),
	}
}

// BuiltInHandle is the handle of one of PostgreSQL's own types, nil for another.
func BuiltInHandle(oid uint32) unsafe.Pointer {
	return unsafe.Pointer(C.wal_type_built_in(C.uint32_t(oid)))
}

// FormatValue writes the text of a value, and a NUL, to a buffer, and says how long it is. The handle of the type is good as
// long as its relation.
func FormatValue(v *Value, typ unsafe.Pointer, buffer []byte) (length int, status int32) {
	var n C.size_t
	status = int32(C.go_value_format((*C.uint8_t)(v.Data), C.uint32_t(v.Len), C.uint8_t(v.Kind), (*C.wal_type)(typ),
		(*C.char)(unsafe.Pointer(unsafe.SliceData(buffer))), C.size_t(len(buffer)), &n, nil))
	return int(n), status
}
