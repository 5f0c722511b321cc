//! Values with parts for serde: arrays and the like as lists, composites as tuples or structs by the places of their fields, hstore
//! as a map. What lives in a reader is not borrowed by the program's types: it must never outlive the reader.

use std::marker::PhantomData;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::value::ValueSource;
#[cfg(feature = "json")]
use super::value::json_fault;
use crate::client::nested::{Dimension, Items, Nested, Shape};
use crate::client::value::Value;
use crate::error::{Error, Result};
use crate::types::oid;

/// A value of which nothing is borrowed.
#[derive(Clone, Copy)]
pub(super) struct OwnedSource<'v>(pub(super) Value<'v>);

/// Gives a visitor what can be given of any life: copies of what is borrowed.
struct Copying<'de, V>(V, PhantomData<&'de ()>);

macro_rules! pass_on {
    ($($method:ident = $to:ident($type:ty),)*) => { $(
        fn $method<E: serde::de::Error>(self, value: $type) -> std::result::Result<V::Value, E> {
            self.0.$to(value)
        }
    )* };
}

impl<'v, 'de, V: Visitor<'de>> Visitor<'v> for Copying<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    pass_on! {
        visit_bool = visit_bool(bool),
        visit_i16 = visit_i16(i16),
        visit_i32 = visit_i32(i32),
        visit_i64 = visit_i64(i64),
        visit_u32 = visit_u32(u32),
        visit_f32 = visit_f32(f32),
        visit_f64 = visit_f64(f64),
        visit_str = visit_str(&str),
        visit_borrowed_str = visit_str(&'v str),
        visit_string = visit_string(String),
        visit_bytes = visit_bytes(&[u8]),
        visit_borrowed_bytes = visit_bytes(&'v [u8]),
        visit_byte_buf = visit_byte_buf(Vec<u8>),
    }

    fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<V::Value, E> {
        self.0.visit_unit()
    }
}

/// Has serde_json read json, without borrowing of it.
macro_rules! or_json {
    ($source:ident, |$json:ident| $call:expr) => {
        #[cfg(feature = "json")]
        if ValueSource($source.0).is_json() {
            let mut parser = serde_json::Deserializer::from_reader(ValueSource($source.0).json()?);
            let $json = &mut parser;
            let read = $call.and_then(|read| $json.end().map(|()| read));
            return read.map_err(|error| json_fault(&error));
        }
    };
}

macro_rules! scalars {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            or_json!(self, |json| json.$method(visitor));
            ValueSource(self.0).$method(Copying(visitor, PhantomData))
        }
    )* };
}

impl<'de> Deserializer<'de> for OwnedSource<'_> {
    type Error = Error;

    scalars! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_seq(visitor));
        if self.0.field().type_oid == oid::BYTEA {
            // A Vec<u8> asks for numbers one by one.
            return visitor.visit_seq(SeqDeserializer::new(ValueSource(self.0).bytea()?.into_iter()));
        }
        let mut nested = Nested::new();
        List::of(nested.read_list(self.0)?).visit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_tuple(len, visitor));
        let _ = len;
        let mut nested = Nested::new();
        // The bytes are never those of an array and of a composite. Who is named like a type of an extension may be one.
        let is_known = self.0.known_shape().is_some()
            && nested.read(self.0).is_ok_and(|it| it.shape() != Some(Shape::Composite));
        let is_composite = !is_known && nested.read_as(self.0, Shape::Composite).is_ok();
        if !is_composite {
            return self.deserialize_seq(visitor);
        }
        List::of(nested.read_as(self.0, Shape::Composite)?).visit(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_map(visitor));
        let mut nested = Nested::new();
        let items = nested.read_as(self.0, Shape::Hstore)?;
        visitor.visit_map(Pairs { items, at: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_struct(name, fields, visitor));
        let _ = (name, fields);
        let mut nested = Nested::new();
        let items = nested.read_as(self.0, Shape::Composite)?;
        List::of(items).visit(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_enum(name, variants, visitor));
        let _ = (name, variants);
        let text = self.0.format()?;
        visitor.visit_enum(StrDeserializer::new(&text))
    }

    forward_to_deserialize_any! { identifier }
}

/// The elements of an array from a place on, with the dimensions that are left; or any items.
struct List<'v> {
    items: Items<'v>,
    at: usize,
    left: usize,
    inner: &'v [Dimension],
}

impl<'v> List<'v> {
    fn of(items: Items<'v>) -> Self {
        match (items.shape(), items.dimensions()) {
            (Some(Shape::Array), [outer, inner @ ..]) => {
                Self { items, at: 0, left: outer.size as usize, inner }
            }
            _ => Self { items, at: 0, left: items.len(), inner: &[] },
        }
    }

    fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let read = visitor.visit_seq(&mut self)?;
        if self.left == 0 {
            Ok(read)
        } else {
            Err(serde::de::Error::custom(format!("{} items are left over", self.left)))
        }
    }
}

impl<'de> SeqAccess<'de> for &mut List<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        let at = self.at;
        let step: usize = self.inner.iter().map(|dimension| dimension.size as usize).product();
        (self.at, self.left) = (at + step, self.left - 1);
        if let [outer, inner @ ..] = self.inner {
            let block = List { items: self.items, at, left: outer.size as usize, inner };
            return seed.deserialize(Block(block)).map(Some);
        }
        let item = self.items.get(at).ok_or_else(|| serde::de::Error::custom("an item is missing"))?;
        seed.deserialize(OwnedSource(item)).map(Some).map_err(|error| item.place(error))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// What stands in an array of several dimensions.
struct Block<'v>(List<'v>);

impl<'de> Deserializer<'de> for Block<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.visit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The pairs of an hstore.
struct Pairs<'v> {
    items: Items<'v>,
    at: usize,
}

impl Pairs<'_> {
    fn next<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some(item) = self.items.get(self.at) else { return Ok(None) };
        self.at += 1;
        seed.deserialize(OwnedSource(item)).map(Some).map_err(|error| item.place(error))
    }
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.next(seed)?.ok_or_else(|| serde::de::Error::custom("a key has no value"))
    }
}
