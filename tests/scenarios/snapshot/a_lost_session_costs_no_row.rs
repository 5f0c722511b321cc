//! Sessions of a snapshot may be lost: a worker's costs the rest of its item, the holder's ends the stream with what to do. A
//! program that reads slowly, or leaves, holds nothing up.

use std::time::{Duration, Instant};

use super::mirror::{Mirror, options, slots, thousand_bytes_each};
use crate::harness::server::signal_process;
use crate::harness::{Kind, Options, Server, eventually, server};
use pgwalstream::error::Status;

const WORKERS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (SELECT%' AND state = 'active'";
const HOLDER: &str = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LOCK TABLE%' AND state = 'idle in transaction'";

fn a_workers_session_is_made_again(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    thousand_bytes_each(&mut db, 30_000);
    for binary in ["on", "off"] {
        let slot = server::unique("first");
        let mut stream =
            options(&db, &slot).with("binary", binary).with("queue_bytes", "64kB").open().unwrap();
        let mut mirror = Mirror::default();
        mirror.read(&mut stream, |it, _| it.rows > 500).unwrap();
        // The queue is full, and the table larger than what sockets hold: it is in the middle of its item.
        eventually("a worker copies", || db.text(&format!("SELECT count(*) > 0 {WORKERS}")) == "t");
        for lost in 1..=2 {
            db.run(&format!("SELECT pg_terminate_backend(pid) {WORKERS}"));
            // What it had sent comes first.
            while stream.snapshot_progress().lost_workers < lost {
                let next = mirror.rows + 100;
                mirror.read(&mut stream, |it, _| it.rows > next).unwrap();
            }
            let next = mirror.rows + 2000;
            mirror.read(&mut stream, |it, _| it.rows > next).unwrap();
        }
        mirror.read_snapshot(&mut stream);
        assert_eq!(mirror.rows, 30_000, "each row once");
        assert_eq!(stream.snapshot_progress().lost_workers, 2);
        mirror.compare(&mut db, &[]);
    }
}

on_every_version! { a_workers_session_is_made_again }

fn p18_a_snapshot_without_its_holder_is_gone(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    thousand_bytes_each(&mut db, 4000);
    let slot = server::unique("first");
    let mut stream = options(&db, &slot).with("queue_bytes", "64kB").open().unwrap();
    let mut mirror = Mirror::default();
    mirror.read(&mut stream, |it, _| it.rows > 100).unwrap();
    // Its locks would be gone too: somebody may empty the table.
    assert_eq!(db.text(&format!("SELECT count(*) {HOLDER}")), "1");
    db.run(&format!("SELECT pg_terminate_backend(pid) {HOLDER}"));
    let failure = mirror.read(&mut stream, |it, _| it.end.is_some()).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_SNAPSHOT, "{failure:?}");
    assert!(failure.hint.contains("snapshot_state") && !failure.is_retriable, "{failure:?}");
    assert_eq!(stream.snapshot_progress().stage, 3);
    drop(stream);
    // The way that the hint names.
    let mut again = options(&db, &slot)
        .with("snapshot_state", &super::what_was_begun_is_gone_on_with::base64(&mirror.state));
    again = again.with("queue_bytes", "4MB");
    let mut stream = again.open().unwrap();
    mirror.read_snapshot(&mut stream);
    assert_eq!(mirror.rows, 4000);
}

on_every_version! { p18_a_snapshot_without_its_holder_is_gone }

/// The slot is in use all the while, and nothing depends on the connection that uses it.
fn the_walsenders_connection_is_made_again(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    thousand_bytes_each(&mut db, 3000);
    let slot = server::unique("first");
    let mut stream = options(&db, &slot).with("queue_bytes", "64kB").open().unwrap();
    let mut mirror = Mirror::default();
    mirror.read(&mut stream, |it, _| it.rows > 100).unwrap();
    db.run("UPDATE t SET pad = 'new' WHERE id = 7; INSERT INTO t VALUES (5000, 'x')");
    db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE pid IN (SELECT active_pid FROM pg_replication_slots WHERE database = current_database())");
    let mut reconnects = 0;
    mirror
        .read(&mut stream, |it, event| {
            reconnects += u32::from(event.kind() == Kind::Reconnected);
            it.end.is_some() && reconnects > 0
        })
        .unwrap();
    assert_eq!((mirror.rows, reconnects), (3000, 1));
    mirror.catch_up(&mut db, &mut stream);
    assert_eq!(mirror.changes, 2);
    mirror.compare(&mut db, &[]);
}

on_every_version! { the_walsenders_connection_is_made_again }

/// TRUNCATE and ALTER TABLE wait for the rows, and come behind them.
fn p29_what_a_snapshot_cannot_see_through_waits(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    thousand_bytes_each(&mut db, 3000);
    let slot = server::unique("first");
    let mut stream = options(&db, &slot).with("queue_bytes", "64kB").open().unwrap();
    let name = db.name.clone();
    std::thread::scope(|threads| {
        let mut mirror = Mirror::default();
        mirror.read(&mut stream, |it, _| it.rows > 10).unwrap();
        let truncating = threads
            .spawn(move || server.client(&name).batch_execute("TRUNCATE t; INSERT INTO t VALUES (1, 'y')"));
        eventually("it waits", || {
            db.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'TRUNCATE t%' AND wait_event_type = 'Lock' AND datname = current_database()") == "1"
        });
        mirror.read_snapshot(&mut stream);
        assert_eq!(mirror.rows, 3000, "the table does not look empty");
        truncating.join().unwrap().unwrap();
        mirror.catch_up(&mut db, &mut stream);
        assert_eq!(mirror.tables["public.t"].rows.len(), 1);
        mirror.compare(&mut db, &[]);
    });
}

on_every_version! { p29_what_a_snapshot_cannot_see_through_waits }

/// Who waits for a table that no worker has come to holds up no worker that comes to it.
fn p29_who_waits_for_a_table_holds_nobody_up(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    thousand_bytes_each(&mut db, 3000);
    db.run("CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1); ALTER PUBLICATION pub ADD TABLE small");
    let slot = server::unique("first");
    let options = options(&db, &slot).with("queue_bytes", "64kB").with("snapshot_workers", "1");
    let mut stream = options.open().unwrap();
    let name = db.name.clone();
    std::thread::scope(|threads| {
        let mut mirror = Mirror::default();
        mirror.read(&mut stream, |it, _| it.rows > 10).unwrap();
        let truncating = threads.spawn(move || server.client(&name).batch_execute("TRUNCATE small"));
        eventually("it waits", || {
            db.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'TRUNCATE small%' AND wait_event_type = 'Lock' AND datname = current_database()") == "1"
        });
        mirror.read_snapshot(&mut stream);
        assert_eq!(mirror.rows, 3001);
        truncating.join().unwrap().unwrap();
        mirror.catch_up(&mut db, &mut stream);
        mirror.compare(&mut db, &[]);
    });
}

on_every_version! { p29_who_waits_for_a_table_holds_nobody_up }

fn a_program_that_leaves_is_not_waited_for(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    thousand_bytes_each(&mut db, 20_000);
    let slot = server::unique("first");
    let mut stream = options(&db, &slot).with("queue_bytes", "64kB").open().unwrap();
    let mut mirror = Mirror::default();
    mirror.read(&mut stream, |it, _| it.rows > 10).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    // What waits is bounded: the queue, and what each worker was filling when it became full.
    let waits = stream.stats().queue_bytes;
    assert!(waits < (64 << 10) + 5 * (256 << 10), "{waits}");
    stream.interrupt();
    assert_eq!(stream.next_status(-1), Ok(Status::WAL_INTERRUPTED));
    let begun = Instant::now();
    drop(stream);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    eventually("no session is left", || {
        db.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender')") == "0"
    });
    assert_eq!(slots(&mut db), "1", "the slot is the program's");
}

on_every_version! { a_program_that_leaves_is_not_waited_for }

fn p29_a_snapshot_has_a_deadline(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    thousand_bytes_each(&mut db, 4000);
    let options = options(&db, &server::unique("first")).with("queue_bytes", "64kB");
    let mut stream = options.with("snapshot_deadline", "300ms").open().unwrap();
    std::thread::sleep(Duration::from_millis(600));
    let failure = Mirror::default().read(&mut stream, |it, _| it.end.is_some()).unwrap_err();
    assert!(
        failure.status == Status::WAL_E_SNAPSHOT && failure.message.contains("snapshot_deadline"),
        "{failure:?}"
    );
}

on_every_version! { p29_a_snapshot_has_a_deadline }

/// The queue has room all the while: what the walsender sent before it was lost comes behind the rows all the same.
fn p18_no_change_comes_before_the_rows_whatever_is_lost(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    const ROWS: u32 = 100_000;
    thousand_bytes_each(&mut db, ROWS);
    let slot = server::unique("first");
    // There what was sent can be read by whoever may not write any more.
    let options = Options::stream(&server.unix_conninfo(&db.name), &slot, "pub").with("snapshot", "initial");
    let options =
        options.with("slot_create", "if_missing").with("messages", "on").with("snapshot_workers", "1");
    let options = options.with("status_interval", "100ms");
    let mut stream = options.with("queue_bytes", "256MB").open().unwrap();
    let mut worker = String::new();
    eventually("a worker copies", || {
        worker = db.text(&format!("SELECT coalesce(max(pid)::text, '') {WORKERS}"));
        !worker.is_empty()
    });
    let worker: u32 = worker.parse().unwrap();
    signal_process(worker, libc::SIGSTOP);
    let walsender = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()";
    let mut mirror = Mirror::default();
    db.run(&format!("UPDATE t SET pad = 'new' WHERE id = {ROWS}"));
    // What the walsender sent lies in the socket.
    std::thread::sleep(Duration::from_millis(200));
    db.run(walsender);
    let mut told = 0;
    mirror
        .read(&mut stream, |it, event| {
            told += u32::from(event.kind() == Kind::Reconnected);
            if told == 1 {
                signal_process(worker, libc::SIGCONT);
            }
            it.end.is_some()
        })
        .unwrap();
    assert_eq!((mirror.changes, mirror.rows, told), (0, u64::from(ROWS), 1));
    mirror.catch_up(&mut db, &mut stream);
    assert_eq!(mirror.changes, 1);
    mirror.compare(&mut db, &[]);
}

on_every_version! { p18_no_change_comes_before_the_rows_whatever_is_lost }

/// The order of an index is not that of the table, and which of them comes may change at any time.
fn an_item_that_is_read_again_has_the_same_order(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    let filter = if version >= 15 { "WHERE (id > 100)" } else { "" };
    db.run(&format!(
        "CREATE TABLE t (id int, pad text);
         INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n ORDER BY md5(n::text);
         ALTER TABLE t ADD PRIMARY KEY (id); ALTER TABLE t SET (autovacuum_enabled = off);
         CREATE PUBLICATION pub FOR TABLE t {filter}"
    ));
    let role = server::unique("planner");
    db.run(&format!("CREATE ROLE {role} LOGIN REPLICATION; GRANT SELECT ON t TO {role}"));
    let conninfo = format!("host=127.0.0.1 port={} user={role} dbname={}", server.port, db.name);
    let options = crate::harness::Options::stream(&conninfo, &server::unique("first"), "pub");
    let options =
        options.with("snapshot", "initial").with("slot_create", "if_missing").with("queue_bytes", "64kB");
    let mut stream = options.open().unwrap();
    let mut mirror = Mirror::default();
    mirror.read(&mut stream, |it, _| it.rows > 500).unwrap();
    // As if statistics had made an index cheap meanwhile.
    for (name, value) in
        [("random_page_cost", "0.0001"), ("cpu_index_tuple_cost", "0"), ("seq_page_cost", "1000")]
    {
        db.run(&format!("ALTER ROLE {role} SET {name} = {value}"));
    }
    db.run("VACUUM ANALYZE t");
    eventually("a worker copies", || db.text(&format!("SELECT count(*) > 0 {WORKERS}")) == "t");
    db.run(&format!("SELECT pg_terminate_backend(pid) {WORKERS}"));
    // A row that comes twice panics there.
    mirror.read_snapshot(&mut stream);
    assert_eq!(stream.snapshot_progress().lost_workers, 1);
    let conditions = [("public.t", if version >= 15 { "id > 100" } else { "true" })];
    mirror.compare(&mut db, &conditions);
}

on_every_version! { an_item_that_is_read_again_has_the_same_order }

/// No lock keeps a schema from being renamed: another table's rows never pass for those that were wanted.
fn p29_a_schema_that_changes_places_with_another(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(
        "CREATE SCHEMA live; CREATE SCHEMA next; CREATE TABLE live.t (id int PRIMARY KEY, pad text); CREATE TABLE next.t (id int PRIMARY KEY, pad text);
         INSERT INTO live.t SELECT n, repeat('x', 1000) FROM generate_series(1, 3000) n;
         INSERT INTO next.t SELECT n, repeat('y', 1000) FROM generate_series(1, 3000) n; CREATE PUBLICATION pub FOR TABLE live.t",
    );
    let slot = server::unique("first");
    let options = options(&db, &slot).with("queue_bytes", "64kB").with("snapshot_item_size", "1MB");
    let mut stream = options.with("snapshot_workers", "1").open().unwrap();
    let mut mirror = Mirror::default();
    mirror.read(&mut stream, |it, _| it.rows > 10).unwrap();
    db.run("ALTER SCHEMA live RENAME TO old; ALTER SCHEMA next RENAME TO live");
    // A session that begins anew looks names up anew.
    db.run(&format!("SELECT pg_terminate_backend(pid) {WORKERS}"));
    let failure = mirror.read(&mut stream, |it, _| it.end.is_some()).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_SNAPSHOT, "{failure:?}");
    assert!(
        failure.message.contains("another name") && failure.hint.contains("snapshot_state"),
        "{failure:?}"
    );
}

on_every_version! { p29_a_schema_that_changes_places_with_another }

/// What waits takes about the memory that the queue may have, however little is in each table.
fn many_small_tables_take_little_memory(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run(
        "DO $$ BEGIN FOR i IN 1..300 LOOP
             EXECUTE format('CREATE TABLE small_%s (id int PRIMARY KEY)', i); EXECUTE format('INSERT INTO small_%s VALUES (1)', i);
         END LOOP; END $$; CREATE PUBLICATION pub FOR ALL TABLES",
    );
    let options = options(&db, &server::unique("first")).with("queue_bytes", "64kB");
    let mut stream = options.open().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let waiting = stream.stats().batches;
    assert!(waiting <= 32, "{waiting} batches for 64 kB");
    let mut mirror = Mirror::default();
    mirror.read_snapshot(&mut stream);
    assert_eq!((mirror.rows, mirror.ended.len()), (300, 300));
}

on_every_version! { many_small_tables_take_little_memory }
