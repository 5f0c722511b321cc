//! What a reconnect looks like from outside: an event that says why and where, and calls that go on as if nothing had
//! happened. Where it cannot succeed the stream ends with the reason. P14: a slot that the server still holds for a
//! connection that is gone is waited for. P31: whatever ends the engine's work on a stream, the consumer is told.

use std::thread;
use std::time::{Duration, Instant};

use super::cutter::{Acks, Cutter, quick, read};
use crate::harness::server::Stop;
use crate::harness::stream::call;
use crate::harness::{Database, Kind, Next, Options, Seen, Server, Stream, abi, backend, eventually};
use pgwalstream::error::Status;

/// A slot with three transactions of a row each.
fn three_rows(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.script("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nINSERT INTO t VALUES (3)");
    slot
}

fn kinds(seen: &[Seen]) -> Vec<Kind> {
    seen.iter().map(|event| event.kind).collect()
}

/// Ends the walsender of a stream.
fn terminate(db: &mut Database<'_>, stream: &Stream) {
    let pid = stream.stats().backend_pid;
    db.run(&format!("SELECT pg_terminate_backend({pid})"));
}

#[test]
fn the_event_says_why_where_and_how_often() {
    let mut db = Server::shared(18).database();
    let slot = three_rows(&mut db);
    let mut stream = quick(Options::stream(&db.conninfo(), &slot, "pub")).open().unwrap();
    let fd = stream.fd();
    let commits: Vec<Seen> =
        stream.read_transactions(3).into_iter().filter(|event| event.kind == Kind::Commit).collect();
    stream.ack(commits[1].ack_lsn).unwrap();
    terminate(&mut db, &stream);
    let Ok(Next::Event(event)) = stream.next(30_000) else { panic!("no event") };
    assert_eq!(event.kind(), Kind::Reconnected);
    let (fields, raw) = (*event.fields(), event.raw());
    assert_eq!(fields.lsn, commits[1].ack_lsn, "it goes on where it was acknowledged");
    assert_eq!((fields.ack_lsn, fields.commit_lsn, fields.xid, fields.flags), (0, 0, 0, 0));
    let mut copy = std::ptr::null_mut();
    // SAFETY: a live event; out-parameters of this frame.
    call(|err| unsafe { abi::wal_event_clone(raw, &raw mut copy, err) }).unwrap();
    // SAFETY: a live event and its copy.
    unsafe {
        for event in [raw, copy.cast_const()] {
            assert!(abi::wal_event_reconnect_lost_lsn(event) >= commits[2].ack_lsn);
            assert!((1..1000).contains(&abi::wal_event_reconnect_attempts(event)));
            let status = Status::from_code(abi::wal_event_reconnect_status(event));
            assert_eq!(status, Some(Status::WAL_E_SERVER_SHUTDOWN));
            let message = crate::harness::view::bytes(abi::wal_event_reconnect_message(event));
            assert!(String::from_utf8_lossy(message).contains("administrator"), "{message:?}");
        }
        abi::wal_event_free(copy);
    }
    db.run("INSERT INTO t VALUES (4)");
    let next = stream.read_transactions(1);
    assert_eq!(kinds(&next), [Kind::Begin, Kind::Insert, Kind::Commit], "{next:?}");
    assert_eq!(stream.fd(), fd);
    assert_eq!(stream.stats().reconnects, 1);
    // What was read and not acknowledged is outstanding as before.
    stream.flush(30_000).unwrap();
    eventually("the second is confirmed", || db.confirmed(&slot) == commits[1].ack_lsn);
    stream.ack(next.last().unwrap().ack_lsn).unwrap();
    stream.flush(30_000).unwrap();
    eventually("all is confirmed", || db.confirmed(&slot) >= next.last().unwrap().ack_lsn);
    // P2: with nothing outstanding the slot follows the server again.
    db.run("CREATE TABLE other (id int); INSERT INTO other SELECT generate_series(1, 100)");
    let end = db.position();
    eventually("the slot follows", || {
        stream.flush(30_000).unwrap();
        db.confirmed(&slot) >= end
    });
}

/// With dedupe off everything comes again from the acknowledged position, with the same identities.
#[test]
fn without_dedupe_what_was_not_acknowledged_comes_again() {
    let mut db = Server::shared(17).database();
    let slot = three_rows(&mut db);
    let options = quick(Options::stream(&db.conninfo(), &slot, "pub")).with("dedupe", "off");
    let mut stream = options.open().unwrap();
    let first = stream.read_transactions(3);
    stream.ack(first.iter().find(|event| event.kind == Kind::Commit).unwrap().ack_lsn).unwrap();
    terminate(&mut db, &stream);
    let again = stream.read_transactions(2);
    assert_eq!(again[0].kind, Kind::Reconnected);
    let lines = |seen: &[Seen]| {
        let essence = |it: &Seen| (it.line.clone(), it.commit_lsn, it.sequence);
        seen.iter().map(essence).collect::<Vec<_>>()
    };
    assert_eq!(lines(&again[1..]), lines(&first[first.len() - 6..]));
    assert_eq!(stream.stats().repeated_events, 0);
}

/// Payloads of a plugin come again too.
#[test]
fn payloads_come_again() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let slot = crate::harness::server::unique("slot");
    db.run(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')"));
    db.run("INSERT INTO t VALUES (1)");
    let mut options = Options::new().with("conninfo", &db.conninfo()).with("slot", &slot);
    for (key, value) in [("decode", "off"), ("plugin", "test_decoding"), ("reconnect_initial", "1ms")] {
        options = options.with(key, value);
    }
    let stream = options.open().unwrap();
    let read = |until: usize| {
        let (mut payloads, mut reconnects) = (0, 0);
        while payloads < until {
            let batch = stream.batch(30_000).unwrap_or_else(|outcome| panic!("{outcome:?}"));
            for event in batch.events() {
                payloads += usize::from(event.fields().kind == 20);
                reconnects += usize::from(event.fields().kind == 65);
            }
        }
        (payloads, reconnects)
    };
    assert_eq!(read(3), (3, 0));
    terminate(&mut db, &stream);
    assert_eq!(read(3), (3, 1));
    // Acknowledged, they do not; and the slot follows the server although nothing more comes.
    stream.ack(stream.stats().delivered_lsn).unwrap();
    let end = db.position();
    eventually("the slot follows", || {
        stream.flush(30_000).unwrap();
        db.confirmed(&slot) >= end
    });
}

/// P14: the slot is held by another connection, as it is by a lost one until the server notices.
fn p14_a_slot_in_use_is_waited_for(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let slot = three_rows(&mut db);
    let mut stream = quick(Options::stream(&db.conninfo(), &slot, "pub")).open().unwrap();
    let seen = stream.read_transactions(3);
    let pid = stream.stats().backend_pid;
    let other = quick(Options::stream(&db.conninfo(), &slot, "pub"));
    assert_eq!(
        other.open().err().unwrap().status,
        Status::WAL_E_SLOT_ACTIVE,
        "the first connection is named"
    );
    let mut thief = None;
    for _ in 0..50 {
        db.run(&format!("SELECT pg_terminate_backend({pid})"));
        // Whoever comes first gets it: the stream itself after 1 ms, or this one.
        thief = other.open().ok();
        if thief.is_some() {
            break;
        }
        db.run(&format!("SELECT pg_terminate_backend({})", stream.stats().backend_pid));
    }
    let thief = thief.expect("the slot is taken once in so many tries");
    db.run("INSERT INTO t VALUES (4)");
    thread::sleep(Duration::from_millis(500));
    drop(thief);
    let rest = stream.read_until(|event| event.line.contains("id=4"));
    assert!(rest.iter().any(|event| event.kind == Kind::Reconnected));
    assert_eq!(rest.iter().filter(|event| event.kind == Kind::Insert).count(), 1, "{rest:?}");
    assert_eq!(seen.iter().filter(|event| event.kind == Kind::Insert).count(), 3);
}

on_versions! { p14_a_slot_in_use_is_waited_for v14 14, v18 18 }

#[test]
fn without_reconnect_the_stream_ends() {
    let mut db = Server::shared(18).database();
    let slot = three_rows(&mut db);
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("reconnect", "off");
    let mut stream = options.open().unwrap();
    stream.read_transactions(3);
    terminate(&mut db, &stream);
    let (seen, failure) = stream.read_to_error();
    assert!(seen.is_empty(), "{seen:?}");
    assert_eq!(failure.status, Status::WAL_E_SERVER_SHUTDOWN, "{failure:?}");
    assert!(failure.is_fatal && failure.is_retriable && failure.sqlstate == "57P01", "{failure:?}");
}

/// A temporary slot is gone with its connection: to go on with a new one would lose what came in between.
#[test]
fn a_temporary_slot_is_not_made_again_in_silence() {
    let mut db = Server::shared(18).database();
    three_rows(&mut db);
    let slot = crate::harness::server::unique("temporary");
    let options = quick(Options::stream(&db.conninfo(), &slot, "pub")).with("slot_create", "temporary");
    let mut stream = options.open().unwrap();
    terminate(&mut db, &stream);
    let (seen, failure) = stream.read_to_error();
    assert!(seen.is_empty(), "{seen:?}");
    assert_eq!(failure.status, Status::WAL_E_SERVER_SHUTDOWN, "{failure:?}");
    assert!(failure.is_fatal && failure.hint.contains("temporary slot"), "{failure:?}");
}

/// What was received is read first, then the last error comes, with the first in its detail.
fn p31_after_reconnect_timeout_the_last_error_comes(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    let slot = three_rows(&mut db);
    let options = quick(Options::stream(&db.conninfo(), &slot, "pub")).with("reconnect_timeout", "1s");
    let mut stream = options.open().unwrap();
    eventually("all is received", || stream.stats().transactions == 3);
    let begin = Instant::now();
    server.stop(Stop::Immediate);
    let (seen, failure) = stream.read_to_error();
    assert_eq!(seen.iter().filter(|event| event.kind == Kind::Insert).count(), 3);
    assert!(begin.elapsed() >= Duration::from_millis(700), "it tried for a while");
    assert_eq!(failure.status, Status::WAL_E_CONNECT, "{failure:?}");
    assert!(
        failure.is_fatal && failure.is_retriable && failure.os_errno == backend::errno(libc::ECONNREFUSED),
        "{failure:?}"
    );
    assert!(failure.detail.contains("gave up after") && failure.detail.contains("was lost"), "{failure:?}");
    assert_eq!(stream.flush(0).unwrap_err(), failure);
    assert_eq!(stream.next_status(0).unwrap_err(), failure);
}

on_versions! { p31_after_reconnect_timeout_the_last_error_comes v14 14, v18 18 }

/// P31, P12: what was to come is lost with the slot. One that was made anew, or moved, does not pass for the old one.
#[test]
fn p12_a_slot_that_is_gone_or_was_moved_ends_the_stream() {
    let server = Server::shared(18);
    for (what, statement, status) in [
        ("dropped", "SELECT pg_drop_replication_slot('SLOT')", Status::WAL_E_SLOT_MISSING),
        (
            "made anew",
            "SELECT pg_drop_replication_slot('SLOT'); INSERT INTO t VALUES (4); \
             SELECT pg_create_logical_replication_slot('SLOT', 'pgoutput')",
            Status::WAL_E_GAP,
        ),
        (
            "advanced",
            "INSERT INTO t VALUES (4); SELECT pg_replication_slot_advance('SLOT', pg_current_wal_lsn())",
            Status::WAL_E_GAP,
        ),
        (
            "of another plugin",
            "SELECT pg_drop_replication_slot('SLOT'); SELECT pg_create_logical_replication_slot('SLOT', 'test_decoding')",
            Status::WAL_E_SLOT_MISMATCH,
        ),
    ] {
        let mut db = server.database();
        let slot = three_rows(&mut db);
        let options = Options::stream(&db.conninfo(), &slot, "pub");
        // Whether it may be created says nothing of one that is lost.
        let options = options.with("slot_create", "if_missing").with("reconnect_initial", "2s");
        let mut stream = options.open().unwrap();
        let seen = stream.read_transactions(3);
        stream.ack(seen.last().unwrap().ack_lsn).unwrap();
        stream.flush(30_000).unwrap();
        terminate(&mut db, &stream);
        db.released(&slot);
        for statement in statement.replace("SLOT", &slot).split("; ") {
            db.run(statement);
        }
        let (seen, failure) = stream.read_to_error();
        assert!(seen.iter().all(|event| event.kind == Kind::Progress), "{what}: {seen:?}");
        assert_eq!(failure.status, status, "{what}: {failure:?}");
        assert!(failure.is_fatal && !failure.is_retriable && !failure.hint.is_empty(), "{what}: {failure:?}");
        assert!(failure.detail.contains("was lost"), "{what}: {failure:?}");
    }
}

/// While there is no server: what is queued is read, waiting times out, interrupts interrupt, a flush waits, and
/// freeing does not.
#[test]
fn calls_go_on_while_there_is_no_connection() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    let slot = three_rows(&mut db);
    let options = Options::stream(&db.conninfo(), &slot, "pub");
    let options = options.with("reconnect_initial", "200ms").with("reconnect_max", "300ms");
    let mut stream = options.open().unwrap();
    eventually("all is received", || stream.stats().transactions == 3);
    server.stop(Stop::Immediate);
    thread::sleep(Duration::from_millis(300));
    let seen = stream.read_transactions(3);
    stream.ack(seen.last().unwrap().ack_lsn).unwrap();
    assert!(matches!(stream.next(50), Ok(Next::Nothing(Status::WAL_TIMEOUT))));
    assert!(!stream.is_readable(0));
    assert_eq!(stream.flush(50), Ok(Status::WAL_TIMEOUT));
    stream.interrupt();
    assert!(stream.is_readable(0));
    assert!(matches!(stream.next(-1), Ok(Next::Nothing(Status::WAL_INTERRUPTED))));
    thread::scope(|scope| {
        let flushing = scope.spawn(|| stream.flush(60_000));
        thread::sleep(Duration::from_millis(100));
        server.restart();
        assert_eq!(flushing.join().unwrap(), Ok(Status::WAL_OK));
    });
    db.sql = server.client(&db.name);
    eventually("it is confirmed", || db.confirmed(&slot) >= seen.last().unwrap().ack_lsn);
    db.run("INSERT INTO t VALUES (4)");
    let rest = stream.read_transactions(1);
    assert_eq!(kinds(&rest), [Kind::Reconnected, Kind::Begin, Kind::Insert, Kind::Commit]);
    // In the longest of waits.
    drop(stream);
    db.released(&slot);
    let stream = options.with("reconnect_initial", "1h").with("reconnect_max", "1h").open().unwrap();
    server.stop(Stop::Immediate);
    thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    drop(stream);
    assert!(begin.elapsed() < Duration::from_secs(20), "freed in {:?}", begin.elapsed());
}

/// A block that was cut is closed and its transaction dropped, before it comes again from its beginning.
fn what_is_streamed_and_open_is_announced_as_dropped(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i");
    db.run("INSERT INTO t VALUES (10000)");
    let cutter = Cutter::start(server, |n| if n == 0 { 60_000 } else { 1 << 40 });
    // As for version 1: without streaming the same is told without blocks.
    for streaming in ["on", "off"] {
        let options = cutter.options(&db.name, &slot).with("streaming", streaming);
        let conninfo =
            format!("{} options='-c logical_decoding_work_mem=64kB'", options.get("conninfo").unwrap());
        let mut stream = options.with("conninfo", &conninfo).open().unwrap();
        let mut committed = Vec::new();
        let mut open: Vec<String> = Vec::new();
        let (mut discarded, mut reconnects) = (0, 0);
        while committed.len() < 3001 {
            let Ok(Next::Event(event)) = stream.next(30_000) else { panic!("no event") };
            let fields = event.fields();
            match fields.kind {
                6 => open.push(String::from_utf8(event.new_named("id").as_text().unwrap().to_vec()).unwrap()),
                2 | 13 => committed.append(&mut open),
                14 => {
                    assert_eq!((fields.flags, fields.subxid), (128, fields.xid));
                    open.clear();
                    discarded += 1;
                }
                65 => reconnects += 1,
                _ => {}
            }
        }
        let expected: Vec<String> = (1..=3000).chain([10000]).map(|id| id.to_string()).collect();
        assert_eq!(committed, expected, "streaming={streaming}");
        if streaming == "on" {
            assert_eq!((discarded, reconnects), (1, 1));
        }
        drop(stream);
        db.released(&slot);
    }
}

on_versions! { what_is_streamed_and_open_is_announced_as_dropped v14 14, v16 16, v18 18 }

/// P27: a prepared transaction that was told comes again and is not told twice; one that was cut goes on.
fn p27_prepared_transactions_come_once(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=10"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.script(
        "BEGIN; INSERT INTO t SELECT generate_series(1, 20); PREPARE TRANSACTION 'a';
INSERT INTO t VALUES (100);
BEGIN; INSERT INTO t VALUES (200); PREPARE TRANSACTION 'b';
COMMIT PREPARED 'a';
ROLLBACK PREPARED 'b';
INSERT INTO t VALUES (300)",
    );
    let names = |stream: &Stream, acks: Acks| {
        let mut all: Vec<String> = Vec::new();
        loop {
            let batch = stream.batch(30_000).unwrap_or_else(|outcome| panic!("{outcome:?}"));
            for event in batch.events().filter(|event| !matches!(event.fields().kind, 64 | 65)) {
                let it = event.fields();
                all.push(format!(
                    "{} {} {:X} {} {}",
                    it.kind, it.xid, it.commit_lsn, it.sequence, it.ack_lsn
                ));
                if acks == Acks::EveryCommit && it.ack_lsn != 0 {
                    stream.ack(batch.ack_lsn()).unwrap();
                }
            }
            // The third COMMIT behind the two fates.
            if all.iter().filter(|line| line.starts_with("2 ")).count() == 2
                && all.last().unwrap().starts_with("2 ")
            {
                return all;
            }
        }
    };
    let options = quick(Options::stream(&db.conninfo(), &slot, "pub")).with("two_phase", "on");
    let expected = names(&options.open().unwrap(), Acks::Never);
    assert_eq!(expected.iter().filter(|line| line.starts_with("16 ")).count(), 2, "{expected:?}");
    for acks in [Acks::Never, Acks::EveryCommit] {
        db.released(&slot);
        let cutter = Cutter::start(&server, |n| n * 67);
        let stream = cutter.options(&db.name, &slot).with("two_phase", "on").open().unwrap();
        assert_eq!(names(&stream, acks), expected, "{acks:?}");
        assert!(cutter.connections() > 10);
    }
}

on_versions! { p27_prepared_transactions_come_once v15 15, v18 18 }

/// A connection that is cut while it is made again is tried again too; wherever that is, nothing is told twice.
#[test]
fn a_connection_may_be_lost_before_it_streams() {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = three_rows(&mut db);
    let mut answers = 0;
    let mut connections = 0;
    let proxy = crate::harness::Proxy::start(server.port, move |tag, body, out| {
        if tag == b'R' && body == [0; 4] {
            connections += 1;
            answers = 0;
        }
        answers += 1;
        // The first is cut in the stream, the next each one answer later.
        let cut = if connections == 1 {
            tag == b'd' && body.get(25) == Some(&b'C')
        } else {
            answers == connections
        };
        if cut && connections < 60 {
            out.cut();
        } else {
            out.send(tag, body);
        }
    });
    let options = quick(Options::stream(&proxy.conninfo(&db.name), &slot, "pub"));
    let mut stream = options.open().unwrap();
    let mut inserts = 0;
    let seen = read(&mut stream, Acks::EveryCommit, |event| {
        inserts += usize::from(event.line.contains("id=3"));
        event.kind == Kind::Commit && inserts > 0
    });
    let count = |kind| seen.iter().filter(|event| event.kind == kind).count();
    assert_eq!((count(Kind::Begin), count(Kind::Insert), count(Kind::Commit)), (3, 3, 3), "{seen:?}");
}
