//! Changes as JSON, one object a line. It must never write a line feed inside an object, nor round a number.

use std::fmt::Write;

use pgwalstream::{EventKind, EventRef, Relation, Row, Value, ValueKind};

use crate::trouble::Trouble;

/// Appends an event and a line feed.
pub fn write_event(event: EventRef<'_>, out: &mut String) -> Result<(), Trouble> {
    out.push_str("{\"kind\":");
    string(event.kind().name(), out);
    member("lsn", &event.lsn().to_string(), out);
    if let Some(lsn) = event.commit_lsn() {
        member("commit_lsn", &lsn.to_string(), out);
    }
    if let Some(xid) = event.xid() {
        let _ = write!(out, ",\"xid\":{xid}");
    }
    if is_change(event) {
        let _ = write!(out, ",\"sequence\":{}", event.sequence());
    }
    if let Some(table) = event.relation() {
        named(table, out);
    }
    if let Some(row) = event.old_row() {
        write_row(if event.old_is_key() { "key" } else { "old" }, row, out)?;
    }
    if let Some(row) = event.new_row() {
        write_row("new", row, out)?;
    }
    if event.kind() == EventKind::Truncate {
        out.push_str(",\"tables\":[");
        for (at, table) in event.truncated().enumerate() {
            if at > 0 {
                out.push(',');
            }
            string(&format!("{}.{}", table.namespace(), table.name()), out);
        }
        out.push(']');
    }
    if let Some(message) = event.message() {
        member("prefix", &String::from_utf8_lossy(message.prefix), out);
        member("content", &String::from_utf8_lossy(message.content), out);
        let _ = write!(out, ",\"transactional\":{}", message.is_transactional);
    }
    if let Some(gid) = event.gid() {
        member("gid", &gid, out);
    }
    if let Some(told) = event.reconnected() {
        member("message", &told.message, out);
        let _ = write!(out, ",\"attempts\":{}", told.attempts);
    }
    out.push_str("}\n");
    Ok(())
}

/// Whether an event is a change, or a message of the program's own.
pub fn is_change(event: EventRef<'_>) -> bool {
    use EventKind::{Delete, Insert, Message, Truncate, Update};
    matches!(event.kind(), Insert | Update | Delete | Truncate | Message)
}

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
            // Some readers of lines break at U+2028 and U+2029.
            '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
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

fn named(table: &Relation, out: &mut String) {
    member("schema", &table.namespace(), out);
    member("table", &table.name(), out);
}

/// The row as an object; what was not sent is left out, and unchanged values are named beside it.
fn write_row(name: &str, row: Row<'_>, out: &mut String) -> Result<(), Trouble> {
    let _ = write!(out, ",\"{name}\":{{");
    let mut unchanged = Vec::new();
    let mut first = true;
    for value in row.iter() {
        match value.kind() {
            ValueKind::Unchanged => unchanged.push(value.column().name()),
            ValueKind::Null | ValueKind::Text | ValueKind::Binary => {
                if !first {
                    out.push(',');
                }
                first = false;
                string(&value.column().name(), out);
                out.push(':');
                write_value(value, out)?;
            }
            _ => {}
        }
    }
    out.push('}');
    if !unchanged.is_empty() {
        out.push_str(",\"unchanged\":[");
        for (at, column) in unchanged.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            string(column, out);
        }
        out.push(']');
    }
    Ok(())
}

/// pg_type.dat: bool, int8, int2, int4, oid, json, float4, float8, numeric, jsonb.
const BOOL: u32 = 16;
const NUMBERS: [u32; 7] = [20, 21, 23, 26, 700, 701, 1700];
const DOCUMENTS: [u32; 2] = [114, 3802];

/// Numbers and booleans as themselves, json as it is, anything else as PostgreSQL's text.
fn write_value(value: Value<'_>, out: &mut String) -> Result<(), Trouble> {
    if value.is_null() {
        out.push_str("null");
        return Ok(());
    }
    let (kind, text) = (value.column().type_oid(), value.as_str()?);
    match kind {
        BOOL => out.push_str(if text == "t" { "true" } else { "false" }),
        // NaN and Infinity are no numbers of JSON.
        _ if NUMBERS.contains(&kind) && text.ends_with(|last: char| last.is_ascii_digit()) => {
            out.push_str(text)
        }
        // A line feed stands between the parts of a document only: inside a string it is escaped.
        _ if DOCUMENTS.contains(&kind) => {
            out.extend(text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
        }
        _ => string(text, out),
    }
    Ok(())
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
