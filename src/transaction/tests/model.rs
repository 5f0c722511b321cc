//! Random transactions, as a server streams them, against a model that keeps only what was committed: a list that is cut.

use std::sync::Arc;
use std::sync::atomic::AtomicI32;

use proptest::prelude::*;

use crate::batch::{Batch, EventKind};
use crate::transaction::{AssembleOptions, Feeder, OfDoubtful, OfPrepared, SpillOptions};

/// What one of several sessions does next.
#[derive(Clone, Debug)]
enum Step {
    /// A change with a value of so many bytes, in the present subtransaction.
    Change(usize),
    /// A block ends, and another begins with the next change.
    Stop,
    Savepoint,
    Release,
    RollbackTo,
    Commit,
    Abort,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        12 => (1_usize..400).prop_map(Step::Change),
        1 => (200_000_usize..300_000).prop_map(Step::Change),
        3 => Just(Step::Stop),
        4 => Just(Step::Savepoint),
        2 => Just(Step::Release),
        2 => Just(Step::RollbackTo),
        1 => Just(Step::Commit),
        1 => Just(Step::Abort),
    ];
    (0_usize..3, step)
}

/// One session's transaction, as the server sees it.
#[derive(Default)]
struct Session {
    xid: u32,
    /// The subtransactions that are open, each with those released into it, and their ids once they have any.
    open: Vec<Level>,
    /// What is left: the id of the level that each was made in, and the number.
    model: Vec<u64>,
    first_sent: bool,
}

#[derive(Clone, Default)]
struct Level {
    xid: u32,
    released: Vec<u32>,
    /// How long the model was as it began.
    from: usize,
}

struct World {
    sessions: Vec<Session>,
    block: Option<usize>,
    next_xid: u32,
    next_value: u64,
    lsn: u64,
    messages: Vec<(u64, Vec<u8>)>,
    /// What is expected: for each committed transaction its id and values.
    expected: Vec<(u32, Vec<u64>)>,
}

const OID: u32 = 77;

impl World {
    fn new() -> Self {
        Self {
            sessions: (0..3).map(|_| Session::default()).collect(),
            block: None,
            next_xid: 700,
            next_value: 0,
            lsn: 0x1000,
            messages: vec![],
            expected: vec![],
        }
    }

    fn send(&mut self, parts: &[&[u8]]) {
        self.lsn += 8;
        self.messages.push((self.lsn, parts.concat()));
    }

    fn stop(&mut self) {
        if self.block.take().is_some() {
            self.send(&[b"E"]);
        }
    }

    fn xid(&mut self) -> u32 {
        self.next_xid += 1;
        self.next_xid
    }

    fn enter(&mut self, at: usize) {
        if self.block == Some(at) {
            return;
        }
        self.stop();
        let session = &mut self.sessions[at];
        let first = !std::mem::replace(&mut session.first_sent, true);
        let xid = session.xid;
        self.send(&[b"S", &xid.to_be_bytes(), &[u8::from(first)]]);
        self.block = Some(at);
    }

    fn take(&mut self, at: usize, step: Step) {
        match step {
            Step::Change(size) => {
                if self.sessions[at].open.is_empty() {
                    let xid = self.xid();
                    self.sessions[at] = Session { xid, ..Session::default() };
                    self.sessions[at].open.push(Level { xid, ..Level::default() });
                }
                // Parents have their ids before their children.
                for level in 0..self.sessions[at].open.len() {
                    if self.sessions[at].open[level].xid == 0 {
                        self.sessions[at].open[level].xid = self.xid();
                    }
                }
                self.enter(at);
                let subxid = self.sessions[at].open.last().unwrap().xid;
                self.next_value += 1;
                let value = self.next_value;
                self.sessions[at].model.push(value);
                let relation = relation();
                self.send(&[b"R", &subxid.to_be_bytes(), &relation]);
                let text = format!("{value} {}", "x".repeat(size));
                let row =
                    [&1_u16.to_be_bytes()[..], b"t", &(text.len() as u32).to_be_bytes(), text.as_bytes()]
                        .concat();
                self.send(&[b"I", &subxid.to_be_bytes(), &OID.to_be_bytes(), b"N", &row]);
            }
            Step::Stop => self.stop(),
            _ if self.sessions[at].open.is_empty() => {}
            Step::Savepoint => {
                let from = self.sessions[at].model.len();
                self.sessions[at].open.push(Level { from, ..Level::default() });
            }
            Step::Release if self.sessions[at].open.len() > 1 => {
                let level = self.sessions[at].open.pop().unwrap();
                let parent = self.sessions[at].open.last_mut().unwrap();
                parent.released.extend(level.released);
                parent.released.extend(Some(level.xid).filter(|xid| *xid != 0));
            }
            Step::RollbackTo if self.sessions[at].open.len() > 1 => {
                let level = self.sessions[at].open.pop().unwrap();
                self.sessions[at].model.truncate(level.from);
                self.sessions[at].open.push(Level { from: level.from, ..Level::default() });
                self.abort(at, &level);
            }
            Step::Release | Step::RollbackTo => {}
            Step::Commit => {
                self.stop();
                let session = std::mem::take(&mut self.sessions[at]);
                let (lsn, end) = (self.lsn + 8, self.lsn + 16);
                let times = [lsn.to_be_bytes(), end.to_be_bytes(), 5_i64.to_be_bytes()].concat();
                self.send(&[b"c", &session.xid.to_be_bytes(), b"\0", &times]);
                self.expected.push((session.xid, session.model));
            }
            Step::Abort => {
                let session = std::mem::take(&mut self.sessions[at]);
                self.stop();
                for level in session.open.iter().rev() {
                    for xid in level.released.iter().chain(Some(&level.xid)).filter(|xid| **xid != 0) {
                        self.send(&[b"A", &session.xid.to_be_bytes(), &xid.to_be_bytes()]);
                    }
                }
            }
        }
    }

    fn abort(&mut self, at: usize, level: &Level) {
        self.stop();
        let top = self.sessions[at].xid;
        for xid in level.released.iter().rev().chain(Some(&level.xid)).filter(|xid| **xid != 0) {
            self.send(&[b"A", &top.to_be_bytes(), &xid.to_be_bytes()]);
        }
    }
}

fn relation() -> Vec<u8> {
    [
        &OID.to_be_bytes()[..],
        b"public\0t\0d",
        &1_u16.to_be_bytes(),
        b"\0v\0",
        &25_u32.to_be_bytes(),
        &[255; 4],
    ]
    .concat()
}

/// Feeds all of it, and gives what came out: transactions with the numbers of their changes.
fn assembled(messages: &[(u64, Vec<u8>)], memory: usize) -> Vec<(u32, Vec<u64>)> {
    let directory = tempfile::tempdir().unwrap();
    let spill = SpillOptions { directory: directory.path().into(), named: true, most: None, floor: 0 };
    let mut feeder = Feeder::assembling(
        16,
        4096,
        AssembleOptions { memory, spill, prepared: OfPrepared::Tell, doubtful: OfDoubtful::Refuse },
    );
    let mut all = vec![];
    let mut open = vec![];
    for (lsn, message) in messages {
        feeder.feed(*lsn, message).unwrap();
        while let Some(batch) = feeder.next_batch().unwrap() {
            for event in batch.events() {
                if event.kind == EventKind::WAL_EVENT_INSERT as u32 {
                    // SAFETY: the batch lives.
                    let text = unsafe { (*event.new_values).bytes() };
                    let number = text.split(|byte| *byte == b' ').next().unwrap();
                    assert_eq!(event.sequence, open.len() as u64);
                    open.push(std::str::from_utf8(number).unwrap().parse().unwrap());
                } else if event.kind == EventKind::WAL_EVENT_COMMIT as u32 {
                    all.push((event.xid, std::mem::take(&mut open)));
                }
            }
            Batch::release(batch);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 40 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p6_only_what_was_committed_comes_out(steps in proptest::collection::vec(step(), 1..250)) {
        let mut world = World::new();
        for (at, step) in steps {
            world.take(at, step);
        }
        for at in 0..3 {
            world.take(at, Step::Commit);
        }
        let expected: Vec<_> = world.expected.iter().filter(|(_, values)| !values.is_empty()).cloned().collect();
        for memory in [64 << 10, 600 << 10, 64 << 20] {
            prop_assert_eq!(&assembled(&world.messages, memory), &expected, "with {} bytes", memory);
        }
    }
}

/// What the tests of single cases need: a stage, and its messages.
pub(super) fn options(directory: &std::path::Path, memory: usize) -> (AssembleOptions, Arc<AtomicI32>) {
    let spill = SpillOptions { directory: directory.into(), named: true, most: None, floor: 0 };
    (
        AssembleOptions { memory, spill, prepared: OfPrepared::Tell, doubtful: OfDoubtful::Refuse },
        Arc::new(AtomicI32::new(-1)),
    )
}
