//! Sends status updates, and tells the consumer of progress. When either is due is for `stream` to say: it must never
//! decide that here, nor read.

use std::time::Instant;

use super::log::Level;
use super::task::Streaming;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::Progress;
use crate::session::Session;
use crate::statistics::Counts;
use crate::stream::{Patience, Report, Update};
use crate::sys::pg_micros;
use crate::wire::{Reply, StatusUpdate, frontend};

impl<S: Session> Streaming<S> {
    /// What may be reported now.
    pub(super) fn due_report(&self) -> Report {
        self.positions().report(self.shared.acks.acked())
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
            let limit = self.state.tolerance.limit(usual, self.state.reached());
            self.silence.set_limit(limit);
        }
        match self.silence.check(now) {
            Patience::Wait => Ok(()),
            // What the socket has not taken yet is a question the server does not hear either.
            Patience::Ask if self.session.has_unsent() => Ok(()),
            Patience::Ask => self.send(self.due_report(), Reply::AtOnce),
            Patience::Over => {
                let limit = self.silence.limit().unwrap_or_default();
                let at = self.state.reached();
                self.state.tolerance.gave_up(at);
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
        self.state.receiver.positions.sent(report);
        Counts::add(&self.shared.counts.status_updates, 1);
        Counts::set(&self.shared.counts.reported_lsn, report.flush);
        Counts::set(&self.shared.counts.confirmed_lsn, report.flush);
        self.shared.logger.log(Level::WAL_LOG_DEBUG, "feedback", || {
            format!("reported flush {} of {}", Lsn(report.flush), Lsn(report.write))
        });
        Ok(())
    }

    /// After an update, and never inside a transaction: how far the slot has come without the consumer, or may come with
    /// its acknowledgement.
    pub(super) fn tell_progress(&mut self, update: Update, now: Instant) -> Result<()> {
        // A server that waits to stop can go on only once the program has acknowledged all that was sent.
        let at_once = update == Update::Answer && self.shared.config.progress == Progress::Acknowledged;
        let is_due = self.state.progress.is_due(self.feedback.interval(), at_once, now);
        if !is_due || self.state.receiver.is_inside() || self.state.ended {
            return Ok(());
        }
        let delivered = self.positions().delivered();
        if let Some(lsn) = self.positions().owed() {
            self.state.receiver.positions.pay(lsn);
            self.state.progress.tells(lsn, now);
            return self.state.intake.tell_progress(lsn, delivered);
        }
        match self.positions().progress(self.shared.acks.acked()) {
            Some(lsn) if self.state.progress.tells(lsn, now) => {
                self.state.intake.tell_progress(lsn, delivered)
            }
            _ => Ok(()),
        }
    }
}
