//! An archive of WAL: which file has which bytes, in which order they are made to last, and what is found there again.
//!
//! Files are touched only through `Disk`, in the caller's thread: no socket, no clock.

mod check;
mod fetch;
mod identity;
mod name;
mod operations;
mod segment;
mod start;

pub use check::{Fault, FaultKind, Report, believe, check, found_identity};
pub use fetch::parent_ahead;
pub use identity::{FILE as IDENTITY_FILE, Identity};
pub use name::{Name, PARTIAL, Segment, history};
pub use operations::{Disk, Entry, Operation};
pub use segment::{Archive, Written};
pub use start::{Found, look, newest_history, reached, read_history};
