//! A row as serde's map (by the columns' names) or sequence (by their places). Names are never looked up: each column is
//! offered once, in the order of the row.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::value::ValueSource;
use crate::client::row::Row;
use crate::client::value::Value;
use crate::error::{Error, Result, Status};

/// A row that is being read.
pub(super) struct RowSource<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'a> RowSource<'a> {
    pub(super) fn new(row: Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    #[inline]
    fn take(&mut self) -> Option<Value<'a>> {
        let value = self.row.at(self.next)?;
        self.next += 1;
        Some(value)
    }

    fn left(&self) -> usize {
        self.row.len().saturating_sub(self.next)
    }

    #[inline]
    fn read<T: DeserializeSeed<'a>>(value: Value<'a>, seed: T) -> Result<T::Value> {
        seed.deserialize(ValueSource(value)).map_err(|error| value.place(error))
    }
}

impl<'de> Deserializer<'de> for RowSource<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_map(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        if len != self.row.len() {
            let (table, columns) = (self.row.relation().name(), self.row.len());
            let what = format!("a row of table {table} has {columns} columns, and {len} are wanted");
            return Err(Error::new(Status::WAL_E_TYPE, what));
        }
        visitor.visit_seq(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct map struct enum
        identifier
    }
}

impl<'de> MapAccess<'de> for RowSource<'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        match self.row.at(self.next) {
            Some(value) => seed.deserialize(Name(&value.column().name)).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        match self.take() {
            Some(value) => Self::read(value, seed),
            None => Err(Error::new(Status::WAL_E_INTERNAL, "a value was asked for behind the last")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left())
    }
}

impl<'de> SeqAccess<'de> for RowSource<'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.take().map(|value| Self::read(value, seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left())
    }
}

/// A column's name.
struct Name<'a>(&'a [u8]);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match std::str::from_utf8(self.0) {
            Ok(name) => visitor.visit_borrowed_str(name),
            Err(_) => visitor.visit_borrowed_bytes(self.0),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
