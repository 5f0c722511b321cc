//! Dates before 1970, which the crate that reads certificates and lists takes for malformed.
//!
//! It must never touch what a signature is checked with: what comes out is for reading alone.

use std::borrow::Cow;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const CONSTRUCTED: u8 = 0x20;

/// The same DER with the beginning of 1970 in the place of what came before it: all of that is past.
pub(super) fn since_1970(der: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(der);
    let mut at = 0;
    while let Some((tag, content, length)) = element(der, at) {
        let end = content + length;
        let Some(text) = der.get(content..end) else { break };
        let earliest: &[u8] = if tag == UTC_TIME { b"700101000000Z" } else { b"19700101000000Z" };
        if matches!(tag, UTC_TIME | GENERALIZED_TIME)
            && text.len() == earliest.len()
            && is_before_1970(tag, text)
            && let Some(place) = out.to_mut().get_mut(content..end)
        {
            place.copy_from_slice(earliest);
        }
        // What is constructed is read part by part.
        at = if tag & CONSTRUCTED != 0 { content } else { end };
    }
    out
}

/// A year of two digits is one from 1950 to 2049 (RFC 5280, 4.1.2.5.1).
fn is_before_1970(tag: u8, text: &[u8]) -> bool {
    let is_number =
        text.split_last().is_some_and(|(z, digits)| *z == b'Z' && digits.iter().all(u8::is_ascii_digit));
    match tag {
        UTC_TIME => is_number && text >= b"50".as_slice() && text < b"70".as_slice(),
        _ => is_number && text < b"1970".as_slice(),
    }
}

/// The element that begins there: its tag, where its content begins, and how long that is.
fn element(der: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let [tag, first, rest @ ..] = der.get(at..)? else { return None };
    let bytes = usize::from(first & 0x7F);
    let (head, length) = match first & 0x80 {
        0 => (2, bytes),
        _ if bytes > 4 => return None,
        _ => (2 + bytes, rest.get(..bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))),
    };
    Some((*tag, at + head, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A SEQUENCE of dates, in a SEQUENCE.
    fn dates(dates: &[&str]) -> Vec<u8> {
        let inner: Vec<u8> = dates
            .iter()
            .flat_map(|date| {
                let tag = if date.len() == 13 { UTC_TIME } else { GENERALIZED_TIME };
                [&[tag, date.len() as u8], date.as_bytes()].concat()
            })
            .collect();
        let wrapped = [&[0x30, inner.len() as u8], &inner[..]].concat();
        [&[0x30, 0x81, wrapped.len() as u8], &wrapped[..]].concat()
    }

    #[test]
    fn s53_what_came_before_1970_is_the_beginning_of_it() {
        let given = dates(&["500101000000Z", "680229235959Z", "19491231235959Z"]);
        assert_eq!(*since_1970(&given), dates(&["700101000000Z", "700101000000Z", "19700101000000Z"]));
        let given = dates(&["700101000001Z", "491231235959Z", "20500101000000Z", "6x0101000000Z"]);
        assert_eq!(*since_1970(&given), given);
    }

    #[test]
    fn any_bytes_are_survived() {
        let whole = dates(&["500101000000Z", "19491231235959Z"]);
        for end in 0..whole.len() {
            since_1970(&whole[..end]);
        }
        since_1970(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0]);
        since_1970(&[UTC_TIME, 0xFF]);
    }
}
