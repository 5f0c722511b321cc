//! Values as JSON, as to_json() of the server writes them (datum_to_json in json.c), from text and binary alike. It must never
//! make a number of what is none in JSON, nor give the binary form of a value as its text.

use super::debezium::Decimal;
use super::kind::{BINARY, TEXT};
use super::nested;
use super::out::Out;
use super::settings::{Bytes, Numbers, Settings};
use super::text::{self, Escaping};
use crate::types::{self, Field, Nested, Style, oid};

/// What a value of a type becomes (json_categorize_type).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `true` or `false`.
    Bool,
    /// A number; a string for what is none in JSON.
    Number(Fit),
    /// A number; `null` for what is none in JSON.
    NumberOrNull(Fit),
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
    /// The digits of bytes, with nothing in front.
    Digits,
}

/// Which of a type's numbers a double holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// All: the smaller integers and the floating-point numbers.
    All,
    /// The lower ones of a bigint.
    Lower,
    /// Of a numeric hardly any.
    Hardly,
}

impl Fit {
    /// Of a type; None: it is no number.
    fn of(type_oid: u32) -> Option<Self> {
        match type_oid {
            oid::INT2 | oid::INT4 | oid::FLOAT4 | oid::FLOAT8 => Some(Self::All),
            oid::INT8 => Some(Self::Lower),
            oid::NUMERIC => Some(Self::Hardly),
            _ => None,
        }
    }
}

impl Shape {
    /// Of the type that values are read as.
    pub(super) fn of(type_oid: u32) -> Self {
        match type_oid {
            oid::BOOL => Self::Bool,
            oid::DATE => Self::Date,
            oid::TIMESTAMP | oid::TIMESTAMPTZ => Self::Timestamp,
            oid::JSON | oid::JSONB => Self::Document,
            oid::BYTEA => Self::Bytea,
            _ if nested::parts_of(type_oid).is_some() => Self::Nested,
            _ => Fit::of(type_oid).map_or(Self::Text, Self::Number),
        }
    }

    /// The same for wal2json (pg_decode_write_value), which looks at the type itself, be it a domain.
    pub(super) fn of_wal2json(type_oid: u32) -> Self {
        match type_oid {
            oid::BOOL => Self::Bool,
            oid::OID => Self::NumberOrNull(Fit::All),
            oid::BYTEA => Self::Digits,
            _ => Fit::of(type_oid).map_or(Self::Text, Self::NumberOrNull),
        }
    }
}

/// Writes values. It keeps what it needs for that from one to the next.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) settings: Settings,
    /// Bytes that were decoded.
    pub(super) scratch: Vec<u8>,
    /// Text that was made of a value, before it is written.
    pub(super) formatted: Out,
    /// Makes decimals.
    pub(super) decimal: Decimal,
    /// Readers that are not in use: one for each level.
    pub(super) readers: Vec<Nested>,
    /// How deep the present value is in others.
    pub(super) depth: usize,
    /// How long the largest value was that readers had.
    pub(super) largest: usize,
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

    /// Shows the text that the type's output function writes. What nobody knows how to read is shown as bytea has its bytes, and
    /// told.
    pub(super) fn with_text(
        &mut self,
        field: Field<'_>,
        out: &mut Out,
        show: impl FnOnce(&[u8], &mut Out),
    ) -> Result<(), types::ReadError> {
        if let Ok(text) = types::as_text(field) {
            show(text, out);
            return Ok(());
        }
        self.formatted.clear();
        let known = types::format(field, &mut self.formatted);
        if known.is_err() {
            self.formatted.clear();
            self.formatted.put(b"\\x");
            types::write_hex(field.bytes, &mut self.formatted);
        }
        match self.formatted.check() {
            Ok(()) => show(self.formatted.bytes(), out),
            Err(_) => out.lack(field.bytes.len()),
        }
        known
    }

    /// What the type's output function wrote.
    #[inline]
    fn write_text(&mut self, field: Field<'_>, shape: Shape, out: &mut Out) {
        let value = field.bytes;
        match shape {
            Shape::Text | Shape::Date => text::text_or_bytes(value, &self.settings, out),
            Shape::Number(fit) | Shape::NumberOrNull(fit) => number(value, shape, fit, &self.settings, out),
            Shape::Digits => {
                text::text_or_bytes(value.strip_prefix(b"\\x").unwrap_or(value), &self.settings, out);
            }
            Shape::Bool => match value {
                b"t" => out.put(b"true"),
                b"f" => out.put(b"false"),
                _ => text::text_or_bytes(value, &self.settings, out),
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
            if self.scratch.try_reserve(length).is_err() {
                return out.lack(length);
            }
            self.scratch.resize(length, 0);
            let _ = types::as_bytea(field, &mut self.scratch);
            return text::bytes(&self.scratch, &self.settings, out);
        }
        text::text_or_bytes(field.bytes, &self.settings, out);
    }

    /// What the type's send function wrote. Where nobody knows how to read it, it stays bytes.
    fn write_binary(&mut self, field: Field<'_>, shape: Shape, out: &mut Out) {
        let begin = out.len();
        match self.try_binary(field, shape, out) {
            Ok(()) => {}
            Err(types::ReadError::NoMemory) => out.lack(field.bytes.len()),
            Err(_) => {
                out.cut(begin);
                text::unknown(field.bytes, &self.settings, out);
            }
        }
    }

    fn try_binary(&mut self, field: Field<'_>, shape: Shape, out: &mut Out) -> Result<(), types::ReadError> {
        match shape {
            Shape::Bool => {
                let word: &[u8] = if types::as_bool(field)? { b"true" } else { b"false" };
                out.put(word);
            }
            Shape::Number(_) | Shape::NumberOrNull(_)
                if self.settings.numbers == Numbers::Exact && is_integer(field.type_oid) =>
            {
                let whole = types::as_int64(field)?;
                if whole < 0 {
                    out.byte(b'-');
                }
                out.number(whole.unsigned_abs());
            }
            Shape::Number(fit) | Shape::NumberOrNull(fit) => {
                let mut room = [0; 64];
                let mut short = types::Buffer::new(&mut room);
                types::format(field, &mut short)?;
                let length = short.length();
                if let Some(written) = room.get(..length) {
                    number(written, shape, fit, &self.settings, out);
                } else {
                    self.formatted.clear();
                    types::format(field, &mut self.formatted)?;
                    self.formatted.check().map_err(|_| types::ReadError::NoMemory)?;
                    number(self.formatted.bytes(), shape, fit, &self.settings, out);
                }
            }
            Shape::Date | Shape::Timestamp => {
                out.byte(b'"');
                types::write_time(field, Style::Json, out)?;
                out.byte(b'"');
            }
            Shape::Document => text::document(utf8(types::as_text(field)?)?, &self.settings, out),
            Shape::Bytea => text::bytes(field.bytes, &self.settings, out),
            Shape::Digits => {
                out.byte(b'"');
                types::write_hex(field.bytes, out);
                out.byte(b'"');
            }
            Shape::Text | Shape::Nested => match types::as_text(field) {
                Ok(value) => text::string(utf8(value)?, &self.settings, out),
                Err(_) => {
                    out.byte(b'"');
                    let mut escaping = Escaping::new(&self.settings, out);
                    types::format(field, &mut escaping)?;
                    if !escaping.is_utf8() {
                        return Err(types::ReadError::Unresolved);
                    }
                    out.byte(b'"');
                }
            },
        }
        Ok(())
    }

    /// Gives back memory that only a huge value needs.
    pub(super) fn shrink(&mut self) {
        /// What is kept in any case.
        const KEPT: usize = 1 << 20;
        self.formatted.clear();
        self.scratch.clear();
        self.scratch.shrink_to(KEPT);
        if self.largest > KEPT {
            self.readers.clear();
            self.largest = 0;
        }
    }
}

/// Text as JSON can have it.
fn utf8(text: &[u8]) -> Result<&[u8], types::ReadError> {
    if text::is_utf8(text) { Ok(text) } else { Err(types::ReadError::Unresolved) }
}

fn is_integer(type_oid: u32) -> bool {
    matches!(type_oid, oid::INT2 | oid::INT4 | oid::INT8)
}

/// Writes a number's text: as a number where JSON has it and the choice is so, else as a string.
#[inline]
fn number(value: &[u8], shape: Shape, fit: Fit, settings: &Settings, out: &mut Out) {
    let is_one = is_json_number(value);
    if is_one && is_number(value, fit, settings.numbers) {
        out.put(value);
    } else if !is_one && matches!(shape, Shape::NumberOrNull(_)) && settings.numbers != Numbers::String {
        out.put(b"null");
    } else {
        text::text_or_bytes(value, settings, out);
    }
}

/// Whether a number is written as one.
#[inline]
fn is_number(value: &[u8], fit: Fit, numbers: Numbers) -> bool {
    match (numbers, fit) {
        (Numbers::Exact, _) | (Numbers::Js, Fit::All) => true,
        (Numbers::Js, Fit::Lower) => is_safe_in_js(value),
        (Numbers::Js, Fit::Hardly) | (Numbers::String, _) => false,
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
        && matches!(date, [.., b'-', _, _, b'-', _, _])
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
        Some((date, [b' ', time @ ..]))
            if is_iso_date(date) && time.first().is_some_and(u8::is_ascii_digit) && time.is_ascii() =>
        {
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
        _ => text::text_or_bytes(value, settings, out),
    }
}

/// `2026-02-28`, the year with as many digits as it has: no other style of dates has hyphens between numbers and a space behind.
fn is_iso_date(date: &[u8]) -> bool {
    let mut parts = date.split(|byte| *byte == b'-');
    let mut digits = |least: usize, most: usize| {
        let is_part =
            |part: &[u8]| (least..=most).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
        parts.next().is_some_and(is_part)
    };
    digits(4, 6) && digits(2, 2) && digits(2, 2) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::super::settings::OF_JSON;
    use super::*;

    /// The first OID that a user's type can have.
    const OF_A_USER: u32 = 16_384;

    fn written(set: &[(&str, &str)], kind: u8, bytes: &[u8], type_oid: u32, shape: Shape) -> String {
        let (mut values, mut out) = (Values::default(), Out::default());
        set.iter().for_each(|(name, word)| values.settings.set(name, word, OF_JSON).unwrap());
        values.write(Field::new(kind, bytes, type_oid), shape, &mut out);
        out.check().unwrap();
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    fn plain(kind: u8, bytes: &[u8], type_oid: u32) -> String {
        written(&[], kind, bytes, type_oid, Shape::of(type_oid))
    }

    #[test]
    fn no_byte_of_a_value_is_lost_that_is_not_utf8() {
        for type_oid in
            [oid::TEXT, oid::VARCHAR, oid::JSON, oid::XML, oid::TIMESTAMP, oid::BOOL, oid::INT4, OF_A_USER]
        {
            assert_eq!(plain(TEXT, b"\xE9", type_oid), "{\"$binary\":\"e9\"}", "{type_oid}");
        }
        for type_oid in [oid::TEXT, oid::JSON, OF_A_USER] {
            assert_eq!(plain(BINARY, b"\xE9", type_oid), "{\"$binary\":\"e9\"}", "{type_oid}");
        }
        assert_eq!(plain(BINARY, b"\x01\"\xE9\"", oid::JSONB), "{\"$binary\":\"0122e922\"}");
        // One lexeme without positions.
        assert_eq!(
            plain(BINARY, b"\0\0\0\x01\xE9\0\0\0", oid::TSVECTOR),
            "{\"$binary\":\"00000001e9000000\"}"
        );
        // Of values with parts the part alone; what is a name in JSON is none without its bytes.
        assert_eq!(plain(TEXT, b"{a,\xE9}", oid::TEXT_ARRAY), "[\"a\",{\"$binary\":\"e9\"}]");
        assert_eq!(plain(TEXT, b"\"a\"=>\"\xE9\"", oid::HSTORE), "{\"a\": {\"$binary\":\"e9\"}}");
        assert_eq!(plain(TEXT, b"\"\xE9\"=>\"a\"", oid::HSTORE), "{\"$binary\":\"22e9223d3e226122\"}");
    }

    #[test]
    fn bytes_of_an_unknown_type_are_text_where_they_look_like_it() {
        assert_eq!(plain(BINARY, b"ABCD", OF_A_USER), "\"ABCD\"");
        assert_eq!(plain(BINARY, b"\0\0\0\x07", OF_A_USER), "{\"$binary\":\"00000007\"}");
    }

    #[test]
    fn only_an_iso_timestamp_is_rewritten() {
        for (text, wanted) in [
            ("2026-02-28 12:34:56.5+00", "2026-02-28T12:34:56.5+00:00"),
            ("2026-02-28 12:34:56", "2026-02-28T12:34:56"),
            ("12026-02-28 12:34:56-03:30 BC", "12026-02-28T12:34:56-03:30 BC"),
            ("28.02.2026 12:34:56 CET", "28.02.2026 12:34:56 CET"),
            ("02/28/2026 12:34:56 UTC", "02/28/2026 12:34:56 UTC"),
            ("Sat Feb 28 12:34:56 2026 UTC", "Sat Feb 28 12:34:56 2026 UTC"),
            ("infinity", "infinity"),
        ] {
            assert_eq!(
                plain(TEXT, text.as_bytes(), oid::TIMESTAMPTZ),
                format!("\"{text}\"").replace(text, wanted)
            );
        }
    }

    #[test]
    fn wal2jsons_numbers_follow_the_option_as_to_jsons_do() {
        for (set, type_oid, text, wanted) in [
            ("js", oid::INT4, "7", "7"),
            ("js", oid::OID, "7", "7"),
            ("js", oid::FLOAT4, "1.5", "1.5"),
            ("js", oid::FLOAT8, "NaN", "null"),
            ("js", oid::INT8, "9007199254740991", "9007199254740991"),
            ("js", oid::INT8, "9007199254740992", "\"9007199254740992\""),
            ("js", oid::NUMERIC, "1.50", "\"1.50\""),
            ("js", oid::NUMERIC, "NaN", "null"),
            ("exact", oid::NUMERIC, "NaN", "null"),
            ("exact", oid::INT8, "9007199254740993", "9007199254740993"),
            ("string", oid::INT4, "7", "\"7\""),
            ("string", oid::FLOAT8, "NaN", "\"NaN\""),
        ] {
            let shape = Shape::of_wal2json(type_oid);
            let found = written(&[("numbers", set)], TEXT, text.as_bytes(), type_oid, shape);
            assert_eq!(found, wanted, "{set} {type_oid} {text}");
        }
    }

    #[test]
    fn memory_of_a_huge_value_is_given_back() {
        let (mut values, mut out) = (Values::default(), Out::default());
        values.settings.set("bytes", "base64", OF_JSON).unwrap();
        let huge = format!("\\x{}", "00".repeat(4 << 20));
        values.write(Field::new(TEXT, huge.as_bytes(), oid::BYTEA), Shape::Bytea, &mut out);
        let list = format!("{{{}1}}", "1,".repeat(1 << 20));
        values.write(Field::new(TEXT, list.as_bytes(), oid::INT4_ARRAY), Shape::Nested, &mut out);
        assert!(values.scratch.capacity() >= 4 << 20 && values.readers.len() == 1);
        values.shrink();
        assert!(values.scratch.capacity() <= 1 << 20 && values.readers.is_empty());
        values.write(Field::new(TEXT, b"{1}", oid::INT4_ARRAY), Shape::Nested, &mut out);
        values.shrink();
        assert_eq!(values.readers.len(), 1);
    }

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
