//! After a reconnect the server sends again what was not acknowledged. This takes out what was delivered before.
//!
//! It must never drop anything by the position of a change, nor judge what may still be rolled back (P5): whole
//! transactions are told apart by where they end, and the one that was delivered in part by the numbers of its changes.

use smallvec::SmallVec;

use super::prepared::Prepares;
use super::{void, void_of};
use crate::batch::{Arrays, Event, EventKind, Mark, flags};
use crate::pgoutput::{OriginDelivered, Partial};
use crate::position::Position;

/// What was delivered before the connection was lost, and how far the repetition has come.
#[derive(Debug)]
pub(super) struct Repetition {
    /// The end of the last thing that was delivered to its end. Ends come in the order of the WAL, but for a transaction
    /// whose PREPARE is sent late.
    end: u64,
    /// The transaction that was delivered in part.
    partial: Option<Partial>,
    dedupe: Dedupe,
    life: Life,
    at: At,
}

/// What an earlier life of the program has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier {
    /// All transactions whose commit record begins before.
    pub(super) end: u64,
    /// And the one that it has in part.
    pub(super) partial: Option<Partial>,
}

impl Earlier {
    /// As it stored it.
    pub(super) fn of_position(position: &Position) -> Self {
        let next = position.sequence.saturating_add(1);
        // Its BEGIN and its origin came before the change that is had. Its id is not known.
        let partial =
            Partial { final_lsn: position.commit_lsn.0, xid: 0, next, origin: OriginDelivered::Yes };
        Self { end: position.whole_until(), partial: position.is_inside().then_some(partial) }
    }

    /// What lies beyond `branch` never happened, where the stream goes on.
    pub(super) fn rewind(&mut self, branch: u64) {
        self.end = self.end.min(branch);
        self.partial.take_if(|partial| partial.final_lsn >= branch);
    }
}

/// Who was given what comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// This program.
    Same,
    /// One before it, which knew what was described.
    Earlier,
}

/// What becomes of what was delivered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dedupe {
    /// It is dropped.
    On,
    /// It is delivered again.
    Off,
}

/// Where the repetition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Between transactions.
    Outside,
    /// In a transaction that was delivered to its end.
    Delivered,
    /// In the one that was delivered in part.
    Partial,
}

/// What a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filtered {
    /// How many events were delivered before and are dropped.
    pub(super) delivered: u64,
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

/// What stands in a transaction, or is its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Relation,
    Origin,
    Type,
    Change,
    End,
}

/// What an event of the repetition is.
enum Judged {
    /// Delivered before.
    Delivered,
    /// To be delivered, and what follows may still be a repetition.
    Keep(Event),
    /// New, as is all that follows.
    New(Event),
    /// The end of a streamed transaction that was delivered before: its blocks came again and mean nothing.
    Void(Event),
    /// The transaction that was delivered in part comes in blocks this time, from its beginning.
    Restarted(Event),
}

impl Repetition {
    /// A repetition of what was delivered up to `end`, and of a part of a transaction.
    pub(super) fn new(end: u64, partial: Option<Partial>, dedupe: Dedupe) -> Self {
        let partial = partial.filter(|_| dedupe == Dedupe::On);
        Self { end, partial, dedupe, life: Life::Same, at: At::Outside }
    }

    /// What an earlier life of the program has.
    pub(super) fn of_earlier_life(Earlier { end, partial }: Earlier) -> Self {
        Self { end, partial, dedupe: Dedupe::On, life: Life::Earlier, at: At::Outside }
    }

    /// Whether what comes again was given to an earlier life.
    pub(super) fn is_of_earlier_life(&self) -> bool {
        self.life == Life::Earlier
    }

    /// The server has sent all that ends up to `end`. What an earlier life has in part, and did not come, has nothing more that
    /// is published now.
    pub(super) fn passed(&mut self, end: u64) {
        if self.life == Life::Earlier && self.at == At::Outside {
            self.partial.take_if(|partial| partial.final_lsn < end);
        }
    }

    /// What was delivered in part does not come again, or from its beginning: the consumer must not wait for its end.
    fn broken_off(&mut self, lsn: u64) -> Option<Event> {
        void_of(lsn, self.partial.take()?)
    }

    /// The transaction that is delivered in part and not delivered to its end since. `now` is what the decoder has begun.
    pub(super) fn partial(&self, now: Option<Partial>) -> Option<Partial> {
        match (self.at, now, self.partial) {
            (At::Delivered, _, before) | (_, None, before) => before,
            (At::Partial, Some(now), Some(before)) => {
                // Between them the two connections delivered it.
                let origin = if now.origin == OriginDelivered::Yes { now.origin } else { before.origin };
                Some(Partial { next: now.next.max(before.next), origin, ..before })
            }
            (_, Some(now), _) => Some(now),
        }
    }

    /// Whether a transaction is delivered in part and goes on.
    pub(super) fn has_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Whether a transaction that ends there lies behind all that was delivered.
    pub(super) fn is_behind(&self, final_lsn: u64) -> bool {
        final_lsn >= self.end && self.partial.is_none_or(|partial| final_lsn > partial.final_lsn)
    }

    /// Whether the next change of the transaction that was delivered in part was not delivered. `now` is what the decoder has
    /// begun.
    pub(super) fn has_reached(&self, now: Option<Partial>) -> bool {
        let before = self.partial.filter(|_| self.at == At::Partial);
        before.zip(now).is_some_and(|(before, now)| now.next >= before.next)
    }

    /// Takes out of what a message became, behind `mark`, all that was delivered before.
    pub(super) fn filter(&mut self, mark: &Mark, prepares: &Prepares, out: &mut Arrays) -> Filtered {
        let came: SmallVec<[Event; 4]> = out.events_from(mark).into();
        let mut kept: SmallVec<[Event; 4]> = SmallVec::new();
        let mut filtered = Filtered { delivered: 0, then: Then::Again };
        for event in came {
            if filtered.then == Then::New {
                kept.push(event);
                continue;
            }
            match self.judge(event, prepares) {
                Judged::Delivered => filtered.delivered += 1,
                Judged::Keep(event) => kept.push(event),
                Judged::Void(event) => kept.push(void(event.lsn, event.xid)),
                Judged::Restarted(event) => {
                    kept.extend(self.broken_off(event.lsn));
                    kept.push(event);
                }
                Judged::New(event) => {
                    kept.extend(self.broken_off(event.lsn));
                    kept.push(event);
                    filtered.then = Then::New;
                }
            }
        }
        if self.dedupe == Dedupe::Off {
            return Filtered { delivered: 0, ..filtered };
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

    /// A kind that is not named here does not compile: forgotten, it would come twice or never.
    fn judge(&mut self, event: Event, prepares: &Prepares) -> Judged {
        use EventKind::*;
        let delivered = event.ack_lsn <= self.end || event.commit_lsn != 0 && event.commit_lsn < self.end;
        let streamed = event.flags & flags::STREAMED != 0;
        let Some(kind) = EventKind::of(event.kind) else { return Judged::Keep(event) };
        match kind {
            // Its record begins before the end of what was delivered, so it ends there or before.
            WAL_EVENT_BEGIN => self.begin(event, event.commit_lsn < self.end),
            WAL_EVENT_BEGIN_PREPARE => self.begin(event, prepares.contain(event.number)),
            WAL_EVENT_COMMIT_PREPARED | WAL_EVENT_ROLLBACK_PREPARED => whole(event, delivered),
            WAL_EVENT_MESSAGE if event.flags & (flags::TRANSACTIONAL | flags::STREAMED) == 0 => {
                whole(event, delivered)
            }
            WAL_EVENT_STREAM_COMMIT => blocks(event, delivered),
            WAL_EVENT_STREAM_PREPARE => blocks(event, prepares.contain(event.number)),
            // The server streams what is largest, and that depends on what else it is decoding.
            WAL_EVENT_STREAM_START if self.partial.is_some_and(|partial| partial.xid == event.xid) => {
                Judged::Restarted(event)
            }
            WAL_EVENT_STREAM_START | WAL_EVENT_STREAM_STOP | WAL_EVENT_STREAM_ABORT => Judged::Keep(event),
            WAL_EVENT_RELATION | WAL_EVENT_ORIGIN | WAL_EVENT_TYPE | WAL_EVENT_INSERT | WAL_EVENT_UPDATE
            | WAL_EVENT_DELETE | WAL_EVENT_TRUNCATE | WAL_EVENT_MESSAGE
                if streamed =>
            {
                Judged::Keep(event)
            }
            WAL_EVENT_RELATION => self.inside(event, Inside::Relation),
            WAL_EVENT_ORIGIN => self.inside(event, Inside::Origin),
            WAL_EVENT_TYPE => self.inside(event, Inside::Type),
            WAL_EVENT_INSERT | WAL_EVENT_UPDATE | WAL_EVENT_DELETE | WAL_EVENT_TRUNCATE
            | WAL_EVENT_MESSAGE => self.inside(event, Inside::Change),
            WAL_EVENT_COMMIT | WAL_EVENT_PREPARE => self.inside(event, Inside::End),
            // No message of the decoder becomes one of these.
            WAL_EVENT_RAW
            | WAL_EVENT_WAL
            | WAL_EVENT_TIMELINE
            | WAL_EVENT_PROGRESS
            | WAL_EVENT_RECONNECTED
            | WAL_EVENT_SNAPSHOT
            | WAL_EVENT_FLUSH_WANTED => Judged::Keep(event),
        }
    }

    /// A transaction begins.
    fn begin(&mut self, event: Event, delivered: bool) -> Judged {
        self.at = match self.partial {
            _ if delivered => At::Delivered,
            Some(partial) if partial.final_lsn == event.commit_lsn => At::Partial,
            _ => return Judged::New(event),
        };
        Judged::Delivered
    }

    /// An event between the beginning of a transaction and its end, or the end; or a description outside of any.
    fn inside(&mut self, event: Event, what: Inside) -> Judged {
        match (self.at, self.partial) {
            // The decoder tells only of definitions that were not delivered before, and this one belongs to nothing now.
            (At::Delivered, _) if self.describes(what) => {
                Judged::Keep(Event { commit_lsn: 0, commit_time: 0, xid: 0, sequence: 0, ..event })
            }
            (At::Delivered, _) => {
                self.at = if what == Inside::End { At::Outside } else { At::Delivered };
                Judged::Delivered
            }
            (At::Partial, Some(partial)) => {
                let again = event.sequence < partial.next;
                let delivered = match what {
                    Inside::End | Inside::Relation => false,
                    Inside::Type if self.describes(what) => false,
                    Inside::Origin => partial.origin == OriginDelivered::Yes,
                    Inside::Type | Inside::Change => again,
                };
                match what {
                    _ if delivered => Judged::Delivered,
                    Inside::Relation | Inside::Origin | Inside::Type => Judged::Keep(event),
                    Inside::Change | Inside::End => {
                        self.partial = None;
                        Judged::New(event)
                    }
                }
            }
            (At::Outside | At::Partial, _) => Judged::Keep(event),
        }
    }

    /// Whether it describes what the consumer does not know yet.
    fn describes(&self, what: Inside) -> bool {
        what == Inside::Relation || what == Inside::Type && self.life == Life::Earlier
    }
}

/// What stands by itself.
fn whole(event: Event, delivered: bool) -> Judged {
    if delivered { Judged::Delivered } else { Judged::New(event) }
}

/// The end of a streamed transaction.
fn blocks(event: Event, delivered: bool) -> Judged {
    if delivered { Judged::Void(event) } else { Judged::New(event) }
}
