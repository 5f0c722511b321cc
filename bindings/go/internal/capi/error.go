package capi

// #include "glue.h"
import "C"

import "unsafe"

// Error is what a wal_error says, copied.
type Error struct {
	Status                                int32
	Name, Message, Detail, Hint, SQLState string
	Errno                                 int32
	Retriable, Fatal                      bool
}

// take copies an error and frees it; nil for none.
func take(err *C.wal_error) *Error {
	if err == nil {
		return nil
	}
	defer C.wal_error_free(err)
	return &Error{
		Status:    int32(C.wal_error_code(err)),
		Name:      C.GoString(C.wal_error_name(err)),
		Message:   C.GoString(C.wal_error_message(err)),
		Detail:    C.GoString(C.wal_error_detail(err)),
		Hint:      C.GoString(C.wal_error_hint(err)),
		SQLState:  C.GoString(C.wal_error_sqlstate(err)),
		Errno:     int32(C.wal_error_os_errno(err)),
		Retriable: C.wal_error_is_retriable(err) != 0,
		Fatal:     C.wal_error_is_fatal(err) != 0,
	}
}

// The outcomes that are no errors.
const (
	OK          = int32(C.WAL_OK)
	Timeout     = int32(C.WAL_TIMEOUT)
	End         = int32(C.WAL_END)
	Interrupted = int32(C.WAL_INTERRUPTED)
)

// StatusName is the name of a status.
func StatusName(status int32) string { return C.GoString(C.wal_status_name(C.wal_status(status))) }

// StatusSentence says what a status means.
func StatusSentence(status int32) string {
	return C.GoString(C.wal_status_sentence(C.wal_status(status)))
}

// HeaderVersion is the version of the header that this was compiled with.
const HeaderVersion = uint32(C.WAL_VERSION_NUMBER)

// Version is that of the library which runs.
func Version() (uint32, string) {
	return uint32(C.wal_version()), C.GoString(C.wal_version_string())
}

// SetEngineThreads is wal_engine_set_threads.
func SetEngineThreads(threads uint32) *Error {
	var err *C.wal_error
	C.wal_engine_set_threads(C.uint32_t(threads), &err)
	return take(err)
}

// bytes copies bytes that somebody else owns.
func text(b C.wal_bytes) string {
	return string(unsafe.Slice((*byte)(b.data), int(b.len)))
}

// view is bytes where they are.
func view(b C.wal_bytes) []byte {
	return unsafe.Slice((*byte)(b.data), int(b.len))
}
