//! Logical replication messages (PostgreSQL documentation, "Logical Replication Message Formats"): bytes in, events
//! and values out. It must never open a socket, read a clock, or look anything up in the server's catalog (P11).
//!
//! Version 1 of the protocol is here, text and binary. Versions 2 to 4 put the subtransaction's xid between the
//! kind and the body of each change inside a streamed block: [`Decoder`] reads the kind alone in one place, so that
//! the bodies below stay as they are.

mod decoder;
mod fault;
mod names;
mod reader;
mod relations;
#[cfg(test)]
mod tests;
mod transaction;
mod tuple;

pub use decoder::{Decoder, Effect, Step, TRUNCATED_RELATION};
