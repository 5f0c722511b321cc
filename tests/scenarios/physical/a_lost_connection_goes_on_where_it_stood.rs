//! A connection that breaks is made again, and the WAL goes on with the very next byte: nothing is missing, nothing comes twice.

use super::{Got, Wal, next, options, read_on, read_to, segment, text};
use crate::harness::server::Stop;
use crate::harness::{PATIENCE, Proxy, Server, eventually};
use pgwalstream::error::Status;

const SEGMENT: u64 = 16 << 20;

fn no_byte_is_missing_and_none_comes_twice(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, filler text)");
    let begin = db.lsn("SELECT pg_current_wal_flush_lsn()") & !(SEGMENT - 1);
    let options = options(&server)
        .with("slot", "survivor")
        .with("slot_create", "if_missing")
        .with("start_lsn", &text(begin))
        .with("reconnect_initial", "20ms")
        .with("reconnect_max", "200ms");
    let mut stream = options.open().unwrap();
    let mut wal = Wal::default();
    for round in 0..4 {
        db.run("INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 3000) n");
        let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
        if round % 2 == 0 {
            // In the middle of what is on its way.
            db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
        } else {
            drop(db);
            read_to(&mut stream, &mut wal, end);
            stream.ack(wal.end()).unwrap();
            server.stop(Stop::Immediate);
            server.restart();
            db = server.database();
            db.run("CREATE TABLE t (id int, filler text)");
        }
        let got = read_on(&mut stream, &mut wal).unwrap();
        let Got::Reconnected { lsn, lost, timelines, rewound } = got else { panic!("{got:?}") };
        assert_eq!((lsn, lost, timelines, rewound), (wal.end(), wal.end(), (1, 1), 0), "round {round}");
    }
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    read_to(&mut stream, &mut wal, end);
    assert_eq!(stream.stats().reconnects, 4);
    let mut at = begin;
    while at < wal.end() {
        let file = server.wal_file(&segment(1, at / SEGMENT, SEGMENT));
        let until = wal.end().min(at + SEGMENT);
        assert!(wal.bytes[(at - begin) as usize..(until - begin) as usize] == file[..(until - at) as usize]);
        at = until;
    }
}

on_versions! { no_byte_is_missing_and_none_comes_twice v18 18; v14 14 }

/// What came over a lost connection may lie in the queue only: over the next one it is not told as safe before it is.
fn what_nobody_acknowledged_is_told_as_safe_over_no_connection(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int)");
    let begin = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let mut stream = options(&server)
        .with("slot", "owing")
        .with("slot_create", "if_missing")
        .with("start_lsn", &text(begin))
        .with("reconnect_initial", "20ms")
        .with("status_interval", "100ms")
        .open()
        .unwrap();
    db.run("INSERT INTO t SELECT generate_series(1, 1000)");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let mut wal = Wal::default();
    assert_eq!(read_to(&mut stream, &mut wal, end), None);
    db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
    let got = loop {
        match next(&mut stream, PATIENCE.as_millis() as i32).unwrap() {
            Got::Wal { timeline, lsn, bytes, .. } => wal.take(timeline, lsn, &bytes),
            Got::Wanted(_) => {}
            got => break got,
        }
    };
    assert!(matches!(got, Got::Reconnected { .. }), "{got:?}");
    let mut told =
        |column: &str| db.lsn(&format!("SELECT coalesce(max({column}), '0/0') FROM pg_stat_replication"));
    eventually("the new connection is told of what came", || told("write_lsn") >= end);
    let flushed = told("flush_lsn");
    assert!(flushed <= begin, "{} of {}", text(flushed), text(begin));
    stream.ack(begin + 8).unwrap();
    stream.flush(30_000).unwrap();
    eventually("what is acknowledged is told", || told("flush_lsn") == begin + 8);
    let kept = db.lsn("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'owing'");
    assert!(kept <= begin + 8, "{}", text(kept));
}

on_versions! { what_nobody_acknowledged_is_told_as_safe_over_no_connection v18 18, v14 14 }

/// A slot that was gone with its connection is made again, even while the server has not seen the end of that.
fn a_temporary_slot_is_made_again(version: u32) {
    let server = Server::start(version, &["wal_sender_timeout=4s"]);
    let proxy = Proxy::start(server.port, |tag, body, outlet| outlet.send(tag, body));
    let mut stream = options(&server)
        .with("conninfo", &proxy.conninfo("postgres"))
        .with("slot", "passing")
        .with("slot_create", "temporary")
        .with("receive_timeout", "1s")
        .with("reconnect_initial", "50ms")
        .with("reconnect_max", "200ms")
        .open()
        .unwrap();
    proxy.freeze();
    let got = loop {
        match next(&mut stream, PATIENCE.as_millis() as i32).unwrap() {
            Got::Wal { .. } | Got::Wanted(_) => {}
            got => break got,
        }
    };
    assert!(matches!(got, Got::Reconnected { .. }), "{got:?}");
}

on_versions! { a_temporary_slot_is_made_again v18 18, v14 14 }

/// Another cluster at the same address is never taken for the one before.
#[test]
fn ph8_another_system_is_never_followed() {
    let server = Server::start(18, &[]);
    let other = Server::start_apart(18, &[]);
    let hosts = format!("host=127.0.0.1,127.0.0.1 port={},{} user=postgres", server.port, other.port);
    let options = options(&server).with("conninfo", &hosts).with("reconnect_initial", "20ms");
    let mut stream = options.open().unwrap();
    server.stop(Stop::Immediate);
    let failure = loop {
        match next(&mut stream, PATIENCE.as_millis() as i32) {
            Ok(Got::Wal { .. } | Got::Wanted(_)) => {}
            Ok(got) => panic!("{got:?}"),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.status, Status::WAL_E_SYSTEM_MISMATCH, "{failure:?}");
    assert!(!failure.is_retriable);
}

/// A program that does not read costs its queue, keeps its connection, and has everything later.
#[test]
fn a_slow_program_costs_only_its_queue_and_keeps_its_connection() {
    let server = Server::start(18, &["wal_sender_timeout=2s"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, filler text)");
    let begin = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let mut stream = options(&server).with("start_lsn", &text(begin)).open().unwrap();
    db.run("INSERT INTO t SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 60000) n");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    assert!(end - begin > 40 << 20, "{}", end - begin);
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(stream.stats().queue_bytes <= (4 << 20) + (1 << 20), "{}", stream.stats().queue_bytes);
    let mut wal = Wal::default();
    assert_eq!(read_to(&mut stream, &mut wal, end), None, "no reconnect");
    assert_eq!(wal.start, begin);
}
