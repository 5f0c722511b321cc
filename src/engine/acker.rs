//! A ledger that many threads share, and that acknowledges to a stream what is finished without a gap.
//!
//! Its lock is held for arithmetic and for the acknowledgement, never for I/O or a callback.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::process;
use super::shared::Shared;
use crate::error::{Error, Result, Status};
use crate::position::Position;
use crate::stream::{Begun, Ledger};
use crate::sys::ForkGuard;

/// Work that is begun in the order of delivery, and finished in any, on any thread.
#[derive(Debug)]
pub struct Acker {
    ledger: Mutex<Ledger>,
    /// Whom it acknowledges to.
    stream: Option<Arc<Shared>>,
    process: ForkGuard,
}

impl Acker {
    /// For a stream, or for a program that acknowledges by itself; at most `most` units are kept, 0 is the usual number.
    pub fn new(stream: Option<Arc<Shared>>, most: usize) -> Result<Self> {
        let most = if most == 0 { Ledger::USUAL } else { most };
        Ok(Self { ledger: Mutex::new(Ledger::new(most)), stream, process: process()? })
    }

    /// A unit of work begins, behind all that were begun before. Gives its number.
    pub fn begin(&self, unit: impl Into<Begun>) -> Result<u64> {
        self.ledger()?.begin(unit)
    }

    /// A unit is finished, and with it perhaps all up to another. That is acknowledged.
    pub fn done(&self, number: u64) -> Result<()> {
        let mut ledger = self.ledger()?;
        match &self.stream {
            // Under the lock: what a unit of another timeline takes back must not come behind this.
            Some(stream) if ledger.done(number)? => stream.ack(ledger.acknowledged()),
            Some(_) => Ok(()),
            None => ledger.done(number).map(drop),
        }
    }

    /// Where all that was finished without a gap has come to.
    pub fn position(&self) -> Result<Option<Position>> {
        Ok(self.ledger()?.position())
    }

    /// How many units are kept.
    pub fn kept(&self) -> Result<usize> {
        Ok(self.ledger()?.kept())
    }

    fn ledger(&self) -> Result<MutexGuard<'_, Ledger>> {
        if self.process.is_forked_child() {
            // A thread of the parent may have held the lock as the process was forked.
            return Err(Error::new(Status::WAL_E_FORKED, "the acker belongs to the parent process"));
        }
        // Nothing that runs under the lock can panic halfway through a change.
        Ok(self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
