//! From a lost connection to the next: whether, when, from where, and what the consumer is told.
//!
//! It must never begin anywhere but at the acknowledged position, and never go on as if nothing had happened.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::capture;
use super::connect::{Connected, connect};
use super::lifecycle::Phase;
use super::log::Level;
use super::reconnected::Reconnected;
use super::shared::Shared;
use super::state::StreamState;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Mode, Reconnect, SlotCreate};
use crate::stream::{Backoff, Branch, Purpose, Restart, Resume};

/// How a stream gets over the loss of its connections.
pub struct Recovery {
    shared: Arc<Shared>,
    backoff: Backoff,
    outage: Option<Outage>,
}

/// From the loss of a connection until a new one has brought something new, or has lasted: one that breaks again
/// before that has mended nothing.
struct Outage {
    since: Instant,
    /// Why the last connection broke.
    reason: Error,
    attempts: u32,
    /// How far the stream had come.
    lost: Progress,
    /// When there was a connection again.
    mended: Option<Instant>,
}

impl Outage {
    /// What the event says of it.
    fn reconnected(&self, timelines: (u32, u32)) -> Reconnected {
        Reconnected {
            message: self.reason.message().to_owned(),
            status: self.reason.status() as i32,
            attempts: self.attempts,
            timelines,
        }
    }
}

/// What has to grow for a connection to be worth anything.
type Progress = (u64, u64);

/// What of a stream outlives its connections, and makes the next one.
pub trait Resumable: Sync {
    /// A connection over which the stream goes on.
    type Connection: Send;

    /// What has to grow for a connection to be worth anything.
    fn reached(&self) -> Progress;

    /// Whether the end that was asked for is reached.
    fn has_ended(&self) -> bool;

    /// Connects again, once, until `end` at most.
    fn connect_again(
        &self,
        shared: &Shared,
        end: Option<Instant>,
    ) -> impl Future<Output = Result<Self::Connection>> + Send;
}

impl Resumable for StreamState {
    type Connection = Connected;

    fn reached(&self) -> Progress {
        Self::reached(self)
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    async fn connect_again(&self, shared: &Shared, end: Option<Instant>) -> Result<Connected> {
        connect(shared, end, Purpose::Again(resume(shared, self))).await
    }
}

impl Recovery {
    /// Nothing was lost yet.
    pub fn new(shared: &Arc<Shared>) -> Self {
        let (initial, max) =
            shared.config.reconnect.map_or_else(Default::default, |how| (how.initial, how.max));
        let backoff = Backoff::new(initial, max, RandomState::new().hash_one(0));
        Self { shared: Arc::clone(shared), backoff, outage: None }
    }

    /// Connects again after a connection broke for `reason`, or says why not. `None`: the program frees the stream.
    pub async fn connect<T: Resumable>(&mut self, reason: Error, state: &T) -> Result<Option<T::Connection>> {
        let how = self.recoverable(&reason, state)?;
        let log = |level, text: String| self.shared.logger.log(level, "reconnect", || text);
        log(Level::WAL_LOG_WARN, format!("the connection is lost and will be made again: {reason:?}"));
        if reason.status() == Status::WAL_E_AMBIGUOUS {
            self.shared.unstreamed.store(true, Ordering::Release);
        }
        let lost = state.reached();
        let lasted = |mended: Option<Instant>| mended.is_some_and(|at| at.elapsed() >= how.max);
        let begun = self.outage.take().filter(|outage| outage.lost >= lost && !lasted(outage.mended));
        if begun.is_none() {
            self.backoff.reset();
        }
        let (since, attempts) = begun.map_or((Instant::now(), 0), |outage| (outage.since, outage.attempts));
        let outage = self.outage.insert(Outage { since, reason, attempts, lost, mended: None });
        let end = how.timeout.and_then(|timeout| outage.since.checked_add(timeout));
        let mut last = outage.reason.clone();
        loop {
            let now = Instant::now();
            let next = now + self.backoff.wait();
            if end.is_some_and(|end| next >= end) {
                return Err(given_up(last, outage));
            }
            outage.attempts = outage.attempts.saturating_add(1);
            let attempt = async {
                tokio::time::sleep_until(next.into()).await;
                within(end, state.connect_again(&self.shared, end)).await
            };
            let connected = tokio::select! {
                connected = attempt => connected,
                () = freed(&self.shared) => return Ok(None),
            };
            let error = match connected {
                Ok(connected) => return Ok(Some(connected)),
                Err(error) if error.is_retriable() => error,
                Err(error) => return Err(while_away(error, outage)),
            };
            let before = (outage.attempts > 1).then_some(last);
            last = telling_more(before, error, end);
            self.shared.logger.log(Level::WAL_LOG_INFO, "reconnect", || {
                format!("attempt {} failed: {last:?}", outage.attempts)
            });
        }
    }

    /// Tells the consumer of the new connection, between what the old one brought and what it will bring.
    pub fn announce(&mut self, state: &mut StreamState, connected: &Connected) -> Result<()> {
        let Some(how) = self.mended((state.server.timeline, connected.identity.timeline), connected.start)
        else {
            return Ok(());
        };
        self.shared.capture.epoch(&how.write(capture::epoch(&self.shared.config, connected)))?;
        state.server = connected.identity;
        if let Some(Branch { at, .. }) = connected.branch {
            state.began = state.began.min(at);
            state.progress.branched(at.0);
        }
        let restart = Restart { start: connected.start, branch: connected.branch };
        state.intake.flush()?;
        state.intake.come_from(connected.identity.provenance(&self.shared.config));
        how.go_on(&self.shared, &mut state.receiver, &mut state.intake, restart)?;
        if connected.branch.is_some() {
            self.rewound(state.reached());
        }
        Ok(())
    }

    /// There is a connection again, which goes on at `start`: gives what the consumer is to be told.
    pub fn mended(&mut self, timelines: (u32, u32), start: Lsn) -> Option<Reconnected> {
        let outage = self.outage.as_mut()?;
        outage.mended = Some(Instant::now());
        self.shared.logger.log(Level::WAL_LOG_INFO, "reconnect", || {
            format!("connected again at attempt {}, going on from {start}", outage.attempts)
        });
        Some(outage.reconnected(timelines))
    }

    /// The new connection goes on before where the lost one had come.
    pub fn rewound(&mut self, reached: Progress) {
        if let Some(outage) = &mut self.outage {
            outage.lost = reached;
        }
    }

    fn recoverable<T: Resumable>(&self, reason: &Error, state: &T) -> Result<Reconnect> {
        let leaves = state.has_ended() || self.shared.is_closing();
        // A physical stream sees what is missing, and makes another slot.
        let has_slot = self.shared.config.mode == Mode::Logical;
        match self.shared.config.reconnect {
            Some(_)
                if has_slot
                    && self.shared.config.slot_create == SlotCreate::Temporary
                    && reason.is_retriable() =>
            {
                Err(reason.clone().with_hint(
                    "The temporary slot was gone with the connection, so that the stream cannot go on where it stood: copy the tables again, or use a slot that lasts.",
                ))
            }
            Some(how) if reason.is_retriable() && !leaves => Ok(how),
            // The same would come again: only a reconnect does without streaming by itself.
            _ if reason.status() == Status::WAL_E_AMBIGUOUS => Err(reason.clone().with_retriable(false)),
            _ => Err(reason.clone()),
        }
    }
}

/// Makes the first connection: once, or for as long as `connect_wait` says where what fails may pass.
pub async fn first(shared: &Shared, deadline: Option<Instant>) -> Result<Connected> {
    patiently(shared, deadline, |end| connect(shared, end, Purpose::First)).await
}

/// Makes an attempt once, or for as long as `connect_wait` says where what fails may pass.
pub async fn patiently<C, F>(
    shared: &Shared,
    deadline: Option<Instant>,
    attempt: impl Fn(Option<Instant>) -> F,
) -> Result<C>
where
    F: Future<Output = Result<C>>,
{
    let Some(how) = shared.config.connect_wait else { return attempt(deadline).await };
    let begun = Instant::now();
    let own = how.timeout.and_then(|timeout| begun.checked_add(timeout));
    let end = deadline.into_iter().chain(own).min();
    let mut backoff = Backoff::new(how.initial, how.max, RandomState::new().hash_one(0));
    let mut before = None;
    for number in 1_u32.. {
        let error = match attempt(end).await {
            Err(error) if error.is_retriable() => telling_more(before, error, end),
            other => return other,
        };
        let next = Instant::now() + backoff.wait();
        if end.is_some_and(|end| next >= end) {
            let waited = begun.elapsed().as_secs_f64();
            let detail = format!("{}\ngave up after {number} attempts in {waited:.1} s", error.detail());
            return Err(error.with_detail(detail.trim_start()));
        }
        shared.logger.log(Level::WAL_LOG_INFO, "connect", || format!("attempt {number} failed: {error:?}"));
        before = Some(error);
        tokio::time::sleep_until(next.into()).await;
    }
    Err(Error::new(Status::WAL_E_CONNECT_TIMEOUT, "connecting was tried too often"))
}

/// Which of two attempts' errors is reported. One that our own end cut short says nothing of the server: the error before does.
fn telling_more(before: Option<Error>, error: Error, end: Option<Instant>) -> Error {
    let cut = error.status() == Status::WAL_E_CONNECT_TIMEOUT && end.is_some_and(|end| Instant::now() >= end);
    before.filter(|_| cut).unwrap_or(error)
}

/// Where the new connection goes on: from what was acknowledged, and never from what was only received (P32).
fn resume(shared: &Shared, state: &StreamState) -> Resume {
    let reported = Lsn(state.receiver.positions.reported());
    let acked = Lsn(shared.acks.acked());
    Resume {
        acked,
        confirmed: state.began.max(reported),
        before: state.server,
        delivered: Lsn(state.receiver.delivered()),
    }
}

/// Within the time that reconnecting may take at all.
async fn within<T>(end: Option<Instant>, attempt: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(end) = end else { return attempt.await };
    let late =
        || Error::new(Status::WAL_E_CONNECT_TIMEOUT, "connecting again took longer than reconnect_timeout");
    tokio::time::timeout_at(end.into(), attempt).await.unwrap_or_else(|_| Err(late()))
}

/// The program frees the stream.
pub async fn freed(shared: &Shared) {
    while matches!(shared.phase(), Phase::Streaming) {
        shared.engine.notified().await;
    }
}

fn given_up(last: Error, outage: &Outage) -> Error {
    let waited = outage.since.elapsed();
    let more = format!("gave up after {} attempts in {:.1} s", outage.attempts, waited.as_secs_f64());
    with_more(last, &more, outage)
}

fn while_away(error: Error, outage: &Outage) -> Error {
    let more = format!("while connecting again, attempt {}", outage.attempts);
    with_more(error, &more, outage)
}

fn with_more(error: Error, more: &str, outage: &Outage) -> Error {
    let lost = format!("the connection was lost: {}", outage.reason.message());
    let lines = [error.detail(), more, &lost];
    let detail: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let detail = detail.join("\n");
    error.with_detail(detail)
}
