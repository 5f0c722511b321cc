//! From nothing to a running stream: connect, preflight, slot, START_REPLICATION.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::capture;
use super::creation::{Made, Making, create};
use super::log::Level;
use super::shared::Shared;
use super::stats::Counts;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Config, SlotCreate};
use crate::session::{AnySession, Replication, Session, StartupSettings};
use crate::stream::{
    Branch, DecodingMemory, Finding, Identity, Lineage, Occasion, Path, Preflight, PublishedTable, Server,
    WalKept, Which, tables_query, validity, validity_query,
};

/// How long a reconnect spends on one address, unless connect_timeout says otherwise.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long looking at the published tables may take.
const PREFLIGHT: Duration = Duration::from_secs(2);

/// How many tables without a usable replica identity are named.
const MOST_TABLES: u32 = 20;

/// A connection in COPY mode.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub session: AnySession,
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
    pub branch: Option<Branch>,
}

/// Connects, checks the server and starts the stream, or goes on with it.
pub async fn connect(shared: &Shared, deadline: Option<Instant>, occasion: Occasion) -> Result<Connected> {
    let config = &shared.config;
    let log = |level, text: String| shared.logger.log(level, "connect", || text);
    log(Level::WAL_LOG_DEBUG, format!("connecting to {}", config.conninfo.redacted()));
    // Who calls wal_stream_connect says how long it may take; a reconnect must come to the next address by itself.
    let address_timeout = (occasion != Occasion::First).then_some(ADDRESS_TIMEOUT);
    let settings = StartupSettings { address_timeout, ..StartupSettings::default() };
    let mut session = AnySession::connect(config.backend, &config.conninfo, &settings, deadline)
        .await
        .map_err(explain_refusal)?;
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
    let occasion = branch.map_or(occasion, |branch| occasion.branched(branch.at));
    let preflight = preflight.on(occasion);
    Counts::set(&shared.counts.timeline, identity.timeline.into());
    tune(shared, &mut session, &server).await?;
    if !config.publications.is_empty() {
        preflight.publications(
            &timely(config, session.query(&preflight.publication_query())).await?.rows,
            &server,
        )?;
    }
    if occasion == Occasion::First {
        Box::pin(warn_of_identities(shared)).await;
    }
    let slot = Box::pin(prepare_slot(shared, &mut session, &preflight, &server, deadline)).await?;
    let start = preflight.start().max(slot);
    if occasion == Occasion::First {
        warn_of_start(shared, slot);
    }
    if let Err(error) = timely(config, session.start_copy(&preflight.start_command())).await {
        return Err(reason(shared, &mut session, preflight.explain(error)).await);
    }
    shared.capture.epoch(&capture::epoch(config, version, identity, start, branch))?;
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

/// Which server it is; and if it is not the one before, whether it has all that was told, or need not (P12).
async fn identify(
    config: &Config,
    session: &mut AnySession,
    occasion: Occasion,
) -> Result<(Identity, Option<Branch>)> {
    let identity = Identity::parse(&timely(config, session.query(Identity::QUERY)).await?.rows)?;
    let Occasion::Again(resume) = occasion else { return Ok((identity, None)) };
    if identity.after(resume.before)? == Lineage::Same {
        return Ok((identity, None));
    }
    let history = timely(config, session.query(&identity.history_query())).await?;
    let history = history.get(0, "content").unwrap_or_default();
    let branch = identity.branches_off(resume.before, history, resume.told, config.failover_policy)?;
    Ok((identity, Some(branch)))
}

/// Sets the walsender's memory where it is ours to choose. Not through start-up `options`: what the role, the database
/// and the server's configuration say is known only here, and would be overruled there.
async fn tune(shared: &Shared, session: &mut AnySession, server: &Server) -> Result<()> {
    let found = server.memory;
    let mut kib = found.kib;
    if let Some(chosen) = found.choose(&shared.config) {
        match timely(&shared.config, session.query(&DecodingMemory::command(chosen))).await {
            Ok(_) => kib = chosen,
            // Anybody may set it on a PostgreSQL as it is published; one that refuses streams all the same.
            Err(error) if !error.sqlstate().is_empty() => {
                shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
                    format!("logical_decoding_work_mem stays at {} kB: {}", found.kib, error.message())
                });
            }
            Err(error) => return Err(error),
        }
    }
    Counts::set(&shared.counts.server_work_mem_kb, kib);
    Ok(())
}

/// Makes sure that the slot is there, and tells where it stands.
async fn prepare_slot(
    shared: &Shared,
    session: &mut AnySession,
    preflight: &Preflight<'_>,
    server: &Server,
    deadline: Option<Instant>,
) -> Result<Lsn> {
    let rows = timely(&shared.config, session.query(&preflight.slot_query())).await?.rows;
    let slot = match preflight.slot(&rows, server)? {
        Finding::Ready(slot) => slot,
        Finding::Create(command) => {
            return match make_slot(shared, session, &command, deadline).await {
                // Somebody else made it since we looked: fine, if it is of the kind that is wanted.
                Err(error)
                    if error.sqlstate() == "42710" && shared.config.slot_create == SlotCreate::IfMissing =>
                {
                    let rows = timely(&shared.config, session.query(&preflight.slot_query())).await?.rows;
                    match preflight.slot(&rows, server)? {
                        Finding::Ready(slot) => Ok(slot.confirmed_flush),
                        Finding::Create(_) => Err(error),
                    }
                }
                Err(error) => Err(preflight.explain(error)),
                made => made,
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
    Ok(slot.confirmed_flush)
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

/// Makes the slot; the consumer may give up meanwhile.
async fn make_slot(
    shared: &Shared,
    session: &mut AnySession,
    command: &str,
    deadline: Option<Instant>,
) -> Result<Lsn> {
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
        Made::Yes(rows) => {
            timely(config, session.query("RESET lock_timeout")).await?;
            let at = rows.get(0, "consistent_point").and_then(|text| text.parse().ok());
            at.ok_or_else(|| {
                Error::new(Status::WAL_E_PROTOCOL, "the server made a slot and did not say where it stands")
            })
        }
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
        let settings = StartupSettings {
            replication: Replication::Off,
            server_settings: Vec::new(),
            ..StartupSettings::default()
        };
        let mut session =
            AnySession::connect(config.backend, &config.conninfo, &settings, Some(deadline)).await?;
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
async fn reason(shared: &Shared, session: &mut AnySession, error: Error) -> Error {
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

/// A role without REPLICATION is refused with 42501 before anything can be asked; so is one that may not CONNECT, whose
/// advice names that.
pub(super) fn explain_refusal(error: Error) -> Error {
    match (error.status(), error.sqlstate()) {
        (Status::WAL_E_PRIVILEGE, "42501") if !error.hint().contains("GRANT CONNECT") => {
            error.with_hint("Give the role the right: ALTER ROLE … REPLICATION; (on managed services: grant it their replication role).")
        }
        _ => error,
    }
}
