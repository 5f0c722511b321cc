//! From a lost connection to the next: whether, when, from where, and what the consumer is told.
//!
//! It must never begin anywhere but at the acknowledged position, and never go on as if nothing had happened.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use super::connect::{Connected, connect};
use super::log::Level;
use super::shared::{Phase, Shared};
use super::stats::Counts;
use super::task::Course;
use crate::batch::{Arrays, Event, EventKind, Value, ValueKind, flags};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Reconnect, SlotCreate};
use crate::stream::{Backoff, Branch, Loss, Occasion, Resume};

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

/// What has to grow for a connection to be worth anything.
type Progress = (u64, u64);

impl Recovery {
    /// Nothing was lost yet.
    pub fn new(shared: &Arc<Shared>) -> Self {
        let (initial, max) =
            shared.config.reconnect.map_or_else(Default::default, |how| (how.initial, how.max));
        let backoff = Backoff::new(initial, max, RandomState::new().hash_one(0));
        Self { shared: Arc::clone(shared), backoff, outage: None }
    }

    /// Connects again after a connection broke for `reason`, or says why not. `None`: the program frees the stream.
    pub async fn connect(&mut self, reason: Error, course: &Course) -> Result<Option<Connected>> {
        let how = self.recoverable(&reason, course)?;
        let log = |level, text: String| self.shared.logger.log(level, "reconnect", || text);
        log(Level::WAL_LOG_WARN, format!("the connection is lost and will be made again: {reason:?}"));
        let lost = progress(course);
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
                let occasion = Occasion::Again(resume(&self.shared, course));
                within(end, connect(&self.shared, end, occasion)).await
            };
            let connected = tokio::select! {
                connected = attempt => connected,
                () = freed(&self.shared) => return Ok(None),
            };
            last = match connected {
                Ok(connected) => return Ok(Some(connected)),
                Err(error) if error.is_retriable() => error,
                Err(error) => return Err(while_away(error, outage)),
            };
            self.shared.logger.log(Level::WAL_LOG_INFO, "reconnect", || {
                format!("attempt {} failed: {last:?}", outage.attempts)
            });
        }
    }

    /// Tells the consumer of the new connection, between what the old one brought and what it will bring.
    pub fn announce(&mut self, course: &mut Course, connected: &Connected) -> Result<()> {
        let Some(outage) = &mut self.outage else { return Ok(()) };
        outage.mended = Some(Instant::now());
        Counts::add(&self.shared.counts.reconnects, 1);
        self.shared.logger.log(Level::WAL_LOG_INFO, "reconnect", || {
            format!("connected again at attempt {}, going on from {}", outage.attempts, connected.start)
        });
        let lost = course.receiver.positions.end_of_received();
        let timelines = (course.server.timeline, connected.identity.timeline);
        course.server = connected.identity;
        let discarded = course.receiver.reconnected(connected.start, connected.branch);
        course.intake.reconnected();
        let mut rewound = None;
        if let Some(branch) = connected.branch {
            rewound = branched(&self.shared, course, branch);
            outage.lost = progress(course);
        }
        let again = Again { start: connected.start, lost, timelines, rewound };
        let decoded = self.shared.config.decode;
        course.intake.tell_with(|arrays| {
            // SAFETY: they point at nothing.
            discarded.into_iter().for_each(|event| unsafe { arrays.push_event(event) });
            tell(arrays, outage, &again, decoded);
        })
    }

    fn recoverable(&self, reason: &Error, course: &Course) -> Result<Reconnect> {
        let leaves = course.ended || self.shared.is_closing();
        match self.shared.config.reconnect {
            Some(_) if self.shared.config.slot_create == SlotCreate::Temporary && reason.is_retriable() => {
                Err(reason.clone().with_hint(
                    "The temporary slot was gone with the connection, so that the stream cannot go on where it stood: copy the tables again, or use a slot that lasts.",
                ))
            }
            Some(how) if reason.is_retriable() && !leaves => Ok(how),
            _ => Err(reason.clone()),
        }
    }
}

/// The history goes another way from `branch` on: nothing that the consumer says of what came before counts beyond.
/// Gives the position where something was told that is lost.
fn branched(shared: &Shared, course: &mut Course, branch: Branch) -> Option<Lsn> {
    let at = branch.at;
    course.slot = course.slot.min(at);
    course.progress.1 = course.progress.1.min(at.0);
    // Before the event can be seen: what is acknowledged from then on is meant for the new history.
    shared.acks.branched(course.intake.next_number(), at.0);
    if branch.loss == Loss::Nothing {
        return None;
    }
    shared.owed.rewind(at.0);
    shared.logger.log(Level::WAL_LOG_WARN, "reconnect", || {
        format!("the server was promoted at {at}: what was delivered beyond that position is lost on it")
    });
    Some(at)
}

/// Where the new connection goes on: from what was acknowledged, and never from what was only received (P32).
fn resume(shared: &Shared, course: &Course) -> Resume {
    let reported = Lsn(course.receiver.positions.reported());
    let acked = Lsn(shared.acks.acked());
    Resume {
        acked,
        confirmed: course.slot.max(reported),
        before: course.server,
        told: Lsn(course.receiver.told()),
    }
}

fn progress(course: &Course) -> Progress {
    (course.receiver.counters.server_wal_end, course.receiver.positions.outstanding())
}

/// Within the time that reconnecting may take at all.
async fn within<T>(end: Option<Instant>, attempt: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(end) = end else { return attempt.await };
    let late =
        || Error::new(Status::WAL_E_CONNECT_TIMEOUT, "connecting again took longer than reconnect_timeout");
    tokio::time::timeout_at(end.into(), attempt).await.unwrap_or_else(|_| Err(late()))
}

/// The program frees the stream.
async fn freed(shared: &Shared) {
    while matches!(shared.phase(), Phase::Streaming) {
        shared.engine.notified().await;
    }
}

/// What the event says beyond why the connection was lost.
struct Again {
    start: Lsn,
    lost: u64,
    timelines: (u32, u32),
    rewound: Option<Lsn>,
}

/// The event. Its numbers stand in the lengths of values without bytes, so that a copy of it has them too.
fn tell(arrays: &mut Arrays, outage: &Outage, again: &Again, decoded: bool) {
    let message: Arc<[u8]> = outage.reason.message().as_bytes().into();
    let number = |n: u32| Value { len: n, ..Value::empty(ValueKind::WAL_VALUE_NULL) };
    let mut text = Value::view(ValueKind::WAL_VALUE_TEXT, &message);
    text.data = arrays.keep_text(&message);
    let switchpoint = again.rewound.unwrap_or_default().0;
    let values = [
        text,
        number(outage.attempts),
        number(outage.reason.status() as i32 as u32),
        number(again.timelines.0),
        number(again.timelines.1),
        number((switchpoint >> 32) as u32),
        number(switchpoint as u32),
    ];
    let mark = arrays.value_count();
    if !arrays.reserve_values(values.len()) {
        return;
    }
    values.into_iter().for_each(|value| arrays.push_value(value));
    let event = Event {
        flags: if again.rewound.is_some() { flags::REWOUND } else { 0 },
        lsn: again.start.0,
        // All payloads come again, and acknowledge themselves.
        ack_lsn: if decoded { switchpoint } else { 0 },
        number: again.lost,
        extra: arrays.values_from(mark),
        n_extra: values.len() as u32,
        ..Event::new(EventKind::WAL_EVENT_RECONNECTED)
    };
    // SAFETY: it points at the values before it, which point at nothing or at texts that the arrays keep.
    unsafe { arrays.push_event(event) };
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
