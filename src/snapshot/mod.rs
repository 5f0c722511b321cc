//! The rows that are there before the changes: what is to be copied, in which parts, and its rows as events.
//!
//! Plain functions over bytes and texts: nothing here opens a socket or reads a clock.

mod messages;
mod plan;
mod progress;
mod questions;
mod rows;
mod state;

pub use messages::definitions;
pub use plan::{Item, Plan, Published, Range};
pub use progress::{SnapshotProgress, SnapshotStage};
pub use questions::{Questions, begin, settings};
pub use rows::{RowReader, Source, Took};
pub use state::{Extent, SnapshotState};
