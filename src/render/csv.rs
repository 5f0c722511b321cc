//! Rows as COPY writes them in its format csv (CopyAttributeOutCSV), with some columns of our own in front. It must never make NULL
//! of an empty text, nor of what was not sent.

use super::kind::{ABSENT, UNCHANGED, is_value};
use super::messages::Messages;
use super::out::Out;
use super::plan::{Plan, Plans};
use super::value::Values;
use crate::batch::{Event, EventKind, EventView, RowView};
use crate::error::Result;
use crate::types::Field;

/// What stands before a table's own columns.
const HEADER: &[u8] = b"_kind,_commit_lsn,_xid,_sequence,_not_sent";

/// Appends the rows of a change, or the header that a definition brings; nothing for other events.
pub(super) fn write(
    values: &mut Values,
    plans: &mut Plans,
    view: EventView<'_>,
    messages: &mut Messages,
) -> Result<()> {
    use EventKind::*;
    let (event, kind) = (view.plain(), EventKind::of(view.plain().kind));
    if kind == Some(WAL_EVENT_TRUNCATE) {
        for table in view.extra_relations() {
            let plan = plans.of(table, &values.settings)?;
            begin(b"TRUNCATE", event, &mut messages.out);
            for _ in plan.columns() {
                messages.out.byte(b',');
            }
            messages.end(Some(plan.topic()))?;
        }
        return Ok(());
    }
    let Some(relation) = view.relation() else { return Ok(()) };
    let plan = plans.of(relation, &values.settings)?;
    let (old, new) = (view.old_row(), view.new_row());
    let rows: [(&[u8], Option<RowView<'_>>); 2] = match kind {
        Some(WAL_EVENT_RELATION) => {
            messages.out.put(HEADER);
            plan.columns().for_each(|(_, name)| messages.out.put(name));
            return messages.end(Some(plan.topic()));
        }
        Some(WAL_EVENT_INSERT) => [(b"INSERT", new), (b"", None)],
        Some(WAL_EVENT_UPDATE) => [(b"OLD", old), (b"UPDATE", new)],
        Some(WAL_EVENT_DELETE) => [(b"DELETE", old), (b"", None)],
        _ => return Ok(()),
    };
    for (word, row) in rows {
        if let Some(row) = row {
            begin(word, event, &mut messages.out);
            write_row(plan, row, old, values, &mut messages.out);
            messages.end(Some(plan.topic()))?;
        }
    }
    Ok(())
}

/// `INSERT,0/16B3748,742,0,`
fn begin(word: &[u8], event: &Event, out: &mut Out) {
    out.put(word);
    out.byte(b',');
    if event.commit_lsn != 0 {
        out.lsn(event.commit_lsn);
    }
    out.byte(b',');
    out.number(event.xid.into());
    out.byte(b',');
    out.number(event.sequence);
    out.byte(b',');
}

/// The names of what was not sent, and the values. An unchanged one is taken from the old row where that has it.
fn write_row(plan: &Plan, row: RowView<'_>, old: Option<RowView<'_>>, values: &mut Values, out: &mut Out) {
    let value_at = |at: usize| {
        let value = row.at(at)?;
        let old = || old.and_then(|old| old.at(at)).filter(|old| !matches!(old.kind(), UNCHANGED | ABSENT));
        if value.kind() == UNCHANGED { old().or(Some(value)) } else { Some(value) }
    };
    let mut missing = plan
        .columns()
        .enumerate()
        .filter(|(at, _)| value_at(*at).is_none_or(|value| matches!(value.kind(), UNCHANGED | ABSENT)));
    if let Some((_, (first, _))) = missing.next() {
        // Names in quotes would be quoted twice: they are joined as they are.
        out.byte(b'"');
        doubled(plan.apart(first), out);
        for (_, (column, _)) in missing {
            out.byte(b',');
            doubled(plan.apart(column), out);
        }
        out.byte(b'"');
    }
    for (at, (column, _)) in plan.columns().enumerate() {
        out.byte(b',');
        if let Some(value) = value_at(at).filter(|value| is_value(value.kind())) {
            let field = Field::new(value.kind(), value.bytes(), column.reads_as);
            // What cannot be read is its bytes here.
            let _ = values.with_text(field, out, quoted);
        }
    }
}

/// A value in quotes where it needs them; an empty one always does, for nothing is NULL.
pub(super) fn quoted(text: &[u8], out: &mut Out) {
    if text.is_empty() || text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.byte(b'"');
        doubled(text, out);
        out.byte(b'"');
    } else {
        out.put(text);
    }
}

fn doubled(text: &[u8], out: &mut Out) {
    for (at, part) in text.split(|byte| *byte == b'"').enumerate() {
        if at > 0 {
            out.put(b"\"\"");
        }
        out.put(part);
    }
}
