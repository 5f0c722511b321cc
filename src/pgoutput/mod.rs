//! Logical replication messages (PostgreSQL documentation, "Logical Replication Message Formats"): bytes in, events
//! and values out. It must never open a socket, read a clock, or look anything up in the server's catalog (P11).
//!
//! Versions 1 to 4 of the protocol are here, text and binary. From version 2 on, each change inside a streamed block
//! has the subtransaction's xid between its kind and its body: [`Decoder`] reads it in one place, so that the bodies
//! are the same everywhere. No kind is bound to a version: servers are not either.

mod decoder;
mod definition;
mod description;
mod fault;
mod generations;
mod kind;
mod leaves;
mod names;
mod oids;
mod place;
mod prepared;
mod reader;
mod relations;
mod resume;
mod rowless;
mod streamed;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod transaction;
mod tuple;

pub use decoder::{Decoder, Effect, Step, TRUNCATED_RELATION};
pub use fault::malformed;
pub use kind::MessageKind;
pub use resume::{OriginDelivered, Partial};
