//! Events, values and relations as plain memory, and the bytes behind them.
//!
//! A batch is filled by one thread, sealed by handing it over, and from then on only read, by any thread, until it
//! is recycled. Nothing here decodes, waits or takes a lock but the pool.

mod arrays;
mod changes;
mod chunk;
mod data_type;
mod event;
pub mod flags;
mod pool;
mod provenance;
mod reconnect;
mod relation;
mod snapshot;
mod split;
mod timeline;
mod value;
mod view;

pub use arrays::{Arrays, Mark};
pub use changes::{Change, ChangeKind, between};
pub use chunk::Chunk;
pub use data_type::{Type, TypeKind, TypeRef, TypeSource};
pub use event::{Event, EventKind};
pub use pool::{Batch, Home, Pool};
pub use provenance::{Provenance, Telling};
pub use reconnect::ReconnectNumbers;
pub use relation::{Column, Relation, Serial};
pub use snapshot::{SnapshotMark, SnapshotStep};
pub use timeline::TimelineNumbers;
pub use value::{TRUNCATED_RELATION, Value, ValueKind};
pub use view::{EventView, RowView, ValueView};
