//! Types of columns as a Rust program asks for them.

use std::borrow::Cow;

use crate::batch::{Column, Type, TypeKind as Kind, TypeSource as Source};
use crate::types::{self, oid};

/// What a type is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TypeKind {
    /// The stream does not say: an enum, a composite, an array or range of a user's type, or a type of an extension.
    Unknown,
    /// A type without parts.
    Base,
    /// An array.
    Array,
    /// A row type.
    Composite,
    /// A range.
    Range,
    /// A multirange.
    Multirange,
    /// An enum.
    Enum,
    /// A domain over another type.
    Domain,
    /// What only functions have, such as record.
    Pseudo,
}

/// Where the knowledge of a type comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TypeSource {
    /// Nowhere: nothing is known but the OID.
    None,
    /// It is PostgreSQL's own.
    BuiltIn,
    /// The stream described it before the table, as it was when the change was made.
    Stream,
}

impl Type {
    /// One of PostgreSQL's own types.
    pub fn built_in(oid: u32) -> Option<&'static Self> {
        oid::find(oid)
    }

    /// Its OID.
    pub fn oid(&self) -> u32 {
        self.oid
    }

    /// What it is made of.
    pub fn kind(&self) -> TypeKind {
        match self.kind {
            Kind::WAL_TYPE_KIND_UNKNOWN => TypeKind::Unknown,
            Kind::WAL_TYPE_KIND_BASE => TypeKind::Base,
            Kind::WAL_TYPE_KIND_ARRAY => TypeKind::Array,
            Kind::WAL_TYPE_KIND_COMPOSITE => TypeKind::Composite,
            Kind::WAL_TYPE_KIND_RANGE => TypeKind::Range,
            Kind::WAL_TYPE_KIND_MULTIRANGE => TypeKind::Multirange,
            Kind::WAL_TYPE_KIND_ENUM => TypeKind::Enum,
            Kind::WAL_TYPE_KIND_DOMAIN => TypeKind::Domain,
            Kind::WAL_TYPE_KIND_PSEUDO => TypeKind::Pseudo,
        }
    }

    /// Where this comes from.
    pub fn source(&self) -> TypeSource {
        match self.source {
            Source::WAL_TYPE_SOURCE_NONE => TypeSource::None,
            Source::WAL_TYPE_SOURCE_BUILT_IN => TypeSource::BuiltIn,
            Source::WAL_TYPE_SOURCE_STREAM => TypeSource::Stream,
        }
    }

    /// Whether it is known how the binary form of its values is read. If not, only what is UTF-8 can be read, as text: an
    /// enum's label is right, and of another type nobody can tell.
    pub fn is_resolved(&self) -> bool {
        types::is_resolved(self)
    }

    /// Its schema. Empty where it is not known: the stream does not tell a domain's.
    pub fn namespace(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.namespace)
    }

    /// Its name in `pg_type`, as in `int4`. Empty where it is not known: the stream does not tell a domain's.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// Its name as SQL shows it, as in `integer`, of one of PostgreSQL's own.
    pub fn sql_name(&self) -> Option<&'static str> {
        (!self.sql_name.is_empty()).then_some(self.sql_name)
    }

    /// The type that a domain is over, which is never a domain.
    pub fn base(&self) -> Option<&'static Self> {
        oid::find(self.base_oid())
    }

    /// The element of an array, the subtype of a range, or the range of a multirange.
    pub fn element(&self) -> Option<&'static Self> {
        oid::find(self.element)
    }
}

impl Column {
    /// What is known of the column's type.
    pub fn data_type(&self) -> &Type {
        &self.data_type
    }
}
