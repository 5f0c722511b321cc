//! What the stage counts, and what it holds.
//! It must never be asked for a decision.

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
