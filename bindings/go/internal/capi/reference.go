//go:build pgwalstream_reference

package capi

// #include "glue.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"
)

// Reference reads a column of the new row with every accessor of the library: results by the accessors' names, as text.
// For the tests alone, which hold Go's accessors against it.
func (e *Event) Reference(column int) map[string]string {
	value := (*C.wal_value)(unsafe.Add(e.New, uintptr(column)*unsafe.Sizeof(Value{})))
	relation, n := (*C.wal_relation)(e.Relation), C.uint32_t(column)
	results := map[string]string{}
	add := func(name string, status C.wal_status, result any) {
		results[name] = fmt.Sprint(result)
		if status != C.WAL_OK {
			results[name] = StatusName(int32(status))
		}
	}
	var truth, days C.int32_t
	status := C.wal_value_as_bool(value, relation, n, &truth, nil)
	add("bool", status, truth != 0)
	var short C.int16_t
	status = C.wal_value_as_int16(value, relation, n, &short, nil)
	add("int16", status, short)
	var middle C.int32_t
	status = C.wal_value_as_int32(value, relation, n, &middle, nil)
	add("int32", status, middle)
	var long, micros C.int64_t
	status = C.wal_value_as_int64(value, relation, n, &long, nil)
	add("int64", status, long)
	var oid C.uint32_t
	status = C.wal_value_as_uint32(value, relation, n, &oid, nil)
	add("uint32", status, oid)
	var single C.float
	status = C.wal_value_as_float32(value, relation, n, &single, nil)
	add("float32", status, math.Float32bits(float32(single)))
	var double C.double
	status = C.wal_value_as_float64(value, relation, n, &double, nil)
	add("float64", status, math.Float64bits(float64(double)))
	status = C.wal_value_as_date(value, relation, n, &days, nil)
	add("date", status, days)
	status = C.wal_value_as_time(value, relation, n, &micros, nil)
	add("time", status, micros)
	status = C.wal_value_as_timestamp(value, relation, n, &micros, nil)
	add("timestamp", status, micros)
	status = C.wal_value_as_timestamptz(value, relation, n, &micros, nil)
	add("timestamptz", status, micros)
	var bytes C.wal_bytes
	status = C.wal_value_as_text(value, relation, n, &bytes, nil)
	add("text", status, view(bytes))
	buffer := make([]byte, 4096)
	var length C.size_t
	status = C.wal_value_as_bytea(value, relation, n, (*C.uint8_t)(&buffer[0]), C.size_t(len(buffer)), &length, nil)
	add("bytea", status, buffer[:min(int(length), len(buffer))])
	var uuid [16]byte
	status = C.wal_value_as_uuid(value, relation, n, (*C.uint8_t)(&uuid[0]), nil)
	add("uuid", status, uuid)
	return results
}
