//! How far a slot is behind, what it holds back, and how long it still may: seen over a connection, and beside a stream, in
//! time to do something about it.

use std::sync::{Arc, Mutex};

use crate::harness::admin::flag;
use crate::harness::{Admin, Database, Kind, Options, Server, eventually};
use pgwalstream::error::Status;

fn table(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    db.slot()
}

fn p28_the_position_is_that_of_the_servers_role(version: u32) {
    let primary = Server::start(version, &[]);
    let standby = primary.standby(&[]);
    let mut on_primary = primary.database();
    let slot = table(&mut on_primary);
    let admin = Admin::open(&on_primary.conninfo());
    let lsn = |db: &mut Database<'_>, function: &str| db.lsn(&format!("SELECT {function}()"));

    // A primary: what is flushed.
    on_primary.run("INSERT INTO t VALUES (1)");
    let before = lsn(&mut on_primary, "pg_current_wal_flush_lsn");
    let health = admin.health(&slot).unwrap();
    let after = lsn(&mut on_primary, "pg_current_wal_flush_lsn");
    assert!((before..=after).contains(&health.server_lsn), "{health:?}");
    assert_eq!(health.flags & flag::IN_RECOVERY, 0);
    assert_eq!(health.confirmed_flush_lsn, on_primary.confirmed(&slot));
    assert_eq!(health.lag_bytes, health.server_lsn - health.confirmed_flush_lsn);
    assert_eq!(health.retained_bytes, health.server_lsn - health.restart_lsn);
    assert!(health.lag_bytes > 0 && health.retained_bytes >= health.lag_bytes);

    // A standby: what is replayed.
    let admin = Admin::open(&standby.conninfo("postgres"));
    eventually("the standby follows", || admin.create_physical("held", flag::RESERVE_WAL).is_ok());
    let replayed = || {
        let rows =
            standby.client("postgres").query_one("SELECT pg_last_wal_replay_lsn()::text", &[]).unwrap();
        pgwalstream_lsn(&rows.get::<_, String>(0))
    };
    let before = replayed();
    let health = admin.health("held").unwrap();
    assert!((before..=replayed()).contains(&health.server_lsn), "{health:?}");
    assert_eq!(health.flags & flag::IN_RECOVERY, flag::IN_RECOVERY);
    assert_eq!((health.confirmed_flush_lsn, health.catalog_xmin_age), (0, -1));

    // Promoted: pg_last_wal_replay_lsn() still answers, and is not what counts any more.
    let mut sql = standby.client("postgres");
    sql.batch_execute("SELECT pg_promote(true, 60)").unwrap();
    eventually("it is a primary", || {
        !sql.query_one("SELECT pg_is_in_recovery()", &[]).unwrap().get::<_, bool>(0)
    });
    sql.batch_execute("CREATE TABLE later AS SELECT generate_series(1, 10000)").unwrap();
    let stale = replayed();
    let health = admin.health("held").unwrap();
    assert!(stale != 0 && health.server_lsn > stale, "{stale:X}: {health:?}");
    assert_eq!(health.flags & flag::IN_RECOVERY, 0);
    assert_eq!(health.lag_bytes, health.server_lsn - health.restart_lsn);
}

on_every_version_in_the_gate! { p28_the_position_is_that_of_the_servers_role }

fn pgwalstream_lsn(text: &str) -> u64 {
    text.parse::<pgwalstream::lsn::Lsn>().unwrap().0
}

fn p29_an_idle_slot_grows_old(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let slot = table(&mut db);
    let admin = Admin::open(&db.conninfo());
    let young = admin.health(&slot).unwrap().catalog_xmin_age;
    assert!(young >= 0);
    for _ in 0..300 {
        db.run("SELECT txid_current()");
    }
    let health = admin.health(&slot).unwrap();
    assert!(health.catalog_xmin_age >= young + 300, "{young} and {health:?}");
    assert_eq!((health.xmin_age, health.active_pid, health.flags & flag::ACTIVE), (-1, 0, 0));
    assert_eq!(health.inactive_since != 0, version >= 17);
    assert_eq!(admin.health("nowhere").unwrap_err().status, Status::WAL_E_SLOT_MISSING);
}

on_every_version! { p29_an_idle_slot_grows_old }

/// The engine looks beside the stream, any thread reads, and warnings come while there is time.
fn a_stream_watches_its_slot(version: u32) {
    let settings = [
        "max_slot_wal_keep_size=48MB",
        "max_wal_size=32MB",
        "min_wal_size=32MB",
        "logical_decoding_work_mem=64kB",
    ];
    let server = Server::start(version, &settings);
    let mut db = server.database();
    let slot = table(&mut db);
    let log = Arc::new(Mutex::new(Vec::new()));
    let options = Options::stream(&db.conninfo(), &slot, "pub");
    let off = options.open().unwrap();
    assert_eq!(off.slot_health().unwrap_err().unwrap_err().status, Status::WAL_E_STATE);
    drop(off);
    db.released(&slot);

    let options = options.with("health_interval", "50ms").with("health_safe_wal", "16MB").with_log(&log);
    let mut stream = options.open().unwrap();
    let seen = |what: &str| {
        log.lock().unwrap().iter().filter(|(level, text)| *level == 2 && text.contains(what)).count()
    };
    // The first look may come before the slot is taken.
    let pid = stream.stats().backend_pid;
    eventually("the health is seen", || stream.slot_health().is_ok_and(|health| health.active_pid == pid));
    let health = stream.slot_health().unwrap();
    assert_eq!(health.flags & flag::ACTIVE, flag::ACTIVE);
    assert!(health.safe_wal_size > 16 << 20 && health.sampled_at > 0, "{health:?}");
    assert_eq!((seen("is lost once"), seen("not reserved")), (0, 0));

    // A large transaction is spilled, and the health knows.
    db.run("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 5000) AS i");
    stream.read_until(|event| event.kind == Kind::Commit);
    eventually("spilling is counted", || {
        let health = stream.slot_health().unwrap();
        health.spill_txns >= 1 && health.spill_bytes > 0 && health.total_txns >= 1
    });

    // Nothing is acknowledged: first little is left, then nothing is sure.
    db.run("CREATE TABLE churn (v text)");
    eventually("little is left", || {
        db.run("INSERT INTO churn SELECT repeat('x', 1000) FROM generate_series(1, 300)");
        std::thread::sleep(std::time::Duration::from_millis(20));
        seen("is lost once") > 0
    });
    assert_eq!(seen("was invalidated"), 0);
    eventually("nothing is reserved", || {
        // In small steps: the next checkpoint ends this state.
        db.run("INSERT INTO churn SELECT repeat('x', 1000) FROM generate_series(1, 600)");
        std::thread::sleep(std::time::Duration::from_millis(30));
        seen("not reserved") > 0
    });
    // Said once for as long as it lasts.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(seen("not reserved") == 1 && seen("is lost once") <= 2, "{:?}", log.lock().unwrap());
}

on_every_version! { a_stream_watches_its_slot }
