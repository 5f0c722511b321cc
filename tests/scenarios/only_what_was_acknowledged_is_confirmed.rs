//! P4: the only way to a flush position is an acknowledgement of something that was delivered. P5: after a restart
//! everything else comes again, and comes with the same identity, by which it is recognised.

use std::collections::BTreeSet;
use std::io::Write;

use crate::harness::{Database, Format, Kind, Options, Seen, Server, Stream, eventually};
use pgwalstream::error::Status;

fn table(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    db.slot()
}

fn open(db: &Database<'_>, slot: &str) -> Stream {
    Options::stream(&db.conninfo(), slot, "pub").with("status_interval", "100ms").open().unwrap()
}

/// What identifies a change, and what it says.
fn identities(seen: &[Seen]) -> Vec<((u64, u64), &str)> {
    let is_change =
        |kind| matches!(kind, Kind::Insert | Kind::Update | Kind::Delete | Kind::Truncate | Kind::Message);
    let changes = seen.iter().filter(|event| is_change(event.kind));
    changes.map(|event| ((event.commit_lsn, event.sequence), event.line.as_str())).collect()
}

fn p4_an_acknowledgement_is_bounded_and_only_grows(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    db.script("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nINSERT INTO t VALUES (3)");
    let start = db.confirmed(&slot);
    let mut stream = open(&db, &slot);
    // Before anything was delivered nothing can be acknowledged: not even what the server has surely sent by now.
    let end = db.position();
    assert_eq!(stream.ack(end).unwrap_err().status, Status::WAL_E_ACK_BEYOND);
    let first = stream.read_transactions(1).pop().unwrap();
    let refused = stream.ack(first.ack_lsn + 1).unwrap_err();
    assert_eq!(refused.status, Status::WAL_E_ACK_BEYOND);
    assert!(!refused.is_fatal, "a mistake in a call leaves the stream as it is");
    assert_eq!(stream.ack(u64::MAX).unwrap_err().status, Status::WAL_E_ACK_BEYOND);
    stream.flush(10_000).unwrap();
    assert_eq!(db.confirmed(&slot), start, "nothing was acknowledged yet, delivered or not");

    let third = stream.read_transactions(2).pop().unwrap();
    stream.ack(first.ack_lsn).unwrap();
    stream.flush(10_000).unwrap();
    eventually("the first is confirmed", || db.confirmed(&slot) == first.ack_lsn);
    stream.ack(third.ack_lsn).unwrap();
    stream.ack(first.ack_lsn).unwrap();
    stream.ack(0).unwrap();
    assert_eq!(stream.stats().acked_lsn, third.ack_lsn);
    stream.flush(10_000).unwrap();
    eventually("the third is confirmed", || db.confirmed(&slot) >= third.ack_lsn);
}

on_every_version! { p4_an_acknowledgement_is_bounded_and_only_grows }

/// What waits in the queue, is in a batch, or was thrown away with the stream is not confirmed.
#[test]
fn p4_what_was_not_acknowledged_comes_again() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    for id in 1..=30 {
        db.run(&format!("INSERT INTO t VALUES ({id}, 'x')"));
    }
    // Received, and never asked for.
    let stream = open(&db, &slot);
    assert!(stream.is_readable(10_000));
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert!(stream.stats().transactions >= 30);
    drop(stream);
    db.released(&slot);
    // Handed over in a batch.
    let stream = open(&db, &slot);
    let batch = stream.batch(10_000).unwrap_or_else(|outcome| panic!("{outcome:?}"));
    assert!(batch.events().next().is_some());
    drop(stream);
    drop(batch);
    db.released(&slot);
    // Read, ten of thirty acknowledged.
    let mut stream = open(&db, &slot);
    let all = stream.read_transactions(30);
    let tenth = all.iter().filter(|event| event.kind == Kind::Commit).nth(9).unwrap().ack_lsn;
    stream.ack(tenth).unwrap();
    // No flush: freeing reports what was acknowledged.
    drop(stream);
    db.released(&slot);
    assert_eq!(db.confirmed(&slot), tenth);
    let again = open(&db, &slot).read_transactions(20);
    assert_eq!(identities(&again), identities(&all)[10..]);
}

/// A message outside transactions is acknowledged by its own position: it does not come again, and what follows does.
fn p4_an_acknowledged_message_does_not_come_again(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    db.script(
        "SELECT pg_logical_emit_message(false, 'alone', 'one');
         SELECT pg_logical_emit_message(false, 'alone', 'two');
         INSERT INTO t VALUES (1)",
    );
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("messages", "on");
    for (acknowledged, left) in [("one", vec!["MESSAGE alone alone: two", "BEGIN"]), ("two", vec!["BEGIN"])] {
        let mut stream = options.open().unwrap();
        let seen = stream.read_transactions(1);
        let message = seen.iter().find(|event| event.line.ends_with(acknowledged)).unwrap();
        stream.ack(message.ack_lsn).unwrap();
        stream.flush(10_000).unwrap();
        drop(stream);
        db.released(&slot);
        let again = options.open().unwrap().read_transactions(1);
        let lines: Vec<&str> = again.iter().map(|event| event.line.as_str()).collect();
        assert_eq!(lines[..left.len()], left);
        db.released(&slot);
    }
}

on_every_version! { p4_an_acknowledged_message_does_not_come_again }

/// Transactions that overlap: one begins first and commits last. COPY gives many rows one position.
fn p5_identities_are_unique_and_stay_the_same(version: u32, format: Format) {
    let server = Server::shared(version);
    let mut db = server.database();
    let slot = table(&mut db);
    let mut early = server.client(&db.name);
    early.batch_execute("BEGIN; INSERT INTO t VALUES (1, 'begins first, commits last')").unwrap();
    db.run("INSERT INTO t VALUES (2, 'begins later, commits first')");
    let mut copy = db.sql.copy_in("COPY t FROM STDIN").unwrap();
    for id in 100..400 {
        writeln!(copy, "{id}\tcopied").unwrap();
    }
    copy.finish().unwrap();
    early.batch_execute("INSERT INTO t VALUES (3, 'still the first'); COMMIT").unwrap();
    db.run("BEGIN; SELECT pg_logical_emit_message(true, 'm', 'counts'); UPDATE t SET v = NULL WHERE id < 3; TRUNCATE t; COMMIT");

    let options =
        Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option()).with("messages", "on");
    let mut stream = options.open().unwrap();
    let all = stream.read_transactions(4);
    let first = identities(&all);
    let distinct: BTreeSet<(u64, u64)> = first.iter().map(|(identity, _)| *identity).collect();
    assert_eq!(distinct.len(), first.len());
    assert_eq!(first.len(), 1 + 300 + 2 + 4);
    let positions: BTreeSet<u64> = all.iter().map(|event| event.lsn).collect();
    assert!(
        positions.len() < 150,
        "rows of one COPY share positions, or this proves nothing: {}",
        positions.len()
    );
    let sequence: Vec<u64> = first[303..].iter().map(|((_, sequence), _)| *sequence).collect();
    assert_eq!(sequence, [0, 1, 2, 3]);

    // The transaction that began first has changes below the acknowledged position, and comes all the same.
    let second_commit = all.iter().filter(|event| event.kind == Kind::Commit).nth(1).unwrap().ack_lsn;
    let below = all.iter().find(|event| event.line.contains("begins first")).unwrap();
    assert!(below.lsn < second_commit && below.commit_lsn >= second_commit);
    stream.ack(second_commit).unwrap();
    drop(stream);
    db.released(&slot);
    let again = options.open().unwrap().read_transactions(2);
    assert_eq!(identities(&again), first[301..]);
}

on_every_version_and_format! { p5_identities_are_unique_and_stay_the_same }
