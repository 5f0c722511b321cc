//! What replication asks of a client beyond decoding: preflight, START_REPLICATION, LSN bookkeeping, feedback.
//!
//! Plain functions over bytes and positions: nothing here opens a socket or reads a clock.

mod backoff;
mod identity;
mod occasion;
mod pace;
mod positions;
mod preflight;
mod quote;
mod receiver;
mod replay;
mod silence;

pub use backoff::Backoff;
pub use identity::{Identity, Lineage};
pub use occasion::{Occasion, Resume};
pub use pace::{Pace, Path};
pub use positions::{Positions, Report};
pub use preflight::{Finding, Preflight, Server, Slot};
pub use receiver::{Counters, Receiver, Taken};
pub use silence::{Patience, Silence};
