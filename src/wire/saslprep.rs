//! SASLprep (RFC 4013) as PostgreSQL has it (its saslprep.c): what server and client made of a password when it was set
//! must come out again.
//!
//! It must never be stricter or more lenient than theirs: forbidden code points are looked for before normalization, and
//! what is refused, or comes to nothing, is taken as it is.

use stringprep::tables;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The bytes that stand for a password.
pub fn prepared(password: &str) -> Zeroizing<Vec<u8>> {
    match prepare(password) {
        Some(text) => Zeroizing::new(std::mem::take(&mut *Zeroizing::new(text)).into_bytes()),
        None => Zeroizing::new(password.as_bytes().to_vec()),
    }
}

/// `None`: it is to be taken as it is.
fn prepare(password: &str) -> Option<String> {
    if password.is_ascii() {
        return None;
    }
    let mut mapped = Zeroizing::new(String::with_capacity(password.len()));
    for c in password.chars() {
        if tables::non_ascii_space_character(c) {
            mapped.push(' ');
        } else if !tables::commonly_mapped_to_nothing(c) {
            mapped.push(c);
        }
    }
    if mapped.is_empty() || mapped.chars().any(is_forbidden) || is_mixed(&mapped) {
        return None;
    }
    // Normalization makes a text at most 18 times as long.
    let mut out = String::with_capacity(mapped.len().saturating_mul(18));
    out.extend(mapped.nfkc());
    Some(out)
}

fn is_forbidden(c: char) -> bool {
    tables::non_ascii_space_character(c)
        || tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::surrogate_code(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
        || tables::unassigned_code_point(c)
}

/// Whether writing directions are mixed in a way that is forbidden (RFC 3454, section 6).
fn is_mixed(text: &str) -> bool {
    if !text.contains(tables::bidi_r_or_al) {
        return false;
    }
    let ends = [text.chars().next(), text.chars().next_back()];
    text.contains(is_left_to_right) || !ends.into_iter().flatten().all(tables::bidi_r_or_al)
}

/// RFC 3454's table D.2, from Unicode 3.2: nablas and partial signs have lost their direction since.
fn is_left_to_right(c: char) -> bool {
    tables::bidi_l(c) || matches!(c, '\u{1d552}'..='\u{1d6a3}' | '\u{1d6a8}'..='\u{1d7c9}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s25_a_password_is_prepared_where_postgresql_does_it() {
        for (password, wanted) in [
            // A no-break space is a space; a control character stands for itself.
            ("a\u{a0}b", "a b"),
            ("a\u{7}\u{a0}", "a\u{7}\u{a0}"),
            ("plain", "plain"),
            ("I\u{ad}X", "IX"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            // What comes to nothing is taken as it is.
            ("\u{ad}", "\u{ad}"),
            // A code point that Unicode 3.2 did not have is forbidden, though what it stands for is not.
            ("\u{32ff}", "\u{32ff}"),
            ("\u{627}\u{31}", "\u{627}\u{31}"),
        ] {
            assert_eq!(prepared(password).as_slice(), wanted.as_bytes(), "{password:?}");
        }
    }
}
