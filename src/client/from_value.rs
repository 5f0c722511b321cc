//! Values as types of the program that no feature brings: numbers, texts, collections, ranges, maps, tuples. It must never leave
//! out an item, nor make up one.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::ops::Bound;

use super::nested::{Dimension, Items, Nested, Shape};
use super::value::{Inet, Interval, TimeTz, Value};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// A type that a value can be read as: see [`Value::to`]. Implement [`from_value`](Self::from_value) for types of your own.
pub trait FromValue: Sized {
    /// Reads a value.
    fn from_value(value: Value<'_>) -> Result<Self>;

    /// Reads what stands at a place of an array, with so many dimensions within it. Collections differ: they take one away.
    #[doc(hidden)]
    fn from_array(items: Items<'_>, at: usize, dimensions: &[Dimension]) -> Result<Self> {
        let item = item(items, at)?;
        match dimensions {
            [] => Self::from_value(item),
            more => Err(item.place(mismatch(&format!("there are {} more dimensions in it", more.len())))),
        }
    }
}

/// A range. Discrete ranges come as the server makes them canonical: `[1,10]` as `Included(1)`, `Excluded(11)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Range<T> {
    /// It holds nothing.
    Empty,
    /// From the lower bound to the upper one. One that is unbounded is another thing than the bound `infinity`.
    Bounds(Bound<T>, Bound<T>),
}

impl<'a> Value<'a> {
    /// The value as a type of the program, from text and binary alike.
    ///
    /// | type | of what |
    /// |---|---|
    /// | `bool`, integers, floats, `String`, `[u8; 16]` | as the accessor of that name |
    /// | `Vec<u8>` | bytea |
    /// | [`Interval`], [`TimeTz`], [`Inet`], [`Lsn`] | as their accessors |
    /// | `Option<T>` | `None` for NULL |
    /// | `Vec<T>` | an array, a multirange, a vector, points, the numbers of a line; `Vec<Vec<T>>` of an array with two dimensions |
    /// | `HashMap<String, Option<String>>`, `BTreeMap` | hstore |
    /// | [`Range<T>`](Range) | a range |
    /// | tuples | a composite |
    ///
    /// What is asked for says what a value is whose type the stream only names: an array of an enum is read as `Vec<String>`. The
    /// text of a range of a user's type, as `(1,5)`, may be that of a composite too: a tuple takes it, and gets the bounds alone.
    /// Lower bounds of arrays are not kept: [`Nested`] tells them.
    pub fn to<T: FromValue>(self) -> Result<T> {
        T::from_value(self)
    }
}

macro_rules! scalars {
    ($($type:ty = $read:ident,)*) => { $(
        impl FromValue for $type {
            fn from_value(value: Value<'_>) -> Result<Self> {
                value.$read()
            }
        }
    )* };
}

scalars! {
    bool = as_bool,
    i16 = as_i16,
    i32 = as_i32,
    i64 = as_i64,
    u32 = as_u32,
    u64 = as_u64,
    f32 = as_f32,
    f64 = as_f64,
    [u8; 16] = as_uuid,
    Vec<u8> = as_bytea,
    Interval = as_interval,
    TimeTz = as_timetz,
    Inet = as_inet,
    Lsn = as_lsn,
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Result<Self> {
        value.format()
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self> {
        value.nullable()?.map(T::from_value).transpose()
    }

    fn from_array(items: Items<'_>, at: usize, dimensions: &[Dimension]) -> Result<Self> {
        match dimensions {
            [] => Self::from_value(item(items, at)?),
            inner => T::from_array(items, at, inner).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value<'_>) -> Result<Self> {
        let mut nested = Nested::new();
        let items = nested.read_list(value)?;
        match items.dimensions() {
            [] => items.iter().map(T::from_value).collect(),
            dimensions => Self::from_array(items, 0, dimensions),
        }
    }

    fn from_array(items: Items<'_>, at: usize, dimensions: &[Dimension]) -> Result<Self> {
        let Some((outer, inner)) = dimensions.split_first() else {
            return Self::from_value(item(items, at)?);
        };
        let step: usize = inner.iter().map(|dimension| dimension.size as usize).product();
        (0..outer.size as usize).map(|index| T::from_array(items, at + index * step, inner)).collect()
    }
}

impl<T: FromValue> FromValue for Range<T> {
    fn from_value(value: Value<'_>) -> Result<Self> {
        let mut nested = Nested::new();
        let items = nested.read_as(value, Shape::Range)?;
        if items.is_empty_range() {
            return Ok(Self::Empty);
        }
        let bound = |at: usize, is_inclusive: bool| match item(items, at)?.nullable()? {
            None => Ok(Bound::Unbounded),
            Some(bound) if is_inclusive => bound.to().map(Bound::Included),
            Some(bound) => bound.to().map(Bound::Excluded),
        };
        Ok(Self::Bounds(bound(0, items.is_lower_inclusive())?, bound(1, items.is_upper_inclusive())?))
    }
}

/// The pairs of an hstore.
fn pairs<K: FromValue, V: FromValue, M: FromIterator<(K, V)>>(value: Value<'_>) -> Result<M> {
    let mut nested = Nested::new();
    let items = nested.read_as(value, Shape::Hstore)?;
    let pair = |at: usize| Ok((item(items, 2 * at)?.to()?, item(items, 2 * at + 1)?.to()?));
    (0..items.len() / 2).map(pair).collect()
}

impl<K: FromValue + Eq + Hash, V: FromValue, S: BuildHasher + Default> FromValue for HashMap<K, V, S> {
    fn from_value(value: Value<'_>) -> Result<Self> {
        pairs(value)
    }
}

impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn from_value(value: Value<'_>) -> Result<Self> {
        pairs(value)
    }
}

/// A composite with as many fields as the tuple.
macro_rules! tuples {
    ($(($count:literal: $($name:ident $at:tt),*))*) => { $(
        impl<$($name: FromValue),*> FromValue for ($($name,)*) {
            fn from_value(value: Value<'_>) -> Result<Self> {
                let mut nested = Nested::new();
                let items = nested.read_as(value, Shape::Composite)?;
                if items.len() != $count {
                    let what = format!("the composite has {} fields, {} are asked for", items.len(), $count);
                    return Err(value.place(mismatch(&what)));
                }
                Ok(($(item(items, $at)?.to::<$name>()?,)*))
            }
        }
    )* };
}

tuples! {
    (1: A 0)
    (2: A 0, B 1)
    (3: A 0, B 1, C 2)
    (4: A 0, B 1, C 2, D 3)
    (5: A 0, B 1, C 2, D 3, E 4)
    (6: A 0, B 1, C 2, D 3, E 4, F 5)
    (7: A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

/// An item that the value has by its dimensions.
fn item(items: Items<'_>, at: usize) -> Result<Value<'_>> {
    items.get(at).ok_or_else(|| mismatch(&format!("there is no item {at}: the value has {}", items.len())))
}

#[cold]
fn mismatch(what: &str) -> Error {
    Error::new(Status::WAL_E_TYPE, what)
}
