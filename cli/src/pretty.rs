//! Changes for people to read, with colours on a terminal. It must never let data drive the terminal: control characters are
//! shown, not sent.

use std::fmt::Write as _;
use std::io::Write as _;

use pgwalstream::{EventKind, EventRef, Lsn, Relation, Row, Value, ValueKind};

use crate::args::Color;

/// More characters of a value are left out.
const SHOWN: usize = 80;

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const MAGENTA: &str = "35";
const CYAN: &str = "36";

/// Makes lines for people.
pub struct Pretty {
    is_coloured: bool,
    out: Vec<u8>,
    /// The transaction under whose heading lines stand.
    transaction: Option<(Option<Lsn>, Option<u32>)>,
}

impl Pretty {
    /// `is_terminal`: the lines go to a terminal.
    pub fn new(color: Color, is_terminal: bool) -> Self {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_coloured = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !is_refused,
        };
        Self { is_coloured, out: Vec::new(), transaction: None }
    }

    pub fn clear(&mut self) {
        self.out.clear();
    }

    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Appends the line of an event, below the heading of its transaction.
    pub fn push(&mut self, event: EventRef<'_>) {
        use EventKind::{Begin, Commit, Delete, Insert, Message, Truncate, Update};
        if event.kind() != Commit {
            self.heading(event);
        }
        let line = match (event.kind(), event.relation()) {
            (Begin, _) => return,
            (Insert, Some(relation)) => self.change(GREEN, event, relation),
            (Update, Some(relation)) => self.change(YELLOW, event, relation),
            (Delete, Some(relation)) => self.change(RED, event, relation),
            (Truncate, _) => self.truncate(event),
            (Message, _) => self.message(event),
            (kind, _) => {
                let at = event.ack_lsn().unwrap_or_else(|| event.lsn());
                format!("{} {}", self.painted(DIM, kind.name()), self.painted(DIM, &at.to_string()))
            }
        };
        let _ = writeln!(self.out, "  {line}");
    }

    /// `2026-02-28T12:34:56.789Z  transaction 742  0/1A2B3F0`
    fn heading(&mut self, event: EventRef<'_>) {
        let of = (event.commit_lsn(), event.xid());
        if self.transaction == Some(of) || of == (None, None) {
            return;
        }
        self.transaction = Some(of);
        let mut parts = Vec::new();
        if let Some(time) = event.commit_time() {
            parts.push(humantime::format_rfc3339_millis(time).to_string());
        }
        parts.extend(of.1.map(|xid| format!("transaction {xid}")));
        parts.extend(of.0.map(|lsn| lsn.to_string()));
        let heading = self.painted(DIM, &parts.join("  "));
        let _ = writeln!(self.out, "{heading}");
    }

    fn change(&self, colour: &str, event: EventRef<'_>, relation: &Relation) -> String {
        let mut line = format!("{} {}", self.painted(colour, event.kind().name()), name(relation));
        let (old, new) = (event.old_row(), event.new_row());
        for (at, column) in relation.columns().iter().enumerate() {
            let value = |row: Option<Row<'_>>| {
                row.and_then(|row| row.at(at)).filter(|value| value.kind() != ValueKind::Absent).map(shown)
            };
            let text = match (value(old), value(new)) {
                (Some(old), Some(new)) if old == new && !column.is_key() => continue,
                // An unchanged value that the old row has.
                (Some(_), Some(Shown::Unchanged)) if !column.is_key() => continue,
                (Some(old), Some(new)) if old != new && new != Shown::Unchanged => {
                    format!("{} {} {}", self.value(&old), self.painted(DIM, "→"), self.value(&new))
                }
                (Some(one), _) | (None, Some(one)) => self.value(&one),
                (None, None) => continue,
            };
            let mut name = column.name().into_owned();
            harmless(&mut name);
            let name = if column.is_key() { self.painted(BOLD, &name) } else { name };
            let _ = write!(line, "  {name}={text}");
        }
        line
    }

    fn truncate(&self, event: EventRef<'_>) -> String {
        let names: Vec<String> = event.truncated().map(name).collect();
        format!("{} {}", self.painted(MAGENTA, "TRUNCATE"), names.join(", "))
    }

    fn message(&self, event: EventRef<'_>) -> String {
        let (prefix, content) =
            event.message().map(|message| (message.prefix, message.content)).unwrap_or_default();
        let mut prefix = String::from_utf8_lossy(prefix).into_owned();
        harmless(&mut prefix);
        let content = match std::str::from_utf8(content) {
            Ok(text) => Shown::Text(text.to_owned()),
            Err(_) => Shown::Plain(hexadecimal(content)),
        };
        format!("{} {prefix}  {}", self.painted(CYAN, "MESSAGE"), self.value(&content))
    }

    fn value(&self, value: &Shown) -> String {
        match value {
            Shown::Null => self.painted(DIM, "NULL"),
            Shown::Unchanged => self.painted(DIM, "(unchanged)"),
            Shown::Plain(text) => shortened(text),
            Shown::Text(text) => format!("'{}'", shortened(&text.replace('\'', "''"))),
        }
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A value as it is shown.
#[derive(PartialEq, Eq)]
enum Shown {
    Null,
    /// A large value that an UPDATE left alone.
    Unchanged,
    /// A number and its like.
    Plain(String),
    /// In quotes.
    Text(String),
}

fn shown(value: Value<'_>) -> Shown {
    match value.kind() {
        ValueKind::Null => Shown::Null,
        ValueKind::Text | ValueKind::Binary => match value.format() {
            Ok(text) if is_plain(value.column().type_oid()) => Shown::Plain(text),
            Ok(text) => Shown::Text(text),
            Err(_) => Shown::Plain(hexadecimal(value.bytes().unwrap_or_default())),
        },
        _ => Shown::Unchanged,
    }
}

/// Whether the values of a type need no quotes, by its OID (pg_type.dat): boolean, numbers, uuid, money and pg_lsn.
fn is_plain(type_oid: u32) -> bool {
    matches!(type_oid, 16 | 20 | 21 | 23 | 26 | 700 | 701 | 790 | 1700 | 2950 | 3220)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    format!("\\x{digits}{more}")
}

/// `schema.table`
fn name(relation: &Relation) -> String {
    let mut name = format!("{}.{}", relation.namespace(), relation.name());
    harmless(&mut name);
    name
}

/// The beginning of a long text, and how long it is.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    let left = text.len() - short.len();
    harmless(&mut short);
    if left > 0 {
        let _ = write!(short, "… ({} bytes)", text.len());
    }
    short
}

/// Shows control characters instead of sending them, and what turns the direction of writing.
fn harmless(text: &mut String) {
    let is_harm = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains(is_harm) {
        *text = text
            .chars()
            .map(|c| if is_harm(c) { c.escape_default().to_string() } else { c.to_string() })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_drive_the_terminal() {
        let pretty = Pretty::new(Color::Never, true);
        let text = pretty.value(&Shown::Text("a\u{1b}[31mb\r\n\u{202e}c'".to_owned()));
        assert_eq!(text, "'a\\u{1b}[31mb\\r\\n\\u{202e}c'''");
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        let text = shortened(&"é".repeat(100));
        assert_eq!(text, format!("{}… (200 bytes)", "é".repeat(80)));
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn colours_are_asked_for() {
        assert_eq!(Pretty::new(Color::Always, false).painted(RED, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Pretty::new(Color::Auto, false).painted(RED, "x"), "x");
    }
}
