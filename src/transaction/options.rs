//! What assembling may take, and what becomes of the transactions that are not plain.
//! It must never hold what changes while the stream runs.

use super::spill::SpillOptions;

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

/// What becomes of prepared transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfPrepared {
    /// They come as they are prepared.
    Tell,
    /// They are kept until their fate is known: one that commits comes then, as an ordinary one.
    Join,
}
