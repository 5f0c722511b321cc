//! pgoutput's messages, one after another, into batches of any size. What is refused must leave no trace: the batch is as
//! it was, and the messages behind it mean the same.
use std::hint::black_box;

use super::{messages, touch};
use pgwalstream::batch::{Batch, Pool};
use pgwalstream::pgoutput::{Decoder, Step};

/// One input.
pub fn run(input: &[u8]) {
    let Some((bound, input)) = input.split_first() else { return };
    let pool = Pool::new(2);
    let most = 1 + usize::from(bound % 32);
    let mut decoder = Decoder::new();
    let Ok(mut batch) = pool.take(1, most) else { return };
    for (at, message) in messages(input).enumerate() {
        // The place of a message must not depend on its being well-formed.
        black_box(decoder.place(at as u64, message));
        loop {
            let before = (batch.arrays.events().len(), batch.arrays.values().len());
            // SAFETY: the input outlives the batch.
            match unsafe { decoder.decode(at as u64 * 8, message, &mut batch.arrays) } {
                Ok(Step::Done(_)) => break,
                Ok(Step::Full) => {
                    assert!(before.0 > 0, "an empty batch is never too full");
                    batch = sealed(&pool, batch, most);
                }
                Err(error) => {
                    assert!(!error.message().is_empty());
                    assert_eq!(before, (batch.arrays.events().len(), batch.arrays.values().len()));
                    break;
                }
            }
        }
        if at == 200 {
            decoder.reconnected();
        }
    }
    read(&batch);
}

fn sealed(pool: &Pool, batch: Box<Batch>, most: usize) -> Box<Batch> {
    read(&batch);
    pool.give(batch);
    pool.take(1, most).expect("memory")
}

fn read(batch: &Batch) {
    for event in batch.events() {
        // SAFETY: live events: the batch and the input behind it are alive.
        black_box(unsafe { touch(event) });
    }
}
