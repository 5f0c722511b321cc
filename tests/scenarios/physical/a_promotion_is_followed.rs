//! PH7: a timeline that ends is followed to the next, with its history file, over the same connection or another; and WAL that
//! the promoted server does not have is a fork, never passed over.

use super::{Got, Wal, next, options, read_on, read_to, segment, text};
use crate::harness::server::Stop;
use crate::harness::{Options, PATIENCE, Server, eventually};
use pgwalstream::error::Status;

const SEGMENT: u64 = 16 << 20;

/// A primary with a table, its standby, and the database's name.
fn pair(version: u32) -> (Server, Server, String) {
    let primary = Server::start(version, &[]);
    let name = {
        let mut db = primary.database();
        db.run("CREATE TABLE t (id int)");
        db.name.clone()
    };
    let standby = primary.standby(&[]);
    (primary, standby, name)
}

fn write(server: &Server, name: &str, rows: u32) -> u64 {
    let mut sql = server.client(name);
    sql.batch_execute(&format!("INSERT INTO t SELECT generate_series(1, {rows})")).unwrap();
    position(server, "pg_current_wal_flush_lsn()")
}

fn position(server: &Server, function: &str) -> u64 {
    let row =
        server.client("postgres").query_one(&format!("SELECT ({function} - '0/0')::int8"), &[]).unwrap();
    row.get::<_, i64>(0).unsigned_abs()
}

fn promote(server: &Server) {
    let mut sql = server.client("postgres");
    sql.batch_execute("SELECT pg_promote()").unwrap();
    eventually("it is promoted", || {
        !sql.query_one("SELECT pg_is_in_recovery()", &[]).unwrap().get::<_, bool>(0)
    });
}

/// What a TIMELINE event says must be what the server has, and what follows begins where the segment does.
fn expect_switch(server: &Server, got: Got, wal: &Wal) -> (u64, u64) {
    let Got::Timeline { before, timeline, start, switchpoint, history } = got else { panic!("{got:?}") };
    assert_eq!((before, timeline), (1, 2));
    assert_eq!(history.as_bytes(), server.wal_file("00000002.history"));
    assert!(history.starts_with(&format!("1\t{}\t", text(switchpoint))), "{history}");
    assert_eq!(start, switchpoint & !(SEGMENT - 1));
    assert!(wal.bytes.is_empty() || switchpoint <= wal.end(), "{} {}", text(switchpoint), text(wal.end()));
    (start, switchpoint)
}

fn same_as_the_servers(server: &Server, wal: &Wal, until: u64) {
    let number = wal.start / SEGMENT;
    let file = server.wal_file(&segment(wal.timeline, number, SEGMENT));
    let until = until.min((number + 1) * SEGMENT);
    let length = (until - wal.start) as usize;
    let from = (wal.start % SEGMENT) as usize;
    assert!(
        wal.bytes[..length] == file[from..from + length],
        "segment {number} of timeline {}",
        wal.timeline
    );
}

/// The standby is promoted while it serves the stream: one connection, one TIMELINE event, no reconnect.
fn ph7_a_standby_that_is_promoted_is_followed_over_the_same_connection(version: u32) {
    let (primary, standby, name) = pair(version);
    let end = write(&primary, &name, 1000);
    let options = options(&standby).with("slot", "receiver").with("slot_create", "if_missing");
    let start = end & !(SEGMENT - 1);
    let mut stream = options.with("start_lsn", &text(start)).open().unwrap();
    let mut old = Wal::default();
    assert_eq!(read_to(&mut stream, &mut old, end), None);
    stream.ack(old.end()).unwrap();
    promote(&standby);
    let end = write(&standby, &name, 1000);
    let switch = read_on(&mut stream, &mut old).unwrap();
    let (start, switchpoint) = expect_switch(&standby, switch, &old);
    let mut new = Wal::default();
    assert_eq!(read_to(&mut stream, &mut new, end), None);
    assert_eq!((new.timeline, new.start), (2, start));
    same_as_the_servers(&standby, &new, new.end());
    // The new segment begins with what the old one had.
    let shared = (switchpoint - start) as usize;
    assert!(old.bytes[(start - old.start) as usize..][..shared] == new.bytes[..shared]);
    stream.ack(new.end()).unwrap();
    stream.flush(30_000).unwrap();
    let kept = "(SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'receiver')";
    eventually("the slot moves on", || position(&standby, kept) == new.end());
    assert_eq!((stream.stats().reconnects, stream.stats().timeline), (0, 2));
    // The next outage is one of the timeline that was come to.
    standby
        .client("postgres")
        .batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        .unwrap();
    let got = read_on(&mut stream, &mut new).unwrap();
    let Got::Reconnected { timelines, .. } = got else { panic!("{got:?}") };
    assert_eq!(timelines, (2, 2));
    drop(primary);
}

on_every_version! { ph7_a_standby_that_is_promoted_is_followed_over_the_same_connection }

/// The primary is gone; the standby, which has all of it, is promoted and takes over.
fn ph7_the_next_server_is_followed_where_it_has_everything(version: u32) {
    let (primary, standby, name) = pair(version);
    let hosts = format!("host=127.0.0.1,127.0.0.1 port={},{} user=postgres", primary.port, standby.port);
    let options = Options::new()
        .with("conninfo", &format!("{hosts} target_session_attrs=read-write"))
        .with("mode", "physical")
        .with("reconnect_initial", "20ms")
        .with("reconnect_max", "200ms");
    let mut stream = options.open().unwrap();
    let end = write(&primary, &name, 1000);
    let mut old = Wal::default();
    assert_eq!(read_to(&mut stream, &mut old, end), None);
    eventually("the standby has it", || position(&standby, "pg_last_wal_replay_lsn()") >= end);
    // In order: what stops fast sends all that it has, also to its standby.
    let stopping = std::thread::scope(|scope| {
        scope.spawn(|| {
            primary.stop(Stop::Fast);
            promote(&standby);
        });
        read_on(&mut stream, &mut old)
    });
    let end = write(&standby, &name, 1000);
    let reconnected = stopping.unwrap();
    let Got::Reconnected { lost, timelines, rewound, .. } = reconnected else { panic!("{reconnected:?}") };
    assert_eq!((lost, timelines, rewound), (old.end(), (1, 2), 0));
    let switch = read_on(&mut stream, &mut old).unwrap();
    let (start, _) = expect_switch(&standby, switch, &old);
    let mut new = Wal::default();
    assert_eq!(read_to(&mut stream, &mut new, end), None);
    assert_eq!((new.timeline, new.start), (2, start));
    same_as_the_servers(&standby, &new, new.end());
}

/// The standby was promoted before it had all that the stream has received.
fn ph7_wal_that_the_promoted_server_lacks_is_a_fork(version: u32) {
    for policy in ["fail", "rewind"] {
        let (primary, standby, name) = pair(version);
        let hosts = format!("host=127.0.0.1,127.0.0.1 port={},{} user=postgres", primary.port, standby.port);
        let options = Options::new()
            .with("conninfo", &format!("{hosts} target_session_attrs=read-write"))
            .with("mode", "physical")
            .with("failover_policy", policy)
            .with("reconnect_initial", "20ms")
            .with("reconnect_max", "200ms");
        let mut stream = options.open().unwrap();
        let end = write(&primary, &name, 1000);
        let mut old = Wal::default();
        read_to(&mut stream, &mut old, end);
        eventually("the standby has it", || position(&standby, "pg_last_wal_replay_lsn()") >= end);
        standby.stop(Stop::Fast);
        let end = write(&primary, &name, 1000);
        read_to(&mut stream, &mut old, end);
        stream.ack(old.end()).unwrap();
        primary.stop(Stop::Immediate);
        standby.restart();
        promote(&standby);
        let end = write(&standby, &name, 10);
        let got = next(&mut stream, PATIENCE.as_millis() as i32);
        if policy == "fail" {
            let fork = got.unwrap_err();
            assert!(fork.status == Status::WAL_E_FORK && !fork.is_retriable, "{fork:?}");
            assert!(fork.message.contains(&text(old.end())), "{fork:?}");
            continue;
        }
        let Ok(Got::Reconnected { lost, rewound, timelines, .. }) = got else { panic!("{got:?}") };
        assert_eq!((lost, timelines), (old.end(), (1, 2)));
        assert!(rewound < old.end());
        let switch = read_on(&mut stream, &mut Wal::default()).unwrap();
        let (start, switchpoint) = expect_switch(&standby, switch, &old);
        assert_eq!(switchpoint, rewound);
        let mut new = Wal::default();
        read_to(&mut stream, &mut new, end);
        assert_eq!((new.timeline, new.start), (2, start));
        // What was acknowledged of the old history counts for nothing beyond the switchpoint.
        assert!(stream.stats().acked_lsn <= switchpoint);
    }
}

on_versions! { ph7_the_next_server_is_followed_where_it_has_everything v18 18; v14 14 }
on_versions! { ph7_wal_that_the_promoted_server_lacks_is_a_fork v18 18; v14 14 }

/// Two standbys that were promoted apart have timelines of one number, and not one history.
#[test]
fn ph7_a_timeline_of_the_same_number_and_another_history_is_a_fork() {
    let (primary, first, name) = pair(18);
    let second = primary.standby(&[]);
    let follows = |standby: &Server, end| {
        eventually("the standby has it", || position(standby, "pg_last_wal_replay_lsn()") >= end);
    };
    follows(&first, write(&primary, &name, 100));
    promote(&first);
    follows(&second, write(&primary, &name, 100));
    primary.stop(Stop::Immediate);
    promote(&second);
    let hosts = format!("host=127.0.0.1,127.0.0.1 port={},{} user=postgres", first.port, second.port);
    let options = Options::new().with("conninfo", &hosts).with("mode", "physical");
    let mut stream = options.with("reconnect_initial", "20ms").open().unwrap();
    let end = write(&first, &name, 10);
    let mut wal = Wal::default();
    assert_eq!(read_to(&mut stream, &mut wal, end), None);
    assert_eq!(wal.timeline, 2);
    // The other one has more, so that the position alone would do.
    while write(&second, &name, 1000) <= wal.end() + (1 << 20) {}
    first.stop(Stop::Immediate);
    let fork = read_on(&mut stream, &mut wal).unwrap_err();
    assert!(fork.status == Status::WAL_E_FORK && !fork.is_retriable, "{fork:?}");
    assert!(fork.message.contains("another way"), "{fork:?}");
}

/// An archive that was away during promotions goes through them one by one.
#[test]
fn ph7_a_stream_goes_through_the_timelines_that_it_missed() {
    let (primary, standby, name) = pair(18);
    let begin = position(&primary, "pg_current_wal_flush_lsn()") & !(SEGMENT - 1);
    let end = write(&primary, &name, 1000);
    eventually("the standby has it", || position(&standby, "pg_last_wal_replay_lsn()") >= end);
    promote(&standby);
    let end = write(&standby, &name, 1000);
    let mut stream = options(&standby).with("start_lsn", &text(begin)).open().unwrap();
    let mut old = Wal::default();
    let switch = read_on(&mut stream, &mut old).unwrap();
    assert_eq!((old.timeline, old.start), (1, begin), "the timeline that has the position");
    let (_, switchpoint) = expect_switch(&standby, switch, &old);
    let mut new = Wal::default();
    read_to(&mut stream, &mut new, end);
    same_as_the_servers(&standby, &new, new.end());
    drop(stream);
    // Just where the timeline ended there is nothing more of it.
    let at_end = options(&standby).with("start_lsn", &text(switchpoint)).with("timeline", "1");
    let mut stream = at_end.open().unwrap();
    let switch = next(&mut stream, PATIENCE.as_millis() as i32).unwrap();
    expect_switch(&standby, switch, &Wal::default());
    let beyond = options(&standby).with("start_lsn", &text(switchpoint + 1)).with("timeline", "1").open();
    assert_eq!(beyond.err().unwrap().status, Status::WAL_E_FORK);
}
