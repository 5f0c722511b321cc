//! When to read: at once while little comes, in gulps while much does.
//!
//! A walsender sends every message in a packet of its own, so that a client which wakes for each spends its time in
//! the kernel. Nothing here reads a clock or waits: time comes in, a moment comes out.

use std::time::{Duration, Instant};

/// Turns of reading that follow each other more slowly than this are not worth gathering.
const QUICK: Duration = Duration::from_micros(400);

/// So many quick turns at least make a busy stream.
const TURNS: u32 = 8;

/// A gulp of fewer bytes is what a handful of small transactions send: the stream is not busy any more.
const LITTLE: usize = 1024;

/// What a gulp shall hold at most: more would only fill the kernel's buffer and make the server wait.
const GULP: u64 = 128 << 10;

/// A Unix socket holds a sender's buffer full (net.core.wmem_default, 208 KiB, of which each small message takes
/// nearly 1 KiB) and then makes it wait: some 250 messages, which a walsender sends in less than a millisecond.
const UNIX_GULP: Duration = Duration::from_micros(150);

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// A network, whose window grows with what is read at once.
    Tcp,
    /// A Unix socket, which holds little.
    Unix,
}

/// The rhythm of one connection's reads.
#[derive(Debug)]
pub struct Pace {
    /// How long a burst lasts before it is gathered.
    budget: Duration,
    /// How long a gulp is gathered at most.
    gulp: Duration,
    mode: Mode,
    last: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Every packet is read as it comes.
    Eager {
        /// Since when turns follow each other quickly.
        since: Instant,
        turns: u32,
    },
    /// What comes is gathered for a while.
    Gathering,
}

impl Pace {
    /// A quiet stream. `budget` is the longest that anything may be kept waiting; 0 never gathers.
    pub fn new(budget: Duration, path: Path, now: Instant) -> Self {
        let gulp = match path {
            Path::Tcp => budget,
            Path::Unix => budget.min(UNIX_GULP),
        };
        Self { budget, gulp, mode: Mode::Eager { since: now, turns: 0 }, last: now }
    }

    /// A turn of reading took all there was, `bytes` of it. Says when to read next; `None` as soon as something
    /// comes.
    ///
    /// Gathering begins only once a burst has lasted for as long as it could be kept waiting, so that a lone commit,
    /// or a short transaction, is never delayed, and a longer one by no more than it took.
    pub fn next(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let elapsed = now.saturating_duration_since(self.last);
        self.last = now;
        match &mut self.mode {
            Mode::Eager { since, turns } => {
                if bytes == 0 || elapsed > QUICK {
                    (*since, *turns) = (now, 0);
                }
                *turns += 1;
                let busy = *turns >= TURNS && now.saturating_duration_since(*since) >= self.budget;
                if self.budget.is_zero() || !busy {
                    return None;
                }
                self.mode = Mode::Gathering;
                Some(now + self.gulp)
            }
            Mode::Gathering if bytes < LITTLE && elapsed >= self.budget || bytes == 0 => {
                self.mode = Mode::Eager { since: now, turns: 0 };
                None
            }
            Mode::Gathering => {
                let micros = elapsed.as_micros().max(1) as u64;
                let until_full = GULP.saturating_mul(micros) / bytes as u64;
                Some(now + self.gulp.min(Duration::from_micros(until_full)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_millis(2);

    fn after(start: Instant, micros: u64) -> Instant {
        start + Duration::from_micros(micros)
    }

    #[test]
    fn a_lone_commit_and_a_slow_stream_are_never_kept_waiting() {
        let start = Instant::now();
        let mut pace = Pace::new(BUDGET, Path::Tcp, start);
        for n in 1..10_000 {
            // Three messages a transaction, a thousand transactions a second.
            for part in 0..3 {
                assert_eq!(pace.next(100, after(start, n * 1000 + part * 20)), None);
            }
        }
    }

    #[test]
    fn a_busy_stream_is_gathered_until_little_comes() {
        let start = Instant::now();
        let mut pace = Pace::new(BUDGET, Path::Tcp, start);
        let mut at = 0;
        let first = loop {
            at += 50;
            if let Some(next) = pace.next(500, after(start, at)) {
                break next;
            }
        };
        assert!((2_000..2_200).contains(&at), "the burst lasted for its budget first: {at}");
        assert_eq!(first, after(start, at) + BUDGET);
        let now = first + Duration::from_micros(100);
        assert_eq!(pace.next(40_000, now), Some(now + BUDGET));
        let now = now + BUDGET;
        let soon = pace.next(1_280_000, now).unwrap();
        assert!(soon < now + BUDGET / 4, "what comes fast is read sooner");
        assert_eq!(pace.next(10, soon + BUDGET), None);
        assert_eq!(pace.next(500, soon + BUDGET + Duration::from_micros(50)), None);
    }

    #[test]
    fn a_budget_of_zero_never_gathers() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::ZERO, Path::Tcp, start);
        assert!((1..10_000).all(|n| pace.next(10_000, after(start, n * 10)).is_none()));
    }
}
