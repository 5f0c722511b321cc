//! Names and texts as SQL and the replication grammar take them. It must never let one end before its end.

/// An SQL string constant, right whatever standard_conforming_strings says.
pub(super) fn quote_literal(text: &str) -> String {
    let escape = if text.contains('\\') { " E" } else { "" };
    format!("{escape}'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
}

/// A string constant of the replication grammar (repl_scanner.l), which knows no backslashes.
pub(super) fn quote_command_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The name of a plugin: as it is where SQL would take it so.
pub(super) fn plain_or_quoted(name: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.bytes().all(is_plain) { name.to_owned() } else { quote_identifier(name) }
}

pub(super) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
