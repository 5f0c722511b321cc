//! The two clocks: PostgreSQL's wall clock for the wire, and one that never jumps for timers.
//!
//! Nothing below `engine` may call these; time comes into the lower layers as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds from 1970-01-01 to 2000-01-01, where PostgreSQL's timestamps start.
const PG_EPOCH_SECONDS: i64 = 946_684_800;

/// The wall clock in microseconds since 2000-01-01 00:00 UTC, as replication messages carry it.
pub fn pg_micros() -> i64 {
    let unix = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    };
    unix.saturating_sub(PG_EPOCH_SECONDS * 1_000_000)
}

/// A clock in microseconds that only goes forward; its zero has no meaning.
pub fn monotonic_micros() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec to write to; CLOCK_MONOTONIC exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds * 1_000_000 + nanos / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_in_this_century_and_the_other_goes_forward() {
        assert!(pg_micros() > 25 * 365 * 86_400 * 1_000_000);
        let first = monotonic_micros();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(monotonic_micros() >= first + 2_000);
    }
}
