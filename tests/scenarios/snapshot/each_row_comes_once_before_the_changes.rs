//! All rows of the published tables come first, each once, and then the changes from exactly there on, however many write
//! meanwhile (P18). The slot does not move before the program has acknowledged the end of the rows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::mirror::{Mirror, options};
use crate::harness::{Database, Format, Server, StopAtEnd, eventually, server};

const WRITERS: u64 = 8;

fn tables(db: &mut Database<'_>, version: u32) {
    db.script(
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE DOMAIN ranked AS int CHECK (VALUE > 0);
         CREATE SCHEMA \"S x\";
         CREATE TABLE plain (id int PRIMARY KEY, n numeric, b bytea, big text, twice int GENERATED ALWAYS AS (id * 2) STORED, t text);
         ALTER TABLE plain ALTER big SET STORAGE EXTERNAL;
         CREATE TABLE nokey (id int, t text);
         ALTER TABLE nokey REPLICA IDENTITY FULL;
         CREATE TABLE empty (id int PRIMARY KEY);
         CREATE TABLE \"S x\".\"T \"\"y\" (id int PRIMARY KEY, m mood, r ranked, a aclitem, l int[]);
         CREATE TABLE parent (id int PRIMARY KEY, t text) PARTITION BY RANGE (id);
         CREATE TABLE part_b (t text, id int NOT NULL);
         CREATE TABLE part_a PARTITION OF parent FOR VALUES FROM (0) TO (1000);
         ALTER TABLE parent ATTACH PARTITION part_b FOR VALUES FROM (1000) TO (100000000);
         CREATE TABLE nothing (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE filtered (id int PRIMARY KEY, secret text, a text);
         INSERT INTO plain (id, n, b, big, t) SELECT n, n / 7.0, decode(md5(n::text), 'hex'), repeat(md5(n::text), 200), E'tab\\t, \\\\N and line\\n' || n FROM generate_series(1, 1500) n;
         INSERT INTO plain VALUES (-1, NULL, '', NULL, DEFAULT, '');
         INSERT INTO nokey SELECT n, 't' || n FROM generate_series(1, 300) n;
         INSERT INTO \"S x\".\"T \"\"y\" SELECT n, 'glad', n, 'postgres=r/postgres', ARRAY[n, NULL] FROM generate_series(1, 300) n;
         INSERT INTO parent SELECT n * 10, 'p' || n FROM generate_series(1, 300) n;
         INSERT INTO filtered SELECT n, 'secret', 'a' || n FROM generate_series(1, 300) n",
    );
    let filtered = if version >= 15 { ", filtered (id, a) WHERE (id > 100)" } else { "" };
    db.run(&format!(
        "CREATE PUBLICATION pub FOR TABLE plain, nokey, empty, \"S x\".\"T \"\"y\", parent, nothing {filtered}
         WITH (publish_via_partition_root = true)"
    ));
}

/// One round of a writer, whose ids no other touches.
fn round(writer: u64, n: u64) -> String {
    let id = 10_000 + n * 16 + writer;
    let (there, moved) = (1 + (n * 8 + writer) % 1500, 1_000_000 + id);
    let end = if n % 7 == 3 { "ROLLBACK" } else { "COMMIT" };
    format!(
        "BEGIN; INSERT INTO plain VALUES ({id}, 1.5, '\\x00ff', repeat('z', 9000), DEFAULT, 'new');
         UPDATE plain SET n = coalesce(n, 0) + 1 WHERE id = {there};
         INSERT INTO nokey VALUES ({id}, 'x'); UPDATE nokey SET t = t || 'y' WHERE id = {id};
         INSERT INTO parent VALUES ({id}, 'q'), ({moved}, 'r'); UPDATE parent SET id = id + 20000000 WHERE id = {moved};
         INSERT INTO filtered VALUES ({id}, 's', 'f'); UPDATE filtered SET a = 'g' WHERE id = {id};
         INSERT INTO empty VALUES ({id}); SAVEPOINT s; DELETE FROM empty WHERE id = {id}; ROLLBACK TO s; {end};
         UPDATE plain SET id = id + 5000000 WHERE id = {there} AND {n} % 5 = 0;
         DELETE FROM plain WHERE id = {id} AND {n} % 3 = 0;
         UPDATE filtered SET id = -2000000 - id WHERE id = {id} AND {n} % 4 = 0;
         UPDATE \"S x\".\"T \"\"y\" SET m = 'sad' WHERE id = {there}"
    )
}

fn p18_rows_and_changes_are_a_whole(version: u32, format: Format) {
    let server = Server::shared(version);
    let mut db = server.database();
    tables(&mut db, version);
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let name = db.name.clone();
    std::thread::scope(|threads| {
        let end = StopAtEnd(&stop);
        for writer in 0..WRITERS {
            let (stop, rounds, name) = (&stop, &rounds, &name);
            threads.spawn(move || {
                let mut sql = server.client(name);
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Two may move the same row: then one of them waits, and changes nothing.
                    sql.batch_execute(&round(writer, n)).unwrap();
                    n += 1;
                    rounds.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        eventually("they write", || rounds.load(Ordering::Relaxed) > 20);
        let slot = server::unique("first");
        let mut stream = options(&db, &slot)
            .with("binary", format.option())
            .with("snapshot_item_size", "8kB")
            .with("queue_bytes", "256kB")
            .open()
            .unwrap();
        let mut mirror = Mirror::default();
        let before = rounds.load(Ordering::Relaxed);
        mirror.read(&mut stream, |it, _| it.rows > 200).unwrap();
        eventually("they go on", || rounds.load(Ordering::Relaxed) > before + 20);
        mirror.read_snapshot(&mut stream);
        let end_lsn = mirror.end.unwrap();
        let tables = mirror.tables.len();
        assert_eq!(mirror.ended.len(), tables, "{:?}", mirror.ended);
        assert!(mirror.items > 20 && mirror.changes == 0, "{} items", mirror.items);
        let progress = stream.snapshot_progress();
        assert_eq!((progress.stage, progress.rows, progress.consistent_lsn), (2, mirror.rows, end_lsn));
        assert_eq!((progress.items, progress.items_done), (u64::from(mirror.items), u64::from(mirror.items)));
        assert_eq!((progress.tables, progress.tables_done), (tables as u64, tables as u64));
        assert!(
            progress.blocks_done == progress.blocks && progress.bytes > 1_000_000 && progress.ended_at > 0
        );
        // Nothing is confirmed before the end of the rows is acknowledged, whatever came of the changes.
        mirror.catch_up(&mut db, &mut stream);
        stream.flush(5_000).unwrap();
        assert_eq!(db.confirmed(&slot), end_lsn);
        stream.ack(end_lsn).unwrap();
        eventually("they change everything", || rounds.load(Ordering::Relaxed) > before + 100);
        drop(end);
        mirror.catch_up(&mut db, &mut stream);
        assert!(mirror.changes > 500, "{}", mirror.changes);
        let conditions = [("public.filtered", "id > 100")];
        eventually("no writer is left", || {
            db.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND backend_type = 'client backend' AND pid <> pg_backend_pid()") == "0"
        });
        mirror.catch_up(&mut db, &mut stream);
        mirror.compare(&mut db, &conditions);
        // Nothing was described anew: the rows and the changes are of the same definitions.
        assert_eq!(mirror.tables["public.plain"].columns, ["id", "n", "b", "big", "t"]);
    });
}

on_every_version_and_format! { p18_rows_and_changes_are_a_whole }

/// Generated columns come where the publication says so, and relations are not told again by the changes.
fn rows_have_the_relations_of_the_changes(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN glad AS mood;
         CREATE TABLE t (id int PRIMARY KEY, v varchar(7), m mood, d glad, twice int GENERATED ALWAYS AS (id * 2) STORED)",
    );
    let with = if version >= 18 { "WITH (publish_generated_columns = stored)" } else { "" };
    db.run(&format!(
        "CREATE PUBLICATION pub FOR TABLE t {with}; INSERT INTO t VALUES (7, 'v', 'sad', 'glad')"
    ));
    let mut stream = options(&db, &server::unique("first")).open().unwrap();
    let all = stream.read_until(|event| event.ack_lsn != 0);
    let lines: Vec<&str> = all.iter().map(|event| event.line.as_str()).collect();
    let (column, value) = if version >= 18 { (" twice:23", " twice=14") } else { ("", "") };
    let types = lines.iter().filter(|line| **line == "TYPE public.mood").count();
    assert_eq!(types, 2, "the enum, and the domain by its base: {lines:?}");
    assert!(lines[2].starts_with("RELATION public.t (id:23* v:1043/11 m:"), "{lines:?}");
    assert!(lines[2].ends_with(&format!("{column}) d#1")), "{lines:?}");
    assert_eq!(lines[3], "SNAPSHOT 1 public.t 0");
    assert_eq!(lines[4], format!("INSERT public.t new id=7 v=v m=sad d=glad{value}"));
    assert_eq!(lines[5..], ["SNAPSHOT 2 public.t 0", "SNAPSHOT 3 public.t 0", "SNAPSHOT 4"]);
    db.run("INSERT INTO t VALUES (8, 'w', 'sad', 'glad')");
    let changes = stream.read_transactions(1);
    let kinds: Vec<_> = changes.iter().map(|event| event.line.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["BEGIN", "INSERT", "COMMIT"], "nothing is described again");
}

on_every_version_in_the_gate! { rows_have_the_relations_of_the_changes }

/// What a role or the server sets neither ends a session of a snapshot nor hides anything (P22, P29).
fn p22_no_setting_of_a_role_ends_a_snapshot(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    super::mirror::thousand_bytes_each(&mut db, 2000);
    if version >= 15 {
        db.run(
            "ALTER TABLE t ADD at timestamptz NOT NULL DEFAULT '2024-05-01 12:00+00'; ALTER TABLE t REPLICA IDENTITY FULL;
             ALTER PUBLICATION pub SET TABLE t WHERE (at > '2024-01-01 00:00+00')",
        );
    }
    let role = server::unique("impatient");
    db.run(&format!("CREATE ROLE {role} LOGIN REPLICATION; GRANT SELECT ON t TO {role}"));
    let mut settings = vec![
        ("statement_timeout", "200"),
        ("lock_timeout", "200"),
        ("idle_in_transaction_session_timeout", "200"),
        ("default_transaction_isolation", "'serializable'"),
        ("search_path", "'nowhere'"),
        ("row_security", "on"),
        ("enable_tidscan", "off"),
        // They change how a filter is written.
        ("timezone", "'Asia/Tokyo'"),
        ("datestyle", "'German'"),
        // It changes how a time is written.
        ("extra_float_digits", "0"),
    ];
    if version >= 17 {
        settings.push(("transaction_timeout", "200"));
    }
    for (name, value) in settings {
        db.run(&format!("ALTER ROLE {role} SET {name} = {value}"));
    }
    let conninfo = format!("host=127.0.0.1 port={} user={role} dbname={}", server.port, db.name);
    let mut stream = crate::harness::Options::stream(&conninfo, &server::unique("first"), "pub")
        .with("snapshot", "initial")
        .with("slot_create", "if_missing")
        .with("queue_bytes", "64kB")
        .with("snapshot_item_size", "256kB")
        .open()
        .unwrap();
    let mut mirror = Mirror::default();
    mirror.read(&mut stream, |it, _| it.rows > 10).unwrap();
    std::thread::sleep(Duration::from_millis(1_000));
    mirror.read_snapshot(&mut stream);
    assert_eq!(mirror.rows, 2000);
    assert_eq!(stream.snapshot_progress().lost_workers, 0);
    mirror.compare(&mut db, &[]);
}

on_every_version! { p22_no_setting_of_a_role_ends_a_snapshot }

/// A row that is larger than a batch and than the queue, and a publication of many tables.
fn large_rows_and_many_tables_come_whole(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(
        "DO $$ BEGIN FOR i IN 1..200 LOOP
             EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY)', i);
             EXECUTE format('INSERT INTO many_%s SELECT generate_series(1, %s)', i, i % 7);
         END LOOP; END $$",
    );
    db.run(
        "CREATE TABLE large (id int PRIMARY KEY, t text);
         INSERT INTO large SELECT n, repeat(md5(n::text), 100000 * (n % 3)) FROM generate_series(1, 7) n;
         CREATE PUBLICATION pub FOR ALL TABLES",
    );
    for binary in ["off", "on"] {
        let slot = server::unique("first");
        let options = options(&db, &slot).with("binary", binary).with("queue_bytes", "64kB");
        let mut stream = options.open().unwrap();
        let mut mirror = Mirror::default();
        mirror.read_snapshot(&mut stream);
        assert_eq!((mirror.ended.len(), mirror.rows), (201, 7 + (1..=200).map(|n| n % 7).sum::<u64>()));
        mirror.compare(&mut db, &[]);
    }
}

on_every_version! { large_rows_and_many_tables_come_whole }

/// Tables that are made while a snapshot is taken are no reason to fail: their rows are changes.
fn tables_that_are_made_meanwhile_come_as_changes(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION pub FOR ALL TABLES");
    let stop = AtomicBool::new(false);
    let name = db.name.clone();
    std::thread::scope(|threads| {
        let end = StopAtEnd(&stop);
        let stop = &stop;
        threads.spawn(move || {
            let mut sql = server.client(&name);
            // Each makes the next snapshot longer.
            for n in 0..400 {
                std::thread::sleep(Duration::from_millis(20));
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                sql.batch_execute(&format!(
                    "CREATE TABLE t{n} (id int PRIMARY KEY); INSERT INTO t{n} VALUES (1)"
                ))
                .unwrap();
            }
        });
        for _ in 0..4 {
            let slot = server::unique("first");
            let mut stream = options(&db, &slot).open().unwrap();
            let mut mirror = Mirror::default();
            mirror.read_snapshot(&mut stream);
            drop(stream);
            db.released(&slot);
            db.run(&format!("SELECT pg_drop_replication_slot('{slot}')"));
        }
        drop(end);
    });
}

on_every_version! { tables_that_are_made_meanwhile_come_as_changes }
