//! A decoder without a connection as C sees it.

use super::boundary::{boundary, not_null, reference};
use super::{wal_error, wal_options, wal_status};
use crate::batch::Batch;
use crate::error::{Error, Result, Status};
use crate::pgoutput::Feeder;

/// A decoder of pgoutput's messages that has no connection: for messages from pg_logical_slot_peek_binary_changes(), from
/// a file, or from a connection of the program's own.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_decoder {
    feeder: Feeder,
    place: Place,
}

/// Where the last call is. One that is found inside never came out: it panicked, and what it left may be half-done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Inside,
    Outside,
}

/// Makes a decoder that knows no relation yet.
///
/// @param[in] options copied; only batch_events and batch_bytes count, none is required; may be NULL
/// @param[out] out the decoder, owned by the caller: wal_decoder_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// one thread at a time for one wal_decoder, any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_decoder_new(
    options: *const wal_options,
    out: *mut *mut wal_decoder,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: NULL or live options.
        let options = unsafe { options.as_ref() }.map(|options| &options.options);
        let (events, bytes) = options.unwrap_or(&crate::options::Options::new()).batch_bounds();
        let made = wal_decoder { feeder: Feeder::new(events, bytes), place: Place::Outside };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(made))) };
        Ok(Status::WAL_OK)
    }))
}

/// Decodes one message. What comes of it is got with wal_decoder_next_batch. Messages come in the order in which the
/// server sent them, each whole, from the beginning of a session: what a message refers to was described before.
///
/// @param[in,out] decoder one of wal_decoder_new
/// @param[in] lsn where the message starts, as XLogData or the column lsn says; 0 where it has no position
/// @param[in] data the message, from its kind on; copied
/// @param[in] len how many bytes
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_DECODE, WAL_E_UNKNOWN_RELATION, WAL_E_UNKNOWN_MESSAGE: the message was refused and changed
/// nothing; WAL_E_NO_MEMORY; WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_decoder_feed(
    decoder: *mut wal_decoder,
    lsn: u64,
    data: *const u8,
    len: usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(data, "data")?;
        if len > MOST {
            let what = format!("a message of {len} bytes: PostgreSQL's are shorter than 1 GiB");
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, what));
        }
        // SAFETY: the contract: `len` bytes are readable at `data`.
        let message = unsafe { std::slice::from_raw_parts(data, len) };
        // SAFETY: the contract: a live handle that no other thread uses now.
        unsafe { inside(decoder, |feeder| feeder.feed(lsn, message)) }?;
        Ok(Status::WAL_OK)
    }))
}

/// A batch of what was decoded, the oldest first.
///
/// @param[in,out] decoder one of wal_decoder_new
/// @param[out] out the batch, owned by the caller: wal_batch_free; it outlives the decoder
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT: there is nothing, feed more; WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_decoder_next_batch(
    decoder: *mut wal_decoder,
    out: *mut *mut Batch,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle that no other thread uses now.
        match unsafe { inside(decoder, |feeder| Ok(feeder.next_batch())) }? {
            None => Ok(Status::WAL_TIMEOUT),
            Some(batch) => {
                // SAFETY: checked not to be NULL.
                unsafe { out.write(Box::into_raw(batch)) };
                Ok(Status::WAL_OK)
            }
        }
    }))
}

/// Frees a decoder. Batches that were got live on.
///
/// @param decoder may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_decoder_free(decoder: *mut wal_decoder) {
    boundary!(neutral((); {
        if !decoder.is_null() {
            // SAFETY: made by `wal_decoder_new`; the contract: freed once.
            drop(unsafe { Box::from_raw(decoder) });
        }
    }));
}

/// The longest message: what a CopyData message can hold.
const MOST: usize = 1 << 30;

/// # Safety
/// `decoder` is NULL or a live handle that no other thread uses.
unsafe fn inside<T>(decoder: *mut wal_decoder, work: impl FnOnce(&mut Feeder) -> Result<T>) -> Result<T> {
    // SAFETY: the caller's promise.
    unsafe { reference(decoder.cast_const(), "decoder") }?;
    // SAFETY: the caller's promise; checked not to be NULL.
    let decoder = unsafe { &mut *decoder };
    if std::mem::replace(&mut decoder.place, Place::Inside) == Place::Inside {
        return Err(Error::new(Status::WAL_E_PANIC, "an earlier call panicked"));
    }
    let outcome = work(&mut decoder.feeder);
    decoder.place = Place::Outside;
    outcome
}
