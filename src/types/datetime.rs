//! Dates, times and timestamps in PostgreSQL's own units and range: days and microseconds since 2000-01-01, with both
//! infinities. It must never clip what is outside another language's range (P19).

use super::calendar::{DAY, Scanner};
use super::field::{Field, Form, Read, ReadError, exactly};
use super::oid;

/// The date `infinity`.
pub const DATE_INFINITY: i32 = i32::MAX;
/// The date `-infinity`.
pub const DATE_MINUS_INFINITY: i32 = i32::MIN;
/// The timestamp `infinity`.
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
/// The timestamp `-infinity`.
pub const TIMESTAMP_MINUS_INFINITY: i64 = i64::MIN;

/// A time of day at an offset from Greenwich.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeTz {
    /// Microseconds since midnight, there.
    pub micros: i64,
    /// Seconds east of Greenwich. (PostgreSQL's binary form counts them west.)
    pub offset: i32,
}

/// A date: days since 2000-01-01.
pub fn as_date(field: Field<'_>) -> Read<i32> {
    let text = match field.of_types(&[oid::DATE])? {
        Form::Binary(bytes) => return Ok(i32::from_be_bytes(exactly(bytes)?)),
        Form::Text(b"infinity") => return Ok(DATE_INFINITY),
        Form::Text(b"-infinity") => return Ok(DATE_MINUS_INFINITY),
        Form::Text(text) => text,
    };
    let mut scanner = Scanner(text);
    let days = scanner.civil().zip(scanner.era()).and_then(|(date, era)| date.days(era));
    let days = days.ok_or(ReadError::Malformed)?;
    // 4714-11-24 BC, which is Julian day 0, to the end of 5874897 (IS_VALID_DATE).
    if !(-2_451_545..2_145_031_949).contains(&days) {
        return Err(ReadError::OutOfRange);
    }
    i32::try_from(days).map_err(|_| ReadError::OutOfRange)
}

/// A time without time zone: microseconds since midnight, 24:00:00 included.
pub fn as_time(field: Field<'_>) -> Read<i64> {
    match field.of_types(&[oid::TIME])? {
        Form::Binary(bytes) => time_of_day(i64::from_be_bytes(exactly(bytes)?)),
        Form::Text(text) => {
            let mut scanner = Scanner(text);
            let micros = scanner.time().ok_or(ReadError::Malformed)?;
            if scanner.0.is_empty() { Ok(micros) } else { Err(ReadError::Malformed) }
        }
    }
}

/// A time with time zone.
pub fn as_timetz(field: Field<'_>) -> Read<TimeTz> {
    match field.of_types(&[oid::TIMETZ])? {
        Form::Binary(bytes) => {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = exactly(bytes)?;
            let micros = time_of_day(i64::from_be_bytes([a, b, c, d, e, f, g, h]))?;
            let west = i32::from_be_bytes([i, j, k, l]);
            let offset = west.checked_neg().filter(|offset| offset.unsigned_abs() < 16 * 3600);
            Ok(TimeTz { micros, offset: offset.ok_or(ReadError::OutOfRange)? })
        }
        Form::Text(text) => {
            let mut scanner = Scanner(text);
            let (micros, zone) = scanner.time().zip(scanner.zone()).ok_or(ReadError::Malformed)?;
            let offset = i32::try_from(zone).map_err(|_| ReadError::OutOfRange)?;
            if scanner.0.is_empty() { Ok(TimeTz { micros, offset }) } else { Err(ReadError::Malformed) }
        }
    }
}

/// A timestamp without time zone: microseconds since 2000-01-01 00:00:00.
pub fn as_timestamp(field: Field<'_>) -> Read<i64> {
    match field.of_types(&[oid::TIMESTAMP])? {
        Form::Binary(bytes) => Ok(i64::from_be_bytes(exactly(bytes)?)),
        Form::Text(text) => timestamp_text(text, Zone::None),
    }
}

/// A timestamp with time zone: microseconds since 2000-01-01 00:00:00 UTC, whatever offset its text has.
pub fn as_timestamptz(field: Field<'_>) -> Read<i64> {
    match field.of_types(&[oid::TIMESTAMPTZ])? {
        Form::Binary(bytes) => Ok(i64::from_be_bytes(exactly(bytes)?)),
        Form::Text(text) => timestamp_text(text, Zone::Offset),
    }
}

/// What stands behind the time in a timestamp's text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    None,
    Offset,
}

/// What EncodeDateTime writes with DateStyle ISO: date, time, offset, era.
fn timestamp_text(text: &[u8], zone: Zone) -> Read<i64> {
    match text {
        b"infinity" => return Ok(TIMESTAMP_INFINITY),
        b"-infinity" => return Ok(TIMESTAMP_MINUS_INFINITY),
        _ => {}
    }
    let parse = || {
        let mut scanner = Scanner(text);
        let date = scanner.civil()?;
        scanner.skip(b' ')?;
        let time = scanner.time().filter(|micros| *micros < DAY)?;
        let offset = if zone == Zone::Offset { scanner.zone()? } else { 0 };
        Some((date.days(scanner.era()?)?, time - offset * 1_000_000))
    };
    let (days, micros) = parse().ok_or(ReadError::Malformed)?;
    let timestamp = days.checked_mul(DAY).and_then(|day| day.checked_add(micros));
    // MIN_TIMESTAMP and END_TIMESTAMP: 4714-11-24 BC to the end of 294276.
    let valid = -211_813_488_000_000_000..9_223_371_331_200_000_000;
    timestamp.filter(|timestamp| valid.contains(timestamp)).ok_or(ReadError::OutOfRange)
}

fn time_of_day(micros: i64) -> Read<i64> {
    if (0..=DAY).contains(&micros) { Ok(micros) } else { Err(ReadError::OutOfRange) }
}
