//! The arrays of a batch: events, their values, and what keeps alive what they point at.
//!
//! The value array never grows while an event points into it: who needs more room than is left seals the batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Event, Relation, Value};

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
    values: Vec<Value>,
    relations: Vec<Arc<Relation>>,
    texts: Vec<Arc<[u8]>>,
    max_events: usize,
    last_ack: u64,
}

/// Where arrays ended at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    events: usize,
    values: usize,
    last_ack: u64,
}

// SAFETY: the pointers lead into the batch's own chunk and `Arc`s, which travel with the arrays and are only read.
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
            relations: Vec::new(),
            texts: Vec::new(),
            max_events,
            last_ack: 0,
        }
    }

    /// How many more events fit.
    #[inline]
    pub fn event_room(&self) -> usize {
        self.max_events.saturating_sub(self.events.len())
    }

    /// Whether so many events and values fit. An empty batch takes any one message, however small its bounds are:
    /// else a row wider than them could never be delivered.
    #[inline]
    pub fn reserve(&mut self, events: usize, values: usize) -> bool {
        (self.event_room() >= events || self.events.is_empty()) && self.reserve_values(values)
    }

    /// Makes sure that `n` more values can be pushed without moving those there are. False: seal the batch first.
    #[inline]
    pub fn reserve_values(&mut self, n: usize) -> bool {
        self.values.capacity() - self.values.len() >= n || self.grow_values(n)
    }

    #[cold]
    fn grow_values(&mut self, n: usize) -> bool {
        if self.values.is_empty() {
            self.values.reserve_exact(n);
        }
        self.values.capacity() - self.values.len() >= n
    }

    /// Appends a value. `reserve_values` came first; without it the array could move under the events.
    #[inline]
    pub fn push_value(&mut self, value: Value) {
        debug_assert!(self.values.len() < self.values.capacity());
        self.values.push(value);
    }

    /// Appends the first `n` values that come, or none of them where there are fewer. `reserve_values` came first;
    /// without it the answer is None, for the array must not move.
    ///
    /// Writing into the spare capacity and setting the length once would save 6 % of decoding 20 columns (measured,
    /// 48 against 45 ns); that is not worth the unsafe.
    #[inline(always)]
    pub fn extend_values(&mut self, n: usize, values: &mut impl Iterator<Item = Value>) -> Option<()> {
        let mark = self.values.len();
        if self.values.capacity() - mark < n {
            return None;
        }
        for _ in 0..n {
            let Some(value) = values.next() else {
                self.values.truncate(mark);
                return None;
            };
            self.values.push(value);
        }
        Some(())
    }

    /// How many values there are: a mark to return to with `truncate_values`, or to point at with `values_from`.
    #[inline]
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// A pointer to the value at a mark, good until the arrays are cleared.
    #[inline]
    pub fn values_from(&self, mark: usize) -> *const Value {
        self.values.get(mark..).map_or(std::ptr::null(), <[Value]>::as_ptr)
    }

    /// Drops the values behind a mark: those of a message that turned out malformed.
    pub fn truncate_values(&mut self, mark: usize) {
        self.values.truncate(mark);
    }

    /// Appends an event; `event_room` was looked at first, else the array grows.
    #[inline]
    pub fn push_event(&mut self, event: Event) {
        self.last_ack = self.last_ack.max(event.ack_lsn);
        self.events.push(event);
    }

    /// Where the arrays end now.
    pub fn mark(&self) -> Mark {
        Mark { events: self.events.len(), values: self.values.len(), last_ack: self.last_ack }
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
        self.values.truncate(mark.values);
    }

    /// Keeps a relation alive as long as the batch.
    pub fn keep_relation(&mut self, relation: &Arc<Relation>) {
        self.relations.push(Arc::clone(relation));
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
        &self.values
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

    /// Empties the arrays for the next filling.
    pub(super) fn clear(&mut self, max_events: usize) {
        self.serial = next_serial();
        self.events.clear();
        self.values.clear();
        self.relations.clear();
        self.texts.clear();
        self.last_ack = 0;
        self.max_events = max_events;
        self.events.reserve(max_events);
    }
}
