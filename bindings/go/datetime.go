package pgwalstream

import (
	"encoding/binary"
	"math"
	"time"
)

// A Timestamp is PostgreSQL's: microseconds since 2000-01-01 00:00:00, in UTC where it is one with time zone. It has a
// range that time.Time's text forms lack, and two infinities.
type Timestamp int64

// A Date is PostgreSQL's: days since 2000-01-01, with two infinities.
type Date int32

// The infinities.
const (
	TimestampInfinity      Timestamp = math.MaxInt64
	TimestampMinusInfinity Timestamp = math.MinInt64
	DateInfinity           Date      = math.MaxInt32
	DateMinusInfinity      Date      = math.MinInt32
)

// epoch is 2000-01-01 00:00:00 UTC in seconds since 1970.
const epoch = 946684800

const (
	secondMicros = 1_000_000
	dayMicros    = 86_400 * secondMicros
)

// IsInfinite says whether it is one of the infinities, which no time.Time is.
func (t Timestamp) IsInfinite() bool { return t == TimestampInfinity || t == TimestampMinusInfinity }

// Time is the same in UTC. It means nothing for an infinity.
func (t Timestamp) Time() time.Time {
	seconds := floorDiv(int64(t), secondMicros)
	return time.Unix(epoch+seconds, (int64(t)-seconds*secondMicros)*1000).UTC()
}

// IsInfinite says whether it is one of the infinities, which no time.Time is.
func (d Date) IsInfinite() bool { return d == DateInfinity || d == DateMinusInfinity }

// Time is the date's midnight in UTC. It means nothing for an infinity.
func (d Date) Time() time.Time { return time.Unix(epoch+int64(d)*86400, 0).UTC() }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Date reads a date.
func (f Field) Date() (Date, error) {
	const wanted = "a date"
	b, text, err := f.form(oidDate, wanted)
	switch {
	case err != nil:
		return 0, err
	case !text && len(b) == 4:
		return Date(binary.BigEndian.Uint32(b)), nil
	case !text:
		return 0, f.fault(ErrType, wanted)
	case string(b) == "infinity":
		return DateInfinity, nil
	case string(b) == "-infinity":
		return DateMinusInfinity, nil
	}
	s := scanner{b}
	days, ok := s.date(nil)
	if !ok {
		return 0, f.fault(ErrType, wanted)
	}
	// 4714-11-24 BC, which is Julian day 0, to the end of 5874897 (IS_VALID_DATE).
	if days < -2_451_545 || days >= 2_145_031_949 {
		return 0, f.fault(ErrOutOfRange, wanted)
	}
	return Date(days), nil
}

// TimeOfDay reads a time without time zone, as what has passed since midnight; 24:00:00 included.
func (f Field) TimeOfDay() (time.Duration, error) {
	const wanted = "a time"
	b, text, err := f.form(oidTime, wanted)
	switch {
	case err != nil:
		return 0, err
	case text:
		s := scanner{b}
		micros, ok := s.time()
		if !ok || len(s.rest) > 0 {
			return 0, f.fault(ErrType, wanted)
		}
		return time.Duration(micros) * time.Microsecond, nil
	case len(b) == 8:
		micros := int64(binary.BigEndian.Uint64(b))
		if micros < 0 || micros > dayMicros {
			return 0, f.fault(ErrOutOfRange, wanted)
		}
		return time.Duration(micros) * time.Microsecond, nil
	}
	return 0, f.fault(ErrType, wanted)
}

// Timestamp reads a timestamp without time zone.
func (f Field) Timestamp() (Timestamp, error) { return f.timestamp(oidTimestamp, false, "a timestamp") }

// Timestamptz reads a timestamp with time zone.
func (f Field) Timestamptz() (Timestamp, error) {
	return f.timestamp(oidTimestamptz, true, "a timestamp with time zone")
}

// Time reads a timestamp with time zone, one without as if it were UTC, or a date as its midnight in UTC. An infinity
// is ErrOutOfRange. Of types that are not PostgreSQL's own it takes a timestamp with time zone.
func (f Field) Time() (time.Time, error) {
	var infinite bool
	var at time.Time
	var err error
	switch f.typ {
	case oidDate:
		var d Date
		d, err = f.Date()
		infinite, at = d.IsInfinite(), d.Time()
	case oidTimestamp:
		var t Timestamp
		t, err = f.Timestamp()
		infinite, at = t.IsInfinite(), t.Time()
	default:
		var t Timestamp
		t, err = f.Timestamptz()
		infinite, at = t.IsInfinite(), t.Time()
	}
	switch {
	case err != nil:
		return time.Time{}, err
	case infinite:
		return time.Time{}, f.fault(ErrOutOfRange, "a time.Time")
	}
	return at, nil
}

func (f Field) timestamp(typ uint32, zoned bool, wanted string) (Timestamp, error) {
	b, text, err := f.form(typ, wanted)
	switch {
	case err != nil:
		return 0, err
	case !text && len(b) == 8:
		return Timestamp(binary.BigEndian.Uint64(b)), nil
	case !text:
		return 0, f.fault(ErrType, wanted)
	case string(b) == "infinity":
		return TimestampInfinity, nil
	case string(b) == "-infinity":
		return TimestampMinusInfinity, nil
	}
	s := scanner{b}
	var micros int64
	days, ok := s.date(func() (ok bool) {
		if !s.skip(' ') {
			return false
		}
		if micros, ok = s.time(); !ok || micros >= dayMicros {
			return false
		}
		if zoned {
			var east int64
			east, ok = s.zone()
			micros -= east * secondMicros
		}
		return ok
	})
	if !ok {
		return 0, f.fault(ErrType, wanted)
	}
	// MIN_TIMESTAMP and END_TIMESTAMP: 4714-11-24 BC to the end of 294276. No year of seven digits overflows before.
	if days < -106_751_991 || days > 106_751_991 {
		return 0, f.fault(ErrOutOfRange, wanted)
	}
	at := days*dayMicros + micros
	if at < -211_813_488_000_000_000 || at >= 9_223_371_331_200_000_000 {
		return 0, f.fault(ErrOutOfRange, wanted)
	}
	return Timestamp(at), nil
}

// A scanner reads the parts of a date and time off the front of a text.
type scanner struct{ rest []byte }

// date is YYYY-MM-DD, what between reads, and the era: days since 2000-01-01.
func (s *scanner) date(between func() bool) (int64, bool) {
	year, ok1 := s.number(4, 7)
	ok2 := s.skip('-')
	month, ok3 := s.number(2, 2)
	ok4 := s.skip('-')
	day, ok5 := s.number(2, 2)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || between != nil && !between() {
		return 0, false
	}
	positive := year > 0
	switch string(s.rest) {
	case "":
	case " BC":
		year = 1 - year
	default:
		return 0, false
	}
	if !positive || month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month) {
		return 0, false
	}
	// Counted from March on, so that the leap day is the last of its year.
	if month > 2 {
		month -= 3
	} else {
		year, month = year-1, month+9
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*month+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	// 730425 days lie between 0000-03-01 and 2000-01-01.
	return era*146_097 + dayOfEra - 730_425, true
}

func daysOfMonth(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// time is HH:MM:SS with up to six digits of a fraction, as microseconds; at most 24:00:00, and no second 60.
func (s *scanner) time() (int64, bool) {
	hour, ok1 := s.number(2, 2)
	ok2 := s.skip(':')
	minute, ok3 := s.number(2, 2)
	ok4 := s.skip(':')
	second, ok5 := s.number(2, 2)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return 0, false
	}
	var fraction int64
	if s.skip('.') {
		before := len(s.rest)
		n, ok := s.number(1, 6)
		if !ok {
			return 0, false
		}
		for digits := before - len(s.rest); digits < 6; digits++ {
			n *= 10
		}
		fraction = n
	}
	micros := ((hour*60+minute)*60+second)*secondMicros + fraction
	return micros, minute < 60 && second < 60 && micros <= dayMicros
}

// zone is ±HH, ±HH:MM or ±HH:MM:SS as seconds east of Greenwich, less than 16 hours (MAX_TZDISP_HOUR).
func (s *scanner) zone() (int64, bool) {
	sign := int64(1)
	if !s.skip('+') {
		if !s.skip('-') {
			return 0, false
		}
		sign = -1
	}
	hour, ok := s.number(2, 2)
	var minute, second int64
	if ok && s.skip(':') {
		minute, ok = s.number(2, 2)
	}
	if ok && s.skip(':') {
		second, ok = s.number(2, 2)
	}
	return sign * ((hour*60+minute)*60 + second), ok && hour < 16 && minute < 60 && second < 60
}

func (s *scanner) skip(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// number is one of so many digits.
func (s *scanner) number(least, most int) (n int64, ok bool) {
	count := 0
	for count < most && count < len(s.rest) && s.rest[count]-'0' <= 9 {
		n = n*10 + int64(s.rest[count]-'0')
		count++
	}
	s.rest = s.rest[count:]
	return n, count >= least
}
