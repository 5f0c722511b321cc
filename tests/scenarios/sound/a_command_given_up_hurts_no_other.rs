//! A command that was given up is over for good: no request to cancel that is still on its way ends the next one (P45).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::harness::{Admin, Options, Server};
use pgwalstream::error::Status;

/// What a request to cancel begins with.
const CANCEL: [u8; 8] = *b"\0\0\0\x10\x04\xd2\x16\x2e";

/// Passes connections on to the server, requests to cancel only after `delay`.
fn slow_to_cancel(target: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) =
                (client.unwrap(), TcpStream::connect(("127.0.0.1", target)).unwrap());
            thread::spawn(move || {
                let mut opening = [0; 8];
                client.read_exact(&mut opening).unwrap();
                if opening == CANCEL {
                    thread::sleep(delay);
                }
                server.write_all(&opening).unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                let _ = std::io::copy(&mut client, &mut server);
                // Whoever loses interest in the answer of the request does not take it back.
                if opening != CANCEL {
                    let _ = server.shutdown(Shutdown::Both);
                }
            });
        }
    });
    port
}

fn nothing_strays(version: u32, backend: &str) {
    let server = Server::shared(version);
    let port = slow_to_cancel(server.port, Duration::from_millis(600));
    let conninfo = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable");
    let admin = Admin::with(&Options::new().with("conninfo", &conninfo).with("backend", backend));
    // It ends by itself while the request is on its way.
    assert!(admin.query_within("SELECT 'done' FROM pg_sleep(0.3)", 20).is_ok());
    assert_eq!(admin.query("SELECT 'whole' FROM pg_sleep(0.8)").unwrap(), [[Some("whole".to_owned())]]);
    // It is ended by the request.
    let late = admin.query_within("SELECT pg_sleep(60)", 20);
    assert_eq!(late.map(drop), Err(Ok(Status::WAL_TIMEOUT)));
    assert_eq!(admin.query("SELECT 'whole' FROM pg_sleep(0.5)").unwrap(), [[Some("whole".to_owned())]]);
}

fn s22_no_cancel_strays(version: u32) {
    nothing_strays(version, "rustls");
}

on_versions! { s22_no_cancel_strays v14 14, v18 18 }

#[cfg(feature = "libpq")]
#[test]
fn s22_no_cancel_strays_through_libpq() {
    nothing_strays(14, "libpq");
}
