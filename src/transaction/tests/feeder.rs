//! A decoder fed by hand gives what the decoder gives, in batches of every size, which outlive it.

use crate::batch::Batch;
use crate::error::{Error, Status};
use crate::pgoutput::tests::messages::*;
use crate::pgoutput::tests::rig::Rig;
use crate::transaction::Feeder;

fn kinds(batches: &[Box<Batch>]) -> Vec<u32> {
    batches.iter().flat_map(|batch| batch.events()).map(|event| event.kind).collect()
}

#[test]
fn batches_of_every_size_hold_the_same() {
    let script = [all(), later()].concat();
    let mut rig = Rig::new();
    rig.feed_all(&script);
    for (events, bytes) in [(1, 1), (2, 100), (3, 64), (1000, 1 << 20)] {
        let mut feeder = Feeder::new(events, bytes);
        let mut batches = vec![];
        for message in &script {
            feeder.feed(1, message).unwrap();
        }
        while let Some(batch) = feeder.next_batch().unwrap() {
            batches.push(batch);
        }
        drop(feeder);
        assert_eq!(kinds(&batches), rig.kinds(), "{events} {bytes}");
        batches.into_iter().for_each(Batch::release);
    }
}

#[test]
fn a_refused_message_leaves_nothing() {
    let mut feeder = Feeder::new(100, 1 << 16);
    assert!(feeder.next_batch().unwrap().is_none());
    for message in [begin(), relation()] {
        feeder.feed(1, &message).unwrap();
    }
    let error = feeder.feed(7, &insert(&[Col::Null])).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_DECODE);
    feeder.feed(8, &insert(ROW)).unwrap();
    feeder.feed(9, &commit()).unwrap();
    let batch = feeder.next_batch().unwrap().unwrap();
    assert_eq!(batch.events().len(), 4);
    // SAFETY: the batch lives.
    let values = unsafe { std::slice::from_raw_parts(batch.events()[2].new_values, 3) };
    // SAFETY: as above.
    assert_eq!(unsafe { values[1].bytes() }, b"Ada");
    batch.release();
    assert!(feeder.next_batch().unwrap().is_none());
}

/// Decodes messages where they are; the scripts live longer than all batches of a test.
fn decoded<'a>(
    feeder: &mut Feeder,
    messages: impl Iterator<Item = Result<(u64, &'a [u8]), Error>>,
) -> Result<(usize, Box<Batch>), Error> {
    // SAFETY: as above.
    unsafe { feeder.decode_in_place(messages) }
}

/// Decodes all of a script where it is, `at_once` messages a call, and gives the batches.
#[allow(clippy::vec_box, reason = "as the feeder gives them")]
fn in_place(feeder: &mut Feeder, script: &[Vec<u8>], at_once: usize) -> Vec<Box<Batch>> {
    let mut batches = vec![];
    let mut rest = script;
    while !rest.is_empty() {
        let given = rest.iter().take(at_once).map(|message| Ok((1, message.as_slice())));
        let (taken, batch) = decoded(feeder, given).unwrap();
        assert!(taken > 0 && taken <= at_once);
        batches.push(batch);
        rest = &rest[taken..];
    }
    batches
}

#[test]
fn messages_decoded_where_they_are_give_the_same_and_are_not_copied() {
    let script = [all(), later()].concat();
    let mut rig = Rig::new();
    rig.feed_all(&script);
    for (events, at_once) in [(1, 1), (2, 100), (3, 7), (1000, 3), (1000, 1000)] {
        let mut feeder = Feeder::new(events, 1 << 16);
        let batches = in_place(&mut feeder, &script, at_once);
        drop(feeder);
        assert_eq!(kinds(&batches), rig.kinds(), "{events} {at_once}");
        let insert = batches.iter().flat_map(|batch| batch.events()).find(|event| event.n_new > 0).unwrap();
        // SAFETY: the batch lives.
        let values = unsafe { std::slice::from_raw_parts(insert.new_values, insert.n_new as usize) };
        let value = values.iter().find(|value| value.len > 0).unwrap().data;
        assert!(script.iter().any(|message| message.as_ptr_range().contains(&value)));
        batches.into_iter().for_each(Batch::release);
    }
}

#[test]
fn what_comes_before_a_refused_message_comes_out_before_it_is_told() {
    let mut feeder = Feeder::new(100, 1 << 16);
    let bad = insert(&[Col::Null]);
    let script = [begin(), relation(), insert(ROW), bad, insert(ROW), commit()];
    let given = || script.iter().map(|message| Ok((1, message.as_slice())));
    let (taken, batch) = decoded(&mut feeder, given()).unwrap();
    assert_eq!((taken, batch.events().len()), (3, 3));
    batch.release();
    assert_eq!(decoded(&mut feeder, given().skip(3)).unwrap_err().status(), Status::WAL_E_DECODE);
    let (taken, batch) = decoded(&mut feeder, given().skip(4)).unwrap();
    assert_eq!((taken, batch.events().len()), (2, 2));
    batch.release();
    let (taken, batch) = decoded(&mut feeder, std::iter::empty()).unwrap();
    assert_eq!((taken, batch.events().len()), (0, 0));
    batch.release();
}

#[test]
fn messages_that_were_fed_come_out_before_others_are_decoded_in_place() {
    let mut feeder = Feeder::new(100, 1 << 16);
    for message in [begin(), relation(), insert(ROW)] {
        feeder.feed(1, &message).unwrap();
    }
    let rest = [insert(ROW), commit()];
    let given = || rest.iter().map(|message| Ok((1, message.as_slice())));
    assert_eq!(decoded(&mut feeder, given()).unwrap_err().status(), Status::WAL_E_STATE);
    feeder.next_batch().unwrap().unwrap().release();
    let (taken, batch) = decoded(&mut feeder, given()).unwrap();
    assert_eq!((taken, batch.events().len()), (2, 2));
    batch.release();
}

#[test]
fn what_was_fed_and_has_no_event_yet_keeps_nobody_from_decoding_in_place() {
    let mut feeder = Feeder::new(100, 1 << 16);
    feeder.feed(1, &begin()).unwrap();
    let rest = [relation(), insert(ROW), commit()];
    let (taken, batch) =
        decoded(&mut feeder, rest.iter().map(|message| Ok((1, message.as_slice())))).unwrap();
    assert_eq!((taken, batch.events().len()), (3, 4));
    batch.release();
}

/// A recycled batch's slots held bytes and a TRUNCATE's relations: what has no bytes shows nothing of that.
#[test]
fn a_recycled_batch_shows_nothing_of_what_it_held() {
    let mut feeder = Feeder::new(100, 1 << 16);
    let first = [begin(), relation(), insert(BINARY_ROW), truncate(0, &[OID]), insert(BINARY_ROW)];
    let columns = [Col::Null, Col::Unchanged, Col::Null];
    let second = [insert(&columns), change(b'D', OID, &[tuple(b'K', &[Col::Null; 3])])];
    for (script, bare) in [(&first[..], false), (&second[..], true)] {
        let given = script.iter().map(|message| Ok((1, message.as_slice())));
        let (taken, batch) = decoded(&mut feeder, given).unwrap();
        assert_eq!(taken, script.len());
        for value in batch.arrays.values() {
            assert_eq!(value.reserved, [0; 3]);
            assert!(!bare || value.data.is_null() && value.len == 0, "{value:?}");
        }
        batch.release();
    }
}
