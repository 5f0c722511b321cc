//! The binary forms of values with parts, taken apart: what reads their items and what writes their text walk the same way. It
//! must never reserve by a count that the bytes do not bear out.

use super::super::cursor::Cursor;
use super::super::field::{Form, Read, ReadError};
use super::super::oid;
use super::shape::{Shape, flags};
use super::{Dimension, Dimensions, Nested, extension};

/// MaxTupleAttributeNumber: no row has more.
pub(super) const MOST_FIELDS: usize = 1664;

/// The head of an array (array_send). Behind it come the elements, each with its length in front.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Array {
    /// OID of the elements' type.
    pub(in super::super) element: u32,
    /// How many elements there are.
    pub(in super::super) count: usize,
}

impl Array {
    /// Takes the head, and checks it. The dimensions are added to those that are there, which are none.
    #[inline]
    pub(in super::super) fn take(cursor: &mut Cursor<'_>, to: &mut Dimensions) -> Read<Self> {
        let (dimensions, has_null, element) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        if has_null > 1 || element == 0 {
            return Err(ReadError::Malformed);
        }
        let mut count = if dimensions == 0 { 0 } else { 1_usize };
        for _ in 0..dimensions {
            let dimension = Dimension { size: cursor.i32()?, lower: cursor.i32()? };
            to.push(dimension)?;
            let size = usize::try_from(dimension.size).map_err(|_| ReadError::Malformed)?;
            count = count.checked_mul(size).ok_or(ReadError::Malformed)?;
        }
        // No server sends more than one dimension of something without elements: what is within them would have no end.
        if count > cursor.0.len() / 4 || count == 0 && dimensions > 1 {
            return Err(ReadError::Malformed);
        }
        Ok(Self { element, count })
    }
}

/// A range (range_send). A bound that is not there is infinite, or the range is empty.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Range<'a> {
    /// Of `flags`, which are the bits of the first byte (rangetypes.h).
    pub(in super::super) flags: u32,
    pub(in super::super) lower: Option<&'a [u8]>,
    pub(in super::super) upper: Option<&'a [u8]>,
}

impl<'a> Range<'a> {
    pub(in super::super) fn take(cursor: &mut Cursor<'a>) -> Read<Self> {
        const KNOWN: u32 = flags::EMPTY
            | flags::LOWER_INCLUSIVE
            | flags::UPPER_INCLUSIVE
            | flags::LOWER_INFINITE
            | flags::UPPER_INFINITE;
        let flags = u32::from(cursor.u8()?) & KNOWN;
        let mut bound = |infinite: u32| {
            if flags & (flags::EMPTY | infinite) == 0 { cursor.sized().map(Some) } else { Ok(None) }
        };
        let (lower, upper) = (bound(flags::LOWER_INFINITE)?, bound(flags::UPPER_INFINITE)?);
        Ok(Self { flags, lower, upper })
    }
}

/// Takes a position of a lexeme and its weight (tsvectorsend).
pub(in super::super) fn lexeme_position(cursor: &mut Cursor<'_>) -> Read<(u16, &'static str)> {
    let entry = cursor.u16()?;
    let weight = ["", "C", "B", "A"].get(usize::from(entry >> 14)).unwrap_or(&"");
    Ok((entry & 0x3FFF, weight))
}

impl Nested {
    /// Reads a binary form.
    pub(super) fn binary(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        match self.plan.shape {
            Shape::WAL_SHAPE_ARRAY => self.binary_array(cursor, whole),
            Shape::WAL_SHAPE_COMPOSITE => self.binary_composite(cursor, whole),
            Shape::WAL_SHAPE_RANGE => {
                self.of_columns(&[self.plan.element])?;
                let range = Range::take(cursor)?;
                self.flags = range.flags;
                if range.flags & flags::EMPTY != 0 {
                    return Ok(());
                }
                self.parts.nullable(whole, range.lower)?;
                self.parts.nullable(whole, range.upper)
            }
            Shape::WAL_SHAPE_MULTIRANGE => {
                self.of_columns(&[self.plan.element])?;
                let count = cursor.count(5)?;
                self.parts.reserve(count)?;
                for _ in 0..count {
                    self.parts.view(whole, Form::Binary(cursor.sized()?))?;
                }
                Ok(())
            }
            Shape::WAL_SHAPE_HSTORE => {
                self.of_columns(&[oid::TEXT, oid::TEXT])?;
                extension::hstore(cursor, |key, value| {
                    self.parts.view(whole, Form::Binary(key))?;
                    self.parts.nullable(whole, value)
                })
            }
            Shape::WAL_SHAPE_VECTOR => self.binary_vector(cursor, whole),
            Shape::WAL_SHAPE_SPARSE => self.binary_sparse(cursor, whole),
            Shape::WAL_SHAPE_GEOMETRY => self.binary_geometry(cursor, whole),
            Shape::WAL_SHAPE_LEXEMES => self.binary_lexemes(cursor, whole),
            Shape::WAL_SHAPE_ANY => Err(ReadError::OtherType),
        }
    }

    #[inline]
    fn binary_array(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        let array = Array::take(cursor, &mut self.dimensions)?;
        let element = match self.plan.element {
            0 => array.element,
            // What the caller says of a type that is not PostgreSQL's own, as of a domain.
            claimed if self.plan.is_item_claimed && oid::find(array.element).is_none() => claimed,
            known if known == array.element => known,
            _ => return Err(ReadError::Malformed),
        };
        if array.count == 0 && !matches!(self.plan.type_oid, oid::INT2VECTOR | oid::OIDVECTOR) {
            self.dimensions.count = 0;
        }
        self.of_columns(&[element])?;
        self.parts.run(whole, cursor, array.count)
    }

    /// record_send: each field with its type in front.
    fn binary_composite(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        let count = cursor.count(8)?;
        if count > MOST_FIELDS {
            return Err(ReadError::Malformed);
        }
        for _ in 0..count {
            let of = cursor.u32()?;
            if of == 0 {
                return Err(ReadError::Malformed);
            }
            self.of_columns(&[of])?;
            self.parts.nullable(whole, cursor.nullable()?)?;
        }
        Ok(())
    }

    fn binary_vector(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.of_columns(&[oid::FLOAT4])?;
        let vector = extension::Vector::take(self.plan.type_oid, cursor)?;
        self.dimensions.push(Dimension { size: vector.count.into(), lower: 1 })?;
        for _ in 0..vector.count {
            if vector.is_half {
                let mark = self.parts.mark();
                self.parts.put(&extension::half(cursor.u16()?).to_be_bytes())?;
                self.parts.binary_since(mark)?;
            } else {
                self.parts.view(whole, Form::Binary(cursor.bytes(4)?))?;
            }
        }
        Ok(())
    }

    fn binary_sparse(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.of_columns(&[oid::INT4, oid::FLOAT4])?;
        let vector = extension::Sparse::take(cursor)?;
        self.dimensions.push(Dimension { size: vector.dimension, lower: 1 })?;
        for at in 0..vector.count {
            let (index, number) = vector.pair(at)?;
            let mark = self.parts.mark();
            self.parts.put(&index.to_be_bytes())?;
            self.parts.binary_since(mark)?;
            self.parts.view(whole, Form::Binary(number))?;
        }
        Ok(())
    }

    /// path_send, poly_send, and those of a fixed size.
    fn binary_geometry(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        let count = match self.plan.type_oid {
            oid::LINE => {
                self.of_columns(&[oid::FLOAT8])?;
                for _ in 0..3 {
                    self.parts.view(whole, Form::Binary(cursor.bytes(8)?))?;
                }
                return Ok(());
            }
            oid::CIRCLE => {
                self.of_columns(&[oid::POINT, oid::FLOAT8])?;
                self.parts.view(whole, Form::Binary(cursor.bytes(16)?))?;
                return self.parts.view(whole, Form::Binary(cursor.bytes(8)?));
            }
            oid::PATH => {
                self.flags = if cursor.u8()? != 0 { flags::CLOSED } else { 0 };
                cursor.count(16)?
            }
            oid::POLYGON => cursor.count(16)?,
            _ => 2,
        };
        self.of_columns(&[oid::POINT])?;
        for _ in 0..count {
            self.parts.view(whole, Form::Binary(cursor.bytes(16)?))?;
        }
        Ok(())
    }

    fn binary_lexemes(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        use std::fmt::Write;

        self.of_columns(&[oid::TEXT, oid::TEXT])?;
        for _ in 0..cursor.count(3)? {
            self.parts.view(whole, Form::Binary(cursor.text()?))?;
            let count = cursor.u16()?;
            if count == 0 {
                self.parts.null()?;
                continue;
            }
            let mark = self.parts.mark();
            for at in 0..count {
                let (position, weight) = lexeme_position(cursor)?;
                let comma = if at == 0 { "" } else { "," };
                write!(self.parts, "{comma}{position}{weight}").map_err(|_| ReadError::NoMemory)?;
            }
            self.parts.text_since(mark)?;
        }
        Ok(())
    }
}
