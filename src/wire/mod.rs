//! PostgreSQL's frontend/backend protocol 3.0: framing, start-up, authentication and COPY, as bytes and nothing else.
//!
//! It must never open a socket, read a clock or start a thread; it can be tested, fuzzed and replayed.
//! Whatever a server sends, the worst that may come of it is an error of status `WAL_E_PROTOCOL`.

pub mod auth;
pub mod backend;
pub mod classify;
mod copy;
pub mod frame;
pub mod frontend;
mod reader;
pub mod replication;
pub mod saslprep;
pub mod scram;
pub mod server_message;

pub use auth::{Authentication, Channel, EndPoint, Step};
pub use classify::{Class, classify, into_error};
pub use copy::{
    CopiedRows, CopyForm, CopyOut, CopyRead, CopyReader, binary_header, copy_out_response, unescape,
};
pub use frame::{Frame, split};
pub use frontend::StatusUpdate;
pub use replication::{ReplicationMessage, Reply};
pub use server_message::{MOST_OF_FIELD, MOST_WORDS, ServerMessage, Severity};

use crate::error::{Error, Status};

/// The error of a server, or of something in between, that breaks the protocol.
#[cold]
fn protocol(message: impl Into<String>) -> Error {
    Error::new(Status::WAL_E_PROTOCOL, message)
}
