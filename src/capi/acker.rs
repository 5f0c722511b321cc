//! Acknowledging what is finished out of order, as C sees it.

use super::boundary::{boundary, reference};
use super::gate::Gate;
use super::stream::wal_stream;
use super::{wal_error, wal_position, wal_status};
use crate::batch::Event;
use crate::engine::Acker;
use crate::error::{Result, Status};
use crate::position::Position;

/// Keeps the order of work that is finished in any: what of it may be acknowledged.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_acker {
    gate: Gate,
    acker: Acker,
}

/// Makes an acker, for a program that has several workers, or sends without waiting for each answer.
///
/// Whoever reads the stream begins a unit of work with each event (wal_acker_begin), in the order of delivery. Whoever
/// finishes one says so (wal_acker_done), in any order and on any thread. All up to the first unit that is not done is safe:
/// wal_acker_position. With a stream that is acknowledged at once, as wal_stream_ack does.
///
/// @param[in] stream to acknowledge to; NULL: the program takes the position, stores it, and acknowledges by itself
/// @param[in] most how many units are kept at once, those that wait for an earlier one included; 0 is 65536. Each takes 64
/// bytes.
/// @param[out] out the acker, owned by the caller: wal_acker_free. It may outlive its stream.
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_FORKED, WAL_E_SYSTEM
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_acker_new(
    stream: *const wal_stream,
    most: u32,
    out: *mut *mut wal_acker,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: NULL or a live stream.
        let shared = unsafe { stream.as_ref() }.map(wal_stream::share).transpose()?;
        let made = wal_acker { gate: Gate::new("acker")?, acker: Acker::new(shared, most as usize)? };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(made))) };
        Ok(Status::WAL_OK)
    }))
}

/// Begins a unit of work, behind all that were begun before. Call it in the order of delivery. Begin each event, or only
/// those with an ack_lsn. A batch may be begun at once: wal_acker_begin_at with wal_batch_position. On a standby, and with
/// decode=off, a batch has no position: begin its last event that has an ack_lsn, or nothing is acknowledged.
///
/// @param[in] acker one of wal_acker_new
/// @param[in] event the unit's last event; it may be any, and is not kept
/// @param[out] token what wal_acker_done takes; never 0, but on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_STATE: as many units as may be are kept, which passes (wal_error_is_retriable) once the first is done;
/// WAL_E_NO_MEMORY; WAL_E_INVALID_ARGUMENT; WAL_E_FORKED
/// @par Thread safety
/// any thread, several at once: the order of the calls is the order of the units
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_acker_begin(
    acker: *const wal_acker,
    event: *const Event,
    token: *mut u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; token = 0; {
        // SAFETY: the contract: a live handle and a live event; `token` was checked not to be NULL.
        unsafe {
            let event = reference(event, "event")?;
            used(acker, |acker| { token.write(acker.begin(event)?); Ok(()) })
        }
    }))
}

/// wal_acker_begin of a unit that ends at a position, such as that of a batch.
///
/// @param[in] acker one of wal_acker_new
/// @param[in] position where the unit ends; all 0 is that of the unit before; copied
/// @param[out] token what wal_acker_done takes; never 0, but on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_acker_begin
/// @par Thread safety
/// any thread, several at once: the order of the calls is the order of the units
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_acker_begin_at(
    acker: *const wal_acker,
    position: *const wal_position,
    token: *mut u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; token = 0; {
        // SAFETY: the contract: a live handle and a readable position; `token` was checked not to be NULL.
        unsafe {
            let position = Position::from(reference(position, "position")?);
            let position = Some(position).filter(|position| !position.is_none());
            used(acker, |acker| { token.write(acker.begin(position)?); Ok(()) })
        }
    }))
}

/// Ends a unit of work: its changes are safe. Where all before it are done too, the position moves, to the last unit that has
/// only such before it. A stream is acknowledged then.
///
/// @param[in] acker one of wal_acker_new
/// @param[in] token of wal_acker_begin
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_STATE: the unit was done before; WAL_E_INVALID_ARGUMENT: no unit was begun with this token;
/// WAL_E_ACK_BEYOND: the stream never gave this position (the unit is done all the same); WAL_E_FORKED
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_acker_done(
    acker: *const wal_acker,
    token: u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { used(acker, |acker| acker.done(token)) }
    }))
}

/// How far all work is done without a gap: what to store, and to resume after.
///
/// @param acker may be NULL
/// @return the position; all 0 before any unit with a position is done, and in a forked child
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_acker_position(acker: *const wal_acker) -> wal_position {
    boundary!(neutral(wal_position::default(); {
        // SAFETY: the contract: NULL or a live handle.
        let position = unsafe { acker.as_ref() }.and_then(|it| it.acker.position().ok().flatten());
        position.map_or_else(Default::default, Into::into)
    }))
}

/// How many units are kept: those that are not done, and those that are and wait for an earlier one.
///
/// @param acker may be NULL
/// @return the number; 0 in a forked child
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_acker_kept(acker: *const wal_acker) -> usize {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live handle.
        unsafe { acker.as_ref() }.map_or(0, |it| it.acker.kept().unwrap_or(0))
    }))
}

/// Frees an acker. What is not done is not acknowledged: it comes again when the slot is next streamed from.
///
/// @param acker may be NULL
/// @par Thread safety
/// once, from any thread, when nobody uses it any more
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_acker_free(acker: *mut wal_acker) {
    boundary!(neutral((); {
        // SAFETY: the contract: NULL or a live handle.
        if let Some(it) = unsafe { acker.as_ref() }
            && !it.gate.is_forked_child()
        {
            it.gate.drain();
            // SAFETY: made by `wal_acker_new`; the contract: freed once, and nobody comes any more. In a forked child it is
            // leaked: a thread of the parent may have been inside.
            drop(unsafe { Box::from_raw(acker) });
        }
    }));
}

/// # Safety
/// `acker` is NULL or a live handle.
unsafe fn used(acker: *const wal_acker, work: impl FnOnce(&Acker) -> Result<()>) -> Result<Status> {
    // SAFETY: the caller's promise.
    let it = unsafe { reference(acker, "acker") }?;
    it.gate.shared(|| work(&it.acker).map(|()| Status::WAL_OK))
}
