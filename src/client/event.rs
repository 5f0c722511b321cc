//! Events: borrowed from a batch, or owned with a share of it. It must never copy what an event points at.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::batch::Held;
use super::error::ErrorCode;
use super::kind::EventKind;
use super::row::Row;
use super::snapshot::{SnapshotEvent, SnapshotStep};
use crate::batch::{EventView, ReconnectNumbers, Relation, SnapshotMark, TimelineNumbers, flags};
use crate::lsn::Lsn;
use crate::position::Position;

/// One event: a change, or what frames changes. It keeps its batch in memory as long as it lives.
#[derive(Clone)]
pub struct Event {
    held: Arc<Held>,
    at: usize,
}

/// An event borrowed from its [`Batch`](crate::Batch) or [`Event`]. What its methods give lives as long as that.
#[derive(Clone, Copy)]
pub struct EventRef<'a>(EventView<'a>);

/// What `pg_logical_emit_message()` wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// The prefix, which tells whose message it is.
    pub prefix: &'a [u8],
    /// The content.
    pub content: &'a [u8],
    /// Whether it belongs to the transaction around it. Else it stands alone.
    pub is_transactional: bool,
}

/// Where the changes that follow were made first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin<'a> {
    /// The replication origin's name.
    pub name: Cow<'a, str>,
    /// The commit's position there.
    pub lsn: Lsn,
}

/// A type that is not built in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CustomType<'a> {
    /// The type's OID, as columns have it.
    pub oid: u32,
    /// The schema's name.
    pub namespace: Cow<'a, str>,
    /// The type's name.
    pub name: Cow<'a, str>,
}

/// What a `Reconnected` tells: how the connection was lost, and where the stream goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnected<'a> {
    /// Why the connection was lost, in one sentence.
    pub message: Cow<'a, str>,
    /// Why, as a class.
    pub code: ErrorCode,
    /// How many attempts the new connection took.
    pub attempts: u32,
    /// The end of what was received over the lost connection.
    pub lost_lsn: Lsn,
    /// The timeline of the server that was lost, and that of the present one; 0 where it is not known.
    pub timelines: (u32, u32),
    /// Where the present server's history left that of the lost one, if something that was delivered is lost on it.
    pub switchpoint: Option<Lsn>,
}

/// What a `Timeline` tells: what follows it begins at the event's [`lsn`](Event::lsn), where the segment of the switchpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimelineSwitch<'a> {
    /// The timeline that ended.
    pub before: u32,
    /// The one that follows.
    pub timeline: u32,
    /// Where the first ended.
    pub switchpoint: Lsn,
    /// The history file of the one that follows.
    pub history: &'a [u8],
}

/// The same questions for both kinds of events; the owned one asks the borrowed one.
macro_rules! questions {
    ($life:lifetime $this:ident; $($(#[$doc:meta])* $name:ident -> $answer:ty $body:block)*) => {
        impl<$life> EventRef<$life> {
            $($(#[$doc])* #[inline] pub fn $name($this) -> $answer $body)*
        }

        impl Event {
            $($(#[$doc])* #[inline] pub fn $name<$life>(&$life self) -> $answer { self.as_ref().$name() })*
        }
    };
}

questions! { 'a self;
    /// What the event is.
    kind -> EventKind { EventKind::of(self.0.plain().kind) }

    /// The table of a change.
    relation -> Option<&'a Relation> { self.0.relation() }

    /// The new row of an insert or update.
    new_row -> Option<Row<'a>> { Some(Row::new(self.0.relation()?, self.0.new_row()?)) }

    /// The old row, or its key, of an update or delete, where the server sent it. See
    /// [`old_is_key`](Self::old_is_key).
    old_row -> Option<Row<'a>> { Some(Row::new(self.0.relation()?, self.0.old_row()?)) }

    /// Whether the old row holds the columns of the replica identity only: the others are
    /// [`Absent`](crate::ValueKind::Absent).
    old_is_key -> bool { self.has(flags::OLD_KEY) }

    /// Position of the event's own WAL record. Neither unique nor ordered across transactions: never recognise an event by
    /// it.
    lsn -> Lsn { Lsn(self.0.plain().lsn) }

    /// Position of the transaction's commit record. With the timeline and [`sequence`](Self::sequence) it identifies a
    /// change for ever. For a prepared transaction, that of its PREPARE TRANSACTION; `None` where the commit has not come
    /// yet.
    commit_lsn -> Option<Lsn> { some_lsn(self.0.plain().commit_lsn) }

    /// Counts the changes of a transaction from 0. In streamed blocks it is 0: what number a change has there is known at
    /// the commit.
    sequence -> u64 { self.0.plain().sequence }

    /// What to acknowledge once this event and all before it are safe, if it ends something: give it to
    /// [`Stream::ack`](crate::Stream::ack).
    ack_lsn -> Option<Lsn> { some_lsn(self.0.plain().ack_lsn) }

    /// The timeline of the server that sent it: with [`commit_lsn`](Self::commit_lsn) and [`sequence`](Self::sequence) it
    /// identifies a change for ever. `None` for a decoder without a connection.
    timeline -> Option<u32> { Some(self.0.plain().timeline()).filter(|timeline| *timeline != 0) }

    /// How far a program has come that has this event and all before it. A change that has a number has a position, and what
    /// has an [`ack_lsn`](Self::ack_lsn). Of the others the position of the event before holds.
    position -> Option<Position> { self.0.plain().position() }

    /// When the transaction committed, was prepared or rolled back, by the server's clock.
    commit_time -> Option<SystemTime> { system_time(self.0.plain().commit_time) }

    /// The transaction's id.
    xid -> Option<u32> { Some(self.0.plain().xid).filter(|xid| *xid != 0) }

    /// The subtransaction's id, inside a streamed block and for an abort: that of the transaction outside savepoints.
    subxid -> Option<u32> { Some(self.0.plain().subxid).filter(|xid| *xid != 0) }

    /// Whether it is part of a streamed block: **not committed**, and it may never be.
    is_streamed -> bool { self.has(flags::STREAMED) }

    /// Whether a `StreamStart` is the first of its transaction, which drops what came of that before.
    is_first_segment -> bool { self.has(flags::FIRST_SEGMENT) }

    /// Whether a `StreamAbort` says only that the stream ends here, at `stop_lsn`, before anybody knows what becomes of
    /// the transaction.
    is_discarded -> bool { self.has(flags::DISCARDED) }
    /// RECONNECTED: what came with an acknowledged position beyond this event's own is lost on the promoted server.
    is_rewound -> bool { self.has(flags::REWOUND) }

    /// Whether a `CommitPrepared` or `RollbackPrepared` comes without its PREPARE, which this stream did not give: it was
    /// acknowledged in an earlier life of the program, lies before the slot, or changed nothing.
    is_unknown_prepare -> bool { self.has(flags::UNKNOWN_PREPARE) }

    /// Whether a message of the transaction may have been rolled back with a savepoint: of its `Begin` and `Commit`, or
    /// `BeginPrepare` and `Prepare`, and of each `Message` that may be it. With
    /// [`OnAmbiguous::Flag`](crate::OnAmbiguous::Flag) only.
    is_ambiguous -> bool { self.has(flags::AMBIGUOUS) }

    /// Whether a `Truncate` was with CASCADE.
    is_cascade -> bool { self.has(flags::CASCADE) }

    /// Whether a `Truncate` was with RESTART IDENTITY.
    restarts_identity -> bool { self.has(flags::RESTART_IDENTITY) }

    /// The tables of a `Truncate`.
    truncated -> impl Iterator<Item = &'a Relation> + use<'a> {
        self.of(&[EventKind::Truncate]).into_iter().flat_map(EventView::extra_relations)
    }

    /// What a `Reconnected` tells.
    reconnected -> Option<Reconnected<'a>> {
        let view = self.of(&[EventKind::Reconnected])?;
        let numbers = ReconnectNumbers::from_bytes(view.extra(ReconnectNumbers::AT)?)?;
        Some(Reconnected {
            message: text(view, ReconnectNumbers::MESSAGE_AT)?,
            code: ErrorCode::of_number(numbers.status),
            attempts: numbers.attempts,
            lost_lsn: Lsn(view.plain().number),
            timelines: (numbers.lost_timeline, numbers.timeline),
            switchpoint: some_lsn(numbers.switchpoint),
        })
    }

    /// Whether an `Insert` is a row that was there before the changes begin, with
    /// [`Options::snapshot`](crate::Options::snapshot). It belongs to no transaction: its table,
    /// [`snapshot_item`](Self::snapshot_item) and [`sequence`](Self::sequence) identify it.
    is_snapshot -> bool { self.has(flags::SNAPSHOT) }

    /// Which item of its table a row of a snapshot is of.
    snapshot_item -> Option<u32> { SnapshotMark::of(self.0.plain()).map(|mark| mark.item) }

    /// What a `Snapshot` tells.
    snapshot -> Option<SnapshotEvent<'a>> {
        let view = self.of(&[EventKind::Snapshot])?;
        let mark = SnapshotMark::of(view.plain())?;
        Some(SnapshotEvent {
            step: SnapshotStep::of(mark.step)?,
            item: mark.item,
            rows: view.plain().sequence,
            state: view.extra(SnapshotMark::STATE_AT)?,
        })
    }

    /// What a `Message` holds.
    message -> Option<Message<'a>> {
        let view = self.of(&[EventKind::Message])?;
        let is_transactional = self.has(flags::TRANSACTIONAL);
        Some(Message { prefix: view.extra(0)?, content: view.extra(1)?, is_transactional })
    }

    /// What an `Origin` says.
    origin -> Option<Origin<'a>> {
        let view = self.of(&[EventKind::Origin])?;
        Some(Origin { name: text(view, 0)?, lsn: Lsn(view.plain().number) })
    }

    /// What a `Type` describes.
    custom_type -> Option<CustomType<'a>> {
        let view = self.of(&[EventKind::Type])?;
        Some(CustomType { oid: view.plain().number as u32, namespace: text(view, 0)?, name: text(view, 1)? })
    }

    /// The global identifier of a prepared transaction, of the events that tell of one.
    gid -> Option<Cow<'a, str>> {
        use EventKind::{BeginPrepare, CommitPrepared, Prepare, RollbackPrepared, StreamPrepare};
        text(self.of(&[BeginPrepare, Prepare, StreamPrepare, RollbackPrepared, CommitPrepared])?, 0)
    }

    /// The position of the PREPARE TRANSACTION of a transaction that was prepared, of its `Begin` and `Commit`, with
    /// [`TwoPhase::Join`](crate::TwoPhase::Join): their `commit_lsn` is that of COMMIT PREPARED.
    prepare_lsn -> Option<Lsn> {
        use EventKind::{Begin, BeginPrepare, Commit, Prepare, StreamPrepare};
        match self.of(&[BeginPrepare, Prepare, StreamPrepare]) {
            Some(view) => some_lsn(view.plain().commit_lsn),
            None => some_lsn(self.of(&[Begin, Commit])?.plain().number),
        }
    }

    /// The end of a transaction's PREPARE TRANSACTION: with the [`gid`](Self::gid) it tells one prepared transaction from
    /// another.
    prepare_end_lsn -> Option<Lsn> {
        use EventKind::{BeginPrepare, Prepare, RollbackPrepared, StreamPrepare};
        let view = self.of(&[BeginPrepare, Prepare, StreamPrepare, RollbackPrepared])?;
        some_lsn(view.plain().number)
    }

    /// Where a `StreamAbort` was rolled back, with [`Streaming::Parallel`](crate::Streaming::Parallel).
    abort_lsn -> Option<Lsn> { some_lsn(self.of(&[EventKind::StreamAbort])?.plain().number) }

    /// The payload of a `Raw` event, as the output plugin made it, or the bytes of a `Wal` event.
    raw -> Option<&'a [u8]> { self.of(&[EventKind::Wal, EventKind::Raw])?.extra(0) }

    /// What a `Timeline` tells.
    timeline_switch -> Option<TimelineSwitch<'a>> {
        let view = self.of(&[EventKind::Timeline])?;
        let numbers = TimelineNumbers::from_bytes(view.extra(TimelineNumbers::AT)?)?;
        Some(TimelineSwitch {
            before: numbers.before,
            timeline: numbers.timeline,
            switchpoint: Lsn(numbers.switchpoint),
            history: view.extra(TimelineNumbers::HISTORY_AT)?,
        })
    }
}

impl Event {
    /// The event at a place of a batch.
    #[inline]
    pub(super) fn new(held: &Arc<Held>, at: usize) -> Option<Self> {
        (at < held.len()).then(|| Self { held: Arc::clone(held), at })
    }

    /// The same event, borrowed.
    #[allow(clippy::should_implement_trait, reason = "what it gives is no reference")]
    #[inline]
    pub fn as_ref(&self) -> EventRef<'_> {
        match self.held.view(self.at) {
            Some(view) => EventRef(view),
            None => unreachable!("an event is made only where there is one"),
        }
    }
}

impl<'a> EventRef<'a> {
    #[inline]
    pub(super) fn new(view: EventView<'a>) -> Self {
        Self(view)
    }

    /// Its plain numbers.
    #[inline]
    pub(super) fn plain(self) -> &'a crate::batch::Event {
        self.0.plain()
    }

    /// What the layers below know it as.
    #[inline]
    pub(super) fn view(self) -> EventView<'a> {
        self.0
    }

    #[inline]
    fn has(self, flag: u32) -> bool {
        self.0.plain().flags & flag != 0
    }

    /// The view, for events of these kinds only: what else an event has depends on its kind.
    fn of(self, kinds: &[EventKind]) -> Option<EventView<'a>> {
        kinds.contains(&self.kind()).then_some(self.0)
    }
}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the values, which are the user's data.
        let table = self.relation().map(|relation| format!("{}.{}", relation.namespace(), relation.name()));
        f.debug_struct("Event")
            .field("kind", &self.kind())
            .field("lsn", &self.lsn())
            .field("table", &table)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

#[inline]
fn some_lsn(lsn: u64) -> Option<Lsn> {
    Some(Lsn(lsn)).filter(|lsn| lsn.0 != 0)
}

fn text(view: EventView<'_>, at: usize) -> Option<Cow<'_, str>> {
    view.extra(at).map(String::from_utf8_lossy)
}

/// Seconds from 1970 to PostgreSQL's epoch.
const EPOCH: u64 = 946_684_800;

pub(super) fn system_time(micros: i64) -> Option<SystemTime> {
    let epoch = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(EPOCH))?;
    let distance = Duration::from_micros(micros.unsigned_abs());
    match micros {
        0 => None,
        1.. => epoch.checked_add(distance),
        _ => epoch.checked_sub(distance),
    }
}
