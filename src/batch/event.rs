//! One event: a change, or what frames changes. Plain memory with a frozen layout; it must never own anything.

use std::ffi::CStr;

use super::{Provenance, Relation, Telling, Value, flags};
use crate::lsn::Lsn;
use crate::position::Position;

/// What an event is. New kinds may come: skip what you do not know.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum EventKind {
    /// A transaction begins. Sent only before its first change: transactions without one are not reported.
    WAL_EVENT_BEGIN = 1,
    /// The transaction is complete. `ack_lsn` is the position to acknowledge once it is safe.
    WAL_EVENT_COMMIT = 2,
    /// The changes that follow were first made on another node: `wal_event_origin_name`, `wal_event_origin_lsn`.
    WAL_EVENT_ORIGIN = 3,
    /// A relation is described for the first time, or anew because its definition changed.
    WAL_EVENT_RELATION = 4,
    /// A type that is not built in: `wal_event_type_oid`, `wal_event_type_namespace`, `wal_event_type_name`.
    WAL_EVENT_TYPE = 5,
    /// A row was inserted: `new_values`.
    WAL_EVENT_INSERT = 6,
    /// A row was updated: `new_values`, and `old_values` where the server sent them.
    WAL_EVENT_UPDATE = 7,
    /// A row was deleted: `old_values`.
    WAL_EVENT_DELETE = 8,
    /// Tables were truncated: `wal_event_truncate_relation`.
    WAL_EVENT_TRUNCATE = 9,
    /// `pg_logical_emit_message`: `wal_event_message_prefix`, `wal_event_message_content`.
    WAL_EVENT_MESSAGE = 10,
    /// A block of a transaction that is still running begins: what follows up to STREAM_STOP belongs to it, is NOT
    /// COMMITTED and may still be rolled back. `xid` is the transaction's; FIRST_SEGMENT is set in its first block.
    WAL_EVENT_STREAM_START = 11,
    /// The block ends. Other transactions, and blocks of others, may come before its next one.
    WAL_EVENT_STREAM_STOP = 12,
    /// The streamed transaction `xid` committed: what is left of its blocks is valid now, at `commit_lsn`, and its
    /// changes are numbered from 0 in their order. `ack_lsn` is the position to acknowledge once it is safe.
    WAL_EVENT_STREAM_COMMIT = 13,
    /// What was streamed of `subxid` in the transaction `xid` never happened, nor did what came in that transaction
    /// after its first event with this `subxid`; where both are the same, all of the transaction.
    /// `wal_event_abort_lsn`. One of a subtransaction that has no event changes nothing.
    WAL_EVENT_STREAM_ABORT = 14,
    /// A transaction begins that ends with PREPARE: `wal_event_gid`. Sent even if it has no change.
    WAL_EVENT_BEGIN_PREPARE = 15,
    /// The transaction is prepared (PREPARE TRANSACTION): complete, to be made to last, and NOT COMMITTED before
    /// COMMIT_PREPARED with the same `wal_event_gid`. May come again after a restart: the same gid and
    /// `wal_event_prepare_end_lsn` are the same transaction. `ack_lsn` is set.
    WAL_EVENT_PREPARE = 16,
    /// A prepared transaction committed: `wal_event_gid`. It comes alone where the PREPARE was acknowledged
    /// before, and where the transaction changed nothing: with UNKNOWN_PREPARE.
    /// `ack_lsn` is set.
    WAL_EVENT_COMMIT_PREPARED = 17,
    /// A prepared transaction was rolled back: `wal_event_gid`, `wal_event_prepare_end_lsn`. `ack_lsn` is set. With
    /// UNKNOWN_PREPARE where it comes alone.
    WAL_EVENT_ROLLBACK_PREPARED = 18,
    /// The streamed transaction `xid` is prepared: as PREPARE, for what is left of its blocks.
    WAL_EVENT_STREAM_PREPARE = 19,
    /// A payload of an output plugin, with option decode off: `wal_event_raw`. `lsn` is the position that the plugin
    /// gave it, or 0; `ack_lsn` acknowledges it and all before it.
    WAL_EVENT_RAW = 20,
    /// A piece of the WAL, with option mode "physical": `wal_event_raw` has its bytes, from `lsn` to before `ack_lsn`. Each piece
    /// follows the one before, but behind TIMELINE. Any position in it may be acknowledged. `wal_event_timeline` says whose it is. Since
    /// 0.2.0.
    WAL_EVENT_WAL = 32,
    /// The timeline ended at `wal_event_switchpoint`, and what follows is of the next: from `lsn` on, where the segment of the
    /// switchpoint begins. `wal_event_timeline_before`, `wal_event_timeline`; `wal_event_raw` has the new timeline's history file.
    /// Since 0.2.0.
    WAL_EVENT_TIMELINE = 33,
    /// Nothing is outstanding and the slot moved on to `ack_lsn`, which is already reported. At most one per
    /// status interval, never inside a transaction or a block, and never at or below where the stream began. With option
    /// progress "acknowledged" the slot moves only once the program acknowledges it; then it also comes at once where the
    /// server asks for a reply, as one does that stops.
    WAL_EVENT_PROGRESS = 64,
    /// The connection was lost and made again: what stands before came over the old one, what follows over the new.
    /// `lsn` is where the server begins again; `wal_event_reconnect_lost_lsn`, `_attempts`, `_status`, `_message`. With
    /// REWOUND, what came beyond `wal_event_reconnect_switchpoint` is lost, and `ack_lsn` is set.
    WAL_EVENT_RECONNECTED = 65,
    /// The server waits until everything up to `ack_lsn` is safe, as one does that stops: make it safe now, and acknowledge. Only
    /// with option mode "physical". No more than what came before it is asked for. Since 0.2.0.
    WAL_EVENT_FLUSH_WANTED = 68,
    /// Where a snapshot stands, with option snapshot "initial": `wal_event_snapshot_step`, `_item`, `_state`, and `relation`
    /// where it is about one table. `sequence` is a number of rows. Rows come between these events, as INSERT with SNAPSHOT.
    /// The last one, WAL_SNAPSHOT_END, has an `ack_lsn`: before it is acknowledged the slot does not move. Since 0.2.0.
    WAL_EVENT_SNAPSHOT = 66,
}

macro_rules! kinds {
    ($($kind:ident: $name:literal,)*) => {
        #[cfg(test)]
        const KINDS: &[EventKind] = &[$(EventKind::$kind),*];

        impl EventKind {
            /// The kind of a number, where it is one.
            pub const fn of(number: u32) -> Option<Self> {
                $(if number == Self::$kind as u32 { return Some(Self::$kind); })*
                None
            }

            /// Its name, as logs show it. A kind without one does not compile.
            pub const fn name(self) -> &'static CStr {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    WAL_EVENT_BEGIN: c"BEGIN",
    WAL_EVENT_COMMIT: c"COMMIT",
    WAL_EVENT_ORIGIN: c"ORIGIN",
    WAL_EVENT_RELATION: c"RELATION",
    WAL_EVENT_TYPE: c"TYPE",
    WAL_EVENT_INSERT: c"INSERT",
    WAL_EVENT_UPDATE: c"UPDATE",
    WAL_EVENT_DELETE: c"DELETE",
    WAL_EVENT_TRUNCATE: c"TRUNCATE",
    WAL_EVENT_MESSAGE: c"MESSAGE",
    WAL_EVENT_STREAM_START: c"STREAM_START",
    WAL_EVENT_STREAM_STOP: c"STREAM_STOP",
    WAL_EVENT_STREAM_COMMIT: c"STREAM_COMMIT",
    WAL_EVENT_STREAM_ABORT: c"STREAM_ABORT",
    WAL_EVENT_BEGIN_PREPARE: c"BEGIN_PREPARE",
    WAL_EVENT_PREPARE: c"PREPARE",
    WAL_EVENT_COMMIT_PREPARED: c"COMMIT_PREPARED",
    WAL_EVENT_ROLLBACK_PREPARED: c"ROLLBACK_PREPARED",
    WAL_EVENT_STREAM_PREPARE: c"STREAM_PREPARE",
    WAL_EVENT_RAW: c"RAW",
    WAL_EVENT_WAL: c"WAL",
    WAL_EVENT_TIMELINE: c"TIMELINE",
    WAL_EVENT_PROGRESS: c"PROGRESS",
    WAL_EVENT_RECONNECTED: c"RECONNECTED",
    WAL_EVENT_FLUSH_WANTED: c"FLUSH_WANTED",
    WAL_EVENT_SNAPSHOT: c"SNAPSHOT",
}

/// One event. 128 bytes; the layout is part of the ABI.
///
/// Every pointer leads into the event's batch, or to a relation that the batch keeps alive. Exception: after
/// wal_decoder_decode values lie in the caller's messages. A copy of the struct is as good as the original, as long as the
/// batch lives.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// A `wal_event_kind`.
    pub kind: u32,
    /// `WAL_EVENT_FLAG_…` bits.
    pub flags: u32,
    /// Position of this event's own WAL record, or 0 where the server gives none: RELATION, TYPE, and the BEGIN before
    /// an ORIGIN. Not unique and not ordered across transactions: never use it to recognise an event. For WAL and TIMELINE,
    /// where the bytes begin; for RECONNECTED, where the server begins again.
    pub lsn: u64,
    /// Position of the transaction's commit record, known from its first event on: with the timeline and `sequence`
    /// it identifies a change for ever. For a prepared transaction, that of its PREPARE TRANSACTION; for a message
    /// outside any transaction, the message's own position; 0 where the commit has not come yet: inside streamed
    /// blocks and for STREAM_ABORT. COMMIT_PREPARED and ROLLBACK_PREPARED have that of their own record, or 0. With SNAPSHOT
    /// it is the consistent point, which all rows share.
    pub commit_lsn: u64,
    /// The position to acknowledge once this event and all before it are safe; 0 where there is none.
    pub ack_lsn: u64,
    /// When the transaction committed, was prepared or rolled back: microseconds since 2000-01-01 00:00:00 UTC,
    /// PostgreSQL's epoch; behind an ORIGIN, when it did so there. 0 inside streamed blocks and outside transactions.
    pub commit_time: i64,
    /// The transaction's id, 0 outside transactions.
    pub xid: u32,
    /// Inside a streamed block and for STREAM_ABORT, the id of the subtransaction, which is `xid` outside
    /// savepoints; else 0. Messages always bear the transaction's.
    pub subxid: u32,
    /// Counts inserts, updates, deletes, truncates and transactional messages of the transaction from 0. In other
    /// events of a transaction it is the number of the change that comes next. 0 inside streamed blocks and for
    /// STREAM_COMMIT: what number a change has there is known at the commit. With SNAPSHOT the number of the row in
    /// its item, and for SNAPSHOT events the number of rows.
    pub sequence: u64,
    /// The relation of an INSERT, UPDATE or DELETE, what a RELATION event describes, and the table of a SNAPSHOT event that
    /// is about one; else NULL. A TRUNCATE has several: `wal_event_truncate_relation`.
    pub relation: *const Relation,
    /// The new row, in the order of the relation's columns, or NULL.
    pub new_values: *const Value,
    /// The old row or its key, in the order of the relation's columns, or NULL.
    pub old_values: *const Value,
    /// How many values `new_values` leads to.
    pub n_new: u32,
    /// How many values `old_values` leads to.
    pub n_old: u32,
    /// Private: read it through the accessors of the event's kind.
    pub extra: *const Value,
    /// Private.
    pub n_extra: u32,
    /// Kept for later releases; 0.
    pub reserved: u32,
    /// Private: a number of the event's kind.
    pub number: u64,
    /// Private: which server sent it, as wal_event_position() tells. 0 before 0.2.0.
    pub spare: [u64; 2],
}

const _: () = assert!(size_of::<Event>() == 128);

impl Event {
    /// An event of a kind with everything else empty.
    #[inline]
    pub const fn new(kind: EventKind) -> Self {
        Self {
            kind: kind as u32,
            flags: 0,
            lsn: 0,
            commit_lsn: 0,
            ack_lsn: 0,
            commit_time: 0,
            xid: 0,
            subxid: 0,
            sequence: 0,
            relation: std::ptr::null(),
            new_values: std::ptr::null(),
            old_values: std::ptr::null(),
            n_new: 0,
            n_old: 0,
            extra: std::ptr::null(),
            n_extra: 0,
            reserved: 0,
            number: 0,
            spare: [0; 2],
        }
    }

    /// The timeline of the server that sent it; 0 for a decoder without a connection.
    #[inline]
    pub fn timeline(&self) -> u32 {
        Provenance::of(self.spare).timeline
    }

    /// How far a program has come that has this event and all before it. Only a change that has a number has one, and what
    /// has an `ack_lsn`: in the middle of a transaction another event says nothing of the changes. None of them has where the
    /// place could not be found again.
    pub fn position(&self) -> Option<Position> {
        let Provenance { system, timeline, telling } = Provenance::of(self.spare);
        let is_end = self.ack_lsn != 0;
        let is_numbered = self.commit_lsn != 0
            && self.flags & (flags::STREAMED | flags::SNAPSHOT) == 0
            && self.is_counted();
        let numbering = match telling {
            Telling::Each(_) | Telling::Ends if is_end => 0,
            Telling::Each(numbering) if is_numbered => numbering,
            Telling::Each(_) | Telling::Ends | Telling::Nothing => return None,
        };
        Some(Position {
            system_identifier: system,
            timeline,
            commit_lsn: Lsn(self.last_of_what_is_had()),
            sequence: if self.kind == EventKind::WAL_EVENT_SNAPSHOT as u32 { 0 } else { self.sequence },
            end_lsn: Lsn(self.ack_lsn),
            numbering,
        })
    }

    /// The commit record that a program has which has this event: the last that may begin there or before.
    fn last_of_what_is_had(&self) -> u64 {
        match EventKind::of(self.kind) {
            // It may be had beyond the position to acknowledge: all that ends before this number.
            Some(EventKind::WAL_EVENT_PROGRESS) => self.number.saturating_sub(1),
            // The record of a commit may begin at the consistent point: it is not in the snapshot.
            Some(EventKind::WAL_EVENT_SNAPSHOT) => 0,
            // Its own position is the end of its record, where the record of a commit may begin that follows.
            Some(EventKind::WAL_EVENT_MESSAGE) if self.flags & flags::TRANSACTIONAL == 0 => {
                self.commit_lsn.saturating_sub(1)
            }
            _ => self.commit_lsn,
        }
    }

    /// Whether it takes a number in its transaction.
    fn is_counted(&self) -> bool {
        use EventKind::*;
        match EventKind::of(self.kind) {
            Some(WAL_EVENT_INSERT | WAL_EVENT_UPDATE | WAL_EVENT_DELETE | WAL_EVENT_TRUNCATE) => true,
            Some(WAL_EVENT_MESSAGE) => self.flags & flags::TRANSACTIONAL != 0,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{camel, holds};

    /// Their comments name what each language reads of a kind, so that they are written by hand.
    #[test]
    fn cpp_and_go_have_every_kind_with_its_number() {
        let name = |kind: &EventKind| kind.name().to_str().unwrap();
        let cpp = KINDS.iter().map(|kind| format!("= WAL_EVENT_{}", name(kind)));
        holds("bindings/cpp/pgwalstream/status.hpp", cpp);
        let go = KINDS.iter().map(|kind| format!("Kind{} Kind = {}", camel(name(kind)), *kind as u32));
        holds("bindings/go/event.go", go);
    }

    #[test]
    fn only_what_is_numbered_or_ends_something_has_a_position() {
        use EventKind::*;
        let server = Provenance { system: 7, timeline: 3, telling: Telling::Each(0) };
        let event = |kind, commit_lsn, flags, ack_lsn| {
            let spare = server.words();
            let event = Event { commit_lsn, sequence: 5, flags, ack_lsn, spare, ..Event::new(kind) };
            event.position().map(|it| it.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(event(WAL_EVENT_INSERT, 0x10, 0, 0), some("7:3:0/10:5:0/0"));
        assert_eq!(event(WAL_EVENT_MESSAGE, 0x10, flags::TRANSACTIONAL, 0), some("7:3:0/10:5:0/0"));
        assert_eq!(event(WAL_EVENT_COMMIT, 0x10, 0, 0x20), some("7:3:0/10:5:0/20"));
        assert_eq!(event(WAL_EVENT_PROGRESS, 0, 0, 0x20), some("7:3:0/0:5:0/20"));
        for kind in [WAL_EVENT_BEGIN, WAL_EVENT_RELATION, WAL_EVENT_TYPE, WAL_EVENT_ORIGIN] {
            assert_eq!(event(kind, 0x10, 0, 0), None, "it has the number of the change behind it");
        }
        assert_eq!(event(WAL_EVENT_INSERT, 0, flags::STREAMED, 0), None, "nobody knows its number");
        assert_eq!(event(WAL_EVENT_RECONNECTED, 0, 0, 0), None);
        // Rows of a snapshot are no changes of a transaction; the end of it is a place to go on behind.
        assert_eq!(event(WAL_EVENT_INSERT, 0x10, flags::SNAPSHOT, 0), None);
        assert_eq!(event(WAL_EVENT_SNAPSHOT, 0x20, 0, 0), None);
        assert_eq!(event(WAL_EVENT_SNAPSHOT, 0x20, 0, 0x20), some("7:3:0/0:0:0/20"));
    }

    /// A commit record may begin where the record of a message ends: it comes behind the message.
    #[test]
    fn p36_a_message_by_itself_says_nothing_of_the_commit_behind_it() {
        let message = |end, ack_lsn| {
            let event = Event::new(EventKind::WAL_EVENT_MESSAGE);
            Event { lsn: end, commit_lsn: end, ack_lsn, ..event }.position().unwrap()
        };
        let change =
            Event { commit_lsn: 0x20, ..Event::new(EventKind::WAL_EVENT_INSERT) }.position().unwrap();
        // By itself, and while a prepared transaction is kept that began before.
        for message in [message(0x20, 0x20), message(0x20, 0x10), message(0x20, 0x1F)] {
            assert_eq!(message.whole_until(), 0x20, "{message}");
            assert_eq!(message.reach(), Lsn(0x20));
            assert!(message.compare(&change).unwrap().is_lt());
        }
    }

    #[test]
    fn what_could_not_be_found_again_tells_no_position() {
        let event = |telling, ack_lsn| {
            let spare = Provenance { system: 7, timeline: 3, telling }.words();
            let kind = if ack_lsn == 0 { EventKind::WAL_EVENT_INSERT } else { EventKind::WAL_EVENT_COMMIT };
            let event = Event { commit_lsn: 0x10, ack_lsn, spare, ..Event::new(kind) };
            assert_eq!(event.timeline(), 3);
            event.position().map(|it| it.numbering)
        };
        assert_eq!((event(Telling::Each(9), 0), event(Telling::Each(9), 0x20)), (Some(9), Some(0)));
        assert_eq!((event(Telling::Ends, 0), event(Telling::Ends, 0x20)), (None, Some(0)));
        assert_eq!((event(Telling::Nothing, 0), event(Telling::Nothing, 0x20)), (None, None));
    }

    #[test]
    fn a_kind_is_found_by_its_number() {
        for kind in KINDS {
            assert_eq!(EventKind::of(*kind as u32), Some(*kind));
        }
        assert_eq!(EventKind::of(0), None);
    }
}
