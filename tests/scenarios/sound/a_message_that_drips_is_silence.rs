//! A server that sends a message slower than any link is as good as silent; a link of 16 kB/s is none of that.

use std::time::{Duration, Instant};

use crate::harness::{Next, Options, Proxy, Server};
use pgwalstream::error::Status;

/// How a stream ends over which one message comes so slowly, and when.
fn ends_with(bytes: usize, length: u32) -> (Status, Duration) {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE PUBLICATION pub");
    let slot = db.slot();
    let mut is_copying = false;
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        if is_copying {
            out.raw(&[&b"d"[..], &length.to_be_bytes(), b"w", &[0; 24], b"?"].concat());
            out.drip(&vec![0; bytes], Duration::from_millis(100));
        } else {
            out.send(tag, body);
        }
        is_copying |= tag == b'W';
    });
    let options = Options::stream(&proxy.conninfo(&db.name), &slot, "pub");
    let mut stream = options.with("receive_timeout", "1s").with("reconnect", "off").open().unwrap();
    let begin = Instant::now();
    loop {
        match stream.next(60_000) {
            Ok(Next::Event(_)) => (),
            Ok(Next::Nothing(status)) => panic!("{status:?}"),
            Err(failure) => return (failure.status, begin.elapsed()),
        }
    }
}

#[test]
fn s55_one_byte_at_a_time_is_silence() {
    let (status, took) = ends_with(1, 1 << 30);
    assert_eq!(status, Status::WAL_E_CONNECTION_LOST);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn s55_a_slow_link_is_fine() {
    let (status, took) = ends_with(1_600, 40_000);
    assert_eq!(status, Status::WAL_E_UNKNOWN_MESSAGE, "it came, and is one that nobody knows");
    assert!(took > Duration::from_millis(1_500), "{took:?}");
}
