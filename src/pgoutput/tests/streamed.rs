//! Streamed transactions: blocks, definitions of their own, ends (P1, P6, P32).

use super::messages::*;
use super::rig::{Rig, Seen, Val};
use crate::batch::{EventKind as E, flags};
use crate::error::Status;
use crate::pgoutput::Effect;

fn inside(kind: E, lsn: u64, subxid: u32) -> Seen {
    Seen { lsn, xid: TOP, subxid, flags: flags::STREAMED, ..Seen::new(kind) }
}

fn row() -> Vec<Val> {
    vec![Val::text("7"), Val::text("Ada"), Val::Null]
}

/// A definition of the relation with so many columns, and a row of it.
fn narrow(columns: usize) -> (Vec<u8>, Vec<u8>) {
    let definition = relation_of(OID, "public", "users", b'd', &COLUMNS[..columns]);
    (definition, change(b'I', OID, &[tuple(b'N', &ROW[..columns])]))
}

/// OID and generation of the last change.
fn last_relation(rig: &Rig) -> Option<(u32, u32)> {
    rig.last().relation
}

#[test]
fn every_kind_of_a_streamed_transaction() {
    let mut rig = Rig::new();
    let mut effects = vec![];
    for (lsn, message) in later()[..19].iter().enumerate() {
        effects.push(rig.feed(lsn as u64, message).unwrap());
    }
    let streams = Seen { xid: TOP, ..Seen::new(E::WAL_EVENT_STREAM_START) };
    let stops = Seen { xid: TOP, ..Seen::new(E::WAL_EVENT_STREAM_STOP) };
    let aborts = Seen { xid: TOP, ..Seen::new(E::WAL_EVENT_STREAM_ABORT) };
    let texts = |a: &str, b: &str| vec![Val::text(a), Val::text(b)];
    let (user, key) = (Some((OID, 1)), Some(vec![Val::text("7"), Val::Absent, Val::Absent]));
    let expected = [
        Seen { flags: flags::FIRST_SEGMENT, ..streams.clone() },
        Seen { extra: vec![Val::text("node_a")], number: 0xABCD, ..inside(E::WAL_EVENT_ORIGIN, 1, 0) },
        Seen { extra: texts("public", "mood"), number: 16_500, ..inside(E::WAL_EVENT_TYPE, 2, TOP) },
        Seen { relation: user, ..inside(E::WAL_EVENT_RELATION, 3, TOP) },
        Seen { relation: user, new: Some(row()), ..inside(E::WAL_EVENT_INSERT, 4, TOP) },
        Seen { lsn: 5, ..stops.clone() },
    ];
    let seen = rig.seen();
    assert_eq!(seen[..6], expected);
    // An ordinary transaction in between: its BEGIN, its definition, its row, its COMMIT.
    let plain: Vec<_> = seen[6..10].iter().map(|it| (it.kind, it.flags, it.commit_lsn, it.subxid)).collect();
    let kinds = [E::WAL_EVENT_BEGIN, E::WAL_EVENT_RELATION, E::WAL_EVENT_INSERT, E::WAL_EVENT_COMMIT];
    assert_eq!(plain, kinds.map(|kind| (kind as u32, 0, FINAL, 0)));
    let with = |flag| flags::STREAMED | flag;
    let expected = [
        Seen { lsn: 10, ..streams },
        Seen {
            relation: user,
            flags: with(flags::OLD_KEY),
            old: key,
            new: Some(row()),
            ..inside(E::WAL_EVENT_UPDATE, 11, SUB)
        },
        Seen {
            relation: user,
            flags: with(flags::OLD_FULL),
            old: Some(row()),
            ..inside(E::WAL_EVENT_DELETE, 12, SUB)
        },
        Seen {
            flags: with(flags::CASCADE),
            extra: vec![Val::Relation(OID, 1)],
            ..inside(E::WAL_EVENT_TRUNCATE, 13, SUB)
        },
        Seen {
            flags: with(flags::TRANSACTIONAL),
            extra: texts("inside", "content"),
            ..inside(E::WAL_EVENT_MESSAGE, 0x902, TOP)
        },
        Seen { lsn: 15, ..stops },
        Seen { lsn: 16, subxid: SUB, ..aborts.clone() },
        Seen { lsn: 17, subxid: SUB + 1, number: 0x903, commit_time: TIME, ..aborts },
        Seen {
            lsn: FINAL,
            commit_lsn: FINAL,
            ack_lsn: END,
            commit_time: TIME,
            xid: TOP,
            ..Seen::new(E::WAL_EVENT_STREAM_COMMIT)
        },
    ];
    assert_eq!(seen[10..], expected);
    assert_eq!(effects.pop(), Some(Effect::StreamEnded { ack_lsn: END }));
    let commit = effects.remove(9);
    assert_eq!(commit, Effect::Outstanding { ack_lsn: END });
    assert_eq!(effects.remove(6), Effect::Began { final_lsn: FINAL });
    assert!(effects.iter().all(|effect| *effect == Effect::None), "an open one pins nothing: {effects:?}");
}

#[test]
fn p6_definitions_are_the_transactions_own_until_it_commits() {
    let mut rig = Rig::new();
    let (two, row_of_two) = narrow(2);
    rig.feed_all(&[begin(), relation(), insert(ROW), commit()]);
    rig.feed_all(&[stream_start(TOP, true)]);
    // What is known outside is not known inside: the server describes it for each streamed transaction.
    rig.refuse_all(&[streamed(TOP, insert(ROW))], Status::WAL_E_UNKNOWN_RELATION);
    rig.feed_all(&[streamed(TOP, two.clone()), streamed(TOP, row_of_two.clone())]);
    assert_eq!(last_relation(&rig), Some((OID, 2)));
    rig.feed_all(&[stream_stop(), begin(), insert(ROW)]);
    assert_eq!(last_relation(&rig), Some((OID, 1)), "outside nothing has changed");
    rig.refuse_all(std::slice::from_ref(&row_of_two), Status::WAL_E_DECODE);
    rig.feed_all(&[commit(), stream_commit(TOP), begin(), row_of_two]);
    assert_eq!(last_relation(&rig), Some((OID, 2)), "committed, it is everybody's");
    rig.refuse_all(&[insert(ROW)], Status::WAL_E_DECODE);
    let told = rig.kinds().iter().filter(|kind| **kind == E::WAL_EVENT_RELATION as u32).count();
    assert_eq!(told, 2);
}

#[test]
fn p6_a_rolled_back_definition_is_gone() {
    let (two, row_of_two) = narrow(2);
    let (one, row_of_one) = narrow(1);
    let mut rig = Rig::new();
    rig.feed_all(&[
        stream_start(TOP, true),
        streamed(TOP, relation()),
        streamed(SUB, two.clone()),
        streamed(SUB + 1, one.clone()),
        streamed(SUB + 1, row_of_one.clone()),
        stream_stop(),
        stream_abort_of(TOP, SUB + 1, None),
        stream_start(TOP, false),
        streamed(SUB, row_of_two.clone()),
        stream_stop(),
        stream_abort_of(TOP, SUB, None),
        stream_start(TOP, false),
        streamed(TOP, insert(ROW)),
    ]);
    assert_eq!(last_relation(&rig), Some((OID, 1)));
    rig.refuse_all(&[streamed(TOP, row_of_two)], Status::WAL_E_DECODE);
    // What is described again has the generation it had, and is told again: the consumer threw it away.
    rig.feed_all(&[streamed(SUB + 2, one), streamed(SUB + 2, row_of_one.clone())]);
    assert_eq!(last_relation(&rig), Some((OID, 3)));
    rig.feed_all(&[stream_stop(), stream_abort_of(TOP, TOP, None), begin()]);
    rig.refuse_all(&[insert(ROW), row_of_one], Status::WAL_E_UNKNOWN_RELATION);
    rig.feed_all(&[relation(), insert(ROW)]);
    assert_eq!(last_relation(&rig), Some((OID, 4)), "another than the newest");
    assert_eq!(rig.decoder.open_streams().count(), 0);
}

#[test]
fn p6_a_definition_that_is_older_than_what_came_since_does_not_come_back() {
    let (two, row_of_two) = narrow(2);
    let mut rig = Rig::new();
    rig.feed_all(&[stream_start(TOP, true), streamed(TOP, relation()), stream_stop()]);
    rig.feed_all(&[begin(), two.clone(), row_of_two.clone(), commit()]);
    rig.feed_all(&[stream_commit(TOP), begin(), row_of_two, commit()]);
    assert_eq!(rig.seen()[rig.seen().len() - 2].relation, Some((OID, 2)));
}

#[test]
fn p6_a_prepared_definition_stays_its_own() {
    let (two, row_of_two) = narrow(2);
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation(), commit()]);
    rig.feed_all(&[stream_start(TOP, true), streamed(TOP, two), stream_stop(), stream_prepare(TOP)]);
    let last = rig.last();
    assert_eq!((last.xid, last.commit_lsn, last.ack_lsn), (TOP, PREPARED, PREPARED_END));
    assert_eq!((last.number, last.extra), (PREPARED_END, vec![Val::text(GID)]));
    rig.feed_all(&[begin()]);
    rig.refuse_all(&[row_of_two], Status::WAL_E_DECODE);
    rig.feed_all(&[insert(ROW)]);
}

#[test]
fn two_streamed_transactions_do_not_see_each_other() {
    let (two, row_of_two) = narrow(2);
    let mut rig = Rig::new();
    rig.feed_all(&[stream_start(1, true), streamed(1, relation()), stream_stop()]);
    rig.feed_all(&[stream_start(2, true), streamed(2, two), stream_stop()]);
    for _ in 0..3 {
        rig.feed_all(&[stream_start(1, false), streamed(1, insert(ROW))]);
        assert_eq!((rig.last().xid, rig.last().relation), (1, Some((OID, 1))));
        rig.feed_all(&[stream_stop(), stream_start(2, false), streamed(2, row_of_two.clone())]);
        assert_eq!((rig.last().xid, rig.last().relation), (2, Some((OID, 2))));
        rig.feed_all(&[stream_stop()]);
    }
    assert_eq!(rig.decoder.open_streams().collect::<Vec<_>>(), [1, 2]);
    rig.feed_all(&[stream_commit(1), stream_abort_of(2, 2, Some((1, 2)))]);
    assert_eq!(rig.decoder.open_streams().count(), 0);
}

#[test]
fn p1_an_abort_of_what_was_never_streamed_means_nothing() {
    let mut rig = Rig::new();
    rig.feed_all(&[stream_start(TOP, true), stream_stop()]);
    let before = rig.seen();
    for stray in [stream_abort_of(1, 2, None), stream_abort_of(1, 1, Some((5, 6)))] {
        assert_eq!(rig.feed(1, &stray).unwrap(), Effect::Ignored);
    }
    assert_eq!(rig.seen(), before);
    rig.refuse_all(&[stream_abort(4), stream_abort(9), stream_abort(16)], Status::WAL_E_DECODE);
}

#[test]
fn what_comes_in_the_wrong_place_is_refused() {
    let mut rig = Rig::new();
    let outside = [stream_stop(), stream_commit(TOP), stream_prepare(TOP), stream_start(TOP, false)];
    rig.refuse_all(&outside, Status::WAL_E_DECODE);
    rig.feed_all(&[stream_start(TOP, true)]);
    let in_block = [
        begin(),
        begin_prepare(),
        commit(),
        prepare(),
        stream_start(TOP, false),
        stream_start(1, true),
        stream_commit(TOP),
        stream_prepare(TOP),
        stream_abort_of(TOP, SUB, None),
        commit_prepared(),
        rollback_prepared(),
    ];
    rig.refuse_all(&in_block, Status::WAL_E_DECODE);
    rig.feed_all(&[stream_stop(), begin()]);
    rig.refuse_all(&[stream_start(1, true), stream_commit(TOP), stream_stop()], Status::WAL_E_DECODE);
}

#[test]
fn p32_a_new_connection_streams_anew() {
    for at in [1, 5] {
        let mut rig = Rig::new();
        rig.feed_all(&[begin(), relation(), commit()]);
        rig.feed_all(&later()[..at]);
        rig.decoder.reconnected();
        assert_eq!(rig.decoder.open_streams().count(), 0);
        // No byte of a message is taken for a subtransaction's id.
        rig.feed_all(&[begin(), relation(), insert(ROW), commit()]);
        rig.refuse_all(&[stream_commit(TOP), stream_start(TOP, false)], Status::WAL_E_DECODE);
        rig.feed_all(&later());
    }
}

/// What a server can make grow without end counts: transactions that stay open, and what each describes for itself.
#[test]
fn s54_open_transactions_and_what_they_describe_are_counted() {
    let mut rig = Rig::new();
    let wide: Vec<_> = COLUMNS.iter().copied().cycle().take(50).collect();
    let of = |oid: u32, name: &str| relation_of(oid, "public", name, b'd', &wide);
    let open = |rig: &mut Rig, xid: u32, described: &[Vec<u8>]| {
        rig.feed_all(&[stream_start(xid, true)]);
        for message in described {
            rig.feed_all(&[streamed(xid + 1, message.clone())]);
        }
        rig.feed_all(&[stream_stop()]);
        rig.decoder.streamed_weight()
    };
    let bare = open(&mut rig, 1000, &[]);
    assert!(bare > 0);
    let one = open(&mut rig, 2000, &[of(OID, "a")]) - 2 * bare;
    assert!(one > 50 * 40, "{one}");
    // A definition that replaces another is kept beside it, until the subtransaction is rolled back.
    let more = open(&mut rig, 3000, &[of(OID, "b"), of(OID, "c"), of(OID, "d")]) - 3 * bare - one;
    assert!(more > 3 * 50 * 40, "{more}");
    rig.feed_all(&[stream_abort_of(3000, 3001, None)]);
    assert_eq!(rig.decoder.streamed_weight(), 3 * bare + one);
    // The same again and again is a longer log.
    let repeated = open(&mut rig, 4000, &vec![of(9, "e"); 40]) - 4 * bare - one;
    assert!(repeated > one + 39 * 16, "{repeated}");
    rig.feed_all(&[stream_commit(4000), stream_commit(3000), stream_abort_of(2000, 2000, None)]);
    assert_eq!(rig.decoder.streamed_weight(), bare);
    rig.decoder.reconnected();
    assert_eq!(rig.decoder.streamed_weight(), 0);
}

/// What a transaction describes as it is outside is one definition, however many share it.
#[test]
fn s54_a_definition_that_transactions_share_counts_once() {
    let mut rig = Rig::new();
    let columns: Vec<_> = COLUMNS.iter().copied().cycle().take(50).collect();
    let name = "x".repeat(100_000);
    let of = |kind: u8| relation_of(OID, "public", &name, kind, &columns);
    rig.feed_all(&[begin(), of(b'd'), commit()]);
    let outside = rig.decoder.definitions_weight();
    assert!(outside > name.len(), "{outside}");
    for xid in (1000..1200).step_by(10) {
        rig.feed_all(&[
            stream_start(xid, true),
            streamed(xid, of(b'd')),
            streamed(xid + 1, of(b'd')),
            stream_stop(),
        ]);
    }
    assert!(rig.decoder.streamed_weight() < name.len(), "{}", rig.decoder.streamed_weight());
    // Replaced outside it is theirs alone, and counts until they are gone.
    rig.feed_all(&[begin(), of(b'n'), commit()]);
    assert!(rig.decoder.definitions_weight() > outside + name.len());
    // One that a transaction makes is its own, once.
    let before = rig.decoder.streamed_weight();
    let other = [stream_start(2000, true), streamed(2000, of(b'f')), streamed(2001, of(b'f')), stream_stop()];
    rig.feed_all(&other);
    let own = rig.decoder.streamed_weight() - before;
    assert!(own > name.len() && own < 2 * name.len(), "{own}");
    // Who commits has the definition valid for all, and counted there.
    rig.feed_all(&[stream_commit(2000)]);
    assert_eq!(rig.decoder.streamed_weight(), before);
    assert!(rig.decoder.definitions_weight() > outside + name.len());
    rig.decoder.reconnected();
    assert!(rig.decoder.definitions_weight() + rig.decoder.streamed_weight() < name.len());
}
