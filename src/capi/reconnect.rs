//! Accessors of the event that tells of a reconnect.

use super::boundary::boundary;
use super::event::{extra, extra_value, of_kind};
use super::{wal_bytes, wal_status};
use crate::batch::{Event, EventKind, ReconnectNumbers};

/// How far the connection had come that a RECONNECTED event says is lost: the end of what was received. Where the new
/// one begins is the event's `lsn`, which is the acknowledged position or the slot's own.
///
/// @return the position; 0 for other kinds
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_reconnect_lost_lsn(event: *const Event) -> u64 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { of_kind(event, EventKind::WAL_EVENT_RECONNECTED) }.map_or(0, |event| event.number) }))
}

/// How many attempts to connect a RECONNECTED event took, from the loss of the connection on; those to connections that
/// broke again before they brought anything new included.
///
/// @return the number, at least 1; 0 for other kinds
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_reconnect_attempts(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { numbers(event) }.attempts }))
}

/// Why the connection was lost that a RECONNECTED event tells of, as a status that would have ended the stream without
/// option reconnect.
///
/// @return the status, below 0; WAL_OK for other kinds
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_reconnect_status(event: *const Event) -> wal_status {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { numbers(event) }.status }))
}

/// Why the connection was lost that a RECONNECTED event tells of, in one sentence; nothing for other kinds.
///
/// @return the text, borrowed from the event
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_reconnect_message(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { extra(event, EventKind::WAL_EVENT_RECONNECTED, ReconnectNumbers::MESSAGE_AT) } }))
}

/// The timeline of the server whose connection was lost that a RECONNECTED event tells of: the one that identifies the
/// changes before the event.
///
/// @return the timeline; 0 for other kinds
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_reconnect_lost_timeline(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { numbers(event) }.lost_timeline }))
}

/// The timeline of the server that a RECONNECTED event says is connected now. A later one than before means that the
/// server is a standby that was promoted. It has everything that was delivered, unless WAL_EVENT_FLAG_REWOUND is set.
///
/// @return the timeline; 0 for other kinds
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_reconnect_timeline(event: *const Event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { numbers(event) }.timeline }))
}

/// Where the history of the server that is connected now left that of the server before, for a RECONNECTED event with
/// WAL_EVENT_FLAG_REWOUND: what came before the event with an `ack_lsn` beyond this position is lost there, and what
/// comes behind the event may have the same positions. Only with option failover_policy "rewind".
///
/// @return the position; 0 where nothing is lost, and for other kinds
/// @param event may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_reconnect_switchpoint(event: *const Event) -> u64 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { numbers(event) }.switchpoint }))
}

/// All 0 for other kinds.
///
/// # Safety
/// `event` is NULL or live, with its extra values.
unsafe fn numbers(event: *const Event) -> ReconnectNumbers {
    // SAFETY: the caller's promise.
    let value = unsafe { extra_value(event, EventKind::WAL_EVENT_RECONNECTED, ReconnectNumbers::AT) };
    // SAFETY: the value is of a live event.
    let bytes = value.map_or(&[][..], |value| unsafe { value.bytes() });
    ReconnectNumbers::from_bytes(bytes).unwrap_or_default()
}
