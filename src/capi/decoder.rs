//! A decoder without a connection as C sees it.

use std::mem::offset_of;

use super::boundary::{boundary, clear, not_null, reference};
use super::{wal_error, wal_options, wal_status};
use crate::batch::Batch;
use crate::error::{Error, Result, Status};
use crate::options::Options;
use crate::stream::assemble_options;
use crate::transaction::Feeder;

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
/// With option streaming=assembled it keeps the blocks of streamed transactions until these end, and gives what a server
/// would have sent that streams nothing: see docs/large-transactions.md. A transaction that ended is decoded batch by batch as
/// wal_decoder_next_batch asks for it; what is left of it when the next message is fed is decoded then, and waits in memory.
///
/// @param[in] options copied; only batch_events and batch_bytes count, and streaming=assembled with assemble_memory,
/// assemble_disk, spill_directory and spill_min_free; none is required; may be NULL
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
        let feeder = match options {
            Some(options) => feeder(options)?,
            None => feeder(&Options::new())?,
        };
        let made = wal_decoder { feeder, place: Place::Outside };
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
/// nothing; WAL_E_NO_MEMORY; WAL_E_INVALID_ARGUMENT. With streaming=assembled also WAL_E_SPILL: the message cannot be kept;
/// WAL_E_AMBIGUOUS: the transaction that this message ends is dropped (see the status). An error may be that of the
/// transaction that ended before; then the message was not taken.
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
        length(len)?;
        // SAFETY: the contract: `len` bytes are readable at `data`.
        let message = unsafe { std::slice::from_raw_parts(data, len) };
        // SAFETY: the contract: a live handle that no other thread uses now.
        unsafe { inside(decoder, |feeder| feeder.feed(lsn, message)) }?;
        Ok(Status::WAL_OK)
    }))
}

/// One message for wal_decoder_decode. 24 bytes; the layout is part of the ABI.
#[repr(C)]
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug)]
pub struct wal_message {
    /// Where the message starts, as XLogData or the column lsn says; 0 where it has no position.
    pub lsn: u64,
    /// The message, from its kind on.
    pub data: *const u8,
    /// How many bytes.
    pub len: usize,
}

const _: () = assert!(
    size_of::<wal_message>() == 24
        && offset_of!(wal_message, lsn) == 0
        && offset_of!(wal_message, data) == 8
        && offset_of!(wal_message, len) == 16
);

/// Decodes messages where they are, into one batch: for a caller that has many at once, and keeps them. Nothing is
/// copied, so that it costs less than feeding them one by one: **the bytes at each `data` stay as they are, and are the
/// caller's to keep, until the batch is freed**. The array itself is read during the call only.
///
/// A batch takes no more events than option batch_events says, and no more values than it has room for; batch_bytes does
/// not count. So fewer messages than were given may be taken, but at least one: go on with the next. A message that is
/// refused ends the batch before it, and is an error where it is the first of a call.
///
/// @param[in,out] decoder one of wal_decoder_new; of what wal_decoder_feed was given, all batches were got
/// @param[in] messages in the order in which the server sent them
/// @param[in] count how many; with 0, messages may be NULL
/// @param[out] taken how many messages were consumed, those without an event too; 0 after an error; may be NULL
/// @param[out] out the batch, owned by the caller: wal_batch_free; it may hold no event; it outlives the decoder, but not
/// the messages
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_DECODE, WAL_E_UNKNOWN_RELATION, WAL_E_UNKNOWN_MESSAGE: the first message was refused and changed
/// nothing; WAL_E_STATE: wal_decoder_next_batch has something to give, or the decoder has streaming=assembled, which copies
/// what it keeps; WAL_E_NO_MEMORY; WAL_E_INVALID_ARGUMENT, also where
/// the first message's data is NULL or longer than PostgreSQL's 1 GiB
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_decoder_decode(
    decoder: *mut wal_decoder,
    messages: *const wal_message,
    count: usize,
    taken: *mut usize,
    out: *mut *mut Batch,
    err: *mut *mut wal_error,
) -> wal_status {
    // SAFETY: the contract: NULL or writable.
    unsafe { clear(taken, 0) };
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        let given = match count {
            0 => &[],
            _ => {
                not_null(messages, "messages")?;
                // SAFETY: the contract: `count` messages are readable there.
                unsafe { std::slice::from_raw_parts(messages, count) }
            }
        };
        let each = given.iter().map(|message| {
            check(message)?;
            // SAFETY: the contract: `len` bytes are readable at `data`, for as long as the batch lives.
            Ok((message.lsn, unsafe { std::slice::from_raw_parts(message.data, message.len) }))
        });
        // SAFETY: the contract: a live handle that no other thread uses now, and messages that outlive the batch.
        let (decoded, batch) = unsafe { inside(decoder, |feeder| feeder.decode_in_place(each)) }?;
        if !taken.is_null() {
            // SAFETY: the contract: writable.
            unsafe { taken.write(decoded) };
        }
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(batch)) };
        Ok(Status::WAL_OK)
    }))
}

#[inline]
fn check(message: &wal_message) -> Result<()> {
    if message.data.is_null() {
        return Err(no_data());
    }
    length(message.len)
}

#[inline]
fn length(len: usize) -> Result<()> {
    if len > MOST {
        return Err(too_long(len));
    }
    Ok(())
}

#[cold]
fn no_data() -> Error {
    Error::new(Status::WAL_E_INVALID_ARGUMENT, "data of a message is NULL")
}

#[cold]
fn too_long(len: usize) -> Error {
    let what = format!("a message of {len} bytes: PostgreSQL's are shorter than 1 GiB");
    Error::new(Status::WAL_E_INVALID_ARGUMENT, what)
}

/// A batch of what was decoded, the oldest first.
///
/// @param[in,out] decoder one of wal_decoder_new
/// @param[out] out the batch, owned by the caller: wal_batch_free; it outlives the decoder
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT: there is nothing, feed more; with streaming=assembled, what wal_decoder_feed answers: the
/// transaction that ended has no more batches, and the decoder is of no further use; WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_decoder_next_batch(
    decoder: *mut wal_decoder,
    out: *mut *mut Batch,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle that no other thread uses now.
        match unsafe { inside(decoder, Feeder::next_batch) }? {
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

/// The decoder that options ask for.
pub(crate) fn feeder(options: &Options) -> Result<Feeder> {
    let (events, bytes) = options.batch_bounds()?;
    if !options.assembles()? {
        return Ok(Feeder::new(events, bytes));
    }
    Ok(Feeder::assembling(events, bytes, assemble_options(&options.replay_config()?)))
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
