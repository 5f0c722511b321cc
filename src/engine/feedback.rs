//! Status updates: on time, at once when asked, never more than helps, and what the consumer learns of them.
//!
//! It must never let an update be late because of the consumer (P3, P8), nor answer a stopping server without end (P9).

use std::time::{Duration, Instant};

use super::log::Level;
use super::task::{NextRead, Streaming};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::Progress;
use crate::session::Session;
use crate::statistics::Counts;
use crate::stream::{Patience, Report, Standby};
use crate::sys::pg_micros;
use crate::wire::{Reply, StatusUpdate, frontend};

/// The shortest time between two answers that say the same: a server that shuts down asks again as soon as it is
/// answered (WalSndDone), and would be asked a million times while the consumer works (P9).
const REPEAT: Duration = Duration::from_millis(100);

/// The shortest time between two updates while the server waits for an acknowledgement.
const HURRY: Duration = Duration::from_millis(5);

/// Whether the server waits for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
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

impl Asked {
    /// Without a question: a server whose commits wait for this stream hears of every acknowledgement at once.
    pub(super) fn at_rest(standby: Standby) -> Self {
        match standby {
            Standby::Asynchronous => Self::No,
            Standby::Synchronous => Self::Rest,
        }
    }
}

impl<S: Session> Streaming<S> {
    /// When the next status update must leave if nothing happens before.
    pub(super) fn next_report(&self) -> Instant {
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

    /// Asks a silent server for an answer, and gives up one that does not answer (P15). While nothing is read, silence
    /// is ours.
    pub(super) fn mind_silence(&mut self, may_read: bool) -> Result<()> {
        let now = Instant::now();
        if !may_read {
            self.silence.heard(now);
        }
        let usual = self.shared.config.receive_timeout;
        if self.silence.limit() != usual {
            // Something moved since: the server was decoding, and is through.
            let limit = self.course.tolerance.limit(usual, self.course.reached());
            self.silence.set_limit(limit);
        }
        match self.silence.check(now) {
            Patience::Wait => Ok(()),
            // What the socket has not taken yet is a question the server does not hear either.
            Patience::Ask if self.session.has_unsent() => Ok(()),
            Patience::Ask => self.send(self.positions().report(self.shared.acks.acked()), Reply::AtOnce),
            Patience::Over => {
                let limit = self.silence.limit().unwrap_or_default();
                let at = self.course.reached();
                self.course.tolerance.gave_up(at);
                Err(Error::new(
                    Status::WAL_E_CONNECTION_LOST,
                    format!(
                        "the server was silent for {:.1} s, or sent less than 1 kB/s of a message, though it was asked for an answer",
                        limit.as_secs_f64()
                    ),
                )
                .with_hint("The network between is broken, or the server hangs: see option receive_timeout."))
            }
        }
    }

    pub(super) fn report_what_is_due(&mut self, flush: Option<u64>) -> Result<()> {
        let now = Instant::now();
        let (sent, said) = self.last;
        // Awaited before the position is looked at: an acknowledgement in between wakes us again.
        self.shared.await_ack(self.asked != Asked::No || self.course.ended);
        let report = self.positions().report(self.shared.acks.acked());
        // With synchronous_commit=remote_write commits wait for what was received.
        let is_news =
            report.flush != said.flush || self.standby == Standby::Synchronous && report.write != said.write;
        if self.asked == Asked::Rest && is_news {
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
                self.asked = Asked::at_rest(self.standby);
            }
        }
        match flush {
            Some(number) if !self.session.has_unsent() => self.shared.flushed(number),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn report(&mut self, report: Report, now: Instant) -> Result<()> {
        // The end of a bounded replay is known from the server's answers.
        let asks = self.shared.config.stop_lsn.is_some() && !self.course.ended;
        if let Err(error) = self.send(report, if asks { Reply::AtOnce } else { Reply::NotNeeded }) {
            // What the server said before it went is the better reason, and comes before it in the stream.
            self.next_read = NextRead::Now;
            while self.next_read == NextRead::Now && self.shared.has_room(0) {
                self.read()?;
            }
            return Err(error);
        }
        self.last = (now, report);
        // A server that waits to stop can go on only once the program has acknowledged all that was sent.
        let at_once = self.asked == Asked::Reply && self.shared.config.progress == Progress::Acknowledged;
        self.asked = match self.asked {
            Asked::No => Asked::No,
            _ if report.flush >= report.write => Asked::at_rest(self.standby),
            _ => Asked::Rest,
        };
        self.tell_progress(now, at_once)
    }

    pub(super) fn send(&mut self, report: Report, reply: Reply) -> Result<()> {
        let mut bytes = Vec::with_capacity(64);
        let update = StatusUpdate {
            write: Lsn(report.write),
            flush: Lsn(report.flush),
            apply: Lsn(report.flush),
            clock: pg_micros(),
            reply,
        };
        frontend::status_update(&mut bytes, &update);
        self.shared.capture.sent(&bytes)?;
        self.session.send(&bytes)?;
        self.course.receiver.positions.sent(report);
        Counts::add(&self.shared.counts.status_updates, 1);
        Counts::set(&self.shared.counts.reported_lsn, report.flush);
        Counts::set(&self.shared.counts.confirmed_lsn, report.flush);
        self.shared.logger.log(Level::WAL_LOG_DEBUG, "feedback", || {
            format!("reported flush {} of {}", Lsn(report.flush), Lsn(report.write))
        });
        Ok(())
    }

    /// At most once per status interval unless `at_once`, and never inside a transaction: how far the slot has come
    /// without the consumer, or may come with its acknowledgement.
    fn tell_progress(&mut self, now: Instant, at_once: bool) -> Result<()> {
        let (told, of) = self.course.progress;
        let waits = now < told + self.rhythm && !at_once;
        if waits || self.course.receiver.is_inside() || self.course.ended {
            return Ok(());
        }
        match self.positions().progress(self.shared.acks.acked()) {
            Some(lsn) if lsn > of => {
                self.course.progress = (now, lsn);
                self.course.intake.tell_progress(lsn)
            }
            _ => Ok(()),
        }
    }
}
