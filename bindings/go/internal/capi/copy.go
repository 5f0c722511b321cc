package capi

// #include "glue.h"
import "C"

// Copy is wal_copy.
type Copy struct{ c *C.wal_copy }

// Copy begins a COPY.
func (c Conn) Copy(sql string, format int32) (Copy, int32, *Error) {
	var n names
	defer n.free()
	var copied Copy
	var err *C.wal_error
	status := C.wal_copy_open(c.c, n.add(sql), C.int32_t(format), forever, &copied.c, &err)
	return copied, int32(status), take(err)
}

// Next is the next rows, copied, with nil for NULL.
func (c Copy) Next() (rows [][][]byte, status int32, failed *Error) {
	var out *C.wal_rows
	var err *C.wal_error
	status = int32(C.wal_copy_next_batch(c.c, forever, &out, &err))
	defer C.wal_rows_free(out)
	if status != OK {
		return nil, status, take(err)
	}
	width := int(C.wal_rows_column_count(out))
	rows = make([][][]byte, int(C.wal_rows_count(out)))
	values := make([][]byte, len(rows)*width)
	for row := range rows {
		rows[row] = values[row*width : (row+1)*width : (row+1)*width]
		for i := range rows[row] {
			if value := C.wal_rows_value(out, C.size_t(row), C.size_t(i)); value.data != nil {
				rows[row][i] = append([]byte{}, view(value)...)
			}
		}
	}
	return rows, status, nil
}

// Free ends it.
func (c Copy) Free() { C.wal_copy_free(c.c) }
