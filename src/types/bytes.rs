//! Text, bytea and uuid. Text is viewed where it is; it must never be converted.

use super::field::{Field, Form, Read, ReadError, exactly};
use super::oid;

/// The text of a value: any type where the server sent text; in binary those types whose binary form is their text
/// (text, character varying, character, name, "char", json, jsonb, xml, jsonpath, refcursor, citext, ltree). Of a type that is
/// not known, an enum among them, the bytes where they are UTF-8 without NUL: who must know asks the type whether it is known.
#[inline]
pub fn as_text(field: Field<'_>) -> Read<&[u8]> {
    let bytes = match field.form()? {
        Form::Text(text) => return Ok(text),
        Form::Binary(bytes) => bytes,
    };
    match field.type_oid {
        oid::TEXT
        | oid::VARCHAR
        | oid::BPCHAR
        | oid::NAME
        | oid::UNKNOWN
        | oid::JSON
        | oid::XML
        | oid::REFCURSOR => Ok(bytes),
        oid::CHAR => char_text(bytes),
        // jsonb_send and jsonpath_send put a version before the text.
        oid::JSONB | oid::JSONPATH => bytes.strip_prefix(&[1]).ok_or(ReadError::Malformed),
        // So do those of ltree; yet who is named so may be somebody else.
        oid::LTREE => bytes.strip_prefix(&[1]).map_or_else(|| unresolved_text(bytes), Ok),
        oid::HSTORE | oid::VECTOR | oid::HALFVEC | oid::SPARSEVEC | oid::GEOMETRY_ARRAY => {
            unresolved_text(bytes)
        }
        of if oid::is_built_in(of) => Err(ReadError::OtherType),
        _ => unresolved_text(bytes),
    }
}

/// Text of a type that is not known, which binary forms of another make hardly ever are.
fn unresolved_text(bytes: &[u8]) -> Read<&[u8]> {
    // A range of a user's type may be one byte, which is a control character.
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    if !bytes.iter().any(is_control) && std::str::from_utf8(bytes).is_ok() {
        Ok(bytes)
    } else {
        Err(ReadError::Unresolved)
    }
}

/// The text of a "char" (charout of 16 and later): byte 0 is the empty one, and what is no ASCII is written in octal.
fn char_text(bytes: &[u8]) -> Read<&[u8]> {
    /// `\200` to `\377`.
    #[allow(clippy::indexing_slicing, reason = "in a constant the compiler checks it")]
    static HIGH: [[u8; 4]; 128] = {
        let mut texts = [*b"\\000"; 128];
        let mut at = 0;
        while at < texts.len() {
            let byte = at as u8 | 0x80;
            texts[at] = [b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)];
            at += 1;
        }
        texts
    };
    match bytes {
        [0] => Ok(&[]),
        [byte] if byte.is_ascii() => Ok(bytes),
        [byte] => HIGH.get(usize::from(byte & 0x7F)).map(<[u8; 4]>::as_slice).ok_or(ReadError::Malformed),
        _ => Err(ReadError::Malformed),
    }
}

/// The bytes of a bytea, written to the front of `out` if they fit; else nothing is written. The number of bytes is
/// the answer either way, so an empty `out` asks for the size.
pub fn as_bytea(field: Field<'_>, out: &mut [u8]) -> Read<usize> {
    match field.of_types(&[oid::BYTEA])? {
        Form::Binary(bytes) => {
            if let Some(out) = out.get_mut(..bytes.len()) {
                out.copy_from_slice(bytes);
            }
            Ok(bytes.len())
        }
        Form::Text([b'\\', b'x', digits @ ..]) => hex(digits, out),
        Form::Text(text) => escaped(text, out),
    }
}

/// The 16 bytes of a uuid, as RFC 9562 orders them.
pub fn as_uuid(field: Field<'_>) -> Read<[u8; 16]> {
    let text = match field.of_types(&[oid::UUID])? {
        Form::Binary(bytes) => return exactly(bytes),
        Form::Text(text) => text,
    };
    let mut uuid = [0; 16];
    let mut out = uuid.as_mut_slice();
    for (number, part) in text.split(|byte| *byte == b'-').enumerate() {
        let length = *UUID_PARTS.get(number).ok_or(ReadError::Malformed)?;
        let (front, rest) =
            std::mem::take(&mut out).split_at_mut_checked(length).ok_or(ReadError::Malformed)?;
        if part.len() != 2 * length {
            return Err(ReadError::Malformed);
        }
        hex(part, front)?;
        out = rest;
    }
    if out.is_empty() { Ok(uuid) } else { Err(ReadError::Malformed) }
}

/// The lengths in bytes of a uuid's parts between the hyphens.
const UUID_PARTS: [usize; 5] = [4, 2, 2, 2, 6];

/// Pairs of hexadecimal digits. All are checked before the first byte is written.
fn hex(digits: &[u8], out: &mut [u8]) -> Read<usize> {
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(ReadError::Malformed);
    }
    if let Some(out) = out.get_mut(..pairs.len()) {
        for (byte, [high, low]) in out.iter_mut().zip(pairs) {
            *byte = digit(*high) << 4 | digit(*low);
        }
    }
    Ok(pairs.len())
}

/// The value of a character that is a hexadecimal digit.
#[inline]
fn digit(character: u8) -> u8 {
    match character {
        b'0'..=b'9' => character - b'0',
        _ => (character | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

/// The escape form (byteaout with bytea_output escape), in two passes: the first checks and counts.
fn escaped(text: &[u8], out: &mut [u8]) -> Read<usize> {
    let mut length = 0;
    let mut rest = text;
    while !rest.is_empty() {
        rest = unescape(rest)?.1;
        length += 1;
    }
    if let Some(out) = out.get_mut(..length) {
        let mut rest = text;
        for byte in out {
            (*byte, rest) = unescape(rest)?;
        }
    }
    Ok(length)
}

/// The first byte that the text stands for, and what is left: `\\`, `\ooo`, or the character itself.
fn unescape(text: &[u8]) -> Read<(u8, &[u8])> {
    match text {
        [b'\\', b'\\', rest @ ..] => Ok((b'\\', rest)),
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
            Ok(((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), rest))
        }
        [first, rest @ ..] if *first != b'\\' => Ok((*first, rest)),
        _ => Err(ReadError::Malformed),
    }
}
