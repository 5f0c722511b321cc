//! Types that no number and no text says: intervals, networks, bit strings, points and the like, from text and binary alike. It
//! must never fold the parts of a value into one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::calendar::{DAY, Scanner};
use super::cursor::Cursor;
use super::field::{Field, Form, Read, ReadError, exactly};
use super::format::Network;
use super::number::{float_text, integer_text};
use super::oid;
use crate::lsn::Lsn;

/// Three numbers that are no one number: a month has no fixed days, and a day no fixed hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Months; all three are at their highest for infinity, at their lowest for minus infinity (17).
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// An address with its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// How many bits of it are the network's.
    pub bits: u8,
    /// Whether the type is cidr, whose address has no bits behind those.
    pub is_cidr: bool,
}

/// An interval.
pub fn as_interval(field: Field<'_>) -> Read<Interval> {
    let text = match field.of_types(&[oid::INTERVAL])? {
        Form::Binary(bytes) => {
            let mut cursor = Cursor(bytes);
            let (micros, days, months) = (cursor.i64()?, cursor.i32()?, cursor.i32()?);
            cursor.end()?;
            return Ok(Interval { months, days, micros });
        }
        Form::Text(text) => text,
    };
    match text {
        b"infinity" => return Ok(Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX }),
        b"-infinity" => return Ok(Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN }),
        _ => {}
    }
    let (mut months, mut days, mut micros) = (0_i128, 0_i128, 0_i128);
    let mut words = text.split(|byte| *byte == b' ');
    while let Some(word) = words.next() {
        if word.contains(&b':') {
            micros = clock(word)?;
            // It comes last.
            break;
        }
        let count = integer_text(word.strip_prefix(b"+").unwrap_or(word))?;
        match words.next() {
            Some(b"year" | b"years") => months += count * 12,
            Some(b"mon" | b"mons") => months += count,
            Some(b"day" | b"days") => days = count,
            _ => return Err(ReadError::Malformed),
        }
    }
    if words.next().is_some() {
        return Err(ReadError::Malformed);
    }
    let too_much = |_| ReadError::OutOfRange;
    Ok(Interval {
        months: months.try_into().map_err(too_much)?,
        days: days.try_into().map_err(too_much)?,
        micros: i64::try_from(micros).map_err(too_much)?,
    })
}

/// `[+-]HH:MM:SS[.ffffff]` with any number of hours, as microseconds.
fn clock(word: &[u8]) -> Read<i128> {
    let (sign, rest) = match word {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let colon = rest.iter().position(|byte| *byte == b':').ok_or(ReadError::Malformed)?;
    let (hours, behind) = rest.split_at_checked(colon).ok_or(ReadError::Malformed)?;
    let hours = match hours {
        [b'-', ..] => return Err(ReadError::Malformed),
        hours => integer_text(hours)?,
    };
    // The rest as a time of day: minutes and seconds are below 60.
    let mut time = *b"00:00:00.000000";
    let time = time
        .get_mut(2..2 + behind.len())
        .ok_or(ReadError::Malformed)
        .map(|room| {
            room.copy_from_slice(behind);
            2 + behind.len()
        })
        .and_then(|length| time.get(..length).ok_or(ReadError::Malformed))?;
    let mut scanner = Scanner(time);
    let micros = scanner.time().filter(|_| scanner.0.is_empty()).ok_or(ReadError::Malformed)?;
    Ok(sign * (hours * (i128::from(DAY) / 24) + i128::from(micros)))
}

/// An amount of money in its smallest unit. How many decimals that has is the server's setting lc_monetary, and not in the value.
pub fn as_money(field: Field<'_>) -> Read<i64> {
    let text = match field.of_types(&[oid::MONEY])? {
        Form::Binary(bytes) => return Ok(i64::from_be_bytes(exactly(bytes)?)),
        Form::Text(text) => text,
    };
    let is_negative = text.iter().any(|byte| matches!(byte, b'-' | b'('));
    let mut units = None;
    for digit in text.iter().filter(|byte| byte.is_ascii_digit()) {
        let before: i64 = units.unwrap_or(0);
        let digit = i64::from(digit - b'0');
        // Downwards, for the lowest is further away than the highest.
        let more = before.checked_mul(10).and_then(|sum| sum.checked_sub(digit));
        units = Some(more.ok_or(ReadError::OutOfRange)?);
    }
    let units = units.ok_or(ReadError::Malformed)?;
    if is_negative { Ok(units) } else { units.checked_neg().ok_or(ReadError::OutOfRange) }
}

/// An inet or a cidr.
pub fn as_inet(field: Field<'_>) -> Read<Inet> {
    let text = match field.of_types(&[oid::INET, oid::CIDR])? {
        Form::Binary(bytes) => {
            let it = Network::of(bytes)?;
            let address = match <[u8; 4]>::try_from(it.address) {
                Ok(address) => Ipv4Addr::from(address).into(),
                Err(_) => Ipv6Addr::from(exactly::<16>(it.address)?).into(),
            };
            return Ok(Inet { address, bits: it.bits, is_cidr: it.is_cidr });
        }
        Form::Text(text) => std::str::from_utf8(text).map_err(|_| ReadError::Malformed)?,
    };
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| ReadError::Malformed)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), |bits| integer_text(bits.as_bytes()))?;
    let bits =
        u8::try_from(bits).ok().filter(|bits| i128::from(*bits) <= most).ok_or(ReadError::Malformed)?;
    Ok(Inet { address, bits, is_cidr: field.type_oid == oid::CIDR })
}

/// A bit or bit varying: how many bits it has. Its bytes, the first bit in the highest place, go to the front of `out` if they
/// fit; else nothing is written.
pub fn as_bits(field: Field<'_>, out: &mut [u8]) -> Read<usize> {
    match field.of_types(&[oid::BIT, oid::VARBIT])? {
        Form::Binary(bytes) => {
            let mut cursor = Cursor(bytes);
            let count = usize::try_from(cursor.i32()?).map_err(|_| ReadError::Malformed)?;
            if cursor.0.len() != count.div_ceil(8) {
                return Err(ReadError::Malformed);
            }
            if let Some(out) = out.get_mut(..cursor.0.len()) {
                out.copy_from_slice(cursor.0);
            }
            Ok(count)
        }
        Form::Text(text) => {
            if !text.iter().all(|byte| matches!(byte, b'0' | b'1')) {
                return Err(ReadError::Malformed);
            }
            if let Some(out) = out.get_mut(..text.len().div_ceil(8)) {
                for (byte, bits) in out.iter_mut().zip(text.chunks(8)) {
                    *byte = bits
                        .iter()
                        .zip((0..8).rev())
                        .fold(0, |sum, (bit, place)| sum | (bit - b'0') << place);
                }
            }
            Ok(text.len())
        }
    }
}

/// A tid: block and place in it.
pub fn as_tid(field: Field<'_>) -> Read<(u32, u16)> {
    match field.of_types(&[oid::TID])? {
        Form::Binary(bytes) => {
            let mut cursor = Cursor(bytes);
            let tid = (cursor.u32()?, cursor.u16()?);
            cursor.end().map(|()| tid)
        }
        Form::Text(text) => {
            let (block, offset) = pair(text).ok_or(ReadError::Malformed)?;
            let fit = |text| integer_text(text);
            let (block, offset) = (u32::try_from(fit(block)?), u16::try_from(fit(offset)?));
            block.ok().zip(offset.ok()).ok_or(ReadError::OutOfRange)
        }
    }
}

/// A point.
pub fn as_point(field: Field<'_>) -> Read<(f64, f64)> {
    match field.of_types(&[oid::POINT])? {
        Form::Binary(bytes) => {
            let mut cursor = Cursor(bytes);
            let point = (cursor.f64()?, cursor.f64()?);
            cursor.end().map(|()| point)
        }
        Form::Text(text) => {
            let (x, y) = pair(text).ok_or(ReadError::Malformed)?;
            Ok((float_text(x)?, float_text(y)?))
        }
    }
}

/// `(a,b)`
fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"(")?.strip_suffix(b")")?;
    let comma = inner.iter().position(|byte| *byte == b',')?;
    Some((inner.get(..comma)?, inner.get(comma + 1..)?))
}

/// A pg_lsn.
pub fn as_lsn(field: Field<'_>) -> Read<Lsn> {
    match field.of_types(&[oid::PG_LSN])? {
        Form::Binary(bytes) => exactly(bytes).map(|lsn| Lsn(u64::from_be_bytes(lsn))),
        Form::Text(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(ReadError::Malformed)
        }
    }
}
