//! P12: the primary is gone and its standby promoted, which has all that was delivered: the stream goes on there and
//! every change comes once. A server that merely sits at the same address is never taken for the old one.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::cutter::quick;
use crate::harness::server::Stop;
use crate::harness::{Database, Kind, Options, Seen, Server, abi, eventually};
use pgwalstream::error::Status;

/// Keeps the name of the slot that every failover needs.
pub(super) const SLOT: &str = "failover";

/// A primary, and its standby with a copy of the slot.
pub(super) fn pair(version: u32, synchronized: &str) -> (Server, Server, String) {
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

pub(super) fn database<'s>(server: &'s Server, name: &str) -> Database<'s> {
    Database { server, name: name.to_owned(), sql: server.client(name) }
}

/// Both servers, of which the primary is wanted.
pub(super) fn options(primary: &Server, standby: &Server, name: &str) -> Options {
    let (first, second) = (primary.port, standby.port);
    let conninfo = format!(
        "host=127.0.0.1,127.0.0.1 port={first},{second} user=postgres dbname={name} target_session_attrs=primary"
    );
    quick(Options::stream(&conninfo, SLOT, "pub"))
}

pub(super) fn rows(seen: &[Seen]) -> Vec<String> {
    let rows = seen.iter().filter(|event| event.kind == Kind::Insert);
    rows.map(|event| event.line.replace("INSERT public.t new id=", "")).collect()
}

pub(super) fn insert(db: &mut Database<'_>, ids: std::ops::RangeInclusive<i32>) {
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

/// streaming=assembled: one transaction is kept and never ends, one is delivered in part, and others wait behind it when the
/// primary dies. What committed comes once and whole, the rest never.
fn p12_what_is_kept_comes_once_over_a_failover(version: u32) {
    let (primary, standby, name) = pair(version, "standby");
    let mut db = database(&primary, &name);
    let (first, second) = (primary.port, standby.port);
    let conninfo = format!(
        "host=127.0.0.1,127.0.0.1 port={first},{second} user=postgres dbname={name} target_session_attrs=primary options='-c logical_decoding_work_mem=64kB'"
    );
    let options = quick(Options::stream(&conninfo, SLOT, "pub"))
        .with("streaming", "assembled")
        .with("spill_min_free", "0")
        .with("queue_bytes", "64kB")
        .with("batch_bytes", "16kB");
    let mut stream = options.open().unwrap();
    insert(&mut db, 1..=5);
    // All are read: what is kept takes its room in the queue as long as something waits there. Three are acknowledged.
    let mut seen = stream.read_transactions(5);
    let acked = seen.iter().filter(|event| event.ack_lsn != 0).nth(2).unwrap().ack_lsn;
    stream.ack(acked).unwrap();
    let many = |from, to| format!("INSERT INTO t SELECT g FROM generate_series({from}, {to}) g");
    let mut running = primary.client(&name);
    running.batch_execute(&format!("BEGIN; {}", many(900_000, 910_000))).unwrap();
    eventually("it is kept", || {
        // The server decodes what is flushed, and an idle one flushes late.
        db.run("SELECT pg_log_standby_snapshot()");
        stream.stats().kept_transactions == 1 && stream.stats().kept_bytes > 100_000
    });
    db.run(&many(1_000, 20_000));
    insert(&mut db, 6..=9);
    seen.extend(stream.read_until(|event| event.line == "INSERT public.t new id=5000"));
    assert!(stream.stats().kept_transactions >= 1, "it is delivered in part");
    primary.stop(Stop::Immediate);
    let mut sql = standby.client("postgres");
    sql.batch_execute("SELECT pg_promote()").unwrap();
    let mut db = database(&standby, &name);
    db.run(&many(30_000, 40_000));
    insert(&mut db, 10..=10);
    seen.extend(stream.read_until(|event| event.line == "INSERT public.t new id=10"));
    let ids: Vec<i32> = rows(&seen).iter().map(|id| id.parse().unwrap()).collect();
    let expected = (1..=5).chain(1_000..=20_000).chain(6..=9).chain(30_000..=40_000).chain(10..=10);
    assert!(ids == expected.collect::<Vec<i32>>(), "{} rows", ids.len());
    assert_eq!(seen.iter().filter(|event| event.kind == Kind::Reconnected).count(), 1);
    let stats = stream.stats();
    assert!(stats.timeline == 2 && stats.assembled_transactions >= 2, "{stats:?}");
    let last = stream.read_transactions(1).pop().unwrap().ack_lsn;
    stream.ack(last).unwrap();
    stream.flush(30_000).unwrap();
    eventually("the new server has it confirmed", || db.confirmed(SLOT) >= last);
    eventually("nothing is kept", || {
        // The server finds out that a transaction has nobody from what it writes of those that run.
        db.run("SELECT pg_log_standby_snapshot()");
        (stream.stats().kept_transactions, stream.stats().kept_bytes) == (0, 0)
    });
}

on_versions! { p12_what_is_kept_comes_once_over_a_failover v18 18; v17 17 }

/// Writers write while the primary is killed and the standby promoted. Whatever is there then came once and in the order
/// of the commits, and what a writer was told is committed is there.
fn p12_a_promotion_under_load_loses_nothing(version: u32) {
    const WRITERS: i64 = 4;
    let (primary, standby, name) = pair(version, "standby");
    let mut db = database(&primary, &name);
    db.run("CREATE TABLE w (writer bigint, n bigint, PRIMARY KEY (writer, n)); ALTER PUBLICATION pub ADD TABLE w");
    // A commit is told to its writer only once the standby has it.
    db.run("ALTER SYSTEM SET synchronous_standby_names = '*'");
    db.run("SELECT pg_reload_conf()");
    eventually("the standby is synchronous", || {
        db.text("SELECT string_agg(sync_state, '') FROM pg_stat_replication WHERE application_name <> ''")
            .contains("sync")
    });
    let mut stream = options(&primary, &standby, &name).open().unwrap();
    let told: Vec<AtomicI64> = (0..WRITERS).map(|_| AtomicI64::new(0)).collect();
    let (over, mut seen) = (AtomicBool::new(false), Vec::new());
    let reached = |n: i64| told.iter().all(|told| told.load(Ordering::SeqCst) >= n);
    std::thread::scope(|scope| {
        let (told, over, name, primary, standby) = (&told, &over, &name, &primary, &standby);
        for writer in 0..WRITERS {
            scope.spawn(move || write(writer, &told[writer as usize], &[primary, standby], name, over));
        }
        let _reading = EndsWriting(over);
        scope.spawn(move || {
            let _promoting = EndsWriting(over);
            eventually("all write to the primary", || reached(50));
            primary.stop(Stop::Immediate);
            standby.client("postgres").batch_execute("SELECT pg_promote()").unwrap();
            let before: Vec<i64> = told.iter().map(|told| told.load(Ordering::SeqCst)).collect();
            eventually("all write to the promoted standby", || {
                let on = told.iter().zip(&before);
                on.into_iter().all(|(told, before)| told.load(Ordering::SeqCst) >= before + 50)
            });
            over.store(true, Ordering::SeqCst);
            // The last of all, by which the reader knows that it has everything.
            eventually("the last is written", || {
                let busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'writer'";
                standby.client("postgres").query_one(busy, &[]).unwrap().get::<_, i64>(0) == 0
            });
            standby.client(name).batch_execute("INSERT INTO t VALUES (1)").unwrap();
        });
        // Some is acknowledged and some is not when the primary dies.
        let mut commits = 0;
        loop {
            let some = stream.read_until(|event| event.kind == Kind::Commit);
            commits += 1;
            if commits % 7 == 0 {
                stream.ack(some.last().unwrap().ack_lsn).unwrap();
            }
            let last = some.iter().any(|event| event.line.starts_with("INSERT public.t "));
            seen.extend(some);
            if last {
                break;
            }
        }
    });
    assert_eq!(seen.iter().filter(|event| event.kind == Kind::Reconnected).count(), 1);
    let commits: Vec<u64> =
        seen.iter().filter(|event| event.kind == Kind::Commit).map(|event| event.ack_lsn).collect();
    assert!(commits.is_sorted_by(|before, after| before < after), "in the order of the commits, none twice");
    let mut db = database(&standby, &name);
    for writer in 0..WRITERS {
        let prefix = format!("INSERT public.w new writer={writer} n=");
        let came: Vec<i64> =
            seen.iter().filter_map(|event| event.line.strip_prefix(&prefix)?.parse().ok()).collect();
        let there =
            db.text(&format!("SELECT string_agg(n::text, ' ' ORDER BY n) FROM w WHERE writer = {writer}"));
        let there: Vec<i64> = there.split(' ').map(|n| n.parse().unwrap()).collect();
        assert_eq!(came, there, "writer {writer}");
        // Its numbers have no gap, so that nothing it was told is committed is missing.
        assert_eq!(there, (1..=there.len() as i64).collect::<Vec<_>>(), "writer {writer}");
        assert!(there.len() as i64 >= told[writer as usize].load(Ordering::SeqCst));
    }
    assert_eq!(stream.stats().timeline, 2);
}

on_versions! { p12_a_promotion_under_load_loses_nothing v17 17, v18 18 }

/// The writers end with the test, also if it fails.
struct EndsWriting<'s>(&'s AtomicBool);

impl Drop for EndsWriting<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Writes 1, 2, 3 and so on, wherever the primary is, and notes in `told` what it was told is committed. What it was not
/// told of may have happened.
fn write(writer: i64, told: &AtomicI64, servers: &[&Server], name: &str, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        let (first, second) = (servers[0].port, servers[1].port);
        let conninfo = format!(
            "host=127.0.0.1,127.0.0.1 port={first},{second} user=postgres dbname={name} application_name=writer target_session_attrs=read-write connect_timeout=5"
        );
        let Ok(mut sql) = postgres::Client::connect(&conninfo, postgres::NoTls) else {
            std::thread::sleep(std::time::Duration::from_millis(20));
            continue;
        };
        while !over.load(Ordering::SeqCst) {
            let n = told.load(Ordering::SeqCst) + 1;
            let insert = "INSERT INTO w VALUES ($1, $2) ON CONFLICT DO NOTHING";
            if sql.execute(insert, &[&writer, &n]).is_err() {
                break;
            }
            told.store(n, Ordering::SeqCst);
        }
    }
}

/// Another cluster answers, with a database, a publication and a slot of the same names.
#[test]
fn p12_another_server_is_not_taken_for_the_old_one() {
    let first = Server::start_apart(18, &[]);
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
