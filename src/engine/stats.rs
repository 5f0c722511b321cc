//! What a stream counts. Written by the engine and by readers of batches, read by anyone at any time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::shared::Shared;
use crate::stream::Outstanding;
use crate::sys::pg_micros;
use crate::transaction::AssembleCounters;

use crate::stream::Receiver;

macro_rules! stats {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// The live counters.
        #[derive(Debug, Default)]
        pub struct Counts {
            $($(#[doc = $doc])* pub $name: AtomicU64,)*
            /// The server's clock in the last message, microseconds since 2000-01-01 UTC.
            pub last_message_time: AtomicI64,
            /// When the oldest prepared transaction that is held was prepared, likewise; 0 without one.
            pub prepared_since: AtomicI64,
        }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[doc = $doc])* pub $name: u64,)*
            /// The server's clock in the last message, microseconds since 2000-01-01 UTC.
            pub last_message_time: i64,
            /// The stream's number in this process, from 1.
            pub stream_id: u64,
            /// The highest position that the program was given and may acknowledge.
            pub delivered_lsn: u64,
            /// The acknowledged position.
            pub acked_lsn: u64,
            /// Memory of the batches that wait for the program, in bytes.
            pub queue_bytes: u64,
            /// From what is safe, acknowledged or reported as such, to the server's position in its last message.
            pub lag_bytes: u64,
            /// How long ago the oldest committed of what is received and not acknowledged; 0 if all is.
            pub lag_microseconds: u64,
            /// How long ago the oldest of the prepared transactions that are held was prepared; 0 without one.
            pub prepared_microseconds: u64,
        }

        impl Counts {
            fn snapshot(&self) -> Snapshot {
                Snapshot {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                    last_message_time: self.last_message_time.load(Ordering::Relaxed),
                    ..Snapshot::default()
                }
            }
        }
    };
}

stats! {
    /// Events made ready for the program.
    events,
    /// Batches made ready for the program.
    batches,
    /// Transactions received that have at least one event.
    transactions,
    /// Transactions without a change, which are not delivered.
    empty_transactions,
    /// Bytes received while streaming.
    bytes_received,
    /// Reads from the connection that gave data.
    reads,
    /// Times the engine woke for this stream.
    wakeups,
    /// Status updates sent.
    status_updates,
    /// Keepalives received.
    keepalives,
    /// Stream Aborts of transactions that were never announced.
    ignored_aborts,
    /// Messages of an unknown kind that were passed over.
    unknown_frames,
    /// Notices and warnings from the server.
    notices,
    /// Notices that changes were skipped.
    gaps,
    /// The end of what was received.
    received_lsn,
    /// The flush position last reported to the server.
    reported_lsn,
    /// The server's position in its last message.
    server_wal_end,
    /// The server's version, as in server_version_num.
    server_version,
    /// The walsender's process id.
    backend_pid,
    /// Batches in the program's hands.
    batches_live,
    /// Memory of the batches in the program's hands, in bytes.
    live_bytes,
    /// Connections that were lost and made again.
    reconnects,
    /// Events that came again after a reconnect and were left out.
    repeated_events,
    /// The timeline of the server.
    timeline,
    /// What the walsender may decode in, in kB.
    server_work_mem_kb,
    /// The slot's confirmed position: where it stood when the connection was made, or what was reported since.
    confirmed_lsn,
    /// Starts before the slot's position, which began there instead.
    late_starts,
    /// Streamed transactions that have not ended, or are being delivered (streaming=assembled).
    kept_transactions,
    /// Memory that these take.
    kept_bytes,
    /// How much of these is on disk.
    spilled_bytes,
    /// Streamed transactions that ended and were delivered whole.
    assembled_transactions,
    /// Streamed transactions of which something went to disk.
    spilled_transactions,
    /// Subtransactions of streamed transactions that were rolled back and cut out.
    rolled_back_parts,
    /// What of streamed transactions was received and thrown away since it was rolled back, in bytes.
    rolled_back_bytes,
    /// Prepared transactions that are held until their fate is known (two_phase=join).
    prepared_transactions,
}

impl Counts {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets a counter.
    pub fn set(counter: &AtomicU64, n: u64) {
        counter.store(n, Ordering::Relaxed);
    }

    /// Shows what a receiver counted.
    fn publish(&self, receiver: &Receiver) {
        let from = &receiver.counters;
        for (counter, value) in [
            (&self.transactions, from.transactions),
            (&self.empty_transactions, from.empty_transactions),
            (&self.keepalives, from.keepalives),
            (&self.ignored_aborts, from.ignored_aborts),
            (&self.unknown_frames, from.unknown_frames),
            (&self.notices, from.notices),
            (&self.gaps, from.gaps),
            (&self.repeated_events, from.repeated),
            (&self.server_wal_end, from.server_wal_end),
            (&self.received_lsn, receiver.positions.end_of_received()),
        ] {
            Self::set(counter, value);
        }
        if let Some(kept) = receiver.assembling() {
            self.publish_kept(&kept);
        }
        self.last_message_time.store(from.last_message_time, Ordering::Relaxed);
    }
}

impl Counts {
    /// Shows what is kept of transactions that run.
    fn publish_kept(&self, kept: &AssembleCounters) {
        for (counter, value) in [
            (&self.kept_transactions, kept.open),
            (&self.kept_bytes, kept.memory),
            (&self.spilled_bytes, kept.disk),
            (&self.assembled_transactions, kept.assembled),
            (&self.spilled_transactions, kept.spilled),
            (&self.rolled_back_parts, kept.truncated),
            (&self.rolled_back_bytes, kept.rolled_back_bytes),
            (&self.prepared_transactions, kept.prepared),
        ] {
            Self::set(counter, value);
        }
        self.prepared_since.store(kept.prepared_since, Ordering::Relaxed);
    }
}

/// What is outstanding, for both sides.
#[derive(Debug, Default)]
pub struct Owed(Mutex<Outstanding>);

impl Owed {
    /// Takes over what came in a turn of reading, while everything up to `acked` is acknowledged.
    pub fn append(&self, newer: &mut Outstanding, acked: u64) {
        let mut all = self.lock();
        all.append(newer);
        all.settle(acked);
    }

    /// What came beyond `branch` is not owed any more, but that position is.
    pub fn rewind(&self, branch: u64) {
        self.lock().rewind(branch);
    }

    fn oldest(&self, acked: u64) -> Option<i64> {
        let mut all = self.lock();
        all.settle(acked);
        all.oldest()
    }

    fn lock(&self) -> MutexGuard<'_, Outstanding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Shows what a receiver counted, and what it is owed for.
    pub fn publish(&self, receiver: &mut Receiver) {
        self.owed.append(&mut receiver.outstanding, self.acks.acked());
        self.counts.publish(receiver);
    }

    /// The counters as they are now; each is right, together they may straddle an update.
    pub fn snapshot(&self) -> Snapshot {
        let mut at = self.counts.snapshot();
        at.stream_id = self.id;
        at.delivered_lsn = self.acks.delivered();
        at.acked_lsn = self.acks.acked();
        at.queue_bytes = self.queue_weight() as u64;
        // What is reported lies beyond what is acknowledged while nothing is outstanding; before the first report the slot
        // holds back what it did when it was found.
        let safe = at.acked_lsn.max(at.reported_lsn).max(at.confirmed_lsn);
        at.lag_bytes = at.server_wal_end.saturating_sub(safe);
        let since = self.owed.oldest(at.acked_lsn);
        let age = |time| pg_micros().saturating_sub(time).max(0).cast_unsigned();
        at.lag_microseconds = since.map_or(0, age);
        let prepared = self.counts.prepared_since.load(Ordering::Relaxed);
        at.prepared_microseconds = if at.prepared_transactions > 0 { age(prepared) } else { 0 };
        at
    }
}
