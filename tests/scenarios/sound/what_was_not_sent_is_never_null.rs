//! S13, S15: a partition with a replica identity of its own sends its key alone, whatever the root's says; and a row
//! without columns is a row in a copy too.

use super::backends;
use crate::harness::{Format, Kind, Next, Options, Server, stream};

fn s13_a_partitions_identity_decides_what_is_old(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE r (id int, k int, v text, w text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
         ALTER TABLE r REPLICA IDENTITY FULL;
         CREATE TABLE r1 PARTITION OF r FOR VALUES IN (1);
         CREATE TABLE r2 (w text, junk int, v text, k int NOT NULL, id int NOT NULL);
         ALTER TABLE r2 DROP COLUMN junk; ALTER TABLE r ATTACH PARTITION r2 FOR VALUES IN (2);
         CREATE TABLE whole PARTITION OF r FOR VALUES IN (3);
         ALTER TABLE whole REPLICA IDENTITY FULL;
         CREATE PUBLICATION pub FOR TABLE r WITH (publish_via_partition_root = true)",
    );
    let slot = db.slot();
    db.run("INSERT INTO r VALUES (1, 1, 'one'), (2, 2, 'two'), (3, 3, 'three'), (4, 3, NULL)");
    db.run(
        "UPDATE r SET v = 'uno' WHERE id = 1; UPDATE r SET id = 5 WHERE id = 2; DELETE FROM r WHERE id < 6",
    );
    db.run("ALTER TABLE r1 REPLICA IDENTITY FULL; ALTER TABLE r2 REPLICA IDENTITY FULL");
    db.run("INSERT INTO r VALUES (1, 1), (2, 2); DELETE FROM r");
    let log = Default::default();
    let options =
        Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option()).with_log(&log);
    let mut stream = options.open().unwrap();
    let mut read = |n: usize| -> Vec<String> {
        let seen = stream.read_transactions(n).into_iter();
        seen.filter(|event| matches!(event.kind, Kind::Update | Kind::Delete))
            .map(|event| event.line)
            .collect()
    };
    // One simple query is one transaction.
    assert_eq!(
        read(2),
        [
            "UPDATE public.r new id=1 k=1 v=uno w=NULL",
            "UPDATE public.r key id=2 k=2 v=<absent> w=<absent> new id=5 k=2 v=two w=NULL",
            "DELETE public.r key id=1 k=1 v=<absent> w=<absent>",
            "DELETE public.r key id=5 k=2 v=<absent> w=<absent>",
            "DELETE public.r old id=3 k=3 v=three w=NULL",
            // Such a row may come from any of the partitions.
            "DELETE public.r key id=4 k=3 v=<absent> w=<absent>",
        ]
    );
    let whole = ["DELETE public.r old id=1 k=1 v=NULL w=NULL", "DELETE public.r old id=2 k=2 v=NULL w=NULL"];
    assert_eq!(read(1), whole);
    assert_eq!(*log.lock().unwrap(), [], "by now all is as the root says");
}

mod s13_a_partitions_identity_decides_what_is_old {
    use crate::harness::Format::{Binary, Text};

    #[test]
    fn v14() {
        super::s13_a_partitions_identity_decides_what_is_old(14, Text);
    }

    #[test]
    fn v18() {
        super::s13_a_partitions_identity_decides_what_is_old(18, Binary);
    }
}

/// WAL_EVENT_DELETE and WAL_EVENT_STREAM_COMMIT.
const DELETE: u32 = 8;
const STREAM_COMMIT: u32 = 13;

/// The same inside the blocks of a streamed transaction, across a subtransaction that is rolled back.
#[test]
fn s13_the_same_holds_in_streamed_blocks() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE TABLE r (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); ALTER TABLE r REPLICA IDENTITY FULL;
         CREATE TABLE r1 PARTITION OF r DEFAULT;
         CREATE PUBLICATION pub FOR TABLE r WITH (publish_via_partition_root = true)",
    );
    let slot = db.slot();
    db.run(
        "BEGIN; INSERT INTO r VALUES (1, 'x'); SAVEPOINT s; INSERT INTO r VALUES (2, 'y'); ROLLBACK TO s;
            DELETE FROM r; COMMIT",
    );
    db.run("INSERT INTO r VALUES (3, 'z'); DELETE FROM r");
    let conninfo = format!("{} options='-c debug_logical_replication_streaming=immediate'", db.conninfo());
    let mut stream = Options::stream(&conninfo, &slot, "pub").with("streaming", "on").open().unwrap();
    let (mut ends, mut deleted) = (0, Vec::new());
    while ends < 2 {
        let Ok(Next::Event(event)) = stream.next(60_000) else { panic!("no event after {deleted:?}") };
        // SAFETY: a live event.
        match unsafe { (*event.raw()).kind } {
            DELETE => deleted.push(event.copy().line),
            STREAM_COMMIT => ends += 1,
            _ => {}
        }
    }
    assert_eq!(deleted, ["DELETE public.r key id=1 v=<absent>", "DELETE public.r key id=3 v=<absent>"]);
}

#[test]
fn s13_a_warning_comes_at_connect() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE TABLE r (id int PRIMARY KEY) PARTITION BY RANGE (id); ALTER TABLE r REPLICA IDENTITY FULL;
         CREATE TABLE r1 PARTITION OF r DEFAULT;
         CREATE PUBLICATION pub FOR TABLE r WITH (publish_via_partition_root = true)",
    );
    for backend in backends() {
        let slot = db.slot();
        let log = Default::default();
        let options = Options::stream(&db.conninfo(), &slot, "pub").with("backend", backend).with_log(&log);
        drop(options.open().unwrap());
        let log = log.lock().unwrap();
        assert!(matches!(&log[..], [(_, text)] if text.contains("replica identity is FULL")), "{log:?}");
    }
}

#[test]
fn s15_a_row_without_columns_is_copied_as_one() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE nothing (); ALTER TABLE nothing REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR TABLE nothing");
    let slot = db.slot();
    db.run("INSERT INTO nothing DEFAULT VALUES; DELETE FROM nothing");
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    let mut seen = Vec::new();
    loop {
        let Ok(Next::Event(event)) = stream.next(60_000) else { panic!("no event") };
        let copy = stream::Clone::of(event);
        let there = |event: crate::harness::view::Event<'_>| {
            // SAFETY: a live event.
            let event = unsafe { &*event.raw() };
            (!event.new_values.is_null(), !event.old_values.is_null(), event.n_new, event.n_old)
        };
        assert_eq!(there(copy.event()), there(event));
        seen.push(there(copy.event()));
        if event.kind() == Kind::Commit {
            break;
        }
    }
    assert!(seen.contains(&(true, false, 0, 0)) && seen.contains(&(false, true, 0, 0)), "{seen:?}");
}
