//! Where a stream's statistics come from that are not counted on the spot: from the receiver after each turn, and from what
//! is outstanding when somebody asks.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::shared::Shared;
use crate::statistics::{Counters, Counts};
use crate::stream::{Outstanding, Receiver};
use crate::sys::pg_micros;
use crate::transaction::AssembleCounters;

/// Shows what a receiver counted.
fn publish(counts: &Counts, receiver: &Receiver) {
    let from = &receiver.counters;
    for (counter, value) in [
        (&counts.transactions, from.transactions),
        (&counts.empty_transactions, from.empty_transactions),
        (&counts.keepalives, from.keepalives),
        (&counts.ignored_aborts, from.ignored_aborts),
        (&counts.unknown_frames, from.unknown_frames),
        (&counts.notices, from.notices),
        (&counts.gaps, from.gaps),
        (&counts.repeated_events, from.repeated),
        (&counts.server_wal_end, from.server_wal_end),
        (&counts.received_lsn, receiver.positions.end_of_received()),
    ] {
        Counts::set(counter, value);
    }
    if let Some(kept) = receiver.assembling() {
        publish_kept(counts, &kept);
    }
    counts.last_message_time.store(from.last_message_time, Ordering::Relaxed);
}

/// Shows what is kept of transactions that run.
fn publish_kept(counts: &Counts, kept: &AssembleCounters) {
    for (counter, value) in [
        (&counts.kept_transactions, kept.open),
        (&counts.kept_bytes, kept.memory),
        (&counts.spilled_bytes, kept.disk),
        (&counts.assembled_transactions, kept.assembled),
        (&counts.spilled_transactions, kept.spilled),
        (&counts.rolled_back_parts, kept.truncated),
        (&counts.rolled_back_bytes, kept.rolled_back_bytes),
        (&counts.prepared_transactions, kept.prepared),
    ] {
        Counts::set(counter, value);
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
        // Before their number: who sees that there are some sees since when.
        let since = receiver.assembling().map_or(0, |kept| kept.prepared_since);
        self.prepared_since.store(since, Ordering::Release);
        publish(&self.counts, receiver);
    }

    /// The counters as they are now; each is right, together they may straddle an update.
    pub fn counters(&self) -> Counters {
        let mut at = self.counts.now();
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
        let prepared = self.prepared_since.load(Ordering::Acquire);
        let held = at.prepared_transactions > 0 && prepared != 0;
        at.prepared_microseconds = if held { age(prepared) } else { 0 };
        at
    }
}
