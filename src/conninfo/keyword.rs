//! `key = value` connection strings (libpq, `conninfo_parse`).
//!
//! Errors give positions, never text: what looks like a key may be a piece of an unquoted password.

use super::bad;
use super::settings::Settings;
use crate::error::Result;

/// Reads all pairs of `text`.
pub(super) fn parse(text: &str, settings: &mut Settings) -> Result<()> {
    let mut rest = skip_blanks(text);
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let key_end = rest.find(|c: char| c == '=' || is_blank(c)).unwrap_or(rest.len());
        let (key, tail) = rest.split_at_checked(key_end).unwrap_or((rest, ""));
        let Some(tail) = skip_blanks(tail).strip_prefix('=') else {
            return Err(bad(format!("the conninfo has no '=' after the word at byte {at}"))
                .with_hint("Write key=value, and quote values that contain blanks: key='a b'."));
        };
        let (value, tail) = value(skip_blanks(tail), text)?;
        settings.set(key, value)?;
        rest = skip_blanks(tail);
    }
    Ok(())
}

/// One pair as `parse` takes it, quoted where it must be.
pub(super) fn pair(key: &str, value: &str) -> String {
    let plain = |c: char| !is_blank(c) && !matches!(c, '\'' | '\\' | '=');
    if !value.is_empty() && value.chars().all(plain) {
        return format!("{key}={value}");
    }
    format!("{key}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// One value and what follows it. A backslash takes the next character as it is, inside quotes and outside.
fn value<'a>(rest: &'a str, whole: &str) -> Result<(String, &'a str)> {
    let (quoted, body) = match rest.strip_prefix('\'') {
        Some(body) => (Quoted::Yes, body),
        None => (Quoted::No, rest),
    };
    // Room for all of it: a password that grows leaves itself behind.
    let mut out = String::with_capacity(body.len());
    let mut chars = body.chars();
    loop {
        let before = chars.as_str();
        match (chars.next(), quoted) {
            (Some('\\'), _) => out.extend(chars.next()),
            (Some('\''), Quoted::Yes) => return Ok((out, chars.as_str())),
            (Some(c), Quoted::No) if is_blank(c) => return Ok((out, before)),
            (Some(c), _) => out.push(c),
            (None, Quoted::No) => return Ok((out, "")),
            (None, Quoted::Yes) => {
                let at = whole.len() - rest.len();
                return Err(bad(format!("the conninfo has no end to the quote at byte {at}")).with_hint(
                    "Close it with '; inside quotes write \\' for a quote and \\\\ for a backslash.",
                ));
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Quoted {
    Yes,
    No,
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

/// isspace of the C locale.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}
