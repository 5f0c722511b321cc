//! The task of one stream on the engine thread: reading while there is room, reporting on time, saying good-bye.
//!
//! It must never wait for the consumer, and never let a status update be late because of it (P3, P8).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until, timeout_at};

use super::connect::{Connected, connect};
use super::intake::{Intake, Noted};
use super::log::Level;
use super::panics;
use super::shared::{Phase, Shared};
use super::stats::Counts;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::session::{Fill, Session, Watch};
use crate::stream::{Pace, Positions, Receiver, Report};
use crate::sys::{Alarm, pg_micros};
use crate::wire::{Reply, StatusUpdate, frontend};

/// How much a stream reads before the others of its thread have their turn.
const TURN: usize = 256 << 10;

/// The shortest time between two answers that say the same: a server that shuts down asks again as soon as it is
/// answered (WalSndDone), and would be asked a million times while the consumer works (P9).
const REPEAT: Duration = Duration::from_millis(100);

/// The shortest time between two updates while the server waits for an acknowledgement.
const HURRY: Duration = Duration::from_millis(5);

/// Runs one attempt to connect and the stream that comes of it, and reports how it ended.
pub async fn run(shared: Arc<Shared>, attempt: u64, deadline: Option<Instant>) {
    let of_task = Arc::clone(&shared);
    let inner = tokio::spawn(async move { work(of_task, attempt, deadline).await });
    let outcome = match inner.await {
        Ok(outcome) => outcome,
        Err(join) if join.is_panic() => Err(panics::error(&*join.into_panic())),
        Err(_) => Err(Error::new(Status::WAL_E_INTERNAL, "the stream's task was cancelled")),
    };
    shared.socket.store(-1, Ordering::Release);
    match outcome {
        Ok(()) => shared.enter(attempt, Phase::Closed),
        Err(error) => {
            shared.logger.log(Level::WAL_LOG_ERROR, "stream", || format!("ended: {error:?}"));
            shared.enter(attempt, Phase::Ended(error))
        }
    };
}

async fn work(shared: Arc<Shared>, attempt: u64, deadline: Option<Instant>) -> Result<()> {
    let connecting = connect(&shared, deadline);
    // An attempt that was given up is dropped where it stands, and its socket with it.
    let connected = tokio::select! {
        connected = connecting => connected?,
        () = given_up(&shared, attempt) => return Ok(()),
    };
    if !shared.enter(attempt, Phase::Streaming) {
        return Ok(());
    }
    let outcome = Streaming::new(shared.clone(), connected).run().await;
    if let Err(error) = &outcome
        && shared.is_closing()
    {
        shared.logger.log(Level::WAL_LOG_WARN, "stream", || format!("while closing: {error:?}"));
        return Ok(());
    }
    outcome
}

async fn given_up(shared: &Shared, attempt: u64) {
    while shared.is_attempt(attempt) {
        shared.engine.notified().await;
    }
}

/// A stream in COPY mode.
struct Streaming<S> {
    shared: Arc<Shared>,
    session: S,
    receiver: Receiver,
    intake: Intake,
    rhythm: Duration,
    /// When the last status update left, and what it said.
    last: (Instant, Report),
    asked: Asked,
    told_progress: u64,
    pace: Pace,
    next_read: NextRead,
    /// Made when a stream is first gathered; tokio's own clock is too coarse for that.
    alarm: Option<Alarm>,
}

/// When to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextRead {
    /// As soon as something comes.
    WhenReady,
    /// At a moment: what comes before is gathered in the kernel.
    At(Instant),
    /// Now: the last turn ended before it had everything.
    Now,
    /// Not before the consumer makes room.
    Never,
}

/// Whether the server waits for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// No.
    No,
    /// It asked for a reply, which is still due.
    Reply,
    /// It was answered, with less than all that it sent: it may be waiting to shut down, so that the next
    /// acknowledgement is reported at once (P9).
    Rest,
}

impl Streaming<crate::session::NativeSession> {
    fn new(shared: Arc<Shared>, connected: Connected) -> Self {
        Self {
            receiver: Receiver::new(shared.config.on_gap),
            intake: Intake::new(Arc::clone(&shared)),
            rhythm: connected.rhythm,
            last: (Instant::now(), Report { write: 0, flush: 0 }),
            asked: Asked::No,
            told_progress: 0,
            pace: Pace::new(shared.config.latency_budget, connected.path, Instant::now()),
            alarm: None,
            next_read: NextRead::WhenReady,
            session: connected.session,
            shared,
        }
    }
}

impl<S: Session> Streaming<S> {
    async fn run(mut self) -> Result<()> {
        let due = sleep_until(self.next_report().into());
        tokio::pin!(due);
        loop {
            if self.shared.is_closing() {
                return self.say_goodbye().await;
            }
            self.report_what_is_due()?;
            let may_read = self.shared.has_room(self.intake.pending());
            if may_read && self.next_read == NextRead::Now {
                self.read()?;
                tokio::task::yield_now().await;
                continue;
            }
            let at = self.next_report().into();
            if due.deadline() != at {
                due.as_mut().reset(at);
            }
            let next_read = if may_read { self.next_read } else { NextRead::Never };
            let reads = self.sleep(due.as_mut(), next_read).await?;
            Counts::add(&self.shared.counts.wakeups, 1);
            if reads {
                self.read()?;
            }
        }
    }

    /// Waits for the consumer, for the time of the next report, or for the time to read, and tells whether it is
    /// that. While nothing shall be read, what comes wakes nobody.
    async fn sleep(&mut self, due: Pin<&mut Sleep>, next_read: NextRead) -> Result<bool> {
        let wants = next_read == NextRead::WhenReady;
        let watched = wants || self.session.has_unsent();
        self.session.watch(if watched { Watch::On } else { Watch::Off })?;
        if let NextRead::At(at) = next_read {
            self.set_alarm(at)?;
        }
        let alarm = async {
            match (&self.alarm, next_read) {
                (Some(alarm), NextRead::At(_)) => alarm.rung().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shared.engine.notified() => Ok(false),
            () = due => Ok(false),
            rung = alarm => rung.map(|()| true).map_err(|error| no_alarm(&error)),
            ready = self.session.poll_io(wants) => Ok(ready?.is_readable()),
        }
    }

    fn set_alarm(&mut self, at: Instant) -> Result<()> {
        if self.alarm.is_none() {
            self.alarm = Some(Alarm::new().map_err(|error| no_alarm(&error))?);
        }
        match &self.alarm {
            Some(alarm) => {
                alarm.set(at.saturating_duration_since(Instant::now())).map_err(|error| no_alarm(&error))
            }
            None => Ok(()),
        }
    }

    /// Reads until there is nothing more, the queue is full or the turn is over.
    fn read(&mut self) -> Result<()> {
        let mut noted = Noted::default();
        let mut bytes = 0;
        self.intake.begin();
        let all = loop {
            match self.session.fill(self.intake.room()?)? {
                Fill::Bytes(n) => {
                    Counts::add(&self.shared.counts.reads, 1);
                    self.take(n, &mut noted)?;
                    bytes += n;
                }
                Fill::WouldBlock => break true,
                Fill::Eof => {
                    self.intake.end()?;
                    return Err(connection_closed());
                }
            }
            if bytes >= TURN || !self.shared.has_room(self.intake.pending()) {
                break false;
            }
        };
        Counts::add(&self.shared.counts.bytes_received, bytes as u64);
        self.intake.end()?;
        self.note(noted);
        self.next_read = match all {
            true => self.pace.next(bytes, Instant::now()).map_or(NextRead::WhenReady, NextRead::At),
            false => NextRead::Now,
        };
        Ok(())
    }

    /// Decodes; on an error what came before it is still handed over.
    fn take(&mut self, n: usize, noted: &mut Noted) -> Result<()> {
        let taken = self.intake.received(n, &mut self.receiver, noted);
        if taken.is_err() {
            self.intake.end()?;
            self.publish();
        }
        taken
    }

    fn note(&mut self, noted: Noted) {
        for remark in noted.remarks {
            self.shared.logger.log(Level::WAL_LOG_WARN, "stream", || remark);
        }
        if noted.reply_due {
            self.asked = Asked::Reply;
        }
        self.publish();
    }

    fn publish(&self) {
        let (to, from) = (&self.shared.counts, &self.receiver.counters);
        for (counter, value) in [
            (&to.transactions, from.transactions),
            (&to.empty_transactions, from.empty_transactions),
            (&to.keepalives, from.keepalives),
            (&to.ignored_aborts, from.ignored_aborts),
            (&to.unknown_frames, from.unknown_frames),
            (&to.notices, from.notices),
            (&to.gaps, from.gaps),
            (&to.server_wal_end, from.server_wal_end),
            (&to.received_lsn, self.receiver.positions.end_of_received()),
        ] {
            Counts::set(counter, value);
        }
        to.last_message_time.store(from.last_message_time, Ordering::Relaxed);
    }

    /// When the next status update must leave if nothing happens before.
    fn next_report(&self) -> Instant {
        let (sent, _) = self.last;
        if self.session.has_unsent() {
            // The socket is full, and what is in it must leave first; poll_io tells when.
            return Instant::now() + REPEAT;
        }
        match self.asked {
            Asked::No | Asked::Rest => sent + self.rhythm,
            Asked::Reply => sent + REPEAT.min(self.rhythm),
        }
    }

    fn report_what_is_due(&mut self) -> Result<()> {
        let now = Instant::now();
        let (sent, said) = self.last;
        let flush = self.shared.flush_wanted();
        // Awaited before the position is looked at: an acknowledgement in between wakes us again.
        self.shared.await_ack(self.asked != Asked::No);
        let report = self.positions().report(self.shared.acks.acked());
        let news = report.flush != said.flush;
        let due = now >= sent + self.rhythm
            || flush.is_some()
            || match self.asked {
                Asked::No => false,
                Asked::Reply => report != said || now >= sent + REPEAT,
                Asked::Rest => news && now >= sent + HURRY,
            };
        // An update that the socket has not taken yet says enough; a second behind it would only fill the buffer.
        if due && !self.session.has_unsent() {
            self.report(report, now)?;
        }
        if self.asked == Asked::Rest && news && now < sent + HURRY {
            // Comes back here with the next event or acknowledgement, at the latest in a while.
            self.asked = Asked::Reply;
        }
        match flush {
            Some(number) if !self.session.has_unsent() => self.shared.flushed(number),
            _ => {}
        }
        Ok(())
    }

    fn report(&mut self, report: Report, now: Instant) -> Result<()> {
        let mut bytes = Vec::with_capacity(64);
        let update = StatusUpdate {
            write: Lsn(report.write),
            flush: Lsn(report.flush),
            apply: Lsn(report.flush),
            clock: pg_micros(),
            reply: Reply::NotNeeded,
        };
        frontend::status_update(&mut bytes, &update);
        if let Err(error) = self.session.send(&bytes) {
            // What the server said before it went is the better reason, and comes before it in the stream.
            self.next_read = NextRead::Now;
            while self.next_read == NextRead::Now && self.shared.has_room(self.intake.pending()) {
                self.read()?;
            }
            return Err(error);
        }
        self.receiver.positions.sent(report);
        let on_time = now >= self.last.0 + self.rhythm;
        self.last = (now, report);
        self.asked = match self.asked {
            Asked::No => Asked::No,
            _ if report.flush >= report.write => Asked::No,
            _ => Asked::Rest,
        };
        Counts::add(&self.shared.counts.status_updates, 1);
        Counts::set(&self.shared.counts.reported_lsn, report.flush);
        self.shared.logger.log(Level::WAL_LOG_DEBUG, "feedback", || {
            format!("reported flush {} of {}", Lsn(report.flush), Lsn(report.write))
        });
        if on_time { self.tell_progress() } else { Ok(()) }
    }

    /// At most once per status interval: how far the slot has come without the consumer.
    fn tell_progress(&mut self) -> Result<()> {
        let acked = self.shared.acks.acked();
        match self.positions().progress(acked) {
            Some(lsn) if lsn > self.told_progress => {
                self.told_progress = lsn;
                self.intake.tell_progress(lsn)
            }
            _ => Ok(()),
        }
    }

    /// Reports what was acknowledged last and ends the session. Unread data in the socket would turn our close into
    /// a reset, which can overtake the report: so the end is awaited, for as long as closing may take.
    async fn say_goodbye(mut self) -> Result<()> {
        let deadline = Instant::now() + self.shared.config.close_timeout;
        let report = self.positions().report(self.shared.acks.acked());
        self.report(report, Instant::now())?;
        let mut bytes = Vec::with_capacity(16);
        frontend::copy_done(&mut bytes);
        frontend::terminate(&mut bytes);
        self.session.send(&bytes)?;
        self.session.watch(Watch::On)?;
        let ended = timeout_at(deadline.into(), self.drain()).await;
        if let Some(number) = self.shared.flush_wanted()
            && !self.session.has_unsent()
        {
            self.shared.flushed(number);
        }
        self.session.close();
        match ended {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(Status::WAL_TIMEOUT, "the server did not end the session in time")),
        }
    }

    /// Throws away what still comes, until the server closes.
    async fn drain(&mut self) -> Result<()> {
        let mut waste = vec![0; 64 << 10];
        loop {
            match self.session.fill(&mut waste)? {
                Fill::Bytes(_) => tokio::task::yield_now().await,
                Fill::Eof => return Ok(()),
                Fill::WouldBlock => {
                    self.session.poll_io(true).await?;
                }
            }
        }
    }

    fn positions(&self) -> &Positions {
        &self.receiver.positions
    }
}

fn no_alarm(error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_SYSTEM, "cannot use a timerfd", error)
}

fn connection_closed() -> Error {
    Error::new(Status::WAL_E_CONNECTION_LOST, "the server closed the connection")
        .with_hint("See the server's log: it was stopped, or it ended this walsender.")
}

/// Makes sure that the task may run on any engine thread.
const _: fn() = || {
    fn is_send<F: Future + Send>(_: fn(Arc<Shared>, u64, Option<Instant>) -> F) {}
    is_send(run);
};
