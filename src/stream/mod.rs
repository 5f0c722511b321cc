//! What replication asks of a client beyond decoding: preflight, START_REPLICATION, LSN bookkeeping, feedback.
//!
//! Plain functions over bytes and positions: nothing here opens a socket or reads a clock.

mod pace;
mod positions;
mod preflight;
mod receiver;
mod tuning;

pub use pace::{Pace, Path};
pub use positions::{Positions, Report};
pub use preflight::{Finding, Preflight, Server, Slot};
pub use receiver::{Counters, Receiver, Taken};
pub use tuning::{DecodingMemory, Source};
