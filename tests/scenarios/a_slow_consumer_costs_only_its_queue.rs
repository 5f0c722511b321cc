//! A consumer takes one event a second while 200 MB wait for it. Its connection stays although the server's patience is 5
//! seconds, its memory is its queue, one message and a small rest, and once it hurries it gets everything, in order.
//!
//! It is slow for 15 seconds; PGWALSTREAM_SLOW_SECONDS=120 makes that two minutes, which is for a run by hand. The consumer is
//! a process of its own (tests/c/slow_consumer.c), so that the memory is nobody else's.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::server::wait_for_exit;
use crate::harness::{Kind, Options, Program, Server, eventually};

const ROWS: u64 = 200_000;
const MB: u64 = 1 << 20;
const QUEUE: u64 = 4 * MB;

/// One row among the first has this size: it is decoded while the queue is nearly full.
const LONG: u64 = 8 * MB;

/// What a program with one stream takes before anything is queued, one more batch's arrays and what malloc keeps.
const REST: u64 = 8 * MB;

/// A line of the program's, its numbers by name.
struct Line(String);

impl Line {
    #[track_caller]
    fn number(&self, name: &str) -> u64 {
        let found = self.0.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
        found.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }
}

fn p8_one_event_a_second(version: u32) {
    let seconds = std::env::var("PGWALSTREAM_SLOW_SECONDS").unwrap_or_else(|_| "15".into());
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let before = db.position();
    db.run(&format!(
        "INSERT INTO t SELECT g, repeat(md5(g::text), 31) FROM generate_series(1, {ROWS} / 100) g"
    ));
    // Random text, which is not compressed.
    db.run(&format!(
        "INSERT INTO t SELECT {ROWS} / 100 + 1, string_agg(md5(random()::text), '') FROM generate_series(1, {LONG} / 32)"
    ));
    db.run(&format!(
        "INSERT INTO t SELECT g, repeat(md5(g::text), 31) FROM generate_series({ROWS} / 100 + 2, {ROWS}) g"
    ));
    assert!(db.position() - before > 200_000_000, "200 MB are pending");

    let conninfo = format!("{} options='-c wal_sender_timeout=5s'", db.conninfo());
    let mut child = Program::build("tests/c/slow_consumer.c").start(|command| {
        command.args([&conninfo, &slot, "pub", &QUEUE.to_string(), &seconds, &ROWS.to_string()]);
        command.stdout(Stdio::piped());
    });
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<Line> = lines.map(|line| Line(line.unwrap())).collect();
    let ended = wait_for_exit(&mut child).expect("it ends");
    let said: Vec<&str> = lines.iter().map(|line| line.0.as_str()).collect();
    println!("{version}: {said:#?}");
    assert!(ended.success() && lines.len() == 3, "{ended:?} after {said:#?}");
    let [start, slow, end] = &lines[..] else { panic!("{said:#?}") };

    // Slow: hardly anything was taken, and no more was read than the queue holds and the socket's one read beyond.
    assert!(slow.number("rows") <= seconds.parse().unwrap(), "{said:#?}");
    let most = QUEUE + LONG;
    assert!(slow.number("queued") >= LONG && slow.number("queued") < most + MB, "{said:#?}");
    assert!(slow.number("received") < most + 2 * MB, "{said:#?}");
    // The connection is the one from the beginning.
    assert_eq!((start.number("pid"), start.number("pid")), (slow.number("pid"), end.number("pid")));
    assert_eq!(end.number("rows"), ROWS);
    for line in [slow, end] {
        assert!(
            line.number("peak_kb") * 1024 < most + REST,
            "more than {} kB: {said:#?}",
            (most + REST) / 1024
        );
    }
    db.released(&slot);
}

on_versions! { p8_one_event_a_second v18 18; v15 15 }

/// Two messages that are longer than the queue: the second is not read before the first was taken.
#[test]
fn one_message_may_be_longer_than_the_queue_two_may_not() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let long = 3 * MB;
    for id in 1..=2 {
        db.run(&format!("INSERT INTO t SELECT {id}, string_agg(md5(random()::text), '') FROM generate_series(1, {long} / 32)"));
    }
    let stream = Options::stream(&db.conninfo(), &slot, "pub").with("queue_bytes", "1MB").open().unwrap();
    eventually("the first waits", || stream.stats().queue_bytes > long);
    let waiting = stream.stats();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let later = stream.stats();
    assert_eq!((later.bytes_received, later.queue_bytes), (waiting.bytes_received, waiting.queue_bytes));
    assert!(later.queue_bytes < long + MB && later.bytes_received < long + MB, "{later:?}");
    assert_eq!((later.batches_live, later.live_bytes), (0, 0));

    let mut seen = Vec::new();
    let mut held = Vec::new();
    while seen.len() < 2 {
        let batch = stream.batch(60_000).unwrap_or_else(|it| panic!("{it:?}"));
        let rows = batch.events().filter(|event| event.kind() == Kind::Insert);
        seen.extend(rows.map(|event| event.new_value(1).bytes().len() as u64));
        held.push(batch);
        let stats = stream.stats();
        assert!(stats.queue_bytes < long + MB, "{stats:?}");
        assert!(stats.live_bytes >= seen.len() as u64 * long, "what is held counts: {stats:?}");
        assert_eq!(stats.batches_live, held.len() as u64);
    }
    assert_eq!(seen, [long, long]);
    // What is held is not the queue's: everything else comes.
    eventually("the rest comes", || {
        if let Ok(batch) = stream.batch(1000) {
            held.push(batch);
        }
        let events = held.iter().flat_map(|batch| batch.events());
        events.filter(|event| event.kind() == Kind::Commit).count() == 2
    });
    held.truncate(1);
    let left = stream.stats();
    assert_eq!(left.batches_live, 1);
    held.clear();
    let none = stream.stats();
    assert_eq!((none.batches_live, none.live_bytes), (0, 0));
    assert!(left.live_bytes > 0);
}
