//! Snapshots as C sees them: what their events tell, and how far one is.

use std::sync::atomic::Ordering::Relaxed;

use super::boundary::{boundary, not_null};
use super::event::extra;
use super::stats::copy_sized;
use super::stream::{shared_use, wal_stream};
use super::{wal_bytes, wal_error, wal_status};
use crate::batch::{Event, EventKind, SnapshotMark};
use crate::error::Status;
use crate::snapshot::SnapshotProgress;

/// What a SNAPSHOT event tells: a wal_snapshot_step_code.
///
/// @return the step; WAL_SNAPSHOT_NONE for other kinds, the rows of a snapshot among them
/// @param event may be NULL
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_snapshot_step(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { mark(event) }.step as u32 }))
}

/// Which item of its table a row of a snapshot is of, or a SNAPSHOT event of step WAL_SNAPSHOT_ITEM_END tells of. With the
/// table and `sequence` it identifies the row in this snapshot. Another snapshot may divide the table otherwise.
///
/// @return the item, from 0; 0 for other events
/// @param event may be NULL
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_snapshot_item(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { mark(event) }.item }))
}

/// How far the snapshot is with a SNAPSHOT event and all before it: bytes to store with the rows. Option snapshot_state takes
/// them at the next start, in base64. They are versioned and have a check sum; later releases read them.
///
/// @return the bytes, borrowed from the event; nothing for other kinds
/// @param event may be NULL
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_snapshot_state(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { extra(event, EventKind::WAL_EVENT_SNAPSHOT, SnapshotMark::STATE_AT) } }))
}

/// How far the snapshot of a stream is. New fields come at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types)]
pub struct wal_snapshot_progress {
    /// How many rows came.
    pub rows: u64,
    /// How many bytes they took on the wire.
    pub bytes: u64,
    /// How many tables there are.
    pub tables: u64,
    /// Of how many all rows came.
    pub tables_done: u64,
    /// How many items there are.
    pub items: u64,
    /// Of how many all rows came.
    pub items_done: u64,
    /// How many blocks the tables have on the server's disk, as they were measured at the beginning.
    pub blocks: u64,
    /// How many of them belong to items of which all rows came: with `blocks` an estimate of what is left.
    pub blocks_done: u64,
    /// The position that the rows are of, and where the changes begin.
    pub consistent_lsn: u64,
    /// When copying began, by this machine's clock: microseconds since 2000-01-01 00:00:00 UTC, or 0. As long as it goes on,
    /// dead rows and WAL are kept on the server.
    pub began_at: i64,
    /// When it ended: likewise, or 0.
    pub ended_at: i64,
    /// How often a worker lost its connection and began again.
    pub lost_workers: u64,
    /// A wal_snapshot_stage_code: whether rows come.
    pub stage: u32,
    /// Kept for later releases; 0.
    pub reserved: u32,
}

/// How far the snapshot of a stream is.
///
/// @param[in] stream to ask
/// @param[out] out the progress; as many bytes as `size` says are written, those that this library does not know as 0
/// @param[in] size sizeof(wal_snapshot_progress) of the header the program was compiled with
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK: stage WAL_SNAPSHOT_STAGE_NONE where none is taken; WAL_E_INVALID_ARGUMENT; WAL_E_FORKED
/// @par Thread safety
/// any thread, any time
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_snapshot_progress(
    stream: *const wal_stream,
    out: *mut wal_snapshot_progress,
    size: usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(out.cast_const(), "out")?;
        // SAFETY: the contract: `out` holds `size` bytes; a live handle.
        unsafe {
            copy_sized(&wal_snapshot_progress::default(), out, size);
            shared_use(stream, |shared| {
                copy_sized(&of(&shared.snapshot), out, size);
                Ok(Status::WAL_OK)
            })
        }
    }))
}

fn of(at: &SnapshotProgress) -> wal_snapshot_progress {
    wal_snapshot_progress {
        // First: what was stored before it is seen by then.
        stage: at.stage() as u32,
        rows: at.rows.load(Relaxed),
        bytes: at.bytes.load(Relaxed),
        tables: at.tables.load(Relaxed),
        tables_done: at.tables_done.load(Relaxed),
        items: at.items.load(Relaxed),
        items_done: at.items_done.load(Relaxed),
        blocks: at.blocks.load(Relaxed),
        blocks_done: at.blocks_done.load(Relaxed),
        consistent_lsn: at.consistent.load(Relaxed),
        began_at: at.began_at.load(Relaxed),
        ended_at: at.ended_at.load(Relaxed),
        lost_workers: at.lost_workers.load(Relaxed),
        reserved: 0,
    }
}

/// None for other events.
///
/// # Safety
/// `event` is NULL or live.
unsafe fn mark(event: *const Event) -> SnapshotMark {
    // SAFETY: the caller's promise.
    unsafe { event.as_ref() }.and_then(SnapshotMark::of).unwrap_or_default()
}
