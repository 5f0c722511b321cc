//! A transaction that ended, as the messages of an ordinary one: Begin, what is left of its log, Commit.
//! It must never hold more of it in memory than the log did, and one segment.

use std::collections::BTreeSet;

use super::log::Log;
use super::outside::Outside;
use super::segment::get;
use super::spill::Spill;
use crate::error::{Error, Result, Status};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It committed: what it described holds from now on.
    Committed,
    /// It is prepared: what it described may still come to nothing.
    Prepared,
}

/// One transaction on its way to the decoder.
#[derive(Debug)]
pub(super) struct Delivery {
    log: Log,
    ending: Ending,
    begin: Vec<u8>,
    begin_lsn: u64,
    end: Vec<u8>,
    part: Part,
    /// The segment that is read, and what comes after it.
    bytes: Vec<u8>,
    next: usize,
    /// Where in it the next message begins.
    offset: usize,
    /// How many Relation messages went by.
    relations: usize,
    /// The relations that are not as this transaction left them, and what they are.
    stale: BTreeSet<u32>,
    restore: Vec<Box<[u8]>>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Begin,
    Log,
    /// Definitions that came later than those in the log, which the log's would hide.
    Restore,
    End,
    Over,
}

impl Delivery {
    /// `begin` and `end` are the messages around it.
    pub(super) fn new(
        log: Log,
        ending: Ending,
        begin: Vec<u8>,
        end: Vec<u8>,
        spill: &mut Spill,
    ) -> Result<Self> {
        let mut it = Self {
            log,
            ending,
            begin,
            begin_lsn: 0,
            end,
            part: Part::Begin,
            bytes: Vec::new(),
            next: 0,
            offset: 0,
            relations: 0,
            stale: BTreeSet::new(),
            restore: Vec::new(),
        };
        it.load(spill)?;
        it.begin_lsn = it.first_lsn();
        Ok(it)
    }

    /// Where the Begin of an ordinary transaction would stand: at its first change, or nowhere before an origin.
    fn first_lsn(&self) -> u64 {
        let mut at = 0;
        while let Some((lsn, message, next)) = get(&self.bytes, at) {
            if lsn != 0 || message.first() == Some(&b'O') {
                return if message.first() == Some(&b'O') { 0 } else { lsn };
            }
            at = next;
        }
        0
    }

    /// The next message. `None`: that was all.
    pub(super) fn peek(&self) -> Result<Option<(u64, &[u8])>> {
        match self.part {
            Part::Begin => Ok(Some((self.begin_lsn, &self.begin))),
            Part::Log => match get(&self.bytes, self.offset) {
                Some((lsn, message, _)) => Ok(Some((lsn, message))),
                None => {
                    Err(Error::new(Status::WAL_E_INTERNAL, "the log of a transaction has no next message"))
                }
            },
            Part::Restore => Ok(self.restore.last().map(|message| (0, &**message))),
            Part::End => Ok(Some((0, &self.end))),
            Part::Over => Ok(None),
        }
    }

    /// The message that `peek` gave was decoded.
    pub(super) fn advance(&mut self, outside: &mut Outside, spill: &mut Spill) -> Result<()> {
        match self.part {
            Part::Begin => self.part = Part::Log,
            Part::Log => {
                if let Some((_, message, next)) = get(&self.bytes, self.offset) {
                    if let [b'R', a, b, c, d, ..] = message {
                        let oid = u32::from_be_bytes([*a, *b, *c, *d]);
                        let order = self.log.order(self.relations);
                        self.relations += 1;
                        if outside.hides(oid, order, message, self.ending == Ending::Committed) {
                            self.stale.insert(oid);
                        } else {
                            self.stale.remove(&oid);
                        }
                    }
                    self.offset = next;
                }
            }
            Part::Restore => {
                self.restore.pop();
            }
            Part::End => self.part = Part::Over,
            Part::Over => {}
        }
        self.settle(outside, spill)
    }

    /// Goes on to where there is a message.
    fn settle(&mut self, outside: &Outside, spill: &mut Spill) -> Result<()> {
        while self.part == Part::Log && self.offset >= self.bytes.len() {
            if !self.load(spill)? {
                let stale = std::mem::take(&mut self.stale);
                self.restore = stale.into_iter().filter_map(|oid| outside.message(oid)).collect();
                self.part = Part::Restore;
            }
        }
        if self.part == Part::Restore && self.restore.is_empty() {
            self.part = Part::End;
        }
        Ok(())
    }

    fn load(&mut self, spill: &mut Spill) -> Result<bool> {
        self.offset = 0;
        let found = self.log.take(self.next, &mut self.bytes, spill)?;
        if !found {
            self.bytes = Vec::new();
        }
        self.next += 1;
        Ok(found)
    }

    /// What it takes of memory.
    pub(super) fn memory(&self) -> usize {
        self.log.memory() + self.bytes.capacity()
    }

    /// Whether anything but the end of it is left.
    pub(super) fn is_over(&self) -> bool {
        self.part == Part::Over
    }

    /// Gives up what was not delivered.
    pub(super) fn drop_all(self, spill: &mut Spill) {
        self.log.drop_all(self.next, spill);
    }
}
