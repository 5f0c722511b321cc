//! Transactions put together from events by the rules that the header gives, and by nothing else.

use std::collections::HashMap;

use crate::harness::view::{self, Event};
use crate::harness::{Next, PATIENCE, Stream};
use pgwalstream::batch::{EventKind as K, flags};
use pgwalstream::capi;
use pgwalstream::error::Status;

/// A committed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub commit_lsn: u64,
    pub ack_lsn: u64,
    pub xid: u32,
    pub commit_time: i64,
    /// The global identifier of one that was prepared.
    pub gid: String,
    pub changes: Vec<Change>,
}

/// What a transaction does, as a reader would write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub line: String,
    /// Its number, once the transaction is complete.
    pub sequence: u64,
    /// The columns of its relation, as they were at that moment.
    pub relation: String,
}

/// What came in blocks of a transaction that is still open: changes with the subtransaction they came under.
type Log = Vec<(u32, Option<Change>)>;

/// Events in, transactions out, in the order of their commits.
#[derive(Debug, Default)]
pub struct Reassembly {
    open: Option<Transaction>,
    block: Option<u32>,
    streamed: HashMap<u32, Log>,
    prepared: HashMap<String, Transaction>,
    pub done: Vec<Transaction>,
    /// How many streamed transactions were open at the end.
    pub discarded: usize,
    /// How many events of each kind came.
    pub counts: HashMap<u32, usize>,
    /// The highest acknowledgeable position so far.
    pub ack_lsn: u64,
}

impl Reassembly {
    pub fn count(&self, kind: K) -> usize {
        self.counts.get(&(kind as u32)).copied().unwrap_or(0)
    }

    /// The streamed transactions that are open.
    pub fn streaming(&self) -> usize {
        self.streamed.len()
    }

    /// Takes one event.
    pub fn take(&mut self, event: Event<'_>) {
        let it = event.fields();
        *self.counts.entry(it.kind).or_default() += 1;
        self.ack_lsn = self.ack_lsn.max(it.ack_lsn);
        let is = |kind: K| it.kind == kind as u32;
        if is(K::WAL_EVENT_PROGRESS) {
            return;
        }
        assert_eq!(it.flags & flags::STREAMED != 0, self.block.is_some() && !is(K::WAL_EVENT_STREAM_STOP));
        let transaction = || Transaction {
            commit_lsn: it.commit_lsn,
            ack_lsn: it.ack_lsn,
            xid: it.xid,
            commit_time: it.commit_time,
            gid: gid(event),
            changes: vec![],
        };
        if let Some(top) = self.block {
            assert_eq!((it.xid, it.commit_lsn, it.ack_lsn, it.sequence), (top, 0, 0, 0), "inside a block");
        }
        if is(K::WAL_EVENT_BEGIN) || is(K::WAL_EVENT_BEGIN_PREPARE) {
            assert!(self.open.replace(transaction()).is_none());
        } else if is(K::WAL_EVENT_COMMIT) {
            let mut open = self.open.take().expect("a transaction is open");
            assert_eq!(
                (open.commit_lsn, open.xid, open.commit_time),
                (it.commit_lsn, it.xid, it.commit_time)
            );
            open.ack_lsn = it.ack_lsn;
            self.done.push(open);
        } else if is(K::WAL_EVENT_PREPARE) {
            let mut open = self.open.take().expect("a transaction is open");
            assert_eq!((open.commit_lsn, &open.gid), (it.commit_lsn, &gid(event)));
            assert_eq!((prepare_lsn(event), prepare_end_lsn(event)), (it.commit_lsn, it.ack_lsn));
            open.ack_lsn = it.ack_lsn;
            self.prepared.insert(open.gid.clone(), open);
        } else if is(K::WAL_EVENT_STREAM_START) {
            let is_first = it.flags & flags::FIRST_SEGMENT != 0;
            assert_eq!(is_first, !self.streamed.contains_key(&it.xid));
            self.streamed.entry(it.xid).or_default();
            assert!(self.open.is_none() && self.block.replace(it.xid).is_none());
        } else if is(K::WAL_EVENT_STREAM_STOP) {
            assert_eq!(self.block.take(), Some(it.xid));
        } else if is(K::WAL_EVENT_STREAM_ABORT) {
            if it.flags & flags::DISCARDED != 0 {
                self.discarded += 1;
            }
            if it.xid == it.subxid {
                self.streamed.remove(&it.xid).expect("known");
            } else {
                let log = self.streamed.get_mut(&it.xid).expect("known");
                if let Some(first) = log.iter().position(|(subxid, _)| *subxid == it.subxid) {
                    log.truncate(first);
                }
            }
        } else if is(K::WAL_EVENT_STREAM_COMMIT) {
            self.done.push(self.ended(it.xid, transaction()));
            self.streamed.remove(&it.xid);
        } else if is(K::WAL_EVENT_STREAM_PREPARE) {
            let ended = self.ended(it.xid, transaction());
            self.streamed.remove(&it.xid);
            self.prepared.insert(ended.gid.clone(), ended);
        } else if is(K::WAL_EVENT_COMMIT_PREPARED) {
            // One that never touched anything is prepared without a word (ReorderBufferReplay has no snapshot of it).
            let mut it = transaction();
            it.changes = self.prepared.remove(&it.gid).map(|prepared| prepared.changes).unwrap_or_default();
            self.done.push(it);
        } else if is(K::WAL_EVENT_ROLLBACK_PREPARED) {
            self.prepared.remove(&gid(event));
        } else {
            let change = Change::of(event);
            match (self.block, &mut self.open) {
                (Some(top), _) => {
                    let log = self.streamed.get_mut(&top).expect("known");
                    log.push((it.subxid, change));
                }
                (None, Some(open)) => {
                    if let Some(change) = change {
                        assert_eq!(change.sequence, open.changes.len() as u64);
                        open.changes.push(change);
                    }
                }
                (None, None) => assert!(change.is_none() || it.flags & flags::TRANSACTIONAL == 0),
            }
        }
    }

    /// What is left of a streamed transaction, numbered.
    fn ended(&self, xid: u32, end: Transaction) -> Transaction {
        let left = self.streamed.get(&xid).expect("known").iter().filter_map(|(_, change)| change.clone());
        let numbered = left.enumerate().map(|(at, change)| Change { sequence: at as u64, ..change });
        Transaction { changes: numbered.collect(), ..end }
    }

    /// Reads until `is_last` finds a transaction to be the last.
    #[track_caller]
    pub fn read(&mut self, stream: &mut Stream, is_last: impl Fn(&Transaction) -> bool) {
        let mut seen = 0;
        loop {
            let batch = match stream.batch(PATIENCE.as_millis() as i32) {
                Ok(batch) => batch,
                Err(other) => panic!("{other:?} after {} transactions, {:?}", self.done.len(), self.counts),
            };
            batch.events().for_each(|event| self.take(event));
            if self.done[seen..].iter().any(&is_last) {
                return;
            }
            seen = self.done.len();
        }
    }

    /// Reads to the end of the stream.
    #[track_caller]
    pub fn read_to_end(&mut self, stream: &mut Stream) {
        loop {
            match stream.next(PATIENCE.as_millis() as i32) {
                Ok(Next::Event(event)) => self.take(event),
                Ok(Next::Nothing(status)) => return assert_eq!(status, Status::WAL_END),
                Err(failure) => panic!("{failure:?} after {:?}", self.counts),
            }
        }
    }
}

impl Change {
    /// Inserts, updates, deletes, truncates and transactional messages; None for what is none of them.
    fn of(event: Event<'_>) -> Option<Self> {
        let it = event.fields();
        let numbered = [
            K::WAL_EVENT_INSERT,
            K::WAL_EVENT_UPDATE,
            K::WAL_EVENT_DELETE,
            K::WAL_EVENT_TRUNCATE,
            K::WAL_EVENT_MESSAGE,
        ];
        if !numbered.iter().any(|kind| *kind as u32 == it.kind) {
            return None;
        }
        let relation = if it.relation.is_null() { String::new() } else { columns(event) };
        Some(Self { line: event.line(), sequence: it.sequence, relation })
    }
}

/// The relation without its generation, which counts what was rolled back too.
fn columns(event: Event<'_>) -> String {
    let definition = event.relation().definition();
    definition.rsplit_once('#').expect("a generation").0.to_owned()
}

pub fn gid(event: Event<'_>) -> String {
    // SAFETY: a live event, whose bytes live as long.
    String::from_utf8(unsafe { view::bytes(capi::wal_event_gid(event.raw())) }.to_vec()).unwrap()
}

pub fn prepare_lsn(event: Event<'_>) -> u64 {
    // SAFETY: a live event.
    unsafe { capi::wal_event_prepare_lsn(event.raw()) }
}

pub fn prepare_end_lsn(event: Event<'_>) -> u64 {
    // SAFETY: a live event.
    unsafe { capi::wal_event_prepare_end_lsn(event.raw()) }
}
