package pgwalstream

import (
	"runtime"
	"slices"
	"unsafe"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// Format is the text that the server's output function writes for the value: a text value as it came, a binary one of any
// built-in type, or a domain over one, under the settings that the library promises. ErrType: money in binary, whose decimals
// are a setting of the server, and what has no readable binary form. It costs a call of C for binary values.
func (f Field) Format() (string, error) {
	text, err := f.AppendFormat(nil)
	return string(text), err
}

// AppendFormat appends what Format gives.
func (f Field) AppendFormat(to []byte) ([]byte, error) {
	const wanted = "text"
	switch f.Kind() {
	case Text:
		return append(to, f.Bytes()...), nil
	case Binary:
	default:
		return to, f.fault(ErrNoValue, wanted)
	}
	var handle unsafe.Pointer
	switch {
	case f.column == nil:
		handle = capi.BuiltInHandle(f.typ)
	case f.relation.address != nil:
		handle = f.column.TypeInfo.handle
	}
	if handle == nil {
		return to, f.fault(ErrType, wanted)
	}
	// The room is a guess: most values are short, and what is not asks twice.
	room := 64
	for {
		to = slices.Grow(to, room)
		length, status := capi.FormatValue(&f.v, handle, to[len(to):len(to)+room])
		runtime.KeepAlive(f.relation)
		switch {
		case status == capi.OK:
			return to[:len(to)+length], nil
		case Status(status) == ErrOutOfRange && length >= room:
			room = length + 1
		default:
			return to, f.fault(Status(status), wanted)
		}
	}
}
