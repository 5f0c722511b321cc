//! hstore and pgvector's types as their output functions write them. It must never write half of what turns out to be another
//! type of the same name.

use super::super::cursor::Cursor;
use super::super::field::Read;
use super::super::nested::extension::{Sparse, Vector, half, hstore};
use super::super::oid;
use super::float::float32;
use super::sink::{Quoted, Quoting, Sink};
use super::{plain, plain_text};

/// Takes the text away.
struct Nowhere;

impl Sink for Nowhere {
    fn put(&mut self, _: &[u8]) {}
}

/// Writes a value of a type that is known by its name.
pub(super) fn extension(of: u32, bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let write = match of {
        oid::HSTORE => pairs,
        oid::VECTOR | oid::HALFVEC => vector,
        _ => sparse,
    };
    match write(of, bytes, &mut Nowhere) {
        Ok(()) => write(of, bytes, out),
        Err(_) => plain_text(of, bytes, out),
    }
}

/// hstore_out
fn pairs(_: u32, bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let mut is_first = true;
    hstore(&mut cursor, |key, value| {
        out.put(if is_first { b"\"" } else { b", \"" });
        is_first = false;
        Quoted { to: out, quoting: Quoting::Array(b',') }.put(key);
        out.put(b"\"=>");
        match value {
            Some(value) => {
                out.put(b"\"");
                Quoted { to: out, quoting: Quoting::Array(b',') }.put(value);
                out.put(b"\"");
            }
            None => out.put(b"NULL"),
        }
        Ok(())
    })?;
    cursor.end()
}

/// vector_out, halfvec_out
fn vector(of: u32, bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let it = Vector::take(of, &mut cursor)?;
    for at in 0..it.count {
        out.put(if at == 0 { b"[" } else { b"," });
        let number = if it.is_half { half(cursor.u16()?) } else { f32::from_be_bytes(cursor.array()?) };
        float32(number, out);
    }
    out.put(b"]");
    cursor.end()
}

/// sparsevec_out
fn sparse(_: u32, bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let it = Sparse::take(&mut cursor)?;
    out.put(b"{");
    for at in 0..it.count {
        let (index, number) = it.pair(at)?;
        let comma = if at == 0 { "" } else { "," };
        plain(out, format_args!("{comma}{index}:"));
        float32(f32::from_be_bytes(super::exactly(number)?), out);
    }
    plain(out, format_args!("}}/{}", it.dimension));
    cursor.end()
}
