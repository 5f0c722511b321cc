//! WAL records as C sees them.

use std::ffi::c_char;

use super::boundary::{boundary, clear, not_null, reference};
use super::lsn::write_text;
use super::{wal_error, wal_status};
use crate::error::{Error, Result, Status};
use crate::record::{
    BlockView, PAGE, Reader, Record, RecordBatch, RecordBlock, RecordView, Text, describe, kind_name,
    manager_name, restore,
};

/// Finds the records in WAL: in the segments of a server or of an archive, or as a walsender sends it. It has no connection and
/// opens no file.
///
/// It knows PostgreSQL 14 to 18 in full. Of other releases it gives each record as bytes, as long as pages and record headers
/// are as they are today.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_records {
    reader: Reader,
    /// One that is found inside never came out: it panicked, and what it left may be half-done.
    is_inside: bool,
}

/// Makes a reader of WAL records.
///
/// @param[in] start_lsn records that begin before it are not given; 0 gives all. Feed from the beginning of its page, or from before.
/// @param[in] segment_size in bytes, a power of two from 1 MiB to 1 GiB; 0: the first page of a segment tells it. A SWITCH before
/// that has the end of its record for an end_lsn.
/// @param[out] out the reader, owned by the caller: wal_records_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// one thread at a time for one wal_records, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_new(
    start_lsn: u64,
    segment_size: u32,
    out: *mut *mut wal_records,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        let made = wal_records { reader: Reader::new(start_lsn, segment_size)?, is_inside: false };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(made))) };
        Ok(Status::WAL_OK)
    }))
}

/// Takes bytes of WAL, which are copied: as many as fit a batch, of 128 KiB. Cut them anywhere. Get the batch, and give the rest:
///
/// @code{.c}
/// while (len > 0) {
///     if (wal_records_feed(records, lsn, data, len, &taken, &error) < 0)
///         return fail(error);
///     lsn += taken, data += taken, len -= taken;
///     while ((status = wal_records_next_batch(records, &batch, &error)) == WAL_OK)
///         use(batch);
///     if (status < 0)
///         return fail(error);
/// }
/// @endcode
///
/// The first bytes may stand anywhere up to the page of start_lsn. If they do not begin a page, reading begins with the next page. What
/// belongs to a record that began before them is passed over.
///
/// @param[in,out] records one of wal_records_new
/// @param[in] lsn where the bytes stand; behind the first they follow those that were taken before
/// @param[in] data the bytes; may be NULL if len is 0
/// @param[in] len how many
/// @param[out] taken how many were taken; 0 if wal_records_next_batch has something to give first
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_INVALID_ARGUMENT: lsn is not where those before ended, or the first page begins behind start_lsn, whose
/// records would be lost; WAL_E_NO_MEMORY; what wal_records_next_batch said
/// of damaged WAL
/// @par Thread safety
/// one thread at a time for one wal_records, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_feed(
    records: *mut wal_records,
    lsn: u64,
    data: *const u8,
    len: usize,
    taken: *mut usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; taken = 0; {
        let bytes = if len == 0 { &[][..] } else {
            not_null(data, "data")?;
            // SAFETY: the contract: `len` bytes are readable at `data`.
            unsafe { std::slice::from_raw_parts(data, len) }
        };
        // SAFETY: the contract: a live handle that no other thread uses now.
        let count = unsafe { inside(records, |reader| reader.feed(lsn, bytes)) }?;
        // SAFETY: checked not to be NULL.
        unsafe { taken.write(count) };
        Ok(Status::WAL_OK)
    }))
}

/// The records that ended in what was taken, in their order. Of each the checksum was right, and the one before it is the one that it
/// names.
///
/// An error says where the WAL is damaged, or ends: behind its end stand zeros, or what is left of an older segment.
/// wal_records_at_end tells the one from the other. Records before that place are given first; behind it there is nothing.
///
/// @param[in,out] records one of wal_records_new
/// @param[out] out the batch, owned by the caller: wal_record_batch_free; it outlives the reader
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT: there is nothing, feed more; WAL_E_RECORD: the WAL is damaged, or at its end; WAL_E_NO_MEMORY: a record
/// does not fit, which has at most 1 GiB; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// one thread at a time for one wal_records, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_next_batch(
    records: *mut wal_records,
    out: *mut *mut RecordBatch,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle that no other thread uses now.
        match unsafe { inside(records, Reader::next_batch) }? {
            None => Ok(Status::WAL_TIMEOUT),
            Some(batch) => {
                // SAFETY: checked not to be NULL.
                unsafe { out.write(Box::into_raw(batch)) };
                Ok(Status::WAL_OK)
            }
        }
    }))
}

/// Where the last record ended that was whole: where to go on, with a reader of its own, after a stop. Feed that from the beginning of
/// the page.
///
/// @param records may be NULL
/// @return the position; 0 before the first record
/// @par Thread safety
/// one thread at a time for one wal_records, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_position(records: *const wal_records) -> u64 {
    // SAFETY: the contract: NULL or a live handle that no other thread changes.
    boundary!(neutral(0; { unsafe { records.as_ref() }.map_or(0, |it| it.reader.position()) }))
}

/// Whether the WAL_E_RECORD of wal_records_next_batch is the end of the WAL, and no damage.
///
/// It is the end where a record would begin and a length of 0 stands. It is the end, too, where a page is blank, or is from before its
/// file was used again. A crash may cut a record in the middle of a page; that looks like damage.
///
/// @param records may be NULL
/// @return 1: the end; 0: damage, or there was no error
/// @par Thread safety
/// one thread at a time for one wal_records, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_at_end(records: *const wal_records) -> i32 {
    // SAFETY: the contract: NULL or a live handle that no other thread changes.
    boundary!(neutral(0; { unsafe { records.as_ref() }.map_or(0, |it| it.reader.is_at_end().into()) }))
}

/// The size of a segment: what wal_records_new was given, or what a page told.
///
/// @param records may be NULL
/// @return bytes, or 0 as long as it is not known
/// @par Thread safety
/// one thread at a time for one wal_records, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_segment_size(records: *const wal_records) -> u32 {
    // SAFETY: the contract: NULL or a live handle that no other thread changes.
    boundary!(neutral(0; { unsafe { records.as_ref() }.and_then(|it| it.reader.segment_size()).unwrap_or(0) }))
}

/// The identifier of the system that wrote the WAL, as IDENTIFY_SYSTEM tells it. The first page of a segment has it.
///
/// @param records may be NULL
/// @return the identifier, or 0 as long as it is not known
/// @par Thread safety
/// one thread at a time for one wal_records, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_system_id(records: *const wal_records) -> u64 {
    // SAFETY: the contract: NULL or a live handle that no other thread changes.
    boundary!(neutral(0; { unsafe { records.as_ref() }.and_then(|it| it.reader.system_id()).unwrap_or(0) }))
}

/// Frees a reader. Batches that were got live on.
///
/// @param records may be NULL
/// @par Thread safety
/// once, from any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_records_free(records: *mut wal_records) {
    boundary!(neutral((); {
        if !records.is_null() {
            // SAFETY: made by `wal_records_new`; the contract: freed once.
            drop(unsafe { Box::from_raw(records) });
        }
    }));
}

/// The records of a batch, which follow each other in memory.
///
/// @param batch may be NULL, which gives none
/// @param[out] count how many; may be NULL
/// @return the first, borrowed from the batch; NULL if there is none
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_record_batch_records(
    batch: *const RecordBatch,
    count: *mut usize,
) -> *const Record {
    // SAFETY: the contract: NULL or writable.
    unsafe { clear(count, 0) };
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live batch.
        let records = unsafe { batch.as_ref() }.map_or(&[][..], RecordBatch::records);
        // SAFETY: the contract: NULL or writable.
        unsafe { clear(count, records.len()) };
        records.first().map_or(std::ptr::null(), |_| records.as_ptr())
    }))
}

/// Frees a batch with its records, or gives it back to its reader.
///
/// @param batch may be NULL
/// @par Thread safety
/// once, from any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_record_batch_free(batch: *mut RecordBatch) {
    boundary!(neutral((); {
        if !batch.is_null() {
            // SAFETY: given out by `wal_records_next_batch`; the contract: freed once.
            unsafe { Box::from_raw(batch) }.release();
        }
    }));
}

/// The name of a resource manager, as in "Heap".
///
/// @param[in] rmgr the number in a record
/// @return a static text; "custom128" to "custom255" for what extensions may have, "UNKNOWN" for what there is none of
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub extern "C" fn wal_rmgr_name(rmgr: u32) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        u8::try_from(rmgr).map_or(c"UNKNOWN", manager_name).as_ptr()
    }))
}

/// The name of what a record does, by its manager and its release, as in "INSERT+INIT".
///
/// @param[in] record of a batch, or a copy; may be NULL
/// @return a static text; "UNKNOWN" for what the release does not have, for managers of extensions, and for releases that are not
/// known
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_record_kind_name(record: *const Record) -> *const c_char {
    boundary!(neutral(c"UNKNOWN".as_ptr(); {
        // SAFETY: the contract: NULL or a live record.
        unsafe { record.as_ref() }.map_or(c"UNKNOWN", kind_name).as_ptr()
    }))
}

/// The line that pg_waldump of the record's release prints for it, by snprintf's rules. What does not fit is cut, a NUL ends it, and
/// the length that it has in full is returned.
///
/// The line is the same to the last character for the managers Transaction, XLOG, Standby, Heap, Heap2 and Btree, with TZ=UTC. For
/// the others it lacks what stands between the kind and the block references. For a release that is not known it ends behind the
/// kind. Texts in it, such as a gid, are as the server wrote them. Lines of 14 follow its source, and were compared with no program.
///
/// @param[in] record of a batch, or a copy, whose batch lives; may be NULL, which gives nothing
/// @param[out] buffer where to; may be NULL if size is 0
/// @param[in] size of the buffer
/// @return how long the text is without its NUL
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_record_describe(
    record: *const Record,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live record of a live batch.
        let Some(view) = (unsafe { record.as_ref().map(|record| RecordView::new(record)) }) else {
            // SAFETY: the contract: NULL or `size` bytes can be written there.
            return unsafe { write_text("", buffer, size) };
        };
        let mut short = [0; SHORT];
        let mut text = Text::new(&mut short);
        describe(view, &mut text);
        let length = text.len();
        let fits = length.min(size.saturating_sub(1));
        if buffer.is_null() || size == 0 {
            return length;
        }
        // SAFETY: the contract: `size` bytes can be written there, and `fits` is less; a slice needs them to have a value.
        let out = unsafe {
            buffer.write_bytes(0, fits + 1);
            std::slice::from_raw_parts_mut(buffer.cast::<u8>(), fits)
        };
        match short.get(..fits) {
            Some(line) if length <= SHORT => out.copy_from_slice(line),
            _ => describe(view, &mut Text::new(out)),
        }
        length
    }))
}

/// Lines are seldom longer: only those of a commit that drops or invalidates much, and of lists of rows.
const SHORT: usize = 1024;

/// Makes the page of an image: what compression and the hole left out is put back.
///
/// It is the page behind the change, but for its header, which has the LSN and the checksum from before. An image without flag 2 is
/// there for checking only.
///
/// @param[in] block of a record whose batch lives
/// @param[out] page 8,192 bytes, which are written on every path: zeros after an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: the block has no image; WAL_E_RECORD: the image is damaged; WAL_E_NOT_BUILT: the library lacks its
/// compression; WAL_E_UNSUPPORTED_WAL: nobody knows its compression; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_record_block_image(
    block: *const RecordBlock,
    page: *mut u8,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(page.cast_const(), "page")?;
        // SAFETY: the contract: 8,192 bytes can be written there; `write_bytes` gives them a value.
        let page = unsafe {
            page.write_bytes(0, PAGE as usize);
            &mut *page.cast::<[u8; PAGE as usize]>()
        };
        // SAFETY: the contract: NULL or a live block of a live batch.
        let view = unsafe { BlockView::new(reference(block, "block")?) };
        restore(view, page)?;
        Ok(Status::WAL_OK)
    }))
}

/// # Safety
/// `records` is NULL or a live handle that no other thread uses.
unsafe fn inside<T>(records: *mut wal_records, work: impl FnOnce(&mut Reader) -> Result<T>) -> Result<T> {
    // SAFETY: the caller's promise.
    unsafe { reference(records.cast_const(), "records") }?;
    // SAFETY: the caller's promise; checked not to be NULL.
    let records = unsafe { &mut *records };
    if std::mem::replace(&mut records.is_inside, true) {
        return Err(Error::new(Status::WAL_E_PANIC, "an earlier call panicked"));
    }
    let outcome = work(&mut records.reader);
    records.is_inside = false;
    outcome
}
