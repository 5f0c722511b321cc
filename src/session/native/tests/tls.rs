//! Servers that answer the request for TLS with what they should not.

use std::net::TcpStream;

use super::*;

/// A server that reads the request for TLS and then does as it likes; it takes one connection after the other.
fn hostile(play: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8];
            if stream.read_exact(&mut request).is_ok() && request == *b"\0\0\0\x08\x04\xd2\x16\x2f" {
                play(stream);
            }
        }
    });
    port
}

fn refused(port: u16, text: &str) -> Error {
    let text = format!("host=127.0.0.1 port={port} user=u password=hunter2 connect_timeout=2 {text}");
    let error = block_on(connect(&Conninfo::parse(&text).unwrap())).unwrap_err();
    assert!(!error.hint().is_empty(), "{error:?}");
    error
}

#[test]
fn only_one_byte_may_come_before_tls() {
    for (answer, mode, status, says) in [
        (b"X".as_slice(), "require", Status::WAL_E_PROTOCOL, "and PostgreSQL says"),
        (b"X", "prefer", Status::WAL_E_PROTOCOL, "and PostgreSQL says"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "require", Status::WAL_E_PROTOCOL, "and PostgreSQL says"),
        (b"SR\0\0\0\x08\0\0\0\0", "require", Status::WAL_E_PROTOCOL, "without encryption"),
        (b"SR\0\0\0\x08\0\0\0\0", "prefer", Status::WAL_E_PROTOCOL, "without encryption"),
        (b"N", "require", Status::WAL_E_TLS, "does not support TLS"),
        (b"N", "verify-full sslrootcert=/no/such/file", Status::WAL_E_TLS, "does not support TLS"),
        (b"E\0\0\0\x09MBelieve me\0\0", "require", Status::WAL_E_TLS, "not believed"),
        (b"", "require", Status::WAL_E_CONNECTION_LOST, "without a word"),
    ] {
        let port = hostile(move |mut stream| {
            let _ = stream.write_all(answer);
            // What was written is read before the end is seen.
            std::thread::sleep(Duration::from_millis(20));
        });
        let error = refused(port, &format!("sslmode={mode}"));
        assert_eq!(error.status(), status, "{answer:?} {mode}: {error:?}");
        assert!(error.message().contains(says), "{answer:?} {mode}: {error:?}");
        assert!(!format!("{error:?}").contains("Believe"));
    }
}

#[test]
fn a_handshake_ends_in_time_whatever_comes() {
    let record = |kind: u8, body: &[u8]| {
        [&[kind, 3, 3], &u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
    };
    for (what, answer) in [
        ("no TLS at all", b"ERROR: I do not speak that\r\n".repeat(100)),
        (
            "handshake messages that begin and never end",
            record(22, &[&[2, 0xff, 0xff, 0xff][..], &[0; 16_000]].concat()),
        ),
        ("empty handshake records", record(22, &[])),
        ("changes of cipher", record(20, &[1])),
        ("warnings", record(21, &[1, 90])),
        ("data before it is its time", record(23, &[0; 1000])),
        ("a record that is too long", vec![22, 3, 3, 0xff, 0xff]),
    ] {
        let port = hostile(move |mut stream| {
            let _ = stream.write_all(b"S");
            std::thread::sleep(Duration::from_millis(20));
            // Without end.
            while stream.write_all(&answer).is_ok() {}
        });
        let start = Instant::now();
        let error = refused(port, "sslmode=require");
        let expected = [Status::WAL_E_TLS, Status::WAL_E_PROTOCOL, Status::WAL_E_CONNECT_TIMEOUT];
        assert!(expected.contains(&error.status()), "{what}: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(9), "{what}");
    }
    let silent = hostile(|mut stream| {
        let _ = stream.write_all(b"S");
        std::thread::sleep(Duration::from_secs(5));
    });
    assert_eq!(refused(silent, "sslmode=require").status(), Status::WAL_E_CONNECT_TIMEOUT);
    let gone = hostile(|mut stream| {
        let _ = stream.write_all(b"S");
        let _ = stream.read(&mut [0; 2000]);
    });
    let error = refused(gone, "sslmode=require");
    assert_eq!(error.status(), Status::WAL_E_CONNECTION_LOST);
    assert!(error.message().contains("handshake"), "{error:?}");
}

#[test]
fn a_cut_handshake_passes_whatever_is_said_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut opening = [0; 8];
            let _ = stream.read_exact(&mut opening);
            let _ = match &opening {
                b"\0\0\0\x08\x04\xd2\x16\x2f" => stream.write_all(b"S"),
                _ => stream.write_all(&super::error("28000", "FATAL")),
            };
            let _ = stream.read(&mut [0; 2000]);
        }
    });
    let error = refused(port, "sslmode=prefer");
    assert_eq!(error.sqlstate(), "28000");
    assert!(error.detail().contains("handshake") && error.is_retriable(), "{error:?}");
    // The one way that there is was refused for good.
    assert!(!refused(port, "sslmode=disable").is_retriable());
}
