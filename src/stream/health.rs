//! How a slot is doing, and what about it somebody should hear of before it is too late (P13, P28, P29).

use super::preflight::cell;
use super::slot_row::{Invalidation, WalKept, flags, micros, reason_column, slot_flag, wal_kept};
use super::sql::{EQ, quote_literal};
use crate::lsn::Lsn;

/// A slot at one moment. Numbers only, so that any thread may have a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `slot_flag`.
    pub flags: u32,
    /// Who holds it.
    pub active_pid: u32,
    /// Whether the WAL it needs is there.
    pub wal_kept: WalKept,
    /// Why it is invalid.
    pub invalidation: Invalidation,
    /// How much more WAL may be written before it is lost; -1 without a limit.
    pub safe_wal_size: i64,
    /// Where the server is: flushed on a primary, replayed on a standby.
    pub server_lsn: u64,
    /// The oldest WAL that the slot needs.
    pub restart_lsn: u64,
    /// Up to where its consumer confirmed everything.
    pub confirmed_flush_lsn: u64,
    /// How far the consumer is behind.
    pub lag_bytes: u64,
    /// How much WAL the slot holds back.
    pub retained_bytes: u64,
    /// How many transactions the oldest row is old that it keeps from VACUUM; -1 if none.
    pub xmin_age: i64,
    /// The same for the catalogs.
    pub catalog_xmin_age: i64,
    /// Since when nobody holds it, in microseconds since 2000.
    pub inactive_since: i64,
    /// pg_stat_replication_slots: spill_txns, spill_count, spill_bytes, stream_txns, stream_count, stream_bytes,
    /// total_txns, total_bytes.
    pub counters: [u64; 8],
}

/// Asks how a slot is doing.
///
/// A promoted standby goes on knowing where it replayed to, so that pg_is_in_recovery() decides; what is not flushed
/// is not sent (P28).
pub fn health_query(version: u32, slot: &str) -> String {
    let of = |since: u32, column: &str| if version >= since { column.to_owned() } else { "NULL".to_owned() };
    format!(
        "SELECT s.temporary, s.two_phase, s.active, {}, {}, {}, pg_catalog.pg_is_in_recovery(), s.active_pid, s.wal_status, {}, \
         s.safe_wal_size, CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
         ELSE pg_catalog.pg_current_wal_flush_lsn() END, s.restart_lsn, s.confirmed_flush_lsn, pg_catalog.age(s.xmin), \
         pg_catalog.age(s.catalog_xmin), {}, spill_txns, spill_count, spill_bytes, stream_txns, stream_count, \
         stream_bytes, total_txns, total_bytes \
         FROM pg_catalog.pg_replication_slots s \
         LEFT JOIN pg_catalog.pg_stat_replication_slots c ON c.slot_name {EQ} s.slot_name::pg_catalog.text \
         WHERE s.slot_name {EQ} {}",
        of(160_000, "conflicting"),
        of(170_000, "failover"),
        of(170_000, "synced"),
        reason_column(version),
        of(170_000, &micros("inactive_since")),
        quote_literal(slot)
    )
}

impl Health {
    /// Understands the answer to `health_query`. `None`: there is no such slot.
    pub fn read(rows: &[Vec<Option<String>>]) -> Option<Self> {
        let row = rows.first()?;
        let lsn = |at| cell(row, at).parse::<Lsn>().unwrap_or_default().0;
        let number = |at| cell(row, at).parse::<i64>().ok();
        let (server_lsn, restart_lsn, confirmed_flush_lsn) = (lsn(11), lsn(12), lsn(13));
        let behind = |lsn: u64| if lsn == 0 { 0 } else { server_lsn.saturating_sub(lsn) };
        let mut counters = [0; 8];
        for (counter, at) in counters.iter_mut().zip(17..) {
            *counter = cell(row, at).parse().unwrap_or(0);
        }
        Some(Self {
            flags: flags(
                row,
                &[
                    (0, slot_flag::TEMPORARY),
                    (1, slot_flag::TWO_PHASE),
                    (2, slot_flag::ACTIVE),
                    (3, slot_flag::CONFLICTING),
                    (4, slot_flag::FAILOVER),
                    (5, slot_flag::SYNCED),
                    (6, slot_flag::IN_RECOVERY),
                ],
            ),
            active_pid: cell(row, 7).parse().unwrap_or(0),
            wal_kept: wal_kept(cell(row, 8)),
            invalidation: Invalidation::of(cell(row, 8), cell(row, 9)),
            safe_wal_size: number(10).unwrap_or(-1),
            server_lsn,
            restart_lsn,
            confirmed_flush_lsn,
            // A physical slot's consumer confirms by restart_lsn.
            lag_bytes: behind(if confirmed_flush_lsn == 0 { restart_lsn } else { confirmed_flush_lsn }),
            retained_bytes: behind(restart_lsn),
            xmin_age: number(14).unwrap_or(-1),
            catalog_xmin_age: number(15).unwrap_or(-1),
            inactive_since: number(16).unwrap_or(0),
            counters,
        })
    }

    /// What is wrong with the slot, if anything is.
    pub fn concern(&self, least_safe: u64) -> Concern {
        let is_little = u64::try_from(self.safe_wal_size).is_ok_and(|size| size < least_safe);
        match (self.invalidation, self.wal_kept) {
            (Invalidation::WAL_INVALIDATION_NONE, WalKept::WAL_SLOT_WAL_UNRESERVED) => Concern::Unreserved,
            (Invalidation::WAL_INVALIDATION_NONE, _) if is_little => Concern::LittleLeft,
            (Invalidation::WAL_INVALIDATION_NONE, _) => Concern::None,
            _ => Concern::Invalidated,
        }
    }
}

/// What about a slot's health deserves a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Nothing.
    None,
    /// Its WAL may soon be removed.
    LittleLeft,
    /// Its WAL may be removed at the next checkpoint.
    Unreserved,
    /// The server gave it up.
    Invalidated,
}

impl Concern {
    /// The warning, or `None`.
    pub fn warning(self, slot: &str, health: &Health) -> Option<String> {
        let behind = health.lag_bytes;
        match self {
            Self::None => None,
            Self::LittleLeft => Some(format!(
                "slot {slot} is {behind} bytes behind: it is lost once {} more bytes of WAL are written (max_slot_wal_keep_size)",
                health.safe_wal_size
            )),
            Self::Unreserved => Some(format!(
                "slot {slot} is {behind} bytes behind and its WAL is not reserved any more: the next checkpoint may invalidate it"
            )),
            Self::Invalidated => Some(format!("slot {slot} was invalidated")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_before_what_may_be() {
        let good =
            Health { safe_wal_size: 1000, wal_kept: WalKept::WAL_SLOT_WAL_RESERVED, ..Health::default() };
        let unreserved = Health { wal_kept: WalKept::WAL_SLOT_WAL_UNRESERVED, ..good };
        let lost = Health { invalidation: Invalidation::WAL_INVALIDATION_IDLE_TIMEOUT, ..unreserved };
        let unlimited = Health { safe_wal_size: -1, ..good };
        for (health, least, concern) in [
            (good, 1000, Concern::None),
            (good, 1001, Concern::LittleLeft),
            (unlimited, u64::MAX, Concern::None),
            (unreserved, 0, Concern::Unreserved),
            (lost, 0, Concern::Invalidated),
        ] {
            assert_eq!(health.concern(least), concern);
            assert_eq!(concern.warning("s", &health).is_some(), concern != Concern::None);
        }
    }
}
