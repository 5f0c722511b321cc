//! After a reconnect the server sends again what was not acknowledged. This takes out what was told before.
//!
//! It must never drop anything by the position of a change, nor judge what may still be rolled back (P5): whole
//! transactions are told apart by where they end, and the one that was told in part by the numbers of its changes.

use smallvec::SmallVec;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use crate::batch::{Arrays, Event, EventKind, Mark, flags};
use crate::pgoutput::{OriginTold, Partial};

/// What was told before the connection was lost, and how far the repetition has come.
#[derive(Debug)]
pub(super) struct Replay {
    /// The end of the last thing that was told to its end. Ends come in the order of the WAL, but for a transaction
    /// whose PREPARE is sent late.
    end: u64,
    /// The transaction that was told in part.
    partial: Option<Partial>,
    dedupe: Dedupe,
    at: At,
}

/// What becomes of what was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dedupe {
    /// It is dropped.
    On,
    /// It is told again.
    Off,
}

/// Where the repetition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Between transactions.
    Outside,
    /// In a transaction that was told to its end.
    Told,
    /// In the one that was told in part.
    Partial,
}

/// What a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filtered {
    /// How many events were told before and are dropped.
    pub(super) told: u64,
    /// What comes next.
    pub(super) then: Then,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It may be what came before.
    Again,
    /// It is new: the server sends in one order, and something new came.
    New,
}

/// What an event of the repetition is.
enum Judged {
    /// Told before.
    Told,
    /// To be told, and what follows may still be a repetition.
    Keep(Event),
    /// New, as is all that follows.
    New(Event),
    /// The end of a streamed transaction that was told before: its blocks came again and mean nothing.
    Void(Event),
    /// The transaction that was told in part comes in blocks this time, from its beginning.
    Restarted(Event),
}

impl Replay {
    /// A repetition of what was told up to `end`, and of a part of a transaction.
    pub(super) fn new(end: u64, partial: Option<Partial>, dedupe: Dedupe) -> Self {
        let partial = partial.filter(|_| dedupe == Dedupe::On);
        Self { end, partial, dedupe, at: At::Outside }
    }

    /// The transaction that is told in part and not told to its end since. `now` is what the decoder has begun.
    pub(super) fn partial(&self, now: Option<Partial>) -> Option<Partial> {
        match (self.at, now, self.partial) {
            (At::Told, _, before) | (_, None, before) => before,
            (At::Partial, Some(now), Some(before)) => {
                // Between them the two connections told it.
                let origin = if now.origin == OriginTold::Yes { now.origin } else { before.origin };
                Some(Partial { next: now.next.max(before.next), origin, ..before })
            }
            (_, Some(now), _) => Some(now),
        }
    }

    /// Whether a transaction is told in part and goes on.
    pub(super) fn has_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Whether a transaction that ends there lies behind all that was told.
    pub(super) fn is_behind(&self, final_lsn: u64) -> bool {
        final_lsn >= self.end && self.partial.is_none_or(|partial| final_lsn > partial.final_lsn)
    }

    /// Whether the next change of the transaction that was told in part was not told. `now` is what the decoder has
    /// begun.
    pub(super) fn has_reached(&self, now: Option<Partial>) -> bool {
        let before = self.partial.filter(|_| self.at == At::Partial);
        before.zip(now).is_some_and(|(before, now)| now.next >= before.next)
    }

    /// Takes out of what a message became, behind `mark`, all that was told before.
    pub(super) fn filter(&mut self, mark: &Mark, prepares: &Prepares, out: &mut Arrays) -> Filtered {
        let came: SmallVec<[Event; 4]> = out.events_from(mark).into();
        let mut kept: SmallVec<[Event; 4]> = SmallVec::new();
        let mut filtered = Filtered { told: 0, then: Then::Again };
        for event in came {
            if filtered.then == Then::New {
                kept.push(event);
                continue;
            }
            match self.judge(event, prepares) {
                Judged::Told => filtered.told += 1,
                Judged::Keep(event) => kept.push(event),
                Judged::Void(event) => kept.push(void(event.lsn, event.xid)),
                Judged::Restarted(event) => {
                    kept.extend(self.partial.take().map(|partial| void(event.lsn, partial.xid)));
                    kept.push(event);
                }
                Judged::New(event) => {
                    // What was told in part does not come again: the consumer must not wait for its end.
                    kept.extend(self.partial.take().map(|partial| void(event.lsn, partial.xid)));
                    kept.push(event);
                    filtered.then = Then::New;
                }
            }
        }
        if self.dedupe == Dedupe::Off {
            return Filtered { told: 0, ..filtered };
        }
        if kept.is_empty() {
            out.retract(mark);
        } else {
            out.retract_events(mark);
            // SAFETY: they come from these arrays, where what they point at stays; the new ones point at nothing.
            kept.into_iter().for_each(|event| unsafe { out.push_event(event) });
        }
        filtered
    }

    fn judge(&mut self, event: Event, prepares: &Prepares) -> Judged {
        use EventKind::{
            WAL_EVENT_BEGIN, WAL_EVENT_BEGIN_PREPARE, WAL_EVENT_COMMIT_PREPARED, WAL_EVENT_MESSAGE,
            WAL_EVENT_ROLLBACK_PREPARED, WAL_EVENT_STREAM_ABORT, WAL_EVENT_STREAM_COMMIT,
            WAL_EVENT_STREAM_PREPARE, WAL_EVENT_STREAM_START, WAL_EVENT_STREAM_STOP,
        };
        let is = |kind: EventKind| event.kind == kind as u32;
        if is(WAL_EVENT_BEGIN) {
            // Its record begins before the end of what was told, so it ends there or before.
            return self.begin(event, event.commit_lsn < self.end);
        }
        if is(WAL_EVENT_BEGIN_PREPARE) {
            return self.begin(event, prepares.contain(event.number));
        }
        let told = event.ack_lsn <= self.end || event.commit_lsn != 0 && event.commit_lsn < self.end;
        if is(WAL_EVENT_COMMIT_PREPARED) || is(WAL_EVENT_ROLLBACK_PREPARED) {
            return if told { Judged::Told } else { Judged::New(event) };
        }
        if is(WAL_EVENT_MESSAGE) && event.flags & (flags::TRANSACTIONAL | flags::STREAMED) == 0 {
            return if told { Judged::Told } else { Judged::New(event) };
        }
        if is(WAL_EVENT_STREAM_COMMIT) {
            return if told { Judged::Void(event) } else { Judged::New(event) };
        }
        if is(WAL_EVENT_STREAM_PREPARE) {
            return if prepares.contain(event.number) { Judged::Void(event) } else { Judged::New(event) };
        }
        if is(WAL_EVENT_STREAM_START) && self.partial.is_some_and(|partial| partial.xid == event.xid) {
            // The server streams what is largest, and that depends on what else it is decoding.
            return Judged::Restarted(event);
        }
        if event.flags & flags::STREAMED != 0
            || is(WAL_EVENT_STREAM_START)
            || is(WAL_EVENT_STREAM_STOP)
            || is(WAL_EVENT_STREAM_ABORT)
        {
            return Judged::Keep(event);
        }
        self.inside(event)
    }

    /// A transaction begins.
    fn begin(&mut self, event: Event, told: bool) -> Judged {
        self.at = match self.partial {
            _ if told => At::Told,
            Some(partial) if partial.final_lsn == event.commit_lsn => At::Partial,
            _ => return Judged::New(event),
        };
        Judged::Told
    }

    /// An event between the beginning of a transaction and its end, or the end; or a description outside of any.
    fn inside(&mut self, event: Event) -> Judged {
        let is = |kind: EventKind| event.kind == kind as u32;
        let is_end = is(EventKind::WAL_EVENT_COMMIT) || is(EventKind::WAL_EVENT_PREPARE);
        let is_description = is(EventKind::WAL_EVENT_RELATION);
        match (self.at, self.partial) {
            // The decoder tells only of definitions that were not told before, and this one belongs to nothing now.
            (At::Told, _) if is_description => {
                Judged::Keep(Event { commit_lsn: 0, commit_time: 0, xid: 0, sequence: 0, ..event })
            }
            (At::Told, _) => {
                self.at = if is_end { At::Outside } else { At::Told };
                Judged::Told
            }
            (At::Partial, Some(partial)) => {
                let told = match partial.origin {
                    _ if is_end || is_description => false,
                    OriginTold::NotYet if is(EventKind::WAL_EVENT_ORIGIN) => false,
                    OriginTold::Yes if is(EventKind::WAL_EVENT_ORIGIN) => true,
                    _ => event.sequence < partial.next,
                };
                let goes_on =
                    is_description || is(EventKind::WAL_EVENT_ORIGIN) || is(EventKind::WAL_EVENT_TYPE);
                match (told, goes_on) {
                    (true, _) => Judged::Told,
                    (false, true) => Judged::Keep(event),
                    (false, false) => {
                        self.partial = None;
                        Judged::New(event)
                    }
                }
            }
            (At::Outside | At::Partial, _) => Judged::Keep(event),
        }
    }
}

/// Tells that what came of a transaction means nothing.
pub(super) fn void(lsn: u64, xid: u32) -> Event {
    Event { lsn, xid, subxid: xid, flags: flags::DISCARDED, ..Event::new(EventKind::WAL_EVENT_STREAM_ABORT) }
}

/// The prepared transactions that were told and may come again, also late: at COMMIT PREPARED the server sends one
/// whose PREPARE came before two_phase_at, whatever came since (P27).
#[derive(Debug, Default)]
pub(super) struct Prepares {
    /// By the end of the PREPARE, which identifies each.
    told: HashMap<u64, Prepared>,
    /// The ends of those that are open, by the id.
    open: HashMap<u32, u64>,
    /// Of those whose fate is told, by what acknowledges it, and the end.
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
    /// Notes an event that was told. What is acknowledged up to `settled` does not come again. False: it tells the fate of a
    /// transaction that was never told.
    pub(super) fn note(&mut self, event: &Event, settled: u64) -> bool {
        let is = |kind: EventKind| event.kind == kind as u32;
        if is(EventKind::WAL_EVENT_PREPARE) || is(EventKind::WAL_EVENT_STREAM_PREPARE) {
            while let Some((at, end)) = self.sealed.first().copied().filter(|(at, _)| *at <= settled) {
                self.sealed.remove(&(at, end));
                self.told.remove(&end);
            }
            let (xid, end) = (event.xid, event.number);
            if let Entry::Vacant(place) = self.told.entry(end) {
                place.insert(Prepared { xid, fate: Fate::Open });
                self.open.insert(xid, end);
            }
        } else if is(EventKind::WAL_EVENT_COMMIT_PREPARED) || is(EventKind::WAL_EVENT_ROLLBACK_PREPARED) {
            let Some(end) = self.open.remove(&event.xid) else {
                // It may come again.
                let known = (event.ack_lsn, 0)..=(event.ack_lsn, u64::MAX);
                return self.sealed.range(known).next().is_some();
            };
            if let Some(it) = self.told.get_mut(&end) {
                it.fate = Fate::Sealed(event.ack_lsn);
                self.sealed.insert((event.ack_lsn, end));
            }
        }
        true
    }

    /// Those that were prepared beyond `branch` never were, where the stream goes on; those whose end came beyond it
    /// are still open.
    pub(super) fn rewind(&mut self, branch: u64) {
        self.told.retain(|end, _| *end <= branch);
        self.open.clear();
        self.sealed.clear();
        for (end, it) in &mut self.told {
            match it.fate {
                Fate::Sealed(at) if at <= branch => drop(self.sealed.insert((at, *end))),
                Fate::Sealed(_) | Fate::Open => {
                    it.fate = Fate::Open;
                    self.open.insert(it.xid, *end);
                }
            }
        }
    }

    /// Whether the transaction whose PREPARE ends there was told.
    fn contain(&self, end: u64) -> bool {
        self.told.contains_key(&end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s54_many_prepared_transactions_cost_no_quadratic_time() {
        let event = |kind, xid, number, ack_lsn| Event { xid, number, ack_lsn, ..Event::new(kind) };
        let (mut prepares, begun) = (Prepares::default(), std::time::Instant::now());
        for xid in 1..=40_000_u32 {
            let at = u64::from(xid) * 10;
            prepares.note(&event(EventKind::WAL_EVENT_PREPARE, xid, at, at), 0);
        }
        for xid in 1..=40_000_u32 {
            let at = u64::from(xid) * 10;
            prepares.note(&event(EventKind::WAL_EVENT_COMMIT_PREPARED, xid, 0, 1_000_000 + at), 0);
        }
        prepares.note(&event(EventKind::WAL_EVENT_PREPARE, 1, 9_000_000, 9_000_000), 1_399_990);
        assert!(!prepares.contain(399_990) && prepares.contain(400_000) && prepares.contain(9_000_000));
        assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
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
