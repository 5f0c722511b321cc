//! `apply` makes the changes in another database exactly once, whatever ends it, and names what does not fit.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::server::{Database, Stop, signal_process};
use crate::harness::{Random, Server, eventually};

use crate::run::{KILLED, STREAMS, Said, command, finish, run};

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
            let is_asked = round % 4 == 3;
            signal_process(child.id(), if is_asked { libc::SIGTERM } else { libc::SIGKILL });
            let said = finish(child);
            // Else it ended by itself, of a conflict that there is none.
            assert_eq!(said.status, if is_asked { 0 } else { KILLED }, "round {round}: {said:?}");
            let is_known =
                |line: &str| line.ends_with("it is tried again") || line.ends_with("it is waited for");
            assert!(said.err.lines().all(is_known), "round {round}: {said:?}");
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
    assert!(said.err.contains("while: the transaction that commits at "), "{said:?}");
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

/// A source and a target with the same tables, and what `apply` is given.
struct Pair<'s> {
    source: Database<'s>,
    target: Database<'s>,
    slot: String,
    publication: &'static str,
}

impl<'s> Pair<'s> {
    fn new(source: &'s Server, target: &'s Server, tables: &str) -> Self {
        let (mut source, mut target) = (source.database(), target.database());
        source.run(tables);
        source.run("CREATE PUBLICATION pub FOR ALL TABLES");
        target.run(tables);
        let slot = source.slot();
        Self { source, target, slot, publication: "pub" }
    }

    fn child(&self, more: &[&str]) -> std::process::Child {
        let to = self.target.conninfo();
        let arguments = ["apply", "--to", &to, "--slot", &self.slot, "-P", self.publication];
        command(&self.source.conninfo(), &[&arguments[..], more].concat()).spawn().unwrap()
    }

    /// Applies all that there is.
    fn apply(&mut self, more: &[&str]) -> Said {
        let slot = self.slot.clone();
        self.source.released(&slot);
        let end = self.source.text("SELECT pg_current_wal_flush_lsn()");
        finish(self.child(&[&["--until-lsn", &end], more].concat()))
    }

    fn waiters(&mut self) -> String {
        self.target.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()")
    }
}

fn is_done(said: &Said) {
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
}

/// A target whose COMMIT does not wait for the disk by itself loses nothing that the source has forgotten.
#[test]
fn what_is_acknowledged_is_on_the_target_s_disk() {
    let server = Server::start(18, &["wal_writer_delay=10s"]);
    let mut pair = Pair::new(Server::shared(18), &server, "CREATE TABLE t (id int PRIMARY KEY)");
    let name = pair.target.name.clone();
    pair.target.run(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let child = pair.child(&["--option", "status_interval=10ms"]);
    let slot = pair.slot.clone();
    let target = pair.target.name.clone();
    for round in 0..3 {
        pair.source.run(&format!(
            "DO $$ BEGIN FOR i IN {round}00..{round}99 LOOP INSERT INTO t VALUES (i); COMMIT; END LOOP; END $$"
        ));
        let end = pair.source.position();
        eventually("all is acknowledged", || pair.source.confirmed(&slot) >= end);
        server.stop(Stop::Immediate);
        server.restart();
        let count = server.client(&target).query_one("SELECT count(*) FROM t", &[]).unwrap();
        assert_eq!(count.get::<_, i64>(0), 100 * (round + 1));
    }
    signal_process(child.id(), libc::SIGTERM);
    let said = finish(child);
    assert!(said.status == 0 && said.err.lines().all(|line| line.ends_with("tried again")), "{said:?}");
}

/// A session of a command that was killed may work on for long: the next command waits, and makes nothing twice.
#[test]
fn an_old_session_of_a_killed_apply_is_waited_for() {
    let server = Server::shared(18);
    let mut pair = Pair::new(server, server, "CREATE TABLE t (id int PRIMARY KEY)");
    pair.source.run("INSERT INTO t VALUES (0)");
    is_done(&pair.apply(&[]));
    let mut other = server.client(&pair.target.name);
    other.batch_execute("BEGIN; LOCK TABLE t").unwrap();
    pair.source.run("INSERT INTO t SELECT generate_series(1, 9)");
    let child = pair.child(&[]);
    eventually("it waits for the table", || pair.waiters() == "1");
    signal_process(child.id(), libc::SIGKILL);
    assert_eq!(finish(child).status, KILLED);
    let slot = pair.slot.clone();
    pair.source.released(&slot);
    let end = pair.source.text("SELECT pg_current_wal_flush_lsn()");
    let child = pair.child(&["--until-lsn", &end]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    other.batch_execute("COMMIT").unwrap();
    is_done(&finish(child));
    assert_eq!(pair.target.text("SELECT count(*) FROM t"), "10");
    // So is another command that goes on.
    pair.source.released(&slot);
    let child = pair.child(&[]);
    eventually("it streams", || pair.source.text(STREAMS) == "1");
    let said = finish(pair.child(&["--timeout", "3"]));
    assert!(said.status == 0 && said.err.contains("it is waited for"), "{said:?}");
    signal_process(child.id(), libc::SIGTERM);
    is_done(&finish(child));
}

/// Whatever the target is waiting for, signals and the time that was given end the command, and nothing is half done.
#[test]
fn a_target_that_waits_keeps_nobody_from_ending() {
    let server = Server::shared(18);
    let mut pair = Pair::new(server, server, "CREATE TABLE t (id int PRIMARY KEY)");
    let mut other = server.client(&pair.target.name);
    other.batch_execute("BEGIN; LOCK TABLE t").unwrap();
    pair.source.run("INSERT INTO t VALUES (1)");
    let child = pair.child(&[]);
    eventually("it waits for the table", || pair.waiters() == "1");
    signal_process(child.id(), libc::SIGTERM);
    is_done(&finish(child));
    let slot = pair.slot.clone();
    pair.source.released(&slot);
    is_done(&finish(pair.child(&["--timeout", "1"])));
    other.batch_execute("COMMIT").unwrap();
    is_done(&pair.apply(&[]));
    assert_eq!(pair.target.text("SELECT count(*) FROM t"), "1");
}

/// A target may be a source itself, of another or of its own source: where apply stands there is no data, and what it makes
/// has an origin.
#[test]
fn targets_are_sources_too() {
    let server = Server::shared(18);
    let table = "CREATE TABLE t (id int PRIMARY KEY, n int)";
    let mut first = Pair::new(server, server, table);
    first.source.run("INSERT INTO t VALUES (1, 1)");
    // Before it is applied.
    first.target.run("CREATE PUBLICATION pub FOR ALL TABLES");
    let slot = first.target.slot();
    is_done(&first.apply(&[]));
    let mut end = server.database();
    end.run(table);
    let conninfo = first.target.conninfo();
    let apply = |first: &mut Pair<'_>, to: &str, slot: &str, more: &[&str]| {
        first.target.released(slot);
        let until = first.target.text("SELECT pg_current_wal_flush_lsn()");
        let arguments = ["apply", "--to", to, "--slot", slot, "-P", "pub", "--until-lsn", &until];
        run(&conninfo, &[&arguments[..], more].concat())
    };
    let back = first.target.slot();
    is_done(&apply(&mut first, &end.conninfo(), &slot, &[]));
    first.source.run("INSERT INTO t VALUES (2, 1); UPDATE t SET n = 2 WHERE id = 1");
    is_done(&first.apply(&[]));
    is_done(&apply(&mut first, &end.conninfo(), &slot, &[]));
    let rows = |db: &mut Database<'_>| db.text("SELECT string_agg(t::text, ' ' ORDER BY id) FROM t");
    assert_eq!(rows(&mut end), "(1,2) (2,1)");
    assert_eq!(end.text("SELECT count(*) FROM pgwalstream.applied"), "1");
    // And back: only what did not come from there.
    first.target.run("INSERT INTO t VALUES (3, 3)");
    let source = first.source.conninfo();
    is_done(&apply(&mut first, &source, &back, &["--option", "origin=none"]));
    assert_eq!(rows(&mut first.source), "(1,2) (2,1) (3,3)");
    let said = run(&source, &["apply", "--to", &source, "--slot", &first.slot, "-P", "pub"]);
    assert!(said.status == 2 && said.err.contains("the source itself"), "{said:?}");
    for option in ["failover_policy=rewind", "dedupe=off"] {
        let said = first.apply(&["--option", option]);
        assert!(said.status == 2 && said.err.contains(option), "{said:?}");
    }
}

/// What a database sets for its sessions changes nothing, and odd names and types are applied.
#[test]
fn odd_tables_are_applied_whatever_the_target_sets() {
    let server = Server::shared(18);
    let tables = "CREATE SCHEMA \"S\"; CREATE EXTENSION citext SCHEMA \"S\"; CREATE EXTENSION ltree SCHEMA \"S\"; CREATE EXTENSION hstore SCHEMA \"S\";
        CREATE TABLE \"S\".\"a\"\"b\" (\"Key\" \"S\".citext, path \"S\".ltree, words text[], PRIMARY KEY (\"Key\", path));
        CREATE TABLE whole (h \"S\".hstore, n int); ALTER TABLE whole REPLICA IDENTITY FULL;
        CREATE TABLE parts (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10); CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20);
        CREATE TABLE counted (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int, w int GENERATED ALWAYS AS (v * 2) STORED)";
    let mut pair = Pair::new(server, server, tables);
    let name = pair.target.name.clone();
    for set in [
        "array_nulls = off",
        "default_transaction_read_only = on",
        "search_path = pg_temp",
        "lock_timeout = 1",
    ] {
        pair.target.run(&format!("ALTER DATABASE {name} SET {set}"));
    }
    pair.source.run(
        "INSERT INTO \"S\".\"a\"\"b\" VALUES ('Ab', 'a.b', '{a,NULL}'), ('c', 'd', NULL); UPDATE \"S\".\"a\"\"b\" SET words = words || ARRAY[NULL, 'x'];
         DELETE FROM \"S\".\"a\"\"b\" WHERE path::text = 'd'; INSERT INTO whole VALUES ('a=>1', 1), (NULL, 2); UPDATE whole SET n = n + 1;
         DELETE FROM whole WHERE h IS NULL; INSERT INTO parts SELECT i, i FROM generate_series(0, 11) i; UPDATE parts SET id = id + 5 WHERE id = 7;
         INSERT INTO counted (v) VALUES (1), (2); UPDATE counted SET v = 3 WHERE id = 1",
    );
    pair.source.run("TRUNCATE counted RESTART IDENTITY; INSERT INTO counted (v) VALUES (7)");
    is_done(&pair.apply(&[]));
    let rows = |db: &mut Database<'_>| {
        ["\"S\".\"a\"\"b\"", "whole", "low", "high", "counted"]
            .map(|table| db.text(&format!("SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t")))
    };
    let applied = rows(&mut pair.target);
    assert_eq!(applied, rows(&mut pair.source));
    assert_eq!((applied[0].as_str(), applied[4].as_str()), ("(Ab,a.b,\"{a,NULL,NULL,x}\")", "(1,7,14)"));
}

/// What would end it in the middle is told before the first change.
#[test]
fn a_target_that_cannot_be_one_is_refused() {
    let server = Server::shared(18);
    let table = "CREATE TABLE t (id int PRIMARY KEY, \"N\" int GENERATED ALWAYS AS IDENTITY, v int)";
    let mut pair = Pair::new(server, server, table);
    pair.source.run("INSERT INTO t (id, v) VALUES (1, 1); UPDATE t SET v = 2");
    let said = pair.apply(&[]);
    let remedy = "ALTER TABLE public.t ALTER \"N\" SET GENERATED BY DEFAULT";
    assert!(said.status == 1 && said.err.contains(remedy), "{said:?}");
    pair.target.run(remedy);
    is_done(&pair.apply(&[]));
    assert_eq!(pair.target.text("SELECT t::text FROM t"), "(1,1,2)");
    pair.target.run("CREATE TABLE child () INHERITS (t)");
    let said = pair.apply(&[]);
    assert!(said.status == 1 && said.err.contains("others inherit from public.t"), "{said:?}");
    pair.target.run("DROP TABLE child; ALTER TABLE pgwalstream.applied OWNER TO pg_monitor");
    let said = pair.apply(&[]);
    assert!(said.status == 1 && said.err.contains("belongs to pg_monitor"), "{said:?}");
}

/// What was made of a transaction of many batches is rolled back when the source is lost in its middle, and made again.
#[test]
fn a_transaction_that_was_cut_is_made_once() {
    let server = Server::shared(18);
    let mut pair = Pair::new(server, server, "CREATE TABLE t (id int PRIMARY KEY, v text)");
    let mut other = server.client(&pair.target.name);
    other.batch_execute("BEGIN; LOCK TABLE t IN SHARE MODE").unwrap();
    let child = pair.child(&["--option", "batch_events=32", "--option", "queue_bytes=64kB"]);
    pair.source.run("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i");
    eventually("its first part is being made", || pair.waiters() == "1");
    pair.source.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = current_database()");
    other.batch_execute("COMMIT").unwrap();
    eventually("it is made", || pair.target.text("SELECT count(*) FROM t") == "5000");
    signal_process(child.id(), libc::SIGTERM);
    let said = finish(child);
    assert_eq!((said.status, said.err.lines().count()), (0, 1), "{said:?}");
    assert!(said.err.contains("warning: reconnect"), "{said:?}");
    assert_eq!(pair.target.text("SELECT sum(id) || ' ' || count(*) FROM t"), "12502500 5000");
}

/// A role with the rights that the page names, and no more, is told what it lacks.
#[test]
fn a_role_without_origins_applies() {
    let server = Server::shared(18);
    let mut pair = Pair::new(server, server, "CREATE TABLE t (id int PRIMARY KEY)");
    let (database, role) = (pair.target.name.clone(), format!("role_{}", pair.target.name));
    pair.target.run(&format!(
        "CREATE ROLE {role} LOGIN REPLICATION; ALTER TABLE t OWNER TO {role}; GRANT CREATE ON DATABASE {database} TO {role}"
    ));
    pair.source.run("INSERT INTO t VALUES (1)");
    let to = pair.target.conninfo().replace("user=postgres", &format!("user={role}"));
    let slot = pair.slot.clone();
    for _ in 0..2 {
        pair.source.released(&slot);
        let end = pair.source.text("SELECT pg_current_wal_flush_lsn()");
        let arguments = ["apply", "--to", &to, "--slot", &slot, "-P", "pub", "--until-lsn", &end];
        let said = run(&pair.source.conninfo(), &arguments);
        assert_eq!((said.status, said.err.lines().count()), (0, 2), "{said:?}");
        assert!(said.err.contains("session_replication_role"), "{said:?}");
        assert!(said.err.contains("a stream back cannot leave out"), "{said:?}");
    }
    assert_eq!(pair.target.text("SELECT count(*) FROM t"), "1");
    pair.target.run(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}
