//! The task of one stream on the engine thread: reading while there is room, reporting on time, saying good-bye.
//!
//! It must never wait for the consumer, and never let a status update be late because of it (P3, P8).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout_at};

use super::connect::{Connected, connect};
use super::intake::{Intake, Noted};
use super::log::Level;
use super::panics;
use super::shared::{Phase, Shared};
use super::stats::Counts;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::session::{Fill, Session};
use crate::stream::{Positions, Receiver, Report};
use crate::sys::pg_micros;
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
            let want_read = self.shared.has_room(self.intake.pending());
            let next = self.next_report().into();
            if due.deadline() != next {
                due.as_mut().reset(next);
            }
            let shared = Arc::clone(&self.shared);
            let readable = tokio::select! {
                biased;
                () = shared.engine.notified() => false,
                () = due.as_mut() => false,
                ready = self.session.poll_io(want_read) => ready?.is_readable(),
            };
            Counts::add(&self.shared.counts.wakeups, 1);
            if readable && self.read()? == Turn::More {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads until there is nothing more, the queue is full or the turn is over.
    fn read(&mut self) -> Result<Turn> {
        let mut noted = Noted::default();
        let mut left = TURN;
        self.intake.begin();
        let turn = loop {
            match self.session.fill(self.intake.room()?)? {
                Fill::Bytes(n) => {
                    Counts::add(&self.shared.counts.reads, 1);
                    Counts::add(&self.shared.counts.bytes_received, n as u64);
                    self.take(n, &mut noted)?;
                    left = left.saturating_sub(n);
                }
                Fill::WouldBlock => break Turn::Over,
                Fill::Eof => {
                    self.intake.end()?;
                    return Err(connection_closed());
                }
            }
            if left == 0 || !self.shared.has_room(self.intake.pending()) {
                break Turn::More;
            }
        };
        self.intake.end()?;
        self.note(noted);
        Ok(turn)
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
            while self.read()? == Turn::More && self.shared.has_room(self.intake.pending()) {}
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

/// How a turn of reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There was no more.
    Over,
    /// There may be more.
    More,
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
