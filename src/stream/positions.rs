//! Which positions may be reported to the server, and when (pitfalls P2, P3, P4, P9).
//!
//! It must never let a flush position leave that covers something the consumer has not acknowledged.

/// The LSN bookkeeping of one connection. The acknowledged position comes in from the consumer, everything else
/// from the server.
#[derive(Debug, Default)]
pub struct Positions {
    received: u64,
    idle: u64,
    outstanding: u64,
    /// The end of all that was delivered, outstanding or not.
    delivered: u64,
    open_final: Option<u64>,
    /// Something came that no acknowledgement can tell from what came before it.
    ambiguous: bool,
    reported: u64,
    limit: Option<u64>,
    /// Whether the server's own position counts only once the consumer has acknowledged it.
    held: bool,
    /// Where the stream began: the program has everything before it, and is told of nothing there.
    floor: u64,
    /// Something that was received and is kept begins behind it: nothing beyond is safe.
    ceiling: Option<u64>,
    /// The end of what was delivered under a ceiling, which its own acknowledgement does not reach.
    capped: u64,
}

/// What a standby status update says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The end of what was received.
    pub write: u64,
    /// The end of what is safe: the server may forget everything before it.
    pub flush: u64,
}

impl Positions {
    /// Positions that begin at nothing, and of which none beyond `limit` is ever reported as safe.
    ///
    /// A commit record may begin before the limit and end after it: the limit is enough for the server not to send
    /// that transaction again (SnapBuildXactNeedsSkip compares the record's beginning).
    pub fn limited(limit: Option<u64>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The same, whose progress moves nothing before the consumer has acknowledged it, if `held`.
    #[must_use]
    pub fn held(self, held: bool) -> Self {
        Self { held, ..self }
    }

    /// The stream begins at `start`, which the program asked for, and the slot stands at `slot`. The server is behind
    /// `start` until it has read up to there: what it says of itself before is no news.
    pub fn begin(&mut self, start: u64, slot: u64) {
        self.floor = slot.max(start.min(self.limit.unwrap_or(u64::MAX)));
    }

    /// The program has everything that ends up to here from an earlier life.
    pub fn resume(&mut self, had: u64) {
        self.delivered = self.delivered.max(had);
    }

    /// A new connection, which starts at `from`. What the old server said of itself is forgotten: it may be another
    /// one by now. What was delivered and not acknowledged stays outstanding.
    pub fn reconnected(&mut self, from: u64) {
        self.received = from;
        self.idle = 0;
        self.open_final = None;
        // What is kept comes again, and before it nothing may be owed: it would cover it.
        (self.ceiling, self.capped) = (None, 0);
    }

    /// As `reconnected` for payloads, all of which come again from there and pin their positions anew.
    pub fn reconnected_raw(&mut self, from: u64) {
        self.reconnected(from);
        self.outstanding = 0;
        self.ambiguous = false;
    }

    /// The server's history leaves that of the server before at `branch`: what was reported beyond, when there was
    /// nothing to tell, would skip what the new server has there.
    pub fn branched(&mut self, branch: u64) {
        self.capped = self.capped.min(branch);
        self.reported = self.reported.min(branch);
        self.floor = self.floor.min(branch);
        self.delivered = self.delivered.min(branch);
    }

    /// The same where something was delivered beyond: the branch itself is what has to be acknowledged now, or what the event
    /// that tells of it says instead, `ack_lsn`.
    pub fn rewound(&mut self, branch: u64, ack_lsn: u64) {
        self.branched(branch);
        self.outstanding = ack_lsn;
        self.capped = 0;
    }

    /// The end of all that was delivered.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The end of all that was delivered, or lies before the stream.
    #[inline]
    pub fn had(&self) -> u64 {
        self.delivered.max(self.floor)
    }

    /// The end of the last thing that has to be acknowledged.
    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// A message came whose position is `end`.
    #[inline]
    pub fn received(&mut self, end: u64) {
        self.received = self.received.max(end);
    }

    /// The server is at `end` and has sent everything before it: a keepalive, or a transaction without changes.
    pub fn passed(&mut self, end: u64) {
        self.received(end);
        self.idle = self.idle.max(end);
    }

    /// Something came that pins its position until `ack_lsn` is acknowledged.
    #[inline]
    pub fn pin(&mut self, ack_lsn: u64) {
        self.received(ack_lsn);
        self.outstanding = self.outstanding.max(ack_lsn);
        self.delivered = self.delivered.max(ack_lsn);
    }

    /// A payload came of which nothing but its position is known. Positions go back from one transaction's end to the
    /// next one's beginning: then no acknowledgement tells whether this payload is meant, and nothing counts as
    /// settled before a higher position has come. Gives the position that acknowledges it with all before it.
    pub fn pin_raw(&mut self, lsn: u64) -> u64 {
        self.ambiguous = lsn <= self.outstanding;
        self.pin(lsn);
        self.outstanding
    }

    /// A transaction whose commit record is at `final_lsn` is being received, or none is.
    #[inline]
    pub fn transaction(&mut self, final_lsn: Option<u64>) {
        self.open_final = final_lsn;
    }

    /// What is kept back begins behind this position.
    pub fn ceiling(&self) -> Option<u64> {
        self.ceiling
    }

    /// Something that is kept back begins behind `ceiling`, or nothing is kept.
    pub fn keep_below(&mut self, ceiling: Option<u64>) {
        self.ceiling = ceiling;
    }

    /// What may be acknowledged of the end of something, while other things are kept back.
    #[inline]
    pub fn capped(&self, end: u64) -> u64 {
        end.min(self.ceiling.unwrap_or(u64::MAX))
    }

    /// The same as `pin` of what is delivered while something is kept back that ended before `end`: only so much of it may be
    /// acknowledged.
    pub fn pin_capped(&mut self, ack_lsn: u64, end: u64) {
        self.pin(ack_lsn);
        self.received(end);
        self.delivered = self.delivered.max(end);
        self.capped = self.capped.max(end);
    }

    /// The position that acknowledges what was delivered under a ceiling that is higher by now, or gone. Nothing else that comes
    /// may say it: the program has to be told of it.
    pub fn owed(&self) -> Option<u64> {
        Some(self.due()).filter(|due| *due > self.outstanding)
    }

    /// The program is told of what `owed` gave.
    pub fn pay(&mut self, at: u64) {
        self.outstanding = self.outstanding.max(at);
    }

    /// What has to be acknowledged as far as it may be by now.
    fn due(&self) -> u64 {
        let kept = self.capped(self.capped).min(self.limit.unwrap_or(u64::MAX));
        // What the stream began behind is had.
        if kept > self.floor { kept.max(self.outstanding) } else { self.outstanding }
    }

    /// The highest position that the program may have been told, or that covers nothing which is not delivered: the server has
    /// sent all before it.
    pub fn last(&self) -> u64 {
        self.capped(self.outstanding.max(self.reported).max(self.passed_by())).max(self.floor)
    }

    /// Whether a transaction is being received.
    #[inline]
    pub fn in_transaction(&self) -> bool {
        self.open_final.is_some()
    }

    /// Whether everything received is acknowledged.
    pub fn is_settled(&self, acked: u64) -> bool {
        acked >= self.due() && !self.ambiguous
    }

    /// What may be reported while the consumer has acknowledged `acked`.
    ///
    /// Only while nothing is outstanding does the server's own position count as safe (P2). Inside a transaction it
    /// lies before the commit record anyway (XLogSendLogical sets sentPtr after the record); the bound makes that
    /// independent of the server.
    pub fn report(&self, acked: u64) -> Report {
        let mut flush = acked;
        if self.is_settled(acked) && !self.held {
            flush = flush.max(self.passed_by());
        }
        let flush = self.capped(flush).min(self.limit.unwrap_or(u64::MAX));
        // The server takes the highest it ever heard; saying less would only confuse pg_stat_replication.
        let flush = flush.max(self.reported).max(self.floor);
        Report { write: self.received.max(flush), flush }
    }

    /// A report was sent.
    pub fn sent(&mut self, report: Report) {
        self.reported = self.reported.max(report.flush);
    }

    /// The highest flush position ever sent.
    pub fn reported(&self) -> u64 {
        self.reported
    }

    /// What is known to be safe while the consumer has acknowledged `acked`: the greatest of that, of what was reported
    /// and of where the stream began.
    fn safe(&self, acked: u64) -> u64 {
        acked.max(self.floor)
    }

    /// The end of what was received.
    pub fn end_of_received(&self) -> u64 {
        self.received
    }

    /// The position that a consumer learns of through a progress event, beyond what it acknowledged itself: what was
    /// reported, or may be once the consumer has acknowledged it.
    pub fn progress(&self, acked: u64) -> Option<u64> {
        let at = match self.held {
            true => self.capped(self.passed_by()).min(self.limit.unwrap_or(u64::MAX)).max(self.reported),
            false => self.reported,
        };
        (self.is_settled(acked) && at > self.safe(acked)).then_some(at)
    }

    /// The end of what the server has sent, or has nothing to send of.
    fn passed_by(&self) -> u64 {
        self.idle.min(self.open_final.unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_the_servers_position_counts_only_while_nothing_is_outstanding() {
        let mut it = Positions::default();
        it.passed(100);
        assert_eq!(it.report(0), Report { write: 100, flush: 100 });
        it.pin(150);
        it.passed(200);
        assert_eq!(it.report(0), Report { write: 200, flush: 0 });
        assert_eq!(it.report(149), Report { write: 200, flush: 149 });
        assert_eq!(it.report(150), Report { write: 200, flush: 200 });
    }

    #[test]
    fn p27_what_was_delivered_under_a_ceiling_is_owed_once_it_is_gone() {
        let mut it = Positions::default();
        it.pin(100);
        it.keep_below(Some(100));
        it.pin_capped(100, 250);
        assert_eq!((it.owed(), it.report(100).flush), (None, 100));
        // The prepared transaction was rolled back: nothing is delivered that could acknowledge the other one.
        it.keep_below(None);
        it.passed(300);
        assert_eq!((it.owed(), it.report(100).flush), (Some(250), 100));
        it.pay(250);
        assert_eq!((it.owed(), it.report(100).flush, it.report(250).flush), (None, 100, 300));
        // At a new connection what is kept comes again first.
        it.keep_below(Some(260));
        it.pin_capped(260, 400);
        it.reconnected(260);
        assert_eq!(it.owed(), None);
        it.rewound(390, 260);
        assert_eq!((it.outstanding(), it.owed()), (260, None));
    }

    #[test]
    fn p27_what_an_earlier_life_had_is_owed_beyond_where_the_stream_began() {
        let mut it = Positions::default().held(true);
        it.begin(100, 100);
        it.resume(201);
        assert_eq!(it.delivered(), 201);
        // It comes again while a prepared transaction is kept, and is left out.
        it.keep_below(Some(100));
        it.pin_capped(it.outstanding(), 250);
        assert_eq!((it.owed(), it.is_settled(0), it.delivered()), (None, true, 250));
        it.keep_below(None);
        assert_eq!((it.owed(), it.is_settled(0)), (Some(250), false));
    }

    #[test]
    fn p4_flush_never_goes_back_and_never_beyond_the_commit_being_received() {
        let mut it = Positions::default();
        it.transaction(Some(120));
        it.passed(130);
        let report = it.report(0);
        assert_eq!(report.flush, 120);
        it.sent(report);
        it.pin(140);
        assert_eq!(it.report(0).flush, 120);
        assert_eq!(it.reported(), 120);
    }

    #[test]
    fn p2_a_payload_below_another_is_not_settled_by_that_ones_acknowledgement() {
        let mut it = Positions::default();
        assert_eq!(it.pin_raw(100), 100);
        assert!(it.is_settled(100));
        assert_eq!(it.pin_raw(70), 100);
        it.passed(200);
        assert_eq!(it.report(100), Report { write: 200, flush: 100 });
        assert_eq!(it.pin_raw(210), 210);
        it.passed(300);
        assert_eq!(it.report(100).flush, 100);
        assert_eq!(it.report(210).flush, 300);
    }

    #[test]
    fn p27_nothing_beyond_what_is_kept_back_is_safe() {
        for held in [false, true] {
            let mut it = Positions::default().held(held);
            it.pin(100);
            it.keep_below(Some(100.min(it.last())));
            it.passed(300);
            assert_eq!(it.capped(250), 100);
            it.pin_capped(100, 250);
            assert_eq!((it.report(100).flush, it.progress(100), it.delivered()), (100, None, 250));
            // It is delivered, and not acknowledged.
            it.keep_below(None);
            it.pin(400);
            it.passed(500);
            assert_eq!(it.report(100).flush, 100);
            assert!(it.report(400).flush >= 400);
        }
    }

    #[test]
    fn nothing_beyond_the_limit_is_reported() {
        let mut it = Positions::limited(Some(150));
        it.passed(100);
        assert_eq!(it.report(0).flush, 100);
        it.passed(300);
        assert_eq!(it.report(0), Report { write: 300, flush: 150 });
        it.pin(160);
        assert_eq!(it.report(160).flush, 150);
        it.sent(it.report(160));
        assert_eq!(it.progress(160), None);
    }

    #[test]
    fn s7_nothing_below_the_start_is_reported_or_told() {
        let mut it = Positions::default();
        it.begin(500, 200);
        assert_eq!(
            it.report(0),
            Report { write: 500, flush: 500 },
            "the program has what lies before its start"
        );
        it.passed(300);
        it.sent(it.report(0));
        assert_eq!((it.reported(), it.progress(0)), (500, None), "the server has yet to come to the start");
        it.reconnected(500);
        it.passed(400);
        it.sent(it.report(0));
        assert_eq!((it.reported(), it.progress(0)), (500, None));
        it.passed(600);
        it.sent(it.report(500));
        assert_eq!(it.progress(500), Some(600));
        // A slot that stands beyond what was asked for.
        let mut it = Positions::limited(Some(250));
        it.begin(400, 300);
        assert_eq!(it.report(0).flush, 300, "less than the slot has would move it back on old servers");
    }

    #[test]
    fn s5_held_progress_is_told_and_moves_nothing_until_it_is_acknowledged() {
        let mut it = Positions::limited(Some(900)).held(true);
        it.begin(100, 100);
        it.passed(300);
        assert_eq!((it.report(0), it.progress(0)), (Report { write: 300, flush: 100 }, Some(300)));
        it.sent(it.report(0));
        assert_eq!(it.progress(300), None);
        assert_eq!(it.report(300), Report { write: 300, flush: 300 });
        it.pin(400);
        it.passed(500);
        assert_eq!((it.report(300).flush, it.progress(300)), (300, None), "something is owed");
        assert_eq!((it.report(400).flush, it.progress(400)), (400, Some(500)));
        it.passed(1000);
        assert_eq!(it.progress(400), Some(900));
    }

    #[test]
    fn p2_after_a_reconnect_what_was_told_stays_outstanding_and_an_idle_server_counts_again() {
        let mut it = Positions::default();
        it.pin(100);
        it.passed(150);
        it.transaction(Some(180));
        it.sent(it.report(60));
        it.reconnected(60);
        assert_eq!(it.report(60), Report { write: 60, flush: 60 });
        it.passed(170);
        assert_eq!(it.report(60), Report { write: 170, flush: 60 });
        assert_eq!(it.report(100), Report { write: 170, flush: 170 });
        it.sent(it.report(100));
        it.reconnected(100);
        assert_eq!(it.report(100).flush, 170, "less than was reported is never reported");
    }

    #[test]
    fn p12_beyond_a_branch_nothing_is_reported_and_an_idle_position_was_not_told() {
        let mut it = Positions::default();
        it.pin(100);
        it.passed(150);
        it.sent(it.report(100));
        assert_eq!((it.progress(100), it.delivered()), (Some(150), 100));
        it.branched(120);
        it.reconnected(100);
        assert_eq!(it.report(100), Report { write: 120, flush: 120 });
        it.pin(130);
        it.rewound(125, 125);
        it.reconnected(120);
        assert_eq!((it.delivered(), it.report(120).flush), (125, 120));
        it.passed(140);
        assert_eq!(it.report(124).flush, 124, "the rewind itself is to be acknowledged");
        assert_eq!(it.report(125).flush, 140);
    }

    #[test]
    fn p2_payloads_that_come_again_are_settled_by_their_acknowledgement() {
        let mut it = Positions::default();
        assert_eq!((it.pin_raw(100), it.pin_raw(120)), (100, 120));
        it.reconnected_raw(100);
        it.passed(110);
        assert_eq!(it.report(100), Report { write: 110, flush: 110 });
        assert_eq!(it.pin_raw(120), 120);
        it.passed(200);
        assert_eq!(it.report(110).flush, 110);
        assert_eq!(it.report(120).flush, 200);
    }

    #[test]
    fn progress_is_told_only_beyond_what_was_acknowledged() {
        let mut it = Positions::default();
        it.pin(100);
        it.sent(it.report(100));
        assert_eq!(it.progress(100), None);
        it.passed(180);
        it.sent(it.report(100));
        assert_eq!(it.progress(100), Some(180));
        it.pin(190);
        assert_eq!(it.progress(100), None);
    }
}
