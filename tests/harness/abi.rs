//! The functions and types of `include/pgwalstream.h`, under the names that a C program uses.

pub use pgwalstream::batch::Batch as wal_batch;
pub use pgwalstream::batch::{Event as wal_event, Relation as wal_relation, Value as wal_value};
pub use pgwalstream::capi::*;
