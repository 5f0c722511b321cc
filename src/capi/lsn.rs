//! Positions as text.

use std::ffi::c_char;

use super::boundary::{boundary, text};
use super::{wal_error, wal_status};
use crate::error::Status;
use crate::lsn::Lsn;

/// Reads an LSN as PostgreSQL writes it, as in "0/16B3748".
///
/// @param[in] lsn the text, terminated by NUL
/// @param[out] out the position, 0 on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, or WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_lsn_parse(
    lsn: *const c_char,
    out: *mut u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = 0; {
        // SAFETY: the contract: `lsn` is NULL or NUL-terminated.
        let lsn: Lsn = unsafe { text(lsn, "lsn") }?.parse()?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(lsn.0) };
        Ok(Status::WAL_OK)
    }))
}

/// Writes an LSN as PostgreSQL does, as in "0/16B3748", by snprintf's rules: what does not fit is cut, a NUL ends it,
/// and the length that it has in full is returned. 18 bytes are always enough.
///
/// @param[in] lsn the position
/// @param[out] buffer where to; may be NULL if size is 0
/// @param[in] size of the buffer
/// @return how long the text is without its NUL
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_lsn_format(lsn: u64, buffer: *mut c_char, size: usize) -> usize {
    boundary!(neutral(0; {
        // SAFETY: the contract: `buffer` is NULL or holds `size` bytes.
        unsafe { write_text(&Lsn(lsn).to_string(), buffer, size) }
    }))
}

/// Writes a text by snprintf's rules, and gives its length in full.
///
/// # Safety
/// `buffer` is NULL or holds `size` bytes.
pub(super) unsafe fn write_text(text: &str, buffer: *mut c_char, size: usize) -> usize {
    if !buffer.is_null() && size > 0 {
        let n = text.len().min(size - 1);
        // SAFETY: the caller's promise, and n + 1 <= size.
        unsafe {
            buffer.copy_from_nonoverlapping(text.as_ptr().cast(), n);
            buffer.add(n).write(0);
        }
    }
    text.len()
}
