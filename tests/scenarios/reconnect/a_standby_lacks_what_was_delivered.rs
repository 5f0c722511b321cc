//! P12: the standby was behind what was delivered when it was promoted, and writes other transactions at the same
//! positions. The stream ends and says so; or, where that is wanted, says from where on things are lost, and goes on:
//! nothing new passes for something that came before, and nothing of what is lost is confirmed.

use super::a_standby_takes_over::{SLOT, database, insert, options, pair, rows};
use crate::harness::server::Stop;
use crate::harness::{Database, Kind, Next, Options, Seen, Server, Stream, abi, eventually};
use pgwalstream::error::Status;

const REWOUND: u32 = 256;

/// The last row that the standby has, and the last one that the primary has.
const KEPT: i32 = 5;
const LOST: i32 = 200;

/// The standby gets no further than to here.
fn stop_behind(primary: &mut Database<'_>, standby: &Server) {
    let position = primary.text("SELECT pg_current_wal_lsn()");
    let mut sql = standby.client("postgres");
    let caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn");
    eventually("the standby has it", || sql.query_one(&caught_up, &[]).unwrap().get(0));
    drop(sql);
    standby.stop(Stop::Fast);
}

/// Everything is delivered, and the standby stopped before it had it all.
fn overrun(primary: &mut Database<'_>, standby: &Server, stream: &mut Stream) -> Vec<Seen> {
    insert(primary, 1..=KEPT);
    let mut seen = stream.read_transactions(KEPT as usize);
    stop_behind(primary, standby);
    insert(primary, KEPT + 1..=LOST);
    seen.extend(stream.read_transactions((LOST - KEPT) as usize));
    seen
}

/// The primary is gone, and the standby takes over.
fn promote(primary: &Server, standby: &Server) {
    primary.stop(Stop::Immediate);
    standby.restart();
    standby.client("postgres").batch_execute("SELECT pg_promote()").unwrap();
}

fn commits(seen: &[Seen]) -> Vec<u64> {
    seen.iter().filter(|event| event.kind == Kind::Commit).map(|event| event.ack_lsn).collect()
}

fn ids(range: std::ops::RangeInclusive<i32>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

fn p12_what_was_delivered_and_lost_is_named(version: u32) {
    let (primary, standby, name) = pair(version, "");
    let mut db = database(&primary, &name);
    let mut stream = options(&primary, &standby, &name).open().unwrap();
    overrun(&mut db, &standby, &mut stream);
    promote(&primary, &standby);
    let (seen, failure) = stream.read_to_error();
    assert!(rows(&seen).is_empty(), "{seen:?}");
    assert_eq!(failure.status, Status::WAL_E_DELIVERED_BEYOND, "{failure:?}");
    assert!(
        failure.is_fatal && !failure.is_retriable && failure.hint.contains("synchronized"),
        "{failure:?}"
    );
}

on_versions! { p12_what_was_delivered_and_lost_is_named v17 17, v18 18 }

/// A program is started again at the promoted standby: with a position that it has, and with one that it lacks.
fn p12_a_position_is_judged_by_the_history(version: u32) {
    let (primary, standby, name) = pair(version, "");
    let mut db = database(&primary, &name);
    let mut stream = options(&primary, &standby, &name).open().unwrap();
    let seen = overrun(&mut db, &standby, &mut stream);
    drop(stream);
    promote(&primary, &standby);
    let mut db = database(&standby, &name);
    eventually("it is promoted", || db.text("SELECT pg_is_in_recovery()") == "f");
    insert(&mut db, 1001..=1003);
    let at = |row: i32, kind: Kind| {
        let mut of_row = seen.iter().filter(|event| event.kind == kind);
        of_row.nth(row as usize - 1).unwrap().position
    };
    // Changes are numbered as they were.
    let there = || Options::stream(&standby.conninfo(&name), SLOT, "pub").with("messages", "on");
    for lost in [at(KEPT + 1, Kind::Insert), at(KEPT + 1, Kind::Commit), at(LOST, Kind::Commit)] {
        let failure = there().with("failover_policy", "rewind").open_after(&lost).map(drop).unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_DELIVERED_BEYOND, "{failure:?}");
        assert!(failure.hint.contains("resume after") && !failure.is_retriable, "{failure:?}");
    }
    // What it has is gone on from: in the middle of the last but one, and behind the last.
    for (kept, first) in [(at(KEPT - 1, Kind::Insert), KEPT), (at(KEPT, Kind::Commit), 1001)] {
        let mut stream = there().open_after(&kept).unwrap();
        let seen = stream.read_until(|event| event.line == "INSERT public.t new id=1003");
        assert_eq!(rows(&seen)[0], first.to_string());
        assert!(seen.iter().all(|event| event.position.timeline != 1), "what comes is of the new timeline");
        assert_eq!(rows(&seen).len(), if first == KEPT { 4 } else { 3 });
        drop(stream);
        db.released(SLOT);
    }
}

on_versions! { p12_a_position_is_judged_by_the_history v17 17, v18 18 }

fn p12_a_rewind_is_told_and_reused_positions_are_new(version: u32) {
    let (primary, standby, name) = pair(version, "");
    let mut db = database(&primary, &name);
    let options = options(&primary, &standby, &name).with("failover_policy", "rewind");
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("capture");
    let options = options.with("capture_file", capture.to_str().unwrap());
    let mut stream = options.open().unwrap();
    let seen = overrun(&mut db, &standby, &mut stream);
    let before = commits(&seen);
    assert_eq!(rows(&seen), ids(1..=LOST));
    // Acknowledged, and confirmed to the primary, beyond what the standby has.
    let beyond = before[KEPT as usize + 1];
    stream.ack(beyond).unwrap();
    stream.flush(30_000).unwrap();
    promote(&primary, &standby);
    let mut db = database(&standby, &name);
    insert(&mut db, 1001..=1010);
    let (switchpoint, event) = loop {
        match stream.next(30_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Progress => {}
            Next::Event(event) => {
                // SAFETY: a live event.
                let switchpoint = unsafe { abi::wal_event_reconnect_switchpoint(event.raw()) };
                break (switchpoint, event.copy());
            }
            Next::Nothing(status) => panic!("{status:?}"),
        }
    };
    assert_eq!((event.kind, event.flags, event.ack_lsn), (Kind::Reconnected, REWOUND, switchpoint));
    assert!(before[KEPT as usize - 1] <= switchpoint && switchpoint < before[KEPT as usize], "{switchpoint}");
    assert!(event.lsn <= switchpoint);
    // Both positions went back, and what is still said of the lost history counts no further.
    let last = *before.last().unwrap();
    stream.ack(last).unwrap();
    let stats = stream.stats();
    assert_eq!((stats.acked_lsn, stats.delivered_lsn, stats.timeline), (switchpoint, switchpoint, 2));

    let mut after = stream.read_until(|event| event.line == "INSERT public.t new id=1010");
    after.extend(stream.read_transactions(1));
    assert_eq!(rows(&after), ids(1001..=1010));
    let new = commits(&after);
    assert!(switchpoint < new[0] && new[0] < last, "the positions are used again: {new:?}");
    stream.flush(30_000).unwrap();
    assert!(db.confirmed(SLOT) < new[0], "nothing is confirmed that was not acknowledged here");

    // Over a further break the mark is where the new history has it.
    stream.ack(new[4]).unwrap();
    db.run(&format!("SELECT pg_terminate_backend({})", stream.stats().backend_pid));
    insert(&mut db, 1011..=1015);
    let mut rest = stream.read_until(|event| event.line == "INSERT public.t new id=1015");
    rest.extend(stream.read_transactions(1));
    assert_eq!(rows(&rest), ids(1011..=1015));
    let again: Vec<&Seen> = rest.iter().filter(|event| event.kind == Kind::Reconnected).collect();
    assert!(
        !again.is_empty() && again.iter().all(|event| (event.flags, event.ack_lsn) == (0, 0)),
        "{again:?}"
    );
    let end = *commits(&rest).last().unwrap();
    stream.ack(end).unwrap();
    stream.flush(30_000).unwrap();
    eventually("the new server has it confirmed", || db.confirmed(SLOT) >= end);

    // A capture of it says the same.
    drop(stream);
    let mut replayed = Options::new().replay(&capture).unwrap();
    let mut all = Vec::new();
    while let Next::Event(event) = replayed.next(30_000).unwrap() {
        all.push(event.copy());
    }
    let expected: Vec<String> = [1..=LOST, 1001..=1015].into_iter().flat_map(ids).collect();
    assert_eq!(rows(&all), expected);
}

on_versions! { p12_a_rewind_is_told_and_reused_positions_are_new v17 17, v18 18 }

/// A position that the idle primary moved to is not something delivered: the stream goes on where the standby never came
/// so far, and that position does not count there, whether it was acknowledged before or is only now.
fn p12_an_idle_position_beyond_the_standby_is_nothing_lost(version: u32) {
    let (primary, standby, name) = pair(version, "");
    let mut db = database(&primary, &name);
    let mut stream = options(&primary, &standby, &name).with("status_interval", "50ms").open().unwrap();
    insert(&mut db, 1..=KEPT);
    let last = *commits(&stream.read_transactions(KEPT as usize)).last().unwrap();
    stream.ack(last).unwrap();
    stop_behind(&mut db, &standby);
    // Nothing that is published.
    db.run("CREATE TABLE other (n int); INSERT INTO other SELECT generate_series(1, 1000)");
    let beyond = db.position();
    let mut progress = || match stream.next(30_000).unwrap() {
        Next::Event(event) if event.kind() == Kind::Progress => event.copy().ack_lsn,
        Next::Event(event) => panic!("{}", event.line()),
        Next::Nothing(status) => panic!("{status:?}"),
    };
    let mut idle = 0;
    while idle < beyond {
        idle = progress();
    }
    stream.ack(idle).unwrap();
    stream.flush(30_000).unwrap();
    promote(&primary, &standby);
    let mut db = database(&standby, &name);
    insert(&mut db, 1001..=1003);
    let mut after = stream.read_until(|event| event.line == "INSERT public.t new id=1003");
    after.extend(stream.read_transactions(1));
    assert_eq!(rows(&after), ids(1001..=1003));
    let event = after.iter().find(|event| event.kind == Kind::Reconnected).unwrap();
    assert_eq!((event.flags, event.ack_lsn), (0, 0));
    let new = commits(&after);
    assert!(new[0] < idle, "the positions are used again");
    assert!(stream.stats().acked_lsn < new[0]);
    stream.flush(30_000).unwrap();
    assert!(db.confirmed(SLOT) < new[0], "nothing is confirmed that was not acknowledged here");
}

on_versions! { p12_an_idle_position_beyond_the_standby_is_nothing_lost v17 17, v18 18 }
