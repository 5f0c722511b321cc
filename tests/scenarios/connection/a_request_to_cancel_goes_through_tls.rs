//! A query under TLS is cancelled from outside, and the key that allows it is not shown without TLS; a server that ends
//! the session is noticed under TLS as without.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::authority::{CA, SERVER, Wish};
use crate::harness::{Authority, Server};
use pgwalstream::conninfo::Conninfo;
use pgwalstream::session::{NativeSession, Replication, Session, StartupSettings, Unasked};

/// The request for TLS.
const TLS: [u8; 8] = *b"\0\0\0\x08\x04\xd2\x16\x2f";

type Openings = Arc<Mutex<Vec<[u8; 8]>>>;

/// Passes connections on to the server, and notes what each begins with.
fn watched(target: u16) -> (u16, Openings) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let openings = Openings::default();
    let noted = Arc::clone(&openings);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) =
                (client.unwrap(), TcpStream::connect(("127.0.0.1", target)).unwrap());
            let mut opening = [0; 8];
            client.read_exact(&mut opening).unwrap();
            noted.lock().unwrap().push(opening);
            server.write_all(&opening).unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
            thread::spawn(move || {
                let _ = std::io::copy(&mut client, &mut server);
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (port, openings)
}

async fn cancelled(session: &mut NativeSession, conninfo: &Conninfo) {
    let canceller = session.canceller();
    let query = session.query("SELECT pg_sleep(600)");
    let cancelling = async {
        // A request that overtakes the query has no effect.
        loop {
            canceller.send(conninfo).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        answer = query => assert_eq!(answer.unwrap_err().sqlstate(), "57014"),
        () = cancelling => (),
    }
    assert_eq!(session.query("SELECT 1 AS one").await.unwrap().get(0, "one"), Some("1"));
}

#[test]
fn and_the_end_of_a_session_is_noticed() {
    let all = Authority::new();
    all.root("root", Wish { subject: "/CN=Root", extensions: CA, ..SERVER });
    all.issue("server", "root", SERVER);
    let server = Server::start(18, &[]);
    let (crt, key) = (all.path("server.crt"), all.path("server.key"));
    server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
    let (port, openings) = watched(server.port);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (mode, tls) in [("prefer", true), ("require", true), ("disable", false)] {
        openings.lock().unwrap().clear();
        let text = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode={mode}");
        let conninfo = Conninfo::parse(&text).unwrap();
        let mut session = runtime.block_on(async {
            let deadline = Some(Instant::now() + Duration::from_secs(60));
            let settings = StartupSettings { replication: Replication::Off, ..StartupSettings::default() };
            let mut session = NativeSession::connect(&conninfo, &settings, deadline).await.unwrap();
            cancelled(&mut session, &conninfo).await;
            session
        });
        let seen = openings.lock().unwrap().clone();
        assert!(seen.len() >= 2, "{mode}: {seen:?}");
        assert!(seen.iter().all(|opening| (*opening == TLS) == tls), "{mode}: {seen:?}");

        assert_eq!(session.unasked(), Unasked::Nothing);
        let pid = session.backend_pid();
        server.client("postgres").execute(&format!("SELECT pg_terminate_backend({pid})"), &[]).unwrap();
        runtime.block_on(async {
            let late = Instant::now() + Duration::from_secs(60);
            while session.unasked() == Unasked::Nothing {
                assert!(Instant::now() < late, "{mode}: the end of the session goes unnoticed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
}
