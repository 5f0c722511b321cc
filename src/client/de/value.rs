//! A value for serde. What is asked for decides how it is read; where nothing is asked for, the column's type does.

use std::borrow::Cow;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::maybe;
use super::nested::OwnedSource;
use crate::client::value::{Value, ValueKind};
use crate::error::{Error, Result, Status};
use crate::types::{self, ReadError, Style, oid};

/// A value that is being read. Its errors do not name the column: who made it does.
#[derive(Clone, Copy)]
pub(super) struct ValueSource<'a>(pub(super) Value<'a>);

/// Who wants text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// A `String`: it takes what the server says where RFC 3339 has no word for it.
    Anything,
    /// Possibly a type that parses a date, a time or an identifier.
    Parser,
}

impl<'a> ValueSource<'a> {
    /// Reads with one of the readers of `types`.
    #[inline]
    fn read<T>(
        self,
        reader: impl FnOnce(types::Field<'a>) -> std::result::Result<T, ReadError>,
        wanted: &str,
    ) -> Result<T> {
        reader(self.0.field()).map_err(|error| error.explain(self.0.field(), wanted))
    }

    fn type_oid(self) -> u32 {
        self.0.field().type_oid
    }

    #[cfg(feature = "json")]
    pub(super) fn json(self) -> Result<&'a [u8]> {
        self.read(types::as_text, "json")
    }

    pub(super) fn is_json(self) -> bool {
        matches!(self.type_oid(), oid::JSON | oid::JSONB) && self.0.bytes().is_some()
    }

    /// The value as text: borrowed where it came as that.
    fn text(self, reader: Reader) -> Result<Cow<'a, str>> {
        let field = self.0.field();
        let mut out = String::new();
        let is_binary = self.0.kind() == ValueKind::Binary;
        match field.type_oid {
            of if types::is_time(of) => {
                let written = types::write_time(field, Style::Rfc3339, &mut out);
                if written == Err(ReadError::OutOfRange) && reader == Reader::Anything {
                    out.clear();
                    self.read(|field| types::write_time(field, Style::Postgres, &mut out), "text")?;
                } else {
                    self.read(|_| written, "RFC 3339, which has no infinity and only the years 1 to 9999")?;
                }
            }
            oid::NUMERIC if is_binary => {
                self.read(|field| types::write_numeric_to(field, &mut out), "text")?;
            }
            oid::UUID if is_binary => {
                let uuid = u128::from_be_bytes(self.read(types::as_uuid, "a uuid")?);
                let (a, b, c) = (uuid >> 96, uuid >> 80 & 0xFFFF, uuid >> 64 & 0xFFFF);
                let (d, e) = (uuid >> 48 & 0xFFFF, uuid & 0xFFFF_FFFF_FFFF);
                out = format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}");
            }
            oid::BOOL if is_binary => {
                out.push_str(if self.read(types::as_bool, "bool")? { "t" } else { "f" })
            }
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID | oid::XID | oid::CID if is_binary => {
                out = self.read(types::as_int64, "a 64-bit integer")?.to_string();
            }
            _ if is_binary && types::as_text(field) == Err(ReadError::OtherType) => {
                let mut text = Vec::new();
                self.read(|field| types::format(field, &mut text), "text")?;
                out = String::from_utf8(text)
                    .or_else(|_| self.read(|_| Err(ReadError::Malformed), "text in UTF-8"))?;
            }
            _ => {
                let text = self.read(types::as_text, "text")?;
                let text = std::str::from_utf8(text).or(Err(ReadError::Malformed));
                return self.read(|_| text, "text in UTF-8").map(Cow::Borrowed);
            }
        }
        Ok(Cow::Owned(out))
    }

    /// The text to a visitor.
    fn give_text<V: Visitor<'a>>(self, reader: Reader, visitor: V) -> Result<V::Value> {
        match self.text(reader)? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    pub(super) fn bytea(self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.read(|field| types::as_bytea(field, &mut []), "bytea")?];
        self.read(|field| types::as_bytea(field, &mut bytes), "bytea")?;
        Ok(bytes)
    }

    /// What a value that cannot be taken apart is asked for.
    #[cold]
    fn refuse(self, wanted: &str) -> Error {
        match self.0.kind() {
            ValueKind::Text | ValueKind::Binary => {}
            _ => return ReadError::NoValue.explain(self.0.field(), wanted),
        }
        Error::new(Status::WAL_E_TYPE, format!("a column is no {wanted}"))
    }

    /// The value for what wants its parts. json has none without the feature.
    fn with_parts(self, wanted: &str) -> Result<OwnedSource<'a>> {
        if self.is_json() {
            return Err(Error::new(
                Status::WAL_E_NOT_BUILT,
                format!("json is read as {wanted} with the crate's feature json only"),
            ));
        }
        Ok(OwnedSource(self.0))
    }
}

/// Has serde_json read a json or jsonb value with the method that was called, if this is one.
macro_rules! or_json {
    ($source:ident, |$json:ident| $call:expr) => {
        #[cfg(feature = "json")]
        if $source.is_json() {
            let mut parser = serde_json::Deserializer::from_slice($source.json()?);
            let $json = &mut parser;
            let read = $call.and_then(|read| $json.end().map(|()| read));
            return read.map_err(|error| json_fault(&error));
        }
    };
}

/// serde_json's own words may show the value.
#[cfg(feature = "json")]
pub(super) fn json_fault(error: &serde_json::Error) -> Error {
    let (what, line, column) = (error.classify(), error.line(), error.column());
    let what = match what {
        serde_json::error::Category::Data => "the json is not of the form that is wanted",
        _ => "the value is no json that can be read",
    };
    Error::new(Status::WAL_E_TYPE, format!("{what}, at line {line} column {column} of it"))
}

macro_rules! numbers {
    ($($method:ident $reader:ident $visit:ident $wanted:literal,)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            or_json!(self, |json| json.$method(visitor));
            visitor.$visit(self.read(types::$reader, $wanted)?)
        }
    )* };
}

impl<'de> Deserializer<'de> for ValueSource<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.0.is_null() {
            return visitor.visit_unit();
        }
        or_json!(self, |json| json.deserialize_any(visitor));
        match self.type_oid() {
            oid::BOOL => self.deserialize_bool(visitor),
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID | oid::XID | oid::CID => {
                self.deserialize_i64(visitor)
            }
            oid::FLOAT4 => self.deserialize_f32(visitor),
            oid::FLOAT8 => self.deserialize_f64(visitor),
            oid::BYTEA => self.deserialize_byte_buf(visitor),
            _ => self.give_text(Reader::Anything, visitor),
        }
    }

    numbers! {
        deserialize_bool as_bool visit_bool "bool",
        deserialize_i8 as_int16 visit_i16 "an 8-bit integer",
        deserialize_i16 as_int16 visit_i16 "a 16-bit integer",
        deserialize_i32 as_int32 visit_i32 "a 32-bit integer",
        deserialize_i64 as_int64 visit_i64 "a 64-bit integer",
        deserialize_i128 as_int64 visit_i64 "an integer",
        deserialize_u8 as_int16 visit_i16 "an unsigned 8-bit integer",
        deserialize_u16 as_int32 visit_i32 "an unsigned 16-bit integer",
        deserialize_u32 as_uint32 visit_u32 "an unsigned 32-bit integer",
        deserialize_u64 as_int64 visit_i64 "an unsigned 64-bit integer",
        deserialize_u128 as_int64 visit_i64 "an unsigned integer",
        deserialize_f32 as_float32 visit_f32 "a 32-bit float",
        deserialize_f64 as_float64 visit_f64 "a 64-bit float",
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.give_text(Reader::Anything, visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.give_text(Reader::Parser, visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.give_text(Reader::Anything, visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // Bytes that came as they are can be borrowed.
        match (self.type_oid(), self.0.kind(), self.0.bytes()) {
            (oid::BYTEA, ValueKind::Binary, Some(bytes)) => visitor.visit_borrowed_bytes(bytes),
            _ => self.deserialize_byte_buf(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_byte_buf(self.bytea()?)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.kind() {
            ValueKind::Null => visitor.visit_none(),
            ValueKind::Text | ValueKind::Binary => visitor.visit_some(self),
            // Never None (P10).
            _ => Err(ReadError::NoValue.explain(self.0.field(), "value")),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.0.is_null() { visitor.visit_unit() } else { Err(self.refuse("NULL")) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        match self.0.kind() {
            ValueKind::Unchanged if name == maybe::NAME => visitor.visit_none(),
            ValueKind::Absent if name == maybe::NAME => visitor.visit_unit(),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_seq(visitor));
        self.with_parts("list")?.deserialize_seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_tuple(len, visitor));
        self.with_parts("list")?.deserialize_tuple(len, visitor)
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
        self.with_parts("map")?.deserialize_map(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_struct(name, fields, visitor));
        self.with_parts("struct")?.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        or_json!(self, |json| json.deserialize_enum(name, variants, visitor));
        let _ = (name, variants);
        match self.text(Reader::Anything)? {
            Cow::Borrowed(text) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            Cow::Owned(text) => visitor.visit_enum(StrDeserializer::new(&text)),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { identifier }
}
