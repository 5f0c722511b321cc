//! By an option the first connection waits for what passes by itself: a slot in use, a server that is not there yet. Without
//! it the connection is made once, or fails at once.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::server::free_port;
use crate::harness::{Options, Server};
use pgwalstream::error::Status;

#[test]
fn s28_a_slot_in_use_is_waited_for() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = db.conninfo();
    let options = |wait: &str| {
        Options::stream(&conninfo, &slot, "pub").with("connect_wait", wait).with("reconnect_initial", "50ms")
    };
    let first = options("0").open().unwrap();
    assert_eq!(options("0").open().map(drop).unwrap_err().status, Status::WAL_E_SLOT_ACTIVE);
    // Not for ever.
    let begun = Instant::now();
    let late = options("300ms").open().map(drop).unwrap_err();
    assert_eq!(late.status, Status::WAL_E_SLOT_ACTIVE, "{late:?}");
    assert!(late.detail.contains("gave up after"), "{late:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    // What does not pass is told at once.
    let missing = Options::stream(&conninfo, "nowhere", "pub").with("connect_wait", "1h").open();
    assert_eq!(missing.map(drop).unwrap_err().status, Status::WAL_E_SLOT_MISSING);
    // The timeout of the call ends it sooner.
    let stream = options("1h").new_stream().unwrap();
    let late = stream.connect(300).unwrap_err();
    assert!(matches!(late.status, Status::WAL_E_CONNECT_TIMEOUT | Status::WAL_E_SLOT_ACTIVE), "{late:?}");
    thread::scope(|threads| {
        let waiting = threads.spawn(|| options("60s").open().map(drop));
        thread::sleep(Duration::from_millis(200));
        drop(first);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn s28_a_server_that_starts_is_waited_for() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int); CREATE PUBLICATION pub FOR TABLE t");
    let (slot, port, target) = (db.slot(), free_port(), server.port);
    let conninfo = format!("host=127.0.0.1 port={port} user=postgres dbname={} sslmode=disable", db.name);
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(400));
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        for client in listener.incoming() {
            let (mut client, mut server) =
                (client.unwrap(), TcpStream::connect(("127.0.0.1", target)).unwrap());
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            thread::spawn(move || std::io::copy(&mut client, &mut server));
        }
    });
    let options = |wait: &str| Options::stream(&conninfo, &slot, "pub").with("connect_wait", wait);
    assert_eq!(options("0").open().map(drop).unwrap_err().status, Status::WAL_E_CONNECT);
    options("60s").open().unwrap();
}
