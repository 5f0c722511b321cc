//! Transactions that the server sends while they run, kept on this side until they end (P6, P7).
//!
//! Messages in, messages out: nothing here decodes a change, waits or reads a clock. What comes out of it is what a server
//! would have sent that streams nothing.

mod assembler;
mod delivery;
mod feeder;
mod log;
mod outside;
mod prepared;
mod segment;
mod spill;
#[cfg(test)]
mod tests;

pub use assembler::{AssembleCounters, AssembleOptions, Assembler, Notes, OfDoubtful, OfPrepared, Offered};
pub use feeder::Feeder;
pub use spill::{SpillOptions, try_directory};
