//! `apply` makes the changes in another database exactly once, whatever ends it, and names what does not fit.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::server::{Database, signal_process};
use crate::harness::{Random, Server, eventually};

use crate::run::{command, finish, run};

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, note text, big text);
    ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
    CREATE TABLE whole (a int, b text); ALTER TABLE whole REPLICA IDENTITY FULL;
    CREATE TABLE short (id int PRIMARY KEY)";

/// All rows of the tables, as a text.
fn rows(db: &mut Database<'_>) -> String {
    ["t", "whole", "short"]
        .map(|table| {
            db.text(&format!("SELECT coalesce(md5(string_agg(r, ',' ORDER BY r)), '') || count(*) FROM (SELECT {table}::text AS r FROM {table}) x"))
        })
        .join(" ")
}

/// One of the writers: inserts, updates of keys, of large values and beside them, deletes, savepoints, rollbacks, truncates.
fn write(server: &Server, database: &str, writer: usize, is_over: &AtomicBool) {
    let mut client = server.client(database);
    let mut random = Random::new(writer as u64);
    let base = writer * 100_000;
    let mut round = 0;
    while !is_over.load(Ordering::Relaxed) {
        round += 1;
        let (id, other) = (base + random.below(50) as usize, base + 50 + random.below(50) as usize);
        let statement = match random.below(8) {
            0 | 1 => format!(
                "INSERT INTO t VALUES ({id}, {round}, E'it''s\\\\n{round}', repeat('x', 3000)) ON CONFLICT (id) DO UPDATE SET n = excluded.n"
            ),
            2 => format!("UPDATE t SET n = n + 1 WHERE id BETWEEN {base} AND {base} + 99"),
            3 => format!("UPDATE t SET big = repeat('y', 2500 + {round}) WHERE id = {id}"),
            4 => format!("DELETE FROM t WHERE id = {other}; UPDATE t SET id = {other} WHERE id = {id}"),
            5 => format!("DELETE FROM t WHERE id = {id}"),
            6 => format!(
                "INSERT INTO whole VALUES ({writer}, NULL), ({writer}, 'x'); UPDATE whole SET b = 'y' WHERE a = {writer} AND b = 'x'"
            ),
            _ if writer == 0 => "TRUNCATE short; INSERT INTO short SELECT generate_series(1, 20)".to_owned(),
            _ => format!(
                "SAVEPOINT s; DELETE FROM t WHERE id >= {base} AND id < {base} + 100; ROLLBACK TO s; DELETE FROM whole WHERE a = {writer}"
            ),
        };
        client.batch_execute(&format!("BEGIN; {statement}; COMMIT")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(40));
    }
}

fn the_databases_are_equal_after_kills(version: u32) {
    let server = Server::shared(version);
    let (mut source, mut target) = (server.database(), server.database());
    source.run(TABLES);
    source.run("CREATE PUBLICATION pub FOR TABLE t, whole, short");
    target.run(TABLES);
    // A trigger of the target does not see what is applied.
    target.run("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'seen'; END $$; CREATE TRIGGER no BEFORE INSERT ON t EXECUTE FUNCTION no()");
    let slot = source.slot();
    let (conninfo, to) = (source.conninfo(), target.conninfo());
    let arguments = [
        "apply",
        "--to",
        &to,
        "--slot",
        &slot,
        "-P",
        "pub",
        "--option",
        "batch_events=32",
        "--option",
        "status_interval=10ms",
    ];
    let is_over = AtomicBool::new(false);
    let database = source.text("SELECT current_database()");
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (database, is_over) = (&database, &is_over);
            scope.spawn(move || write(server, database, writer, is_over));
        }
        for round in 0..20 {
            if round == 10 {
                for db in [&mut target, &mut source] {
                    db.run("ALTER TABLE t ADD more int DEFAULT 7");
                }
            }
            let child = command(&conninfo, &arguments).spawn().unwrap();
            let before = if round == 0 {
                String::new()
            } else {
                target.text("SELECT position FROM pgwalstream.applied")
            };
            eventually("something is applied", || {
                target.text("SELECT to_regclass('pgwalstream.applied') IS NOT NULL") == "t"
                    && target.text("SELECT coalesce(max(position), '') FROM pgwalstream.applied") != before
            });
            std::thread::sleep(std::time::Duration::from_millis(30 * (round % 4)));
            if round % 4 == 2 {
                // The target's session ends, and the command goes on by itself.
                target.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
                let before = target.text("SELECT position FROM pgwalstream.applied");
                eventually("it goes on", || {
                    target.text("SELECT position FROM pgwalstream.applied") != before
                });
            }
            signal_process(child.id(), if round % 4 == 3 { libc::SIGTERM } else { libc::SIGKILL });
            finish(child);
            source.released(&slot);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let end = source.text("SELECT pg_current_wal_flush_lsn()");
    let said = run(&conninfo, &[&arguments[..], &["--until-lsn", &end]].concat());
    assert_eq!((said.status, said.err.as_str(), said.out.as_str()), (0, "", ""), "{said:?}");
    assert_eq!(rows(&mut target), rows(&mut source));
    assert_ne!(source.text("SELECT count(*) FROM t"), "0");
}

on_versions! { the_databases_are_equal_after_kills v18 18; v14 14 }

/// What does not fit ends the command before anything of its transaction is there, and once that is mended it goes on.
#[test]
fn a_conflict_is_named_and_mended() {
    let server = Server::shared(18);
    let (mut source, mut target) = (server.database(), server.database());
    let table = "CREATE TABLE t (id int PRIMARY KEY, v text)";
    source.run(table);
    source.run("CREATE PUBLICATION pub FOR TABLE t");
    target.run(table);
    let slot = source.slot();
    let (conninfo, to) = (source.conninfo(), target.conninfo());
    let apply = |source: &mut Database<'_>| {
        source.released(&slot);
        let end = source.text("SELECT pg_current_wal_flush_lsn()");
        run(&conninfo, &["apply", "--to", &to, "--slot", &slot, "-P", "pub", "--until-lsn", &end])
    };
    source.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    assert_eq!(apply(&mut source).status, 0);
    let rows = |target: &mut Database<'_>| target.text("SELECT string_agg(t::text, ' ' ORDER BY id) FROM t");
    assert_eq!(rows(&mut target), "(1,a) (2,b)");
    target.run("DELETE FROM t WHERE id = 2");
    source.run("BEGIN; INSERT INTO t VALUES (3, 'c'); UPDATE t SET v = 'B' WHERE id = 2; COMMIT");
    let said = apply(&mut source);
    assert!(said.status == 1 && said.err.contains("UPDATE of public.t: 0 rows"), "{said:?}");
    assert_eq!(rows(&mut target), "(1,a)");
    target.run("INSERT INTO t VALUES (2, 'b'), (3, 'mine')");
    let said = apply(&mut source);
    assert!(said.status == 1 && said.err.contains("t_pkey"), "{said:?}");
    target.run("DELETE FROM t WHERE id = 3");
    assert_eq!(apply(&mut source).status, 0);
    assert_eq!(rows(&mut target), "(1,a) (2,B) (3,c)");
    // A column that the target lacks is one, too.
    source.run("ALTER TABLE t ADD more int; INSERT INTO t VALUES (4, 'd', 5)");
    let said = apply(&mut source);
    assert!(said.status == 1 && said.err.contains("more"), "{said:?}");
    target.run("ALTER TABLE t ADD more int");
    assert_eq!(apply(&mut source).status, 0);
    assert_eq!(rows(&mut target), "(1,a,) (2,B,) (3,c,) (4,d,5)");
    // Whoever moved the position has made these changes: of two that apply at once only one does.
    source.run("INSERT INTO t VALUES (5)");
    let mut other = server.client(&target.text("SELECT current_database()"));
    other.batch_execute("BEGIN; UPDATE pgwalstream.applied SET position = 'elsewhere'").unwrap();
    source.released(&slot);
    let child = command(&conninfo, &["apply", "--to", &to, "--slot", &slot, "-P", "pub"]).spawn().unwrap();
    eventually("it waits for the other", || {
        target.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == "1"
    });
    other.batch_execute("COMMIT").unwrap();
    let said = finish(child);
    assert!(said.status == 1 && said.err.contains("another apply moved: 0 rows"), "{said:?}");
    assert_eq!(rows(&mut target), "(1,a,) (2,B,) (3,c,) (4,d,5)");
}
