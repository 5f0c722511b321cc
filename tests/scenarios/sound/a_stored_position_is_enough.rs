//! Option progress: a program that stores each position with its data and starts there has everything once, however long
//! nothing came; and one whose state is older than its slot is told so.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::harness::server::Stop;
use crate::harness::{Database, Kind, Next, Options, Server, Stream, eventually};
use pgwalstream::Lsn;
use pgwalstream::error::Status;

fn table(db: &mut Database<'_>) -> String {
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE noise (n int); CREATE PUBLICATION pub FOR TABLE t",
    );
    db.slot()
}

fn noise(db: &mut Database<'_>) -> u64 {
    db.run("INSERT INTO noise SELECT generate_series(1, 1000)");
    db.position()
}

fn acknowledged(db: &Database<'_>, slot: &str) -> Options {
    Options::stream(&db.conninfo(), slot, "pub")
        .with("progress", "acknowledged")
        .with("status_interval", "20ms")
}

#[track_caller]
fn next_progress(stream: &mut Stream) -> u64 {
    match stream.next(30_000).unwrap() {
        Next::Event(event) if event.kind() == Kind::Progress => event.fields().ack_lsn,
        Next::Event(event) => panic!("{}", event.line()),
        Next::Nothing(status) => panic!("{status:?}"),
    }
}

/// As before this option: the server goes on from its own position, which is said and counted.
#[test]
fn s5_a_start_before_the_slots_position_is_counted() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    let start = db.confirmed(&slot);
    let end = noise(&mut db);
    db.run(&format!("SELECT pg_replication_slot_advance('{slot}', '{}')", Lsn(end)));
    let log = Arc::default();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with_log(&log);
    let stream = options.with("start_lsn", &Lsn(start).to_string()).open().unwrap();
    assert_eq!(stream.stats().late_starts, 1);
    assert!(log.lock().unwrap().iter().any(|(_, text)| text.contains("start_lsn")), "{log:?}");
    drop(stream);
    db.released(&slot);
    let stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    assert_eq!(stream.stats().late_starts, 0);
}

fn s5_progress_moves_the_slot_only_once_it_is_acknowledged(version: u32) {
    let mut db = Server::shared(version).database();
    let slot = table(&mut db);
    let before = db.confirmed(&slot);
    let mut stream = acknowledged(&db, &slot).open().unwrap();
    let end = noise(&mut db);
    let mut told = 0;
    while told < end {
        let next = next_progress(&mut stream);
        assert!(next > told, "progress grows");
        told = next;
    }
    thread::sleep(Duration::from_millis(100));
    assert_eq!((db.confirmed(&slot), stream.stats().reported_lsn), (before, before));
    // Owed, and then nothing: the same.
    db.run("INSERT INTO t VALUES (1)");
    let commit = stream.read_transactions(1).pop().unwrap().ack_lsn;
    stream.ack(told).unwrap();
    eventually("it is confirmed", || db.confirmed(&slot) == told);
    stream.ack(commit).unwrap();
    eventually("it is confirmed", || db.confirmed(&slot) == commit);
    let end = noise(&mut db);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(db.confirmed(&slot), commit, "a server that goes on moves nothing");
    drop(stream);
    db.released(&slot);
    assert_eq!(db.confirmed(&slot), commit, "nor does the end");
    // What was stored is never behind, however long nothing came.
    let mut stream = acknowledged(&db, &slot).with("start_lsn", &Lsn(commit).to_string()).open().unwrap();
    while next_progress(&mut stream) < end {}
}

on_versions! { s5_progress_moves_the_slot_only_once_it_is_acknowledged v14 14, v18 18 }

/// The slot ran with `auto` and went on without the program: its first start says so.
#[test]
fn s5_a_slot_that_went_on_by_itself_is_a_gap_until_it_is_adopted() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    let stored = Lsn(db.confirmed(&slot)).to_string();
    let end = noise(&mut db);
    let auto = Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "20ms").open().unwrap();
    eventually("the slot goes on by itself", || db.confirmed(&slot) >= end);
    drop(auto);
    db.released(&slot);
    let stands = db.confirmed(&slot);
    let failure = acknowledged(&db, &slot).with("start_lsn", &stored).open().map(drop).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_GAP, "{failure:?}");
    assert!(failure.message.contains(&stored) && failure.message.contains(&Lsn(stands).to_string()));
    assert!(failure.hint.contains("slot_adopt") && !failure.is_retriable, "{failure:?}");

    let refused = Options::stream(&db.conninfo(), &slot, "pub").with("slot_adopt", "on").open();
    assert_eq!(refused.map(drop).unwrap_err().status, Status::WAL_E_BAD_OPTION, "it means nothing with auto");
    let adopting = acknowledged(&db, &slot).with("start_lsn", &stored).with("slot_adopt", "on");
    let mut stream = adopting.open().unwrap();
    assert_eq!(next_progress(&mut stream), stands, "what is to be stored from here on");
    stream.ack(stands).unwrap();
    assert_eq!(stream.stats().late_starts, 1);
    drop(stream);
    db.released(&slot);
    acknowledged(&db, &slot).with("start_lsn", &Lsn(stands).to_string()).open().map(drop).unwrap();
}

/// A program that acknowledges what it is told keeps no server from stopping.
fn s5_an_idle_program_that_acknowledges_does_not_delay_a_fast_stop(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    let slot = table(&mut db);
    db.run("CHECKPOINT");
    let alone = server.stop(Stop::Fast);
    // A busy machine may delay one stop, or two, but not each.
    let quick = (0..3).any(|_| {
        server.restart();
        db.sql = server.client(&db.name);
        let options = acknowledged(&db, &slot).with("status_interval", "1h").with("reconnect", "off");
        let stream = options.open().unwrap();
        noise(&mut db);
        db.run("CHECKPOINT");
        let program = thread::spawn(move || acknowledge_all(stream));
        thread::sleep(Duration::from_millis(200));
        let took = server.stop(Stop::Fast);
        assert!(program.join().unwrap() > 0, "it was told of progress");
        println!("{version}: {took:?}, alone {alone:?}");
        took < alone + Duration::from_secs(1)
    });
    assert!(quick, "thrice more than a second longer than {alone:?}");
}

on_versions! { s5_an_idle_program_that_acknowledges_does_not_delay_a_fast_stop v14 14, v18 18 }

/// Acknowledges whatever comes until the server is gone, and tells how often that was.
fn acknowledge_all(mut stream: Stream) -> u32 {
    let mut times = 0;
    loop {
        match stream.next(60_000) {
            Ok(Next::Event(event)) => {
                let lsn = event.fields().ack_lsn;
                stream.ack(lsn).unwrap();
                times += 1;
            }
            Ok(Next::Nothing(status)) => panic!("{status:?}"),
            Err(failure) => {
                assert!(failure.is_retriable, "{failure:?}");
                return times;
            }
        }
    }
}
