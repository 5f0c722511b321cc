//! Arrays, ranges and multiranges as the server writes them. It must never go deeper than types of types do.

use std::fmt::Write;

use super::super::cursor::Cursor;
use super::super::field::Read;
use super::super::nested::binary::{Array, Range};
use super::super::nested::{Dimension, Dimensions, flags};
use super::super::oid;
use super::sink::{Formatted, Probe, Quoted, Quoting, Sink};
use super::value;

/// Writes an array (array_out).
pub(super) fn array(bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let mut dimensions = Dimensions::default();
    let it = Array::take(&mut cursor, &mut dimensions)?;
    if it.count == 0 {
        out.put(b"{}");
        return cursor.end();
    }
    if dimensions.list().iter().any(|dimension| dimension.lower != 1) {
        for Dimension { size, lower } in dimensions.list() {
            let upper = i64::from(*lower) + i64::from(*size) - 1;
            let _ = write!(Formatted(out), "[{lower}:{upper}]");
        }
        out.put(b"=");
    }
    // The only one of PostgreSQL's own types with another (pg_type.typdelim).
    let delimiter = if it.element == oid::BOX { b';' } else { b',' };
    for at in 0..it.count {
        if at > 0 {
            out.put(&[delimiter]);
        }
        braces(&dimensions, at, b"{", out);
        match cursor.nullable()? {
            None => out.put(b"NULL"),
            Some(element) => part(it.element, element, Quoting::Array(delimiter), depth, out)?,
        }
        braces(&dimensions, at + 1, b"}", out);
    }
    cursor.end()
}

/// A brace for each dimension that begins or ends before an element.
fn braces(dimensions: &Dimensions, at: usize, brace: &[u8], out: &mut dyn Sink) {
    let mut block = 1_usize;
    for dimension in dimensions.list().iter().rev() {
        // The product was checked.
        block *= dimension.size as usize;
        if at.is_multiple_of(block) {
            out.put(brace);
        }
    }
}

/// Writes an int2vector or oidvector: an array of one dimension without NULL.
pub(super) fn vector(bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let mut dimensions = Dimensions::default();
    let it = Array::take(&mut cursor, &mut dimensions)?;
    for at in 0..it.count {
        if at > 0 {
            out.put(b" ");
        }
        value(it.element, cursor.sized()?, depth, out)?;
    }
    cursor.end()
}

/// Writes a part between quotes, if it needs them.
fn part(of: u32, bytes: &[u8], quoting: Quoting, depth: u32, out: &mut dyn Sink) -> Read<()> {
    let mut probe = Probe::new(quoting);
    value(of, bytes, depth, &mut probe)?;
    if !probe.needs_quotes() {
        return value(of, bytes, depth, out);
    }
    out.put(b"\"");
    value(of, bytes, depth, &mut Quoted { to: out, quoting })?;
    out.put(b"\"");
    Ok(())
}

/// Writes a range of a subtype (range_out).
pub(super) fn range(subtype: u32, bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let it = Range::take(&mut cursor)?;
    cursor.end()?;
    if it.flags & flags::EMPTY != 0 {
        out.put(b"empty");
        return Ok(());
    }
    out.put(if it.flags & flags::LOWER_INCLUSIVE != 0 { b"[" } else { b"(" });
    if let Some(lower) = it.lower {
        part(subtype, lower, Quoting::Range, depth, out)?;
    }
    out.put(b",");
    if let Some(upper) = it.upper {
        part(subtype, upper, Quoting::Range, depth, out)?;
    }
    out.put(if it.flags & flags::UPPER_INCLUSIVE != 0 { b"]" } else { b")" });
    Ok(())
}

/// Writes a multirange of ranges of a type (multirange_out).
pub(super) fn multirange(range: u32, bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    out.put(b"{");
    for at in 0..cursor.count(4)? {
        if at > 0 {
            out.put(b",");
        }
        value(range, cursor.sized()?, depth, out)?;
    }
    out.put(b"}");
    cursor.end()
}
