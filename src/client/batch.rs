//! A batch and the events in it, shared by count: what reads it keeps it. It must never be given back to the pool while
//! anything is left that points into it.

use std::iter::FusedIterator;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::event::{Event, EventRef};
use crate::batch as memory;
use crate::engine::Shared;
use crate::lsn::Lsn;
use crate::position::Position;

/// What batches and events hold in common.
#[derive(Debug)]
pub(super) struct Held {
    /// None only while it is being dropped.
    batch: Option<Box<memory::Batch>>,
    /// The stream; none for a decoder's.
    shared: Option<Arc<Shared>>,
    /// How many of the events were given to the program.
    given: AtomicUsize,
}

impl Held {
    pub(super) fn new(batch: Box<memory::Batch>, shared: Option<Arc<Shared>>) -> Arc<Self> {
        Arc::new(Self { batch: Some(batch), shared, given: AtomicUsize::new(0) })
    }

    #[inline]
    pub(super) fn view(&self, at: usize) -> Option<memory::EventView<'_>> {
        self.batch.as_ref()?.view(at)
    }

    pub(super) fn len(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.arrays.events().len())
    }

    fn last_ack(&self) -> u64 {
        self.batch.as_ref().map_or(0, |batch| batch.arrays.last_ack())
    }

    fn position(&self) -> Option<Position> {
        self.batch.as_ref()?.arrays.position()
    }

    /// The program has so many of the events, of which the last may be acknowledged up to `ack`.
    #[inline]
    pub(super) fn give(&self, events: usize, ack: u64) {
        self.given.store(events, Ordering::Relaxed);
        if let Some(shared) = &self.shared {
            let number = self.batch.as_ref().map_or(0, |batch| batch.number);
            shared.acks.deliver_of(number, ack);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let all_given = *self.given.get_mut() >= self.len();
        let Some(mut batch) = self.batch.take() else { return };
        match &self.shared {
            // Giving it back would acknowledge what the program never saw.
            Some(shared) if !all_given && shared.acks.is_automatic() => {
                batch.home = None;
                shared.discard(batch);
            }
            _ => batch.release(),
        }
    }
}

/// Events that came together, with all that they point at. Read it on any thread; clone it cheaply; it outlives its
/// stream.
#[derive(Clone, Debug)]
pub struct Batch {
    held: Arc<Held>,
    from: usize,
}

impl Batch {
    /// What is left of a batch from an event on, all of which counts as given from now on.
    pub(super) fn rest(held: Arc<Held>, from: usize) -> Self {
        held.give(held.len(), held.last_ack());
        Self { held, from }
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.held.len().saturating_sub(self.from)
    }

    /// Whether it has none. A stream gives no such batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What to acknowledge once all of it is safe, if it ends a transaction.
    pub fn ack_lsn(&self) -> Option<Lsn> {
        Some(Lsn(self.held.last_ack())).filter(|lsn| lsn.0 != 0)
    }

    /// How far a program has come that has all of it: the position of the last event that has one.
    pub fn position(&self) -> Option<Position> {
        self.held.position()
    }

    /// An event by its place, from 0.
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        self.held.view(self.from.checked_add(index)?).map(EventRef::new)
    }

    /// The events, borrowed: the fastest way to read.
    pub fn iter(&self) -> BatchEvents<'_> {
        BatchEvents { batch: self, next: 0 }
    }
}

/// The events of a [`Batch`], borrowed from it.
#[derive(Clone, Debug)]
pub struct BatchEvents<'a> {
    batch: &'a Batch,
    next: usize,
}

impl<'a> Iterator for BatchEvents<'a> {
    type Item = EventRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EventRef<'a>> {
        let event = self.batch.get(self.next)?;
        self.next += 1;
        Some(event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for BatchEvents<'_> {}
impl FusedIterator for BatchEvents<'_> {}

impl<'a> IntoIterator for &'a Batch {
    type Item = EventRef<'a>;
    type IntoIter = BatchEvents<'a>;

    fn into_iter(self) -> BatchEvents<'a> {
        self.iter()
    }
}

/// The events of a [`Batch`], each of which keeps it alive.
#[derive(Debug)]
pub struct IntoEvents {
    batch: Batch,
    next: usize,
}

impl Iterator for IntoEvents {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        let event = Event::new(&self.batch.held, self.batch.from + self.next)?;
        self.next += 1;
        Some(event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for IntoEvents {}
impl FusedIterator for IntoEvents {}

impl IntoIterator for Batch {
    type Item = Event;
    type IntoIter = IntoEvents;

    fn into_iter(self) -> IntoEvents {
        IntoEvents { batch: self, next: 0 }
    }
}
