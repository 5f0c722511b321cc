//! P32: a crash puts a slot back to where the server last wrote it down, before what was confirmed since. A stream that
//! had begun behind all that, and has acknowledged nothing itself, does not get it when it comes back.

use super::cutter::quick;
use crate::harness::server::Stop;
use crate::harness::{Kind, Options, Server};

on_versions! { p32_a_slot_that_a_crash_put_back v14 14, v18 18 }

fn p32_a_slot_that_a_crash_put_back(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let open = || {
        let options = quick(Options::stream(&server.conninfo(&db.name), &slot, "pub"));
        options.with("status_interval", "1h").open().unwrap()
    };
    let mut first = open();
    let mut sql = server.client(&db.name);
    sql.batch_execute("INSERT INTO t VALUES (1)").unwrap();
    let acked = first.read_transactions(1).last().unwrap().ack_lsn;
    first.ack(acked).unwrap();
    first.flush(10_000).unwrap();
    drop(first);
    let mut stream = open();
    assert!(stream.stats().acked_lsn < acked, "this one has acknowledged nothing");
    server.stop(Stop::Immediate);
    server.restart();
    db.sql = server.client(&db.name);
    db.run("INSERT INTO t VALUES (2)");
    let seen = stream.read_transactions(1);
    let rows: Vec<&str> =
        seen.iter().filter(|event| event.kind == Kind::Insert).map(|event| event.line.as_str()).collect();
    assert_eq!(rows, ["INSERT public.t new id=2"]);
}
