//! Values that have parts: arrays, composites, hstore (array_to_json, composite_to_json, hstore_to_json). It must never go deeper
//! than a stack bears, whatever the bytes say.

use super::kind::{NULL, TEXT};
use super::out::Out;
use super::text;
use super::value::{Shape, Values};
use crate::types::{Field, Items, ReadError, Shape as Parts};

/// How deep values may be in values. The server's own types are three deep at most.
const DEPTH: usize = 32;

/// Writes a value with parts; as text or bytes where it cannot be read.
pub(super) fn write(values: &mut Values, field: Field<'_>, out: &mut Out) {
    // Of a composite's text nobody knows the fields.
    let is_closed = field.kind == TEXT && parts_of(field.type_oid) == Some(Parts::WAL_SHAPE_COMPOSITE);
    if is_closed || !read(values, field, out, items_of) {
        whole(values, field, out);
    }
}

/// Writes a value with parts in one piece.
pub(super) fn whole(values: &Values, field: Field<'_>, out: &mut Out) {
    if field.kind == TEXT {
        text::text_or_bytes(field.bytes, &values.settings, out);
    } else {
        text::unknown(field.bytes, &values.settings, out);
    }
}

/// Takes a value apart and has its items written. False: it cannot be read, or `write` says so, and nothing was written.
pub(super) fn read(
    values: &mut Values,
    field: Field<'_>,
    out: &mut Out,
    write: impl FnOnce(&mut Values, Items<'_>, &mut Out) -> bool,
) -> bool {
    if values.depth >= DEPTH {
        return false;
    }
    let mut reader = values.readers.pop().unwrap_or_default();
    values.depth += 1;
    values.largest = values.largest.max(field.bytes.len());
    let is_read = match reader.read(field, None) {
        Ok(items) => write(values, items, out),
        // It must not depend on memory what a value looks like.
        Err(fault) if fault.error == ReadError::NoMemory => {
            out.lack(field.bytes.len());
            true
        }
        Err(_) => false,
    };
    values.depth -= 1;
    values.readers.push(reader);
    is_read
}

/// What a type has parts of, where that is more than a string.
pub(super) fn parts_of(type_oid: u32) -> Option<Parts> {
    let parts = crate::types::shape_of(Field::new(TEXT, b"", type_oid));
    parts.filter(|parts| {
        matches!(parts, Parts::WAL_SHAPE_ARRAY | Parts::WAL_SHAPE_COMPOSITE | Parts::WAL_SHAPE_HSTORE)
    })
}

/// False: it is none of these, and nothing was written.
fn items_of(values: &mut Values, items: Items<'_>, out: &mut Out) -> bool {
    match items.shape() {
        Parts::WAL_SHAPE_ARRAY => {
            let mut last = (0, Shape::Text);
            array(items, out, |field, out| {
                if field.type_oid != last.0 {
                    last = (field.type_oid, Shape::of(field.type_oid));
                }
                values.write(field, last.1, out);
            });
        }
        Parts::WAL_SHAPE_COMPOSITE => composite(values, items, out),
        Parts::WAL_SHAPE_HSTORE if has_names(items) => hstore(values, items, out),
        _ => return false,
    }
    true
}

/// Arrays in arrays, whose elements the caller writes.
pub(super) fn array(items: Items<'_>, out: &mut Out, mut write: impl FnMut(Field<'_>, &mut Out)) {
    if items.is_empty() {
        return out.put(b"[]");
    }
    let sizes = || items.dimensions().iter().map(|dimension| usize::try_from(dimension.size).unwrap_or(0));
    // Else the brackets would not match.
    let is_whole = sizes().try_fold(1_usize, usize::checked_mul) == Some(items.len());
    let brackets = |at: usize, bracket: u8, out: &mut Out| {
        let mut block = 1_usize;
        for size in sizes().rev() {
            block *= size;
            if at.is_multiple_of(block) {
                out.byte(bracket);
            }
        }
    };
    if !is_whole {
        out.byte(b'[');
    }
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.byte(b',');
        }
        if is_whole {
            brackets(at, b'[', out);
        }
        write(item.field(), out);
        if is_whole {
            brackets(at + 1, b']', out);
        }
    }
    if !is_whole {
        out.byte(b']');
    }
}

fn composite(values: &mut Values, items: Items<'_>, out: &mut Out) {
    out.byte(b'{');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.byte(b',');
        }
        text::string(&item.column().name, &values.settings, out);
        out.byte(b':');
        let field = item.field();
        values.write(field, Shape::of(field.type_oid), out);
    }
    out.byte(b'}');
}

/// Whether all keys of an hstore can be names of JSON.
pub(super) fn has_names(items: Items<'_>) -> bool {
    items.iter().step_by(2).all(|key| text::is_utf8(key.bytes()))
}

/// With the spaces that hstore's own function puts.
fn hstore(values: &mut Values, items: Items<'_>, out: &mut Out) {
    out.byte(b'{');
    for (at, item) in items.iter().enumerate() {
        let before: &[u8] = match at {
            0 => b"",
            _ if at.is_multiple_of(2) => b", ",
            _ => b": ",
        };
        out.put(before);
        if item.kind() == NULL {
            out.put(b"null");
        } else {
            text::text_or_bytes(item.bytes(), &values.settings, out);
        }
    }
    out.byte(b'}');
}
