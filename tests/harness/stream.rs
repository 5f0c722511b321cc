//! The handles of the C API, owned: options, stream, batch, error. Safe to use, and otherwise as thin as can be.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ptr;
use std::sync::{Arc, Mutex};

use super::abi::{self, wal_batch, wal_error, wal_event, wal_options, wal_stats, wal_status, wal_stream};
use super::view::{Event, Kind, Seen};
use pgwalstream::error::Status;

/// A failed call: its status and all that the error object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: Status,
    pub message: String,
    pub detail: String,
    pub hint: String,
    pub sqlstate: String,
    pub os_errno: i32,
    pub is_retriable: bool,
    pub is_fatal: bool,
}

pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Takes the error object of a call that returned `status`.
    pub fn take(status: wal_status, error: *mut wal_error) -> Self {
        assert!(!error.is_null(), "status {status} without an error object");
        // SAFETY: a live error object; the texts live as long as it does.
        unsafe {
            let it = Self {
                status: Status::from_code(status).unwrap_or_else(|| panic!("unknown status {status}")),
                message: text(abi::wal_error_message(error)),
                detail: text(abi::wal_error_detail(error)),
                hint: text(abi::wal_error_hint(error)),
                sqlstate: text(abi::wal_error_sqlstate(error)),
                os_errno: abi::wal_error_os_errno(error),
                is_retriable: abi::wal_error_is_retriable(error) != 0,
                is_fatal: abi::wal_error_is_fatal(error) != 0,
            };
            assert_eq!(abi::wal_error_code(error), status, "the error's code is what the call returned");
            assert_eq!(text(abi::wal_error_name(error)), it.status.name());
            abi::wal_error_free(error);
            it
        }
    }
}

/// Text made by the library: never NULL, UTF-8, terminated.
pub fn text(pointer: *const c_char) -> String {
    assert!(!pointer.is_null(), "the library's texts are never NULL");
    // SAFETY: terminated by NUL, as the header says.
    unsafe { CStr::from_ptr(pointer) }.to_str().expect("UTF-8").to_owned()
}

/// Calls with an error object; a status above 0 comes back as it is.
pub fn call(work: impl FnOnce(*mut *mut wal_error) -> wal_status) -> Outcome<Status> {
    let mut error = ptr::dangling_mut();
    let status = work(&raw mut error);
    if status < 0 {
        return Err(Failure::take(status, error));
    }
    assert!(error.is_null(), "the error is written on every path");
    Ok(Status::from_code(status).expect("a known status"))
}

/// Options of a stream, and whether the test has chosen its backend.
pub struct Options(*mut wal_options, Cell<bool>);

// SAFETY: plain memory; the library ties it to no thread.
unsafe impl Send for Options {}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        let mut it = ptr::null_mut();
        // SAFETY: out-parameters of this frame.
        call(|err| unsafe { abi::wal_options_new(&raw mut it, err) }).unwrap();
        Self(it, Cell::new(false))
    }

    /// The handle, for calls that have no wrapper.
    pub fn raw(&self) -> *mut wal_options {
        self.0
    }

    /// What every stream needs.
    pub fn stream(conninfo: &str, slot: &str, publication: &str) -> Self {
        Self::new().with("conninfo", conninfo).with("slot", slot).with("publication", publication)
    }

    /// Sets an option that is known to be good.
    #[track_caller]
    pub fn with(self, key: &str, value: &str) -> Self {
        self.set(key, Some(value)).unwrap_or_else(|failure| panic!("{key}={value}: {failure:?}"));
        self
    }

    /// Sets an option.
    pub fn set(&self, key: &str, value: Option<&str>) -> Outcome<()> {
        if key == "backend" {
            self.1.set(true);
        }
        let key = CString::new(key).unwrap();
        let value = value.map(|value| CString::new(value).unwrap());
        let value = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
        // SAFETY: live options and terminated texts.
        call(|err| unsafe { abi::wal_options_set(self.0, key.as_ptr(), value, err) }).map(drop)
    }

    /// Reads an option.
    pub fn get(&self, key: &str) -> Outcome<String> {
        let key = CString::new(key).unwrap();
        let mut out = ptr::null();
        // SAFETY: live options and a terminated text; the answer is copied before the next call.
        call(|err| unsafe { abi::wal_options_get(self.0, key.as_ptr(), &raw mut out, err) })?;
        Ok(text(out))
    }

    /// Sets a log callback. `userdata` must stay good as long as streams of these options live.
    pub fn log(self, level: i32, callback: abi::wal_log_callback, userdata: *mut std::ffi::c_void) -> Self {
        // SAFETY: live options; the caller answers for the userdata.
        call(|err| unsafe { abi::wal_options_set_log(self.0, level, callback, userdata, err) }).unwrap();
        self
    }

    /// Collects warnings and errors.
    pub fn with_log(self, into: &Arc<Mutex<Vec<(i32, String)>>>) -> Self {
        unsafe extern "C" fn collect(
            userdata: *mut std::ffi::c_void,
            level: i32,
            _: *const c_char,
            message: *const c_char,
        ) {
            // SAFETY: what was leaked below; the text lives as long as this call.
            let (log, message) = unsafe {
                let log = &*userdata.cast_const().cast::<Mutex<Vec<(i32, String)>>>();
                (log, CStr::from_ptr(message).to_bytes())
            };
            log.lock().unwrap().push((level, String::from_utf8_lossy(message).into_owned()));
        }
        // Leaked: a stream of these options may outlive everything here.
        let userdata = Arc::into_raw(Arc::clone(into)).cast_mut();
        self.log(2, Some(collect), userdata.cast())
    }

    /// Puts the backend under test under it, unless the test has chosen one.
    fn choose_backend(&self) {
        if !self.1.get() {
            self.set("backend", Some(super::backend::wanted())).unwrap();
        }
    }

    /// Connects.
    pub fn open(&self) -> Outcome<Stream> {
        self.choose_backend();
        let mut it = ptr::dangling_mut();
        // SAFETY: live options, out-parameters of this frame.
        let opened = call(|err| unsafe { abi::wal_stream_open(self.0, &raw mut it, err) });
        if opened.is_err() {
            assert!(it.is_null(), "a failed open writes NULL");
        }
        opened.map(|status| {
            assert_eq!(status, Status::WAL_OK);
            Stream(it)
        })
    }

    /// Connects behind a position.
    pub fn open_after(&self, position: &abi::wal_position) -> Outcome<Stream> {
        let stream = self.new_stream()?;
        stream.resume_after(position)?;
        stream.connect(-1)?;
        Ok(stream)
    }

    /// Replays a capture.
    pub fn replay(&self, path: &std::path::Path) -> Outcome<Stream> {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let mut it = ptr::dangling_mut();
        // SAFETY: live options and a terminated text, out-parameters of this frame.
        let opened = call(|err| unsafe { abi::wal_replay_open(path.as_ptr(), self.0, &raw mut it, err) });
        if opened.is_err() {
            assert!(it.is_null(), "a failed open writes NULL");
        }
        opened.map(|_| Stream(it))
    }

    /// Replays a capture that is in several files.
    pub fn replay_files(&self, paths: &[std::path::PathBuf]) -> Outcome<Stream> {
        let paths: Vec<CString> =
            paths.iter().map(|it| CString::new(it.to_str().unwrap()).unwrap()).collect();
        let paths: Vec<*const c_char> = paths.iter().map(|it| it.as_ptr()).collect();
        let mut it = ptr::dangling_mut();
        // SAFETY: live options and terminated texts, out-parameters of this frame.
        let opened = call(|err| unsafe {
            abi::wal_replay_open_files(paths.as_ptr(), paths.len(), self.0, &raw mut it, err)
        });
        opened.map(|_| Stream(it))
    }

    /// A stream that is not connected.
    pub fn new_stream(&self) -> Outcome<Stream> {
        self.choose_backend();
        let mut it = ptr::null_mut();
        // SAFETY: live options, out-parameters of this frame.
        call(|err| unsafe { abi::wal_stream_new(self.0, &raw mut it, err) })?;
        Ok(Stream(it))
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { abi::wal_options_free(self.0) };
    }
}

/// A stream.
pub struct Stream(*mut wal_stream);

// SAFETY: the header, "Threads": any thread may call, one at a time for what borrows; the library detects a second one.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

/// What `next` came to.
pub enum Next<'s> {
    Event(Event<'s>),
    Nothing(Status),
}

impl Stream {
    /// The handle, for calls that have no wrapper.
    pub fn raw(&self) -> *mut wal_stream {
        self.0
    }

    /// Connects a stream made by `new_stream`.
    pub fn connect(&self, timeout_ms: i32) -> Outcome<Status> {
        // SAFETY: a live stream.
        call(|err| unsafe { abi::wal_stream_connect(self.0, timeout_ms, err) })
    }

    /// The next event, borrowed until the next call.
    pub fn next(&mut self, timeout_ms: i32) -> Outcome<Next<'_>> {
        let mut out = ptr::dangling();
        // SAFETY: a live stream, out-parameters of this frame.
        let status = call(|err| unsafe { abi::wal_stream_next(self.0, timeout_ms, &raw mut out, err) });
        if status != Ok(Status::WAL_OK) {
            assert!(out.is_null(), "without an event the out-parameter is NULL");
            return status.map(Next::Nothing);
        }
        // SAFETY: good until the next call that takes `&mut self`.
        Ok(Next::Event(unsafe { Event::new(out) }))
    }

    /// `next` for threads that contend: only what it came to.
    pub fn next_status(&self, timeout_ms: i32) -> Outcome<Status> {
        let mut out = ptr::null();
        // SAFETY: a live stream; the event is not looked at.
        call(|err| unsafe { abi::wal_stream_next(self.0, timeout_ms, &raw mut out, err) })
    }

    /// All that is ready; `Err(Ok(status))` is an outcome without data.
    pub fn batch(&self, timeout_ms: i32) -> Result<Batch, Outcome<Status>> {
        let mut out = ptr::dangling_mut();
        // SAFETY: a live stream, out-parameters of this frame.
        let status = call(|err| unsafe { abi::wal_stream_next_batch(self.0, timeout_ms, &raw mut out, err) });
        if status != Ok(Status::WAL_OK) {
            assert!(out.is_null(), "without a batch the out-parameter is NULL");
            return Err(status);
        }
        Ok(Batch(out))
    }

    /// Has a stream that is not connected go on behind a position.
    pub fn resume_after(&self, position: &abi::wal_position) -> Outcome<()> {
        // SAFETY: a live stream and a position of the caller's.
        call(|err| unsafe { abi::wal_stream_resume_after(self.0, position, err) }).map(drop)
    }

    /// Acknowledges everything up to a position.
    pub fn ack(&self, lsn: u64) -> Outcome<()> {
        // SAFETY: a live stream.
        call(|err| unsafe { abi::wal_stream_ack(self.0, lsn, err) }).map(drop)
    }

    /// Reports the acknowledgement at once.
    pub fn flush(&self, timeout_ms: i32) -> Outcome<Status> {
        // SAFETY: a live stream.
        call(|err| unsafe { abi::wal_stream_flush(self.0, timeout_ms, err) })
    }

    /// The descriptor to poll.
    pub fn fd(&self) -> i32 {
        // SAFETY: a live stream.
        unsafe { abi::wal_stream_fd(self.0) }
    }

    /// Whether poll(2) finds the descriptor readable within a time.
    pub fn is_readable(&self, timeout_ms: i32) -> bool {
        let mut poll = libc::pollfd { fd: self.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd of this frame.
        unsafe { libc::poll(&raw mut poll, 1, timeout_ms) == 1 }
    }

    pub fn interrupt(&self) {
        // SAFETY: a live stream.
        unsafe { abi::wal_stream_interrupt(self.0) };
    }

    pub fn interrupt_clear(&self) {
        // SAFETY: a live stream.
        unsafe { abi::wal_stream_interrupt_clear(self.0) };
    }

    /// The counters.
    pub fn stats(&self) -> wal_stats {
        let mut out = wal_stats::default();
        // SAFETY: a live stream and a struct of the size that is told.
        call(|err| unsafe { abi::wal_stream_stats(self.0, &raw mut out, size_of_val(&out), err) }).unwrap();
        out
    }

    /// How far the snapshot is.
    pub fn snapshot_progress(&self) -> abi::wal_snapshot_progress {
        let mut out = abi::wal_snapshot_progress::default();
        // SAFETY: a live stream and a struct of the size that is told.
        call(|err| unsafe {
            abi::wal_stream_snapshot_progress(self.0, &raw mut out, size_of_val(&out), err)
        })
        .unwrap();
        out
    }

    /// What was last seen of the slot's health.
    pub fn slot_health(&self) -> Result<abi::wal_health, Outcome<Status>> {
        let mut out = abi::wal_health::default();
        // SAFETY: a live stream and a struct of the size that is told.
        match call(|err| unsafe { abi::wal_stream_slot_health(self.0, &raw mut out, size_of_val(&out), err) })
        {
            Ok(Status::WAL_OK) => Ok(out),
            other => Err(other),
        }
    }

    /// Reads until an event satisfies `is_last`, copying each. Progress is left out: it comes by the clock.
    #[track_caller]
    pub fn read_until(&mut self, mut is_last: impl FnMut(&Seen) -> bool) -> Vec<Seen> {
        let mut all: Vec<Seen> = Vec::new();
        loop {
            match self.next(super::PATIENCE.as_millis() as i32) {
                Ok(Next::Event(event)) if event.kind() == Kind::Progress => {}
                Ok(Next::Event(event)) => {
                    let seen = event.copy();
                    let last = is_last(&seen);
                    all.push(seen);
                    if last {
                        return all;
                    }
                }
                Ok(Next::Nothing(status)) => panic!("{status:?} after {} events: {}", all.len(), lines(&all)),
                Err(failure) => panic!("{failure:?} after {} events: {}", all.len(), lines(&all)),
            }
        }
    }

    /// Reads to the end of the n-th transaction from here.
    #[track_caller]
    pub fn read_transactions(&mut self, n: usize) -> Vec<Seen> {
        let mut left = n;
        self.read_until(|event| {
            left -= usize::from(event.kind == Kind::Commit);
            left == 0
        })
    }

    /// Reads to the end of the transaction in which this text was emitted by `pg_logical_emit_message(true, …)`.
    #[track_caller]
    pub fn read_to_error(&mut self) -> (Vec<Seen>, Failure) {
        let mut all = Vec::new();
        loop {
            match self.next(super::PATIENCE.as_millis() as i32) {
                Ok(Next::Event(event)) => all.push(event.copy()),
                Ok(Next::Nothing(status)) => panic!("{status:?} instead of an error after: {}", lines(&all)),
                Err(failure) => return (all, failure),
            }
        }
    }

    /// Nothing but progress comes for a while.
    #[track_caller]
    pub fn expect_quiet(&mut self, timeout_ms: i32) {
        loop {
            match self.next(timeout_ms).unwrap() {
                Next::Event(event) if event.kind() == Kind::Progress => {}
                Next::Event(event) => panic!("unexpected: {}", event.copy().line),
                Next::Nothing(status) => return assert_eq!(status, Status::WAL_TIMEOUT),
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { abi::wal_stream_free(self.0) };
    }
}

/// A batch.
pub struct Batch(*mut wal_batch);

// SAFETY: the header, "Threads": read and freed on any thread.
unsafe impl Send for Batch {}
// SAFETY: read-only.
unsafe impl Sync for Batch {}

impl Batch {
    /// Its events.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let (first, count) = self.raw_events();
        // SAFETY: within the array, which lives as long as the batch.
        (0..count).map(move |at| unsafe { Event::new(first.add(at)) })
    }

    /// How far a program has come that has all of it.
    pub fn position(&self) -> abi::wal_position {
        // SAFETY: a live batch.
        unsafe { abi::wal_batch_position(self.0) }
    }

    /// The first of its events, which follow each other, and how many there are.
    pub fn raw_events(&self) -> (*const wal_event, usize) {
        let mut count = 0;
        // SAFETY: a live batch, an out-parameter of this frame.
        let first = unsafe { abi::wal_batch_events(self.0, &raw mut count) };
        (first, count)
    }

    /// The highest position that may be acknowledged.
    pub fn ack_lsn(&self) -> u64 {
        // SAFETY: a live batch.
        unsafe { abi::wal_batch_ack_lsn(self.0) }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { abi::wal_batch_free(self.0) };
    }
}

/// A copy of one event that outlives everything.
pub struct Clone(*mut wal_event, PhantomData<wal_event>);

// SAFETY: as for a batch.
unsafe impl Send for Clone {}

impl Clone {
    pub fn of(event: Event<'_>) -> Self {
        let mut out = ptr::null_mut();
        // SAFETY: a live event, out-parameters of this frame.
        call(|err| unsafe { abi::wal_event_clone(event.raw(), &raw mut out, err) }).unwrap();
        Self(out, PhantomData)
    }

    pub fn event(&self) -> Event<'_> {
        // SAFETY: lives as long as `self`.
        unsafe { Event::new(self.0) }
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { abi::wal_event_free(self.0) };
    }
}

/// Events as lines, for messages.
pub fn lines(events: &[Seen]) -> String {
    let shown: Vec<&str> = events.iter().rev().take(20).rev().map(|event| event.line.as_str()).collect();
    format!("[…] {}", shown.join("\n"))
}
