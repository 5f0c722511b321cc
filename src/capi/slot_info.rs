//! What is known of slots as C sees it.

use super::boundary::boundary;
use super::connection::release;
use super::wal_bytes;
use crate::stream::SlotRow;

/// A slot as it was when it was looked at. A wal_slot that a function gave through an out-parameter is owned by the
/// caller: wal_slot_free; one from a list is borrowed from the list. Read by any thread.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_slot {
    row: SlotRow,
}

/// Slots, in the order of their names. Owned by whoever got them: wal_slots_free; read by any thread.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_slots {
    slots: Vec<wal_slot>,
}

impl wal_slot {
    pub(super) fn of(row: SlotRow) -> Self {
        Self { row }
    }
}

impl wal_slots {
    pub(super) fn of(rows: Vec<SlotRow>) -> Self {
        Self { slots: rows.into_iter().map(wal_slot::of).collect() }
    }
}

/// SAFETY of the accessors below: the contract: `slot` is NULL, or was given out and neither it nor its list was freed.
unsafe fn field<T>(slot: *const wal_slot, neutral: T, get: impl FnOnce(&SlotRow) -> T) -> T {
    // SAFETY: see above.
    unsafe { slot.as_ref() }.map_or(neutral, |slot| get(&slot.row))
}

/// Its name.
///
/// @param slot may be NULL
/// @return borrowed from the slot
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_name(slot: *const wal_slot) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(slot, wal_bytes::NOTHING, |it| wal_bytes::of(it.name.as_bytes())) } }))
}

/// What it is for.
///
/// @param slot may be NULL
/// @return a wal_slot_kind_code
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_kind(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.kind as u32) } }))
}

/// The output plugin of a logical slot.
///
/// @param slot may be NULL
/// @return borrowed from the slot; empty for a physical one
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_plugin(slot: *const wal_slot) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(slot, wal_bytes::NOTHING, |it| wal_bytes::of(it.plugin.as_bytes())) } }))
}

/// The database of a logical slot.
///
/// @param slot may be NULL
/// @return borrowed from the slot; empty for a physical one, and for one made just now
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_database(slot: *const wal_slot) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(slot, wal_bytes::NOTHING, |it| wal_bytes::of(it.database.as_bytes())) } }))
}

/// WAL_SLOT_TEMPORARY, WAL_SLOT_TWO_PHASE, WAL_SLOT_FAILOVER (17), WAL_SLOT_ACTIVE, WAL_SLOT_SYNCED (17),
/// WAL_SLOT_CONFLICTING (16), or-ed. The number is the version that knows the flag; an older one leaves it 0.
///
/// @param slot may be NULL
/// @return the flags
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_flags(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.flags) } }))
}

/// The server's process that uses it.
///
/// @param slot may be NULL
/// @return the process id, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_active_pid(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.active_pid) } }))
}

/// The oldest transaction whose rows it keeps from VACUUM.
///
/// @param slot may be NULL
/// @return the transaction, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_xmin(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.xmin) } }))
}

/// The oldest transaction whose catalog rows it keeps from VACUUM.
///
/// @param slot may be NULL
/// @return the transaction, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_catalog_xmin(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.catalog_xmin) } }))
}

/// The oldest WAL that it may still need, and holds back.
///
/// @param slot may be NULL
/// @return the position, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_restart_lsn(slot: *const wal_slot) -> u64 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.restart_lsn) } }))
}

/// Up to where its consumer acknowledged everything: a stream goes on from there.
///
/// @param slot may be NULL
/// @return the position; 0 for a physical slot
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_confirmed_flush_lsn(slot: *const wal_slot) -> u64 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.confirmed_flush_lsn) } }))
}

/// Whether the WAL that it needs is there.
///
/// @param slot may be NULL
/// @return a wal_slot_wal_code
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_wal(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.wal_kept as u32) } }))
}

/// How many more bytes of WAL may be written before it is lost. May be below 0: then it is about to be.
/// Without max_slot_wal_keep_size there is no limit.
///
/// @param slot may be NULL
/// @return the bytes; -1 without a limit, and for NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_safe_wal_size(slot: *const wal_slot) -> i64 {
    // SAFETY: as `field` says.
    boundary!(neutral(-1; { unsafe { field(slot, -1, |it| it.safe_wal_size.unwrap_or(-1)) } }))
}

/// Why the server gave it up for good: it is of no more use then, and can only be dropped.
///
/// @param slot may be NULL
/// @return a wal_invalidation_code
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_invalidation(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.invalidation as u32) } }))
}

/// The same in the server's word, as in "wal_removed", where it has one (17).
///
/// @param slot may be NULL
/// @return borrowed from the slot; empty if it is valid, or the server is older
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_invalidation_reason(slot: *const wal_slot) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(slot, wal_bytes::NOTHING, |it| wal_bytes::of(it.invalidation_reason.as_bytes())) } }))
}

/// Since when nobody uses it (17).
///
/// @param slot may be NULL
/// @return microseconds since 2000-01-01 UTC, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_inactive_since(slot: *const wal_slot) -> i64 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.inactive_since) } }))
}

/// From which position on it sends prepared transactions (18).
///
/// @param slot may be NULL
/// @return the position, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_two_phase_at(slot: *const wal_slot) -> u64 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.two_phase_at) } }))
}

/// The timeline of the restart_lsn of a physical slot that wal_slot_read gave (15).
///
/// @param slot may be NULL
/// @return the timeline, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_timeline(slot: *const wal_slot) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.timeline) } }))
}

/// Of a slot that wal_slot_create_logical made: transactions that commit after this position are sent, those before
/// are in its snapshot.
///
/// @param slot may be NULL
/// @return the position, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_consistent_point(slot: *const wal_slot) -> u64 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(slot, 0, |it| it.consistent_point) } }))
}

/// Of a slot made with WAL_SLOT_EXPORT_SNAPSHOT: what other sessions give to SET TRANSACTION SNAPSHOT. It lives until
/// the connection's next command, or its end.
///
/// @param slot may be NULL
/// @return borrowed from the slot; empty if none was exported
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_snapshot_name(slot: *const wal_slot) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(slot, wal_bytes::NOTHING, |it| wal_bytes::of(it.snapshot_name.as_bytes())) } }))
}

/// Frees a slot's description; the slot stays.
///
/// @param slot may be NULL; never one that is borrowed from a list
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_free(slot: *mut wal_slot) {
    // SAFETY: the contract: given out, and freed once.
    boundary!(neutral((); { unsafe { release(slot) } }));
}

/// How many slots the list has.
///
/// @param slots may be NULL, which gives 0
/// @return the number
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slots_count(slots: *const wal_slots) -> usize {
    // SAFETY: the contract: NULL or a live list.
    boundary!(neutral(0; { unsafe { slots.as_ref() }.map_or(0, |it| it.slots.len()) }))
}

/// One slot of the list.
///
/// @param slots may be NULL
/// @param index from 0
/// @return borrowed from the list; NULL where there is none of this index
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slots_at(slots: *const wal_slots, index: usize) -> *const wal_slot {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live list.
        unsafe { slots.as_ref() }.and_then(|it| it.slots.get(index)).map_or(std::ptr::null(), std::ptr::from_ref)
    }))
}

/// Frees a list with its slots.
///
/// @param slots may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slots_free(slots: *mut wal_slots) {
    // SAFETY: the contract: given out, and freed once.
    boundary!(neutral((); { unsafe { release(slots) } }));
}
