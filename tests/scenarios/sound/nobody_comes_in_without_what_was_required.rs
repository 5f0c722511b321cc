//! Where require_auth or channel_binding asks for a proof, a server that lets the client in without one is refused at its
//! first word: it gets to say nothing else, and is never waited for.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::harness::Options;
use pgwalstream::error::Status;

/// A server that lets everybody in at once and says nothing more.
fn open_door() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            std::thread::spawn(move || {
                let _ = client.read(&mut [0; 4096]);
                let _ = client.write_all(b"R\0\0\0\x08\0\0\0\0");
                let _ = client.read_to_end(&mut Vec::new());
            });
        }
    });
    port
}

fn refused(backend: &str) {
    let port = open_door();
    for asked in
        ["require_auth=scram-sha-256", "require_auth=md5", "require_auth=password,md5", "require_auth=!none"]
    {
        let conninfo = format!(
            "host=127.0.0.1 port={port} user=u dbname=d password=p sslmode=disable gssencmode=disable {asked}"
        );
        let stream = Options::stream(&conninfo, "s", "p").with("backend", backend).new_stream().unwrap();
        let begin = Instant::now();
        let failure = stream.connect(20_000).unwrap_err();
        let expected = [Status::WAL_E_AUTH_METHOD, Status::WAL_E_AUTH];
        assert!(expected.contains(&failure.status), "{asked}: {failure:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{asked}: it was waited for");
    }
}

#[test]
fn s52_a_door_that_is_open_is_not_gone_through() {
    refused("rustls");
}

/// Debian's libpq knows no require_auth: version 16 brought it.
#[cfg(feature = "libpq")]
#[test]
fn s52_nor_is_it_through_libpq() {
    let conninfo = "host=/nonexistent user=u dbname=d require_auth=md5";
    let options = Options::stream(conninfo, "s", "p").with("backend", "libpq");
    let known = options.open().err().is_none_or(|failure| failure.status != Status::WAL_E_CONNINFO);
    if known {
        refused("libpq");
    }
}
