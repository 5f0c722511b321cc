//! What the accessors read, and what can be wrong with it. An error here is one byte until somebody asks for the
//! sentence; it must never show the value, which is the user's data.

use super::oid;
use crate::batch::ValueKind;
use crate::error::{Error, Status};

/// One value and its column's type.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// A `wal_value_kind`.
    pub kind: u8,
    /// The bytes of a text or binary value.
    pub bytes: &'a [u8],
    /// OID of the column's type, 0 where it is not known.
    pub type_oid: u32,
}

/// Why a value cannot be read as what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is NULL, unchanged, or was not sent.
    NoValue,
    /// Its type is not one that the accessor reads.
    OtherType,
    /// Its bytes are not what its type, or the accessor, calls for.
    Malformed,
    /// It is too large, too small, or not exact in what was asked for.
    OutOfRange,
}

/// A value in one of the two forms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    /// What the type's output function wrote.
    Text(&'a [u8]),
    /// What the type's send function wrote.
    Binary(&'a [u8]),
}

/// The result of an accessor.
pub(super) type Read<T> = Result<T, ReadError>;

impl<'a> Field<'a> {
    /// A field of these parts.
    #[inline]
    pub const fn new(kind: u8, bytes: &'a [u8], type_oid: u32) -> Self {
        Self { kind, bytes, type_oid }
    }

    /// The value, if there is one, of one of these types or of one that is not PostgreSQL's own.
    #[inline]
    pub(super) fn of_types(&self, types: &[u32]) -> Read<Form<'a>> {
        let form = self.form()?;
        if types.contains(&self.type_oid) || self.is_foreign() { Ok(form) } else { Err(ReadError::OtherType) }
    }

    /// The value, if there is one.
    #[inline]
    pub(super) fn form(&self) -> Read<Form<'a>> {
        const TEXT: u8 = ValueKind::WAL_VALUE_TEXT as u8;
        const BINARY: u8 = ValueKind::WAL_VALUE_BINARY as u8;
        match self.kind {
            TEXT => Ok(Form::Text(self.bytes)),
            BINARY => Ok(Form::Binary(self.bytes)),
            _ => Err(ReadError::NoValue),
        }
    }

    /// Whether nothing is known of the type, so that the accessor decides.
    #[inline]
    pub(super) fn is_foreign(&self) -> bool {
        !oid::is_built_in(self.type_oid)
    }

    fn type_name(&self) -> String {
        match oid::name(self.type_oid) {
            Some(name) => name.to_owned(),
            None => format!("the type with OID {}", self.type_oid),
        }
    }

    fn kind_name(&self) -> &'static str {
        const NULL: u8 = ValueKind::WAL_VALUE_NULL as u8;
        const UNCHANGED: u8 = ValueKind::WAL_VALUE_UNCHANGED as u8;
        const ABSENT: u8 = ValueKind::WAL_VALUE_ABSENT as u8;
        match self.kind {
            NULL => "NULL",
            UNCHANGED => "unchanged TOAST, which the server does not send",
            ABSENT => "not part of the replica identity and was not sent",
            _ => "of a kind without bytes",
        }
    }
}

impl ReadError {
    /// The class of the error.
    pub fn status(self) -> Status {
        match self {
            Self::NoValue => Status::WAL_E_NO_VALUE,
            Self::OtherType | Self::Malformed => Status::WAL_E_TYPE,
            Self::OutOfRange => Status::WAL_E_OUT_OF_RANGE,
        }
    }

    /// The whole error; `wanted` names what was asked for.
    #[cold]
    pub fn explain(self, field: Field<'_>, wanted: &str) -> Error {
        let sentence = match self {
            Self::NoValue => {
                format!("there is nothing to read as {wanted}: the value is {}", field.kind_name())
            }
            Self::OtherType => format!("{} cannot be read as {wanted}", field.type_name()),
            Self::Malformed => {
                format!("the {} bytes of {} are not {wanted}", field.bytes.len(), field.type_name())
            }
            Self::OutOfRange => format!("the value of {} does not fit {wanted}", field.type_name()),
        };
        Error::new(self.status(), sentence)
    }
}

/// The bytes of a binary value of fixed length.
#[inline]
pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> Read<[u8; N]> {
    bytes.try_into().map_err(|_| ReadError::Malformed)
}
