package pgwalstream

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"
)

func decimal(n int) string { return strconv.Itoa(n) }

// Bool reads a boolean.
func (f Field) Bool() (bool, error) {
	b, text, err := f.form(oidBool, "bool")
	switch {
	case err != nil:
		return false, err
	case len(b) != 1:
	case text && b[0] == 't', !text && b[0] == 1:
		return true, nil
	case text && b[0] == 'f', !text && b[0] == 0:
		return false, nil
	}
	return false, f.fault(ErrType, "bool")
}

// Int16 reads an integer of any size, if it fits.
func (f Field) Int16() (int16, error) {
	n, err := f.within(math.MinInt16, math.MaxInt16, "a 16-bit integer")
	return int16(n), err
}

// Int32 reads an integer of any size, if it fits.
func (f Field) Int32() (int32, error) {
	n, err := f.within(math.MinInt32, math.MaxInt32, "a 32-bit integer")
	return int32(n), err
}

// Int64 reads an integer: smallint, integer, bigint, oid, xid, and xid8 if it fits.
func (f Field) Int64() (int64, error) {
	return f.within(math.MinInt64, math.MaxInt64, "a 64-bit integer")
}

// Uint32 reads an unsigned integer, as oid and xid are, or another integer if it fits. Of type 0 four
// bytes are taken for unsigned here.
func (f Field) Uint32() (uint32, error) {
	const wanted = "an unsigned 32-bit integer"
	if f.Kind() == Binary && f.typ == 0 && f.Len() == 4 {
		return binary.BigEndian.Uint32(f.Bytes()), nil
	}
	n, err := f.within(0, math.MaxUint32, wanted)
	return uint32(n), err
}

func (f Field) within(least, most int64, wanted string) (int64, error) {
	magnitude, negative, status := f.integer()
	switch {
	case status != 0:
		return 0, f.fault(status, wanted)
	case negative && magnitude <= uint64(-(least+1))+1 && least < 0:
		return -int64(magnitude-1) - 1, nil
	case negative && magnitude == 0:
		return 0, nil
	case !negative && magnitude <= uint64(most):
		return int64(magnitude), nil
	}
	return 0, f.fault(ErrOutOfRange, wanted)
}

// integer reads any integer type, as sign and magnitude.
func (f Field) integer() (magnitude uint64, negative bool, status Status) {
	kind := f.Kind()
	if kind != Text && kind != Binary {
		return 0, false, ErrNoValue
	}
	switch f.typ {
	case oidInt4, oidInt8, oidInt2, oidOID, oidXID, oidCID, oidXID8:
	default:
		if !f.isTaken() {
			return 0, false, ErrType
		}
	}
	b := f.Bytes()
	if kind == Text {
		return integerText(b)
	}
	foreign := f.typ == 0
	switch {
	case len(b) == 4 && (f.typ == oidInt4 || foreign):
		return signed(int64(int32(binary.BigEndian.Uint32(b))))
	case len(b) == 8 && (f.typ == oidInt8 || foreign):
		return signed(int64(binary.BigEndian.Uint64(b)))
	case len(b) == 2 && (f.typ == oidInt2 || foreign):
		return signed(int64(int16(binary.BigEndian.Uint16(b))))
	case len(b) == 4 && (f.typ == oidOID || f.typ == oidXID || f.typ == oidCID):
		return uint64(binary.BigEndian.Uint32(b)), false, 0
	case len(b) == 8 && f.typ == oidXID8:
		return binary.BigEndian.Uint64(b), false, 0
	}
	return 0, false, ErrType
}

func signed(n int64) (uint64, bool, Status) {
	if n < 0 {
		return uint64(-(n + 1)) + 1, true, 0
	}
	return uint64(n), false, 0
}

// integerText reads digits, with a minus before them or not.
func integerText(b []byte) (sum uint64, negative bool, status Status) {
	if len(b) > 0 && b[0] == '-' {
		negative, b = true, b[1:]
	}
	if len(b) == 0 {
		return 0, false, ErrType
	}
	for _, c := range b {
		digit := c - '0'
		if digit > 9 {
			return 0, false, ErrType
		}
		if sum > (math.MaxUint64-uint64(digit))/10 {
			status = ErrOutOfRange
			continue
		}
		sum = sum*10 + uint64(digit)
	}
	return sum, negative, status
}

// Float32 reads a real, or what else is exact in it. NaN and the infinities stay.
func (f Field) Float32() (float32, error) {
	const wanted = "a 32-bit float"
	b, text, err := f.floatForm(wanted)
	if err != nil {
		return 0, err
	}
	switch {
	case f.typ == oidFloat8 || f.isInteger():
		wide, err := f.Float64()
		if err != nil {
			return 0, err
		}
		if narrow := float32(wide); float64(narrow) == wide || wide != wide {
			return narrow, nil
		}
		return 0, f.fault(ErrOutOfRange, wanted)
	case text:
		n, status := floatText(b, 32)
		if status != 0 {
			return 0, f.fault(status, wanted)
		}
		return float32(n), nil
	case len(b) == 4:
		return math.Float32frombits(binary.BigEndian.Uint32(b)), nil
	}
	return 0, f.fault(ErrType, wanted)
}

// Float64 reads a double or a real, or an integer that is exact in a double. A numeric is read as text, which loses
// nothing. NaN and the infinities stay.
func (f Field) Float64() (float64, error) {
	const wanted = "a 64-bit float"
	b, text, err := f.floatForm(wanted)
	if err != nil {
		return 0, err
	}
	switch {
	case f.isInteger():
		magnitude, negative, status := f.integer()
		if status != 0 {
			return 0, f.fault(status, wanted)
		}
		n := float64(magnitude)
		if n >= 1<<64 || uint64(n) != magnitude {
			return 0, f.fault(ErrOutOfRange, wanted)
		}
		if negative && magnitude != 0 {
			n = -n
		}
		return n, nil
	case text:
		size := 64
		if f.typ == oidFloat4 {
			// Read as what it is: the text 0.1 of a real is another number than that of a double.
			size = 32
		}
		n, status := floatText(b, size)
		if status != 0 {
			return 0, f.fault(status, wanted)
		}
		return n, nil
	case len(b) == 8 && f.typ != oidFloat4:
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case len(b) == 4 && f.typ != oidFloat8:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b))), nil
	}
	return 0, f.fault(ErrType, wanted)
}

func (f Field) isInteger() bool {
	switch f.typ {
	case oidInt4, oidInt8, oidInt2, oidOID, oidXID, oidCID, oidXID8:
		return true
	}
	return false
}

func (f Field) floatForm(wanted string) ([]byte, bool, error) {
	if f.typ == oidFloat4 || f.isInteger() {
		return f.form(f.typ, wanted)
	}
	return f.form(oidFloat8, wanted)
}

// floatText reads what float8out writes: the shortest text that reads back the same.
func floatText(b []byte, size int) (float64, Status) {
	switch string(b) {
	case "NaN":
		// math.NaN() is another one than C's and Rust's.
		return math.Float64frombits(0x7FF8_0000_0000_0000), 0
	case "Infinity":
		return math.Inf(1), 0
	case "-Infinity":
		return math.Inf(-1), 0
	}
	digits := bytes.TrimPrefix(b, []byte("-"))
	if len(digits) == 0 || digits[0]-'0' > 9 || bytes.ContainsAny(digits, "xXpP_") {
		return 0, ErrType
	}
	n, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), size)
	mantissa, _, _ := bytes.Cut(bytes.ToLower(b), []byte("e"))
	switch {
	case math.IsInf(n, 0):
		return 0, ErrOutOfRange
	case err != nil:
		return 0, ErrType
	case n == 0 && bytes.ContainsAny(mantissa, "123456789"):
		return 0, ErrOutOfRange
	}
	return n, 0
}
