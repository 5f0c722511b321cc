//! A new slot comes with a snapshot: what is visible in it, and what the slot's stream sends, are together everything, and
//! each row once, however many write meanwhile (P18). And nothing ends the snapshot by accident.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::admin::{failure, flag};
use crate::harness::{Admin, Database, Kind, Options, Server, StopAtEnd, server};
use pgwalstream::error::Status;

const WRITERS: i32 = 4;

fn ids(rows: &[Vec<Option<String>>]) -> Vec<i64> {
    rows.iter().map(|row| row[0].as_deref().unwrap().parse().unwrap()).collect()
}

/// Makes a slot while writers write, and reads its snapshot with `copy`. Gives what was read, and the slot.
fn while_writers_write(db: &mut Database<'_>, copy: impl FnOnce() -> Vec<i64>) -> Vec<i64> {
    let stop = AtomicBool::new(false);
    let (server, name) = (db.server, db.name.clone());
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let (stop, name) = (&stop, &name);
            threads.spawn(move || {
                let mut sql = server.client(name);
                let mut id = writer;
                while !stop.load(Ordering::Relaxed) {
                    // Some transactions are long, some are rolled back.
                    let end = if id % 7 == 0 { "ROLLBACK" } else { "COMMIT" };
                    let pause = if id % 3 == 0 { "SELECT pg_sleep(0.005);" } else { "" };
                    let second = id + 1_000_000;
                    sql.batch_execute(&format!(
                        "BEGIN; INSERT INTO t VALUES ({id}); {pause} INSERT INTO t VALUES ({second}); {end}"
                    ))
                    .unwrap();
                    id += WRITERS;
                }
            });
        }
        // However the copying ends.
        let stop = StopAtEnd(&stop);
        crate::harness::eventually("they write", || db.text("SELECT count(*) > 50 FROM t") == "t");
        let seen = copy();
        let before = db.text("SELECT count(*) FROM t").parse::<i64>().unwrap();
        crate::harness::eventually("they go on", || {
            db.text("SELECT count(*) FROM t").parse::<i64>().unwrap() > before + 50
        });
        drop(stop);
        seen
    })
}

/// Everything that the stream sends up to now.
fn streamed(db: &mut Database<'_>, slot: &str) -> Vec<i64> {
    let mut stream = Options::stream(&db.conninfo(), slot, "pub").with("messages", "on").open().unwrap();
    db.run("SELECT pg_logical_emit_message(true, 'end', '')");
    let seen = stream.read_until(|event| event.kind == Kind::Message);
    seen.iter()
        .filter(|event| event.kind == Kind::Insert)
        .map(|event| event.line.rsplit_once("id=").unwrap().1.parse().unwrap())
        .collect()
}

fn each_once(db: &mut Database<'_>, snapshot: &[i64], stream: &[i64]) {
    let mut times = HashMap::new();
    for id in snapshot.iter().chain(stream) {
        *times.entry(*id).or_insert(0) += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "in both: {twice:?}");
    let all: Vec<i64> =
        db.sql.query("SELECT id::bigint FROM t", &[]).unwrap().iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = all.iter().filter(|id| !times.contains_key(id)).collect();
    assert!(lost.is_empty(), "in neither: {lost:?}");
    assert_eq!(all.len(), times.len(), "and nothing that is not there");
    assert!(!snapshot.is_empty() && !stream.is_empty());
}

fn table(db: &mut Database<'_>) {
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
}

fn p18_an_exported_snapshot(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let admin = Admin::open(&db.conninfo());
    let slot = server::unique("made");
    let name = db.name.clone();
    let snapshot = while_writers_write(&mut db, || {
        let made = admin.create(&slot, flag::EXPORT_SNAPSHOT).unwrap();
        assert!(!made.snapshot_name.is_empty());
        // Any command would end it: the connection refuses, and says what to do.
        let refused = failure(admin.list());
        assert!(
            refused.status == Status::WAL_E_STATE
                && refused.message.contains(&made.snapshot_name)
                && refused.hint.contains("release the snapshot"),
            "{refused:?}"
        );
        // Two workers read parts of it; the connection still stands.
        let mut all = Vec::new();
        for part in 0..2 {
            let mut worker = server.client(&name);
            worker.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").unwrap();
            worker.batch_execute(&format!("SET TRANSACTION SNAPSHOT '{}'", made.snapshot_name)).unwrap();
            assert_eq!(admin.check(), Ok(Status::WAL_OK));
            let query = format!("SELECT id::bigint FROM t WHERE id % 2 = {part}");
            all.extend(worker.query(&query, &[]).unwrap().iter().map(|row| row.get::<_, i64>(0)));
        }
        // Once released it ends with the next command.
        admin.release_snapshot().unwrap();
        assert!(admin.list().is_ok());
        let mut late = server.client(&name);
        late.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").unwrap();
        assert!(late.batch_execute(&format!("SET TRANSACTION SNAPSHOT '{}'", made.snapshot_name)).is_err());
        all
    });
    let stream = streamed(&mut db, &slot);
    each_once(&mut db, &snapshot, &stream);
}

on_every_version! { p18_an_exported_snapshot }

fn p18_a_snapshot_of_ones_own(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let admin = Admin::open(&db.conninfo());
    let slot = server::unique("made");
    let snapshot = while_writers_write(&mut db, || {
        let made = admin.create(&slot, flag::USE_SNAPSHOT).unwrap();
        assert!(made.snapshot_name.is_empty() && made.consistent_point != 0);
        let first = ids(&admin.query("SELECT id FROM t").unwrap());
        std::thread::sleep(std::time::Duration::from_millis(50));
        let second = ids(&admin.query("SELECT id FROM t").unwrap());
        assert_eq!(first, second, "one snapshot for the whole transaction");
        admin.query("COMMIT").unwrap();
        first
    });
    let stream = streamed(&mut db, &slot);
    each_once(&mut db, &snapshot, &stream);
    // A slot that cannot be made leaves no transaction open.
    assert_eq!(failure(admin.create(&slot, flag::USE_SNAPSHOT)).status, Status::WAL_E_SLOT_EXISTS);
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(db.text(open), "0");
    assert!(admin.list().is_ok());
}

on_every_version! { p18_a_snapshot_of_ones_own }

/// What usually ends idle sessions does not end one that holds a snapshot.
fn p18_a_snapshot_outlives_the_servers_impatience(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    table(&mut db);
    let role = server::unique("impatient");
    let all = if version >= 17 { "ALTER ROLE {role} SET transaction_timeout = 300;" } else { "" };
    db.run(
        &format!(
            "CREATE ROLE {{role}} LOGIN SUPERUSER; ALTER ROLE {{role}} SET idle_in_transaction_session_timeout = 300;
             ALTER ROLE {{role}} SET idle_session_timeout = 300; {all}"
        )
        .replace("{role}", &role),
    );
    let conninfo = format!("host=127.0.0.1 port={} user={role} dbname={}", server.port, db.name);
    let admin = Admin::open(&conninfo);
    let made = admin.create(&server::unique("made"), flag::EXPORT_SNAPSHOT).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(admin.check(), Ok(Status::WAL_OK));
    db.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    db.run(&format!("SET TRANSACTION SNAPSHOT '{}'; COMMIT", made.snapshot_name));
}

on_every_version! { p18_a_snapshot_outlives_the_servers_impatience }
