//! Events with the life of their batch: the safe way to what their pointers lead to. It must never give out anything
//! that outlives the batch.

use std::collections::HashMap;

use super::{Batch, Event, Relation, TRUNCATED_RELATION, Value, ValueKind};

/// An event within its batch, which is only read while this lives.
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    event: &'a Event,
    keeper: Keeper<'a>,
}

/// Who keeps alive what an event points at.
#[derive(Clone, Copy, Debug)]
enum Keeper<'a> {
    Batch(&'a Batch),
    /// Whoever made the view.
    Caller,
}

/// A row of an event, within its batch.
#[derive(Clone, Copy, Debug)]
pub struct RowView<'a> {
    values: &'a [Value],
}

/// A value within its batch.
#[derive(Clone, Copy, Debug)]
pub struct ValueView<'a> {
    kind: u8,
    bytes: &'a [u8],
}

// SAFETY: shared references into a batch, which is Sync: nothing is written through its pointers.
unsafe impl Send for EventView<'_> {}
// SAFETY: as above.
unsafe impl Sync for EventView<'_> {}
// SAFETY: as above.
unsafe impl Send for RowView<'_> {}
// SAFETY: as above.
unsafe impl Sync for RowView<'_> {}

impl Batch {
    /// The event at a place, counted from the first that was ever in the batch, walked over or not.
    #[inline]
    pub fn view(&self, at: usize) -> Option<EventView<'_>> {
        self.arrays.events().get(at).map(|event| EventView { event, keeper: Keeper::Batch(self) })
    }
}

impl<'a> EventView<'a> {
    /// An event of which somebody else knows the batch, or a copy.
    ///
    /// # Safety
    /// The event was made by a decoder, or is a copy of such a one; what it points at lives and stays as it is for 'a.
    #[inline]
    pub unsafe fn of_caller(event: &'a Event) -> Self {
        Self { event, keeper: Keeper::Caller }
    }

    /// The plain numbers of the event.
    #[inline]
    pub fn plain(self) -> &'a Event {
        self.event
    }

    /// The relation of a change.
    #[inline]
    pub fn relation(self) -> Option<&'a Relation> {
        // SAFETY: null, or a relation that the batch's arrays keep alive; the batch is borrowed for 'a. Or as `of_caller` says.
        unsafe { self.event.relation.as_ref() }
    }

    /// The new row, where there is one.
    #[inline]
    pub fn new_row(self) -> Option<RowView<'a>> {
        RowView::of(self.event.new_values, self.event.n_new)
    }

    /// The old row or its key, where there is one.
    #[inline]
    pub fn old_row(self) -> Option<RowView<'a>> {
        RowView::of(self.event.old_values, self.event.n_old)
    }

    /// What else the event's kind has.
    #[inline]
    pub fn extra(self, at: usize) -> Option<&'a [u8]> {
        self.extras()?.at(at).map(ValueView::bytes)
    }

    /// The relations that extra values stand for, as those of a TRUNCATE do.
    pub fn extra_relations(self) -> impl Iterator<Item = &'a Relation> {
        /// So few are looked for one by one.
        const FEW: usize = 8;
        let extras = self.extras().map_or(&[][..], |row| row.values);
        let kept = match self.keeper {
            Keeper::Batch(batch) => batch.arrays.relations(),
            Keeper::Caller => &[],
        };
        let address = |relation: &'a Relation| std::ptr::from_ref(relation).cast::<u8>();
        let by_address: HashMap<*const u8, &Relation> = if extras.len() > FEW {
            kept.iter().map(|relation| (address(relation), &**relation)).collect()
        } else {
            HashMap::new()
        };
        extras.iter().filter(|value| value.kind == TRUNCATED_RELATION).filter_map(move |value| {
            match self.keeper {
                // Without following the pointer: what it leads to is among what the batch keeps.
                Keeper::Batch(_) if extras.len() > FEW => by_address.get(&value.data).copied(),
                Keeper::Batch(_) => kept.iter().map(AsRef::as_ref).find(|known| address(known) == value.data),
                // SAFETY: `of_caller` was promised that the relation lives for 'a.
                Keeper::Caller => unsafe { value.data.cast::<Relation>().as_ref() },
            }
        })
    }

    #[inline]
    fn extras(self) -> Option<RowView<'a>> {
        RowView::of(self.event.extra, self.event.n_extra)
    }
}

impl<'a> RowView<'a> {
    /// How many values the row has.
    #[inline]
    pub fn width(self) -> usize {
        self.values.len()
    }

    /// The value at a place.
    #[inline]
    pub fn at(self, column: usize) -> Option<ValueView<'a>> {
        let value = self.values.get(column)?;
        let bytes = if matches!(value.kind, TEXT | BINARY) {
            // SAFETY: a text or binary value of a batch points into the batch's chunk, at a text that it keeps, or into a
            // message whose owner keeps it until the batch is released (`Decoder::decode`).
            unsafe { value.bytes() }
        } else {
            &[]
        };
        Some(ValueView { kind: value.kind, bytes })
    }

    /// Only for the pointers of an event whose batch is borrowed for 'a.
    #[inline]
    fn of(first: *const Value, n: u32) -> Option<Self> {
        // SAFETY: `Arrays::push_event` was promised that so many values are there, and stay as they are for as long as the
        // batch is not cleared; it is borrowed for 'a.
        (!first.is_null()).then(|| Self { values: unsafe { std::slice::from_raw_parts(first, n as usize) } })
    }
}

const TEXT: u8 = ValueKind::WAL_VALUE_TEXT as u8;
const BINARY: u8 = ValueKind::WAL_VALUE_BINARY as u8;

impl<'a> ValueView<'a> {
    /// A `wal_value_kind`.
    #[inline]
    pub fn kind(self) -> u8 {
        self.kind
    }

    /// The bytes of a text or binary value, else nothing.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}
