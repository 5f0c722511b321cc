//! A decoder that is fed by hand, with or without the stage that assembles: copies messages into batches of its own and keeps
//! the full ones, or decodes them where they are.
//! It must never let a batch's bytes move once an event points at them.

use std::collections::VecDeque;
use std::sync::Arc;

use std::sync::atomic::AtomicI32;

use super::{AssembleOptions, Assembler, Notes, OfPrepared, Offered};
use crate::batch::{Batch, Home, Pool};
use crate::error::{Error, Result, Status};
use crate::pgoutput::{Decoder, Step};

/// How many freed batches are kept for the next.
const KEPT: usize = 4;

/// Messages in, batches out.
#[derive(Debug)]
pub struct Feeder {
    decoder: Decoder,
    assembler: Option<Box<Assembler>>,
    pool: Arc<Recycler>,
    events: usize,
    bytes: usize,
    working: Option<Box<Batch>>,
    full: VecDeque<Box<Batch>>,
}

/// Takes batches back, also when the feeder is gone.
#[derive(Debug)]
struct Recycler(Pool);

impl Home for Recycler {
    fn give_back(&self, batch: Box<Batch>) {
        self.0.give(batch);
    }
}

impl Feeder {
    /// Batches of at most so many events and, but for single longer messages, bytes.
    pub fn new(events: usize, bytes: usize) -> Self {
        Self {
            decoder: Decoder::new(),
            assembler: None,
            pool: Arc::new(Recycler(Pool::new(KEPT))),
            events,
            bytes,
            working: None,
            full: VecDeque::new(),
        }
    }

    /// One that keeps streamed transactions until they end.
    pub fn assembling(events: usize, bytes: usize, options: AssembleOptions) -> Self {
        let options = AssembleOptions { prepared: OfPrepared::Tell, ..options };
        let assembler = Assembler::new(options, Arc::new(AtomicI32::new(-1)));
        Self { assembler: Some(Box::new(assembler)), ..Self::new(events, bytes) }
    }

    /// Decodes one message. After an error nothing is changed. Where a transaction ended before and was not got yet, all of
    /// it is decoded first, and waits.
    pub fn feed(&mut self, lsn: u64, message: &[u8]) -> Result<()> {
        while self.deliver()? {}
        let offered = match &mut self.assembler {
            // There is no connection that could fetch a transaction anew.
            Some(assembler) => assembler.offer(lsn, message).map_err(|error| error.with_retriable(false))?,
            None => Offered::Pass,
        };
        match offered {
            // Descriptions come first only where prepared transactions are joined, which no feeder does.
            Offered::Pass | Offered::Describe => self.decode(lsn, message),
            Offered::Kept | Offered::Deliver => Ok(()),
        }
    }

    /// Decodes a batch of a transaction that ended, or what is left of it. False: there is none.
    fn deliver(&mut self) -> Result<bool> {
        let Some(mut assembler) = self.assembler.take_if(|assembler| assembler.is_delivering()) else {
            return Ok(false);
        };
        let before = self.full.len();
        let mut outcome = Ok(true);
        while outcome.is_ok() && self.full.len() == before && assembler.is_delivering() {
            outcome = assembler.peek().and_then(|next| match next {
                Some((lsn, message)) => self.decode_noting(lsn, message, assembler.notes()).map(|()| true),
                None => Ok(true),
            });
            outcome = outcome.and_then(|more| assembler.advance().map(|()| more));
        }
        self.assembler = Some(assembler);
        outcome
    }

    fn decode(&mut self, lsn: u64, message: &[u8]) -> Result<()> {
        self.decode_noting(lsn, message, Notes::default())
    }

    fn decode_noting(&mut self, lsn: u64, message: &[u8], notes: Notes) -> Result<()> {
        loop {
            let room =
                self.working.as_mut().is_some_and(|batch| batch.chunk.tail_mut().len() >= message.len());
            if !room {
                self.seal();
                self.working = Some(self.pool.0.take(message.len().max(self.bytes), self.events)?);
            }
            let Some(batch) = &mut self.working else { return Err(no_batch()) };
            let Batch { chunk, arrays, .. } = batch.as_mut();
            let start = chunk.filled().len();
            chunk.append(message);
            let copied = chunk.filled().get(start..).unwrap_or_default();
            let mark = arrays.mark();
            // SAFETY: the message lies in the batch's own chunk, behind what is filled, and goes only with the events.
            match unsafe { self.decoder.decode(lsn, copied, arrays) } {
                Ok(Step::Done(_)) => {
                    if notes.is_any() {
                        // SAFETY: what the events point at stays as it is.
                        unsafe { arrays.amend(&mark, |event| notes.note(event)) };
                    }
                    return Ok(());
                }
                Ok(Step::Full) => {
                    chunk.retreat(message.len());
                    arrays.full_though_empty()?;
                    self.seal();
                }
                Err(error) => {
                    chunk.retreat(message.len());
                    return Err(error);
                }
            }
        }
    }

    /// Decodes messages where they are, into one batch: as many of them as it takes, which is told. A message that is
    /// refused is an error only if it is the first: what came before it comes out first.
    ///
    /// # Safety
    /// Nothing is copied: each message lives and stays as it is until the batch is released.
    pub unsafe fn decode_in_place<'a>(
        &mut self,
        messages: impl Iterator<Item = Result<(u64, &'a [u8])>>,
    ) -> Result<(usize, Box<Batch>)> {
        if self.assembler.is_some() {
            return Err(Error::new(
                Status::WAL_E_STATE,
                "what is assembled is copied, and cannot be decoded where it is",
            )
            .with_hint("Feed the messages one by one, or make a decoder without streaming=assembled."));
        }
        if self.working.as_ref().is_some_and(|batch| batch.arrays.events().is_empty()) {
            self.seal();
        }
        if self.working.is_some() || !self.full.is_empty() {
            return Err(Error::new(
                Status::WAL_E_STATE,
                "messages were fed of which the batches were not got yet",
            )
            .with_hint("Take the batches first, until none is left."));
        }
        let mut batch = self.pool.0.take(0, self.events)?;
        let mut taken = 0;
        for message in messages {
            // SAFETY: the caller's promise; the batch is cleared as it is released.
            let mut decode = |(lsn, bytes)| unsafe { self.decoder.decode(lsn, bytes, &mut batch.arrays) };
            match message.and_then(&mut decode) {
                Ok(Step::Done(_)) => taken += 1,
                Ok(Step::Full) if taken == 0 => {
                    let lacking = batch.arrays.full_though_empty();
                    self.pool.0.give(batch);
                    return lacking.and_then(|()| Err(no_batch()));
                }
                Ok(Step::Full) => break,
                Err(error) if taken == 0 => {
                    self.pool.0.give(batch);
                    return Err(error);
                }
                Err(_) => break,
            }
        }
        batch.home = Some(Arc::clone(&self.pool) as _);
        Ok((taken, batch))
    }

    /// The oldest batch, if there is an event. An error is that of a transaction that was kept; it has no more batches.
    pub fn next_batch(&mut self) -> Result<Option<Box<Batch>>> {
        if self.full.is_empty() {
            self.deliver()?;
        }
        if self.full.is_empty() {
            self.seal();
        }
        Ok(self.full.pop_front())
    }

    fn seal(&mut self) {
        let Some(mut batch) = self.working.take() else { return };
        if batch.arrays.events().is_empty() {
            self.pool.0.give(batch);
        } else {
            batch.home = Some(Arc::clone(&self.pool) as _);
            self.full.push_back(batch);
        }
    }
}

fn no_batch() -> Error {
    Error::new(Status::WAL_E_INTERNAL, "a decoder has no batch to fill")
}
