//! What is known of a type: plain, immutable, shared. It must never be looked up in the server's catalog: what holds today need
//! not have held when a row was written (P11).

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

/// What a type is made of.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum TypeKind {
    /// The stream does not say: an enum, a composite, an array or range of a user's type, or a type of an extension.
    WAL_TYPE_KIND_UNKNOWN = 0,
    /// A type without parts.
    WAL_TYPE_KIND_BASE = 1,
    /// An array.
    WAL_TYPE_KIND_ARRAY = 2,
    /// A row type.
    WAL_TYPE_KIND_COMPOSITE = 3,
    /// A range.
    WAL_TYPE_KIND_RANGE = 4,
    /// A multirange.
    WAL_TYPE_KIND_MULTIRANGE = 5,
    /// An enum.
    WAL_TYPE_KIND_ENUM = 6,
    /// A domain over another type.
    WAL_TYPE_KIND_DOMAIN = 7,
    /// What only functions have, such as record.
    WAL_TYPE_KIND_PSEUDO = 8,
}

#[allow(non_upper_case_globals, reason = "the short names of the variants, for the table of types")]
impl TypeKind {
    pub(crate) const Base: Self = Self::WAL_TYPE_KIND_BASE;
    pub(crate) const Array: Self = Self::WAL_TYPE_KIND_ARRAY;
    pub(crate) const Composite: Self = Self::WAL_TYPE_KIND_COMPOSITE;
    pub(crate) const Range: Self = Self::WAL_TYPE_KIND_RANGE;
    pub(crate) const Multirange: Self = Self::WAL_TYPE_KIND_MULTIRANGE;
    pub(crate) const Pseudo: Self = Self::WAL_TYPE_KIND_PSEUDO;
}

/// Where the knowledge of a type comes from.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum TypeSource {
    /// Nowhere: nothing is known but the OID.
    WAL_TYPE_SOURCE_NONE = 0,
    /// It is PostgreSQL's own, and the library knows it.
    WAL_TYPE_SOURCE_BUILT_IN = 1,
    /// The stream described it before the table, as it was when the change was made.
    WAL_TYPE_SOURCE_STREAM = 2,
}

/// A type of a column.
///
/// PostgreSQL's own live for ever, the others as long as the relation whose column they are of.
#[derive(Debug, PartialEq, Eq)]
pub struct Type {
    /// Its OID.
    pub(crate) oid: u32,
    /// The OID by which accessors read its binary form: the base type's for a domain. Its own where nothing is known.
    pub(crate) reads_as: u32,
    /// Of an array its element, of a range its subtype, of a multirange its range; else 0.
    pub(crate) element: u32,
    /// What it is made of.
    pub(crate) kind: TypeKind,
    /// Where this comes from.
    pub(crate) source: TypeSource,
    /// Its schema; empty where it is not known.
    pub(crate) namespace: Cow<'static, [u8]>,
    /// Its name in pg_type; empty where it is not known.
    pub(crate) name: Cow<'static, [u8]>,
    /// Its name as SQL shows it, of PostgreSQL's own; else empty.
    pub(crate) sql_name: &'static str,
}

impl Type {
    /// One of PostgreSQL's own.
    pub(crate) const fn of_catalog(
        oid: u32,
        kind: TypeKind,
        name: &'static str,
        sql_name: &'static str,
        element: u32,
    ) -> Self {
        Self {
            oid,
            reads_as: oid,
            element,
            kind,
            source: TypeSource::WAL_TYPE_SOURCE_BUILT_IN,
            namespace: Cow::Borrowed(b"pg_catalog"),
            name: Cow::Borrowed(name.as_bytes()),
            sql_name,
        }
    }

    /// A domain over one of PostgreSQL's own, of which the stream tells no name.
    pub(crate) fn domain(oid: u32, base: &'static Self) -> Self {
        Self {
            reads_as: base.oid,
            kind: TypeKind::WAL_TYPE_KIND_DOMAIN,
            source: TypeSource::WAL_TYPE_SOURCE_STREAM,
            ..Self::unknown(oid)
        }
    }

    /// One that is known by its name alone, and how it is read.
    pub(crate) fn named(oid: u32, namespace: &[u8], name: &[u8], reads_as: u32) -> Self {
        Self {
            reads_as,
            source: TypeSource::WAL_TYPE_SOURCE_STREAM,
            namespace: Cow::Owned(namespace.to_vec()),
            name: Cow::Owned(name.to_vec()),
            ..Self::unknown(oid)
        }
    }

    /// One of which nothing is known.
    pub(crate) const fn unknown(oid: u32) -> Self {
        Self {
            oid,
            reads_as: oid,
            element: 0,
            kind: TypeKind::WAL_TYPE_KIND_UNKNOWN,
            source: TypeSource::WAL_TYPE_SOURCE_NONE,
            namespace: Cow::Borrowed(b""),
            name: Cow::Borrowed(b""),
            sql_name: "",
        }
    }

    /// OID of the type that a domain is over; 0 for what is no domain.
    pub(crate) fn base_oid(&self) -> u32 {
        if self.kind == TypeKind::WAL_TYPE_KIND_DOMAIN { self.reads_as } else { 0 }
    }

    /// How much memory it takes, about.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.namespace.len() + self.name.len()
    }
}

/// A type, kept alive.
#[derive(Clone, Debug)]
pub enum TypeRef {
    /// One of PostgreSQL's own.
    Static(&'static Type),
    /// One that the stream described.
    Shared(Arc<Type>),
}

impl Deref for TypeRef {
    type Target = Type;

    fn deref(&self) -> &Type {
        match self {
            Self::Static(it) => it,
            Self::Shared(it) => it,
        }
    }
}

impl PartialEq for TypeRef {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TypeRef {}

impl From<&'static Type> for TypeRef {
    fn from(it: &'static Type) -> Self {
        Self::Static(it)
    }
}

impl From<Type> for TypeRef {
    fn from(it: Type) -> Self {
        Self::Shared(Arc::new(it))
    }
}
