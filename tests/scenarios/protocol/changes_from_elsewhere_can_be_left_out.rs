//! Option origin: "none" leaves out what was replicated to the server from elsewhere, "any" brings it with its ORIGIN,
//! and the slot gets past what was left out.

use super::forms::copy_of;
use crate::harness::{Kind, Options, Seen, Server, eventually, server};

fn origin_none_filters(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let origin = server::unique("elsewhere");
    db.run(&format!("SELECT pg_replication_origin_create('{origin}')"));
    let mut replicated = db.server.client(&db.name);
    let mut apply = |statements: &str| replicated.batch_execute(statements).unwrap();
    apply(&format!("SELECT pg_replication_origin_session_setup('{origin}')"));

    db.run("INSERT INTO t VALUES (1, 'here')");
    apply(
        "BEGIN; SELECT pg_replication_origin_xact_setup('16/B374D848', '2020-01-01'); INSERT INTO t VALUES (2, 'there'); COMMIT",
    );
    db.run("UPDATE t SET v = 'here again' WHERE id = 2");
    apply("UPDATE t SET v = 'there again' WHERE id = 1; DELETE FROM t WHERE id = 1");
    db.run("INSERT INTO t VALUES (3, 'last')");

    let changes = |events: &[Seen]| -> Vec<String> {
        let is_change = |it: &&Seen| matches!(it.kind, Kind::Insert | Kind::Update | Kind::Delete);
        events.iter().filter(is_change).map(|it| it.line.clone()).collect()
    };
    let last = |event: &Seen| event.line.contains("id=3");
    let here = [
        "INSERT public.t new id=1 v=here",
        "UPDATE public.t new id=2 v=here again",
        "INSERT public.t new id=3 v=last",
    ];

    let copy = copy_of(&mut db, &slot);
    let mut stream = Options::stream(&db.conninfo(), &copy, "pub").with("origin", "any").open().unwrap();
    let all = stream.read_until(last);
    assert_eq!(changes(&all).len(), 6, "{all:?}");
    let origins: Vec<&Seen> = all.iter().filter(|it| it.kind == Kind::Origin).collect();
    assert!(
        !origins.is_empty() && origins.iter().all(|it| it.line == format!("ORIGIN {origin}")),
        "{origins:?}"
    );
    drop(stream);

    let copy = copy_of(&mut db, &slot);
    let options = Options::stream(&db.conninfo(), &copy, "pub").with("origin", "none");
    let mut stream = options.with("status_interval", "50ms").open().unwrap();
    let mut own = stream.read_until(last);
    assert_eq!(changes(&own), here);
    assert!(own.iter().all(|it| it.kind != Kind::Origin));

    // Once all of it is acknowledged, what is left out holds nothing back.
    own.extend(stream.read_transactions(1));
    stream.ack(own.last().unwrap().ack_lsn).unwrap();
    apply("INSERT INTO t VALUES (4, 'there')");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    eventually("the slot gets past what was left out", || {
        stream.expect_quiet(50);
        db.confirmed(&copy) >= end
    });
    db.run("INSERT INTO t VALUES (5, 'here')");
    assert_eq!(changes(&stream.read_transactions(1)), ["INSERT public.t new id=5 v=here"]);
}

on_versions! { origin_none_filters v16 16, v18 18; v17 17 }
