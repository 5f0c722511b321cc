//! The task of one stream on the engine thread: reading while there is room, reporting on time, saying good-bye.
//!
//! It must never wait for the consumer, and never let a status update be late because of it (P3, P8).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until, timeout_at};

use super::capture;
use super::connect::Connected;
use super::health;
use super::intake::Noted;
use super::lifecycle::Step;
use super::log::Level;
use super::panics;
use super::physical;
use super::reconnect::{Recovery, first};
use super::remembered::{Remembered, SHED_AGAIN, Standing};
use super::shared::{Shared, TaskLife};
use super::snapshot;
use super::state::StreamState;
use crate::error::{Error, Result, Status};
use crate::options::{Mode, Progress};
use crate::session::{AnySession, Fill, Session, Watch};
use crate::statistics::Counts;
use crate::stream::{Feedback, Pace, Positions, Report, Silence};
use crate::sys::Alarm;
use crate::wire::Reply;

/// How much a stream reads before the others of its thread have their turn.
const TURN: usize = 256 << 10;

/// Runs one attempt to connect and the stream that comes of it, and reports how it ended. `life` tells, however this
/// future ends, that it no longer runs.
pub async fn run(shared: Arc<Shared>, attempt: u64, deadline: Option<Instant>, life: TaskLife) {
    supervise(shared, attempt, life, |shared| async move {
        match shared.config.mode {
            Mode::Logical => work(shared, attempt, deadline).await,
            Mode::Physical => Box::pin(physical::work(shared, attempt, deadline)).await,
        }
    })
    .await;
}

/// Runs what a stream does, and reports how it ended.
pub async fn supervise<W>(
    shared: Arc<Shared>,
    attempt: u64,
    life: TaskLife,
    work: impl FnOnce(Arc<Shared>) -> W,
) where
    W: Future<Output = Result<()>> + Send + 'static,
{
    let inner = tokio::spawn(work(Arc::clone(&shared)));
    let joined = tokio::select! {
        joined = inner => joined,
        () = health::watch(&shared) => return,
    };
    let outcome = match joined {
        Ok(outcome) => outcome,
        Err(join) if join.is_panic() => Err(panics::error(&*join.into_panic())),
        Err(_) => Err(Error::new(Status::WAL_E_INTERNAL, "the stream's task was cancelled")),
    };
    match outcome {
        Ok(()) => shared.enter(attempt, Step::Leave(None)),
        Err(error) => {
            shared.logger.log(Level::WAL_LOG_ERROR, "stream", || format!("ended: {error:?}"));
            shared.enter(attempt, Step::Leave(Some(error)))
        }
    };
    drop(life);
}

async fn work(shared: Arc<Shared>, attempt: u64, deadline: Option<Instant>) -> Result<()> {
    let connecting = first(&shared, deadline);
    // An attempt that was given up is dropped where it stands, and its socket with it.
    let connected = tokio::select! {
        connected = connecting => connected?,
        () = given_up(&shared, attempt) => return Ok(()),
    };
    // Before the program can acknowledge. What a snapshot ends with is to be delivered first.
    let is_whole = connected.snapshot.is_none();
    let made = (connected.identity.started, connected.slot);
    shared.acks.begin(if is_whole { connected.start.0 } else { connected.start.0.saturating_sub(1) });
    if !shared.enter(attempt, Step::Stream) {
        drop(connected);
        if !is_whole {
            snapshot::discard(&shared, made.0, made.1).await;
        }
        return Ok(());
    }
    if let Err(error) = shared.capture.epoch(&capture::epoch(&shared.config, &connected)) {
        drop(connected);
        if !is_whole {
            snapshot::discard(&shared, made.0, made.1).await;
        }
        return Err(error);
    }
    let outcome = stream(&shared, connected).await;
    if let Err(error) = shared.capture.finish() {
        shared.logger.log(Level::WAL_LOG_WARN, "capture", || format!("while ending: {error:?}"));
    }
    match unless_leaving(&shared, outcome) {
        Err(error) => Err(Box::pin(health::verdict(&shared, error)).await),
        Ok(()) => Ok(()),
    }
}

/// What goes wrong while nobody wants more is for the log.
pub(super) fn unless_leaving(shared: &Shared, outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if shared.is_closing() || shared.is_finished() => {
            shared.logger.log(Level::WAL_LOG_WARN, "stream", || format!("while closing: {error:?}"));
            Ok(())
        }
        outcome => outcome,
    }
}

/// Streams over one connection after the other.
async fn stream(shared: &Arc<Shared>, mut connected: Connected) -> Result<()> {
    let mut state = StreamState::new(shared, &connected);
    if let Some(taken) = connected.snapshot.take() {
        let server = connected.identity.provenance(&shared.config);
        let made = (connected.identity.started, connected.slot);
        if let Err(error) = state.copy_first(shared, *taken, server) {
            drop(connected);
            snapshot::discard(shared, made.0, made.1).await;
            return Err(error);
        }
    }
    if connected.late && shared.config.progress == Progress::Acknowledged {
        // What the program has stored is behind the slot: it shall store this.
        let had = state.receiver.positions.delivered();
        state.intake.tell_progress(connected.start.0, had)?;
    }
    let mut recovery = Recovery::new(shared);
    loop {
        let socket = connected.session.fd();
        let (rest, outcome) = Streaming::new(Arc::clone(shared), connected, state).run().await;
        state = rest;
        // Unless another attempt has a connection by now.
        let _ = shared.socket.compare_exchange(socket, -1, Ordering::AcqRel, Ordering::Relaxed);
        let Err(reason) = outcome else { return Ok(()) };
        connected = match recovery.connect(reason, &state).await? {
            Some(connected) => connected,
            None => return Ok(()),
        };
        recovery.announce(&mut state, &connected)?;
    }
}

pub(super) async fn given_up(shared: &Shared, attempt: u64) {
    while shared.is_attempt(attempt) {
        shared.engine.notified().await;
    }
    shared.creation.stop().await;
}

/// A stream in COPY mode.
pub(super) struct Streaming<S> {
    pub(super) shared: Arc<Shared>,
    pub(super) session: S,
    pub(super) state: StreamState,
    pub(super) feedback: Feedback,
    pub(super) silence: Silence,
    next_read: NextRead,
    pace: Pace,
    /// How much was read since there last was no more.
    since_drained: usize,
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

impl Streaming<AnySession> {
    fn new(shared: Arc<Shared>, connected: Connected, state: StreamState) -> Self {
        Self {
            feedback: Feedback::new(connected.report_interval, connected.standby, Instant::now()),
            pace: Pace::new(shared.config.latency_budget, connected.path, Instant::now()),
            next_read: NextRead::WhenReady,
            since_drained: 0,
            silence: Silence::new(
                state.tolerance.limit(shared.config.receive_timeout, state.reached()),
                Instant::now(),
            ),
            session: connected.session,
            state,
            shared,
        }
    }
}

impl<S: Session> Streaming<S> {
    /// Streams until the connection breaks, the program frees the stream or it ends, and gives back what outlives the
    /// connection.
    async fn run(mut self) -> (StreamState, Result<()>) {
        let outcome = match self.serve().await {
            Ok(()) => self.say_goodbye().await,
            Err(error) => {
                // Of a transaction that was to end in its batch nothing more comes.
                let _ = self.state.intake.flush();
                // What was acknowledged last is worth a try, whatever ended the connection: else it comes again.
                let _ = self.send(self.due_report(), Reply::NotNeeded);
                Err(error)
            }
        };
        (self.state, outcome)
    }

    /// Streams until the program frees the stream.
    async fn serve(&mut self) -> Result<()> {
        let due = sleep_until(self.next_report().into());
        tokio::pin!(due);
        if self.shared.config.stop_lsn.is_some() {
            // The end may be where the server stands already: it is asked at once.
            self.report(self.due_report(), Instant::now())?;
        }
        loop {
            let wanted = self.shared.wanted();
            if wanted.closing || self.is_done() {
                return Ok(());
            }
            self.report_what_is_due(wanted.flush)?;
            self.shed_definitions()?;
            // What is not in the queue between turns takes less than all of it: what waits for room waits for the
            // consumer, never for nobody.
            let copies = self.copies()?;
            let may_read = !copies && !self.state.ended && self.shared.has_room(self.state.intake.pending());
            if may_read && self.next_read == NextRead::Now {
                self.read()?;
                tokio::task::yield_now().await;
                continue;
            }
            self.mind_silence(may_read)?;
            let report = self.next_report();
            let at = self.silence.until().map_or(report, |until| until.min(report)).into();
            if due.deadline() != at {
                due.as_mut().reset(at);
            }
            let next_read = if may_read { self.next_read } else { NextRead::Never };
            let reads = self.sleep(due.as_mut(), next_read).await?;
            Counts::add(&self.shared.counts.wakeups, 1);
            if reads && self.read()? == 0 {
                // What comes and is nothing for us must not keep the thread: a session may be readable still.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Whether rows of a snapshot come first. Its task wakes this one when it is done.
    fn copies(&mut self) -> Result<bool> {
        let Some(copying) = &mut self.state.snapshot else { return Ok(false) };
        let Some(outcome) = copying.outcome() else { return Ok(true) };
        self.state.snapshot = None;
        outcome.map(|()| false)
    }

    fn next_report(&self) -> Instant {
        // Where the socket is full poll_io tells when it is not any more.
        self.feedback.next(self.session.has_unsent(), Instant::now())
    }

    fn report_what_is_due(&mut self, flush: Option<u64>) -> Result<()> {
        let now = Instant::now();
        // Awaited before the position is looked at: an acknowledgement in between wakes us again.
        self.shared.await_ack(self.feedback.awaits_ack() || self.state.ended);
        let report = self.due_report();
        let due = self.feedback.is_due(report, now);
        // An update that the socket has not taken yet says enough; a second behind it would only fill the buffer.
        if (due || flush.is_some()) && !self.session.has_unsent() {
            self.report(report, now)?;
        }
        match flush {
            Some(number) if !self.session.has_unsent() => self.shared.flushed(number),
            _ => {}
        }
        Ok(())
    }

    fn report(&mut self, report: Report, now: Instant) -> Result<()> {
        // The end of a bounded stream is known from the server's answers.
        let asks = self.shared.config.stop_lsn.is_some() && !self.state.ended;
        if let Err(error) = self.send(report, if asks { Reply::AtOnce } else { Reply::NotNeeded }) {
            // What the server said before it went is the better reason, and comes before it in the stream. While rows of a
            // snapshot come nothing may: the changes would be among them.
            self.next_read = NextRead::Now;
            while self.state.snapshot.is_none() && self.next_read == NextRead::Now && self.shared.has_room(0)
            {
                self.read()?;
            }
            return Err(error);
        }
        let update = self.feedback.sent(report, now);
        self.tell_progress(update, now)
    }

    /// Ends the connection, or the stream, where what is remembered takes too much.
    fn shed_definitions(&mut self) -> Result<()> {
        let StreamState { receiver, snapshot, shed, began, ended, .. } = &self.state;
        if *ended || snapshot.is_some() {
            // Nothing is read, so that nothing grows.
            return Ok(());
        }
        let acked = self.shared.acks.acked();
        let stands = || Standing {
            lately: shed.is_some_and(|(at, _)| at.elapsed() < SHED_AGAIN),
            settled: receiver.positions.is_settled(acked),
            at_rest: receiver.is_at_rest(),
            moved: acked > shed.map_or(began.0, |(_, acked)| acked),
        };
        let it = Remembered { definitions: receiver.definitions_weight(), all: receiver.remembered_weight() };
        let Some(error) = it.too_much(&self.shared.config, stands) else { return Ok(()) };
        self.state.shed = Some((Instant::now(), acked));
        Err(error)
    }

    /// Whether the end that was asked for is reached and all before it acknowledged: then there is nothing to stay for,
    /// and a server that shuts down would wait for us.
    fn is_done(&self) -> bool {
        if !self.state.ended {
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
        let is_set = matches!(next_read, NextRead::At(at) if self.set_alarm(at));
        let alarm = async {
            let NextRead::At(at) = next_read else { return std::future::pending().await };
            match &self.state.alarm {
                Some(alarm) if is_set && alarm.rung().await.is_ok() => (),
                // tokio's own clock is coarser, which costs only time.
                _ => sleep_until(at.into()).await,
            }
        };
        tokio::select! {
            biased;
            () = due => Ok(false),
            () = alarm => Ok(true),
            ready = self.session.poll_io(wants) => Ok(ready?.is_readable()),
            // Last: a consumer that calls without pause must not keep the stream from reading.
            () = self.shared.engine.notified() => Ok(false),
        }
    }

    /// False: the system has none for us now. The next time it is asked again.
    fn set_alarm(&mut self, at: Instant) -> bool {
        if self.state.alarm.is_none() {
            self.state.alarm = Alarm::new().ok();
        }
        let left = at.saturating_duration_since(Instant::now());
        self.state.alarm.as_ref().is_some_and(|alarm| alarm.set(left).is_ok())
    }

    /// One turn of reading; tells how much it was. Whatever ends it, what came before is handed over and told first.
    fn read(&mut self) -> Result<usize> {
        debug_assert!(self.state.snapshot.is_none(), "the rows of a snapshot come before the changes");
        let mut noted = Noted::default();
        let mut bytes = 0;
        let begun = self.state.intake.begun();
        // Nothing is read meanwhile: the server is not asked to speak.
        let delivers = self.state.intake.is_delivering();
        self.state.intake.begin();
        let turn = self.turn(&mut noted, &mut bytes);
        Counts::add(&self.shared.counts.bytes_received, bytes as u64);
        self.since_drained += bytes;
        let intake = &self.state.intake;
        if !delivers && (intake.passes_over() || intake.begun() == begun + bytes) {
            self.silence.heard_part(Instant::now(), bytes);
        } else {
            self.silence.heard(Instant::now());
        }
        self.shared.publish(&mut self.state.receiver);
        let captured = self.shared.capture.flush();
        let ended = self.state.intake.end();
        let ends = noted.ended && !self.state.ended;
        self.note(noted);
        self.next_read = match turn? {
            Turn::Drained => {
                let bytes = std::mem::take(&mut self.since_drained);
                self.pace.next(bytes, Instant::now()).map_or(NextRead::WhenReady, NextRead::At)
            }
            Turn::Interrupted => NextRead::Now,
        };
        ended?;
        captured?;
        if ends {
            if let Some(lsn) = self.positions().owed() {
                self.state.receiver.positions.pay(lsn);
                let delivered = self.positions().delivered();
                self.state.intake.tell_progress(lsn, delivered)?;
            }
            self.state.intake.tell_end(&self.state.receiver)?;
        }
        Ok(bytes)
    }

    /// Reads until there is nothing more, the queue is full or the turn is over. A transaction that was kept comes first.
    fn turn(&mut self, noted: &mut Noted, bytes: &mut usize) -> Result<Turn> {
        let mut delivered = 0;
        loop {
            let StreamState { intake, receiver, .. } = &mut self.state;
            if intake.is_delivering() {
                delivered += intake.deliver(receiver, noted)?;
                if noted.ended {
                    return Ok(Turn::Drained);
                }
                if delivered >= TURN || !self.shared.has_room(intake.pending()) {
                    return Ok(Turn::Interrupted);
                }
                continue;
            }
            let room = self.state.intake.room()?;
            match self.session.fill(room)? {
                Fill::Bytes(n) => {
                    self.shared.capture.received(room.get(..n).unwrap_or_default())?;
                    Counts::add(&self.shared.counts.reads, 1);
                    *bytes += n;
                    self.state.intake.received(n, &mut self.state.receiver, noted)?;
                }
                Fill::WouldBlock => return Ok(Turn::Drained),
                Fill::Eof => return Err(connection_closed()),
            }
            if self.state.intake.is_delivering() && !noted.ended {
                if !self.shared.has_room(self.state.intake.pending()) {
                    return Ok(Turn::Interrupted);
                }
                continue;
            }
            if noted.ended || self.session.is_drained() {
                return Ok(Turn::Drained);
            }
            if *bytes >= TURN || !self.shared.has_room(self.state.intake.pending()) {
                return Ok(Turn::Interrupted);
            }
        }
    }

    fn note(&mut self, noted: Noted) {
        for remark in noted.remarks {
            self.shared.logger.log(Level::WAL_LOG_WARN, "stream", || remark);
        }
        if noted.reply_due {
            self.feedback.ask();
        }
        if noted.ended {
            self.state.ended = true;
        }
    }

    /// Reports what was acknowledged last and ends the session. Unread data in the socket would turn our close into
    /// a reset, which can overtake the report: so the end is awaited, for as long as closing may take.
    async fn say_goodbye(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.shared.config.close_timeout;
        // Nobody is there for rows that are still copied.
        self.state.snapshot = None;
        self.send(self.due_report(), Reply::NotNeeded)?;
        self.session.say_goodbye()?;
        self.session.watch(Watch::On)?;
        let ended = timeout_at(deadline.into(), drain(&mut self.session)).await;
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

    pub(super) fn positions(&self) -> &Positions {
        &self.state.receiver.positions
    }
}

/// Throws away what still comes, until the server closes.
pub(super) async fn drain<S: Session>(session: &mut S) -> Result<()> {
    let mut waste = vec![0; 64 << 10];
    loop {
        match session.fill(&mut waste)? {
            Fill::Bytes(_) => tokio::task::yield_now().await,
            Fill::Eof => return Ok(()),
            Fill::WouldBlock => {
                session.poll_io(true).await?;
                tokio::task::yield_now().await;
            }
        }
    }
}

/// How a turn of reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There was no more.
    Drained,
    /// There may be more: the queue is full, or other streams have their turn.
    Interrupted,
}

pub(super) fn connection_closed() -> Error {
    Error::new(Status::WAL_E_CONNECTION_LOST, "the server closed the connection")
        .with_hint("See the server's log: it was stopped, or it ended this walsender.")
}

/// Makes sure that the task may run on any engine thread.
const _: fn() = || {
    fn is_send<F: Future + Send>(_: fn(Arc<Shared>, u64, Option<Instant>, TaskLife) -> F) {}
    is_send(run);
};
