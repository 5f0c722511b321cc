//! What was delivered and what is acknowledged. Acknowledgements only ever grow, and never pass what was delivered.
//!
//! Where the history of the WAL is left for another one, both go back to that position, once: what the consumer says of
//! the old history must never count for the new one, which has other things at the same positions (P4, P12).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::AckMode;

/// No bound.
const UNBOUND: u64 = u64::MAX;

/// The two positions that the consumer moves.
#[derive(Debug)]
pub struct Acks {
    /// Where the stream began: the program has everything before it, and may say so.
    began: AtomicU64,
    delivered: AtomicU64,
    acked: AtomicU64,
    /// What of `acked` counts while the consumer does not know yet that the history was left.
    bound: AtomicU64,
    mode: AckMode,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    handed: VecDeque<Handed>,
    /// Where the history was left, and the consumer does not know it yet.
    branches: VecDeque<Branch>,
    /// Where it was left last, as far as the consumer knows.
    passed: Option<Passed>,
}

/// A batch in the consumer's hands, while acknowledging is automatic.
#[derive(Debug)]
struct Handed {
    number: u64,
    /// What of it is safe so far.
    safe: u64,
    /// What of it may count.
    bound: u64,
    freed: bool,
}

/// The history was left at a position: batches from this number on are of the new one.
#[derive(Clone, Copy, Debug)]
struct Branch {
    number: u64,
    at: u64,
}

/// The same, behind the consumer.
#[derive(Clone, Copy, Debug)]
struct Passed {
    number: u64,
    /// How far an acknowledgement counts that is late.
    at: u64,
    /// The end of what was delivered of the old history.
    delivered: u64,
}

impl Acks {
    /// Nothing delivered yet.
    pub fn new(mode: AckMode) -> Self {
        let most_at_once = if mode == AckMode::Auto { 64 } else { 0 };
        Self {
            began: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            acked: AtomicU64::new(0),
            bound: AtomicU64::new(UNBOUND),
            mode,
            state: Mutex::new(State {
                handed: VecDeque::with_capacity(most_at_once),
                branches: VecDeque::new(),
                passed: None,
            }),
        }
    }

    /// The stream begins here.
    pub fn begin(&self, start: u64) {
        self.began.store(start, Ordering::SeqCst);
    }

    /// The highest position that was given to the consumer.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Acquire)
    }

    /// The acknowledged position.
    pub fn acked(&self) -> u64 {
        // In this order: the bound is lifted only after what it held back was taken away.
        let bound = self.bound.load(Ordering::SeqCst);
        self.acked.load(Ordering::SeqCst).min(bound)
    }

    /// The consumer got everything up to `lsn` of the newest batch that it was handed; 0 changes nothing.
    #[inline]
    pub fn deliver(&self, lsn: u64) {
        if lsn != 0 {
            self.delivered.fetch_max(lsn, Ordering::AcqRel);
        }
    }

    /// The same for any batch that it was handed, on any thread.
    pub fn deliver_of(&self, number: u64, lsn: u64) {
        if lsn == 0 {
            return;
        }
        let mut state = self.lock();
        match &mut state.passed {
            Some(passed) if number < passed.number => {
                passed.delivered = passed.delivered.max(lsn);
                self.deliver(lsn.min(passed.at));
            }
            _ => self.deliver(lsn),
        }
    }

    /// The consumer says that everything up to `lsn` is safe. Tells whether that is news.
    pub fn ack(&self, lsn: u64) -> Result<bool> {
        // An acknowledgement that is under way must not come behind the passing of a branch.
        let state = self.lock();
        let delivered = self.delivered().max(self.began.load(Ordering::SeqCst));
        let late = state.passed.filter(|passed| lsn > delivered && lsn <= passed.delivered);
        let counts = late.map_or(lsn, |passed| passed.at);
        if counts > delivered {
            return Err(Error::new(
                Status::WAL_E_ACK_BEYOND,
                format!(
                    "{} was not delivered yet: the last position delivered is {}",
                    Lsn(lsn),
                    Lsn(delivered)
                ),
            )
            .with_hint("Acknowledge the ack_lsn of an event that this stream gave you."));
        }
        Ok(self.acked.fetch_max(counts, Ordering::SeqCst) < counts)
    }

    /// The history is left at the position `at`: batches from `number` on, none of which the consumer has, are of the
    /// new one. Nothing that it acknowledges counts beyond until it has them.
    pub fn branched(&self, number: u64, at: u64) {
        self.lock().branches.push_back(Branch { number, at });
        self.bound.fetch_min(at, Ordering::SeqCst);
    }

    /// A batch goes to the consumer.
    pub fn hand_over(&self, number: u64) {
        let is_bound = self.bound.load(Ordering::SeqCst) != UNBOUND;
        if self.mode == AckMode::Manual && !is_bound {
            return;
        }
        let mut state = self.lock();
        while let Some(branch) = state.branches.front().copied().filter(|branch| branch.number <= number) {
            state.branches.pop_front();
            self.pass(&mut state, branch);
        }
        let bound = state.branches.iter().map(|branch| branch.at).min().unwrap_or(UNBOUND);
        self.bound.store(bound, Ordering::SeqCst);
        if self.mode == AckMode::Auto {
            state.handed.push_back(Handed { number, safe: 0, bound: UNBOUND, freed: false });
        }
    }

    /// What lies in batch `number` up to `lsn` is done with. Tells whether the acknowledged position moved.
    pub fn done(&self, number: u64, lsn: u64, freed: bool) -> bool {
        if self.mode == AckMode::Manual {
            return false;
        }
        let mut state = self.lock();
        if let Some(it) = state.handed.iter_mut().find(|it| it.number == number) {
            it.safe = it.safe.max(lsn.min(it.bound));
            it.freed |= freed;
        }
        // In order: what a later batch holds is safe only once all before it is.
        let before = self.acked();
        while let Some(first) = state.handed.front() {
            let (safe, freed) = (first.safe, first.freed);
            self.acked.fetch_max(safe, Ordering::SeqCst);
            if !freed {
                break;
            }
            state.handed.pop_front();
        }
        self.acked() > before
    }

    /// Whether freeing acknowledges.
    pub fn is_automatic(&self) -> bool {
        self.mode == AckMode::Auto
    }

    /// The consumer comes to a branch.
    fn pass(&self, state: &mut State, Branch { number, at }: Branch) {
        let delivered = self.delivered.fetch_min(at, Ordering::AcqRel);
        self.began.fetch_min(at, Ordering::SeqCst);
        self.acked.fetch_min(at, Ordering::SeqCst);
        for it in &mut state.handed {
            it.bound = it.bound.min(at);
            it.safe = it.safe.min(at);
        }
        let (before, late) = state.passed.map_or((UNBOUND, 0), |passed| (passed.at, passed.delivered));
        state.passed = Some(Passed { number, at: at.min(before), delivered: delivered.max(late) });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_an_acknowledgement_is_bounded_and_grows() {
        let acks = Acks::new(AckMode::Manual);
        assert_eq!(acks.ack(1).unwrap_err().status(), Status::WAL_E_ACK_BEYOND);
        acks.deliver(100);
        assert!(acks.ack(100).unwrap());
        assert!(!acks.ack(50).unwrap());
        assert_eq!(acks.acked(), 100);
        assert_eq!(acks.ack(101).unwrap_err().status(), Status::WAL_E_ACK_BEYOND);
    }

    #[test]
    fn s10_where_the_stream_began_may_be_acknowledged() {
        let acks = Acks::new(AckMode::Manual);
        acks.begin(70);
        assert_eq!(acks.ack(71).unwrap_err().status(), Status::WAL_E_ACK_BEYOND);
        assert!(acks.ack(70).unwrap());
        assert_eq!((acks.acked(), acks.delivered()), (70, 0));
        acks.branched(3, 50);
        acks.hand_over(3);
        assert_eq!(acks.acked(), 50);
        assert_eq!(acks.ack(60).unwrap_err().status(), Status::WAL_E_ACK_BEYOND);
    }

    #[test]
    fn automatic_acknowledgement_keeps_the_order_of_the_batches() {
        let acks = Acks::new(AckMode::Auto);
        for number in 0..3 {
            acks.hand_over(number);
        }
        assert!(!acks.done(2, 300, true));
        assert!(!acks.done(1, 200, true));
        assert!(acks.done(0, 50, false));
        assert_eq!(acks.acked(), 50);
        assert!(acks.done(0, 100, true));
        assert_eq!(acks.acked(), 300);
    }

    #[test]
    fn p12_nothing_that_was_said_of_the_old_history_counts_for_the_new() {
        let acks = Acks::new(AckMode::Manual);
        acks.deliver(130);
        assert!(acks.ack(90).unwrap());
        acks.branched(7, 100);
        // The consumer does not know it yet.
        acks.hand_over(6);
        acks.deliver(140);
        assert!(acks.ack(130).unwrap());
        assert_eq!(acks.acked(), 100);
        acks.hand_over(7);
        assert_eq!((acks.acked(), acks.delivered()), (100, 100));
        // Late, before anything of the new history came.
        assert!(!acks.ack(140).unwrap());
        assert_eq!(acks.acked(), 100);
        assert_eq!(acks.ack(141).unwrap_err().status(), Status::WAL_E_ACK_BEYOND);
        // A batch of the old history that the program looks at only now.
        acks.deliver_of(6, 150);
        assert_eq!(acks.delivered(), 100);
        assert!(!acks.ack(150).unwrap());
        acks.deliver_of(7, 120);
        assert!(acks.ack(120).unwrap());
        assert_eq!(acks.acked(), 120);
    }

    #[test]
    fn p12_two_branches_that_the_consumer_has_not_come_to() {
        let acks = Acks::new(AckMode::Manual);
        acks.deliver(130);
        acks.branched(3, 100);
        acks.branched(5, 120);
        assert!(acks.ack(130).unwrap());
        assert_eq!(acks.acked(), 100);
        acks.hand_over(3);
        acks.deliver(125);
        assert!(acks.ack(125).unwrap());
        assert_eq!(acks.acked(), 120);
        acks.hand_over(5);
        assert_eq!((acks.acked(), acks.delivered()), (120, 120));
        // Nobody knows which of the two it is meant for.
        assert!(!acks.ack(125).unwrap());
        acks.deliver(140);
        assert!(acks.ack(140).unwrap());
        assert_eq!(acks.acked(), 140);
    }

    #[test]
    fn p12_a_batch_that_is_freed_late_counts_up_to_the_branch() {
        let acks = Acks::new(AckMode::Auto);
        acks.hand_over(0);
        acks.hand_over(1);
        acks.branched(2, 100);
        assert!(acks.done(0, 90, true));
        acks.hand_over(2);
        assert!(acks.done(1, 130, true));
        assert_eq!(acks.acked(), 100);
        assert!(acks.done(2, 110, true));
        assert_eq!(acks.acked(), 110);
    }
}
