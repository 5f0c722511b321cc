//! What a receiver gives a program that resumed after a position, and which positions it tells. Messages are made as
//! PostgreSQL makes them, where no server can be had to send them in that order.

use super::{Branch, Loss, Receiver, Restart};
use crate::batch::{Arrays, Event, EventKind, Provenance, Telling};
use crate::lsn::Lsn;
use crate::options::{Config, Options};
use crate::pgoutput::tests::messages::{
    COLUMNS, OID, ROW, TIME, XID, begin_at, change, commit_at, message, relation_of, tuple,
};
use crate::position::Position;

const SERVER: Provenance = Provenance { system: 7, timeline: 1, telling: Telling::Each(0) };

struct Rig {
    receiver: Receiver,
    arrays: Arrays,
}

fn config(pairs: &[(&str, &str)]) -> Config {
    let mut options = Options::new();
    for (key, value) in
        [("conninfo", "host=h user=u dbname=d"), ("slot", "s"), ("publication", "p")].iter().chain(pairs)
    {
        options.set(key, Some(value)).unwrap();
    }
    options.config().unwrap()
}

fn at(commit: u64, sequence: u64, end: u64) -> Position {
    let (commit_lsn, end_lsn, numbering) = (Lsn(commit), Lsn(end), 0);
    let it = Position { system_identifier: 7, timeline: 1, commit_lsn, sequence, end_lsn, numbering };
    let numbering = if it.is_inside() { config(&[]).numbering().unwrap() } else { 0 };
    Position { numbering, ..it }
}

impl Rig {
    /// A stream that begins at the slot's position.
    fn new(config: &Config, slot: u64) -> Self {
        let mut receiver = Receiver::new(config);
        receiver.positions.begin(config.start_lsn.0, slot);
        Self { receiver, arrays: arrays() }
    }

    fn after(position: Position, pairs: &[(&str, &str)]) -> Self {
        Self::new(&config(pairs).resuming(position).unwrap(), position.start().0)
    }

    fn send(&mut self, lsn: u64, message: &[u8]) {
        let body = [&b"w"[..], &lsn.to_be_bytes(), &lsn.to_be_bytes(), &TIME.to_be_bytes(), message].concat();
        // SAFETY: what is leaked lives for ever.
        unsafe { self.receiver.frame(b'd', body.leak(), &mut self.arrays) }.unwrap();
    }

    /// A transaction of three rows.
    fn transaction(&mut self, commit: u64, end: u64) {
        self.send(commit - 8, &begin_at(commit));
        self.rows(commit - 8);
        self.send(end, &commit_at(commit, end));
    }

    fn rows(&mut self, lsn: u64) {
        self.send(0, &relation_of(OID, "public", "users", b'd', COLUMNS));
        for _ in 0..3 {
            self.send(lsn, &change(b'I', OID, &[tuple(b'N', ROW)]));
        }
    }

    /// A transaction that is prepared, with its rows.
    fn prepared(&mut self, prepare: u64, end: u64) {
        self.send(prepare, &of_prepared(b"b", prepare, end));
        self.rows(prepare - 8);
        self.send(end, &of_prepared(b"P\0", prepare, end));
    }

    fn reconnect(&mut self, start: u64) {
        let discarded = self.receiver.restart(Restart { start: Lsn(start), branch: None });
        assert!(discarded.is_empty());
    }

    /// What came since this was last asked: changes and ends, with their positions as text.
    fn came(&mut self) -> Vec<(EventKind, u64, Option<String>)> {
        let came = std::mem::replace(&mut self.arrays, arrays());
        let tells = |event: &Event| {
            let position =
                event.position().map(|it| format!("{}:{}:{}", it.commit_lsn.0, it.sequence, it.end_lsn.0));
            (EventKind::of(event.kind).unwrap(), event.sequence, position)
        };
        let uninteresting = [EventKind::WAL_EVENT_RELATION as u32, EventKind::WAL_EVENT_BEGIN as u32];
        came.events().iter().filter(|event| !uninteresting.contains(&event.kind)).map(tells).collect()
    }

    fn kinds(&mut self) -> Vec<EventKind> {
        self.came().into_iter().map(|it| it.0).collect()
    }
}

fn arrays() -> Arrays {
    let mut arrays = Arrays::new(100, 1000);
    arrays.come_from(SERVER);
    arrays
}

fn of_prepared(head: &[u8], prepare: u64, end: u64) -> Vec<u8> {
    let positions = [prepare.to_be_bytes(), end.to_be_bytes(), TIME.to_be_bytes()].concat();
    [head, &positions, &XID.to_be_bytes(), b"gid\0"].concat()
}

fn commit_prepared(commit: u64, end: u64) -> Vec<u8> {
    [&b"K"[..], &commit_at(commit, end)[1..], &XID.to_be_bytes(), b"gid\0"].concat()
}

fn rollback_prepared(prepare_end: u64, end: u64) -> Vec<u8> {
    let numbers =
        [prepare_end.to_be_bytes(), end.to_be_bytes(), TIME.to_be_bytes(), TIME.to_be_bytes()].concat();
    [&b"r\0"[..], &numbers, &(XID + 1).to_be_bytes(), b"other\0"].concat()
}

use EventKind::{
    WAL_EVENT_COMMIT as COMMIT, WAL_EVENT_COMMIT_PREPARED as COMMIT_PREPARED, WAL_EVENT_INSERT as INSERT,
    WAL_EVENT_MESSAGE as MESSAGE, WAL_EVENT_PREPARE as PREPARE,
};

#[test]
fn p36_a_commit_record_may_begin_where_the_record_of_a_message_ends() {
    for pairs in [&[][..], &[("two_phase", "join")]] {
        let mut rig = Rig::new(&config(pairs), 100);
        rig.send(200, &message(false, 200, "p", b"alone"));
        assert_eq!(rig.came().pop(), Some((MESSAGE, 0, Some("199:0:200".to_owned()))));
        let mut rig = Rig::after(at(199, 0, 200), pairs);
        rig.transaction(200, 250);
        assert_eq!(rig.kinds(), [INSERT, INSERT, INSERT, COMMIT], "it lies behind the message: {pairs:?}");
    }
    // While a prepared transaction is kept that began before.
    let mut rig = Rig::after(at(199, 0, 100), &[("two_phase", "join")]);
    rig.send(200, &message(false, 200, "p", b"alone"));
    assert_eq!(rig.kinds(), []);
    rig.transaction(200, 250);
    assert_eq!(rig.kinds(), [INSERT, INSERT, INSERT, COMMIT]);
}

#[test]
fn p27_what_is_sent_long_after_its_prepare_tells_no_position_that_goes_back() {
    let mut rig = Rig::new(&config(&[("two_phase", "on")]), 300);
    // One that was prepared before the slot was made, at once and behind another transaction.
    for had in [0, 1] {
        if had == 1 {
            rig.transaction(400, 450);
            rig.came();
        }
        rig.prepared(200 + had, 250 + had);
        assert!(rig.came().iter().all(|it| it.2.is_none()), "{had}");
        rig.send(380 + 200 * had, &commit_prepared(340 + 200 * had, 380 + 200 * had));
        let position = format!("{}:0:{}", 340 + 200 * had, 380 + 200 * had);
        assert_eq!(rig.came(), [(COMMIT_PREPARED, 0, Some(position))]);
    }
    // In its time it has them.
    rig.prepared(700, 750);
    let came = rig.came();
    assert_eq!(came.iter().filter(|it| it.2.is_some()).count(), 4);
    assert_eq!(came.last().unwrap(), &(PREPARE, 3, Some("700:3:750".to_owned())));
}

#[test]
fn p27_an_end_that_lies_before_what_is_had_tells_no_position() {
    let mut rig = Rig::new(&config(&[("two_phase", "join")]), 10);
    rig.transaction(20, 40);
    rig.came();
    rig.prepared(50, 60);
    rig.transaction(90, 100);
    assert_eq!(rig.came().last().unwrap(), &(COMMIT, 3, Some("90:3:40".to_owned())));
    // The rollback of another one, of which nothing is known: it may be acknowledged no further, and has no record.
    rig.send(120, &rollback_prepared(30, 120));
    assert_eq!(rig.came(), [(EventKind::WAL_EVENT_ROLLBACK_PREPARED, 0, None)]);
}

#[test]
fn what_an_earlier_life_has_never_comes_whatever_breaks() {
    for dedupe in ["on", "off"] {
        // In the middle of a transaction.
        let mut rig = Rig::after(at(200, 0, 0), &[("dedupe", dedupe)]);
        rig.send(192, &begin_at(200));
        rig.reconnect(200);
        rig.transaction(200, 250);
        assert_eq!(rig.kinds(), [INSERT, INSERT, COMMIT], "{dedupe}");
        // The same once something that is new came.
        rig.reconnect(200);
        rig.transaction(200, 250);
        let again: &[EventKind] = if dedupe == "on" { &[] } else { &[INSERT, INSERT, COMMIT] };
        assert_eq!(rig.kinds(), again, "{dedupe}");
        rig.transaction(300, 350);
        assert_eq!(rig.kinds(), [INSERT, INSERT, INSERT, COMMIT]);
    }
}

#[test]
fn what_is_left_out_owes_nothing_that_is_never_told() {
    let join = [("two_phase", "join")];
    let mut rig = Rig::after(at(200, 5, 120), &join);
    rig.reconnect(120);
    rig.transaction(200, 250);
    assert_eq!((rig.kinds(), rig.receiver.positions.owed()), (vec![], Some(250)));
    rig.receiver.positions.pay(250);
    assert!(rig.receiver.positions.is_settled(250) && !rig.receiver.positions.is_settled(120));
    // On a server that lost it something else has its place.
    let branch = Some(Branch { at: Lsn(150), loss: Loss::Delivered });
    rig.receiver.restart(Restart { start: Lsn(120), branch });
    rig.transaction(200, 260);
    assert_eq!(rig.kinds(), [INSERT, INSERT, INSERT, COMMIT]);
}
