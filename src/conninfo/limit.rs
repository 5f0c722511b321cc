//! How long something may take, where to say nothing is not the same as to say "for ever".

use std::time::Duration;

/// What the user says of how long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// For ever.
    Never,
    /// So long.
    After(Duration),
}

impl Limit {
    /// 0 and below are for ever, as with libpq.
    pub(super) fn of_seconds(seconds: i32) -> Self {
        match u64::try_from(seconds) {
            Ok(seconds @ 1..) => Self::After(Duration::from_secs(seconds)),
            _ => Self::Never,
        }
    }
}
