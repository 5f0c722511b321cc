//! Each kind of message, field by field.

use super::messages::*;
use super::rig::{Rig, Seen, Val};
use crate::batch::{EventKind, flags};
use crate::pgoutput::Effect;

/// An event of the transaction that `begin` begins.
fn inside(kind: EventKind, lsn: u64, sequence: u64) -> Seen {
    Seen { lsn, commit_lsn: FINAL, commit_time: TIME, xid: XID, sequence, ..Seen::new(kind) }
}

fn row() -> Vec<Val> {
    vec![Val::text("7"), Val::text("Ada"), Val::Null]
}

fn binary_row() -> Vec<Val> {
    vec![Val::Binary(vec![0, 0, 0, 7]), Val::Binary(b"Ada".to_vec()), Val::text("")]
}

fn key() -> Vec<Val> {
    vec![Val::text("7"), Val::Absent, Val::Absent]
}

#[test]
fn every_kind_of_version_1() {
    let of_users = Some((OID, 1));
    let mut rig = Rig::new();
    for (lsn, message) in all().iter().enumerate() {
        rig.feed(lsn as u64, message).unwrap();
    }
    let two = |a: &str, b: &str| vec![Val::text(a), Val::text(b)];
    let update = |lsn, sequence, flags, new, old| Seen {
        flags,
        new: Some(new),
        old,
        relation: of_users,
        ..inside(EventKind::WAL_EVENT_UPDATE, lsn, sequence)
    };
    let insert = |lsn, sequence, new| Seen {
        new: Some(new),
        relation: of_users,
        ..inside(EventKind::WAL_EVENT_INSERT, lsn, sequence)
    };
    let delete = |lsn, sequence, flags, old| Seen {
        flags,
        old: Some(old),
        relation: of_users,
        ..inside(EventKind::WAL_EVENT_DELETE, lsn, sequence)
    };
    let expected = [
        Seen {
            lsn: 0x900,
            commit_lsn: 0x900,
            ack_lsn: 0x900,
            extra: two("outside", "content"),
            ..Seen::new(EventKind::WAL_EVENT_MESSAGE)
        },
        inside(EventKind::WAL_EVENT_BEGIN, 1, 0),
        Seen {
            extra: vec![Val::text("node_a")],
            number: 0xABCD,
            ..inside(EventKind::WAL_EVENT_ORIGIN, 2, 0)
        },
        Seen { extra: two("public", "mood"), number: 16_500, ..inside(EventKind::WAL_EVENT_TYPE, 3, 0) },
        Seen { relation: of_users, ..inside(EventKind::WAL_EVENT_RELATION, 4, 0) },
        insert(5, 0, row()),
        insert(6, 1, binary_row()),
        update(7, 2, 0, vec![Val::text("7"), Val::Unchanged, Val::Null], None),
        update(8, 3, flags::OLD_KEY, row(), Some(key())),
        update(9, 4, flags::OLD_FULL, binary_row(), Some(row())),
        delete(10, 5, flags::OLD_KEY, key()),
        delete(11, 6, flags::OLD_FULL, row()),
        Seen {
            flags: flags::CASCADE | flags::RESTART_IDENTITY,
            extra: vec![Val::Relation(OID, 1)],
            ..inside(EventKind::WAL_EVENT_TRUNCATE, 12, 7)
        },
        Seen {
            flags: flags::TRANSACTIONAL,
            extra: two("inside", ""),
            ..inside(EventKind::WAL_EVENT_MESSAGE, 0x901, 8)
        },
        Seen { ack_lsn: END, ..inside(EventKind::WAL_EVENT_COMMIT, FINAL, 9) },
    ];
    let seen = rig.seen();
    for (seen, expected) in seen.iter().zip(&expected) {
        assert_eq!(seen, expected);
    }
    assert_eq!(seen.len(), expected.len());
    assert_eq!(rig.arrays.last_ack(), END);
}

#[test]
fn effects() {
    let mut rig = Rig::new();
    let expected = [
        Effect::Outstanding { ack_lsn: 0x900 },
        Effect::Began { final_lsn: FINAL },
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::None,
        Effect::Ignored,
        Effect::Ignored,
        Effect::Outstanding { ack_lsn: END },
    ];
    for (message, expected) in all().iter().zip(expected) {
        assert_eq!(rig.feed(0, message).unwrap(), expected);
    }
}

#[test]
fn p10_absent_null_and_unchanged_are_three_things() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation_of(OID, "public", "t", b'i', &[("a", 0, 25, -1), ("b", 1, 25, -1)])]);
    let old = |part, columns: &[Col<'_>]| change(b'D', OID, &[tuple(part, columns)]);

    rig.feed(1, &old(b'K', &[Col::Null, Col::Null])).unwrap();
    assert_eq!(rig.last().old, Some(vec![Val::Absent, Val::Null]));
    rig.feed(1, &old(b'K', &[Col::Text("sent"), Col::Text("")])).unwrap();
    assert_eq!(rig.last().old, Some(vec![Val::text("sent"), Val::text("")]));
    rig.feed(1, &old(b'O', &[Col::Null, Col::Unchanged])).unwrap();
    assert_eq!(rig.last().old, Some(vec![Val::Null, Val::Unchanged]));
}

#[test]
fn an_empty_text_has_an_address() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation(), insert(&[Col::Text(""), Col::Binary(b""), Col::Null])]);
    let data: Vec<bool> = rig.arrays.values().iter().map(|value| value.data.is_null()).collect();
    assert_eq!(data, [false, false, true]);
}

#[test]
fn rows_without_columns_and_with_very_many() {
    let mut rig = Rig::new();
    let wide: Vec<Def<'_>> = (0..1600).map(|_| ("c", 0, 23, -1)).collect();
    rig.feed_all(&[
        begin(),
        relation_of(1, "public", "none", b'd', &[]),
        change(b'I', 1, &[tuple(b'N', &[])]),
    ]);
    assert_eq!(rig.last().new, Some(vec![]));
    rig.feed_all(&[
        relation_of(2, "public", "wide", b'd', &wide),
        change(b'I', 2, &[tuple(b'N', &vec![Col::Text("x"); 1600])]),
    ]);
    assert_eq!(rig.last().new, Some(vec![Val::text("x"); 1600]));
}

#[test]
fn truncate_names_every_relation_and_keeps_them() {
    let mut rig = Rig::new();
    let second = relation_of(9, "", "second", b'n', &[]);
    rig.feed_all(&[
        begin(),
        relation(),
        second,
        truncate(0, &[9, OID]),
        truncate(1, &[]),
        truncate(2, &[OID]),
    ]);
    let seen = rig.seen();
    assert_eq!(seen[3].extra, [Val::Relation(9, 1), Val::Relation(OID, 1)]);
    let of = |event: &Seen| (event.flags, event.sequence);
    assert_eq!(
        seen[3..].iter().map(of).collect::<Vec<_>>(),
        [(0, 0), (flags::CASCADE, 1), (flags::RESTART_IDENTITY, 2)]
    );
    assert_eq!(rig.arrays.relations().len(), 2);
}
