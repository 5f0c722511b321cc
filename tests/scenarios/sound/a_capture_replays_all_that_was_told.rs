//! A capture is there once the stream is, and its replay tells what the stream told: lost connections too.

use std::fs;

use crate::harness::stream::lines;
use crate::harness::{Kind, Next, Options, Seen, Server, Stream, abi};
use crate::reconnect::cutter::Cutter;
use pgwalstream::error::Status;

/// An event with what an event of its kind says beyond its line.
fn whole(seen: &Seen, reconnect: [u64; 4]) -> String {
    let (lsn, commit, ack, flags) = (seen.lsn, seen.commit_lsn, seen.ack_lsn, seen.flags);
    format!("{} {lsn:x} {commit:x} {ack:x} {flags} {reconnect:?}", seen.line)
}

/// Reads until `last` is told `times` times, or to the end.
fn read(stream: &mut Stream, is_last: &mut dyn FnMut(&Seen) -> bool) -> (Vec<Seen>, Vec<String>) {
    let (mut seen, mut all) = (Vec::new(), Vec::new());
    loop {
        let event = match stream.next(30_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Progress => continue,
            Next::Event(event) => event,
            Next::Nothing(status) => {
                assert_eq!(status, Status::WAL_END, "{}", lines(&seen));
                return (seen, all);
            }
        };
        // SAFETY: a live event; other kinds give 0.
        let reconnect = unsafe {
            [
                abi::wal_event_reconnect_lost_lsn(event.raw()),
                abi::wal_event_reconnect_attempts(event.raw()).into(),
                abi::wal_event_reconnect_lost_timeline(event.raw()).into(),
                abi::wal_event_reconnect_timeline(event.raw()).into(),
            ]
        };
        let copy = event.copy();
        all.push(whole(&copy, reconnect));
        let last = is_last(&copy);
        seen.push(copy);
        if last {
            return (seen, all);
        }
    }
}

fn s8_a_replay_tells_of_every_lost_connection(dedupe: &str) {
    const CUTS: u64 = 6;
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 50) g");
    db.run("INSERT INTO t VALUES (1000, 'last')");
    // Each connection but the last breaks inside the first transaction.
    let cutter = Cutter::start(server, |number| if number < CUTS { 2_000 } else { u64::MAX });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let options = cutter.options(&db.name, &slot).with("dedupe", dedupe);
    let mut stream = options.with("capture_file", path.to_str().unwrap()).open().unwrap();
    let mut ended = false;
    let (seen, live) = read(&mut stream, &mut |event| {
        ended |= event.line.contains("id=1000 ");
        ended && event.kind == Kind::Commit
    });
    drop(stream);
    let lost = seen.iter().filter(|event| event.kind == Kind::Reconnected).count();
    assert_eq!(lost as u64, CUTS);
    let mut replay = Options::new().replay(&path).unwrap();
    let (again, replayed) = read(&mut replay, &mut |_| false);
    assert_eq!(replayed, live, "dedupe={dedupe}");
    assert_eq!(replay.stats().reconnects, CUTS);
    // A transaction begins where none is open, or behind a lost connection.
    let mut open = false;
    for event in &again {
        assert!(!(open && event.kind == Kind::Begin), "BEGIN inside BEGIN: {}", lines(&again));
        open = match event.kind {
            Kind::Begin => true,
            Kind::Commit | Kind::Reconnected => false,
            _ => open,
        };
    }
}

#[test]
fn s8_a_replay_tells_of_every_lost_connection_with_dedupe() {
    s8_a_replay_tells_of_every_lost_connection("on");
}

#[test]
fn s8_a_replay_tells_of_every_lost_connection_without_dedupe() {
    s8_a_replay_tells_of_every_lost_connection("off");
}

/// A program that tries again, by the same stream or by another, finds its capture_file free.
#[test]
fn s9_a_first_connect_that_fails_leaves_no_capture() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = crate::harness::server::unique("s9");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("capture_file", path.to_str().unwrap());
    for _ in 0..2 {
        let failure = options.open().map(drop).unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_SLOT_MISSING, "{failure:?}");
        assert!(!path.exists());
    }
    let again = options.new_stream().unwrap();
    assert_eq!(again.connect(-1).unwrap_err().status, Status::WAL_E_SLOT_MISSING);
    assert!(!path.exists());
    // Interrupted, and too slow.
    again.interrupt();
    assert_eq!(again.connect(-1), Ok(Status::WAL_INTERRUPTED));
    assert_eq!(again.connect(0).unwrap_err().status, Status::WAL_E_CONNECT_TIMEOUT);
    assert!(!path.exists());
    db.run(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"));
    assert_eq!(again.connect(-1), Ok(Status::WAL_OK));
    let mut again = again;
    db.run("INSERT INTO t VALUES (1)");
    again.read_transactions(1);
    drop(again);
    let mut replay = Options::new().replay(&path).unwrap();
    assert!(replay.read_transactions(1).iter().any(|event| event.line.ends_with("id=1")));
    // What somebody else has put there stays, also behind a failure.
    let before = fs::read(&path).unwrap();
    assert_eq!(options.open().map(drop).unwrap_err().status, Status::WAL_E_CAPTURE);
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// The same for Rust's futures, whose captures were not written at all.
#[test]
fn s9_a_future_that_fails_leaves_no_capture_and_one_that_connects_makes_it() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let slot = crate::harness::server::unique("s9");
    let options = pgwalstream::Options::new().conninfo(db.conninfo()).slot(&slot).publication("pub");
    let options = options.set("capture_file", path.to_str().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let failed = runtime.block_on(pgwalstream::Stream::connect(&options)).map(drop).unwrap_err();
    assert_eq!(failed.status(), Status::WAL_E_SLOT_MISSING);
    crate::harness::eventually("the capture is gone", || !path.exists());
    db.run(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"));
    db.run("INSERT INTO t VALUES (1)");
    runtime.block_on(async {
        let mut stream = pgwalstream::Stream::connect(&options).await.unwrap();
        while stream.next_event().await.unwrap().unwrap().ack_lsn().is_none() {}
        stream.close().await.unwrap();
    });
    let mut replay = Options::new().replay(&path).unwrap();
    assert!(replay.read_transactions(1).iter().any(|event| event.line.ends_with("id=1")));
}
