//! What handing over costs: one write to the eventfd a turn of reading at most, none while the consumer is at work, and
//! the memory of batches that came back.

use std::sync::Arc;

use super::intake::{Intake, Noted};
use super::lifecycle::Step;
use super::log::Logger;
use super::shared::{Found, Shared, TaskLife};
use crate::options::Options;
use crate::pgoutput::tests::messages::{
    COLUMNS, OID, ROW, TIME, begin_at, change, commit_at, relation_of, tuple,
};
use crate::stream::Receiver;

/// Rows of a transaction; more than three batches' worth.
const ROWS: usize = 60;

fn message(lsn: u64, message: &[u8]) -> Vec<u8> {
    let body = [&b"w"[..], &lsn.to_be_bytes(), &lsn.to_be_bytes(), &TIME.to_be_bytes(), message].concat();
    [&b"d"[..], &(4 + body.len() as u32).to_be_bytes(), &body].concat()
}

fn transaction(at: u64) -> Vec<u8> {
    let mut bytes = message(at - 0x40, &begin_at(at));
    bytes.extend(message(0, &relation_of(OID, "public", "users", b'd', COLUMNS)));
    for _ in 0..ROWS {
        bytes.extend(message(at - 0x20, &change(b'I', OID, &[tuple(b'N', ROW)])));
    }
    bytes.extend(message(at + 0x30, &commit_at(at, at + 0x30)));
    bytes
}

struct Rig {
    shared: Arc<Shared>,
    intake: Intake,
    receiver: Receiver,
    at: u64,
    _life: TaskLife,
}

impl Rig {
    fn new() -> Self {
        let mut options = Options::new();
        for (key, value) in [
            ("conninfo", "host=h user=u dbname=d"),
            ("slot", "s"),
            ("publication", "p"),
            ("batch_events", "16"),
        ] {
            options.set(key, Some(value)).unwrap();
        }
        let shared = Arc::new(Shared::new(options.config().unwrap(), Logger::default()).unwrap());
        let (attempt, life) = shared.begin_attempt().unwrap();
        shared.enter(attempt, Step::Stream);
        shared.clear_ready();
        let receiver = Receiver::new(&shared.config);
        Self { intake: Intake::new(Arc::clone(&shared)), receiver, shared, at: 0x1000, _life: life }
    }

    /// A turn of reading in which a transaction comes.
    fn turn(&mut self) {
        self.at += 0x100;
        let bytes = transaction(self.at);
        self.intake.begin();
        self.intake.room().unwrap()[..bytes.len()].copy_from_slice(&bytes);
        self.intake.received(bytes.len(), &mut self.receiver, &mut Noted::default()).unwrap();
        self.intake.end().unwrap();
    }

    /// How often the eventfd was written to since it was cleared (proc_pid_fdinfo(5)).
    fn writes(&self) -> u64 {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.shared.ready_fd())).unwrap();
        let count = info.lines().find_map(|line| line.strip_prefix("eventfd-count:")).unwrap();
        u64::from_str_radix(count.trim(), 16).unwrap()
    }

    /// Takes all there is, and tells how many batches and events that was.
    fn take(&self) -> (usize, usize) {
        let (mut batches, mut events) = (0, 0);
        while let Found::Batch(batch) = self.shared.find() {
            batches += 1;
            events += batch.events().len();
            batch.release();
        }
        (batches, events)
    }
}

#[test]
fn a_turn_writes_once_and_none_does_while_the_consumer_is_at_work() {
    let mut rig = Rig::new();
    assert_eq!(rig.writes(), 0);
    rig.turn();
    assert_eq!(rig.writes(), 1, "one write for all batches of a turn");
    let (batches, events) = rig.take();
    assert!(batches > 3, "{batches}");
    assert_eq!(events, ROWS + 3);
    for _ in 0..10 {
        // The consumer comes back for more without having waited.
        rig.turn();
        assert_eq!(rig.take().1, ROWS + 2);
    }
    assert_eq!(rig.writes(), 1, "a consumer that does not wait is not told");
    rig.shared.clear_ready();
    assert!(matches!(rig.shared.find(), Found::Nothing));
    rig.turn();
    rig.turn();
    assert_eq!(rig.writes(), 1, "one that waits is told once");
    rig.take();
    rig.shared.clear_ready();
    assert_eq!(rig.writes(), 0);
}

#[test]
fn a_turn_without_events_tells_nobody() {
    let mut rig = Rig::new();
    let half = &transaction(0x5000)[..30];
    rig.intake.begin();
    rig.intake.room().unwrap()[..half.len()].copy_from_slice(half);
    rig.intake.received(half.len(), &mut rig.receiver, &mut Noted::default()).unwrap();
    rig.intake.end().unwrap();
    assert_eq!(rig.writes(), 0);
}
