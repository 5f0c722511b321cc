//! A thousand streams of one process on one server: one engine thread, less than 100 MB, and each slot follows the server
//! while others write. Measured in tests/c/many_streams.c, a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Instant;

use crate::harness::server::wait_for_exit;
use crate::harness::{Program, Server, eventually};

const STREAMS: usize = 1000;

/// 100 MB, in the kernel's kB.
const MOST: u64 = 100_000;

#[test]
fn one_thread_less_than_100_mb_and_every_slot_moves() {
    let settings = ["max_wal_senders=1100", "max_replication_slots=1100", "max_connections=1200"];
    let server = Server::start(18, &settings);
    let mut db = server.database();
    db.run(
        "CREATE TABLE quiet (id int PRIMARY KEY);
         CREATE TABLE noise (id int, v text);
         CREATE PUBLICATION pub FOR TABLE quiet",
    );
    let begin = Instant::now();
    // Copies need no look at what runs, and so take no time.
    db.run("SELECT pg_create_logical_replication_slot('many_0', 'pgoutput')");
    db.run(&format!(
        "SELECT pg_copy_logical_replication_slot('many_0', 'many_' || g) FROM generate_series(1, {STREAMS}) g"
    ));
    db.run("SELECT pg_drop_replication_slot('many_0')");
    println!("{STREAMS} slots made in {:?}", begin.elapsed());
    let begin = Instant::now();
    let conninfo = server.unix_conninfo(&db.name);
    let mut child = Program::build("tests/c/many_streams.c").start(|command| {
        command.args([&conninfo, "pub", "many", &STREAMS.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
    });
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut orders = child.stdin.take().unwrap();
    assert_eq!(lines.next(), Some(format!("open {STREAMS}")));
    println!("{STREAMS} streams opened in {:?}", begin.elapsed());
    assert_eq!(db.text("SELECT count(*) FROM pg_stat_replication"), STREAMS.to_string());
    // The one that called main, and the engine's.
    eventually("what connected is gone", || threads(&child).len() == 2);
    assert_eq!(threads(&child).iter().filter(|name| name.contains("pgwalstream")).count(), 1);

    // Nobody's changes: each slot moves on all the same, within its status interval but for the time that 1,000 decoders
    // take on few cores. In small transactions, for each decoder keeps a whole one in memory.
    for _ in 0..10 {
        db.run("INSERT INTO noise SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 100) g");
    }
    let (begin, end) = (Instant::now(), db.position());
    let behind = format!(
        "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn < pg_lsn '{:X}/{:X}' - 1000",
        end >> 32,
        end & 0xFFFF_FFFF
    );
    eventually("every slot has followed", || db.text(&behind) == "0");
    println!("every slot followed in {:?}", begin.elapsed());

    let peak = peak_kb(&child);
    println!("{peak} kB at the most");
    assert!(peak < MOST, "{peak} kB");

    // Each gets a row and acknowledges it.
    db.run("INSERT INTO quiet VALUES (1)");
    eventually("every stream has its row", || {
        writeln!(orders, "report").unwrap();
        lines.next() == Some(format!("rows {STREAMS}"))
    });
    assert_eq!(threads(&child).len(), 2);
    println!("{} kB at the most, with a row for each", peak_kb(&child));

    drop(orders);
    let begin = Instant::now();
    assert_eq!(lines.next().as_deref(), Some("freed"));
    println!("freed in {:?}", begin.elapsed());
    assert!(wait_for_exit(&mut child).expect("it ends").success());
}

/// The names of a process's threads.
fn threads(child: &Child) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect()
}

fn peak_kb(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
