//! Relations and types: what is the same generation, what is the next one, what is forgotten.

use std::sync::Arc;

use super::messages::*;
use super::rig::{EACH, Rig};
use crate::batch::{Arrays, EventKind as E};
use crate::error::Status;

fn described(rig: &Rig) -> Vec<(u32, u32)> {
    let relations = rig.seen().into_iter().filter(|event| event.kind == E::WAL_EVENT_RELATION as u32);
    relations.filter_map(|event| event.relation).collect()
}

#[test]
fn p11_every_part_of_a_definition_counts() {
    let columns = |change: fn(&mut Vec<Def<'static>>)| {
        let mut columns = COLUMNS.to_vec();
        change(&mut columns);
        columns
    };
    let changed = [
        relation_of(OID, "private", "users", b'd', COLUMNS),
        relation_of(OID, "public", "people", b'd', COLUMNS),
        relation_of(OID, "public", "users", b'f', COLUMNS),
        relation_of(OID, "public", "users", b'd', &columns(|c| c[1].0 = "label")),
        relation_of(OID, "public", "users", b'd', &columns(|c| c[1].1 = 1)),
        relation_of(OID, "public", "users", b'd', &columns(|c| c[1].2 = 25)),
        relation_of(OID, "public", "users", b'd', &columns(|c| c[1].3 = 25)),
        relation_of(OID, "public", "users", b'd', &columns(|c| c.truncate(2))),
        relation_of(OID, "public", "users", b'd', &columns(|c| c.push(("more", 0, 25, -1)))),
        relation_of(OID, "public", "users", b'd', &columns(|c| c.swap(1, 2))),
    ];
    for changed in changed {
        let mut rig = Rig::new();
        rig.feed_all(&[relation(), relation(), changed.clone(), changed, relation(), relation()]);
        assert_eq!(described(&rig), [(OID, 1), (OID, 2), (OID, 3)]);
    }
}

#[test]
fn a_reconnect_sends_the_same_definition_silently_and_another_as_the_next() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation(), insert(ROW), commit()]);
    rig.decoder.reconnected();
    rig.feed_all(&[begin()]);
    // Nothing is used before this connection has sent it: DDL may have come in between.
    for message in [insert(ROW), truncate(0, &[OID]), change(b'D', OID, &[tuple(b'K', KEY)])] {
        assert_eq!(rig.refuse(1, &message).status(), Status::WAL_E_UNKNOWN_RELATION);
    }
    rig.feed_all(&[relation(), insert(ROW), commit()]);
    assert_eq!(rig.seen()[5].relation, Some((OID, 1)));
    rig.decoder.reconnected();
    let other = relation_of(OID, "public", "users", b'd', &COLUMNS[..1]);
    rig.feed_all(&[begin(), other, change(b'I', OID, &[tuple(b'N', &ROW[..1])]), commit()]);
    assert_eq!(described(&rig), [(OID, 1), (OID, 2)]);
}

#[test]
fn a_change_keeps_the_definition_it_was_made_under() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation(), insert(ROW)]);
    let narrow = relation_of(OID, "public", "users", b'd', &COLUMNS[..1]);
    rig.feed_all(&[narrow, change(b'I', OID, &[tuple(b'N', &ROW[..1])])]);
    rig.refuse_all(&[insert(ROW)], Status::WAL_E_DECODE);
    let generations: Vec<_> = rig.seen().iter().filter_map(|event| event.relation).collect();
    assert_eq!(generations, [(OID, 1), (OID, 1), (OID, 2), (OID, 2)]);
}

#[test]
fn a_batch_keeps_each_relation_once_and_only_its_own() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation(), insert(ROW), insert(ROW)]);
    assert_eq!(rig.arrays.relations().len(), 1);
    let held = Arc::clone(&rig.arrays.relations()[0]);
    rig.arrays = Arrays::new(10, 10);
    // The valid definition, and the test's own.
    assert_eq!(Arc::strong_count(&held), 2);
    rig.feed_all(&[message(true, 1, "p", b"c")]);
    assert!(rig.arrays.relations().is_empty());
    rig.feed_all(&[insert(ROW), insert(ROW)]);
    assert!(Arc::ptr_eq(&rig.arrays.relations()[0], &held));
    assert_eq!(rig.arrays.relations().len(), 1);
}

#[test]
fn s54_what_an_old_connection_described_shrinks_and_keeps_its_generation() {
    let mut rig = Rig::new();
    let wide: Vec<_> = COLUMNS.iter().copied().cycle().take(100).collect();
    let many = 199 / EACH;
    let of = |oid: u32, name: &str| relation_of(oid << 16, "public", name, b'd', &wide);
    let fill = |rig: &mut Rig, name: &str| {
        rig.feed_all(&[begin()]);
        for oid in 1..=many as u32 {
            rig.feed_all(&[of(oid, name)]);
        }
        rig.feed_all(&[commit()]);
        rig.decoder.definitions_weight()
    };
    let first = fill(&mut rig, "a");
    assert!(first > many * 100 * 40, "{first}");
    assert_eq!(fill(&mut rig, "a"), first, "nothing new");
    let second = fill(&mut rig, "b");
    rig.decoder.reconnected();
    let left = rig.decoder.definitions_weight();
    assert!(left < many * 100 && left < second / 20, "{left}");
    // The last generation, then the one before it, as a connection sends that begins in the past: nothing is told anew.
    let told = described(&rig).len();
    fill(&mut rig, "a");
    fill(&mut rig, "b");
    assert_eq!(described(&rig).len(), told);
    rig.decoder.caught_up();
    rig.feed_all(&[begin(), of(1, "a"), of(2, "c")]);
    // Both replace the second generation.
    assert_eq!(described(&rig)[told..], [(1 << 16, 3), (2 << 16, 3)]);
}

#[test]
fn s54_many_streams_origins_and_types_cost_no_quadratic_time() {
    let (mut rig, begun) = (Rig::bounded(200_000, 200_000), std::time::Instant::now());
    for xid in 1..=40_000_u32 {
        rig.feed_all(&[stream_start(xid, true), stream_stop()]);
    }
    for xid in (1..=40_000_u32).rev().filter(|xid| xid % 2 == 0) {
        rig.feed_all(&[stream_abort_of(xid, xid, None)]);
    }
    assert_eq!(rig.decoder.open_streams().count(), 20_000);
    assert!(rig.decoder.open_streams().all(|xid| xid % 2 == 1));
    for number in 0..40_000_u32 {
        rig.feed_all(&[begin(), origin(&format!("o{number}")), commit()]);
        rig.feed_all(&[type_name(number, "public", "t")]);
    }
    // Quadratic, it takes minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(40), "{:?}", begun.elapsed());
}

#[test]
fn many_relations_in_turn() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin()]);
    let many = 300 / EACH as u32;
    for oid in 1..many {
        rig.feed_all(&[relation_of(oid << 16, "public", "t", b'd', COLUMNS)]);
    }
    for oid in (1..many).rev() {
        rig.feed_all(&[change(b'I', oid << 16, &[tuple(b'N', ROW)])]);
        assert_eq!(rig.last().relation, Some((oid << 16, 1)));
    }
    assert_eq!(rig.refuse(1, &insert(ROW)).status(), Status::WAL_E_UNKNOWN_RELATION);
}

#[test]
fn an_empty_namespace_is_pg_catalog() {
    let mut rig = Rig::new();
    rig.feed_all(&[relation_of(9, "", "t", b'n', &[]), relation_of(9, "pg_catalog", "t", b'n', &[])]);
    assert_eq!(described(&rig), [(9, 1)]);
    assert_eq!(&*rig.arrays.relations()[0].namespace, b"pg_catalog");
    rig.feed_all(&[type_name(20_000, "", "int4")]);
    assert_eq!(rig.last().extra[0], super::rig::Val::text("pg_catalog"));
}

#[test]
fn a_type_comes_once_for_each_definition() {
    let mut rig = Rig::new();
    let (mood, other, renamed) =
        (type_name(1, "public", "mood"), type_name(2, "public", "mood"), type_name(1, "public", "spirit"));
    rig.feed_all(&[mood.clone(), mood.clone(), other.clone(), renamed.clone(), renamed.clone(), mood]);
    rig.decoder.reconnected();
    rig.feed_all(&[other]);
    let oids: Vec<u64> = rig.seen().iter().map(|event| event.number).collect();
    assert_eq!(oids, [1, 2, 1, 1]);
}

#[test]
fn s14_a_table_has_the_types_that_were_described_before_it() {
    let columns: &[Def<'_>] =
        &[("id", 1, 23, -1), ("d", 0, 20_000, -1), ("m", 0, 20_001, -1), ("u", 0, 20_002, -1)];
    let table = relation_of(OID, "public", "t", b'd', columns);
    let mut rig = Rig::new();
    let mood = type_name(20_001, "public", "mood");
    rig.feed_all(&[type_name(20_000, "", "int4"), mood.clone(), begin(), table.clone()]);
    let first = Arc::clone(&rig.arrays.relations()[0]);
    let of = |at: usize| &*first.columns[at].data_type;
    assert_eq!((of(0).sql_name, of(0).reads_as), ("integer", 23));
    assert_eq!((of(1).oid, of(1).base_oid(), &*of(1).name), (20_000, 23, &b""[..]));
    assert_eq!((of(2).base_oid(), &*of(2).namespace, &*of(2).name), (0, &b"public"[..], &b"mood"[..]));
    assert_eq!((of(3).oid, &*of(3).name), (20_002, &b""[..]));
    // The same again is the same, by another connection too; a type under another name is another definition.
    rig.feed_all(&[mood.clone(), table.clone(), commit()]);
    rig.decoder.reconnected();
    rig.feed_all(&[begin(), type_name(20_000, "", "int4"), mood, table.clone()]);
    assert_eq!(described(&rig), [(OID, 1)]);
    rig.decoder.caught_up();
    rig.feed_all(&[type_name(20_001, "public", "spirit"), table]);
    assert_eq!(described(&rig), [(OID, 1), (OID, 2)]);
    let second = rig.arrays.relations().iter().find(|relation| relation.generation == 2).unwrap();
    assert_eq!(&*second.columns[2].data_type.name, b"spirit");
    assert_eq!(&*first.columns[2].data_type.name, b"mood", "and the row that came before keeps it");
}

/// What is kept of a message is no longer than what any server has.
#[test]
fn s54_definitions_and_names_that_no_server_has_are_refused() {
    let long = |size: usize| "x".repeat(size);
    let mut rig = Rig::new();
    rig.refuse_all(
        &[relation_of(OID, "public", &long(9 << 20), b'd', &[]), type_name(1, "public", &long(70_000))],
        Status::WAL_E_DECODE,
    );
    rig.feed_all(&[begin()]);
    rig.refuse_all(&[origin(&long(1_100_000))], Status::WAL_E_DECODE);
    rig.feed_all(&[origin(&long(700_000)), type_name(1, "public", &long(1_000)), commit()]);
    let wide: Vec<_> = COLUMNS.iter().copied().cycle().take(1_600).collect();
    rig.feed_all(&[relation_of(OID, "public", &long(1_000), b'd', &wide)]);
}
