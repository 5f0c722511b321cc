//! A walsender that decodes says nothing for longer than `receive_timeout`, and begins again at the same place where it is
//! given up: each time it gets more time, so that the stream comes through.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Kind, Options, Proxy, Server};

/// How long it decodes before it says anything.
const DECODING: Duration = Duration::from_millis(1_500);

#[test]
fn s21_a_server_that_decodes_gets_more_time() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1)");
    let mut since = Instant::now();
    let proxy = Proxy::start(server.port, move |tag, body, outlet| {
        match tag {
            b'W' => since = Instant::now(),
            b'd' => thread::sleep(DECODING.saturating_sub(since.elapsed())),
            _ => (),
        }
        outlet.send(tag, body);
    });
    let options = Options::stream(&proxy.conninfo(&db.name), &slot, "pub")
        .with("receive_timeout", "1s")
        .with("reconnect_initial", "1ms");
    let mut stream = options.open().unwrap();
    stream.read_until(|seen| seen.kind == Kind::Insert);
    assert!(stream.stats().reconnects > 0, "it was given up at first");
}
