//! How far a program has come, as C sees it.

use std::ffi::c_char;
use std::mem::offset_of;

use super::boundary::{boundary, reference, text};
use super::stream::{exclusive_use, wal_stream};
use super::{wal_error, wal_status};
use crate::batch::{Batch, Event};
use crate::error::Status;
use crate::lsn::Lsn;
use crate::position::Position;

/// How far a program has come: everything up to here is safe with it, and what follows is not. 40 bytes; the layout is part
/// of the ABI. All 0 is none. Store it as text (wal_position_format), in the same step as the data.
#[repr(C)]
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct wal_position {
    /// The number that initdb gave the cluster; its standbys have it too. 0 for a decoder without a connection.
    pub system_identifier: u64,
    /// The transaction, by the position of its commit record; 0 where the position is of none, as of PROGRESS.
    pub commit_lsn: u64,
    /// The number of the last change of the transaction that is safe, from 0. It means nothing where end_lsn is set.
    pub sequence: u64,
    /// 0 inside the transaction; its end once it is whole: what to give to wal_stream_ack.
    pub end_lsn: u64,
    /// The timeline of the server that sent it.
    pub timeline: u32,
    /// Inside a transaction, a number for the options that decide how changes are numbered; 0 at an end.
    pub numbering: u32,
}

const _: () = assert!(
    size_of::<wal_position>() == 40
        && offset_of!(wal_position, end_lsn) == 24
        && offset_of!(wal_position, timeline) == 32
);

impl From<Position> for wal_position {
    fn from(it: Position) -> Self {
        Self {
            system_identifier: it.system_identifier,
            commit_lsn: it.commit_lsn.0,
            sequence: it.sequence,
            end_lsn: it.end_lsn.0,
            timeline: it.timeline,
            numbering: it.numbering,
        }
    }
}

impl From<&wal_position> for Position {
    fn from(it: &wal_position) -> Self {
        Self {
            system_identifier: it.system_identifier,
            timeline: it.timeline,
            commit_lsn: Lsn(it.commit_lsn),
            sequence: it.sequence,
            end_lsn: Lsn(it.end_lsn),
            numbering: it.numbering,
        }
    }
}

/// How far a program has come that has this event and all before it. A change that has a number has a position, and what has
/// an ack_lsn. Other events (BEGIN, RELATION, TYPE, ORIGIN, what is in a streamed block) have none: the one before holds.
///
/// What could not be resumed after has none either. No event has one with decode=off, and while the server is a standby. A change
/// has none with streaming "on" or "parallel", with two_phase=join, and with messages and on_ambiguous=flag. A prepared
/// transaction that is sent late, and what comes again, has none. Rows of a snapshot have none, nor have SNAPSHOT events before
/// WAL_SNAPSHOT_END: wal_event_snapshot_state says how far it is. Each piece of a physical stream has one, also from a
/// standby.
///
/// @param event may be NULL
/// @return the position; all 0 where there is none
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_event_position(event: *const Event) -> wal_position {
    boundary!(neutral(wal_position::default(); {
        // SAFETY: the contract: NULL or a live event.
        unsafe { event.as_ref() }.and_then(Event::position).map_or_else(Default::default, Into::into)
    }))
}

/// How far a program has come that has all of a batch: the position of the last event that has one.
///
/// @param batch may be NULL
/// @return the position; all 0 where no event has one: that of the batch before holds
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_batch_position(batch: *const Batch) -> wal_position {
    boundary!(neutral(wal_position::default(); {
        // SAFETY: the contract: NULL or handed out and not freed.
        unsafe { batch.as_ref() }.and_then(|batch| batch.arrays.position()).map_or_else(Default::default, Into::into)
    }))
}

/// Reads a position as wal_position_format writes it. No other text is one: equal positions are equal texts.
///
/// @param[in] position the text, terminated by NUL
/// @param[out] out the position, all 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, or WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_position_parse(
    position: *const c_char,
    out: *mut wal_position,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = wal_position::default(); {
        // SAFETY: the contract: `position` is NULL or NUL-terminated.
        let position: Position = unsafe { text(position, "position") }?.parse()?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(position.into()) };
        Ok(Status::WAL_OK)
    }))
}

/// Writes a position as text, by snprintf's rules: what does not fit is cut, a NUL ends it, and the length that it has in
/// full is returned. The form is stable: `system:timeline:commit:sequence:end`, and `:numbering` inside a transaction, as in
/// "7560123456789012345:1:0/16B3748:3:0/0:1F". 98 bytes are always enough.
///
/// @param[in] position may be NULL, which is all 0
/// @param[out] buffer where to; may be NULL if size is 0
/// @param[in] size of the buffer
/// @return how long the text is without its NUL
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_position_format(
    position: *const wal_position,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or readable.
        let position = unsafe { position.as_ref() }.map(Position::from).unwrap_or_default();
        // SAFETY: the contract: `buffer` is NULL or holds `size` bytes.
        unsafe { super::lsn::write_text(&position.to_string(), buffer, size) }
    }))
}

/// How two positions of one timeline lie: the order in which a stream delivers. Where both leave the same to do, they are
/// equal, as the COMMIT and a PROGRESS at its end are.
///
/// @param[in] a one position
/// @param[in] b another one
/// @param[out] out -1 if a comes before b, 0, or 1 if it comes behind; 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_SYSTEM_MISMATCH: they are of two systems or of two timelines, and have no order of their own. Which
/// timeline comes first only a server's history tells: wal_stream_resume_after looks there. WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_position_compare(
    a: *const wal_position,
    b: *const wal_position,
    out: *mut i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: NULL or readable.
        let (a, b) = unsafe { (Position::from(reference(a, "a")?), Position::from(reference(b, "b")?)) };
        let order = a.compare(&b)?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(order as i32) };
        Ok(Status::WAL_OK)
    }))
}

/// Has a stream that is not connected yet go on behind a position, which the program stored with its data: what is not beyond
/// it is left out, and what is beyond it comes once. Option resume_after does the same.
///
/// Inside a transaction the stream goes on with the next change, without another BEGIN. It implies
/// progress=acknowledged, and excludes start_lsn and decode=off. A position inside a transaction needs streaming "off" or
/// "assembled", no two_phase=join, and no on_ambiguous=flag with messages. Publication, messages, origin and two_phase must
/// be as they were then: they decide how changes are numbered.
///
/// Whether it is possible wal_stream_connect tells. WAL_E_GAP: the slot is beyond the position's end_lsn, or beyond its
/// commit_lsn where that is 0, so that something is not sent any more; or the slot is not there, or the server lacks the
/// position. WAL_E_SYSTEM_MISMATCH: the server is another system. WAL_E_DELIVERED_BEYOND: the server was promoted
/// before the position. WAL_E_NOT_READY: the server is on an older timeline.
///
/// @param[in,out] stream not connected yet
/// @param[in] position of an event or a batch of a stream; copied
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_BAD_OPTION: it is no position of a server, or the options do not go with it; WAL_E_STATE: the stream
/// was connected, or was given a position before; WAL_E_BUSY; WAL_E_FORKED; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_resume_after(
    stream: *mut wal_stream,
    position: *const wal_position,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: NULL or readable; a live handle.
        unsafe {
            let position = Position::from(reference(position, "position")?);
            exclusive_use(stream, |stream| {
                stream.resume_after(position)?;
                Ok(Status::WAL_OK)
            })
        }
    }))
}
