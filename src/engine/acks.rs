//! What was delivered and what is acknowledged. Acknowledgements only ever grow, and never pass what was delivered.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::AckMode;

/// The two positions that the consumer moves.
#[derive(Debug)]
pub struct Acks {
    delivered: AtomicU64,
    acked: AtomicU64,
    mode: AckMode,
    handed: Mutex<VecDeque<Handed>>,
}

/// A batch in the consumer's hands, while acknowledging is automatic.
#[derive(Debug)]
struct Handed {
    number: u64,
    /// What of it is safe so far.
    safe: u64,
    freed: bool,
}

impl Acks {
    /// Nothing delivered yet.
    pub fn new(mode: AckMode) -> Self {
        let most_at_once = if mode == AckMode::Auto { 64 } else { 0 };
        Self {
            delivered: AtomicU64::new(0),
            acked: AtomicU64::new(0),
            mode,
            handed: Mutex::new(VecDeque::with_capacity(most_at_once)),
        }
    }

    /// The highest position that may be acknowledged.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Acquire)
    }

    /// The acknowledged position.
    pub fn acked(&self) -> u64 {
        self.acked.load(Ordering::SeqCst)
    }

    /// The consumer got everything up to `lsn`; 0 changes nothing.
    #[inline]
    pub fn deliver(&self, lsn: u64) {
        if lsn != 0 {
            self.delivered.fetch_max(lsn, Ordering::AcqRel);
        }
    }

    /// The consumer says that everything up to `lsn` is safe. Tells whether that is news.
    pub fn ack(&self, lsn: u64) -> Result<bool> {
        let delivered = self.delivered();
        if lsn > delivered {
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
        Ok(self.acked.fetch_max(lsn, Ordering::SeqCst) < lsn)
    }

    /// A batch goes to the consumer.
    pub fn hand_over(&self, number: u64) {
        if self.mode == AckMode::Auto {
            self.lock().push_back(Handed { number, safe: 0, freed: false });
        }
    }

    /// What lies in batch `number` up to `lsn` is done with. Tells whether the acknowledged position moved.
    pub fn done(&self, number: u64, lsn: u64, freed: bool) -> bool {
        if self.mode == AckMode::Manual {
            return false;
        }
        let mut handed = self.lock();
        if let Some(it) = handed.iter_mut().find(|it| it.number == number) {
            it.safe = it.safe.max(lsn);
            it.freed |= freed;
        }
        // In order: what a later batch holds is safe only once all before it is.
        let before = self.acked();
        while let Some(first) = handed.front() {
            let (safe, freed) = (first.safe, first.freed);
            self.acked.fetch_max(safe, Ordering::SeqCst);
            if !freed {
                break;
            }
            handed.pop_front();
        }
        self.acked() > before
    }

    /// Whether freeing acknowledges.
    pub fn is_automatic(&self) -> bool {
        self.mode == AckMode::Auto
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Handed>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
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
}
