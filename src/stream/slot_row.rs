//! A slot as pg_replication_slots and the replication commands describe it, whatever the server's version.
//!
//! It must never take a column for granted that the version does not have.

use super::preflight::cell;
use super::sql::{EQ, quote_literal};
use crate::error::{Error, Status};
use crate::lsn::Lsn;

/// Bits that say what a slot is made for, and how it stands. C programs know them as `WAL_SLOT_…`.
pub mod slot_flag {
    /// It is gone with its connection.
    pub const TEMPORARY: u32 = 1;
    /// It sends prepared transactions when they are prepared.
    pub const TWO_PHASE: u32 = 2;
    /// Standbys keep a copy of it.
    pub const FAILOVER: u32 = 4;
    /// A physical slot holds WAL back from its creation on.
    pub const RESERVE_WAL: u32 = 8;
    /// Creating it exports a snapshot.
    pub const EXPORT_SNAPSHOT: u32 = 16;
    /// Creating it gives its snapshot to the transaction it is created in.
    pub const USE_SNAPSHOT: u32 = 32;
    /// A consumer holds it.
    pub const ACTIVE: u32 = 256;
    /// It is a standby's copy of the primary's slot.
    pub const SYNCED: u32 = 512;
    /// Recovery on a standby removed what it needs.
    pub const CONFLICTING: u32 = 1024;
    /// The server is a standby.
    pub const IN_RECOVERY: u32 = 2048;
}

/// What a slot is for.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum SlotKind {
    /// Not known.
    #[default]
    WAL_SLOT_KIND_UNKNOWN = 0,
    /// For decoded changes.
    WAL_SLOT_KIND_LOGICAL = 1,
    /// For the WAL itself.
    WAL_SLOT_KIND_PHYSICAL = 2,
}

/// Whether the WAL that a slot needs is there (PostgreSQL documentation, pg_replication_slots.wal_status).
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum WalKept {
    /// The slot holds nothing back, or it is not known.
    #[default]
    WAL_SLOT_WAL_NONE = 0,
    /// All within max_wal_size.
    WAL_SLOT_WAL_RESERVED = 1,
    /// More than max_wal_size, and still kept for the slot.
    WAL_SLOT_WAL_EXTENDED = 2,
    /// Beyond max_slot_wal_keep_size: the next checkpoint may remove it, unless the consumer is faster.
    WAL_SLOT_WAL_UNRESERVED = 3,
    /// Some of it is gone, and the slot is of no more use.
    WAL_SLOT_WAL_LOST = 4,
}

/// Why the server gave a slot up for good.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum Invalidation {
    /// It did not.
    #[default]
    WAL_INVALIDATION_NONE = 0,
    /// The slot fell behind by more than max_slot_wal_keep_size ("wal_removed").
    WAL_INVALIDATION_WAL_REMOVED = 1,
    /// On a standby: the primary removed rows that decoding needs ("rows_removed").
    WAL_INVALIDATION_ROWS_REMOVED = 2,
    /// On a standby: the primary's wal_level is not "logical" any more ("wal_level_insufficient").
    WAL_INVALIDATION_WAL_LEVEL = 3,
    /// Nobody used it for longer than idle_replication_slot_timeout ("idle_timeout").
    WAL_INVALIDATION_IDLE_TIMEOUT = 4,
    /// On a standby of PostgreSQL 16, which does not tell the two reasons of a conflict with recovery apart.
    WAL_INVALIDATION_CONFLICT = 5,
    /// For a reason that this library does not know.
    WAL_INVALIDATION_OTHER = 6,
}

impl Invalidation {
    /// From wal_status and what `reason_column` gives.
    pub fn of(wal_status: &str, reason: &str) -> Self {
        match (reason, wal_status) {
            ("", "lost") | ("wal_removed", _) => Self::WAL_INVALIDATION_WAL_REMOVED,
            ("", _) => Self::WAL_INVALIDATION_NONE,
            ("rows_removed", _) => Self::WAL_INVALIDATION_ROWS_REMOVED,
            ("wal_level_insufficient", _) => Self::WAL_INVALIDATION_WAL_LEVEL,
            ("idle_timeout", _) => Self::WAL_INVALIDATION_IDLE_TIMEOUT,
            (CONFLICT, _) => Self::WAL_INVALIDATION_CONFLICT,
            _ => Self::WAL_INVALIDATION_OTHER,
        }
    }

    /// What happened and what to do, for who reads no PostgreSQL documentation.
    fn explain(self) -> &'static str {
        match self {
            Self::WAL_INVALIDATION_WAL_REMOVED => {
                "The slot fell behind by more than max_slot_wal_keep_size, and the server removed the WAL that it needs."
            }
            Self::WAL_INVALIDATION_ROWS_REMOVED => {
                "On this standby the replay of the primary's VACUUM removed catalog rows that decoding needs: set hot_standby_feedback on the standby."
            }
            Self::WAL_INVALIDATION_WAL_LEVEL => "The primary's wal_level was lowered below \"logical\".",
            Self::WAL_INVALIDATION_IDLE_TIMEOUT => {
                "Nobody streamed from the slot for longer than idle_replication_slot_timeout."
            }
            Self::WAL_INVALIDATION_CONFLICT => {
                "Recovery on this standby conflicted with the slot: catalog rows that decoding needs were removed (see hot_standby_feedback), or the primary's wal_level was lowered. PostgreSQL 16 does not tell which."
            }
            Self::WAL_INVALIDATION_NONE | Self::WAL_INVALIDATION_OTHER => "See the server's log.",
        }
    }
}

/// What stands for a reason where the server has only a flag.
const CONFLICT: &str = "recovery conflict";

/// The expression for why a slot is invalid, NULL where it is not or wal_status says enough: 14 and 15 know one reason, 16
/// has a flag for all, and forgets restart_lsn if WAL was removed (InvalidatePossiblyObsoleteSlot).
pub(super) fn reason_column(version: u32) -> String {
    match version {
        170_000.. => "invalidation_reason".to_owned(),
        160_000.. => format!("CASE WHEN conflicting AND restart_lsn IS NOT NULL THEN '{CONFLICT}' END"),
        _ => "NULL".to_owned(),
    }
}

/// The error of an invalidated slot, which no repetition mends (P13). `None` while it is not.
pub fn invalidated(slot: &str, wal_status: &str, reason: &str) -> Option<Error> {
    let kind = Invalidation::of(wal_status, reason);
    if kind == Invalidation::WAL_INVALIDATION_NONE {
        return None;
    }
    let name = if reason.is_empty() { "wal_removed" } else { reason };
    let message = format!("replication slot \"{slot}\" was invalidated: {name}");
    Some(
        Error::new(Status::WAL_E_SLOT_INVALIDATED, message)
            .with_detail(kind.explain())
            .with_hint("What it held back is gone: drop the slot, create it anew and copy the tables again.")
            .with_retriable(false),
    )
}

/// Asks whether a slot is invalid.
pub fn validity_query(version: u32, slot: &str) -> String {
    format!(
        "SELECT wal_status, {} FROM pg_catalog.pg_replication_slots WHERE slot_name {EQ} {}",
        reason_column(version),
        quote_literal(slot)
    )
}

/// Understands the answer to `validity_query`.
pub fn validity(slot: &str, rows: &[Vec<Option<String>>]) -> Option<Error> {
    rows.first().and_then(|row| invalidated(slot, cell(row, 0), cell(row, 1)))
}

/// All that is known of a slot. What the server's version does not say is 0 or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotRow {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: SlotKind,
    /// The output plugin of a logical slot.
    pub plugin: String,
    /// The database of a logical slot.
    pub database: String,
    /// `slot_flag`.
    pub flags: u32,
    /// Who holds it.
    pub active_pid: u32,
    /// The oldest transaction whose rows it keeps.
    pub xmin: u32,
    /// The same for the catalogs.
    pub catalog_xmin: u32,
    /// The oldest WAL that it needs.
    pub restart_lsn: u64,
    /// Up to where its consumer confirmed everything.
    pub confirmed_flush_lsn: u64,
    /// Whether that WAL is there.
    pub wal_kept: WalKept,
    /// How much more WAL may be written before it is lost; `None` without a limit.
    pub safe_wal_size: Option<i64>,
    /// Why it is invalid.
    pub invalidation: Invalidation,
    /// The same in the server's word.
    pub invalidation_reason: String,
    /// Since when nobody holds it, in microseconds since 2000.
    pub inactive_since: i64,
    /// From where on it sends prepared transactions.
    pub two_phase_at: u64,
    /// The timeline of `restart_lsn`, of a physical slot.
    pub timeline: u32,
    /// Of a slot made just now: from where on it sends.
    pub consistent_point: u64,
    /// Of a slot made just now: the snapshot it exported.
    pub snapshot_name: String,
}

/// Asks for one slot or for all.
pub fn slots_query(version: u32, slot: Option<&str>) -> String {
    let of = |since: u32, column: &str, without: &str| {
        if version >= since { column.to_owned() } else { without.to_owned() }
    };
    let condition = slot.map(|slot| format!(" WHERE slot_name {EQ} {}", quote_literal(slot)));
    format!(
        "SELECT slot_name, slot_type, plugin, database, temporary, active, active_pid, xmin, catalog_xmin, \
         restart_lsn, confirmed_flush_lsn, wal_status, safe_wal_size, two_phase, {}, {}, {}, {}, {}, {} \
         FROM pg_catalog.pg_replication_slots{} ORDER BY slot_name",
        of(160_000, "conflicting", "NULL"),
        reason_column(version),
        of(170_000, &micros("inactive_since"), "NULL"),
        of(170_000, "failover", "NULL"),
        of(170_000, "synced", "NULL"),
        of(180_000, "two_phase_at", "NULL"),
        condition.unwrap_or_default()
    )
}

/// A timestamp as microseconds since 2000.
pub(super) fn micros(column: &str) -> String {
    format!(
        "(extract(epoch FROM {column}) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 \
         OPERATOR(pg_catalog.-) 946684800000000"
    )
}

impl SlotRow {
    /// Understands a row of the answer to `slots_query`.
    pub fn read(row: &[Option<String>]) -> Self {
        let number = |at| cell(row, at).parse().unwrap_or(0);
        let lsn = |at| cell(row, at).parse::<Lsn>().unwrap_or_default().0;
        Self {
            name: cell(row, 0).to_owned(),
            kind: kind(cell(row, 1)),
            plugin: cell(row, 2).to_owned(),
            database: cell(row, 3).to_owned(),
            flags: flags(
                row,
                &[
                    (4, slot_flag::TEMPORARY),
                    (5, slot_flag::ACTIVE),
                    (13, slot_flag::TWO_PHASE),
                    (14, slot_flag::CONFLICTING),
                    (17, slot_flag::FAILOVER),
                    (18, slot_flag::SYNCED),
                ],
            ),
            active_pid: number(6),
            xmin: number(7),
            catalog_xmin: number(8),
            restart_lsn: lsn(9),
            confirmed_flush_lsn: lsn(10),
            wal_kept: wal_kept(cell(row, 11)),
            safe_wal_size: cell(row, 12).parse().ok(),
            invalidation: Invalidation::of(cell(row, 11), cell(row, 15)),
            invalidation_reason: cell(row, 15).to_owned(),
            inactive_since: cell(row, 16).parse().unwrap_or(0),
            two_phase_at: lsn(19),
            ..Self::default()
        }
    }
}

/// The flags whose columns are true.
pub(super) fn flags(row: &[Option<String>], columns: &[(usize, u32)]) -> u32 {
    columns.iter().filter(|(at, _)| cell(row, *at) == "t").fold(0, |all, (_, flag)| all | flag)
}

pub(super) fn kind(text: &str) -> SlotKind {
    match text {
        "logical" => SlotKind::WAL_SLOT_KIND_LOGICAL,
        "physical" => SlotKind::WAL_SLOT_KIND_PHYSICAL,
        _ => SlotKind::WAL_SLOT_KIND_UNKNOWN,
    }
}

pub(super) fn wal_kept(text: &str) -> WalKept {
    match text {
        "reserved" => WalKept::WAL_SLOT_WAL_RESERVED,
        "extended" => WalKept::WAL_SLOT_WAL_EXTENDED,
        "unreserved" => WalKept::WAL_SLOT_WAL_UNRESERVED,
        "lost" => WalKept::WAL_SLOT_WAL_LOST,
        _ => WalKept::WAL_SLOT_WAL_NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p13_every_reason_has_a_name_and_none_is_worth_another_try() {
        use Invalidation::*;
        for (wal_status, reason, kind) in [
            ("reserved", "", WAL_INVALIDATION_NONE),
            ("unreserved", "", WAL_INVALIDATION_NONE),
            ("lost", "", WAL_INVALIDATION_WAL_REMOVED),
            ("lost", "wal_removed", WAL_INVALIDATION_WAL_REMOVED),
            ("lost", "rows_removed", WAL_INVALIDATION_ROWS_REMOVED),
            ("lost", "wal_level_insufficient", WAL_INVALIDATION_WAL_LEVEL),
            ("lost", "idle_timeout", WAL_INVALIDATION_IDLE_TIMEOUT),
            ("lost", CONFLICT, WAL_INVALIDATION_CONFLICT),
            ("reserved", "something new", WAL_INVALIDATION_OTHER),
        ] {
            assert_eq!(Invalidation::of(wal_status, reason), kind);
            match invalidated("s", wal_status, reason) {
                None => assert_eq!(kind, WAL_INVALIDATION_NONE),
                Some(error) => {
                    let name = if reason.is_empty() { "wal_removed" } else { reason };
                    assert!(error.message().ends_with(name) && !error.is_retriable(), "{error:?}");
                }
            }
        }
    }
}
