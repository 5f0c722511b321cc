package capi

// #include <stdlib.h>
// #include "glue.h"
import "C"

import "unsafe"

// Options is wal_options.
type Options struct{ c *C.wal_options }

// NewOptions makes options; Free ends them.
func NewOptions() (Options, *Error) {
	var o Options
	var err *C.wal_error
	C.wal_options_new(&o.c, &err)
	return o, take(err)
}

// Free frees options.
func (o Options) Free() { C.wal_options_free(o.c) }

// Set sets one.
func (o Options) Set(key, value string) *Error {
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	var err *C.wal_error
	C.wal_options_set(o.c, k, v, &err)
	return take(err)
}

// Get is what an option is set to.
func (o Options) Get(key string) (string, *Error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	var value *C.char
	var err *C.wal_error
	if C.wal_options_get(o.c, k, &value, &err) != C.WAL_OK {
		return "", take(err)
	}
	return C.GoString(value), nil
}

// SetLog sends log messages to a queue, which must outlive every stream made of the options.
func (o Options) SetLog(mostDetail int32, log Log) *Error {
	var err *C.wal_error
	C.go_log_set(o.c, C.int32_t(mostDetail), log.c, &err)
	return take(err)
}

// OptionInfo describes an option.
type OptionInfo struct{ Name, Type, Default, Range, Sentence string }

// DescribeOption describes the option of an index; false beyond the last.
func DescribeOption(index int) (OptionInfo, bool) {
	var info C.wal_option_info
	if C.wal_options_describe(C.size_t(index), &info, C.sizeof_wal_option_info) != C.WAL_OK {
		return OptionInfo{}, false
	}
	return OptionInfo{
		Name:     C.GoString(info.name),
		Type:     C.GoString(info.type_name),
		Default:  C.GoString(info.default_value),
		Range:    C.GoString(info._range),
		Sentence: C.GoString(info.sentence),
	}, true
}

// Log is a queue of log messages.
type Log struct{ c *C.go_log }

// LogEntry is one message.
type LogEntry struct {
	UnixNano        int64
	Level           int32
	Target, Message string
	Dropped         uint32
}

// NewLog makes a queue; false: the system has no descriptor or memory for it.
func NewLog() (Log, bool) {
	log := Log{C.go_log_new()}
	return log, log.c != nil
}

// FD is readable while there are messages; it stays the queue's.
func (l Log) FD() int { return int(C.go_log_fd(l.c)) }

// Take takes all messages.
func (l Log) Take() []LogEntry {
	var entries []LogEntry
	for entry := C.go_log_take(l.c); entry != nil; {
		all := unsafe.Slice((*byte)(unsafe.Pointer(C.go_log_text(entry))), int(entry.target_len)+int(entry.message_len))
		entries = append(entries, LogEntry{
			UnixNano: int64(entry.time_ns),
			Level:    int32(entry.level),
			Target:   string(all[:entry.target_len]),
			Message:  string(all[entry.target_len:]),
			Dropped:  uint32(entry.dropped),
		})
		next := entry.next
		C.go_log_entry_free(entry)
		entry = next
	}
	return entries
}

// Free ends the queue; nobody may send to it any more.
func (l Log) Free() { C.go_log_free(l.c) }
