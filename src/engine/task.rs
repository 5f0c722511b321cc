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
use super::shared::{Phase, Shared, TaskLife};
use super::stats::Counts;
use crate::batch::EventKind;
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

/// Runs one attempt to connect and the stream that comes of it, and reports how it ended. `life` tells, however this
/// future ends, that it no longer runs.
pub async fn run(shared: Arc<Shared>, attempt: u64, deadline: Option<Instant>, life: TaskLife) {
    let of_task = Arc::clone(&shared);
    let inner = tokio::spawn(async move { work(of_task, attempt, deadline).await });
    let outcome = match inner.await {
        Ok(outcome) => outcome,
        Err(join) if join.is_panic() => Err(panics::error(&*join.into_panic())),
        Err(_) => Err(Error::new(Status::WAL_E_INTERNAL, "the stream's task was cancelled")),
    };
    match outcome {
        Ok(()) => shared.enter(attempt, Phase::Closed),
        Err(error) => {
            shared.logger.log(Level::WAL_LOG_ERROR, "stream", || format!("ended: {error:?}"));
            shared.enter(attempt, Phase::Ended(error))
        }
    };
    drop(life);
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
    let socket = connected.session.fd();
    let outcome = Streaming::new(shared.clone(), connected).run().await;
    // Unless another attempt has a connection by now.
    let _ = shared.socket.compare_exchange(socket, -1, Ordering::AcqRel, Ordering::Relaxed);
    if let Err(error) = &outcome
        && (shared.is_closing() || shared.is_finished())
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
    /// When the consumer was last told of progress, or could have been, and of what.
    progress: (Instant, u64),
    pace: Pace,
    next_read: NextRead,
    /// The end that was asked for is reached.
    ended: bool,
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
    /// acknowledgement is reported soon (P9).
    Rest,
    /// The same, and there is an acknowledgement to report as soon as `HURRY` allows.
    News,
}

impl Streaming<crate::session::AnySession> {
    fn new(shared: Arc<Shared>, connected: Connected) -> Self {
        Self {
            receiver: Receiver::new(&shared.config),
            intake: Intake::new(Arc::clone(&shared)),
            rhythm: connected.rhythm,
            last: (Instant::now(), Report { write: 0, flush: 0 }),
            asked: Asked::No,
            progress: (Instant::now(), 0),
            pace: Pace::new(shared.config.latency_budget, connected.path, Instant::now()),
            alarm: None,
            ended: false,
            next_read: NextRead::WhenReady,
            session: connected.session,
            shared,
        }
    }
}

impl<S: Session> Streaming<S> {
    async fn run(mut self) -> Result<()> {
        let outcome = self.serve().await;
        if outcome.is_err() {
            // What was acknowledged last is worth a try, whatever ended the stream: else it comes again.
            let report = self.positions().report(self.shared.acks.acked());
            let _ = self.send(report);
            return outcome;
        }
        self.say_goodbye().await
    }

    /// Streams until the program frees the stream.
    async fn serve(&mut self) -> Result<()> {
        let due = sleep_until(self.next_report().into());
        tokio::pin!(due);
        if self.shared.config.stop_lsn.is_some() {
            // The end may be where the server stands already: it is asked at once.
            self.report(self.positions().report(self.shared.acks.acked()), Instant::now())?;
        }
        loop {
            let wanted = self.shared.wanted();
            if wanted.closing || self.is_done() {
                return Ok(());
            }
            self.report_what_is_due(wanted.flush)?;
            // Every event is in the queue between turns: what waits for room waits for the consumer, never for
            // nobody.
            let may_read = !self.ended && self.shared.has_room(0);
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

    /// Whether the end that was asked for is reached and all before it acknowledged: then there is nothing to stay for,
    /// and a server that shuts down would wait for us.
    fn is_done(&self) -> bool {
        if !self.ended {
            return false;
        }
        self.shared.await_ack(true);
        self.positions().is_settled(self.shared.acks.acked())
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
            () = due => Ok(false),
            rung = alarm => rung.map(|()| true).map_err(|error| no_alarm(&error)),
            ready = self.session.poll_io(wants) => Ok(ready?.is_readable()),
            // Last: a consumer that calls without pause must not keep the stream from reading.
            () = self.shared.engine.notified() => Ok(false),
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

    /// One turn of reading. Whatever ends it, what came before is handed over and told first.
    fn read(&mut self) -> Result<()> {
        let mut noted = Noted::default();
        let mut bytes = 0;
        self.intake.begin();
        let turn = self.turn(&mut noted, &mut bytes);
        Counts::add(&self.shared.counts.bytes_received, bytes as u64);
        self.publish();
        let ended = self.intake.end();
        let ends = noted.ended && !self.ended;
        self.note(noted);
        self.next_read = match turn? {
            Turn::Drained => self.pace.next(bytes, Instant::now()).map_or(NextRead::WhenReady, NextRead::At),
            Turn::Interrupted => NextRead::Now,
        };
        ended?;
        if ends { self.end() } else { Ok(()) }
    }

    /// Tells the consumer that this is all.
    fn end(&mut self) -> Result<()> {
        let discarded = self.receiver.discarded();
        for event in discarded.iter().filter(|event| event.kind == EventKind::WAL_EVENT_STREAM_ABORT as u32) {
            self.shared.logger.log(Level::WAL_LOG_WARN, "stream", || {
                format!("discarded the streamed transaction {}, which is open at stop_lsn", event.xid)
            });
        }
        self.intake.tell(discarded)?;
        self.shared.finish();
        Ok(())
    }

    /// Reads until there is nothing more, the queue is full or the turn is over.
    fn turn(&mut self, noted: &mut Noted, bytes: &mut usize) -> Result<Turn> {
        loop {
            match self.session.fill(self.intake.room()?)? {
                Fill::Bytes(n) => {
                    Counts::add(&self.shared.counts.reads, 1);
                    *bytes += n;
                    self.intake.received(n, &mut self.receiver, noted)?;
                }
                Fill::WouldBlock => return Ok(Turn::Drained),
                Fill::Eof => return Err(connection_closed()),
            }
            if noted.ended {
                return Ok(Turn::Drained);
            }
            if *bytes >= TURN || !self.shared.has_room(self.intake.pending()) {
                return Ok(Turn::Interrupted);
            }
        }
    }

    fn note(&mut self, noted: Noted) {
        for remark in noted.remarks {
            self.shared.logger.log(Level::WAL_LOG_WARN, "stream", || remark);
        }
        if noted.reply_due {
            self.asked = Asked::Reply;
        }
        if noted.ended {
            self.ended = true;
        }
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
        sent + match self.asked {
            Asked::No | Asked::Rest => self.rhythm,
            Asked::Reply => REPEAT.min(self.rhythm),
            Asked::News => HURRY.min(self.rhythm),
        }
    }

    fn report_what_is_due(&mut self, flush: Option<u64>) -> Result<()> {
        let now = Instant::now();
        let (sent, said) = self.last;
        // Awaited before the position is looked at: an acknowledgement in between wakes us again.
        self.shared.await_ack(self.asked != Asked::No || self.ended);
        let report = self.positions().report(self.shared.acks.acked());
        if self.asked == Asked::Rest && report.flush != said.flush {
            self.asked = Asked::News;
        }
        let on_time = now >= sent + self.rhythm;
        let due = match self.asked {
            Asked::No | Asked::Rest => on_time,
            Asked::Reply => report != said || now >= sent + REPEAT.min(self.rhythm),
            Asked::News => now >= sent + HURRY.min(self.rhythm),
        };
        // An update that the socket has not taken yet says enough; a second behind it would only fill the buffer.
        if (due || flush.is_some()) && !self.session.has_unsent() {
            self.report(report, now)?;
            // The server does not wait for ever: it asks again if it does.
            if on_time && self.asked == Asked::Rest {
                self.asked = Asked::No;
            }
        }
        match flush {
            Some(number) if !self.session.has_unsent() => self.shared.flushed(number),
            _ => {}
        }
        Ok(())
    }

    fn report(&mut self, report: Report, now: Instant) -> Result<()> {
        if let Err(error) = self.send(report) {
            // What the server said before it went is the better reason, and comes before it in the stream.
            self.next_read = NextRead::Now;
            while self.next_read == NextRead::Now && self.shared.has_room(0) {
                self.read()?;
            }
            return Err(error);
        }
        self.last = (now, report);
        self.asked = match self.asked {
            Asked::No => Asked::No,
            _ if report.flush >= report.write => Asked::No,
            _ => Asked::Rest,
        };
        self.tell_progress(now)
    }

    fn send(&mut self, report: Report) -> Result<()> {
        let asks = self.shared.config.stop_lsn.is_some() && !self.ended;
        let mut bytes = Vec::with_capacity(64);
        let update = StatusUpdate {
            write: Lsn(report.write),
            flush: Lsn(report.flush),
            apply: Lsn(report.flush),
            clock: pg_micros(),
            reply: if asks { Reply::AtOnce } else { Reply::NotNeeded },
        };
        frontend::status_update(&mut bytes, &update);
        self.session.send(&bytes)?;
        self.receiver.positions.sent(report);
        Counts::add(&self.shared.counts.status_updates, 1);
        Counts::set(&self.shared.counts.reported_lsn, report.flush);
        self.shared.logger.log(Level::WAL_LOG_DEBUG, "feedback", || {
            format!("reported flush {} of {}", Lsn(report.flush), Lsn(report.write))
        });
        Ok(())
    }

    /// At most once per status interval, and never inside a transaction: how far the slot has come without the
    /// consumer.
    fn tell_progress(&mut self, now: Instant) -> Result<()> {
        let (told, of) = self.progress;
        if now < told + self.rhythm || self.receiver.is_inside() || self.ended {
            return Ok(());
        }
        match self.positions().progress(self.shared.acks.acked()) {
            Some(lsn) if lsn > of => {
                self.progress = (now, lsn);
                self.intake.tell_progress(lsn)
            }
            _ => Ok(()),
        }
    }

    /// Reports what was acknowledged last and ends the session. Unread data in the socket would turn our close into
    /// a reset, which can overtake the report: so the end is awaited, for as long as closing may take.
    async fn say_goodbye(mut self) -> Result<()> {
        let deadline = Instant::now() + self.shared.config.close_timeout;
        self.send(self.positions().report(self.shared.acks.acked()))?;
        self.session.say_goodbye()?;
        self.session.watch(Watch::On)?;
        let ended = timeout_at(deadline.into(), self.drain()).await;
        if let Some(number) = self.shared.wanted().flush
            && !self.session.has_unsent()
        {
            self.shared.flushed(number);
        }
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
    Drained,
    /// There may be more: the queue is full, or other streams have their turn.
    Interrupted,
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
    fn is_send<F: Future + Send>(_: fn(Arc<Shared>, u64, Option<Instant>, TaskLife) -> F) {}
    is_send(run);
};
