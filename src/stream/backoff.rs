//! How long to wait before the next attempt: longer each time, and never all streams at once.
//!
//! Nothing here reads a clock, waits or asks the system for randomness: the seed comes in.

use std::time::Duration;

/// The waits of one series of attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: Duration,
    most: Duration,
    failed: u32,
    random: u64,
}

impl Backoff {
    /// Waits that begin near `initial`, double, and stay at `most`.
    pub fn new(initial: Duration, most: Duration, seed: u64) -> Self {
        Self { initial: initial.min(most), most, failed: 0, random: seed }
    }

    /// The wait before the next attempt: between half of the step and all of it, so that a thousand streams that lost
    /// their server together do not come back together.
    pub fn wait(&mut self) -> Duration {
        let step = self.initial.saturating_mul(1 << self.failed.min(24)).min(self.most);
        self.failed = self.failed.saturating_add(1);
        let half = step / 2;
        let micros = u64::try_from((step - half).as_micros()).unwrap_or(u64::MAX);
        half + Duration::from_micros(self.random() % micros.saturating_add(1))
    }

    /// An attempt was worth it: the next series begins anew.
    pub fn reset(&mut self) {
        self.failed = 0;
    }

    /// SplitMix64: any seed will do, and nobody has to trust it.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn waits_double_up_to_the_most_and_begin_anew() {
        let mut backoff = Backoff::new(100 * MS, 1000 * MS, 7);
        for step in [100, 200, 400, 800, 1000, 1000, 1000] {
            let wait = backoff.wait();
            assert!((step * MS / 2..=step * MS).contains(&wait), "{wait:?} for {step} ms");
        }
        for _ in 0..200 {
            assert!(backoff.wait() <= 1000 * MS);
        }
        backoff.reset();
        assert!(backoff.wait() <= 100 * MS);
    }

    #[test]
    fn streams_do_not_come_back_together() {
        let waits: std::collections::BTreeSet<Duration> =
            (0..100).map(|seed| Backoff::new(1000 * MS, 1000 * MS, seed).wait()).collect();
        assert!(waits.len() > 90, "{} different waits", waits.len());
        let all: Duration = waits.iter().sum();
        let mean = all / u32::try_from(waits.len()).unwrap();
        assert!((650 * MS..850 * MS).contains(&mean), "{mean:?}");
    }

    #[test]
    fn an_initial_wait_beyond_the_most_is_the_most() {
        let mut backoff = Backoff::new(500 * MS, 20 * MS, 1);
        assert!((0..50).all(|_| backoff.wait() <= 20 * MS));
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO, 1).wait(), Duration::ZERO);
    }
}
