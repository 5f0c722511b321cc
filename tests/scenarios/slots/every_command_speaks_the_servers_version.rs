//! Slots are made, changed, read, moved, copied and dropped on every version in its own words, and what a version cannot do
//! is refused with the version that can.

use crate::harness::admin::{failure, flag};
use crate::harness::{Admin, Database, Options, Server, eventually, major, server};
use pgwalstream::error::Status;
use pgwalstream::stream::SlotKind;

const LOGICAL: u32 = SlotKind::WAL_SLOT_KIND_LOGICAL as u32;
const PHYSICAL: u32 = SlotKind::WAL_SLOT_KIND_PHYSICAL as u32;

fn exists(db: &mut Database<'_>, slot: &str) -> bool {
    db.text(&format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'")) == "1"
}

fn logical_slots(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let admin = Admin::open(&db.conninfo());
    assert_eq!(admin.version() / 10_000, major(version));

    let name = server::unique("made");
    let made = admin.create(&name, 0).unwrap();
    assert_eq!((made.name.as_str(), made.kind, made.plugin.as_str()), (name.as_str(), LOGICAL, "pgoutput"));
    assert!(made.consistent_point != 0 && made.snapshot_name.is_empty());
    let read = admin.read(&name).unwrap();
    assert_eq!((read.kind, read.database.as_str(), read.flags), (LOGICAL, db.name.as_str(), 0));
    assert_eq!(read.confirmed_flush_lsn, made.consistent_point);
    assert_eq!(read.confirmed_flush_lsn, db.confirmed(&name));
    assert!(read.restart_lsn != 0 && read.restart_lsn <= read.confirmed_flush_lsn && read.catalog_xmin != 0);
    assert_eq!((read.wal, read.invalidation, read.active_pid), (1, 0, 0));
    assert!(admin.list().unwrap().contains(&read));

    // The same name again; a name that nobody may have.
    let again = failure(admin.create(&name, 0));
    assert_eq!((again.status, again.sqlstate.as_str()), (Status::WAL_E_SLOT_EXISTS, "42710"), "{again:?}");
    assert!(again.message.contains(&name));
    for name in ["No", "a\" LOGICAL pgoutput \"b", "a'b", ""] {
        assert_eq!(failure(admin.create(name, 0)).status, Status::WAL_E_INVALID_ARGUMENT);
        assert_eq!(admin.drop_slot(name, 0, 0).unwrap_err().status, Status::WAL_E_INVALID_ARGUMENT);
    }
    let plugin = failure(admin.create_within(&server::unique("made"), Some("no_such_plugin"), 0, 60_000));
    // PostgreSQL 19, and the minor releases of November 2026, have a list of those that may be named.
    let listed = db.text("SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'") == "1";
    let refused = if listed { Status::WAL_E_PRIVILEGE } else { Status::WAL_E_SERVER };
    assert_eq!(plugin.status, refused, "{plugin:?}");

    // Another plugin.
    let other = server::unique("other");
    let made = admin.create_within(&other, Some("test_decoding"), 0, 60_000).unwrap();
    assert_eq!(made.plugin, "test_decoding");

    // Forward, and never back.
    db.run("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    assert_eq!(admin.advance(&name, end).unwrap(), end);
    assert_eq!(admin.read(&name).unwrap().confirmed_flush_lsn, end);
    assert_eq!(admin.advance(&name, 1).unwrap_err().status, Status::WAL_E_SERVER);
    assert_eq!(admin.advance("nowhere", end).unwrap_err().status, Status::WAL_E_SLOT_MISSING);

    // A copy stands where its source does.
    let copy = server::unique("copy");
    let copied = admin.copy(&name, &copy, None, 0).unwrap();
    assert_eq!((copied.plugin.as_str(), copied.confirmed_flush_lsn), ("pgoutput", end));
    assert_eq!(failure(admin.copy(&name, &copy, None, 0)).status, Status::WAL_E_SLOT_EXISTS);
    assert_eq!(failure(admin.copy("nowhere", "any", None, 0)).status, Status::WAL_E_SLOT_MISSING);
    let temporary = server::unique("copy");
    let copied = admin.copy(&name, &temporary, Some("test_decoding"), flag::TEMPORARY).unwrap();
    assert_eq!((copied.plugin.as_str(), copied.flags & flag::TEMPORARY), ("test_decoding", flag::TEMPORARY));

    for slot in [&name, &copy, &other] {
        assert_eq!(admin.drop_slot(slot, 0, 60_000), Ok(Status::WAL_OK));
        assert!(!exists(&mut db, slot));
    }
    let gone = admin.drop_slot(&name, 0, 60_000).unwrap_err();
    assert_eq!((gone.status, gone.sqlstate.as_str()), (Status::WAL_E_SLOT_MISSING, "42704"), "{gone:?}");
    assert_eq!(failure(admin.read(&name)).status, Status::WAL_E_SLOT_MISSING);

    // A temporary one goes with its connection.
    let short = server::unique("short");
    let made = admin.create(&short, flag::TEMPORARY).unwrap();
    assert_eq!(made.flags, flag::TEMPORARY);
    assert_ne!(admin.read(&short).unwrap().active_pid, 0);
    drop(admin);
    eventually("temporary slots are gone", || !exists(&mut db, &short) && !exists(&mut db, &temporary));
}

on_every_version_in_the_gate! { logical_slots }

fn physical_slots(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let admin = Admin::open(&db.conninfo());
    let names = [server::unique("physical"), server::unique("physical"), server::unique("physical")];
    let made = admin.create_physical(&names[0], 0).unwrap();
    assert_eq!((made.kind, made.plugin.as_str()), (PHYSICAL, ""));
    let read = admin.read(&names[0]).unwrap();
    assert_eq!((read.kind, read.restart_lsn, read.timeline), (PHYSICAL, 0, 0));
    admin.create_physical(&names[1], flag::RESERVE_WAL).unwrap();
    let read = admin.read(&names[1]).unwrap();
    assert_ne!(read.restart_lsn, 0);
    // READ_REPLICATION_SLOT came with 15.
    assert_eq!(read.timeline, u32::from(version >= 15));
    let copied = admin.copy(&names[1], &names[2], None, 0).unwrap();
    assert_eq!((copied.kind, copied.restart_lsn), (PHYSICAL, read.restart_lsn));
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    assert_eq!(admin.advance(&names[1], end).unwrap(), end);
    for name in &names {
        assert_eq!(admin.drop_slot(name, 0, 60_000), Ok(Status::WAL_OK));
    }
    let wrong = failure(admin.create_physical("any", flag::TWO_PHASE));
    assert_eq!(wrong.status, Status::WAL_E_INVALID_ARGUMENT);
}

on_every_version_in_the_gate! { physical_slots }

/// Two phase from 15, failover from 17; altering from 17, two phase from 18.
fn what_the_version_can(version: u32) {
    let server = Server::shared(version);
    let db = server.database();
    let admin = Admin::open(&db.conninfo());
    let refused = |failure: crate::harness::Failure, since: u32| {
        assert_eq!(failure.status, Status::WAL_E_SERVER_VERSION, "{failure:?}");
        assert!(failure.message.contains(&since.to_string()) && !failure.hint.is_empty(), "{failure:?}");
    };
    let name = server::unique("made");
    if version >= 15 {
        admin.create(&name, flag::TWO_PHASE).unwrap();
        let read = admin.read(&name).unwrap();
        assert_eq!(read.flags & flag::TWO_PHASE, flag::TWO_PHASE);
        assert_eq!(read.two_phase_at != 0, version >= 18);
        assert_eq!(read.inactive_since != 0, version >= 17);
        admin.drop_slot(&name, 0, 60_000).unwrap();
    } else {
        refused(failure(admin.create(&name, flag::TWO_PHASE)), 15);
    }
    if version >= 17 {
        admin.create(&name, flag::FAILOVER).unwrap();
        assert_eq!(admin.read(&name).unwrap().flags & flag::FAILOVER, flag::FAILOVER);
        assert_eq!(admin.alter(&name, 0, flag::FAILOVER), Ok(Status::WAL_OK));
        assert_eq!(admin.read(&name).unwrap().flags & flag::FAILOVER, 0);
        assert_eq!(admin.alter(&name, flag::FAILOVER, 0), Ok(Status::WAL_OK));
        assert_eq!(admin.alter("nowhere", flag::FAILOVER, 0).unwrap_err().status, Status::WAL_E_SLOT_MISSING);
    } else {
        refused(failure(admin.create(&name, flag::FAILOVER)), 17);
        refused(admin.alter(&name, flag::FAILOVER, 0).unwrap_err(), 17);
    }
    if version >= 18 {
        assert_eq!(admin.alter(&name, flag::TWO_PHASE, flag::FAILOVER), Ok(Status::WAL_OK));
        assert_eq!(admin.read(&name).unwrap().flags & (flag::TWO_PHASE | flag::FAILOVER), flag::TWO_PHASE);
    } else {
        refused(admin.alter(&name, flag::TWO_PHASE, 0).unwrap_err(), 18);
    }
    // What was refused made nothing, and the connection goes on.
    assert_eq!(admin.read(&name).is_ok(), version >= 17);
}

on_every_version_in_the_gate! { what_the_version_can }

/// A slot in use is not dropped; with wait it is, once it is free, and not before.
fn slots_in_use(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    let admin = Admin::open(&db.conninfo());
    let read = admin.read(&slot).unwrap();
    assert_eq!(read.flags & flag::ACTIVE, flag::ACTIVE);
    assert_eq!(read.active_pid, stream.stats().backend_pid);
    let busy = admin.drop_slot(&slot, 0, 60_000).unwrap_err();
    assert!(busy.status == Status::WAL_E_SLOT_ACTIVE && busy.is_retriable, "{busy:?}");
    assert_eq!(admin.drop_slot(&slot, 1, 300), Ok(Status::WAL_TIMEOUT));
    assert!(exists(&mut db, &slot), "what was given up is cancelled");
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| admin.drop_slot(&slot, 1, -1));
        eventually("the drop waits", || {
            db.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DROP_REPLICATION_SLOT%' AND wait_event = 'ReplicationSlotDrop'") == "1"
        });
        drop(stream);
        assert_eq!(waiting.join().unwrap(), Ok(Status::WAL_OK));
    });
    assert!(!exists(&mut db, &slot));
}

on_every_version_in_the_gate! { slots_in_use }

#[test]
fn a_connection_has_its_states() {
    let server = Server::shared(18);
    let mut db = server.database();
    let admin = Admin::new(&db.conninfo());
    assert_eq!(admin.version(), 0);
    assert_eq!(failure(admin.list()).status, Status::WAL_E_STATE);
    assert_eq!(admin.check().unwrap_err().status, Status::WAL_E_STATE);
    // An interrupt from before is taken by the next call.
    admin.interrupt();
    assert_eq!(admin.connect(60_000), Ok(Status::WAL_INTERRUPTED));
    assert_eq!(admin.connect(60_000), Ok(Status::WAL_OK));
    assert_eq!(admin.connect(60_000).unwrap_err().status, Status::WAL_E_STATE);
    assert_eq!(admin.check(), Ok(Status::WAL_OK));

    // SQL: text and NULL, errors, a time limit that the server hears of, an interrupt.
    let rows = admin.query("SELECT 1 AS a, NULL AS b, 'ü' AS c").unwrap();
    assert_eq!(rows, [[Some("1".to_owned()), None, Some("ü".to_owned())]]);
    assert_eq!(failure(admin.query("SELECT 1/0")).sqlstate, "22012");
    assert_eq!(admin.query_within("SELECT pg_sleep(600)", 100), Err(Ok(Status::WAL_TIMEOUT)));
    let count =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    eventually("the server gave up too", || db.text(count) == "0");
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| admin.query_within("SELECT pg_sleep(600)", -1));
        eventually("it sleeps", || db.text(count) == "1");
        // A second thread inside.
        assert_eq!(failure(admin.list()).status, Status::WAL_E_BUSY);
        admin.interrupt();
        assert_eq!(waiting.join().unwrap(), Err(Ok(Status::WAL_INTERRUPTED)));
    });
    assert_eq!(admin.query("SELECT 1").unwrap().len(), 1);

    // A connection that the server ended is seen, and can be opened again.
    db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgwalstream' AND datname = current_database()");
    eventually("the end is seen", || admin.check().is_err());
    assert_eq!(admin.check().unwrap_err().status, Status::WAL_E_STATE);
    assert_eq!(admin.connect(60_000), Ok(Status::WAL_OK));
    assert!(admin.list().is_ok());
}

#[test]
fn freeing_ends_what_goes_on() {
    let server = Server::shared(17);
    let mut db = server.database();
    let admin = Admin::open(&db.conninfo());
    let raw = admin.raw() as usize;
    let waiting = std::thread::spawn(move || {
        let mut out = std::ptr::null_mut();
        // SAFETY: the handle lives until its free has seen this thread leave.
        unsafe {
            crate::harness::abi::wal_connection_query(
                raw as *mut _,
                c"SELECT pg_sleep(600)".as_ptr(),
                -1,
                &raw mut out,
                std::ptr::null_mut(),
            )
        }
    });
    let count = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active' AND datname = current_database()";
    eventually("it sleeps", || db.text(count) == "1");
    drop(admin);
    assert_eq!(waiting.join().unwrap(), Status::WAL_END as i32);
    eventually("the server gave up too", || db.text(count) == "0");
}

#[test]
fn a_server_without_logical_wal_says_so() {
    let server = Server::start(15, &["wal_level=replica"]);
    let admin = Admin::open(&server.conninfo("postgres"));
    let refused = failure(admin.create("any", 0));
    assert!(refused.status == Status::WAL_E_WAL_LEVEL && refused.message.contains("replica"), "{refused:?}");
    admin.create_physical("some", 0).unwrap();
}
