//! streaming=assembled: the server streams, and the program sees what protocol 1 shows, event for event.
//!
//! What is compared is all of an event but the positions of BEGIN and ORIGIN, which say where the transaction's first change
//! was: that may be one that was not published, or was rolled back.

use super::forms::{Form, copy_of, drop_slot, highest};
use super::workload;
use crate::harness::{Database, Kind, Next, Server, Stream};
use pgwalstream::error::Status;

/// An event as far as it must be equal.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    line: String,
    flags: u32,
    lsn: u64,
    commit_lsn: u64,
    ack_lsn: u64,
    commit_time: i64,
    xid: u32,
    sequence: u64,
    generation: u32,
}

fn read(stream: &mut Stream) -> Vec<Told> {
    let mut all = vec![];
    let mut last = false;
    loop {
        let Ok(Next::Event(event)) = stream.next(60_000) else {
            panic!("the end does not come: {:?}", all.last())
        };
        if event.kind() == Kind::Progress {
            continue;
        }
        let it = *event.fields();
        let told = Told {
            line: event.line(),
            flags: it.flags,
            lsn: if matches!(event.kind(), Kind::Begin | Kind::BeginPrepare | Kind::Origin) {
                0
            } else {
                it.lsn
            },
            commit_lsn: it.commit_lsn,
            ack_lsn: it.ack_lsn,
            commit_time: it.commit_time,
            xid: it.xid,
            sequence: it.sequence,
            generation: if it.relation.is_null() { 0 } else { event.relation().generation() },
        };
        assert_eq!(it.subxid, 0);
        last |= told.line.starts_with("INSERT public.done");
        let is_end = last && event.kind() == Kind::Commit;
        all.push(told);
        if is_end {
            return all;
        }
    }
}

/// Without what a server makes of a prepared transaction that is rolled back: decoding stops somewhere once it is known,
/// and so does what is described in it.
fn without_rolled_back(all: Vec<Told>) -> Vec<Told> {
    let gid = |it: &Told, kind: &str| it.line.strip_prefix(kind).map(str::to_owned);
    let gone: Vec<String> = all.iter().filter_map(|it| gid(it, "ROLLBACKPREPARED ")).collect();
    let mut inside = false;
    let mut kept = vec![];
    for it in all {
        inside |= gid(&it, "BEGINPREPARE ").is_some_and(|gid| gone.contains(&gid));
        let described = it.line.starts_with("RELATION ") || it.line.starts_with("TYPE ");
        let ends = gid(&it, "PREPARE ").is_some();
        if !inside && !described {
            kept.push(Told { generation: 0, ..it });
        }
        inside &= !ends;
    }
    kept
}

fn read_as(db: &mut Database<'_>, slot: &str, form: Form, more: &[(&str, &str)]) -> (Vec<Told>, u64) {
    let copy = copy_of(db, slot);
    let options = more.iter().fold(form.options(db, &copy), |options, (key, value)| options.with(key, value));
    let mut stream = options.open().unwrap();
    let told = read(&mut stream);
    let stats = stream.stats();
    // The last transaction is small.
    assert_eq!((stats.kept_transactions, stats.kept_bytes, stats.spilled_bytes), (0, 0, 0));
    drop(stream);
    drop_slot(db, &copy);
    let told = if form.two_phase { without_rolled_back(told) } else { told };
    (told, stats.assembled_transactions)
}

/// Savepoints in savepoints, thousands of them, DDL in what is rolled back, COPY, TRUNCATE, TOAST, empty transactions.
fn nested(db: &mut Database<'_>) {
    db.run("CREATE TABLE n (id int PRIMARY KEY, v text, w text); ALTER TABLE n ALTER w SET STORAGE EXTERNAL; CREATE TABLE unpublished_like (id int)");
    db.run(
        "BEGIN; INSERT INTO n SELECT g, 'a' || g, repeat('w', 3000) FROM generate_series(1, 100) g;
         SAVEPOINT s1; INSERT INTO n VALUES (1001, 's1', 'x'); SAVEPOINT s2; INSERT INTO n VALUES (1002, 's2', 'x');
         RELEASE s2; INSERT INTO n VALUES (1003, 's1 again', 'x'); ROLLBACK TO s1; INSERT INTO n VALUES (1004, 's1 third', 'x');
         SAVEPOINT s3; ALTER TABLE n ADD COLUMN gone int; INSERT INTO n VALUES (1005, 's3', 'x', 5); ROLLBACK TO s3;
         INSERT INTO n VALUES (1006, 's3 again', 'x');
         SAVEPOINT s4; ALTER TABLE n ADD COLUMN kept int; INSERT INTO n VALUES (1007, 's4', 'x', 7); RELEASE s4;
         UPDATE n SET v = v || '!' WHERE id < 50; DELETE FROM n WHERE id BETWEEN 90 AND 95; COMMIT",
    );
    db.run(
        "DO $$ BEGIN FOR i IN 1..1500 LOOP BEGIN INSERT INTO n VALUES (5000 + i, 'loop', repeat('l', 50));
         IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF; EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$",
    );
    // From elsewhere: each block begins with the origin.
    db.run("SELECT pg_replication_origin_create('elsewhere'); SELECT pg_replication_origin_session_setup('elsewhere')");
    db.run(
        "BEGIN; SELECT pg_replication_origin_xact_setup('0/AB', '2020-01-01'); SAVEPOINT a; INSERT INTO n VALUES (30000, 'no', 'x');
         ROLLBACK TO a; INSERT INTO n SELECT g, 'far', repeat('f', 500) FROM generate_series(30001, 30400) g; COMMIT",
    );
    db.run("SELECT pg_replication_origin_session_reset(); SELECT pg_replication_origin_drop('elsewhere')");
    db.run("BEGIN; INSERT INTO n SELECT g, 'gone', repeat('g', 500) FROM generate_series(10001, 10800) g; ROLLBACK");
    db.run("BEGIN; SAVEPOINT a; INSERT INTO n SELECT g, 'gone', repeat('g', 500) FROM generate_series(10001, 10800) g; ROLLBACK TO a; COMMIT");
    db.run("BEGIN; SAVEPOINT a; INSERT INTO n SELECT g, 'back', repeat('g', 500) FROM generate_series(10001, 10800) g; ROLLBACK TO a; INSERT INTO n VALUES (9999, 'stays', 'x'); COMMIT");
    db.run("BEGIN; INSERT INTO n VALUES (20001, 'x', 'x'); TRUNCATE n; INSERT INTO n VALUES (20001, 'y', 'y'); COMMIT");
}

fn p6_assembled_is_equal_event_for_event(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 3);
    let slot = db.slot();
    nested(&mut db);
    workload::run(&mut db, 3, 2_500, u64::from(version), true);
    let form =
        |proto_version, streaming, two_phase, binary| Form { proto_version, streaming, two_phase, binary };
    for two_phase in [false, true].into_iter().filter(|two_phase| !two_phase || version >= 15) {
        let (expected, none) = read_as(&mut db, &slot, form("auto", "off", two_phase, false), &[]);
        assert!(none == 0 && expected.len() > 1500, "{}", expected.len());
        // Spilling at every opportunity, and batches that a transaction does not fit.
        let tight = [("assemble_memory", "1MB"), ("batch_events", "64"), ("spill_min_free", "0")];
        for (proto, binary, more) in
            [("auto", false, &[][..]), ("auto", true, &tight), ("4", false, &tight), ("4", true, &[])]
        {
            if proto == "4" && highest(version) < 4 {
                continue;
            }
            let form = form(proto, "assembled", two_phase, binary);
            let (got, assembled) = read_as(&mut db, &slot, form, more);
            assert!(assembled > 5, "{form:?}: {assembled}");
            for (n, (got, expected)) in got.iter().zip(&expected).enumerate() {
                assert_eq!(got, expected, "{form:?}: event {n}");
            }
            assert_eq!(got.len(), expected.len(), "{form:?}");
        }
    }
}

on_every_version! { p6_assembled_is_equal_event_for_event }

/// A bounded stream ends where it was told, also in the middle of what is streamed: with the same transactions as one that
/// streams nothing.
fn a_bounded_stream_ends_at_the_same_place(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let mut long = db.server.client(&db.name);
    let insert =
        |from, to| format!("INSERT INTO t SELECT g, repeat('v', 500) FROM generate_series({from}, {to}) g");
    long.batch_execute(&format!("BEGIN; {}", insert(1, 500))).unwrap();
    db.run(&format!("BEGIN; {}; COMMIT", insert(1001, 1500)));
    let stop = db.position();
    long.batch_execute(&insert(501, 1000)).unwrap();
    db.run(&format!("BEGIN; {}; COMMIT", insert(2001, 2500)));
    long.batch_execute("COMMIT").unwrap();
    let read = |db: &mut Database<'_>, streaming| {
        let copy = copy_of(db, &slot);
        let stop = format!("{:X}/{:X}", stop >> 32, stop & 0xFFFF_FFFF);
        let form = Form { proto_version: "auto", streaming, two_phase: false, binary: false };
        let options = form.options_beyond_64kb(db, &copy).with("stop_lsn", &stop).with("spill_min_free", "0");
        let mut stream = options.open().unwrap();
        let mut all = vec![];
        loop {
            match stream.next(60_000).unwrap() {
                Next::Event(event) if event.kind() == Kind::Progress => {}
                Next::Event(event) => all.push(format!("{:?}", event.copy())),
                Next::Nothing(status) => {
                    assert_eq!(status, Status::WAL_END);
                    break;
                }
            }
        }
        drop(stream);
        drop_slot(db, &copy);
        all
    };
    let (plain, assembled) = (read(&mut db, "off"), read(&mut db, "assembled"));
    assert_eq!(plain.len(), 500 + 3);
    assert_eq!(assembled, plain);
}

on_every_version! { a_bounded_stream_ends_at_the_same_place }
