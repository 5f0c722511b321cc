//! How names, texts and operators are written into commands. Nothing that comes from outside may get into one any other
//! way, and nothing may be looked up along a search path: what stands there may be another role's, and would run with
//! our rights. So operators, functions and types are named with their schema, and what is an operator in disguise is
//! not used: IN, CASE with an operand, JOIN … USING, IS DISTINCT FROM.

/// `=`, wherever the session's search path leads.
pub const EQ: &str = "OPERATOR(pg_catalog.=)";

/// `<>`, likewise.
pub const NE: &str = "OPERATOR(pg_catalog.<>)";

/// Whether `expression`, a name, is one of these texts.
pub fn is_one_of(expression: &str, texts: &[String]) -> String {
    let list: Vec<String> = texts.iter().map(|text| quote_literal(text)).collect();
    format!("{expression} {EQ} ANY (ARRAY[{}]::pg_catalog.name[])", list.join(", "))
}

/// An SQL string constant, right whatever standard_conforming_strings says.
pub fn quote_literal(text: &str) -> String {
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

/// A name, in SQL and in the replication grammar.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
