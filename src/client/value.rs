//! A value and what it can be read as, from text and binary alike: exact, range-checked. It must never take a value that
//! was not sent for NULL (P10).

use std::fmt;

use crate::batch::{Column, Relation, ValueKind as Number, ValueView};
use crate::error::{Error, Result};
use crate::types::{self, Field, ReadError};

use super::nested::Shape;
use crate::lsn::Lsn;

pub use crate::types::{Inet, Interval, Numeric, TimeTz};

/// One column's value in a row, with its column.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    view: ValueView<'a>,
    relation: &'a Relation,
    column: &'a Column,
}

/// What a value is. NULL, unchanged TOAST and not-sent are three different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueKind {
    /// SQL NULL.
    Null,
    /// The text of the type's output function, in UTF-8.
    Text,
    /// The bytes of the type's send function.
    Binary,
    /// A large value that the UPDATE did not touch: the server did not send it, and it is not NULL.
    Unchanged,
    /// Not sent: a column of an old row of which only the replica identity's columns came.
    Absent,
}

/// Accessors of one form: what `types` reads, with an error that names the column.
macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty = $read:ident $wanted:literal,)*) => {
        impl Value<'_> {
            $($(#[$doc])* #[inline] pub fn $name(self) -> Result<$answer> {
                types::$read(self.field()).map_err(|error| self.explain(error, $wanted))
            })*
        }
    };
}

readers! {
    /// A boolean.
    as_bool -> bool = as_bool "bool",
    /// An integer of 16 bits, from any of the integer types.
    as_i16 -> i16 = as_int16 "a 16-bit integer",
    /// An integer of 32 bits, from any of the integer types.
    as_i32 -> i32 = as_int32 "a 32-bit integer",
    /// An integer of 64 bits, from any of the integer types.
    as_i64 -> i64 = as_int64 "a 64-bit integer",
    /// An unsigned integer of 32 bits, as oid and xid are, from any of the integer types.
    as_u32 -> u32 = as_uint32 "an unsigned 32-bit integer",
    /// An unsigned integer of 64 bits, as xid8 is, from any of the integer types.
    as_u64 -> u64 = as_uint64 "an unsigned 64-bit integer",
    /// A number of 32 bits: real; double precision and the integer types where it is exact.
    as_f32 -> f32 = as_float32 "a 32-bit float",
    /// A number of 64 bits: double precision and real; the integer types where it is exact.
    as_f64 -> f64 = as_float64 "a 64-bit float",
    /// The 16 bytes of a uuid.
    as_uuid -> [u8; 16] = as_uuid "a uuid",
    /// A date: days since 2000-01-01; `i32::MAX` is infinity, `i32::MIN` minus infinity.
    as_date -> i32 = as_date "a date",
    /// A time without time zone: microseconds since midnight, 24:00:00 included.
    as_time -> i64 = as_time "a time",
    /// A time with time zone.
    as_timetz -> TimeTz = as_timetz "a time with time zone",
    /// An interval: three numbers that are no one number.
    as_interval -> Interval = as_interval "an interval",
    /// An amount of money in its smallest unit; how many decimals that has is the server's setting `lc_monetary`, and not in the
    /// value.
    as_money -> i64 = as_money "money",
    /// An inet or a cidr.
    as_inet -> Inet = as_inet "an inet",
    /// A tid: block and place in it.
    as_tid -> (u32, u16) = as_tid "a tid",
    /// A point.
    as_point -> (f64, f64) = as_point "a point",
    /// A pg_lsn.
    as_lsn -> Lsn = as_lsn "an LSN",
    /// A timestamp without time zone: microseconds since 2000-01-01 00:00:00; `i64::MAX` is infinity, `i64::MIN` minus
    /// infinity.
    as_timestamp -> i64 = as_timestamp "a timestamp",
    /// A timestamp with time zone: microseconds since 2000-01-01 00:00:00 UTC; infinity as in
    /// [`as_timestamp`](Self::as_timestamp).
    as_timestamptz -> i64 = as_timestamptz "a timestamp with time zone",
}

impl<'a> Value<'a> {
    #[inline]
    pub(super) fn new(view: ValueView<'a>, relation: &'a Relation, column: &'a Column) -> Self {
        Self { view, relation, column }
    }

    /// The value's column.
    pub fn column(self) -> &'a Column {
        self.column
    }

    /// What the value is.
    #[inline]
    pub fn kind(self) -> ValueKind {
        const TEXT: u8 = Number::WAL_VALUE_TEXT as u8;
        const BINARY: u8 = Number::WAL_VALUE_BINARY as u8;
        const NULL: u8 = Number::WAL_VALUE_NULL as u8;
        const UNCHANGED: u8 = Number::WAL_VALUE_UNCHANGED as u8;
        match self.view.kind() {
            TEXT => ValueKind::Text,
            BINARY => ValueKind::Binary,
            NULL => ValueKind::Null,
            UNCHANGED => ValueKind::Unchanged,
            _ => ValueKind::Absent,
        }
    }

    /// Whether it is SQL NULL. One that was not sent is not.
    #[inline]
    pub fn is_null(self) -> bool {
        self.kind() == ValueKind::Null
    }

    /// `None` for SQL NULL. An error: the value was not sent, so that nobody knows.
    pub fn nullable(self) -> Result<Option<Self>> {
        match self.kind() {
            ValueKind::Null => Ok(None),
            ValueKind::Text | ValueKind::Binary => Ok(Some(self)),
            ValueKind::Unchanged | ValueKind::Absent => Err(self.explain(ReadError::NoValue, "value")),
        }
    }

    /// The bytes as the server sent them, of a text or binary value.
    #[inline]
    pub fn bytes(self) -> Option<&'a [u8]> {
        matches!(self.kind(), ValueKind::Text | ValueKind::Binary).then(|| self.view.bytes())
    }

    /// The text of a value: of any type that came as text; in binary of the text types, json, jsonb, xml, and of types
    /// of which the stream tells the name only, as of enums, if it is UTF-8 ([`Type::is_resolved`](crate::Type::is_resolved)).
    pub fn as_str(self) -> Result<&'a str> {
        let text = types::as_text(self.field()).map_err(|error| self.explain(error, "text"))?;
        std::str::from_utf8(text).map_err(|_| self.explain(ReadError::Malformed, "text in UTF-8"))
    }

    /// The text that the server's output function writes: of a binary value of any built-in type, or a domain over one, too.
    /// Refused is money, whose decimals are a setting of the server, and what has no readable binary form.
    pub fn format(self) -> Result<String> {
        let mut text = Vec::new();
        types::format(self.field(), &mut text).map_err(|error| self.explain(error, "text"))?;
        String::from_utf8(text).map_err(|_| self.explain(ReadError::Malformed, "text in UTF-8"))
    }

    /// A numeric as it came: a view, with every digit.
    pub fn as_numeric(self) -> Result<Numeric<'a>> {
        types::as_numeric(self.field()).map_err(|error| self.explain(error, "a numeric"))
    }

    /// A bit or bit varying: its bytes, the first bit in the highest place, and how many bits there are.
    pub fn as_bits(self) -> Result<(Vec<u8>, usize)> {
        let failed = |error| self.explain(error, "a bit string");
        let bits = types::as_bits(self.field(), &mut []).map_err(failed)?;
        let mut bytes = vec![0; bits.div_ceil(8)];
        types::as_bits(self.field(), &mut bytes).map_err(failed)?;
        Ok((bytes, bits))
    }

    /// The bytes of a bytea.
    pub fn as_bytea(self) -> Result<Vec<u8>> {
        let failed = |error| self.explain(error, "bytea");
        let mut bytes = vec![0; types::as_bytea(self.field(), &mut []).map_err(failed)?];
        types::as_bytea(self.field(), &mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// What it is by its type, if that is known and has parts.
    pub(super) fn known_shape(self) -> Option<Shape> {
        types::shape_of(self.field()).and_then(Shape::of)
    }

    /// What the readers of `types` take.
    #[inline]
    pub(super) fn field(self) -> Field<'a> {
        Field::of(self.view.kind(), self.view.bytes(), &self.column.data_type)
    }

    /// The error of a reader, with the column in front.
    #[cold]
    pub(super) fn explain(self, error: ReadError, wanted: &str) -> Error {
        self.place(error.explain(self.field(), wanted))
    }

    /// Names the table and the column in front of an error.
    #[cold]
    pub(super) fn place(self, error: Error) -> Error {
        error.within(types::place(self.relation, self.column))
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the bytes, which are the user's data.
        f.debug_struct("Value")
            .field("column", &self.column.name())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
