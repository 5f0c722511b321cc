//! Numerics and intervals as the server writes them. It must never lose a digit.

use std::fmt::Write;

use super::super::cursor::Cursor;
use super::super::field::{Read, ReadError};
use super::sink::{Formatted, Sink};
use super::word;

/// What a numeric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
    NaN,
    Infinity,
    MinusInfinity,
}

/// The parts of a numeric's binary form (numeric_send).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// Digits to the base of 10000, the first of which counts 10000^weight.
    pub(crate) digits: &'a [[u8; 2]],
    pub(crate) weight: i16,
    pub(crate) sign: Sign,
    /// Decimals behind the point, as the server shows them.
    pub(crate) scale: u16,
}

impl<'a> Parts<'a> {
    /// Takes a binary form apart, and checks it.
    pub(crate) fn of(bytes: &'a [u8]) -> Read<Self> {
        let mut cursor = Cursor(bytes);
        let (count, weight, sign, scale) =
            (cursor.u16()?, cursor.u16()? as i16, cursor.u16()?, cursor.u16()?);
        let (digits, odd) = cursor.0.as_chunks::<2>();
        let is_wrong = |digit: &[u8; 2]| u16::from_be_bytes(*digit) > 9999;
        if !odd.is_empty() || digits.len() != usize::from(count) || digits.iter().any(is_wrong) {
            return Err(ReadError::Malformed);
        }
        // NUMERIC_POS, NUMERIC_NEG, NUMERIC_NAN, NUMERIC_PINF, NUMERIC_NINF; the scale of the last three says nothing.
        let sign = match sign {
            0x0000 => Sign::Plus,
            0x4000 => Sign::Minus,
            0xC000 => Sign::NaN,
            0xD000 => Sign::Infinity,
            0xF000 => Sign::MinusInfinity,
            _ => return Err(ReadError::Malformed),
        };
        Ok(Self { digits, weight, sign, scale })
    }
}

/// A short text that is put in one piece.
struct Chunk<'a> {
    text: [u8; 64],
    used: usize,
    out: &'a mut dyn Sink,
}

impl Chunk<'_> {
    #[inline]
    fn put(&mut self, text: &[u8]) {
        if self.used + text.len() > self.text.len() {
            self.flush();
        }
        if let Some(room) = self.text.get_mut(self.used..self.used + text.len()) {
            room.copy_from_slice(text);
            self.used += text.len();
        }
    }

    fn flush(&mut self) {
        self.out.put(self.text.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}

#[inline]
fn four(digit: &[u8; 2]) -> [u8; 4] {
    let digit = u16::from_be_bytes(*digit);
    [digit / 1000, digit / 100 % 10, digit / 10 % 10, digit % 10].map(|digit| b'0' + digit as u8)
}

/// Writes a numeric (numeric_out).
pub(crate) fn numeric(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let it = Parts::of(bytes)?;
    let word: &[u8] = match it.sign {
        Sign::Plus => b"",
        Sign::Minus => b"-",
        Sign::NaN => b"NaN",
        Sign::Infinity => b"Infinity",
        Sign::MinusInfinity => b"-Infinity",
    };
    if !matches!(it.sign, Sign::Plus | Sign::Minus) {
        out.put(word);
        return Ok(());
    }
    let mut chunk = Chunk { text: [0; 64], used: 0, out };
    chunk.put(word);
    let mut digits = it.digits.iter();
    if it.weight < 0 {
        chunk.put(b"0");
    }
    for place in 0..=it.weight {
        let digit = digits.next().map_or(*b"0000", four);
        let zeros =
            if place == 0 { digit.iter().take(3).take_while(|digit| **digit == b'0').count() } else { 0 };
        chunk.put(digit.get(zeros..).unwrap_or_default());
    }
    let mut left = usize::from(it.scale);
    if left > 0 {
        chunk.put(b".");
    }
    let mut gap = it.weight.saturating_add(1).min(0).unsigned_abs();
    while left > 0 {
        let digit = if gap > 0 { *b"0000" } else { digits.next().map_or(*b"0000", four) };
        gap = gap.saturating_sub(1);
        chunk.put(digit.get(..left.min(4)).unwrap_or_default());
        left = left.saturating_sub(4);
    }
    chunk.flush();
    Ok(())
}

/// Writes an interval with IntervalStyle postgres (EncodeInterval).
pub(super) fn interval(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let (micros, days, months) = (cursor.i64()?, cursor.i32()?, cursor.i32()?);
    cursor.end()?;
    // What no interval is before 17.
    match (micros, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => return word(b"infinity", out),
        (i64::MIN, i32::MIN, i32::MIN) => return word(b"-infinity", out),
        _ => {}
    }
    let (mut is_first, mut is_before) = (true, false);
    let mut out = Formatted(out);
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count != 0 {
            let (space, plus) =
                (if is_first { "" } else { " " }, if is_before && count > 0 { "+" } else { "" });
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(out, "{space}{plus}{count} {unit}{plural}");
            (is_first, is_before) = (false, count < 0);
        }
    }
    if micros != 0 || is_first {
        let (space, magnitude) = (if is_first { "" } else { " " }, micros.unsigned_abs());
        let sign = if micros < 0 {
            "-"
        } else if is_before {
            "+"
        } else {
            ""
        };
        let (seconds, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
        let _ =
            write!(out, "{space}{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let (mut shown, mut width) = (fraction, 6);
        while fraction != 0 && shown % 10 == 0 {
            (shown, width) = (shown / 10, width - 1);
        }
        if fraction != 0 {
            let _ = write!(out, ".{shown:0width$}");
        }
    }
    Ok(())
}
