//! Transactions that the server sends while they run, kept on this side until they end (P6, P7).
//!
//! Messages in, messages out: nothing here decodes a change, waits or reads a clock. What comes out of it is what a server
//! would have sent that streams nothing.

mod assembler;
mod counters;
mod delivery;
mod feeder;
mod join;
mod log;
mod notes;
mod options;
mod outside;
mod prepared;
mod segment;
mod spill;
#[cfg(test)]
mod tests;

pub use assembler::{Assembler, Offered};
pub use counters::AssembleCounters;
pub use feeder::Feeder;
pub use notes::Notes;
pub use options::{AssembleOptions, OfDoubtful, OfPrepared};
pub use spill::{SpillOptions, try_directory};
