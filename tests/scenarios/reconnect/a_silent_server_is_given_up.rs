//! P15: over a half-open connection nothing comes, not even its end. The server is asked, and given up when it does not
//! answer. P14: it does not know, and holds the slot until its own patience ends, which is waited for. A server that
//! only has nothing to say keeps its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cutter::quick;
use crate::harness::{Kind, Next, Options, Proxy, Seen, Server};
use pgwalstream::error::Status;

fn rows(seen: &[Seen]) -> Vec<&str> {
    seen.iter().filter(|event| event.kind == Kind::Insert).map(|event| event.line.as_str()).collect()
}

fn p15_p14_a_connection_that_is_dead_both_ways(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let proxy = Proxy::start(server.port, |tag, body, out| out.send(tag, body));
    // The server gives the connection up later than the client does.
    let conninfo = format!("{} options='-c wal_sender_timeout=6s'", proxy.conninfo(&db.name));
    let options = quick(Options::stream(&conninfo, &slot, "pub")).with("receive_timeout", "2s");
    let mut stream = options.with("reconnect_max", "200ms").open().unwrap();
    db.run("INSERT INTO t VALUES (1)");
    stream.read_transactions(1);
    let begin = Instant::now();
    proxy.freeze();
    db.run("INSERT INTO t VALUES (2)");
    let seen = stream.read_transactions(1);
    assert_eq!(rows(&seen), ["INSERT public.t new id=2"]);
    let told = seen.iter().find(|event| event.kind == Kind::Reconnected).expect("a reconnect");
    assert!(told.line.contains("silent for 2.0 s"), "{}", told.line);
    assert!(begin.elapsed() > Duration::from_secs(2), "in {:?}", begin.elapsed());
    // Until the server noticed, the slot was in use.
    assert!(stream.stats().reconnects == 1);
}

on_versions! { p15_p14_a_connection_that_is_dead_both_ways v14 14, v18 18 }

/// What the server says is lost, and it hears everything.
#[test]
fn p15_a_connection_that_is_dead_one_way() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let dead = Arc::new(AtomicBool::new(false));
    let swallow = Arc::clone(&dead);
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        // The next connection is a good one.
        if tag == b'R' {
            swallow.store(false, Ordering::SeqCst);
        }
        if !swallow.load(Ordering::SeqCst) {
            out.send(tag, body);
        }
    });
    let options = quick(Options::stream(&proxy.conninfo(&db.name), &slot, "pub"));
    let mut stream = options.with("receive_timeout", "1s").open().unwrap();
    dead.store(true, Ordering::SeqCst);
    db.run("INSERT INTO t VALUES (1)");
    assert_eq!(rows(&stream.read_transactions(1)), ["INSERT public.t new id=1"]);
    assert_eq!(stream.stats().reconnects, 1);
}

/// Neither a server without news nor a consumer that reads nothing is silence.
#[test]
fn p15_a_quiet_server_and_a_slow_consumer_are_not_dead() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    // No keepalive comes by itself.
    let conninfo = format!("{} options='-c wal_sender_timeout=0'", db.conninfo());
    let options = Options::stream(&conninfo, &slot, "pub").with("status_interval", "1h");
    let mut stream = options.with("receive_timeout", "1s").with("queue_bytes", "64kB").open().unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert!(matches!(stream.next(100), Ok(Next::Event(_) | Next::Nothing(Status::WAL_TIMEOUT))));
    }
    assert!(stream.stats().keepalives >= 3, "it was asked and answered");
    db.run("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i");
    thread::sleep(Duration::from_secs(3));
    let seen = stream.read_transactions(1);
    assert_eq!(rows(&seen).len(), 20_000);
    assert_eq!(stream.stats().reconnects, 0);
}

/// A server that lets the client in and then says nothing does not hang a reconnect.
#[test]
fn p15_a_command_without_an_answer_is_given_up() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let (mut connections, mut ready) = (0, 0);
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        if tag == b'R' && body == [0; 4] {
            connections += 1;
            ready = 0;
        }
        ready += u32::from(tag == b'Z');
        match connections {
            1 if tag == b'd' => out.cut(),
            // Nothing is answered any more once the client is let in; later, once it has asked one thing.
            2 | 3 if ready > connections - 2 => {}
            _ => out.send(tag, body),
        }
    });
    let options = quick(Options::stream(&proxy.conninfo(&db.name), &slot, "pub"));
    let mut stream = options.with("receive_timeout", "500ms").open().unwrap();
    db.run("INSERT INTO t VALUES (1)");
    let seen = stream.read_transactions(1);
    assert_eq!(rows(&seen), ["INSERT public.t new id=1"]);
    assert_eq!(stream.stats().reconnects, 1);
}
