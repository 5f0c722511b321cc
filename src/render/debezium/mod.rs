//! Changes as Debezium's connector for PostgreSQL writes them (3.6): an envelope with the rows, their source and the operation, a
//! key, and tombstones. It must never write a change without saying which transaction it is of, nor a key that is not whole.

mod counts;
mod decimal;
mod envelope;
mod form;
mod java;
mod placeholder;
mod schema;
mod source;
mod table;
mod transaction;
mod value;

pub(super) use decimal::Decimal;

use super::messages::Messages;
use super::out::Out;
use super::plan::Plans;
use super::settings::{Compatible, Processed, Settings, Truncates};
use super::value::Values;
use crate::batch::{Event, EventKind, EventView, flags};
use crate::error::Result;
use counts::Counts;
use envelope::{Change, Operation, Rows};
use source::{Clock, Common, EPOCH, Source};
use table::Table;

/// Writes events. It keeps what does not change from one to the next.
#[derive(Debug)]
pub(super) struct Debezium {
    tables: Plans<Table>,
    state: State,
}

/// Where in the stream it is.
#[derive(Debug, Default)]
struct State {
    source: Source,
    clock: Clock,
    /// What was before, and that at `mark`.
    last: Last,
    marked: Last,
    /// The position at the present transaction's origin, and at that of `mark`.
    origin_lsn: u64,
    marked_origin_lsn: u64,
    counts: Counts,
    /// Where transactions and logical messages are told; empty until they are.
    transaction_topic: Out,
    message_topic: Out,
    /// The time at which messages are made, in microseconds since 2000.
    now: i64,
}

/// The end of the transaction, or the message outside of one, that was before; 0: not known.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    lsn: u64,
    /// Microseconds since 2000.
    commit_time: i64,
}

impl Default for Debezium {
    fn default() -> Self {
        Self { tables: Plans::new(()), state: State::default() }
    }
}

impl Debezium {
    /// Options changed.
    pub(super) fn forget(&mut self) {
        self.tables = Plans::new(());
        self.state.source.forget();
        self.state.transaction_topic.clear();
        self.state.message_topic.clear();
    }

    /// The time at which messages are made, in microseconds since 2000.
    pub(super) fn set_clock(&mut self, now: i64) {
        self.state.now = now;
    }

    /// What follows is thrown away together.
    pub(super) fn mark(&mut self) {
        self.state.marked = self.state.last;
        self.state.marked_origin_lsn = self.state.origin_lsn;
        self.state.source.mark();
        self.state.counts.mark();
    }

    /// All since `mark` was thrown away.
    pub(super) fn go_back(&mut self) {
        self.state.last = self.state.marked;
        self.state.origin_lsn = self.state.marked_origin_lsn;
        self.state.source.go_back();
        self.state.counts.go_back();
    }

    /// Appends the messages of an event, or nothing.
    #[inline]
    pub(super) fn write(
        &mut self,
        values: &mut Values,
        (view, kind): (EventView<'_>, EventKind),
        messages: &mut Messages,
    ) -> Result<()> {
        use EventKind::*;
        let (event, state) = (view.plain(), &mut self.state);
        match kind {
            WAL_EVENT_INSERT | WAL_EVENT_UPDATE | WAL_EVENT_DELETE => self.change(values, view, messages),
            WAL_EVENT_BEGIN => {
                state.begin();
                state.write_begin(event, &values.settings, messages)
            }
            WAL_EVENT_ORIGIN => {
                state.source.set_origin(view.extra(0).unwrap_or_default());
                state.origin_lsn = event.number;
                Ok(())
            }
            WAL_EVENT_COMMIT => {
                state.write_end(event, &values.settings, messages)?;
                state.last = Last { lsn: event.ack_lsn, commit_time: event.commit_time };
                // Debezium forgets it at the next BEGIN only.
                if values.settings.compatible == Compatible::Exact {
                    state.forget_origin();
                }
                Ok(())
            }
            WAL_EVENT_TRUNCATE if values.settings.truncates == Truncates::Emit => {
                for table in view.extra_relations() {
                    let table = self.tables.of(table, &values.settings)?;
                    let change = Change { event, table };
                    change.write(Operation::Truncate, (None, None), &mut self.state, values, messages)?;
                }
                Ok(())
            }
            WAL_EVENT_MESSAGE => state.message(values, view, messages),
            _ => Ok(()),
        }
    }

    /// A row that was changed. With another key it is another row: the old one is gone.
    #[inline]
    fn change(&mut self, values: &mut Values, view: EventView<'_>, messages: &mut Messages) -> Result<()> {
        let Some(relation) = view.relation() else { return Ok(()) };
        let (state, table) = (&mut self.state, self.tables.of(relation, &values.settings)?);
        let change = Change { event: view.plain(), table };
        let old = view.old_row().map(|row| Rows { row, old: None });
        let new = view.new_row().map(|row| Rows { row, old: view.old_row() });
        match (old, new) {
            (None, Some(new)) if change.event.kind == EventKind::WAL_EVENT_INSERT as u32 => {
                let operation = if is_snapshot(change.event) { Operation::Read } else { Operation::Create };
                change.write(operation, (None, Some(new)), state, values, messages)
            }
            (Some(old), Some(new)) if table.old_key_is_told && change.is_moved(old, new) => {
                change.write(Operation::Delete, (Some(old), None), state, values, messages)?;
                change.write(Operation::Create, (None, Some(new)), state, values, messages)
            }
            // Nobody tells whether it has another key than before.
            (_, Some(_)) if !table.old_key_is_told => Err(change.not_whole()),
            (old, Some(new)) => change.write(Operation::Update, (old, Some(new)), state, values, messages),
            (Some(old), None) => change.write(Operation::Delete, (Some(old), None), state, values, messages),
            (None, None) => Ok(()),
        }
    }
}

fn is_snapshot(event: &Event) -> bool {
    event.flags & flags::SNAPSHOT != 0
}

impl State {
    /// A transaction begins.
    fn begin(&mut self) {
        self.forget_origin();
        self.counts.begin();
    }

    /// What follows was first made here.
    fn forget_origin(&mut self) {
        self.source.set_origin(b"");
        self.origin_lsn = 0;
    }

    /// `"source":{…}` of an event; `names` are `,"schema":…,"table":…`.
    #[inline]
    fn write_source(
        &mut self,
        event: &Event,
        names: &[u8],
        settings: &Settings,
        out: &mut Out,
    ) -> Result<()> {
        let common = Common {
            commit_time: self.commit_time(event),
            xid: event.xid,
            is_snapshot: is_snapshot(event),
            last_commit: self.last.lsn,
            origin_lsn: self.origin_lsn,
        };
        // A row of a snapshot is as of the position that the snapshot has.
        let lsn = if common.is_snapshot { event.commit_lsn } else { event.lsn };
        self.source.write(common, lsn, names, settings, out)
    }

    /// When the event was committed: outside of a transaction when the one before was, as Debezium has it. Without one before it
    /// is now, and 1970 where no clock is looked at.
    #[inline]
    fn commit_time(&self, event: &Event) -> i64 {
        match self.last.commit_time {
            _ if event.xid != 0 => event.commit_time,
            0 if self.now == 0 => -EPOCH,
            0 => self.now,
            before => before,
        }
    }

    /// When a message of an event is made, in microseconds since 2000.
    #[inline]
    fn made_at(&self, event: &Event, settings: &Settings) -> i64 {
        match settings.processed {
            Processed::Clock => self.now,
            Processed::Commit => self.commit_time(event),
        }
    }
}
