//! A batch in two: what comes behind an event moves to another batch, so that the first can end there.
//! It must never move what a reader may look at, nor leave a pointer into the batch that it came from.

use super::{Batch, Event, Value, ValueKind};

/// What has to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// How many events stay.
    stays: usize,
    /// The first value that moves.
    value: usize,
    /// The first byte of the chunk that moves.
    byte: usize,
}

impl Split {
    /// How many bytes of the chunk move.
    pub fn bytes(&self, batch: &Batch) -> usize {
        batch.chunk.filled().len() - self.byte
    }

    /// Where in the new chunk a place of the old one is.
    pub fn moved(&self, at: usize) -> usize {
        at.saturating_sub(self.byte)
    }
}

impl Batch {
    /// What moves where the first `stays` events stay. Of the chunk `decoded` bytes are decoded; the rest moves.
    pub fn split_at(&self, stays: usize, decoded: usize) -> Split {
        let moving = self.arrays.events().get(stays..).unwrap_or_default();
        let values = self.arrays.values();
        let first = moving.iter().flat_map(pointers).filter_map(|(at, n)| index(values, at, n)).min();
        let value = first.unwrap_or(values.len());
        let bytes = self.chunk.filled().get(..decoded).unwrap_or_default();
        let moving = values.get(value..).unwrap_or_default();
        let byte = moving.iter().filter_map(|value| offset(bytes, value)).min().unwrap_or(decoded);
        Split { stays, value, byte }
    }

    /// Moves it into `next`, which is empty and has room for the bytes. False: there is no memory for the values, and nothing
    /// was changed.
    pub fn split_into(&mut self, split: Split, next: &mut Self) -> bool {
        let Split { stays, value, byte } = split;
        let values = self.arrays.values().get(value..).unwrap_or_default();
        let events = self.arrays.events().get(stays..).unwrap_or_default();
        if !next.arrays.reserve(events.len(), values.len()) {
            return false;
        }
        let filled = self.chunk.filled();
        let base = next.chunk.filled().len();
        if !next.chunk.append_whole(filled.get(byte..).unwrap_or_default()) {
            return false;
        }
        let copied = next.chunk.filled().as_ptr().wrapping_add(base);
        let mut outside = Vec::with_capacity(events.len());
        let first = next.arrays.value_count();
        for value in values {
            let mut value = *value;
            match offset(filled, &value) {
                Some(at) => value.data = copied.wrapping_add(at - byte),
                None if is_bytes(&value) && value.len == 0 => value.data = copied,
                None => outside.push(value.data as usize),
            }
            next.arrays.push_value(value);
        }
        let moved = |at: *const Value, n: u32| match index(self.arrays.values(), at, n) {
            Some(at) => next.arrays.values_from(first + at - value),
            None => at,
        };
        let events: Vec<Event> = events
            .iter()
            .map(|event| Event {
                new_values: moved(event.new_values, event.n_new),
                old_values: moved(event.old_values, event.n_old),
                extra: moved(event.extra, event.n_extra),
                ..*event
            })
            .collect();
        outside.extend(events.iter().map(|event| event.relation as usize));
        outside.sort_unstable();
        outside.dedup();
        next.arrays.keep_of(&self.arrays, &outside);
        // SAFETY: their values were copied into these arrays, the bytes of these into the chunk beside them, and what else they
        // point at these arrays keep alive.
        events.into_iter().for_each(|event| unsafe { next.arrays.move_event(event) });
        self.arrays.cut(stays, value);
        self.chunk.retreat(self.chunk.filled().len() - byte);
        true
    }
}

/// Where an event's values are, and how many.
fn pointers(event: &Event) -> [(*const Value, u32); 3] {
    [(event.new_values, event.n_new), (event.old_values, event.n_old), (event.extra, event.n_extra)]
}

/// Which of the values one is that is pointed at.
fn index(values: &[Value], at: *const Value, n: u32) -> Option<usize> {
    let from = (at as usize).checked_sub(values.as_ptr() as usize)? / size_of::<Value>();
    (n > 0 && from < values.len()).then_some(from)
}

/// Where in the bytes a value's are, if they are there.
fn offset(bytes: &[u8], value: &Value) -> Option<usize> {
    let from = (value.data as usize).checked_sub(bytes.as_ptr() as usize)?;
    (is_bytes(value) && value.len > 0 && from < bytes.len()).then_some(from)
}

/// Whether it points at bytes; others point at nothing, or at a relation.
fn is_bytes(value: &Value) -> bool {
    value.kind == ValueKind::WAL_VALUE_TEXT as u8 || value.kind == ValueKind::WAL_VALUE_BINARY as u8
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::batch::{EventKind, Pool};

    fn view(batch: &Batch, at: usize, len: usize) -> Value {
        Value::view(ValueKind::WAL_VALUE_TEXT, &batch.chunk.filled()[at..at + len])
    }

    fn insert(batch: &mut Batch, values: &[Value], ack_lsn: u64) {
        let mark = batch.arrays.value_count();
        values.iter().for_each(|value| batch.arrays.push_value(*value));
        let event = Event {
            ack_lsn,
            new_values: batch.arrays.values_from(mark),
            n_new: values.len() as u32,
            ..Event::new(EventKind::WAL_EVENT_INSERT)
        };
        // SAFETY: it points at the values before it, which point into the chunk or at what the arrays keep.
        unsafe { batch.arrays.push_event(event) };
    }

    fn texts(batch: &Batch) -> Vec<Vec<Vec<u8>>> {
        let row = |event: &Event| {
            // SAFETY: the event's values are in the batch, and their bytes too.
            let values = unsafe { std::slice::from_raw_parts(event.new_values, event.n_new as usize) };
            let bytes = |value: &Value| {
                // SAFETY: as above.
                unsafe { value.bytes() }.to_vec()
            };
            values.iter().map(bytes).collect()
        };
        batch.arrays.events().iter().map(row).collect()
    }

    #[test]
    fn what_moves_leaves_no_pointer_behind() {
        let pool = Pool::new(2);
        let (mut batch, mut next) = (pool.take(64, 16).unwrap(), pool.take(64, 16).unwrap());
        batch.chunk.append(b"..one.two..three4rest");
        let kept: Arc<[u8]> = b"a kept text".as_slice().into();
        let empty = Value::empty(ValueKind::WAL_VALUE_NULL);
        let first = [view(&batch, 2, 3), view(&batch, 6, 3)];
        insert(&mut batch, &first, 70);
        // Into the middle of a text, as the name of a type points into its description.
        let mut outside = Value::view(ValueKind::WAL_VALUE_TEXT, &kept[2..6]);
        outside.data = batch.arrays.keep_text(&kept).wrapping_add(2);
        let second = [view(&batch, 11, 5), empty, view(&batch, 16, 0), outside];
        insert(&mut batch, &second, 0);
        drop(kept);

        let split = batch.split_at(1, 17);
        assert_eq!((split.bytes(&batch), split.moved(17)), (10, 6));
        assert!(batch.split_into(split, &mut next));
        let want = vec![b"three".to_vec(), vec![], vec![], b"kept".to_vec()];
        assert_eq!(texts(&batch), [[b"one".to_vec(), b"two".to_vec()]]);
        assert_eq!((batch.chunk.filled(), batch.arrays.values().len()), (&b"..one.two.."[..], 2));
        pool.give(batch);
        pool.take(64, 16).unwrap().chunk.append(&[0; 64]);
        assert_eq!(texts(&next), [want]);
        assert_eq!((next.chunk.filled(), next.arrays.last_ack()), (&b"three4rest"[..], 0));
    }
}
