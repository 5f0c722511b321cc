//! The physical half of replication: a stream of the WAL's bytes, its positions, its timelines, and what is reported.
//!
//! Bytes and time only: nothing here opens a socket, reads a clock or touches a file.

mod command;
mod explain;
mod feedback;
mod positions;
mod receiver;
mod route;
mod segment;
mod timeline;

pub use command::{IDENTIFY, SlotFound, read_slot, show, shown_millis, slot_found, start};
pub use explain::explain;
pub use feedback::{Due, Feedback};
pub use positions::{Positions, Report};
pub use receiver::{Counters, End, LONGEST, Receiver, Taken};
pub use route::{Place, Route, Server, Switch, beyond, first_place, route, same_history, unfinished};
pub use segment::SegmentSize;
pub use timeline::History;
