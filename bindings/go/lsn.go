package pgwalstream

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

// An LSN is a position in the server's WAL. It reads and writes PostgreSQL's own form, also to and from SQL (pg_lsn).
type LSN uint64

// String writes a position as PostgreSQL does, as in "16/B374D848".
func (l LSN) String() string { return string(l.append(make([]byte, 0, 17))) }

func (l LSN) append(to []byte) []byte {
	return fmt.Appendf(to, "%X/%X", uint32(l>>32), uint32(l))
}

// ParseLSN reads a position as PostgreSQL writes it.
func ParseLSN(text string) (LSN, error) {
	high, low, found := strings.Cut(text, "/")
	h, ok1 := half(high)
	l, ok2 := half(low)
	if !found || !ok1 || !ok2 {
		return 0, mistake(ErrInvalidArgument, fmt.Sprintf("%q is no LSN, which is like 16/B374D848", text))
	}
	return LSN(h)<<32 | LSN(l), nil
}

// half is one to eight hexadecimal digits (pg_lsn_in_internal).
func half(digits string) (uint32, bool) {
	if len(digits) > 8 || strings.ContainsAny(digits, "+-_") {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 16, 32)
	return uint32(number), err == nil
}

// Scan is for database/sql: a text, bytes, a number, or NULL, which is 0.
func (l *LSN) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*l = 0
	case int64:
		*l = LSN(from)
	case uint64:
		*l = LSN(from)
	case string:
		return l.UnmarshalText([]byte(from))
	case []byte:
		return l.UnmarshalText(from)
	default:
		return mistake(ErrType, fmt.Sprintf("%T is no LSN", from))
	}
	return nil
}

// Value is for database/sql: the text of a pg_lsn.
func (l LSN) Value() (driver.Value, error) { return l.String(), nil }

// MarshalText is for encoding/json and its like.
func (l LSN) MarshalText() ([]byte, error) { return l.append(nil), nil }

// UnmarshalText is for encoding/json and its like.
func (l *LSN) UnmarshalText(text []byte) error {
	lsn, err := ParseLSN(string(text))
	if err == nil {
		*l = lsn
	}
	return err
}
