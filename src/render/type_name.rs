//! Names of types as SQL shows them with their modifier (format_type_with_typemod). It must never show a modifier for what has
//! none.

use std::fmt::Write;

use super::out::Out;
use super::settings::Settings;
use super::text;
use crate::batch::{Column, Type, TypeKind, TypeSource};
use crate::types::oid;

/// Writes the name of a column's type as a string, as wal2json does: a name in quotes has no others around it, where that is a
/// string of JSON too.
pub(super) fn write(column: &Column, settings: &Settings, out: &mut Out) {
    let name = of_column(column);
    let inside = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_string = |inside: &&str| !inside.contains(|c: char| c < ' ' || matches!(c, '"' | '\\'));
    text::string(inside.filter(is_string).unwrap_or(&name).as_bytes(), settings, out);
}

/// The name of a column's type: of a domain its base type's, which the stream names; of another type of a user's what the stream
/// calls it, with its schema unless that is public.
fn of_column(column: &Column) -> String {
    let of: &Type = &column.data_type;
    let Some(known) = shown_as(of) else { return named(of) };
    let typmod = if of.kind == TypeKind::WAL_TYPE_KIND_DOMAIN { -1 } else { column.typmod };
    match oid::find(known.element) {
        Some(element) if known.kind == TypeKind::WAL_TYPE_KIND_ARRAY && known.name.starts_with(b"_") => {
            built_in(element, typmod) + "[]"
        }
        _ => built_in(known, typmod),
    }
}

/// The type of PostgreSQL's own whose name stands for a type: itself, or a domain's base. How another's values are read says
/// nothing of its name.
pub(super) fn shown_as(of: &Type) -> Option<&'static Type> {
    let is_own =
        of.source == TypeSource::WAL_TYPE_SOURCE_BUILT_IN || of.kind == TypeKind::WAL_TYPE_KIND_DOMAIN;
    oid::find(of.reads_as).filter(|_| is_own)
}

/// A type that the stream only names; an array of one has `_` before the name of the element's type.
fn named(of: &Type) -> String {
    if of.name.is_empty() {
        return "???".to_owned();
    }
    let (name, brackets) = match of.name.strip_prefix(b"_") {
        Some(element) => (element, "[]"),
        None => (&*of.name, ""),
    };
    let schema = match &*of.namespace {
        b"public" | b"pg_catalog" => String::new(),
        schema => quoted(schema) + ".",
    };
    schema + &quoted(name) + brackets
}

/// An identifier, in quotes where it is not plain (quote_identifier, but for keywords).
fn quoted(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if name.bytes().all(is_plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        name.into_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn built_in(of: &Type, typmod: i32) -> String {
    match (of.oid, typmod) {
        // Without a length they are not what SQL makes of their names, which is one of length 1.
        (oid::BPCHAR, ..0) => "bpchar".to_owned(),
        (oid::BIT, ..0) => "\"bit\"".to_owned(),
        (_, ..0) => of.sql_name.to_owned(),
        (oid::VARCHAR | oid::BPCHAR, _) => format!("{}({})", of.sql_name, typmod.saturating_sub(4)),
        (oid::BIT | oid::VARBIT, _) => format!("{}({typmod})", of.sql_name),
        (oid::NUMERIC, 4..) => {
            let (precision, scale) = ((typmod - 4) >> 16 & 0xFFFF, (typmod - 4) & 0x7FF);
            // 11 bits with a sign (numeric_typmod_scale).
            format!("numeric({precision},{})", (scale ^ 1024) - 1024)
        }
        (oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ, _) => {
            let (name, zone) = of.sql_name.split_once(' ').unwrap_or((of.sql_name, ""));
            format!("{name}({typmod}) {zone}")
        }
        (oid::INTERVAL, _) => interval(typmod),
        _ => of.sql_name.to_owned(),
    }
}

/// The fields of an interval, each with its bit (intervaltypmodout; INTERVAL_MASK in timestamp.h).
const FIELDS: [(i32, &str); 13] = [
    (1 << 2, " year"),
    (1 << 1, " month"),
    (1 << 3, " day"),
    (1 << 10, " hour"),
    (1 << 11, " minute"),
    (1 << 12, " second"),
    (1 << 2 | 1 << 1, " year to month"),
    (1 << 3 | 1 << 10, " day to hour"),
    (1 << 3 | 1 << 10 | 1 << 11, " day to minute"),
    (1 << 3 | 1 << 10 | 1 << 11 | 1 << 12, " day to second"),
    (1 << 10 | 1 << 11, " hour to minute"),
    (1 << 10 | 1 << 11 | 1 << 12, " hour to second"),
    (1 << 11 | 1 << 12, " minute to second"),
];

fn interval(typmod: i32) -> String {
    let (fields, precision) = (typmod >> 16 & 0x7FFF, typmod & 0xFFFF);
    let mut name = "interval".to_owned();
    name.push_str(FIELDS.iter().find(|known| known.0 == fields).map_or("", |known| known.1));
    if precision != 0xFFFF {
        let _ = write!(name, "({precision})");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(of: Type) -> String {
        let (name, type_oid) = (Box::from(&b"c"[..]), of.oid);
        let column = Column { name, type_oid, typmod: -1, is_key: false, data_type: of.into() };
        let mut out = Out::default();
        write(&column, &Settings::default(), &mut out);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_type_keeps_its_name_however_it_is_read() {
        for name in ["citext", "hstore", "ltree", "vector"] {
            assert_eq!(written(oid::described(16_400, b"public", name.as_bytes())), format!("\"{name}\""));
        }
        assert_eq!(written(oid::described(16_400, b"pg_catalog", b"int4")), "\"integer\"");
        assert_eq!(written(oid::described(16_400, b"public", b"_mood")), "\"mood[]\"");
    }

    #[test]
    fn whatever_a_type_is_called_the_name_is_a_string() {
        let described = |schema: &[u8], name: &[u8]| written(oid::described(16_400, schema, name));
        // As wal2json has it.
        assert_eq!(described(b"public", b"Odd kind"), "\"Odd kind\"");
        assert_eq!(described(b"other", b"Odd"), "\"other.\\\"Odd\\\"\"");
        // What it writes of these is no JSON.
        assert_eq!(described(b"public", b"a\nb"), "\"\\\"a\\nb\\\"\"");
        assert_eq!(described(b"public", b"a\"b"), "\"\\\"a\\\"\\\"b\\\"\"");
        assert_eq!(described(b"public", b"a\\b"), "\"\\\"a\\\\b\\\"\"");
        assert_eq!(described(b"S", b"t"), "\"\\\"S\\\".t\"");
        assert_eq!(described(b"S", b"T"), "\"\\\"S\\\".\\\"T\\\"\"");
    }
}
