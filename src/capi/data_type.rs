//! Types of columns as C sees them. Immutable: every accessor may be called on any thread, several at once.

use super::boundary::boundary;
use super::wal_bytes;
use crate::batch::{Relation, Type};
use crate::types::{self, oid};

/// SAFETY of the accessors below: the contract: `of` is NULL or lives.
unsafe fn field<T>(of: *const Type, neutral: T, get: impl FnOnce(&Type) -> T) -> T {
    // SAFETY: see above.
    unsafe { of.as_ref() }.map_or(neutral, get)
}

fn pointer(of: Option<&Type>) -> *const Type {
    of.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// What is known of a column's type, from the stream alone: nothing is asked of the server, and it is what held when the
/// change was made. The server describes each type that is not built in before the table (PostgreSQL documentation, "Logical
/// Replication Message Formats", Type): for a domain with the name of its base type, through any depth of domains
/// (logicalrep_write_typ). So a domain over a built-in type is known with its base and without its own name; of enums,
/// composites, arrays of them, and types of extensions the name is known.
///
/// @param relation may be NULL
/// @param[in] column from 0
/// @return borrowed from the relation, and the same for the same type; NULL if there is no such column
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_column_type_info(
    relation: *const Relation,
    column: u32,
) -> *const Type {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live relation.
        let relation = unsafe { relation.as_ref() };
        pointer(relation.and_then(|it| it.columns.get(column as usize)).map(|column| &*column.data_type))
    }))
}

/// One of PostgreSQL's own types, by its OID: those that 14 to 18 have, with their arrays, ranges and multiranges.
///
/// @param[in] oid of the type
/// @return static; NULL for an OID that is none of theirs
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub extern "C" fn wal_type_built_in(oid: u32) -> *const Type {
    boundary!(neutral(std::ptr::null(); { pointer(oid::find(oid)) }))
}

/// The type's OID, which of other than built-in types is of one database only.
///
/// @param data_type may be NULL, which gives 0
/// @return the OID, or 0
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_oid(data_type: *const Type) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(data_type, 0, |it| it.oid) } }))
}

/// What the type is made of.
///
/// @param data_type may be NULL, which gives WAL_TYPE_KIND_UNKNOWN
/// @return a wal_type_kind_code; WAL_TYPE_KIND_UNKNOWN where the stream tells no more than the name
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_kind(data_type: *const Type) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(data_type, 0, |it| it.kind as u32) } }))
}

/// Where the knowledge of the type comes from.
///
/// @param data_type may be NULL, which gives WAL_TYPE_SOURCE_NONE
/// @return a wal_type_source_code
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_source(data_type: *const Type) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(data_type, 0, |it| it.source as u32) } }))
}

/// Whether it is known how the binary form of the type's values is read. If not, wal_value_as_text() gives what is UTF-8 (an
/// enum's label is right, of another type nobody can tell), and every other accessor of a binary value gives WAL_E_TYPE. Types of
/// extensions are known by their names: a user's own type that is named hstore, say, is taken for it, and its values are
/// WAL_E_TYPE where their bytes are not such.
///
/// @param data_type may be NULL, which gives 0
/// @return 1 or 0
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_is_resolved(data_type: *const Type) -> i32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(data_type, 0, |it| i32::from(types::is_resolved(it))) } }))
}

/// The schema that the type is in.
///
/// @param data_type may be NULL, which gives nothing
/// @return borrowed from the type; empty where it is not known, as of domains, which the stream does not name
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_namespace(data_type: *const Type) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(data_type, wal_bytes::NOTHING, |it| wal_bytes::of(&it.namespace)) } }))
}

/// The type's name in pg_type, as in "int4" or "_int4".
///
/// @param data_type may be NULL, which gives nothing
/// @return borrowed from the type; empty where it is not known, as of domains, which the stream does not name
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_name(data_type: *const Type) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(data_type, wal_bytes::NOTHING, |it| wal_bytes::of(&it.name)) } }))
}

/// The name of a built-in type as SQL shows it (format_type without a modifier), as in "integer" or "integer[]".
///
/// @param data_type may be NULL, which gives nothing
/// @return static; empty for what is not built in
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_sql_name(data_type: *const Type) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(data_type, wal_bytes::NOTHING, |it| wal_bytes::of(it.sql_name.as_bytes())) } }))
}

/// The type that a domain is over, which is no domain itself.
///
/// @param data_type may be NULL
/// @return static; NULL for what is no domain
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_base(data_type: *const Type) -> *const Type {
    // SAFETY: as `field` says.
    boundary!(neutral(std::ptr::null(); { unsafe { field(data_type, std::ptr::null(), |it| pointer(oid::find(it.base_oid()))) } }))
}

/// The element of an array, the subtype of a range, or the range of a multirange. Of a domain over one, ask its base.
///
/// @param data_type may be NULL
/// @return static; NULL for what has none, or of which it is not known
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_type_element(data_type: *const Type) -> *const Type {
    // SAFETY: as `field` says.
    boundary!(neutral(std::ptr::null(); { unsafe { field(data_type, std::ptr::null(), |it| pointer(oid::find(it.element))) } }))
}
