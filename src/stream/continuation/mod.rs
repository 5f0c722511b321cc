//! How a stream goes on over another connection: on which server and where, what it does not deliver twice, and what it
//! tells of transactions that were delivered in part. The one door of all that resumes: whoever holds something from one
//! connection to the next is called from here.
//!
//! It must never let anything be lost or come twice in silence.

mod dedupe;
mod identity;
mod prepared;
mod purpose;

pub use identity::{Branch, Come, Doubt, Identity, Lineage, Loss, Parting, Role};
pub use purpose::{Purpose, Resume};

use super::Positions;
use crate::batch::{Arrays, Event, EventKind, flags};
use crate::error::Result;
use crate::lsn::Lsn;
use crate::options::Config;
use crate::pgoutput::{Decoder, MessageKind, Partial, Step};
use dedupe::{Dedupe, Earlier, Repetition, Then};
use prepared::Prepares;

/// Where the next connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// The position.
    pub start: Lsn,
    /// Where its server's history left that of the server before, if it did.
    pub branch: Option<Branch>,
}

/// What a receiver holds from one connection to the next.
#[derive(Debug)]
pub(super) struct Continuation {
    dedupe: Dedupe,
    /// After a reconnect, and where an earlier life of the program has something, until something new comes.
    repetition: Option<Repetition>,
    /// What an earlier life of the program has never comes, whatever `dedupe` says.
    earlier: Option<Earlier>,
    prepares: Prepares,
    timeliness: Timeliness,
}

/// When the transaction that is being received comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeliness {
    /// Behind all that was delivered.
    InOrder,
    /// Its end lies before what was delivered: a transaction that is sent long after its PREPARE, or one that comes again.
    Late,
}

impl Continuation {
    /// Nothing came yet.
    pub(super) fn new(config: &Config) -> Self {
        let dedupe = if config.dedupe { Dedupe::On } else { Dedupe::Off };
        // What a payload is only the plugin knows.
        let earlier = config.resume_after.as_ref().filter(|_| config.decode).map(Earlier::of_position);
        let repetition = earlier.map(Repetition::of_earlier_life);
        let (prepares, timeliness) = (Prepares::default(), Timeliness::InOrder);
        Self { dedupe, repetition, earlier, prepares, timeliness }
    }

    /// A transaction begins whose end is at `final_lsn`; all that ends up to `had` was delivered, or lies before the stream.
    #[inline]
    pub(super) fn begins(&mut self, final_lsn: u64, had: u64) {
        self.timeliness = if final_lsn < had { Timeliness::Late } else { Timeliness::InOrder };
    }

    /// It has ended.
    #[inline]
    pub(super) fn ends(&mut self) {
        self.timeliness = Timeliness::InOrder;
    }

    /// Whether what comes lies before what was delivered, so that its position would say less than is had.
    pub(super) fn is_late(&self) -> bool {
        self.timeliness == Timeliness::Late
    }

    /// How much memory it takes to know again what was delivered, about.
    pub(super) fn weight(&self) -> usize {
        self.prepares.weight()
    }

    /// Whether what comes may have been delivered before: then `decode` is for it, and else the decoder itself.
    #[inline(always)]
    pub(super) fn repeats(&self) -> bool {
        self.repetition.is_some() || self.is_late()
    }

    /// Whether a transaction was delivered in part over an earlier connection, and goes on.
    pub(super) fn has_partial(&self) -> bool {
        self.repetition.as_ref().is_some_and(Repetition::has_partial)
    }

    /// The end of all that was delivered, and of the transaction that was delivered in part.
    pub(super) fn delivered(&self, decoder: &Decoder, positions: &Positions) -> u64 {
        // Its record ends behind where it begins.
        let partial = self.partial(decoder).map_or(0, |partial| partial.final_lsn.saturating_add(1));
        positions.delivered().max(partial)
    }

    /// A new connection. Gives what tells the consumer of transactions that come from their beginning, or never, after
    /// they came in part.
    pub(super) fn restart(
        &mut self,
        Restart { start, branch }: Restart,
        decoder: &mut Decoder,
        positions: &mut Positions,
    ) -> Vec<Event> {
        let mut discarded = discarded(decoder);
        let mut partial = self.partial(decoder);
        // Nothing that is new came, and the repetition begins anew.
        let is_of_earlier_life = self.repetition.as_ref().is_some_and(Repetition::is_of_earlier_life);
        self.timeliness = Timeliness::InOrder;
        let kept = positions.ceiling();
        decoder.reconnected();
        positions.reconnected(start.0);
        if let Some(Branch { at, loss: Loss::Delivered }) = branch {
            // The server sends in the order of the ends: what ends before the branch came before what lies beyond.
            positions.rewound(at.0, kept.map_or(at.0, |kept| kept.min(at.0)));
            self.prepares.rewind(at.0);
            self.earlier.iter_mut().for_each(|earlier| earlier.rewind(at.0));
            decoder.rewound();
            let lost = partial.take_if(|partial| partial.final_lsn >= at.0);
            discarded.extend(lost.and_then(|partial| void_of(0, partial)));
        }
        let delivered = positions.delivered();
        self.repetition = Some(match (self.dedupe, self.earlier) {
            (Dedupe::Off, Some(earlier)) => Repetition::of_earlier_life(earlier),
            (Dedupe::On, Some(_)) if is_of_earlier_life => {
                Repetition::of_earlier_life(Earlier { end: delivered, partial })
            }
            _ => Repetition::new(delivered, partial, self.dedupe),
        });
        discarded
    }

    /// Decodes what may have been delivered before, and tells how many events were.
    ///
    /// # Safety
    /// As `Decoder::decode`.
    #[cold]
    pub(super) unsafe fn decode(
        &mut self,
        decoder: &mut Decoder,
        lsn: u64,
        message: &[u8],
        out: &mut Arrays,
    ) -> Result<(Step, u64)> {
        let Some(repetition) = &mut self.repetition else {
            // SAFETY: the caller's promise.
            return Ok((unsafe { decoder.decode(lsn, message, out) }?, 0));
        };
        // Its definitions come before its first change: whether they are new depends on where it ends.
        let begins = MessageKind::of_message(message) == Some(MessageKind::Begin);
        if begins && decoder.place(lsn, message).is_some_and(|end| repetition.is_behind(end)) {
            decoder.caught_up();
        }
        let mark = out.mark();
        // SAFETY: the caller's promise.
        let step = unsafe { decoder.decode(lsn, message, out) }?;
        // Without `dedupe` only what an earlier life has is left out, and that life's are not known.
        let none = Prepares::default();
        let prepares = if self.dedupe == Dedupe::On { &self.prepares } else { &none };
        let filtered = repetition.filter(&mark, prepares, out);
        if filtered.then == Then::New || repetition.has_reached(decoder.partial()) {
            decoder.caught_up();
        }
        if filtered.then == Then::New {
            self.repetition = None;
        }
        Ok((step, filtered.delivered))
    }

    /// The server has sent all that ends up to `end`.
    pub(super) fn passed(&mut self, end: u64) {
        if let Some(repetition) = &mut self.repetition {
            repetition.passed(end);
        }
    }

    /// Notes an event that is delivered and acknowledges something. What is acknowledged up to `settled` does not come
    /// again. False: it tells the fate of a prepared transaction that was never delivered.
    #[inline]
    pub(super) fn note(&mut self, event: &Event, settled: u64) -> bool {
        self.prepares.note(event, settled)
    }

    fn partial(&self, decoder: &Decoder) -> Option<Partial> {
        let begun = decoder.partial();
        self.repetition.as_ref().map_or(begun, |repetition| repetition.partial(begun))
    }
}

/// What tells the consumer of the streamed transactions that are open. Nobody knows yet what becomes of them.
pub(super) fn discarded(decoder: &Decoder) -> Vec<Event> {
    let stop = decoder.block().map(|xid| Event { xid, ..Event::new(EventKind::WAL_EVENT_STREAM_STOP) });
    stop.into_iter().chain(decoder.open_streams().map(|xid| void(0, xid))).collect()
}

/// The same of one that was delivered in part. Of one that an earlier life has the id is not known, and nothing begun here
/// waits for its end.
fn void_of(lsn: u64, partial: Partial) -> Option<Event> {
    (partial.xid != 0).then(|| void(lsn, partial.xid))
}

/// Tells that what came of a transaction means nothing.
fn void(lsn: u64, xid: u32) -> Event {
    Event { lsn, xid, subxid: xid, flags: flags::DISCARDED, ..Event::new(EventKind::WAL_EVENT_STREAM_ABORT) }
}
