//! Taking a snapshot: which of slot, snapshot and state goes with what, the slot that exports it, the session that takes it
//! over, the locks, and the plan.
//!
//! It must never leave a slot behind whose snapshot nobody has: the next attempt would find a slot without rows.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout_at};

use super::super::beside::Beside;
use super::super::connect::{self, found_slot, timely};
use super::super::connection::embedding;
use super::super::creation::{Made, Making, Running, create, until};
use super::super::log::Level;
use super::super::shared::Shared;
use super::{Kept, SHARED, asks_when_started, elsewhere, is_of, join, open, waited_for};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{SlotCreate, TwoPhase};
use crate::session::{AnySession, Rows, Session};
use crate::snapshot::{self, Extent, Plan, Questions, SnapshotState, begin, definitions};
use crate::stream::slot_commands::{InUse, drop_slot};
use crate::stream::{EQ, Finding, Identity, Preflight, Server, Slot, quote_identifier, quote_literal};

/// How long comparing may take where the caller sets no limit: there may be thousands of tables.
const COMPARING: Duration = Duration::from_secs(60);

/// Between two attempts to drop a slot that is in use still.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection knows that takes a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The stream.
    pub shared: &'a Shared,
    /// The questions of the stream.
    pub preflight: &'a Preflight<'a>,
    /// What the server said of itself.
    pub server: &'a Server,
    /// Which server it is.
    pub identity: &'a Identity,
}

/// A snapshot that was taken, with what is to be copied of it.
#[derive(Debug)]
pub struct Taken {
    /// The session that holds it, and its locks.
    pub(super) holder: Kept,
    /// Those that copy, each with the same locks.
    pub(super) workers: Vec<Kept>,
    /// The name by which others take it over.
    pub(super) lent: String,
    pub(super) plan: Plan,
    /// The size of a block of the server's disk.
    pub(super) block: u64,
    pub(super) consistent: Lsn,
    pub(super) system: u64,
    /// When the server was started.
    pub(super) started: u64,
    /// An earlier life of the program has rows of another one.
    pub(super) restarts: bool,
}

/// What is done with the slot.
enum Way {
    /// It is there, and the program has all rows.
    GoOn(Slot),
    /// It is made with this command.
    Make {
        command: String,
        /// In the place of one that is of no use any more.
        instead: bool,
        restarts: bool,
    },
}

impl Taken {
    /// The position that the rows are of.
    pub fn consistent(&self) -> Lsn {
        self.consistent
    }

    /// The definitions of its tables, as messages.
    pub fn definitions(&self) -> Vec<Vec<u8>> {
        self.plan.tables.iter().flat_map(definitions).collect()
    }
}

impl<'a> Asking<'a> {
    /// Makes sure that the slot is there, and tells where it stands, with the snapshot that is to come first.
    pub async fn prepare(
        self,
        session: &mut AnySession,
        deadline: Option<Instant>,
    ) -> Result<(Lsn, Option<(Box<Taken>, Running<'a>)>)> {
        let config = &self.shared.config;
        let state = config.snapshot_state.as_deref().map(SnapshotState::from_bytes).transpose()?;
        if let Some(state) = state.filter(|state| state.system != self.identity.system) {
            return Err(Error::new(
                Status::WAL_E_SYSTEM_MISMATCH,
                format!(
                    "snapshot_state is of the system {}, and the server is {}",
                    state.system, self.identity.system
                ),
            )
            .with_hint(
                "Connect to the server that the rows came from; or leave the state out, and drop those rows.",
            ));
        }
        let rows = timely(config, session.query(&self.preflight.slot_query())).await?.rows;
        let found = match self.preflight.slot(&rows, self.server) {
            Err(error) if error.status() == Status::WAL_E_SLOT_MISSING => {
                return Err(connect::with_nearest_slot(self.shared, session, error).await);
            }
            found => found?,
        };
        match self.way(found, state)? {
            Way::GoOn(slot) => Ok((found_slot(self.shared, slot), None)),
            Way::Make { command, instead, restarts } => {
                self.refuse(session).await?;
                if instead {
                    timely(config, session.query(&drop_slot(&config.slot, InUse::Refuse)?)).await?;
                }
                let (taken, running) = self.make(session, &command, restarts, deadline).await?;
                Ok((taken.consistent, Some((Box::new(taken), running))))
            }
        }
    }

    /// The table of docs/snapshots.md.
    fn way(&self, found: Finding, state: Option<SnapshotState>) -> Result<Way> {
        let name = &self.shared.config.slot;
        let refuse = |text: String, hint: &str| Err(Error::new(Status::WAL_E_SNAPSHOT, text).with_hint(hint));
        match (found, state.map(|state| (state.extent, state))) {
            (Finding::Create(command), None) => Ok(Way::Make { command, instead: false, restarts: false }),
            (Finding::Create(command), Some((Extent::Begun, _))) => {
                Ok(Way::Make { command, instead: false, restarts: true })
            }
            (Finding::Create(_), Some((Extent::Complete, _))) => Err(Error::new(
                Status::WAL_E_GAP,
                format!("replication slot \"{name}\" does not exist, and snapshot_state is of a whole snapshot: what was changed since is not sent any more"),
            )
            .with_hint("Drop the rows, and leave snapshot_state out to copy them again.")),
            (Finding::Ready(slot), Some((Extent::Complete, state))) if slot.confirmed_flush >= state.consistent => {
                Ok(Way::GoOn(slot))
            }
            (Finding::Ready(slot), Some((Extent::Begun, state)))
                if slot.confirmed_flush == state.consistent
                    && self.shared.config.slot_create == SlotCreate::Never =>
            {
                refuse(
                    format!("the snapshot of snapshot_state is not whole, and slot_create=never does not let replication slot \"{name}\" be made anew"),
                    "Set slot_create to \"if_missing\": all rows are copied again, behind a WAL_SNAPSHOT_RESTART.",
                )
            }
            (Finding::Ready(slot), Some((Extent::Begun, state))) if slot.confirmed_flush == state.consistent => {
                match self.preflight.slot(&[], self.server)? {
                    Finding::Create(command) => Ok(Way::Make { command, instead: true, restarts: true }),
                    Finding::Ready(slot) => Ok(Way::GoOn(slot)),
                }
            }
            (Finding::Ready(slot), Some((_, state))) => refuse(
                format!(
                    "replication slot \"{name}\" stands at {}, and the snapshot of snapshot_state was taken at {}",
                    slot.confirmed_flush, state.consistent
                ),
                "The slot is another one, or was moved on. Drop the rows and the slot, and leave snapshot_state out to copy them again.",
            ),
            (Finding::Ready(_), None) => refuse(
                format!("replication slot \"{name}\" exists, and nothing says whether the program has the rows that were there before it"),
                "If it has them, go on: give resume_after or snapshot_state as the program stored it, or set snapshot to \"none\". If not, drop the slot and whatever rows came, and connect again.",
            ),
        }
    }

    /// What is known before anything is made.
    async fn refuse(&self, session: &mut AnySession) -> Result<()> {
        let config = &self.shared.config;
        // Such a character may have a backslash in it, as no text of COPY is read.
        if let Some(encoding) =
            session.parameter("client_encoding").and_then(|name| embedding(Some(name), ""))
            && !config.binary
        {
            return Err(Error::new(
                Status::WAL_E_BAD_OPTION,
                format!("rows of a snapshot are not read as text in the encoding {encoding}"),
            )
            .with_hint(
                "Leave client_encoding out of the connection string, for UTF8; or set binary to \"on\".",
            ));
        }
        if config.two_phase != TwoPhase::Off {
            return Err(Error::new(
                Status::WAL_E_BAD_OPTION,
                "a snapshot is not taken with two_phase: transactions that are prepared meanwhile would be neither in the rows nor in the changes",
            )
            .with_hint("Take the snapshot with two_phase=off. Then connect with two_phase, and with the position or the state that the program stored."));
        }
        let Some(stop) = config.stop_lsn else { return Ok(()) };
        let end = match self.identity.role {
            crate::stream::Role::Primary => {
                connect::written(&timely(config, session.query(connect::WRITTEN)).await?.rows)
            }
            crate::stream::Role::Standby => self.identity.end,
        };
        if stop <= end { Err(stops_before(stop, end)) } else { Ok(()) }
    }

    /// Makes the slot and takes its snapshot; the consumer may give up meanwhile, and until what it gives is dropped.
    async fn make(
        &self,
        session: &mut AnySession,
        command: &str,
        restarts: bool,
        deadline: Option<Instant>,
    ) -> Result<(Taken, Running<'a>)> {
        let Shared { config, creation, .. } = self.shared;
        let own = Some(config.slot_create_timeout).filter(|limit| !limit.is_zero());
        let own = own.and_then(|limit| Instant::now().checked_add(limit));
        let deadline = deadline.into_iter().chain(own).min();
        let running = creation.begin(&config.slot);
        let making = Making { slot: &config.slot, command, deadline };
        let made = Box::pin(create(session, &config.conninfo, making, creation.stopped())).await;
        let outcome = match made {
            Ok(Made::Yes(rows)) => {
                let taken = tokio::select! {
                    taken = Box::pin(self.take(&rows, restarts, deadline)) => taken,
                    () = creation.stopped() => Err(nobody_waits()),
                };
                let ready = match taken {
                    Ok(taken) => timely(config, session.query("RESET lock_timeout")).await.map(|_| taken),
                    Err(error) => Err(error),
                };
                if ready.is_err() {
                    self.undo(session, consistent_point(&rows).unwrap_or_default()).await;
                }
                ready
            }
            Ok(Made::Interrupted) => Err(nobody_waits()),
            Err(error) => Err(self.preflight.explain(error)),
        };
        if let Err(error) = &outcome {
            creation.failed(error);
        }
        outcome.map(|taken| (taken, running))
    }

    /// The slot is of no use without the rows.
    pub async fn undo(&self, session: &mut AnySession, consistent: Lsn) {
        let config = &self.shared.config;
        let undone = match drop_slot(&config.slot, InUse::Refuse) {
            Ok(command) => timely(config, session.query(&command)).await.map(drop),
            Err(error) => Err(error),
        };
        if undone.is_err() {
            session.abandon();
            discard(self.shared, self.server.started, consistent).await;
        }
    }

    /// Takes over the snapshot that the slot's connection exported, locks the tables and plans.
    async fn take(&self, made: &Rows, restarts: bool, deadline: Option<Instant>) -> Result<Taken> {
        let config = &self.shared.config;
        let (Some(consistent), Some(exported)) = (consistent_point(made), made.get(0, "snapshot_name"))
        else {
            return Err(Error::new(
                Status::WAL_E_PROTOCOL,
                "the server made a slot, and exported no snapshot",
            ));
        };
        if let Some(stop) = config.stop_lsn.filter(|stop| *stop <= consistent) {
            return Err(stops_before(stop, consistent));
        }
        let started = self.server.started;
        let mut holder = open(self.shared, started, deadline).await?;
        let version = holder.server_version();
        let left = deadline.map_or(0, |deadline| {
            deadline.saturating_duration_since(Instant::now()).as_millis().clamp(1, 0x7FFF_FFFF)
        });
        timely(config, holder.query(&begin(version, exported, u64::try_from(left).unwrap_or(0)))).await?;
        // From here on the walsender may do what it wants.
        let lent = timely(config, holder.query("SELECT pg_catalog.pg_export_snapshot()")).await?;
        let lent = lent.get(0, "pg_export_snapshot").unwrap_or_default().to_owned();
        let questions = Questions::new(version, &config.publications);
        let seen = Answers::of_holder(self.shared, &mut holder, &questions).await?;
        let mut plan = Plan::read(&seen.tables, &seen.columns)?;
        if let Some(lock) = plan.lock() {
            let locking = async { holder.query(&lock).await.map_err(explain_lock) };
            // The server keeps the time; this one is for a server that is not there any more.
            tokio::select! {
                locked = locking => drop(locked?),
                () = until(deadline.and_then(|deadline| deadline.checked_add(super::ADDRESS))) => return Err(unlocked()),
            }
        }
        let until =
            deadline.unwrap_or_else(|| Instant::now() + COMPARING).max(Instant::now() + super::ADDRESS);
        let mut now = Beside::open(config.backend, &config.conninfo, until).await?;
        if !is_of(started, &now.ask(&asks_when_started()).await?) {
            return Err(elsewhere());
        }
        let locked = |question: &str| alone(version, &plan, question);
        seen.compare(&Answers::of_now(&mut now, &questions, locked, until).await?)?;
        let sizes = locked(&Questions::sizes(plan.leaves()));
        let sizes = timely(config, now.ask(&sizes)).await.map_err(explain_shared)?;
        let block = plan.measure(&sizes.rows)?;
        now.close();
        let items = plan.items((config.snapshot_item_size / block.max(1)).max(1)).len();
        let mut workers = Vec::new();
        for _ in 0..config.snapshot_workers.min(items) {
            workers.push(join(self.shared, started, &lent, &plan, Some(until)).await?);
        }
        Ok(Taken {
            holder,
            workers,
            lent,
            plan,
            block,
            consistent,
            system: self.identity.system,
            started,
            restarts,
        })
    }
}

/// Where the slot begins that was made.
fn consistent_point(made: &Rows) -> Option<Lsn> {
    made.get(0, "consistent_point")?.parse().ok()
}

/// Drops the slot and nothing else: one of its name that stands elsewhere has another's changes.
fn drop_unused(slot: &str, consistent: Lsn) -> String {
    format!(
        "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots \
         WHERE slot_name {EQ} {} AND confirmed_flush_lsn {EQ} '{consistent}'::pg_catalog.pg_lsn",
        quote_literal(slot)
    )
}

/// Drops a slot that is of no use, where the connection that made it is gone: the server may not have seen that yet. It was made
/// on the server that was started then, and begins at `consistent`.
pub async fn discard(shared: &Shared, started: u64, consistent: Lsn) {
    let config = &shared.config;
    let deadline = Instant::now() + super::ADDRESS;
    let command = drop_unused(&config.slot, consistent);
    let dropping = async {
        let mut session = open(shared, started, Some(deadline)).await?;
        loop {
            match session.query(&command).await {
                Err(error) if error.sqlstate() == "55006" => sleep(PAUSE).await,
                dropped => {
                    session.leave();
                    return dropped.map(drop);
                }
            }
        }
    };
    let dropped = timeout_at(deadline.into(), dropping).await.unwrap_or_else(|_| Err(nobody_waits()));
    match dropped {
        // A temporary one is gone with its connection.
        Err(error) if error.sqlstate() != "42704" => {
            shared.logger.log(Level::WAL_LOG_WARN, "snapshot", || {
                format!("replication slot {} is left behind without a snapshot: {error:?}", config.slot)
            });
        }
        _ => {}
    }
}

/// The answers to `Questions`.
struct Answers {
    tables: Vec<Vec<Option<String>>>,
    columns: Vec<Vec<Option<String>>>,
    publications: Vec<Vec<Option<String>>>,
}

impl Answers {
    async fn of_holder(shared: &Shared, holder: &mut AnySession, questions: &Questions) -> Result<Self> {
        let config = &shared.config;
        Ok(Self {
            tables: timely(config, holder.query(&questions.tables)).await.map_err(explain_lock)?.rows,
            columns: timely(config, holder.query(&questions.columns)).await.map_err(explain_lock)?.rows,
            publications: timely(config, holder.query(&questions.publications)).await?.rows,
        })
    }

    async fn of_now(
        now: &mut Beside,
        questions: &Questions,
        locked: impl Fn(&str) -> String,
        until: Instant,
    ) -> Result<Self> {
        let asking = async {
            Ok(Self {
                tables: now.ask(&locked(&questions.tables)).await.map_err(explain_shared)?.rows,
                columns: now.ask(&locked(&questions.columns)).await.map_err(explain_shared)?.rows,
                publications: now.ask(&questions.publications).await?.rows,
            })
        };
        timeout_at(until.into(), asking).await.unwrap_or_else(|_| Err(unread()))
    }

    /// Whether nothing changed since the snapshot was taken: TRUNCATE, a rewrite and DROP are no part of what it sees, and a
    /// publication that was changed publishes other tables than it did where the changes begin.
    fn compare(&self, now: &Self) -> Result<()> {
        let later = later(&self.tables, &now.tables);
        // Each question is asked of a moment of its own: there may be columns of tables that were not there just before.
        let known: HashSet<&str> = self.tables.iter().map(|row| text(row, 0)).collect();
        let columns = now.columns.iter().map(|row| text(row, 0)).filter(|oid| !known.contains(oid)).collect();
        let pairs = [(&self.tables, &now.tables, later), (&self.columns, &now.columns, columns)];
        for (seen, now, later) in pairs {
            // All rows of a table that was made meanwhile come as changes.
            let now: Vec<&Vec<Option<String>>> = now.iter().filter(|row| !is_one_of(row, &later)).collect();
            if !seen.iter().eq(now.iter().copied()) {
                let first = seen.iter().zip(&now).find(|(seen, now)| seen != *now).map(|(seen, _)| seen);
                let row = first.or_else(|| now.get(seen.len()).copied()).or_else(|| seen.get(now.len()));
                return Err(changed(
                    row.map_or("", |row| row.get(2).and_then(Option::as_deref).unwrap_or("")),
                ));
            }
        }
        if self.publications == now.publications { Ok(()) } else { Err(changed("")) }
    }
}

/// The tables, by their OIDs, that a snapshot does not see, and that have nothing of one that it sees.
fn later<'a>(seen: &[Vec<Option<String>>], now: &'a [Vec<Option<String>>]) -> HashSet<&'a str> {
    let known: HashSet<&str> = seen
        .iter()
        .flat_map(|row| [row.first(), row.get(7)])
        .filter_map(|cell| cell.and_then(Option::as_deref))
        .collect();
    let takes = now.iter().filter(|row| known.contains(text(row, 7)));
    let takes: HashSet<&str> = takes.map(|row| text(row, 0)).collect();
    let unknown = now.iter().map(|row| text(row, 0)).filter(|oid| !known.contains(oid));
    unknown.filter(|oid| !takes.contains(oid)).collect()
}

fn text(row: &[Option<String>], at: usize) -> &str {
    row.get(at).and_then(Option::as_deref).unwrap_or("")
}

fn is_one_of(row: &[Option<String>], tables: &HashSet<&str>) -> bool {
    row.first().and_then(Option::as_deref).is_some_and(|oid| tables.contains(oid))
}

fn changed(table: &str) -> Error {
    let what = match table {
        "" => "a publication".to_owned(),
        table => format!("table {}, or a publication of it,", quote_identifier(table)),
    };
    Error::new(Status::WAL_E_SNAPSHOT, format!("{what} was changed while the snapshot was being taken"))
        .with_hint("Connect again: the slot that was made for it is dropped, and nothing was delivered.")
        .with_retriable(true)
}

/// The question behind the settings of the holder, so that the same filter is written alike, and behind the locks that it takes itself: the server's functions open the tables, and would wait behind whoever
/// waits for the holder.
fn alone(version: u32, plan: &Plan, question: &str) -> String {
    let lock = plan.lock().map_or_else(String::new, |lock| format!("{lock}; "));
    let patience = SHARED.as_millis();
    format!("{}; SET LOCAL lock_timeout = {patience}; {lock}{question}", snapshot::settings(version))
}

fn explain_shared(error: Error) -> Error {
    if error.sqlstate() == "55P03" { waited_for() } else { explain_lock(error) }
}

fn explain_lock(error: Error) -> Error {
    match error.sqlstate() {
        "55P03" => unlocked(),
        "42P01" | "3F000" => changed("").with_detail(error.message()),
        "42501" => error.with_hint(
            "A snapshot needs SELECT on each published table, and on its partitions: GRANT SELECT ON … TO …;",
        ),
        _ => error,
    }
}

fn unlocked() -> Error {
    Error::new(Status::WAL_E_SLOT_TIMEOUT, "the tables of the snapshot were not locked in time")
        .with_detail("Another transaction holds an ACCESS EXCLUSIVE lock on one of them.")
        .with_hint(
            "End that transaction, or allow more time: see slot_create_timeout. The slot was dropped again.",
        )
}

fn unread() -> Error {
    Error::new(
        Status::WAL_E_SLOT_TIMEOUT,
        "the definitions of the snapshot's tables were not compared in time",
    )
    .with_hint("Allow more time: see slot_create_timeout. The slot was dropped again.")
}

pub fn nobody_waits() -> Error {
    Error::new(Status::WAL_E_STATE, "nobody waits for the slot any more")
}

fn stops_before(stop: Lsn, at: Lsn) -> Error {
    Error::new(
        Status::WAL_E_BAD_OPTION,
        format!("stop_lsn {stop} lies before the snapshot, which begins at {at} or later"),
    )
    .with_hint("Choose a later position, or leave stop_lsn out.")
}
