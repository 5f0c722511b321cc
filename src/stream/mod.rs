//! What replication asks of a client beyond decoding: preflight, START_REPLICATION, LSN bookkeeping, feedback.
//!
//! Plain functions over bytes and positions: nothing here opens a socket or reads a clock.

mod advice;
mod assembled;
mod backoff;
mod continuation;
mod ending;
mod feedback;
mod health;
mod ledger;
mod outstanding;
mod pace;
mod positions;
mod preflight;
mod publications;
mod receiver;
#[cfg(test)]
mod resuming;
mod silence;
pub mod slot_commands;
mod slot_row;
mod sql;
mod synchronous;
mod tuning;

pub use advice::advice;
pub use assembled::{Delivered, assemble_options};
pub use backoff::Backoff;
pub use continuation::{
    Branch, Come, Doubt, Identity, Lineage, Loss, Parting, Purpose, Restart, Resume, Role,
};
pub use feedback::{Feedback, ToldProgress, Update, report_interval};
pub use health::{Concern, Health, health_query};
pub use ledger::{Begun, Ledger};
pub use outstanding::Outstanding;
pub use pace::{Pace, Path};
pub use positions::{Positions, Report};
pub use preflight::{Finding, Preflight, STARTED, Server, Slot, Standby};
pub use publications::{
    Publication, PublishedTable, ReplicaIdentity, Which, create_publication, drop_publication,
    explain_publication, publication_flag, publications_query, tables_query,
};
pub use receiver::{Counters, Receiver, Taken};
pub use silence::{Patience, Silence, Tolerance};
pub use slot_row::{
    Invalidation, SlotKind, SlotRow, WalKept, slot_flag, slots_query, validity, validity_query,
};
pub use sql::{EQ, NE, is_one_of, quote_identifier, quote_literal};
pub use synchronous::is_synchronous;
pub use tuning::{DecodingMemory, Source};
