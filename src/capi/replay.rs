//! A capture file as a stream.

use std::ffi::c_char;
use std::path::Path;

use super::boundary::{boundary, text};
use super::stream::boxed;
use super::{wal_error, wal_options, wal_status, wal_stream};
use crate::engine::{Logger, Stream};
use crate::error::Status;
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
/// @param[in] options copied; may be NULL; replay_pace, ack, queue_bytes, batch_events, batch_bytes and the log callback
/// count; decode, on_gap and stop_lsn are as in the captured stream if they are not set; the others, which are of a
/// connection, do not count
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
        let path = Path::new(unsafe { text(path, "path") }?);
        // SAFETY: the contract: NULL or live options.
        let made = match unsafe { options.as_ref() } {
            Some(given) => Stream::replay(path, &given.options, given.logger.clone()),
            None => Stream::replay(path, &Options::new(), Logger::default()),
        };
        let made = boxed(made?)?;
        // SAFETY: checked not to be NULL.
        unsafe { out.write(made) };
        Ok(Status::WAL_OK)
    }))
}
