//! Batches that were freed, kept to be filled again. It must never hold more than its bound.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Arrays, Chunk, Event};
use crate::error::Result;

/// Events, their values and the bytes behind both: owned by one, read by any thread, recycled when given back.
#[derive(Debug)]
pub struct Batch {
    /// The bytes that events and values point into, unless they were decoded where they were.
    pub chunk: Chunk,
    /// The events and values.
    pub arrays: Arrays,
    /// The place of the batch in its stream, from 0: acknowledging by freeing goes in this order.
    pub number: u64,
    /// How many of the first events were read one by one before the batch was handed over.
    pub walked: usize,
    /// Where the batch goes when it is given back; nowhere while the engine has it.
    pub home: Option<Arc<dyn Home>>,
}

/// Takes batches back from whoever read them, on any thread.
pub trait Home: std::fmt::Debug + Send + Sync {
    /// The batch is no longer read.
    fn give_back(&self, batch: Box<Batch>);
}

impl Batch {
    /// The events that were not walked over.
    pub fn events(&self) -> &[Event] {
        self.arrays.events().get(self.walked..).unwrap_or_default()
    }

    /// Ends the batch's life with its reader.
    pub fn release(mut self: Box<Self>) {
        if let Some(home) = self.home.take() {
            home.give_back(self);
        }
    }

    /// All the memory that the content takes: bytes, events, values, and definitions that came with it.
    pub fn weight(&self) -> usize {
        let arrays = size_of_val(self.arrays.events()) + size_of_val(self.arrays.values());
        self.chunk.filled().len() + arrays + self.arrays.kept()
    }
}

/// A bounded store of empty batches.
#[derive(Debug)]
#[allow(clippy::vec_box, reason = "C holds the batch by its address: it is boxed for life")]
pub struct Pool {
    free: Mutex<Vec<Box<Batch>>>,
    most: usize,
}

/// The usual number of values in a batch's array; a row with more gets an array of its own.
const VALUES: usize = 16 * 1024;

/// The events and values of a small batch.
const SMALL: (usize, usize) = (64, 512);

/// What is larger than this is not kept: nobody may want it again.
const BYTES: usize = 256 * 1024;
const EVENTS: usize = 8 * 1024;

impl Pool {
    /// A pool that keeps at most `most` batches.
    pub fn new(most: usize) -> Self {
        Self { free: Mutex::new(Vec::with_capacity(most)), most }
    }

    /// An empty batch with a chunk of at least `bytes` and room for `events`.
    pub fn take(&self, bytes: usize, events: usize) -> Result<Box<Batch>> {
        let kept = {
            let mut free = self.lock();
            let place = free.iter().rposition(|batch| batch.chunk.capacity() >= bytes);
            place.map(|at| free.swap_remove(at))
        };
        let mut batch = match kept {
            Some(batch) => batch,
            None => Box::new(Batch {
                chunk: Chunk::new(bytes)?,
                arrays: Arrays::try_new(events, VALUES)?,
                number: 0,
                walked: 0,
                home: None,
            }),
        };
        batch.arrays.clear(events);
        batch.arrays.make_room()?;
        batch.chunk.reset();
        batch.walked = 0;
        Ok(batch)
    }

    /// An empty batch for little: what waits in it takes about as much memory as it weighs. It takes `events`
    /// at most.
    pub fn take_small(&self, bytes: usize, events: usize) -> Result<Box<Batch>> {
        let events = SMALL.0.min(events);
        let mut batch = Box::new(Batch {
            chunk: Chunk::new(bytes)?,
            arrays: Arrays::try_new(events, SMALL.1)?,
            number: 0,
            walked: 0,
            home: None,
        });
        batch.arrays.clear(events);
        batch.arrays.make_room()?;
        Ok(batch)
    }

    /// Takes a batch back. One of unusual size, or one too many, is freed.
    pub fn give(&self, mut batch: Box<Batch>) {
        batch.arrays.clear(0);
        batch.chunk.reset();
        let (events, values) = batch.arrays.capacity();
        let usual =
            batch.chunk.capacity() <= BYTES && events <= EVENTS && (VALUES..=2 * VALUES).contains(&values);
        let mut free = self.lock();
        if usual && free.len() < self.most {
            free.push(batch);
        }
    }

    #[allow(clippy::vec_box, reason = "as above")]
    fn lock(&self) -> MutexGuard<'_, Vec<Box<Batch>>> {
        // A panic while the lock was held cannot leave the list half changed.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Pool, SMALL};

    #[test]
    fn a_small_batch_takes_no_more_events_than_one_may() {
        for (most, room) in [(16, 16), (SMALL.0, SMALL.0), (4096, SMALL.0)] {
            let batch = Pool::new(1).take_small(1024, most).unwrap();
            assert_eq!(batch.arrays.event_room(), room, "{most}");
        }
    }
}
