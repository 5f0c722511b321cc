//! Events as lines of JSON: an object for each, whatever its kind. It must never leave out that something is not committed, nor
//! that a value was not sent.

use super::kind::{BINARY, UNCHANGED, is_sent};
use super::messages::Messages;
use super::out::Out;
use super::plan::{Plan, Plans};
use super::settings::{Settings, Unchanged};
use super::value::Values;
use super::{text, type_name};
use crate::batch::{
    Event, EventKind, EventView, ReconnectNumbers, Relation, RowView, SnapshotMark, SnapshotStep, Type,
    TypeKind, flags,
};
use crate::error::{Result, Status};
use crate::types::{self, Field, Style};

/// Writes events. It keeps what does not change from one to the next.
#[derive(Debug, Default)]
pub(super) struct Json {
    transaction: TransactionText,
}

impl Json {
    /// Appends the object of an event.
    pub(super) fn write(
        &mut self,
        values: &mut Values,
        plans: &mut Plans,
        (view, kind): (EventView<'_>, EventKind),
        messages: &mut Messages,
    ) -> Result<()> {
        let (event, out) = (view.plain(), &mut messages.out);
        begin_object(kind, out);
        out.lsn(event.lsn);
        let (with_sequence, without) = self.transaction.of(event)?;
        if is_change(kind) {
            out.put(with_sequence);
            out.number(event.sequence);
        } else {
            out.put(without);
        }
        if event.ack_lsn != 0 {
            position("ack_lsn", event.ack_lsn, out);
        }
        if event.flags & flags::STREAMED != 0 {
            out.put(b",\"streamed\":true");
        }
        if event.subxid != 0 {
            member("subxid", event.subxid.into(), out);
        }
        let mut topic = None;
        if let Some(relation) = view.relation() {
            let plan = plans.of(relation, &values.settings)?;
            out.put(plan.table());
            if kind == EventKind::WAL_EVENT_RELATION {
                definition(relation, &values.settings, out);
            } else {
                rows(plan, view, values, out);
            }
            if let Some(mark) = SnapshotMark::of(event) {
                snapshot(mark, event, &values.settings, out);
            }
            topic = Some(plan.topic());
        } else {
            particulars(kind, view, &values.settings, out);
        }
        out.byte(b'}');
        messages.end(topic)
    }
}

/// `{"kind":"INSERT","lsn":"`
#[inline]
fn begin_object(kind: EventKind, out: &mut Out) {
    match kind {
        EventKind::WAL_EVENT_INSERT => out.put(b"{\"kind\":\"INSERT\",\"lsn\":\""),
        EventKind::WAL_EVENT_UPDATE => out.put(b"{\"kind\":\"UPDATE\",\"lsn\":\""),
        EventKind::WAL_EVENT_DELETE => out.put(b"{\"kind\":\"DELETE\",\"lsn\":\""),
        _ => {
            out.put(b"{\"kind\":\"");
            out.put(kind.name().to_bytes());
            out.put(b"\",\"lsn\":\"");
        }
    }
}

/// The rows of a change.
#[inline]
fn rows(plan: &Plan, view: EventView<'_>, values: &mut Values, out: &mut Out) {
    let (old, new) = (view.old_row(), view.new_row());
    if let Some(old) = old {
        let name: &[u8] =
            if view.plain().flags & flags::OLD_KEY != 0 { b",\"key\":{" } else { b",\"old\":{" };
        row(name, b",\"old_unchanged\":[", plan, (old, None), values, out);
    }
    if let Some(new) = new {
        row(b",\"new\":{", b",\"unchanged\":[", plan, (new, old), values, out);
    }
}

/// What events without a table tell.
fn particulars(kind: EventKind, view: EventView<'_>, settings: &Settings, out: &mut Out) {
    use EventKind::*;
    let event = view.plain();
    let has = |flag| event.flags & flag != 0;
    let extra = |at| view.extra(at).unwrap_or_default();
    match kind {
        WAL_EVENT_TRUNCATE => {
            tables(view, settings, out);
            truth("cascade", has(flags::CASCADE), out);
            truth("restart_identity", has(flags::RESTART_IDENTITY), out);
        }
        WAL_EVENT_MESSAGE => {
            string("prefix", extra(0), settings, out);
            out.put(b",\"content\":");
            text::text_or_bytes(extra(1), settings, out);
            truth("transactional", has(flags::TRANSACTIONAL), out);
        }
        WAL_EVENT_ORIGIN => {
            string("origin", extra(0), settings, out);
            position("origin_lsn", event.number, out);
        }
        WAL_EVENT_TYPE => {
            member("oid", event.number, out);
            string("schema", extra(0), settings, out);
            string("type", extra(1), settings, out);
        }
        WAL_EVENT_BEGIN | WAL_EVENT_COMMIT if event.number != 0 => {
            position("prepare_lsn", event.number, out);
        }
        WAL_EVENT_BEGIN_PREPARE
        | WAL_EVENT_PREPARE
        | WAL_EVENT_STREAM_PREPARE
        | WAL_EVENT_ROLLBACK_PREPARED => {
            string("gid", extra(0), settings, out);
            position("prepare_end_lsn", event.number, out);
        }
        WAL_EVENT_COMMIT_PREPARED => string("gid", extra(0), settings, out),
        WAL_EVENT_STREAM_START => truth("first_segment", has(flags::FIRST_SEGMENT), out),
        WAL_EVENT_STREAM_ABORT if event.number != 0 => position("abort_lsn", event.number, out),
        WAL_EVENT_RAW => {
            out.put(b",\"payload\":");
            text::text_or_bytes(extra(0), settings, out);
        }
        WAL_EVENT_RECONNECTED => reconnected(view, settings, out),
        WAL_EVENT_SNAPSHOT => {
            let mark = SnapshotMark::of(event).unwrap_or_default();
            snapshot(mark, event, settings, out);
        }
        _ => {}
    }
    for (flag, name) in [
        (flags::DISCARDED, "discarded"),
        (flags::UNKNOWN_PREPARE, "unknown_prepare"),
        (flags::AMBIGUOUS, "ambiguous"),
    ] {
        if has(flag) {
            truth(name, true, out);
        }
    }
}

/// What all events of a transaction have in common.
#[derive(Debug, Default)]
struct TransactionText {
    of: (u64, u32, i64),
    /// `","commit_lsn":"0/16B3748","xid":742,"commit_time":"…","sequence":`
    text: Out,
    /// Where the sequence begins.
    end: usize,
}

impl TransactionText {
    /// With and without the name of the sequence behind it; both begin with the quote that ends the position before it.
    #[inline]
    fn of(&mut self, event: &Event) -> Result<(&[u8], &[u8])> {
        let of = (event.commit_lsn, event.xid, event.commit_time);
        if self.of != of || self.end == 0 {
            self.of = of;
            self.make()?;
        }
        Ok((self.text.bytes(), self.text.bytes().get(..self.end).unwrap_or_default()))
    }

    fn make(&mut self) -> Result<()> {
        let ((commit_lsn, xid, commit_time), out) = (self.of, &mut self.text);
        self.end = 0;
        out.clear();
        out.byte(b'"');
        if commit_lsn != 0 {
            position("commit_lsn", commit_lsn, out);
        }
        if xid != 0 {
            member("xid", xid.into(), out);
        }
        if commit_time != 0 {
            out.put(b",\"commit_time\":\"");
            let micros = commit_time.to_be_bytes();
            let field = Field::new(BINARY, &micros, types::oid::TIMESTAMPTZ);
            // A timestamp of 8 bytes has a text.
            let _ = types::write_time(field, Style::Json, out);
            out.byte(b'"');
        }
        let end = out.len();
        out.put(b",\"sequence\":");
        out.check()?;
        self.end = end;
        Ok(())
    }
}

/// Whether events of a kind have a number in their transaction.
fn is_change(kind: EventKind) -> bool {
    use EventKind::*;
    matches!(
        kind,
        WAL_EVENT_INSERT | WAL_EVENT_UPDATE | WAL_EVENT_DELETE | WAL_EVENT_TRUNCATE | WAL_EVENT_MESSAGE
    )
}

/// A row as an object. What was not sent is left out; what an UPDATE did not touch is taken from the old row where that has it,
/// and else listed beside the row.
#[inline]
fn row(
    name: &[u8],
    unchanged: &[u8],
    plan: &Plan,
    (row, old): (RowView<'_>, Option<RowView<'_>>),
    values: &mut Values,
    out: &mut Out,
) {
    out.put(name);
    let (mut is_first, mut lacks) = (true, false);
    for (at, (column, name)) in plan.columns().enumerate() {
        let Some(mut value) = row.at(at) else { break };
        if value.kind() == UNCHANGED {
            match old.and_then(|old| old.at(at)).filter(|old| is_sent(old.kind())) {
                Some(old) => value = old,
                None => lacks = true,
            }
        }
        let is_null = value.kind() == UNCHANGED && values.settings.unchanged == Unchanged::Null;
        if !is_sent(value.kind()) && !is_null {
            continue;
        }
        out.put(if is_first { name.get(1..).unwrap_or_default() } else { name });
        is_first = false;
        values.write(Field::new(value.kind(), value.bytes(), column.reads_as), column.shape, out);
    }
    out.byte(b'}');
    if lacks && values.settings.unchanged != Unchanged::Omit {
        list(unchanged, plan, (row, old), out);
    }
}

/// The names of what is unchanged.
#[cold]
fn list(name: &[u8], plan: &Plan, (row, old): (RowView<'_>, Option<RowView<'_>>), out: &mut Out) {
    out.put(name);
    let mut is_first = true;
    for (at, (_, name)) in plan.columns().enumerate() {
        let is_unchanged = row.at(at).is_some_and(|value| value.kind() == UNCHANGED);
        if is_unchanged && !old.and_then(|old| old.at(at)).is_some_and(|old| is_sent(old.kind())) {
            // Without the colon, and at first without the comma.
            let name = name.get(usize::from(is_first)..name.len().saturating_sub(1));
            out.put(name.unwrap_or_default());
            is_first = false;
        }
    }
    out.byte(b']');
}

/// The definition of a table.
fn definition(relation: &Relation, settings: &Settings, out: &mut Out) {
    member("oid", relation.oid.into(), out);
    member("generation", relation.generation.into(), out);
    string("replica_identity", &[relation.replica_identity], settings, out);
    out.put(b",\"columns\":[");
    for (at, column) in relation.columns.iter().enumerate() {
        out.put(if at == 0 { b"{\"name\":" } else { b",{\"name\":" });
        text::string(&column.name, settings, out);
        type_name(&column.data_type, settings, out);
        member("type_oid", column.type_oid.into(), out);
        out.put(b",\"typmod\":");
        if column.typmod < 0 {
            out.byte(b'-');
        }
        out.number(column.typmod.unsigned_abs().into());
        truth("key", column.is_key, out);
        out.byte(b'}');
    }
    out.byte(b']');
}

/// A type's name as SQL shows it, or its base type's for a domain; nothing where the stream does not name it.
fn type_name(of: &Type, settings: &Settings, out: &mut Out) {
    if let Some(known) = type_name::shown_as(of) {
        let member = if of.kind == TypeKind::WAL_TYPE_KIND_DOMAIN { "base" } else { "type" };
        string(member, known.sql_name.as_bytes(), settings, out);
    } else if !of.name.is_empty() {
        out.put(b",\"type\":\"");
        text::escape(&of.namespace, settings, out);
        out.byte(b'.');
        text::escape(&of.name, settings, out);
        out.byte(b'"');
    }
}

/// The tables of a TRUNCATE.
fn tables(view: EventView<'_>, settings: &Settings, out: &mut Out) {
    out.put(b",\"tables\":[");
    for (at, table) in view.extra_relations().enumerate() {
        out.put(if at == 0 { b"{\"schema\":" } else { b",{\"schema\":" });
        text::string(&table.namespace, settings, out);
        string("table", &table.name, settings, out);
        out.byte(b'}');
    }
    out.byte(b']');
}

/// Where a snapshot stands. Its state is the program's to store, and not a reader's of the text.
fn snapshot(mark: SnapshotMark, event: &Event, settings: &Settings, out: &mut Out) {
    use SnapshotStep::*;
    let step = match mark.step {
        WAL_SNAPSHOT_NONE => {
            truth("snapshot", true, out);
            member("item", mark.item.into(), out);
            return;
        }
        WAL_SNAPSHOT_TABLE_BEGIN => "table_begin",
        WAL_SNAPSHOT_ITEM_END => "item_end",
        WAL_SNAPSHOT_TABLE_END => "table_end",
        WAL_SNAPSHOT_END => "end",
        WAL_SNAPSHOT_RESTART => "restart",
    };
    string("step", step.as_bytes(), settings, out);
    if mark.step == WAL_SNAPSHOT_ITEM_END {
        member("item", mark.item.into(), out);
    }
    if matches!(mark.step, WAL_SNAPSHOT_ITEM_END | WAL_SNAPSHOT_TABLE_END | WAL_SNAPSHOT_END) {
        member("rows", event.sequence, out);
    }
}

fn reconnected(view: EventView<'_>, settings: &Settings, out: &mut Out) {
    let numbers = view.extra(ReconnectNumbers::AT).and_then(ReconnectNumbers::from_bytes).unwrap_or_default();
    member("attempts", numbers.attempts.into(), out);
    if let Some(status) = Status::from_code(numbers.status) {
        string("status", status.name().as_bytes(), settings, out);
    }
    string("message", view.extra(ReconnectNumbers::MESSAGE_AT).unwrap_or_default(), settings, out);
    position("lost_lsn", view.plain().number, out);
    if view.plain().flags & flags::REWOUND != 0 {
        position("switchpoint", numbers.switchpoint, out);
        truth("rewound", true, out);
    }
}

/// `,"name":`
fn begin(name: &str, out: &mut Out) {
    out.put(b",\"");
    out.put(name.as_bytes());
    out.put(b"\":");
}

fn member(name: &str, number: u64, out: &mut Out) {
    begin(name, out);
    out.number(number);
}

fn truth(name: &str, is_so: bool, out: &mut Out) {
    begin(name, out);
    out.put(if is_so { b"true" } else { b"false" });
}

fn position(name: &str, lsn: u64, out: &mut Out) {
    begin(name, out);
    out.byte(b'"');
    out.lsn(lsn);
    out.byte(b'"');
}

fn string(name: &str, value: &[u8], settings: &Settings, out: &mut Out) {
    begin(name, out);
    text::string(value, settings, out);
}
