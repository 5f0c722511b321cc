//! One of the workers of a snapshot: a session that takes the snapshot over and copies item by item. A session that is lost
//! costs the rest of its item.
//!
//! It must never give a row twice: an item that is read again goes on behind what was delivered.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::timeout;

use super::super::connect::timely;
use super::super::log::Level;
use super::filling::{Filling, Stage};
use super::job::{Job, Work};
use super::{Kept, join};
use crate::error::{Error, Result, Status};
use crate::session::{AnySession, Fill, Session};
use crate::snapshot::RowReader;
use crate::stream::Backoff;
use crate::wire::CopyForm;

/// How often in a row a worker may fail before anything new came.
const MOST_FAILURES: u32 = 8;

/// Between two attempts of a worker.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long rows wait for more of them.
const GATHER: Duration = Duration::from_millis(5);

/// How much is read before others of the thread have their turn.
const TURN: usize = 256 << 10;

/// Copies items until none is left.
pub(super) async fn work(job: Arc<Job>, session: Kept, seed: u64) -> Result<()> {
    let mut session = Some(session);
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1, seed);
    loop {
        // What is told of tables takes room, too.
        job.shared.room().await;
        let Some(mut work) = job.next()? else { break };
        let (mut failures, mut before) = (0, work.delivered);
        while let Err(error) = attempt(&job, &mut session, &mut work).await {
            session = None;
            if work.delivered > before {
                (failures, before) = (0, work.delivered);
                backoff.reset();
            }
            failures += 1;
            if !error.is_retriable() || failures > MOST_FAILURES {
                return Err(within_table(&job, &work, error));
            }
            job.shared.snapshot.lost_workers.fetch_add(1, Relaxed);
            job.shared.logger.log(Level::WAL_LOG_WARN, "snapshot", || {
                format!("a worker begins again, behind {} rows of its item: {error:?}", work.delivered)
            });
            tokio::time::sleep(backoff.wait()).await;
        }
        job.done(&work)?;
    }
    if let Some(session) = session {
        session.leave();
    }
    Ok(())
}

/// Where it happened, and that the same call cannot go on where it stood.
fn within_table(job: &Job, work: &Work, error: Error) -> Error {
    let table = job.plan.tables.get(work.item.table).map_or_else(String::new, |table| table.title());
    let lacks_advice = error.hint().is_empty() || error.status() == Status::WAL_E_SNAPSHOT;
    let error = error.within(format!("copying table {table}")).with_retriable(false);
    match lacks_advice {
        true => error.with_hint("Start again with option snapshot_state set to the state of the last SNAPSHOT event: all rows are copied anew, behind a WAL_SNAPSHOT_RESTART."),
        false => error,
    }
}

async fn attempt(job: &Job, session: &mut Option<Kept>, work: &mut Work) -> Result<()> {
    let session = match session {
        Some(session) => session,
        None => {
            session.insert(join(&job.shared, job.origin.started, &job.origin.lent, &job.plan, None).await?)
        }
    };
    copy(job, session, work).await.map_err(|error| match error.sqlstate() {
        "42P01" | "3F000" => renamed().with_detail(error.message()),
        _ => error,
    })
}

/// No lock keeps the schema of a table from being renamed.
fn renamed() -> Error {
    Error::new(Status::WAL_E_SNAPSHOT, "a table of the snapshot has another name by now, or its schema has")
}

/// Copies one item, from behind what was delivered of it.
async fn copy(job: &Job, session: &mut AnySession, work: &mut Work) -> Result<()> {
    if work.delivered > 0 && !job.plan.has_order(&work.item) {
        return Err(Error::new(
            Status::WAL_E_SNAPSHOT,
            "an item was cut off whose rows may come in another order when they are read again",
        ));
    }
    let binary = job.shared.config.binary;
    let sql = job.plan.copy(&work.item, binary)?;
    let announced = session.start_copy_out(&sql).await?;
    let (Some(table), Some(relation)) =
        (job.plan.tables.get(work.item.table), job.relations.get(work.item.table))
    else {
        return Err(Error::new(Status::WAL_E_INTERNAL, "an item of a snapshot is of no table"));
    };
    let form = if binary { CopyForm::Binary } else { CopyForm::Text };
    if announced.form != form || usize::from(announced.columns) != relation.columns.len() {
        return Err(Error::new(
            Status::WAL_E_PROTOCOL,
            "the server announces another COPY than was asked for",
        ));
    }
    let binaries = binary.then(|| table.binaries().collect());
    let reader = RowReader::new(Arc::clone(relation), binaries, job.source(work));
    let mut filling = Filling::new(job, reader, work);
    let mut turn = 0;
    loop {
        job.shared.room().await;
        match session.fill(filling.room()?)? {
            Fill::Bytes(n) => {
                if filling.received(n, session, work)? == Stage::Over {
                    filling.seal(work)?;
                    drop(filling);
                    return is_still_there(job, session, work).await;
                }
                turn += n;
                if turn >= TURN {
                    turn = 0;
                    tokio::task::yield_now().await;
                }
            }
            Fill::WouldBlock if filling.has_rows() => {
                if timeout(GATHER, session.poll_io(true)).await.is_err() {
                    filling.seal(work)?;
                }
            }
            Fill::WouldBlock => drop(session.poll_io(true).await?),
            Fill::Eof => {
                return Err(Error::new(
                    Status::WAL_E_CONNECTION_LOST,
                    "the server closed the connection in the middle of a COPY",
                ));
            }
        }
    }
}

/// Whether the name that was copied from is that of the table whose rows were wanted: another may have taken its place.
async fn is_still_there(job: &Job, session: &mut AnySession, work: &Work) -> Result<()> {
    let question = job.plan.is_there(&work.item)?;
    let answer = timely(&job.shared.config, session.query(&question)).await?;
    match answer.rows.first().and_then(|row| row.first()?.as_deref()) {
        Some("t") => Ok(()),
        _ => Err(renamed()),
    }
}
