//! A receiver that assembles: what it gives to the stage, and how a transaction that ended comes out of it.
//! It must never take another message before all of that one is out.

use std::sync::Arc;
use std::sync::atomic::AtomicI32;

use super::Receiver;
use super::receiver::Way;
use crate::batch::{Arrays, Chunk};
use crate::error::Result;
use crate::options::{Config, OnAmbiguous, TwoPhase};
use crate::pgoutput::{Effect, Step};
use crate::transaction::{
    AssembleCounters, AssembleOptions, Assembler, OfDoubtful, OfPrepared, Offered, SpillOptions,
};

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The batch is full: the next needs room for a message of so many bytes.
    Full(usize),
    /// All of the transaction is out.
    Done,
    /// All of it is out, and the end that was asked for is reached.
    End,
}

/// What the options say of assembling.
pub fn assemble_options(config: &Config) -> AssembleOptions {
    AssembleOptions {
        memory: config.assemble_memory,
        spill: SpillOptions {
            directory: config.spill_directory.clone().unwrap_or_else(|| DEFAULT_DIRECTORY.into()),
            named: config.spill_directory.is_some(),
            most: Some(config.assemble_disk).filter(|most| *most > 0),
            floor: config.spill_min_free,
        },
        prepared: match config.two_phase {
            TwoPhase::Join => OfPrepared::Join,
            TwoPhase::Off | TwoPhase::On => OfPrepared::Tell,
        },
        doubtful: match config.on_ambiguous {
            OnAmbiguous::Refetch => OfDoubtful::Refuse,
            OnAmbiguous::Flag => OfDoubtful::Flag,
        },
    }
}

/// On a disk by the Filesystem Hierarchy Standard, which /tmp often is not.
const DEFAULT_DIRECTORY: &str = "/var/tmp";

pub(super) fn assembler(config: &Config) -> Assembler {
    Assembler::new(assemble_options(config), Arc::new(AtomicI32::new(-1)))
}

impl Receiver {
    /// Shows the spill file's descriptor, for whoever forks.
    #[must_use]
    pub fn showing(mut self, fd: &Arc<AtomicI32>) -> Self {
        if let Way::Assemble(assembler) = &mut self.way {
            assembler.show(Arc::clone(fd));
        }
        self
    }

    /// Whether a transaction that was kept is being delivered.
    pub fn is_delivering(&self) -> bool {
        matches!(&self.way, Way::Assemble(assembler) if assembler.is_delivering())
    }

    /// What is kept.
    pub fn assembling(&self) -> Option<AssembleCounters> {
        match &self.way {
            Way::Assemble(assembler) => Some(assembler.counters()),
            Way::Decode | Way::Raw => None,
        }
    }

    pub(super) fn is_in_kept_block(&self) -> bool {
        matches!(&self.way, Way::Assemble(assembler) if assembler.is_in_block())
    }

    #[inline]
    pub(super) fn offer(&mut self, lsn: u64, message: &[u8]) -> Result<Offered> {
        match &mut self.way {
            Way::Assemble(assembler) if assembler.joins() => {
                if let [b'b' | b'P' | b'p', ..] = message {
                    assembler.told(self.positions.last());
                }
                let offered = assembler.offer(lsn, message);
                self.positions.keep_below(assembler.floor());
                offered
            }
            Way::Assemble(assembler) => assembler.offer(lsn, message),
            Way::Decode | Way::Raw => Ok(Offered::Pass),
        }
    }

    /// Decodes what has to be described before the message that was offered, for as long as the batch has room. The batch keeps
    /// the messages.
    pub(super) fn describe(&mut self, out: &mut Arrays) -> Result<Step> {
        while let Way::Assemble(assembler) = &self.way
            && let Some(message) = assembler.next_description().cloned()
        {
            out.keep_text(&message);
            // SAFETY: the arrays keep the message.
            match unsafe { self.decode_again(0, &message, out) }? {
                Step::Full => return Ok(Step::Full),
                Step::Done(_) => {}
            }
            if let Way::Assemble(assembler) = &mut self.way {
                assembler.described();
            }
        }
        Ok(Step::Done(Effect::None))
    }

    /// Decodes the transaction that ended, from where the last call came to, for as long as the batch has room. What comes
    /// out is copied into the chunk.
    ///
    /// # Safety
    /// `chunk` and `out` are of one batch: the chunk is neither reset nor retreated before `out` is cleared.
    pub unsafe fn deliver(&mut self, chunk: &mut Chunk, out: &mut Arrays) -> Result<Delivered> {
        loop {
            let Way::Assemble(assembler) = &self.way else { return Ok(Delivered::Done) };
            let Some((lsn, message)) = assembler.peek()? else { return Ok(Delivered::Done) };
            let len = message.len();
            let notes = assembler.notes();
            let mark = out.mark();
            if chunk.append_whole(message) {
                let copied = chunk.filled().get(chunk.filled().len() - len..).unwrap_or_default();
                let step = match self.continuation.repeats() {
                    // SAFETY: the message lies in the chunk, behind what was filled before: the caller's promise.
                    false => unsafe { self.decoder.decode(lsn, copied, out) },
                    // SAFETY: as above.
                    true => unsafe { self.decode_again(lsn, copied, out) },
                };
                match step {
                    Ok(Step::Done(effect)) => {
                        if let Way::Assemble(assembler) = &mut self.way {
                            assembler.advance()?;
                            self.positions.keep_below(assembler.floor());
                        }
                        if notes.is_any() {
                            // SAFETY: what the events point at stays as it is.
                            unsafe { out.amend(&mark, |event| notes.note(event)) };
                        }
                        self.apply(effect, self.counters.last_message_time, out);
                        if self.stop.is_some() && self.ends(effect) {
                            return Ok(Delivered::End);
                        }
                        continue;
                    }
                    Ok(Step::Full) => {
                        chunk.retreat(len);
                        out.full_though_empty()?;
                    }
                    Err(error) => {
                        chunk.retreat(len);
                        return Err(error);
                    }
                }
            }
            return Ok(Delivered::Full(len));
        }
    }
}
