//! Transactions as wal2json 2.5 writes them in its format version 1, byte for byte with its defaults: a document for each, in
//! pieces. It must never keep a transaction in memory: a piece is given for each event, and all of them together are the document.

use super::kind::{is_sent, is_value};
use super::messages::Messages;
use super::out::Out;
use super::plan::{ColumnPlan, Plan, Plans};
use super::text;
use super::value::Values;
use super::wal2json::content;
use crate::batch::{EventKind, EventView, RowView, ValueView, flags};
use crate::error::Result;
use crate::types::Field;

/// Appends the piece of an event, or nothing. `is_first` says that a change begins the list of its transaction.
pub(super) fn write(
    values: &mut Values,
    plans: &mut Plans,
    view: EventView<'_>,
    is_first: bool,
    messages: &mut Messages,
) -> Result<()> {
    use EventKind::*;
    let (event, out) = (view.plain(), &mut messages.out);
    let comma: &[u8] = if is_first { b"" } else { b"," };
    match EventKind::of(event.kind) {
        Some(WAL_EVENT_BEGIN) => out.put(b"{\"change\":["),
        Some(WAL_EVENT_COMMIT) => out.put(b"]}"),
        Some(WAL_EVENT_MESSAGE) if event.flags & flags::TRANSACTIONAL == 0 => {
            out.put(b"{\"change\":[");
            message(b"false", values, view, out);
            out.put(b"]}");
        }
        Some(WAL_EVENT_MESSAGE) => {
            out.put(comma);
            message(b"true", values, view, out);
        }
        Some(WAL_EVENT_INSERT | WAL_EVENT_UPDATE | WAL_EVENT_DELETE) => {
            let Some(relation) = view.relation() else { return Ok(()) };
            let plan = plans.of(relation, &values.settings)?;
            out.put(comma);
            change(plan, view, values, out);
            return messages.end(Some(plan.topic()));
        }
        _ => return Ok(()),
    }
    messages.end(None)
}

fn change(plan: &Plan, view: EventView<'_>, values: &mut Values, out: &mut Out) {
    const INSERT: u32 = EventKind::WAL_EVENT_INSERT as u32;
    const UPDATE: u32 = EventKind::WAL_EVENT_UPDATE as u32;
    let kind = view.plain().kind;
    let word: &[u8] = match kind {
        INSERT => b"insert",
        UPDATE => b"update",
        _ => b"delete",
    };
    out.put(b"{\"kind\":\"");
    out.put(word);
    out.byte(b'"');
    out.put(plan.table());
    let (old, new) = (view.old_row(), view.new_row());
    if let Some(new) = new {
        let labels: [&[u8]; 3] = [b",\"columnnames\":[", b"],\"columntypes\":[", b"],\"columnvalues\":["];
        lists(labels, plan, new, |_, kind| is_sent(kind), values, out);
    }
    let labels: [&[u8]; 3] = [b",\"oldkeys\":{\"keynames\":[", b"],\"keytypes\":[", b"],\"keyvalues\":["];
    match (old, new) {
        // All that the old row of an UPDATE has.
        (Some(old), Some(_)) => lists(labels, plan, old, |_, kind| is_value(kind), values, out),
        (Some(row), None) => lists(labels, plan, row, is_key, values, out),
        (None, Some(row)) if kind == UPDATE => lists(labels, plan, row, is_key, values, out),
        _ => return out.byte(b'}'),
    }
    out.put(b"}}");
}

fn is_key(column: &ColumnPlan, kind: u8) -> bool {
    column.is_key && is_value(kind)
}

/// Writes something of a column, of which it gets the value and the name.
type WriteColumn<'a> = &'a mut dyn FnMut(&ColumnPlan, ValueView<'_>, &[u8], &mut Out);

/// Names, types and values of some columns of a row, each as a list.
fn lists(
    [names, types, all]: [&[u8]; 3],
    plan: &Plan,
    row: RowView<'_>,
    is_wanted: impl Fn(&ColumnPlan, u8) -> bool,
    values: &mut Values,
    out: &mut Out,
) {
    let mut list = |label: &[u8], write: WriteColumn<'_>| {
        out.put(label);
        let mut is_first = true;
        for (at, (column, name)) in plan.columns().enumerate() {
            let Some(value) = row.at(at) else { break };
            if is_wanted(column, value.kind()) {
                if !is_first {
                    out.byte(b',');
                }
                is_first = false;
                write(column, value, name, out);
            }
        }
    };
    list(names, &mut |_, _, name, out| out.put(name));
    list(types, &mut |column, _, _, out| out.put(plan.apart(column)));
    list(all, &mut |column, value, _, out| {
        values.write(Field::new(value.kind(), value.bytes(), column.reads_as), column.shape, out);
    });
    out.byte(b']');
}

fn message(is_transactional: &[u8], values: &Values, view: EventView<'_>, out: &mut Out) {
    out.put(b"{\"kind\":\"message\",\"transactional\":");
    out.put(is_transactional);
    out.put(b",\"prefix\":");
    text::string(view.extra(0).unwrap_or_default(), &values.settings, out);
    out.put(b",\"content\":");
    text::text_or_bytes(content(view), &values.settings, out);
    out.byte(b'}');
}
