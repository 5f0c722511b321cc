//! What a server (or whatever is between) must not send: it never makes a panic, a wrong row or a skipped row, but an
//! error that names the place, the kind and the length. P33: what a newer server may send and nobody needs is counted
//! and passed over.
//!
//! A proxy in front of a real server tampers with its messages.

use crate::harness::proxy::Outlet;
use crate::harness::stream::lines;
use crate::harness::{Database, Failure, Kind, Options, Proxy, Seen, Server};
use pgwalstream::error::Status;

/// XLogData puts its position, the end of the WAL and the time before the message.
const HEADER: usize = 25;

fn table(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.script("INSERT INTO t VALUES (1, 'first');\nINSERT INTO t VALUES (2, 'second'), (3, 'third');\nINSERT INTO t VALUES (4, 'fourth')");
    slot
}

/// Reads through a proxy that changes the n-th message of a kind (from 1).
fn read(kind: u8, number: usize, change: fn(&mut Vec<u8>, &mut Outlet)) -> (Vec<Seen>, Failure) {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = table(&mut db);
    let mut count = 0;
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        let is_it = tag == b'd' && body.len() > HEADER && body[0] == b'w' && body[HEADER] == kind;
        count += usize::from(is_it);
        if is_it && count == number {
            let mut changed = body.to_vec();
            change(&mut changed, out);
            if !changed.is_empty() {
                out.send(tag, &changed);
            }
        } else {
            out.send(tag, body);
        }
    });
    let mut stream = Options::stream(&proxy.conninfo(&db.name), &slot, "pub").open().unwrap();
    let (seen, failure) = stream.read_to_error();
    assert_eq!(stream.next_status(0).unwrap_err(), failure, "it stays ended");
    drop(stream);
    // Nothing of it was confirmed: a reader without the proxy gets all of it.
    db.released(&slot);
    let all = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap().read_transactions(3);
    assert_eq!(all.iter().filter(|event| event.kind == Kind::Insert).count(), 4);
    (seen, failure)
}

/// The rows that came are a beginning of those that were sent.
#[track_caller]
fn check(seen: &[Seen], failure: &Failure, rows: usize, status: Status) {
    let values = ["first", "second", "third", "fourth"];
    let expected: Vec<String> =
        (0..rows).map(|at| format!("INSERT public.t new id={} v={}", at + 1, values[at])).collect();
    let got: Vec<&str> =
        seen.iter().filter(|event| event.kind == Kind::Insert).map(|event| event.line.as_str()).collect();
    assert_eq!(got, expected, "{}\n{failure:?}", lines(seen));
    assert_eq!(failure.status, status, "{failure:?}");
    assert!(failure.is_fatal && !failure.is_retriable, "{failure:?}");
}

/// The error says where, which and how long, and shows nothing of the data.
#[track_caller]
fn names_the_message(failure: &Failure, kind: &str) {
    let text = format!("{} {}", failure.message, failure.detail);
    assert!(text.contains(kind) && text.contains("0/"), "{failure:?}");
    assert!(failure.detail.ends_with(" bytes"), "{failure:?}");
}

#[test]
fn a_truncated_row() {
    let (seen, failure) = read(b'I', 3, |body, _| body.truncate(body.len() - 3));
    check(&seen, &failure, 2, Status::WAL_E_DECODE);
    names_the_message(&failure, "'I'");
}

#[test]
fn a_row_with_bytes_to_spare() {
    let (seen, failure) = read(b'I', 2, |body, _| body.push(0));
    check(&seen, &failure, 1, Status::WAL_E_DECODE);
}

#[test]
fn a_length_that_lies() {
    // Kind, oid, 'N', count of columns, 't', length: the first column's length becomes 2 GB, then -1.
    for length in [[0x7f, 0xff, 0xff, 0xff], [0xff; 4]] {
        let change: fn(&mut Vec<u8>, &mut Outlet) = if length[0] == 0x7f {
            |body, _| body[HEADER + 9..HEADER + 13].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff])
        } else {
            |body, _| body[HEADER + 9..HEADER + 13].copy_from_slice(&[0xff; 4])
        };
        let (seen, failure) = read(b'I', 2, change);
        check(&seen, &failure, 1, Status::WAL_E_DECODE);
        names_the_message(&failure, "'I'");
    }
}

#[test]
fn more_or_fewer_columns_than_were_described() {
    let (seen, failure) = read(b'I', 1, |body, _| body[HEADER + 7] = 3);
    check(&seen, &failure, 0, Status::WAL_E_DECODE);
    let (seen, failure) = read(b'I', 4, |body, _| body[HEADER + 7] = 1);
    check(&seen, &failure, 3, Status::WAL_E_DECODE);
}

#[test]
fn a_kind_of_value_that_nobody_knows() {
    let (seen, failure) = read(b'I', 2, |body, _| body[HEADER + 8] = b'z');
    check(&seen, &failure, 1, Status::WAL_E_DECODE);
}

#[test]
fn a_relation_that_was_never_described() {
    let (seen, failure) = read(b'R', 1, |body, _| body.clear());
    check(&seen, &failure, 0, Status::WAL_E_UNKNOWN_RELATION);
    names_the_message(&failure, "'I'");
}

#[test]
fn a_transaction_that_ends_twice_or_begins_inside_another() {
    let (seen, failure) = read(b'C', 1, |body, out| out.send(b'd', body));
    check(&seen, &failure, 1, Status::WAL_E_DECODE);
    let (seen, failure) = read(b'C', 1, |body, _| body.clear());
    check(&seen, &failure, 1, Status::WAL_E_DECODE);
}

#[test]
fn p33_an_unknown_kind_of_change_is_an_error_that_names_it() {
    let (seen, failure) = read(b'I', 3, |body, _| body[HEADER] = b'q');
    check(&seen, &failure, 2, Status::WAL_E_UNKNOWN_MESSAGE);
    names_the_message(&failure, "'q'");
}

#[test]
fn frames_that_are_no_frames() {
    let (seen, failure) = read(b'I', 2, |body, out| {
        out.raw(&[b'd', 0, 0, 0, 3]);
        body.clear();
    });
    check(&seen, &failure, 1, Status::WAL_E_PROTOCOL);
    let (seen, failure) = read(b'I', 2, |body, out| {
        out.raw(&[b'd', 0xff, 0xff, 0xff, 0xff]);
        body.clear();
    });
    check(&seen, &failure, 1, Status::WAL_E_PROTOCOL);
    let (seen, failure) = read(b'I', 2, |body, _| body.truncate(7));
    check(&seen, &failure, 1, Status::WAL_E_PROTOCOL);
}

/// Without reconnecting, a connection that is cut ends the stream.
#[test]
fn a_connection_that_is_cut_is_worth_another_try() {
    for number in 1..=4 {
        let server = Server::shared(18);
        let mut db = server.database();
        let slot = table(&mut db);
        let mut count = 0;
        let proxy = Proxy::start(server.port, move |tag, body, out| {
            count += usize::from(tag == b'd' && body.len() > HEADER && body[HEADER] == b'I');
            if count == number {
                // In the middle of the message.
                out.raw(&[b'd', 0, 0, 1]);
                out.cut();
            } else {
                out.send(tag, body);
            }
        });
        let options = Options::stream(&proxy.conninfo(&db.name), &slot, "pub").with("reconnect", "off");
        let mut stream = options.open().unwrap();
        let (seen, failure) = stream.read_to_error();
        assert_eq!(failure.status, Status::WAL_E_CONNECTION_LOST, "{failure:?}");
        assert!(failure.is_fatal && failure.is_retriable, "{failure:?}");
        assert_eq!(seen.iter().filter(|event| event.kind == Kind::Insert).count(), number - 1);
    }
}

#[test]
fn p33_what_nobody_needs_is_passed_over_and_counted() {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = table(&mut db);
    let mut streaming = false;
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        streaming |= tag == b'W';
        out.send(tag, body);
        if streaming && tag == b'd' {
            // A CopyBoth message of a later server ('s', as PostgreSQL 19 has it), one of no known letter, and a
            // protocol message that does not belong here.
            out.send(b'd', b"s\0\0\0\0\0\0\0\x01");
            out.send(b'd', b"\x01");
            out.send(b'~', b"whatever");
        }
    });
    let mut stream = Options::stream(&proxy.conninfo(&db.name), &slot, "pub").open().unwrap();
    let seen = stream.read_transactions(3);
    assert_eq!(seen.iter().filter(|event| event.kind == Kind::Insert).count(), 4);
    let counted = stream.stats().unknown_frames;
    assert!(counted >= 3 * 10 && counted.is_multiple_of(3), "{counted}");
}

/// Versions that do not exist yet are no reason to refuse.
#[test]
fn p33_a_later_major_version_is_not_refused() {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = table(&mut db);
    let proxy = Proxy::start(server.port, |tag, body, out| {
        if tag == b'S' && body.starts_with(b"server_version\0") {
            out.send(b'S', b"server_version\x0021.3\0");
        } else {
            out.send(tag, body);
        }
    });
    let mut stream = Options::stream(&proxy.conninfo(&db.name), &slot, "pub").open().unwrap();
    assert_eq!(stream.read_transactions(3).iter().filter(|event| event.kind == Kind::Insert).count(), 4);
    assert_eq!(stream.stats().server_version / 10_000, 21);
}

/// Notices come in the stream, too; only one says that something is missing (P17).
#[test]
fn p17_other_notices_are_not_gaps() {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = table(&mut db);
    let mut streaming = false;
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        streaming |= tag == b'W';
        out.send(tag, body);
        if streaming && tag == b'd' {
            out.send(
                b'N',
                b"SWARNUNG\0VWARNING\0C55000\0Mskipped loading publication \"pub\"\0RSomethingElse\0\0",
            );
            out.send(b'N', b"SHINWEIS\0VNOTICE\0C00000\0Mnichts\0RLoadPublications\0\0");
        }
    });
    let mut stream = Options::stream(&proxy.conninfo(&db.name), &slot, "pub").open().unwrap();
    assert_eq!(stream.read_transactions(3).iter().filter(|event| event.kind == Kind::Insert).count(), 4);
    let stats = stream.stats();
    assert!(stats.gaps == 0 && stats.notices >= 20, "{stats:?}");
}
