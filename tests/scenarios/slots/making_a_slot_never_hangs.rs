//! A new slot waits for every transaction that is running. That ends in time, can be interrupted, names who is waited for, and
//! leaves no slot behind that nobody knows of (P16). A slot is never older than its publication (P17).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::harness::admin::failure;
use crate::harness::{Admin, Database, Failure, Options, PATIENCE, Proxy, Server, eventually, server};
use pgwalstream::error::Status;

/// A server of one's own: everybody's new slots would wait.
fn with_open_transaction(version: u32) -> (Server, postgres::Client, String, String) {
    let server = Server::start(version, &["max_prepared_transactions=5"]);
    let mut blocker = server.client("postgres");
    blocker.batch_execute("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t").unwrap();
    blocker.batch_execute("BEGIN; INSERT INTO t VALUES (1)").unwrap();
    let row = blocker.query_one("SELECT pg_backend_pid()::text, txid_current()::text", &[]).unwrap();
    let (pid, xid) = (row.get(0), row.get(1));
    (server, blocker, pid, xid)
}

fn slots(server: &Server, slot: &str) -> i64 {
    let query = format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'");
    server.client("postgres").query_one(&query, &[]).unwrap().get(0)
}

fn makers(server: &Server) -> i64 {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND state = 'active'";
    server.client("postgres").query_one(query, &[]).unwrap().get(0)
}

#[track_caller]
fn names_the_blockers(failure: &Failure, slot: &str, pid: &str, xid: &str) {
    assert_eq!(failure.status, Status::WAL_E_SLOT_TIMEOUT, "{failure:?}");
    assert!(failure.message.contains(slot), "{failure:?}");
    assert!(failure.detail.contains(&format!("pid {pid}")) && failure.detail.contains(xid), "{failure:?}");
    assert!(!failure.hint.is_empty() && failure.is_retriable, "{failure:?}");
}

fn p16_a_connection_gives_up(version: u32) {
    let (server, mut blocker, pid, xid) = with_open_transaction(version);
    let admin = Admin::open(&server.conninfo("postgres"));

    // In time.
    let begin = Instant::now();
    let late = failure(admin.create_within("late", None, 0, 700));
    assert!(begin.elapsed() >= Duration::from_millis(600) && begin.elapsed() < PATIENCE);
    names_the_blockers(&late, "late", &pid, &xid);
    assert_eq!((slots(&server, "late"), makers(&server)), (0, 0));

    // By another thread.
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| admin.create_within("stopped", None, 0, -1));
        eventually("the server makes it", || makers(&server) == 1 && slots(&server, "stopped") == 1);
        admin.interrupt();
        assert_eq!(waiting.join().unwrap().map(drop), Err(Ok(Status::WAL_INTERRUPTED)));
    });
    assert_eq!((slots(&server, "stopped"), makers(&server)), (0, 0));

    // A prepared transaction is waited for too, and has no process.
    blocker.batch_execute("PREPARE TRANSACTION 'for later'").unwrap();
    let late = failure(admin.create_within("late", None, 0, 500));
    assert!(late.detail.contains("'for later'"), "{late:?}");
    assert_eq!(slots(&server, "late"), 0);

    // The connection goes on, with its own settings, and once nothing is open the slot is made.
    assert_eq!(admin.query("SHOW lock_timeout").unwrap(), [[Some("0".to_owned())]]);
    blocker.batch_execute("COMMIT PREPARED 'for later'").unwrap();
    admin.create_within("late", None, 0, 60_000).unwrap();
    assert_eq!(slots(&server, "late"), 1);
}

on_every_version! { p16_a_connection_gives_up }

fn p16_a_stream_gives_up(version: u32) {
    let (server, mut blocker, pid, xid) = with_open_transaction(version);
    let conninfo = server.conninfo("postgres");
    let options = |create: &str| {
        Options::stream(&conninfo, "mine", "pub").with("slot_create", create).with("messages", "on")
    };
    for create in ["if_missing", "temporary"] {
        // Its own limit.
        let limited = options(create).with("slot_create_timeout", "500ms");
        let late = limited.open().map(drop).unwrap_err();
        names_the_blockers(&late, "mine", &pid, &xid);
        assert_eq!((slots(&server, "mine"), makers(&server)), (0, 0));

        // The caller's.
        let stream = options(create).new_stream().unwrap();
        let late = stream.connect(3_000).unwrap_err();
        names_the_blockers(&late, "mine", &pid, &xid);
        assert_eq!((slots(&server, "mine"), makers(&server)), (0, 0));

        // By another thread; then it can be connected again.
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| stream.connect(-1));
            eventually("the server makes it", || makers(&server) == 1 && slots(&server, "mine") == 1);
            stream.interrupt();
            assert_eq!(waiting.join().unwrap(), Ok(Status::WAL_INTERRUPTED));
        });
        assert_eq!((slots(&server, "mine"), makers(&server)), (0, 0));
        let late = stream.connect(3_000).unwrap_err();
        assert_eq!(late.status, Status::WAL_E_SLOT_TIMEOUT, "{late:?}");

        // Freed while it waits.
        let raw = options(create).new_stream().unwrap();
        std::thread::scope(|threads| {
            let handle = raw.raw() as usize;
            threads.spawn(move || {
                // SAFETY: the handle lives until its free has seen this thread leave.
                unsafe { crate::harness::abi::wal_stream_connect(handle as *mut _, -1, std::ptr::null_mut()) }
            });
            eventually("the server makes it", || makers(&server) == 1);
            drop(raw);
        });
        eventually("nothing is left", || (slots(&server, "mine"), makers(&server)) == (0, 0));
    }
    // The transaction ends, and the slot is made at last.
    blocker.batch_execute("COMMIT").unwrap();
    let mut stream = options("if_missing").open().unwrap();
    blocker.batch_execute("INSERT INTO t VALUES (2)").unwrap();
    let seen = stream.read_transactions(1);
    assert!(seen.iter().any(|event| event.line.ends_with("id=2")));
    assert_eq!(slots(&server, "mine"), 1);
}

on_every_version! { p16_a_stream_gives_up }

/// The server's word that it gave up never arrives: then nobody can know, and that is what is said.
#[test]
fn p16_a_slot_in_doubt_is_named() {
    let (server, _blocker, _, _) = with_open_transaction(18);
    let proxy = Proxy::start(server.port, {
        // Sessions beside this one come through the proxy too, and their answers between the error and its end.
        let mut silent = HashSet::new();
        move |tag, body, out| {
            let gave_up = |word: &[u8]| [b"57014", b"55P03"].contains(&word.first_chunk().unwrap());
            if tag == b'E' && body.windows(5).any(gave_up) {
                silent.insert(out.connection);
            }
            if !silent.contains(&out.connection) || !matches!(tag, b'E' | b'Z') {
                out.send(tag, body);
            }
            if tag == b'Z' {
                silent.remove(&out.connection);
            }
        }
    });
    let conninfo = proxy.conninfo("postgres");
    let doubtful = |failure: Failure| {
        assert_eq!(failure.status, Status::WAL_E_SLOT_IN_DOUBT, "{failure:?}");
        assert!(
            failure.message.contains("\"mine\"") && failure.hint.contains("pg_drop_replication_slot"),
            "{failure:?}"
        );
    };
    let admin = Admin::open(&conninfo);
    doubtful(failure(admin.create_within("mine", None, 0, 500)));
    // Such a connection is of no more use; a new one is.
    assert_eq!(failure(admin.list()).status, Status::WAL_E_STATE);
    assert_eq!(admin.connect(60_000), Ok(Status::WAL_OK));

    let stream =
        Options::stream(&conninfo, "mine", "pub").with("slot_create", "if_missing").new_stream().unwrap();
    doubtful(stream.connect(3_000).unwrap_err());
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| stream.connect(-1));
        eventually("the server makes it", || makers(&server) == 1);
        stream.interrupt();
        doubtful(waiting.join().unwrap().unwrap_err());
    });
}

fn publication(db: &mut Database<'_>) {
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
}

#[test]
fn p17_the_publication_comes_first() {
    let server = Server::shared(18);
    let mut db = server.database();
    publication(&mut db);
    let named = |publication: &str| {
        Admin::with(&Options::new().with("conninfo", &db.conninfo()).with("publication", publication))
    };
    let slot = server::unique("made");
    let missing = failure(named("pub, \"No Pub\"").create(&slot, 0));
    assert!(
        missing.status == Status::WAL_E_PUBLICATION_MISSING && missing.message.contains("No Pub"),
        "{missing:?}"
    );
    let admin = named("pub");
    assert!(failure(admin.read(&slot)).status == Status::WAL_E_SLOT_MISSING);
    admin.create(&slot, 0).unwrap();
    // Another plugin has no publications.
    named("nope").create_within(&server::unique("made"), Some("test_decoding"), 0, 60_000).unwrap();
}
