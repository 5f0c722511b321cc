package pgwalstream

import (
	"bytes"
	"encoding/hex"
	"unicode/utf8"
	"unsafe"
)

// A UUID is the 16 bytes of a uuid, as RFC 9562 orders them.
type UUID [16]byte

// String is the usual form, as in "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".
func (u UUID) String() string {
	text := make([]byte, 0, 36)
	for i, size := 0, 0; i < len(u); i += size {
		if size = 2; i == 0 {
			size = 4
		} else if i == 10 {
			size = 6
		}
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, u[i:i+size])
	}
	return string(text)
}

// Text reads the text of a value, as a copy: of any type where the server sent text; in binary of those whose binary
// form is their text, json and jsonb among them, and of types of which the stream tells the name only, as of enums, if it is
// UTF-8 (Type.Resolved). A numeric is read so.
func (f Field) Text() (string, error) {
	b, err := f.TextBytes()
	return string(b), err
}

// TextBytes is Text where it lies, borrowed like the event.
func (f Field) TextBytes() ([]byte, error) {
	const wanted = "text"
	switch f.Kind() {
	case Text:
		return f.Bytes(), nil
	case Binary:
	default:
		return nil, f.fault(ErrNoValue, wanted)
	}
	b := f.Bytes()
	switch f.typ {
	case oidText, oidVarchar, oidBpchar, oidName, oidUnknown, oidJSON, oidXML, oidRefcursor:
		return b, nil
	case oidJSONB, oidJSONPath:
		// jsonb_send and jsonpath_send put a version before the text.
		if len(b) == 0 || b[0] != 1 {
			return nil, f.fault(ErrType, wanted)
		}
		return b[1:], nil
	case oidChar:
		if len(b) == 1 {
			return charText(b), nil
		}
	case oidLtree:
		// So do those of ltree; yet who is named so may be somebody else.
		if len(b) > 0 && b[0] == 1 {
			return b[1:], nil
		}
	}
	if f.typ == 0 || f.typ >= firstNotBuiltIn || f.typ == oidLtree {
		// A range of a user's type may be one byte, which is a control character.
		isControl := func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }
		if bytes.IndexFunc(b, isControl) < 0 && utf8.Valid(b) {
			return b, nil
		}
	}
	return nil, f.fault(ErrType, wanted)
}

// charText is the text of a "char" (charout of 16 and later): byte 0 is the empty one, what is no ASCII is in octal.
func charText(b []byte) []byte {
	switch {
	case b[0] == 0:
		return b[:0]
	case b[0] < utf8.RuneSelf:
		return b
	}
	return []byte{'\\', '0' + b[0]>>6, '0' + b[0]>>3&7, '0' + b[0]&7}
}

// Bytea reads a bytea, as a copy. A text value is decoded, so that both forms give the same bytes.
func (f Field) Bytea() ([]byte, error) { return f.AppendBytea(nil) }

// AppendBytea appends a bytea.
func (f Field) AppendBytea(to []byte) ([]byte, error) {
	const wanted = "bytea"
	b, text, err := f.form(oidBytea, wanted)
	switch {
	case err != nil:
		return to, err
	case to == nil:
		to = make([]byte, 0, len(b))
	}
	if !text {
		return append(to, b...), nil
	}
	if digits, ok := bytes.CutPrefix(b, []byte(`\x`)); ok {
		decoded, err := hex.AppendDecode(to, digits)
		if err != nil {
			return to, f.fault(ErrType, wanted)
		}
		return decoded, nil
	}
	decoded, ok := unescape(to, b)
	if !ok {
		return to, f.fault(ErrType, wanted)
	}
	return decoded, nil
}

// unescape reads the escape form (byteaout with bytea_output escape).
func unescape(to, b []byte) ([]byte, bool) {
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\':
			to = append(to, b[i])
		case i+1 < len(b) && b[i+1] == '\\':
			to = append(to, '\\')
			i++
		case i+3 < len(b) && b[i+1]-'0' <= 3 && b[i+2]-'0' <= 7 && b[i+3]-'0' <= 7:
			to = append(to, (b[i+1]-'0')<<6|(b[i+2]-'0')<<3|(b[i+3]-'0'))
			i += 3
		default:
			return nil, false
		}
	}
	return to, true
}

// UUID reads a uuid.
func (f Field) UUID() (UUID, error) {
	const wanted = "a uuid"
	var u UUID
	b, text, err := f.form(oidUUID, wanted)
	switch {
	case err != nil:
		return u, err
	case !text && len(b) == len(u):
		return UUID(b), nil
	case !text || len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-':
		return u, f.fault(ErrType, wanted)
	}
	digits := [32]byte{}
	n := copy(digits[:], b[:8])
	n += copy(digits[n:], b[9:13])
	n += copy(digits[n:], b[14:18])
	n += copy(digits[n:], b[19:23])
	copy(digits[n:], b[24:])
	if _, err := hex.Decode(u[:], digits[:]); err != nil {
		return UUID{}, f.fault(ErrType, wanted)
	}
	return u, nil
}

// unsafeText is bytes as a string without a copy.
func unsafeText(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
