//! From nothing to a running stream: connect, preflight, slot, START_REPLICATION.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::beside::Beside;
use super::creation::{Made, Making, create};
use super::log::Level;
use super::shared::Shared;
use super::snapshot;
use crate::conninfo::nearest_name;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Config, FailoverPolicy, SlotCreate, Streaming, TwoPhase};
use crate::position::Position;
use crate::session::{AnySession, Session, StartupSettings};
use crate::statistics::Counts;
use crate::stream::{
    Branch, Come, DecodingMemory, Finding, Identity, Lineage, Parting, Path, Preflight, PublishedTable,
    Purpose, Resume, Role, Server, Slot, Standby, WalKept, Which, advice, report_interval, tables_query,
    validity, validity_query,
};

/// How long a reconnect spends on one address, unless connect_timeout says otherwise.
pub(super) const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// What would end the walsender, or refuse what it is asked, if a role or a database had it otherwise: every version
/// that this library meets knows these. A standby knows no serializable transactions.
pub(super) const LASTING: [(&str, &str); 4] = [
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_isolation", "read committed"),
];

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
    pub report_interval: Duration,
    /// What it is to the server's commits.
    pub standby: Standby,
    /// Where the slot stood.
    pub slot: Lsn,
    /// Where streaming begins.
    pub start: Lsn,
    /// Which server it is.
    pub identity: Identity,
    /// Where its history left that of the server before, if it did.
    pub branch: Option<Branch>,
    /// Whether the program wanted to start before the slot's position.
    pub late: bool,
    /// The snapshot that was taken where the slot begins.
    pub snapshot: Option<Box<snapshot::Taken>>,
}

/// Connects, checks the server and starts the stream, or goes on with it.
pub async fn connect(shared: &Shared, deadline: Option<Instant>, purpose: Purpose) -> Result<Connected> {
    let whole;
    let config: &Config = match shared.unstreamed.load(std::sync::atomic::Ordering::Acquire) {
        true => {
            whole = Config { streaming: Streaming::Off, ..shared.config.clone() };
            &whole
        }
        false => &shared.config,
    };
    let log = |level, text: String| shared.logger.log(level, "connect", || text);
    log(Level::WAL_LOG_DEBUG, format!("connecting to {}", config.conninfo.redacted()));
    // Who calls wal_stream_connect says how long it may take; a reconnect must come to the next address by itself.
    let address_timeout = (purpose != Purpose::First).then_some(ADDRESS_TIMEOUT);
    let server_settings = LASTING.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let settings = StartupSettings { server_settings, address_timeout, ..StartupSettings::default() };
    let mut session = AnySession::connect(config.backend, &config.conninfo, &settings, deadline)
        .await
        .map_err(explain_refusal)?;
    shared.socket.store(session.fd(), std::sync::atomic::Ordering::Release);

    let version = session.server_version();
    pass_on(shared, &mut session);
    if purpose == Purpose::First {
        warn_of_units(shared);
    }
    let preflight = Preflight::new(config, version, purpose)?;
    timely(config, session.query(&preflight.lasting_query())).await?;
    let identity = Identity::parse(&timely(config, session.query(Identity::QUERY)).await?.rows)?;
    let before = match purpose {
        Purpose::Again(resume) => Some(resume.before),
        Purpose::First => config.resume_after.as_ref().map(Identity::of_position),
    };
    before.map_or(Ok(()), |before| identity.belongs_with(before))?;
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
    let identity = identity.known(server.role, server.started);
    let branch = part(shared, &mut session, identity, purpose).await?;
    let purpose = branch.map_or(purpose, |branch| purpose.branched(branch.at));
    let preflight = preflight.on(purpose);
    let mut identity = identity;
    if preflight.reaches(&identity, None).is_err() && server.role == Role::Primary {
        // IDENTIFY_SYSTEM tells what is flushed, and a program may have asked where the server writes.
        identity.end = written(&timely(config, session.query(WRITTEN)).await?.rows).max(identity.end);
    }
    preflight.reaches(&identity, None)?;
    Counts::set(&shared.counts.timeline, identity.timeline.into());
    tune(shared, config, &mut session, &server).await?;
    if !config.publications.is_empty() {
        preflight.publications(
            &timely(config, session.query(&preflight.publication_query())).await?.rows,
            &server,
        )?;
    }
    if purpose == Purpose::First {
        warn_of_waiting(shared, &server);
        if config.messages && matches!(config.streaming, Streaming::On | Streaming::Parallel) {
            log(
                Level::WAL_LOG_WARN,
                "with streaming and messages both on, a logical message that was rolled back with a savepoint cannot be told from one that was committed, where nothing else was changed before it in the savepoint: see option streaming".to_owned(),
            );
        }
        Box::pin(warn_of_tables(shared)).await;
    }
    let asking = snapshot::Asking { shared, preflight: &preflight, server: &server, identity: &identity };
    let (slot, taken) = if purpose == Purpose::First && config.wants_snapshot() {
        Box::pin(asking.prepare(&mut session, deadline)).await?
    } else {
        (Box::pin(prepare_slot(shared, &mut session, &preflight, &server, deadline)).await?, None)
    };
    let start = preflight.start().max(slot);
    let late = match &taken {
        None => begin(&asking, config, &mut session, slot).await?,
        Some(_) => {
            // A slot without its rows would be in the way of the next attempt.
            let begun = tokio::select! {
                begun = begin(&asking, config, &mut session, slot) => begun,
                () = shared.creation.stopped() => {
                    session.abandon();
                    Err(snapshot::nobody_waits())
                }
            };
            if let Err(error) = &begun {
                Box::pin(asking.undo(&mut session, slot)).await;
                shared.creation.failed(error);
            }
            begun?
        }
    };
    let snapshot = taken.map(|(taken, _)| taken);
    pass_on(shared, &mut session);
    log(Level::WAL_LOG_INFO, format!("streaming from slot {} of PostgreSQL {version}", config.slot));
    let path = if session.is_local() { Path::Unix } else { Path::Tcp };
    Ok(Connected {
        session,
        path,
        report_interval: report_interval(config.status_interval, server.wal_sender_timeout),
        standby: server.standby,
        slot,
        start,
        identity,
        branch,
        late,
        snapshot,
    })
}

/// Has the slot stream, and tells whether the program wanted to start before it.
async fn begin(
    asking: &snapshot::Asking<'_>,
    config: &Config,
    session: &mut AnySession,
    slot: Lsn,
) -> Result<bool> {
    let snapshot::Asking { shared, preflight, server, identity } = *asking;
    if preflight.reaches(identity, Some(slot)).is_err() {
        // Whoever had the slot before may have moved it on since the server was asked.
        let again = Identity::parse(&timely(config, session.query(Identity::QUERY)).await?.rows)?;
        preflight.reaches(&again.known(server.role, server.started), Some(slot))?;
    }
    let late = preflight.starts_late(Some(slot))?;
    if late {
        warn_of_start(shared, slot);
    }
    Counts::set(&shared.counts.confirmed_lsn, slot.0);
    match timely(config, session.start_copy(&preflight.start_command())).await {
        Ok(_) => Ok(late),
        Err(error) => Err(reason(shared, session, preflight.explain(error)).await),
    }
}

/// The server's notices and warnings go to the log, with all that they explain.
pub(super) fn pass_on(shared: &Shared, session: &mut AnySession) {
    for notice in session.take_notices() {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || format!("the server says: {}", notice.told()));
    }
}

/// Milliseconds are a small unit for who thinks of seconds.
pub(super) fn warn_of_units(shared: &Shared) {
    for (name, value) in &shared.config.without_unit {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
            format!("option {name} is {value} milliseconds: its value has no unit (ms, s, min, h)")
        });
    }
}

/// Asks a primary where it writes.
pub(super) const WRITTEN: &str = "SELECT pg_catalog.pg_current_wal_insert_lsn()";

pub(super) fn written(rows: &[Vec<Option<String>>]) -> Lsn {
    let cell = rows.first().and_then(|row| row.first()?.as_deref());
    cell.and_then(|cell| cell.parse().ok()).unwrap_or_default()
}

/// Where the server's history left that of the server before: whether it has all that was delivered, or need not (P12).
async fn part(
    shared: &Shared,
    session: &mut AnySession,
    identity: Identity,
    purpose: Purpose,
) -> Result<Option<Branch>> {
    let Resume { before, acked, confirmed, delivered } = match (purpose, shared.config.resume_after) {
        (Purpose::Again(resume), _) => resume,
        (Purpose::First, Some(position)) => {
            return after_position(shared, session, identity, &position).await.map(|()| None);
        }
        (Purpose::First, None) => return Ok(None),
    };
    let warn = |text: String| shared.logger.log(Level::WAL_LOG_WARN, "reconnect", || text);
    if identity.after(before)? == Lineage::Same {
        let moved = before.role == Role::Standby && identity.role == Role::Primary;
        if moved && identity.started != before.started {
            warn(format!(
                "the stream came from a standby, and goes on at a primary of the same timeline {}: if that standby was promoted meanwhile, what it sent since may be lost there",
                identity.timeline
            ));
        }
        return Ok(None);
    }
    let config = &shared.config;
    let history = history(config, session, identity).await?;
    let come = Come { delivered, confirmed: acked.max(confirmed) };
    let Parting { branch, doubt } = identity.branches_off(before, &history, come, config.failover_policy)?;
    if let Some(doubt) = doubt {
        warn(doubt.to_string());
    }
    Ok(branch)
}

/// Whether the server's history has all that a program has from an earlier life. What it has beyond nobody here can undo,
/// whatever the policy says.
async fn after_position(
    shared: &Shared,
    session: &mut AnySession,
    identity: Identity,
    position: &Position,
) -> Result<()> {
    let before = Identity::of_position(position);
    if identity.after(before)? == Lineage::Same {
        return Ok(());
    }
    let history = history(&shared.config, session, identity).await?;
    let come = Come { delivered: position.reach(), confirmed: position.start() };
    let hint = "Undo what was stored beyond that switchpoint, and resume after a position that ends there. Or copy the tables again.";
    match identity.branches_off(before, &history, come, FailoverPolicy::Fail) {
        Ok(_) => Ok(()),
        Err(error) if error.status() == Status::WAL_E_DELIVERED_BEYOND => Err(error.with_hint(hint)),
        Err(error) => Err(error),
    }
}

async fn history(config: &Config, session: &mut AnySession, identity: Identity) -> Result<String> {
    let history = timely(config, session.query(&identity.history_query())).await?;
    Ok(history.get(0, "content").unwrap_or_default().to_owned())
}

/// Sets the walsender's memory where it is ours to choose. Not through start-up `options`: what the role, the database
/// and the server's configuration say is known only here, and would be overruled there.
async fn tune(shared: &Shared, config: &Config, session: &mut AnySession, server: &Server) -> Result<()> {
    let found = server.memory;
    let mut kib = found.kib;
    if let Some(chosen) = found.choose(config) {
        match timely(config, session.query(&DecodingMemory::command(chosen))).await {
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
    let found = match preflight.slot(&rows, server) {
        Err(error) if error.status() == Status::WAL_E_SLOT_MISSING => {
            return Err(with_nearest_slot(shared, session, error).await);
        }
        found => found?,
    };
    let slot = match found {
        Finding::Ready(slot) => slot,
        Finding::Create(command) => {
            preflight.starts_late(None)?;
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
    Ok(found_slot(shared, slot))
}

/// Where a slot stands that is there, with what is to be said of it.
pub(super) fn found_slot(shared: &Shared, slot: Slot) -> Lsn {
    if shared.config.two_phase != TwoPhase::Off && !slot.two_phase {
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
    slot.confirmed_flush
}

/// Names the slot that may have been meant.
pub(super) async fn with_nearest_slot(shared: &Shared, session: &mut AnySession, error: Error) -> Error {
    let config = &shared.config;
    let names = timely(config, session.query(&Preflight::slot_names_query())).await.unwrap_or_default();
    let names = names.rows.iter().filter_map(|row| row.first()?.as_deref());
    let Some(near) = nearest_name(&config.slot, names) else { return error };
    let hint = format!("Did you mean \"{near}\"? Else: {}", error.hint());
    error.with_hint(hint)
}

fn warn_of_start(shared: &Shared, slot: Lsn) {
    Counts::add(&shared.counts.late_starts, 1);
    shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
        format!(
            "start_lsn {} lies before the slot's confirmed position {slot}: the server starts there, and what lies between is not sent again",
            shared.config.start_lsn
        )
    });
}

/// A server that hangs must not hang the stream (P15). Making a slot has no such limit: it waits for transactions.
pub(super) async fn timely<T>(config: &Config, command: impl Future<Output = Result<T>>) -> Result<T> {
    within(config.receive_timeout, command).await
}

/// The same with a limit of its own; none waits for ever.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    command: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(limit) = limit else { return command.await };
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

fn warn_of_waiting(shared: &Shared, server: &Server) {
    if server.standby == Standby::Synchronous {
        shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
            "the server counts this stream among its synchronous standbys (synchronous_standby_names): commits there may wait until the program has acknowledged them. Name only standbys in that setting, or give the stream another application_name".to_owned()
        });
    }
}

/// Tables whose updates or deletes will fail deserve a word before they do (P26), and so does what else is not as it was
/// likely meant, if anybody listens. What goes wrong here is nobody's concern.
///
/// Never over the walsender's own session: looking at tables there fills its caches with their present definitions, and
/// it would decode older WAL with those (seen on 16 to 18).
async fn warn_of_tables(shared: &Shared) {
    let (config, logger) = (&shared.config, &shared.logger);
    if config.publications.is_empty() || !logger.listens(Level::WAL_LOG_WARN) {
        return;
    }
    let deadline = Instant::now() + PREFLIGHT;
    let look = async {
        let mut session = Beside::open(config.backend, &config.conninfo, deadline).await?;
        let which = Which::Unusable(MOST_TABLES);
        let found = session.ask(&tables_query(session.version(), &config.publications, which)).await?;
        let mut said: Vec<String> =
            found.rows.iter().map(|row| PublishedTable::read(row).warning()).collect();
        for (question, say) in advice(session.version(), config, MOST_TABLES) {
            said.extend(session.ask(&question).await?.rows.iter().map(|row| say(row)));
        }
        session.close();
        Ok::<_, Error>(said)
    };
    match timeout_at(deadline.into(), look).await {
        Ok(Ok(said)) => {
            said.into_iter().for_each(|text| logger.log(Level::WAL_LOG_WARN, "preflight", || text));
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
