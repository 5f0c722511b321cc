//! How long a server may be silent: it is asked at half of the time, and given up at the end of it (P15). One that sends a
//! message slower than any link is as good as silent.
//!
//! Nothing here reads a clock or waits: time comes in, a moment comes out.

use std::time::{Duration, Instant};

/// How patient a stream is with a server that was silent before at the same place: it may be decoding, and would begin
/// again from the same place. Each time twice as patient, up to `MOST` times as much.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tolerance {
    at: (u64, u64),
    factor: u32,
}

/// The most that patience grows to: 16 minutes where `receive_timeout` is one.
const MOST: u32 = 16;

impl Tolerance {
    /// A connection was given up, having come as far as `at`.
    pub fn gave_up(&mut self, at: (u64, u64)) {
        let before = if self.at == at { self.factor.max(1) } else { 1 };
        *self = Self { at, factor: (before * 2).min(MOST) };
    }

    /// The limit for a stream that stands at `at`.
    pub fn limit(&self, limit: Option<Duration>, at: (u64, u64)) -> Option<Duration> {
        if self.at == at { limit.map(|limit| limit.saturating_mul(self.factor.max(1))) } else { limit }
    }
}

/// So many milliseconds of silence a byte of an unfinished message makes up for: 1 kB/s, less than any link has.
const MILLISECONDS_OF_A_BYTE: u64 = 1;

fn later(from: Instant, by: Duration, most: Instant) -> Instant {
    from.checked_add(by).map_or(most, |to| to.min(most))
}

/// Since when nothing came over one connection.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    limit: Option<Duration>,
    heard: Instant,
    asked: Option<Instant>,
}

/// What silence asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Nothing yet.
    Wait,
    /// To ask the server for a sign of life.
    Ask,
    /// It was asked and did not answer: the connection is dead.
    Over,
}

impl Silence {
    /// A connection that was heard just now. Without a limit silence is never too long.
    pub fn new(limit: Option<Duration>, now: Instant) -> Self {
        Self { limit, heard: now, asked: None }
    }

    /// How long it may last.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// From now on it may last so long.
    pub fn set_limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// Something came, or nobody listened.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = None;
    }

    /// So many bytes came, of a message that is not whole yet.
    pub fn heard_part(&mut self, now: Instant, bytes: usize) {
        let worth = Duration::from_millis((bytes as u64).saturating_mul(MILLISECONDS_OF_A_BYTE));
        self.heard = later(self.heard, worth, now);
        self.asked = self.asked.map(|asked| later(asked, worth, now)).filter(|_| self.heard < now);
    }

    /// What is to be done now. After `Ask` the server has another half of the limit from here, however late it was:
    /// the process may have been stopped meanwhile.
    pub fn check(&mut self, now: Instant) -> Patience {
        match self.until() {
            Some(next) if now >= next && self.asked.is_some() => Patience::Over,
            Some(next) if now >= next => {
                self.asked = Some(now);
                Patience::Ask
            }
            _ => Patience::Wait,
        }
    }

    /// When to look again.
    pub fn until(&self) -> Option<Instant> {
        self.asked.unwrap_or(self.heard).checked_add(self.limit? / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn p15_a_silent_server_is_asked_and_then_given_up() {
        let start = Instant::now();
        let mut silence = Silence::new(Some(10 * SECOND), start);
        assert_eq!(silence.until(), Some(start + 5 * SECOND));
        assert_eq!(silence.check(start + 4 * SECOND), Patience::Wait);
        assert_eq!(silence.check(start + 5 * SECOND), Patience::Ask);
        assert_eq!(silence.check(start + 9 * SECOND), Patience::Wait);
        assert_eq!(silence.check(start + 10 * SECOND), Patience::Over);
        silence.heard(start + 10 * SECOND);
        assert_eq!(silence.check(start + 14 * SECOND), Patience::Wait);
        // Late, as after the process was stopped: it is asked all the same.
        assert_eq!(silence.check(start + 100 * SECOND), Patience::Ask);
        assert_eq!(silence.check(start + 104 * SECOND), Patience::Wait);
        assert_eq!(silence.check(start + 105 * SECOND), Patience::Over);
    }

    #[test]
    fn s21_patience_grows_only_while_nothing_moves() {
        let (limit, mut tolerance) = (Some(SECOND), Tolerance::default());
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(tolerance.limit(limit, (7, 0)).unwrap().as_secs());
            tolerance.gave_up((7, 0));
        }
        assert_eq!(seen, [1, 2, 4, 8, 16, 16]);
        assert_eq!(tolerance.limit(limit, (8, 0)), limit);
        tolerance.gave_up((8, 0));
        assert_eq!(tolerance.limit(limit, (8, 0)), Some(2 * SECOND));
        assert_eq!(tolerance.limit(None, (8, 0)), None);
    }

    #[test]
    fn s55_a_message_that_drips_is_silence_and_a_slow_link_is_none() {
        let start = Instant::now();
        for (bytes, ends) in [(1, true), (900, true), (1_100, false), (16_000, false)] {
            let mut silence = Silence::new(Some(10 * SECOND), start);
            let over = (1..200).find(|second| {
                silence.heard_part(start + *second * SECOND, bytes);
                silence.check(start + *second * SECOND) == Patience::Over
            });
            assert_eq!(over.is_some(), ends, "{bytes} bytes a second: {over:?}");
            assert!(bytes > 1 || over == Some(12), "{over:?}");
        }
    }

    #[test]
    fn without_a_limit_silence_is_never_too_long() {
        let start = Instant::now();
        let mut silence = Silence::new(None, start);
        assert_eq!((silence.check(start + 1_000_000 * SECOND), silence.until()), (Patience::Wait, None));
    }
}
