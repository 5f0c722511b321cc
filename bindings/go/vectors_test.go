package pgwalstream_test

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	wal "github.com/pgwalstream/pgwalstream/bindings/go"
)

// The vectors that a server made: both forms of a value have the server's text, and Go's own accessors read them alike.
func TestVectorsOfTheServerAreRead(t *testing.T) {
	noLeaks(t)
	file, err := os.ReadFile("../../tests/vectors/values.tsv")
	if err != nil {
		t.Fatal(err)
	}
	vectors, read := 0, 0
	for line := range strings.Lines(string(file)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(parts) != 4 {
			t.Fatal(line)
		}
		oid, err := strconv.ParseUint(parts[1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := hex.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		text, err := hex.DecodeString(parts[3])
		if err != nil {
			t.Fatal(err)
		}
		vectors++
		read += compareForms(t, parts[0], uint32(oid), bytes, text)
	}
	// An accessor that refused both forms would make it less; new vectors make it more.
	if vectors != 584 || read != 169 {
		t.Errorf("%d vectors, %d of which are read", vectors, read)
	}
}

// compareForms makes a row of both forms of a value, and says how many accessors read them.
func compareForms(t *testing.T, name string, oid uint32, bytes, text []byte) int {
	t.Helper()
	decoder, err := wal.NewDecoder(wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	begin := append([]byte("B"), make([]byte, 20)...)
	relation := binary.BigEndian.AppendUint32([]byte("R"), 20000)
	relation = append(relation, "public\x00t\x00d\x00\x02"...)
	for _, column := range []string{"\x00b\x00", "\x00t\x00"} {
		relation = append(relation, column...)
		relation = binary.BigEndian.AppendUint32(relation, oid)
		relation = binary.BigEndian.AppendUint32(relation, math.MaxUint32)
	}
	insert := binary.BigEndian.AppendUint32([]byte("I"), 20000)
	insert = append(insert, "N\x00\x02b"...)
	insert = append(binary.BigEndian.AppendUint32(insert, uint32(len(bytes))), bytes...)
	insert = append(insert, 't')
	insert = append(binary.BigEndian.AppendUint32(insert, uint32(len(text))), text...)
	for _, message := range [][]byte{begin, relation, insert} {
		if err := decoder.Feed(8, message); err != nil {
			t.Fatal(err)
		}
	}
	read := 0
	for event, err := range decoder.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() != wal.KindInsert {
			continue
		}
		row := event.New()
		for i := range 2 {
			if got, err := row.Field(i).Format(); err != nil || got != string(text) {
				t.Errorf("%s, form %d: %q is not %q: %v", name, i, got, text, err)
			}
		}
		first, second := row.Field(0), row.Field(1)
		valuesAreTheTexts(t, name, first, string(text))
		for _, same := range []bool{
			alike(t, name, first.Bool, second.Bool), alike(t, name, first.Int64, second.Int64), alike(t, name, first.Uint32, second.Uint32),
			alike(t, name, first.Date, second.Date), alike(t, name, first.TimeOfDay, second.TimeOfDay), alike(t, name, first.Numeric, second.Numeric),
			alike(t, name, first.Timestamp, second.Timestamp), alike(t, name, first.Timestamptz, second.Timestamptz), alike(t, name, first.UUID, second.UUID),
			alike(t, name, first.Interval, second.Interval), alike(t, name, first.TimeTZ, second.TimeTZ), alike(t, name, first.Prefix, second.Prefix),
			alike(t, name, bits(first.Float64), bits(second.Float64)), alike(t, name, first.TID, second.TID), alike(t, name, first.LSN, second.LSN),
		} {
			if same {
				read++
			}
		}
	}
	return read
}

// valuesAreTheTexts holds what accessors give against the server's text, where that is a number or has one form.
func valuesAreTheTexts(t *testing.T, name string, field wal.Field, text string) {
	t.Helper()
	var got any
	var wanted any
	var err error
	switch name {
	case "int2", "int4", "int8", "oid":
		wanted, _ = strconv.ParseInt(text, 10, 64)
		got, err = field.Int64()
	case "float4", "float8":
		wanted, _ = strconv.ParseFloat(text, map[string]int{"float4": 32, "float8": 64}[name])
		got, err = field.Float64()
	case "bool":
		wanted = text == "t"
		got, err = field.Bool()
	case "numeric":
		wanted = text
		got, err = field.Numeric()
	case "uuid":
		var uuid wal.UUID
		uuid, err = field.UUID()
		wanted, got = text, uuid.String()
	default:
		return
	}
	isNaN := func(value any) bool { number, is := value.(float64); return is && math.IsNaN(number) }
	if err != nil || got != wanted && !(isNaN(got) && isNaN(wanted)) {
		t.Errorf("%s: %v is not %v: %v", name, got, wanted, err)
	}
}

// bits is a double as its bits, of which NaN has one form here.
func bits(read func() (float64, error)) func() (uint64, error) {
	return func() (uint64, error) {
		number, err := read()
		if math.IsNaN(number) {
			number = math.NaN()
		}
		return math.Float64bits(number), err
	}
}

// alike says whether both forms are read, as the same.
func alike[T comparable](t *testing.T, name string, first, second func() (T, error)) bool {
	t.Helper()
	a, failedFirst := first()
	b, failedSecond := second()
	if (failedFirst == nil) != (failedSecond == nil) || a != b {
		t.Errorf("%s: %v, %v in binary is not %v, %v in text", name, a, failedFirst, b, failedSecond)
	}
	return failedFirst == nil
}
