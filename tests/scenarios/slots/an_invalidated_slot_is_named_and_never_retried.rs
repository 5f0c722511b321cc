//! A slot that the server gave up is an error that names the reason, wherever it is met, and no use trying again (P13).

use crate::harness::admin;
use crate::harness::{Admin, Failure, Kind, Options, Server, eventually};
use pgwalstream::error::Status;
use pgwalstream::stream::{Invalidation, WalKept};

const IMPATIENT: [&str; 3] = ["max_slot_wal_keep_size=1MB", "max_wal_size=32MB", "min_wal_size=32MB"];

#[track_caller]
fn names(failure: &Failure, slot: &str, reason: &str) {
    assert_eq!(failure.status, Status::WAL_E_SLOT_INVALIDATED, "{failure:?}");
    assert!(failure.message.contains(slot) && failure.message.contains(reason), "{failure:?}");
    assert!(!failure.is_retriable && failure.is_fatal, "{failure:?}");
    assert!(failure.hint.contains("create it anew") && !failure.detail.is_empty(), "{failure:?}");
}

/// Writes WAL and checkpoints until the slot is what it shall be.
fn churn(server: &Server, slot: &str, condition: &str) {
    let mut sql = server.client("postgres");
    sql.batch_execute("CREATE TABLE IF NOT EXISTS churn (id int)").unwrap();
    eventually("the slot is given up", || {
        for _ in 0..3 {
            sql.batch_execute("INSERT INTO churn VALUES (1)").unwrap();
            sql.batch_execute("SELECT pg_switch_wal()").unwrap();
        }
        sql.batch_execute("CHECKPOINT").unwrap();
        let query =
            format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}' AND {condition}");
        sql.query_one(&query, &[]).unwrap().get::<_, i64>(0) == 1
    });
}

fn p13_wal_removed(version: u32) {
    let server = Server::start(version, &IMPATIENT);
    let conninfo = server.conninfo("postgres");
    let mut sql = server.client("postgres");
    sql.batch_execute("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t").unwrap();
    let admin = Admin::open(&conninfo);
    admin.create("idle", 0).unwrap();
    admin.create("used", 0).unwrap();

    // While a stream runs that acknowledges nothing: the server ends it, and it says why.
    let mut stream =
        Options::stream(&conninfo, "used", "pub").with("status_interval", "100ms").open().unwrap();
    sql.batch_execute("INSERT INTO t VALUES (1)").unwrap();
    stream.read_until(|event| event.kind == Kind::Commit);
    churn(&server, "used", "wal_status = 'lost'");
    let (_, failure) = stream.read_to_error();
    names(&failure, "used", "wal_removed");
    // It stays ended.
    let (_, again) = stream.read_to_error();
    assert_eq!(again, failure);
    drop(stream);

    // Before one starts: at once, each time.
    churn(&server, "idle", "wal_status = 'lost'");
    for slot in ["idle", "used"] {
        for _ in 0..2 {
            let refused = Options::stream(&conninfo, slot, "pub").open().map(drop).unwrap_err();
            names(&refused, slot, "wal_removed");
        }
        let read = admin.read(slot).unwrap();
        assert_eq!(read.invalidation, Invalidation::WAL_INVALIDATION_WAL_REMOVED as u32);
        assert_eq!(read.wal, WalKept::WAL_SLOT_WAL_LOST as u32);
        assert_eq!(read.invalidation_reason, if version >= 17 { "wal_removed" } else { "" });
        let health = admin.health(slot).unwrap();
        assert_eq!((health.invalidation, health.wal), (read.invalidation, read.wal));
        names(&admin.advance(slot, u64::MAX >> 1).unwrap_err(), slot, "wal_removed");
        let copied = admin::failure(admin.copy(slot, "copy", None, 0));
        names(&copied, slot, "wal_removed");
        assert_eq!(admin.drop_slot(slot, 0, 60_000), Ok(Status::WAL_OK));
    }
}

on_every_version! { p13_wal_removed }

#[test]
fn p13_idle_timeout() {
    let server = Server::start(18, &["idle_replication_slot_timeout=1s"]);
    let conninfo = server.conninfo("postgres");
    server.client("postgres").batch_execute("CREATE PUBLICATION pub FOR ALL TABLES").unwrap();
    let admin = Admin::open(&conninfo);
    admin.create("idle", 0).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    churn(&server, "idle", "invalidation_reason = 'idle_timeout'");
    assert_eq!(admin.read("idle").unwrap().invalidation, Invalidation::WAL_INVALIDATION_IDLE_TIMEOUT as u32);
    let refused = Options::stream(&conninfo, "idle", "pub").open().map(drop).unwrap_err();
    names(&refused, "idle", "idle_timeout");
    assert!(refused.detail.contains("idle_replication_slot_timeout"));
}

/// A logical slot on a standby, which needs a word from the primary to be made.
fn slot_on_standby(primary: &Server, standby: &Server, slot: &str) -> Admin {
    let admin = Admin::open(&standby.conninfo("postgres"));
    let mut sql = primary.client("postgres");
    std::thread::scope(|threads| {
        let making = threads.spawn(|| admin.create_within(slot, None, 0, 60_000));
        while !making.is_finished() {
            sql.batch_execute("SELECT pg_log_standby_snapshot()").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        making.join().unwrap().unwrap();
    });
    admin
}

fn p13_on_a_standby(version: u32) {
    let mut primary = Server::start(version, &[]);
    primary
        .client("postgres")
        .batch_execute("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t")
        .unwrap();
    let standby = primary.standby(&["hot_standby_feedback=off"]);
    let conninfo = standby.conninfo("postgres");
    let caught_up = |primary: &Server| {
        let lsn: String = primary
            .client("postgres")
            .query_one("SELECT pg_current_wal_flush_lsn()::text", &[])
            .unwrap()
            .get(0);
        let query = format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'");
        eventually("the standby follows", || {
            standby.client("postgres").query_one(&query, &[]).unwrap().get::<_, bool>(0)
        });
    };
    caught_up(&primary);
    let reason = |of_17: &'static str| if version >= 17 { of_17 } else { "recovery conflict" };
    let kind = |of_17: Invalidation| {
        if version >= 17 { of_17 } else { Invalidation::WAL_INVALIDATION_CONFLICT }
    };

    // The primary cleans up its catalogs: a running stream is told, and a later one.
    let admin = slot_on_standby(&primary, &standby, "rows");
    let mut stream = Options::stream(&conninfo, "rows", "pub").open().unwrap();
    let mut sql = primary.client("postgres");
    eventually("rows are removed that the slot needs", || {
        for statement in [
            "CREATE TABLE gone (id int)",
            "DROP TABLE gone",
            "VACUUM pg_class",
            "VACUUM pg_attribute",
            "VACUUM pg_type",
        ] {
            sql.batch_execute(statement).unwrap();
        }
        caught_up(&primary);
        admin.read("rows").unwrap().invalidation != 0
    });
    assert_eq!(
        admin.read("rows").unwrap().invalidation,
        kind(Invalidation::WAL_INVALIDATION_ROWS_REMOVED) as u32
    );
    let (_, failure) = stream.read_to_error();
    names(&failure, "rows", reason("rows_removed"));
    drop(stream);
    let refused = Options::stream(&conninfo, "rows", "pub").open().map(drop).unwrap_err();
    names(&refused, "rows", reason("rows_removed"));

    // The primary does without logical decoding.
    drop(sql);
    let admin = slot_on_standby(&primary, &standby, "level");
    primary.restart_with(&["wal_level=replica"]);
    eventually("the slot is given up", || admin.read("level").is_ok_and(|slot| slot.invalidation != 0));
    assert_eq!(
        admin.read("level").unwrap().invalidation,
        kind(Invalidation::WAL_INVALIDATION_WAL_LEVEL) as u32
    );
    let refused = Options::stream(&conninfo, "level", "pub").open().map(drop).unwrap_err();
    names(&refused, "level", reason("wal_level_insufficient"));
    // Making another one is refused, and says so.
    let refused = admin::failure(admin.create("more", 0));
    assert_eq!(refused.sqlstate, "55000", "{refused:?}");
}

on_versions! { p13_on_a_standby v16 16, v18 18; v17 17 }
