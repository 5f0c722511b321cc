//! Arrays, ranges and multiranges as the server writes them. It must never go deeper than types of types do.

use std::fmt::Write;

use super::super::cursor::Cursor;
use super::super::field::{Read, ReadError};
use super::super::oid;
use super::sink::{Formatted, Probe, Quoted, Quoting, Sink};
use super::value;

/// Writes an array (array_out).
pub(super) fn array(bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let it = Array::of(bytes)?;
    if it.count == 0 {
        out.put(b"{}");
        return it.elements.end();
    }
    if it.dimensions().any(|(_, lower)| lower != 1) {
        for (size, lower) in it.dimensions() {
            let upper = i64::from(lower) + i64::from(size) - 1;
            let _ = write!(Formatted(out), "[{lower}:{upper}]");
        }
        out.put(b"=");
    }
    // The only one of PostgreSQL's own types with another (pg_type.typdelim).
    let delimiter = if it.element == oid::BOX { b';' } else { b',' };
    let mut cursor = it.elements;
    for at in 0..it.count {
        if at > 0 {
            out.put(&[delimiter]);
        }
        braces(&it, at, b"{", out);
        match cursor.nullable()? {
            None => out.put(b"NULL"),
            Some(element) => part(it.element, element, Quoting::Array(delimiter), depth, out)?,
        }
        braces(&it, at + 1, b"}", out);
    }
    cursor.end()
}

/// A brace for each dimension that begins or ends before an element.
fn braces(array: &Array<'_>, at: usize, brace: &[u8], out: &mut dyn Sink) {
    let mut block = 1_usize;
    for (size, _) in array.dimensions().rev() {
        // The product was checked.
        block *= size as usize;
        if at.is_multiple_of(block) {
            out.put(brace);
        }
    }
}

/// An array taken apart (array_send).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Array<'a> {
    /// OID of the elements' type.
    pub(crate) element: u32,
    /// How many elements there are.
    pub(crate) count: usize,
    dimensions: &'a [[u8; 8]],
    /// Each with its length in front.
    pub(crate) elements: Cursor<'a>,
}

impl<'a> Array<'a> {
    /// Takes a binary form apart, and checks its head.
    pub(crate) fn of(bytes: &'a [u8]) -> Read<Self> {
        /// MAXDIM
        const MOST: i32 = 6;
        let mut cursor = Cursor(bytes);
        let (dimensions, flags, element) = (cursor.i32()?, cursor.i32()?, cursor.u32()?);
        if !(0..=MOST).contains(&dimensions) || !(0..=1).contains(&flags) {
            return Err(ReadError::Malformed);
        }
        let dimensions = cursor.bytes(dimensions as usize * 8)?.as_chunks().0;
        let mut it = Self { element, count: 0, dimensions, elements: cursor };
        let mut count = if dimensions.is_empty() { 0 } else { 1_usize };
        for (size, _) in it.dimensions() {
            let size = usize::try_from(size).map_err(|_| ReadError::Malformed)?;
            count = count.checked_mul(size).ok_or(ReadError::Malformed)?;
        }
        if count > cursor.0.len() / 4 {
            return Err(ReadError::Malformed);
        }
        it.count = count;
        Ok(it)
    }

    /// Size and lower bound of each dimension.
    pub(crate) fn dimensions(&self) -> impl DoubleEndedIterator<Item = (i32, i32)> + use<'a> {
        self.dimensions.iter().map(|[a, b, c, d, e, f, g, h]| {
            (i32::from_be_bytes([*a, *b, *c, *d]), i32::from_be_bytes([*e, *f, *g, *h]))
        })
    }
}

/// Writes an int2vector or oidvector: an array of one dimension without NULL.
pub(super) fn vector(bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let it = Array::of(bytes)?;
    let mut cursor = it.elements;
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

/// The bits of a range's first byte (rangetypes.h).
const EMPTY: u8 = 1;
const LOWER_INCLUSIVE: u8 = 2;
const UPPER_INCLUSIVE: u8 = 4;
const LOWER_INFINITE: u8 = 8;
const UPPER_INFINITE: u8 = 16;

/// Writes a range of a subtype (range_out).
pub(super) fn range(subtype: u32, bytes: &[u8], depth: u32, out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let flags = cursor.u8()?;
    if flags & EMPTY != 0 {
        out.put(b"empty");
        return cursor.end();
    }
    out.put(if flags & LOWER_INCLUSIVE != 0 { b"[" } else { b"(" });
    if flags & LOWER_INFINITE == 0 {
        part(subtype, cursor.sized()?, Quoting::Range, depth, out)?;
    }
    out.put(b",");
    if flags & UPPER_INFINITE == 0 {
        part(subtype, cursor.sized()?, Quoting::Range, depth, out)?;
    }
    out.put(if flags & UPPER_INCLUSIVE != 0 { b"]" } else { b")" });
    cursor.end()
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
