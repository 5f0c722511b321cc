//! Completeness: four writers commit, roll back and overlap while the consumer is stopped and started at random points,
//! killed or asked to end. Every committed row is seen, nothing else is, and what comes twice is recognised by its
//! identity.
//!
//! The consumer is `wal_tail`, a process of its own. Each row says what it must be, so that a wrong one shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::server::{new_folder, signal_process, unique, wait_for_exit};
use crate::harness::{Database, Program, Random, Server, StopAtEnd, eventually};

const WRITERS: u32 = 4;

/// A row: its writer, the writer's transaction, its place in that.
type Row = (u32, u32, u32);

/// A change's identity: commit_lsn and sequence.
type Identity = (u64, u64);

fn completeness(version: u32, seconds: u64, stops: usize) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run(
        "CREATE TABLE t (writer int, number int, place int, proof text, PRIMARY KEY (writer, number, place));
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    let seed = Random::fresh_seed();
    println!("seed {seed}");
    let folder = new_folder();
    let stop = AtomicBool::new(false);
    let (committed, runs) = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (server, name, stop) = (&server, db.name.clone(), &stop);
                scope.spawn(move || write(server, &name, writer, seed ^ u64::from(writer) << 40, stop))
            })
            .collect();
        // The writers end, whatever becomes of the consumers.
        let stop = StopAtEnd(&stop);
        let begin = Instant::now();
        let mut random = Random::new(seed);
        let mut runs = Vec::new();
        for number in 0..stops {
            let mut consumer = Consumer::start(&mut db, &slot, &folder.join(number.to_string()));
            // Lives of three seconds, none of the same length, some cut off as they connect.
            thread::sleep(Duration::from_millis(random.below(5600)));
            let clean = random.below(3) == 0;
            consumer.end(if clean { libc::SIGTERM } else { libc::SIGKILL });
            runs.push(consumer.output(clean));
        }
        thread::sleep(Duration::from_secs(seconds).saturating_sub(begin.elapsed()));
        drop(stop);
        let committed: BTreeSet<Row> =
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        (committed, runs)
    });
    db.run("INSERT INTO t VALUES (99, 0, 0, 'the last')");
    let mut consumer = Consumer::start(&mut db, &slot, &folder.join("last"));
    eventually("the last row is seen", || {
        fs::read_to_string(&consumer.file).is_ok_and(|text| text.contains("the last"))
    });
    consumer.end(libc::SIGTERM);
    let mut runs: Vec<Vec<(Identity, Row)>> = runs;
    runs.push(consumer.output(true));
    check(&committed, &runs, stops);
    assert!(committed.len() as u64 > seconds * 150, "only {} rows were written", committed.len());
}

on_versions! { completeness v18 (18, 15, 5); v14_long (14, 30, 10), v18_long (18, 30, 10) }

/// What came, against what was committed.
fn check(committed: &BTreeSet<Row>, runs: &[Vec<(Identity, Row)>], stops: usize) {
    let mut seen: BTreeMap<Identity, Row> = BTreeMap::new();
    let mut rows: BTreeMap<Row, Identity> = BTreeMap::new();
    let mut twice = 0;
    for run in runs {
        assert!(run.windows(2).all(|pair| pair[0].0 < pair[1].0), "a run goes up in commits and in sequence");
        for (identity, row) in run {
            if let Some(known) = seen.insert(*identity, *row) {
                twice += 1;
                assert_eq!(known, *row, "an identity stands for one change, for ever");
            }
            if let Some(known) = rows.insert(*row, *identity) {
                assert_eq!(known, *identity, "a change has one identity, for ever");
            }
        }
    }
    let got: BTreeSet<Row> = rows.into_keys().filter(|row| row.0 != 99).collect();
    let missing: Vec<&Row> = committed.difference(&got).take(10).collect();
    let extra: Vec<&Row> = got.difference(committed).take(10).collect();
    assert!(
        missing.is_empty(),
        "{} rows were lost, among them {missing:?}",
        committed.difference(&got).count()
    );
    assert!(extra.is_empty(), "rows that nobody committed: {extra:?}");
    let delivering = runs.iter().filter(|run| !run.is_empty()).count();
    assert!(delivering >= stops / 2, "only {delivering} of {} runs got anything", runs.len());
    println!("{} rows, {twice} of them twice, in {delivering} runs", committed.len());
}

/// Writes until it is told to stop, and gives the rows that it committed.
fn write(server: &Server, database: &str, writer: u32, seed: u64, stop: &AtomicBool) -> Vec<Row> {
    let mut sql = server.client(database);
    let mut random = Random::new(seed);
    let mut committed = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let insert = |place: u64, mark: &str| {
            let proof = proof((writer, number, place as u32));
            format!("INSERT INTO t VALUES ({writer}, {number}, {place}, '{proof}{mark}');")
        };
        let kept = 1 + random.below(5);
        let mut statements = "BEGIN;".to_owned();
        for place in 0..kept {
            statements.push_str(&insert(place, ""));
            if random.below(4) == 0 {
                // Rolled back inside a transaction that is not.
                statements.push_str("SAVEPOINT s;");
                statements.push_str(&insert(1000 + place, " wrong"));
                statements.push_str("ROLLBACK TO s; RELEASE s;");
            }
        }
        let rolled_back = random.below(8) == 0;
        sql.batch_execute(&statements).unwrap();
        // Between its rows and its end others commit.
        thread::sleep(Duration::from_micros(random.below(3000)));
        sql.batch_execute(if rolled_back { "ROLLBACK" } else { "COMMIT" }).unwrap();
        if !rolled_back {
            committed.extend((0..kept).map(|place| (writer, number, place as u32)));
        }
    }
    committed
}

/// What a row must hold, so that a mix-up of rows shows.
fn proof((writer, number, place): Row) -> String {
    let mixed = (u64::from(writer) + 7) * 1_000_003;
    format!("{:x}", mixed ^ (u64::from(number) * 8_191) ^ (u64::from(place) << 33))
}

/// A wal_tail that writes into a file.
struct Consumer {
    child: Child,
    file: PathBuf,
}

impl Consumer {
    fn start(db: &mut Database<'_>, slot: &str, file: &Path) -> Self {
        // The server may not have noticed the last one's end.
        db.released(slot);
        let out = File::create(file).unwrap();
        let conninfo = db.conninfo();
        let child = Program::build("examples-c/wal_tail.c").start(|command| {
            command.args(["--changes-only", "--option", "status_interval=500ms", &conninfo, slot, "pub"]);
            command.stdout(out).stderr(File::create(file.with_extension("err")).unwrap());
        });
        Self { child, file: file.to_owned() }
    }

    fn end(&mut self, signal: i32) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it ended by itself: {}", self.said());
        signal_process(self.child.id(), signal);
        let status = wait_for_exit(&mut self.child).expect("the consumer ends");
        // Before it has its handler, which it has before it prints anything, the signal itself ends it.
        let was_early = status.signal() == Some(signal) && fs::read_to_string(&self.file).unwrap().is_empty();
        if signal == libc::SIGTERM {
            assert!(status.success() || was_early, "{status:?}: {}", self.said());
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.file.with_extension("err")).unwrap_or_default()
    }

    /// Identity and row of every line. The last may be cut off, where it was killed.
    fn output(&self, clean: bool) -> Vec<(Identity, Row)> {
        let text = fs::read_to_string(&self.file).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        assert!(!clean || whole.len() + 1 >= text.len(), "who ends cleanly ends with its line");
        whole.lines().map(parse).collect()
    }
}

fn parse(line: &str) -> (Identity, Row) {
    let number = |key: &str| -> u64 {
        let rest = line.split_once(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key} in {line}")).1;
        let digits = rest.split([',', '}']).next().unwrap();
        digits.parse().unwrap_or_else(|_| panic!("{key} in {line}"))
    };
    let lsn = line.split_once("\"commit_lsn\":\"").unwrap().1.split('"').next().unwrap();
    let (high, low) = lsn.split_once('/').unwrap();
    let lsn = u64::from_str_radix(high, 16).unwrap() << 32 | u64::from_str_radix(low, 16).unwrap();
    let row = (number("writer") as u32, number("number") as u32, number("place") as u32);
    let expected = if row.0 == 99 { "the last".to_owned() } else { proof(row) };
    assert!(line.contains(&format!("\"proof\":\"{expected}\"")), "the row is not what its key says: {line}");
    ((lsn, number("sequence")), row)
}

/// Asked to end, the consumer leaves nothing to be sent again that it had printed whole.
#[test]
fn a_clean_end_repeats_nothing() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE TABLE t (writer int, number int, place int, proof text); CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    let folder = new_folder();
    let mut all = Vec::new();
    for round in 0..5 {
        let mut consumer = Consumer::start(&mut db, &slot, &folder.join(unique("run")));
        for number in 0..20 {
            let row = (round, number, 0);
            db.run(&format!("INSERT INTO t VALUES ({round}, {number}, 0, '{}')", proof(row)));
        }
        let file = consumer.file.clone();
        eventually("20 lines", || fs::read_to_string(&file).is_ok_and(|text| text.lines().count() >= 20));
        consumer.end(libc::SIGTERM);
        all.extend(consumer.output(true));
    }
    let rows: Vec<Row> = all.iter().map(|(_, row)| *row).collect();
    let expected: Vec<Row> = (0..5).flat_map(|round| (0..20).map(move |number| (round, number, 0))).collect();
    assert_eq!(rows, expected);
}
