//! Since when the consumer owes an acknowledgement: the times of what is outstanding, in bounded memory.
//!
//! It must never grow with what is owed, and never cost a commit more than a push.

use std::collections::VecDeque;

/// So many positions are remembered. Where more are outstanding it is each second, fourth, and so on, with the oldest and
/// the newest always among them.
const MOST: usize = 256;

/// What was received and is not acknowledged yet.
#[derive(Debug, Default)]
pub struct Outstanding {
    marks: VecDeque<Mark>,
    /// For how many positions a mark stands: it is the last of them.
    stride: u64,
    /// For how many the newest stands so far.
    run: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    ack_lsn: u64,
    time: i64,
}

impl Outstanding {
    /// Something came at `time` that pins the slot until `ack_lsn` is acknowledged. What is sent again after a
    /// reconnect is known already.
    #[inline]
    pub fn push(&mut self, ack_lsn: u64, time: i64) {
        if self.marks.back().is_some_and(|last| ack_lsn <= last.ack_lsn) {
            return;
        }
        let mark = Mark { ack_lsn, time };
        let is_oldest = self.marks.len() < 2;
        match self.marks.back_mut() {
            Some(newest) if self.run < self.stride && !is_oldest => {
                *newest = mark;
                self.run += 1;
            }
            _ => self.push_mark(mark),
        }
    }

    fn push_mark(&mut self, mark: Mark) {
        if self.marks.len() >= MOST {
            self.thin();
        }
        self.marks.push_back(mark);
        self.run = 1;
    }

    /// Takes over what came since.
    pub fn append(&mut self, newer: &mut Self) {
        for mark in newer.marks.drain(..) {
            self.push(mark.ack_lsn, mark.time);
        }
        (newer.stride, newer.run) = (0, 0);
    }

    /// What came beyond `branch` never happened where the stream goes on, and that position stands for all of it.
    pub fn rewind(&mut self, branch: u64) {
        let kept = self.marks.partition_point(|mark| mark.ack_lsn < branch);
        let time = self.marks.get(kept).map(|mark| mark.time);
        self.marks.truncate(kept);
        self.marks.extend(time.map(|time| Mark { ack_lsn: branch, time }));
    }

    /// Everything up to `acked` is acknowledged.
    pub fn settle(&mut self, acked: u64) {
        while self.marks.front().is_some_and(|first| first.ack_lsn <= acked) {
            self.marks.pop_front();
        }
        if self.marks.len() < MOST / 4 {
            self.stride /= 2;
        }
    }

    /// The time of the oldest, `None` while nothing is outstanding. While more are outstanding than are remembered,
    /// the oldest that is.
    pub fn oldest(&self) -> Option<i64> {
        self.marks.front().map(|mark| mark.time)
    }

    fn thin(&mut self) {
        let mut keep = false;
        self.marks.retain(|_| {
            keep = !keep;
            keep
        });
        self.stride = (self.stride * 2).max(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_first_beyond_what_is_acknowledged() {
        let mut it = Outstanding::default();
        assert_eq!(it.oldest(), None);
        for n in 1..=100 {
            it.push(n * 10, n as i64);
        }
        // Sent again after a reconnect.
        it.push(500, 7777);
        for (acked, oldest) in [(0, Some(1)), (9, Some(1)), (10, Some(2)), (505, Some(51)), (1000, None)] {
            it.settle(acked);
            assert_eq!(it.oldest(), oldest, "acknowledged up to {acked}");
        }
        it.push(2000, 200);
        assert_eq!(it.oldest(), Some(200));
    }

    #[test]
    fn p12_after_a_rewind_lower_positions_count_again() {
        let mut it = Outstanding::default();
        for n in 1..=10 {
            it.push(n * 10, n as i64);
        }
        it.rewind(55);
        it.settle(50);
        assert_eq!(it.oldest(), Some(6));
        it.push(60, 77);
        it.settle(55);
        assert_eq!(it.oldest(), Some(77));
        it.rewind(100);
        assert_eq!(it.oldest(), Some(77), "nothing lies beyond");
    }

    #[test]
    fn its_memory_is_bounded_and_the_error_small() {
        let mut it = Outstanding::default();
        let most = 1_000_000;
        for n in 1..=most {
            let mut turn = Outstanding::default();
            turn.push(n, n as i64);
            it.append(&mut turn);
            assert!(it.marks.len() <= MOST);
        }
        assert_eq!(it.oldest(), Some(1), "the oldest is never forgotten");
        for acked in (1..most - 1).step_by(997) {
            it.settle(acked);
            let oldest = it.oldest().unwrap() as u64;
            assert!(oldest > acked && oldest - acked <= most / 64, "{oldest} beyond {acked}");
        }
        it.settle(most - 1);
        assert_eq!(it.oldest(), Some(most as i64), "and neither is the newest");
        it.settle(most);
        assert_eq!(it.oldest(), None);
        // And once few are outstanding again, it is exact again.
        for n in most + 1..most + 1000 {
            it.push(n, n as i64);
            it.settle(n - 1);
            assert_eq!(it.oldest(), Some(n as i64));
        }
    }
}
