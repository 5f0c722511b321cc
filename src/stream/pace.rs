//! When to read: at once while little comes; while much does, once a window, for which what comes gathers in the kernel.
//!
//! A walsender sends every message in a packet of its own, so that a client which wakes for each spends its time in
//! the kernel. Nothing here reads a clock or waits: time comes in, a moment comes out.

use std::time::{Duration, Instant};

/// Turns of reading that follow each other more slowly than this are not worth gathering.
const QUICK: Duration = Duration::from_micros(400);

/// So many quick turns at least make a busy stream. A transaction of one row is sent in three or four.
const TURNS: u32 = 8;

/// And so many bytes: half a dozen transactions of one row, or as many rows of 300 bytes.
const MUCH: usize = 2048;

/// So many bytes a millisecond are what one or two small transactions send: the stream is not busy any more.
const LITTLE: u128 = 512;

/// So many empty windows at most are a pause within a burst: as the server decodes the next transaction, or waits for a
/// processor.
const PAUSE: u32 = 16;

/// Where fewer bytes come in a millisecond, windows last a quarter of the budget. A sender holds back what comes after a few
/// packets of which none is acknowledged (bbr: four), and reading is what acknowledges: so what comes during one window
/// may wait for the next as well. Where more comes nothing is fresh anyway.
const SPARSE: u128 = 8 << 10;

/// What a window shall hold at most: more would only fill the kernel's buffer and make the server wait.
const MOST_IN_WINDOW: u64 = 256 << 10;

/// A Unix socket holds a sender's buffer full (net.core.wmem_default, 208 KiB, of which each small message takes
/// nearly 1 KiB) and then makes it wait: some 250 messages, which a walsender sends in less than a millisecond.
const UNIX_WINDOW: Duration = Duration::from_micros(150);

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// A network, whose window grows with what is read at once.
    Tcp,
    /// A Unix socket, which holds little.
    Unix,
}

/// When one connection is read.
#[derive(Debug)]
pub struct Pace {
    /// How long a window is gathered at most; 0 never gathers.
    window: Duration,
    /// The same where little comes.
    sparse_window: Duration,
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
        bytes: usize,
    },
    /// What comes is gathered for a while.
    Gathering {
        /// Since when the burst goes on.
        since: Instant,
        /// When something last came, and how many windows brought nothing since then.
        heard: Instant,
        empty: u32,
    },
}

impl Pace {
    /// A quiet stream. `budget` is the longest that anything may be kept waiting; 0 never gathers.
    pub fn new(budget: Duration, path: Path, now: Instant) -> Self {
        let (window, sparse_window) = match path {
            Path::Tcp => (budget, budget / 4),
            // Nothing is acknowledged there.
            Path::Unix => (budget.min(UNIX_WINDOW), budget.min(UNIX_WINDOW)),
        };
        Self { window, sparse_window, mode: Mode::Eager { since: now, turns: 0, bytes: 0 }, last: now }
    }

    /// A turn of reading took all there was, `bytes` of it. Says when to read next; `None` as soon as something
    /// comes.
    ///
    /// Nothing is gathered for longer than its burst has lasted by then: a lone commit, or a short transaction, is never
    /// delayed, and a longer one by no more than it took. So a burst costs few wake-ups from its beginning. A pause that is
    /// short beside it does not end it: the server makes one after every transaction, to decode the next.
    pub fn next(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let elapsed = now.saturating_duration_since(self.last);
        self.last = now;
        match &mut self.mode {
            Mode::Eager { since, turns, bytes: so_far } => {
                if bytes == 0 || elapsed > QUICK {
                    (*since, *turns, *so_far) = (now, 0, 0);
                }
                *turns += 1;
                *so_far += bytes;
                if self.window.is_zero() || *turns < TURNS || *so_far < MUCH {
                    return None;
                }
                let since = *since;
                self.mode = Mode::Gathering { since, heard: now, empty: 0 };
                Some(now + self.window.min(now.saturating_duration_since(since)))
            }
            Mode::Gathering { since, heard, empty } => {
                let lasted = now.saturating_duration_since(*since);
                let silence = now.saturating_duration_since(*heard);
                let is_over = if bytes == 0 {
                    *empty += 1;
                    *empty >= PAUSE || silence > heard.saturating_duration_since(*since) / 2
                } else {
                    // What comes once in a while is not what a burst goes on with.
                    comes_slower(LITTLE, bytes, silence) && silence >= self.sparse_window
                };
                if is_over {
                    self.mode = Mode::Eager { since: now, turns: 0, bytes: 0 };
                    return None;
                }
                if bytes == 0 {
                    return Some(now + self.sparse_window.min(lasted));
                }
                (*heard, *empty) = (now, 0);
                let micros = elapsed.as_micros().max(1) as u64;
                let until_full = Duration::from_micros(MOST_IN_WINDOW.saturating_mul(micros) / bytes as u64);
                let window =
                    if comes_slower(SPARSE, bytes, elapsed) { self.sparse_window } else { self.window };
                Some(now + window.min(lasted).min(until_full))
            }
        }
    }
}

/// Whether fewer than so many bytes came in a millisecond.
fn comes_slower(limit: u128, bytes: usize, elapsed: Duration) -> bool {
    (bytes as u128) * 1000 < limit * elapsed.as_micros()
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
        let mut next = loop {
            at += 50;
            if let Some(next) = pace.next(500, after(start, at)) {
                break next;
            }
        };
        assert!((350..500).contains(&at), "a handful of turns came first: {at}");
        let mut now = after(start, at);
        let mut windows = 0;
        while next < now + BUDGET {
            assert!(next - now <= now - start, "nothing waits for longer than its burst has lasted");
            now = next;
            next = pace.next(20_000, now).unwrap();
            windows += 1;
            assert!(windows < 5, "each window is about twice as long as the last");
        }
        let now = next;
        let soon = pace.next(1_280_000, now).unwrap();
        assert!(soon < now + BUDGET / 4, "what comes fast is read sooner");
        assert_eq!(pace.next(10, soon + BUDGET), None);
        assert_eq!(pace.next(500, soon + BUDGET + Duration::from_micros(50)), None);
    }

    #[test]
    fn where_little_comes_nothing_waits_for_two_long_windows() {
        let start = Instant::now();
        for (path, longest) in [(Path::Tcp, BUDGET / 4), (Path::Unix, UNIX_WINDOW)] {
            let mut pace = Pace::new(BUDGET, path, start);
            let mut now = (1..20).find_map(|turn| pace.next(300, after(start, turn * 50))).unwrap();
            // Eight transactions a millisecond.
            let mut before = now;
            for _ in 0..100 {
                let came = (now - before).as_micros() as usize * 24 / 10;
                before = now;
                now = pace.next(came.max(600), now).unwrap();
                assert!(now - before <= longest, "{:?}", now - before);
            }
            assert_eq!(now - before, longest);
        }
    }

    #[test]
    fn after_a_burst_what_comes_once_in_a_while_waits_for_a_sparse_window_once_and_then_not_at_all() {
        let start = Instant::now();
        let mut pace = Pace::new(BUDGET, Path::Tcp, start);
        let mut now = (1..20).find_map(|turn| pace.next(2_000, after(start, turn * 20))).unwrap();
        while now < start + 20 * BUDGET {
            now = pace.next(40_000, now).unwrap();
        }
        // Commits of 1 KiB, 6 ms apart.
        let commit = now + Duration::from_millis(6);
        while now < commit {
            let next = pace.next(0, now).unwrap();
            assert!(next - now <= BUDGET / 4);
            now = next;
        }
        assert_eq!(pace.next(1024, now), None);
        assert_eq!(pace.next(1024, now + Duration::from_millis(6)), None);
    }

    #[test]
    fn nothing_waits_longer_for_an_empty_window_than_its_burst_has_lasted() {
        let start = Instant::now();
        let mut pace = Pace::new(20 * BUDGET, Path::Tcp, start);
        let next = (1..20).find_map(|turn| pace.next(2_000, after(start, turn * 20))).unwrap();
        let then = pace.next(2_000, next).unwrap();
        let after_none = pace.next(0, then);
        assert!(after_none.is_none_or(|at| at - then <= then - start), "{after_none:?}");
    }

    #[test]
    fn a_short_pause_does_not_end_a_long_burst_and_a_long_one_does() {
        let start = Instant::now();
        let mut pace = Pace::new(BUDGET, Path::Tcp, start);
        let mut now = (1..20).find_map(|turn| pace.next(2_000, after(start, turn * 20))).unwrap();
        while now < start + 20 * BUDGET {
            now = pace.next(40_000, now).unwrap();
        }
        for _ in 0..3 {
            now = pace.next(0, now).unwrap();
        }
        now = pace.next(40_000, now).unwrap();
        let empty = std::iter::from_fn(|| pace.next(0, now).inspect(|next| now = *next)).count();
        assert_eq!(empty, PAUSE as usize - 1);
    }

    #[test]
    fn a_transaction_of_some_rows_is_delayed_by_no_more_than_it_took_and_the_next_commit_not_at_all() {
        let start = Instant::now();
        let mut pace = Pace::new(BUDGET, Path::Tcp, start);
        let next = (1..20).find_map(|turn| pace.next(300, after(start, turn * 20))).unwrap();
        assert!(next <= after(start, 2 * 20 * u64::from(TURNS)));
        let then = pace.next(300, next).unwrap();
        assert!(then - next <= next - start);
        assert_eq!(pace.next(0, then), None, "the first empty window is the last");
        for part in 0..3 {
            assert_eq!(pace.next(100, then + Duration::from_micros(500 + part * 20)), None);
        }
    }

    #[test]
    fn a_budget_of_zero_never_gathers() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::ZERO, Path::Tcp, start);
        assert!((1..10_000).all(|n| pace.next(10_000, after(start, n * 10)).is_none()));
    }
}
