//! An acker: many workers finish in any order, and what is acknowledged is what all of them are through with.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::stream::{Failure, Outcome, call};
use crate::harness::{Database, Kind, Next, Options, Server, Stream, abi, eventually};
use abi::{wal_acker, wal_position};
use pgwalstream::error::Status;

/// One of the C API, owned.
struct Acker(*mut wal_acker);

// SAFETY: the header: any thread, several at once.
unsafe impl Send for Acker {}
// SAFETY: as above.
unsafe impl Sync for Acker {}

impl Acker {
    fn new(stream: Option<&Stream>, most: u32) -> Self {
        let mut it = ptr::null_mut();
        let stream = stream.map_or(ptr::null(), |stream| stream.raw().cast_const());
        // SAFETY: a live stream or NULL, out-parameters of this frame.
        call(|err| unsafe { abi::wal_acker_new(stream, most, &raw mut it, err) }).unwrap();
        Self(it)
    }

    fn begin_at(&self, position: &wal_position) -> Outcome<u64> {
        let mut token = 7;
        // SAFETY: a live acker, a position and an out-parameter of this frame.
        let begun = call(|err| unsafe { abi::wal_acker_begin_at(self.0, position, &raw mut token, err) });
        assert_eq!(begun.is_err(), token == 0);
        begun.map(|_| token)
    }

    fn done(&self, token: u64) -> Outcome<()> {
        // SAFETY: a live acker.
        call(|err| unsafe { abi::wal_acker_done(self.0, token, err) }).map(drop)
    }

    fn position(&self) -> wal_position {
        // SAFETY: a live acker.
        unsafe { abi::wal_acker_position(self.0) }
    }

    fn kept(&self) -> usize {
        // SAFETY: a live acker.
        unsafe { abi::wal_acker_kept(self.0) }
    }
}

impl Drop for Acker {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { abi::wal_acker_free(self.0) };
    }
}

fn stream(db: &mut Database<'_>) -> (String, Stream) {
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "20ms");
    let stream = options.with("progress", "acknowledged").open().unwrap();
    (slot, stream)
}

#[test]
fn p25_nothing_behind_unfinished_work_is_acknowledged_whatever_the_lanes_do() {
    let mut db = Server::shared(18).database();
    let (slot, mut stream) = stream(&mut db);
    for id in 0..200 {
        db.run(&format!("INSERT INTO t VALUES ({id}), (1000 + {id})"));
    }
    let acker = Arc::new(Acker::new(Some(&stream), 0));
    let (send, receive) = channel::<(u64, bool)>();
    let receive = Arc::new(Mutex::new(receive));
    // What is held back, and how far an acknowledgement may come while it is.
    let held = Arc::new(Mutex::new(Vec::new()));
    let finished = Arc::new(AtomicU64::new(0));
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let (acker, receive, held, finished) =
                (Arc::clone(&acker), Arc::clone(&receive), Arc::clone(&held), Arc::clone(&finished));
            thread::spawn(move || {
                loop {
                    let Ok((token, waits)) = receive.lock().unwrap().recv() else { return };
                    if waits {
                        held.lock().unwrap().push(token);
                    } else {
                        acker.done(token).unwrap();
                    }
                    finished.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let (mut begun, mut ends, mut barrier) = (0, vec![], None);
    while ends.len() < 200 {
        let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("after {}", ends.len()) };
        if event.kind() == Kind::Progress {
            continue;
        }
        let mut token = 0;
        // SAFETY: a live acker, a live event, an out-parameter of this frame.
        call(|err| unsafe { abi::wal_acker_begin(acker.0, event.raw(), &raw mut token, err) }).unwrap();
        // One change in the 100th transaction takes its time.
        let waits = ends.len() == 100 && event.kind() == Kind::Insert && barrier.is_none();
        if waits {
            barrier = Some(event.position());
        }
        begun += 1;
        send.send((token, waits)).unwrap();
        if event.kind() == Kind::Commit {
            ends.push(event.position());
        }
    }
    drop(send);
    lanes.into_iter().for_each(|lane| lane.join().unwrap());
    assert_eq!(finished.load(Ordering::SeqCst), begun);
    // All but one is done: the position is at the end of the transaction before.
    assert_eq!(acker.position(), ends[99]);
    assert!(acker.kept() > 300, "{}", acker.kept());
    eventually("it is confirmed", || db.confirmed(&slot) == ends[99].end_lsn);
    assert_eq!(stream.stats().acked_lsn, ends[99].end_lsn);
    let token = held.lock().unwrap().pop().unwrap();
    acker.done(token).unwrap();
    assert_eq!((acker.position(), acker.kept()), (ends[199], 0));
    eventually("all is confirmed", || db.confirmed(&slot) >= ends[199].end_lsn);
    assert_eq!(acker.done(token).unwrap_err().status, Status::WAL_E_STATE);
}

#[test]
fn an_acker_is_bounded_refuses_misuse_and_outlives_its_stream() {
    let mut db = Server::shared(18).database();
    let (_, mut stream) = stream(&mut db);
    db.run("INSERT INTO t VALUES (1)");
    let end = stream.read_transactions(1).pop().unwrap().position;
    let acker = Acker::new(Some(&stream), 2);
    assert_eq!((acker.position(), acker.kept()), (wal_position::default(), 0));
    let refused = |outcome: Outcome<()>, status| {
        let Failure { status: found, hint, .. } = outcome.unwrap_err();
        assert!(found == status && !hint.is_empty(), "{found:?}");
    };
    for token in [0, 1, 17, u64::MAX] {
        refused(acker.done(token), Status::WAL_E_INVALID_ARGUMENT);
    }
    // A unit without a position is one all the same.
    let first = acker.begin_at(&wal_position::default()).unwrap();
    let second = acker.begin_at(&end).unwrap();
    let full = acker.begin_at(&end).unwrap_err();
    assert!(
        full.status == Status::WAL_E_STATE && full.is_retriable && full.message.contains('2'),
        "{full:?}"
    );
    acker.done(second).unwrap();
    refused(acker.done(second), Status::WAL_E_STATE);
    assert_eq!(stream.stats().acked_lsn, 0);
    acker.done(first).unwrap();
    assert_eq!((acker.position(), stream.stats().acked_lsn), (end, end.end_lsn));
    // What the stream never gave cannot be acknowledged.
    let beyond = acker.begin_at(&wal_position { end_lsn: u64::MAX, ..end }).unwrap();
    assert_eq!(acker.done(beyond).unwrap_err().status, Status::WAL_E_ACK_BEYOND);
    // One without a stream only tells.
    let alone = Acker::new(None, 0);
    let token = alone.begin_at(&end).unwrap();
    alone.done(token).unwrap();
    assert_eq!(alone.position(), end);
    let late = Acker::new(Some(&stream), 0);
    let token = late.begin_at(&end).unwrap();
    drop(stream);
    late.done(token).unwrap();
    assert_eq!(late.position(), end);
}
