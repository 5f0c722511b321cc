//! A server that never stops talking is given up in time, and keeps no other stream of the engine's thread from its
//! events and its keepalives: before authentication, after it, in a query and in COPY.

use std::time::{Duration, Instant};

use crate::harness::server::unique;
use crate::harness::{Next, Options, Proxy, Server, Stream};
use pgwalstream::error::Status;

/// What anything may take on a busy machine that is to be done at once.
const ROOM: Duration = Duration::from_secs(3);

/// Where a flood begins, and whether what is flooded is said in place of the message there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BeforeAuthentication,
    AfterAuthentication,
    InQuery,
    InCopy,
}

use Place::{AfterAuthentication, BeforeAuthentication, InCopy, InQuery};

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

fn setting(value: &[u8]) -> Vec<u8> {
    message(b'S', &[b"application_name\0", value, b"\0"].concat())
}

fn notice(text: &[u8]) -> Vec<u8> {
    message(b'N', &[b"SWARNING\0VWARNING\0C01000\0M", text, b"\0\0"].concat())
}

/// A server that is well until it comes to a place, and talks for ever from there.
fn flooding(server: &Server, place: Place, again: Vec<u8>) -> Proxy {
    let mut is_copying = false;
    Proxy::start(server.port, move |tag, body, out| {
        let here = match place {
            BeforeAuthentication => tag == b'R',
            AfterAuthentication => tag == b'K',
            InQuery => tag == b'T',
            // The walsender's first word, a keepalive.
            InCopy => is_copying,
        };
        is_copying |= tag == b'W';
        if here { out.flood(&again) } else { out.send(tag, body) }
    })
}

/// Each event of a stream within its time, while something else goes on.
fn goes_on(db: &mut crate::harness::Database<'_>, stream: &mut Stream, what: &str) {
    let begin = Instant::now();
    db.run("INSERT INTO t SELECT count(*) + 1 FROM t");
    let commit = stream.read_transactions(1).pop().unwrap();
    stream.ack(commit.ack_lsn).unwrap();
    assert!(begin.elapsed() < ROOM, "{what}: {:?}", begin.elapsed());
}

fn free(stream: Stream) -> Duration {
    let begin = Instant::now();
    drop(stream);
    begin.elapsed()
}

#[test]
fn s50_a_flood_stops_neither_deadlines_nor_other_streams() {
    a_flood_stops_nobody("rustls");
}

#[cfg(feature = "libpq")]
#[test]
fn s50_nor_does_one_through_libpq() {
    a_flood_stops_nobody("libpq");
}

fn a_flood_stops_nobody(backend: &str) {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let mut healthy = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    goes_on(&mut db, &mut healthy, "alone");
    for (place, again) in [
        (BeforeAuthentication, notice(&[0xFF; 60_000])),
        (AfterAuthentication, setting(&[b'x'; 100]).repeat(500)),
        (InQuery, notice(b"x").repeat(1_000)),
        (InQuery, setting(&[b'x'; 60_000])),
        (InCopy, setting(b"x").repeat(1_000)),
        (InCopy, notice(&[0xFF; 60_000])),
    ] {
        let what = format!("{place:?}, {:?}", String::from_utf8_lossy(&again[..12]));
        let proxy = flooding(server, place, again);
        let conninfo = format!("{} connect_timeout=2", proxy.conninfo(&db.name));
        let flooded = Options::stream(&conninfo, &unique("flood"), "pub")
            .with("backend", backend)
            .with("close_timeout", "200ms")
            .with("receive_timeout", "30s");
        if place == InCopy {
            let stream = flooded.with("slot_create", "temporary").open().unwrap();
            std::thread::sleep(Duration::from_millis(100));
            goes_on(&mut db, &mut healthy, &what);
            let took = free(stream);
            assert!(took < Duration::from_millis(200) + ROOM, "{what}: {took:?}");
            continue;
        }
        let stream = flooded.new_stream().unwrap();
        let begin = Instant::now();
        let failure = std::thread::scope(|scope| {
            let connecting = scope.spawn(|| stream.connect(400).unwrap_err());
            goes_on(&mut db, &mut healthy, &what);
            connecting.join().unwrap()
        });
        let took = begin.elapsed();
        assert!(took < Duration::from_millis(400) + ROOM, "{what}: {took:?}, {failure:?}");
        let mut expected = vec![Status::WAL_E_PROTOCOL, Status::WAL_E_CONNECT_TIMEOUT];
        if backend == "libpq" {
            // It takes nothing but an authentication's messages there, and says so in its own words.
            expected.push(Status::WAL_E_AUTH);
        }
        assert!(expected.contains(&failure.status), "{what}: {failure:?}");
        let took = free(stream);
        assert!(took < Duration::from_millis(200) + ROOM, "{what}: {took:?}");
    }
    assert!(matches!(healthy.next(0), Ok(Next::Nothing(_) | Next::Event(_))));
}
