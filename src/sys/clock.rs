//! PostgreSQL's wall clock, for the wire.
//!
//! Nothing below `engine` may call it; time comes into the lower layers as an argument.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_in_this_century() {
        assert!(pg_micros() > 25 * 365 * 86_400 * 1_000_000);
    }
}
