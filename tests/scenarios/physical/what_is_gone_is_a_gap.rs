//! PH2, PH3: WAL that the server does not have any more ends the stream with what is missing, and is never tried again. A slot
//! keeps it, from the moment that it is made.

use super::{Got, Wal, next, options, read_to, segment, text};
use crate::harness::{Database, Failure, PATIENCE, Server, eventually};
use pgwalstream::error::Status;

const SEGMENT: u64 = 16 << 20;

/// Writes until the server has thrown away the segment of a position.
fn outlive(db: &mut Database<'_>, lsn: u64) {
    let name = segment(1, lsn / SEGMENT, SEGMENT);
    db.run("CREATE TABLE IF NOT EXISTS t (id int)");
    eventually("the segment is removed", || {
        db.run("INSERT INTO t VALUES (1)");
        db.run("SELECT pg_switch_wal()");
        db.run("CHECKPOINT");
        db.text(&format!("SELECT count(*) FROM pg_ls_waldir() WHERE name = '{name}'")) == "0"
    });
}

fn ph2_a_segment_that_is_removed_is_a_gap_with_its_place(version: u32) {
    let server = Server::start(version, &["max_wal_size=32MB", "min_wal_size=32MB", "wal_keep_size=0"]);
    let mut db = server.database();
    let begin = db.lsn("SELECT pg_current_wal_flush_lsn()") & !(SEGMENT - 1);
    outlive(&mut db, begin);
    // The server says so only once the stream has begun.
    let ended = |stream: Result<crate::harness::Stream, Failure>| -> Failure {
        match stream {
            Ok(mut stream) => next(&mut stream, PATIENCE.as_millis() as i32).unwrap_err(),
            Err(failure) => failure,
        }
    };
    let gap = ended(options(&server).with("start_lsn", &text(begin)).open());
    assert_eq!((gap.status, gap.sqlstate.as_str()), (Status::WAL_E_GAP, "58P01"), "{gap:?}");
    assert!(!gap.is_retriable && gap.message.contains(&text(begin)), "{gap:?}");
    assert!(gap.detail.contains(&segment(1, begin / SEGMENT, SEGMENT)), "{gap:?}");
}

on_versions! { ph2_a_segment_that_is_removed_is_a_gap_with_its_place v14 14, v18 18 }

/// It keeps the WAL of a stream that is away, and without one there is no way back.
fn ph3_a_slot_keeps_the_wal_from_when_it_is_made(version: u32) {
    let server = Server::start(version, &["max_wal_size=32MB", "min_wal_size=32MB", "wal_keep_size=0"]);
    let mut db = server.database();
    let with_slot = || options(&server).with("slot", "keeper").with("slot_create", "if_missing");
    drop(with_slot().open().unwrap());
    let kept = db.lsn("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'keeper'");
    assert_ne!(kept, 0);
    for _ in 0..6 {
        db.run("CREATE TABLE x (id int); DROP TABLE x");
        db.run("SELECT pg_switch_wal()");
        db.run("CHECKPOINT");
    }
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let mut stream = with_slot().with("start_lsn", &text(kept)).open().unwrap();
    let mut wal = Wal::default();
    assert_eq!(read_to(&mut stream, &mut wal, end), None);
    assert_eq!(wal.start, kept);
    stream.ack(wal.end()).unwrap();
    stream.flush(30_000).unwrap();
    let query = "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'keeper'";
    eventually("the slot moves", || db.lsn(query) == wal.end());
    drop(stream);
    if version < 15 {
        return;
    }
    // Without a position it goes on where the slot stands; from before that it moves the slot nowhere.
    let mut stream = with_slot().open().unwrap();
    db.run("CREATE TABLE y (id int)");
    let mut more = Wal::default();
    let now = db.lsn("SELECT pg_current_wal_flush_lsn()");
    assert_eq!(read_to(&mut stream, &mut more, now), None);
    assert_eq!(more.start, wal.end());
    drop(stream);
    let mut stream = with_slot().with("start_lsn", &text(wal.end() - 8192)).open().unwrap();
    let mut again = Wal::default();
    read_to(&mut stream, &mut again, wal.end());
    stream.ack(again.start + 8192 - 100).unwrap();
    stream.flush(30_000).unwrap();
    assert_eq!(db.lsn(query), wal.end(), "a slot is never moved back");
}

on_versions! { ph3_a_slot_keeps_the_wal_from_when_it_is_made v14 14, v18 18 }

/// PH2: what a slot keeps is never passed over because the server does not say where it stands: 14 never does.
#[test]
fn ph2_a_slot_whose_place_nobody_knows_is_never_passed_over() {
    let server = Server::start(14, &[]);
    let mut db = server.database();
    let with_slot = || options(&server).with("slot", "keeper").with("slot_create", "if_missing");
    drop(with_slot().open().unwrap());
    let query = "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'keeper'";
    let kept = db.lsn(query);
    db.run("CREATE TABLE t (id int)");
    for options in [with_slot(), options(&server).with("slot", "keeper")] {
        let unknown = options.open().err().unwrap();
        assert_eq!(unknown.status, Status::WAL_E_BAD_OPTION, "{unknown:?}");
        assert!(unknown.message.contains("keeper") && unknown.hint.contains("start_lsn"), "{unknown:?}");
        assert_eq!(db.lsn(query), kept);
    }
    // From before where it stands it is not moved back unasked.
    let mut stream = with_slot().with("start_lsn", &text(kept - 8192)).open().unwrap();
    let mut wal = Wal::default();
    assert_eq!(read_to(&mut stream, &mut wal, kept), None);
    stream.flush(30_000).unwrap();
    assert_eq!(db.lsn(query), kept);
}

/// PH2: one that was invalidated looks to 15, 16 and 17 like one that never kept anything.
#[test]
fn ph2_a_slot_that_keeps_nothing_any_more_is_not_begun_anew_unasked() {
    let settings =
        ["max_wal_size=32MB", "min_wal_size=32MB", "wal_keep_size=0", "max_slot_wal_keep_size=16MB"];
    let server = Server::start(16, &settings);
    let mut db = server.database();
    drop(options(&server).with("slot", "lost").with("slot_create", "if_missing").open().unwrap());
    let kept = db.lsn("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'lost'");
    outlive(&mut db, kept);
    let with_slot = || options(&server).with("slot", "lost").with("slot_create", "if_missing");
    let unknown = with_slot().open().err().unwrap();
    assert_eq!(unknown.status, Status::WAL_E_BAD_OPTION, "{unknown:?}");
    let now = db.lsn("SELECT pg_current_wal_flush_lsn()");
    drop(with_slot().with("start_lsn", &text(now)).open().unwrap());
}

/// What is wrong with a slot has its status when connecting, or right behind it.
fn what_is_wrong_with_a_slot_is_named(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    let missing = options(&server).with("slot", "nobodys").open().err().unwrap();
    assert_eq!(missing.status, Status::WAL_E_SLOT_MISSING, "{missing:?}");
    let logical = db.slot();
    let mismatch = options(&server).with("slot", &logical).open().err().unwrap();
    assert_eq!(mismatch.status, Status::WAL_E_SLOT_MISMATCH, "{mismatch:?}");
    let one = options(&server).with("slot", "one").with("slot_create", "if_missing");
    let holder = one.open().unwrap();
    let active = options(&server).with("slot", "one").open().err().unwrap();
    assert!(active.status == Status::WAL_E_SLOT_ACTIVE && active.is_retriable, "{active:?}");
    drop(holder);
    let temporary = || options(&server).with("slot", "passing").with("slot_create", "temporary");
    let mut stream = temporary().open().unwrap();
    assert_eq!(db.text("SELECT temporary FROM pg_replication_slots WHERE slot_name = 'passing'"), "t");
    db.run("CREATE TABLE z (id int)");
    assert!(matches!(next(&mut stream, PATIENCE.as_millis() as i32), Ok(Got::Wal { .. })));
    drop(stream);
    eventually("it is gone", || {
        db.text("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'passing'") == "0"
    });
}

on_versions! { what_is_wrong_with_a_slot_is_named v14 14, v18 18 }

/// A slot that the server gave up says so, or its stream is told what is missing: it never goes on as if nothing were.
#[test]
fn ph2_a_slot_that_was_given_up_is_named() {
    let settings =
        ["max_wal_size=32MB", "min_wal_size=32MB", "wal_keep_size=0", "max_slot_wal_keep_size=16MB"];
    let server = Server::start(18, &settings);
    let mut db = server.database();
    drop(options(&server).with("slot", "lost").with("slot_create", "if_missing").open().unwrap());
    let kept = db.lsn("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'lost'");
    outlive(&mut db, kept);
    let mut failure = options(&server).with("slot", "lost").with("start_lsn", &text(kept)).open();
    let failure = match &mut failure {
        Ok(stream) => next(stream, PATIENCE.as_millis() as i32).unwrap_err(),
        Err(failure) => failure.clone(),
    };
    assert_eq!(failure.status, Status::WAL_E_SLOT_INVALIDATED, "{failure:?}");
    assert!(!failure.is_retriable);
}
