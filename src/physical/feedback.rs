//! When a status update is due: on time, at once where the server asks or its commits wait, soon where something new is safe.
//! It must never answer a stopping server without end, nor let it wait for a segment to fill (PH1).
//!
//! Nothing here reads a clock or sends: time and positions come in, a moment comes out.

use std::time::{Duration, Instant};

use super::Report;

/// The shortest time between two answers that say the same: a server that shuts down asks again as soon as it is answered.
const REPEAT: Duration = Duration::from_millis(100);

/// How soon a new safe position is reported to a server none of whose commits waits for it: a slot that moves in time keeps less
/// WAL, and `synchronized_standby_slots` may wait for it.
const SOON: Duration = Duration::from_millis(10);

/// When an update is to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Now.
    Now,
    /// Then, if nothing happens before.
    At(Instant),
}

/// The status updates of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Feedback {
    interval: Duration,
    /// Whether the server's commits wait for us.
    synchronous: bool,
    /// When the last one left, and what it said; none yet.
    sent: Option<(Instant, Report)>,
    /// The server asks for a reply.
    asked: bool,
    /// It was answered with less than all that it sent: it may wait to stop.
    owes: bool,
}

impl Feedback {
    /// Of a connection that begins: nothing was said over it.
    pub fn new(interval: Duration, synchronous: bool) -> Self {
        Self { interval, synchronous, sent: None, asked: false, owes: false }
    }

    /// Another timeline begins over the same connection: nothing was said of it.
    pub fn restart(&mut self) {
        *self = Self::new(self.interval, self.synchronous);
    }

    /// The server asks for a reply.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// When an update is due that says this.
    pub fn due(&self, report: Report, now: Instant) -> Due {
        let Some((at, said)) = self.sent else { return Due::Now };
        let mut next = at + self.interval;
        if self.asked {
            next = if report == said { next.min(at + REPEAT) } else { at };
        } else if self.synchronous && report != said || self.owes && report.flush != said.flush {
            next = at;
        } else if report.flush != said.flush {
            next = next.min(at + SOON);
        }
        if next <= now { Due::Now } else { Due::At(next) }
    }

    /// An update left that says this.
    pub fn sent(&mut self, report: Report, now: Instant) {
        if self.asked {
            self.owes = true;
        }
        if report.flush >= report.write {
            self.owes = false;
        }
        self.asked = false;
        self.sent = Some((now, report));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);
    const MS: Duration = Duration::from_millis(1);

    fn said(write: u64, flush: u64) -> Report {
        Report { write, flush, apply: 0 }
    }

    fn begun(synchronous: bool) -> (Feedback, Instant) {
        let now = Instant::now();
        let mut it = Feedback::new(INTERVAL, synchronous);
        assert_eq!(it.due(said(1, 1), now), Due::Now, "PH3: the first one leaves before anything is awaited");
        it.sent(said(1, 1), now);
        (it, now)
    }

    #[test]
    fn an_update_leaves_on_time_and_what_is_new_and_safe_soon() {
        let (it, now) = begun(false);
        assert_eq!(it.due(said(9, 1), now + MS), Due::At(now + INTERVAL));
        assert_eq!(it.due(said(9, 1), now + INTERVAL), Due::Now);
        assert_eq!(it.due(said(9, 5), now + MS), Due::At(now + SOON));
    }

    #[test]
    fn ph1_a_stopping_server_is_answered_at_once_and_not_without_end() {
        let (mut it, now) = begun(false);
        it.ask();
        assert_eq!(it.due(said(9, 5), now + MS), Due::Now);
        it.sent(said(9, 5), now + MS);
        it.ask();
        assert_eq!(it.due(said(9, 5), now + MS * 2), Due::At(now + MS + REPEAT));
        it.sent(said(9, 5), now + MS + REPEAT);
        // It waits for the rest.
        assert_eq!(it.due(said(9, 9), now + MS * 2 + REPEAT), Due::Now);
        it.sent(said(9, 9), now + MS * 2 + REPEAT);
        let at = now + MS * 2 + REPEAT;
        assert_eq!(it.due(said(20, 9), at + MS), Due::At(at + INTERVAL));
    }

    #[test]
    fn ph11_commits_that_wait_hear_of_everything_at_once() {
        let (mut it, now) = begun(true);
        assert_eq!(it.due(said(9, 1), now), Due::Now, "synchronous_commit=remote_write");
        it.sent(said(9, 1), now);
        assert_eq!(it.due(said(9, 9), now), Due::Now);
        it.sent(said(9, 9), now);
        assert_eq!(it.due(said(9, 9), now + MS), Due::At(now + INTERVAL));
    }
}
