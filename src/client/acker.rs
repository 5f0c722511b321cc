//! Acknowledging and asking from anywhere: a handle beside the stream, which also keeps the order of what is finished out of
//! order. It must never keep the session alive.

use std::sync::Arc;

use super::event::EventRef;
use crate::engine::{self, Shared};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::position::Position;
use crate::statistics::Counters;
use crate::stream::Begun;
use crate::sys::ForkGuard;

/// Acknowledges for a stream, from any task or thread, also while the stream is being read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Acker {
    shared: Arc<Shared>,
    order: Arc<engine::Acker>,
    process: ForkGuard,
}

/// A unit of work that [`Acker::begin`] began. What is dropped is never done: it holds back all that was begun behind it.
#[derive(Debug)]
#[must_use = "what is not done holds back all that was begun behind it"]
pub struct Ticket {
    order: Arc<engine::Acker>,
    number: u64,
}

/// The counters of a stream at one moment. Each is right; together they may straddle an update.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// What the engine counts.
    pub counters: Counters,
    /// The highest position that was given to the program and may be acknowledged.
    pub delivered_lsn: Lsn,
    /// The acknowledged position.
    pub acked_lsn: Lsn,
    /// The flush position last reported to the server.
    pub reported_lsn: Lsn,
}

impl Acker {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self> {
        let order = Arc::new(engine::Acker::new(Some(Arc::clone(&shared)), 0)?);
        Ok(Self { shared, order, process: engine::process()? })
    }

    /// The same with an order of its own, of at most `most` units of work at once.
    pub fn bounded(&self, most: usize) -> Result<Self> {
        let order = Arc::new(engine::Acker::new(Some(Arc::clone(&self.shared)), most)?);
        Ok(Self { order, ..self.clone() })
    }

    /// Begins a unit of work, in the order of delivery: an event, or all up to one, with its
    /// [`position`](crate::Event::position). Whoever finishes it calls [`Ticket::done`], in any order and on any task; what is
    /// done without a gap is acknowledged, and nothing behind what is not.
    ///
    /// An error of class [`State`](crate::ErrorCode::State) that is retriable: 65,536 units are kept, those included that
    /// wait for an earlier one. [`bounded`](Self::bounded) takes another number.
    pub fn begin(&self, position: impl Into<Option<Position>>) -> Result<Ticket> {
        self.ticket(position.into())
    }

    /// The same of a unit that ends with an event. It is acknowledged also where the event tells no position, as on a standby
    /// and with `decode=off`.
    pub fn begin_event(&self, last: EventRef<'_>) -> Result<Ticket> {
        self.ticket(last.plain())
    }

    fn ticket(&self, unit: impl Into<Begun>) -> Result<Ticket> {
        let number = self.order.begin(unit)?;
        Ok(Ticket { order: Arc::clone(&self.order), number })
    }

    /// How far all work that was begun is done without a gap: what to store, and to resume after.
    pub fn position(&self) -> Result<Option<Position>> {
        self.order.position()
    }

    /// Says that everything up to a position is safe: the server may forget it, and will not send it again. Cumulative,
    /// never goes back, and refused beyond what was delivered or where the stream began. Takes what
    /// [`Event::ack_lsn`](crate::Event::ack_lsn) gives; `None` changes nothing. The engine reports it within
    /// `status_interval`, [`flush`](Self::flush) at once.
    pub fn ack(&self, lsn: impl Into<Option<Lsn>>) -> Result<()> {
        self.inside()?.ack(lsn.into().map_or(0, |lsn| lsn.0))
    }

    /// Reports the acknowledged position to the server now, and waits until the report was written to the connection.
    pub async fn flush(&self) -> Result<()> {
        self.inside()?.flushed_now().await
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        let counters = self.shared.counters();
        Stats {
            delivered_lsn: Lsn(counters.delivered_lsn),
            acked_lsn: Lsn(counters.acked_lsn),
            reported_lsn: Lsn(counters.reported_lsn),
            counters,
        }
    }

    /// The shared side, unless this is a forked child: the engine's thread is not there.
    pub(super) fn inside(&self) -> Result<&Arc<Shared>> {
        if self.is_forked_child() {
            return Err(Error::new(Status::WAL_E_FORKED, "the stream belongs to the parent process"));
        }
        Ok(&self.shared)
    }

    pub(super) fn is_forked_child(&self) -> bool {
        self.process.is_forked_child()
    }
}

impl Ticket {
    /// The work is safe. Where all before it is done too, that is acknowledged.
    pub fn done(self) -> Result<()> {
        self.order.done(self.number)
    }
}
