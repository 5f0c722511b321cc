//! What a physical stream gives is byte for byte what the server has in its segments, from any position, whatever their size.

use super::{Got, Wal, next, options, read_to, segment, text};
use crate::harness::{Options, PATIENCE, Server, Stream};
use pgwalstream::error::Status;

const MB: u64 = 1 << 20;

/// Reads from `start` to what the server has, and compares all of it with the segments.
fn compare(server: &Server, stream: &mut Stream, start: u64, size: u64) {
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, filler text)");
    db.run("INSERT INTO t SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 12000) n");
    db.run("SELECT pg_switch_wal(); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 100) n");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let mut wal = Wal::default();
    assert_eq!(read_to(stream, &mut wal, end), None);
    assert_eq!((wal.start, wal.timeline), (start, 1));
    assert!(wal.bytes.len() as u64 > 10 * MB, "{}", wal.bytes.len());
    let mut at = start;
    while at < wal.end() {
        let number = at / size;
        let file = server.wal_file(&segment(1, number, size));
        assert_eq!(file.len() as u64, size);
        let until = wal.end().min((number + 1) * size);
        let ours = &wal.bytes[(at - start) as usize..(until - start) as usize];
        let theirs = &file[(at % size) as usize..(at % size + until - at) as usize];
        assert!(ours == theirs, "segment {number} differs");
        at = until;
    }
}

fn every_byte_is_as_in_the_servers_segments(version: u32) {
    for (megabytes, server) in [
        (16, Server::start(version, &[])),
        (1, Server::start_with_segments(version, 1, &["min_wal_size=2MB"])),
    ] {
        let begin = server.database().lsn("SELECT pg_current_wal_flush_lsn()");
        let start = begin & !(megabytes * MB - 1);
        let mut stream = options(&server).with("start_lsn", &text(start)).open().unwrap();
        compare(&server, &mut stream, start, megabytes * MB);
    }
}

on_every_version! { every_byte_is_as_in_the_servers_segments }

/// Segments of 64 MB, through a slot, in the middle of a page.
#[test]
fn a_stream_may_begin_at_any_byte() {
    let server = Server::start_with_segments(18, 64, &["min_wal_size=128MB"]);
    let begin = server.database().lsn("SELECT pg_current_wal_flush_lsn()") - 77;
    let options = options(&server).with("slot", "bytes").with("slot_create", "if_missing");
    let mut stream = options.with("start_lsn", &text(begin)).open().unwrap();
    compare(&server, &mut stream, begin, 64 * MB);
}

/// Without a position it begins where the server stands, or where the slot does; and ends where it is asked to.
fn where_it_begins_and_ends_by_itself(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int)");
    let mut stream = options(&server).open().unwrap();
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    db.run("INSERT INTO t SELECT generate_series(1, 1000)");
    let stop = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let Got::Wal { lsn, .. } = next(&mut stream, PATIENCE.as_millis() as i32).unwrap() else {
        panic!("no WAL")
    };
    assert!(lsn >= end, "{} is behind {}", text(lsn), text(end));
    drop(stream);
    let mut stream =
        options(&server).with("start_lsn", &text(end)).with("stop_lsn", &text(stop)).open().unwrap();
    let mut wal = Wal::default();
    assert_eq!(read_to(&mut stream, &mut wal, u64::MAX), Some(Got::Nothing(Status::WAL_END)));
    assert_eq!((wal.start, wal.end()), (end, stop));
    drop(stream);
    // A program that has all of it already: nothing has to come for the end to be known.
    let now = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let options = options(&server).with("start_lsn", &text(now)).with("stop_lsn", &text(now));
    let mut stream = options.open().unwrap();
    assert_eq!(next(&mut stream, PATIENCE.as_millis() as i32), Ok(Got::Nothing(Status::WAL_END)));
}

on_versions! { where_it_begins_and_ends_by_itself v14 14, v18 18 }

/// A position of an event is enough to go on behind it, on the right system and timeline.
#[test]
fn a_program_goes_on_behind_a_stored_position() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    let begin = db.lsn("SELECT pg_current_wal_flush_lsn()");
    db.run("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 1000)");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let system = db.text("SELECT system_identifier FROM pg_control_system()");
    let resume = |position: &str| options(&server).with("resume_after", position).open();
    let mut stream = resume(&format!("{system}:1:0/0:0:{}", text(begin))).unwrap();
    let mut wal = Wal::default();
    read_to(&mut stream, &mut wal, end);
    assert_eq!(wal.start, begin);
    let other = resume(&format!("7:1:0/0:0:{}", text(begin))).err().unwrap();
    assert_eq!(other.status, Status::WAL_E_SYSTEM_MISMATCH, "{other:?}");
    let beyond = resume(&format!("{system}:1:0/0:0:{}", text(end + (1 << 30)))).err().unwrap();
    assert_eq!(beyond.status, Status::WAL_E_FORK, "{beyond:?}");
    let later = resume(&format!("{system}:9:0/0:0:{}", text(begin))).err().unwrap();
    assert!(later.status == Status::WAL_E_NOT_READY && later.is_retriable, "{later:?}");
}

/// What belongs to logical decoding is refused, and pg_hba.conf's lines for replication are enough.
#[test]
fn no_database_and_no_logical_option_is_needed() {
    let server = Server::start(18, &["wal_level=replica"]);
    server.admit("host all archiver 127.0.0.1/32 reject\n");
    server.client("postgres").batch_execute("CREATE ROLE archiver REPLICATION LOGIN").unwrap();
    let conninfo = format!("host=127.0.0.1 port={} user=archiver", server.port);
    let mut stream = Options::new().with("conninfo", &conninfo).with("mode", "physical").open().unwrap();
    server.client("postgres").batch_execute("CHECKPOINT").unwrap();
    assert!(matches!(next(&mut stream, PATIENCE.as_millis() as i32), Ok(Got::Wal { .. })));
    let refused = options(&server).with("publication", "p").open().err().unwrap();
    assert_eq!(refused.status, Status::WAL_E_BAD_OPTION, "{refused:?}");
}
