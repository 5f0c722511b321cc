//! The Rust API: what a Rust program sees of the crate, beside `capi` and on the same layers. It must never block the
//! program's runtime, and never show a name of the C API.

mod acker;
mod archive;
mod batch;
mod change;
mod connection;
#[cfg(any(feature = "chrono", feature = "jiff", feature = "uuid"))]
mod convert;
mod copy;
mod data_type;
#[cfg(feature = "serde")]
mod de;
mod decoder;
mod error;
mod event;
mod from_value;
#[cfg(feature = "futures")]
mod futures;
mod kind;
mod nested;
mod numeric;
mod options;
mod publication;
mod record;
mod relation;
mod renderer;
mod row;
mod rows;
mod slot;
mod snapshot;
mod stream;
mod value;

pub use acker::{Acker, Stats, Ticket};
pub use archive::{
    ArchiveEvent, ArchiveFault, ArchiveFaultKind, ArchiveStanding, Archiver, Interrupter, check_archive,
    fetch_archived,
};
pub use batch::{Batch, BatchEvents, IntoEvents};
pub use change::ChangeKind;
pub use connection::{Connection, DropSlot};
pub use copy::{CopyFormat, CopyOut, CopyRows};
pub use data_type::{TypeKind, TypeSource};
#[cfg(feature = "serde")]
pub use de::Maybe;
pub use decoder::Decoder;
pub use error::ErrorCode;
pub use event::{CustomType, Event, EventRef, Message, Origin, Reconnected, TimelineSwitch};
pub use from_value::{FromValue, Range};
#[cfg(feature = "futures")]
pub use futures::{Batches, Events};
pub use kind::EventKind;
pub use nested::{Claim, Dimension, Items, Nested, Shape};
pub use options::{LogLevel, Options};
pub use publication::{IdentityFault, NewPublication, Operation, Publication, PublishedTable};
pub use record::{PageCompression, WalBlock, WalFork, WalReader, WalRecord, WalRecordBatch, rmgr_name};
pub use renderer::{Rendered, Renderer};
pub use row::Row;
pub use slot::{Invalidation, NewSlot, Slot, SlotHealth, SlotKind, SlotSnapshot, WalStatus};
pub use snapshot::{SnapshotEvent, SnapshotProgress, SnapshotStage, SnapshotStep};
pub use stream::Stream;
pub use value::{Inet, Interval, Numeric, TimeTz, Value, ValueKind};

use crate::error::Result;

/// Over how many threads the streams that are connected from now on are spread; 1 is the default, and serves a thousand
/// streams well. The threads are the engine's own: they do all the I/O, and are no part of the program's runtime.
pub fn set_engine_threads(threads: usize) -> Result<()> {
    crate::engine::set_threads(threads)
}

/// The counters of every stream of this process in Prometheus's text format, version 0.0.4.
pub fn prometheus() -> Result<String> {
    crate::engine::prometheus()
}
