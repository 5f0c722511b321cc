//! Option decode=off: every payload of an output plugin, byte for byte what the server gives through SQL, with its
//! position; each holds the slot back until it is acknowledged.

use super::forms::copy_of;
use crate::harness::{Database, Next, Options, PATIENCE, Server, Stream, eventually, server, view};
use pgwalstream::batch::EventKind as K;
use pgwalstream::capi;
use pgwalstream::error::Status;

/// A payload: its position, what acknowledges it, and its bytes.
type Payload = (u64, u64, Vec<u8>);

fn read(stream: &mut Stream, count: usize) -> Vec<Payload> {
    let mut all = vec![];
    while all.len() < count {
        match stream.next(PATIENCE.as_millis() as i32).unwrap() {
            Next::Event(event) if event.fields().kind == K::WAL_EVENT_PROGRESS as u32 => {}
            Next::Event(event) => {
                let it = event.fields();
                assert_eq!(it.kind, K::WAL_EVENT_RAW as u32);
                // SAFETY: a live event, whose bytes live as long.
                let bytes = unsafe { view::bytes(capi::wal_event_raw(event.raw())) };
                all.push((it.lsn, it.ack_lsn, bytes.to_vec()));
            }
            Next::Nothing(status) => panic!("{status:?} after {} of {count}", all.len()),
        }
    }
    all
}

fn workload(db: &mut Database<'_>) {
    let mut second = db.server.client(&db.name);
    second.batch_execute("BEGIN; INSERT INTO t VALUES (1, 'early')").unwrap();
    db.run("INSERT INTO t VALUES (2, 'two'), (3, NULL)");
    db.run("UPDATE t SET v = 'new' WHERE id = 2");
    second.batch_execute("INSERT INTO t VALUES (4, 'late'); COMMIT").unwrap();
    db.run("SELECT pg_logical_emit_message(false, 'alone', 'content')");
    db.run("BEGIN; DELETE FROM t WHERE id = 3; TRUNCATE t; COMMIT");
}

/// What the server gives through SQL.
fn peek(db: &mut Database<'_>, slot: &str, function: &str, options: &str) -> Vec<(u64, Vec<u8>)> {
    let query = format!("SELECT (lsn - '0/0')::text, data FROM {function}('{slot}', NULL, NULL{options})");
    let rows = db.sql.query(&query, &[]).unwrap();
    let data = |row: &postgres::Row| match function.contains("binary") {
        true => row.get::<_, Vec<u8>>(1),
        false => row.get::<_, String>(1).into_bytes(),
    };
    rows.iter().map(|row| (row.get::<_, String>(0).parse().unwrap(), data(row))).collect()
}

fn the_same_as_through_sql(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let test = server::unique("slot");
    db.run(&format!("SELECT pg_create_logical_replication_slot('{test}', 'test_decoding')"));
    let own = db.slot();
    workload(&mut db);

    let expected = peek(
        &mut db,
        &test,
        "pg_logical_slot_peek_changes",
        ", 'include-xids', '0', 'include-timestamp', 'on'",
    );
    assert!(expected.len() >= 14, "{expected:?}");
    let options = Options::new()
        .with("conninfo", &db.conninfo())
        .with("slot", &test)
        .with("decode", "off")
        .with("plugin", "test_decoding")
        .with("plugin_options", "include-xids=0, include-timestamp='on'");
    let got = read(&mut options.open().unwrap(), expected.len());
    let seen: Vec<(u64, Vec<u8>)> = got.iter().map(|(lsn, _, bytes)| (*lsn, bytes.clone())).collect();
    assert_eq!(seen, expected);
    assert!(got.is_sorted_by_key(|payload| payload.1), "what acknowledges only grows: {got:?}");

    let peeked = ", 'proto_version', '1', 'publication_names', 'pub', 'messages', 'true'";
    let expected = peek(&mut db, &own, "pg_logical_slot_peek_binary_changes", peeked);
    let options = Options::stream(&db.conninfo(), &own, "pub").with("messages", "on").with("decode", "off");
    let got = read(&mut options.open().unwrap(), expected.len());
    for ((lsn, _, bytes), (_, expected)) in got.iter().zip(&expected) {
        assert_eq!(bytes, expected, "at {lsn}");
    }
}

fn every_payload_holds_the_slot_back(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE unseen (id int)");
    let slot = server::unique("slot");
    db.run(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')"));
    workload(&mut db);
    let options = |db: &Database<'_>, slot: &str| {
        Options::new()
            .with("conninfo", &db.conninfo())
            .with("slot", slot)
            .with("decode", "off")
            .with("plugin", "test_decoding")
            .with("plugin_options", "include-xids=0")
            .with("status_interval", "50ms")
    };
    let count = peek(&mut db, &slot, "pg_logical_slot_peek_changes", ", 'include-xids', '0'").len();
    let copy = copy_of(&mut db, &slot);
    let all = read(&mut options(&db, &copy).open().unwrap(), count);
    let transactions: Vec<usize> =
        all.iter().enumerate().filter(|(_, payload)| payload.2 == b"COMMIT").map(|(at, _)| at).collect();
    for at in [transactions[0], transactions[1], transactions[1] + 2] {
        let copy = copy_of(&mut db, &slot);
        let mut stream = options(&db, &copy).open().unwrap();
        assert_eq!(read(&mut stream, count), all);
        stream.ack(all[at].1).unwrap();
        assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(stream);
        db.released(&copy);
        // What was not acknowledged comes again, from the beginning of its transaction.
        let from = transactions.iter().filter(|end| **end <= at).max().unwrap() + 1;
        let mut stream = options(&db, &copy).open().unwrap();
        assert_eq!(
            read(&mut stream, count - from).into_iter().map(|it| it.2).collect::<Vec<_>>(),
            all[from..].iter().map(|it| it.2.clone()).collect::<Vec<_>>(),
            "after {at}"
        );
        // All of it acknowledged, the slot follows the server.
        stream.ack(all[count - 1].1).unwrap();
        db.run("INSERT INTO unseen VALUES (1)");
        let here = db.lsn("SELECT pg_current_wal_flush_lsn()");
        eventually("the slot follows", || {
            while let Ok(Next::Event(event)) = stream.next(0) {
                let ack = event.fields().ack_lsn;
                stream.ack(ack).unwrap();
            }
            db.confirmed(&copy) >= here
        });
    }
}

on_every_version! {
    the_same_as_through_sql
    every_payload_holds_the_slot_back
}

fn what_is_not_the_plugins_is_refused(version: u32) {
    let db = Server::shared(version).database();
    let base = || Options::new().with("conninfo", &db.conninfo()).with("slot", "s");
    for pairs in [
        &[("plugin", "test_decoding")][..],
        &[("plugin", "test_decoding"), ("decode", "off"), ("publication", "p")],
        &[("plugin", "test_decoding"), ("decode", "off"), ("streaming", "on")],
        &[("plugin_options", "a=b"), ("publication", "p")],
        &[("decode", "off"), ("publication", "p"), ("stop_lsn", "0/1")],
        &[("decode", "off")],
    ] {
        let options = pairs.iter().fold(base(), |options, (key, value)| options.with(key, value));
        let failure = options.new_stream().err().expect("options that do not go together");
        assert_eq!(failure.status, Status::WAL_E_BAD_OPTION, "{pairs:?}");
        assert!(!failure.hint.is_empty(), "{pairs:?}");
    }
}

on_versions! { what_is_not_the_plugins_is_refused v18 18 }
