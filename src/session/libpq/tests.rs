//! Sessions through libpq against servers that a thread plays.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::*;
use crate::conninfo::Conninfo;
use crate::session::scripted::{block_on, columns, hear, message, server, startup};
use crate::session::{MAX_NOTICES, StartupSettings};

/// What every libpq understands: no negotiation of the version, a key of four bytes.
fn greeting() -> Vec<u8> {
    let status = |pair: &str| message(b'S', format!("{pair}\0").as_bytes());
    [
        message(b'R', &[0; 4]),
        status("server_version\x0018.4"),
        status("TimeZone\0UTC"),
        message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Mwelcome\0\0"),
        message(b'K', b"\0\0\x01\0\0\0\0\x01"),
        message(b'Z', b"I"),
    ]
    .concat()
}

fn error(code: &str, severity: &str) -> Vec<u8> {
    message(b'E', format!("S{severity}\0V{severity}\0C{code}\0Mno\0\0").as_bytes())
}

/// The same server for libpq.
fn for_libpq(directory: &tempfile::TempDir) -> Conninfo {
    let text = format!("host={} user=u password=hunter2", directory.path().display());
    Conninfo::read_for_libpq(&text).unwrap()
}

async fn connect(conninfo: &Conninfo) -> Result<LibpqSession> {
    let deadline = Instant::now() + Duration::from_secs(20);
    LibpqSession::connect(conninfo, &StartupSettings::default(), Some(deadline)).await
}

/// A session with a server that lets everybody in and goes on with `play`.
async fn session(play: impl Fn(UnixStream) + Send + 'static) -> (tempfile::TempDir, LibpqSession) {
    let (directory, _) = server(move |mut stream| {
        startup(&mut stream);
        stream.write_all(&greeting()).unwrap();
        play(stream);
    });
    let session = connect(&for_libpq(&directory)).await.unwrap();
    (directory, session)
}

/// One in COPY; `more` comes together with CopyBothResponse.
async fn copying(
    more: Vec<u8>,
    play: impl Fn(UnixStream) + Send + 'static,
) -> (tempfile::TempDir, LibpqSession) {
    let (directory, mut session) = session(move |mut stream| {
        hear(&mut stream);
        stream.write_all(&[&message(b'W', b"\0\0\0"), &more[..]].concat()).unwrap();
        play(stream);
    })
    .await;
    session.take_notices();
    session.start_copy("START_REPLICATION").await.unwrap();
    (directory, session)
}

/// Everything up to the end, read into a buffer of `size`.
async fn read_to_end(session: &mut LibpqSession, size: usize) -> (Vec<u8>, Option<Error>) {
    let (mut all, mut buf) = (Vec::new(), vec![0; size]);
    loop {
        match session.fill(&mut buf) {
            Ok(Fill::Bytes(count)) => all.extend_from_slice(&buf[..count]),
            Ok(Fill::WouldBlock) => drop(session.poll_io(true).await.unwrap()),
            Ok(Fill::Eof) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

#[test]
fn a_chatty_server_is_understood_and_libpq_prints_nothing() {
    block_on(async {
        let (_directory, mut session) = session(|mut stream| {
            assert_eq!(hear(&mut stream), (b'X', Vec::new()));
        })
        .await;
        assert_eq!((session.server_version(), session.backend_pid()), (180_004, 256));
        assert_eq!((session.parameter("TimeZone"), session.parameter("x")), (Some("UTC"), None));
        assert_eq!(session.take_notices()[0].message, "welcome");
        assert!(session.take_notices().is_empty() && session.is_local());
        session.say_goodbye().unwrap();
        assert_eq!(session.fill(&mut [0; 8]).unwrap(), Fill::Eof);
    });
}

#[test]
fn copy_is_framed_as_on_the_wire_in_buffers_of_any_size() {
    let notice = message(b'N', b"SWARNING\0VWARNING\0C55000\0Mskipped\0RLoadPublications\0\0");
    let whole = [
        message(b'd', b"first"),
        notice.clone(),
        message(b'd', &[7; 40_000]),
        notice.repeat(3),
        message(b'd', b"x"),
        notice,
        message(b'E', b"SFATAL\0VFATAL\0C57P01\0Mterminating\0\0"),
    ]
    .concat();
    for size in [1, 2, 5, 6, 100, 8_192, 100_000] {
        let (sent, whole) = (whole.clone(), &whole);
        block_on(async move {
            let (_directory, mut session) = copying(sent[..10].to_vec(), move |mut stream| {
                let _ = stream.write_all(&sent[10..]);
            })
            .await;
            let (got, end) = read_to_end(&mut session, size).await;
            assert!(got == *whole, "{size}: {} bytes of {}", got.len(), whole.len());
            assert_eq!(end.unwrap().status(), Status::WAL_E_CONNECTION_LOST);
        });
    }
}

#[test]
fn ends_of_copy_come_as_they_are() {
    let done = message(b'C', b"COPY 0\0");
    let ready = message(b'Z', b"I");
    for (sent, status) in [
        // A server that is stopped (WalSndDone).
        (done.clone(), Some(Status::WAL_E_CONNECTION_LOST)),
        (message(b'E', b"SERROR\0VERROR\0C42704\0Mno\0\0"), Some(Status::WAL_E_CONNECTION_LOST)),
        ([done.clone(), done, ready].concat(), None),
        (Vec::new(), Some(Status::WAL_E_CONNECTION_LOST)),
        (b"d\0\0\0\x03".to_vec(), Some(Status::WAL_E_PROTOCOL)),
        (b"~\0\0\0\x04".to_vec(), Some(Status::WAL_E_PROTOCOL)),
    ] {
        let expected = if status == Some(Status::WAL_E_PROTOCOL) { Vec::new() } else { sent.clone() };
        block_on(async move {
            // libpq looks at what comes together with CopyBothResponse too soon for this.
            let late = message(b'd', b"x");
            let (_directory, mut session) = copying(late, move |mut stream| {
                std::thread::sleep(Duration::from_millis(20));
                let _ = stream.write_all(&sent);
                // Where the connection ends at once, that is what libpq sees first.
                if status == Some(Status::WAL_E_PROTOCOL) {
                    let _ = stream.read(&mut [0]);
                }
            })
            .await;
            let (got, end) = read_to_end(&mut session, 1_000).await;
            let (got, expected) = (String::from_utf8_lossy(&got[6..]), String::from_utf8_lossy(&expected));
            assert_eq!(got, expected);
            assert_eq!(end.as_ref().map(Error::status), status, "{end:?}");
        });
    }
}

#[test]
fn good_bye_lets_what_was_sent_arrive() {
    let (send, heard) = std::sync::mpsc::channel();
    block_on(async {
        let (_directory, mut session) = copying(message(b'd', b"unread"), move |mut stream| {
            let all: Vec<_> = (0..2).map(|_| hear(&mut stream)).collect();
            let rest =
                [message(b'd', b"late"), message(b'c', b""), message(b'C', b"COPY 0\0"), message(b'Z', b"I")];
            stream.write_all(&rest.concat()).unwrap();
            send.send((all, hear(&mut stream).0)).unwrap();
        })
        .await;
        assert_eq!(session.send(&message(b'd', b"report")).unwrap(), Sent::All);
        session.say_goodbye().unwrap();
        let (got, end) = read_to_end(&mut session, 1_000).await;
        assert!(got.starts_with(&message(b'd', b"unread")) && end.is_none(), "{end:?}");
        drop(session);
    });
    let (all, last) = heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((all, last), (vec![(b'd', b"report".to_vec()), (b'c', Vec::new())], b'X'));
}

#[test]
fn what_the_socket_does_not_take_is_queued_whole() {
    let (full, is_full) = std::sync::mpsc::channel();
    block_on(async {
        let (_directory, mut session) = copying(Vec::new(), move |mut stream| {
            is_full.recv().unwrap();
            let mut heard = 0_u32;
            while let (b'd', body) = hear(&mut stream) {
                assert_eq!(body, heard.to_be_bytes().repeat(10_000));
                heard += 1;
            }
            stream.write_all(&message(b'd', &heard.to_be_bytes())).unwrap();
            let _ = stream.read(&mut [0]);
        })
        .await;
        for sent in 0..100_u32 {
            let result = session.send(&message(b'd', &sent.to_be_bytes().repeat(10_000))).unwrap();
            assert_eq!(result == Sent::All, !session.has_unsent());
        }
        assert!(session.has_unsent());
        full.send(()).unwrap();
        session.send(&message(b'c', b"")).unwrap();
        while session.has_unsent() {
            // Cut off at every opportunity; what was written stays written, what was not stays queued.
            let wait = session.poll_io(false);
            if let Ok(ready) = tokio::time::timeout(Duration::from_micros(200), wait).await {
                assert_eq!(ready.unwrap(), Readiness::Flushed);
            }
        }
        let mut buf = [0; 64];
        loop {
            match session.fill(&mut buf).unwrap() {
                Fill::WouldBlock => drop(session.poll_io(true).await.unwrap()),
                other => break assert_eq!(other, Fill::Bytes(9)),
            }
        }
        assert_eq!(buf[5..9], 100_u32.to_be_bytes());
    });
}

#[test]
fn nobody_is_woken_while_the_watch_is_off() {
    block_on(async {
        let (_directory, mut session) = copying(Vec::new(), |mut stream| {
            hear(&mut stream);
            stream.write_all(&message(b'd', b"abc")).unwrap();
            let _ = stream.read(&mut [0]);
        })
        .await;
        let mut buf = [0; 64];
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::WouldBlock);
        session.watch(Watch::Off).unwrap();
        session.send(&message(b'd', b"x")).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let wait = session.poll_io(false);
        assert!(tokio::time::timeout(Duration::from_millis(20), wait).await.is_err());
        // Reading needs no readiness.
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::Bytes(8));
        session.watch(Watch::On).unwrap();
        assert_eq!(session.fill(&mut buf).unwrap(), Fill::WouldBlock);
    });
}

#[test]
fn queries_and_their_errors() {
    let row = message(b'D', b"\0\x02\0\0\0\x01x\xff\xff\xff\xff");
    let done = message(b'C', b"SELECT 1\0");
    let ready = message(b'Z', b"I");
    let notice = message(b'N', b"VWARNING\0C01000\0Mhear\0\0");
    let answers = [
        [
            columns(&["z"]),
            done.clone(),
            notice,
            columns(&["a", "b"]),
            row.clone(),
            row,
            done.clone(),
            ready.clone(),
        ]
        .concat(),
        [error("42P01", "ERROR"), ready.clone()].concat(),
        [error("55006", "ERROR"), ready.clone()].concat(),
        [done, ready.clone()].concat(),
        [message(b'I', b""), ready].concat(),
        error("57P01", "FATAL"),
    ];
    block_on(async {
        let (_directory, mut session) = session(move |mut stream| {
            for answer in &answers {
                assert_eq!(hear(&mut stream).0, b'Q');
                stream.write_all(answer).unwrap();
            }
        })
        .await;
        session.take_notices();
        let rows = session.query("select").await.unwrap();
        assert_eq!((rows.rows.len(), rows.get(1, "a"), rows.get(1, "b")), (2, Some("x"), None));
        assert_eq!(session.take_notices()[0].message, "hear");
        let error = session.query("select x from secret").await.unwrap_err();
        assert_eq!((error.status(), error.sqlstate()), (Status::WAL_E_SERVER, "42P01"));
        assert_eq!(error.message(), "select: no");
        let error = session.start_copy("START_REPLICATION SLOT").await.unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_SLOT_ACTIVE);
        let error = session.start_copy("START_REPLICATION SLOT").await.unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_PROTOCOL);
        assert_eq!(session.query("a\0b").await.unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT);
        assert_eq!(session.query("").await.unwrap(), Rows::default());
        assert_eq!(session.query("select").await.unwrap_err().status(), Status::WAL_E_SERVER_SHUTDOWN);
        assert_eq!(session.query("select").await.unwrap_err().status(), Status::WAL_E_STATE);
    });
}

#[test]
fn an_answer_without_end_is_refused() {
    block_on(async {
        let (_directory, mut session) = session(|mut stream| {
            hear(&mut stream);
            let row = message(b'D', &[b"\0\x01\0\x01\0\0".as_slice(), &[b'x'; 65_536]].concat());
            let _ = stream.write_all(&columns(&["a"]));
            while stream.write_all(&row).is_ok() {}
        })
        .await;
        assert!(session.query("select").await.unwrap_err().message().contains("16777216"));
        let wait = tokio::time::timeout(Duration::from_millis(20), session.query("select")).await;
        assert_eq!(wait.unwrap().unwrap_err().status(), Status::WAL_E_STATE);
    });
}

#[test]
fn refusals_have_the_status_that_the_native_session_gives_them() {
    use Status::*;
    let cut = |n: usize| greeting()[..n].to_vec();
    for (answer, status) in [
        (error("28P01", "FATAL"), WAL_E_AUTH),
        (error("3D000", "FATAL"), WAL_E_NO_DATABASE),
        (error("53300", "FATAL"), WAL_E_TOO_MANY_CONNECTIONS),
        (error("57P03", "FATAL"), WAL_E_NOT_READY),
        (error("42501", "ERROR"), WAL_E_PRIVILEGE),
        ([cut(9), error("57P01", "FATAL")].concat(), WAL_E_SERVER_SHUTDOWN),
        (message(b'R', &[0, 0, 0, 6]), WAL_E_AUTH),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), WAL_E_PROTOCOL),
        (Vec::new(), WAL_E_CONNECTION_LOST),
        // Cut in the middle, after what libpq reads in the same step.
        (cut(9), WAL_E_CONNECTION_LOST),
        (cut(20), WAL_E_CONNECTION_LOST),
        (cut(greeting().len() - 6), WAL_E_CONNECTION_LOST),
        (mechanisms(), WAL_E_CONNECTION_LOST),
    ] {
        let start = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        let (directory, _) = server(move |mut stream| {
            startup(&mut stream);
            let _ = stream.write_all(&answer);
        });
        let error = block_on(connect(&for_libpq(&directory))).expect_err(&start);
        assert_eq!(error.status(), status, "{error:?} for {start}");
        assert!(!format!("{error:?} {}", error.detail()).contains("hunter2"));
    }
}

/// As a proxy does whose server is down.
#[test]
fn what_hangs_up_at_once_is_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let parsed = Conninfo::read_for_libpq(&format!("host=127.0.0.1 port={port} user=u")).unwrap();
    for _ in 0..200 {
        let error = block_on(connect(&parsed)).expect_err("nobody is there");
        // Whether it was ever there is a matter of time.
        let gone = [Status::WAL_E_CONNECTION_LOST, Status::WAL_E_CONNECT];
        assert!(gone.contains(&error.status()) && error.is_retriable(), "{error:?} {}", error.detail());
    }
}

/// AuthenticationSASL.
fn mechanisms() -> Vec<u8> {
    message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")
}

/// libpq finds out in the same step as it is let in.
#[test]
fn a_server_that_is_not_wanted_is_worth_another_try() {
    let (directory, _) = server(|mut stream| {
        startup(&mut stream);
        let state = message(b'S', b"in_hot_standby\0on\0");
        let rest = message(b'S', b"default_transaction_read_only\0off\0");
        let at = greeting().len() - 6;
        let _ = stream.write_all(&[&greeting()[..at], &state, &rest, &greeting()[at..]].concat());
        let _ = stream.read(&mut [0; 100]);
    });
    let place = directory.path().display();
    for (target, is_wanted) in [("primary", false), ("read-write", false), ("standby", true), ("any", true)] {
        let text = format!("host={place} user=u password=hunter2 target_session_attrs={target}");
        let result = block_on(connect(&Conninfo::read_for_libpq(&text).unwrap()));
        assert_eq!(result.is_ok(), is_wanted, "{target}: {result:?}");
        if let Err(error) = result {
            assert_eq!((error.status(), error.is_retriable()), (Status::WAL_E_NOT_READY, true), "{error:?}");
            assert!(error.hint().contains("target_session_attrs"));
        }
    }
}

#[test]
fn what_cannot_be_reached_is_said() {
    use Status::*;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (conninfo, status) in [
        (format!("host=127.0.0.1 port={port} user=u"), WAL_E_CONNECT),
        ("host=/no/such/directory user=u".to_owned(), WAL_E_CONNECT),
        ("host=no-such-host.invalid user=u".to_owned(), WAL_E_RESOLVE),
        ("host=127.0.0.1 user=u sslrootcert=x channel_binding=nonsense".to_owned(), WAL_E_CONNINFO),
        ("host=127.0.0.1 user=u oauth_issuer=https://x".to_owned(), WAL_E_CONNINFO),
    ] {
        let parsed = Conninfo::read_for_libpq(&conninfo).unwrap();
        let error = block_on(connect(&parsed)).expect_err(&conninfo);
        assert_eq!(error.status(), status, "{conninfo}: {error:?} {}", error.detail());
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn a_server_that_is_silent_costs_at_most_connect_timeout() {
    let (directory, _) = server(|mut stream| {
        startup(&mut stream);
        let _ = stream.write_all(&greeting());
        let _ = stream.read(&mut [0]);
    });
    // The kernel connects, nobody answers.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = dead.local_addr().unwrap().port();
    let good = directory.path().display();
    let text = format!("host=127.0.0.1,{good} port={port},5432 user=u connect_timeout=1");
    let conninfo = Conninfo::read_for_libpq(&text).unwrap();
    let start = Instant::now();
    assert_eq!(block_on(connect(&conninfo)).unwrap().backend_pid(), 256);
    assert!((Duration::from_secs(1)..Duration::from_secs(10)).contains(&start.elapsed()));

    let alone = Conninfo::read_for_libpq(&format!("host=127.0.0.1 port={port} user=u connect_timeout=1"));
    let error = block_on(connect(&alone.unwrap())).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_CONNECT_TIMEOUT);
    assert!(error.message().contains("connect_timeout, 1 s"), "{error:?}");

    // The caller's own deadline ends the search, whoever is next.
    let deadline = Some(Instant::now() + Duration::from_millis(50));
    let error = block_on(LibpqSession::connect(&conninfo, &StartupSettings::default(), deadline));
    assert!(error.unwrap_err().message().contains("the caller waits"));
}

#[test]
fn a_dropped_attempt_holds_nothing_up() {
    use crate::session::helper::{Kind, run};
    use crate::session::progress::Progress;
    // It listens and says nothing, to one after the other.
    let (directory, _) =
        server(|mut stream| while stream.read(&mut [0; 100]).is_ok_and(|count| count > 0) {});
    let conninfo = for_libpq(&directory);
    block_on(async {
        // More than there are helper threads.
        for _ in 0..Kind::Libpq.threads() + 2 {
            let attempt = connect(&conninfo);
            assert!(tokio::time::timeout(Duration::from_millis(30), attempt).await.is_err());
        }
        let start = Instant::now();
        assert!(run(Kind::Libpq, &Progress::default(), || ()).await.is_ok());
        assert!(start.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn notices_before_copy_are_bounded() {
    block_on(async {
        let (_directory, mut session) = session(|mut stream| {
            hear(&mut stream);
            let notice = message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Mx\0\0");
            stream
                .write_all(&[notice.repeat(1_000), message(b'C', b"SET\0"), message(b'Z', b"I")].concat())
                .unwrap();
            let _ = stream.read(&mut [0]);
        })
        .await;
        session.take_notices();
        session.query("set").await.unwrap();
        assert_eq!(session.take_notices().len(), MAX_NOTICES);
    });
}
