//! P6: savepoints rolled back inside a streamed transaction, with DDL inside them, and transactions rolled back as a
//! whole, while other transactions go on in between; and P2: what is open holds the slot back by nothing.

use super::forms::{Form, highest};
use super::reassembly::Reassembly;
use crate::harness::{Database, Format, Next, PATIENCE, Server, Stream, eventually};
use pgwalstream::batch::EventKind as K;

fn forms(version: u32, format: Format) -> Vec<Form> {
    let of = |streaming| Form {
        proto_version: "auto",
        streaming,
        two_phase: false,
        binary: format == Format::Binary,
    };
    if highest(version) < 4 { vec![of("on")] } else { vec![of("on"), of("parallel")] }
}

/// Reads until so many transactions are complete.
fn read(it: &mut Reassembly, stream: &mut Stream, transactions: usize) {
    while it.done.len() < transactions {
        match stream.next(PATIENCE.as_millis() as i32).unwrap() {
            Next::Event(event) => it.take(event),
            Next::Nothing(status) => panic!("{status:?} after {:?}", it.counts),
        }
    }
}

fn lines(it: &Reassembly, at: usize) -> Vec<&str> {
    it.done[at].changes.iter().map(|change| change.line.as_str()).collect()
}

fn p6_savepoints_and_ddl_in_them(version: u32, format: Format) {
    for form in forms(version, format) {
        let mut db = Server::shared(version).database();
        db.run(
            "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int); CREATE TABLE pad (v text);
             ALTER TABLE pad ALTER v SET STORAGE EXTERNAL;
             CREATE PUBLICATION pub FOR TABLE t, other, pad",
        );
        let slot = db.slot();
        let mut stream = form.options_beyond_64kb(&db, &slot).open().unwrap();
        let mut it = Reassembly::default();
        let mut second = db.server.client(&db.name);
        // 100 kB that make a block of what came before.
        let pad = "INSERT INTO pad SELECT repeat('p', 1000) FROM generate_series(1, 100)";
        let mut rows = 0;
        // Each step is read before the next: what is rolled back before it is decoded may never be sent, and the
        // server cannot always decode DDL later.
        let mut step = |db: &mut Database<'_>, text: &str| {
            db.run(text);
            db.run(pad);
            rows += 40;
            while it.count(K::WAL_EVENT_INSERT) < rows {
                match stream.next(PATIENCE.as_millis() as i32).unwrap() {
                    Next::Event(event) => it.take(event),
                    Next::Nothing(status) => panic!("{status:?} after {:?}", it.counts),
                }
            }
            rows = rows.max(it.count(K::WAL_EVENT_INSERT));
        };
        step(&mut db, "BEGIN; INSERT INTO t VALUES (1, 'kept')");
        step(&mut db, "SAVEPOINT a; INSERT INTO t VALUES (2, 'gone')");
        second.batch_execute("INSERT INTO other VALUES (10)").unwrap();
        step(&mut db, "ALTER TABLE t ADD COLUMN gone int DEFAULT 5; INSERT INTO t VALUES (3, 'gone', 6)");
        step(&mut db, "SAVEPOINT b; INSERT INTO t VALUES (4, 'gone', 7)");
        step(&mut db, "ROLLBACK TO a; INSERT INTO t VALUES (5, 'kept')");
        step(
            &mut db,
            "RELEASE a; SAVEPOINT c; ALTER TABLE t ADD COLUMN w text; INSERT INTO t VALUES (6, 'kept', 'w')",
        );
        second.batch_execute("INSERT INTO other VALUES (11)").unwrap();
        step(&mut db, "RELEASE c; UPDATE t SET v = 'new' WHERE id = 5");
        step(&mut db, "SAVEPOINT d; DELETE FROM t; ROLLBACK TO d; DELETE FROM t WHERE id = 1");
        db.run("COMMIT");
        // Outside, the definition that was committed is known without being sent again.
        db.run("INSERT INTO t VALUES (7, 'later', 'w')");
        read(&mut it, &mut stream, 4);
        let whole = lines(&it, 2);
        let own: Vec<&str> = whole.iter().copied().filter(|line| line.contains("public.t ")).collect();
        assert_eq!(
            own,
            [
                "INSERT public.t new id=1 v=kept",
                "INSERT public.t new id=5 v=kept",
                "INSERT public.t new id=6 v=kept w=w",
                "UPDATE public.t new id=5 v=new w=NULL",
                "DELETE public.t key id=1 v=<absent> w=<absent>",
            ],
            "{form:?}"
        );
        // Of the padding, what followed a step that stayed: five.
        assert_eq!(whole.len() - own.len(), 500, "{form:?}");
        assert_eq!(lines(&it, 0), ["INSERT public.other new id=10"]);
        assert_eq!(lines(&it, 1), ["INSERT public.other new id=11"]);
        assert_eq!(lines(&it, 3), ["INSERT public.t new id=7 v=later w=w"]);
        assert!(it.count(K::WAL_EVENT_STREAM_ABORT) >= 2, "{form:?}: {:?}", it.counts);
        let blocks = (it.count(K::WAL_EVENT_STREAM_START), it.count(K::WAL_EVENT_STREAM_STOP));
        assert!(blocks.0 > 4 && blocks.0 == blocks.1, "{form:?}: {blocks:?}");
    }
}

fn p2_an_open_streamed_transaction_holds_nothing_back(version: u32, format: Format) {
    for form in forms(version, format) {
        let mut db = Server::shared(version).database();
        db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t; CREATE TABLE unseen (v text)");
        let slot = db.slot();
        let options = form.options_beyond_64kb(&db, &slot).with("status_interval", "50ms");
        let mut stream = options.open().unwrap();
        let mut it = Reassembly::default();
        let mut second = db.server.client(&db.name);
        second
            .batch_execute("BEGIN; INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i")
            .unwrap();
        db.run("INSERT INTO t VALUES (-1, 'plain')");
        read(&mut it, &mut stream, 1);
        assert!(it.count(K::WAL_EVENT_STREAM_START) > 0, "{form:?}");
        stream.ack(it.ack_lsn).unwrap();
        // It is open, unacknowledged, and the slot moves on with what nobody is told of.
        db.run("INSERT INTO unseen VALUES ('x')");
        let here = db.position();
        eventually("the slot moves on", || {
            // The position must be behind something for the server to get there.
            db.run("INSERT INTO unseen VALUES ('x')");
            while let Ok(Next::Event(event)) = stream.next(0) {
                it.take(event);
            }
            db.confirmed(&slot) >= here
        });
        drop(stream);
        db.released(&slot);
        // And all of it comes again, from its first block on.
        let mut stream = options.open().unwrap();
        let mut again = Reassembly::default();
        second.batch_execute("COMMIT").unwrap();
        read(&mut again, &mut stream, 1);
        assert_eq!(again.done[0].changes.len(), 5000, "{form:?}: {:?}", again.counts);
        // Its end does hold the slot back, until it is acknowledged.
        let end = again.done[0].ack_lsn;
        for _ in 0..10 {
            db.run("INSERT INTO unseen VALUES ('x')");
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(db.confirmed(&slot) < end);
        }
        stream.ack(end).unwrap();
        eventually("it is acknowledged", || db.confirmed(&slot) >= end);
    }
}

fn p6_a_transaction_that_is_rolled_back(version: u32, format: Format) {
    for form in forms(version, format) {
        let mut db = Server::shared(version).database();
        db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
        let slot = db.slot();
        let mut stream = form.options_beyond_64kb(&db, &slot).open().unwrap();
        let mut it = Reassembly::default();
        db.run("BEGIN; ALTER TABLE t ADD COLUMN gone int; INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i");
        // Until it was seen: a transaction that is known to be rolled back is not streamed.
        while it.count(K::WAL_EVENT_INSERT) == 0 {
            match stream.next(PATIENCE.as_millis() as i32).unwrap() {
                Next::Event(event) => it.take(event),
                Next::Nothing(status) => panic!("{status:?}"),
            }
        }
        db.run("ROLLBACK");
        db.run("INSERT INTO t VALUES (1, 'after')");
        read(&mut it, &mut stream, 1);
        assert_eq!(it.count(K::WAL_EVENT_STREAM_ABORT), 1, "{form:?}: {:?}", it.counts);
        assert_eq!(it.streaming(), 0);
        assert_eq!(lines(&it, 0), ["INSERT public.t new id=1 v=after"]);
        assert_eq!(stream.stats().transactions, 1);
    }
}

on_every_version_and_format! {
    p6_savepoints_and_ddl_in_them
    p2_an_open_streamed_transaction_holds_nothing_back
    p6_a_transaction_that_is_rolled_back
}
