//! The text that the server's output functions write, from the binary form of any built-in type, under the settings that the
//! library promises (ISO dates, UTC, IntervalStyle postgres, bytea in hex). It must never allocate, and never write what the
//! server would not.

mod extension;
mod float;
mod geometry;
mod nested;
mod network;
mod number;
mod search;
mod sink;

use std::fmt::Write;

pub(super) use network::Network;
pub(super) use number::{Parts as NumericParts, Sign as NumericSign, numeric as write_numeric};
pub use sink::{Buffer, Sink};
use sink::{Formatted, Writing};

use super::cursor::Cursor;
use super::field::{Field, Form, Read, ReadError, exactly};
use super::{Style, as_text, oid, write_time};
use crate::batch::{TypeKind, ValueKind};

/// How deep arrays and ranges of built-in types are nested: an array of multiranges of ranges of a type.
const DEPTH: u32 = 8;

/// Writes the text of a value: as it came, or as the output function of its type writes it. After an error what was written is
/// of no use.
pub fn format(field: Field<'_>, out: &mut dyn Sink) -> Read<()> {
    match field.form()? {
        Form::Text(text) => {
            out.put(text);
            Ok(())
        }
        // The caller knows no type.
        Form::Binary(_) if field.type_oid == 0 => Err(ReadError::Unresolved),
        Form::Binary(bytes) => value(field.type_oid, bytes, DEPTH, out),
    }
}

/// Writes a numeric, from text or binary.
pub fn write_numeric_to(field: Field<'_>, out: &mut impl Write) -> Read<()> {
    field.of_types(&[oid::NUMERIC])?;
    let mut writing = Writing { to: out, outcome: Ok(()) };
    let numeric = Field::new(field.kind, field.bytes, oid::NUMERIC);
    format(numeric, &mut writing)?;
    writing.outcome.map_err(|_| ReadError::Malformed)
}

/// Writes the binary form of a value of a type.
fn value(of: u32, bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let depth = depth.checked_sub(1).ok_or(ReadError::OutOfRange)?;
    match of {
        oid::BOOL => match bytes {
            [1] => word(b"t", out),
            [0] => word(b"f", out),
            _ => Err(ReadError::Malformed),
        },
        oid::INT2 => exactly(bytes).map(|it| plain(out, format_args!("{}", i16::from_be_bytes(it)))),
        oid::INT4 => exactly(bytes).map(|it| plain(out, format_args!("{}", i32::from_be_bytes(it)))),
        oid::INT8 => exactly(bytes).map(|it| plain(out, format_args!("{}", i64::from_be_bytes(it)))),
        oid::OID | oid::XID | oid::CID => unsigned(bytes, out),
        oid::XID8 => exactly(bytes).map(|it| plain(out, format_args!("{}", u64::from_be_bytes(it)))),
        oid::FLOAT4 => exactly(bytes).map(|it| float::float32(f32::from_be_bytes(it), out)),
        oid::FLOAT8 => exactly(bytes).map(|it| float::float64(f64::from_be_bytes(it), out)),
        oid::NUMERIC => number::numeric(bytes, out),
        oid::INTERVAL => number::interval(bytes, out),
        oid::BYTEA => {
            out.put(b"\\x");
            write_hex(bytes, out);
            Ok(())
        }
        oid::DATE | oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            let field = Field::new(ValueKind::WAL_VALUE_BINARY as u8, bytes, of);
            write_time(field, Style::Postgres, &mut Formatted(out))
        }
        oid::UUID => uuid(bytes, out),
        oid::BIT | oid::VARBIT => bits(bytes, out),
        oid::INET | oid::CIDR => network::network(bytes, out),
        oid::MACADDR => network::mac::<6>(bytes, out),
        oid::MACADDR8 => network::mac::<8>(bytes, out),
        oid::PG_LSN => exactly(bytes).map(|it| {
            let lsn = u64::from_be_bytes(it);
            plain(out, format_args!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF));
        }),
        oid::TID => {
            let mut cursor = Cursor(bytes);
            let (block, offset) = (cursor.u32()?, cursor.u16()?);
            plain(out, format_args!("({block},{offset})"));
            cursor.end()
        }
        oid::PG_SNAPSHOT | oid::TXID_SNAPSHOT => snapshot(bytes, out),
        oid::POINT => geometry::points(bytes, 1, [b"", b""], out),
        oid::LSEG => geometry::points(bytes, 2, [b"[", b"]"], out),
        oid::BOX => geometry::points(bytes, 2, [b"", b""], out),
        oid::LINE => geometry::line(bytes, out),
        oid::CIRCLE => geometry::circle(bytes, out),
        oid::PATH => geometry::path(bytes, out),
        oid::POLYGON => geometry::polygon(bytes, out),
        oid::TSVECTOR => search::vector(bytes, out),
        oid::TSQUERY => search::query(bytes, out),
        oid::INT2VECTOR | oid::OIDVECTOR => nested::vector(bytes, depth, out),
        // Their names hang on the search path, and on today's catalog: the OID is what was stored.
        oid::REGPROC | oid::REGPROCEDURE | oid::REGOPER | oid::REGOPERATOR | oid::REGCLASS | oid::REGTYPE => {
            unsigned(bytes, out)
        }
        oid::REGCONFIG | oid::REGDICTIONARY | oid::REGNAMESPACE | oid::REGROLE | oid::REGCOLLATION => {
            unsigned(bytes, out)
        }
        _ => other(of, bytes, depth, out),
    }
}

/// What has parts, and what is text already.
fn other(of: u32, bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    match oid::find(of) {
        Some(it) if it.kind == TypeKind::WAL_TYPE_KIND_ARRAY => nested::array(bytes, depth, out),
        Some(it) if it.kind == TypeKind::WAL_TYPE_KIND_RANGE => nested::range(it.element, bytes, depth, out),
        Some(it) if it.kind == TypeKind::WAL_TYPE_KIND_MULTIRANGE => {
            nested::multirange(it.element, bytes, depth, out)
        }
        _ if matches!(of, oid::HSTORE | oid::VECTOR | oid::HALFVEC | oid::SPARSEVEC) => {
            extension::extension(of, bytes, out)
        }
        _ => plain_text(of, bytes, out),
    }
}

/// What is text already.
fn plain_text(of: u32, bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let field = Field::new(ValueKind::WAL_VALUE_BINARY as u8, bytes, of);
    as_text(field).map(|text| out.put(text))
}

fn word(text: &[u8], out: &mut dyn Sink) -> Read<()> {
    out.put(text);
    Ok(())
}

fn plain(out: &mut dyn Sink, text: std::fmt::Arguments<'_>) {
    // A sink takes everything.
    let _ = Formatted(out).write_fmt(text);
}

fn unsigned(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    exactly(bytes).map(|it| plain(out, format_args!("{}", u32::from_be_bytes(it))))
}

/// Writes bytes as hexadecimal digits.
pub fn write_hex(bytes: &[u8], out: &mut dyn Sink) {
    for bytes in bytes.chunks(32) {
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = [byte >> 4, byte & 15].map(|half| if half < 10 { b'0' + half } else { b'a' - 10 + half });
        }
        out.put(text.get(..2 * bytes.len()).unwrap_or_default());
    }
}

fn uuid(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let uuid: [u8; 16] = exactly(bytes)?;
    let mut rest = uuid.as_slice();
    for (at, length) in [4, 2, 2, 2, 6].into_iter().enumerate() {
        let (part, behind) = rest.split_at_checked(length).ok_or(ReadError::Malformed)?;
        out.put(if at == 0 { b"" } else { b"-" });
        write_hex(part, out);
        rest = behind;
    }
    Ok(())
}

/// Bits from the left on (bit_out).
fn bits(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let count = usize::try_from(cursor.i32()?).map_err(|_| ReadError::Malformed)?;
    if cursor.0.len() != count.div_ceil(8) {
        return Err(ReadError::Malformed);
    }
    let mut left = count;
    for byte in cursor.0 {
        let mut text = [b'0'; 8];
        for (at, digit) in text.iter_mut().enumerate() {
            *digit += byte >> (7 - at) & 1;
        }
        out.put(text.get(..left.min(8)).unwrap_or_default());
        left = left.saturating_sub(8);
    }
    Ok(())
}

/// `xmin:xmax:xip,…` (pg_snapshot_out).
fn snapshot(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let count = cursor.i32()?;
    plain(out, format_args!("{}:{}:", cursor.u64()?, cursor.u64()?));
    for at in 0..count {
        let comma = if at == 0 { "" } else { "," };
        plain(out, format_args!("{comma}{}", cursor.u64()?));
    }
    cursor.end()
}
