//! The prepared transactions that may come again, whatever came since. It must never forget one that is open.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use crate::batch::{Event, EventKind};

/// The prepared transactions that were delivered and may come again, also late: at COMMIT PREPARED the server sends one
/// whose PREPARE came before two_phase_at, whatever came since (P27).
#[derive(Debug, Default)]
pub(super) struct Prepares {
    /// By the end of the PREPARE, which identifies each.
    delivered: HashMap<u64, Prepared>,
    /// The ends of those that are open, by the id.
    open: HashMap<u32, u64>,
    /// Of those whose fate is delivered, by what acknowledges it, and the end.
    sealed: BTreeSet<(u64, u64)>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Prepared {
    xid: u32,
    fate: Fate,
}

/// What became of a prepared transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is prepared.
    Open,
    /// It was committed or rolled back, which is acknowledged by this position.
    Sealed(u64),
}

impl Prepares {
    /// Notes an event that was delivered. What is acknowledged up to `settled` does not come again. False: it tells the fate
    /// of a transaction that was never delivered.
    pub(super) fn note(&mut self, event: &Event, settled: u64) -> bool {
        use EventKind::*;
        // A kind that is not named here does not compile: a prepared transaction that is forgotten comes twice.
        match EventKind::of(event.kind) {
            Some(WAL_EVENT_PREPARE | WAL_EVENT_STREAM_PREPARE) => self.prepared(event, settled),
            Some(WAL_EVENT_COMMIT_PREPARED | WAL_EVENT_ROLLBACK_PREPARED) => return self.ended(event),
            Some(
                WAL_EVENT_BEGIN
                | WAL_EVENT_COMMIT
                | WAL_EVENT_ORIGIN
                | WAL_EVENT_RELATION
                | WAL_EVENT_TYPE
                | WAL_EVENT_INSERT
                | WAL_EVENT_UPDATE
                | WAL_EVENT_DELETE
                | WAL_EVENT_TRUNCATE
                | WAL_EVENT_MESSAGE
                | WAL_EVENT_STREAM_START
                | WAL_EVENT_STREAM_STOP
                | WAL_EVENT_STREAM_COMMIT
                | WAL_EVENT_STREAM_ABORT
                | WAL_EVENT_BEGIN_PREPARE
                | WAL_EVENT_RAW
                | WAL_EVENT_WAL
                | WAL_EVENT_TIMELINE
                | WAL_EVENT_PROGRESS
                | WAL_EVENT_RECONNECTED
                | WAL_EVENT_SNAPSHOT
                | WAL_EVENT_FLUSH_WANTED,
            )
            | None => {}
        }
        true
    }

    fn prepared(&mut self, event: &Event, settled: u64) {
        while let Some((at, end)) = self.sealed.first().copied().filter(|(at, _)| *at <= settled) {
            self.sealed.remove(&(at, end));
            self.delivered.remove(&end);
        }
        let (xid, end) = (event.xid, event.number);
        if let Entry::Vacant(place) = self.delivered.entry(end) {
            place.insert(Prepared { xid, fate: Fate::Open });
            self.open.insert(xid, end);
        }
    }

    fn ended(&mut self, event: &Event) -> bool {
        let Some(end) = self.open.remove(&event.xid) else {
            // It may come again.
            let known = (event.ack_lsn, 0)..=(event.ack_lsn, u64::MAX);
            return self.sealed.range(known).next().is_some();
        };
        if let Some(it) = self.delivered.get_mut(&end) {
            it.fate = Fate::Sealed(event.ack_lsn);
            self.sealed.insert((event.ack_lsn, end));
        }
        true
    }

    /// Those that were prepared beyond `branch` never were, where the stream goes on; those whose end came beyond it
    /// are still open.
    pub(super) fn rewind(&mut self, branch: u64) {
        self.delivered.retain(|end, _| *end <= branch);
        self.open.clear();
        self.sealed.clear();
        for (end, it) in &mut self.delivered {
            match it.fate {
                Fate::Sealed(at) if at <= branch => drop(self.sealed.insert((at, *end))),
                Fate::Sealed(_) | Fate::Open => {
                    it.fate = Fate::Open;
                    self.open.insert(it.xid, *end);
                }
            }
        }
    }

    /// How much memory they take, about.
    pub(super) fn weight(&self) -> usize {
        self.delivered.len() * size_of::<(u64, Prepared)>()
            + self.open.len() * size_of::<(u32, u64)>()
            + self.sealed.len() * 2 * size_of::<(u64, u64)>()
    }

    /// Whether the transaction whose PREPARE ends there was delivered.
    pub(super) fn contain(&self, end: u64) -> bool {
        self.delivered.contains_key(&end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s54_many_prepared_transactions_cost_no_quadratic_time() {
        let event = |kind, xid, number, ack_lsn| Event { xid, number, ack_lsn, ..Event::new(kind) };
        let (mut prepares, begun) = (Prepares::default(), std::time::Instant::now());
        for xid in 1..=200_000_u32 {
            let at = u64::from(xid) * 10;
            prepares.note(&event(EventKind::WAL_EVENT_PREPARE, xid, at, at), 0);
        }
        for xid in 1..=200_000_u32 {
            let at = u64::from(xid) * 10;
            prepares.note(&event(EventKind::WAL_EVENT_COMMIT_PREPARED, xid, 0, 3_000_000 + at), 0);
        }
        prepares.note(&event(EventKind::WAL_EVENT_PREPARE, 1, 9_900_000, 9_900_000), 4_999_990);
        assert!(!prepares.contain(1_999_990) && prepares.contain(2_000_000) && prepares.contain(9_900_000));
        // Quadratic, it takes minutes.
        assert!(begun.elapsed() < std::time::Duration::from_secs(40), "{:?}", begun.elapsed());
    }

    #[test]
    fn p12_a_prepared_transaction_whose_end_is_lost_is_open_again() {
        let event = |kind, xid, number, ack_lsn| Event { xid, number, ack_lsn, ..Event::new(kind) };
        let mut prepares = Prepares::default();
        prepares.note(&event(EventKind::WAL_EVENT_PREPARE, 7, 80, 80), 0);
        prepares.note(&event(EventKind::WAL_EVENT_COMMIT_PREPARED, 7, 0, 120), 0);
        prepares.note(&event(EventKind::WAL_EVENT_PREPARE, 8, 110, 110), 0);
        prepares.rewind(100);
        assert!(prepares.contain(80) && !prepares.contain(110));
        // What ended it is lost: it may come again until it ends here.
        prepares.note(&event(EventKind::WAL_EVENT_PREPARE, 9, 130, 130), 125);
        assert!(prepares.contain(80));
        prepares.note(&event(EventKind::WAL_EVENT_COMMIT_PREPARED, 7, 0, 140), 125);
        prepares.note(&event(EventKind::WAL_EVENT_PREPARE, 10, 150, 150), 145);
        assert!(!prepares.contain(80) && prepares.contain(130));
    }
}
