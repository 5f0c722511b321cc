//go:build pgwalstream_reference

package pgwalstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Go's accessors are held against the library's, over every type that either knows and values of all sorts: those that
// PostgreSQL writes, those with something wrong, and noise.
func TestTheAccessorsAreTheLibrarys(t *testing.T) {
	types := []uint32{
		0, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 114, 142, 600, 700, 701, 705, 790, 869, 1007, 1042, 1043, 1082,
		1083, 1114, 1184, 1186, 1266, 1560, 1700, 1790, 2950, 3220, 3802, 4072, 5069, 16385,
	}
	texts := []string{
		"", "t", "f", "true", "0", "-0", "1", "-1", "32767", "32768", "-32768", "-32769", "2147483647", "2147483648",
		"-2147483648", "-2147483649", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "99999999999999999999",
		"00", "+1", " 1", "1 ", "1_0", "0x10", "0x1p4", "1.5", "0.1", "-0.1", "1e10", "1E10", "1e400", "1e-400", "1e39", "1e-46",
		"16777217", "9007199254740993", "NaN", "nan", "Infinity", "-Infinity", "inf", "infinity", "-infinity", ".5", "5.", "1e",
		"0e0", "0.0e5", "2000-01-01", "1999-12-31", "0001-01-01 BC", "4714-11-24 BC", "4714-11-23 BC", "5874897-12-31",
		"5874898-01-01", "2024-02-29", "2023-02-29", "2100-02-29", "2000-02-29", "0000-01-01", "20000-01-01", "2000-1-1",
		"2000-13-01", "2000-00-10", "12:34:56", "12:34:56.789", "12:34:56.1234567", "24:00:00", "24:00:01", "12:60:00", "12:34:60",
		"12:34:56.", "2000-01-01 00:00:00", "2000-01-01 00:00:00.5", "2000-01-01 24:00:00", "294276-12-31 23:59:59.999999",
		"294277-01-01 00:00:00", "4714-11-24 00:00:00 BC", "4714-11-23 23:59:59 BC", "2000-01-01 00:00:00+00",
		"2000-01-01 00:00:00+05:30", "2000-01-01 00:00:00-12:34:56", "2000-01-01 00:00:00+16", "2000-01-01 00:00:00.25+01 BC",
		"9999999-12-31 00:00:00", "2000-01-01 00:00:00+1", `\x`, `\x00ff`, `\xFFa0`, `\x0`, `\xzz`, `abc\\d\001`, `\400`, `\9`, `a\`,
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc999c0b4ef8bb6d6bb9bd380a11",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g", "\xff\xfe", "a\x00b", "\x01{}", "\x02{}",
	}
	var values [][]byte
	for _, text := range texts {
		values = append(values, []byte(text))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		b := make([]byte, []int{0, 1, 2, 3, 4, 4, 7, 8, 8, 12, 16}[random.IntN(11)])
		for i := range b {
			b[i] = byte(random.Uint32()) & byte([]int{0xff, 0x7f, 0x01, 0x00}[random.IntN(4)])
		}
		values = append(values, b)
	}
	for range 400 {
		text := []byte(texts[random.IntN(len(texts))])
		if len(text) > 0 {
			text[random.IntN(len(text))] = "0123456789-:. eE+\\x"[random.IntN(19)]
		}
		values = append(values, text)
	}

	decoder, err := NewDecoder(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	feed := func(message []byte) {
		t.Helper()
		if err := decoder.Feed(1, message); err != nil {
			t.Fatal(err)
		}
	}
	begin := binary.BigEndian.AppendUint64([]byte("B"), 1000)
	feed(append(begin, make([]byte, 12)...))
	relation := binary.BigEndian.AppendUint32([]byte("R"), 20000)
	relation = append(relation, "public\x00t\x00d"...)
	relation = binary.BigEndian.AppendUint16(relation, uint16(len(types)))
	for i, typ := range types {
		relation = append(relation, 0)
		relation = fmt.Appendf(relation, "c%d\x00", i)
		relation = binary.BigEndian.AppendUint32(relation, typ)
		relation = binary.BigEndian.AppendUint32(relation, math.MaxUint32)
	}
	feed(relation)
	compared, differ := 0, 0
	for _, value := range values {
		for _, kind := range "tbnu" {
			insert := binary.BigEndian.AppendUint32([]byte("I"), 20000)
			insert = append(insert, 'N')
			insert = binary.BigEndian.AppendUint16(insert, uint16(len(types)))
			for range types {
				insert = append(insert, byte(kind))
				if kind == 't' || kind == 'b' {
					insert = binary.BigEndian.AppendUint32(insert, uint32(len(value)))
					insert = append(insert, value...)
				}
			}
			if err := decoder.Feed(1, insert); err != nil {
				continue // "u" has no place in an insert, if the library says so
			}
			for event, err := range decoder.Events() {
				if err != nil {
					t.Fatal(err)
				}
				for i := range event.New().Len() {
					want := event.raw.Reference(i)
					got := accessors(event.New().Field(i))
					for name := range want {
						compared++
						if got[name] != want[name] {
							if differ++; differ < 20 {
								t.Errorf("%s of %q (%c) of type %d: %s, not %s", name, value, kind, types[i], got[name], want[name])
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d results compared", compared)
	if compared < 100000 {
		t.Error("that is too few")
	}
}

// accessors are the results of all of Go's, written as capi.Event.Reference does.
func accessors(f Field) map[string]string {
	results := map[string]string{}
	add := func(name string, result any, err error) {
		results[name] = fmt.Sprint(result)
		for _, status := range []Status{ErrNoValue, ErrType, ErrOutOfRange} {
			if errors.Is(err, status) {
				results[name] = status.String()
			}
		}
	}
	truth, err := f.Bool()
	add("bool", truth, err)
	short, err := f.Int16()
	add("int16", short, err)
	middle, err := f.Int32()
	add("int32", middle, err)
	long, err := f.Int64()
	add("int64", long, err)
	oid, err := f.Uint32()
	add("uint32", oid, err)
	single, err := f.Float32()
	add("float32", math.Float32bits(single), err)
	double, err := f.Float64()
	add("float64", math.Float64bits(double), err)
	date, err := f.Date()
	add("date", int32(date), err)
	clock, err := f.TimeOfDay()
	add("time", clock.Microseconds(), err)
	stamp, err := f.Timestamp()
	add("timestamp", int64(stamp), err)
	stamp, err = f.Timestamptz()
	add("timestamptz", int64(stamp), err)
	text, err := f.TextBytes()
	add("text", text, err)
	bytea, err := f.Bytea()
	add("bytea", bytea, err)
	uuid, err := f.UUID()
	add("uuid", [16]byte(uuid), err)
	return results
}
