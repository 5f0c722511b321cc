//! The messages of a change: its envelope, its key, and the tombstone of a row that is gone. It must never take a value that was
//! not sent for NULL, unless Debezium is copied.

use super::super::kind::{ABSENT, UNCHANGED, is_sent, is_value};
use super::super::messages::Messages;
use super::super::out::Out;
use super::super::settings::{Compatible, Schemas, Settings, Tombstones, Transactions};
use super::super::text;
use super::super::value::Values;
use super::source::Clock;
use super::table::{Table, TableColumn};
use super::{Last, State, schema, table, value};
use crate::batch::{Event, EventView, RowView, ValueView};
use crate::error::{Error, Result, Status};
use crate::types::Field;

/// A change.
pub(super) struct Change<'a> {
    pub(super) event: &'a Event,
    pub(super) table: &'a Table,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A row of a snapshot.
    Read,
    Create,
    Update,
    Delete,
    Truncate,
}

impl Operation {
    fn text(self) -> &'static [u8] {
        match self {
            Self::Read => b",\"op\":\"r\",",
            Self::Create => b",\"op\":\"c\",",
            Self::Update => b",\"op\":\"u\",",
            Self::Delete => b",\"op\":\"d\",",
            Self::Truncate => b",\"op\":\"t\",",
        }
    }
}

/// A row; what was not sent of a new one is taken from the old one.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) row: RowView<'a>,
    pub(super) old: Option<RowView<'a>>,
}

impl<'a> Rows<'a> {
    #[inline]
    fn at(self, column: &TableColumn) -> Option<ValueView<'a>> {
        let value = self.row.at(column.at)?;
        if value.kind() != UNCHANGED {
            return Some(value);
        }
        let old = self.old.and_then(|old| old.at(column.at));
        old.filter(|old| is_sent(old.kind())).or(Some(value))
    }
}

impl Change<'_> {
    /// Whether the row has another key than before.
    pub(super) fn is_moved(&self, old: Rows<'_>, new: Rows<'_>) -> bool {
        self.table.key_columns().any(|column| match (old.at(column), new.at(column)) {
            (Some(old), Some(new)) => {
                old.kind() != ABSENT && (old.kind(), old.bytes()) != (new.kind(), new.bytes())
            }
            _ => false,
        })
    }

    /// Writes the message of an operation on a row, and of a DELETE what follows it.
    #[inline]
    pub(super) fn write(
        &self,
        operation: Operation,
        (before, after): (Option<Rows<'_>>, Option<Rows<'_>>),
        state: &mut State,
        values: &mut Values,
        messages: &mut Messages,
    ) -> Result<()> {
        let (table, out) = (self.table, &mut messages.out);
        out.put(table.value_head());
        self.row(before, values, out);
        out.put(b",\"after\":");
        self.row(after, values, out);
        out.byte(b',');
        state.write_source(self.event, table.names(), &values.settings, out)?;
        state.write_place(self.event, (table.serial, table.collection()), &values.settings, out)?;
        out.put(operation.text());
        let made_at = state.made_at(self.event, &values.settings);
        out.put(state.clock.at(made_at));
        if values.settings.schemas == Schemas::With {
            out.byte(b'}');
        }
        let row = after.or(before).filter(|_| !table.key.is_empty());
        if let Some(row) = row {
            self.key(row, values, &mut messages.keys)?;
        }
        messages.end(Some(table.topic()))?;
        // Debezium has tombstones without a key, too, which take nothing away.
        let is_gone = row.is_some() || values.settings.compatible == Compatible::Debezium36;
        if operation == Operation::Delete && is_gone && values.settings.tombstones == Tombstones::Emit {
            messages.end_tombstone(table.topic())?;
        }
        Ok(())
    }

    /// A row as an object, or `null`.
    #[inline]
    fn row(&self, row: Option<Rows<'_>>, values: &mut Values, out: &mut Out) {
        let Some(row) = row else { return out.put(b"null") };
        let copied = values.settings.compatible == Compatible::Debezium36;
        let mut is_first = true;
        out.byte(b'{');
        for column in &self.table.columns {
            let Some(value) = row.at(column) else { break };
            if value.kind() == ABSENT && !copied {
                continue;
            }
            let name = self.table.name(column);
            out.put(if is_first { name.get(1..).unwrap_or_default() } else { name });
            is_first = false;
            if value.kind() == UNCHANGED {
                out.put(self.table.placeholder(column));
            } else {
                let field = Field::new(value.kind(), value.bytes(), column.reads_as);
                value::write(values, field, column.form, out);
            }
        }
        out.byte(b'}');
    }

    /// What identifies a row.
    #[inline]
    fn key(&self, row: Rows<'_>, values: &mut Values, out: &mut Out) -> Result<()> {
        out.put(self.table.key_head());
        for (at, column) in self.table.key_columns().enumerate() {
            let value = row.at(column).filter(|value| is_sent(value.kind()));
            let value = value.ok_or_else(|| self.not_whole())?;
            let name = self.table.name(column);
            out.put(if at == 0 { name.get(1..).unwrap_or_default() } else { name });
            let field = Field::new(value.kind(), value.bytes(), column.reads_as);
            let begin = out.len();
            value::write(values, field, column.form, out);
            if is_value(value.kind()) && out.bytes().get(begin..) == Some(b"null") {
                return Err(self.has_no_form(name));
            }
        }
        out.put(if values.settings.schemas == Schemas::With { b"}}" } else { b"}" });
        Ok(())
    }

    #[cold]
    fn has_no_form(&self, name: &[u8]) -> Error {
        let (table, name) = (String::from_utf8_lossy(self.table.collection()), String::from_utf8_lossy(name));
        let name = name.trim_matches([',', ':']);
        let what =
            format!("{table}: a value of column {name} of the key can only be null with these options");
        Error::new(Status::WAL_E_STATE, what)
            .with_hint("Set option decimals to string, or name other columns in key_columns.")
    }

    #[cold]
    pub(super) fn not_whole(&self) -> Error {
        let table = String::from_utf8_lossy(self.table.collection());
        let what = format!("{table}: the server does not send all that was the key of the row that changed");
        Error::new(Status::WAL_E_STATE, what).with_hint(
            "Give the table a replica identity with the columns of option key_columns, and partitions that of their root.",
        )
    }
}

impl State {
    /// `,"transaction":null`, or the next place in it, also among the changes of a table.
    #[inline]
    pub(super) fn write_place(
        &mut self,
        event: &Event,
        (serial, collection): (u64, &[u8]),
        settings: &Settings,
        out: &mut Out,
    ) -> Result<()> {
        if settings.transactions == Transactions::Skip || event.xid == 0 {
            out.put(b",\"transaction\":null");
            return Ok(());
        }
        let ordinal = self.counts.count(serial, collection)?;
        out.put(b",\"transaction\":{\"id\":\"");
        super::transaction::id(event, out);
        out.put(b"\",\"total_order\":");
        out.number(ordinal.total);
        out.put(b",\"data_collection_order\":");
        out.number(ordinal.of_table);
        out.byte(b'}');
        Ok(())
    }

    /// A logical message, which goes to a topic of its own.
    pub(super) fn message(
        &mut self,
        values: &Values,
        view: EventView<'_>,
        messages: &mut Messages,
    ) -> Result<()> {
        let (event, settings, out) = (view.plain(), &values.settings, &mut messages.out);
        let (prefix, content) = (view.extra(0).unwrap_or_default(), view.extra(1).unwrap_or_default());
        if event.xid == 0 {
            self.last = Last { lsn: event.lsn, ..self.last };
        }
        let with = settings.schemas == Schemas::With;
        if with {
            out.put(b"{\"schema\":");
            schema::message(out);
            out.put(b",\"payload\":");
        }
        out.put(b"{\"op\":\"m\",\"ts_ms\":");
        Clock::millis(self.made_at(event, settings), out);
        out.byte(b',');
        self.write_source(event, b",\"schema\":\"\",\"table\":\"\"", settings, out)?;
        self.write_place(event, (MESSAGES, b"message"), settings, out)?;
        out.put(b",\"message\":{\"prefix\":");
        text::string(prefix, settings, out);
        out.put(b",\"content\":\"");
        text::base64(content, out);
        out.put(if with { b"\"}}}" } else { b"\"}}" });
        let keys = &mut messages.keys;
        if with {
            keys.pieces([b"{\"schema\":", schema::MESSAGE_KEY, b",\"payload\":"]);
        }
        keys.put(b"{\"prefix\":");
        text::string(prefix, settings, keys);
        keys.put(if with { b"}}" } else { b"}" });
        let topic = &mut self.message_topic;
        if topic.bytes().is_empty() {
            table::topic(settings, &[b"message"], topic);
        }
        messages.end(Some(topic.bytes()))
    }
}

/// Stands for logical messages where definitions of tables are told apart: none has this number.
const MESSAGES: u64 = 0;
