//! P27: two-phase commit. A prepared transaction comes at PREPARE TRANSACTION, its fate later: also across a restart of
//! the server, after a reconnect, and when it was rolled back before the server came to decode it.

use super::reassembly::{gid, prepare_end_lsn};
use crate::harness::server::Stop;
use crate::harness::{Database, Next, Options, PATIENCE, Server, Stream};
use pgwalstream::batch::EventKind as K;
use pgwalstream::error::Status;
use std::ffi::{CStr, c_char};

/// What a test looks at in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    kind: u32,
    gid: String,
    prepare_end: u64,
    commit_lsn: u64,
    ack_lsn: u64,
    xid: u32,
}

fn next(stream: &mut Stream) -> Told {
    loop {
        match stream.next(PATIENCE.as_millis() as i32).unwrap() {
            Next::Event(event) => {
                let it = event.fields();
                if it.kind == K::WAL_EVENT_PROGRESS as u32 || it.kind == K::WAL_EVENT_RELATION as u32 {
                    continue;
                }
                return Told {
                    kind: it.kind,
                    gid: gid(event),
                    prepare_end: prepare_end_lsn(event),
                    commit_lsn: it.commit_lsn,
                    ack_lsn: it.ack_lsn,
                    xid: it.xid,
                };
            }
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
}

#[track_caller]
fn expect(stream: &mut Stream, kinds: &[K], gid: &str) -> Vec<Told> {
    let told: Vec<Told> = kinds.iter().map(|_| next(stream)).collect();
    let got: Vec<u32> = told.iter().map(|told| told.kind).collect();
    assert_eq!(got, kinds.iter().map(|kind| *kind as u32).collect::<Vec<_>>(), "{told:?}");
    let named: Vec<&Told> = told.iter().filter(|told| told.kind != K::WAL_EVENT_INSERT as u32).collect();
    assert!(named.iter().all(|told| told.gid == gid), "{told:?}");
    told
}

const WHOLE: &[K] = &[K::WAL_EVENT_BEGIN_PREPARE, K::WAL_EVENT_INSERT, K::WAL_EVENT_PREPARE];

fn options(db: &Database<'_>, slot: &str) -> Options {
    Options::stream(&db.conninfo(), slot, "pub").with("two_phase", "on")
}

fn prepare(db: &mut Database<'_>, gid: &str) {
    db.run(&format!("BEGIN; INSERT INTO t VALUES ('{gid}'); PREPARE TRANSACTION '{gid}'"));
}

fn p27_committed_rolled_back_and_crossing_a_restart(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let mut stream = options(&db, &slot).open().unwrap();
    prepare(&mut db, "first");
    let first = expect(&mut stream, WHOLE, "first");
    let prepared = &first[2];
    assert_eq!((prepared.prepare_end, first[0].prepare_end), (prepared.ack_lsn, prepared.ack_lsn));
    assert_eq!(prepared.commit_lsn, first[1].commit_lsn, "its changes bear the position of the PREPARE");
    db.run("COMMIT PREPARED 'first'");
    let committed = expect(&mut stream, &[K::WAL_EVENT_COMMIT_PREPARED], "first");
    assert!(committed[0].ack_lsn > prepared.ack_lsn && committed[0].xid == prepared.xid);

    prepare(&mut db, "second");
    let second = expect(&mut stream, WHOLE, "second");
    db.run("ROLLBACK PREPARED 'second'");
    let rolled_back = expect(&mut stream, &[K::WAL_EVENT_ROLLBACK_PREPARED], "second");
    assert_eq!(rolled_back[0].prepare_end, second[2].prepare_end, "it says which PREPARE it ends");

    // An acknowledged PREPARE does not come again: only its fate does.
    prepare(&mut db, "third");
    let third = expect(&mut stream, WHOLE, "third");
    stream.ack(third[2].ack_lsn).unwrap();
    assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
    prepare(&mut db, "fourth");
    let fourth = expect(&mut stream, WHOLE, "fourth");
    drop(stream);
    server.stop(Stop::Fast);
    server.restart();
    db.sql = server.client(&db.name);
    let mut stream = options(&db, &slot).open().unwrap();
    db.script("COMMIT PREPARED 'third';\nCOMMIT PREPARED 'fourth'");
    let mut again = vec![];
    while again
        .last()
        .is_none_or(|told: &Told| (told.kind, &*told.gid) != (K::WAL_EVENT_COMMIT_PREPARED as u32, "fourth"))
    {
        again.push(next(&mut stream));
    }
    let known: Vec<Told> = [first, committed, second, rolled_back, third].concat();
    let (old, new): (Vec<Told>, Vec<Told>) = again.into_iter().partition(|told| known.contains(told));
    // Before 17 a server forgets what was acknowledged since its last checkpoint, even if it stops in peace: what
    // comes again is recognised by gid and end of its PREPARE.
    assert!(version < 17 || old.is_empty(), "{old:?}");
    assert_eq!(new[..3], fourth);
    let fates: Vec<&str> = new[3..].iter().map(|told| &*told.gid).collect();
    assert_eq!(fates, ["third", "fourth"], "{new:?}");
    let last = &new[4..];
    stream.ack(last[0].ack_lsn).unwrap();
    assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
    drop(stream);
    assert!(db.confirmed(&slot) >= last[0].ack_lsn);

    // The slot is marked: version 1 without the option has all of these kinds too.
    db.released(&slot);
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    prepare(&mut db, "fifth");
    expect(&mut stream, WHOLE, "fifth");
    db.run("ROLLBACK PREPARED 'fifth'");
    expect(&mut stream, &[K::WAL_EVENT_ROLLBACK_PREPARED], "fifth");
}

on_versions! { p27_committed_rolled_back_and_crossing_a_restart v15 15, v18 18; v16 16, v17 17 }

/// Whatever the server makes of it (18 sends Prepare without Begin Prepare when it comes to decode it too late), each
/// transaction begins, ends and is rolled back.
fn p27_rolled_back_before_it_was_decoded(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20", "logical_decoding_work_mem=64kB"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    for rows in [0, 1, 5_000] {
        let insert = format!("INSERT INTO t SELECT 'gone' FROM generate_series(1, {rows})");
        db.run(&format!("BEGIN; {insert}; PREPARE TRANSACTION 'gone {rows}'"));
        db.run(&format!("ROLLBACK PREPARED 'gone {rows}'"));
    }
    db.run("INSERT INTO t VALUES ('end')");
    for streaming in ["off", "on"] {
        let copy = super::forms::copy_of(&mut db, &slot);
        let mut stream = options(&db, &copy).with("streaming", streaming).open().unwrap();
        let mut it = super::reassembly::Reassembly::default();
        it.read(&mut stream, |it| it.changes.iter().any(|change| change.line.contains("end")));
        assert_eq!(it.count(K::WAL_EVENT_BEGIN_PREPARE), it.count(K::WAL_EVENT_PREPARE));
        let prepared = it.count(K::WAL_EVENT_PREPARE) + it.count(K::WAL_EVENT_STREAM_PREPARE);
        assert_eq!(prepared, it.count(K::WAL_EVENT_ROLLBACK_PREPARED), "{streaming}: {:?}", it.counts);
        assert!(prepared >= 2, "{streaming}: {:?}", it.counts);
    }
}

on_versions! { p27_rolled_back_before_it_was_decoded v15 15, v18 18; v16 16, v17 17 }

/// A log callback that keeps what it is told.
extern "C" fn keep(
    userdata: *mut std::ffi::c_void,
    _level: i32,
    _target: *const c_char,
    message: *const c_char,
) {
    // SAFETY: the test's own mutex, which outlives the stream; the bytes live as long as the call.
    unsafe {
        let kept = &*userdata.cast::<std::sync::Mutex<Vec<String>>>();
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        kept.lock().unwrap().push(text);
    }
}

fn marking_a_slot_is_announced(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let kept: std::sync::Mutex<Vec<String>> = std::sync::Mutex::default();
    let warned = || kept.lock().unwrap().iter().filter(|text| text.contains("two_phase for good")).count();
    for expected in [1, 1] {
        let userdata = (&raw const kept).cast_mut().cast();
        let stream = options(&db, &slot).log(2, Some(keep), userdata).open().unwrap();
        assert_eq!(warned(), expected, "once, before the slot is marked");
        drop(stream);
        db.released(&slot);
        assert_eq!(
            db.text(&format!("SELECT two_phase FROM pg_replication_slots WHERE slot_name = '{slot}'")),
            "t"
        );
    }
    // One that the library makes is made so, and needs no warning.
    let made = crate::harness::server::unique("made");
    let userdata = (&raw const kept).cast_mut().cast();
    let options = options(&db, &made).with("slot_create", "if_missing").log(2, Some(keep), userdata);
    drop(options.open().unwrap());
    assert_eq!(warned(), 1);
}

on_versions! { marking_a_slot_is_announced v15 15, v18 18; v16 16, v17 17 }
