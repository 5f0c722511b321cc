//! A slot's health as C sees it: a struct that may grow at its end.

use std::ffi::c_char;

use super::boundary::{boundary, not_null, text};
use super::connection::{alone, wal_connection};
use super::stats::copy_sized;
use super::stream::{duration, outcome, shared_use, wal_stream};
use super::{wal_error, wal_status};
use crate::engine::Next;
use crate::error::{Error, Status};
use crate::stream::Health;

/// How a slot was doing when it was looked at. New fields come at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types)]
pub struct wal_health {
    /// When it was looked at, by this machine's clock: microseconds since 2000-01-01 00:00:00 UTC.
    pub sampled_at: i64,
    /// How many more bytes of WAL may be written before the slot is lost; -1 without a limit (max_slot_wal_keep_size),
    /// and once it is lost.
    pub safe_wal_size: i64,
    /// Where the server is: the end of what it flushed, or of what it replayed while it is a standby.
    pub server_lsn: u64,
    /// The oldest WAL that the slot holds back, or 0.
    pub restart_lsn: u64,
    /// Up to where its consumer acknowledged everything; 0 for a physical slot.
    pub confirmed_flush_lsn: u64,
    /// How far the consumer is behind server_lsn.
    pub lag_bytes: u64,
    /// How much WAL the slot holds back.
    pub retained_bytes: u64,
    /// How many transactions ago the oldest row died that it keeps from VACUUM; -1 if it keeps none.
    pub xmin_age: i64,
    /// The same for the rows of the catalogs: it grows while nobody reads from a slot, and VACUUM cannot clean up.
    pub catalog_xmin_age: i64,
    /// Since when nobody uses it (17): microseconds since 2000-01-01 00:00:00 UTC, or 0.
    pub inactive_since: i64,
    /// pg_stat_replication_slots: transactions that went to disk because logical_decoding_work_mem was full.
    pub spill_txns: u64,
    /// pg_stat_replication_slots: how often that happened.
    pub spill_count: u64,
    /// pg_stat_replication_slots: how many bytes of changes went to disk.
    pub spill_bytes: u64,
    /// pg_stat_replication_slots: transactions that were streamed while they ran.
    pub stream_txns: u64,
    /// pg_stat_replication_slots: how often that happened.
    pub stream_count: u64,
    /// pg_stat_replication_slots: how many bytes of changes were streamed.
    pub stream_bytes: u64,
    /// pg_stat_replication_slots: transactions that were sent.
    pub total_txns: u64,
    /// pg_stat_replication_slots: how many bytes of changes were decoded.
    pub total_bytes: u64,
    /// A wal_slot_wal_code: whether the WAL that it needs is there.
    pub wal: u32,
    /// A wal_invalidation_code: why the server gave it up for good.
    pub invalidation: u32,
    /// WAL_SLOT_TEMPORARY, _TWO_PHASE, _FAILOVER, _ACTIVE, _SYNCED, _CONFLICTING, _IN_RECOVERY, or-ed.
    pub flags: u32,
    /// The server's process that uses it, or 0.
    pub active_pid: u32,
}

/// Looks at a slot's health.
///
/// @param[in,out] connection to use
/// @param[in] name of the slot
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] out the health; as many bytes as `size` says are written, those that this library does not know as 0
/// @param[in] size sizeof(wal_health) of the header the program was compiled with
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT; WAL_INTERRUPTED; WAL_END; WAL_E_SLOT_MISSING; WAL_E_INVALID_ARGUMENT; what else went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_slot_health(
    connection: *mut wal_connection,
    name: *const c_char,
    timeout_ms: i32,
    out: *mut wal_health,
    size: usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(out.cast_const(), "out")?;
        // SAFETY: the contract: `out` holds `size` bytes; a live handle, a terminated text.
        unsafe {
            copy_sized(&wal_health::default(), out, size);
            let name = text(name, "name")?;
            alone(connection, |connection| {
                let next = connection.slot_health(name, duration(timeout_ms))?;
                if let Next::Ready((at, health)) = &next {
                    copy_sized(&of(*at, health), out, size);
                }
                Ok(outcome(&next))
            })
        }
    }))
}

/// What was last seen of the health of a stream's slot: option health_interval has the engine look.
///
/// @param[in] stream to ask
/// @param[out] out the health; as many bytes as `size` says are written, those that this library does not know as 0
/// @param[in] size sizeof(wal_health) of the header the program was compiled with
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT: nothing was seen yet; WAL_E_STATE: health_interval is 0; WAL_E_INVALID_ARGUMENT;
/// WAL_E_FORKED
/// @par Thread safety
/// any thread, any time
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_slot_health(
    stream: *const wal_stream,
    out: *mut wal_health,
    size: usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(out.cast_const(), "out")?;
        // SAFETY: the contract: `out` holds `size` bytes; a live handle.
        unsafe {
            copy_sized(&wal_health::default(), out, size);
            shared_use(stream, |shared| {
                if shared.config.health_interval.is_zero() {
                    return Err(Error::new(Status::WAL_E_STATE, "nobody looks at the slot's health")
                        .with_hint("Set option health_interval, or use wal_slot_health."));
                }
                let Some((at, health)) = shared.health.get() else { return Ok(Status::WAL_TIMEOUT) };
                copy_sized(&of(at, &health), out, size);
                Ok(Status::WAL_OK)
            })
        }
    }))
}

fn of(sampled_at: i64, health: &Health) -> wal_health {
    let [
        spill_txns,
        spill_count,
        spill_bytes,
        stream_txns,
        stream_count,
        stream_bytes,
        total_txns,
        total_bytes,
    ]: [u64; 8] = health.counters;
    wal_health {
        sampled_at,
        safe_wal_size: health.safe_wal_size,
        server_lsn: health.server_lsn,
        restart_lsn: health.restart_lsn,
        confirmed_flush_lsn: health.confirmed_flush_lsn,
        lag_bytes: health.lag_bytes,
        retained_bytes: health.retained_bytes,
        xmin_age: health.xmin_age,
        catalog_xmin_age: health.catalog_xmin_age,
        inactive_since: health.inactive_since,
        spill_txns,
        spill_count,
        spill_bytes,
        stream_txns,
        stream_count,
        stream_bytes,
        total_txns,
        total_bytes,
        wal: health.wal_kept as u32,
        invalidation: health.invalidation as u32,
        flags: health.flags,
        active_pid: health.active_pid,
    }
}
