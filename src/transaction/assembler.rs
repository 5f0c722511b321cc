//! The stage between the receiver and the decoder: what is streamed is kept until its transaction ends, and then comes out
//! as an ordinary transaction. What is not streamed passes.
//! It must never let anything through that may still be rolled back, nor keep more in memory than its budget.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI32;

use super::delivery::{Delivery, Ending};
use super::log::Log;
use super::outside::{Outside, oid};
use super::prepared::{Prepared, Receiving, Waiting, relations_of, xid_behind};
use super::spill::{Spill, SpillOptions};
use crate::batch::{Event, EventKind, flags};
use crate::error::{Error, Result, Status};
use crate::pgoutput::malformed;

/// How many streamed transactions may be open: each costs memory that cannot be spilled.
const MOST_OPEN: usize = 65_536;

/// How many segments the budget is worth at the least: what is in the file is in whole ones.
const SEGMENTS: usize = 8;

/// What assembling may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssembleOptions {
    /// The most memory of all open transactions.
    pub memory: usize,
    /// Where what does not fit goes.
    pub spill: SpillOptions,
    /// What becomes of prepared transactions.
    pub prepared: OfPrepared,
    /// What becomes of one with a message that may have been rolled back.
    pub doubtful: OfDoubtful,
}

/// What becomes of a transaction with a message of which nobody knows whether it was rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfDoubtful {
    /// It is refused: an unstreamed one is exact.
    Refuse,
    /// It is told, and what may be wrong has a flag.
    Flag,
}

/// What the events of the transaction that is being delivered have to say beyond its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Where it was prepared, if it was.
    prepare_lsn: u64,
    /// What its ends, and its logical messages, have.
    flags: u32,
}

impl Notes {
    /// Whether there is anything to say.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Says it in an event of the transaction.
    pub fn note(self, event: &mut Event) {
        use EventKind::{
            WAL_EVENT_BEGIN, WAL_EVENT_BEGIN_PREPARE, WAL_EVENT_COMMIT, WAL_EVENT_MESSAGE, WAL_EVENT_PREPARE,
        };
        let is = |kinds: &[EventKind]| kinds.iter().any(|kind| event.kind == *kind as u32);
        let (bounds, prepares) =
            (is(&[WAL_EVENT_BEGIN, WAL_EVENT_COMMIT]), is(&[WAL_EVENT_BEGIN_PREPARE, WAL_EVENT_PREPARE]));
        if bounds {
            event.number = self.prepare_lsn;
        }
        if bounds || prepares || is(&[WAL_EVENT_MESSAGE]) {
            event.flags |= self.flags;
        }
    }
}

/// What becomes of prepared transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfPrepared {
    /// They come as they are prepared.
    Tell,
    /// They are kept until their fate is known: one that commits comes then, as an ordinary one.
    Join,
}

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

/// What was counted, and what is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssembleCounters {
    /// Streamed transactions that are open, or being delivered.
    pub open: u64,
    /// Memory of them.
    pub memory: u64,
    /// How much of them is in the file.
    pub disk: u64,
    /// Transactions that were assembled.
    pub assembled: u64,
    /// Transactions of which something went to the file.
    pub spilled: u64,
    /// Subtransactions of which something was cut off.
    pub truncated: u64,
    /// Bytes that were thrown away since they were rolled back.
    pub rolled_back_bytes: u64,
    /// Prepared transactions that wait for their fate.
    pub prepared: u64,
    /// When the oldest of these was prepared, microseconds since 2000-01-01 UTC; 0 without one.
    pub prepared_since: i64,
}

/// Keeps streamed transactions.
#[derive(Debug)]
pub struct Assembler {
    logs: HashMap<u32, Log>,
    /// That of the open block.
    block: Option<Log>,
    delivery: Option<Delivery>,
    outside: Outside,
    prepared: OfPrepared,
    doubtful: OfDoubtful,
    /// Whether what is being delivered is.
    in_doubt: bool,
    /// That of `block`, where it is one of an ordinary form.
    receiving: Option<Receiving>,
    /// Of those in `logs`.
    waiting: Waiting,
    /// The one that is being delivered.
    joining: Option<Prepared>,
    /// What others must be told before a change, the last first.
    descriptions: Vec<Arc<[u8]>>,
    /// The end of what was told.
    safe: u64,
    spill: Spill,
    limit: usize,
    /// Memory of `logs`.
    others: usize,
    counters: AssembleCounters,
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
            receiving: None,
            waiting: Waiting::default(),
            joining: None,
            descriptions: Vec::new(),
            safe: 0,
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
            if self.receiving.is_some() || !matches!(kind, b'I' | b'U' | b'D' | b'T' | b'M' | b'R' | b'Y') {
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
            _ if !self.descriptions.is_empty() || !self.outside.is_all_told() => {
                Ok(self.describe_first(message))
            }
            _ => Ok(Offered::Pass),
        }
    }

    /// Whether prepared transactions are kept.
    pub fn joins(&self) -> bool {
        self.prepared == OfPrepared::Join
    }

    /// What was told ends there, or before. To be said before a message that prepares a transaction.
    pub fn told(&mut self, end: u64) {
        self.safe = end;
    }

    /// The highest position that may be acknowledged while the program does not have what is prepared and kept. `None`: any.
    pub fn floor(&self) -> Option<u64> {
        let receiving = self.receiving.as_ref().map(|it| it.begun.floor);
        let joining = self.joining.map(|it| it.floor);
        [receiving, joining, self.waiting.floor()].into_iter().flatten().min()
    }

    /// What has to be said of the transaction that is being delivered.
    pub fn notes(&self) -> Notes {
        Notes {
            prepare_lsn: self.joining.map_or(0, |it| it.lsn),
            flags: if self.in_doubt { flags::AMBIGUOUS } else { 0 },
        }
    }

    /// What has to be described before the message that was offered last.
    pub fn next_description(&self) -> Option<&Arc<[u8]>> {
        self.descriptions.last()
    }

    /// That is done.
    pub fn described(&mut self) {
        self.descriptions.pop();
    }

    /// Whether what comes next belongs to a transaction that is running.
    pub fn is_in_block(&self) -> bool {
        self.block.is_some() && self.receiving.is_none()
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
            self.joining = None;
            self.counters.assembled += 1;
        }
        Ok(())
    }

    /// A new connection sends every open transaction again from its beginning.
    pub fn reconnected(&mut self) {
        self.logs.clear();
        (self.block, self.delivery, self.others) = (None, None, 0);
        (self.receiving, self.joining) = (None, None);
        self.waiting.clear();
        self.descriptions.clear();
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
            prepared: self.waiting.len() as u64,
            prepared_since: self.waiting.since().unwrap_or(0),
            ..self.counters
        }
    }

    /// A message of a block that is none of the frequent kinds.
    #[inline(never)]
    fn in_block(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        if self.receiving.is_some() {
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
                    let it = Prepared::read(lsn, message, body, self.safe)?;
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

    /// What begins a prepared transaction, ends one that never began, or tells its fate.
    #[inline(never)]
    fn of_prepared(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        match message {
            [b'b', body @ ..] => {
                let begun = Prepared::read(lsn, message, body, self.safe)?;
                // One that comes again is the same, and comes whole.
                self.drop_waiting(begun.xid);
                self.block = Some(self.fresh(begun.xid)?);
                self.receiving = Some(Receiving { begun, described: HashSet::new(), types: Vec::new() });
                Ok(Offered::Kept)
            }
            // Rolled back before the server came to decode it: prepared without having begun.
            [b'P', 0, body @ ..] => {
                let it = Prepared::read(lsn, message, body, self.safe)?;
                self.drop_waiting(it.xid);
                let log = self.fresh(it.xid)?;
                self.wait(log, it);
                Ok(Offered::Kept)
            }
            [b'K', 0, end @ ..] => {
                let xid = xid_behind(26, lsn, message)?;
                let Some(it) = self.waiting.remove(xid) else { return Ok(Offered::Pass) };
                let Some(log) = self.remove(xid) else { return Ok(Offered::Pass) };
                let end = end.get(..24).unwrap_or_default();
                let (commit_lsn, time) =
                    (end.get(..8).unwrap_or_default(), end.get(16..).unwrap_or_default());
                let begin = [b"B", commit_lsn, time, &xid.to_be_bytes()].concat();
                self.joining = Some(it);
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
    fn in_prepared(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        let (Some(log), Some(receiving)) = (&mut self.block, &mut self.receiving) else {
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
        let (Some(log), Some(receiving)) = (self.block.take(), self.receiving.take()) else {
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
    fn wait(&mut self, log: Log, it: Prepared) {
        self.put_back(log);
        self.waiting.insert(it);
    }

    /// Gives a prepared transaction up. False: there is none of this id.
    fn drop_waiting(&mut self, xid: u32) -> bool {
        if self.waiting.remove(xid).is_none() {
            return false;
        }
        if let Some(log) = self.remove(xid) {
            self.counters.rolled_back_bytes += log.drop_all(0, &mut self.spill);
        }
        true
    }

    /// What of a change's relations only transactions that are kept were told.
    #[inline(never)]
    fn describe_first(&mut self, message: &[u8]) -> Offered {
        for oid in relations_of(message) {
            let messages = self.outside.take_untold(oid);
            self.descriptions.splice(0..0, messages.into_iter().flatten().rev());
        }
        if self.descriptions.is_empty() { Offered::Pass } else { Offered::Describe }
    }

    fn fresh(&self, xid: u32) -> Result<Log> {
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

    fn deliver(&mut self, log: Log, ending: Ending, begin: Vec<u8>, end: Vec<u8>) -> Result<Offered> {
        self.in_doubt = log.is_in_doubt();
        self.delivery = Some(Delivery::new(log, ending, begin, end, &mut self.spill)?);
        Ok(Offered::Deliver)
    }

    fn remove(&mut self, xid: u32) -> Option<Log> {
        let log = self.logs.remove(&xid)?;
        self.others -= log.memory();
        Some(log)
    }

    fn put_back(&mut self, log: Log) {
        self.others += log.memory();
        self.logs.insert(log.xid, log);
    }

    /// Keeps to the budget, `block` of which the open block takes.
    #[inline]
    fn mind(&mut self, block: usize) -> Result<Offered> {
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
