//! A snapshot on the engine thread: taken where the slot begins, held by a session of its own, and copied by others.
//!
//! It must never let the changes begin before all rows are out, nor depend on the walsender's connection for the snapshot
//! (P18).

mod filling;
mod job;
mod running;
mod take;
mod worker;

pub use running::Copying;
pub use take::{Asking, Taken};

use std::time::Duration;

use crate::error::{Error, Status};
use crate::session::StartupSettings;

/// How long one address may take that a session of a snapshot connects to.
const ADDRESS: Duration = Duration::from_secs(10);

/// What is asked of a session that holds or copies a snapshot.
fn settings() -> StartupSettings {
    StartupSettings { address_timeout: Some(ADDRESS), ..StartupSettings::beside() }
}

/// The snapshot is gone, for this reason. Only another one can take its place.
fn gone(why: &Error) -> Error {
    Error::new(Status::WAL_E_SNAPSHOT, "the snapshot is gone with the session that held it")
        .with_detail(why.message())
        .with_hint(
            "Start again with option snapshot_state set to the state of the last SNAPSHOT event: all rows are copied anew, behind a WAL_SNAPSHOT_RESTART.",
        )
}
