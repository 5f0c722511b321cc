//! From nothing to a running stream: connect, preflight, slot, START_REPLICATION.

use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::capture;
use super::creation::{Made, Making, create};
use super::log::Level;
use super::shared::Shared;
use super::stats::Counts;
use crate::error::{Error, Result, Status};
use crate::options::SlotCreate;
use crate::session::{NativeSession, Replication, Rows, Session, StartupSettings};
use crate::stream::{
    Finding, Path, Preflight, PublishedTable, Server, WalKept, Which, tables_query, validity, validity_query,
};

/// How long looking at the published tables may take.
const PREFLIGHT: Duration = Duration::from_secs(2);

/// How many tables without a usable replica identity are named.
const MOST_TABLES: u32 = 20;

/// A connection in COPY mode.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub session: NativeSession,
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
    let mut session =
        NativeSession::connect(&config.conninfo, &settings, deadline).await.map_err(explain_refusal)?;
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
    Box::pin(warn_of_identities(shared)).await;
    Box::pin(prepare_slot(shared, &mut session, &preflight, &server, deadline)).await?;
    let identity = match shared.capture.is_wanted() {
        true => session.query("IDENTIFY_SYSTEM").await?,
        false => Rows::default(),
    };
    if let Err(error) = session.start_copy(&preflight.start_command()).await {
        return Err(reason(shared, &mut session, preflight.explain(error)).await);
    }
    shared.capture.epoch(&capture::epoch(config, version, &identity))?;
    log(Level::WAL_LOG_INFO, format!("streaming from slot {} of PostgreSQL {version}", config.slot));
    let path = if session.is_local() { Path::Unix } else { Path::Tcp };
    Ok(Connected { session, path, rhythm: rhythm(config.status_interval, &server) })
}

async fn prepare_slot(
    shared: &Shared,
    session: &mut NativeSession,
    preflight: &Preflight<'_>,
    server: &Server,
    deadline: Option<Instant>,
) -> Result<()> {
    let rows = session.query(&preflight.slot_query()).await?.rows;
    let slot = match preflight.slot(&rows, server)? {
        Finding::Ready(slot) => slot,
        Finding::Create(command) => {
            return match make_slot(shared, session, &command, deadline).await {
                Ok(()) => Ok(()),
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
    if slot.kept == WalKept::WAL_SLOT_WAL_UNRESERVED {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
            format!(
                "the WAL of slot {} is not reserved any more: the next checkpoint may invalidate it",
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

/// Makes the slot; the consumer may give up meanwhile.
async fn make_slot(
    shared: &Shared,
    session: &mut NativeSession,
    command: &str,
    deadline: Option<Instant>,
) -> Result<()> {
    let config = &shared.config;
    let limit = Some(config.slot_create_timeout).filter(|limit| !limit.is_zero());
    let own = limit.and_then(|limit| Instant::now().checked_add(limit));
    let deadline = deadline.into_iter().chain(own).min();
    let running = shared.creation.begin(&config.slot);
    let making = Making { slot: &config.slot, command, deadline };
    let made = create(session, &config.conninfo, making, shared.creation.stopped()).await;
    if let Err(error) = &made {
        shared.creation.failed(error);
    }
    drop(running);
    match made? {
        Made::Yes(_) => session.query("RESET lock_timeout").await.map(drop),
        Made::Interrupted => Err(Error::new(Status::WAL_E_STATE, "nobody waits for the slot any more")),
    }
}

/// Tables whose updates or deletes will fail deserve a word before they do (P26), if anybody listens. What goes wrong here
/// is nobody's concern.
///
/// Never over the walsender's own session: looking at tables there fills its caches with their present definitions, and
/// it would decode older WAL with those (seen on 16 to 18).
async fn warn_of_identities(shared: &Shared) {
    let (config, logger) = (&shared.config, &shared.logger);
    if config.publications.is_empty() || !logger.listens(Level::WAL_LOG_WARN) {
        return;
    }
    let deadline = Instant::now() + PREFLIGHT;
    let look = async {
        let settings = StartupSettings { replication: Replication::Off, server_settings: Vec::new() };
        let mut session = NativeSession::connect(&config.conninfo, &settings, Some(deadline)).await?;
        let which = Which::Unusable(MOST_TABLES);
        let query = tables_query(session.server_version(), &config.publications, which);
        let found = session.query(&query).await?;
        let _ = session.say_goodbye();
        Ok::<_, Error>(found.rows)
    };
    match timeout_at(deadline.into(), look).await {
        Ok(Ok(rows)) => {
            for row in &rows {
                logger.log(Level::WAL_LOG_WARN, "preflight", || PublishedTable::read(row).warning());
            }
        }
        other => logger.log(Level::WAL_LOG_DEBUG, "preflight", || {
            format!("cannot look at the published tables: {:?}", other.map(|it| it.map(drop)))
        }),
    }
}

/// A slot may have been invalidated since it was looked at: the server says only that it cannot be used (P13).
async fn reason(shared: &Shared, session: &mut NativeSession, error: Error) -> Error {
    if error.sqlstate() != "55000" {
        return error;
    }
    let slot = &shared.config.slot;
    let query = validity_query(session.server_version(), slot);
    let found = session.query(&query).await.ok().and_then(|found| validity(slot, &found.rows));
    found.unwrap_or(error)
}

/// A slower rhythm than a third of the server's patience lets it end the connection (P3, P8).
fn rhythm(wanted: Duration, server: &Server) -> Duration {
    match server.wal_sender_timeout {
        0 => wanted,
        timeout => wanted.min(Duration::from_millis((timeout / 3).max(1))),
    }
}

/// A role without REPLICATION is refused with 42501 before anything can be asked.
pub(super) fn explain_refusal(error: Error) -> Error {
    match (error.status(), error.sqlstate()) {
        (Status::WAL_E_PRIVILEGE, "42501") => {
            error.with_hint("Give the role the right: ALTER ROLE … REPLICATION; (on managed services: grant it their replication role).")
        }
        _ => error,
    }
}
