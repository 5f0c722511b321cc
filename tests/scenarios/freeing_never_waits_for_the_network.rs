//! `wal_stream_free` returns within its grace, the option close_timeout, whatever the network or the server does: nothing
//! comes and nothing goes, the server does not read, it stands still, or it has never answered.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::proxy::Stall;
use crate::harness::server::signal_process;
use crate::harness::{Database, Next, Options, Proxy, Server, Stream, abi, eventually};
use pgwalstream::error::Status;

/// The option close_timeout.
const GRACE: Duration = Duration::from_secs(1);

/// What closing may take beyond it on a busy machine. Nothing that waits for the network would end by then: keepalives
/// and timeouts are longer.
const ROOM: Duration = Duration::from_secs(5);

/// Frees a stream while a thread waits inside it, which must get WAL_END.
fn free_with_a_reader(stream: Stream) -> Duration {
    // SAFETY: the header, "Threads": freeing wakes whoever waits inside and waits for him to leave; he does not come back.
    let raw = stream.raw() as usize;
    std::mem::forget(stream);
    let reader = thread::spawn(move || {
        let mut out = std::ptr::null();
        loop {
            // SAFETY: as above.
            let status = unsafe {
                abi::wal_stream_next(raw as *mut abi::wal_stream, -1, &raw mut out, std::ptr::null_mut())
            };
            // Others write on the server, and their progress is told.
            if status != Status::WAL_OK as i32 {
                return status;
            }
        }
    });
    thread::sleep(Duration::from_millis(300));
    assert!(!reader.is_finished(), "it waits");
    let begin = Instant::now();
    // SAFETY: as above.
    unsafe { abi::wal_stream_free(raw as *mut abi::wal_stream) };
    let took = begin.elapsed();
    assert_eq!(reader.join().unwrap(), Status::WAL_END as i32);
    took
}

fn free(stream: Stream) -> Duration {
    let begin = Instant::now();
    drop(stream);
    begin.elapsed()
}

#[track_caller]
fn is_in_time(took: Duration, what: &str) {
    println!("{what}: {took:?}");
    assert!(took < GRACE + ROOM, "{what}: {took:?}");
}

fn options(conninfo: &str, slot: &str) -> Options {
    Options::stream(conninfo, slot, "pub").with("close_timeout", "1s").with("status_interval", "200ms")
}

/// A stream that has something to acknowledge, and has acknowledged it.
fn busy(db: &mut Database<'_>, options: &Options) -> Stream {
    let mut stream = options.open().unwrap();
    db.run("INSERT INTO t SELECT count(*) + 1 FROM t");
    let commit = stream.read_transactions(1).pop().unwrap();
    stream.ack(commit.ack_lsn).unwrap();
    stream
}

fn drain(stream: &mut Stream) {
    while !matches!(stream.next(0).unwrap(), Next::Nothing(_)) {}
}

#[test]
fn a_network_that_stalls() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    for stall in [Stall::FromServer, Stall::ToServer, Stall::Both] {
        for reader in [Reader::None, Reader::Inside] {
            let proxy = Proxy::start(server.port, |tag, body, out| out.send(tag, body));
            let slot = db.slot();
            let options = options(&proxy.conninfo(&db.name), &slot);
            let mut stream = busy(&mut db, &options);
            proxy.stall(stall);
            drain(&mut stream);
            let took = match reader {
                Reader::None => free(stream),
                Reader::Inside => free_with_a_reader(stream),
            };
            is_in_time(took, &format!("{stall:?}, {reader:?}"));
            proxy.resume();
        }
    }
}

/// Whether a thread waits in the stream as it is freed.
#[derive(Clone, Copy, Debug)]
enum Reader {
    None,
    Inside,
}

/// The walsender stands still, and its socket fills up with status updates that it does not read.
#[test]
fn a_server_that_stands_still() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    for reader in [Reader::None, Reader::Inside] {
        for conninfo in [server.conninfo(&db.name), server.unix_conninfo(&db.name)] {
            let slot = db.slot();
            let mut stream = busy(&mut db, &options(&conninfo, &slot));
            let pid = stream.stats().backend_pid;
            signal_process(pid, libc::SIGSTOP);
            drain(&mut stream);
            let took = match reader {
                Reader::None => free(stream),
                Reader::Inside => free_with_a_reader(stream),
            };
            signal_process(pid, libc::SIGCONT);
            is_in_time(took, &format!("stopped, {reader:?}"));
            // It was told, and does not keep the slot.
            db.released(&slot);
        }
    }
}

/// The queue is full and nobody reads: what waits in the socket is thrown away, not read to its end.
#[test]
fn a_backlog_that_nobody_reads() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 100000) g");
    let stream = options(&db.conninfo(), &slot).open().unwrap();
    eventually("the queue is full", || stream.stats().queue_bytes > 3 << 20);
    is_in_time(free(stream), "a full queue");
}

/// Somebody listens and never says a word: a stream that connects there ends when it is freed, or interrupted.
#[test]
fn a_black_hole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let conninfo = format!("host=127.0.0.1 port={port} user=postgres dbname=d sslmode=disable");
    let freed = options(&conninfo, "s").new_stream().unwrap();
    let raw = freed.raw() as usize;
    std::mem::forget(freed);
    // SAFETY: as in `free_with_a_reader`.
    let connecting = thread::spawn(move || unsafe {
        abi::wal_stream_connect(raw as *mut abi::wal_stream, -1, std::ptr::null_mut())
    });
    // The connection is there; nothing is ever said on it.
    let _silent = listener.accept().unwrap();
    thread::sleep(Duration::from_millis(200));
    assert!(!connecting.is_finished());
    let begin = Instant::now();
    // SAFETY: as above.
    unsafe { abi::wal_stream_free(raw as *mut abi::wal_stream) };
    is_in_time(begin.elapsed(), "freed while connecting");
    let status = connecting.join().unwrap();
    assert!(status == Status::WAL_END as i32 || status < 0, "{status}");

    // One whose connecting was given up has nobody to say good-bye to.
    let stream = options(&conninfo, "s").new_stream().unwrap();
    let failure = stream.connect(200).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_CONNECT_TIMEOUT, "{failure:?}");
    is_in_time(free(stream), "freed after connecting failed");
}
