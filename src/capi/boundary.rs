//! The one way from C into Rust: outputs cleared, pointers checked, panics caught, errors handed out.

use std::ffi::{CStr, c_char};

use super::{wal_error, wal_status};
use crate::engine::guard;
use crate::error::{Error, Result, Status};

/// The body of an exported function.
///
/// `fallible(err; out = zero, …; { … })` gives a `wal_status`; `neutral(zero; { … })` is for functions that cannot
/// report: what goes wrong in them gives `zero`.
macro_rules! boundary {
    (fallible($err:ident; $($out:ident = $zero:expr),*; $body:block)) => {{
        // SAFETY: the contract: an output pointer is NULL or may be written to.
        unsafe {
            $crate::capi::boundary::clear($err, ::std::ptr::null_mut());
            $($crate::capi::boundary::clear($out, $zero);)*
        }
        let status = $crate::capi::boundary::run(|| -> $crate::error::Result<$crate::error::Status> {
            $($crate::capi::boundary::not_null($out.cast_const(), stringify!($out))?;)*
            $body
        });
        // SAFETY: as above.
        unsafe { $crate::capi::boundary::report(status, $err) }
    }};
    (neutral($zero:expr; $body:block)) => {
        $crate::engine::guard(|| $body).unwrap_or_else(|_| $zero)
    };
}
pub(super) use boundary;

/// Writes through an output pointer that may be NULL.
///
/// # Safety
/// `out` is NULL or may be written to.
pub(super) unsafe fn clear<T>(out: *mut T, zero: T) {
    if !out.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out.write(zero) };
    }
}

/// Runs a body with its panics caught.
#[inline]
pub(super) fn run(body: impl FnOnce() -> Result<Status>) -> Result<Status> {
    guard(body).and_then(|outcome| outcome)
}

/// Hands an error out, if there is one and somebody takes it.
///
/// # Safety
/// `err` is NULL or may be written to.
#[inline]
pub(super) unsafe fn report(outcome: Result<Status>, err: *mut *mut wal_error) -> wal_status {
    match outcome {
        Ok(status) => status as wal_status,
        // SAFETY: the caller's promise.
        Err(error) => unsafe { hand_out(error, err) },
    }
}

/// # Safety
/// As `report`.
#[cold]
unsafe fn hand_out(error: Error, err: *mut *mut wal_error) -> wal_status {
    let status = error.status() as wal_status;
    if !err.is_null() {
        // SAFETY: the caller's promise.
        unsafe { err.write(wal_error::boxed(error)) };
    }
    status
}

/// Checks a pointer argument.
pub(super) fn not_null<T>(pointer: *const T, name: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("the argument {name} is NULL")));
    }
    Ok(())
}

/// A reference to what an argument points at.
///
/// # Safety
/// `pointer` is NULL or points at a live `T` that nobody writes to while the reference lives.
pub(super) unsafe fn reference<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    not_null(pointer, name)?;
    // SAFETY: not NULL; the rest is the caller's promise.
    Ok(unsafe { &*pointer })
}

/// A text argument.
///
/// # Safety
/// `text` is NULL or NUL-terminated and lives as long as the result.
pub(super) unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    not_null(text, name)?;
    // SAFETY: not NULL; the rest is the caller's promise.
    let bytes = unsafe { CStr::from_ptr(text) };
    bytes
        .to_str()
        .map_err(|_| Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("the argument {name} is not UTF-8")))
}
