//! Rows and values into the program's own types, by serde. It must never take what was not sent for NULL (P10), round, or
//! put a value of the data into an error.

mod error;
mod maybe;
mod nested;
mod row;
mod value;

pub use maybe::Maybe;

use serde::Deserialize;

use super::event::{Event, EventRef};
use super::kind::EventKind;
use super::row::Row;
use super::value::Value;
use crate::error::{Error, Result, Status};

impl<'a> Row<'a> {
    /// The row as a type of the program: a struct or a map by the columns' names, with all that serde's attributes can do; a
    /// tuple or an array by their places.
    ///
    /// | column | types it fits |
    /// |---|---|
    /// | boolean | `bool` |
    /// | smallint, integer, bigint, oid, xid | every integer that the number fits; floats that hold it exactly |
    /// | real, double precision | `f32`, `f64`, where exact |
    /// | numeric | `String`, exactly; decimal types that read text |
    /// | text, varchar, char, name, enums, citext | `&str`, `String`, `char`, unit variants of an enum |
    /// | bytea | `Vec<u8>`, and what `serde_bytes` reads |
    /// | date, time, timestamp, with or without time zone | whatever reads RFC 3339: types of chrono, jiff and time; `String` |
    /// | uuid | `uuid::Uuid`, `String` |
    /// | json, jsonb | `String`; with feature `json` nested types and `serde_json::Value` |
    /// | arrays | `Vec<T>`, of two dimensions `Vec<Vec<T>>`; multiranges, vectors and paths are lists too |
    /// | composites | tuples, or structs by the places of their fields |
    /// | hstore | maps |
    /// | NULL | `Option` |
    /// | any other that came as text | `&str`, `String` |
    ///
    /// It is the same whether values came as text or binary, but that binary forms which are no text can be borrowed as
    /// `&str` no more. A value that was not sent (unchanged TOAST, or not part of the key) is an error, never `None`, except
    /// in [`Maybe`]. Nothing in an array, a composite or an hstore can be borrowed.
    ///
    /// An error names the column and its type, and never shows the value.
    pub fn deserialize<T: Deserialize<'a>>(self) -> Result<T> {
        T::deserialize(row::RowSource::new(self))
    }
}

impl<'a> Value<'a> {
    /// The value as a type of the program: see [`Row::deserialize`].
    pub fn deserialize<T: Deserialize<'a>>(self) -> Result<T> {
        T::deserialize(value::ValueSource(self)).map_err(|error| self.place(error))
    }
}

impl<'a> EventRef<'a> {
    /// The new row as a type of the program: see [`Row::deserialize`]. An error: the event has none.
    pub fn deserialize_new<T: Deserialize<'a>>(self) -> Result<T> {
        self.new_row().ok_or_else(|| no_row(self.kind(), "new"))?.deserialize()
    }

    /// The old row as a type of the program: see [`Row::deserialize`]. An error: the event has none.
    pub fn deserialize_old<T: Deserialize<'a>>(self) -> Result<T> {
        self.old_row().ok_or_else(|| no_row(self.kind(), "old"))?.deserialize()
    }
}

impl Event {
    /// The new row as a type of the program: see [`Row::deserialize`]. An error: the event has none.
    pub fn deserialize_new<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        self.as_ref().deserialize_new()
    }

    /// The old row as a type of the program: see [`Row::deserialize`]. An error: the event has none.
    pub fn deserialize_old<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        self.as_ref().deserialize_old()
    }
}

#[cold]
fn no_row(kind: EventKind, which: &str) -> Error {
    Error::new(Status::WAL_E_NO_VALUE, format!("this {kind} has no {which} row"))
}
