//! A stream of WAL in COPY mode: reading while there is room, reporting on time, from one timeline to the next, good-bye.
//!
//! It must never wait for the program, and never let a stopping server wait for it (PH1).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until, timeout_at};

use super::join::{Joined, histories, look};
use super::state::{State, not_over};
use crate::engine::connect::timely;
use crate::engine::intake::Noted;
use crate::engine::log::Level;
use crate::engine::reconnect::freed;
use crate::engine::shared::Shared;
use crate::engine::standby::Needed;
use crate::engine::task::{Turn, connection_closed, drain};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::physical::{self, Due, End, Feedback, Place, Report, explain, route};
use crate::session::{AnySession, Fill, Session, Watch};
use crate::statistics::Counts;
use crate::stream::{Patience, Silence};
use crate::sys::pg_micros;
use crate::wire::{Frame, Reply, ServerMessage, StatusUpdate, frontend, into_error, split};

/// How much a stream reads before the others of its thread have their turn.
const TURN: usize = 512 << 10;

/// The most that a server may say between the end of a timeline and the end of the command.
const MOST_WORDS: usize = 1 << 20;

/// A stream in COPY mode.
pub(super) struct Streaming<S> {
    shared: Arc<Shared>,
    session: S,
    state: State,
    feedback: Feedback,
    silence: Silence,
    /// What the server was told over this COPY that a standby needs.
    told: Option<Needed>,
    /// The last turn ended before it had everything.
    is_behind: bool,
}

/// Why a stream does not go on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// Nobody wants more.
    Goodbye,
    /// The timeline ended.
    Timeline,
}

impl Streaming<AnySession> {
    pub(super) fn new(shared: Arc<Shared>, joined: Joined, state: State) -> Self {
        Self {
            feedback: Feedback::new(joined.report_interval, joined.synchronous),
            silence: Silence::new(shared.config.receive_timeout, Instant::now()),
            session: joined.session,
            told: None,
            is_behind: false,
            shared,
            state,
        }
    }
}

impl<S: Session> Streaming<S> {
    /// Streams until the connection breaks, the program frees the stream or it ends, and gives back what outlives the
    /// connection.
    pub(super) async fn run(mut self) -> (State, Result<()>) {
        let outcome = match self.serve().await {
            Ok(()) => self.say_goodbye().await,
            Err(error) => {
                let _ = self.state.intake.flush();
                // What was acknowledged last is worth a try, whatever ended the connection.
                let _ = self.send(self.report(), Reply::NotNeeded);
                // Over another connection a standby needs it still.
                let goes_on = error.is_retriable() && self.shared.config.reconnect.is_some();
                if !goes_on || self.shared.is_closing() {
                    let _ = self.take_back();
                }
                Err(error)
            }
        };
        (self.state, outcome)
    }

    /// Streams one timeline after the other, until nobody wants more.
    async fn serve(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        if self.state.receiver.end() == Some(End::Stop) {
            self.finish()?;
        }
        while self.serve_timeline().await? == Leaving::Timeline {
            tokio::select! {
                followed = self.follow() => followed?,
                () = freed(&shared) => return Ok(()),
            }
        }
        Ok(())
    }

    async fn serve_timeline(&mut self) -> Result<Leaving> {
        let due = sleep_until(Instant::now().into());
        tokio::pin!(due);
        loop {
            let wanted = self.shared.wanted();
            if wanted.closing || self.is_done() {
                return Ok(Leaving::Goodbye);
            }
            let end = self.state.receiver.end();
            if end == Some(End::Timeline) {
                return Ok(Leaving::Timeline);
            }
            let next_report = self.report_what_is_due(wanted.flush)?;
            let may_read = end.is_none() && self.shared.has_room(self.state.intake.pending());
            if may_read && self.is_behind {
                self.read()?;
                tokio::task::yield_now().await;
                continue;
            }
            self.mind_silence(may_read)?;
            let at = self.silence.until().map_or(next_report, |until| until.min(next_report)).into();
            if due.deadline() != at {
                due.as_mut().reset(at);
            }
            let reads = self.sleep(due.as_mut(), may_read).await?;
            Counts::add(&self.shared.counts.wakeups, 1);
            if reads && self.read()? == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits for bytes, for the program, or for the time of the next report; tells whether there is something to read.
    async fn sleep(&mut self, due: Pin<&mut Sleep>, may_read: bool) -> Result<bool> {
        let watched = may_read || self.session.has_unsent();
        self.session.watch(if watched { Watch::On } else { Watch::Off })?;
        tokio::select! {
            biased;
            () = due => Ok(false),
            ready = self.session.poll_io(may_read) => Ok(ready?.is_readable()),
            // Last: a program that calls without pause must not keep the stream from reading.
            () = self.shared.engine.notified() => Ok(false),
        }
    }

    /// Whether the end that was asked for is reached and all before it acknowledged.
    fn is_done(&self) -> bool {
        if self.state.receiver.end() != Some(End::Stop) {
            return false;
        }
        self.shared.await_ack(true);
        self.state.receiver.positions.is_settled(self.shared.acks.acked())
    }

    fn report(&self) -> Report {
        self.state.receiver.positions.report(self.shared.acks.acked())
    }

    /// Sends what is due, and tells when the next is.
    fn report_what_is_due(&mut self, flush: Option<u64>) -> Result<Instant> {
        let now = Instant::now();
        // Awaited before the position is looked at: an acknowledgement in between wakes us again.
        self.shared.await_ack(true);
        let report = self.report();
        let due = self.feedback.due(report, now);
        // An update that the socket has not taken yet says enough, and its leaving wakes us.
        let is_free = !self.session.has_unsent();
        if is_free && (due == Due::Now || flush.is_some()) {
            self.tell(report, now)?;
        }
        if is_free && let Some(needed) = self.needed().filter(|needed| self.told != Some(*needed)) {
            self.tell_standby(needed)?;
        }
        if let Some(number) = flush
            && !self.session.has_unsent()
        {
            self.shared.flushed(number);
        }
        Ok(match self.feedback.due(report, now) {
            Due::At(at) => at,
            Due::Now => now + std::time::Duration::from_millis(100),
        })
    }

    fn tell(&mut self, report: Report, now: Instant) -> Result<()> {
        if let Err(error) = self.send(report, Reply::NotNeeded) {
            // What the server said before it went is the better reason, and comes before it in the stream.
            self.is_behind = true;
            while self.is_behind && self.state.receiver.end().is_none() && self.shared.has_room(0) {
                self.read()?;
            }
            return Err(error);
        }
        self.feedback.sent(report, now);
        Ok(())
    }

    fn send(&mut self, report: Report, reply: Reply) -> Result<()> {
        let mut bytes = Vec::with_capacity(64);
        let Report { write, flush, apply } = report;
        let clock = pg_micros();
        let update = StatusUpdate { write: Lsn(write), flush: Lsn(flush), apply: Lsn(apply), clock, reply };
        frontend::status_update(&mut bytes, &update);
        self.session.send(&bytes)?;
        if !self.shared.config.slot.is_empty() {
            self.state.receiver.positions.told(report);
        }
        let counts = &self.shared.counts;
        Counts::add(&counts.status_updates, 1);
        // A report without a flushed position leaves the server with what it has.
        let heard = if flush == 0 { self.state.receiver.positions.confirmed() } else { flush };
        Counts::set(&counts.reported_lsn, heard);
        Counts::set(&counts.confirmed_lsn, heard);
        self.shared.logger.log(Level::WAL_LOG_DEBUG, "feedback", || {
            format!("reported flush {} of {}", Lsn(flush), Lsn(write))
        });
        Ok(())
    }

    fn tell_standby(&mut self, needed: Needed) -> Result<()> {
        let mut bytes = Vec::with_capacity(32);
        frontend::standby_feedback(&mut bytes, pg_micros(), needed.xmin, needed.catalog_xmin);
        self.session.send(&bytes)?;
        self.told = Some(needed);
        Ok(())
    }

    /// What the server is to be told that a standby needs. Of a slot it may know something yet, from a process that was killed or
    /// a connection that broke: that is taken back at least.
    fn needed(&self) -> Option<Needed> {
        let has_slot = !self.shared.config.slot.is_empty();
        self.shared.standby.get().or_else(|| has_slot.then(Needed::default))
    }

    /// Takes back what a standby needs.
    fn take_back(&mut self) -> Result<()> {
        let nothing = Needed::default();
        match self.needed() {
            Some(_) if self.told != Some(nothing) => self.tell_standby(nothing),
            _ => Ok(()),
        }
    }

    /// Nothing more comes than what is in the queue.
    fn finish(&mut self) -> Result<()> {
        self.state.intake.flush()?;
        self.shared.finish();
        Ok(())
    }

    /// Asks a silent server for an answer, and gives up one that does not answer (P15). While nothing is read, silence is
    /// ours.
    fn mind_silence(&mut self, may_read: bool) -> Result<()> {
        let now = Instant::now();
        if !may_read {
            self.silence.heard(now);
        }
        match self.silence.check(now) {
            Patience::Ask if !self.session.has_unsent() => self.send(self.report(), Reply::AtOnce),
            Patience::Wait | Patience::Ask => Ok(()),
            Patience::Over => {
                let limit = self.silence.limit().unwrap_or_default().as_secs_f64();
                let text =
                    format!("the server was silent for {limit:.1} s, though it was asked for an answer");
                Err(Error::new(Status::WAL_E_CONNECTION_LOST, text).with_hint(
                    "The network between is broken, or the server hangs: see option receive_timeout.",
                ))
            }
        }
    }

    /// One turn of reading; tells how much it was. Whatever ends it, what came before is handed over first.
    fn read(&mut self) -> Result<usize> {
        let (mut noted, mut bytes) = (Noted::default(), 0);
        let begun = self.state.intake.begun();
        self.state.intake.begin();
        let turn = self.turn(&mut noted, &mut bytes);
        Counts::add(&self.shared.counts.bytes_received, bytes as u64);
        let intake = &self.state.intake;
        if intake.passes_over() || intake.begun() == begun + bytes {
            self.silence.heard_part(Instant::now(), bytes);
        } else {
            self.silence.heard(Instant::now());
        }
        self.state.publish();
        let ended = self.state.intake.end();
        for remark in noted.remarks {
            self.shared.logger.log(Level::WAL_LOG_WARN, "stream", || remark);
        }
        self.is_behind = turn? == Turn::Interrupted;
        ended?;
        if noted.reply_due {
            self.feedback.ask();
            self.state.want_flush()?;
        }
        if noted.ended && self.state.receiver.end() == Some(End::Stop) {
            self.finish()?;
        }
        Ok(bytes)
    }

    /// Reads until there is nothing more, the queue is full or the turn is over.
    fn turn(&mut self, noted: &mut Noted, bytes: &mut usize) -> Result<Turn> {
        loop {
            let room = self.state.intake.room()?;
            match self.session.fill(room)? {
                Fill::Bytes(n) => {
                    Counts::add(&self.shared.counts.reads, 1);
                    *bytes += n;
                    self.state.intake.received(n, &mut self.state.receiver, noted)?;
                }
                Fill::WouldBlock => return Ok(Turn::Drained),
                Fill::Eof => return Err(connection_closed()),
            }
            if noted.ended || self.session.is_drained() {
                return Ok(Turn::Drained);
            }
            if *bytes >= TURN || !self.shared.has_room(self.state.intake.pending()) {
                return Ok(Turn::Interrupted);
            }
        }
    }

    /// From the end of a timeline to the next, over the same connection.
    async fn follow(&mut self) -> Result<()> {
        self.state.intake.flush()?;
        self.state.intake.reconnected();
        self.feedback_at_end()?;
        let shared = Arc::clone(&self.shared);
        let config = &shared.config;
        timely(config, self.end_command()).await?;
        let (identity, server) = look(config, &mut self.session).await?;
        let place = self.state.receiver.place();
        // The server may have sent the beginning of a record that was never finished; less than the timeline is too little.
        let ended = server.history.end_of(place.timeline);
        let Some(at) = ended.filter(|at| *at <= place.lsn) else {
            let text = format!(
                "the server ended timeline {} at {}, and its history does not",
                place.timeline, place.lsn
            );
            return Err(Error::new(Status::WAL_E_PROTOCOL, text));
        };
        let way = route(&server, Place { lsn: at, ..place }, self.state.size)?;
        let left = histories(config, &mut self.session, way.switches).await?;
        self.state.seen(identity, server.history);
        self.state.follow(&left)?;
        self.state.restart(way.start);
        Counts::set(&shared.counts.timeline, way.start.timeline.into());
        let started =
            timely(config, self.session.start_copy(&physical::start(&config.slot, way.start))).await;
        started.map_err(|error| explain(error, &config.slot, way.start))?;
        shared.logger.log(Level::WAL_LOG_INFO, "stream", || format!("goes on at {}", way.start));
        self.feedback.restart();
        self.told = None;
        self.silence.heard(Instant::now());
        self.is_behind = true;
        Ok(())
    }

    /// What is safe of the timeline that ended is reported before it is left.
    fn feedback_at_end(&mut self) -> Result<()> {
        self.send(self.report(), Reply::NotNeeded)
    }

    /// Ends our half of COPY, and reads to where the server waits for the next command.
    async fn end_command(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        frontend::copy_done(&mut bytes);
        self.session.send(&bytes)?;
        self.session.watch(Watch::On)?;
        let mut came: Vec<u8> = Vec::new();
        let mut room = vec![0; 8 << 10];
        loop {
            match self.session.fill(&mut room)? {
                Fill::Bytes(n) => came.extend_from_slice(room.get(..n).unwrap_or_default()),
                Fill::Eof => return Err(connection_closed()),
                Fill::WouldBlock => {
                    self.session.poll_io(true).await?;
                    tokio::task::yield_now().await;
                }
            }
            if let Some(rest) = over(&came)? {
                return self.session.end_copy(rest);
            }
            if came.len() > MOST_WORDS {
                return Err(not_over());
            }
        }
    }

    /// Takes back what a standby needs, reports what was acknowledged last and ends the session.
    async fn say_goodbye(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.shared.config.close_timeout;
        self.take_back()?;
        self.send(self.report(), Reply::NotNeeded)?;
        self.session.say_goodbye()?;
        self.session.watch(Watch::On)?;
        let ended = timeout_at(deadline.into(), drain(&mut self.session)).await;
        if let Some(number) = self.shared.wanted().flush
            && !self.session.has_unsent()
        {
            self.shared.flushed(number);
        }
        ended.unwrap_or_else(|_| {
            Err(Error::new(Status::WAL_TIMEOUT, "the server did not end the session in time"))
        })
    }
}

/// What stands behind the end of a command, once that is there. An error in between ends the stream.
fn over(came: &[u8]) -> Result<Option<&[u8]>> {
    let mut rest = came;
    while let Frame::Complete { tag, body, total } = split(rest)? {
        rest = rest.get(total..).unwrap_or_default();
        match tag {
            b'Z' => return Ok(Some(rest)),
            b'E' => return Err(into_error(ServerMessage::parse(body)?, "ending a timeline")),
            _ => {}
        }
    }
    Ok(None)
}
