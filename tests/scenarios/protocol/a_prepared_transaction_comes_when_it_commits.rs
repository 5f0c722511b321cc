//! P27, two_phase=join: a prepared transaction is kept until COMMIT PREPARED, and comes then as an ordinary one. Nothing that
//! is acknowledged meanwhile covers it.

use super::forms::{Form, copy_of, drop_slot};
use super::reassembly::{gid, prepare_lsn};
use super::workload;
use crate::harness::server::Stop;
use crate::harness::{Database, Kind, Next, Options, PATIENCE, Server, Stream};
use pgwalstream::batch::flags;
use pgwalstream::error::Status;

/// An event as far as it must be equal to one of a slot that knows nothing of PREPARE.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    line: String,
    lsn: u64,
    commit_lsn: u64,
    commit_time: i64,
    xid: u32,
    sequence: u64,
}

/// What it may acknowledge, and where it was prepared.
#[derive(Clone, Copy, Debug)]
struct Position {
    ends: bool,
    commit_lsn: u64,
    ack_lsn: u64,
    prepare_lsn: u64,
}

fn read(stream: &mut Stream) -> (Vec<Told>, Vec<Position>) {
    let (mut all, mut positions, mut last) = (vec![], vec![], false);
    loop {
        let Next::Event(event) = stream.next(60_000).unwrap() else {
            panic!("the end does not come: {:?}", all.last())
        };
        if event.kind() == Kind::Progress {
            continue;
        }
        let it = *event.fields();
        let begins = matches!(event.kind(), Kind::Begin | Kind::Origin);
        let line = event.line();
        last |= line.starts_with("INSERT public.done");
        all.push(Told {
            line,
            lsn: if begins { 0 } else { it.lsn },
            commit_lsn: it.commit_lsn,
            commit_time: it.commit_time,
            xid: it.xid,
            sequence: it.sequence,
        });
        positions.push(Position {
            ends: event.kind() == Kind::Commit,
            commit_lsn: it.commit_lsn,
            ack_lsn: it.ack_lsn,
            prepare_lsn: prepare_lsn(event),
        });
        if last && event.kind() == Kind::Commit {
            return (all, positions);
        }
    }
}

/// While one is held nothing told acknowledges its PREPARE, and positions never go back.
fn check(positions: &[Position]) -> usize {
    let ends: Vec<&Position> = positions.iter().filter(|it| it.ends).collect();
    let mut acked = 0;
    for it in positions.iter().filter(|it| it.ack_lsn != 0) {
        assert!(it.ack_lsn >= acked, "{it:?} after {acked:X}");
        acked = it.ack_lsn;
    }
    assert!(
        ends.windows(2).all(|two| two[0].commit_lsn < two[1].commit_lsn),
        "the order is that of the commits"
    );
    let mut meanwhile = 0;
    for (at, joined) in ends.iter().enumerate().filter(|(_, it)| it.prepare_lsn != 0) {
        for it in ends[..at].iter().filter(|it| it.commit_lsn > joined.prepare_lsn) {
            assert!(it.ack_lsn <= joined.prepare_lsn, "{it:?} while {joined:?}");
            meanwhile += 1;
        }
    }
    meanwhile
}

/// Prepared ones that others overtake: the first to use a table, large ones, with savepoints, and one that comes to nothing.
fn overtaken(db: &mut Database<'_>) {
    db.run("CREATE TABLE h (id int PRIMARY KEY, v text, m mood DEFAULT 'ok'); CREATE TABLE k (id int PRIMARY KEY, v text)");
    let rows = |table, from, to, width| {
        format!("INSERT INTO {table} SELECT g, repeat('h', {width}) FROM generate_series({from}, {to}) g")
    };
    let prepare = |db: &mut Database<'_>, gid: &str, work: &str| {
        db.run(&format!("BEGIN; {work}; PREPARE TRANSACTION '{gid}'"));
    };
    prepare(
        db,
        "first",
        "INSERT INTO h VALUES (1, 'first'); SELECT pg_logical_emit_message(true, 'p', 'first')",
    );
    db.run("INSERT INTO h VALUES (2, 'overtakes')");
    prepare(db, "gone", "INSERT INTO k VALUES (1, 'gone')");
    prepare(
        db,
        "large",
        &format!(
            "{}; SAVEPOINT a; {}; ROLLBACK TO a; INSERT INTO h VALUES (1999, 'stays')",
            rows("h (id, v)", 1000, 1400, 700),
            rows("h (id, v)", 2000, 2400, 700)
        ),
    );
    db.run("BEGIN; INSERT INTO k VALUES (2, 'described for gone'); UPDATE h SET v = 'again' WHERE id = 2; COMMIT");
    db.run("SELECT pg_logical_emit_message(false, 'p', 'alone')");
    db.run("ROLLBACK PREPARED 'gone'");
    db.run(&rows("h (id, v)", 3000, 3400, 700));
    prepare(db, "ddl", "CREATE TABLE made (id int, m mood); INSERT INTO made VALUES (1, 'sad'); TRUNCATE k");
    db.script("COMMIT PREPARED 'large';\nINSERT INTO h VALUES (3, 'between');\nCOMMIT PREPARED 'ddl';\nINSERT INTO k VALUES (3, 'x');\nINSERT INTO made VALUES (2, 'ok');\nCOMMIT PREPARED 'first'");
    prepare(db, "empty", "SELECT 1");
    db.script("COMMIT PREPARED 'empty';\nDELETE FROM h WHERE id = 1");
}

fn p27_joined_is_equal_to_never_prepared(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 2);
    let slot = db.slot();
    overtaken(&mut db);
    workload::run(&mut db, 2, 1_500, u64::from(version), true);
    let options = |db: &Database<'_>, slot: &str, streaming| {
        let form = Form { proto_version: "auto", streaming, two_phase: false, binary: false };
        form.options(db, slot).with("assemble_memory", "1MB").with("spill_min_free", "0")
    };
    let copy = copy_of(&mut db, &slot);
    let mut stream = options(&db, &copy, "off").open().unwrap();
    let (expected, positions) = read(&mut stream);
    assert!(expected.len() > 1_000 && positions.iter().all(|it| it.prepare_lsn == 0));
    drop(stream);
    for streaming in ["off", "assembled"] {
        let copy = copy_of(&mut db, &slot);
        let mut stream = options(&db, &copy, streaming).with("two_phase", "join").open().unwrap();
        let (got, positions) = read(&mut stream);
        for (n, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got, expected, "{streaming}: event {n}");
        }
        assert_eq!(got.len(), expected.len(), "{streaming}");
        assert!(check(&positions) >= 5, "{streaming}: nobody overtook");
        assert_eq!(stream.stats().prepared_transactions, 0);
        drop(stream);
        drop_slot(&mut db, &copy);
    }
}

on_versions! { p27_joined_is_equal_to_never_prepared v15 15, v18 18; v16 16, v17 17 }

/// What a program keeps: rows, the position to start at, and the last transaction that it has.
#[derive(Debug, Default)]
struct Stored {
    rows: Vec<String>,
    start: u64,
    commit_lsn: u64,
    prepared: Vec<u64>,
}

impl Stored {
    /// Applies and stores until `last` is stored.
    fn run(&mut self, stream: &mut Stream, last: &str) {
        let mut open = vec![];
        loop {
            let Next::Event(event) = stream.next(PATIENCE.as_millis() as i32).unwrap() else {
                panic!("{self:?}")
            };
            let it = *event.fields();
            let line = event.line();
            match event.kind() {
                Kind::Begin => open.clear(),
                Kind::Insert => open.push(line),
                Kind::Commit => {
                    // As docs/transactions.md says.
                    if it.commit_lsn > self.commit_lsn {
                        self.rows.append(&mut open);
                        self.commit_lsn = it.commit_lsn;
                        self.prepared.extend(Some(prepare_lsn(event)).filter(|lsn| *lsn != 0));
                    }
                    self.start = it.ack_lsn;
                    stream.ack(it.ack_lsn).unwrap();
                    if self.rows.last().is_some_and(|row| row.contains(last)) {
                        return;
                    }
                }
                Kind::Progress => {
                    self.start = it.ack_lsn;
                    stream.ack(it.ack_lsn).unwrap();
                }
                _ => {}
            }
        }
    }
}

/// Hold, commit others, store, kill everything, start again: nothing is lost, nothing comes twice.
fn p27_what_is_held_survives_a_crash(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    for progress in ["auto", "acknowledged"] {
        let mut stored = Stored::default();
        let open = |db: &Database<'_>, stored: &Stored| {
            let start = format!("{:X}/{:X}", stored.start >> 32, stored.start & 0xFFFF_FFFF);
            let options = Options::stream(&db.conninfo(), &slot, "pub").with("two_phase", "join");
            let options = options.with("status_interval", "20ms").with("spill_min_free", "0");
            options
                .with("progress", progress)
                .with("slot_adopt", "off")
                .with("start_lsn", &start)
                .open()
                .unwrap()
        };
        if progress == "acknowledged" {
            stored.start = db.confirmed(&slot);
        }
        let mut stream = open(&db, &stored);
        let insert = |db: &mut Database<'_>, v: &str| db.run(&format!("INSERT INTO t VALUES ('{v}')"));
        insert(&mut db, "before");
        db.run("BEGIN; INSERT INTO t VALUES ('held 1'), ('held 2'); PREPARE TRANSACTION 'held'");
        let prepared = db.position();
        insert(&mut db, "meanwhile 1");
        stored.run(&mut stream, "meanwhile 1");
        let stats = stream.stats();
        assert_eq!(stats.prepared_transactions, 1);
        assert!((1..60_000_000).contains(&stats.prepared_microseconds), "{}", stats.prepared_microseconds);
        assert!(stats.kept_bytes > 0);
        insert(&mut db, "meanwhile 2");
        stored.run(&mut stream, "meanwhile 2");
        stream.expect_quiet(100);
        assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
        assert!(stored.start < prepared && db.confirmed(&slot) < prepared, "{stored:X?} {prepared:X}");

        // The connection alone: what is held comes again, what was told does not.
        db.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");
        insert(&mut db, "meanwhile 3");
        let before = stored.commit_lsn;
        stored.run(&mut stream, "meanwhile 3");
        assert!(stored.commit_lsn > before && stream.stats().reconnects == 1);

        // kill -9 of both ends: whatever this one still says, nobody hears.
        server.stop(Stop::Immediate);
        drop(stream);
        server.restart();
        db.sql = server.client(&db.name);
        let mut stream = open(&db, &stored);
        db.run("COMMIT PREPARED 'held'");
        insert(&mut db, "behind");
        stored.run(&mut stream, "behind");
        let rows: Vec<&str> = stored.rows.iter().map(|row| row.rsplit('=').next().unwrap_or(row)).collect();
        let expected = ["before", "meanwhile 1", "meanwhile 2", "meanwhile 3", "held 1", "held 2", "behind"];
        assert_eq!(rows, expected, "{:?}", stored.rows);
        assert_eq!((stored.prepared.len(), stream.stats().prepared_transactions), (1, 0));
        assert!(stored.prepared[0] < prepared);
        assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
        drop(stream);
        db.released(&slot);
        let confirmed = db.confirmed(&slot);
        assert!(
            stored.start > prepared && confirmed >= stored.start,
            "{stored:X?} {prepared:X} {confirmed:X}"
        );
    }
}

on_versions! { p27_what_is_held_survives_a_crash v15 15, v18 18; v16 16, v17 17 }

/// What came while one was held that is rolled back then: nothing else is delivered that could acknowledge it, so that the
/// stream tells of a position which does. Until that is acknowledged the slot stays before it, whatever the server says.
fn p27_what_came_while_one_was_held_is_owed(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (v text); CREATE TABLE other (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("two_phase", "join");
    let mut stream = options.with("status_interval", "20ms").with("spill_min_free", "0").open().unwrap();
    db.run("INSERT INTO t VALUES ('before')");
    let before = stream.read_transactions(1).pop().unwrap();
    stream.ack(before.ack_lsn).unwrap();
    db.run("BEGIN; INSERT INTO t VALUES ('held'); PREPARE TRANSACTION 'held'");
    db.run("INSERT INTO t VALUES ('meanwhile')");
    let meanwhile = stream.read_transactions(1).pop().unwrap();
    assert!(meanwhile.ack_lsn < meanwhile.commit_lsn, "{meanwhile:?}");
    stream.ack(meanwhile.ack_lsn).unwrap();
    db.run("ROLLBACK PREPARED 'held'");
    // The server goes on, and says so.
    for id in 0..10 {
        db.run(&format!("INSERT INTO other VALUES ({id})"));
    }
    let Ok(Next::Event(event)) = stream.next(60_000) else { panic!("nothing is owed") };
    let (kind, owed) = (event.kind(), event.fields().ack_lsn);
    assert!(kind == Kind::Progress && owed > meanwhile.commit_lsn, "{kind:?} {owed:X} {meanwhile:X?}");
    stream.expect_quiet(200);
    assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
    assert!(db.confirmed(&slot) <= meanwhile.commit_lsn, "the slot passed what is not acknowledged");
    stream.ack(owed).unwrap();
    crate::harness::eventually("it is confirmed", || db.confirmed(&slot) >= owed);
}

on_versions! { p27_what_came_while_one_was_held_is_owed v18 18; v15 15, v16 16, v17 17 }

/// Held ones obey the budget, whether the server streamed them or not; what is rolled back leaves nothing.
fn p7_what_is_held_obeys_the_budget(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    for streaming in ["off", "assembled"] {
        let slot = db.slot();
        let form = Form { proto_version: "auto", streaming, two_phase: false, binary: false };
        let options = form.options(&db, &slot).with("assemble_memory", "1MB").with("spill_min_free", "0");
        let mut stream = options.with("two_phase", "join").open().unwrap();
        let insert = "INSERT INTO t SELECT g, repeat('v', 1000) FROM generate_series(1, 3000) g";
        for gid in ["a", "b"] {
            db.run(&format!("BEGIN; {insert}; PREPARE TRANSACTION '{gid}'"));
        }
        db.run("INSERT INTO t VALUES (0, 'others')");
        assert_eq!(stream.read_transactions(1).iter().filter(|it| it.kind == Kind::Insert).count(), 1);
        let stats = stream.stats();
        assert_eq!(
            (stats.prepared_transactions, stats.kept_transactions, stats.spilled_transactions),
            (2, 2, 2)
        );
        assert!(stats.kept_bytes <= 1 << 20 && stats.spilled_bytes > 4 << 20, "{stats:?}");
        db.script("ROLLBACK PREPARED 'a';\nCOMMIT PREPARED 'b'");
        let rows = stream.read_transactions(1).iter().filter(|it| it.kind == Kind::Insert).count();
        assert_eq!(rows, 3000);
        stream.expect_quiet(50);
        let stats = stream.stats();
        assert_eq!((stats.prepared_transactions, stats.kept_bytes, stats.spilled_bytes), (0, 0, 0));
        drop(stream);
        drop_slot(&mut db, &slot);
    }
}

on_versions! { p7_what_is_held_obeys_the_budget v18 18; v15 15 }

/// The columns that are published change while one is held: it comes with those that it was received with.
fn p11_what_is_held_keeps_its_definitions(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t; INSERT INTO t VALUES (0, 'x')");
    let slot = db.slot();
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").with("two_phase", "join").open().unwrap();
    // Described before, and not again in what is prepared.
    db.run("INSERT INTO t VALUES (1, 'one')");
    db.run("BEGIN; INSERT INTO t VALUES (2, 'two'); PREPARE TRANSACTION 'p'");
    db.run("ALTER PUBLICATION pub SET TABLE t (id)");
    db.script("INSERT INTO t VALUES (3, 'three');\nCOMMIT PREPARED 'p';\nINSERT INTO t VALUES (4, 'four')");
    let seen = stream.read_transactions(4);
    let columns: Vec<usize> =
        seen.iter().filter(|it| it.kind == Kind::Insert).map(|it| it.new.len()).collect();
    assert_eq!(columns, [2, 1, 2, 1]);
}

on_versions! { p11_what_is_held_keeps_its_definitions v15 15, v18 18; v16 16, v17 17 }

/// What was prepared before the stream began and acknowledged comes as an end without a beginning, and says so.
fn p27_an_end_without_its_beginning_says_so(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let options = |db: &Database<'_>, two_phase| {
        Options::stream(&db.conninfo(), &slot, "pub").with("two_phase", two_phase).with("spill_min_free", "0")
    };
    let fate = |stream: &mut Stream, kind: Kind| loop {
        let Next::Event(event) = stream.next(PATIENCE.as_millis() as i32).unwrap() else {
            panic!("no {kind:?}")
        };
        if event.kind() == kind {
            return (gid(event), event.fields().flags & flags::UNKNOWN_PREPARE != 0, event.fields().ack_lsn);
        }
    };
    let mut stream = options(&db, "on").open().unwrap();
    for gid in ["a", "b", "c", "d"] {
        db.run(&format!("BEGIN; INSERT INTO t VALUES ('{gid}'); PREPARE TRANSACTION '{gid}'"));
    }
    let prepared = (0..4).map(|_| fate(&mut stream, Kind::Prepare)).collect::<Vec<_>>();
    db.script("COMMIT PREPARED 'a';\nROLLBACK PREPARED 'b'");
    let committed = fate(&mut stream, Kind::CommitPrepared);
    let rolled_back = fate(&mut stream, Kind::RollbackPrepared);
    assert_eq!((&*committed.0, committed.1, &*rolled_back.0, rolled_back.1), ("a", false, "b", false));
    assert!(prepared.iter().all(|it| !it.1));
    stream.ack(rolled_back.2).unwrap();
    assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
    drop(stream);
    db.released(&slot);
    for (two_phase, gid, statement, kind) in [
        ("on", "c", "COMMIT PREPARED 'c'", Kind::CommitPrepared),
        ("join", "d", "ROLLBACK PREPARED 'd'", Kind::RollbackPrepared),
    ] {
        let mut stream = options(&db, two_phase).open().unwrap();
        db.run(statement);
        let (told, unknown, ack_lsn) = fate(&mut stream, kind);
        assert_eq!((&*told, unknown), (gid, true), "{two_phase}");
        stream.ack(ack_lsn).unwrap();
        assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
        drop(stream);
        db.released(&slot);
    }
}

on_versions! { p27_an_end_without_its_beginning_says_so v15 15, v18 18; v16 16, v17 17 }
