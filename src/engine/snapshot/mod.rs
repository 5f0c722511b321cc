//! A snapshot on the engine thread: taken where the slot begins, held by a session of its own, and copied by others.
//!
//! It must never let the changes begin before all rows are out, nor depend on the walsender's connection for the snapshot
//! (P18).

mod filling;
mod job;
mod kept;
mod running;
mod take;
mod worker;

pub use kept::{Kept, Sockets};
pub use running::Copying;
pub use take::{Asking, Taken, discard, nobody_waits};

use std::time::{Duration, Instant};

use super::connect::{timely, within};
use super::shared::Shared;
use crate::error::{Error, Result, Status};
use crate::session::{AnySession, Rows, Session, StartupSettings};
use crate::snapshot::{Plan, begin};
use crate::stream::STARTED;

/// How long one address may take that a session of a snapshot connects to.
const ADDRESS: Duration = Duration::from_secs(10);

/// What is asked of a session that holds or copies a snapshot.
fn settings() -> StartupSettings {
    StartupSettings { address_timeout: Some(ADDRESS), ..StartupSettings::beside() }
}

/// How long a session waits for locks that another one of the snapshot has: longer only where a third one waits for that other
/// one, which it does in vain.
const SHARED: Duration = Duration::from_secs(2);

/// A session that sees what the holder sees, and has its locks: once somebody waits for one of them, nobody who comes later
/// would get it before the snapshot has ended.
async fn join(
    shared: &Shared,
    started: u64,
    lent: &str,
    plan: &Plan,
    deadline: Option<Instant>,
) -> Result<Kept> {
    let config = &shared.config;
    let mut session = open(shared, started, deadline).await?;
    let version = session.server_version();
    let patience = u64::try_from(SHARED.as_millis()).unwrap_or(0);
    match timely(config, session.query(&begin(version, lent, patience))).await {
        Ok(_) => {}
        // Nobody exports it any more.
        Err(error) if matches!(error.sqlstate(), "22023" | "42704" | "55000") => return Err(gone(&error)),
        Err(error) => return Err(error),
    }
    if let Some(lock) = plan.lock() {
        // Not before the server says that the lock was not to be had.
        let limit = config.receive_timeout.map(|limit| limit.saturating_add(SHARED));
        let locked = within(limit, session.query(&format!("{lock}; SET LOCAL lock_timeout = 0"))).await;
        locked.map_err(|error| if error.sqlstate() == "55P03" { waited_for() } else { error })?;
    }
    Ok(session)
}

/// How often another server than the stream's may answer. Several hosts, or several addresses of a name, may come in any order.
const ELSEWHERE: usize = 8;

/// A session at the server that was started then.
async fn open(shared: &Shared, started: u64, deadline: Option<Instant>) -> Result<Kept> {
    let (config, settings) = (&shared.config, settings());
    for _ in 0..ELSEWHERE {
        let session = AnySession::connect(config.backend, &config.conninfo, &settings, deadline).await?;
        let mut session = Kept::new(session, &shared.snapshot_sockets);
        if is_of(started, &timely(config, session.query(&asks_when_started())).await?) {
            return Ok(session);
        }
        session.leave();
    }
    Err(elsewhere())
}

/// When a server was started, which no two servers of a name have in common.
fn asks_when_started() -> String {
    format!("SELECT {STARTED}")
}

fn is_of(started: u64, answer: &Rows) -> bool {
    let text = answer.rows.first().and_then(|row| row.first()?.as_deref());
    text.and_then(|text| text.parse().ok()) == Some(started)
}

fn elsewhere() -> Error {
    Error::new(
        Status::WAL_E_SNAPSHOT,
        "a session of the snapshot reached another server than the stream did, or one that was started again",
    )
    .with_hint(
        "All sessions of a snapshot must reach one server: name one host, or its address with hostaddr.",
    )
    .with_retriable(true)
}

/// Somebody came between two sessions of a snapshot.
fn waited_for() -> Error {
    Error::new(
        Status::WAL_E_SNAPSHOT,
        "a table of the snapshot is about to be changed: another transaction waits for it to be free",
    )
    .with_hint("Let the DDL or TRUNCATE go first, and connect again: the slot that was made is dropped, and nothing was delivered.")
    .with_retriable(true)
}

/// The snapshot is gone, for this reason. Only another one can take its place.
fn gone(why: &Error) -> Error {
    Error::new(Status::WAL_E_SNAPSHOT, "the snapshot is gone with the session that held it")
        .with_detail(why.message())
        .with_hint(
            "Start again with option snapshot_state set to the state of the last SNAPSHOT event: all rows are copied anew, behind a WAL_SNAPSHOT_RESTART.",
        )
}
