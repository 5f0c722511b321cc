//! The stage between the receiver and the decoder: what is streamed is kept until its transaction ends, and then comes out
//! as an ordinary transaction. What is not streamed passes.
//! It must never let anything through that may still be rolled back, nor keep more in memory than its budget.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;

use super::counters::AssembleCounters;
use super::delivery::{Delivery, Ending};
use super::join::Join;
use super::log::Log;
use super::notes::Notes;
use super::options::{AssembleOptions, OfDoubtful, OfPrepared};
use super::outside::Outside;
use super::spill::Spill;
use crate::batch::flags;
use crate::error::{Error, Result, Status};
use crate::pgoutput::malformed;

/// How many streamed transactions may be open: each costs memory that cannot be spilled.
const MOST_OPEN: usize = 65_536;

/// How many segments the budget is worth at the least: what is in the file is in whole ones.
const SEGMENTS: usize = 8;

/// What is to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is the decoder's.
    Pass,
    /// It is kept, or was all that is to be said of it.
    Kept,
    /// A transaction ended: `peek` and `advance` give the messages that it has become, before any other comes.
    Deliver,
    /// It is the decoder's, but `next_description` comes first; then it is offered again.
    Describe,
}

/// Keeps streamed transactions.
#[derive(Debug)]
pub struct Assembler {
    logs: HashMap<u32, Log>,
    /// That of the open block.
    pub(super) block: Option<Log>,
    delivery: Option<Delivery>,
    pub(super) outside: Outside,
    prepared: OfPrepared,
    doubtful: OfDoubtful,
    /// Whether what is being delivered is.
    in_doubt: bool,
    pub(super) join: Join,
    pub(super) spill: Spill,
    limit: usize,
    /// Memory of `logs`.
    others: usize,
    pub(super) counters: AssembleCounters,
}

impl Assembler {
    /// One that holds nothing. `fd` always has the file's descriptor, or -1, for whoever forks.
    pub fn new(options: AssembleOptions, fd: Arc<AtomicI32>) -> Self {
        Self {
            logs: HashMap::new(),
            block: None,
            delivery: None,
            outside: Outside::default(),
            prepared: options.prepared,
            doubtful: options.doubtful,
            in_doubt: false,
            join: Join::default(),
            spill: Spill::new(options.spill, fd),
            limit: options.memory,
            others: 0,
            counters: AssembleCounters::default(),
        }
    }

    /// Shows the file's descriptor there instead.
    pub fn show(&mut self, fd: Arc<AtomicI32>) {
        self.spill.show(fd);
    }

    /// Takes a message, unless it passes.
    #[inline]
    pub fn offer(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        if let Some(log) = &mut self.block {
            let [kind, a, b, c, d, body @ ..] = message else { return self.in_block(lsn, message) };
            if self.join.is_receiving() || !matches!(kind, b'I' | b'U' | b'D' | b'T' | b'M' | b'R' | b'Y') {
                return self.in_block(lsn, message);
            }
            let order = if *kind == b'R' { self.outside.next() } else { 0 };
            log.append(lsn, *kind, u32::from_be_bytes([*a, *b, *c, *d]), body, order)?;
            let memory = log.memory();
            return self.mind(memory);
        }
        match message.first() {
            Some(b'S' | b'c' | b'A' | b'p') => self.of_stream(lsn, message),
            Some(b'R') => {
                self.outside.describe(message);
                Ok(Offered::Pass)
            }
            Some(b'b' | b'P' | b'K' | b'r') if self.joins() => self.of_prepared(lsn, message),
            _ if !self.outside.is_all_told() && self.outside.tell_first(message) => Ok(Offered::Describe),
            _ => Ok(Offered::Pass),
        }
    }

    /// Whether prepared transactions are kept.
    pub fn joins(&self) -> bool {
        self.prepared == OfPrepared::Join
    }

    /// What was told ends there, or before. To be said before a message that prepares a transaction.
    pub fn told(&mut self, end: u64) {
        self.join.told(end);
    }

    /// The highest position that may be acknowledged while the program does not have what is prepared and kept. `None`: any.
    pub fn floor(&self) -> Option<u64> {
        self.join.floor()
    }

    /// How much memory the definitions take that are kept beside the transactions, about.
    pub fn definitions_weight(&self) -> usize {
        self.outside.weight()
    }

    /// What has to be said of the transaction that is being delivered.
    pub fn notes(&self) -> Notes {
        Notes {
            prepare_lsn: self.join.prepare_lsn(),
            flags: if self.in_doubt { flags::AMBIGUOUS } else { 0 },
        }
    }

    /// What has to be described before the message that was offered last.
    pub fn next_description(&self) -> Option<&Arc<[u8]>> {
        self.outside.next_description()
    }

    /// That is done.
    pub fn described(&mut self) {
        self.outside.described();
    }

    /// Whether what comes next belongs to a transaction that is running.
    pub fn is_in_block(&self) -> bool {
        self.block.is_some() && !self.join.is_receiving()
    }

    /// Whether a transaction is being delivered.
    pub fn is_delivering(&self) -> bool {
        self.delivery.is_some()
    }

    /// The next message of the transaction that is being delivered. `None`: nothing is.
    pub fn peek(&self) -> Result<Option<(u64, &[u8])>> {
        self.delivery.as_ref().map_or(Ok(None), Delivery::peek)
    }

    /// The message that `peek` gave is decoded.
    pub fn advance(&mut self) -> Result<()> {
        let Some(delivery) = &mut self.delivery else { return Ok(()) };
        delivery.advance(&mut self.outside, &mut self.spill)?;
        if delivery.is_over()
            && let Some(delivery) = self.delivery.take()
        {
            delivery.drop_all(&mut self.spill);
            self.join.delivered();
            self.counters.assembled += 1;
        }
        Ok(())
    }

    /// A new connection sends every open transaction again from its beginning.
    pub fn reconnected(&mut self) {
        self.logs.clear();
        (self.block, self.delivery, self.others) = (None, None, 0);
        self.join.clear();
        self.spill.forget();
        self.outside.clear();
    }

    /// What was counted, and what is held now.
    pub fn counters(&self) -> AssembleCounters {
        let delivering = self.delivery.as_ref().map_or(0, Delivery::memory);
        let block = self.block.as_ref().map_or(0, Log::memory);
        AssembleCounters {
            open: (self.logs.len() + usize::from(self.block.is_some()) + usize::from(self.delivery.is_some()))
                as u64,
            memory: (self.others + block + delivering) as u64,
            disk: self.spill.used(),
            prepared: self.join.waiting().len() as u64,
            prepared_since: self.join.waiting().since().unwrap_or(0),
            ..self.counters
        }
    }

    /// A message of a block that is none of the frequent kinds.
    #[inline(never)]
    fn in_block(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        if self.join.is_receiving() {
            return self.in_prepared(lsn, message);
        }
        match message {
            [b'E'] => {
                if let Some(log) = self.block.take() {
                    self.put_back(log);
                }
                Ok(Offered::Kept)
            }
            [kind @ b'O', body @ ..] => {
                if let Some(log) = &mut self.block {
                    log.append(lsn, *kind, 0, body, 0)?;
                }
                Ok(Offered::Kept)
            }
            _ => Err(malformed("it is malformed, or comes inside a streamed block", lsn, message)),
        }
    }

    /// What begins a block, or ends a streamed transaction.
    #[inline(never)]
    fn of_stream(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        match message {
            [b'S', a, b, c, d, first] => self.begin_block(u32::from_be_bytes([*a, *b, *c, *d]), *first == 1),
            [b'A', ids @ ..] => self.abort(ids),
            [b'c', a, b, c, d, rest @ ..] => {
                let Some(log) = self.remove(u32::from_be_bytes([*a, *b, *c, *d])) else {
                    return Ok(Offered::Pass);
                };
                let [0, end @ ..] = rest else {
                    return Err(malformed("it has unknown flags, or ends too early", lsn, message));
                };
                let log = self.certain(log)?;
                let (Some(commit_lsn), Some(time), 24) = (end.get(..8), end.get(16..), end.len()) else {
                    return Err(malformed("it is not as long as it must be", lsn, message));
                };
                let begin = [b"B", commit_lsn, time, &[*a, *b, *c, *d]].concat();
                self.deliver(log, Ending::Committed, begin, [b"C\0", end].concat())
            }
            // Prepare positions and time come before the transaction's id, and the gid after.
            [b'p', 0, body @ ..] => {
                let xid = body.get(24..).and_then(<[u8]>::first_chunk::<4>);
                let log = xid.and_then(|xid| self.remove(u32::from_be_bytes(*xid)));
                let Some(log) = log else { return Ok(Offered::Pass) };
                let log = self.certain(log)?;
                if self.joins() {
                    let it = self.join.read(lsn, message, body)?;
                    self.wait(log, it);
                    return Ok(Offered::Kept);
                }
                let (begin, end) = ([b"b", body].concat(), [b"P\0", body].concat());
                self.deliver(log, Ending::Prepared, begin, end)
            }
            // The decoder says what is wrong with it.
            _ => Ok(Offered::Pass),
        }
    }

    pub(super) fn fresh(&self, xid: u32) -> Result<Log> {
        if self.logs.len() >= MOST_OPEN {
            let what = format!("more than {MOST_OPEN} streamed transactions are open");
            return Err(Error::new(Status::WAL_E_SPILL, what)
                .with_hint("End them on the server, or set streaming to \"off\"."));
        }
        Ok(Log::new(xid, self.limit / SEGMENTS))
    }

    /// What is not known to be committed is not given: a message names only its transaction, so that one before a
    /// subtransaction's first change may be of that, which was rolled back, or of what is around it.
    fn certain(&mut self, log: Log) -> Result<Log> {
        if !log.is_in_doubt() || self.doubtful == OfDoubtful::Flag {
            return Ok(log);
        }
        let what = format!(
            "of the streamed transaction {} the server does not say whether a logical message was rolled back with a savepoint",
            log.xid
        );
        log.drop_all(0, &mut self.spill);
        Err(Error::new(Status::WAL_E_AMBIGUOUS, what).with_hint(
            "The server sends it again, as a whole, to a connection with streaming=off. Set messages to \"off\" to have it streamed, or on_ambiguous to \"flag\" to have it with a flag.",
        ))
    }

    fn begin_block(&mut self, xid: u32, is_first: bool) -> Result<Offered> {
        let log = match self.remove(xid) {
            Some(log) => log,
            // A part of a transaction without the rest: the decoder refuses it.
            None if !is_first => return Ok(Offered::Pass),
            None => self.fresh(xid)?,
        };
        self.block = Some(log);
        Ok(Offered::Kept)
    }

    /// A subtransaction was rolled back, or all of a transaction. `streaming=parallel` adds position and time.
    fn abort(&mut self, ids: &[u8]) -> Result<Offered> {
        let Some(([a, b, c, d, e, f, g, h], _)) = ids.split_first_chunk::<8>() else {
            return Ok(Offered::Pass);
        };
        let (xid, subxid) = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]));
        // Never streamed (P1): the decoder knows what that means.
        let Some(mut log) = self.remove(xid) else { return Ok(Offered::Pass) };
        if xid == subxid {
            self.counters.rolled_back_bytes += log.drop_all(0, &mut self.spill);
            return Ok(Offered::Kept);
        }
        let cut = log.roll_back(subxid, &mut self.spill);
        self.put_back(log);
        let cut = cut?;
        self.counters.truncated += u64::from(cut.bytes > 0);
        self.counters.rolled_back_bytes += cut.bytes;
        Ok(Offered::Kept)
    }

    pub(super) fn deliver(
        &mut self,
        log: Log,
        ending: Ending,
        begin: Vec<u8>,
        end: Vec<u8>,
    ) -> Result<Offered> {
        self.in_doubt = log.is_in_doubt();
        self.delivery = Some(Delivery::new(log, ending, begin, end, &mut self.spill)?);
        Ok(Offered::Deliver)
    }

    pub(super) fn remove(&mut self, xid: u32) -> Option<Log> {
        let log = self.logs.remove(&xid)?;
        self.others -= log.memory();
        Some(log)
    }

    pub(super) fn put_back(&mut self, log: Log) {
        self.others += log.memory();
        self.logs.insert(log.xid, log);
    }

    /// Keeps to the budget, `block` of which the open block takes.
    #[inline]
    pub(super) fn mind(&mut self, block: usize) -> Result<Offered> {
        if self.others + block > self.limit {
            self.relieve()?;
        }
        Ok(Offered::Kept)
    }

    /// Writes the oldest of the largest transaction to the file, until the rest is within the budget.
    #[cold]
    #[inline(never)]
    fn relieve(&mut self) -> Result<()> {
        loop {
            let block = self.block.as_ref().map_or(0, Log::memory);
            if self.others + block <= self.limit {
                return Ok(());
            }
            let largest = self.logs.values_mut().max_by_key(|log| log.held());
            let log = match (largest, &mut self.block) {
                (Some(log), Some(block)) if log.held() > block.held() => log,
                (_, Some(block)) => block,
                (Some(log), None) => log,
                (None, None) => return Ok(()),
            };
            let (before, in_block) = (log.memory(), Some(log.xid));
            let was_spilled = log.is_spilled();
            if !log.spill(&mut self.spill)? {
                let what = format!(
                    "open transactions have more savepoints and table definitions than fit into assemble_memory, {} bytes",
                    self.limit
                );
                return Err(Error::new(Status::WAL_E_SPILL, what)
                    .with_hint("Raise assemble_memory, or set streaming to \"off\"."));
            }
            self.counters.spilled += u64::from(!was_spilled);
            // What stands for a segment may be larger than a short one was.
            let after = log.memory();
            if self.block.as_ref().map(|block| block.xid) != in_block {
                self.others = self.others + after - before;
            }
        }
    }
}
