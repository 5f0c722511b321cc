//! Strings of JSON, as the server escapes them (escape_json), and bytes in hexadecimal digits or base64. It must never put out
//! what is not UTF-8, nor a line feed.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

use super::out::Out;
use super::settings::{Bytes, LineSeparators, Settings};
use crate::types::{Sink, write_hex};

/// Writes a name as a string. What is not UTF-8 becomes U+FFFD, which is for names only: a value would no longer be told from
/// others.
#[inline]
pub(super) fn string(text: &[u8], settings: &Settings, out: &mut Out) {
    if is_plain(text) {
        return out.quoted(text);
    }
    out.byte(b'"');
    escape_rest(text, settings, out);
    out.byte(b'"');
}

/// Writes the inside of a string.
#[inline]
pub(super) fn escape(text: &[u8], settings: &Settings, out: &mut Out) {
    if is_plain(text) { out.put(text) } else { escape_rest(text, settings, out) }
}

/// Writes a document of JSON as it is. Between its parts line feeds become spaces; inside its strings there are none, for the
/// server takes no such document. What is not UTF-8 is written as bytes.
pub(super) fn document(text: &[u8], settings: &Settings, out: &mut Out) {
    // Most of all: ASCII on one line.
    if !text.iter().fold(false, |any, byte| any | (byte.wrapping_sub(0x20) >= 0x60)) {
        return out.put(text);
    }
    let escaped = settings.line_separators == LineSeparators::Escaped;
    let Ok(mut rest) = std::str::from_utf8(text) else { return unknown(text, settings, out) };
    while let Some(at) = rest.find(|c: char| matches!(c, '\n' | '\r') || escaped && is_separator(c)) {
        let (before, from) = rest.split_at_checked(at).unwrap_or_default();
        out.put(before.as_bytes());
        let mut behind = from.chars();
        match behind.next() {
            Some('\u{85}') => out.put(b"\\u0085"),
            Some('\u{2028}') => out.put(b"\\u2028"),
            Some('\u{2029}') => out.put(b"\\u2029"),
            _ => out.byte(b' '),
        }
        rest = behind.as_str();
    }
    out.put(rest.as_bytes());
}

/// Writes bytes as a string in the form that was chosen.
pub(super) fn bytes(bytes: &[u8], settings: &Settings, out: &mut Out) {
    out.byte(b'"');
    match settings.bytes {
        Bytes::Hex => {
            out.put(b"\\\\x");
            write_hex(bytes, out);
        }
        Bytes::Base64 => base64(bytes, out),
    }
    out.byte(b'"');
}

/// Writes bytes of which nothing is known: an object that no text is taken for.
pub(super) fn unknown(bytes: &[u8], settings: &Settings, out: &mut Out) {
    out.put(b"{\"$binary\":\"");
    match settings.bytes {
        Bytes::Hex => write_hex(bytes, out),
        Bytes::Base64 => base64(bytes, out),
    }
    out.put(b"\"}");
}

/// Writes a value's text as a string, and what is not UTF-8 as bytes of which nothing is known.
#[inline]
pub(super) fn text_or_bytes(content: &[u8], settings: &Settings, out: &mut Out) {
    if is_plain(content) {
        out.quoted(content);
    } else if is_utf8(content) {
        string(content, settings, out);
    } else {
        unknown(content, settings, out);
    }
}

/// Whether bytes are text as JSON has it.
#[inline]
pub(super) fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}

/// Escapes whatever text is put into it. A piece ends where a character does.
pub(super) struct Escaping<'a> {
    out: &'a mut Out,
    settings: &'a Settings,
    is_utf8: bool,
}

impl<'a> Escaping<'a> {
    /// Into a buffer.
    pub(super) fn new(settings: &'a Settings, out: &'a mut Out) -> Self {
        Self { out, settings, is_utf8: true }
    }

    /// Whether all of it was UTF-8: else what was written is of no use.
    pub(super) fn is_utf8(&self) -> bool {
        self.is_utf8
    }
}

impl Sink for Escaping<'_> {
    fn put(&mut self, text: &[u8]) {
        if is_plain(text) {
            return self.out.put(text);
        }
        self.is_utf8 &= is_utf8(text);
        escape_rest(text, self.settings, self.out);
    }
}

/// Whether a text is ASCII without anything to escape. Eight bytes at a time, the last of which may be looked at twice.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    if words.iter().any(|word| has_special(u64::from_le_bytes(*word))) {
        return false;
    }
    match text.last_chunk::<8>() {
        Some(last) => !has_special(u64::from_le_bytes(*last)),
        None => !rest.iter().any(|byte| has_special(u64::from(*byte) | SPACES << 8)),
    }
}

/// A byte of 1 in each place.
const ONES: u64 = u64::MAX / 255;
const SPACES: u64 = ONES * 0x20;

/// Whether one of eight bytes is no ASCII, a control character, a quote or a backslash.
#[inline]
fn has_special(word: u64) -> bool {
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = is_zero(word ^ (ONES * 0x22));
    let backslash = is_zero(word ^ (ONES * 0x5C));
    (word | word.wrapping_sub(SPACES) & !word | quote | backslash) & (ONES * 0x80) != 0
}

fn escape_rest(text: &[u8], settings: &Settings, out: &mut Out) {
    for chunk in text.utf8_chunks() {
        escape_valid(chunk.valid(), settings, out);
        replace(chunk.invalid(), out);
    }
}

/// U+FFFD for bytes that are no character.
fn replace(invalid: &[u8], out: &mut Out) {
    if !invalid.is_empty() {
        out.put("\u{FFFD}".as_bytes());
    }
}

fn escape_valid(text: &str, settings: &Settings, out: &mut Out) {
    let separators = settings.line_separators == LineSeparators::Escaped;
    let mut rest = text.as_bytes();
    loop {
        let is_end = |byte: &u8| {
            *byte < 0x20 || matches!(byte, b'"' | b'\\') || separators && matches!(byte, 0xC2 | 0xE2)
        };
        let at = rest.iter().position(is_end).unwrap_or(rest.len());
        let (plain, from) = rest.split_at_checked(at).unwrap_or_default();
        out.put(plain);
        rest = match from {
            [] => return,
            [0xC2, 0x85, behind @ ..] => {
                out.put(b"\\u0085");
                behind
            }
            // U+2028 and U+2029.
            [0xE2, 0x80, last @ (0xA8 | 0xA9), behind @ ..] => {
                out.put(if *last == 0xA8 { b"\\u2028" } else { b"\\u2029" });
                behind
            }
            [first @ (0xC2 | 0xE2), behind @ ..] => {
                out.byte(*first);
                behind
            }
            [special, behind @ ..] => {
                escape_one(*special, out);
                behind
            }
        };
    }
}

fn escape_one(byte: u8, out: &mut Out) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            out.put(b"\\u00");
            return write_hex(&[byte], out);
        }
    };
    out.put(&[b'\\', letter]);
}

fn is_separator(character: char) -> bool {
    matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// RFC 4648, section 4.
pub(super) fn base64(bytes: &[u8], out: &mut Out) {
    for bytes in bytes.chunks(48) {
        let mut text = [0; 64];
        let written = STANDARD.encode_slice(bytes, &mut text).unwrap_or(0);
        out.put(text.get(..written).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::OF_JSON;
    use super::*;

    fn with(settings: &[(&str, &str)], write: impl Fn(&Settings, &mut Out)) -> String {
        let mut chosen = Settings::default();
        for (name, word) in settings {
            chosen.set(name, word, OF_JSON).unwrap();
        }
        let mut out = Out::default();
        write(&chosen, &mut out);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_string_is_escaped_wherever_the_special_byte_stands() {
        for length in 0..if cfg!(miri) { 10 } else { 40 } {
            for at in 0..length {
                for (byte, escaped) in [(b'"', "\\\""), (b'\n', "\\n"), (1, "\\u0001"), (0x1F, "\\u001f")] {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    let wanted = format!("\"{}{escaped}{}\"", "x".repeat(at), "x".repeat(length - at - 1));
                    assert_eq!(with(&[], |settings, out| string(&text, settings, out)), wanted);
                }
            }
        }
        let text = "\u{8}\u{c}\r\t\\/\u{7f}é\u{2028}😀";
        let written = with(&[], |settings, out| string(text.as_bytes(), settings, out));
        assert_eq!(written, "\"\\b\\f\\r\\t\\\\/\u{7f}é\u{2028}😀\"");
    }

    #[test]
    fn a_name_that_is_not_utf8_is_shown_and_separators_are_escaped_on_request() {
        let written = with(&[], |settings, out| string(b"a\xFF\"\xE2\x80", settings, out));
        assert_eq!(written, "\"a\u{FFFD}\\\"\u{FFFD}\"");
        let text = "€\u{85}\u{a9}\u{2028}\u{2029}\u{e2}\u{2020}".as_bytes();
        let escaped = [("line_separators", "escaped")];
        let written = with(&escaped, |settings, out| string(text, settings, out));
        assert_eq!(written, "\"€\\u0085\u{a9}\\u2028\\u2029\u{e2}\u{2020}\"");
        let text = "{\"a\":\r\n\"€\u{2028}\u{85}\"}".as_bytes();
        let plain = "{\"a\":  \"€\u{2028}\u{85}\"}";
        assert_eq!(with(&[], |settings, out| document(text, settings, out)), plain);
        let written = with(&escaped, |settings, out| document(text, settings, out));
        assert_eq!(written, "{\"a\":  \"€\\u2028\\u0085\"}");
    }

    #[test]
    fn what_is_not_utf8_keeps_its_bytes() {
        let written = with(&[], |settings, out| document(b"\"\xFF\"", settings, out));
        assert_eq!(written, "{\"$binary\":\"22ff22\"}");
        let mut out = Out::default();
        let settings = Settings::default();
        let mut sink = Escaping::new(&settings, &mut out);
        sink.put("é".as_bytes());
        assert!(sink.is_utf8());
        sink.put(b"\xE9");
        sink.put(b"e");
        assert!(!sink.is_utf8());
    }

    #[test]
    fn bytes_are_hexadecimal_or_base64() {
        let long: Vec<u8> = (0..=255).collect();
        for length in [0, 1, 2, 3, 47, 48, 49, 255] {
            let some = &long[..length];
            let digits: String = some.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(with(&[], |settings, out| bytes(some, settings, out)), format!("\"\\\\x{digits}\""));
            let text = STANDARD.encode(some);
            let written = with(&[("bytes", "base64")], |settings, out| bytes(some, settings, out));
            assert_eq!(written, format!("\"{text}\""));
        }
        assert_eq!(with(&[], |settings, out| unknown(b"\x00\xff", settings, out)), "{\"$binary\":\"00ff\"}");
        assert_eq!(with(&[], |settings, out| text_or_bytes(b"ok", settings, out)), "\"ok\"");
        assert_eq!(with(&[], |settings, out| text_or_bytes(b"\xff", settings, out)), "{\"$binary\":\"ff\"}");
    }
}
