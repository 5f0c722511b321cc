//! P32: a session that is cut at every byte, and cut again somewhere else, tells what one tells that is never cut.

use std::sync::Arc;

use super::intake::{Intake, Noted};
use super::lifecycle::Step;
use super::log::Logger;
use super::shared::{Found, Shared};
use crate::batch::EventKind;
use crate::lsn::Lsn;
use crate::options::Options;
use crate::pgoutput::tests::messages::{
    COLUMNS, Col, Def, OID, ROW, TIME, begin_at, change, commit_at, message, origin, relation_of, tuple,
};
use crate::stream::{Branch, Loss, Receiver, Restart};

/// The table before and after its definition changes.
const NARROW: &[Def<'static>] = &[("id", 1, 23, -1)];
const NARROW_ROW: &[Col<'static>] = &[Col::Text("7")];

/// Something that the server sends as a whole: again, unless its end is acknowledged.
struct Unit {
    end: u64,
    parts: Vec<Part>,
}

enum Part {
    /// A message with its position.
    Plain(u64, Vec<u8>),
    /// An insert, before which a session that has not done so describes the table in this form.
    Row(u64, &'static [Def<'static>], &'static [Col<'static>]),
}

/// A transaction whose commit record is at `at`.
fn transaction(at: u64, parts: Vec<Part>) -> Unit {
    let end = at + 0x30;
    let mut all = vec![Part::Plain(at - 0x40, begin_at(at))];
    all.extend(parts);
    all.push(Part::Plain(end, commit_at(at, end)));
    Unit { end, parts: all }
}

fn of_prepared(head: &[u8], at: u64, xid: u32) -> Vec<u8> {
    let positions = [at.to_be_bytes(), (at + 0x30).to_be_bytes(), TIME.to_be_bytes()].concat();
    [head, &positions, &xid.to_be_bytes(), b"gid\0"].concat()
}

fn prepared(at: u64, xid: u32) -> Vec<Part> {
    vec![
        Part::Plain(at, of_prepared(b"b", at, xid)),
        Part::Plain(0, origin("elsewhere")),
        Part::Row(at, COLUMNS, ROW),
        Part::Row(at, COLUMNS, ROW),
        Part::Plain(at, of_prepared(b"P\0", at, xid)),
    ]
}

/// Transactions with and without anything special, in the order of their ends.
fn units() -> Vec<Unit> {
    let wide = |lsn| Part::Row(lsn, COLUMNS, ROW);
    let narrow = |lsn| Part::Row(lsn, NARROW, NARROW_ROW);
    let inside = |lsn| Part::Plain(lsn, message(true, lsn, "p", b"c"));
    // Prepared before two_phase_at: it comes at its COMMIT PREPARED.
    let mut late = prepared(0x900, 31);
    late.push(Part::Plain(0x1700, of_prepared(b"K\0", 0x1700, 31)));
    vec![
        transaction(0x1000, vec![wide(0x801), wide(0x801)]),
        Unit { end: 0x1080, parts: vec![Part::Plain(0x1080, message(false, 0x1080, "p", b"alone"))] },
        transaction(
            0x1100,
            vec![
                Part::Plain(0, origin("elsewhere")),
                wide(0x700),
                narrow(0x701),
                inside(0x702),
                narrow(0x703),
            ],
        ),
        transaction(0x1200, vec![]),
        // The table is as it was in the beginning.
        transaction(0x1300, vec![wide(0x1280), wide(0x1280)]),
        Unit { end: 0x1430, parts: prepared(0x1400, 30) },
        transaction(0x1500, vec![narrow(0x1490)]),
        Unit { end: 0x1630, parts: vec![Part::Plain(0x1600, of_prepared(b"K\0", 0x1600, 30))] },
        Unit { end: 0x1730, parts: late },
        transaction(0x1800, vec![wide(0x1790), inside(0x1791)]),
    ]
}

/// What the server sends over one connection that starts at `from`.
fn session(units: &[Unit], from: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut described: Option<&[Def<'_>]> = None;
    let mut copy_data = |head: u8, lsn: u64, rest: &[u8]| {
        bytes.push(b'd');
        bytes.extend((4 + 1 + rest.len() as u32 + 16).to_be_bytes());
        bytes.push(head);
        bytes.extend(lsn.to_be_bytes());
        bytes.extend(if head == b'w' { lsn.to_be_bytes() } else { TIME.to_be_bytes() });
        bytes.extend(rest);
    };
    let changes = |lsn: u64, message: &[u8]| (lsn, [&TIME.to_be_bytes()[..], message].concat());
    for unit in units.iter().filter(|unit| unit.end > from) {
        for part in &unit.parts {
            let (lsn, body) = match part {
                Part::Plain(lsn, message) => changes(*lsn, message),
                Part::Row(lsn, form, row) => {
                    if described != Some(*form) {
                        described = Some(form);
                        let (lsn, body) = changes(0, &relation_of(OID, "public", "users", b'd', form));
                        copy_data(b'w', lsn, &body);
                    }
                    changes(*lsn, &change(b'I', OID, &[tuple(b'N', row)]))
                }
            };
            copy_data(b'w', lsn, &body);
        }
    }
    bytes
}

/// One stream, fed by hand.
struct Rig {
    shared: Arc<Shared>,
    intake: Intake,
    receiver: Receiver,
    told: Vec<String>,
    /// What of each event is the same over any connection.
    facts: Vec<Fact>,
    /// The `ack_lsn` of each batch's last event.
    ends: Vec<u64>,
    acks: Acks,
    acked: u64,
}

/// Kind, commit_lsn, ack_lsn, sequence and number of columns.
type Fact = (u32, u64, u64, u64, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acks {
    Never,
    All,
}

impl Rig {
    fn new(acks: Acks, batch_events: &str) -> Self {
        Self::with(acks, batch_events, ("batch_boundary", "any"))
    }

    fn with(acks: Acks, batch_events: &str, more: (&str, &str)) -> Self {
        let mut options = Options::new();
        for (key, value) in [
            ("conninfo", "host=h user=u dbname=d"),
            ("slot", "s"),
            ("publication", "p"),
            ("batch_events", batch_events),
            more,
        ] {
            options.set(key, Some(value)).unwrap();
        }
        let shared = Arc::new(Shared::new(options.config().unwrap(), Logger::default()).unwrap());
        let (attempt, _life) = shared.begin_attempt().unwrap();
        shared.enter(attempt, Step::Stream);
        let receiver = Receiver::new(&shared.config);
        Self {
            intake: Intake::new(Arc::clone(&shared)),
            receiver,
            shared,
            told: Vec::new(),
            facts: Vec::new(),
            ends: Vec::new(),
            acks,
            acked: 0,
        }
    }

    /// A connection that is cut where `bytes` end, and comes in pieces.
    fn feed(&mut self, bytes: &[u8]) {
        self.feed_in(bytes, 97);
    }

    fn feed_in(&mut self, bytes: &[u8], length: usize) {
        for piece in bytes.chunks(length) {
            self.intake.begin();
            let room = self.intake.room().unwrap();
            room[..piece.len()].copy_from_slice(piece);
            self.intake.received(piece.len(), &mut self.receiver, &mut Noted::default()).unwrap();
            while self.intake.is_delivering() {
                self.intake.deliver(&mut self.receiver, &mut Noted::default()).unwrap();
            }
            self.intake.end().unwrap();
        }
        self.take();
    }

    fn take(&mut self) {
        while let Found::Batch(batch) = self.shared.find() {
            self.ends.extend(batch.events().last().map(|event| event.ack_lsn));
            for event in batch.events() {
                let relation = batch.arrays.relations().iter().find(|it| Arc::as_ptr(it) == event.relation);
                let columns = relation.map_or(0, |it| it.columns.len());
                self.facts.push((event.kind, event.commit_lsn, event.ack_lsn, event.sequence, columns));
                let relation = relation.map(|it| (it.oid, it.generation, it.columns.len()));
                self.told.push(format!(
                    "{} {:X} {:X} {:X} {} {} {relation:?} {} {:X}",
                    event.kind,
                    event.lsn,
                    event.commit_lsn,
                    event.ack_lsn,
                    event.xid,
                    event.sequence,
                    event.n_new,
                    event.number
                ));
                if self.acks == Acks::All {
                    self.acked = self.acked.max(event.ack_lsn);
                }
            }
        }
        // Never more than what is acknowledged while anything else was told, wherever it was cut.
        let positions = &self.receiver.positions;
        let report = positions.report(self.acked);
        assert!(report.flush <= self.acked || positions.outstanding() <= self.acked, "{report:?}");
    }

    fn reconnect(&mut self) {
        self.intake.flush().unwrap();
        self.take();
        let restart = Restart { start: Lsn(self.acked), branch: None };
        assert_eq!(self.receiver.restart(restart).len(), 0);
        self.intake.reconnected();
    }
}

const WHOLE: (&str, &str) = ("batch_boundary", "transaction");
const JOINED: (&str, &str) = ("two_phase", "join");

fn uncut(units: &[Unit], more: (&str, &str)) -> Vec<String> {
    let mut rig = Rig::with(Acks::Never, "4096", more);
    rig.feed(&session(units, 0));
    rig.told
}

#[test]
fn p32_a_session_cut_at_every_byte_tells_the_same() {
    let units = units();
    let length = session(&units, 0).len();
    let ways = [("batch_boundary", "any"), WHOLE, JOINED];
    for (acks, more) in ways.into_iter().flat_map(|more| [(Acks::Never, more), (Acks::All, more)]) {
        let expected = uncut(&units, more);
        assert!(expected.len() > 25, "{expected:#?}");
        let stride = if more == WHOLE || more == JOINED { 5 } else { 1 };
        for first in (0..=length).step_by(stride) {
            let mut rig = Rig::with(acks, "16", more);
            rig.feed(&session(&units, 0)[..first]);
            rig.reconnect();
            // Cut a second time: before, at and behind where it was cut first.
            let again = session(&units, rig.acked);
            rig.feed(&again[..first * 7919 % (again.len() + 1)]);
            rig.reconnect();
            rig.feed(&session(&units, rig.acked));
            assert_eq!(rig.told, expected, "{acks:?}, {more:?}, cut at {first}");
        }
    }
}

/// What is prepared comes at its COMMIT PREPARED, and nothing that is told before acknowledges it.
#[test]
fn p27_joined_ones_come_in_the_order_of_the_commits() {
    let units = units();
    let mut rig = Rig::with(Acks::Never, "4096", JOINED);
    rig.feed(&session(&units, 0));
    let commits = rig.facts.iter().filter(|fact| fact.0 == EventKind::WAL_EVENT_COMMIT as u32);
    let commits: Vec<(u64, u64)> = commits.map(|fact| (fact.1, fact.2)).collect();
    assert_eq!(
        commits,
        [
            (0x1000, 0x1030),
            (0x1100, 0x1130),
            (0x1300, 0x1330),
            // While that of 0x1400 is kept.
            (0x1500, 0x1330),
            (0x1600, 0x1630),
            (0x1700, 0x1730),
            (0x1800, 0x1830),
        ]
    );
    assert!(!rig.facts.iter().any(|fact| fact.0 == EventKind::WAL_EVENT_PREPARE as u32));
}

/// However the bytes come, also where the batch is full or nothing more is there in the middle of a transaction.
#[test]
fn batches_end_behind_a_transaction_wherever_one_fits() {
    let units = units();
    let expected = uncut(&units, WHOLE);
    let bytes = session(&units, 0);
    for length in [1, 7, 97, 500, bytes.len()] {
        let mut rig = Rig::with(Acks::Never, "16", WHOLE);
        rig.feed_in(&bytes, length);
        assert_eq!(rig.told, expected, "in pieces of {length}");
        assert!(rig.ends.len() >= 3 && rig.ends.iter().all(|end| *end != 0), "{length}: {:X?}", rig.ends);
    }
    // In the other way they end anywhere.
    let mut rig = Rig::new(Acks::Never, "16");
    rig.feed_in(&bytes, 97);
    assert!(rig.ends.contains(&0), "{:X?}", rig.ends);
}

/// After the repetition nothing is left of it: what is acknowledged is reported, and an idle server's position counts.
#[test]
fn p2_what_is_left_out_is_still_outstanding() {
    let units = units();
    let mut rig = Rig::new(Acks::Never, "4096");
    rig.feed(&session(&units, 0));
    rig.reconnect();
    rig.feed(&session(&units, 0));
    let positions = &mut rig.receiver.positions;
    positions.passed(0x2000);
    assert_eq!(positions.report(0x1830 - 1).flush, 0x1830 - 1);
    assert_eq!(positions.report(0x1830).flush, 0x2000);
    assert!(!rig.receiver.is_inside());
}

/// The standby was promoted where the transaction at 0x1300 would have begun, and has others at the same positions.
const BRANCH: u64 = 0x1290;

/// What both servers have.
fn shared_units() -> Vec<Unit> {
    let wide = |lsn| Part::Row(lsn, COLUMNS, ROW);
    let narrow = |lsn| Part::Row(lsn, NARROW, NARROW_ROW);
    vec![
        transaction(0x1000, vec![wide(0x801), wide(0x802)]),
        Unit { end: 0x1080, parts: vec![Part::Plain(0x1080, message(false, 0x1080, "p", b"alone"))] },
        transaction(0x1200, vec![narrow(0x1190), narrow(0x1191)]),
    ]
}

/// What only the lost one had, and what only the promoted one has: at the same positions, in part with another table.
fn with(form: &'static [Def<'static>], row: &'static [Col<'static>], rows: usize) -> Vec<Unit> {
    let row = |n: usize| Part::Row(0x1292 + n as u64, form, row);
    let mut all = shared_units();
    all.extend([
        transaction(0x1300, (0..rows).map(row).collect()),
        Unit { end: 0x1380, parts: vec![Part::Plain(0x1380, message(false, 0x1380, "p", b"alone"))] },
        transaction(0x1400, (0..rows).map(row).collect()),
    ]);
    all
}

/// What a consumer has to go by, without descriptions of tables.
fn changes(facts: &[Fact]) -> Vec<Fact> {
    facts.iter().copied().filter(|fact| fact.0 != EventKind::WAL_EVENT_RELATION as u32).collect()
}

#[test]
fn p12_after_a_rewind_reused_positions_are_new_and_the_rest_comes_once() {
    let (lost, kept) = (with(COLUMNS, ROW, 3), with(NARROW, NARROW_ROW, 2));
    let expected = {
        let mut rig = Rig::new(Acks::Never, "4096");
        rig.feed(&session(&kept, 0));
        changes(&rig.facts)
    };
    let length = session(&lost, 0).len();
    let (mut rewound, mut halves) = (0, 0);
    for acks in [Acks::Never, Acks::All] {
        for cut in 0..=length {
            let mut rig = Rig::new(acks, "16");
            rig.feed(&session(&lost, 0)[..cut]);
            let loss = if rig.receiver.delivered() > BRANCH { Loss::Delivered } else { Loss::Nothing };
            rewound += usize::from(loss == Loss::Delivered);
            let before = std::mem::take(&mut rig.facts);
            let open = before.iter().rev().find(|fact| fact.0 != EventKind::WAL_EVENT_RELATION as u32);
            let open = open.filter(|fact| fact.2 == 0 && fact.1 >= BRANCH);
            rig.acked = rig.acked.min(BRANCH);
            let discarded = rig
                .receiver
                .restart(Restart { start: Lsn(rig.acked), branch: Some(Branch { at: Lsn(BRANCH), loss }) });
            rig.intake.reconnected();
            // The rest of what was cut in the middle never comes.
            assert_eq!(discarded.len(), usize::from(open.is_some()), "cut at {cut}");
            halves += discarded.len();
            assert!(rig.receiver.positions.report(rig.acked).flush <= BRANCH);
            assert!(rig.receiver.delivered() <= BRANCH);
            // Cut a second time.
            let again = session(&kept, rig.acked);
            rig.feed(&again[..cut * 7919 % (again.len() + 1)]);
            rig.reconnect();
            rig.feed(&session(&kept, rig.acked));
            let mut all: Vec<Fact> = changes(&before);
            all.retain(|fact| fact.1 < BRANCH);
            all.extend(changes(&rig.facts));
            assert_eq!(all, expected, "{acks:?}, cut at {cut}");
            // Each row has a description before it that holds where the stream is now.
            let row = rig.facts.iter().position(|fact| fact.0 == EventKind::WAL_EVENT_INSERT as u32);
            let described = rig.facts.iter().position(|fact| fact.0 == EventKind::WAL_EVENT_RELATION as u32);
            assert!(loss == Loss::Nothing || described < row && described.is_some(), "cut at {cut}");
            // The new server's positions count once what it sent is acknowledged.
            let positions = &mut rig.receiver.positions;
            positions.passed(0x2000);
            assert_eq!(positions.report(0x1430).flush, 0x2000);
            assert!(positions.report(0x1429).flush <= 0x1429);
        }
    }
    assert!(rewound > 100 && halves > 100, "{rewound} {halves}");
}
