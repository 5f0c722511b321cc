//! Dates, times and timestamps, above all their edges (P19).

use super::*;

const BAD: ReadError = ReadError::Malformed;
const FAR: ReadError = ReadError::OutOfRange;
const HOUR: i64 = 3_600_000_000;

#[test]
fn p19_dates() {
    let cases = [
        ("2000-01-01", Ok(0)),
        ("1999-12-31", Ok(-1)),
        ("2000-02-29", Ok(59)),
        ("2000-03-01", Ok(60)),
        ("1970-01-01", Ok(-10_957)),
        ("2024-02-29", Ok(8_825)),
        ("0001-01-01", Ok(-730_119)),
        ("0001-12-31 BC", Ok(-730_120)),
        ("0001-02-29 BC", Ok(-730_426)),
        ("0005-02-29 BC", Ok(-731_887)),
        ("4714-11-24 BC", Ok(-2_451_545)),
        ("9999-12-31", Ok(2_921_939)),
        ("10000-01-01", Ok(2_921_940)),
        ("294276-12-31", Ok(106_751_982)),
        ("5874897-12-31", Ok(2_145_031_948)),
        ("infinity", Ok(DATE_INFINITY)),
        ("-infinity", Ok(DATE_MINUS_INFINITY)),
        ("4714-11-23 BC", Err(FAR)),
        ("5874898-01-01", Err(FAR)),
        ("9999999-12-31 BC", Err(FAR)),
        ("1900-02-29", Err(BAD)),
        ("0002-02-29 BC", Err(BAD)),
        ("2001-02-29", Err(BAD)),
        ("2001-04-31", Err(BAD)),
        ("2001-00-01", Err(BAD)),
        ("2001-13-01", Err(BAD)),
        ("2001-01-00", Err(BAD)),
        ("2001-01-32", Err(BAD)),
        ("0000-01-01", Err(BAD)),
        ("0000-01-01 BC", Err(BAD)),
        ("999-01-01", Err(BAD)),
        ("12345678-01-01", Err(BAD)),
        ("-2001-01-01", Err(BAD)),
        ("2001-1-1", Err(BAD)),
        ("2001-01-01 AD", Err(BAD)),
        ("2001-01-01BC", Err(BAD)),
        ("2001-01-01 00:00:00", Err(BAD)),
        ("01/02/2001", Err(BAD)),
        ("Infinity", Err(BAD)),
        ("", Err(BAD)),
    ];
    for (said, days) in cases {
        assert_eq!(as_date(text(said, oid::DATE)), days, "{said}");
        if let Ok(days) = days {
            assert_eq!(as_date(binary(&days.to_be_bytes(), oid::DATE)), Ok(days));
        }
    }
    assert_eq!(as_date(binary(&[0; 8], oid::DATE)), Err(BAD));
    assert_eq!(as_date(text("2000-01-01", oid::TIMESTAMP)), Err(ReadError::OtherType));
}

#[test]
fn p19_times() {
    let cases = [
        ("00:00:00", Ok(0)),
        ("24:00:00", Ok(24 * HOUR)),
        ("23:59:59.999999", Ok(24 * HOUR - 1)),
        ("01:02:03.5", Ok(HOUR + 123_500_000)),
        ("00:00:00.000001", Ok(1)),
        ("24:00:00.000001", Err(BAD)),
        ("24:00:01", Err(BAD)),
        ("25:00:00", Err(BAD)),
        ("23:60:00", Err(BAD)),
        ("23:59:60", Err(BAD)),
        ("23:59", Err(BAD)),
        ("23:59:59.", Err(BAD)),
        ("23:59:59.0000001", Err(BAD)),
        ("1:00:00", Err(BAD)),
        ("01:00:00+00", Err(BAD)),
        ("01:00:00 PM", Err(BAD)),
        ("", Err(BAD)),
    ];
    for (said, micros) in cases {
        assert_eq!(as_time(text(said, oid::TIME)), micros, "{said}");
        if let Ok(micros) = micros {
            assert_eq!(as_time(binary(&micros.to_be_bytes(), oid::TIME)), Ok(micros));
        }
    }
    for micros in [-1, 24 * HOUR + 1, i64::MIN, i64::MAX] {
        assert_eq!(as_time(binary(&micros.to_be_bytes(), oid::TIME)), Err(FAR));
    }
}

#[test]
fn p19_times_with_zone() {
    let cases = [
        ("00:00:00+00", Ok((0, 0))),
        ("24:00:00-15:59:59", Ok((24 * HOUR, -57_599))),
        ("24:00:00+15:59:59", Ok((24 * HOUR, 57_599))),
        ("12:00:00.25+05:45", Ok((12 * HOUR + 250_000, 20_700))),
        ("12:00:00-00:44:30", Ok((12 * HOUR, -2_670))),
        ("12:00:00", Err(BAD)),
        ("12:00:00+16", Err(BAD)),
        ("12:00:00+1", Err(BAD)),
        ("12:00:00+01:60", Err(BAD)),
        ("12:00:00+01:00:00:00", Err(BAD)),
        ("12:00:00Z", Err(BAD)),
    ];
    for (said, expected) in cases {
        let expected = expected.map(|(micros, offset)| TimeTz { micros, offset });
        assert_eq!(as_timetz(text(said, oid::TIMETZ)), expected, "{said}");
        if let Ok(TimeTz { micros, offset }) = expected {
            let bytes = [&micros.to_be_bytes()[..], &(-offset).to_be_bytes()].concat();
            assert_eq!(as_timetz(binary(&bytes, oid::TIMETZ)), expected);
        }
    }
    let far = [&0_i64.to_be_bytes()[..], &i32::MIN.to_be_bytes()].concat();
    assert_eq!(as_timetz(binary(&far, oid::TIMETZ)), Err(FAR));
    assert_eq!(as_timetz(binary(&[0; 8], oid::TIMETZ)), Err(BAD));
}

#[test]
fn p19_timestamps() {
    let cases = [
        ("2000-01-01 00:00:00", Ok(0)),
        ("1999-12-31 23:59:59.999999", Ok(-1)),
        ("2024-02-29 12:34:56.789", Ok(762_525_296_789_000)),
        ("294276-12-31 23:59:59.999999", Ok(9_223_371_331_199_999_999)),
        ("4714-11-24 00:00:00 BC", Ok(-211_813_488_000_000_000)),
        ("infinity", Ok(TIMESTAMP_INFINITY)),
        ("-infinity", Ok(TIMESTAMP_MINUS_INFINITY)),
        ("294277-01-01 00:00:00", Err(FAR)),
        ("4714-11-23 23:59:59.999999 BC", Err(FAR)),
        ("5874897-12-31 00:00:00", Err(FAR)),
        ("2000-01-01 24:00:00", Err(BAD)),
        ("2000-01-01 00:00:60", Err(BAD)),
        ("2000-01-01", Err(BAD)),
        ("2000-01-01T00:00:00", Err(BAD)),
        ("2000-01-01 00:00:00+00", Err(BAD)),
        ("2000-01-01 00:00:00 UTC", Err(BAD)),
    ];
    for (said, micros) in cases {
        assert_eq!(as_timestamp(text(said, oid::TIMESTAMP)), micros, "{said}");
        if let Ok(micros) = micros {
            assert_eq!(as_timestamp(binary(&micros.to_be_bytes(), oid::TIMESTAMP)), Ok(micros));
            let zoned = if said.contains('y') {
                said.to_owned()
            } else if let Some(said) = said.strip_suffix(" BC") {
                format!("{said}+00 BC")
            } else {
                format!("{said}+00")
            };
            assert_eq!(as_timestamptz(text(&zoned, oid::TIMESTAMPTZ)), Ok(micros), "{zoned}");
            assert_eq!(as_timestamptz(binary(&micros.to_be_bytes(), oid::TIMESTAMPTZ)), Ok(micros));
        }
    }
    assert_eq!(as_timestamp(binary(&[0; 4], oid::TIMESTAMP)), Err(BAD));
    assert_eq!(as_timestamp(text("2000-01-01 00:00:00", oid::TIMESTAMPTZ)), Err(ReadError::OtherType));
}

#[test]
fn p19_offsets() {
    let cases = [
        ("2000-01-01 00:00:00+01", Ok(-HOUR)),
        ("1999-12-31 14:30:00-09:30", Ok(0)),
        ("1891-01-01 00:00:00+00:09:21", Ok(-3_439_670_400_000_000 - 561_000_000)),
        ("2000-01-01 00:00:00-15:59:59", Ok(57_599_000_000)),
        ("294277-01-01 00:59:59.999999+01", Ok(9_223_371_331_199_999_999)),
        ("294276-12-31 23:59:59.999999-00:00:01", Err(FAR)),
        ("4714-11-23 23:00:00-01 BC", Ok(-211_813_488_000_000_000)),
        ("2000-01-01 00:00:00", Err(BAD)),
        ("2000-01-01 00:00:00 BC+00", Err(BAD)),
        ("2000-01-01 00:00:00+24", Err(BAD)),
    ];
    for (said, micros) in cases {
        assert_eq!(as_timestamptz(text(said, oid::TIMESTAMPTZ)), micros, "{said}");
    }
}

/// The civil date of a day, by counting: as slow as it is plain.
#[test]
fn every_day_of_five_centuries() {
    let (mut year, mut month, mut day) = (1700, 1, 1);
    let first = as_date(text("1700-01-01", oid::DATE)).unwrap();
    for days in first..first + 500 * 365 {
        assert_eq!(as_date(text(&format!("{year:04}-{month:02}-{day:02}"), oid::DATE)), Ok(days));
        day += 1;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = [31, 28 + i32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
        if day > length {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
}
