//! P2: the WAL of tables that nobody subscribed to must not pile up behind a slot whose own tables are quiet. P3: and
//! what was acknowledged is reported in time, by a timer, whether the server asks or not.
//!
//! Each server here belongs to one test: the distance to "the current position" is measured.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Kind, Next, Options, Server, Stream, eventually};
use pgwalstream::error::Status;

const INTERVAL: Duration = Duration::from_secs(4);
const MB: u64 = 1 << 20;

/// Three consumers: one that reads on, one that makes no call at all, one that owes an acknowledgement.
fn p2_an_idle_publication_moves_on(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run(
        "CREATE TABLE quiet (id int PRIMARY KEY);
         CREATE TABLE noise (id int, v text);
         CREATE PUBLICATION pub FOR TABLE quiet",
    );
    let slots = [db.slot(), db.slot(), db.slot()];
    let conninfo = db.conninfo();
    let open = |slot: &str| -> Stream {
        let interval = format!("{}ms", INTERVAL.as_millis());
        Options::stream(&conninfo, slot, "pub").with("status_interval", &interval).open().unwrap()
    };
    let mut reading = open(&slots[0]);
    let idle = open(&slots[1]);
    let mut owing = open(&slots[2]);
    db.run("INSERT INTO quiet VALUES (1)");
    // The third reads its transaction and does not acknowledge it, as the others do.
    let commit = reading.read_transactions(1).pop().unwrap();
    reading.ack(commit.ack_lsn).unwrap();
    owing.read_transactions(1);
    while idle.stats().acked_lsn == 0 {
        // The commit may come in a batch of its own.
        let batch = idle.batch(10_000).unwrap_or_else(|it| panic!("{it:?}"));
        idle.ack(batch.ack_lsn()).unwrap();
    }

    let reader = thread::spawn(move || read_progress(reading));
    let before = db.position();
    db.run("INSERT INTO noise SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 100000) g");
    let after = db.position();
    assert!(after - before > 95 * MB, "{} bytes written", after - before);

    let begin = Instant::now();
    for slot in &slots[..2] {
        eventually("the slot comes within 1 MB", || db.confirmed(slot) + MB >= after);
        assert!(begin.elapsed() <= 2 * INTERVAL + Duration::from_millis(500), "took {:?}", begin.elapsed());
    }
    // Nothing that is owed may be confirmed, however far the server is.
    assert!(db.confirmed(&slots[2]) < commit.ack_lsn);
    owing.ack(commit.ack_lsn).unwrap();
    eventually("the third follows once it acknowledged", || db.confirmed(&slots[2]) + MB >= after);

    // A restart of the stream begins where the slot stands: there is nothing to send again.
    drop(idle);
    db.released(&slots[1]);
    let mut again = open(&slots[1]);
    again.expect_quiet(500);
    let (progress, elapsed) = reader.join().unwrap();
    assert!(progress.windows(2).all(|pair| pair[0] < pair[1]), "progress grows: {progress:?}");
    assert!(progress.last().is_some_and(|lsn| lsn + MB >= after), "{progress:x?}, server at {after:x}");
    let most = elapsed.as_millis() / INTERVAL.as_millis() + 2;
    assert!(progress.len() as u128 <= most, "{} in {elapsed:?}", progress.len());
}

on_versions! { p2_an_idle_publication_moves_on v14 14, v18 18 }

/// Reads for four intervals and notes the positions of the progress events.
fn read_progress(mut stream: Stream) -> (Vec<u64>, Duration) {
    let begin = Instant::now();
    let mut all = Vec::new();
    while begin.elapsed() < 4 * INTERVAL {
        match stream.next(200).unwrap() {
            Next::Event(event) => {
                assert_eq!(event.kind(), Kind::Progress);
                all.push(event.fields().ack_lsn);
            }
            Next::Nothing(status) => assert_eq!(status, Status::WAL_TIMEOUT),
        }
    }
    (all, begin.elapsed())
}

/// 14 sends Begin and Commit of every transaction, also of those without a published change.
#[test]
fn p2_empty_transactions_pin_nothing() {
    let server = Server::start(14, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE quiet (id int PRIMARY KEY); CREATE TABLE noise (id int); CREATE PUBLICATION pub FOR TABLE quiet");
    let slot = db.slot();
    let mut stream =
        Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "200ms").open().unwrap();
    for id in 0..500 {
        db.run(&format!("INSERT INTO noise VALUES ({id})"));
    }
    let after = db.position();
    stream.expect_quiet(500);
    eventually("500 empty transactions are passed", || db.confirmed(&slot) + 10_000 >= after);
    assert!(stream.stats().empty_transactions >= 500);
}

/// While changes come without a pause the server has no reason to ask; the timer reports all the same.
#[test]
fn p3_acknowledgements_are_reported_under_sustained_load() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let mut stream =
        Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "200ms").open().unwrap();
    let mut writer = server.client(&db.name);
    let writing = thread::spawn(move || {
        let begin = Instant::now();
        let mut id = 0;
        while begin.elapsed() < Duration::from_secs(4) {
            id += 1;
            writer.batch_execute(&format!("INSERT INTO t VALUES ({id})")).unwrap();
        }
        id
    });
    let (mut commits, mut positions, mut looked) = (0, Vec::new(), Instant::now());
    let mut longest_lag = 0;
    while !writing.is_finished() {
        let event = match stream.next(1000).unwrap() {
            Next::Event(event) => event,
            // The writer has just ended, or this machine is slow.
            Next::Nothing(_) => continue,
        };
        let ack_lsn = event.fields().ack_lsn;
        if ack_lsn == 0 || event.kind() != Kind::Commit {
            continue;
        }
        commits += 1;
        stream.ack(ack_lsn).unwrap();
        if looked.elapsed() > Duration::from_millis(400) {
            looked = Instant::now();
            positions.push(db.confirmed(&slot));
            longest_lag = longest_lag.max(ack_lsn - positions[positions.len() - 1]);
        }
    }
    let written = writing.join().unwrap();
    assert!(commits > 100 && written > 100, "{commits} of {written}");
    // Looked at twice as seldom as is reported: nearly each look finds a new position.
    let moved = positions.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!(moved + 2 >= positions.len() && moved >= 4, "{positions:x?}");
    assert!(longest_lag < 4 * MB, "{longest_lag} bytes behind");
}

/// A flush reports at once, long before the timer would.
#[test]
fn p3_a_flush_reports_at_once() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = format!("{} options='-c wal_sender_timeout=0'", db.conninfo());
    let mut stream = Options::stream(&conninfo, &slot, "pub").with("status_interval", "1h").open().unwrap();
    for id in 0..5 {
        db.run(&format!("INSERT INTO t VALUES ({id})"));
        let commit = stream.read_transactions(1).pop().unwrap();
        stream.ack(commit.ack_lsn).unwrap();
        assert_eq!(stream.flush(10_000), Ok(Status::WAL_OK));
        assert!(stream.stats().reported_lsn >= commit.ack_lsn);
        eventually("the slot is where was acknowledged", || db.confirmed(&slot) >= commit.ack_lsn);
    }
}

/// The rhythm follows the server's patience: a third of wal_sender_timeout, whatever status_interval says.
#[test]
fn p3_a_short_wal_sender_timeout_sets_the_rhythm() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = format!("{} options='-c wal_sender_timeout=1500ms'", db.conninfo());
    let stream = Options::stream(&conninfo, &slot, "pub").with("status_interval", "1h").open().unwrap();
    let before = stream.stats();
    thread::sleep(Duration::from_secs(4));
    let after = stream.stats();
    assert_eq!(before.backend_pid, after.backend_pid);
    assert!(after.status_updates - before.status_updates >= 6, "{} in 4 s", after.status_updates);
    let pid = db.text(&format!("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '{slot}'"));
    assert_eq!(pid, after.backend_pid.to_string());
}
