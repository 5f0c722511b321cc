//! S49: what docs/limits.md says of the server and of the API is so.

use crate::harness::stream::lines;
use crate::harness::{Kind, Next, Options, Seen, Server, Stream};
use pgwalstream::batch::EventKind;

fn s49_the_limits_are_as_documented(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE r (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE leaf PARTITION OF r FOR VALUES IN (1);
            CREATE TABLE t (id int PRIMARY KEY, n int, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
            CREATE TABLE f (id int PRIMARY KEY, n int, v text); ALTER TABLE f REPLICA IDENTITY FULL; ALTER TABLE f ALTER v SET STORAGE EXTERNAL;
            CREATE PUBLICATION pub FOR TABLE r, t WHERE (id > 10), f WHERE (n > 10) WITH (publish_via_partition_root)",
    );
    let slot = db.slot();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("messages", "on").with("ack", "auto");
    let mut stream = options.open().unwrap();
    let began = db.position();
    db.run("INSERT INTO r VALUES (1)");
    db.run("TRUNCATE leaf");
    db.run("INSERT INTO t VALUES (1, 1, repeat('x', 5000)); INSERT INTO f VALUES (1, 1, repeat('x', 5000))");
    db.run("UPDATE t SET id = 11");
    db.run("UPDATE f SET n = 11");
    db.run("ALTER TABLE t ALTER n TYPE bigint");
    db.run("ALTER TABLE t DROP v, ADD v text");
    db.run("INSERT INTO t VALUES (12, 1, 'y')");
    db.run("ALTER TABLE t DROP v, ADD v text");
    db.run("INSERT INTO t VALUES (13, 1, 'z')");
    db.run("SELECT pg_logical_emit_message(true, 'p', convert_to('\u{e9}', 'LATIN1'))");
    db.run("INSERT INTO r SELECT 1");
    let seen = stream.read_until(|event| event.kind == Kind::Message);
    let all = lines(&seen);
    let of = |kind: Kind| seen.iter().filter(|event| event.kind == kind).collect::<Vec<&Seen>>();
    assert!(
        of(Kind::Truncate).is_empty() && of(Kind::Update).is_empty() && of(Kind::Delete).is_empty(),
        "{all}"
    );
    let inserts = of(Kind::Insert);
    assert_eq!(inserts.len(), 5, "{all}");
    assert!(inserts[1].line.contains("id=11") && inserts[1].line.contains("v=<unchanged>"), "{all}");
    assert!(inserts[2].line.contains("n=11") && inserts[2].line.contains("v=xxx"), "{all}");
    // r, t, f, and t with its wider column; nothing tells of the columns that were dropped and added again.
    assert_eq!(of(Kind::Relation).iter().filter(|event| event.line.contains(".t")).count(), 2, "{all}");
    // A lone byte of LATIN1 is no UTF-8, and came as it is.
    assert!(seen.last().unwrap().line.ends_with("p: \u{fffd}"), "{all}");
    // Both ways to acknowledge count.
    let acked = stream.stats().acked_lsn;
    assert!(acked > began, "automatic: {acked:x}");
    stream.ack(began).unwrap();
    assert_eq!(stream.stats().acked_lsn, acked, "never back");
    let commit = stream.read_until(|event| event.kind == Kind::Commit).last().unwrap().ack_lsn;
    stream.ack(commit).unwrap();
    assert_eq!(stream.stats().acked_lsn, commit);
    let both = Options::stream(&db.conninfo(), &slot, "pub").with("decode", "off").with("stop_lsn", "FF/0");
    let refused = both.new_stream().err().unwrap();
    assert!(refused.message.contains("stop_lsn"), "{refused:?}");
}

on_versions! { s49_the_limits_are_as_documented v18 18; v15 15, v16 16, v17 17 }

/// Kind, sequence and the relation's generation of what comes until a streamed transaction has ended behind the `n`th row.
fn streamed(stream: &mut Stream, n: usize) -> Vec<(u32, u64, u32)> {
    let (mut seen, mut rows) = (Vec::new(), 0);
    loop {
        let Ok(Next::Event(event)) = stream.next(60_000) else { panic!("no event after {seen:?}") };
        let it = event.fields();
        let generation = if it.relation.is_null() { 0 } else { event.relation().generation() };
        seen.push((it.kind, it.sequence, generation));
        rows += usize::from(it.kind == EventKind::WAL_EVENT_INSERT as u32);
        if rows == n && it.kind == EventKind::WAL_EVENT_STREAM_COMMIT as u32 {
            return seen;
        }
    }
}

#[test]
fn s49_streamed_transactions_have_no_numbers_and_describe_anew() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1), (2)");
    db.run("INSERT INTO t VALUES (3)");
    db.run("ALTER TABLE t ADD v int");
    let later = db.slot();
    db.run("INSERT INTO t VALUES (4)");
    let conninfo = format!("{} options='-c debug_logical_replication_streaming=immediate'", db.conninfo());
    let mut stream = Options::stream(&conninfo, &slot, "pub").with("streaming", "on").open().unwrap();
    let seen = streamed(&mut stream, 4);
    let of = |kind: EventKind| seen.iter().filter(move |it| it.0 == kind as u32);
    let generations: Vec<u32> = of(EventKind::WAL_EVENT_RELATION).map(|it| it.2).collect();
    assert_eq!(generations, [1, 1, 2], "told anew, and by the same number");
    assert!(of(EventKind::WAL_EVENT_STREAM_COMMIT).all(|it| it.1 == 0), "{seen:?}");
    // Another stream counts for itself.
    let mut other = Options::stream(&conninfo, &later, "pub").with("streaming", "on").open().unwrap();
    let seen = streamed(&mut other, 1);
    assert!(seen.contains(&(EventKind::WAL_EVENT_RELATION as u32, 0, 1)), "{seen:?}");
}
