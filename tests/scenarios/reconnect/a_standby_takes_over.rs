//! P12: the primary is gone and its standby promoted. The stream goes on there if the standby has all that was
//! delivered; if not, it says so. A server that merely sits at the same address is never taken for the old one.

use super::cutter::quick;
use crate::harness::server::Stop;
use crate::harness::{Database, Kind, Options, Seen, Server, abi, eventually};
use pgwalstream::error::Status;

/// Keeps the name of the slot that every failover needs.
const SLOT: &str = "failover";

/// A primary, and its standby with a copy of the slot.
fn pair(version: u32, synchronized: &str) -> (Server, Server, String) {
    let primary = Server::start(version, &[]);
    let name = {
        let mut db = primary.database();
        db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
        db.run("SELECT pg_create_physical_replication_slot('standby')");
        db.run(&format!("ALTER SYSTEM SET synchronized_standby_slots = '{synchronized}'"));
        primary.stop(Stop::Fast);
        db.name.clone()
    };
    // Promoted, it waits for no standby of its own.
    let standby = primary.standby_of_stopped(&[
        "primary_slot_name=standby",
        "hot_standby_feedback=on",
        "sync_replication_slots=on",
        "synchronized_standby_slots=",
    ]);
    primary.restart();
    standby.restart();
    let mut sql = primary.client(&name);
    sql.batch_execute(&format!(
        "SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput', false, false, true)"
    ))
    .unwrap();
    let mut copy = standby.client("postgres");
    let synced = format!(
        "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{SLOT}' AND synced AND NOT temporary"
    );
    eventually("the slot is copied", || {
        // The standby comes to a point from which it can decode only as the primary writes.
        sql.batch_execute("SELECT pg_log_standby_snapshot()").unwrap();
        copy.query_one(&synced, &[]).unwrap().get::<_, i64>(0) == 1
    });
    (primary, standby, name)
}

fn database<'s>(server: &'s Server, name: &str) -> Database<'s> {
    Database { server, name: name.to_owned(), sql: server.client(name) }
}

/// Both servers, of which the primary is wanted.
fn options(primary: &Server, standby: &Server, name: &str) -> Options {
    let (first, second) = (primary.port, standby.port);
    let conninfo = format!(
        "host=127.0.0.1,127.0.0.1 port={first},{second} user=postgres dbname={name} target_session_attrs=primary"
    );
    quick(Options::stream(&conninfo, SLOT, "pub"))
}

fn rows(seen: &[Seen]) -> Vec<String> {
    let rows = seen.iter().filter(|event| event.kind == Kind::Insert);
    rows.map(|event| event.line.replace("INSERT public.t new id=", "")).collect()
}

fn insert(db: &mut Database<'_>, ids: std::ops::RangeInclusive<i32>) {
    for id in ids {
        db.run(&format!("INSERT INTO t VALUES ({id})"));
    }
}

fn p12_everything_comes_once_over_a_failover(version: u32) {
    let (primary, standby, name) = pair(version, "standby");
    let mut db = database(&primary, &name);
    let mut stream = options(&primary, &standby, &name).open().unwrap();
    assert_eq!(stream.stats().timeline, 1);
    insert(&mut db, 1..=50);
    let mut seen = stream.read_transactions(30);
    let commits: Vec<u64> = seen.iter().map(|event| event.ack_lsn).filter(|lsn| *lsn != 0).collect();
    stream.ack(commits[19]).unwrap();
    // What was received is on the standby: synchronized_standby_slots lets nothing else out.
    eventually("all is received", || stream.stats().transactions == 50);
    primary.stop(Stop::Immediate);
    let mut sql = standby.client("postgres");
    sql.batch_execute("SELECT pg_promote()").unwrap();
    let mut db = database(&standby, &name);
    insert(&mut db, 51..=60);
    seen.extend(stream.read_until(|event| event.line == "INSERT public.t new id=60"));
    assert_eq!(rows(&seen), (1..=60).map(|id| id.to_string()).collect::<Vec<_>>());
    assert_eq!(seen.iter().filter(|event| event.kind == Kind::Reconnected).count(), 1);
    assert_eq!(stream.stats().timeline, 2);
    let last = stream.read_transactions(1).pop().unwrap().ack_lsn;
    stream.ack(last).unwrap();
    stream.flush(30_000).unwrap();
    eventually("the new server has it confirmed", || db.confirmed(SLOT) >= last);
}

on_versions! { p12_everything_comes_once_over_a_failover v17 17, v18 18 }

/// The standby was behind what was delivered: new transactions would pass for ones that came before.
fn p12_what_was_delivered_and_lost_is_named(version: u32) {
    let (primary, standby, name) = pair(version, "");
    let mut db = database(&primary, &name);
    let mut stream = options(&primary, &standby, &name).open().unwrap();
    insert(&mut db, 1..=5);
    stream.read_transactions(5);
    let position = db.text("SELECT pg_current_wal_lsn()");
    let mut sql = standby.client("postgres");
    let caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn");
    eventually("the standby has it", || sql.query_one(&caught_up, &[]).unwrap().get(0));
    drop(sql);
    standby.stop(Stop::Fast);
    insert(&mut db, 6..=9);
    stream.read_transactions(4);
    primary.stop(Stop::Immediate);
    standby.restart();
    standby.client("postgres").batch_execute("SELECT pg_promote()").unwrap();
    let (seen, failure) = stream.read_to_error();
    assert!(rows(&seen).is_empty(), "{seen:?}");
    assert_eq!(failure.status, Status::WAL_E_DELIVERED_BEYOND, "{failure:?}");
    assert!(
        failure.is_fatal && !failure.is_retriable && failure.hint.contains("synchronized"),
        "{failure:?}"
    );
}

on_versions! { p12_what_was_delivered_and_lost_is_named v17 17, v18 18 }

/// Another cluster answers, with a database, a publication and a slot of the same names.
#[test]
fn p12_another_server_is_not_taken_for_the_old_one() {
    let first = Server::start(18, &[]);
    let other = Server::shared(18);
    let mut there = other.database();
    first.client("postgres").batch_execute(&format!("CREATE DATABASE {}", there.name)).unwrap();
    let mut here = database(&first, &there.name);
    for db in [&mut here, &mut there] {
        db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
        db.run(&format!("SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')"));
        insert(db, 1..=3);
    }
    let mut stream = options(&first, other, &there.name).open().unwrap();
    assert_eq!(rows(&stream.read_transactions(3)), ["1", "2", "3"]);
    first.stop(Stop::Immediate);
    let (seen, failure) = stream.read_to_error();
    assert!(rows(&seen).is_empty(), "{seen:?}");
    assert_eq!(failure.status, Status::WAL_E_SYSTEM_MISMATCH, "{failure:?}");
    assert!(failure.is_fatal && !failure.is_retriable && !failure.hint.is_empty(), "{failure:?}");
}

/// The event names both timelines; without a failover they are the same.
#[test]
fn the_event_names_the_timelines() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let mut stream = quick(Options::stream(&db.conninfo(), &slot, "pub")).open().unwrap();
    db.run(&format!("SELECT pg_terminate_backend({})", stream.stats().backend_pid));
    let Ok(crate::harness::Next::Event(event)) = stream.next(30_000) else { panic!("no event") };
    // SAFETY: a live event.
    let timelines = unsafe {
        (abi::wal_event_reconnect_lost_timeline(event.raw()), abi::wal_event_reconnect_timeline(event.raw()))
    };
    assert_eq!((event.kind(), timelines), (Kind::Reconnected, (1, 1)));
}
