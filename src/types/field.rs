//! What the accessors read, and what can be wrong with it. An error here is one byte until somebody asks for the
//! sentence; it must never show the value, which is the user's data.

use super::advice;
use super::oid;
use crate::batch::{Type, ValueKind};
use crate::error::{Error, Status};

/// One value and how it is read.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// A `wal_value_kind`.
    pub kind: u8,
    /// The bytes of a text or binary value.
    pub bytes: &'a [u8],
    /// OID of the type that the value is read as: a domain's base type. 0: the caller answers for the type.
    pub type_oid: u32,
    /// OID of the value's own type, which is another where that is a domain or known by its name; 0: not known.
    pub(super) of: u32,
}

/// Why a value cannot be read as what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is NULL, unchanged, or was not sent.
    NoValue,
    /// Its type is not one that the accessor reads.
    OtherType,
    /// It is binary, and what its type is made of is not known.
    Unresolved,
    /// Its bytes are not what its type, or the accessor, calls for.
    Malformed,
    /// It is too large, too small, or not exact in what was asked for.
    OutOfRange,
    /// There is no memory for its parts.
    NoMemory,
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
    /// A field of these parts. `type_oid` is read as it is: of what is not PostgreSQL's own nothing is known.
    #[inline]
    pub const fn new(kind: u8, bytes: &'a [u8], type_oid: u32) -> Self {
        Self { kind, bytes, type_oid, of: type_oid }
    }

    /// A field of a type.
    #[inline]
    pub fn of(kind: u8, bytes: &'a [u8], data_type: &Type) -> Self {
        Self { kind, bytes, type_oid: data_type.reads_as, of: data_type.oid }
    }

    /// The value, if there is one, of one of these types. Text of a type that is not PostgreSQL's own is taken too, where it
    /// parses. Binary never, unless the caller answers for its type.
    #[inline]
    pub(super) fn of_types(&self, types: &[u32]) -> Read<Form<'a>> {
        let form = self.form()?;
        if types.contains(&self.type_oid) || self.type_oid == 0 {
            return Ok(form);
        }
        self.of_other_type(form)
    }

    #[cold]
    fn of_other_type(&self, form: Form<'a>) -> Read<Form<'a>> {
        let is_foreign = !oid::is_built_in(self.type_oid);
        match form {
            Form::Text(_) if is_foreign || self.type_oid != self.of => Ok(form),
            Form::Binary(_) if is_foreign => Err(ReadError::Unresolved),
            _ => Err(ReadError::OtherType),
        }
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

    fn type_name(&self) -> String {
        if self.type_oid == oid::NOT_TOLD {
            return "a type that is not told".to_owned();
        }
        oid::label(self.type_oid)
            .map_or_else(|| format!("the type with OID {}", self.type_oid), str::to_owned)
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
            Self::OtherType | Self::Unresolved | Self::Malformed => Status::WAL_E_TYPE,
            Self::OutOfRange => Status::WAL_E_OUT_OF_RANGE,
            Self::NoMemory => Status::WAL_E_NO_MEMORY,
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
            Self::Unresolved => format!(
                "what {} is made of is not known, so that its {} bytes are not read as {wanted}",
                field.type_name(),
                field.bytes.len()
            ),
            Self::Malformed => {
                format!("the {} bytes of {} are not {wanted}", field.bytes.len(), field.type_name())
            }
            Self::OutOfRange => format!("the value of {} does not fit {wanted}", field.type_name()),
            Self::NoMemory => format!("no memory for the items of {wanted}"),
        };
        let error = Error::new(self.status(), sentence);
        match advice::of(self, field) {
            Some(advice) => error.with_hint(advice),
            None => error,
        }
    }
}

/// The bytes of a binary value of fixed length.
#[inline]
pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> Read<[u8; N]> {
    bytes.try_into().map_err(|_| ReadError::Malformed)
}
