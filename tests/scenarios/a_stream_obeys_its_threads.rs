//! Who may call what, and when: one thread reads, any thread acknowledges, interrupts and asks; a second reader is
//! told that the first is there; freeing wakes whoever waits. The header, "Threads" and "Waiting".

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::stream::call;
use crate::harness::{Database, Kind, Next, Options, Server, StopAtEnd, Stream, abi, eventually};
use pgwalstream::error::Status;

fn table(db: &mut Database<'_>) -> Options {
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    // No progress comes in between: wal_sender_timeout would set the rhythm otherwise.
    let conninfo = format!("{} options='-c wal_sender_timeout=0'", db.conninfo());
    Options::stream(&conninfo, &slot, "pub").with("status_interval", "1h")
}

/// Reads until nothing is ready.
fn drain(stream: &mut Stream) -> usize {
    let mut events = 0;
    while let Next::Event(_) = stream.next(0).unwrap() {
        events += 1;
    }
    events
}

#[test]
fn a_second_reader_is_told_that_it_is_one() {
    let mut db = Server::shared(18).database();
    let stream = table(&mut db).open().unwrap();
    let begin = Instant::now();
    thread::scope(|scope| {
        let first = scope.spawn(|| stream.next_status(60_000));
        let busy = |what: Result<Status, crate::harness::Failure>| match what {
            Err(failure) => {
                assert_eq!(failure.status, Status::WAL_E_BUSY);
                assert!(!failure.is_fatal && failure.is_retriable, "{failure:?}");
                true
            }
            // The first has not begun to wait yet.
            Ok(status) => {
                assert_eq!(status, Status::WAL_TIMEOUT);
                false
            }
        };
        eventually("the second is refused", || busy(stream.next_status(0)));
        match stream.batch(0) {
            Err(outcome) => assert!(busy(outcome)),
            Ok(_) => panic!("a batch for a second reader"),
        }
        assert!(busy(stream.connect(0)));
        // What any thread may do works meanwhile.
        stream.ack(0).unwrap();
        assert_eq!(stream.flush(10_000), Ok(Status::WAL_OK));
        assert!(stream.stats().backend_pid > 0 && stream.fd() >= 0);
        db.run("INSERT INTO t VALUES (1)");
        assert_eq!(first.join().unwrap(), Ok(Status::WAL_OK));
    });
    assert!(begin.elapsed() < Duration::from_secs(50), "the first was woken by its event");
    assert_eq!(stream.next_status(0), Ok(Status::WAL_OK), "and the stream goes on");
}

#[test]
fn an_interrupt_wakes_once_and_waits_for_the_next_call() {
    let mut db = Server::shared(18).database();
    let mut stream = table(&mut db).open().unwrap();
    drain(&mut stream);
    // A thread that waits.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stream.next_status(-1));
        thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished());
        stream.interrupt();
        assert_eq!(waiting.join().unwrap(), Ok(Status::WAL_INTERRUPTED));
    });
    // Consumed: the next waits as before.
    assert_eq!(stream.next_status(50), Ok(Status::WAL_TIMEOUT));
    assert!(!stream.is_readable(0));
    // Sticky: it is kept for a call that comes later, however often it was given.
    stream.interrupt();
    stream.interrupt();
    assert!(stream.is_readable(0));
    assert_eq!(stream.next_status(-1), Ok(Status::WAL_INTERRUPTED));
    assert_eq!(stream.next_status(0), Ok(Status::WAL_TIMEOUT));
    // Taken back.
    stream.interrupt();
    stream.interrupt_clear();
    assert_eq!(stream.next_status(0), Ok(Status::WAL_TIMEOUT));
    assert!(!stream.is_readable(0));
    // It comes before what is ready, and loses nothing of it.
    db.run("INSERT INTO t VALUES (1)");
    assert!(stream.is_readable(10_000));
    stream.interrupt();
    assert_eq!(stream.next_status(0), Ok(Status::WAL_INTERRUPTED));
    assert_eq!(stream.read_transactions(1).len(), 4);
    // In the middle of a batch, too.
    db.run("INSERT INTO t VALUES (2), (3)");
    assert!(matches!(stream.next(10_000), Ok(Next::Event(event)) if event.kind() == Kind::Begin));
    stream.interrupt();
    assert_eq!(stream.next_status(0), Ok(Status::WAL_INTERRUPTED));
    assert_eq!(stream.read_transactions(1).len(), 3);
    stream.interrupt();
    match stream.batch(0) {
        Err(outcome) => assert_eq!(outcome, Ok(Status::WAL_INTERRUPTED)),
        Ok(_) => panic!("a batch in spite of the interrupt"),
    }
}

#[test]
fn an_interrupt_ends_connecting() {
    // A server that never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let conninfo = format!("host=127.0.0.1 port={port} user=u dbname=d sslmode=disable");
    let stream = Options::stream(&conninfo, "s", "p").new_stream().unwrap();
    assert_eq!(stream.next_status(0).unwrap_err().status, Status::WAL_E_STATE, "not connected yet");
    assert_eq!(stream.flush(0).unwrap_err().status, Status::WAL_E_STATE);
    thread::scope(|scope| {
        let connecting = scope.spawn(|| stream.connect(-1));
        thread::sleep(Duration::from_millis(200));
        stream.interrupt();
        assert_eq!(connecting.join().unwrap(), Ok(Status::WAL_INTERRUPTED));
    });
    let begin = Instant::now();
    assert_eq!(stream.connect(300).unwrap_err().status, Status::WAL_E_CONNECT_TIMEOUT);
    assert!(begin.elapsed() >= Duration::from_millis(290) && begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn freeing_wakes_a_thread_that_waits() {
    let mut db = Server::shared(18).database();
    let stream = table(&mut db).open().unwrap();
    let raw = stream.raw() as usize;
    let woken = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut out = std::ptr::null();
            let stream = raw as *mut abi::wal_stream;
            // SAFETY: the stream is alive when the call begins; freeing it waits for the call to end.
            let status = call(|err| unsafe { abi::wal_stream_next(stream, -1, &raw mut out, err) });
            woken.store(true, Ordering::SeqCst);
            status
        });
        thread::sleep(Duration::from_millis(300));
        drop(stream);
        assert_eq!(waiting.join().unwrap(), Ok(Status::WAL_END));
    });
    assert!(woken.load(Ordering::SeqCst));
}

#[test]
fn the_descriptor_is_readable_while_something_is_ready() {
    let mut db = Server::shared(18).database();
    let mut stream = table(&mut db).with("reconnect", "off").open().unwrap();
    let fd = stream.fd();
    // SAFETY: plain system call.
    assert_ne!(unsafe { libc::fcntl(fd, libc::F_GETFL) } & libc::O_NONBLOCK, 0);
    drain(&mut stream);
    assert!(!stream.is_readable(100), "nothing is ready, and WAL_TIMEOUT said so");
    for id in 0..20 {
        db.run(&format!("INSERT INTO t VALUES ({})", id * 10));
        assert!(stream.is_readable(10_000));
        let mut seen = 0;
        // Poll and take: the descriptor says when, as an event loop does it.
        while seen < 4 - usize::from(id > 0) {
            assert!(stream.is_readable(10_000), "something is left: the commit at least");
            match stream.next(0).unwrap() {
                Next::Event(event) => seen += usize::from(event.kind() != Kind::Progress),
                // Cleared, looked again, and found nothing: allowed whenever nothing is there.
                Next::Nothing(status) => assert_eq!(status, Status::WAL_TIMEOUT),
            }
        }
        drain(&mut stream);
        assert!(!stream.is_readable(0));
    }
    assert_eq!(stream.fd(), fd, "the same for the life of the stream");
    // In a batch that is being walked.
    db.run("INSERT INTO t SELECT 1000 + generate_series(1, 3)");
    assert!(matches!(stream.next(10_000), Ok(Next::Event(_))));
    assert!(stream.is_readable(0) || stream.is_readable(10_000));
    stream.read_transactions(1);
    // At the end for good, again and again.
    let pid = stream.stats().backend_pid;
    db.run(&format!("SELECT pg_terminate_backend({pid})"));
    let (_, failure) = stream.read_to_error();
    assert!(failure.is_fatal && failure.is_retriable, "{failure:?}");
    for _ in 0..3 {
        assert!(stream.is_readable(0));
        assert_eq!(stream.next_status(0).unwrap_err(), failure, "the same answer at each call");
    }
}

/// Acknowledging threads and a reader, as fast as they can.
#[test]
fn acknowledgements_come_from_any_thread() {
    let mut db = Server::shared(18).database();
    let mut stream = table(&mut db).open().unwrap();
    for id in 0..300 {
        db.run(&format!("INSERT INTO t VALUES ({id})"));
    }
    let newest = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let raw = stream.raw() as usize;
    let last = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let stream = raw as *const abi::wal_stream;
                while !done.load(Ordering::SeqCst) {
                    let lsn = newest.load(Ordering::SeqCst);
                    // SAFETY: the stream outlives the scope; acknowledging is for any thread.
                    call(|err| unsafe { abi::wal_stream_ack(stream, lsn, err) }).unwrap();
                    // SAFETY: as above.
                    call(|err| unsafe { abi::wal_stream_flush(stream, 10_000, err) }).unwrap();
                }
            });
        }
        let done = StopAtEnd(&done);
        let mut commits = 0;
        while commits < 300 {
            let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing comes") };
            if event.kind() == Kind::Commit {
                commits += 1;
                newest.store(event.fields().ack_lsn, Ordering::SeqCst);
            }
        }
        let last = newest.load(Ordering::SeqCst);
        eventually("the last is reported", || stream.stats().reported_lsn >= last);
        drop(done);
        last
    });
    assert!(stream.stats().acked_lsn == last);
}

/// The engine's threads take no signal that the program may want for itself.
#[test]
fn the_engine_blocks_all_signals() {
    let mut db = Server::shared(18).database();
    let _stream = table(&mut db).open().unwrap();
    let mut found = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let read = |name| std::fs::read_to_string(path.join(name)).unwrap_or_default();
        if !read("comm").contains("wal") {
            continue;
        }
        let status = read("status");
        let blocked =
            status.lines().find_map(|line| line.strip_prefix("SigBlk:")).map(str::trim).unwrap_or("0");
        let mask = u64::from_str_radix(blocked, 16).unwrap();
        for signal in
            [libc::SIGUSR1, libc::SIGINT, libc::SIGTERM, libc::SIGALRM, libc::SIGCHLD, libc::SIGPIPE]
        {
            assert_ne!(mask & 1 << (signal - 1), 0, "signal {signal} in thread {}", read("comm"));
        }
        found += 1;
    }
    assert!(found >= 1, "the engine's thread has a name that tells whose it is");
}
