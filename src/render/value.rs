//! Values as JSON, as to_json() of the server writes them (datum_to_json in json.c), from text and binary alike. It must never
//! make a number of what is none in JSON, nor give the binary form of a value as its text.

use super::nested;
use super::out::Out;
use super::settings::{Bytes, Numbers, Settings};
use super::text::{self, Escaping};
use crate::batch::ValueKind;
use crate::types::{self, Field, Nested, Style, oid};

/// What a value of a type becomes (json_categorize_type).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `true` or `false`.
    Bool,
    /// A number that a double holds: the smaller integers and the floating-point numbers.
    Number,
    /// A bigint, of which a double holds the lower ones.
    Big,
    /// A numeric, which a double hardly ever holds.
    Numeric,
    /// A date.
    Date,
    /// A timestamp, with time zone or without.
    Timestamp,
    /// A document of JSON, as it is.
    Document,
    /// Bytes.
    Bytea,
    /// An array, a composite or an hstore.
    Nested,
    /// A string of what the type's output function writes.
    Text,
    /// A number; `null` for what is none.
    NumberOrNull,
    /// The digits of bytes, with nothing in front.
    Digits,
}

impl Shape {
    /// Of the type that values are read as.
    pub(super) fn of(type_oid: u32) -> Self {
        match type_oid {
            oid::BOOL => Self::Bool,
            oid::INT2 | oid::INT4 | oid::FLOAT4 | oid::FLOAT8 => Self::Number,
            oid::INT8 => Self::Big,
            oid::NUMERIC => Self::Numeric,
            oid::DATE => Self::Date,
            oid::TIMESTAMP | oid::TIMESTAMPTZ => Self::Timestamp,
            oid::JSON | oid::JSONB => Self::Document,
            oid::BYTEA => Self::Bytea,
            _ if nested::parts_of(type_oid).is_some() => Self::Nested,
            _ => Self::Text,
        }
    }

    /// The same for wal2json (pg_decode_write_value), which looks at the type itself, be it a domain.
    pub(super) fn of_wal2json(type_oid: u32) -> Self {
        match type_oid {
            oid::BOOL => Self::Bool,
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID | oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => {
                Self::NumberOrNull
            }
            oid::BYTEA => Self::Digits,
            _ => Self::Text,
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Big | Self::Numeric | Self::NumberOrNull)
    }
}

const TEXT: u8 = ValueKind::WAL_VALUE_TEXT as u8;
const BINARY: u8 = ValueKind::WAL_VALUE_BINARY as u8;

/// Writes values. It keeps what it needs for that from one to the next.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) settings: Settings,
    /// Bytes that were decoded.
    scratch: Vec<u8>,
    /// Readers that are not in use: one for each level.
    pub(super) readers: Vec<Nested>,
    /// How deep the present value is in others.
    pub(super) depth: usize,
}

impl Values {
    /// Writes a value, `null` for one that is not there.
    #[inline]
    pub(super) fn write(&mut self, field: Field<'_>, shape: Shape, out: &mut Out) {
        match field.kind {
            TEXT | BINARY if shape == Shape::Nested => nested::write(self, field, out),
            TEXT => self.write_text(field, shape, out),
            BINARY => self.write_binary(field, shape, out),
            _ => out.put(b"null"),
        }
    }

    /// Shows the text that the type's output function writes; of what nobody knows how to read the bytes as bytea has them.
    pub(super) fn with_text(&mut self, field: Field<'_>, show: impl FnOnce(&[u8])) {
        if let Ok(text) = types::as_text(field) {
            return show(text);
        }
        self.scratch.clear();
        if types::format(field, &mut self.scratch).is_err() {
            self.scratch.clear();
            self.scratch.extend_from_slice(b"\\x");
            types::write_hex(field.bytes, &mut self.scratch);
        }
        show(&self.scratch);
    }

    /// What the type's output function wrote.
    #[inline]
    fn write_text(&mut self, field: Field<'_>, shape: Shape, out: &mut Out) {
        let value = field.bytes;
        match shape {
            Shape::Text | Shape::Date => text::string(value, &self.settings, out),
            _ if shape.is_number() => number(value, shape, &self.settings, out),
            Shape::Digits => {
                text::string(value.strip_prefix(b"\\x").unwrap_or(value), &self.settings, out);
            }
            Shape::Bool => match value {
                b"t" => out.put(b"true"),
                b"f" => out.put(b"false"),
                _ => text::string(value, &self.settings, out),
            },
            Shape::Timestamp => timestamp(value, &self.settings, out),
            Shape::Document => text::document(value, &self.settings, out),
            _ => self.write_bytea(field, out),
        }
    }

    /// A bytea's text, in base64 where that was chosen and it is one.
    fn write_bytea(&mut self, field: Field<'_>, out: &mut Out) {
        if self.settings.bytes == Bytes::Base64
            && let Ok(length) = types::as_bytea(field, &mut [])
        {
            self.scratch.clear();
            if self.scratch.try_reserve(length).is_ok() {
                self.scratch.resize(length, 0);
                let _ = types::as_bytea(field, &mut self.scratch);
                return text::bytes(&self.scratch, &self.settings, out);
            }
        }
        text::string(field.bytes, &self.settings, out);
    }

    /// What the type's send function wrote. Where nobody knows how to read it, it stays bytes.
    fn write_binary(&mut self, field: Field<'_>, shape: Shape, out: &mut Out) {
        let begin = out.len();
        if self.try_binary(field, shape, out).is_err() {
            out.cut(begin);
            text::unknown(field.bytes, &self.settings, out);
        }
    }

    fn try_binary(&mut self, field: Field<'_>, shape: Shape, out: &mut Out) -> Result<(), types::ReadError> {
        match shape {
            Shape::Bool => {
                let word: &[u8] = if types::as_bool(field)? { b"true" } else { b"false" };
                out.put(word);
            }
            Shape::Number | Shape::Big
                if self.settings.numbers == Numbers::Exact && is_integer(field.type_oid) =>
            {
                let whole = types::as_int64(field)?;
                if whole < 0 {
                    out.byte(b'-');
                }
                out.number(whole.unsigned_abs());
            }
            Shape::Number | Shape::Big | Shape::Numeric | Shape::NumberOrNull => {
                let mut room = [0; 64];
                let mut short = types::Buffer::new(&mut room);
                types::format(field, &mut short)?;
                let length = short.length();
                if let Some(written) = room.get(..length) {
                    number(written, shape, &self.settings, out);
                } else {
                    self.scratch.clear();
                    types::format(field, &mut self.scratch)?;
                    number(&self.scratch, shape, &self.settings, out);
                }
            }
            Shape::Date | Shape::Timestamp => {
                out.byte(b'"');
                types::write_time(field, Style::Json, out)?;
                out.byte(b'"');
            }
            Shape::Document => text::document(types::as_text(field)?, &self.settings, out),
            Shape::Bytea => text::bytes(field.bytes, &self.settings, out),
            Shape::Digits => {
                out.byte(b'"');
                types::write_hex(field.bytes, out);
                out.byte(b'"');
            }
            Shape::Text | Shape::Nested => match types::as_text(field) {
                Ok(value) => text::string(value, &self.settings, out),
                Err(_) => {
                    out.byte(b'"');
                    types::format(field, &mut Escaping { out, settings: &self.settings })?;
                    out.byte(b'"');
                }
            },
        }
        Ok(())
    }
}

fn is_integer(type_oid: u32) -> bool {
    matches!(type_oid, oid::INT2 | oid::INT4 | oid::INT8)
}

/// Writes a number's text: as a number where JSON has it and the choice is so, else as a string.
#[inline]
fn number(value: &[u8], shape: Shape, settings: &Settings, out: &mut Out) {
    if is_json_number(value) && is_number(value, shape, settings.numbers) {
        out.put(value);
    } else if shape == Shape::NumberOrNull && settings.numbers == Numbers::Exact {
        out.put(b"null");
    } else {
        text::string(value, settings, out);
    }
}

/// Whether a number is written as one.
#[inline]
fn is_number(value: &[u8], shape: Shape, numbers: Numbers) -> bool {
    match (numbers, shape) {
        (Numbers::Exact, _) | (Numbers::Js, Shape::Number) => true,
        (Numbers::Js, Shape::Big) => is_safe_in_js(value),
        _ => false,
    }
}

/// Whether a double holds an integer and both its neighbours (Number.MAX_SAFE_INTEGER).
fn is_safe_in_js(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    match digits.len() {
        0..16 => true,
        16 => digits <= b"9007199254740991".as_slice(),
        _ => false,
    }
}

/// RFC 8259, section 6 (IsValidJsonNumber).
#[inline]
fn is_json_number(value: &[u8]) -> bool {
    fn digits(text: &[u8]) -> (&[u8], &[u8]) {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        text.split_at_checked(count).unwrap_or_default()
    }
    let (whole, rest) = digits(value.strip_prefix(b"-").unwrap_or(value));
    if whole.is_empty() || whole.len() > 1 && whole.first() == Some(&b'0') {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let rest = match rest.strip_prefix(b".").map(digits) {
        Some(([], _)) => return false,
        Some((_, rest)) => rest,
        None => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', rest @ ..] => {
            let rest = rest.strip_prefix(b"+").or(rest.strip_prefix(b"-")).unwrap_or(rest);
            matches!(digits(rest), ([_, ..], []))
        }
        _ => false,
    }
}

/// Writes a timestamp's text: with `T` before the time and minutes behind the hours of the offset (JsonEncodeDateTime). Of
/// another form than ISO's, as it is.
#[inline]
fn timestamp(value: &[u8], settings: &Settings, out: &mut Out) {
    // Of the years 1000 to 9999, most of all.
    if let Some((date, [b' ', time @ ..])) = value.split_at_checked(10)
        && let [.., sign, _, last] = time
        && last.is_ascii_digit()
        && text::is_plain(value)
    {
        let minutes: &[u8] = if matches!(sign, b'+' | b'-') { b":00\"" } else { b"\"" };
        return out.pieces([b"\"", date, b"T", time, minutes]);
    }
    unusual_timestamp(value, settings, out);
}

fn unusual_timestamp(value: &[u8], settings: &Settings, out: &mut Out) {
    let at = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    match value.split_at_checked(at) {
        Some((date, [b' ', time @ ..])) if time.first().is_some_and(u8::is_ascii_digit) => {
            let (time, era) = match time.strip_suffix(b" BC") {
                Some(time) => (time, &b" BC"[..]),
                None => (time, &b""[..]),
            };
            let sign = time.iter().position(|byte| matches!(byte, b'+' | b'-'));
            let lacks_minutes = sign.is_some_and(|sign| !time.iter().skip(sign).any(|byte| *byte == b':'));
            out.byte(b'"');
            text::escape(date, settings, out);
            out.byte(b'T');
            text::escape(time, settings, out);
            out.put(if lacks_minutes { b":00" } else { b"" });
            out.put(era);
            out.byte(b'"');
        }
        _ => text::string(value, settings, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_where_json_has_it() {
        for good in ["0", "-0", "7", "10", "-1.50", "0.001", "1e10", "1E-7", "1.5e+300", "-0.0"] {
            assert!(is_json_number(good.as_bytes()), "{good}");
        }
        for bad in
            ["", "-", "01", "-01", "1.", ".5", "1e", "1e+", "NaN", "Infinity", "+1", "1 ", "1.5e3.2", "1a"]
        {
            assert!(!is_json_number(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn javascript_gets_what_it_can_hold() {
        for good in ["0", "-9007199254740991", "9007199254740991", "999999999999999"] {
            assert!(is_safe_in_js(good.as_bytes()), "{good}");
        }
        for bad in ["9007199254740992", "-9007199254740993", "9223372036854775807"] {
            assert!(!is_safe_in_js(bad.as_bytes()), "{bad}");
        }
    }
}
