//! Several servers: which of them is reached, in which order, and what stops the search.

use super::*;
use crate::session::helper::{self, Kind};

/// What a server says of itself: `in_hot_standby` and `default_transaction_read_only`; `None` says nothing.
type State = Option<(&'static str, &'static str)>;

const PRIMARY: State = Some(("off", "off"));
const STANDBY: State = Some(("on", "off"));
const READ_ONLY_PRIMARY: State = Some(("off", "on"));

/// A server whose process id is `pid`. One that says nothing of itself answers a query with `t`.
fn playing(pid: u8, state: State) -> (tempfile::TempDir, Conninfo) {
    server(move |mut stream| {
        startup(&mut stream);
        let mut all = [message(b'R', &[0; 4]), message(b'K', &[0, 0, 0, pid, 0, 0, 0, 0])].concat();
        if let Some((standby, read_only)) = state {
            for (name, value) in [("in_hot_standby", standby), ("default_transaction_read_only", read_only)] {
                all.extend(message(b'S', format!("{name}\0{value}\0").as_bytes()));
            }
        }
        all.extend(message(b'Z', b"I"));
        stream.write_all(&all).unwrap();
        let row = message(b'D', b"\0\x01\0\0\0\x01t");
        let answer = [columns(&["x"]), row, message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat();
        if state.is_none() {
            assert_eq!(hear(&mut stream).0, b'Q');
            stream.write_all(&answer).unwrap();
        }
    })
}

fn host(server: &(tempfile::TempDir, Conninfo)) -> String {
    server.0.path().display().to_string()
}

/// The process id of the server that is reached.
fn reached(conninfo: &str) -> Result<u32> {
    let conninfo = Conninfo::parse(&format!("user=u dbname=d {conninfo}"))?;
    block_on(connect(&conninfo)).map(|session| session.backend_pid())
}

#[test]
fn every_target_reaches_the_first_server_that_fits() {
    let servers =
        [playing(1, PRIMARY), playing(2, STANDBY), playing(3, READ_ONLY_PRIMARY), playing(4, STANDBY)];
    let places: Vec<_> = servers.iter().map(host).collect();
    for (hosts, target, expected) in [
        (&[0, 1, 2, 3][..], "any", Some(1)),
        (&[1, 0], "any", Some(2)),
        (&[1, 2, 0], "read-write", Some(1)),
        (&[0, 2, 1], "read-only", Some(3)),
        (&[0, 1, 2], "read-only", Some(2)),
        (&[1, 2, 0], "primary", Some(3)),
        (&[0, 2, 3, 1], "standby", Some(4)),
        (&[0, 1], "prefer-standby", Some(2)),
        (&[2, 0], "prefer-standby", Some(3)),
        (&[1, 2, 3], "read-write", None),
        (&[1, 3], "primary", None),
        (&[0, 2], "standby", None),
        (&[0], "read-only", None),
    ] {
        let list: Vec<_> = hosts.iter().map(|at: &usize| places[*at].as_str()).collect();
        let result = reached(&format!("host={} target_session_attrs={target}", list.join(",")));
        assert_eq!(result.as_ref().ok().copied(), expected, "{target} of {hosts:?}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.status(), Status::WAL_E_NOT_READY);
            assert!(error.is_retriable() && error.message().contains(target), "{error:?}");
            let said = format!("{} {}", error.message(), error.detail());
            assert!(list.iter().all(|place| said.contains(place)), "{error:?}");
        }
    }
}

#[test]
fn a_server_that_does_not_tell_is_asked() {
    let silent = playing(7, None);
    for (target, expected) in
        [("standby", true), ("primary", false), ("read-only", true), ("read-write", false)]
    {
        let result = reached(&format!("host={} target_session_attrs={target}", host(&silent)));
        assert_eq!(result.is_ok(), expected, "{target}: {result:?}");
    }
}

#[test]
fn random_order_reaches_all() {
    let servers = [playing(1, PRIMARY), playing(2, PRIMARY), playing(3, PRIMARY)];
    let list: Vec<_> = servers.iter().map(host).collect();
    let mut seen = [0; 4];
    for _ in 0..60 {
        let pid = reached(&format!("host={} load_balance_hosts=random", list.join(","))).unwrap();
        seen[pid as usize] += 1;
    }
    assert!(seen[1..].iter().all(|count| *count > 0), "{seen:?}");
    assert_eq!(reached(&format!("host={}", list.join(","))).unwrap(), 1);
}

#[test]
fn a_server_that_is_not_there_is_passed_over_and_one_that_refuses_is_not() {
    let good = playing(9, PRIMARY);
    let answering = |code: &'static str| {
        server(move |mut stream| {
            startup(&mut stream);
            let _ = stream.write_all(&error(code, "FATAL"));
        })
    };
    let (starting, refusing) = (answering("57P03"), answering("28P01"));
    for (first, passed) in [
        ("/no/such/directory".to_owned(), true),
        ("no-such-host.invalid".to_owned(), true),
        (host(&starting), true),
        (host(&refusing), false),
    ] {
        let result = reached(&format!("host={first},{}", host(&good)));
        assert_eq!(result.is_ok(), passed, "{first}: {result:?}");
    }
    let error = reached(&format!("host=/no/such/directory,no-such-host.invalid,{}", host(&refusing)));
    let error = error.unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_AUTH);
    assert!(error.detail().contains("/no/such/directory") && error.detail().contains("no-such-host.invalid"));
}

#[test]
fn a_dead_host_costs_at_most_connect_timeout() {
    let good = playing(9, PRIMARY);
    // The kernel connects, nobody answers.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = dead.local_addr().unwrap().port();
    let conninfo = format!("host=127.0.0.1,{} port={port},5432 connect_timeout=1", host(&good));
    let start = Instant::now();
    assert_eq!(reached(&conninfo).unwrap(), 9);
    assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(&start.elapsed()));

    // The caller's own deadline ends the search, whoever is next.
    let conninfo = Conninfo::parse(&format!("user=u {conninfo}")).unwrap();
    let deadline = Some(Instant::now() + Duration::from_millis(50));
    let error = block_on(NativeSession::connect(&conninfo, &StartupSettings::default(), deadline));
    assert!(error.unwrap_err().message().contains("the caller waits"));
}

#[test]
fn s17_the_error_says_what_was_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let late = reached(&format!("host=127.0.0.1 port={port} sslmode=disable connect_timeout=1")).unwrap_err();
    assert!(late.message().contains("the server's answer in authentication"), "{late:?}");
    block_on(async {
        let held = helper::occupy(Kind::Resolve).await;
        // Who needs no name does not wait for those who do.
        let good = playing(9, PRIMARY);
        let conninfo = Conninfo::parse(&format!("user=u host={}", host(&good))).unwrap();
        connect(&conninfo).await.unwrap();
        let conninfo = Conninfo::parse("host=localhost port=1 user=u connect_timeout=1").unwrap();
        let late = connect(&conninfo).await.unwrap_err();
        assert_eq!(late.status(), Status::WAL_E_CONNECT_TIMEOUT);
        assert!(
            late.message().contains("helper threads") && late.hint().contains("name service"),
            "{late:?}"
        );
        drop(held);
    });
}

#[test]
fn the_owner_of_a_socket_may_be_required() {
    let good = playing(9, PRIMARY);
    let me = crate::sys::user_name().unwrap();
    assert_eq!(reached(&format!("host={} requirepeer={me}", host(&good))).unwrap(), 9);
    let error = reached(&format!("host={} requirepeer=nobody-else", host(&good))).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_AUTH);
    assert!(error.message().contains(&me) && error.message().contains("nobody-else"), "{error:?}");
    // It says nothing about TCP.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(&error_bytes()).unwrap());
    let error =
        reached(&format!("host=127.0.0.1 port={port} requirepeer=nobody-else sslmode=disable")).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_TOO_MANY_CONNECTIONS, "{error:?}");
}

fn error_bytes() -> Vec<u8> {
    error("53300", "FATAL")
}
