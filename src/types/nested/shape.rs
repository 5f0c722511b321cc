//! What values with parts are, by their type. It must never be found out from the bytes.

use super::super::field::{Field, Read, ReadError};
use super::super::oid;
use crate::batch::TypeKind;

/// What a value with parts is, and so what its items are.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum Shape {
    /// As the type says.
    #[default]
    WAL_SHAPE_ANY = 0,
    /// Elements, the last index of several dimensions running first. int2vector and oidvector are arrays too.
    WAL_SHAPE_ARRAY = 1,
    /// Fields in their order. Those that were dropped are left out.
    WAL_SHAPE_COMPOSITE = 2,
    /// The lower bound and the upper one, NULL where infinite; nothing of an empty range.
    WAL_SHAPE_RANGE = 3,
    /// Ranges.
    WAL_SHAPE_MULTIRANGE = 4,
    /// Key, value, key, value, and so on, all of them text.
    WAL_SHAPE_HSTORE = 5,
    /// The numbers of a vector or halfvec, as real.
    WAL_SHAPE_VECTOR = 6,
    /// Index (from 1), number, index, number, and so on, of a sparsevec.
    WAL_SHAPE_SPARSE = 7,
    /// The points of a path, polygon, lseg or box; the three numbers of a line; point and radius of a circle.
    WAL_SHAPE_GEOMETRY = 8,
    /// Of a tsvector lexeme, positions, lexeme, positions, and so on, all of them text. Positions are as in "1A,3", or NULL.
    WAL_SHAPE_LEXEMES = 9,
}

/// What else a value says, in bits.
pub mod flags {
    /// The range is empty.
    pub const EMPTY: u32 = 1;
    /// The lower bound belongs to the range.
    pub const LOWER_INCLUSIVE: u32 = 2;
    /// The upper bound belongs to the range.
    pub const UPPER_INCLUSIVE: u32 = 4;
    /// The range has no lower bound.
    pub const LOWER_INFINITE: u32 = 8;
    /// The range has no upper bound.
    pub const UPPER_INFINITE: u32 = 16;
    /// The path is closed.
    pub const CLOSED: u32 = 32;
}

#[allow(non_upper_case_globals, reason = "the short names of the variants")]
impl Shape {
    pub(crate) const Array: Self = Self::WAL_SHAPE_ARRAY;
    pub(crate) const Composite: Self = Self::WAL_SHAPE_COMPOSITE;
    pub(crate) const Range: Self = Self::WAL_SHAPE_RANGE;
    pub(crate) const Multirange: Self = Self::WAL_SHAPE_MULTIRANGE;
    pub(crate) const Hstore: Self = Self::WAL_SHAPE_HSTORE;
    pub(crate) const Vector: Self = Self::WAL_SHAPE_VECTOR;
    pub(crate) const Sparse: Self = Self::WAL_SHAPE_SPARSE;
    pub(crate) const Geometry: Self = Self::WAL_SHAPE_GEOMETRY;
    pub(crate) const Lexemes: Self = Self::WAL_SHAPE_LEXEMES;
}

impl Shape {
    /// The shape with a number of the C API; None for ANY. An error for a number that no shape has.
    pub(crate) fn of_number(number: u32) -> Result<Option<Self>, ()> {
        const ALL: [Shape; 9] = [
            Shape::Array,
            Shape::Composite,
            Shape::Range,
            Shape::Multirange,
            Shape::Hstore,
            Shape::Vector,
            Shape::Sparse,
            Shape::Geometry,
            Shape::Lexemes,
        ];
        if number == 0 {
            return Ok(None);
        }
        ALL.into_iter().find(|shape| *shape as u32 == number).map(Some).ok_or(())
    }

    /// In the words of errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::WAL_SHAPE_ANY => "a value with parts",
            Self::WAL_SHAPE_ARRAY => "an array",
            Self::WAL_SHAPE_COMPOSITE => "a composite",
            Self::WAL_SHAPE_RANGE => "a range",
            Self::WAL_SHAPE_MULTIRANGE => "a multirange",
            Self::WAL_SHAPE_HSTORE => "an hstore",
            Self::WAL_SHAPE_VECTOR => "a vector",
            Self::WAL_SHAPE_SPARSE => "a sparse vector",
            Self::WAL_SHAPE_GEOMETRY => "points and numbers",
            Self::WAL_SHAPE_LEXEMES => "lexemes",
        }
    }
}

/// What the caller says of a value whose type does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// What the value is.
    pub shape: Shape,
    /// OID of the type of an array's elements, of a range's bounds, or of a multirange's ranges: one of PostgreSQL's own. 0: not
    /// known.
    pub item: u32,
    /// What stands between the elements of an array in text. 0: a comma, or what the type of the elements has.
    pub delimiter: u8,
}

impl From<Option<Shape>> for Claim {
    fn from(shape: Option<Shape>) -> Self {
        Self { shape: shape.unwrap_or_default(), ..Self::default() }
    }
}

/// What a value is by its type. None: it has no parts, or nobody knows.
pub fn shape_of(field: Field<'_>) -> Option<Shape> {
    Plan::of(field.type_oid, Claim::default()).ok().map(|plan| plan.shape)
}

/// How values of a type are read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    pub(super) type_oid: u32,
    pub(super) shape: Shape,
    /// The element of an array, the subtype of a range, the range of a multirange; 0 where it is not known.
    pub(super) element: u32,
    /// The type is known by its name only.
    pub(super) by_name: bool,
    /// Between the elements of an array in text.
    pub(super) delimiter: u8,
    /// Nobody has told the delimiter, nor what the elements are.
    pub(super) is_delimiter_guessed: bool,
    /// The type of the items is known by the caller's word only.
    pub(super) is_item_claimed: bool,
    /// What the caller said.
    pub(super) claim: Claim,
}

impl Plan {
    pub(super) fn of(type_oid: u32, claim: Claim) -> Read<Self> {
        let known = Self::by_type(type_oid);
        match (known, claim.shape) {
            (Some(known), Shape::WAL_SHAPE_ANY) => known.with(claim),
            (Some(known), shape) if known.shape == shape => known.with(claim),
            (Some(known), _) if !known.by_name => Err(ReadError::OtherType),
            (None, _) if oid::label(type_oid).is_some() => Err(ReadError::OtherType),
            // Which of them can be told by the type only.
            (_, Shape::WAL_SHAPE_ANY | Shape::WAL_SHAPE_GEOMETRY) => Err(ReadError::Unresolved),
            (_, shape) => Self { type_oid, shape, ..Self::default() }.with(claim),
        }
    }

    /// With what the caller says beside the shape, which must not contradict what is known.
    fn with(self, claim: Claim) -> Read<Self> {
        let has_items = matches!(self.shape, Shape::Array | Shape::Range | Shape::Multirange);
        let is_array = self.shape == Shape::Array;
        let element = if self.element == 0 { claim.item } else { self.element };
        // The only one of PostgreSQL's own types with another than a comma (pg_type.typdelim).
        let usual = if element == oid::BOX { b';' } else { b',' };
        let known = match self.type_oid {
            oid::GEOMETRY_ARRAY => Some(b':'),
            _ => (element != 0).then_some(usual),
        };
        let is_item_right = claim.item == 0 || has_items && element == claim.item;
        let is_delimiter_right =
            claim.delimiter == 0 || is_array && known.is_none_or(|known| known == claim.delimiter);
        if !is_item_right || !is_delimiter_right {
            return Err(ReadError::OtherType);
        }
        let told = if claim.delimiter == 0 { known } else { Some(claim.delimiter) };
        Ok(Self {
            element,
            delimiter: told.unwrap_or(usual),
            is_delimiter_guessed: told.is_none(),
            is_item_claimed: self.element == 0 && claim.item != 0,
            claim,
            ..self
        })
    }

    fn by_type(type_oid: u32) -> Option<Self> {
        let by_name = |shape| Some(Self { type_oid, shape, by_name: true, ..Self::default() });
        let known = |shape, element| Some(Self { type_oid, shape, element, ..Self::default() });
        match type_oid {
            oid::HSTORE => return by_name(Shape::Hstore),
            oid::VECTOR | oid::HALFVEC => return by_name(Shape::Vector),
            oid::SPARSEVEC => return by_name(Shape::Sparse),
            oid::GEOMETRY_ARRAY => return by_name(Shape::Array),
            oid::PATH | oid::POLYGON | oid::LSEG | oid::BOX | oid::LINE | oid::CIRCLE => {
                return known(Shape::Geometry, 0);
            }
            oid::TSVECTOR => return known(Shape::Lexemes, oid::TEXT),
            oid::RECORD => return known(Shape::Composite, 0),
            _ => {}
        }
        let it = oid::find(type_oid)?;
        let shape = match it.kind {
            TypeKind::WAL_TYPE_KIND_ARRAY => Shape::Array,
            TypeKind::WAL_TYPE_KIND_COMPOSITE => Shape::Composite,
            TypeKind::WAL_TYPE_KIND_RANGE => Shape::Range,
            TypeKind::WAL_TYPE_KIND_MULTIRANGE => Shape::Multirange,
            _ => return None,
        };
        known(shape, it.element)
    }
}
