//! Booleans, integers and floating-point numbers. Exact: it must never round or wrap.

use super::field::{Field, Form, Read, ReadError, exactly};
use super::oid;

/// A boolean.
#[inline]
pub fn as_bool(field: Field<'_>) -> Read<bool> {
    match field.of_types(&[oid::BOOL])? {
        Form::Text(b"t") | Form::Binary([1]) => Ok(true),
        Form::Text(b"f") | Form::Binary([0]) => Ok(false),
        _ => Err(ReadError::Malformed),
    }
}

/// An integer of 16 bits, from any of the integer types: smallint, integer, bigint, oid, xid, cid, xid8.
#[inline]
pub fn as_int16(field: Field<'_>) -> Read<i16> {
    fit(integer(field, Signed::Yes)?)
}

/// An integer of 32 bits, from any of the integer types.
#[inline]
pub fn as_int32(field: Field<'_>) -> Read<i32> {
    fit(integer(field, Signed::Yes)?)
}

/// An integer of 64 bits, from any of the integer types.
#[inline]
pub fn as_int64(field: Field<'_>) -> Read<i64> {
    fit(integer(field, Signed::Yes)?)
}

/// An unsigned integer of 32 bits, as oid and xid are, from any of the integer types. Four bytes for whose type the caller
/// answers are taken for unsigned here.
#[inline]
pub fn as_uint32(field: Field<'_>) -> Read<u32> {
    fit(integer(field, Signed::No)?)
}

/// An unsigned integer of 64 bits, as xid8 is, from any of the integer types. Eight bytes for whose type the caller answers are
/// taken for unsigned here.
#[inline]
pub fn as_uint64(field: Field<'_>) -> Read<u64> {
    fit(integer(field, Signed::No)?)
}

/// A number of 32 bits: real; double precision and the integer types where it is exact. NaN and the infinities stay.
#[inline]
pub fn as_float32(field: Field<'_>) -> Read<f32> {
    match (field.type_oid, field.of_types(FLOAT_SOURCES)?) {
        (oid::FLOAT8, _) => narrow(float64(field.form()?)?),
        (of, _) if INTEGERS.contains(&of) => {
            let whole = integer(field, Signed::Yes)?;
            narrow(whole_float(whole)?)
        }
        (_, Form::Text(text)) => float_text(text),
        (_, Form::Binary(bytes)) => Ok(f32::from_be_bytes(exactly(bytes)?)),
    }
}

/// A number of 64 bits: double precision and real; the integer types where it is exact. NaN and the infinities stay.
#[inline]
pub fn as_float64(field: Field<'_>) -> Read<f64> {
    match (field.type_oid, field.of_types(FLOAT_SOURCES)?) {
        // Read as what it is: the text 0.1 of a real is another number than that of a double.
        (oid::FLOAT4, Form::Text(text)) => float_text::<f32>(text).map(f64::from),
        (oid::FLOAT4, Form::Binary(bytes)) => Ok(f32::from_be_bytes(exactly(bytes)?).into()),
        (of, _) if INTEGERS.contains(&of) => whole_float(integer(field, Signed::Yes)?),
        (oid::FLOAT8, form) => float64(form),
        (_, Form::Binary(bytes)) if bytes.len() == 4 => Ok(f32::from_be_bytes(exactly(bytes)?).into()),
        (_, form) => float64(form),
    }
}

const INTEGERS: &[u32] = &[oid::INT4, oid::INT8, oid::INT2, oid::OID, oid::XID, oid::CID, oid::XID8];

const FLOAT_SOURCES: &[u32] =
    &[oid::FLOAT8, oid::FLOAT4, oid::INT4, oid::INT8, oid::INT2, oid::OID, oid::XID, oid::CID, oid::XID8];

/// How binary integers are taken for whose type the caller answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    Yes,
    No,
}

/// Every integer type fits 128 bits.
#[inline]
fn integer(field: Field<'_>, signed: Signed) -> Read<i128> {
    let bytes = match field.of_types(INTEGERS)? {
        Form::Text(text) => return integer_text(text),
        Form::Binary(bytes) => bytes,
    };
    match (field.type_oid, bytes.len()) {
        (oid::INT4, 4) => Ok(i32::from_be_bytes(exactly(bytes)?).into()),
        (oid::INT8, 8) => Ok(i64::from_be_bytes(exactly(bytes)?).into()),
        (oid::INT2, 2) => Ok(i16::from_be_bytes(exactly(bytes)?).into()),
        (oid::OID | oid::XID | oid::CID, 4) => Ok(u32::from_be_bytes(exactly(bytes)?).into()),
        (oid::XID8, 8) => Ok(u64::from_be_bytes(exactly(bytes)?).into()),
        (0, 4) if signed == Signed::No => Ok(u32::from_be_bytes(exactly(bytes)?).into()),
        (0, 8) if signed == Signed::No => Ok(u64::from_be_bytes(exactly(bytes)?).into()),
        (0, 4) => Ok(i32::from_be_bytes(exactly(bytes)?).into()),
        (0, 8) => Ok(i64::from_be_bytes(exactly(bytes)?).into()),
        (0, 2) => Ok(i16::from_be_bytes(exactly(bytes)?).into()),
        _ => Err(ReadError::Malformed),
    }
}

/// Digits, with a minus before them or not.
#[inline]
pub(super) fn integer_text(text: &[u8]) -> Read<i128> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let magnitude = i128::from(magnitude(digits)?);
    Ok(if negative { -magnitude } else { magnitude })
}

#[inline]
fn magnitude(digits: &[u8]) -> Read<u64> {
    if digits.is_empty() {
        return Err(ReadError::Malformed);
    }
    let mut sum = Some(0_u64);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(ReadError::Malformed);
        }
        sum = sum.and_then(|sum| sum.checked_mul(10)?.checked_add(digit.into()));
    }
    sum.ok_or(ReadError::OutOfRange)
}

#[inline]
fn fit<T: TryFrom<i128>>(number: i128) -> Read<T> {
    T::try_from(number).map_err(|_| ReadError::OutOfRange)
}

fn float64(form: Form<'_>) -> Read<f64> {
    match form {
        Form::Text(text) => float_text(text),
        Form::Binary(bytes) => Ok(f64::from_be_bytes(exactly(bytes)?)),
    }
}

/// A number that says the same in 32 bits.
fn narrow(wide: f64) -> Read<f32> {
    let narrow = wide as f32;
    if wide.is_nan() || f64::from(narrow) == wide { Ok(narrow) } else { Err(ReadError::OutOfRange) }
}

/// An integer that a double says exactly.
fn whole_float(whole: i128) -> Read<f64> {
    let float = whole as f64;
    if float as i128 == whole { Ok(float) } else { Err(ReadError::OutOfRange) }
}

/// The two floating-point types, as far as their text goes.
pub(super) trait Float: std::str::FromStr + PartialEq {
    const ZERO: Self;
    const NAN: Self;
    const INFINITY: Self;
    const MINUS_INFINITY: Self;
}

impl Float for f32 {
    const ZERO: Self = 0.0;
    const NAN: Self = Self::NAN;
    const INFINITY: Self = Self::INFINITY;
    const MINUS_INFINITY: Self = Self::NEG_INFINITY;
}

impl Float for f64 {
    const ZERO: Self = 0.0;
    const NAN: Self = Self::NAN;
    const INFINITY: Self = Self::INFINITY;
    const MINUS_INFINITY: Self = Self::NEG_INFINITY;
}

/// What float8out writes with extra_float_digits 3: the shortest text that reads back the same.
pub(super) fn float_text<F: Float>(text: &[u8]) -> Read<F> {
    match text {
        b"NaN" => return Ok(F::NAN),
        b"Infinity" => return Ok(F::INFINITY),
        b"-Infinity" => return Ok(F::MINUS_INFINITY),
        [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => {}
        _ => return Err(ReadError::Malformed),
    }
    let number: F =
        std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(ReadError::Malformed)?;
    let mantissa = text.split(|byte| byte.eq_ignore_ascii_case(&b'e')).next().unwrap_or(text);
    let vanished = number == F::ZERO && mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    if vanished || number == F::INFINITY || number == F::MINUS_INFINITY {
        return Err(ReadError::OutOfRange);
    }
    Ok(number)
}
