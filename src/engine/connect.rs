//! From nothing to a running stream: connect, preflight, slot, START_REPLICATION.

use std::future::Future;
use std::time::{Duration, Instant};

use super::log::Level;
use super::shared::Shared;
use super::stats::Counts;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Config, SlotCreate};
use crate::session::{NativeSession, Session, StartupSettings};
use crate::stream::{Finding, Identity, Lineage, Occasion, Path, Preflight, Server};

/// How long a reconnect spends on one address, unless connect_timeout says otherwise.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection in COPY mode.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub session: NativeSession,
    /// What carries it.
    pub path: Path,
    /// How often a status update must leave.
    pub rhythm: Duration,
    /// Where the slot stood.
    pub slot: Lsn,
    /// Where streaming begins.
    pub start: Lsn,
    /// Which server it is.
    pub identity: Identity,
    /// Where its history left that of the server before, if it did.
    pub branch: Option<Lsn>,
}

/// Connects, checks the server and starts the stream, or goes on with it.
pub async fn connect(shared: &Shared, deadline: Option<Instant>, occasion: Occasion) -> Result<Connected> {
    let config = &shared.config;
    let log = |level, text: String| shared.logger.log(level, "connect", || text);
    log(Level::WAL_LOG_DEBUG, format!("connecting to {}", config.conninfo.redacted()));
    // Who calls wal_stream_connect says how long it may take; a reconnect must come to the next address by itself.
    let address_timeout = (occasion != Occasion::First).then_some(ADDRESS_TIMEOUT);
    let settings = StartupSettings { address_timeout, ..StartupSettings::default() };
    let mut session =
        NativeSession::connect(&config.conninfo, &settings, deadline).await.map_err(explain_refusal)?;
    shared.socket.store(session.fd(), std::sync::atomic::Ordering::Release);

    let version = session.server_version();
    for notice in session.take_notices() {
        log(Level::WAL_LOG_WARN, format!("the server says: {}", notice.message));
    }
    let preflight = Preflight::new(config, version, occasion)?;
    let server = preflight.server(&timely(config, session.query(&preflight.server_query())).await?.rows)?;
    Counts::set(&shared.counts.server_version, version.into());
    Counts::set(&shared.counts.backend_pid, server.backend_pid.into());
    if server.tcp_user_timeout != 0 {
        log(
            Level::WAL_LOG_WARN,
            format!(
                "tcp_user_timeout is {} ms on the server: it ends the connection of a consumer that pauses that long",
                server.tcp_user_timeout
            ),
        );
    }
    let (identity, branch) = identify(config, &mut session, occasion).await?;
    Counts::set(&shared.counts.timeline, identity.timeline.into());
    if !config.publications.is_empty() {
        preflight.publications(
            &timely(config, session.query(&preflight.publication_query())).await?.rows,
            &server,
        )?;
    }
    let slot = prepare_slot(shared, &mut session, &preflight, &server).await?;
    let start = preflight.start().max(slot);
    if occasion == Occasion::First {
        warn_of_start(shared, slot);
    }
    let started = timely(config, session.start_copy(&preflight.start_command())).await;
    started.map_err(|error| preflight.explain(error))?;
    log(Level::WAL_LOG_INFO, format!("streaming from slot {} of PostgreSQL {version}", config.slot));
    let path = if session.is_local() { Path::Unix } else { Path::Tcp };
    Ok(Connected {
        session,
        path,
        rhythm: rhythm(config.status_interval, &server),
        slot,
        start,
        identity,
        branch,
    })
}

/// Which server it is; and if it is not the one before, whether it has all that was told (P12).
async fn identify(
    config: &Config,
    session: &mut NativeSession,
    occasion: Occasion,
) -> Result<(Identity, Option<Lsn>)> {
    let identity = Identity::parse(&timely(config, session.query(Identity::QUERY)).await?.rows)?;
    let Occasion::Again(resume) = occasion else { return Ok((identity, None)) };
    if identity.after(resume.before)? == Lineage::Same {
        return Ok((identity, None));
    }
    let history = timely(config, session.query(&identity.history_query())).await?;
    let history = history.get(0, "content").unwrap_or_default();
    let branch = identity.branches_off(resume.before, history, resume.told)?;
    Ok((identity, Some(branch)))
}

/// Makes sure that the slot is there, and tells where it stands.
async fn prepare_slot(
    shared: &Shared,
    session: &mut NativeSession,
    preflight: &Preflight<'_>,
    server: &Server,
) -> Result<Lsn> {
    let rows = timely(&shared.config, session.query(&preflight.slot_query())).await?.rows;
    let slot = match preflight.slot(&rows, server)? {
        Finding::Ready(slot) => slot,
        Finding::Create(command) => return create_slot(shared, session, preflight, server, &command).await,
    };
    if shared.config.two_phase && !slot.two_phase {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
            format!(
                "slot {} is marked two_phase for good from here on: it will send prepared transactions at PREPARE TRANSACTION to every consumer",
                shared.config.slot
            )
        });
    }
    Ok(slot.confirmed_flush)
}

async fn create_slot(
    shared: &Shared,
    session: &mut NativeSession,
    preflight: &Preflight<'_>,
    server: &Server,
    command: &str,
) -> Result<Lsn> {
    match session.query(command).await {
        Ok(rows) => {
            let at = rows.get(0, "consistent_point").and_then(|text| text.parse().ok());
            at.ok_or_else(|| {
                Error::new(Status::WAL_E_PROTOCOL, "the server made a slot and did not say where it stands")
            })
        }
        // Somebody else made it since we looked: fine, if it is of the kind that is wanted.
        Err(error) if error.sqlstate() == "42710" && shared.config.slot_create == SlotCreate::IfMissing => {
            let rows = timely(&shared.config, session.query(&preflight.slot_query())).await?.rows;
            match preflight.slot(&rows, server)? {
                Finding::Ready(slot) => Ok(slot.confirmed_flush),
                Finding::Create(_) => Err(error),
            }
        }
        Err(error) => Err(preflight.explain(error)),
    }
}

fn warn_of_start(shared: &Shared, slot: Lsn) {
    let start = shared.config.start_lsn;
    if start.0 != 0 && start < slot {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
            format!(
                "start_lsn {start} lies before the slot's confirmed position {slot}: the server starts there, and what lies between is not sent again"
            )
        });
    }
}

/// A server that hangs must not hang the stream (P15). Making a slot has no such limit: it waits for transactions.
async fn timely<T>(config: &Config, command: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(limit) = config.receive_timeout else { return command.await };
    tokio::time::timeout(limit, command).await.unwrap_or_else(|_| {
        let message = format!("the server did not answer for {:.1} s", limit.as_secs_f64());
        Err(Error::new(Status::WAL_E_CONNECT_TIMEOUT, message)
            .with_hint("The network between is broken, or the server hangs: see option receive_timeout."))
    })
}

/// A slower rhythm than a third of the server's patience lets it end the connection (P3, P8).
fn rhythm(wanted: Duration, server: &Server) -> Duration {
    match server.wal_sender_timeout {
        0 => wanted,
        timeout => wanted.min(Duration::from_millis((timeout / 3).max(1))),
    }
}

/// A role without REPLICATION is refused with 42501 before anything can be asked.
fn explain_refusal(error: Error) -> Error {
    match (error.status(), error.sqlstate()) {
        (Status::WAL_E_PRIVILEGE, "42501") => {
            error.with_hint("Give the role the right: ALTER ROLE … REPLICATION; (on managed services: grant it their replication role).")
        }
        _ => error,
    }
}
