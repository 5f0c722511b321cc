//! COPY towards the client as C sees it.

use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{boundary, reference, text};
use super::connection::{Shared, share, wal_connection};
use super::stream::{duration, outcome};
use super::{wal_error, wal_rows, wal_status};
use crate::engine::Next;
use crate::error::{Error, Result, Status};
use crate::wire::CopyRead;

/// How the rows of a COPY are read.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum CopyFormat {
    /// COPY's text format: the values as text, escapes undone. Refused with WAL_E_INVALID_ARGUMENT where client_encoding, or
    /// ENCODING in the statement, is SJIS, SHIFT_JIS_2004, BIG5, GBK, UHC, GB18030 or JOHAB.
    WAL_COPY_TEXT = 0,
    /// COPY's binary format: the values in the binary forms of their types.
    WAL_COPY_BINARY = 1,
    /// Each row undivided, as one value with the newline behind it: CSV, or text with a DELIMITER of its own.
    WAL_COPY_LINES = 2,
}

/// A `COPY … TO STDOUT` over a wal_connection, whose rows are being read. It and its connection are freed in any order: once the
/// connection is, the COPY gives WAL_E_STATE.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_copy {
    connection: Arc<Shared>,
    number: u64,
}

/// Begins a `COPY … TO STDOUT`. Its rows come in batches, as the program asks for them: nothing is read from the server in
/// between, so that memory stays flat however many there are. Until it is over or freed, other calls on the connection
/// give WAL_E_STATE.
///
/// @param[in,out] connection to use
/// @param[in] sql the statement, which names the format too: `COPY (SELECT …) TO STDOUT (FORMAT binary)`
/// @param[in] format a `wal_copy_format`, which must be the statement's
/// @param[in] timeout_ms -1 waits as long as the first row takes
/// @param[out] out the COPY, owned by the caller: wal_copy_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED: the server has cancelled it; WAL_END (the connection is being freed);
/// WAL_E_INVALID_ARGUMENT: it is no COPY towards the client, or in another format; WAL_E_STATE; what else went wrong. The
/// connection stays of use but for WAL_E_CONNECTION_LOST
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_copy_open(
    connection: *mut wal_connection,
    sql: *const c_char,
    format: i32,
    timeout_ms: i32,
    out: *mut *mut wal_copy,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle, a terminated text; `out` was checked not to be NULL.
        unsafe {
            let (sql, how) = (text(sql, "sql")?, read_as(format)?);
            let connection = share(connection)?;
            connection.alone(|it| {
                let next = it.copy_open(sql, how, duration(timeout_ms))?;
                let status = outcome(&next);
                if let Next::Ready(number) = next {
                    let connection = Arc::clone(&connection);
                    out.write(Box::into_raw(Box::new(wal_copy { connection, number })));
                }
                Ok(status)
            })
        }
    }))
}

/// The next rows of a COPY: all that are there, up to 256 KiB, at least one. A row that is longer comes alone, up to
/// PostgreSQL's limit of 1 GiB. wal_rows_value gives the values; the columns have no names.
///
/// @param[in,out] copy to read from
/// @param[in] timeout_ms -1 waits for ever, 0 does not wait
/// @param[out] out the rows, owned by the caller: wal_rows_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT, WAL_INTERRUPTED: the COPY goes on, and nothing is lost; WAL_END: all rows came; WAL_E_STATE: the
/// connection is being freed, or was, and rows may be left; the server's error, after the rows before it, and again at each further call. Behind the end and
/// behind an error of the server the connection is free for the next command
/// @par Thread safety
/// one thread at a time for the connection, any thread; a second one gets WAL_E_BUSY
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_copy_next_batch(
    copy: *mut wal_copy,
    timeout_ms: i32,
    out: *mut *mut wal_rows,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle; `out` was checked not to be NULL.
        unsafe {
            let copy = reference(copy.cast_const(), "copy")?;
            copy.connection.alone(|connection| {
                let next = connection.copy_next(copy.number, duration(timeout_ms))?;
                let status = outcome(&next);
                if let Next::Ready(rows) = next {
                    out.write(Box::into_raw(Box::new(wal_rows::copied(rows))));
                }
                Ok(status)
            })
        }
    }))
}

/// Ends a COPY. Where rows are left the server is asked to cancel it; the connection is free for the next command then, or
/// lost if the server does not answer within seconds. Rows that were given live on.
///
/// @param copy may be NULL
/// @par Thread safety
/// once, from any thread, while nobody is inside the connection; before it is freed, or after
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_copy_free(copy: *mut wal_copy) {
    boundary!(neutral((); {
        if !copy.is_null() {
            // SAFETY: made by `wal_copy_open`; the contract: freed once.
            unsafe {
                let copy = Box::from_raw(copy);
                let closed = copy.connection.alone(|connection| {
                    connection.copy_close(copy.number)?;
                    Ok(Status::WAL_OK)
                });
                // What went wrong shows at the next command: the connection is lost.
                drop(closed);
            }
        }
    }));
}

fn read_as(format: i32) -> Result<CopyRead> {
    const TEXT: i32 = CopyFormat::WAL_COPY_TEXT as i32;
    const BINARY: i32 = CopyFormat::WAL_COPY_BINARY as i32;
    const LINES: i32 = CopyFormat::WAL_COPY_LINES as i32;
    match format {
        TEXT => Ok(CopyRead::Text),
        BINARY => Ok(CopyRead::Binary),
        LINES => Ok(CopyRead::Pieces),
        other => Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("no COPY has the format {other}"))
            .with_hint("Give WAL_COPY_TEXT, WAL_COPY_BINARY or WAL_COPY_LINES.")),
    }
}
