//! Passwords that the program gives when they are asked for, as C sees them.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::boundary::{boundary, reference, text};
use super::error::c_string;
use super::{wal_error, wal_options, wal_status};
use crate::conninfo::{Password, PasswordRequest, Passwords};
use crate::error::{Error, Status};

/// Who wants to log in where. Everything in it lives as long as the call of the callback.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct wal_password_request {
    /// The server as the connection string names it: host, else hostaddr; the folder of a Unix socket.
    pub host: *const c_char,
    /// The role.
    pub user: *const c_char,
    /// The server's port.
    pub port: u32,
    /// How long the answer is waited for: option `password_timeout`, in milliseconds.
    pub timeout_ms: i32,
}

/// Where a password callback puts its answer: wal_password_set or wal_password_fail.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_password {
    answer: Result<Password, String>,
}

/// Gives a password when a connection is made: puts it into `answer` with wal_password_set, or says with wal_password_fail
/// why there is none. It comes before the password of the connection string and that of a password file.
///
/// Called on a helper thread of the library, never on the engine's: it may block, for as long as option `password_timeout`
/// says; what it gives later counts for nothing. It may be called by several threads at once, and, where it takes long,
/// still run when the stream is freed: what `userdata` points at must live until the function that frees it was called. It
/// must not throw, longjmp or end its thread. Functions of streams and connections are refused from here as from a
/// wal_log_callback.
#[allow(non_camel_case_types)]
pub type wal_password_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        request: *const wal_password_request,
        answer: *mut wal_password,
    ),
>;

/// Frees what `userdata` points at, once nothing can use it any more.
#[allow(non_camel_case_types)]
pub type wal_userdata_free = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// Lets a callback give the passwords of all connections that are made with these options: streams, connections beside
/// them, and commands, with either backend. An answer is used again by all of them until its lifetime ends or a server
/// refuses it. Then the callback is asked again. An answer that is done with is wiped from memory.
///
/// Where the callback gives none, connecting fails with WAL_E_AUTH, which holds its sentence; a stream that lost its
/// connection tries again.
///
/// @param[in,out] options to change
/// @param[in] callback gives the passwords; NULL takes it back
/// @param[in] userdata given to each call
/// @param[in] free_userdata called once with `userdata`, on any thread, when nothing that was made of the options can
/// call the callback any more; or at once where this function fails; NULL for none
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_options_set_password(
    options: *mut wal_options,
    callback: wal_password_callback,
    userdata: *mut c_void,
    free_userdata: wal_userdata_free,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        let userdata = Userdata { at: userdata, free: free_userdata };
        // SAFETY: the contract: a live handle that no other thread uses now.
        unsafe { reference(options.cast_const(), "options") }?;
        // SAFETY: as above; checked not to be NULL.
        let options = unsafe { &mut *options };
        options.options.set_passwords(callback.map(|callback| {
            Arc::new(Passwords::new(Box::new(move |request| {
                let userdata = { &userdata };
                // SAFETY: the contract: the callback may be called from any thread for as long as the userdata lives.
                unsafe { ask(callback, userdata.at, request) }
            })))
        }));
        Ok(Status::WAL_OK)
    }))
}

/// Answers with a password, which is copied. The last answer holds.
///
/// @param[in,out] answer of the call of the callback
/// @param[in] password NUL-terminated UTF-8
/// @param[in] lifetime_ms for how long it may be used again: 0 not at all, -1 until a server refuses it
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_password_set(
    answer: *mut wal_password,
    password: *const c_char,
    lifetime_ms: i64,
) -> wal_status {
    let err: *mut *mut wal_error = std::ptr::null_mut();
    boundary!(fallible(err; ; {
        // SAFETY: the contract: the callback's own argument, and a terminated text.
        let given = unsafe {
            reference(answer.cast_const(), "answer")?;
            Password::new(text(password, "password")?)
        };
        let given = match u64::try_from(lifetime_ms) {
            Ok(0) => given,
            Ok(lifetime) => given.good_for(Duration::from_millis(lifetime)),
            Err(_) if lifetime_ms == -1 => given.good_until_refused(),
            Err(_) => return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, "the lifetime is below -1")),
        };
        // SAFETY: as above; checked not to be NULL.
        unsafe { (*answer).answer = Ok(given) };
        Ok(Status::WAL_OK)
    }))
}

/// Answers that there is no password. The sentence becomes part of the error WAL_E_AUTH: it must hold no secret.
///
/// @param[in,out] answer of the call of the callback
/// @param[in] message why there is none: NUL-terminated UTF-8
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_password_fail(answer: *mut wal_password, message: *const c_char) -> wal_status {
    let err: *mut *mut wal_error = std::ptr::null_mut();
    boundary!(fallible(err; ; {
        super::boundary::not_null(answer.cast_const(), "answer")?;
        super::boundary::not_null(message, "message")?;
        // SAFETY: the contract: a terminated text; checked not to be NULL.
        let message = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
        // SAFETY: the contract: the callback's own argument; checked not to be NULL.
        unsafe { (*answer).answer = Err(message) };
        Ok(Status::WAL_OK)
    }))
}

/// Calls the callback.
///
/// # Safety
/// The callback may be called with this userdata now.
unsafe fn ask(
    callback: unsafe extern "C" fn(*mut c_void, *const wal_password_request, *mut wal_password),
    userdata: *mut c_void,
    request: &PasswordRequest,
) -> Result<Password, String> {
    let (host, user) = (c_string(&request.host), c_string(&request.user));
    let given = wal_password_request {
        host: host.as_ptr(),
        user: user.as_ptr(),
        port: request.port.into(),
        timeout_ms: i32::try_from(request.timeout.as_millis()).unwrap_or(i32::MAX),
    };
    let mut answer = wal_password { answer: Err("it gave no answer".to_owned()) };
    // SAFETY: the caller's promise; the request and the answer live as long as the call.
    unsafe { callback(userdata, &raw const given, &raw mut answer) };
    answer.answer
}

/// The program's own, freed when the last closure that holds it is.
struct Userdata {
    at: *mut c_void,
    free: wal_userdata_free,
}

// SAFETY: the contract makes the callback and its userdata usable from any thread.
unsafe impl Send for Userdata {}
// SAFETY: as above.
unsafe impl Sync for Userdata {}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the contract: it frees what the userdata points at, and is called once.
            unsafe { free(self.at) };
        }
    }
}
