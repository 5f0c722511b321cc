//! A standby that is promoted under a stream has sent what it sent, and lost nothing of it; and an address where a standby
//! answers for a moment is not the place to give a slot up.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use crate::harness::{Kind, Options, Seen, Server, Stream, eventually};
use crate::reconnect::cutter::quick;
use pgwalstream::error::Status;

const SLOT: &str = "sound";
const DB: &str = "sound";

/// A primary with a table, and its standby.
fn pair(version: u32, prepare: &str) -> (Server, Server) {
    let primary = Server::start(version, &[]);
    primary.client("postgres").batch_execute(&format!("CREATE DATABASE {DB}")).unwrap();
    let table = "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t";
    let mut sql = primary.client(DB);
    sql.batch_execute(table).unwrap();
    sql.batch_execute(prepare).unwrap();
    drop(sql);
    let standby = primary.standby(&["hot_standby_feedback=on"]);
    (primary, standby)
}

/// Makes the slot on the standby, which needs a word from the primary for it.
fn slot_on(standby: &Server, primary: &Server) {
    std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            let make = format!("SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')");
            standby.client(DB).batch_execute(&make).unwrap();
        });
        let mut sql = primary.client(DB);
        while !made.is_finished() {
            sql.batch_execute("SELECT pg_log_standby_snapshot()").unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

fn insert(server: &Server, ids: std::ops::RangeInclusive<i32>) {
    let mut sql = server.client(DB);
    for id in ids {
        sql.batch_execute(&format!("INSERT INTO t VALUES ({id})")).unwrap();
    }
}

fn rows(seen: &[Seen]) -> Vec<String> {
    let rows = seen.iter().filter(|event| event.kind == Kind::Insert);
    rows.map(|event| event.line.replace("INSERT public.t new id=", "")).collect()
}

fn cut(server: &Server, stream: &Stream) {
    let end = format!("SELECT pg_terminate_backend({})", stream.stats().backend_pid);
    server.client(DB).batch_execute(&end).unwrap();
}

/// Reads to the end of the transaction with this row.
fn read_to(stream: &mut Stream, id: i32) -> Vec<Seen> {
    let (mut came, line) = (false, format!("INSERT public.t new id={id}"));
    stream.read_until(|event| {
        came |= event.line == line;
        came && event.kind == Kind::Commit
    })
}

fn s11_a_promotion_under_a_stream_loses_nothing(policy: &str) {
    let (primary, standby) = pair(18, "");
    slot_on(&standby, &primary);
    let options = quick(Options::stream(&standby.conninfo(DB), SLOT, "pub"));
    let options = options.with("failover_policy", policy).with("status_interval", "20ms");
    let mut stream = options.open().unwrap();
    insert(&primary, 1..=3);
    let mut seen = read_to(&mut stream, 3);
    standby.client("postgres").batch_execute("SELECT pg_promote()").unwrap();
    insert(&standby, 4..=6);
    seen.extend(read_to(&mut stream, 6));
    let last = seen.last().unwrap().ack_lsn;
    stream.ack(last).unwrap();
    // Some that was delivered and not acknowledged, and some that was not delivered.
    insert(&standby, 7..=9);
    seen.extend(read_to(&mut stream, 8));
    cut(&standby, &stream);
    insert(&standby, 10..=10);
    seen.extend(read_to(&mut stream, 10));
    assert_eq!(rows(&seen), (1..=10).map(|id| id.to_string()).collect::<Vec<_>>());
    let again: Vec<&Seen> = seen.iter().filter(|event| event.kind == Kind::Reconnected).collect();
    assert_eq!((again.len(), again[0].flags), (1, 0), "nothing is rewound");
    assert_eq!(stream.stats().timeline, 2);
    // And once more, on the timeline that was taken over.
    cut(&standby, &stream);
    insert(&standby, 11..=11);
    assert_eq!(rows(&read_to(&mut stream, 11)), ["11"]);
}

#[test]
fn s11_a_promotion_under_a_stream_loses_nothing_with_fail() {
    s11_a_promotion_under_a_stream_loses_nothing("fail");
}

#[test]
fn s11_a_promotion_under_a_stream_loses_nothing_with_rewind() {
    s11_a_promotion_under_a_stream_loses_nothing("rewind");
}

/// The promoted standby is started anew: nobody can tell any more that it is the one that sent it. Its history says that it
/// may be, so that the stream goes on, with a warning.
#[test]
fn s11_a_promoted_standby_that_was_restarted_is_believed_with_a_warning() {
    let (primary, standby) = pair(18, "");
    slot_on(&standby, &primary);
    let log = Arc::default();
    let options = quick(Options::stream(&standby.conninfo(DB), SLOT, "pub")).with_log(&log);
    let mut stream = options.open().unwrap();
    standby.client("postgres").batch_execute("SELECT pg_promote()").unwrap();
    insert(&standby, 1..=3);
    let mut seen = read_to(&mut stream, 3);
    standby.stop(crate::harness::server::Stop::Immediate);
    standby.restart();
    insert(&standby, 4..=4);
    seen.extend(read_to(&mut stream, 4));
    assert_eq!(rows(&seen), ["1", "2", "3", "4"]);
    let log = log.lock().unwrap();
    let warned =
        log.iter().filter(|(_, text)| text.contains("timeline") && text.contains("promoted")).count();
    assert_eq!(warned, 1, "{log:?}");
}

/// An address that leads to one server or another.
struct Address {
    port: u16,
    target: Arc<AtomicU16>,
    made: Arc<AtomicU64>,
}

impl Address {
    fn of(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, made) = (Arc::new(AtomicU16::new(server.port)), Arc::new(AtomicU64::new(0)));
        let (to, count) = (Arc::clone(&target), Arc::clone(&made));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { port, target, made }
    }
}

fn s12_a_standby_at_the_address_is_waited_for(version: u32) {
    // On 14 the standby has a copy of the slot, and says that it cannot decode; else it has none.
    let make = format!("SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')");
    let (before, after) = if version == 14 { (make.as_str(), "") } else { ("", make.as_str()) };
    let (primary, standby) = pair(version, before);
    primary.client(DB).batch_execute(after).unwrap();
    let address = Address::of(&primary);
    let conninfo = primary.conninfo(DB).replace(&primary.port.to_string(), &address.port.to_string());
    let mut stream = quick(Options::stream(&conninfo, SLOT, "pub")).open().unwrap();
    insert(&primary, 1..=1);
    read_to(&mut stream, 1);
    address.target.store(standby.port, Ordering::SeqCst);
    let before = address.made.load(Ordering::SeqCst);
    cut(&primary, &stream);
    eventually("the standby was tried", || address.made.load(Ordering::SeqCst) >= before + 3);
    stream.expect_quiet(50);
    address.target.store(primary.port, Ordering::SeqCst);
    insert(&primary, 2..=2);
    let seen = read_to(&mut stream, 2);
    assert_eq!(rows(&seen), ["2"]);
    assert_eq!(seen.iter().filter(|event| event.kind == Kind::Reconnected).count(), 1);
}

on_versions! { s12_a_standby_at_the_address_is_waited_for v14 14, v18 18 }

/// A stream of a standby has no other place to look for its slot.
#[test]
fn s12_a_slot_that_a_standby_lost_is_missing_for_good() {
    let (primary, standby) = pair(18, "");
    slot_on(&standby, &primary);
    let options = Options::stream(&standby.conninfo(DB), SLOT, "pub").with("reconnect_initial", "500ms");
    let mut stream = options.open().unwrap();
    let mut sql = standby.client(DB);
    let end = format!("SELECT pg_terminate_backend({})", stream.stats().backend_pid);
    sql.batch_execute(&end).unwrap();
    eventually("the slot is dropped", || {
        sql.batch_execute(&format!("SELECT pg_drop_replication_slot('{SLOT}')")).is_ok()
    });
    let (_, failure) = stream.read_to_error();
    assert_eq!(failure.status, Status::WAL_E_SLOT_MISSING, "{failure:?}");
    assert!(failure.is_fatal && !failure.is_retriable, "{failure:?}");
}
