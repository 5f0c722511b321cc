//! Replication slots as a Rust program sees them. It must never show a number where the server said nothing.

use std::fmt;
use std::time::SystemTime;

use super::event::system_time;
use crate::lsn::Lsn;
use crate::stream::{self, Health, SlotRow, WalKept, slot_commands, slot_flag};

/// A slot that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct NewSlot {
    name: String,
    plugin: Option<String>,
    flags: u32,
}

/// What making a logical slot does with its snapshot: the state of the database from which the slot's changes go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlotSnapshot {
    /// Nothing.
    #[default]
    None,
    /// Exports it, for `SET TRANSACTION SNAPSHOT` in other sessions: [`Slot::snapshot_name`]. It lives until the connection's next
    /// command.
    Export,
    /// Gives it to the transaction of this connection, which is begun for it.
    Use,
}

/// What a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlotKind {
    /// Not known.
    Unknown,
    /// For decoded changes.
    Logical,
    /// For the WAL itself.
    Physical,
}

/// Whether the WAL that a slot needs is there (PostgreSQL documentation, `pg_replication_slots.wal_status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WalStatus {
    /// The slot holds nothing back, or it is not known.
    None,
    /// All within `max_wal_size`.
    Reserved,
    /// More than `max_wal_size`, and still kept for the slot.
    Extended,
    /// Beyond `max_slot_wal_keep_size`: the next checkpoint may remove it, unless the consumer is faster.
    Unreserved,
    /// Some of it is gone, and the slot is of no more use.
    Lost,
}

/// Why the server gave a slot up for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Invalidation {
    /// The slot fell behind by more than `max_slot_wal_keep_size`.
    WalRemoved,
    /// On a standby: the primary removed rows that decoding needs.
    RowsRemoved,
    /// On a standby: the primary's `wal_level` is not `logical` any more.
    WalLevel,
    /// Nobody used it for longer than `idle_replication_slot_timeout`.
    IdleTimeout,
    /// On a standby of PostgreSQL 16, which does not tell the reasons of a conflict with recovery apart.
    Conflict,
    /// For a reason that this library does not know.
    Other,
}

/// All that is known of a slot. What the server's version does not say is `None`, empty or false.
#[derive(Clone, PartialEq, Eq)]
pub struct Slot(SlotRow);

/// A slot at one moment: how far its consumer is behind, and what it holds back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SlotHealth {
    at: i64,
    health: Health,
}

impl NewSlot {
    /// A slot for decoded changes, by pgoutput.
    pub fn logical(name: impl Into<String>) -> Self {
        Self { name: name.into(), plugin: Some("pgoutput".to_owned()), flags: 0 }
    }

    /// A slot for the WAL itself.
    pub fn physical(name: impl Into<String>) -> Self {
        Self { name: name.into(), plugin: None, flags: 0 }
    }

    /// Another output plugin, of a logical slot.
    pub fn plugin(mut self, name: impl Into<String>) -> Self {
        self.plugin = Some(name.into());
        self
    }

    /// Whether it is gone with its connection.
    pub fn temporary(self, on: bool) -> Self {
        self.flag(slot_flag::TEMPORARY, on)
    }

    /// Whether it sends prepared transactions when they are prepared.
    pub fn two_phase(self, on: bool) -> Self {
        self.flag(slot_flag::TWO_PHASE, on)
    }

    /// Whether standbys keep a copy of it (PostgreSQL 17).
    pub fn failover(self, on: bool) -> Self {
        self.flag(slot_flag::FAILOVER, on)
    }

    /// Whether a physical slot holds WAL back from its creation on.
    pub fn reserve_wal(self, on: bool) -> Self {
        self.flag(slot_flag::RESERVE_WAL, on)
    }

    /// What to do with the snapshot of a logical slot.
    pub fn snapshot(self, how: SlotSnapshot) -> Self {
        self.flag(slot_flag::EXPORT_SNAPSHOT, how == SlotSnapshot::Export)
            .flag(slot_flag::USE_SNAPSHOT, how == SlotSnapshot::Use)
    }

    pub(super) fn borrow(&self) -> slot_commands::NewSlot<'_> {
        slot_commands::NewSlot { name: &self.name, plugin: self.plugin.as_deref(), flags: self.flags }
    }

    /// The bits of the properties that are to be `on`, or off.
    pub(super) fn bits(two_phase: Option<bool>, failover: Option<bool>, on: bool) -> u32 {
        let bit = |wish: Option<bool>, bit| if wish == Some(on) { bit } else { 0 };
        bit(two_phase, slot_flag::TWO_PHASE) | bit(failover, slot_flag::FAILOVER)
    }

    fn flag(mut self, bit: u32, on: bool) -> Self {
        self.flags = if on { self.flags | bit } else { self.flags & !bit };
        self
    }
}

impl Slot {
    pub(super) fn new(row: SlotRow) -> Self {
        Self(row)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for.
    pub fn kind(&self) -> SlotKind {
        match self.0.kind {
            stream::SlotKind::WAL_SLOT_KIND_UNKNOWN => SlotKind::Unknown,
            stream::SlotKind::WAL_SLOT_KIND_LOGICAL => SlotKind::Logical,
            stream::SlotKind::WAL_SLOT_KIND_PHYSICAL => SlotKind::Physical,
        }
    }

    /// The output plugin of a logical slot.
    pub fn plugin(&self) -> Option<&str> {
        some_text(&self.0.plugin)
    }

    /// The database of a logical slot.
    pub fn database(&self) -> Option<&str> {
        some_text(&self.0.database)
    }

    /// Whether it is gone with its connection.
    pub fn is_temporary(&self) -> bool {
        self.has(slot_flag::TEMPORARY)
    }

    /// Whether it sends prepared transactions when they are prepared.
    pub fn is_two_phase(&self) -> bool {
        self.has(slot_flag::TWO_PHASE)
    }

    /// Whether standbys keep a copy of it.
    pub fn is_failover(&self) -> bool {
        self.has(slot_flag::FAILOVER)
    }

    /// Whether a consumer holds it.
    pub fn is_active(&self) -> bool {
        self.has(slot_flag::ACTIVE)
    }

    /// Whether it is a standby's copy of the primary's slot.
    pub fn is_synced(&self) -> bool {
        self.has(slot_flag::SYNCED)
    }

    /// The server process of the consumer that holds it.
    pub fn active_pid(&self) -> Option<u32> {
        Some(self.0.active_pid).filter(|pid| *pid != 0)
    }

    /// The oldest WAL that it needs.
    pub fn restart_lsn(&self) -> Option<Lsn> {
        some_lsn(self.0.restart_lsn)
    }

    /// Up to where the consumer of a logical slot confirmed everything.
    pub fn confirmed_flush_lsn(&self) -> Option<Lsn> {
        some_lsn(self.0.confirmed_flush_lsn)
    }

    /// The oldest transaction whose rows it keeps from VACUUM.
    pub fn xmin(&self) -> Option<u32> {
        Some(self.0.xmin).filter(|xid| *xid != 0)
    }

    /// The same for the catalogs.
    pub fn catalog_xmin(&self) -> Option<u32> {
        Some(self.0.catalog_xmin).filter(|xid| *xid != 0)
    }

    /// Whether the WAL that it needs is there.
    pub fn wal_status(&self) -> WalStatus {
        wal_status(self.0.wal_kept)
    }

    /// How many bytes of WAL may be written before it is lost; `None` without a limit.
    pub fn safe_wal_size(&self) -> Option<i64> {
        self.0.safe_wal_size
    }

    /// Why the server gave it up, if it did.
    pub fn invalidation(&self) -> Option<Invalidation> {
        invalidation(self.0.invalidation)
    }

    /// The same in the server's word.
    pub fn invalidation_reason(&self) -> Option<&str> {
        some_text(&self.0.invalidation_reason)
    }

    /// Since when nobody holds it (PostgreSQL 17).
    pub fn inactive_since(&self) -> Option<SystemTime> {
        system_time(self.0.inactive_since)
    }

    /// From where on it sends prepared transactions (PostgreSQL 18).
    pub fn two_phase_at(&self) -> Option<Lsn> {
        some_lsn(self.0.two_phase_at)
    }

    /// Of a slot that was made just now: from where on it sends.
    pub fn consistent_point(&self) -> Option<Lsn> {
        some_lsn(self.0.consistent_point)
    }

    /// Of a slot that was made just now with [`SlotSnapshot::Export`]: for `SET TRANSACTION SNAPSHOT`.
    pub fn snapshot_name(&self) -> Option<&str> {
        some_text(&self.0.snapshot_name)
    }

    fn has(&self, flag: u32) -> bool {
        self.0.flags & flag != 0
    }
}

impl SlotHealth {
    pub(super) fn new(at: i64, health: Health) -> Self {
        Self { at, health }
    }

    /// When this was so, by this machine's clock.
    pub fn at(&self) -> Option<SystemTime> {
        system_time(self.at)
    }

    /// Whether a consumer holds the slot.
    pub fn is_active(&self) -> bool {
        self.health.flags & slot_flag::ACTIVE != 0
    }

    /// Whether the WAL that it needs is there.
    pub fn wal_status(&self) -> WalStatus {
        wal_status(self.health.wal_kept)
    }

    /// Why the server gave it up, if it did.
    pub fn invalidation(&self) -> Option<Invalidation> {
        invalidation(self.health.invalidation)
    }

    /// How many bytes of WAL may be written before it is lost; `None` without a limit.
    pub fn safe_wal_size(&self) -> Option<u64> {
        u64::try_from(self.health.safe_wal_size).ok()
    }

    /// Where the server is: flushed on a primary, replayed on a standby.
    pub fn server_lsn(&self) -> Lsn {
        Lsn(self.health.server_lsn)
    }

    /// How many bytes of WAL the consumer is behind.
    pub fn lag_bytes(&self) -> u64 {
        self.health.lag_bytes
    }

    /// How many bytes of WAL the slot holds back.
    pub fn retained_bytes(&self) -> u64 {
        self.health.retained_bytes
    }

    /// How many transactions the oldest row is old that it keeps from VACUUM.
    pub fn xmin_age(&self) -> Option<u64> {
        u64::try_from(self.health.xmin_age).ok()
    }

    /// The same for the catalogs.
    pub fn catalog_xmin_age(&self) -> Option<u64> {
        u64::try_from(self.health.catalog_xmin_age).ok()
    }

    /// Since when nobody holds it (PostgreSQL 17).
    pub fn inactive_since(&self) -> Option<SystemTime> {
        system_time(self.health.inactive_since)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("name", &self.name())
            .field("kind", &self.kind())
            .field("restart_lsn", &self.restart_lsn())
            .field("confirmed_flush_lsn", &self.confirmed_flush_lsn())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SlotHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotHealth")
            .field("lag_bytes", &self.lag_bytes())
            .field("retained_bytes", &self.retained_bytes())
            .field("wal_status", &self.wal_status())
            .finish_non_exhaustive()
    }
}

fn wal_status(kept: WalKept) -> WalStatus {
    match kept {
        WalKept::WAL_SLOT_WAL_NONE => WalStatus::None,
        WalKept::WAL_SLOT_WAL_RESERVED => WalStatus::Reserved,
        WalKept::WAL_SLOT_WAL_EXTENDED => WalStatus::Extended,
        WalKept::WAL_SLOT_WAL_UNRESERVED => WalStatus::Unreserved,
        WalKept::WAL_SLOT_WAL_LOST => WalStatus::Lost,
    }
}

fn invalidation(why: stream::Invalidation) -> Option<Invalidation> {
    use stream::Invalidation as Known;
    match why {
        Known::WAL_INVALIDATION_NONE => None,
        Known::WAL_INVALIDATION_WAL_REMOVED => Some(Invalidation::WalRemoved),
        Known::WAL_INVALIDATION_ROWS_REMOVED => Some(Invalidation::RowsRemoved),
        Known::WAL_INVALIDATION_WAL_LEVEL => Some(Invalidation::WalLevel),
        Known::WAL_INVALIDATION_IDLE_TIMEOUT => Some(Invalidation::IdleTimeout),
        Known::WAL_INVALIDATION_CONFLICT => Some(Invalidation::Conflict),
        Known::WAL_INVALIDATION_OTHER => Some(Invalidation::Other),
    }
}

fn some_lsn(lsn: u64) -> Option<Lsn> {
    Some(Lsn(lsn)).filter(|lsn| lsn.0 != 0)
}

fn some_text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
