//! Prepared transactions that are kept until their fate is known (two_phase=join): one that commits comes then, as an ordinary one.
//! It must never give one out that may still be rolled back, nor let the position of what came meanwhile cover it.

use std::collections::HashSet;

use super::assembler::{Assembler, Offered};
use super::delivery::Ending;
use super::log::Log;
use super::outside::{oid, relations_of};
use super::prepared::{Prepared, Receiving, Waiting, xid_behind};
use crate::error::Result;
use crate::pgoutput::malformed;

/// Where the prepared transactions stand.
#[derive(Debug, Default)]
pub(super) struct Join {
    /// That of the open block, where it is one of an ordinary form.
    receiving: Option<Receiving>,
    /// Those that are complete.
    waiting: Waiting,
    /// The one that is being delivered.
    delivering: Option<Prepared>,
    /// The end of what was told.
    safe: u64,
}

impl Join {
    /// Whether one is being received.
    pub(super) fn is_receiving(&self) -> bool {
        self.receiving.is_some()
    }

    /// What was told ends there, or before.
    pub(super) fn told(&mut self, end: u64) {
        self.safe = end;
    }

    /// The highest position that may be acknowledged while the program does not have them.
    pub(super) fn floor(&self) -> Option<u64> {
        let receiving = self.receiving.as_ref().map(|it| it.begun.floor);
        let delivering = self.delivering.map(|it| it.floor);
        [receiving, delivering, self.waiting.floor()].into_iter().flatten().min()
    }

    /// Where the one that is being delivered was prepared; 0 without one.
    pub(super) fn prepare_lsn(&self) -> u64 {
        self.delivering.map_or(0, |it| it.lsn)
    }

    /// That one is delivered.
    pub(super) fn delivered(&mut self) {
        self.delivering = None;
    }

    /// Those that are complete.
    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// A new connection sends them again.
    pub(super) fn clear(&mut self) {
        (self.receiving, self.delivering) = (None, None);
        self.waiting.clear();
    }

    /// Reads what is known of one from the body of its message.
    pub(super) fn read(&self, lsn: u64, message: &[u8], body: &[u8]) -> Result<Prepared> {
        Prepared::read(lsn, message, body, self.safe)
    }
}

impl Assembler {
    /// What begins a prepared transaction, ends one that never began, or tells its fate.
    #[inline(never)]
    pub(super) fn of_prepared(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        match message {
            [b'b', body @ ..] => {
                let begun = self.join.read(lsn, message, body)?;
                // One that comes again is the same, and comes whole.
                self.drop_waiting(begun.xid);
                self.block = Some(self.fresh(begun.xid)?);
                self.join.receiving = Some(Receiving { begun, described: HashSet::new(), types: Vec::new() });
                Ok(Offered::Kept)
            }
            // Rolled back before the server came to decode it: prepared without having begun.
            [b'P', 0, body @ ..] => {
                let it = self.join.read(lsn, message, body)?;
                self.drop_waiting(it.xid);
                let log = self.fresh(it.xid)?;
                self.wait(log, it);
                Ok(Offered::Kept)
            }
            [b'K', 0, end @ ..] => {
                let xid = xid_behind(26, lsn, message)?;
                let Some(it) = self.join.waiting.remove(xid) else { return Ok(Offered::Pass) };
                let Some(log) = self.remove(xid) else { return Ok(Offered::Pass) };
                let end = end.get(..24).unwrap_or_default();
                let (commit_lsn, time) =
                    (end.get(..8).unwrap_or_default(), end.get(16..).unwrap_or_default());
                let begin = [b"B", commit_lsn, time, &xid.to_be_bytes()].concat();
                self.join.delivering = Some(it);
                self.deliver(log, Ending::Committed, begin, [b"C\0", end].concat())
            }
            [b'r', 0, ..] => {
                let xid = xid_behind(34, lsn, message)?;
                Ok(if self.drop_waiting(xid) { Offered::Kept } else { Offered::Pass })
            }
            // The decoder says what is wrong with it.
            _ => Ok(Offered::Pass),
        }
    }

    /// A message of a prepared transaction, of the form that those of ordinary ones have. The definitions that its changes
    /// are read with go into its log, for others may hold by the time it is delivered.
    pub(super) fn in_prepared(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        let (Some(log), Some(receiving)) = (&mut self.block, &mut self.join.receiving) else {
            return Ok(Offered::Pass);
        };
        let Some((kind, body)) = message.split_first() else {
            return Err(malformed("it has no bytes", lsn, message));
        };
        let mut order = 0;
        match kind {
            b'I' | b'U' | b'D' | b'T' => {
                for oid in relations_of(message) {
                    if receiving.described.insert(oid)
                        && let Some((order, [kind, definition @ ..])) = self.outside.definition(oid)
                    {
                        log.append(0, *kind, 0, definition, order)?;
                    }
                }
            }
            b'R' => {
                let Some(oid) = oid(message) else {
                    return Err(malformed("it ends too early", lsn, message));
                };
                receiving.described.insert(oid);
                order = self.outside.describe_aside(oid, message, std::mem::take(&mut receiving.types));
            }
            b'Y' => receiving.types.push(message.into()),
            b'M' | b'O' => {}
            b'P' => return self.complete(lsn, message),
            _ => return Err(malformed("it comes inside a prepared transaction", lsn, message)),
        }
        log.append(lsn, *kind, 0, body, order)?;
        let memory = log.memory();
        self.mind(memory)
    }

    /// The transaction that is being received is prepared.
    fn complete(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        let (Some(log), Some(receiving)) = (self.block.take(), self.join.receiving.take()) else {
            return Ok(Offered::Pass);
        };
        let [_, 0, body @ ..] = message else {
            return Err(malformed("it has unknown flags, or ends too early", lsn, message));
        };
        let it = Prepared::read(lsn, message, body, receiving.begun.floor)?;
        if (it.lsn, it.xid) != (receiving.begun.lsn, receiving.begun.xid) {
            return Err(malformed("it does not end the transaction that is open", lsn, message));
        }
        self.wait(log, it);
        Ok(Offered::Kept)
    }

    /// Keeps a transaction until its fate is known.
    pub(super) fn wait(&mut self, log: Log, it: Prepared) {
        self.put_back(log);
        self.join.waiting.insert(it);
    }

    /// Gives a prepared transaction up. False: there is none of this id.
    fn drop_waiting(&mut self, xid: u32) -> bool {
        if self.join.waiting.remove(xid).is_none() {
            return false;
        }
        if let Some(log) = self.remove(xid) {
            self.counters.rolled_back_bytes += log.drop_all(0, &mut self.spill);
        }
        true
    }
}
