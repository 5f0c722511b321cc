//! The stream handle.

use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use super::boundary::{boundary, reference};
use super::gate::Gate;
use super::{wal_error, wal_options, wal_status};
use crate::batch::{Batch, Event};
use crate::engine::{Next, Shared, Stream};
use crate::error::{Result, Status};

/// A stream of changes.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_stream {
    gate: Gate,
    shared: Arc<Shared>,
    stream: UnsafeCell<ManuallyDrop<Stream>>,
}

/// Makes a stream that is not connected yet, so that another thread or a signal handler can interrupt connecting.
///
/// @param[in] options copied
/// @param[out] out the stream, owned by the caller: wal_stream_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_BAD_OPTION (one that is required is not set), WAL_E_CONNINFO, WAL_E_NOT_BUILT,
/// WAL_E_SYSTEM
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_new(
    options: *const wal_options,
    out: *mut *mut wal_stream,
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

/// Connects, checks that server, slot and publications are as they must be, and starts the stream. After an error or
/// an interrupt the stream can be connected again.
///
/// @param[in,out] stream to connect
/// @param[in] timeout_ms -1 waits as long as it takes
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_INTERRUPTED; WAL_E_CONNECT_TIMEOUT; what went wrong: each reason has its status, and a hint
/// that names the fix
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_connect(
    stream: *mut wal_stream,
    timeout_ms: i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { exclusive_use(stream, |stream| Ok(outcome(&stream.connect(duration(timeout_ms))?))) }
    }))
}

/// wal_stream_new and wal_stream_connect without a timeout, for those who need no way to cancel it.
///
/// @param[in] options copied
/// @param[out] out the stream, owned by the caller: wal_stream_free; NULL on an error
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_stream_new and wal_stream_connect
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_open(
    options: *const wal_options,
    out: *mut *mut wal_stream,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: live options.
        let made = make(unsafe { reference(options, "options") }?)?;
        // SAFETY: made just now.
        match unsafe { exclusive_use(made, |stream| Ok(outcome(&stream.connect(None)?))) } {
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

/// The next event, in the order of the commits.
///
/// @param[in,out] stream to read from
/// @param[in] timeout_ms -1 waits for ever, 0 does not wait
/// @param[out] out the event, borrowed until the next call on this stream that takes a non-const wal_stream *
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT; WAL_INTERRUPTED; WAL_END, or an error that ended the stream, after everything that came
/// before it was given, and again at each further call; WAL_E_STATE: not connected; WAL_E_BUSY; WAL_E_FORKED
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_next(
    stream: *mut wal_stream,
    timeout_ms: i32,
    out: *mut *const Event,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null(); {
        // SAFETY: the contract: a live handle.
        unsafe { exclusive_use(stream, |stream| {
            let next = stream.next_event(duration(timeout_ms))?;
            if let Next::Ready(event) = next {
                out.write(event);
            }
            Ok(outcome(&next))
        }) }
    }))
}

/// All that is ready, as one batch: read it without any further call, on any thread. First of all it gives what is
/// left of the batch that wal_stream_next walks through.
///
/// A batch ends where it is full or where nothing more has come: in the middle of a transaction too, and the next one begins
/// there. A program that saves position and state together does so behind an event with an ack_lsn, not behind a batch.
///
/// With option batch_boundary "transaction" a batch ends behind an event with an ack_lsn (COMMIT, PREPARE, COMMIT_PREPARED, …)
/// wherever its transaction fits into one: into batch_events, batch_bytes and queue_bytes. It then begins at a transaction's
/// beginning, and holds one or several of them whole. It ends elsewhere in three cases: its transaction does not fit; the
/// connection was lost, as RECONNECTED tells in the next one; or a block of a streamed transaction ends. So look at the last
/// event's ack_lsn before state and position are saved. A transaction is not given before all of it has come, or as much as
/// fits; wal_stream_next waits for that too. Since 0.2.0.
///
/// @param[in,out] stream to read from
/// @param[in] timeout_ms -1 waits for ever, 0 does not wait
/// @param[out] out the batch, owned by the caller: wal_batch_free
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_stream_next
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_next_batch(
    stream: *mut wal_stream,
    timeout_ms: i32,
    out: *mut *mut Batch,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a live handle.
        unsafe { exclusive_use(stream, |stream| {
            let next = stream.next_batch(duration(timeout_ms))?;
            let status = outcome(&next);
            if let Next::Ready(batch) = next {
                out.write(Box::into_raw(batch));
            }
            Ok(status)
        }) }
    }))
}

/// Says that everything up to a position is safe: the server may forget it, and will not send it again. Cumulative,
/// bounded by what was delivered, or by where the stream began; it goes back only where WAL_EVENT_RECONNECTED tells of another timeline, to where that
/// one began. The engine reports it to the server within status_interval; wal_stream_flush does at once. With ack=auto
/// both count, and the greater position holds.
///
/// @param[in] stream that the position is of
/// @param[in] lsn the ack_lsn of an event, any position below the last one, or where the stream began
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_ACK_BEYOND: it was not delivered yet, nothing changed; WAL_E_FORKED
/// @par Thread safety
/// any thread, any time; never ends the life of a borrowed event
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_ack(
    stream: *const wal_stream,
    lsn: u64,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { shared_use(stream, |shared| {
            shared.ack(lsn)?;
            Ok(Status::WAL_OK)
        }) }
    }))
}

/// Reports the acknowledged position to the server now, and waits until the report was written to the connection.
/// wal_stream_interrupt does not end this wait: give it a timeout.
///
/// @param[in] stream to report for
/// @param[in] timeout_ms -1 waits for ever
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT; WAL_E_STATE: not connected; the error that ended the stream
/// @par Thread safety
/// any thread, any time; never ends the life of a borrowed event
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_flush(
    stream: *const wal_stream,
    timeout_ms: i32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live handle.
        unsafe { shared_use(stream, |shared| {
            let done = shared.flush(duration(timeout_ms))?;
            Ok(if done { Status::WAL_OK } else { Status::WAL_TIMEOUT })
        }) }
    }))
}

/// A descriptor for poll, epoll or a library on top of them: readable while an event is ready, an interrupt is
/// pending or the stream has ended. Level-triggered and non-blocking; the same for the life of the stream. When it is
/// readable, call wal_stream_next or wal_stream_next_batch with timeout 0 until that answers WAL_TIMEOUT. Never read
/// it, write it or close it.
///
/// @param[in] stream may be NULL
/// @return the descriptor, which stays the stream's; -1 for NULL and in a forked child
/// @par Thread safety
/// any thread, any time
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_fd(stream: *const wal_stream) -> i32 {
    boundary!(neutral(-1; {
        // SAFETY: the contract: NULL or a live handle.
        match unsafe { stream.as_ref() } {
            Some(stream) if !stream.gate.is_forked_child() => stream.shared.ready_fd(),
            _ => -1,
        }
    }))
}

/// Makes the call that waits, or else the next one that would give something, return WAL_INTERRUPTED once.
///
/// @param stream may be NULL
/// @par Thread safety
/// any thread, any time, and signal handlers: it is async-signal-safe and keeps errno
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_interrupt(stream: *const wal_stream) {
    // Not inside the boundary's guard, whose thread-local storage a signal handler may not touch: nothing here can
    // panic.
    // SAFETY: the contract: NULL or a live handle.
    if let Some(stream) = unsafe { stream.as_ref() }
        && !stream.gate.is_forked_child()
    {
        stream.shared.interrupt();
    }
}

/// Takes back an interrupt that no call has consumed.
///
/// @param stream may be NULL
/// @par Thread safety
/// any thread, any time
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_interrupt_clear(stream: *const wal_stream) {
    boundary!(neutral((); {
        // SAFETY: the contract: NULL or a live handle.
        if let Some(stream) = unsafe { stream.as_ref() }
            && !stream.gate.is_forked_child()
        {
            stream.shared.interrupt_clear();
        }
    }));
}

/// Ends a stream: reports what was acknowledged last (as well as that goes within close_timeout; wal_stream_flush is
/// for who must know), says good-bye to the server and frees everything but what is owned apart: batches, clones,
/// relations and errors live on. A thread that waits inside a call is woken, gets WAL_END, and is waited for. What
/// was not acknowledged comes again when the slot is next streamed from.
///
/// In a forked child it only closes the child's copies of the descriptors; the parent goes on.
///
/// @param stream may be NULL
/// @par Thread safety
/// once, from any thread; every call after it is the caller's error
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_stream_free(stream: *mut wal_stream) {
    boundary!(neutral((); {
        if !stream.is_null() {
            // SAFETY: the contract: a live handle, freed once.
            unsafe { discard(stream) };
        }
    }));
}

fn make(options: &wal_options) -> Result<*mut wal_stream> {
    boxed(Stream::new(&options.options, options.logger.clone())?)
}

/// The handle of a stream.
pub(super) fn boxed(stream: Stream) -> Result<*mut wal_stream> {
    let gate = Gate::new("stream")?;
    Ok(Box::into_raw(Box::new(wal_stream {
        gate,
        shared: Arc::clone(stream.shared()),
        stream: UnsafeCell::new(ManuallyDrop::new(stream)),
    })))
}

/// Runs what needs the stream alone.
///
/// # Safety
/// `stream` is NULL or a live handle.
pub(super) unsafe fn exclusive_use(
    stream: *mut wal_stream,
    work: impl FnOnce(&mut Stream) -> Result<Status>,
) -> Result<Status> {
    // SAFETY: the caller's promise.
    let stream = unsafe { reference(stream.cast_const(), "stream") }?;
    // SAFETY: the gate admits one thread at a time, and nobody else touches the cell but freeing, which waits.
    stream.gate.exclusive(|| work(unsafe { &mut *stream.stream.get() }))
}

/// Runs what any number of threads may do at once.
///
/// # Safety
/// `stream` is NULL or a live handle.
pub(super) unsafe fn shared_use(
    stream: *const wal_stream,
    work: impl FnOnce(&Shared) -> Result<Status>,
) -> Result<Status> {
    // SAFETY: the caller's promise.
    let stream = unsafe { reference(stream, "stream") }?;
    stream.gate.shared(|| work(&stream.shared))
}

impl wal_stream {
    /// What the engine and the consumer share, for Rust that holds a handle of C's: the benches fill its queue.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A share of it, for a handle beside the stream; an error in a forked child.
    pub(super) fn share(&self) -> Result<Arc<Shared>> {
        self.gate.shared(|| Ok(Status::WAL_OK))?;
        Ok(Arc::clone(&self.shared))
    }
}

/// Ends a handle.
///
/// # Safety
/// A live handle, discarded once.
unsafe fn discard(stream: *mut wal_stream) {
    // SAFETY: the caller's promise.
    let handle = unsafe { &*stream };
    if handle.gate.is_forked_child() {
        // SAFETY: nobody else is in this process's copy; the box is leaked on purpose, since another thread of the
        // parent may have been inside it as the fork happened.
        unsafe { ManuallyDrop::take(&mut *handle.stream.get()) }.abandon();
        return;
    }
    handle.shared.begin_close();
    handle.gate.drain();
    // SAFETY: nobody is inside, and the contract says that nobody comes any more.
    let mut handle = unsafe { Box::from_raw(stream) };
    // SAFETY: taken once: the handle ends here.
    unsafe { ManuallyDrop::take(handle.stream.get_mut()) }.close();
}

pub(super) fn duration(timeout_ms: i32) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

pub(super) fn outcome<T>(next: &Next<T>) -> Status {
    match next {
        Next::Ready(_) => Status::WAL_OK,
        Next::TimedOut => Status::WAL_TIMEOUT,
        Next::Interrupted => Status::WAL_INTERRUPTED,
        Next::Ended => Status::WAL_END,
    }
}
