//! Batches as C sees them.

use super::boundary::boundary;
use crate::batch::{Batch, Event};

/// The events of a batch: an array that is good until wal_batch_free.
///
/// @param batch may be NULL
/// @param[out] count how many events there are; may be NULL
/// @return the first event, or NULL if batch is NULL; borrowed from the batch
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_batch_events(batch: *const Batch, count: *mut usize) -> *const Event {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: `batch` is NULL or was handed out and not freed, `count` is NULL or may be written to.
        unsafe {
            let events = batch.as_ref().map(Batch::events);
            if let Some(count) = count.as_mut() {
                *count = events.map_or(0, <[Event]>::len);
            }
            events.map_or(std::ptr::null(), <[Event]>::as_ptr)
        }
    }))
}

/// The highest ack_lsn of a batch: what to acknowledge once all of it is safe. 0 if the batch ends no transaction.
///
/// @return the position, or 0
/// @param batch may be NULL
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_batch_ack_lsn(batch: *const Batch) -> u64 {
    // SAFETY: the contract: NULL or handed out and not freed.
    boundary!(neutral(0; { unsafe { batch.as_ref() }.map_or(0, |batch| batch.arrays.last_ack()) }))
}

/// Gives a batch back: its events, values and bytes end. With ack=auto everything in it counts as safe from now on,
/// as soon as all batches before it are freed too. The stream may be freed already.
///
/// @param batch may be NULL
/// @par Thread safety
/// once, from any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_batch_free(batch: *mut Batch) {
    boundary!(neutral((); {
        if !batch.is_null() {
            // SAFETY: made by `Box::into_raw` as it was handed out; the contract: freed once.
            unsafe { Box::from_raw(batch) }.release();
        }
    }));
}
