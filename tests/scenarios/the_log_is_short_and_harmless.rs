//! The log callback: it gets the levels that were asked for, from parts of the library with known names, no more for a
//! hundred thousand events than for one; it may not call back into a stream, and may ask for all streams' numbers.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::harness::{Database, Kind, Options, Server, Stream, abi, eventually};
use pgwalstream::error::Status;

/// What a callback was given.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<(i32, String, String)>>,
    /// A stream to call back into, or null.
    stream: AtomicPtr<abi::wal_stream>,
    refused: AtomicU64,
}

impl Log {
    fn options(&self, options: Options, level: i32) -> Options {
        options.log(level, Some(note), std::ptr::from_ref(self).cast_mut().cast())
    }

    fn lines(&self) -> Vec<(i32, String, String)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

unsafe extern "C" fn note(userdata: *mut c_void, level: i32, target: *const c_char, message: *const c_char) {
    // SAFETY: the test keeps it as long as its streams.
    let log = unsafe { &*userdata.cast::<Log>() };
    // SAFETY: the texts live as long as this call.
    let [target, message] =
        [target, message].map(|it| unsafe { CStr::from_ptr(it).to_str().expect("UTF-8").to_owned() });
    log.lines.lock().unwrap_or_else(PoisonError::into_inner).push((level, target, message));
    call_back(log);
}

/// Every function that enters a stream is refused at once, whichever thread this is.
fn call_back(log: &Log) {
    let stream = log.stream.load(Ordering::SeqCst);
    if stream.is_null() {
        return;
    }
    let no_error = std::ptr::null_mut();
    let (mut event, mut batch, mut length) = (std::ptr::dangling(), std::ptr::dangling_mut(), 0);
    let mut stats = abi::wal_stats::default();
    // SAFETY: the stream lives until the test takes the pointer back; out-parameters of this frame.
    unsafe {
        for status in [
            abi::wal_stream_ack(stream, 0, no_error),
            abi::wal_stream_flush(stream, -1, no_error),
            abi::wal_stream_next(stream, -1, &raw mut event, no_error),
            abi::wal_stream_next_batch(stream, -1, &raw mut batch, no_error),
            abi::wal_stream_connect(stream, -1, no_error),
            abi::wal_stream_stats(stream, &raw mut stats, size_of_val(&stats), no_error),
        ] {
            assert_eq!(status, Status::WAL_E_BUSY as i32);
        }
        assert!(event.is_null() && batch.is_null());
        // What enters no stream works.
        assert_eq!(abi::wal_stats_prometheus(std::ptr::null_mut(), 0, &raw mut length, no_error), 0);
        assert!(length > 0);
    }
    log.refused.fetch_add(1, Ordering::SeqCst);
}

fn table(db: &mut Database<'_>) -> Options {
    // A table of which there is nothing to warn.
    db.run(
        "CREATE TABLE t (id int); ALTER TABLE t REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "100ms")
}

/// Reads at least so many rows, then flushes, which logs.
fn read(stream: &mut Stream, rows: usize) {
    let mut left = rows;
    while left > 0 {
        let batch = stream.batch(60_000).unwrap_or_else(|it| panic!("{it:?}"));
        // What was acknowledged last may come again after the connection was lost.
        let rows = batch.events().filter(|event| event.fields().kind == Kind::Insert as u32).count();
        left = left.saturating_sub(rows);
        stream.ack(batch.ack_lsn()).unwrap();
    }
    assert_eq!(stream.flush(60_000), Ok(Status::WAL_OK));
}

#[test]
fn a_callback_that_calls_back_is_refused_by_every_function() {
    let mut db = Server::shared(18).database();
    let log = Log::default();
    let options = log.options(table(&mut db), 4);
    let mut stream = options.open().unwrap();
    log.stream.store(stream.raw(), Ordering::SeqCst);
    db.run("INSERT INTO t VALUES (1)");
    read(&mut stream, 1);
    eventually("the engine called back", || {
        stream.flush(60_000).unwrap();
        log.refused.load(Ordering::SeqCst) > 3
    });
    log.stream.store(std::ptr::null_mut(), Ordering::SeqCst);
    // Whoever is inside has the pointer still.
    thread::sleep(Duration::from_millis(200));
    assert_eq!(stream.stats().acked_lsn, stream.stats().delivered_lsn, "and the stream goes on");
    drop(stream);
    let after = log.lines().len();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(log.lines().len(), after, "nothing is logged once the stream is freed");
}

#[test]
fn the_log_does_not_grow_with_the_traffic() {
    let mut db = Server::shared(18).database();
    let log = Log::default();
    let options = log.options(table(&mut db), 4);
    let mut stream = options.open().unwrap();
    db.run("INSERT INTO t SELECT generate_series(1, 100000)");
    for _ in 0..100 {
        db.run("INSERT INTO t VALUES (1)");
    }
    read(&mut stream, 100_100);
    let updates = stream.stats().status_updates;
    drop(stream);
    let lines = log.lines();
    let targets: BTreeSet<&str> = lines.iter().map(|(_, target, _)| target.as_str()).collect();
    assert_eq!(targets, BTreeSet::from(["connect", "feedback"]), "{lines:?}");
    let feedback = lines.iter().filter(|(_, target, _)| target == "feedback").count() as u64;
    assert!(feedback >= updates && feedback <= updates + 20, "{feedback} for {updates} updates");
    assert!(lines.len() as u64 - feedback < 20, "{lines:?}");
    assert!(lines.iter().all(|(_, _, message)| !message.is_empty()));
}

/// Each level brings what it says and what matters more, and 1 hears of nothing but the end.
#[test]
fn a_level_bounds_what_comes() {
    let mut db = Server::shared(18).database();
    let options = table(&mut db).with("reconnect", "off");
    let mut counts = Vec::new();
    let mut options = Some(options);
    for level in 1..=4 {
        let log = Log::default();
        let with_log = log.options(options.take().unwrap(), level);
        let mut stream = with_log.open().unwrap();
        db.run("INSERT INTO t VALUES (1)");
        read(&mut stream, 1);
        db.run(&format!("SELECT pg_terminate_backend({})", stream.stats().backend_pid));
        stream.read_to_error();
        drop(stream);
        db.released(&with_log.get("slot").unwrap());
        let lines = log.lines();
        assert!(lines.iter().all(|(of, _, _)| (1..=level).contains(of)), "{level}: {lines:?}");
        let errors: Vec<_> = lines.iter().filter(|(of, _, _)| *of == 1).collect();
        assert!(
            matches!(errors[..], [(_, target, message)] if target == "stream" && message.contains("WAL_E_")),
            "{lines:?}"
        );
        counts.push(lines.len());
        // The last log's pointer goes with it.
        options = Some(with_log.log(level, None, std::ptr::null_mut()));
    }
    assert!(counts[0] < counts[2] && counts[2] < counts[3], "{counts:?}");
}
