package pgwalstream

import (
	"encoding/binary"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"github.com/pgwalstream/pgwalstream/bindings/go/internal/capi"
)

// An Interval is three numbers that are no one number: a month has no fixed days, and a day no fixed hours. Infinity (17) has
// all three at their highest, -infinity at their lowest.
type Interval struct {
	Months, Days int32
	Micros       int64
}

// A TimeTZ is a time with time zone, as it was written: 24:00:00 included, and never turned to UTC.
type TimeTZ struct {
	// Time is what has passed since midnight, there.
	Time time.Duration
	// Offset is in seconds east of Greenwich.
	Offset int32
}

// A Point is PostgreSQL's: X and Y may be NaN and infinite.
type Point struct{ X, Y float64 }

// A TID is a row's place in its table.
type TID struct {
	Block  uint32
	Offset uint16
}

// Bits is a bit or bit varying: the first bit in the highest place of the first byte.
type Bits struct {
	Bytes []byte
	Len   int
}

const (
	oidTID      = 27
	oidPoint    = 600
	oidCIDR     = 650
	oidMoney    = 790
	oidInet     = 869
	oidInterval = 1186
	oidTimetz   = 1266
	oidBit      = 1560
	oidVarbit   = 1562
	oidNumeric  = 1700
)

// scalar has C read a value of a type, which costs a call.
func (f Field) scalar(typ uint32, which int, scale int32, wanted string) (capi.Scalar, error) {
	if _, _, err := f.form(typ, wanted); err != nil {
		return capi.Scalar{}, err
	}
	read, status := capi.Read(&f.v, which, scale)
	if status != capi.OK {
		return capi.Scalar{}, f.fault(Status(status), wanted)
	}
	return read, nil
}

// Interval reads an interval.
func (f Field) Interval() (Interval, error) {
	read, err := f.scalar(oidInterval, capi.AsInterval, 0, "an interval")
	return Interval{int32(read.A), int32(read.B), read.C}, err
}

// TimeTZ reads a time with time zone.
func (f Field) TimeTZ() (TimeTZ, error) {
	read, err := f.scalar(oidTimetz, capi.AsTimetz, 0, "a time with time zone")
	return TimeTZ{time.Duration(read.A) * time.Microsecond, int32(read.B)}, err
}

// Money reads an amount of money in its smallest unit: 1234 for $12.34. How many decimals that has is the server's setting
// lc_monetary, and not in the value.
func (f Field) Money() (int64, error) {
	read, err := f.scalar(oidMoney, capi.AsMoney, 0, "money")
	return read.A, err
}

// Prefix reads an inet or a cidr. The bits of an inet behind its mask stay.
func (f Field) Prefix() (netip.Prefix, error) {
	typ := uint32(oidInet)
	if f.typ == oidCIDR {
		typ = oidCIDR
	}
	read, err := f.scalar(typ, capi.AsInet, 0, "an inet")
	if err != nil {
		return netip.Prefix{}, err
	}
	address := netip.AddrFrom16(read.Address)
	if read.Version == 4 {
		address = netip.AddrFrom4([4]byte(read.Address[:4]))
	}
	return netip.PrefixFrom(address, int(read.Bits)), nil
}

// TID reads a tid.
func (f Field) TID() (TID, error) {
	read, err := f.scalar(oidTID, capi.AsTID, 0, "a tid")
	return TID{uint32(read.A), uint16(read.B)}, err
}

// Point reads a point.
func (f Field) Point() (Point, error) {
	read, err := f.scalar(oidPoint, capi.AsPoint, 0, "a point")
	return Point{read.X, read.Y}, err
}

// LSN reads a pg_lsn.
func (f Field) LSN() (LSN, error) { return lsn(f) }

// Uint64 reads an unsigned integer, as xid8 is, or another integer if it fits.
func (f Field) Uint64() (uint64, error) {
	if f.Kind() == Binary && f.typ == 0 && f.Len() == 8 {
		return binary.BigEndian.Uint64(f.Bytes()), nil
	}
	return unsigned(f)
}

// Numeric reads a numeric as the server writes it, with every digit: "12.50", "NaN", "-Infinity".
func (f Field) Numeric() (string, error) {
	if _, _, err := f.form(oidNumeric, "a numeric"); err != nil {
		return "", err
	}
	text, err := f.Value.As(oidNumeric).Format()
	if err != nil || !isNumeric(text) {
		return "", f.fault(ErrType, "a numeric")
	}
	return text, nil
}

// isNumeric tells whether a text is one that numeric_out writes.
func isNumeric(text string) bool {
	text = strings.TrimPrefix(text, "-")
	if text == "NaN" || text == "Infinity" {
		return true
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (!strings.Contains(text, ".") || digits(fraction))
}

// NumericInt reads a numeric times 10^scale as an integer, exactly: 12.50 at scale 2 is 1250. ErrOutOfRange: digits would be
// lost, it does not fit 128 bits, or it is NaN or an infinity.
func (f Field) NumericInt(scale int32) (*big.Int, error) {
	read, err := f.scalar(oidNumeric, capi.AsInt128, scale, "a 128-bit integer")
	if err != nil {
		return nil, err
	}
	whole := new(big.Int).Lsh(big.NewInt(read.A), 64)
	return whole.Add(whole, new(big.Int).SetUint64(read.Low)), nil
}

// NumericFloat64 reads a numeric as the double that is nearest: digits may be lost. ErrOutOfRange: it is greater than any.
func (f Field) NumericFloat64() (float64, error) {
	read, err := f.scalar(oidNumeric, capi.AsFloat64, 0, "a 64-bit float")
	return read.X, err
}

// Bits reads a bit or bit varying, as a copy.
func (f Field) Bits() (Bits, error) {
	const wanted = "a bit string"
	typ := uint32(oidBit)
	if f.typ == oidVarbit {
		typ = oidVarbit
	}
	b, text, err := f.form(typ, wanted)
	switch {
	case err != nil:
		return Bits{}, err
	case !text:
		if len(b) < 4 {
			return Bits{}, f.fault(ErrType, wanted)
		}
		count := int(int32(binary.BigEndian.Uint32(b)))
		if b = b[4:]; count < 0 || len(b) != (count+7)/8 {
			return Bits{}, f.fault(ErrType, wanted)
		}
		return Bits{append([]byte{}, b...), count}, nil
	}
	bits := Bits{make([]byte, (len(b)+7)/8), len(b)}
	for i, c := range b {
		if c != '0' && c != '1' {
			return Bits{}, f.fault(ErrType, wanted)
		}
		bits.Bytes[i/8] |= (c - '0') << (7 - i%8)
	}
	return bits, nil
}
