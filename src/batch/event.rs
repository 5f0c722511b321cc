//! One event: a change, or what frames changes. Plain memory with a frozen layout; it must never own anything.

use super::{Relation, Value};

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
    /// Nothing is outstanding and the slot moved on to `ack_lsn`, which is already reported. At most one per
    /// status interval.
    WAL_EVENT_PROGRESS = 64,
}

/// The bits of `wal_event.flags`.
pub mod flags {
    /// MESSAGE: it belongs to the transaction around it. Without it the message stands alone.
    pub const TRANSACTIONAL: u32 = 1;
    /// UPDATE, DELETE: `old_values` holds the columns of the replica identity only; the others are ABSENT.
    pub const OLD_KEY: u32 = 1 << 1;
    /// UPDATE, DELETE: `old_values` holds the whole old row (REPLICA IDENTITY FULL).
    pub const OLD_FULL: u32 = 1 << 2;
    /// TRUNCATE: CASCADE was given.
    pub const CASCADE: u32 = 1 << 3;
    /// TRUNCATE: RESTART IDENTITY was given.
    pub const RESTART_IDENTITY: u32 = 1 << 4;
}

/// One event. 128 bytes; the layout is part of the ABI.
///
/// Every pointer leads into the batch that the event came with, or to a relation that the batch keeps alive. A copy
/// of the struct is as good as the original, as long as the batch lives.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// A `wal_event_kind`.
    pub kind: u32,
    /// `WAL_EVENT_FLAG_…` bits.
    pub flags: u32,
    /// Position of this event's own WAL record. Not unique and not ordered across transactions: never use it to
    /// recognise an event.
    pub lsn: u64,
    /// Position of the transaction's commit record, known from its first event on: with the timeline and `sequence`
    /// it identifies a change for ever. For a message outside any transaction, the message's own position.
    pub commit_lsn: u64,
    /// The position to acknowledge once this event and all before it are safe; 0 where there is none.
    pub ack_lsn: u64,
    /// When the transaction committed: microseconds since 2000-01-01 00:00:00 UTC, PostgreSQL's epoch.
    pub commit_time: i64,
    /// The transaction's id, 0 outside transactions.
    pub xid: u32,
    /// The subtransaction's id inside a streamed block, else 0.
    pub subxid: u32,
    /// Counts inserts, updates, deletes, truncates and transactional messages of the transaction from 0. In other
    /// events of a transaction it is the number of the change that comes next.
    pub sequence: u64,
    /// The relation of a change, else NULL.
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
    /// Kept for later releases; 0.
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
}
