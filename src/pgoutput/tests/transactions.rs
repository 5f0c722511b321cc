//! Begin, Commit, Origin and messages: what is held, what is numbered, what is refused.

use super::messages::*;
use super::rig::{Rig, Val};
use crate::batch::EventKind as E;
use crate::error::Status;
use crate::pgoutput::Effect;

fn kinds(expected: &[E]) -> Vec<u32> {
    expected.iter().map(|kind| *kind as u32).collect()
}

#[test]
fn p2_an_empty_transaction_leaves_nothing() {
    let mut rig = Rig::new();
    assert_eq!(rig.decoder.in_transaction(), None);
    assert_eq!(rig.feed(1, &begin()).unwrap(), Effect::Began { final_lsn: FINAL });
    assert_eq!(rig.decoder.in_transaction(), Some(FINAL));
    rig.feed_all(&[origin("node_a"), stream_abort(8)]);
    assert_eq!(rig.feed(1, &commit()).unwrap(), Effect::Empty { end_lsn: END });
    assert_eq!(rig.decoder.in_transaction(), None);
    assert!(rig.seen().is_empty());
    assert_eq!((rig.arrays.value_count(), rig.arrays.last_ack()), (0, 0));
}

#[test]
fn a_description_that_is_known_does_not_open_a_transaction() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation(), type_name(16_500, "a", "b"), commit()]);
    let before = rig.kinds();
    rig.feed_all(&[begin(), relation(), type_name(16_500, "a", "b")]);
    assert_eq!(rig.feed(1, &commit()).unwrap(), Effect::Empty { end_lsn: END });
    assert_eq!(rig.kinds(), before);
}

#[test]
fn each_of_these_brings_the_held_begin_out() {
    let firsts = [
        (E::WAL_EVENT_INSERT, insert(ROW)),
        (E::WAL_EVENT_UPDATE, change(b'U', OID, &[tuple(b'N', ROW)])),
        (E::WAL_EVENT_DELETE, change(b'D', OID, &[tuple(b'K', KEY)])),
        (E::WAL_EVENT_TRUNCATE, truncate(0, &[OID])),
        (E::WAL_EVENT_MESSAGE, message(true, 5, "p", b"c")),
        (E::WAL_EVENT_TYPE, type_name(16_501, "public", "new")),
        (E::WAL_EVENT_RELATION, relation_of(77, "public", "new", b'd', COLUMNS)),
    ];
    for (kind, first) in firsts {
        let mut rig = Rig::new();
        rig.feed_all(&[begin(), relation(), commit()]);
        let before = rig.kinds().len();
        rig.feed_all(&[begin(), origin("n"), first]);
        assert_eq!(rig.kinds()[before..], kinds(&[E::WAL_EVENT_BEGIN, E::WAL_EVENT_ORIGIN, kind]));
        rig.feed_all(&[commit()]);
        assert_eq!(rig.last().kind, E::WAL_EVENT_COMMIT as u32);
    }
}

#[test]
fn p5_changes_are_numbered_and_nothing_else_is() {
    let mut rig = Rig::new();
    rig.feed_all(&[
        begin(),
        relation(),
        insert(ROW),
        type_name(16_500, "a", "b"),
        insert(ROW),
        message(false, 3, "", b""),
        message(true, 4, "", b""),
        relation_of(2, "a", "b", b'd', &[]),
        truncate(0, &[2]),
        commit(),
        begin(),
        insert(ROW),
        commit(),
    ]);
    let numbers: Vec<u64> = rig.seen().iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [0, 0, 0, 1, 1, 0, 2, 3, 3, 4, 0, 0, 1]);
}

#[test]
fn an_origin_outlives_the_message_that_brought_it() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation(), commit(), begin()]);
    let mut message = origin("node_a");
    // SAFETY: the message lives until the end of the test's reading.
    unsafe { rig.decoder.decode(1, &message, &mut rig.arrays) }.unwrap();
    message.fill(b'x');
    rig.feed_all(&[insert(ROW), origin("node_b"), origin("node_a"), commit()]);
    let events = rig.seen();
    let origins: Vec<_> =
        events.iter().filter(|event| event.kind == E::WAL_EVENT_ORIGIN as u32).map(|e| &e.extra).collect();
    assert_eq!(origins, [&[Val::text("node_a")], &[Val::text("node_b")], &[Val::text("node_a")]]);
}

#[test]
fn two_origins_before_the_first_change_both_come() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), origin("a"), origin("b")]);
    assert_eq!(rig.kinds(), kinds(&[E::WAL_EVENT_BEGIN, E::WAL_EVENT_ORIGIN, E::WAL_EVENT_ORIGIN]));
}

#[test]
fn a_message_outside_is_acknowledged_by_the_next_byte() {
    let mut rig = Rig::new();
    let effect = rig.feed(0x900, &message(false, 0x900, "p", b"c")).unwrap();
    assert_eq!(effect, Effect::Outstanding { ack_lsn: 0x900 });
    let seen = rig.last();
    assert_eq!((seen.commit_lsn, seen.sequence, seen.xid, seen.flags), (0x900, 0, 0, 0));
    // In between it does not touch the transaction, which stays held.
    rig.feed_all(&[begin(), message(false, 0x901, "p", b"c")]);
    assert_eq!(rig.kinds(), kinds(&[E::WAL_EVENT_MESSAGE, E::WAL_EVENT_MESSAGE]));
    assert_eq!(rig.decoder.in_transaction(), Some(FINAL));
}

#[test]
fn what_comes_in_the_wrong_place_is_refused() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation()]);
    rig.refuse_all(&[begin(), begin_at(1), commit_at(FINAL + 1, END)], Status::WAL_E_DECODE);
    rig.feed_all(&[commit()]);
    let outside = [
        commit(),
        origin("n"),
        insert(ROW),
        change(b'U', OID, &[tuple(b'N', ROW)]),
        change(b'D', OID, &[tuple(b'K', KEY)]),
        truncate(0, &[OID]),
        message(true, 1, "p", b"c"),
    ];
    rig.refuse_all(&outside, Status::WAL_E_DECODE);
    // A held transaction is not another's either.
    rig.feed_all(&[begin()]);
    rig.refuse_all(&[commit_at(FINAL + 1, END)], Status::WAL_E_DECODE);
    assert_eq!(rig.feed(1, &commit()).unwrap(), Effect::Empty { end_lsn: END });
}

#[test]
fn a_description_outside_belongs_to_no_transaction() {
    let mut rig = Rig::new();
    rig.feed_all(&[relation(), type_name(16_500, "a", "b")]);
    assert!(rig.seen().iter().all(|event| (event.commit_lsn, event.xid, event.sequence) == (0, 0, 0)));
    assert_eq!(rig.kinds(), kinds(&[E::WAL_EVENT_RELATION, E::WAL_EVENT_TYPE]));
}

#[test]
fn p32_a_new_connection_starts_between_transactions() {
    for messages in [vec![begin()], vec![begin(), origin("n")], vec![begin(), relation(), insert(ROW)]] {
        let mut rig = Rig::new();
        rig.feed_all(&messages);
        rig.decoder.reconnected();
        assert_eq!(rig.decoder.in_transaction(), None);
        let before = rig.kinds().len();
        rig.feed_all(&[begin(), message(true, 1, "p", b"c"), commit()]);
        let after = &rig.seen()[before..];
        assert_eq!(after.iter().map(|event| event.sequence).collect::<Vec<_>>(), [0, 0, 1]);
    }
}
