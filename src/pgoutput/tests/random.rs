//! Random bytes, damaged messages, and batches of every size.

use proptest::prelude::*;

use super::messages::*;
use super::rig::{Rig, Seen};
use crate::error::{Error, Status};
use crate::pgoutput::Effect;

/// Messages in any order, many of them out of place.
fn script() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let mut messages = all();
    messages.extend(later());
    messages.extend([
        begin(),
        commit(),
        insert(ROW),
        insert(BINARY_ROW),
        origin("node_b"),
        relation_of(OID, "public", "users", b'f', COLUMNS),
        relation_of(OID, "public", "users", b'd', &COLUMNS[..2]),
        relation_of(9, "", "other", b'd', &COLUMNS[..1]),
        change(b'I', 9, &[tuple(b'N', &ROW[..1])]),
        change(b'I', OID, &[tuple(b'N', &ROW[..2])]),
        truncate(0, &[OID, 9]),
        b"I\0".to_vec(),
        stream_start(TOP + 9, true),
        streamed(TOP + 9, relation_of(OID, "public", "users", b'd', &COLUMNS[..2])),
        streamed(TOP + 9, change(b'I', OID, &[tuple(b'N', &ROW[..2])])),
        stream_commit(TOP + 9),
        stream_stop(),
        stream_stop(),
    ]);
    proptest::collection::vec(proptest::sample::select(messages), 0..60)
}

fn run(rig: &mut Rig, script: &[Vec<u8>]) -> (Vec<Result<Effect, Error>>, Vec<Seen>) {
    let outcomes = script.iter().enumerate().map(|(at, message)| rig.feed(at as u64, message)).collect();
    (outcomes, rig.seen())
}

/// What a decoder must do with anything: a clean refusal, or a clean event.
fn survives(rig: &mut Rig, message: &[u8]) {
    let before = (rig.arrays.value_count(), rig.seen());
    match rig.feed(1, message) {
        Ok(_) => assert!(rig.seen().starts_with(&before.1)),
        Err(error) => {
            let known = [Status::WAL_E_DECODE, Status::WAL_E_UNKNOWN_MESSAGE, Status::WAL_E_UNKNOWN_RELATION];
            assert!(known.contains(&error.status()), "{error:?}");
            assert_eq!((rig.arrays.value_count(), rig.seen()), before);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 512 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_gives_the_same_in_batches_of_any_size(
        script in script(),
        events in 1_usize..6,
        values in 0_usize..12,
    ) {
        let whole = run(&mut Rig::new(), &script);
        let split = run(&mut Rig::bounded(events, values), &script);
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn random_bytes(messages in proptest::collection::vec(any::<Vec<u8>>(), 0..10)) {
        let mut rig = Rig::new();
        rig.feed_all(&all()[..6]);
        for message in messages {
            survives(&mut rig, &message);
        }
    }

    #[test]
    fn random_bodies(kind in proptest::sample::select(b"BCORYIUDTMASEcbPKrp".to_vec()), body: Vec<u8>) {
        let mut rig = Rig::new();
        rig.feed_all(&all()[..6]);
        survives(&mut rig, &[&[kind][..], &body].concat());
        // And inside a streamed block.
        let mut rig = Rig::new();
        rig.feed_all(&later()[..5]);
        survives(&mut rig, &[&[kind][..], &body].concat());
    }

    #[test]
    fn damaged_messages(
        script in proptest::sample::select(vec![all(), later()]),
        at in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..5),
    ) {
        let at = at.index(script.len());
        let mut rig = Rig::new();
        rig.feed_all(&script[..at]);
        let mut message = script[at].clone();
        for (index, byte, how) in damage {
            let place = index.index(message.len() + 1).min(message.len());
            match how {
                0 => message.insert(place, byte),
                1 if place < message.len() => drop(message.remove(place)),
                _ => message.iter_mut().skip(place).take(1).for_each(|old| *old = byte),
            }
        }
        survives(&mut rig, &message);
    }
}
