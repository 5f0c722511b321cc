//! Which of slot, state and position goes with what at the next start: each row of the table in docs/snapshots.md.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::mirror::{Mirror, options, slots};
use crate::harness::{Database, Kind, Options, Server, server};
use pgwalstream::error::Status;
use pgwalstream::lsn::Lsn;
use pgwalstream::snapshot::{Extent, SnapshotState};

pub fn base64(state: &[u8]) -> String {
    STANDARD.encode(state)
}

fn table(db: &mut Database<'_>) {
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t;
         INSERT INTO t SELECT generate_series(1, 1000)",
    );
}

/// What a stream comes to that is told this.
fn refused(options: Options) -> crate::harness::Failure {
    match options.open() {
        Ok(_) => panic!("it opened"),
        Err(failure) => failure,
    }
}

fn p18_each_way_to_start_again(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let slot = server::unique("first");

    // No slot, no state: all rows.
    let mut mirror = Mirror::default();
    let mut stream = options(&db, &slot).open().unwrap();
    mirror.read(&mut stream, |it, _| it.rows == 300).unwrap();
    drop(stream);
    let begun = mirror.state.clone();
    db.run("DELETE FROM t WHERE id > 900");

    // A slot and no state: nobody knows what the program has. The error names both ways out.
    let failure = refused(options(&db, &slot));
    assert_eq!(failure.status, Status::WAL_E_SNAPSHOT, "{failure:?}");
    for way in ["snapshot_state", "resume_after", "drop the slot"] {
        assert!(failure.hint.contains(way), "{failure:?}");
    }
    assert_eq!(slots(&mut db), "1", "it was left alone");

    // An incomplete state: another snapshot, behind a RESTART.
    let mut stream = options(&db, &slot).with("snapshot_state", &base64(&begun)).open().unwrap();
    let mut first = None;
    mirror
        .read(&mut stream, |_, event| {
            first.get_or_insert_with(|| event.line());
            true
        })
        .unwrap();
    assert_eq!(first.as_deref(), Some("RELATION public.t (id:23*) d#1"));
    mirror.read_snapshot(&mut stream);
    assert_eq!(mirror.rows, 900);
    mirror.compare(&mut db, &[]);
    let (whole, end) = (mirror.state.clone(), mirror.end.unwrap());
    drop(stream);

    // A complete one, though its end was never acknowledged: the changes alone.
    db.run("INSERT INTO t VALUES (5000)");
    let mut stream = options(&db, &slot).with("snapshot_state", &base64(&whole)).open().unwrap();
    let came = stream.read_transactions(1);
    assert!(came.iter().all(|event| event.kind != Kind::Snapshot));
    assert_eq!(came[2].line, "INSERT public.t new id=5000");
    let position = came.last().unwrap().position;
    drop(stream);

    // A position, as of the end of the rows or of any later event.
    let at_the_end = pgwalstream::capi::wal_position {
        end_lsn: end,
        commit_lsn: 0,
        sequence: 0,
        numbering: 0,
        ..position
    };
    let mut stream = options(&db, &slot).open_after(&at_the_end).unwrap();
    assert_eq!(stream.read_transactions(1)[2].line, "INSERT public.t new id=5000");
    drop(stream);
    db.run("INSERT INTO t VALUES (5001)");
    let mut stream = options(&db, &slot).new_stream().unwrap();
    stream.resume_after(&position).unwrap();
    stream.connect(-1).unwrap();
    assert_eq!(stream.read_transactions(1)[2].line, "INSERT public.t new id=5001");
    drop(stream);
    // An incomplete state of another snapshot than the slot's.
    let failure = refused(options(&db, &slot).with("snapshot_state", &base64(&begun)));
    assert!(
        failure.status == Status::WAL_E_SNAPSHOT && failure.message.contains("was taken at"),
        "{failure:?}"
    );

    // The same where it is whole: the slot is older than the rows, whose changes would come again.
    let later = SnapshotState {
        extent: Extent::Complete,
        consistent: Lsn(u64::MAX),
        ..SnapshotState::from_bytes(&whole).unwrap()
    };
    let failure = refused(options(&db, &slot).with("snapshot_state", &base64(&later.to_bytes())));
    assert!(
        failure.status == Status::WAL_E_SNAPSHOT && failure.message.contains("was taken at"),
        "{failure:?}"
    );
    // Neither of two may be passed over.
    let both = options(&db, &slot).with("snapshot_state", &base64(&whole)).with("start_lsn", "0/1");
    assert_eq!(refused(both).status, Status::WAL_E_BAD_OPTION);

    // The slot is gone: of a complete state changes are missing, an incomplete one begins anew.
    db.released(&slot);
    db.run(&format!("SELECT pg_drop_replication_slot('{slot}')"));
    let failure = refused(options(&db, &slot).with("snapshot_state", &base64(&whole)));
    assert_eq!(failure.status, Status::WAL_E_GAP, "{failure:?}");
    assert_eq!(slots(&mut db), "0", "none was made");
    let failure =
        refused(options(&db, &slot).with("snapshot_state", &base64(&whole)).with("slot_create", "never"));
    assert_eq!(failure.status, Status::WAL_E_SLOT_MISSING, "{failure:?}");
    let mut stream = options(&db, &slot).with("snapshot_state", &base64(&begun)).open().unwrap();
    let mut mirror = Mirror::default();
    mirror.read(&mut stream, |it, _| it.rows == 100).unwrap();
    drop(stream);
    db.released(&slot);
    let never =
        options(&db, &slot).with("snapshot_state", &base64(&mirror.state)).with("slot_create", "never");
    let failure = refused(never);
    assert!(failure.status == Status::WAL_E_SNAPSHOT && failure.hint.contains("if_missing"), "{failure:?}");
    let mut stream = options(&db, &slot).with("snapshot_state", &base64(&mirror.state)).open().unwrap();
    let mut mirror = Mirror::default();
    let mut restarts = 0;
    mirror
        .read(&mut stream, |it, event| {
            restarts += u32::from(event.kind() == Kind::Snapshot && event.snapshot().0 == 5);
            it.end.is_some()
        })
        .unwrap();
    assert_eq!((restarts, mirror.rows), (1, 902));
}

on_every_version! { p18_each_way_to_start_again }

fn a_temporary_slot_begins_with_all_rows(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let slot = server::unique("first");
    for _ in 0..2 {
        let mut stream = options(&db, &slot).with("slot_create", "temporary").open().unwrap();
        let mut mirror = Mirror::default();
        mirror.read_snapshot(&mut stream);
        assert_eq!(mirror.rows, 1000);
        db.run("INSERT INTO t VALUES (2000); DELETE FROM t WHERE id = 2000");
        mirror.catch_up(&mut db, &mut stream);
        mirror.compare(&mut db, &[]);
        drop(stream);
        db.released(&slot);
    }
}

on_every_version! { a_temporary_slot_begins_with_all_rows }

/// With ack=auto the end of the rows is acknowledged as any other event is.
fn the_end_of_the_rows_is_acknowledged_by_freeing(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let slot = server::unique("first");
    let stream = options(&db, &slot).with("ack", "auto").open().unwrap();
    let mut end = 0;
    while end == 0 {
        let batch = stream.batch(60_000).map_err(|why| format!("{why:?}")).unwrap();
        end = batch.ack_lsn();
    }
    db.run("INSERT INTO t VALUES (3000)");
    crate::harness::eventually("the change is acknowledged", || {
        drop(stream.batch(50));
        stream.flush(1_000).unwrap();
        db.confirmed(&slot) > end
    });
}

on_every_version! { the_end_of_the_rows_is_acknowledged_by_freeing }
