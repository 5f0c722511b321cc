//! From nothing to a running stream: connect, preflight, slot, START_REPLICATION.

use std::time::{Duration, Instant};

use super::log::Level;
use super::shared::Shared;
use super::stats::Counts;
use crate::error::{Error, Result, Status};
use crate::options::SlotCreate;
use crate::session::{AnySession, Session, StartupSettings};
use crate::stream::{Finding, Path, Preflight, Server};

/// A connection in COPY mode.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub session: AnySession,
    /// What carries it.
    pub path: Path,
    /// How often a status update must leave.
    pub rhythm: Duration,
}

/// Connects, checks the server and starts the stream.
pub async fn connect(shared: &Shared, deadline: Option<Instant>) -> Result<Connected> {
    let config = &shared.config;
    let log = |level, text: String| shared.logger.log(level, "connect", || text);
    log(Level::WAL_LOG_DEBUG, format!("connecting to {}", config.conninfo.redacted()));
    let settings = StartupSettings::default();
    let mut session = AnySession::connect(config.backend, &config.conninfo, &settings, deadline)
        .await
        .map_err(explain_refusal)?;
    shared.socket.store(session.fd(), std::sync::atomic::Ordering::Release);

    let version = session.server_version();
    for notice in session.take_notices() {
        log(Level::WAL_LOG_WARN, format!("the server says: {}", notice.message));
    }
    let preflight = Preflight::new(config, version)?;
    let server = preflight.server(&session.query(&preflight.server_query()).await?.rows)?;
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
    if !config.publications.is_empty() {
        preflight.publications(&session.query(&preflight.publication_query()).await?.rows, &server)?;
    }
    prepare_slot(shared, &mut session, &preflight, &server).await?;
    session.start_copy(&preflight.start_command()).await.map_err(|error| preflight.explain(error))?;
    log(Level::WAL_LOG_INFO, format!("streaming from slot {} of PostgreSQL {version}", config.slot));
    let path = if session.is_local() { Path::Unix } else { Path::Tcp };
    Ok(Connected { session, path, rhythm: rhythm(config.status_interval, &server) })
}

async fn prepare_slot(
    shared: &Shared,
    session: &mut AnySession,
    preflight: &Preflight<'_>,
    server: &Server,
) -> Result<()> {
    let rows = session.query(&preflight.slot_query()).await?.rows;
    let slot = match preflight.slot(&rows, server)? {
        Finding::Ready(slot) => slot,
        Finding::Create(command) => {
            return match session.query(&command).await {
                Ok(_) => Ok(()),
                // Somebody else made it since we looked: fine, if it is of the kind that is wanted.
                Err(error)
                    if error.sqlstate() == "42710" && shared.config.slot_create == SlotCreate::IfMissing =>
                {
                    let rows = session.query(&preflight.slot_query()).await?.rows;
                    preflight.slot(&rows, server).map(drop)
                }
                Err(error) => Err(preflight.explain(error)),
            };
        }
    };
    if shared.config.two_phase && !slot.two_phase {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
            format!(
                "slot {} is marked two_phase for good from here on: it will send prepared transactions at PREPARE TRANSACTION to every consumer",
                shared.config.slot
            )
        });
    }
    let start = shared.config.start_lsn;
    if start.0 != 0 && start < slot.confirmed_flush {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
            format!(
                "start_lsn {start} lies before the slot's confirmed position {}: the server starts there, and what lies between is not sent again",
                slot.confirmed_flush
            )
        });
    }
    Ok(())
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
