//! The binary forms of hstore's and pgvector's types (hstore_send, vector_send, halfvec_send, sparsevec_send). It must never take
//! anything for one of them whose head does not agree with its length.

use super::super::cursor::Cursor;
use super::super::field::{Read, ReadError};
use super::super::oid;

/// Gives each key with its value, which may be NULL.
pub(in super::super) fn hstore<'a>(
    cursor: &mut Cursor<'a>,
    mut each: impl FnMut(&'a [u8], Option<&'a [u8]>) -> Read<()>,
) -> Read<()> {
    for _ in 0..cursor.count(8)? {
        let key = cursor.sized()?;
        each(key, cursor.nullable()?)?;
    }
    Ok(())
}

/// The head of a vector or a halfvec, which differ in the size of their numbers.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Vector {
    pub(in super::super) count: u16,
    pub(in super::super) is_half: bool,
}

impl Vector {
    /// Takes the head. Without a type the size of the numbers is seen from the length.
    pub(in super::super) fn take(type_oid: u32, cursor: &mut Cursor<'_>) -> Read<Self> {
        let (count, unused) = (cursor.u16()?, cursor.u16()?);
        let (left, numbers) = (cursor.0.len(), usize::from(count));
        let is_half = match type_oid {
            oid::VECTOR => false,
            oid::HALFVEC => true,
            _ => left == 2 * numbers,
        };
        // No vector is empty.
        if unused != 0 || numbers == 0 || left != numbers * if is_half { 2 } else { 4 } {
            return Err(ReadError::Malformed);
        }
        Ok(Self { count, is_half })
    }
}

/// A sparsevec: all indexes, which count from 0, then all numbers.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Sparse<'a> {
    pub(in super::super) dimension: i32,
    pub(in super::super) count: usize,
    indexes: &'a [[u8; 4]],
    numbers: &'a [[u8; 4]],
}

impl<'a> Sparse<'a> {
    pub(in super::super) fn take(cursor: &mut Cursor<'a>) -> Read<Self> {
        let (dimension, count, unused) = (cursor.i32()?, cursor.i32()?, cursor.i32()?);
        let count = usize::try_from(count).map_err(|_| ReadError::Malformed)?;
        if dimension < 1 || unused != 0 || count > cursor.0.len() / 8 {
            return Err(ReadError::Malformed);
        }
        let (indexes, numbers) =
            (cursor.bytes(4 * count)?.as_chunks().0, cursor.bytes(4 * count)?.as_chunks().0);
        Ok(Self { dimension, count, indexes, numbers })
    }

    /// An index, counted from 1 as the text has it, and its number.
    pub(in super::super) fn pair(&self, at: usize) -> Read<(i32, &'a [u8])> {
        let (index, number) = self.indexes.get(at).zip(self.numbers.get(at)).ok_or(ReadError::Malformed)?;
        let index = i32::from_be_bytes(*index);
        if !(0..self.dimension).contains(&index) {
            return Err(ReadError::Malformed);
        }
        Ok((index + 1, number))
    }
}

/// A number of 16 bits (IEEE 754's binary16) as one of 32, which is exact.
pub(in super::super) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1F), u32::from(bits & 0x3FF));
    match (exponent, fraction) {
        // Subnormal: fraction × 2^-24.
        (0, _) => f32::from_bits(sign | (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits()),
        (31, _) => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}
