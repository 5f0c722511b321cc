//! What a physical stream has beyond others: accessors of its events, and what a hot standby says to its primary.

use super::boundary::boundary;
use super::event::extra_value;
use super::stream::shared_use;
use super::{wal_error, wal_status, wal_stream};
use crate::batch::{Event, EventKind, TimelineNumbers};
use crate::engine::Needed;
use crate::error::Status;

/// The timeline that an event is of. For a WAL event, that of its bytes; for a TIMELINE event, the one that follows; for
/// RECONNECTED, the one on which the connection was lost. A logical stream tells that of the server which sent the event.
///
/// @param event may be NULL
/// @return the timeline; 0 for a decoder without a connection
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_timeline(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { event.as_ref() }.map_or(0, Event::timeline) }))
}

/// The timeline that ended, for a TIMELINE event.
///
/// @param event may be NULL
/// @return the timeline; 0 for other kinds
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_timeline_before(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { numbers(event) }.before }))
}

/// Where the timeline ended that a TIMELINE event says is left. What came of it beyond is no part of the next one.
///
/// @param event may be NULL
/// @return the position; 0 for other kinds
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_switchpoint(event: *const Event) -> u64 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { numbers(event) }.switchpoint }))
}

/// Tells the primary which rows a hot standby still needs, so that vacuum keeps them. Sent at once and over each new connection,
/// until it is changed. 0 and 0 take it back, and so does the end of the stream, while it is connected.
///
/// A process that is killed cannot take it back, nor can a stream whose server is away or has ended it with an error. Through a slot
/// it then holds back vacuum until the next stream of that slot begins, which takes back what it does not say itself. A server ignores ids of a wrong epoch without a word. Fact of protocol: hot standby feedback, CopyData `h`.
///
/// @param[in] stream with option mode "physical"
/// @param[in] xmin oldest transaction id of the standby's snapshots, its epoch in the upper half; 0 for none
/// @param[in] catalog_xmin the same of its logical slots; 0 for none
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_STATE: a logical stream; WAL_E_INVALID_ARGUMENT: ids below 3 are no transactions
/// @par Thread safety
/// any thread, any time; never ends the life of a borrowed event
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_standby_feedback(
    stream: *const wal_stream,
    xmin: u64,
    catalog_xmin: u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { shared_use(stream, |shared| {
            shared.need(Needed { xmin, catalog_xmin })?;
            Ok(Status::WAL_OK)
        }) }
    }))
}

/// All 0 for other kinds.
///
/// # Safety
/// `event` is NULL or live, with its extra values.
unsafe fn numbers(event: *const Event) -> TimelineNumbers {
    // SAFETY: the caller's promise.
    let value = unsafe { extra_value(event, EventKind::WAL_EVENT_TIMELINE, TimelineNumbers::AT) };
    // SAFETY: the value is of a live event.
    let bytes = value.map_or(&[][..], |value| unsafe { value.bytes() });
    TimelineNumbers::from_bytes(bytes).unwrap_or_default()
}
