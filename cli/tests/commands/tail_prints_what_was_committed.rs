//! `tail` prints each committed change once, acknowledges what it wrote, ends as it was asked to, and leaves nothing behind.

use crate::harness::server::{new_folder, signal_process};
use crate::harness::{Options, Server, eventually};
use pgwalstream::batch::EventKind;

use crate::run::{STREAMS, command, finish, lines, read_lines, run};

/// `-t` makes a publication and a temporary slot; both are gone at the end, whichever end it is.
fn a_table_is_shown_and_nothing_is_left(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, j json, b bool, big text);
            ALTER TABLE t ALTER big SET STORAGE EXTERNAL",
    );
    let conninfo = db.conninfo();
    let mut child = command(&conninfo, &["tail", "-t", "t"]).spawn().unwrap();
    eventually("it streams", || db.text(STREAMS) == "1");
    let comment = db.text("SELECT obj_description(oid, 'pg_publication') FROM pg_publication");
    assert!(comment.contains("pgwalstream command"), "{comment}");
    db.run("INSERT INTO t VALUES (1, E'a\\nb', 12345678901234567890.50, E'{\"k\":\\n1}', true, repeat('x', 9000))");
    db.run("UPDATE t SET v = NULL; DELETE FROM t; TRUNCATE t");
    let text = read_lines(&mut child, 4);
    signal_process(child.id(), libc::SIGTERM);
    let said = finish(child);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
    let seen = lines(&text);
    let kinds: Vec<&str> = seen.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]);
    assert!(text.contains("\"n\":12345678901234567890.50,") && text.contains("\"b\":true"), "{text}");
    assert!(seen[0]["new"]["v"] == "a\nb" && seen[0]["new"]["j"]["k"] == 1 && seen[0]["table"] == "t");
    assert!(seen[1]["new"]["v"].is_null() && seen[1]["unchanged"][0] == "big");
    assert!(seen[2]["key"]["id"] == 1 && seen[3]["tables"][0]["table"] == "t", "{text}");
    assert_eq!(db.text("SELECT count(*) FROM pg_publication"), "0");
    eventually("the slot is gone", || {
        db.text("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") == "0"
    });
}

on_versions! { a_table_is_shown_and_nothing_is_left v14 14, v18 18 }

/// A kill leaves a publication behind. It is found and dropped; that of a command that runs, and that of a user, stay.
#[test]
fn what_a_kill_leaves_behind_is_dropped_later() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION mine FOR TABLE t");
    let conninfo = db.conninfo();
    let mut killed = command(&conninfo, &["tail", "-t", "t"]).spawn().unwrap();
    eventually("it streams", || db.text(STREAMS) == "1");
    killed.kill().unwrap();
    finish(killed);
    eventually("its slot is gone", || db.text(STREAMS) == "0");
    let running = command(&conninfo, &["tail", "-t", "t"]).spawn().unwrap();
    eventually("it streams", || db.text(STREAMS) == "1");
    assert_eq!(db.text("SELECT count(*) FROM pg_publication"), "3");
    let found = |word: &str| run(&conninfo, &["check"]).out.matches(word).count();
    assert_eq!(found("left behind"), 1);
    let said = run(&conninfo, &["tail", "--cleanup"]);
    assert!(
        said.status == 0 && said.err.matches("dropped publication pgwalstream_tail_").count() == 1,
        "{said:?}"
    );
    assert_eq!((found("left behind"), db.text("SELECT count(*) FROM pg_publication").as_str()), (0, "2"));
    signal_process(running.id(), libc::SIGTERM);
    assert_eq!(finish(running).status, 0);
    assert_eq!(db.text("SELECT string_agg(pubname, ' ') FROM pg_publication"), "mine");
}

#[test]
fn it_ends_where_it_was_asked_to() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = db.conninfo();
    for id in 0..10 {
        db.run(&format!("INSERT INTO t VALUES ({id}), ({id} + 100)"));
    }
    let tail = |more: &[&str]| run(&conninfo, &[&["tail", "--slot", &slot, "-P", "pub"], more].concat());
    // The third change is in the second transaction, which comes whole; acknowledged are both.
    let said = tail(&["--count", "3"]);
    assert_eq!((said.status, lines(&said.out).len()), (0, 4), "{said:?}");
    let said = tail(&["--timeout", "0.7", "--ack", "none", "--transactions"]);
    let kinds: Vec<String> =
        lines(&said.out).iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "INSERT").count(), 16, "{said:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "COMMIT").count(), 8);
    // A reader that has had enough is no error.
    let arguments = ["tail", "--slot", &slot, "-P", "pub", "--ack", "none"];
    let mut child = command(&conninfo, &arguments).spawn().unwrap();
    read_lines(&mut child, 1);
    eventually("it writes again and sees that nobody reads", || {
        db.run("INSERT INTO t SELECT max(id) + 1 FROM t");
        child.try_wait().unwrap().is_some()
    });
    let said = finish(child);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
}

/// Not even past what the publication leaves out.
#[test]
fn what_is_not_acknowledged_moves_no_slot() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let before = db.confirmed(&slot);
    let conninfo = db.conninfo();
    let arguments =
        ["tail", "--slot", &slot, "-P", "pub", "--ack", "none", "--option", "status_interval=10ms"];
    let mut child = command(&conninfo, &arguments).spawn().unwrap();
    eventually("it streams", || db.text(STREAMS) == "1");
    for id in 0..20 {
        db.run(&format!("INSERT INTO other VALUES ({id})"));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    db.run("INSERT INTO t VALUES (1)");
    read_lines(&mut child, 1);
    signal_process(child.id(), libc::SIGINT);
    let said = finish(child);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
    assert_eq!(db.confirmed(&slot), before);
}

/// A slot that lasts cannot be read through a publication that is younger (P17), and what is printed is committed.
#[test]
fn what_would_print_something_else_is_refused() {
    let db = Server::shared(18).database();
    let conninfo = db.conninfo();
    for (arguments, why) in [
        (&["tail", "--slot", "s", "--table", "t"][..], "a publication that lasts"),
        (&["tail", "-P", "pub", "--option", "streaming=on"], "use streaming=assembled"),
        (&["tail", "-P", "pub", "--option", "two_phase=on"], "use two_phase=join"),
        (&["replay", "none", "--option", "streaming=parallel"], "use streaming=assembled"),
        (&["tail", "-P", "pub", "-F", "csv", "--transactions"], "json and pretty"),
        (&["tail", "-P", "pub", "-T", "a.b.c"], "SCHEMA.NAME"),
        (&["tail", "-P", "pub", "-o", "/dev/null", "--rotate-size", "1MB"], "an ordinary file"),
        (&["tail", "-P", "pub", "--render", "numbers"], "NAME=VALUE"),
    ] {
        let said = run(&conninfo, arguments);
        assert!(said.status == 2 && said.err.contains(why), "{said:?}");
    }
}

/// Of a capture with streamed transactions only what was committed is printed.
#[test]
fn a_replay_prints_what_was_committed() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let path = new_folder().join("capture");
    let streamed = format!("{} options='-c logical_decoding_work_mem=64kB'", db.conninfo());
    let options = Options::stream(&streamed, &slot, "pub").with("streaming", "on");
    let stream = options.with("capture_file", path.to_str().unwrap()).open().unwrap();
    db.run(
        "BEGIN; INSERT INTO t SELECT 1, repeat('v', 200) FROM generate_series(1, 2000) g;
         SAVEPOINT s; INSERT INTO t SELECT 2, repeat('v', 200) FROM generate_series(1, 2000) g; ROLLBACK TO s; COMMIT",
    );
    let mut ended = false;
    while !ended {
        let batch = stream.batch(10_000).unwrap();
        ended = batch.events().any(|event| event.fields().kind == EventKind::WAL_EVENT_STREAM_COMMIT as u32);
    }
    drop(stream);
    let said = run(&db.conninfo(), &["replay", path.to_str().unwrap()]);
    let ids: Vec<u64> = lines(&said.out).iter().map(|event| event["new"]["id"].as_u64().unwrap()).collect();
    assert_eq!((said.status, ids.len()), (0, 2000), "{}", said.err);
    assert!(ids.iter().all(|id| *id == 1));
}

#[test]
fn a_lost_temporary_slot_ends_with_four() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let child = command(&db.conninfo(), &["tail", "-q", "-P", "pub"]).spawn().unwrap();
    eventually("it streams", || db.text(STREAMS) == "1");
    db.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = current_database()");
    let said = finish(child);
    assert!(said.status == 4 && said.err.contains("temporary slot"), "{said:?}");
}
