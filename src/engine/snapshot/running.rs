//! The task that has a snapshot copied, beside that of the stream: it starts the workers, watches over the session that holds
//! the snapshot, and tells the end.
//!
//! It must never tell the end unless the tables were locked from the first row to the last.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::{JoinHandle, JoinSet};

use super::super::connect::timely;
use super::super::log::Level;
use super::super::panics;
use super::super::shared::Shared;
use super::job::{Job, Origin};
use super::take::Taken;
use super::{Kept, gone, worker};
use crate::batch::{Provenance, Relation, SnapshotStep};
use crate::error::{Error, Result, Status};
use crate::session::{Session, Unasked};
use crate::snapshot::SnapshotStage;
use crate::sys::pg_micros;

/// How often the holder's session is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A snapshot that is being copied. Dropping it ends that.
#[derive(Debug)]
pub struct Copying {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    heard: oneshot::Receiver<Result<()>>,
}

impl Copying {
    /// Starts copying. `relations` are the definitions of the plan's tables.
    pub fn start(
        shared: &Arc<Shared>,
        taken: Taken,
        relations: Vec<Arc<Relation>>,
        server: Provenance,
    ) -> Result<Self> {
        let Taken { holder, workers, lent, plan, block, consistent, system, started, restarts } = taken;
        let blocks = shared.config.snapshot_item_size / block.max(1);
        let items = plan.items(blocks.max(1));
        let origin = Origin { lent, consistent, system, started, server };
        let job = Arc::new(Job::new(shared, plan, relations, items, origin)?);
        let progress = &shared.snapshot;
        progress.consistent.store(consistent.0, Relaxed);
        progress.began_at.store(pg_micros(), Relaxed);
        progress.enter(SnapshotStage::WAL_SNAPSHOT_STAGE_COPYING);
        if restarts {
            job.tell(SnapshotStep::WAL_SNAPSHOT_RESTART, None, 0, 0)?;
        }
        let (tell, heard) = oneshot::channel();
        let of_stream = Arc::clone(shared);
        let shared = Arc::clone(shared);
        let task = tokio::spawn(async move {
            // Of one task: it ends with this one.
            let mut inner = JoinSet::new();
            let of_inner = Arc::clone(&shared);
            inner.spawn(async move { within_deadline(&of_inner, &job, holder, workers).await });
            let outcome = inner.join_next().await.map_or(Ok(()), joined);
            if outcome.is_err() {
                ended(&shared, SnapshotStage::WAL_SNAPSHOT_STAGE_FAILED);
            }
            // Nobody hears it where the stream has ended.
            let _ = tell.send(outcome);
            shared.engine.notify_one();
        });
        Ok(Self { shared: of_stream, task, heard })
    }

    /// How it ended, once it has.
    pub fn outcome(&mut self) -> Option<Result<()>> {
        match self.heard.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(Err(cancelled())),
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.task.abort();
        if self.shared.snapshot.stage() == SnapshotStage::WAL_SNAPSHOT_STAGE_COPYING {
            // Nobody waits for the rest.
            ended(&self.shared, SnapshotStage::WAL_SNAPSHOT_STAGE_FAILED);
        }
    }
}

fn ended(shared: &Shared, stage: SnapshotStage) {
    shared.snapshot.ended_at.store(pg_micros(), Relaxed);
    shared.snapshot.enter(stage);
}

fn cancelled() -> Error {
    Error::new(Status::WAL_E_INTERNAL, "a task of a snapshot was cancelled")
}

fn joined(outcome: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    match outcome {
        Ok(outcome) => outcome,
        Err(join) if join.is_panic() => Err(panics::error(&*join.into_panic())),
        Err(_) => Err(cancelled()),
    }
}

async fn within_deadline(shared: &Shared, job: &Arc<Job>, holder: Kept, workers: Vec<Kept>) -> Result<()> {
    let limit = shared.config.snapshot_deadline;
    if limit.is_zero() {
        return copy(job, holder, workers).await;
    }
    tokio::time::timeout(limit, copy(job, holder, workers)).await.unwrap_or_else(|_| {
        let text = format!("copying a snapshot took longer than snapshot_deadline, {:.1} s", limit.as_secs_f64());
        Err(Error::new(Status::WAL_E_SNAPSHOT, text)
            .with_hint("The program may have read too slowly. Allow more time, or more snapshot_workers; then start again with option snapshot_state."))
    })
}

async fn copy(job: &Arc<Job>, mut holder: Kept, sessions: Vec<Kept>) -> Result<()> {
    job.shared.logger.log(Level::WAL_LOG_INFO, "snapshot", || {
        let progress = &job.shared.snapshot;
        let (tables, items) = (progress.tables.load(Relaxed), progress.items.load(Relaxed));
        format!("copying {tables} tables in {items} items as of {}", job.origin.consistent)
    });
    job.tell_of_empty_ones().await?;
    let mut workers = JoinSet::new();
    for (session, number) in sessions.into_iter().zip(0_u64..) {
        workers.spawn(worker::work(Arc::clone(job), session, RandomState::new().hash_one(number)));
    }
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            worker = workers.join_next() => match worker {
                Some(outcome) => joined(outcome)?,
                None => break,
            },
            _ = look.tick() => if holder.unasked() == Unasked::End {
                return Err(gone(&Error::new(Status::WAL_E_CONNECTION_LOST, "the server ended it")));
            },
        }
    }
    // The locks are the holder's: while it lives, nobody emptied or rewrote a table.
    timely(&job.shared.config, holder.query("SELECT 1")).await.map_err(|error| gone(&error))?;
    // Who reads of the end finds it so.
    ended(&job.shared, SnapshotStage::WAL_SNAPSHOT_STAGE_COMPLETE);
    job.tell(SnapshotStep::WAL_SNAPSHOT_END, None, 0, job.shared.snapshot.rows.load(Relaxed))?;
    holder.leave();
    Ok(())
}
