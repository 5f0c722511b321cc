//! What an event is, by its Rust name.

use std::fmt;

use crate::batch::EventKind as Number;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:ident,)*) => {
        /// What an event is. New kinds may come: pass over what you do not know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// The kind of a number; an event of a kind without a name here is not made.
            pub(super) fn of(number: u32) -> Self {
                // A kind that this list lacks does not compile.
                match Number::of(number) {
                    $(Some(Number::$number) => Self::$name,)*
                    None => Self::Progress,
                }
            }

            /// The name as logs show it: `"INSERT"`.
            pub fn name(self) -> &'static str {
                let name = match self { $(Self::$name => Number::$number.name(),)* };
                name.to_str().unwrap_or_default()
            }
        }
    };
}

kinds! {
    /// A row was inserted: [`new_row`](crate::Event::new_row).
    Insert = WAL_EVENT_INSERT,
    /// A row was updated: [`new_row`](crate::Event::new_row), and [`old_row`](crate::Event::old_row) where the server
    /// sent it.
    Update = WAL_EVENT_UPDATE,
    /// A row was deleted: [`old_row`](crate::Event::old_row).
    Delete = WAL_EVENT_DELETE,
    /// Tables were truncated: [`truncated`](crate::Event::truncated).
    Truncate = WAL_EVENT_TRUNCATE,
    /// A transaction begins. Sent only before its first change: one without any is not reported.
    Begin = WAL_EVENT_BEGIN,
    /// The transaction is complete.
    Commit = WAL_EVENT_COMMIT,
    /// A table is described for the first time, or anew because its definition changed.
    Relation = WAL_EVENT_RELATION,
    /// A type that is not built in: [`custom_type`](crate::Event::custom_type).
    Type = WAL_EVENT_TYPE,
    /// The changes that follow were first made on another node: [`origin`](crate::Event::origin).
    Origin = WAL_EVENT_ORIGIN,
    /// What `pg_logical_emit_message()` wrote: [`message`](crate::Event::message).
    Message = WAL_EVENT_MESSAGE,
    /// A block of a transaction that is still running begins: what follows up to `StreamStop` is **not committed** and
    /// may still be rolled back. See [`Streaming`](crate::Streaming).
    StreamStart = WAL_EVENT_STREAM_START,
    /// The block ends.
    StreamStop = WAL_EVENT_STREAM_STOP,
    /// The streamed transaction committed: what is left of its blocks is valid now.
    StreamCommit = WAL_EVENT_STREAM_COMMIT,
    /// What was streamed of [`subxid`](crate::Event::subxid) in the transaction [`xid`](crate::Event::xid) never happened,
    /// nor did what came in it after; where both are the same, all of the transaction.
    StreamAbort = WAL_EVENT_STREAM_ABORT,
    /// A transaction begins that ends with `Prepare`: [`gid`](crate::Event::gid).
    BeginPrepare = WAL_EVENT_BEGIN_PREPARE,
    /// The transaction is prepared: to be made to last, and **not committed** before `CommitPrepared` of the same
    /// [`gid`](crate::Event::gid).
    Prepare = WAL_EVENT_PREPARE,
    /// A prepared transaction committed.
    CommitPrepared = WAL_EVENT_COMMIT_PREPARED,
    /// A prepared transaction was rolled back.
    RollbackPrepared = WAL_EVENT_ROLLBACK_PREPARED,
    /// The streamed transaction is prepared: as `Prepare`, for what is left of its blocks.
    StreamPrepare = WAL_EVENT_STREAM_PREPARE,
    /// A payload of an output plugin, with option `decode` off: [`raw`](crate::Event::raw).
    Raw = WAL_EVENT_RAW,
    /// A piece of the WAL, with [`Mode::Physical`](crate::Mode::Physical): [`raw`](crate::Event::raw) has its bytes.
    Wal = WAL_EVENT_WAL,
    /// The timeline ended, and what follows is of the next: [`timeline_switch`](crate::Event::timeline_switch).
    Timeline = WAL_EVENT_TIMELINE,
    /// The server waits until everything up to [`ack_lsn`](crate::Event::ack_lsn) is safe, as one does that stops. With
    /// [`Mode::Physical`](crate::Mode::Physical) only.
    FlushWanted = WAL_EVENT_FLUSH_WANTED,
    /// Nothing is outstanding, and the slot moved on to [`ack_lsn`](crate::Event::ack_lsn), which is already reported.
    Progress = WAL_EVENT_PROGRESS,
    /// The connection was lost and made again: what follows comes over the new one, and nothing comes twice unless option
    /// `dedupe` is off.
    Reconnected = WAL_EVENT_RECONNECTED,
    /// Where a snapshot stands, with [`Options::snapshot`](crate::Options::snapshot): [`snapshot`](crate::Event::snapshot).
    Snapshot = WAL_EVENT_SNAPSHOT,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
