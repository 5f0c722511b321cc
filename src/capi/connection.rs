//! A connection for commands as C sees it.

use std::cell::UnsafeCell;
use std::ffi::c_char;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use super::boundary::{boundary, reference, text};
use super::gate::Gate;
use super::stream::{duration, outcome};
use super::{wal_error, wal_options, wal_rows, wal_status};
use crate::engine::{Connection, Control, Next};
use crate::error::{Error, Result, Status};

/// A connection for commands about slots and publications, and for SQL. It streams nothing: that is what a wal_stream is
/// for.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_connection(Arc<Shared>);

/// What a connection and its COPYs share: whichever is freed last, none touches what is gone.
#[derive(Debug)]
pub(super) struct Shared {
    gate: Gate,
    control: Arc<Control>,
    /// Whether the connection is freed, or is about to be.
    freed: AtomicBool,
    connection: UnsafeCell<ManuallyDrop<Connection>>,
}

// SAFETY: the connection may be used by any thread, and the gate admits one at a time.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Runs what needs the connection alone.
    pub(super) fn alone(&self, work: impl FnOnce(&mut Connection) -> Result<Status>) -> Result<Status> {
        self.gate.exclusive(|| {
            // Whoever frees says so first, and looks then whether somebody is inside.
            fence(Ordering::SeqCst);
            if self.freed.load(Ordering::SeqCst) {
                return Err(Error::new(Status::WAL_E_STATE, "the connection was freed"));
            }
            // SAFETY: the gate admits one thread at a time, and nobody else touches the cell but freeing, which waits.
            work(unsafe { &mut *self.connection.get() })
        })
    }
}

/// Makes a connection that is not open yet, so that another thread or a signal handler can interrupt opening it.
///
/// @param[in] options copied; what counts is conninfo, env, backend, the log callback, the password callback with
/// password_timeout, and publication: see wal_slot_create_logical
/// @param[out] out the connection, owned by the caller: wal_connection_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_BAD_OPTION, WAL_E_CONNINFO, WAL_E_NOT_BUILT, WAL_E_SYSTEM, WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_new(
    options: *const wal_options,
    out: *mut *mut wal_connection,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: live options.
        let made = make(unsafe { reference(options, "options") }?)?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(made) };
        Ok(Status::WAL_OK)
    }))
}

/// Opens the connection: a walsender's, in the database that conninfo names. After an error, an interrupt or the loss of
/// the connection it can be opened again.
///
/// @param[in,out] connection to open
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_INTERRUPTED; WAL_END (it is being freed); WAL_E_CONNECT_TIMEOUT; WAL_E_SERVER_VERSION (older than
/// 14); WAL_E_STATE (open already); what went wrong
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_connect(
    connection: *mut wal_connection,
    timeout_ms: i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { alone(connection, |connection| Ok(outcome(&connection.connect(duration(timeout_ms))?))) }
    }))
}

/// wal_connection_new and wal_connection_connect.
///
/// @param[in] options copied, as for wal_connection_new
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] out the connection, owned by the caller: wal_connection_free; NULL on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_connection_new and wal_connection_connect
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_open(
    options: *const wal_options,
    timeout_ms: i32,
    out: *mut *mut wal_connection,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: live options.
        let made = make(unsafe { reference(options, "options") }?)?;
        // SAFETY: made just now.
        match unsafe { alone(made, |connection| Ok(outcome(&connection.connect(duration(timeout_ms))?))) } {
            Ok(Status::WAL_OK) => {
                // SAFETY: checked not to be NULL.
                unsafe { out.write(made) };
                Ok(Status::WAL_OK)
            }
            other => {
                // SAFETY: made just now and given to nobody.
                unsafe { discard(made) };
                other
            }
        }
    }))
}

/// Looks whether the server still keeps the connection, without asking it anything: an exported snapshot lives on. A
/// connection that was cut on the way without a word is noticed by TCP's keepalives only, as conninfo sets them.
///
/// @param[in,out] connection to look at
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_CONNECTION_LOST; WAL_E_STATE (not open)
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_check(
    connection: *mut wal_connection,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { alone(connection, |connection| connection.check().map(|()| Status::WAL_OK)) }
    }))
}

/// Says that the snapshot exported over this connection is not needed any more. Until then every command over it
/// answers WAL_E_STATE, for the snapshot ends with the next command; after it commands go on as usual.
///
/// @param[in,out] connection that exported; without a snapshot nothing happens
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_release_snapshot(
    connection: *mut wal_connection,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { alone(connection, |connection| {
            connection.release_snapshot();
            Ok(Status::WAL_OK)
        }) }
    }))
}

/// Runs SQL (several statements are possible) and gives the rows of the last statement, as text. Meant for small
/// answers (16 MiB at most; a larger one is thrown away, WAL_E_OUT_OF_RANGE, as COPY is refused, WAL_E_INVALID_ARGUMENT, and
/// the connection goes on): to read in the transaction that wal_slot_create_logical began for WAL_SLOT_USE_SNAPSHOT, and to
/// end it. The library does not look at the text: take care of quoting. Names are looked up along the search_path that
/// the role, the database or the conninfo sets; a stream's own session has an empty one.
///
/// @param[in,out] connection to use
/// @param[in] sql the statements
/// @param[in] timeout_ms -1 waits as long as it takes; else the server is told to cancel then
/// @param[out] out the rows, owned by the caller: wal_rows_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED: the server cancelled it; WAL_END; WAL_E_SERVER and others, with the
/// server's SQLSTATE; WAL_E_CONNECTION_LOST; WAL_E_STATE
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_query(
    connection: *mut wal_connection,
    sql: *const c_char,
    timeout_ms: i32,
    out: *mut *mut wal_rows,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle, a terminated text; `out` is not NULL.
        unsafe {
            let sql = text(sql, "sql")?;
            let ask = |connection: &mut Connection| connection.query(sql, duration(timeout_ms))?.try_map(wal_rows::of);
            owned(connection, out, ask, std::convert::identity)
        }
    }))
}

/// The server's version, as in server_version_num: 180004 is 18.4.
///
/// @param[in] connection may be NULL
/// @return the number; 0 before the connection was opened, and in a forked child
/// @par Thread safety
/// any thread, any time
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_server_version(connection: *const wal_connection) -> u32 {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live handle.
        match unsafe { connection.as_ref() } {
            Some(connection) if !connection.0.gate.is_forked_child() => connection.0.control.version(),
            _ => 0,
        }
    }))
}

/// Makes the call that waits, or else the next one, return WAL_INTERRUPTED once. A command that the server works on is
/// cancelled there, and the call returns once the server has said so, within a few seconds.
///
/// @param connection may be NULL
/// @par Thread safety
/// any thread, any time, and signal handlers: it is async-signal-safe and keeps errno
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_interrupt(connection: *const wal_connection) {
    // Not inside the boundary's guard, whose thread-local storage a signal handler may not touch: nothing here can
    // panic.
    // SAFETY: the contract: NULL or a live handle.
    if let Some(connection) = unsafe { connection.as_ref() }
        && !connection.0.gate.is_forked_child()
    {
        connection.0.control.interrupt();
    }
}

/// Takes back an interrupt that no call has consumed.
///
/// @param connection may be NULL
/// @par Thread safety
/// any thread, any time
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_interrupt_clear(connection: *const wal_connection) {
    boundary!(neutral((); {
        // SAFETY: the contract: NULL or a live handle.
        if let Some(connection) = unsafe { connection.as_ref() }
            && !connection.0.gate.is_forked_child()
        {
            connection.0.control.interrupt_clear();
        }
    }));
}

/// Closes a connection. What lives as long as it ends with it: temporary slots, an exported snapshot, an open
/// transaction. A thread that waits inside a call is interrupted, gets WAL_END, and is waited for.
///
/// In a forked child it only closes the child's copies of the descriptors; the parent goes on.
///
/// @param connection may be NULL
/// @par Thread safety
/// once, from any thread; every call after it is the caller's error
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_connection_free(connection: *mut wal_connection) {
    boundary!(neutral((); {
        if !connection.is_null() {
            // SAFETY: the contract: a live handle, freed once.
            unsafe { discard(connection) };
        }
    }));
}

fn make(options: &wal_options) -> Result<*mut wal_connection> {
    let gate = Gate::new("connection")?;
    let connection = Connection::new(&options.options, options.logger.clone())?;
    let control = Arc::clone(connection.control());
    let connection = UnsafeCell::new(ManuallyDrop::new(connection));
    let shared = Shared { gate, control, freed: AtomicBool::new(false), connection };
    Ok(Box::into_raw(Box::new(wal_connection(Arc::new(shared)))))
}

/// Runs what needs the connection alone.
///
/// # Safety
/// `connection` is NULL or a live handle.
pub(super) unsafe fn alone(
    connection: *mut wal_connection,
    work: impl FnOnce(&mut Connection) -> Result<Status>,
) -> Result<Status> {
    // SAFETY: the caller's promise.
    unsafe { reference(connection.cast_const(), "connection") }?.0.alone(work)
}

/// What a COPY keeps of its connection.
///
/// # Safety
/// `connection` is a live handle.
pub(super) unsafe fn share(connection: *const wal_connection) -> Result<Arc<Shared>> {
    // SAFETY: the caller's promise.
    Ok(Arc::clone(&unsafe { reference(connection, "connection") }?.0))
}

/// Runs what gives an object that the caller owns.
///
/// # Safety
/// `connection` is NULL or a live handle; `out` may be written to.
pub(super) unsafe fn owned<T, O>(
    connection: *mut wal_connection,
    out: *mut *mut O,
    work: impl FnOnce(&mut Connection) -> Result<Next<T>>,
    object: impl FnOnce(T) -> O,
) -> Result<Status> {
    let run = |connection: &mut Connection| {
        let next = work(connection)?;
        let status = outcome(&next);
        if let Next::Ready(value) = next {
            // SAFETY: the caller's promise.
            unsafe { out.write(Box::into_raw(Box::new(object(value)))) };
        }
        Ok(status)
    };
    // SAFETY: the caller's promise.
    unsafe { alone(connection, run) }
}

/// Frees an object that `owned` gave.
///
/// # Safety
/// `object` is NULL or was given out and not freed yet.
pub(super) unsafe fn release<T>(object: *mut T) {
    if !object.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(object) });
    }
}

/// Ends a handle.
///
/// # Safety
/// A live handle, discarded once.
unsafe fn discard(connection: *mut wal_connection) {
    // SAFETY: the caller's promise.
    let shared = Arc::clone(&unsafe { &*connection }.0);
    if shared.gate.is_forked_child() {
        // SAFETY: nobody else is in this process's copy; what it is shared by is leaked on purpose, since another thread of the
        // parent may have been inside it as the fork happened.
        unsafe { ManuallyDrop::take(&mut *shared.connection.get()) }.abandon();
        std::mem::forget(shared);
        return;
    }
    shared.freed.store(true, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    shared.control.begin_close();
    shared.gate.drain();
    // SAFETY: nobody is inside, whoever comes is sent away, and the contract says that it is freed once.
    drop(unsafe { ManuallyDrop::take(&mut *shared.connection.get()) });
    // SAFETY: as above.
    drop(unsafe { Box::from_raw(connection) });
}
