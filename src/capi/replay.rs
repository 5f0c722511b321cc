//! A capture file as a stream.

use std::ffi::c_char;
use std::path::PathBuf;

use super::boundary::{boundary, not_null, text};
use super::stream::boxed;
use super::{wal_error, wal_options, wal_status, wal_stream};
use crate::engine::{Logger, Stream};
use crate::error::{Result, Status};
use crate::options::Options;

/// Opens a capture (option capture_file) as a stream that needs no server. It gives the same events as the captured
/// stream, RECONNECTED among them. Exception: PROGRESS comes by the clock and is left out. Then comes WAL_END, or the error
/// that the server's bytes ended with.
/// Two replays give the same events and values, whatever the bounds of their batches.
/// All of wal_stream_next, wal_stream_next_batch, wal_stream_fd, wal_stream_ack, wal_stream_stats and
/// wal_stream_free work on it; wal_stream_flush has nobody to report to and is done at once, wal_stream_connect
/// answers WAL_E_STATE.
///
/// A capture that was cut or changed gives every event of its undamaged blocks. Then comes WAL_E_CAPTURE, whose message
/// names the offset.
///
/// @param[in] path of the capture
/// @param[in] options copied; may be NULL; replay_pace, ack, queue_bytes, batch_events, batch_bytes, batch_boundary and the log
/// callback count, and with streaming "assembled" assemble_memory, assemble_disk, spill_directory and spill_min_free; decode,
/// plugin, on_gap, stop_lsn, dedupe and streaming "assembled" are as in the captured stream if they are not set; the others,
/// which are of a connection, do not count
/// @param[out] out the stream, owned by the caller: wal_stream_free; NULL on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_CAPTURE: the file cannot be opened, is no capture, or is damaged before its first record;
/// WAL_E_BAD_OPTION; WAL_E_SYSTEM; WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_replay_open(
    path: *const c_char,
    options: *const wal_options,
    out: *mut *mut wal_stream,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a text that ends with NUL.
        let path = PathBuf::from(unsafe { text(path, "path") }?);
        // SAFETY: the contract: NULL or live options.
        let made = boxed(replay(&[path], unsafe { options.as_ref() })?)?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(made) };
        Ok(Status::WAL_OK)
    }))
}

/// Opens a capture that is in several files (option capture_rotate) as wal_replay_open opens one in one: events go on over
/// the ends of files.
///
/// Only one file is open at a time. Where a file is missing, stands in another order, or is of another capture, the stream
/// gives what comes before and then WAL_E_CAPTURE.
///
/// @param[in] paths of the files, in the order in which they were written, from the first on
/// @param[in] n how many, at least 1
/// @param[in] options copied; may be NULL; see wal_replay_open
/// @param[out] out the stream, owned by the caller: wal_stream_free; NULL on an error
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; as wal_replay_open; WAL_E_INVALID_ARGUMENT: no path, or one is NULL
/// @par Thread safety
/// any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_replay_open_files(
    paths: *const *const c_char,
    n: usize,
    options: *const wal_options,
    out: *mut *mut wal_stream,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        not_null(paths, "paths")?;
        // SAFETY: the contract: `n` pointers; checked not to be NULL.
        let given = unsafe { std::slice::from_raw_parts(paths, n) };
        // SAFETY: the contract: texts that end with NUL.
        let all = given.iter().map(|path| unsafe { text(*path, "path") }.map(PathBuf::from));
        let all = all.collect::<Result<Vec<_>>>()?;
        // SAFETY: the contract: NULL or live options.
        let made = boxed(replay(&all, unsafe { options.as_ref() })?)?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(made) };
        Ok(Status::WAL_OK)
    }))
}

fn replay(paths: &[PathBuf], options: Option<&wal_options>) -> Result<Stream> {
    match options {
        Some(given) => Stream::replay(paths, &given.options, given.logger.clone()),
        None => Stream::replay(paths, &Options::new(), Logger::default()),
    }
}
