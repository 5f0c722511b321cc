//! P32, P5: wherever a connection breaks, each change comes once and in order: the events of a stream that was cut all
//! over, or whose server was restarted, are those of one that was never cut.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::cutter::{Acks, Cutter, assert_same, quick, read};
use crate::harness::server::Stop;
use crate::harness::{Database, Kind, Next, Options, Seen, Server, StopAtEnd, Stream, eventually};

/// Ends what is to be read.
const LAST: &str = "MESSAGE last: ";

/// A table whose definition changes, a type, an origin, messages in and outside of transactions.
fn everything_once(db: &mut Database<'_>) -> String {
    db.run(
        "CREATE TYPE mood AS ENUM ('sad', 'ok');
         CREATE TABLE t (id int PRIMARY KEY, v text, m mood); CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.script(
        "INSERT INTO t VALUES (1, 'a', 'ok');
BEGIN; INSERT INTO t VALUES (2, 'b'); UPDATE t SET v = 'c'; SELECT pg_logical_emit_message(true, 'in', 'x'); COMMIT;
SELECT pg_logical_emit_message(false, 'alone', 'y');
ALTER TABLE t ADD COLUMN w int;
BEGIN; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3, 'd', 'sad', 1); COMMIT;
ALTER TABLE t DROP COLUMN w;
TRUNCATE t;
SELECT pg_logical_emit_message(true, 'last', '')",
    );
    slot
}

/// Ends at the COMMIT behind the last message.
fn at_the_end() -> impl FnMut(&Seen) -> bool {
    let mut last_xid = None;
    move |event| {
        if event.line.starts_with(LAST) {
            last_xid = Some(event.xid);
        }
        event.kind == Kind::Commit && last_xid == Some(event.xid)
    }
}

/// What comes over a connection that is never cut. Nothing is acknowledged.
fn uncut(db: &mut Database<'_>, slot: &str) -> Vec<Seen> {
    let mut stream = quick(Options::stream(&db.conninfo(), slot, "pub")).open().unwrap();
    let seen = read(&mut stream, Acks::Never, at_the_end());
    assert_eq!(stream.stats().reconnects, 0);
    drop(stream);
    db.released(slot);
    seen
}

/// Of what everything is made up once. The engine's own tests cut at every byte.
fn p32_cut_all_over(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let slot = everything_once(&mut db);
    let expected = uncut(&mut db, &slot);
    for acks in [Acks::Never, Acks::EveryCommit] {
        // Every connection comes a little further. What is acknowledged is not sent any more.
        let begun = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let from = std::sync::Arc::clone(&begun);
        let cutter = Cutter::start(server, move |n| (n - from.load(Ordering::SeqCst)) * 37);
        let mut stream = cutter.options(&db.name, &slot).open().unwrap();
        let mut is_last = at_the_end();
        let got = read(&mut stream, acks, |event| {
            if acks == Acks::EveryCommit && event.ack_lsn != 0 {
                begun.store(cutter.connections(), Ordering::SeqCst);
            }
            is_last(event)
        });
        assert_same(&got, &expected);
        let stats = stream.stats();
        assert!(stats.reconnects > 30, "{acks:?}: {} reconnects", stats.reconnects);
        assert!(stats.repeated_events > 0);
        drop(stream);
        db.released(&slot);
    }
}

on_versions! { p32_cut_all_over v18 18; v14 14, v15 15, v16 16, v17 17 }

/// Many transactions and a large one, cut at offsets all over.
fn p32_cut_anywhere(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id serial PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    for n in 0..60 {
        db.run(&format!(
            "INSERT INTO t (v) SELECT repeat('x', i % 50) FROM generate_series(1, {}) i",
            n % 7 + 1
        ));
    }
    db.run("INSERT INTO t (v) SELECT repeat('y', i % 90) FROM generate_series(1, 8000) i");
    db.run("UPDATE t SET v = 'z' WHERE id % 100 = 0");
    db.run("SELECT pg_logical_emit_message(true, 'last', '')");
    let expected = uncut(&mut db, &slot);
    for (acks, batch) in [(Acks::Never, "4096"), (Acks::EveryCommit, "16")] {
        // Offsets that grow, with what looks like chance in between.
        let cutter = Cutter::start(server, |n| (n * n * 400 + n * 7919 % 1000).min(1 << 40));
        let mut stream = cutter.options(&db.name, &slot).with("batch_events", batch).open().unwrap();
        let got = read(&mut stream, acks, at_the_end());
        assert_same(&got, &expected);
        assert!(cutter.connections() > 20, "{}", cutter.connections());
        drop(stream);
        db.released(&slot);
    }
}

on_versions! { p32_cut_anywhere v18 18; v14 14, v15 15, v16 16, v17 17 }

/// Writes rows in transactions of three until told to stop, and tells how many transactions there were.
fn write(mut sql: postgres::Client, stop: &AtomicBool) -> i32 {
    let mut n = 0;
    while !stop.load(Ordering::SeqCst) {
        let first = n * 3;
        let rows = format!("INSERT INTO t SELECT generate_series({first}, {})", first + 2);
        if sql.batch_execute(&rows).is_ok() {
            n += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    n
}

/// Reads whole transactions of three rows until that with the row `last` is read. Each must come once, in order.
fn read_rows(stream: &mut Stream, last: i32) -> u64 {
    let (mut next, mut reconnects) = (0, 0);
    while next <= last {
        let seen = stream.read_until(|event| event.ack_lsn != 0);
        for event in &seen {
            if event.kind == Kind::Insert {
                assert_eq!(event.line, format!("INSERT public.t new id={next}"));
                assert_eq!(event.sequence, u64::try_from(next % 3).unwrap());
                next += 1;
            }
            reconnects += u64::from(event.kind == Kind::Reconnected);
        }
        // Every other transaction is acknowledged late, or never.
        if next % 2 == 0 {
            stream.ack(seen.last().unwrap().ack_lsn).unwrap();
        }
    }
    reconnects
}

fn a_walsender_is_ended_under_load(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let options = quick(Options::stream(&db.conninfo(), &slot, "pub")).with("status_interval", "50ms");
    let mut stream = options.open().unwrap();
    let stop = &AtomicBool::new(false);
    let (writer, mut killer) = (server.client(&db.name), server.client(&db.name));
    let kill = format!(
        "SELECT count(pg_terminate_backend(active_pid)) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active"
    );
    let (mut reconnects, killed) = thread::scope(|scope| {
        let writing = scope.spawn(move || write(writer, stop));
        let killing = scope.spawn(move || {
            let _stop = StopAtEnd(stop);
            let mut killed = 0;
            for _ in 0..60 {
                thread::sleep(Duration::from_millis(40));
                killed += killer.query_one(&kill, &[]).unwrap().get::<_, i64>(0);
            }
            killed
        });
        let killed = killing.join().unwrap();
        let last = writing.join().unwrap() * 3 - 1;
        (read_rows(&mut stream, last), killed)
    });
    assert!(killed > 10 && reconnects > 5, "{killed} ended, {reconnects} told");
    // The last one may have been ended behind the last row: what is counted is told, then or soon.
    while stream.stats().reconnects > reconnects {
        let Ok(Next::Event(event)) = stream.next(60_000) else { panic!("one is counted and never told") };
        reconnects += u64::from(event.kind() == Kind::Reconnected);
    }
    assert_eq!(stream.stats().reconnects, reconnects);
}

on_versions! { a_walsender_is_ended_under_load v14 14, v18 18; v15 15 }

/// The server is stopped, in one way or the other, while there is something to read. One that is stopped fast waits for
/// what is not acknowledged (P9).
fn a_server_is_restarted(version: u32, how: Stop) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let mut stream = quick(Options::stream(&db.conninfo(), &slot, "pub")).open().unwrap();
    let mut all = Vec::new();
    for round in 0..3 {
        for n in round * 20..(round + 1) * 20 {
            db.run(&format!("INSERT INTO t SELECT generate_series({}, {})", n * 3, n * 3 + 2));
        }
        if round == 2 {
            break;
        }
        // Acknowledged, delivered, received; or all of it acknowledged.
        eventually("it is connected again", || stream.stats().reconnects == round);
        eventually("something is received", || stream.stats().transactions >= 20);
        let some = if matches!(how, Stop::Fast) { 20 } else { 5 };
        all.extend(stream.read_transactions(some));
        let last = all.iter().filter(|event| event.ack_lsn != 0).nth_back(if some == 5 { 2 } else { 0 });
        stream.ack(last.unwrap().ack_lsn).unwrap();
        server.stop(how);
        thread::sleep(Duration::from_millis(100));
        server.restart();
        db.sql = server.client(&db.name);
    }
    all.extend(stream.read_until(|event| event.line == "INSERT public.t new id=179"));
    all.extend(stream.read_transactions(1));
    assert_eq!(all.iter().filter(|event| event.kind == Kind::Reconnected).count(), 2);
    let rows: Vec<&Seen> = all.iter().filter(|event| event.kind == Kind::Insert).collect();
    let ids: Vec<String> =
        rows.iter().map(|event| event.line.replace("INSERT public.t new id=", "")).collect();
    assert_eq!(ids, (0..180).map(|id| id.to_string()).collect::<Vec<_>>());
    // Nothing of it is held back any more once it is acknowledged.
    let last = all.last().unwrap().ack_lsn;
    stream.ack(last).unwrap();
    assert_eq!(stream.flush(30_000), Ok(pgwalstream::error::Status::WAL_OK));
    eventually("all is confirmed", || db.confirmed(&slot) >= last);
}

fn a_server_is_restarted_fast(version: u32) {
    a_server_is_restarted(version, Stop::Fast);
}

fn a_server_crashes(version: u32) {
    a_server_is_restarted(version, Stop::Immediate);
}

on_versions! { a_server_is_restarted_fast v14 14, v18 18 }
on_versions! { a_server_crashes v14 14, v18 18; v17 17 }
