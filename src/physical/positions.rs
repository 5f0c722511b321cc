//! How far a physical stream has come, and what of it the server is told: received, safe, applied. It must never report what
//! was not received on this timeline, nor move a slot back.

use crate::options::ReportApply;

/// The three positions of a status update; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Received.
    pub write: u64,
    /// Safe. Without it the server counts the client among no synchronous standbys, and leaves the slot alone.
    pub flush: u64,
    /// Applied.
    pub apply: u64,
}

/// The positions on one timeline.
#[derive(Clone, Copy, Debug)]
pub struct Positions {
    apply: ReportApply,
    /// Where the stream began: the program has what is before. No connection makes it more.
    began: u64,
    received: u64,
    /// What the slot has confirmed: the server would take less for its new position, unchecked.
    floor: u64,
    /// Nobody knows where the slot stands: only what is acknowledged is reported.
    quiet: bool,
}

impl Positions {
    /// A stream that begins at `start`, with a slot that stands at `floor`, or 0.
    pub fn new(apply: ReportApply, start: u64, floor: u64) -> Self {
        Self { apply, began: start, received: start, floor, quiet: false }
    }

    /// The same with a slot that stands somewhere, if `quiet`.
    pub fn of_unknown_slot(self, quiet: bool) -> Self {
        Self { quiet, ..self }
    }

    /// Goes on at `start`: on another timeline, or over another connection. What was received before and is not acknowledged may
    /// lie in the queue only.
    pub fn restart(&mut self, start: u64, floor: u64) {
        self.began = self.began.min(start);
        self.received = start;
        self.floor = self.floor.max(floor);
    }

    /// The history was left at a position: what a slot confirmed beyond it is of no other timeline.
    pub fn branch(&mut self, at: u64) {
        self.floor = self.floor.min(at);
    }

    /// Everything up to `end` came.
    pub fn take(&mut self, end: u64) {
        self.received = self.received.max(end);
    }

    /// The end of what came.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What is to be reported while everything up to `acked` is acknowledged.
    pub fn report(&self, acked: u64) -> Report {
        let safe = acked.max(self.began).min(self.received);
        let says_nothing = safe < self.floor || self.quiet && acked <= self.began;
        let flush = if says_nothing { 0 } else { safe };
        let apply = match self.apply {
            ReportApply::Off => 0,
            ReportApply::Flush => flush,
        };
        Report { write: self.received, flush, apply }
    }

    /// A report left: a slot stands there from now on.
    pub fn told(&mut self, report: Report) {
        self.floor = self.floor.max(report.flush);
    }

    /// Up to where the server has heard that all is safe.
    pub fn confirmed(&self) -> u64 {
        self.floor
    }

    /// Whether all that came is acknowledged.
    pub fn is_settled(&self, acked: u64) -> bool {
        acked.max(self.began) >= self.received
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ph3_the_first_report_says_where_the_stream_began() {
        let mut it = Positions::new(ReportApply::Off, 100, 0);
        assert_eq!(it.report(0), Report { write: 100, flush: 100, apply: 0 });
        it.take(180);
        assert_eq!(it.report(150), Report { write: 180, flush: 150, apply: 0 });
        assert!(!it.is_settled(150) && it.is_settled(180));
        // Of another timeline, or of an earlier life.
        assert_eq!(it.report(900).flush, 180);
        let it = Positions { apply: ReportApply::Flush, ..it };
        assert_eq!(it.report(150).apply, 150);
    }

    #[test]
    fn ph1_a_slot_is_never_moved_back() {
        let mut it = Positions::new(ReportApply::Flush, 100, 140);
        it.take(180);
        assert_eq!(it.report(120), Report { write: 180, flush: 0, apply: 0 });
        assert_eq!(it.report(140).flush, 140);
        it.told(it.report(170));
        // The next timeline begins where its segment does.
        it.restart(160, 0);
        assert_eq!(it.report(170), Report { write: 160, flush: 0, apply: 0 });
        it.take(175);
        assert_eq!(it.report(170).flush, 170);
        // It was told more than the next timeline has of this one.
        let mut it = Positions::new(ReportApply::Off, 100, 190);
        it.branch(175);
        it.restart(160, 0);
        it.take(180);
        assert_eq!((it.report(170).flush, it.report(175).flush), (0, 175));
        // Of 14, where nobody says where it stands.
        let mut it = Positions::new(ReportApply::Off, 100, 0).of_unknown_slot(true);
        it.take(180);
        assert_eq!((it.report(0).flush, it.report(100).flush, it.report(101).flush), (0, 0, 101));
    }

    #[test]
    fn what_was_received_and_not_acknowledged_is_safe_over_no_other_connection() {
        let mut it = Positions::new(ReportApply::Off, 100, 0);
        it.take(500);
        it.restart(500, 0);
        assert_eq!(it.report(0), Report { write: 500, flush: 100, apply: 0 });
        assert_eq!(it.report(120).flush, 120);
        assert!(!it.is_settled(120) && it.is_settled(500));
        // Nor on another timeline, even one that begins before the stream did.
        it.restart(64, 0);
        it.take(300);
        assert_eq!((it.report(0).flush, it.report(280).flush), (64, 280));
    }
}
