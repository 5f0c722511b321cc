//! Values that have parts: arrays, composites, ranges, multiranges, hstore, vectors, geometry, text search vectors; one level at
//! a time, from text and binary alike. It must never allocate once it has found its size, and never guess what has parts.
//!
//! Binary forms describe themselves: an array says of which type its elements are, a composite that of each field. Text does not:
//! there the types of the items are known for PostgreSQL's own types only. Of a type that is not resolved the caller may say what it
//! is (a claim), which is taken where the bytes bear it out.

pub(super) mod binary;
pub(super) mod extension;
mod literal;
mod parts;
mod rows;
mod shape;
mod text;

use std::fmt;

use super::advice;
use super::cursor::Cursor;
use super::field::{Field, Form, Read, ReadError};
use crate::batch::{Column, Relation, ValueKind};
use crate::error::Error;

use parts::Parts;
pub(crate) use parts::let_go;
use rows::Rows;
use shape::Plan;
pub use shape::{Claim, Shape, flags, shape_of};

/// MAXDIM
pub(super) const MOST_DIMENSIONS: usize = 6;

/// A dimension of an array. 8 bytes, which never grow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// How many elements.
    pub size: i32,
    /// The index of the first.
    pub lower: i32,
}

const _: () = assert!(size_of::<Dimension>() == 8);

/// The dimensions of a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dimensions {
    all: [Dimension; MOST_DIMENSIONS],
    count: usize,
}

impl Dimensions {
    pub(super) fn push(&mut self, dimension: Dimension) -> Read<()> {
        *self.all.get_mut(self.count).ok_or(ReadError::Malformed)? = dimension;
        self.count += 1;
        Ok(())
    }

    pub(super) fn list(&self) -> &[Dimension] {
        self.all.get(..self.count).unwrap_or_default()
    }
}

/// Reads values with parts, one after the other, one level of each. Reuse it: it keeps its memory, which is that of the largest
/// value it has read lately. A value in a value needs a reader of its own, for the items point into this one's memory.
#[derive(Default)]
pub struct Nested {
    parts: Parts,
    /// The types of the items, in turn: one of an array, two of an hstore, each of a composite.
    columns: Vec<u32>,
    dimensions: Dimensions,
    flags: u32,
    plan: Plan,
    rows: Rows,
}

/// Why a value cannot be read, and where its bytes are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub error: ReadError,
    shape: Shape,
    place: Option<Place>,
}

/// Where bytes are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    item: usize,
    at: usize,
}

/// The items of a value.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    of: &'a Nested,
    whole: &'a [u8],
    columns: &'a [Column],
}

/// An item: a value like those of a row.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    kind: u8,
    bytes: &'a [u8],
    column: &'a Column,
}

impl Nested {
    /// A reader that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one level of a value. `claim` says what a value is of a type that is not resolved; of one that is, it must agree.
    #[inline]
    pub fn read<'a>(&'a mut self, field: Field<'a>, claim: Option<Shape>) -> Result<Items<'a>, Fault> {
        self.read_claimed(field, claim.into())
    }

    /// Reads one level of a value of which the caller says more than its shape. What its type tells must agree.
    #[inline]
    pub fn read_claimed<'a>(&'a mut self, field: Field<'a>, claim: Claim) -> Result<Items<'a>, Fault> {
        self.fill(field, claim)?;
        let columns = self.rows.current().map_or(&[][..], |relation| &relation.columns);
        Ok(Items { of: self, whole: field.bytes, columns })
    }

    /// Reads a value. After an error there are no items.
    fn fill(&mut self, field: Field<'_>, claim: Claim) -> Result<(), Fault> {
        self.clear();
        let form = match field.form().and_then(|form| self.plan(field.type_oid, claim).map(|()| form)) {
            Ok(form) => form,
            Err(error) => {
                return Err(Fault { error, shape: claim.shape, place: None });
            }
        };
        let mut cursor = Cursor(field.bytes);
        let read = match form {
            Form::Binary(whole) => self.binary(&mut cursor, whole),
            Form::Text(whole) => self.text(&mut cursor, whole),
        };
        let read = read
            .and_then(|()| cursor.end())
            .and_then(|()| self.rows.choose(field, self.plan.shape, &self.columns));
        read.map_err(|error| self.fault(error, field.bytes.len() - cursor.0.len()))
    }

    /// What to read a value as: most of the time the same as the last.
    #[inline]
    fn plan(&mut self, type_oid: u32, claim: Claim) -> Read<()> {
        let last = &self.plan;
        if type_oid != last.type_oid || claim != last.claim || last.shape == Shape::WAL_SHAPE_ANY {
            self.plan = Plan::default();
            self.plan = Plan::of(type_oid, claim)?;
        }
        Ok(())
    }

    #[cold]
    fn fault(&mut self, error: ReadError, at: usize) -> Fault {
        let (item, plan) = (self.parts.len(), self.plan);
        self.clear();
        // Who is named like a type of an extension may be somebody else.
        let error = if plan.by_name && error == ReadError::Malformed { ReadError::Unresolved } else { error };
        Fault { error, shape: plan.shape, place: Some(Place { item, at }) }
    }

    /// Whether bytes at an address are the reader's own: those of an item that had to be unquoted.
    pub(crate) fn owns(&self, address: usize) -> bool {
        self.parts.owns(address)
    }

    /// How many bytes the items take.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.parts.memory()
    }

    fn clear(&mut self) {
        self.parts.clear();
        self.columns.clear();
        self.dimensions.count = 0;
        self.flags = 0;
        self.rows.forget();
    }

    /// The types of the items, where all values of the shape have the same.
    #[inline]
    fn of_columns(&mut self, types: &[u32]) -> Read<()> {
        self.columns.try_reserve(types.len()).map_err(|_| ReadError::NoMemory)?;
        self.columns.extend_from_slice(types);
        Ok(())
    }
}

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the bytes, which are the user's data.
        f.debug_struct("Nested")
            .field("shape", &self.plan.shape)
            .field("items", &self.parts.len())
            .finish_non_exhaustive()
    }
}

impl Fault {
    /// The whole error.
    #[cold]
    pub fn explain(self, field: Field<'_>) -> Error {
        let name = self.shape.name();
        match (self.error, self.place) {
            (ReadError::Malformed | ReadError::Unresolved, Some(Place { item, at })) => {
                self.error.explain(field, &format!("{name}: item {item} is wrong at byte {at}"))
            }
            // There is more to be said than that binary forms can be done without.
            (ReadError::Unresolved, None) => {
                self.error.explain(field, name).with_hint(advice::NAME_THE_SHAPE)
            }
            (error, _) => error.explain(field, name),
        }
    }
}

impl<'a> Items<'a> {
    /// How many.
    #[inline]
    pub fn len(self) -> usize {
        self.of.parts.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What the value is.
    pub fn shape(self) -> Shape {
        self.of.plan.shape
    }

    /// Whether it is a list of items that are all alike, and that say all there is. A range is none, nor is a circle.
    pub fn is_list(self) -> bool {
        let shape = self.shape();
        matches!(shape, Shape::Array | Shape::Multirange | Shape::Vector | Shape::Geometry)
            && self.columns.len() == 1
    }

    /// Bits of `flags`.
    pub fn flags(self) -> u32 {
        self.of.flags
    }

    /// Of an array, from the outermost on; none of an empty one. Of a vector and a sparse vector one, as long as the vector.
    pub fn dimensions(self) -> &'a [Dimension] {
        self.of.dimensions.list()
    }

    /// The item at a place. Of an array of several dimensions the last index runs first.
    #[inline]
    pub fn get(self, at: usize) -> Option<Item<'a>> {
        let (kind, bytes) = self.of.parts.get(at, self.whole)?;
        let column = match self.columns {
            [only] => only,
            several => several.get(at.checked_rem(several.len())?)?,
        };
        Some(Item { kind, bytes, column })
    }

    /// The kind and the bytes of each; no bytes of NULL.
    #[inline]
    pub(crate) fn raw(self) -> impl Iterator<Item = (u8, Option<&'a [u8]>)> + use<'a> {
        (0..self.len())
            .filter_map(move |at| self.of.parts.get(at, self.whole))
            .map(|(kind, bytes)| (kind, (kind != ValueKind::WAL_VALUE_NULL as u8).then_some(bytes)))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }

    /// What the items are the columns of: their types and names. An item's column is its place modulo their number. The same
    /// definition as long as the types are the same; generation 0.
    pub fn relation(self) -> Option<&'a std::sync::Arc<Relation>> {
        self.of.rows.current()
    }
}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.fmt(f)
    }
}

impl<'a> Item<'a> {
    /// The item as accessors take it.
    #[inline]
    pub fn field(self) -> Field<'a> {
        Field::of(self.kind, self.bytes, &self.column.data_type)
    }

    /// A `wal_value_kind`: NULL, text or binary.
    #[inline]
    pub fn kind(self) -> u8 {
        self.kind
    }

    /// The bytes; nothing for NULL.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Its name and its type.
    pub fn column(self) -> &'a Column {
        self.column
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("kind", &self.kind)
            .field("type", &self.column.type_oid)
            .finish_non_exhaustive()
    }
}
