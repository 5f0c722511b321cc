//! Which of several servers is wanted: `target_session_attrs` and `load_balance_hosts`.
//!
//! It must never choose by anything but what the server says of itself.

use super::parameter::Key;
use super::settings::Settings;

/// What the session must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whatever answers first.
    Any,
    /// Transactions may write.
    ReadWrite,
    /// Transactions may not write.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In hot standby.
    Standby,
    /// A standby if there is one, else whatever answers.
    PreferStandby,
}

/// In which order the servers are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were given.
    Given,
    /// At random, and the addresses of each name too.
    Random,
}

impl Target {
    /// The words that stand for each.
    pub(super) const WORDS: &[&str] =
        &["any", "read-write", "read-only", "primary", "standby", "prefer-standby"];

    pub(super) fn from_settings(settings: &Settings) -> Self {
        // The table has let nothing else through.
        match settings.text(Key::TargetSessionAttrs) {
            Some("read-write") => Self::ReadWrite,
            Some("read-only") => Self::ReadOnly,
            Some("primary") => Self::Primary,
            Some("standby") => Self::Standby,
            Some("prefer-standby") => Self::PreferStandby,
            _ => Self::Any,
        }
    }

    /// Its word.
    #[cfg(feature = "libpq")]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }

    /// What is asked of the servers in each pass over them.
    pub fn passes(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }
}

impl Order {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        match settings.text(Key::LoadBalanceHosts) {
            Some("random") => Self::Random,
            _ => Self::Given,
        }
    }

    /// Brings servers or addresses into this order.
    pub fn arrange<T>(self, all: &mut [T]) {
        if self == Self::Random {
            for last in (1..all.len()).rev() {
                all.swap(last, below(last + 1));
            }
        }
    }
}

/// A random number below `limit`; good enough to spread clients over servers.
fn below(limit: usize) -> usize {
    use std::hash::{BuildHasher, RandomState};
    // Every RandomState has keys of its own.
    let random = RandomState::new().hash_one(limit) >> 1;
    usize::try_from(random).unwrap_or(0) % limit.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_order_is_every_order() {
        let mut first = [0; 3];
        for _ in 0..3_000 {
            let mut all = [0, 1, 2];
            Order::Given.arrange(&mut all);
            assert_eq!(all, [0, 1, 2]);
            Order::Random.arrange(&mut all);
            first[all[0]] += 1;
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2]);
        }
        assert!(first.iter().all(|count| (700..1_300).contains(count)), "{first:?}");
        Order::Random.arrange::<u8>(&mut []);
    }
}
