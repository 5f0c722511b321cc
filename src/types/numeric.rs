//! A numeric as it came. Nothing is converted until somebody asks, and it must never lose a digit.

use std::fmt;

use super::field::{Field, Form, Read, ReadError};
use super::format::{Buffer, NumericParts, NumericSign, Sink, write_numeric};
use super::oid;
use crate::batch::ValueKind;

/// Whether a numeric is a number.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum NumericSpecial {
    /// It is a number.
    WAL_NUMERIC_FINITE = 0,
    /// NaN.
    WAL_NUMERIC_NAN = 1,
    /// Infinity or minus infinity.
    WAL_NUMERIC_INFINITY = 2,
}

/// What can be seen of a numeric without converting it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) special: NumericSpecial,
    pub(crate) is_negative: bool,
    pub(crate) ndigits: u16,
    pub(crate) weight: i16,
    pub(crate) scale: u32,
}

/// A numeric: a view of its value.
#[derive(Clone, Copy, Debug)]
pub struct Numeric<'a> {
    form: Form<'a>,
}

/// A numeric, from text or binary; what it is made of is checked.
pub fn as_numeric(field: Field<'_>) -> Read<Numeric<'_>> {
    let form = field.of_types(&[oid::NUMERIC])?;
    match form {
        Form::Binary(bytes) => drop(NumericParts::of(bytes)?),
        Form::Text(text) => {
            Digits::of(text)?;
        }
    }
    Ok(Numeric { form })
}

impl<'a> Numeric<'a> {
    /// Writes the server's text.
    pub(crate) fn write(self, out: &mut dyn Sink) -> Read<()> {
        match self.form {
            Form::Text(text) => {
                out.put(text);
                Ok(())
            }
            Form::Binary(bytes) => write_numeric(bytes, out),
        }
    }

    /// The value times 10^scale, exactly: OutOfRange for digits behind that, for what does not fit, NaN and the infinities.
    pub(crate) fn i128_at(self, scale: i32) -> Read<i128> {
        match self.form {
            Form::Binary(bytes) => binary_to_i128(NumericParts::of(bytes)?, scale),
            Form::Text(text) => Digits::of(text)?.to_i128(scale),
        }
    }

    /// The double that is nearest; NaN and the infinities stay. OutOfRange: it is greater than any double.
    pub(crate) fn nearest_f64(self) -> Read<f64> {
        let mut room = [0; 256];
        let mut short = Buffer::new(&mut room);
        self.write(&mut short)?;
        let length = short.length();
        let parse = |text: &[u8]| {
            let number: f64 = std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or(ReadError::Malformed)?;
            let is_word = text.iter().any(u8::is_ascii_alphabetic);
            if number.is_infinite() && !is_word { Err(ReadError::OutOfRange) } else { Ok(number) }
        };
        if let Some(text) = room.get(..length) {
            return parse(text);
        }
        let mut long = Vec::new();
        self.write(&mut long)?;
        parse(&long)
    }

    /// Whether it is a number, neither NaN nor an infinity.
    pub fn is_finite(self) -> bool {
        self.shape().special == NumericSpecial::WAL_NUMERIC_FINITE
    }

    /// What can be seen of it.
    pub(crate) fn shape(self) -> Shape {
        use NumericSpecial::{WAL_NUMERIC_FINITE, WAL_NUMERIC_INFINITY, WAL_NUMERIC_NAN};
        let none = Shape { special: WAL_NUMERIC_NAN, is_negative: false, ndigits: 0, weight: 0, scale: 0 };
        match self.form {
            Form::Text(b"NaN") => none,
            Form::Text(b"Infinity") => Shape { special: WAL_NUMERIC_INFINITY, ..none },
            Form::Text(b"-Infinity") => Shape { special: WAL_NUMERIC_INFINITY, is_negative: true, ..none },
            Form::Text(text) => {
                let scale = text.iter().rev().position(|byte| *byte == b'.').unwrap_or(0);
                Shape {
                    special: WAL_NUMERIC_FINITE,
                    is_negative: text.starts_with(b"-"),
                    scale: scale as u32,
                    ..none
                }
            }
            Form::Binary(bytes) => match NumericParts::of(bytes) {
                Ok(it) if matches!(it.sign, NumericSign::Plus | NumericSign::Minus) => Shape {
                    special: WAL_NUMERIC_FINITE,
                    is_negative: it.sign == NumericSign::Minus,
                    ndigits: it.digits.len() as u16,
                    weight: it.weight,
                    scale: it.scale.into(),
                },
                Ok(it) if it.sign == NumericSign::NaN => none,
                Ok(it) => {
                    let is_negative = it.sign == NumericSign::MinusInfinity;
                    Shape { special: WAL_NUMERIC_INFINITY, is_negative, ..none }
                }
                // It was checked when it was made.
                Err(_) => none,
            },
        }
    }

    /// The bytes and the kind that it was made of.
    pub(crate) fn raw(self) -> (&'a [u8], ValueKind) {
        match self.form {
            Form::Text(text) => (text, ValueKind::WAL_VALUE_TEXT),
            Form::Binary(bytes) => (bytes, ValueKind::WAL_VALUE_BINARY),
        }
    }
}

impl fmt::Display for Numeric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, kind) = self.raw();
        super::write_numeric_to(Field::new(kind as u8, bytes, oid::NUMERIC), f).map_err(|_| fmt::Error)
    }
}

/// By Horner's rule in groups of four digits.
fn binary_to_i128(it: NumericParts<'_>, scale: i32) -> Read<i128> {
    if !matches!(it.sign, NumericSign::Plus | NumericSign::Minus) {
        return Err(ReadError::OutOfRange);
    }
    let (mut sum, mut left) = (0_i128, 0_i64);
    let mut exponent = 4 * i64::from(it.weight) + i64::from(scale);
    for digit in it.digits {
        let digit = i128::from(u16::from_be_bytes(*digit));
        let (factor, digit) = match exponent {
            0.. => (10_000, digit),
            -3..=-1 => {
                let behind = 10_i128.pow(exponent.unsigned_abs() as u32);
                if digit % behind != 0 {
                    return Err(ReadError::OutOfRange);
                }
                (10_000 / behind, digit / behind)
            }
            _ if digit == 0 => (1, 0),
            _ => return Err(ReadError::OutOfRange),
        };
        // Downwards, for the lowest is further away than the highest.
        let more = sum.checked_mul(factor).and_then(|sum| sum.checked_sub(digit));
        sum = more.ok_or(ReadError::OutOfRange)?;
        left = exponent.max(0);
        exponent -= 4;
    }
    signed(sum, left, it.sign == NumericSign::Minus)
}

/// The sum, which is negative, times 10^left, with its sign.
fn signed(sum: i128, left: i64, is_negative: bool) -> Read<i128> {
    if sum == 0 {
        return Ok(0);
    }
    let power = u32::try_from(left).ok().and_then(|left| 10_i128.checked_pow(left));
    let scaled = power.and_then(|power| sum.checked_mul(power));
    let scaled = if is_negative { scaled } else { scaled.and_then(i128::checked_neg) };
    scaled.ok_or(ReadError::OutOfRange)
}

/// A numeric's text taken apart; neither for NaN and the infinities.
struct Digits<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    is_finite: bool,
}

impl<'a> Digits<'a> {
    fn of(text: &'a [u8]) -> Read<Self> {
        if matches!(text, b"NaN" | b"Infinity" | b"-Infinity") {
            return Ok(Self { is_negative: false, whole: b"", fraction: b"", is_finite: false });
        }
        let (is_negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
        let mut parts = digits.splitn(2, |byte| *byte == b'.');
        let (whole, fraction) = (parts.next().unwrap_or_default(), parts.next());
        let is_right = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !is_right(whole) || !fraction.is_none_or(is_right) {
            return Err(ReadError::Malformed);
        }
        Ok(Self { is_negative, whole, fraction: fraction.unwrap_or_default(), is_finite: true })
    }

    fn to_i128(&self, scale: i32) -> Read<i128> {
        if !self.is_finite {
            return Err(ReadError::OutOfRange);
        }
        let mut exponent = self.whole.len() as i64 - 1 + i64::from(scale);
        let (mut sum, mut left) = (0_i128, 0_i64);
        for digit in self.whole.iter().chain(self.fraction) {
            let digit = i128::from(digit - b'0');
            if exponent < 0 && digit != 0 {
                return Err(ReadError::OutOfRange);
            }
            if exponent >= 0 {
                let more = sum.checked_mul(10).and_then(|sum| sum.checked_sub(digit));
                sum = more.ok_or(ReadError::OutOfRange)?;
                left = exponent;
            }
            exponent -= 1;
        }
        signed(sum, left, self.is_negative)
    }
}
