//! When a status update is due, and when the consumer hears of progress. It must never let an update be late because of
//! the consumer (P3, P8), nor answer a stopping server without end (P9).
//!
//! Nothing here reads a clock, sends or waits: time and positions come in, a moment or a yes comes out.

use std::time::{Duration, Instant};

use super::{Report, Standby};

/// The shortest time between two answers that say the same: a server that shuts down asks again as soon as it is
/// answered (WalSndDone), and would be asked a million times while the consumer works (P9).
const REPEAT: Duration = Duration::from_millis(100);

/// The shortest time between two updates while the server waits for an acknowledgement.
const HURRY: Duration = Duration::from_millis(5);

/// The longest time between two updates. More than a third of the server's patience (`wal_sender_timeout`, 0 is without
/// end) lets it end the connection (P3, P8).
pub fn report_interval(wanted: Duration, wal_sender_timeout: u64) -> Duration {
    match wal_sender_timeout {
        0 => wanted,
        timeout => wanted.min(Duration::from_millis((timeout / 3).max(1))),
    }
}

/// The status updates of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Feedback {
    interval: Duration,
    standby: Standby,
    /// When the last update left, and what it said.
    sent: Instant,
    said: Report,
    waits: Waits,
}

/// Whether the server waits for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
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

impl Waits {
    /// Without a question: a server whose commits wait for this stream hears of every acknowledgement at once.
    fn at_rest(standby: Standby) -> Self {
        match standby {
            Standby::Asynchronous => Self::No,
            Standby::Synchronous => Self::Rest,
        }
    }
}

/// What an update that left was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// An answer that the server waited for.
    Answer,
    /// Any other.
    Own,
}

impl Feedback {
    /// A connection that begins now: nothing was said over it.
    pub fn new(interval: Duration, standby: Standby, now: Instant) -> Self {
        let said = Report { write: 0, flush: 0 };
        Self { interval, standby, sent: now, said, waits: Waits::at_rest(standby) }
    }

    /// The longest time between two updates.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The server asks for a reply.
    pub fn ask(&mut self) {
        self.waits = Waits::Reply;
    }

    /// Whether the next acknowledgement is to be reported before its time.
    pub fn awaits_ack(&self) -> bool {
        self.waits != Waits::No
    }

    /// When the next update is due if nothing happens before. While the socket is full, what is in it must leave first.
    pub fn next(&self, is_unsent: bool, now: Instant) -> Instant {
        if is_unsent {
            return now + REPEAT;
        }
        self.sent
            + match self.waits {
                Waits::No | Waits::Rest => self.interval,
                Waits::Reply => REPEAT.min(self.interval),
                Waits::News => HURRY.min(self.interval),
            }
    }

    /// Whether an update that says this is due.
    pub fn is_due(&mut self, report: Report, now: Instant) -> bool {
        // With synchronous_commit=remote_write commits wait for what was received.
        let is_news = report.flush != self.said.flush
            || self.standby == Standby::Synchronous && report.write != self.said.write;
        if self.waits == Waits::Rest && is_news {
            self.waits = Waits::News;
        }
        match self.waits {
            Waits::No | Waits::Rest => self.is_on_time(now),
            Waits::Reply => report != self.said || now >= self.sent + REPEAT.min(self.interval),
            Waits::News => now >= self.sent + HURRY.min(self.interval),
        }
    }

    /// An update left that says this.
    pub fn sent(&mut self, report: Report, now: Instant) -> Update {
        let was_on_time = self.is_on_time(now);
        let update = if self.waits == Waits::Reply { Update::Answer } else { Update::Own };
        (self.sent, self.said) = (now, report);
        self.waits = match self.waits {
            Waits::No => Waits::No,
            _ if report.flush >= report.write => Waits::at_rest(self.standby),
            // The server does not wait for ever: it asks again if it does.
            _ if was_on_time => Waits::at_rest(self.standby),
            _ => Waits::Rest,
        };
        update
    }

    fn is_on_time(&self, now: Instant) -> bool {
        now >= self.sent + self.interval
    }
}

/// How far the consumer was told that the slot has come. It outlives the connections.
#[derive(Clone, Copy, Debug)]
pub struct ToldProgress {
    /// When it was told last, or could have been.
    at: Instant,
    lsn: u64,
}

impl ToldProgress {
    /// A stream that begins at `start`: there is nothing to tell.
    pub fn new(start: u64, now: Instant) -> Self {
        Self { at: now, lsn: start }
    }

    /// The history goes another way from `branch` on: what was told beyond means nothing.
    pub fn branched(&mut self, branch: u64) {
        self.lsn = self.lsn.min(branch);
    }

    /// Whether it may be told now: at most once per `interval` unless `at_once`.
    pub fn is_due(&self, interval: Duration, at_once: bool, now: Instant) -> bool {
        at_once || now >= self.at + interval
    }

    /// Whether a position is one to tell of, which it then counts as.
    pub fn tells(&mut self, lsn: u64, now: Instant) -> bool {
        let is_more = lsn > self.lsn;
        if is_more {
            *self = Self { at: now, lsn };
        }
        is_more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);
    const MS: Duration = Duration::from_millis(1);

    fn said(write: u64, flush: u64) -> Report {
        Report { write, flush }
    }

    fn begun(standby: Standby) -> (Feedback, Instant) {
        let now = Instant::now();
        (Feedback::new(INTERVAL, standby, now), now)
    }

    #[test]
    fn p3_an_interval_is_a_third_of_the_servers_patience_at_most() {
        assert_eq!(report_interval(INTERVAL, 0), INTERVAL);
        assert_eq!(report_interval(INTERVAL, 60_000), INTERVAL);
        assert_eq!(report_interval(INTERVAL, 9_000), Duration::from_secs(3));
        assert_eq!(report_interval(INTERVAL, 1), MS);
    }

    #[test]
    fn p8_an_update_leaves_on_time_and_not_before_whatever_was_acknowledged() {
        let (mut it, now) = begun(Standby::Asynchronous);
        assert!(!it.awaits_ack() && it.next(false, now) == now + INTERVAL);
        assert!(!it.is_due(said(9, 9), now + INTERVAL - MS));
        assert!(it.is_due(said(0, 0), now + INTERVAL));
        assert_eq!(it.sent(said(9, 9), now + INTERVAL), Update::Own);
        assert!(!it.is_due(said(20, 20), now + INTERVAL + MS));
        assert_eq!(it.next(false, now + INTERVAL), now + INTERVAL * 2);
    }

    #[test]
    fn p9_a_question_is_answered_at_once_and_the_same_answer_is_not_repeated_at_once() {
        let (mut it, now) = begun(Standby::Asynchronous);
        it.ask();
        assert!(it.is_due(said(9, 5), now), "what was not said before");
        assert_eq!(it.sent(said(9, 5), now), Update::Answer);
        // It asks again as soon as it is answered, and has its answer after a while.
        it.ask();
        assert!(!it.is_due(said(9, 5), now + MS) && it.next(false, now) == now + REPEAT);
        assert!(it.is_due(said(9, 5), now + REPEAT));
        assert!(it.is_due(said(9, 6), now + MS), "another answer is no repetition");
    }

    #[test]
    fn p9_what_a_stopping_server_waits_for_is_reported_soon_and_only_until_it_has_it() {
        let (mut it, now) = begun(Standby::Asynchronous);
        it.ask();
        it.sent(said(9, 5), now);
        assert!(it.awaits_ack() && !it.is_due(said(9, 5), now + MS));
        assert!(!it.is_due(said(9, 7), now + MS) && it.next(false, now) == now + HURRY);
        assert!(it.is_due(said(9, 7), now + HURRY));
        assert_eq!(it.sent(said(9, 9), now + HURRY), Update::Own);
        assert!(!it.awaits_ack() && it.next(false, now) == now + HURRY + INTERVAL);
    }

    #[test]
    fn p9_a_server_that_went_on_is_not_hurried_for_after_its_interval() {
        let (mut it, now) = begun(Standby::Asynchronous);
        it.ask();
        it.sent(said(9, 5), now);
        assert!(it.is_due(said(9, 5), now + INTERVAL));
        it.sent(said(9, 5), now + INTERVAL);
        assert!(!it.awaits_ack());
    }

    #[test]
    fn s26_commits_that_wait_hear_of_each_acknowledgement_and_of_what_was_received() {
        let (mut it, now) = begun(Standby::Synchronous);
        assert!(it.awaits_ack() && !it.is_due(said(0, 0), now + MS));
        assert!(it.is_due(said(9, 0), now + HURRY), "synchronous_commit=remote_write");
        it.sent(said(9, 0), now + HURRY);
        assert!(it.is_due(said(9, 9), now + HURRY * 2));
        it.sent(said(9, 9), now + HURRY * 2);
        assert!(it.awaits_ack());
    }

    #[test]
    fn a_full_socket_is_waited_for() {
        let (it, now) = begun(Standby::Asynchronous);
        assert_eq!(it.next(true, now + INTERVAL), now + INTERVAL + REPEAT);
    }

    #[test]
    fn progress_is_told_once_an_interval_and_only_onward() {
        let now = Instant::now();
        let mut it = ToldProgress::new(100, now);
        assert!(!it.is_due(INTERVAL, false, now) && it.is_due(INTERVAL, true, now));
        assert!(it.is_due(INTERVAL, false, now + INTERVAL) && !it.tells(100, now + INTERVAL));
        assert!(it.tells(150, now + INTERVAL) && !it.is_due(INTERVAL, false, now + INTERVAL));
        it.branched(120);
        assert!(it.tells(130, now + INTERVAL * 2));
    }
}
