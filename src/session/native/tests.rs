//! Sessions against servers that a thread plays: good ones, slow ones, bad ones.

mod hostile;
mod hosts;
#[cfg(feature = "rustls")]
mod tls;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use super::*;
use crate::conninfo::Conninfo;
use crate::session::StartupSettings;
use crate::session::scripted::{block_on, columns, hear, message, server, startup};
use crate::wire::backend::tag;

fn greeting() -> Vec<u8> {
    let status =
        |name: &str, value: &str| message(tag::PARAMETER_STATUS, format!("{name}\0{value}\0").as_bytes());
    [
        message(b'v', b"\0\x03\0\0\0\0\0\0"),
        message(b'R', &[0; 4]),
        status("server_version", "18.4"),
        status("TimeZone", "Asia/Tokyo"),
        status("TimeZone", "UTC"),
        message(b'N', b"VNOTICE\0C00000\0Mwelcome\0\0"),
        message(b'K', b"\0\0\x01\0a key that is longer than four bytes"),
        message(b'Z', b"I"),
    ]
    .concat()
}

fn error(code: &str, severity: &str) -> Vec<u8> {
    message(b'E', format!("V{severity}\0C{code}\0Mno\0\0").as_bytes())
}

async fn connect(conninfo: &Conninfo) -> Result<NativeSession> {
    let deadline = Instant::now() + Duration::from_secs(10);
    NativeSession::connect(conninfo, &StartupSettings::default(), Some(deadline)).await
}

/// What connecting to a server comes to that answers the start-up message with `answer` and hangs up.
fn refusal(answer: Vec<u8>) -> Error {
    let (_directory, conninfo) = server(move |mut stream| {
        startup(&mut stream);
        let _ = stream.write_all(&answer);
    });
    block_on(connect(&conninfo)).expect_err("a refusal")
}

#[test]
fn a_slow_and_chatty_server_is_understood() {
    let (_directory, conninfo) = server(|mut stream| {
        assert!(startup(&mut stream).starts_with(b"user\0u\0database\0u\0replication\0database\0"));
        for byte in greeting() {
            stream.write_all(&[byte]).unwrap();
        }
        assert_eq!(hear(&mut stream), (b'X', Vec::new()));
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    block_on(async {
        let mut session = connect(&conninfo).await.unwrap();
        assert_eq!((session.server_version(), session.backend_pid()), (180_004, 256));
        assert_eq!((session.parameter("TimeZone"), session.parameter("x")), (Some("UTC"), None));
        assert_eq!(session.take_notices()[0].message, "welcome");
        assert!(session.take_notices().is_empty());
        assert!(!session.has_unsent());
        session.say_goodbye().unwrap();
        drop(session);
    });
}

#[test]
fn refusals_have_their_status() {
    use Status::*;
    let cut = |n: usize| greeting()[..n].to_vec();
    let notices = message(b'N', b"M\0\0").repeat(1_001);
    for (answer, status) in [
        (error("28P01", "FATAL"), WAL_E_AUTH),
        (error("3D000", "FATAL"), WAL_E_NO_DATABASE),
        (error("53300", "FATAL"), WAL_E_TOO_MANY_CONNECTIONS),
        (error("57P03", "FATAL"), WAL_E_NOT_READY),
        (error("42501", "ERROR"), WAL_E_PRIVILEGE),
        ([cut(60), error("57P01", "FATAL")].concat(), WAL_E_PROTOCOL),
        ([cut(22), error("57P01", "FATAL")].concat(), WAL_E_SERVER_SHUTDOWN),
        (message(b'R', &[0, 0, 0, 7]), WAL_E_AUTH_METHOD),
        (message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0").repeat(2), WAL_E_PROTOCOL),
        ([message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"), greeting()].concat(), WAL_E_AUTH),
        (cut(22).repeat(2), WAL_E_PROTOCOL),
        (message(b'Z', b"I"), WAL_E_PROTOCOL),
        (message(b'R', &[0; 70_000]), WAL_E_PROTOCOL),
        (message(b'E', &[b'x'; 70_000]), WAL_E_PROTOCOL),
        ([cut(22), notices.clone()].concat(), WAL_E_PROTOCOL),
        (notices, WAL_E_PROTOCOL),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), WAL_E_PROTOCOL),
        (Vec::new(), WAL_E_CONNECTION_LOST),
        (cut(50), WAL_E_CONNECTION_LOST),
    ] {
        let error = refusal(answer.clone());
        let start = String::from_utf8_lossy(&answer[..answer.len().min(80)]).into_owned();
        assert_eq!(error.status(), status, "{error:?} for {start}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn a_connection_cut_at_any_byte_is_an_error() {
    let whole = greeting();
    for cut in 0..whole.len() {
        assert_eq!(refusal(whole[..cut].to_vec()).status(), Status::WAL_E_CONNECTION_LOST, "{cut}");
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let whole = greeting();
    for at in 0..whole.len() {
        let mut answer = whole.clone();
        answer[at] ^= 0xA5;
        let (_directory, conninfo) = server(move |mut stream| {
            startup(&mut stream);
            let _ = stream.write_all(&answer);
        });
        let _ = block_on(connect(&conninfo)).map(|mut session| session.say_goodbye());
    }
}

#[test]
fn a_place_without_a_server_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let missing = Conninfo::parse(&format!("host={path} user=u")).unwrap();
    let error = block_on(connect(&missing)).unwrap_err();
    assert_eq!((error.status(), error.os_errno()), (Status::WAL_E_CONNECT, libc::ENOENT));
    assert!(error.message().contains(&path.to_string()) && error.hint().contains("no such socket"));

    drop(UnixListener::bind(directory.path().join(".s.PGSQL.1")).unwrap());
    let dead = Conninfo::parse(&format!("host={path} user=u port=1")).unwrap();
    assert!(block_on(connect(&dead)).unwrap_err().hint().contains("no server listens"));

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = Conninfo::parse(&format!("host=localhost port={port} user=u")).unwrap();
    let error = block_on(connect(&closed)).unwrap_err();
    assert_eq!((error.status(), error.os_errno()), (Status::WAL_E_CONNECT, libc::ECONNREFUSED));
    assert!(error.message().contains("\"localhost\"") && error.message().contains(&port.to_string()));
    assert!(error.is_retriable());

    let nowhere = Conninfo::parse("host=no-such-host.invalid user=u").unwrap();
    let error = block_on(connect(&nowhere)).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_RESOLVE);
    assert!(error.message().contains("no-such-host.invalid"));
}

#[test]
fn waiting_ends_in_time() {
    let (directory, conninfo) = server(|mut stream| {
        startup(&mut stream);
        std::thread::sleep(Duration::from_secs(20));
    });
    let start = Instant::now();
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = block_on(NativeSession::connect(&conninfo, &StartupSettings::default(), Some(deadline)));
    let error = error.unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_CONNECT_TIMEOUT);
    assert!(error.message().contains("caller"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(15));
    drop(directory);

    // A listener that never accepts: the kernel connects, nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let conninfo =
        Conninfo::parse(&format!("hostaddr=127.0.0.1 port={port} user=u connect_timeout=1")).unwrap();
    let error = block_on(connect(&conninfo)).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_CONNECT_TIMEOUT);
    assert!(error.message().contains("connect_timeout, 1 s"), "{error:?}");
}

/// A server that lets everybody in and answers the queries with `answers`, one each.
fn answering(answers: Vec<Vec<u8>>) -> (tempfile::TempDir, Conninfo) {
    server(move |mut stream| {
        startup(&mut stream);
        stream.write_all(&greeting()).unwrap();
        for answer in &answers {
            assert_eq!(hear(&mut stream).0, b'Q');
            let _ = stream.write_all(answer);
        }
    })
}

#[test]
fn queries_and_their_errors() {
    let row = message(b'D', b"\0\x02\0\0\0\x01x\xff\xff\xff\xff");
    let done = message(b'C', b"SELECT 1\0");
    let ready = message(b'Z', b"I");
    let notice = message(b'N', b"VWARNING\0C01000\0Mhear\0\0");
    let status = message(b'S', b"TimeZone\0GMT\0");
    let (_directory, conninfo) = answering(vec![
        [
            columns(&["z"]),
            notice,
            columns(&["a", "b"]),
            row.clone(),
            row.clone(),
            done.clone(),
            status,
            ready.clone(),
        ]
        .concat(),
        [error("42P01", "ERROR"), ready.clone()].concat(),
        [error("55006", "ERROR"), ready.clone()].concat(),
        [done, ready.clone()].concat(),
        [message(b'I', b""), ready].concat(),
        [columns(&["a"]), row].concat(),
    ]);
    block_on(async {
        let mut session = connect(&conninfo).await.unwrap();
        session.take_notices();
        let rows = session.query("select").await.unwrap();
        assert_eq!((rows.rows.len(), rows.get(1, "a"), rows.get(1, "b")), (2, Some("x"), None));
        assert_eq!(session.take_notices()[0].message, "hear");
        assert_eq!(session.parameter("TimeZone"), Some("GMT"));
        let error = session.query("select x from secret").await.unwrap_err();
        assert_eq!((error.status(), error.sqlstate()), (Status::WAL_E_SERVER, "42P01"));
        assert_eq!(error.message(), "select: no");
        let error = session.start_copy("START_REPLICATION SLOT").await.unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_SLOT_ACTIVE);
        let error = session.start_copy("START_REPLICATION SLOT").await.unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_PROTOCOL);
        assert_eq!(session.query("a\0b").await.unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT);
        assert_eq!(session.query("").await.unwrap(), Rows::default());
        assert_eq!(session.query("select").await.unwrap_err().status(), Status::WAL_E_PROTOCOL);
        assert_eq!(session.query("select").await.unwrap_err().status(), Status::WAL_E_STATE);
    });
}

#[test]
fn the_last_words_of_a_server_are_heard() {
    let (_directory, conninfo) = server(|mut stream| {
        startup(&mut stream);
        stream.write_all(&[greeting(), error("57P01", "FATAL")].concat()).unwrap();
    });
    block_on(async {
        let mut session = connect(&conninfo).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let error = session.query("select").await.unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_SERVER_SHUTDOWN, "{error:?}");
    });
}

#[test]
fn an_answer_without_end_is_refused() {
    let (_directory, conninfo) = server(|mut stream| {
        startup(&mut stream);
        stream.write_all(&greeting()).unwrap();
        hear(&mut stream);
        let row = message(b'D', &[b"\0\x01\0\x01\0\0".as_slice(), &[b'x'; 65_536]].concat());
        let _ = stream.write_all(&columns(&["a"]));
        while stream.write_all(&row).is_ok() {}
    });
    block_on(async {
        let mut session = connect(&conninfo).await.unwrap();
        assert!(session.query("select").await.unwrap_err().message().contains("16777216"));
    });
}

#[test]
fn an_abandoned_query_closes_the_session_to_others() {
    let (_directory, conninfo) = answering(vec![Vec::new(), Vec::new()]);
    block_on(async {
        let mut session = connect(&conninfo).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), session.query("select")).await.is_err());
        assert_eq!(session.query("select").await.unwrap_err().status(), Status::WAL_E_STATE);
    });
}

/// A session in COPY; the server goes on with `play` after sending `more` together with CopyBothResponse.
async fn copying(
    more: &'static [u8],
    play: impl Fn(UnixStream) + Send + 'static,
) -> (tempfile::TempDir, NativeSession) {
    let (directory, conninfo) = server(move |mut stream| {
        startup(&mut stream);
        stream.write_all(&greeting()).unwrap();
        hear(&mut stream);
        stream.write_all(&[&message(b'W', b"\0\0\0"), more].concat()).unwrap();
        play(stream);
    });
    let mut session = connect(&conninfo).await.unwrap();
    session.start_copy("START_REPLICATION").await.unwrap();
    (directory, session)
}

/// What `fill` gives once it gives something: readiness is stale until it said that nothing is there.
async fn wait_and_fill(session: &mut NativeSession, buf: &mut [u8]) -> Fill {
    loop {
        match session.fill(buf).unwrap() {
            Fill::WouldBlock => drop(session.poll_io(true).await.unwrap()),
            other => return other,
        }
    }
}

#[test]
fn fill_gives_the_left_over_first_and_then_the_socket() {
    block_on(async {
        let (_directory, mut session) = copying(b"left over", |mut stream| {
            hear(&mut stream);
            stream.write_all(b"fresh").unwrap();
            hear(&mut stream);
        })
        .await;
        assert_eq!(session.query("select").await.unwrap_err().status(), Status::WAL_E_STATE);
        let mut buf = [0; 64];
        assert_eq!(session.fill(&mut []).unwrap(), Fill::WouldBlock);
        assert_eq!(session.poll_io(true).await.unwrap(), Readiness::Readable);
        session.poll_io(true).await.unwrap();
        assert_eq!(session.fill(&mut buf[..4]).unwrap(), Fill::Bytes(4));
        assert_eq!(session.fill(&mut buf[4..]).unwrap(), Fill::Bytes(5));
        assert_eq!(&buf[..9], b"left over");
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::WouldBlock);
        // Nothing comes: waiting is cut off, again and again, and loses nothing.
        for _ in 0..5 {
            let wait = session.poll_io(true);
            assert!(tokio::time::timeout(Duration::from_millis(2), wait).await.is_err());
        }
        assert_eq!(session.send(&message(b'd', b"x")).unwrap(), Sent::All);
        assert_eq!(session.poll_io(true).await.unwrap(), Readiness::Readable);
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::Bytes(5));
        assert_eq!(session.send(&message(b'd', b"x")).unwrap(), Sent::All);
        assert_eq!(wait_and_fill(&mut session, &mut buf).await, Fill::Eof);
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::Eof);
    });
}

#[test]
fn reading_needs_no_readiness() {
    block_on(async {
        let (_directory, mut session) = copying(b"", |mut stream| {
            hear(&mut stream);
            stream.write_all(b"abc").unwrap();
            hear(&mut stream);
        })
        .await;
        let mut buf = [0; 8];
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::WouldBlock);
        session.send(&message(b'd', b"x")).unwrap();
        // The runtime has no chance to look at the socket here.
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::Bytes(3));
    });
}

#[test]
fn what_the_socket_does_not_take_is_queued_whole() {
    block_on(async {
        let (_directory, mut session) = copying(b"", |mut stream| {
            std::thread::sleep(Duration::from_millis(100));
            stream.write_all(b"!").unwrap();
            let mut heard = 0_u32;
            while let (b'd', body) = hear(&mut stream) {
                assert_eq!(body, heard.to_be_bytes().repeat(10_000));
                heard += 1;
            }
            stream.write_all(&heard.to_be_bytes()).unwrap();
        })
        .await;
        let mut sent = 0_u32;
        while sent < 100 {
            let result = session.send(&message(b'd', &sent.to_be_bytes().repeat(10_000))).unwrap();
            assert_eq!(result == Sent::All, !session.has_unsent());
            sent += 1;
        }
        assert!(session.has_unsent());
        let mut buf = [0; 8];
        let (mut flushed, mut read) = (0, 0);
        while flushed == 0 || read == 0 {
            // Cut off at every opportunity; what was written stays written, what was not stays queued.
            let wait = session.poll_io(read == 0);
            match tokio::time::timeout(Duration::from_micros(200), wait).await {
                Err(_) => (),
                Ok(Ok(Readiness::Flushed)) => flushed += 1,
                Ok(Ok(Readiness::Readable)) => {
                    read += usize::from(session.fill(&mut buf).unwrap() == Fill::Bytes(1))
                }
                Ok(Err(error)) => panic!("{error:?}"),
            }
        }
        session.send(&message(b'c', b"")).unwrap();
        // Whether it left at once depends on how fast the other side reads, and with nothing to send nothing is awaited.
        while session.has_unsent() {
            session.poll_io(false).await.unwrap();
        }
        assert_eq!(wait_and_fill(&mut session, &mut buf).await, Fill::Bytes(4));
        assert_eq!(buf[..4], sent.to_be_bytes());
    });
}

#[test]
fn a_broken_connection_is_an_error_and_its_last_words_stay_readable() {
    block_on(async {
        let (_directory, mut session) = copying(b"", |mut stream| stream.write_all(b"bye").unwrap()).await;
        std::thread::sleep(Duration::from_millis(50));
        let error = loop {
            if let Err(error) = session.send(&message(b'd', b"x")) {
                break error;
            }
        };
        assert_eq!(error.status(), Status::WAL_E_CONNECTION_LOST);
        assert!(!session.has_unsent());
        let mut buf = [0; 8];
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::Bytes(3));
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::Eof);
    });
}
