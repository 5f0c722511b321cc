//! Counters as C sees them: a struct that may grow at its end.

use std::ffi::c_char;

use super::boundary::{boundary, not_null};
use super::stream::{shared_use, wal_stream};
use super::{wal_error, wal_status};
use crate::engine::prometheus;
use crate::error::{Error, Status};
use crate::statistics::Counters;

// ---- generated from src/statistics/table.rs ----
/// The counters of a stream since it was made. New ones come at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types)]
pub struct wal_stats {
    /// Events made ready for the program.
    pub events: u64,
    /// Batches made ready for the program.
    pub batches: u64,
    /// Transactions received that have at least one event.
    pub transactions: u64,
    /// Transactions without a change, which are not delivered.
    pub empty_transactions: u64,
    /// Bytes received while streaming.
    pub bytes_received: u64,
    /// Reads from the connection that gave data.
    pub reads: u64,
    /// Times the engine woke for this stream.
    pub wakeups: u64,
    /// Status updates sent to the server.
    pub status_updates: u64,
    /// Keepalives received from the server.
    pub keepalives: u64,
    /// Stream Aborts of transactions that were never announced.
    pub ignored_aborts: u64,
    /// Messages of an unknown kind that were passed over.
    pub unknown_frames: u64,
    /// Notices and warnings from the server.
    pub notices: u64,
    /// Notices that changes were skipped. See option on_gap.
    pub gaps: u64,
    /// The end of what was received.
    pub received_lsn: u64,
    /// The highest position that was given to the program and may be acknowledged.
    pub delivered_lsn: u64,
    /// The acknowledged position.
    pub acked_lsn: u64,
    /// The flush position last reported to the server.
    pub reported_lsn: u64,
    /// The server's position in its last message. It tells how far the server had decoded. While the server
    /// catches up, that lies before the end of what it has written (pg_current_wal_lsn()).
    pub server_wal_end: u64,
    /// Memory of the batches that wait for the program, in bytes. It counts received bytes, events and
    /// values. It is less than option queue_bytes plus one batch, or one message where that is longer.
    pub queue_bytes: u64,
    /// Batches in the program's hands. They were handed out and are not freed; the one that the stream walks
    /// through is one of them.
    pub batches_live: u64,
    /// Memory of the batches in the program's hands, in bytes.
    pub live_bytes: u64,
    /// The server's clock in its last message. Microseconds since 2000-01-01 00:00:00 UTC.
    pub last_message_time: i64,
    /// The server's version, as in server_version_num. 0 before connecting.
    pub server_version: u32,
    /// Process id of the walsender. 0 before connecting.
    pub backend_pid: u32,
    /// Times the connection was made anew.
    pub reconnects: u64,
    /// From what is known to be safe to the server's position in its last message, in bytes. Safe is what the
    /// program acknowledged and, while nothing was outstanding, what was reported without it; before either,
    /// the slot's confirmed position. WAL that the server has not decoded yet is not in it.
    pub lag_bytes: u64,
    /// Age of the oldest commit that was received and is not acknowledged. 0 while there is none. The clocks
    /// of this machine and of the server must agree. A message outside transactions, and a raw payload, count
    /// from when the server sent them. Exact while at most 256 are outstanding; with more, it may be the age
    /// of a transaction that is a few hundredths of them later. In microseconds.
    pub lag_microseconds: u64,
    /// The stream's number in this process, from 1. It is the label "stream" of the metrics.
    pub stream_id: u64,
    /// Events that came again after a reconnect and were left out. See option dedupe.
    pub repeated_events: u64,
    /// The timeline that the server writes. Timeline, position of the commit and sequence identify a change.
    /// 0 before connecting.
    pub timeline: u64,
    /// The walsender's logical_decoding_work_mem in kB. Option server_tuning chose it, or it was found so. 0
    /// before connecting.
    pub server_work_mem_kb: u64,
    /// The slot's confirmed position, as far as the stream knows. It is where the slot stood when the
    /// connection was made, or what was reported since. 0 before connecting.
    pub confirmed_lsn: u64,
    /// Starts before the slot's position, which began there instead. A start_lsn asked for them; see option
    /// progress.
    pub late_starts: u64,
    /// Streamed transactions that have not ended, or are being delivered (streaming=assembled).
    pub kept_transactions: u64,
    /// Memory that these take.
    pub kept_bytes: u64,
    /// How much of these is on disk.
    pub spilled_bytes: u64,
    /// Streamed transactions that ended and were delivered whole.
    pub assembled_transactions: u64,
    /// Streamed transactions of which something went to disk.
    pub spilled_transactions: u64,
    /// Subtransactions of streamed transactions that were rolled back and cut out.
    pub rolled_back_parts: u64,
    /// What of streamed transactions was received and thrown away since it was rolled back, in bytes.
    pub rolled_back_bytes: u64,
    /// Prepared transactions that are held until their fate is known (two_phase=join). They pin WAL on the
    /// server, and hold every position to acknowledge back.
    pub prepared_transactions: u64,
    /// How long ago the oldest of these was prepared. 0 while there is none. The clocks of this machine and
    /// of the server must agree. In microseconds.
    pub prepared_microseconds: u64,
}

impl From<Counters> for wal_stats {
    fn from(at: Counters) -> Self {
        Self {
            events: at.events,
            batches: at.batches,
            transactions: at.transactions,
            empty_transactions: at.empty_transactions,
            bytes_received: at.bytes_received,
            reads: at.reads,
            wakeups: at.wakeups,
            status_updates: at.status_updates,
            keepalives: at.keepalives,
            ignored_aborts: at.ignored_aborts,
            unknown_frames: at.unknown_frames,
            notices: at.notices,
            gaps: at.gaps,
            received_lsn: at.received_lsn,
            delivered_lsn: at.delivered_lsn,
            acked_lsn: at.acked_lsn,
            reported_lsn: at.reported_lsn,
            server_wal_end: at.server_wal_end,
            queue_bytes: at.queue_bytes,
            batches_live: at.batches_live,
            live_bytes: at.live_bytes,
            last_message_time: at.last_message_time,
            server_version: at.server_version as u32,
            backend_pid: at.backend_pid as u32,
            reconnects: at.reconnects,
            lag_bytes: at.lag_bytes,
            lag_microseconds: at.lag_microseconds,
            stream_id: at.stream_id,
            repeated_events: at.repeated_events,
            timeline: at.timeline,
            server_work_mem_kb: at.server_work_mem_kb,
            confirmed_lsn: at.confirmed_lsn,
            late_starts: at.late_starts,
            kept_transactions: at.kept_transactions,
            kept_bytes: at.kept_bytes,
            spilled_bytes: at.spilled_bytes,
            assembled_transactions: at.assembled_transactions,
            spilled_transactions: at.spilled_transactions,
            rolled_back_parts: at.rolled_back_parts,
            rolled_back_bytes: at.rolled_back_bytes,
            prepared_transactions: at.prepared_transactions,
            prepared_microseconds: at.prepared_microseconds,
        }
    }
}
// ---- end of what is generated ----

/// The counters at this moment. Each is right; together they may straddle an update.
///
/// @param[in] stream to ask
/// @param[out] out the counters; as many bytes as `size` says are written, those that this library does not know
/// as 0
/// @param[in] size sizeof(wal_stats) of the header the program was compiled with
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT, WAL_E_FORKED
/// @par Thread safety
/// any thread, any time
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_stats(
    stream: *const wal_stream,
    out: *mut wal_stats,
    size: usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(out.cast_const(), "out")?;
        // SAFETY: the contract: `out` holds `size` bytes.
        unsafe { copy_sized(&wal_stats::default(), out, size) };
        // SAFETY: the contract: a live handle.
        unsafe { shared_use(stream, |shared| {
            copy_sized(&wal_stats::from(shared.counters()), out, size);
            Ok(Status::WAL_OK)
        }) }
    }))
}

/// The counters of all streams of this process, in Prometheus's text format, version 0.0.4: serve it with the content
/// type "text/plain; version=0.0.4". Every metric is named pgwalstream_…; those of a stream have the labels "stream", its
/// stream_id, and "slot". A stream is there from wal_stream_new to wal_stream_free; asking does not keep it alive.
///
/// Streams come and go between two calls: make the buffer larger and ask again until it is large enough.
///
/// @code{.c}
/// char *text = NULL;
/// size_t length, size;
/// wal_status status = wal_stats_prometheus(NULL, 0, &length, NULL);
///
/// do {
///     size = length + 1024;
///     text = realloc(text, size);
///     status = wal_stats_prometheus(text, size, &length, NULL);
/// } while (status == WAL_E_OUT_OF_RANGE);
/// @endcode
///
/// @param[out] buffer gets the text, ended by NUL; NULL to ask for the length
/// @param[in] size of the buffer
/// @param[out] length of the text without the NUL, also where the buffer is too small
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_OUT_OF_RANGE: the buffer is too small, and holds an empty text if it holds anything;
/// WAL_E_INVALID_ARGUMENT; WAL_E_SYSTEM
/// @par Thread safety
/// any thread, any time, several at once; from a log callback too
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stats_prometheus(
    buffer: *mut c_char,
    size: usize,
    length: *mut usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; length = 0; {
        if size > 0 {
            not_null(buffer.cast_const(), "buffer")?;
        }
        // SAFETY: the contract: `buffer` holds `size` bytes, or is NULL.
        let room = if buffer.is_null() { &mut [][..] } else { unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size) } };
        if let Some(first) = room.first_mut() {
            *first = 0;
        }
        let text = prometheus()?;
        // SAFETY: checked not to be NULL.
        unsafe { length.write(text.len()) };
        if buffer.is_null() {
            return Ok(Status::WAL_OK);
        }
        let Some((to, [end, ..])) = room.split_at_mut_checked(text.len()) else {
            let what = format!("the buffer holds {size} bytes, the text has {} and a NUL", text.len());
            return Err(Error::new(Status::WAL_E_OUT_OF_RANGE, what));
        };
        to.copy_from_slice(text.as_bytes());
        *end = 0;
        Ok(Status::WAL_OK)
    }))
}

/// Writes a struct into a caller's that may be older and shorter, or newer and longer: the rest is zeroed.
///
/// # Safety
/// `out` may be written to for `size` bytes.
pub(super) unsafe fn copy_sized<T: Copy>(from: &T, out: *mut T, size: usize) {
    let known = size.min(size_of::<T>());
    // SAFETY: the caller's promise, and `known` is within both.
    unsafe {
        out.cast::<u8>().copy_from_nonoverlapping(std::ptr::from_ref(from).cast(), known);
        out.cast::<u8>().add(known).write_bytes(0, size - known);
    }
}
