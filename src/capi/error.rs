//! Errors as C sees them.

use std::ffi::{CStr, CString, c_char};

use super::boundary::{boundary, reference};
use super::wal_status;
use crate::error::{Error, Status};

/// What is known of a failure. Owned by whoever got it; freed with `wal_error_free`, in any order with the rest.
#[allow(non_camel_case_types)]
#[derive(Clone, Debug)]
pub struct wal_error {
    status: Status,
    name: CString,
    message: CString,
    detail: CString,
    hint: CString,
    sqlstate: CString,
    os_errno: i32,
    retriable: bool,
}

impl wal_error {
    pub(super) fn boxed(error: Error) -> *mut Self {
        Box::into_raw(Box::new(Self {
            status: error.status(),
            name: c_string(error.status().name()),
            message: c_string(error.message()),
            detail: c_string(error.detail()),
            hint: c_string(error.hint()),
            sqlstate: c_string(error.sqlstate()),
            os_errno: error.os_errno(),
            retriable: error.is_retriable(),
        }))
    }
}

/// A NUL inside a text would end it early for C: it is shown as U+FFFD.
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{FFFD}")).unwrap_or_default()
}

/// SAFETY of the accessors below: the contract: `error` is NULL or was handed out and not freed yet.
unsafe fn field<T>(error: *const wal_error, neutral: T, get: impl FnOnce(&wal_error) -> T) -> T {
    // SAFETY: see above.
    unsafe { error.as_ref() }.map_or(neutral, get)
}

/// The status that the call returned, WAL_OK for NULL.
///
/// @return the status
/// @param error may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_code(error: *const wal_error) -> wal_status {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(error, 0, |error| error.status as wal_status) } }))
}

/// The status by name, as in "WAL_E_SLOT_MISSING"; "" for NULL.
///
/// @param error may be NULL
/// @return borrowed from the error
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_name(error: *const wal_error) -> *const c_char {
    // SAFETY: as `field` says.
    boundary!(neutral(c"".as_ptr(); { unsafe { field(error, c"".as_ptr(), |error| error.name.as_ptr()) } }))
}

/// One sentence: what happened, where, with which value. Never holds a password.
///
/// @param error may be NULL, which gives ""
/// @return borrowed from the error
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_message(error: *const wal_error) -> *const c_char {
    // SAFETY: as `field` says.
    boundary!(neutral(c"".as_ptr(); { unsafe { field(error, c"".as_ptr(), |error| error.message.as_ptr()) } }))
}

/// What explains the sentence, or "".
///
/// @param error may be NULL
/// @return borrowed from the error
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_detail(error: *const wal_error) -> *const c_char {
    // SAFETY: as `field` says.
    boundary!(neutral(c"".as_ptr(); { unsafe { field(error, c"".as_ptr(), |error| error.detail.as_ptr()) } }))
}

/// What to do about it, or "".
///
/// @param error may be NULL
/// @return borrowed from the error
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_hint(error: *const wal_error) -> *const c_char {
    // SAFETY: as `field` says.
    boundary!(neutral(c"".as_ptr(); { unsafe { field(error, c"".as_ptr(), |error| error.hint.as_ptr()) } }))
}

/// The server's SQLSTATE, five characters, or "" where the error is not the server's (PostgreSQL documentation,
/// appendix A).
///
/// @param error may be NULL
/// @return borrowed from the error
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_sqlstate(error: *const wal_error) -> *const c_char {
    // SAFETY: as `field` says.
    boundary!(neutral(c"".as_ptr(); { unsafe { field(error, c"".as_ptr(), |error| error.sqlstate.as_ptr()) } }))
}

/// `errno` of the system call that failed, or 0.
///
/// @return the number, or 0
/// @param error may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_os_errno(error: *const wal_error) -> i32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(error, 0, |error| error.os_errno) } }))
}

/// 1 if the same may succeed later without anyone changing anything: the server restarts, the slot is still held by
/// a connection that is gone, the network is down. Else 0.
///
/// @return 1 or 0
/// @param error may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_is_retriable(error: *const wal_error) -> i32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(error, 0, |error| i32::from(error.retriable)) } }))
}

/// 1 if the stream does not go on after this: it ended with this error, or did not connect. An ended stream is to be
/// freed, one that did not connect can be connected again; either makes sense only if the error is retriable or its
/// cause was mended. 0 for a mistake in a call or an option, which leaves the stream as it was. It speaks of streams: after
/// a failed command a wal_connection goes on, unless wal_connection_check says that it is lost.
///
/// @return 1 or 0
/// @param error may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_is_fatal(error: *const wal_error) -> i32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(error, 0, |error| i32::from((error.status as wal_status) < Status::WAL_E_CONNINFO as wal_status)) } }))
}

/// Copies an error, as for an exception that is thrown on another thread.
///
/// @param[in] error to copy
/// @param[out] out the copy, owned by the caller: wal_error_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread, several at once
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_clone(
    error: *const wal_error,
    out: *mut *mut wal_error,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: handed out and not freed yet.
        let clone = unsafe { reference(error, "error") }?.clone();
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(clone))) };
        Ok(Status::WAL_OK)
    }))
}

/// Frees an error.
///
/// @param error may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_error_free(error: *mut wal_error) {
    boundary!(neutral((); {
        if !error.is_null() {
            // SAFETY: made by `boxed`, and the contract says that it is freed once.
            drop(unsafe { Box::from_raw(error) });
        }
    }));
}

/// The name of a status, as in "WAL_E_AUTH"; "WAL_E_UNKNOWN" for a number without one.
///
/// @param[in] status any number
/// @return a static text
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_status_name(status: wal_status) -> *const c_char {
    boundary!(neutral(c"WAL_E_UNKNOWN".as_ptr(); { status_text(status, |status| status.c_name(), c"WAL_E_UNKNOWN") }))
}

/// One sentence about a status, for those who have only the number.
///
/// @param[in] status any number
/// @return a static text
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn wal_status_sentence(status: wal_status) -> *const c_char {
    boundary!(neutral(c"unknown status".as_ptr(); { status_text(status, |status| status.c_sentence(), c"unknown status") }))
}

fn status_text(code: i32, text: fn(Status) -> &'static CStr, unknown: &'static CStr) -> *const c_char {
    Status::from_code(code).map_or(unknown, text).as_ptr()
}
