//! Changes as statements of SQL that apply them to tables of the same definition. It must never write a literal that says another
//! thing under other settings, nor change more rows than the server did.

use super::kind::{NULL, is_sent};
use super::messages::Messages;
use super::out::Out;
use super::plan::{ColumnPlan, Plan, Plans};
use super::value::Values;
use crate::batch::{EventKind, EventView, RowView, ValueView, flags};
use crate::error::{Error, Result, Status};
use crate::types::{Field, oid};

/// Appends the statement of an event, or nothing.
pub(super) fn write(
    values: &mut Values,
    plans: &mut Plans,
    view: EventView<'_>,
    messages: &mut Messages,
) -> Result<()> {
    use EventKind::*;
    let out = &mut messages.out;
    let kind = EventKind::of(view.plain().kind);
    match kind {
        Some(WAL_EVENT_BEGIN) => out.put(b"BEGIN;"),
        Some(WAL_EVENT_COMMIT) => out.put(b"COMMIT;"),
        Some(WAL_EVENT_TRUNCATE) => {
            out.put(b"TRUNCATE ");
            for (at, table) in view.extra_relations().enumerate() {
                out.put(if at == 0 { b"" } else { b", " });
                out.put(plans.of(table, &values.settings)?.table());
            }
            // What CASCADE reached is in the list.
            let restarts = view.plain().flags & flags::RESTART_IDENTITY != 0;
            out.put(if restarts { b" RESTART IDENTITY;" } else { b";" });
        }
        Some(WAL_EVENT_INSERT | WAL_EVENT_UPDATE | WAL_EVENT_DELETE) => {
            let Some(relation) = view.relation() else { return Ok(()) };
            let plan = plans.of(relation, &values.settings)?;
            match (kind, view.old_row(), view.new_row()) {
                (Some(WAL_EVENT_INSERT), _, Some(new)) => insert(plan, new, values, out)?,
                (Some(WAL_EVENT_UPDATE), old, Some(new)) => {
                    if changed(plan, new, old, is_full(view)).next().is_none() {
                        return Ok(());
                    }
                    update(plan, changed(plan, new, old, is_full(view)), values, out)?;
                    condition(plan, old.unwrap_or(new), is_full(view), values, out)?;
                }
                (_, Some(old), _) => {
                    out.put(b"DELETE FROM ");
                    out.put(plan.table());
                    condition(plan, old, is_full(view), values, out)?;
                }
                _ => return Ok(()),
            }
            return messages.end(Some(plan.topic()));
        }
        _ => return Ok(()),
    }
    messages.end(None)
}

fn is_full(view: EventView<'_>) -> bool {
    view.plain().flags & flags::OLD_FULL != 0
}

/// A column, its name with a comma in front, and its value.
type Sent<'a> = (&'a ColumnPlan, &'a [u8], ValueView<'a>);

/// The columns of a row that were sent.
fn sent<'a>(plan: &'a Plan, row: RowView<'a>) -> impl Iterator<Item = Sent<'a>> {
    changed(plan, row, Some(row), false)
}

/// Those that may have changed: without an old row none of the key, and with a whole one those that differ. What is always
/// generated takes no value, not even its own.
fn changed<'a>(
    plan: &'a Plan,
    new: RowView<'a>,
    old: Option<RowView<'a>>,
    is_full: bool,
) -> impl Iterator<Item = Sent<'a>> {
    let columns = plan.columns().enumerate();
    columns.filter_map(move |(at, (column, name))| {
        let value = new.at(at).filter(|value| is_sent(value.kind()))?;
        let is_same = match old {
            None => column.is_key,
            Some(old) if is_full => old.at(at).is_some_and(|old| is_equal(old, value)),
            Some(_) => false,
        };
        (!is_same).then_some((column, name, value))
    })
}

fn is_equal(old: ValueView<'_>, new: ValueView<'_>) -> bool {
    old.kind() == new.kind() && old.bytes() == new.bytes()
}

fn insert(plan: &Plan, row: RowView<'_>, values: &mut Values, out: &mut Out) -> Result<()> {
    out.put(b"INSERT INTO ");
    out.put(plan.table());
    if sent(plan, row).next().is_none() {
        out.put(b" DEFAULT VALUES;");
        return Ok(());
    }
    out.put(b" (");
    for (at, (_, name, _)) in sent(plan, row).enumerate() {
        out.put(without_comma(at, name));
    }
    // The value of an identity column is what it was.
    out.put(b") OVERRIDING SYSTEM VALUE VALUES (");
    for (at, (column, _, value)) in sent(plan, row).enumerate() {
        out.put(if at == 0 { b"" } else { b"," });
        literal(column, value, values, out)?;
    }
    out.put(b");");
    Ok(())
}

fn update<'a>(
    plan: &Plan,
    all: impl Iterator<Item = Sent<'a>>,
    values: &mut Values,
    out: &mut Out,
) -> Result<()> {
    out.put(b"UPDATE ");
    out.put(plan.table());
    out.put(b" SET ");
    for (at, (column, name, value)) in all.enumerate() {
        out.put(without_comma(at, name));
        out.byte(b'=');
        literal(column, value, values, out)?;
    }
    Ok(())
}

/// Which row: by its key, or one of those that are the same in all columns.
fn condition(plan: &Plan, row: RowView<'_>, is_full: bool, values: &mut Values, out: &mut Out) -> Result<()> {
    whole_identity(plan, row, is_full)?;
    out.put(b" WHERE ");
    if is_full {
        // Rows of two partitions may have the same ctid.
        out.put(b"(tableoid,ctid)=(SELECT tableoid,ctid FROM ");
        out.put(plan.table());
        out.put(b" WHERE ");
    }
    let wanted = sent(plan, row).filter(|(column, ..)| is_full || column.is_key);
    for (at, (column, name, value)) in wanted.enumerate() {
        out.put(if at == 0 { b"" } else { b" AND " });
        out.put(name.get(1..).unwrap_or_default());
        if lacks_equality(column.reads_as) {
            out.put(b"::text");
        }
        out.put(if is_full { b" IS NOT DISTINCT FROM " } else { b"=" });
        literal(column, value, values, out)?;
    }
    out.put(if is_full { b" LIMIT 1);" } else { b";" });
    Ok(())
}

/// A partition may send less of an old row than its root's identity says, and what is left may be true of other rows.
fn whole_identity(plan: &Plan, row: RowView<'_>, is_full: bool) -> Result<()> {
    let is_wanted = |column: &ColumnPlan| is_full || column.is_key;
    let mut wanted = plan.columns().enumerate().filter(|(_, (column, _))| is_wanted(column)).peekable();
    let is_named = wanted.peek().is_some();
    if is_named && wanted.all(|(at, _)| row.at(at).is_some_and(|value| is_sent(value.kind()))) {
        return Ok(());
    }
    let table = String::from_utf8_lossy(plan.topic());
    let what = format!("{table}: the server did not send the whole identity of the row that changed");
    Err(Error::new(Status::WAL_E_STATE, what)
        .with_hint("Give partitions the replica identity of their root."))
}

fn without_comma(at: usize, name: &[u8]) -> &[u8] {
    if at == 0 { name.get(1..).unwrap_or_default() } else { name }
}

/// Types without an operator `=`, or with one that says less, and whose text is the same in every session.
fn lacks_equality(type_oid: u32) -> bool {
    let element = oid::find(type_oid).map_or(0, |it| it.element);
    [type_oid, element].iter().any(|of| {
        matches!(
            *of,
            oid::JSON
                | oid::XML
                | oid::POINT
                | oid::LSEG
                | oid::PATH
                | oid::BOX
                | oid::POLYGON
                | oid::LINE
                | oid::CIRCLE
                | oid::JSONPATH
                | oid::PG_SNAPSHOT
                | oid::REFCURSOR
                | oid::TXID_SNAPSHOT
        )
    })
}

/// A literal without a type: the column's is taken. With `E` where a backslash is in it, so that no setting changes what it says
/// (quote_literal). An error where the value has no text: none may stand for it.
fn literal(column: &ColumnPlan, value: ValueView<'_>, values: &mut Values, out: &mut Out) -> Result<()> {
    if value.kind() == NULL {
        out.put(b"NULL");
        return Ok(());
    }
    let field = Field::new(value.kind(), value.bytes(), column.reads_as);
    let known = values.with_text(field, out, |text, out| {
        out.put(if text.contains(&b'\\') { b"E'" } else { b"'" });
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\'' | b'\\')) {
            let (before, from) = rest.split_at_checked(at).unwrap_or_default();
            let (special, behind) = from.split_at_checked(1).unwrap_or_default();
            out.put(before);
            out.put(special);
            out.put(special);
            rest = behind;
        }
        out.put(rest);
        out.byte(b'\'');
    });
    known.map_err(|error| error.explain(field, "a literal of SQL").with_hint("Set option binary to off."))
}

/// Writes a name in quotes.
pub(super) fn identifier(name: &[u8], out: &mut Out) {
    out.byte(b'"');
    for (at, part) in name.split(|byte| *byte == b'"').enumerate() {
        out.put(if at == 0 { b"" } else { b"\"\"" });
        out.put(part);
    }
    out.byte(b'"');
}
