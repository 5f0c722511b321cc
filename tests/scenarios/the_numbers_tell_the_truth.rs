//! What a stream tells of itself: positions and lag as the acknowledgements move them, the same numbers for Prometheus,
//! and a text that lists every stream of the process without keeping any alive.

use std::ffi::c_char;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::stream::{call, text};
use crate::harness::{Failure, Metrics, Next, Options, Server, StopAtEnd, Stream, abi, eventually};
use pgwalstream::error::Status;

/// The text for Prometheus, the way the header shows it.
fn prometheus() -> String {
    let mut length = usize::MAX;
    // SAFETY: NULL asks for the length.
    call(|err| unsafe { abi::wal_stats_prometheus(ptr::null_mut(), 0, &raw mut length, err) }).unwrap();
    loop {
        let mut buffer = vec![b'x'; length + 1];
        match fill(&mut buffer, &mut length) {
            Ok(_) => {
                assert!(length < buffer.len() && buffer[length] == 0);
                return text(buffer.as_ptr().cast());
            }
            // Another test's stream came in between.
            Err(failure) => assert_eq!((failure.status, buffer[0]), (Status::WAL_E_OUT_OF_RANGE, 0)),
        }
    }
}

fn fill(buffer: &mut [u8], length: &mut usize) -> Result<Status, Failure> {
    let to = buffer.as_mut_ptr().cast::<c_char>();
    // SAFETY: the buffer is as long as is told.
    call(|err| unsafe { abi::wal_stats_prometheus(to, buffer.len(), length, err) })
}

/// A stream whose status updates leave only when they are asked for.
fn open(db: &mut crate::harness::Database<'_>) -> (Stream, String) {
    let slot = db.slot();
    let conninfo = format!("{} options='-c wal_sender_timeout=0'", db.conninfo());
    let stream = Options::stream(&conninfo, &slot, "pub").with("status_interval", "1h").open().unwrap();
    (stream, slot)
}

#[test]
fn lag_is_what_is_not_acknowledged() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let (mut stream, _) = open(&mut db);
    assert_eq!((stream.stats().lag_microseconds, stream.stats().reconnects), (0, 0));
    let begin = Instant::now();
    db.script("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2)");
    // Received is enough: the program has not been given anything yet.
    eventually("both transactions are received", || stream.stats().transactions == 2);
    let received = stream.stats();
    assert!(received.lag_microseconds > 0, "{received:?}");
    assert!(received.lag_bytes > 0 && received.lag_bytes <= received.server_wal_end, "{received:?}");
    assert_eq!((received.delivered_lsn, received.acked_lsn), (0, 0));

    let first = stream.read_transactions(1).pop().unwrap();
    thread::sleep(Duration::from_millis(300));
    let second = stream.read_transactions(1).pop().unwrap();
    let age = |of: i64| {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
        (now - 946_684_800_000_000 - of) as u64
    };
    // The age of the first's commit, read between two readings of the clock.
    let before = age(first.commit_time);
    let owing = stream.stats();
    assert!((before..=age(first.commit_time)).contains(&owing.lag_microseconds), "{owing:?}");
    assert!(
        owing.lag_microseconds >= 300_000
            && owing.lag_microseconds <= begin.elapsed().as_micros() as u64 + 1_000_000
    );
    assert_eq!(owing.delivered_lsn, second.ack_lsn);
    let safe = owing.acked_lsn.max(owing.reported_lsn).max(owing.confirmed_lsn);
    assert_eq!(owing.lag_bytes, owing.server_wal_end - safe);

    // The second is the oldest now.
    stream.ack(first.ack_lsn).unwrap();
    let before = age(second.commit_time);
    let half = stream.stats();
    assert!((before..=age(second.commit_time)).contains(&half.lag_microseconds), "{half:?}");
    assert!(half.lag_bytes < owing.lag_bytes && half.acked_lsn == first.ack_lsn, "{half:?}");
    stream.ack(second.ack_lsn).unwrap();
    assert_eq!(stream.stats().lag_microseconds, 0, "at once, and not at the next report");
    eventually("nothing is left once the server's position is reported", || {
        stream.flush(10_000).unwrap();
        stream.stats().lag_bytes == 0
    });
}

/// A message outside of transactions, a raw payload and a prepared transaction are owed as well.
#[test]
fn whatever_pins_the_slot_has_an_age() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slots = [db.slot(), db.slot()];
    let mut streams = [
        Options::stream(&db.conninfo(), &slots[0], "pub").with("messages", "on").open().unwrap(),
        Options::stream(&db.conninfo(), &slots[1], "pub")
            .with("messages", "on")
            .with("decode", "off")
            .open()
            .unwrap(),
    ];
    db.run("SELECT pg_logical_emit_message(false, 'a', 'message', true)");
    for stream in &mut streams {
        eventually("it is owed", || stream.stats().lag_microseconds > 0);
        assert!(stream.stats().lag_microseconds < 60_000_000, "{:?}", stream.stats());
        let batch = stream.batch(10_000).unwrap_or_else(|it| panic!("{it:?}"));
        stream.ack(batch.ack_lsn()).unwrap();
        assert_eq!(stream.stats().lag_microseconds, 0);
    }
}

#[test]
fn prometheus_gets_the_numbers_of_the_struct() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let (mut one, slot) = open(&mut db);
    let (other, other_slot) = open(&mut db);
    db.run("INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g");
    let commit = one.read_transactions(1).pop().unwrap();
    one.ack(commit.ack_lsn).unwrap();
    one.flush(10_000).unwrap();
    eventually("the other has it in its queue", || other.stats().transactions == 1);
    let held = other.batch(10_000).unwrap_or_else(|it| panic!("{it:?}"));
    for (stream, slot) in [(&one, &slot), (&other, &other_slot)] {
        let id = stream.stats().stream_id.to_string();
        let labels = [("stream", id.as_str()), ("slot", slot.as_str())];
        eventually("a moment without a change", || {
            let before = stream.stats();
            let metrics = Metrics::parse(&prometheus());
            // Age goes by; all else stands still.
            let mut after = stream.stats();
            let lag = metrics.get("pgwalstream_lag_seconds", &labels);
            let allowed = before.lag_microseconds..=after.lag_microseconds;
            assert!(allowed.contains(&((lag * 1e6).round() as u64)), "{lag} in {allowed:?}");
            after.lag_microseconds = before.lag_microseconds;
            if format!("{before:?}") != format!("{after:?}") {
                return false;
            }
            compare(&metrics, &labels, &before);
            true
        });
    }
    let at = other.stats();
    assert!(at.batches_live == 1 && at.live_bytes > 0 && at.queue_bytes > 0 && at.events > 5000, "{at:?}");
    drop(held);
    assert_eq!((other.stats().batches_live, other.stats().live_bytes), (0, 0));
    let metrics = Metrics::parse(&prometheus());
    assert!(metrics.plain("pgwalstream_streams") >= 2.0);
    assert_eq!(metrics.get("pgwalstream_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
}

/// Every metric of a stream, and no other.
fn compare(metrics: &Metrics, labels: &[(&str, &str)], at: &abi::wal_stats) {
    let expected = [
        ("events_total", at.events),
        ("received_bytes_total", at.bytes_received),
        ("transactions_total", at.transactions),
        ("empty_transactions_total", at.empty_transactions),
        ("batches_total", at.batches),
        ("wakeups_total", at.wakeups),
        ("reads_total", at.reads),
        ("reconnects_total", at.reconnects),
        ("status_updates_total", at.status_updates),
        ("keepalives_total", at.keepalives),
        ("ignored_aborts_total", at.ignored_aborts),
        ("unknown_messages_total", at.unknown_frames),
        ("notices_total", at.notices),
        ("gaps_total", at.gaps),
        ("late_starts_total", at.late_starts),
        ("kept_transactions", at.kept_transactions),
        ("kept_bytes", at.kept_bytes),
        ("spilled_bytes", at.spilled_bytes),
        ("assembled_transactions_total", at.assembled_transactions),
        ("spilled_transactions_total", at.spilled_transactions),
        ("rolled_back_parts_total", at.rolled_back_parts),
        ("rolled_back_bytes_total", at.rolled_back_bytes),
        ("prepared_transactions", at.prepared_transactions),
        ("received_position_bytes", at.received_lsn),
        ("delivered_position_bytes", at.delivered_lsn),
        ("acknowledged_position_bytes", at.acked_lsn),
        ("reported_position_bytes", at.reported_lsn),
        ("confirmed_position_bytes", at.confirmed_lsn),
        ("server_position_bytes", at.server_wal_end),
        ("lag_bytes", at.lag_bytes),
        ("queue_bytes", at.queue_bytes),
        ("held_batches", at.batches_live),
        ("held_bytes", at.live_bytes),
    ];
    for (name, value) in expected {
        assert_eq!(metrics.get(&format!("pgwalstream_{name}"), labels), value as f64, "{name}");
    }
    let unix = at.last_message_time as f64 / 1e6 + 946_684_800.0;
    let shown = metrics.get("pgwalstream_last_message_timestamp_seconds", labels);
    assert!((unix - shown).abs() < 1e-3, "{unix} {shown}");
    assert_eq!(at.prepared_microseconds, 0);
    assert_eq!(metrics.get("pgwalstream_prepared_seconds", labels), 0.0);
    assert_eq!(metrics.names(labels).len(), expected.len() + 3, "{:?}", metrics.names(labels));
}

/// A stream is listed from new to free; whoever asks meanwhile, from any thread, delays nothing and keeps nothing.
#[test]
fn a_freed_stream_is_gone_from_the_list() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let options = Options::stream(&db.conninfo(), &slot, "pub");
    let is_listed = |id: u64| prometheus().contains(&format!("pgwalstream_events_total{{stream=\"{id}\","));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    Metrics::parse(&prometheus());
                }
            });
        }
        let done = StopAtEnd(&done);
        let mut last = 0;
        for _ in 0..100 {
            let stream = options.new_stream().unwrap();
            let id = stream.stats().stream_id;
            assert!(id > last, "{id} after {last}");
            last = id;
            assert!(is_listed(id));
            drop(stream);
            assert!(!is_listed(id));
        }
        // A batch that outlives its stream does not keep it in the list.
        let mut stream = options.open().unwrap();
        db.run("INSERT INTO t VALUES (1)");
        assert!(matches!(stream.next(10_000), Ok(Next::Event(_))));
        let batch = stream.batch(10_000).unwrap_or_else(|it| panic!("{it:?}"));
        let id = stream.stats().stream_id;
        drop(stream);
        assert!(!is_listed(id));
        drop(batch);
        drop(done);
    });
}
