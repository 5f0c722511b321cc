//! Events as wal2json 2.5 writes them in its format version 2, byte for byte with its defaults. It must never write what wal2json
//! does not: kinds of events that it does not know give no message.

use super::kind::is_sent;
use super::messages::Messages;
use super::out::Out;
use super::plan::{Plan, Plans};
use super::text;
use super::value::Values;
use crate::batch::{EventKind, EventView, RowView, flags};
use crate::error::Result;
use crate::types::Field;

/// Appends the message of an event, or nothing; of a TRUNCATE one for each table.
pub(super) fn write(
    values: &mut Values,
    plans: &mut Plans,
    view: EventView<'_>,
    messages: &mut Messages,
) -> Result<()> {
    use EventKind::*;
    let out = &mut messages.out;
    match EventKind::of(view.plain().kind) {
        Some(WAL_EVENT_BEGIN) => out.put(b"{\"action\":\"B\"}"),
        Some(WAL_EVENT_COMMIT) => out.put(b"{\"action\":\"C\"}"),
        Some(WAL_EVENT_MESSAGE) => message(values, view, out),
        Some(WAL_EVENT_TRUNCATE) => return truncate(values, plans, view, messages),
        Some(WAL_EVENT_INSERT) => return change(b"{\"action\":\"I\"", values, plans, view, messages),
        Some(WAL_EVENT_UPDATE) => return change(b"{\"action\":\"U\"", values, plans, view, messages),
        Some(WAL_EVENT_DELETE) => return change(b"{\"action\":\"D\"", values, plans, view, messages),
        _ => return Ok(()),
    }
    messages.end(None)
}

fn change(
    action: &[u8],
    values: &mut Values,
    plans: &mut Plans,
    view: EventView<'_>,
    messages: &mut Messages,
) -> Result<()> {
    let out = &mut messages.out;
    let Some(relation) = view.relation() else { return Ok(()) };
    let plan = plans.of(relation, &values.settings)?;
    out.put(action);
    out.put(plan.table());
    let (old, new) = (view.old_row(), view.new_row());
    if let Some(new) = new {
        out.put(b",\"columns\":[");
        row(plan, new, Columns::All, values, out);
        out.byte(b']');
    }
    // What an UPDATE did not touch of it stands in the new row.
    if let Some(old) = old.or(new.filter(|_| view.plain().kind == EventKind::WAL_EVENT_UPDATE as u32)) {
        out.put(b",\"identity\":[");
        row(plan, old, Columns::Identity, values, out);
        out.byte(b']');
    }
    out.byte(b'}');
    messages.end(Some(plan.topic()))
}

/// Which columns are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Columns {
    All,
    Identity,
}

/// The columns of a row; what was not sent is left out.
fn row(plan: &Plan, row: RowView<'_>, which: Columns, values: &mut Values, out: &mut Out) {
    let mut is_first = true;
    for (at, (column, name)) in plan.columns().enumerate() {
        let Some(value) = row.at(at) else { break };
        if !is_sent(value.kind()) || which == Columns::Identity && !column.is_key {
            continue;
        }
        out.put(if is_first { name.get(1..).unwrap_or_default() } else { name });
        is_first = false;
        values.write(Field::new(value.kind(), value.bytes(), column.reads_as), column.shape, out);
        out.byte(b'}');
    }
}

fn truncate(values: &Values, plans: &mut Plans, view: EventView<'_>, messages: &mut Messages) -> Result<()> {
    for table in view.extra_relations() {
        let plan = plans.of(table, &values.settings)?;
        messages.out.put(b"{\"action\":\"T\"");
        messages.out.put(plan.table());
        messages.out.byte(b'}');
        messages.end(Some(plan.topic()))?;
    }
    Ok(())
}

fn message(values: &Values, view: EventView<'_>, out: &mut Out) {
    let is_transactional = view.plain().flags & flags::TRANSACTIONAL != 0;
    out.put(b"{\"action\":\"M\",\"transactional\":");
    out.put(if is_transactional { b"true" } else { b"false" });
    out.put(b",\"prefix\":");
    text::string(view.extra(0).unwrap_or_default(), &values.settings, out);
    out.put(b",\"content\":");
    text::text_or_bytes(content(view), &values.settings, out);
    out.byte(b'}');
}

/// The content of a message, which wal2json takes for a text of C.
pub(super) fn content(view: EventView<'_>) -> &[u8] {
    view.extra(1).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default()
}
