//! Option stop_lsn: the transactions whose commit lies before it, then WAL_END; nothing beyond it is reported as safe, so
//! that a stream without the option goes on with exactly the rest.

use std::time::{Duration, Instant};

use super::forms::{Form, PLAIN, copy_of, drop_slot, highest};
use super::reassembly::Reassembly;
use super::workload;
use crate::harness::{Next, Options, PATIENCE, Server, Stream, eventually};
use pgwalstream::batch::EventKind as K;
use pgwalstream::error::Status;
use pgwalstream::lsn::Lsn;

fn with_stop(options: Options, stop: u64) -> Options {
    options.with("stop_lsn", &Lsn(stop).to_string()).with("status_interval", "100ms")
}

/// Reads to the end, acknowledges everything and makes sure that the end stays the end.
fn replay(stream: &mut Stream) -> Reassembly {
    let mut it = Reassembly::default();
    it.read_to_end(stream);
    assert_eq!(stream.next_status(0).unwrap(), Status::WAL_END);
    if it.ack_lsn != 0 {
        stream.ack(it.ack_lsn).unwrap();
    }
    assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
    assert_eq!(stream.next_status(0).unwrap(), Status::WAL_END);
    it
}

fn every_position_parts_the_transactions(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 2);
    let slot = db.slot();
    workload::run(&mut db, 2, 1_000, 11, true);
    let is_last =
        |it: &super::reassembly::Transaction| it.changes.iter().any(|c| c.line.contains("public.done"));
    let of = |streaming, two_phase| Form { proto_version: "auto", streaming, two_phase, binary: false };
    let forms = [PLAIN, of("on", false), of("parallel", false), of("on", true)];
    for form in forms.into_iter().filter(|form| form.needs() <= highest(version)) {
        let mut all = Reassembly::default();
        let copy = copy_of(&mut db, &slot);
        all.read(&mut form.options(&db, &copy).open().unwrap(), is_last);
        drop_slot(&mut db, &copy);
        let whole =
            |it: &Reassembly| it.done.iter().filter(|it| !it.changes.is_empty()).cloned().collect::<Vec<_>>();
        let all = whole(&all);
        let few = [0, all.len() / 2, all.len() - 2];
        for stop in few.iter().flat_map(|at| {
            [0, 1].into_iter().flat_map(|more| [all[*at].commit_lsn + more, all[*at].ack_lsn + more])
        }) {
            let copy = copy_of(&mut db, &slot);
            let begin = Instant::now();
            let mut stream = with_stop(form.options(&db, &copy), stop).open().unwrap();
            let got = whole(&replay(&mut stream));
            drop(stream);
            assert!(begin.elapsed() < Duration::from_secs(10), "{form:?} to {}", Lsn(stop));
            let wanted = all.iter().filter(|it| it.commit_lsn < stop).count();
            assert_eq!(got, all[..wanted], "{form:?} to {}", Lsn(stop));
            db.released(&copy);
            let confirmed = db.confirmed(&copy);
            assert!(confirmed <= stop, "{form:?}: {} is beyond {}", Lsn(confirmed), Lsn(stop));
            if form.two_phase {
                continue; // A prepared transaction may lie on one side and its commit on the other.
            }
            let mut rest = Reassembly::default();
            rest.read(&mut form.options(&db, &copy).open().unwrap(), is_last);
            assert_eq!(whole(&rest), all[wanted..], "{form:?} from {}", Lsn(stop));
            drop_slot(&mut db, &copy);
        }
    }
}

on_every_version! { every_position_parts_the_transactions }

fn an_idle_server_ends_it_at_once_and_a_later_position_later(version: u32) {
    // Alone: nobody else moves the server's position.
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int); CREATE PUBLICATION pub FOR TABLE t; CREATE TABLE unseen (id int)");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1)");
    db.run("INSERT INTO unseen VALUES (1)");
    let here = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let options = Options::stream(&db.conninfo(), &slot, "pub");
    let begin = Instant::now();
    let mut stream = options.with("stop_lsn", &Lsn(here).to_string()).open().unwrap();
    assert_eq!(replay(&mut stream).done.len(), 1);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    drop(stream);
    db.released(&slot);

    // Beyond what is written: the stream waits for it.
    let later = db.position() + 20_000;
    let mut stream = with_stop(Options::stream(&db.conninfo(), &slot, "pub"), later).open().unwrap();
    stream.expect_quiet(300);
    db.run("INSERT INTO t VALUES (2)");
    db.run("INSERT INTO unseen SELECT i FROM generate_series(1, 1000) i");
    db.run("INSERT INTO t VALUES (3)");
    let got = replay(&mut stream);
    assert_eq!(got.done.len(), 1, "{:?}", got.done);
    drop(stream);
    assert!(db.confirmed(&slot) <= later);
}

/// The connection is left as soon as nothing is outstanding, so that nothing waits for a consumer that has its end.
fn the_end_leaves_the_server_alone(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1)");
    let stop = db.position();
    db.run("INSERT INTO t VALUES (2)");
    let mut stream = with_stop(Options::stream(&db.conninfo(), &slot, "pub"), stop).open().unwrap();
    let mut it = Reassembly::default();
    it.read_to_end(&mut stream);
    let active = format!("SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(db.text(&active), "t", "an acknowledgement can still be reported");
    stream.ack(it.ack_lsn).unwrap();
    eventually("the slot is free", || db.text(&active) == "f");
    assert!((it.ack_lsn.min(stop)..=stop).contains(&db.confirmed(&slot)));
    assert_eq!(stream.flush(1000).unwrap(), Status::WAL_OK);
}

on_every_version! {
    an_idle_server_ends_it_at_once_and_a_later_position_later
    the_end_leaves_the_server_alone
}

fn what_is_streamed_and_open_is_discarded(version: u32) {
    let streaming = if version < 16 { "on" } else { "parallel" };
    let form = Form { proto_version: "auto", streaming, two_phase: false, binary: false };
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let mut second = db.server.client(&db.name);
    second
        .batch_execute("BEGIN; INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i")
        .unwrap();
    db.run("INSERT INTO t VALUES (1, 'before')");
    let stop = db.position();
    db.run("INSERT INTO t VALUES (2, 'after')");
    second.batch_execute("COMMIT").unwrap();
    let mut stream = with_stop(form.options_beyond_64kb(&db, &slot), stop).open().unwrap();
    let it = replay(&mut stream);
    assert_eq!((it.done.len(), it.discarded, it.streaming()), (1, 1, 0), "{:?}", it.counts);
    assert!(it.count(K::WAL_EVENT_STREAM_START) > 0);
    drop(stream);
    db.released(&slot);
    // It comes whole when the slot is next streamed from.
    let mut stream = PLAIN.options(&db, &slot).open().unwrap();
    let mut rest = Reassembly::default();
    while rest.done.len() < 2 {
        match stream.next(PATIENCE.as_millis() as i32).unwrap() {
            Next::Event(event) => rest.take(event),
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
    let sizes: Vec<usize> = rest.done.iter().map(|it| it.changes.len()).collect();
    assert_eq!(sizes, [1, 3000]);
}

on_every_version! { what_is_streamed_and_open_is_discarded }
