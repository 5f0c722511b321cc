//! Finding one message in the bytes of a backend: a tag, a length that counts itself, a body.
//!
//! It must never look into the body, and never wait for a length that no server can send.

use super::protocol;
use crate::error::Result;

/// The tag and the length in front of every backend message.
pub const HEADER: usize = 5;

/// The longest message that a backend builds: MaxAllocSize (1 GiB - 1, memutils.h) and some room for framing.
pub const MAX_MESSAGE: usize = (1 << 30) + (64 << 10);

/// The longest message before authentication is over: no honest one is near it (libpq has 30,000 for errors).
pub const MAX_EARLY_MESSAGE: usize = 64 << 10;

/// What the start of a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Not the whole message yet.
    Incomplete {
        /// How many bytes the whole message has, header and all, once its length is there.
        need: Option<usize>,
    },
    /// A whole message.
    Complete {
        /// The message's kind.
        tag: u8,
        /// What follows the length.
        body: &'a [u8],
        /// How many bytes of the buffer it takes, header and all.
        total: usize,
    },
}

/// Looks for one message at the start of `bytes`.
#[inline]
pub fn split(bytes: &[u8]) -> Result<Frame<'_>> {
    split_limited(bytes, MAX_MESSAGE)
}

/// The same, with another bound on the length that the message says it has.
#[inline]
pub fn split_limited(bytes: &[u8], max: usize) -> Result<Frame<'_>> {
    let [tag, a, b, c, d, rest @ ..] = bytes else {
        return Ok(Frame::Incomplete { need: None });
    };
    let length = u32::from_be_bytes([*a, *b, *c, *d]);
    let body = (length as usize).wrapping_sub(4);
    if body > max {
        return Err(bad_length(*tag, length));
    }
    match rest.get(..body) {
        Some(body) => Ok(Frame::Complete { tag: *tag, body, total: HEADER + body.len() }),
        None => Ok(Frame::Incomplete { need: Some(HEADER + body) }),
    }
}

/// The kind of the message at the start of `bytes` and how long its body is, once that is known.
pub fn head(bytes: &[u8]) -> Result<Option<(u8, usize)>> {
    let [tag, a, b, c, d, ..] = bytes else { return Ok(None) };
    let length = u32::from_be_bytes([*a, *b, *c, *d]);
    let body = (length as usize).wrapping_sub(4);
    if body > MAX_MESSAGE { Err(bad_length(*tag, length)) } else { Ok(Some((*tag, body))) }
}

/// What a message is that is longer than its kind may be here.
#[cold]
pub fn too_long(tag: u8, body: usize, most: usize) -> crate::error::Error {
    protocol(format!(
        "the server sent a message {} of {body} bytes, and {most} are the most here",
        tag_name(tag)
    ))
    .with_hint("Check that host and port are those of a PostgreSQL server and that nothing alters its bytes.")
}

#[cold]
fn bad_length(tag: u8, length: u32) -> crate::error::Error {
    protocol(format!("the server sent a message {} of impossible length {length}", tag_name(tag))).with_hint(
        "Check that host and port are those of a PostgreSQL server and that nothing alters its bytes.",
    )
}

/// A tag as a person reads it: `'D'`, or a number where it is not a character.
pub fn tag_name(tag: u8) -> String {
    if tag.is_ascii_graphic() { format!("'{}'", char::from(tag)) } else { format!("0x{tag:02x}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn a_message_is_found_only_when_all_of_it_is_there() {
        let whole = b"Z\0\0\0\x05Iextra";
        for cut in 0..whole.len() {
            let expected = match cut {
                0..5 => Frame::Incomplete { need: None },
                5 => Frame::Incomplete { need: Some(6) },
                _ => Frame::Complete { tag: b'Z', body: b"I", total: 6 },
            };
            assert_eq!(split(&whole[..cut]).unwrap(), expected, "{cut}");
        }
        assert_eq!(split(b"1\0\0\0\x04").unwrap(), Frame::Complete { tag: b'1', body: b"", total: 5 });
    }

    #[test]
    fn impossible_lengths_are_named() {
        for length in [0, 1, 3, 0x4001_0005, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            let [a, b, c, d] = length.to_be_bytes();
            let error = split(&[b'D', a, b, c, d]).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_PROTOCOL);
            assert!(error.message().contains("'D'") && error.message().contains(&length.to_string()));
        }
        let [a, b, c, d] = 0x4000_0004_u32.to_be_bytes();
        let need = Some((1 << 30) + 5);
        assert_eq!(split(&[b'd', a, b, c, d]).unwrap(), Frame::Incomplete { need });
        assert!(split_limited(b"R\0\x01\0\x05", MAX_EARLY_MESSAGE).is_err());
        assert!(split_limited(b"R\0\x01\0\x04", MAX_EARLY_MESSAGE).is_ok());
        assert!(split(b"\x16\x03\x01\x02\0\x01").is_ok());
        assert!(split(b"HTTP/1.1 400").unwrap_err().message().contains("'H'"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            if let Ok(Frame::Complete { body, total, .. }) = split(&bytes) {
                proptest::prop_assert!(total <= bytes.len() && body.len() + HEADER == total);
            }
        }
    }
}
