//! streaming=assembled: what is kept stays within its budget, comes out once whatever breaks, and what cannot be kept is an
//! error that loses nothing.

use std::process::Stdio;

use super::forms::copy_of;
use crate::harness::server::{signal_process, wait_for_exit};
use crate::harness::{Kind, Next, Options, Program, Server, Stream, eventually};
use pgwalstream::batch::{EventKind, flags};
use pgwalstream::error::Status;

fn options(conninfo: &str, slot: &str) -> Options {
    let conninfo = format!("{conninfo} options='-c logical_decoding_work_mem=64kB'");
    Options::stream(&conninfo, slot, "pub").with("streaming", "assembled").with("spill_min_free", "0")
}

/// Reads rows whose first column counts from `next`, each once and in order, until `last` came and is committed.
fn rows(stream: &mut Stream, mut next: i64, last: i64) {
    loop {
        match stream.next(60_000) {
            Ok(Next::Event(event)) => match event.kind() {
                Kind::Insert => {
                    assert_eq!(event.new_value(0).as_int64(), Ok(next));
                    next += 1;
                }
                Kind::Commit if next == last + 1 => return,
                _ => {}
            },
            other => panic!("after row {}: {:?}", next - 1, other.err()),
        }
    }
}

/// 100 MB of rows through a budget of 2 MB, with a part that is rolled back.
fn p7_a_large_transaction_needs_little_memory(version: u32) {
    let server = Server::start(version, &["max_wal_size=16GB"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(
        "BEGIN; INSERT INTO t SELECT g, repeat('v', 500) FROM generate_series(1, 60000) g;
         SAVEPOINT s; INSERT INTO t SELECT g, repeat('v', 500) FROM generate_series(1, 60000) g; ROLLBACK TO s;
         INSERT INTO t SELECT g, repeat('v', 500) FROM generate_series(60001, 120000) g; COMMIT",
    );
    let end = db.position();
    let directory = tempfile::tempdir().unwrap();
    let conninfo = format!("{} options='-c logical_decoding_work_mem=64kB'", db.conninfo());
    let mut child = Program::build("examples-c/wal_batch.c").start(|command| {
        for option in [
            "streaming=assembled",
            "assemble_memory=2MB",
            "spill_min_free=0",
            &format!("spill_directory={}", directory.path().display()),
            "status_interval=200ms",
        ] {
            command.args(["--option", option]);
        }
        command.args([&conninfo, &slot, "pub"]).stdout(Stdio::piped());
    });
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    eventually("all rows are read and acknowledged", || {
        let text = std::fs::read_to_string(&status).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        peak = peak.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file has no name");
        db.confirmed(&slot) + 1000 >= end
    });
    signal_process(child.id(), libc::SIGTERM);
    let ended = wait_for_exit(&mut child).expect("it ends");
    let said = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(ended.success() && said.contains("rows 120000 "), "{said}");
    assert!(peak < 16_384, "{peak} kB at the most");
}

on_versions! { p7_a_large_transaction_needs_little_memory v18 18; v14 14 }

/// The connection breaks while blocks come, and again while the transaction is delivered.
fn p32_each_row_comes_once_whatever_breaks(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let options = options(&db.conninfo(), &slot)
        .with("queue_bytes", "64kB")
        .with("batch_events", "64")
        .with("batch_bytes", "8kB")
        .with("assemble_memory", "1MB")
        .with("reconnect_initial", "10ms");
    let mut stream = options.open().unwrap();
    let kill = |client: &mut crate::harness::Database<'_>| {
        client.run(&format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}'"
        ));
    };
    let mut writer = db.server.client(&db.name);
    let insert =
        |from, to| format!("INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series({from}, {to}) g");
    writer.batch_execute(&format!("BEGIN; {}", insert(1, 5_000))).unwrap();
    eventually("blocks are kept", || stream.stats().spilled_bytes > 100_000);
    kill(&mut db);
    writer.batch_execute(&insert(5_001, 10_000)).unwrap();
    writer.batch_execute("SAVEPOINT s; INSERT INTO t SELECT 0, 'no' FROM generate_series(1, 3000) g; ROLLBACK TO s; COMMIT").unwrap();
    for n in 1..=1_000 {
        let seen = stream.read_until(|event| event.kind == Kind::Insert);
        assert_eq!(seen.last().unwrap().sequence, n - 1);
    }
    kill(&mut db);
    rows(&mut stream, 1_001, 10_000);
    assert!(stream.stats().reconnects >= 1);
    // The last row may be read before the engine has come to the end behind it.
    eventually("the transaction is over and nothing is kept", || {
        let stats = stream.stats();
        (stats.transactions, stats.kept_transactions, stats.spilled_bytes) == (1, 0, 0)
    });
}

on_every_version! { p32_each_row_comes_once_whatever_breaks }

#[test]
fn p7_what_cannot_be_kept_is_told_and_comes_again() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = db.conninfo();
    let failure = options(&conninfo, &slot).with("spill_directory", "/nowhere").open().err().unwrap();
    assert_eq!(failure.status, Status::WAL_E_SPILL, "{failure:?}");
    assert!(failure.message.contains("/nowhere") && failure.hint.contains("directory"), "{failure:?}");
    let failure = options(&conninfo, &slot).with("spill_min_free", "1000000GB").open().err().unwrap();
    assert_eq!(failure.status, Status::WAL_E_SPILL, "{failure:?}");
    db.run("INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series(1, 20000) g");
    let small = options(&conninfo, &slot).with("assemble_memory", "1MB").with("assemble_disk", "1MB");
    let (told, failure) = small.open().unwrap().read_to_error();
    assert!(told.iter().all(|event| event.kind == Kind::Progress));
    assert_eq!(failure.status, Status::WAL_E_SPILL, "{failure:?}");
    assert!(failure.message.contains("assemble_disk, 1048576 bytes"), "{failure:?}");
    db.released(&slot);
    rows(&mut options(&conninfo, &slot).open().unwrap(), 1, 20_000);
}

/// A logical message names its transaction, not its savepoint: where the server does not say whether it was rolled back, the
/// transaction comes again unstreamed.
#[test]
fn p6_a_message_that_was_rolled_back_never_comes() {
    let server = Server::start(18, &["debug_logical_replication_streaming=immediate"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let emit = |text| format!("SELECT pg_logical_emit_message(true, 'order', '{text}')");
    // Certain: it comes after what names the savepoint.
    db.run(&format!(
        "BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (0); {}; ROLLBACK TO s; {}; INSERT INTO t VALUES (2); COMMIT",
        emit("no"),
        emit("first")
    ));
    let first = db.position();
    db.run(&format!(
        "BEGIN; INSERT INTO t VALUES (3); SAVEPOINT s; {}; ROLLBACK TO s; INSERT INTO t VALUES (4); COMMIT",
        emit("cancelled")
    ));
    db.run(&format!(
        "BEGIN; INSERT INTO t VALUES (5); {}; SAVEPOINT s; INSERT INTO t VALUES (0); ROLLBACK TO s; INSERT INTO t VALUES (6); COMMIT",
        emit("second")
    ));
    let options = Options::stream(&db.conninfo(), &slot, "pub")
        .with("streaming", "assembled")
        .with("spill_min_free", "0")
        .with("messages", "on")
        .with("reconnect_initial", "10ms");
    let copy = copy_of(&mut db, &slot);
    let mut stream = options.open().unwrap();
    let told = stream.read_until(|event| event.line.contains("new id=6"));
    let lines: Vec<(&str, u64)> = told
        .iter()
        .filter(|event| matches!(event.kind, Kind::Insert | Kind::Message))
        .map(|event| (event.line.as_str(), event.sequence))
        .collect();
    assert_eq!(
        lines,
        [
            ("INSERT public.t new id=1", 0),
            ("MESSAGE order: first", 1),
            ("INSERT public.t new id=2", 2),
            ("INSERT public.t new id=3", 0),
            ("INSERT public.t new id=4", 1),
            ("INSERT public.t new id=5", 0),
            ("MESSAGE order: second", 1),
            ("INSERT public.t new id=6", 2),
        ]
    );
    let reconnected: Vec<_> = told.iter().filter(|event| event.kind == Kind::Reconnected).collect();
    assert_eq!(reconnected.len(), 1);
    assert!(
        reconnected[0].line.contains(&(Status::WAL_E_AMBIGUOUS as i32).to_string()),
        "{}",
        reconnected[0].line
    );
    assert_eq!(stream.stats().assembled_transactions, 1);
    assert!(told.iter().any(|event| event.ack_lsn >= first - 0x100));
    drop(stream);

    // By option all of it comes, over one connection, and what may be wrong says so; in a replay too.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let options =
        options.with("slot", &copy).with("on_ambiguous", "flag").with("capture_file", path.to_str().unwrap());
    let mut stream = options.open().unwrap();
    let told = stream.read_transactions(3);
    assert_eq!((stream.stats().reconnects, stream.stats().assembled_transactions), (0, 3));
    drop(stream);
    let lines: Vec<(&str, bool)> = told
        .iter()
        .filter(|event| event.kind != Kind::Relation)
        .map(|event| (event.line.as_str(), event.flags & flags::AMBIGUOUS != 0))
        .collect();
    assert_eq!(
        lines,
        [
            ("BEGIN", false),
            ("INSERT public.t new id=1", false),
            ("MESSAGE order: first", false),
            ("INSERT public.t new id=2", false),
            ("COMMIT", false),
            ("BEGIN", true),
            ("INSERT public.t new id=3", false),
            ("MESSAGE order: cancelled", true),
            ("INSERT public.t new id=4", false),
            ("COMMIT", true),
            ("BEGIN", true),
            ("INSERT public.t new id=5", false),
            ("MESSAGE order: second", true),
            ("INSERT public.t new id=6", false),
            ("COMMIT", true),
        ]
    );
    let again = Options::new().with("spill_min_free", "0").replay(&path).unwrap().read_transactions(3);
    assert_eq!(format!("{again:?}"), format!("{told:?}"));
}

/// A capture holds the blocks, and a replay puts them together again; an older library is told not to read it.
#[test]
fn a_capture_of_it_is_replayed_as_it_was() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(
        "BEGIN; INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series(1, 5000) g;
         SAVEPOINT s; INSERT INTO t SELECT 0, repeat('v', 200) FROM generate_series(1, 5000) g; ROLLBACK TO s;
         INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series(5001, 10000) g; COMMIT",
    );
    db.run("INSERT INTO t VALUES (10001, 'last')");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let captured = options(&db.conninfo(), &slot).with("capture_file", path.to_str().unwrap());
    let mut stream = captured.open().unwrap();
    let told = stream.read_transactions(2);
    assert_eq!(stream.stats().assembled_transactions, 1);
    drop(stream);
    assert_eq!(
        std::fs::read(&path).unwrap()[8..10],
        2_u16.to_le_bytes(),
        "a version that an older library refuses"
    );
    let small =
        || Options::new().with("queue_bytes", "64kB").with("batch_bytes", "4kB").with("spill_min_free", "0");
    let mut replay = small().with("assemble_memory", "1MB").replay(&path).unwrap();
    let again = replay.read_transactions(2);
    assert_eq!(again.len(), told.len());
    for (again, told) in again.iter().zip(&told) {
        assert_eq!(format!("{again:?}"), format!("{told:?}"));
    }
    assert!(replay.stats().spilled_transactions == 1 && replay.stats().assembled_transactions == 1);
    // As the server sent it, for whoever wants to see that.
    let raw = small().with("streaming", "on").replay(&path).unwrap();
    let first = raw.batch(10_000).unwrap();
    assert_eq!(first.events().next().unwrap().fields().kind, EventKind::WAL_EVENT_STREAM_START as u32);
}

/// What only the replay lacks ends it: it must not go on behind what was left out.
#[test]
fn a_replay_without_room_leaves_nothing_out() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let captured = options(&db.conninfo(), &slot).with("capture_file", path.to_str().unwrap());
    let mut stream = captured.with("reconnect_initial", "10ms").open().unwrap();
    db.run("INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series(1, 20000) g");
    rows(&mut stream, 1, 20_000);
    db.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = current_database()");
    stream.read_until(|event| event.kind == Kind::Reconnected);
    db.run("INSERT INTO t VALUES (20001, 'last')");
    rows(&mut stream, 20_001, 20_001);
    drop(stream);
    let bounded = |disk| {
        let replayed = Options::new().with("spill_min_free", "0").with("assemble_memory", "1MB");
        replayed.with("assemble_disk", disk).replay(&path).unwrap()
    };
    let (told, failure) = bounded("1MB").read_to_error();
    assert_eq!(failure.status, Status::WAL_E_SPILL, "{failure:?}");
    assert_eq!(told.iter().filter(|event| event.kind == Kind::Insert).count(), 0);
    rows(&mut bounded("0"), 1, 20_001);
    // Nor do the payloads as they came need any of it.
    let raw = Options::new().with("decode", "off").replay(&path).unwrap();
    assert!(raw.batch(10_000).unwrap().events().count() > 0);
}

/// Without a connection: what is fed in blocks comes out as one transaction.
#[test]
fn a_decoder_assembles_too() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run(
        "SET logical_decoding_work_mem = '64kB';
         BEGIN; INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series(1, 3000) g;
         SAVEPOINT s; INSERT INTO t SELECT 0, repeat('v', 200) FROM generate_series(1, 3000) g; ROLLBACK TO s;
         INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series(3001, 4000) g; COMMIT",
    );
    let mut client = db.server.client(&db.name);
    client.batch_execute("SET logical_decoding_work_mem = '64kB'").unwrap();
    let messages = client
        .query(
            &format!(
                "SELECT (lsn - '0/0')::bigint, data FROM pg_logical_slot_get_binary_changes('{slot}', NULL, NULL,
                 'proto_version', '2', 'publication_names', 'pub', 'streaming', 'on')"
            ),
            &[],
        )
        .unwrap();
    let options = pgwalstream::Options::new().batch_events(64).assemble_memory(1 << 20).spill_min_free(0);
    let mut decoder = pgwalstream::Decoder::assembling(&options).unwrap();
    let (mut blocks, mut next, mut commits) = (0, 1, 0);
    for row in &messages {
        let (lsn, message): (i64, &[u8]) = (row.get(0), row.get(1));
        blocks += usize::from(message[0] == b'S');
        decoder.feed(pgwalstream::Lsn(lsn as u64), message).unwrap();
        while let Some(batch) = decoder.try_next_batch().unwrap() {
            for event in batch.iter() {
                if let Some(row) = event.new_row() {
                    assert_eq!(row.get("id").unwrap().as_i32().unwrap(), next);
                    next += 1;
                }
                commits += usize::from(event.kind() == pgwalstream::EventKind::Commit);
            }
        }
    }
    assert!(blocks > 3 && next == 4001 && commits == 1, "{blocks} {next} {commits}");
}
