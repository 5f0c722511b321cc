//! Values with parts as a Rust program reads them: one level at a time, by a reader that is used again. It must never take a NULL
//! item for one that is not there.

use super::value::Value;
use crate::batch::{Relation, ValueView};
use crate::error::{Error, Result, Status};
use crate::types::{self, Shape as Number, flags};

pub use crate::types::Dimension;

/// A reader of values that have parts: arrays, composites, ranges, multiranges, hstore, pgvector's types, paths and other
/// geometry, tsvector; from text and binary alike.
///
/// It reads one level of a value. The items are values again, with types of their own, so that all that reads a value reads
/// them. Keep a reader and use it again: it allocates nothing once it has found its size, which is that of the largest value it
/// has read lately. A value in a value takes a second reader. Where speed does not count, [`Value::to`] gives collections at once.
///
/// ```
/// # fn use_it(value: pgwalstream::Value<'_>) -> Result<i64, pgwalstream::Error> {
/// let mut nested = pgwalstream::Nested::new(); // keep it
/// let mut sum = 0;
/// for item in nested.read(value)?.iter() {
///     sum += item.nullable()?.map_or(Ok(0), |number| number.as_i64())?;
/// }
/// # Ok(sum) }
/// ```
#[derive(Debug, Default)]
pub struct Nested {
    reader: types::Nested,
}

/// The items of a value, which live in it and in the reader.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    items: types::Items<'a>,
    relation: Option<&'a Relation>,
}

/// What a value with parts is, and so what its items are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Elements, the last index of several dimensions running first. int2vector and oidvector are arrays too.
    Array,
    /// Fields in their order. Those that were dropped are left out.
    Composite,
    /// The lower bound and the upper one, NULL where infinite; nothing of an empty range.
    Range,
    /// Ranges.
    Multirange,
    /// Key, value, key, value, and so on.
    Hstore,
    /// The numbers of a vector or halfvec.
    Vector,
    /// Index (from 1), number, index, number, and so on, of a sparsevec.
    Sparse,
    /// The points of a path, polygon, lseg or box; the three numbers of a line; point and radius of a circle.
    Geometry,
    /// Of a tsvector lexeme, positions, lexeme, positions, and so on. Positions are as in "1A,3", or NULL.
    Lexemes,
}

/// What you say of a value whose type the stream only names. What is known of it must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    shape: Shape,
    item: u32,
    delimiter: u8,
}

impl Claim {
    /// What the value is.
    pub fn new(shape: Shape) -> Self {
        Self { shape, item: 0, delimiter: 0 }
    }

    /// The type of an array's elements, of a range's bounds, or of a multirange's ranges: one of PostgreSQL's own, by its OID.
    #[must_use]
    pub fn items(self, type_oid: u32) -> Self {
        Self { item: type_oid, ..self }
    }

    /// What stands between the elements of an array in text, where that is not a comma: `typdelim` in `pg_type`.
    #[must_use]
    pub fn delimiter(self, delimiter: u8) -> Self {
        Self { delimiter, ..self }
    }
}

impl Shape {
    fn number(self) -> Number {
        match self {
            Self::Array => Number::WAL_SHAPE_ARRAY,
            Self::Composite => Number::WAL_SHAPE_COMPOSITE,
            Self::Range => Number::WAL_SHAPE_RANGE,
            Self::Multirange => Number::WAL_SHAPE_MULTIRANGE,
            Self::Hstore => Number::WAL_SHAPE_HSTORE,
            Self::Vector => Number::WAL_SHAPE_VECTOR,
            Self::Sparse => Number::WAL_SHAPE_SPARSE,
            Self::Geometry => Number::WAL_SHAPE_GEOMETRY,
            Self::Lexemes => Number::WAL_SHAPE_LEXEMES,
        }
    }

    pub(super) fn of(number: Number) -> Option<Self> {
        Some(match number {
            Number::WAL_SHAPE_ANY => return None,
            Number::WAL_SHAPE_ARRAY => Self::Array,
            Number::WAL_SHAPE_COMPOSITE => Self::Composite,
            Number::WAL_SHAPE_RANGE => Self::Range,
            Number::WAL_SHAPE_MULTIRANGE => Self::Multirange,
            Number::WAL_SHAPE_HSTORE => Self::Hstore,
            Number::WAL_SHAPE_VECTOR => Self::Vector,
            Number::WAL_SHAPE_SPARSE => Self::Sparse,
            Number::WAL_SHAPE_GEOMETRY => Self::Geometry,
            Number::WAL_SHAPE_LEXEMES => Self::Lexemes,
        })
    }
}

impl Nested {
    /// A reader that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one level of a value, as its type says. An error: it has no parts, the stream only names its type, or its bytes are
    /// not of the type; the message says at which item and byte.
    pub fn read<'a>(&'a mut self, value: Value<'a>) -> Result<Items<'a>> {
        self.items(value, None)
    }

    /// Reads one level of a value whose type the stream only names: an enum's array, a composite, a range of a user's type. The
    /// bytes must bear out what is said of it. Of a type that is known the shape must be right.
    pub fn read_as<'a>(&'a mut self, value: Value<'a>, shape: Shape) -> Result<Items<'a>> {
        self.items(value, Some(shape.number()))
    }

    /// Reads one level of a value of which you know more than its shape: the type of its items, or what stands between them.
    pub fn read_claimed<'a>(&'a mut self, value: Value<'a>, claim: Claim) -> Result<Items<'a>> {
        let claim =
            types::Claim { shape: claim.shape.number(), item: claim.item, delimiter: claim.delimiter };
        self.claimed(value, claim)
    }

    /// Reads what a collection of items alike is made of. A range is none: it says more than its bounds.
    pub(super) fn read_list<'a>(&'a mut self, value: Value<'a>) -> Result<Items<'a>> {
        let items = match value.known_shape() {
            Some(_) => self.read(value)?,
            None => self.read_as(value, Shape::Array)?,
        };
        if items.items.is_list() {
            return Ok(items);
        }
        let what =
            "a list is of an array, a multirange, a vector, or points: the value has parts of other kinds";
        Err(value.place(Error::new(Status::WAL_E_TYPE, what)))
    }

    fn items<'a>(&'a mut self, value: Value<'a>, claim: Option<Number>) -> Result<Items<'a>> {
        self.claimed(value, claim.into())
    }

    fn claimed<'a>(&'a mut self, value: Value<'a>, claim: types::Claim) -> Result<Items<'a>> {
        let field = value.field();
        let items =
            self.reader.read_claimed(field, claim).map_err(|fault| value.place(fault.explain(field)))?;
        Ok(Items { items, relation: items.relation().map(|relation| &**relation) })
    }
}

impl<'a> Items<'a> {
    /// How many.
    pub fn len(self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The item at a place. Text of a type that nobody tells is read as what is asked for; its binary form is not.
    #[inline]
    pub fn get(self, at: usize) -> Option<Value<'a>> {
        let item = self.items.get(at)?;
        Some(Value::new(ValueView::of(item.kind(), item.bytes()), self.relation?, item.column()))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }

    /// What the value is.
    pub fn shape(self) -> Option<Shape> {
        Shape::of(self.items.shape())
    }

    /// The dimensions of an array, from the outermost on; none of an array without elements. Of a vector one.
    pub fn dimensions(self) -> &'a [Dimension] {
        self.items.dimensions()
    }

    /// Whether a range is empty.
    pub fn is_empty_range(self) -> bool {
        self.has(flags::EMPTY)
    }

    /// Whether the lower bound belongs to the range.
    pub fn is_lower_inclusive(self) -> bool {
        self.has(flags::LOWER_INCLUSIVE)
    }

    /// Whether the upper bound belongs to the range.
    pub fn is_upper_inclusive(self) -> bool {
        self.has(flags::UPPER_INCLUSIVE)
    }

    /// Whether a path is closed.
    pub fn is_closed(self) -> bool {
        self.has(flags::CLOSED)
    }

    fn has(self, flag: u32) -> bool {
        self.items.flags() & flag != 0
    }
}
