//! What a snapshot does not go with, and what it cannot read, is an error that names the way; no slot is left behind.

use std::sync::atomic::{AtomicBool, Ordering};

use super::mirror::{Mirror, options, slots};
use super::what_was_begun_is_gone_on_with::base64;
use crate::harness::{Cell, Database, Failure, Kind, Next, Options, PATIENCE, Server, StopAtEnd, server};
use pgwalstream::error::Status;

fn refused(options: Options) -> Failure {
    match options.open() {
        Ok(_) => panic!("it opened"),
        Err(failure) => failure,
    }
}

fn table(db: &mut Database<'_>) {
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t; INSERT INTO t VALUES (1)",
    );
}

fn p18_options_that_exclude_each_other(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let slot = server::unique("first");
    let with = |key: &str, value: &str| refused(options(&db, &slot).with(key, value));
    let undecoded = Options::new()
        .with("conninfo", &db.conninfo())
        .with("slot", &slot)
        .with("publication", "pub")
        .with("snapshot", "initial")
        .with("decode", "off");
    for (failure, word) in [
        (refused(undecoded), "decode=on"),
        (with("stop_lsn", "0/1"), "stop_lsn"),
        (with("snapshot_state", "AAAA"), "snapshot_state"),
        (
            refused(Options::stream(&db.conninfo(), &slot, "pub").with("snapshot_state", "AAAA")),
            "snapshot=initial",
        ),
        (
            refused(options(&db, &slot).with("slot_create", "temporary").with("snapshot_state", "AAAA")),
            "temporary",
        ),
    ] {
        assert_eq!(failure.status, Status::WAL_E_BAD_OPTION, "{failure:?}");
        assert!(failure.message.contains(word) && !failure.hint.is_empty(), "{failure:?}");
    }
    if version >= 15 {
        for how in ["on", "join"] {
            let failure = refused(options(&db, &slot).with("two_phase", how));
            assert!(
                failure.status == Status::WAL_E_BAD_OPTION && failure.message.contains("two_phase"),
                "{failure:?}"
            );
        }
    }
    let failure = refused(options(&db, &slot).with("slot_create", "never"));
    assert_eq!(failure.status, Status::WAL_E_SLOT_MISSING, "{failure:?}");
    // A state of another system.
    let other = pgwalstream::snapshot::SnapshotState {
        extent: pgwalstream::snapshot::Extent::Complete,
        system: 1,
        consistent: pgwalstream::Lsn(1),
        items_done: 1,
        items: 1,
    };
    let failure = refused(options(&db, &slot).with("snapshot_state", &base64(&other.to_bytes())));
    assert_eq!(failure.status, Status::WAL_E_SYSTEM_MISMATCH, "{failure:?}");
    assert_eq!(slots(&mut db), "0", "no slot was made");
}

on_every_version! { p18_options_that_exclude_each_other }

/// What would be hidden or cannot be read is known before the first row.
fn p22_rows_that_a_role_does_not_see(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let (role, slot) = (server::unique("reader"), server::unique("first"));
    db.run(&format!("CREATE ROLE {role} LOGIN REPLICATION"));
    let conninfo = format!("host=127.0.0.1 port={} user={role} dbname={}", server.port, db.name);
    let open = || {
        refused(
            Options::stream(&conninfo, &slot, "pub")
                .with("snapshot", "initial")
                .with("slot_create", "if_missing"),
        )
    };
    let failure = open();
    assert!(
        failure.status == Status::WAL_E_PRIVILEGE && failure.hint.contains("GRANT SELECT"),
        "{failure:?}"
    );
    assert!(failure.message.contains('t'), "{failure:?}");
    assert_eq!(slots(&mut db), "0", "the slot was dropped again");
    db.run(&format!(
        "GRANT SELECT ON t TO {role}; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id > 1)"
    ));
    let failure = open();
    assert!(failure.status == Status::WAL_E_PRIVILEGE && failure.hint.contains("BYPASSRLS"), "{failure:?}");
    assert!(failure.message.contains("\"public\".\"t\""), "{failure:?}");
    assert_eq!(slots(&mut db), "0");
    db.run(&format!("ALTER ROLE {role} BYPASSRLS"));
    let options = Options::stream(&conninfo, &slot, "pub").with("snapshot", "initial");
    let mut stream = options.with("slot_create", "if_missing").open().unwrap();
    let all = stream.read_until(|event| event.ack_lsn != 0);
    assert!(all.iter().any(|event| event.line == "INSERT public.t new id=1"));
}

on_every_version! { p22_rows_that_a_role_does_not_see }

fn p16_a_lock_is_waited_for_in_bounds(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let slot = server::unique("first");
    // Without an id it does not hold up the slot, and yet holds the table.
    db.run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    let id = db.text("SELECT pg_current_xact_id_if_assigned() IS NULL");
    let failure = refused(options(&db, &slot).with("slot_create_timeout", "400ms"));
    assert_eq!(failure.status, Status::WAL_E_SLOT_TIMEOUT, "{failure:?}");
    if id == "t" {
        assert!(failure.message.contains("locked"), "{failure:?}");
    }
    db.run("COMMIT");
    assert_eq!(slots(&mut db), "0", "the slot was dropped again");
    assert!(options(&db, &slot).open().is_ok());
}

on_every_version! { p16_a_lock_is_waited_for_in_bounds }

/// A backslash may be half of a character there, which no text of COPY says. In binary there are no backslashes.
fn p44_an_encoding_that_has_backslashes_in_characters(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t;
         INSERT INTO t VALUES (1, U&'\\8868x')",
    );
    let slot = server::unique("first");
    let conninfo = format!("{} client_encoding=SJIS", db.conninfo());
    let of = |binary| {
        let options = Options::stream(&conninfo, &slot, "pub").with("binary", binary);
        options.with("snapshot", "initial").with("slot_create", "if_missing")
    };
    let failure = refused(of("off"));
    assert_eq!(failure.status, Status::WAL_E_BAD_OPTION, "{failure:?}");
    assert!(failure.message.contains("SJIS") && failure.hint.contains("binary"), "{failure:?}");
    assert_eq!(slots(&mut db), "0");
    let mut stream = of("on").open().unwrap();
    let mut came = Vec::new();
    while let Next::Event(event) = stream.next(PATIENCE.as_millis() as i32).unwrap() {
        if event.kind() == Kind::Insert {
            came.push(event.new_value(1).cell());
        }
        if event.fields().ack_lsn != 0 {
            break;
        }
    }
    assert_eq!(came, [Cell::Binary(vec![0x95, b'\\', b'x'])]);
}

on_every_version_in_the_gate! { p44_an_encoding_that_has_backslashes_in_characters }

/// A table that is emptied between the snapshot and its lock looks empty to the snapshot: that is seen, and named.
fn p50_a_table_that_changes_at_that_very_moment(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t; INSERT INTO t VALUES (1)",
    );
    let stop = AtomicBool::new(false);
    let name = db.name.clone();
    std::thread::scope(|threads| {
        let end = StopAtEnd(&stop);
        let stop = &stop;
        threads.spawn(move || {
            let mut sql = server.client(&name);
            while !stop.load(Ordering::Relaxed) {
                sql.batch_execute("BEGIN; TRUNCATE t; INSERT INTO t SELECT generate_series(1, 50); COMMIT")
                    .unwrap();
            }
        });
        let mut whole = 0;
        for _ in 0..12 {
            let slot = server::unique("first");
            match options(&db, &slot).open() {
                Ok(mut stream) => {
                    let mut mirror = Mirror::default();
                    mirror.read_snapshot(&mut stream);
                    assert_eq!(mirror.rows, 50, "as many as every transaction leaves");
                    whole += 1;
                    drop(stream);
                    db.released(&slot);
                    db.run(&format!("SELECT pg_drop_replication_slot('{slot}')"));
                }
                Err(failure) => {
                    assert_eq!(failure.status, Status::WAL_E_SNAPSHOT, "{failure:?}");
                    let changed = ["was changed", "about to be changed"];
                    let is_told = changed.iter().any(|words| failure.message.contains(words));
                    assert!(failure.is_retriable && is_told, "{failure:?}");
                    assert_eq!(slots(&mut db), "0", "the slot was dropped again");
                }
            }
        }
        drop(end);
        println!("{whole} of 12 were whole");
    });
}

on_every_version! { p50_a_table_that_changes_at_that_very_moment }
