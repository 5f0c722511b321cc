//! What the command itself says as JSON; changes are rendered by the library. It must never write a line feed inside an object.

use std::fmt::Write;

/// `"text"`, with what JSON wants escaped.
pub fn string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Some readers of lines break at U+0085, U+2028 and U+2029.
            '\0'..='\x1f' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// `,"name":"text"`.
pub fn member(name: &str, text: &str, out: &mut String) {
    let _ = write!(out, ",\"{name}\":");
    string(text, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_stays_on_its_line() {
        let mut out = String::new();
        string("a\"b\\c\nd\u{1}\u{2028}é", &mut out);
        assert_eq!(out, "\"a\\\"b\\\\c\\nd\\u0001\\u2028é\"");
    }
}
