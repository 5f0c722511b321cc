//! Values as Debezium's converter for PostgreSQL writes them. It must never change a value without its form being in the table of
//! docs/rendering.md: where Debezium's own is wrong, it is copied on request only.

use super::super::kind::{BINARY, is_value};
use super::super::nested;
use super::super::out::Out;
use super::super::settings::{Compatible, Decimals, Settings};
use super::super::text;
use super::super::value::{Fit, Shape, Values};
use super::java;
use crate::batch::TypeKind;
use crate::types::{self, Field, ReadError, Style, oid};

/// What comes of reading a value.
type Read<T> = Result<T, ReadError>;

/// How the values of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As in the format json.
    Plain(Shape),
    /// A number as Java writes it.
    Float32,
    Float64,
    /// A bit as a boolean.
    Bit,
    /// Bits as bytes, the lowest first; there may be so many.
    Bits(i32),
    /// Days since 1970.
    Date,
    /// Milliseconds of the day.
    TimeMillis,
    /// Microseconds of the day.
    TimeMicros,
    /// The same without what is behind the milliseconds: so Debezium writes it in arrays.
    TimeCut,
    /// Milliseconds since 1970.
    TimestampMillis,
    /// Microseconds since 1970.
    TimestampMicros,
    /// ISO 8601 in UTC, with so many digits behind the second.
    Timestamptz(u8),
    /// The text, or the time in UTC where Debezium is copied.
    Timetz,
    /// Microseconds, where a month has 30.4375 days.
    Interval,
    /// A number of a precision and a scale.
    Decimal {
        precision: i32,
        scale: i32,
    },
    /// A number of any scale.
    AnyDecimal,
    /// With two digits behind the point.
    Money,
    /// Coordinates, and the same as WKB.
    Point,
    /// A string that holds an object of JSON.
    Hstore,
    /// Elements of a type with a modifier of their own.
    Array {
        element: u32,
        typmod: i32,
    },
    /// Numbers.
    Vector,
    /// Debezium leaves the column out.
    Missing,
    /// Debezium writes `null` whatever it is.
    Lost,
}

/// Days and microseconds from 1970 to 2000.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i128 = EPOCH_DAYS as i128 * 86_400_000_000;

/// What PostgreSQL's JDBC driver has for the infinities, in microseconds since 1970.
const INFINITY: i128 = 9_223_372_036_825_200_000;
const MINUS_INFINITY: i128 = -9_223_372_036_832_400_000;

impl Form {
    /// Of the type that values are read as.
    pub(super) fn of(type_oid: u32, typmod: i32, settings: &Settings) -> Self {
        let copied = settings.compatible == Compatible::Debezium36;
        match type_oid {
            oid::BOOL => Self::Plain(Shape::Bool),
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Self::Plain(Shape::Number(Fit::All)),
            oid::FLOAT4 if copied => Self::Float32,
            oid::FLOAT8 if copied => Self::Float64,
            oid::FLOAT4 | oid::FLOAT8 => Self::Plain(Shape::Number(Fit::All)),
            oid::NUMERIC => match numeric(typmod) {
                Some((precision, scale)) => Self::Decimal { precision, scale },
                None => Self::AnyDecimal,
            },
            oid::MONEY => Self::Money,
            oid::BYTEA => Self::Plain(Shape::Bytea),
            oid::BIT | oid::VARBIT if typmod == 1 => Self::Bit,
            oid::BIT | oid::VARBIT => Self::Bits(if typmod > 0 { typmod } else { i32::MAX }),
            oid::DATE => Self::Date,
            oid::TIME if (0..=3).contains(&typmod) => Self::TimeMillis,
            oid::TIME => Self::TimeMicros,
            oid::TIMESTAMP if (0..=3).contains(&typmod) => Self::TimestampMillis,
            oid::TIMESTAMP => Self::TimestampMicros,
            oid::TIMESTAMPTZ => Self::Timestamptz(u8::try_from(typmod).map_or(6, |digits| digits.min(6))),
            oid::TIMETZ => Self::Timetz,
            oid::INTERVAL => Self::Interval,
            oid::POINT => Self::Point,
            oid::HSTORE => Self::Hstore,
            oid::VECTOR | oid::HALFVEC => Self::Vector,
            oid::NAME if copied => Self::Lost,
            _ if copied && is_left_out(type_oid) => Self::Missing,
            _ => match oid::find(type_oid) {
                Some(it) if it.kind == TypeKind::WAL_TYPE_KIND_ARRAY => {
                    Self::Array { element: it.element, typmod }
                }
                _ => Self::Plain(Shape::Text),
            },
        }
    }
}

impl Form {
    /// Of the elements of an array.
    pub(super) fn of_element(type_oid: u32, typmod: i32, settings: &Settings) -> Self {
        match Self::of(type_oid, typmod, settings) {
            Self::TimeMicros if settings.compatible == Compatible::Debezium36 => Self::TimeCut,
            form => form,
        }
    }
}

/// Precision and scale, which has 11 bits with a sign (numeric_typmod_scale).
fn numeric(typmod: i32) -> Option<(i32, i32)> {
    let packed = typmod.checked_sub(4).filter(|packed| *packed >= 0)?;
    Some((packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 1024) - 1024))
}

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
        Form::Vector => {
            let is_vector = nested::read(values, field, out, |values, items, out| {
                nested::array(items, out, |item, out| vector_item(values, item, out));
                true
            });
            return if is_vector { Ok(()) } else { Err(ReadError::Malformed) };
        }
    }
    Ok(())
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

/// Of a month there are 30.4375 days, as in Debezium.
fn interval(it: types::Interval, copied: bool) -> i128 {
    const DAY: i128 = 86_400_000_000;
    const MONTH: i128 = DAY * 304_375 / 10_000;
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
        _ => i128::from(it.months) * MONTH + i128::from(it.days) * DAY + i128::from(it.micros),
    }
}

/// A numeric, at a scale or any. NaN and the infinities are `null` where they have no form.
fn decimal(values: &mut Values, field: Field<'_>, scale: Option<i32>, out: &mut Out) -> Read<()> {
    let number = types::as_numeric(field)?;
    let copied = values.settings.compatible == Compatible::Debezium36;
    match values.settings.decimals() {
        Decimals::String if copied && !number.is_finite() => out.put(special(number)),
        Decimals::String | Decimals::Auto => values.write(field, Shape::Text, out),
        // Of those that no double is near there is no double.
        Decimals::Double => match number.nearest_f64() {
            Ok(number) => java::float64(number, out),
            Err(_) => out.put(b"null"),
        },
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

fn vector_item(values: &mut Values, item: Field<'_>, out: &mut Out) {
    let begin = out.len();
    let shown = values.with_text(item, out, |text, out| {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        java::float64(number.unwrap_or(f64::NAN), out);
    });
    if shown.is_err() {
        out.cut(begin);
        out.put(b"null");
    }
}

fn quoted_base64(bytes: &[u8], out: &mut Out) {
    out.byte(b'"');
    text::base64(bytes, out);
    out.byte(b'"');
}

/// Writes what stands for a value of a form that was not sent.
pub(super) fn placeholder(settings: &Settings, form: Form, out: &mut Out) {
    let word = settings.names.placeholder.as_bytes();
    let is_lost = settings.compatible == Compatible::Debezium36 && settings.decimals() != Decimals::String;
    match form {
        Form::Lost => out.put(b"null"),
        Form::Decimal { .. } | Form::AnyDecimal if is_lost => out.put(b"null"),
        Form::Plain(Shape::Bytea) | Form::Bits(_) => quoted_base64(word, out),
        Form::Array { element, .. } => match element {
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => {
                for (at, byte) in word.iter().enumerate() {
                    out.byte(if at == 0 { b'[' } else { b',' });
                    out.number((*byte).into());
                }
                out.byte(b']');
            }
            _ => {
                out.byte(b'[');
                text::string(word, settings, out);
                out.byte(b']');
            }
        },
        Form::Hstore => {
            let mut document = Out::default();
            document.byte(b'{');
            text::string(word, settings, &mut document);
            document.byte(b':');
            text::string(word, settings, &mut document);
            document.byte(b'}');
            text::string(document.bytes(), settings, out);
        }
        _ => text::string(word, settings, out),
    }
}

/// Types of which Debezium writes nothing.
fn is_left_out(type_oid: u32) -> bool {
    use oid::*;
    matches!(type_oid, XID | CID | TID | PG_LSN | XID8 | TSQUERY | TXID_SNAPSHOT | PG_SNAPSHOT | JSONPATH)
        || matches!(
            type_oid,
            MONEY_ARRAY
                | NAME_ARRAY
                | INTERVAL_ARRAY
                | VARBIT_ARRAY
                | XML_ARRAY
                | POINT_ARRAY
                | REFCURSOR_ARRAY
        )
        || oid::find(type_oid).is_some_and(|it| {
            matches!(it.kind, TypeKind::WAL_TYPE_KIND_MULTIRANGE | TypeKind::WAL_TYPE_KIND_COMPOSITE)
        })
}
