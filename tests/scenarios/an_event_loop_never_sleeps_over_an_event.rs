//! A program's event loop waits for the stream's descriptor without a timeout, level-triggered as epoll does and
//! edge-triggered on a dup as Go's netpoller does, while single commits come in small bursts at random moments. Nothing but
//! a commit can wake it: one event that is ready without the descriptor telling, and the loop would sleep for ever. Thousands
//! of rounds, in each of which the writer waits until everything was seen.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Kind, Next, Options, PATIENCE, Server, Stream};
use pgwalstream::error::Status;

/// How the descriptor is watched.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    Level,
    /// A dup of it, for reading and writing, as Go's runtime registers descriptors.
    Edge,
}

/// How long a test goes on, and how many rounds that must have been at least on the slowest machine.
const TIME: Duration = Duration::from_secs(8);
const ROUNDS: u64 = 100;

/// Waits for the descriptor; in the end the writer interrupts.
struct Poller {
    epoll: RawFd,
    watched: RawFd,
}

impl Poller {
    fn new(stream: &Stream, trigger: Trigger) -> Self {
        // SAFETY: plain system calls on descriptors of this test; the event lives through the call.
        unsafe {
            let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            let watched = libc::dup(pgwalstream::capi::wal_stream_fd(stream.raw()));
            assert!(epoll >= 0 && watched >= 0);
            let events = match trigger {
                Trigger::Level => libc::EPOLLIN,
                Trigger::Edge => libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET,
            };
            let mut interest = libc::epoll_event { events: events as u32, u64: 0 };
            assert_eq!(libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, watched, &raw mut interest), 0);
            Self { epoll, watched }
        }
    }

    /// Waits for readability, for ever but for what a broken test may take.
    fn wait(&self, what: &str) {
        let end = Instant::now() + 2 * PATIENCE;
        loop {
            let mut ready = libc::epoll_event { events: 0, u64: 0 };
            // SAFETY: room for one event.
            let n =
                unsafe { libc::epoll_wait(self.epoll, &raw mut ready, 1, 2 * PATIENCE.as_millis() as i32) };
            if n == 1 && ready.events & libc::EPOLLIN as u32 != 0 {
                return;
            }
            assert!(Instant::now() < end, "the descriptor does not become readable: {what}");
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        // SAFETY: descriptors of this test, closed once.
        unsafe {
            libc::close(self.watched);
            libc::close(self.epoll);
        }
    }
}

/// A random number below `bound`, good enough to vary the moments.
fn random(state: &mut u64, bound: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % bound
}

fn spin(micros: u64) {
    let end = Instant::now() + Duration::from_micros(micros);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Reads until there is nothing more, one by one or in batches by turns; false once it was interrupted.
fn drain(stream: &mut Stream, by_batch: bool, commits: &AtomicU64) -> bool {
    loop {
        if by_batch {
            match stream.batch(0) {
                Ok(batch) => {
                    let seen = batch.events().filter(|event| event.kind() == Kind::Commit).count();
                    commits.fetch_add(seen as u64, Ordering::Release);
                }
                Err(Ok(Status::WAL_TIMEOUT)) => return true,
                Err(Ok(Status::WAL_INTERRUPTED)) => return false,
                Err(other) => panic!("{other:?}"),
            }
        } else {
            match stream.next(0).unwrap() {
                Next::Event(event) => {
                    commits.fetch_add(u64::from(event.kind() == Kind::Commit), Ordering::Release);
                }
                Next::Nothing(Status::WAL_TIMEOUT) => return true,
                Next::Nothing(Status::WAL_INTERRUPTED) => return false,
                Next::Nothing(other) => panic!("{other:?}"),
            }
        }
    }
}

fn bursts(trigger: Trigger) {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    // No progress event and no report rescues a loop that sleeps.
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "1h");
    let mut stream = options.open().unwrap();
    let raw = stream.raw() as usize;
    let seen = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (seen, db) = (&seen, &mut db);
        let writer = scope.spawn(move || {
            let (mut written, mut rounds, mut state) = (0, 0, 0x9E37_79B9_7F4A_7C15);
            let end = Instant::now() + TIME;
            while Instant::now() < end {
                for _ in 0..=random(&mut state, 4) {
                    db.run("INSERT INTO t VALUES (1)");
                    written += 1;
                    spin(random(&mut state, 300));
                }
                let patience = Instant::now() + PATIENCE;
                while seen.load(Ordering::Acquire) < written {
                    let read = seen.load(Ordering::Acquire);
                    assert!(
                        Instant::now() < patience,
                        "round {rounds}: the loop sleeps over {} of {written}",
                        written - read
                    );
                    std::hint::spin_loop();
                    std::thread::yield_now();
                }
                rounds += 1;
                // So that the next comes as the loop goes to sleep, or long after.
                spin(random(&mut state, 60));
            }
            // SAFETY: the stream lives until the reader has seen this interrupt.
            unsafe { pgwalstream::capi::wal_stream_interrupt(raw as *const _) };
            (rounds, written)
        });
        let poller = Poller::new(&stream, trigger);
        let mut state = 7;
        while drain(&mut stream, random(&mut state, 2) == 0, seen) {
            spin(random(&mut state, 20));
            poller.wait("nothing came");
        }
        let (rounds, written) = writer.join().unwrap();
        assert_eq!(seen.load(Ordering::Acquire), written, "{trigger:?}");
        assert!(rounds > ROUNDS, "{trigger:?}: only {rounds} rounds in {TIME:?}");
        println!("{trigger:?}: {rounds} rounds, {written} commits");
    });
}

#[test]
fn level_triggered() {
    bursts(Trigger::Level);
}

#[test]
fn edge_triggered_on_a_dup() {
    bursts(Trigger::Edge);
}
