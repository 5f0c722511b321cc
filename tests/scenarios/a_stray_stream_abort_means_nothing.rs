//! P1: PostgreSQL 18 sends Stream Abort at protocol version 1, where nothing is streamed: a transaction that outgrew
//! logical_decoding_work_mem and was rolled back takes its subtransactions for streamed ones
//! (ReorderBufferTruncateTXN). It means nothing: it is counted, and every row comes.
//!
//! The recipe of P1 (docs/pitfalls.md), a savepoint rolled back in a transaction that commits, brings no such message on 18.4;
//! the workload has both.

use crate::harness::{Kind, Options, Server, major};

fn p1_rows_around_what_was_rolled_back(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.script(
        "INSERT INTO t VALUES (0, 'before');
         BEGIN;
         SAVEPOINT a;
         INSERT INTO t SELECT g, 'gone' FROM generate_series(1, 100) g;
         RELEASE a;
         SAVEPOINT b;
         INSERT INTO t SELECT g, 'gone' FROM generate_series(101, 200) g;
         RELEASE b;
         INSERT INTO t SELECT g, 'gone' FROM generate_series(201, 5000) g;
         ROLLBACK;
         BEGIN;
         SAVEPOINT s;
         INSERT INTO t SELECT g, 'gone' FROM generate_series(1, 5000) g;
         ROLLBACK TO s;
         INSERT INTO t SELECT g, 'stays' FROM generate_series(1, 5000) g;
         COMMIT",
    );
    let conninfo = format!("{} options='-c logical_decoding_work_mem=64kB'", db.conninfo());
    let mut stream = Options::stream(&conninfo, &slot, "pub").open().unwrap();
    let seen = stream.read_transactions(2);
    let rows = seen.iter().filter(|event| event.kind == Kind::Insert).map(|event| event.line.clone());
    let stays = (1..=5000).map(|id| format!("INSERT public.t new id={id} v=stays"));
    let before = "INSERT public.t new id=0 v=before".to_owned();
    assert!(rows.eq(std::iter::once(before).chain(stays)));
    assert_eq!(
        stream.stats().ignored_aborts,
        if major(version) == 18 { 2 } else { 0 },
        "18 sends them, and only 18"
    );
}

on_every_version! { p1_rows_around_what_was_rolled_back }
