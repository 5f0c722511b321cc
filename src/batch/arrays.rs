//! The arrays of a batch: events, their values, and what keeps alive what they point at.
//!
//! The value array never grows while an event points into it: who needs more room than is left seals the batch.
//! Its memory is made ready step by step and stays so, so that rows are written into plain slices and a batch touches no
//! more memory than it needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

use super::{Event, Relation, Value, ValueKind};

/// Distinguishes all fillings of all arrays of the process. 2^64 of them do not run out.
static SERIAL: AtomicU64 = AtomicU64::new(1);

fn next_serial() -> u64 {
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

/// What a decoder writes into.
#[derive(Debug)]
pub struct Arrays {
    serial: u64,
    events: Vec<Event>,
    /// Its capacity is the room. What lies behind the first `used` is initialised, and stale.
    values: Vec<Value>,
    /// How many values belong to the batch.
    used: usize,
    relations: Vec<Arc<Relation>>,
    texts: Vec<Arc<[u8]>>,
    /// How much memory the definitions take that are kept alive here.
    kept: usize,
    /// How much memory could not be had while the arrays were empty.
    lacking: usize,
    max_events: usize,
    last_ack: u64,
}

/// How many values are made ready at a time: four pages.
const READY: usize = 1024;

/// Where arrays ended at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    events: usize,
    values: usize,
    last_ack: u64,
}

// SAFETY: the pointers lead into the batch's own chunk and `Arc`s, which travel with the arrays and are only read, or into
// messages whose owner keeps them as they are until the batch is released (`Feeder::decode_in_place`).
unsafe impl Send for Arrays {}
// SAFETY: through `&Arrays` everything is read-only.
unsafe impl Sync for Arrays {}

impl Arrays {
    /// Room for `max_events` events and `values` values.
    pub fn new(max_events: usize, values: usize) -> Self {
        Self {
            serial: next_serial(),
            events: Vec::with_capacity(max_events),
            values: Vec::with_capacity(values),
            used: 0,
            relations: Vec::new(),
            texts: Vec::new(),
            kept: 0,
            lacking: 0,
            max_events,
            last_ack: 0,
        }
    }

    /// The same, where the numbers are not the library's own.
    pub fn try_new(max_events: usize, values: usize) -> Result<Self> {
        let mut it = Self::new(0, 0);
        it.max_events = max_events;
        it.make_room()?;
        let lacking =
            |_| Error::no_memory("the values of a batch", values.saturating_mul(size_of::<Value>()));
        it.values.try_reserve_exact(values).map_err(lacking)?;
        Ok(it)
    }

    /// Memory for as many events as may come.
    pub(super) fn make_room(&mut self) -> Result<()> {
        let lacking =
            |_| Error::no_memory("the events of a batch", self.max_events.saturating_mul(size_of::<Event>()));
        self.events.try_reserve(self.max_events).map_err(lacking)
    }

    /// An error where the arrays are empty, and yet had no memory for what was to come: another batch has no more.
    #[cold]
    pub fn full_though_empty(&self) -> Result<()> {
        match self.lacking {
            bytes if bytes > 0 && self.events.is_empty() => {
                Err(Error::no_memory("the values of a row", bytes))
            }
            _ => Ok(()),
        }
    }

    /// How many more events fit.
    pub fn event_room(&self) -> usize {
        self.max_events.saturating_sub(self.events.len())
    }

    /// Whether so many events and values fit. An empty batch takes any one message, however small its bounds are:
    /// else a row wider than them could never be delivered.
    #[inline]
    pub fn reserve(&mut self, events: usize, values: usize) -> bool {
        (self.events.len() + events <= self.max_events || self.events.is_empty())
            && self.reserve_values(values)
    }

    /// Makes sure that `n` more values fit without moving those there are. False: seal the batch first.
    #[inline]
    pub fn reserve_values(&mut self, n: usize) -> bool {
        self.values.capacity() - self.used >= n || self.grow_values(n)
    }

    #[cold]
    fn grow_values(&mut self, n: usize) -> bool {
        if self.used == 0 {
            let more = n.saturating_sub(self.values.len());
            let had = self.values.try_reserve_exact(more);
            self.lacking = if had.is_err() { more.saturating_mul(size_of::<Value>()) } else { 0 };
        }
        self.values.capacity() - self.used >= n
    }

    /// Appends a value. `reserve_values` came first; without room there is nothing to append to.
    #[inline]
    pub fn push_value(&mut self, value: Value) {
        let room = self.row(1);
        debug_assert!(room.is_some());
        if let Some([slot]) = room {
            *slot = value;
            self.commit_row(1);
        }
    }

    /// Where the next `n` values go: the caller writes each of them, or gives the row up. They count from `commit_row`
    /// on. `reserve_values` came first; without it there may be no room.
    #[inline(always)]
    pub fn row(&mut self, n: usize) -> Option<&mut [Value]> {
        let end = self.used + n;
        if end > self.values.len() {
            self.make_ready(end);
        }
        self.slots(end)
    }

    /// The same where so many events and the values fit without further ado.
    #[inline(always)]
    pub fn row_at_once(&mut self, events: usize, n: usize) -> Option<&mut [Value]> {
        if self.events.len() + events > self.max_events {
            return None;
        }
        self.slots(self.used + n)
    }

    /// The initialised slots from the used ones on, where there are so many. A reference to the whole array would be one to
    /// values that events point at.
    #[inline(always)]
    fn slots(&mut self, end: usize) -> Option<&mut [Value]> {
        let n = end.checked_sub(self.used).filter(|_| end <= self.values.len())?;
        // SAFETY: `used..end` lies within what is initialised; no event points there, and the slice borrows the arrays.
        Some(unsafe { std::slice::from_raw_parts_mut(self.values.as_mut_ptr().add(self.used), n) })
    }

    /// The `n` values that were written into the slots of `row` belong to the batch.
    #[inline(always)]
    pub fn commit_row(&mut self, n: usize) {
        self.used += n;
    }

    /// The array does not move: it is lengthened within its capacity.
    #[cold]
    #[inline(never)]
    fn make_ready(&mut self, end: usize) {
        let capacity = self.values.capacity();
        if end <= capacity {
            let ready = end.max(self.values.len() + READY).min(capacity);
            self.values.resize(ready, Value::empty(ValueKind::WAL_VALUE_NULL));
        }
    }

    /// How many values there are: a mark to return to with `truncate_values`, or to point at with `values_from`.
    #[inline]
    pub fn value_count(&self) -> usize {
        self.used
    }

    /// A pointer to the value at a mark, good until the arrays are cleared.
    #[inline]
    pub fn values_from(&self, mark: usize) -> *const Value {
        self.values.get(mark..).map_or(std::ptr::null(), <[Value]>::as_ptr)
    }

    /// Drops the values behind a mark: those of a message that turned out malformed.
    pub fn truncate_values(&mut self, mark: usize) {
        self.used = self.used.min(mark);
    }

    /// Appends an event; `reserve` came first, else the array grows.
    ///
    /// # Safety
    /// What the event points at lives and stays as it is until the arrays are cleared or dropped: values of these arrays,
    /// relations and texts that they keep, bytes whose owner sees to that. Each number says how many values there are.
    #[inline]
    pub unsafe fn push_event(&mut self, event: Event) {
        self.last_ack = self.last_ack.max(event.ack_lsn);
        self.events.push(event);
    }

    /// Where the arrays end now.
    pub fn mark(&self) -> Mark {
        Mark { events: self.events.len(), values: self.used, last_ack: self.last_ack }
    }

    /// The events behind a mark.
    pub fn events_from(&self, mark: &Mark) -> &[Event] {
        self.events.get(mark.events..).unwrap_or_default()
    }

    /// Takes the events behind a mark back. Their values stay where some of them will be pushed again.
    pub fn retract_events(&mut self, mark: &Mark) {
        self.events.truncate(mark.events);
        self.last_ack = mark.last_ack;
    }

    /// Takes all that is behind a mark back.
    pub fn retract(&mut self, mark: &Mark) {
        self.retract_events(mark);
        self.truncate_values(mark.values);
    }

    /// How much memory the definitions take that count as this batch's.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Keeps a relation alive as long as the batch. `weight` is what of its memory no batch has counted yet.
    pub fn keep_relation(&mut self, relation: &Arc<Relation>, weight: usize) {
        self.relations.push(Arc::clone(relation));
        self.kept += weight;
    }

    /// Keeps a text alive as long as the batch and returns where it is.
    pub fn keep_text(&mut self, text: &Arc<[u8]>) -> *const u8 {
        self.texts.push(Arc::clone(text));
        text.as_ptr()
    }

    /// The events so far.
    #[inline]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The values so far.
    #[inline]
    pub fn values(&self) -> &[Value] {
        self.values.get(..self.used).unwrap_or_default()
    }

    /// The relations that the batch keeps alive.
    pub fn relations(&self) -> &[Arc<Relation>] {
        &self.relations
    }

    /// The highest `ack_lsn` of the events, 0 if none has one.
    #[inline]
    pub fn last_ack(&self) -> u64 {
        self.last_ack
    }

    /// A number that no other filling of any arrays has: lets a relation cache note which batch holds a relation.
    #[inline]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// For how many events and values there is memory.
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.events.capacity(), self.values.capacity())
    }

    /// Keeps alive what others keep that is at one of these addresses, which are in order. Its memory stays counted there.
    pub(super) fn keep_of(&mut self, others: &Self, addresses: &[usize]) {
        let has = |at: usize| addresses.binary_search(&at).is_ok();
        let relations = others.relations.iter().filter(|it| has(Arc::as_ptr(it) as usize));
        self.relations.extend(relations.cloned());
        // A value may point into the middle of a text: a description that is kept whole is one.
        let texts = others.texts.iter().filter(|it| {
            let begin = it.as_ptr() as usize;
            let next = addresses.partition_point(|at| *at < begin);
            addresses.get(next).is_some_and(|at| *at < begin + it.len())
        });
        self.texts.extend(texts.cloned());
    }

    /// Changes the events behind a mark, which were pushed since.
    ///
    /// # Safety
    /// As `push_event`, of each event as it is then.
    pub unsafe fn amend(&mut self, mark: &Mark, change: impl Fn(&mut Event)) {
        self.last_ack = mark.last_ack;
        for event in self.events.get_mut(mark.events..).unwrap_or_default() {
            change(event);
            self.last_ack = self.last_ack.max(event.ack_lsn);
        }
    }

    /// The newest event acknowledges no more than `most`, which is no less than any before it does.
    pub fn cap(&mut self, most: u64) {
        if let Some(event) = self.events.last_mut() {
            event.ack_lsn = event.ack_lsn.min(most);
            self.last_ack = self.last_ack.min(most);
        }
    }

    /// Sets flags of the newest event.
    pub fn flag(&mut self, flags: u32) {
        if let Some(event) = self.events.last_mut() {
            event.flags |= flags;
        }
    }

    /// Takes back all events and values but the first; no event that stays points at the others, nor acknowledges.
    pub(super) fn cut(&mut self, events: usize, values: usize) {
        self.events.truncate(events);
        self.truncate_values(values);
    }

    /// Empties the arrays for the next filling.
    pub(super) fn clear(&mut self, max_events: usize) {
        self.serial = next_serial();
        self.events.clear();
        self.used = 0;
        self.relations.clear();
        self.texts.clear();
        self.kept = 0;
        self.last_ack = 0;
        self.lacking = 0;
        self.max_events = max_events;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    #[cfg_attr(miri, ignore = "Miri ends the program where there is no memory")]
    fn s51_memory_that_cannot_be_had_is_an_error() {
        for (events, values) in [(usize::MAX >> 8, 1), (1, usize::MAX >> 8), (usize::MAX, usize::MAX)] {
            let error = Arrays::try_new(events, values).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_NO_MEMORY, "{error:?}");
        }
        let mut arrays = Arrays::try_new(10, 10).unwrap();
        assert!(arrays.reserve(1, 20) && arrays.full_though_empty().is_ok());
        assert!(!arrays.reserve(1, usize::MAX >> 8));
        assert_eq!(arrays.full_though_empty().unwrap_err().status(), Status::WAL_E_NO_MEMORY);
        arrays.clear(10);
        assert!(arrays.reserve(1, 20) && arrays.full_though_empty().is_ok());
    }
}
