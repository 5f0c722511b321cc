//! Values as text where the text of the server is not there, because it sent binary, or is not what others read. Written to
//! where the caller says; it must never lose a digit.

use std::fmt::{self, Write};

use super::calendar::{DAY, year_month_day};
use super::field::{Field, Read, ReadError};
use super::{
    DATE_INFINITY, DATE_MINUS_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, as_date, as_time,
    as_timestamp, as_timestamptz, as_timetz, oid,
};

/// How dates and times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As RFC 3339 and ISO 8601 have it, which has no infinity and the years 1 to 9999 only: `2026-02-28T12:34:56.5Z`.
    Rfc3339,
    /// As Java's formatters have ISO 8601, which has no infinity: `2026-02-28T12:34:56.5Z`, and other years with a sign, where
    /// `-0043` is 44 BC. With so many digits behind the second.
    Java(u8),
    /// As PostgreSQL does with DateStyle ISO: `2026-02-28 12:34:56.5+00`.
    Postgres,
    /// As PostgreSQL does in JSON (JsonEncodeDateTime): `2026-02-28T12:34:56.5+00:00`.
    Json,
}

/// Whether `write_time` is for values of a type.
pub fn is_time(type_oid: u32) -> bool {
    matches!(type_oid, oid::DATE | oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ)
}

/// Writes a date, time or timestamp. OutOfRange: the style has no way to say it.
pub fn write_time(field: Field<'_>, style: Style, out: &mut impl Write) -> Read<()> {
    // Writing fails only where the caller's `out` does.
    let written = match field.type_oid {
        oid::DATE => match as_date(field)? {
            DATE_INFINITY => write_infinity(style, "infinity", out)?,
            DATE_MINUS_INFINITY => write_infinity(style, "-infinity", out)?,
            days => write_moment(days.into(), None, "", style, out)?,
        },
        oid::TIME => write_clock(as_time(field)?, out),
        oid::TIMETZ => {
            let time = as_timetz(field)?;
            write_clock(time.micros, out).and_then(|()| write_offset(time.offset, out))
        }
        oid::TIMESTAMP => write_timestamp(as_timestamp(field)?, "", style, out)?,
        oid::TIMESTAMPTZ => {
            let zone = match style {
                Style::Rfc3339 | Style::Java(_) => "Z",
                Style::Postgres => "+00",
                Style::Json => "+00:00",
            };
            write_timestamp(as_timestamptz(field)?, zone, style, out)?
        }
        _ => return Err(ReadError::OtherType),
    };
    written.map_err(|_| ReadError::OutOfRange)
}

fn write_infinity(style: Style, word: &str, out: &mut impl Write) -> Read<fmt::Result> {
    if matches!(style, Style::Rfc3339 | Style::Java(_)) {
        Err(ReadError::OutOfRange)
    } else {
        Ok(out.write_str(word))
    }
}

fn write_timestamp(micros: i64, zone: &str, style: Style, out: &mut impl Write) -> Read<fmt::Result> {
    match micros {
        TIMESTAMP_INFINITY => write_infinity(style, "infinity", out),
        TIMESTAMP_MINUS_INFINITY => write_infinity(style, "-infinity", out),
        _ => write_moment(micros.div_euclid(DAY), Some(micros.rem_euclid(DAY)), zone, style, out),
    }
}

fn write_moment(
    days: i64,
    clock: Option<i64>,
    zone: &str,
    style: Style,
    out: &mut impl Write,
) -> Read<fmt::Result> {
    let (year, month, day) = year_month_day(days);
    if style == Style::Rfc3339 && !(1..=9999).contains(&year) {
        return Err(ReadError::OutOfRange);
    }
    let mut write = || {
        let (shown, era) = match style {
            Style::Java(_) if year < 0 => {
                out.write_char('-')?;
                (-year, "")
            }
            Style::Java(_) => {
                out.write_str(if year > 9999 { "+" } else { "" })?;
                (year, "")
            }
            _ if year > 0 => (year, ""),
            _ => (1 - year, " BC"),
        };
        if shown < 10_000 {
            let ([a, b, c, d], [e, f], [g, h]) = (digits(shown), digits(month), digits(day));
            out.write_str(ascii(&[a, b, c, d, b'-', e, f, b'-', g, h]))?;
        } else {
            write!(out, "{shown}-{month:02}-{day:02}")?;
        }
        if let Some(clock) = clock {
            out.write_char(if style == Style::Postgres { ' ' } else { 'T' })?;
            match style {
                Style::Java(digits) => write_clock_with(clock, digits.into(), out)?,
                _ => write_clock(clock, out)?,
            }
        }
        out.write_str(zone)?;
        out.write_str(era)
    };
    Ok(write())
}

/// `HH:MM:SS` and what the fraction needs.
fn write_clock(micros: i64, out: &mut impl Write) -> fmt::Result {
    let fraction = digits::<6>(micros % 1_000_000);
    let needed = 6 - fraction.iter().rev().take_while(|digit| **digit == b'0').count();
    write_clock_with(micros, needed, out)
}

/// `HH:MM:SS` and so many digits of the fraction.
fn write_clock_with(micros: i64, behind: usize, out: &mut impl Write) -> fmt::Result {
    let (seconds, fraction) = (micros / 1_000_000, digits::<6>(micros % 1_000_000));
    let ([a, b], [c, d], [e, f]) = (digits(seconds / 3600), digits(seconds / 60 % 60), digits(seconds % 60));
    out.write_str(ascii(&[a, b, b':', c, d, b':', e, f]))?;
    if behind == 0 {
        return Ok(());
    }
    out.write_char('.')?;
    out.write_str(ascii(fraction.get(..behind).unwrap_or(&fraction)))
}

/// The last digits of a number that is not negative, with zeros in front. `write!` takes several times as long.
fn digits<const N: usize>(number: i64) -> [u8; N] {
    let (mut text, mut rest) = ([b'0'; N], number);
    for digit in text.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    text
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// `±HH`, with minutes and seconds where there are any.
fn write_offset(offset: i32, out: &mut impl Write) -> fmt::Result {
    let (sign, distance) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    write!(out, "{sign}{:02}", distance / 3600)?;
    if distance % 3600 != 0 {
        write!(out, ":{:02}", distance / 60 % 60)?;
    }
    if distance % 60 != 0 {
        write!(out, ":{:02}", distance % 60)?;
    }
    Ok(())
}
