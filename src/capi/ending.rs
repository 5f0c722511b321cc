//! Accessors of events that tell what becomes of a transaction: prepared, streamed, rolled back.

use super::boundary::boundary;
use super::event::{extra, of_kind};
use super::wal_bytes;
use crate::batch::{Event, EventKind};

/// Which events name a prepared transaction.
const PREPARED: [EventKind; 5] = [
    EventKind::WAL_EVENT_BEGIN_PREPARE,
    EventKind::WAL_EVENT_PREPARE,
    EventKind::WAL_EVENT_STREAM_PREPARE,
    EventKind::WAL_EVENT_ROLLBACK_PREPARED,
    EventKind::WAL_EVENT_COMMIT_PREPARED,
];

/// The global identifier of a prepared transaction, as PREPARE TRANSACTION gave it: of BEGIN_PREPARE, PREPARE,
/// STREAM_PREPARE, COMMIT_PREPARED and ROLLBACK_PREPARED events; nothing for other kinds.
///
/// @param event may be NULL
/// @return the identifier, borrowed from the event
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_gid(event: *const Event) -> wal_bytes {
    boundary!(neutral(wal_bytes::NOTHING; {
        // SAFETY: the contract: NULL or a live event.
        let found = PREPARED.iter().map(|kind| unsafe { extra(event, *kind, 0) }).find(|gid| !gid.data.is_null());
        found.unwrap_or(wal_bytes::NOTHING)
    }))
}

/// The position of a transaction's PREPARE TRANSACTION, which is the commit_lsn that identifies its changes: of
/// BEGIN_PREPARE, PREPARE and STREAM_PREPARE events; 0 for other kinds.
///
/// With option two_phase "join", since 0.2.0, of the BEGIN and COMMIT of a transaction that was prepared too: there the
/// commit_lsn is that of its COMMIT PREPARED. 0 for those of others.
///
/// @param event may be NULL
/// @return the position, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_prepare_lsn(event: *const Event) -> u64 {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live event.
        let found = PREPARED.iter().take(3).find_map(|kind| unsafe { of_kind(event, *kind) });
        let ends = [EventKind::WAL_EVENT_BEGIN, EventKind::WAL_EVENT_COMMIT];
        // SAFETY: as above.
        let joined = || ends.iter().find_map(|kind| unsafe { of_kind(event, *kind) }).map_or(0, |event| event.number);
        found.map_or_else(joined, |event| event.commit_lsn)
    }))
}

/// The end of a transaction's PREPARE TRANSACTION: of BEGIN_PREPARE, PREPARE, STREAM_PREPARE and ROLLBACK_PREPARED
/// events; 0 for other kinds. A prepared transaction may be sent again after a restart, and its gid may be used again
/// by another one later: gid and this position together tell which is which.
///
/// @param event may be NULL
/// @return the position, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_prepare_end_lsn(event: *const Event) -> u64 {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live event.
        let found = PREPARED.iter().take(4).find_map(|kind| unsafe { of_kind(event, *kind) });
        found.map_or(0, |event| event.number)
    }))
}

/// The position at which a STREAM_ABORT event's transaction or subtransaction was rolled back; 0 for other kinds, and
/// unless option streaming is "parallel".
///
/// @param event may be NULL
/// @return the position, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_abort_lsn(event: *const Event) -> u64 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { of_kind(event, EventKind::WAL_EVENT_STREAM_ABORT) }.map_or(0, |event| event.number) }))
}

/// The payload of a RAW event, as the output plugin made it; the bytes of a WAL event; the history file of a TIMELINE event.
/// Nothing for other kinds.
///
/// @param event may be NULL
/// @return the payload, borrowed from the event
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_raw(event: *const Event) -> wal_bytes {
    // SAFETY: the contract: NULL or a live event.
    let all = |kind| unsafe { extra(event, kind, 0) };
    boundary!(neutral(wal_bytes::NOTHING; {
        use EventKind::{WAL_EVENT_RAW, WAL_EVENT_TIMELINE, WAL_EVENT_WAL};
        [WAL_EVENT_WAL, WAL_EVENT_RAW].map(all).into_iter().find(|it| !it.data.is_null()).unwrap_or_else(|| all(WAL_EVENT_TIMELINE))
    }))
}
