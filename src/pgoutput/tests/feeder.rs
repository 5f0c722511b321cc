//! A decoder fed by hand gives what the decoder gives, in batches of every size, which outlive it.

use super::messages::*;
use super::rig::Rig;
use crate::batch::Batch;
use crate::error::Status;
use crate::pgoutput::Feeder;

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
        while let Some(batch) = feeder.next_batch() {
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
    assert!(feeder.next_batch().is_none());
    for message in [begin(), relation()] {
        feeder.feed(1, &message).unwrap();
    }
    let error = feeder.feed(7, &insert(&[Col::Null])).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_DECODE);
    feeder.feed(8, &insert(ROW)).unwrap();
    feeder.feed(9, &commit()).unwrap();
    let batch = feeder.next_batch().unwrap();
    assert_eq!(batch.events().len(), 4);
    // SAFETY: the batch lives.
    let values = unsafe { std::slice::from_raw_parts(batch.events()[2].new_values, 3) };
    // SAFETY: as above.
    assert_eq!(unsafe { values[1].bytes() }, b"Ada");
    batch.release();
    assert!(feeder.next_batch().is_none());
}
