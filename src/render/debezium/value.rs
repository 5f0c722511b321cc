//! Values as Debezium's converter for PostgreSQL writes them. It must never change a value without its form being in the table of
//! docs/rendering.md: where Debezium's own is wrong, it is copied on request only.

use super::super::kind::{BINARY, is_value};
use super::super::nested;
use super::super::out::Out;
use super::super::settings::{Compatible, Decimals, Schemas};
use super::super::text;
use super::super::value::{Shape, Values};
use super::form::Form;
use super::java;
use crate::types::{self, Field, Items, ReadError, Style, oid};

/// What comes of reading a value.
type Read<T> = Result<T, ReadError>;

/// Days and microseconds from 1970 to 2000.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i128 = EPOCH_DAYS as i128 * 86_400_000_000;

/// What PostgreSQL's JDBC driver has for the infinities, in microseconds since 1970.
const INFINITY: i128 = 9_223_372_036_825_200_000;
const MINUS_INFINITY: i128 = -9_223_372_036_832_400_000;

/// Writes a value, `null` for one that is not there.
#[inline]
pub(super) fn write(values: &mut Values, field: Field<'_>, form: Form, out: &mut Out) {
    match form {
        Form::Plain(shape) => values.write(field, shape, out),
        _ if is_value(field.kind) => write_special(values, field, form, out),
        _ => out.put(b"null"),
    }
}

fn write_special(values: &mut Values, field: Field<'_>, form: Form, out: &mut Out) {
    let begin = out.len();
    match try_special(values, field, form, out) {
        Ok(()) => {}
        Err(ReadError::NoMemory) => out.lack(field.bytes.len()),
        // Not what its type calls for: it stays what it is.
        Err(_) => {
            out.cut(begin);
            nested::whole(values, field, out);
        }
    }
}

fn try_special(values: &mut Values, field: Field<'_>, form: Form, out: &mut Out) -> Read<()> {
    let copied = values.settings.compatible == Compatible::Debezium36;
    match form {
        Form::Plain(shape) => values.write(field, shape, out),
        Form::Missing | Form::Lost => out.put(b"null"),
        Form::Float32 => java::float32(types::as_float32(field)?, out),
        Form::Float64 => java::float64(types::as_float64(field)?, out),
        Form::Bit => {
            let mut bits = [0; 1];
            let is_one = types::as_bits(field, &mut bits)? > 0 && bits != [0];
            out.put(if is_one { b"true" } else { b"false" });
        }
        Form::Bits(_) => bits(values, field, out)?,
        Form::Date => number(date(types::as_date(field)?, copied), out),
        Form::TimeMillis => number(i128::from(types::as_time(field)?) / 1000, out),
        Form::TimeMicros => number(types::as_time(field)?.into(), out),
        Form::TimeCut => number((types::as_time(field)? / 1000 * 1000).into(), out),
        Form::TimestampMillis => number(timestamp(types::as_timestamp(field)?).div_euclid(1000), out),
        Form::TimestampMicros => number(timestamp(types::as_timestamp(field)?), out),
        Form::Timestamptz(digits) => timestamptz(field, digits, out)?,
        Form::Timetz => timetz(field, copied, out)?,
        Form::Interval => number(interval(types::as_interval(field)?, copied), out),
        Form::Decimal { scale, .. } => decimal(values, field, Some(scale), out)?,
        Form::AnyDecimal => decimal(values, field, None, out)?,
        Form::Money => money(values, types::as_money(field)?, out)?,
        Form::Point => point(types::as_point(field)?, out),
        Form::Hstore => hstore(values, field, out)?,
        Form::Array { typmod, .. } => {
            let is_array = nested::read(values, field, out, |values, items, out| {
                // Of how many dimensions it is its schema does not say; and Debezium has none for what is no number.
                let has_no_schema = values.settings.schemas == Schemas::With && items.dimensions().len() > 1;
                if has_no_schema || copied && has_no_numbers(values, items, typmod) {
                    out.put(b"null");
                    return true;
                }
                let mut last = (0, Form::Plain(Shape::Text));
                nested::array(items, out, |item, out| {
                    if item.type_oid != last.0 {
                        last = (item.type_oid, Form::of_element(item.type_oid, typmod, &values.settings));
                    }
                    write(values, item, last.1, out);
                });
                true
            });
            return if is_array { Ok(()) } else { Err(ReadError::Malformed) };
        }
        Form::Vector | Form::HalfVector => {
            let is_vector = nested::read(values, field, out, |values, items, out| {
                let is_half = form == Form::HalfVector;
                nested::array(items, out, |item, out| vector_item(values, item, is_half, out));
                true
            });
            return if is_vector { Ok(()) } else { Err(ReadError::Malformed) };
        }
    }
    Ok(())
}

/// Whether elements of a numeric[] have no form where decimals are precise.
fn has_no_numbers(values: &Values, items: Items<'_>, typmod: i32) -> bool {
    let is_decimal = |field: Field<'_>| {
        let form = Form::of_element(field.type_oid, typmod, &values.settings);
        matches!(form, Form::Decimal { .. } | Form::AnyDecimal)
    };
    let is_none = |field: Field<'_>| types::as_numeric(field).is_ok_and(|number| !number.is_finite());
    let first = items.iter().next().map(|item| item.field());
    values.settings.decimals() == Decimals::Precise
        && first.is_some_and(is_decimal)
        && items.iter().any(|item| is_none(item.field()))
}

/// Any integer. There is no JSON number that is too long.
fn number(number: i128, out: &mut Out) {
    if number < 0 {
        out.byte(b'-');
    }
    match u64::try_from(number.unsigned_abs()) {
        Ok(short) => out.number(short),
        Err(_) => {
            let _ = std::fmt::Write::write_fmt(out, format_args!("{}", number.unsigned_abs()));
        }
    }
}

fn date(days: i32, copied: bool) -> i128 {
    match days {
        // Debezium takes them for dates of the years ±5877611, and loses more than a day of them.
        types::DATE_INFINITY if copied => DATE_INFINITY_COPIED,
        types::DATE_MINUS_INFINITY if copied => DATE_MINUS_INFINITY_COPIED,
        types::DATE_INFINITY | types::DATE_MINUS_INFINITY => days.into(),
        _ => i128::from(i64::from(days) + EPOCH_DAYS),
    }
}

const DATE_INFINITY_COPIED: i128 = -2_147_472_692;
const DATE_MINUS_INFINITY_COPIED: i128 = -2_147_472_691;

fn timestamp(micros: i64) -> i128 {
    match micros {
        types::TIMESTAMP_INFINITY => INFINITY,
        types::TIMESTAMP_MINUS_INFINITY => MINUS_INFINITY,
        _ => i128::from(micros) + EPOCH_MICROS,
    }
}

fn timestamptz(field: Field<'_>, digits: u8, out: &mut Out) -> Read<()> {
    let word: &[u8] = match types::as_timestamptz(field)? {
        types::TIMESTAMP_INFINITY => b"\"infinity\"",
        types::TIMESTAMP_MINUS_INFINITY => b"\"-infinity\"",
        micros => {
            let binary = micros.to_be_bytes();
            out.byte(b'"');
            types::write_time(Field::new(BINARY, &binary, oid::TIMESTAMPTZ), Style::Java(digits), out)?;
            b"\""
        }
    };
    out.put(word);
    Ok(())
}

fn timetz(field: Field<'_>, copied: bool, out: &mut Out) -> Read<()> {
    let time = types::as_timetz(field)?;
    out.byte(b'"');
    if copied {
        /// Microseconds of a day.
        const DAY: i64 = 86_400_000_000;
        let micros = (time.micros - i64::from(time.offset) * 1_000_000).rem_euclid(DAY).to_be_bytes();
        types::write_time(Field::new(BINARY, &micros, oid::TIME), Style::Postgres, out)?;
        out.byte(b'Z');
    } else {
        types::write_time(field, Style::Postgres, out)?;
    }
    out.byte(b'"');
    Ok(())
}

/// Of a month there are 30.4375 days, as in Debezium, which computes in doubles.
fn interval(it: types::Interval, copied: bool) -> i128 {
    const DAY: i128 = 86_400_000_000;
    const MONTH: i128 = DAY * 304_375 / 10_000;
    const MINUTE: i64 = 60_000_000;
    match it {
        types::Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX } => {
            if copied {
                0
            } else {
                i64::MAX.into()
            }
        }
        types::Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN } => {
            if copied {
                0
            } else {
                i64::MIN.into()
            }
        }
        _ if copied => {
            let days = f64::from(it.months) * (365.25 / 12.0) + f64::from(it.days);
            let (hours, minutes) = (it.micros / (60 * MINUTE), it.micros / MINUTE % 60);
            let micros = it.micros % MINUTE;
            let second = (micros / 1_000_000) as f64 + (micros % 1_000_000) as f64 / 1e6;
            let seconds = ((days * 24.0 + hours as f64) * 60.0 + minutes as f64) * 60.0 + second;
            i128::from((seconds * 1e6) as i64)
        }
        _ => {
            let exact = i128::from(it.months) * MONTH + i128::from(it.days) * DAY + i128::from(it.micros);
            exact.clamp(i64::MIN.into(), i64::MAX.into())
        }
    }
}

/// A numeric, at a scale or any. NaN and the infinities are `null` where they have no form.
fn decimal(values: &mut Values, field: Field<'_>, scale: Option<i32>, out: &mut Out) -> Read<()> {
    let number = types::as_numeric(field)?;
    let copied = values.settings.compatible == Compatible::Debezium36;
    match values.settings.decimals() {
        Decimals::String if copied && !number.is_finite() => out.put(special(number)),
        Decimals::String | Decimals::Auto => values.write(field, Shape::Text, out),
        Decimals::Double => {
            let is_negative = number.shape().is_negative;
            let nearest = match number.nearest_f64() {
                // As Java has it: greater than any double.
                Err(ReadError::OutOfRange) if is_negative => f64::NEG_INFINITY,
                Err(ReadError::OutOfRange) => f64::INFINITY,
                nearest => nearest?,
            };
            java::float64(nearest, out);
        }
        Decimals::Precise if !number.is_finite() => out.put(b"null"),
        Decimals::Precise => {
            let mut made = std::mem::take(&mut values.decimal);
            let mut taken = Err(ReadError::Malformed);
            let shown = values.with_text(field, out, |text, _| taken = made.take(text, scale));
            let scale_is_told = scale.is_none();
            if let (Ok(()), Ok(scale)) = (shown, taken) {
                if scale_is_told {
                    out.put(b"{\"scale\":");
                    out.number(scale.unsigned_abs().into());
                    out.put(b",\"value\":");
                }
                quoted_base64(made.bytes(), out);
                out.put(if scale_is_told { b"}" } else { b"" });
            }
            values.decimal = made;
            return shown.and(taken.map(drop));
        }
    }
    Ok(())
}

/// What Debezium calls what is no number.
fn special(number: types::Numeric<'_>) -> &'static [u8] {
    let shape = number.shape();
    match shape.special {
        types::NumericSpecial::WAL_NUMERIC_INFINITY if shape.is_negative => b"\"NEGATIVE_INFINITY\"",
        types::NumericSpecial::WAL_NUMERIC_INFINITY => b"\"POSITIVE_INFINITY\"",
        types::NumericSpecial::WAL_NUMERIC_NAN | types::NumericSpecial::WAL_NUMERIC_FINITE => b"\"NAN\"",
    }
}

fn money(values: &mut Values, units: i64, out: &mut Out) -> Read<()> {
    match values.settings.decimals() {
        Decimals::String | Decimals::Auto => {
            out.put(if units < 0 { b"\"-" } else { b"\"" });
            out.number(units.unsigned_abs() / 100);
            let cents = units.unsigned_abs() % 100;
            out.put(if cents < 10 { b".0" } else { b"." });
            out.number(cents);
            out.byte(b'"');
        }
        Decimals::Double => java::float64(units as f64 / 100.0, out),
        Decimals::Precise => {
            values.decimal.take_number(units.into())?;
            quoted_base64(values.decimal.bytes(), out);
        }
    }
    Ok(())
}

/// The number that the bits are, the lowest byte first, as few as it needs.
fn bits(values: &mut Values, field: Field<'_>, out: &mut Out) -> Read<()> {
    let count = types::as_bits(field, &mut [])?;
    let length = count.div_ceil(8);
    values.scratch.clear();
    values.scratch.try_reserve(length).map_err(|_| ReadError::NoMemory)?;
    values.scratch.resize(length, 0);
    types::as_bits(field, &mut values.scratch)?;
    // They stand at the left.
    let spare = length * 8 - count;
    let mut carry = 0_u8;
    for byte in &mut values.scratch {
        let whole = *byte;
        *byte = (u16::from(carry) << 8 >> spare | u16::from(whole) >> spare) as u8;
        carry = whole;
    }
    values.scratch.reverse();
    let zeros = values.scratch.iter().rev().take_while(|byte| **byte == 0).count();
    values.scratch.truncate(length - zeros);
    quoted_base64(&values.scratch, out);
    Ok(())
}

/// With the geometry as WKB, little-endian.
fn point((x, y): (f64, f64), out: &mut Out) {
    let mut wkb = [0; 21];
    let parts = [&[1][..], &1_u32.to_le_bytes(), &x.to_le_bytes(), &y.to_le_bytes()];
    for (to, from) in wkb.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    out.put(b"{\"x\":");
    java::float64(x, out);
    out.put(b",\"y\":");
    java::float64(y, out);
    out.put(b",\"wkb\":");
    quoted_base64(&wkb, out);
    out.put(b",\"srid\":null}");
}

/// `"{\"k\":\"v\",\"n\":null}"`
fn hstore(values: &mut Values, field: Field<'_>, out: &mut Out) -> Read<()> {
    let mut document = std::mem::take(&mut values.formatted);
    document.clear();
    let is_read = nested::read(values, field, &mut document, |values, items, document| {
        if !nested::has_names(items) {
            return false;
        }
        document.byte(b'{');
        for (at, item) in items.iter().enumerate() {
            document.put(match at {
                0 => b"",
                _ if at.is_multiple_of(2) => b",",
                _ => b":",
            });
            if is_value(item.kind()) {
                text::text_or_bytes(item.bytes(), &values.settings, document);
            } else {
                document.put(b"null");
            }
        }
        document.byte(b'}');
        true
    });
    let checked = document.check().map_err(|_| ReadError::NoMemory);
    if is_read && checked.is_ok() {
        text::text_or_bytes(document.bytes(), &values.settings, out);
    }
    values.formatted = document;
    checked.and(if is_read { Ok(()) } else { Err(ReadError::Malformed) })
}

fn vector_item(values: &mut Values, item: Field<'_>, is_half: bool, out: &mut Out) {
    let begin = out.len();
    let shown = values.with_text(item, out, |text, out| {
        let text = std::str::from_utf8(text).unwrap_or_default();
        if is_half {
            java::float32(text.parse().unwrap_or(f32::NAN), out);
        } else {
            java::float64(text.parse().unwrap_or(f64::NAN), out);
        }
    });
    if shown.is_err() {
        out.cut(begin);
        out.put(b"null");
    }
}

pub(super) fn quoted_base64(bytes: &[u8], out: &mut Out) {
    out.byte(b'"');
    text::base64(bytes, out);
    out.byte(b'"');
}
