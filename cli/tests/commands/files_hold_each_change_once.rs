//! With a slot and a file each change is in the file once, whatever ends the command, and full files have lasting names.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::harness::server::{new_folder, signal_process, wait_for_exit};
use crate::harness::{Server, eventually};

use crate::run::{KILLED, STREAMS, command, finish, lines, run};

/// The full files in the order of their names, and the one that is written.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    // The present one is called out.jsonl, and the others begin with "out.0".
    files.sort_by_key(|path| (path.file_name().unwrap() == "out.jsonl", path.clone()));
    files
}

/// What they hold, one behind the other.
fn ids(files: &[PathBuf]) -> Vec<u64> {
    let text: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    lines(&text).iter().map(|event| event["new"]["id"].as_u64().unwrap()).collect()
}

fn position(lsn: &str) -> u64 {
    let (high, low) = lsn.split_once('/').unwrap();
    u64::from_str_radix(high, 16).unwrap() << 32 | u64::from_str_radix(low, 16).unwrap()
}

/// Killed at any moment, also while a file is changed: each row comes once, in order, and every name tells what its file holds.
fn nothing_is_lost_and_nothing_comes_twice(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = db.conninfo();
    let folder = new_folder();
    let file = folder.join("out.jsonl");
    let name = file.to_str().unwrap();
    let arguments = [
        &["tail", "--slot", &slot, "-P", "pub", "-o", name, "--ack", "fsynced", "--rotate-size", "20kB"][..],
        &["--option", "status_interval=10ms", "--option", "batch_events=64"],
    ]
    .concat();
    let count = |folder: &Path| {
        files(folder)
            .iter()
            .map(|path| std::fs::read_to_string(path).map_or(0, |text| text.lines().count()))
            .sum::<usize>()
    };
    let mut written = 0;
    for round in 0..8 {
        let child = command(&conninfo, &arguments).spawn().unwrap();
        db.run(&format!(
            "DO $$ BEGIN FOR i IN {written}..{} LOOP INSERT INTO t VALUES (i, repeat('v', 50)); COMMIT; END LOOP; END $$",
            written + 399
        ));
        written += 400;
        // The rounds are ended at different places.
        let enough = written - 100 - 30 * round;
        eventually("some of it is written", || count(&folder) > enough);
        let is_asked = round % 4 == 3;
        signal_process(child.id(), if is_asked { libc::SIGINT } else { libc::SIGKILL });
        let said = finish(child);
        let expected = (if is_asked { 0 } else { KILLED }, "");
        assert_eq!((said.status, said.err.as_str()), expected, "round {round}: {said:?}");
        // What does not come again is on the disk, in whole lines.
        let text: String = files(&folder).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        let seen = lines(whole);
        db.released(&slot);
        let after = db.text(&format!(
            "SELECT count(*) FROM pg_logical_slot_peek_binary_changes('{slot}', NULL, NULL, 'proto_version', '1', 'publication_names', 'pub') \
             WHERE get_byte(data, 0) = ascii('I')"
        ));
        let distinct: std::collections::BTreeSet<u64> =
            seen.iter().map(|event| event["new"]["id"].as_u64().unwrap()).collect();
        assert!(distinct.len() + after.parse::<usize>().unwrap() >= written, "round {round}");
    }
    let end = db.text("SELECT pg_current_wal_flush_lsn()");
    let said = run(&conninfo, &[&arguments[..], &["--until-lsn", &end]].concat());
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
    let files = files(&folder);
    assert_eq!(ids(&files), (0..written as u64).collect::<Vec<_>>());
    assert!(files.len() > 10, "{files:?}");
    for full in &files[..files.len() - 1] {
        let text = std::fs::read_to_string(full).unwrap();
        let seen = lines(&text);
        let commits = |at: usize| position(seen[at]["commit_lsn"].as_str().unwrap());
        let named = format!("out.{:016X}-{:016X}.jsonl", commits(0), commits(seen.len() - 1));
        assert_eq!(full.file_name().unwrap().to_str().unwrap(), named);
        // A file is longer by no more than a batch.
        assert!((20 << 10..60 << 10).contains(&text.len()), "{}", text.len());
    }
}

on_versions! { nothing_is_lost_and_nothing_comes_twice v14 14, v18 18 }

/// Also without a sync, and with nothing of the table between the runs: the journal follows PROGRESS.
#[test]
fn it_goes_on_where_it_stopped() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = db.conninfo();
    let folder = new_folder();
    let file = folder.join("out.jsonl");
    let tail = |db: &mut crate::harness::server::Database<'_>| {
        db.released(&slot);
        let end = db.text("SELECT pg_current_wal_flush_lsn()");
        let name = file.to_str().unwrap();
        run(&conninfo, &["tail", "--slot", &slot, "-P", "pub", "-o", name, "--until-lsn", &end])
    };
    db.run("INSERT INTO t VALUES (1); INSERT INTO other VALUES (1)");
    assert_eq!(tail(&mut db).status, 0);
    let journal = || std::fs::read_to_string(folder.join("out.jsonl.position")).unwrap();
    assert!(journal().starts_with("pgwalstream-position 1 "), "{}", journal());
    db.run("INSERT INTO t VALUES (2)");
    // As if it had been killed in the middle of a line.
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"kind\":\"INS");
    std::fs::write(&file, text).unwrap();
    assert_eq!(tail(&mut db).status, 0);
    assert_eq!(ids(std::slice::from_ref(&file)), [1, 2]);
    // A file that was taken away is begun anew; what it held is not.
    std::fs::rename(&file, folder.join("taken")).unwrap();
    db.run("INSERT INTO t VALUES (3)");
    assert_eq!(tail(&mut db).status, 0);
    assert_eq!(ids(std::slice::from_ref(&file)), [3]);
    db.run("INSERT INTO t VALUES (4)");
    assert_eq!(tail(&mut db).status, 0);
    assert_eq!(ids(std::slice::from_ref(&file)), [3, 4]);
    // What was acknowledged and is not there any more is a loss.
    std::fs::write(&file, "{}\n").unwrap();
    let said = tail(&mut db);
    assert!(said.status == 4 && said.err.contains("were acknowledged"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}\n");
    // So is a file that a crash of the machine left empty.
    std::fs::write(&file, "").unwrap();
    let said = tail(&mut db);
    assert!(said.status == 4 && said.err.contains("has 0 bytes"), "{said:?}");
    // So is what another command took from the slot.
    std::fs::remove_file(&file).unwrap();
    db.run("INSERT INTO t VALUES (5)");
    db.released(&slot);
    let end = db.text("SELECT pg_current_wal_flush_lsn()");
    let other = run(&conninfo, &["tail", "--slot", &slot, "-P", "pub", "--until-lsn", &end]);
    assert_eq!((other.status, lines(&other.out).len()), (0, 1), "{other:?}");
    let said = tail(&mut db);
    assert!(said.status == 4 && said.err.contains("another command read the slot"), "{said:?}");
    let name = file.to_str().unwrap();
    // The next start with the slot would cut off what these write.
    for others in
        [&["tail", "--slot", &slot, "-P", "pub", "--ack", "none"][..], &["tail", "-t", "t"], &["replay", "x"]]
    {
        let said = run(&conninfo, &[others, &["-o", name]].concat());
        assert!(said.status == 2 && said.err.contains("out.jsonl.position"), "{said:?}");
    }
    std::fs::write(folder.join("out.jsonl.position"), "something else").unwrap();
    let said = tail(&mut db);
    assert!(said.status == 1 && said.err.contains("damaged"), "{said:?}");
}

/// A standby tells no positions, since it may be promoted: the journal tells how far the file is, and the slot where to go on.
#[test]
fn a_standby_goes_on_from_its_slot() {
    let primary = Server::start(18, &[]);
    let mut db = primary.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let database = db.text("SELECT current_database()");
    drop(db);
    let standby = primary.standby(&["hot_standby_feedback=on"]);
    let mut db = primary.client(&database);
    let conninfo = standby.conninfo(&database);
    let folder = new_folder();
    let file = folder.join("out.jsonl");
    let name = file.to_str().unwrap();
    let arguments = ["tail", "--slot", "here", "--create-slot", "-P", "pub", "-o", name];
    for round in 1..=2 {
        let child = command(&conninfo, &arguments).spawn().unwrap();
        eventually("the standby decodes", || {
            db.batch_execute("SELECT pg_log_standby_snapshot()").unwrap();
            // A slot is active also while it is being made: what is committed before it is whole does not come.
            standby.client(&database).query_one(STREAMS, &[]).unwrap().get::<_, i64>(0) == 1
        });
        db.batch_execute(&format!("INSERT INTO t VALUES ({round})")).unwrap();
        eventually("it is written", || file.exists() && ids(std::slice::from_ref(&file)).contains(&round));
        signal_process(child.id(), libc::SIGTERM);
        let said = finish(child);
        assert_eq!(said.status, 0, "{said:?}");
        let journal = std::fs::read_to_string(folder.join("out.jsonl.position")).unwrap();
        assert!(journal.split_whitespace().any(|word| word == "-"), "{journal}");
    }
    assert_eq!(ids(std::slice::from_ref(&file)), [1, 2]);
}

/// A file that is old enough gets its name although nothing comes, and CSV has a heading in each.
#[test]
fn a_quiet_file_is_ended_by_its_age() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let conninfo = db.conninfo();
    let folder = new_folder();
    let file = folder.join("out.csv");
    let name = file.to_str().unwrap();
    let child = command(&conninfo, &["tail", "-t", "t", "-F", "csv", "-o", name, "--rotate-time", "2s"])
        .spawn()
        .unwrap();
    eventually("it streams", || db.text(crate::run::STREAMS) == "1");
    let full =
        || std::fs::read_dir(&folder).unwrap().filter(|it| it.as_ref().unwrap().path() != file).count();
    for count in 1..=2 {
        db.run(&format!("INSERT INTO t VALUES ({count})"));
        eventually("the file has its name", || full() == count);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
    }
    signal_process(child.id(), libc::SIGTERM);
    assert_eq!(finish(child).status, 0);
    for entry in
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| *path != file)
    {
        let text = std::fs::read_to_string(entry).unwrap();
        let mut rows = text.lines();
        assert_eq!(rows.next(), Some("_kind,_commit_lsn,_xid,_sequence,_not_sent,id"), "{text}");
        assert!(rows.next().unwrap().starts_with("INSERT,") && rows.next().is_none(), "{text}");
    }
}

/// A journal is of one slot and of one command at a time: what another did not read is not skipped.
#[test]
fn a_file_is_of_one_slot() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let (one, other) = (db.slot(), db.slot());
    let conninfo = db.conninfo();
    let folder = new_folder();
    let file = folder.join("out.jsonl");
    let name = file.to_str().unwrap();
    let of = |slot: &str, more: &[&str]| {
        let arguments = ["tail", "--slot", slot, "-P", "pub", "-o", name];
        command(&conninfo, &[&arguments[..], more].concat()).spawn().unwrap()
    };
    db.run("INSERT INTO t VALUES (1)");
    let child = of(&one, &[]);
    eventually("it is written", || file.exists() && !ids(std::slice::from_ref(&file)).is_empty());
    let said = finish(of(&one, &[]));
    assert!(said.status == 1 && said.err.contains("another command is writing"), "{said:?}");
    signal_process(child.id(), libc::SIGTERM);
    assert_eq!(finish(child).status, 0);
    let before = db.confirmed(&other);
    let said = finish(of(&other, &[]));
    assert!(said.status == 2 && said.err.contains(&format!("how far slot {one} is")), "{said:?}");
    assert_eq!(db.confirmed(&other), before);
    for option in ["failover_policy=rewind", "dedupe=off"] {
        let said = finish(of(&one, &["--option", option]));
        assert!(said.status == 2 && said.err.contains(option), "{said:?}");
    }
    // What is in such a file already has no place in the name that it would get.
    let plain = folder.join("plain");
    std::fs::write(&plain, "x\n").unwrap();
    let said = run(&conninfo, &["tail", "-t", "t", "-o", plain.to_str().unwrap(), "--rotate-size", "1kB"]);
    assert!(said.status == 2 && said.err.contains("holds something already"), "{said:?}");
}

/// A reader that reads no more keeps nobody from ending, nor is what it did not read acknowledged.
#[test]
fn a_stuck_reader_does_not_keep_the_command() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = db.conninfo();
    db.run("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 1000) i");
    let before = db.confirmed(&slot);
    let folder = new_folder();
    let fifo = folder.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let fifo = fifo.to_str().unwrap();
    let arguments = ["tail", "--slot", &slot, "-P", "pub"];
    for (more, signal) in [(&[][..], libc::SIGTERM), (&["--timeout", "2"], 0), (&["-o", fifo], libc::SIGINT)]
    {
        db.released(&slot);
        let mut child = command(&conninfo, &[&arguments[..], more].concat()).spawn().unwrap();
        eventually("it streams", || db.text(STREAMS) == "1");
        std::thread::sleep(std::time::Duration::from_millis(300));
        if signal != 0 {
            signal_process(child.id(), signal);
        }
        let status = wait_for_exit(&mut child).expect("the command ends");
        assert_eq!(status.code(), Some(0), "{more:?}");
    }
    db.released(&slot);
    assert_eq!(db.confirmed(&slot), before);
    // So is whoever watches slots.
    let mut child = command(&conninfo, &["slot", "watch", "--json", "--interval", "0"]).spawn().unwrap();
    let out = child.stdout.as_ref().unwrap().as_raw_fd();
    let mut held = 0;
    // SAFETY: the descriptor is open, and the second call writes to `held`.
    let mut fills = || unsafe { libc::ioctl(out, libc::FIONREAD, &mut held) == 0 && held > 2048 };
    // SAFETY: the descriptor is open.
    assert_eq!(unsafe { libc::fcntl(out, libc::F_SETPIPE_SZ, 4096) }, 4096);
    // What is less than a page is written whole or not at all.
    eventually("the pipe is nearly full", &mut fills);
    std::thread::sleep(std::time::Duration::from_secs(1));
    signal_process(child.id(), libc::SIGTERM);
    assert_eq!(wait_for_exit(&mut child).expect("the command ends").code(), Some(0));
    for place in ["/dev/stdout", fifo] {
        let said = run(&conninfo, &[&arguments[..], &["-o", place, "--ack", "fsynced"]].concat());
        assert!(said.status == 2 && said.err.contains("nothing else has a disk"), "{said:?}");
    }
}
