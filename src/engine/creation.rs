//! Creating a slot, which waits for every transaction that is running (P16): bounded, interruptible, and never left to
//! the server half-made without saying so.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::asking::{Ended, GRACE, ask};
use super::beside::Beside;
use crate::conninfo::Conninfo;
use crate::error::{Error, Result, Status};
use crate::options::Backend;
use crate::session::{AnySession, Rows, Session};
use crate::stream::EQ;

/// How long the search for who is waited for may take.
const SEARCH: Duration = Duration::from_secs(1);

/// How exactly a caller keeps the time.
const SLACK: Duration = Duration::from_millis(50);

/// How many of them an error names.
const NAMED: usize = 8;

/// A slot to be made.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// Its name.
    pub slot: &'a str,
    /// The command that makes it.
    pub command: &'a str,
    /// When to give up.
    pub deadline: Option<Instant>,
}

/// What became of it.
#[derive(Debug)]
pub enum Made {
    /// It is there; with the server's answer.
    Yes(Rows),
    /// It was interrupted, and the server made none.
    Interrupted,
}

enum Why {
    Deadline(String),
    Interrupted,
}

/// Makes a slot. `lock_timeout` limits each wait on the server's side, for the case that nobody is left to cancel
/// (statement_timeout does nothing for this command); the clock here limits all of them together. It stays set after:
/// a command would end the snapshot that was exported.
pub async fn create(
    session: &mut AnySession,
    conninfo: &Conninfo,
    making: Making<'_>,
    interrupted: impl Future<Output = ()>,
) -> Result<Made> {
    let begun = Instant::now();
    if let Some(deadline) = making.deadline {
        let left = deadline.saturating_duration_since(begun).as_millis().clamp(1, 0x7FFF_FFFF);
        session.query(&format!("SET lock_timeout = {left}")).await?;
    }
    let (backend, pid) = (session.backend(), session.backend_pid());
    let stop = async {
        tokio::select! {
            // A caller's clock may strike just before this one.
            () = interrupted => match making.deadline {
                Some(deadline) if Instant::now() + SLACK >= deadline => {
                    Why::Deadline(Box::pin(blockers(backend, conninfo, pid)).await)
                }
                _ => Why::Interrupted,
            },
            () = until(making.deadline) => Why::Deadline(Box::pin(blockers(backend, conninfo, pid)).await),
        }
    };
    match Box::pin(ask(session, conninfo, making.command, stop)).await {
        Ended::Answered(Ok(rows)) => Ok(Made::Yes(rows)),
        Ended::Answered(Err(error)) if error.sqlstate() == "55P03" => {
            Err(late(making.slot, begun.elapsed(), &Box::pin(blockers(backend, conninfo, pid)).await))
        }
        Ended::Answered(Err(error)) => Err(error),
        Ended::Cancelled(Why::Interrupted) => Ok(Made::Interrupted),
        Ended::Cancelled(Why::Deadline(blockers)) => Err(late(making.slot, begun.elapsed(), &blockers)),
        Ended::InDoubt(_) => Err(in_doubt(making.slot)),
    }
}

pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Who is waited for: the transactions that have an id, those first that the walsender waits for at this moment.
async fn blockers(backend: Backend, conninfo: &Conninfo, walsender: u32) -> String {
    let deadline = Instant::now() + SEARCH;
    let search = async {
        let mut session = Beside::open(backend, conninfo, deadline).await?;
        let rows = session.ask(&blockers_query(walsender)).await?.rows;
        session.close();
        Ok::<_, Error>(rows)
    };
    match tokio::time::timeout_at(deadline.into(), search).await {
        Ok(Ok(rows)) => rows.iter().filter_map(|row| row.first()?.clone()).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}

fn blockers_query(walsender: u32) -> String {
    format!(
        "SELECT CASE WHEN x.gid IS NULL THEN pg_catalog.concat('pid ', coalesce(l.pid::pg_catalog.text, '?'), \
         ' (transaction ', l.transactionid, CASE WHEN a.state IS NOT NULL THEN pg_catalog.concat(', ', a.state) END, \
         CASE WHEN a.xact_start IS NOT NULL THEN pg_catalog.concat(', for ', \
         extract(epoch FROM pg_catalog.now() OPERATOR(pg_catalog.-) a.xact_start)::pg_catalog.int8, ' s') END, ')') \
         ELSE pg_catalog.concat('the prepared transaction ', pg_catalog.quote_literal(x.gid), ' (transaction ', l.transactionid, ')') END \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid {EQ} l.pid \
         LEFT JOIN pg_catalog.pg_prepared_xacts x ON l.pid IS NULL AND x.transaction {EQ} l.transactionid \
         WHERE l.locktype {EQ} 'transactionid' AND l.granted AND l.mode {EQ} 'ExclusiveLock' \
         AND (l.pid IS NULL OR l.pid OPERATOR(pg_catalog.<>) {walsender}) \
         ORDER BY EXISTS (SELECT 1 FROM pg_catalog.pg_locks w WHERE w.pid {EQ} {walsender} AND NOT w.granted \
         AND w.transactionid {EQ} l.transactionid) DESC, pg_catalog.age(l.transactionid) DESC LIMIT {NAMED}"
    )
}

fn late(slot: &str, waited: Duration, blockers: &str) -> Error {
    let detail = if blockers.is_empty() {
        "It waits for all transactions that were running.".to_owned()
    } else {
        format!("It waits for transactions that were running: {blockers}.")
    };
    let millis = waited.as_millis();
    Error::new(
        Status::WAL_E_SLOT_TIMEOUT,
        format!("replication slot \"{slot}\" was not made within {millis} ms"),
    )
    .with_detail(detail)
    .with_hint("End these transactions, or allow more time. The server made no slot.")
}

fn in_doubt(slot: &str) -> Error {
    Error::new(
        Status::WAL_E_SLOT_IN_DOUBT,
        format!("creating replication slot \"{slot}\" was given up, and the server may still make it"),
    )
    .with_hint(format!(
        "Look for it in pg_replication_slots, and drop it if nothing uses it: SELECT pg_drop_replication_slot('{slot}');"
    ))
}

/// A creation that a stream's task does while its consumer waits: how the consumer ends it and learns what came of it.
#[derive(Debug, Default)]
pub struct Creation {
    state: Mutex<State>,
    changed: Condvar,
    stop: Notify,
    idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// The slot, while it is being made.
    slot: String,
    /// Why it was not made.
    error: Option<Error>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Running,
    /// Nobody waits for the slot any more.
    Stopping,
}

/// Says on being dropped that the creation is over.
#[derive(Debug)]
pub struct Running<'a>(&'a Creation);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().stage = Stage::Idle;
        self.0.changed.notify_all();
        self.0.idle.notify_one();
    }
}

impl Creation {
    /// The task begins.
    pub fn begin(&self, slot: &str) -> Running<'_> {
        *self.lock() = State { stage: Stage::Running, slot: slot.to_owned(), error: None };
        Running(self)
    }

    /// Waits until nobody waits for the slot any more.
    pub async fn stopped(&self) {
        while self.lock().stage != Stage::Stopping {
            self.stop.notified().await;
        }
    }

    /// Keeps why there is no slot for who comes to `settle`.
    pub fn failed(&self, error: &Error) {
        self.lock().error = Some(error.clone());
    }

    /// Ends a creation that is under way, and waits until the server has taken it back.
    pub async fn stop(&self) {
        {
            let mut state = self.lock();
            if state.stage == Stage::Idle {
                return;
            }
            state.stage = Stage::Stopping;
        }
        self.stop.notify_one();
        while self.lock().stage != Stage::Idle {
            self.idle.notified().await;
        }
    }

    /// For the consumer, which gave up: waits until nothing is under way, and gives the error that it came to, if any.
    pub fn settle(&self) -> Option<Error> {
        let deadline = Instant::now() + SEARCH + 2 * GRACE + Duration::from_secs(1);
        let mut state = self.lock();
        while state.stage != Stage::Idle {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(in_doubt(&state.slot));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.error.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
