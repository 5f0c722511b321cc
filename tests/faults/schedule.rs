//! What goes wrong, and when: a seed's own sequence of faults.

use std::time::Duration;

use super::link::{End, Way};
use crate::harness::Random;
use crate::harness::server::Stop;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection is gone after so many more bytes.
    Cut(Way, u64, End),
    /// Nothing gets through one way, for less than anybody's patience or for more.
    Stall(Way, Duration),
    /// Everything takes longer for a while.
    Delay(Duration),
    /// pg_terminate_backend of the walsender.
    Terminate,
    /// The server stops and starts again.
    Restart(Stop),
    /// kill -9 of the walsender; the server takes that for a crash and starts all over.
    KillWalsender,
    /// kill -9 of the consumer; another process goes on.
    KillConsumer,
}

/// How many faults, how fast, and which mix.
#[derive(Clone, Copy, Debug)]
pub enum Storm {
    /// Every kind often enough to be seen in a hundred.
    Short,
    /// Thousands: nearly all of them cuts, the slow ones rare.
    Long,
}

impl Storm {
    /// How long it is quiet between two faults, at most.
    pub fn pause(self) -> Duration {
        match self {
            Self::Short => Duration::from_millis(700),
            Self::Long => Duration::from_millis(60),
        }
    }

    /// How long a writer rests after a transaction, at most.
    pub fn writers_pause(self) -> Duration {
        match self {
            Self::Short => Duration::from_millis(25),
            Self::Long => Duration::from_millis(40),
        }
    }

    /// The next fault.
    pub fn next(self, random: &mut Random) -> Fault {
        // Of 1,000: what is not one of these is a cut.
        let weights: [u64; 7] = match self {
            Self::Short => [60, 20, 60, 100, 20, 20, 60],
            Self::Long => [10, 1, 10, 40, 2, 1, 10],
        };
        let mut at = random.below(1000);
        let mut kind = weights.len();
        for (number, weight) in weights.iter().enumerate() {
            if at < *weight {
                kind = number;
                break;
            }
            at -= weight;
        }
        match kind {
            0 => Fault::Stall(way(random), time_below(random, Duration::from_millis(600))),
            1 => Fault::Stall(way(random), Duration::from_secs(4)),
            2 => Fault::Delay(time_below(random, Duration::from_millis(30))),
            3 => Fault::Terminate,
            4 if random.below(2) == 0 => Fault::Restart(Stop::Fast),
            4 => Fault::Restart(Stop::Immediate),
            5 => Fault::KillWalsender,
            6 => Fault::KillConsumer,
            _ => self.cut(random),
        }
    }

    /// Most hit the rows; some the start of the connection, where a few hundred bytes say everything.
    fn cut(self, random: &mut Random) -> Fault {
        let end = if random.below(2) == 0 { End::Closed } else { End::Reset };
        let way = way(random);
        // Whoever wants thousands does not wait for many bytes.
        let share = match self {
            Self::Short => 1,
            Self::Long => 5,
        };
        let bytes = match (way, random.below(3)) {
            (Way::ToServer, _) => random.below(600 / share),
            (Way::ToConsumer, 0) => random.below(4_000),
            (Way::ToConsumer, _) => random.below(60_000 / share),
        };
        Fault::Cut(way, bytes, end)
    }
}

fn way(random: &mut Random) -> Way {
    if random.below(3) == 0 { Way::ToServer } else { Way::ToConsumer }
}

/// From no time up to, not including, `limit`.
pub fn time_below(random: &mut Random, limit: Duration) -> Duration {
    Duration::from_micros(random.below(limit.as_micros().max(1) as u64))
}
