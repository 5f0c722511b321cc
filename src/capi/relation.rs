//! Relations as C sees them. Immutable: every accessor may be called on any thread, several at once.

use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{boundary, not_null, text};
use super::{wal_bytes, wal_error, wal_status};
use crate::batch::{Column, Relation};
use crate::error::Status;

/// SAFETY of the accessors below: the contract: `relation` is NULL or lives.
unsafe fn field<T>(relation: *const Relation, neutral: T, get: impl FnOnce(&Relation) -> T) -> T {
    // SAFETY: see above.
    unsafe { relation.as_ref() }.map_or(neutral, get)
}

/// SAFETY: as `field`.
unsafe fn of_column<T>(
    relation: *const Relation,
    column: u32,
    neutral: T,
    get: impl FnOnce(&Column) -> T,
) -> T {
    // SAFETY: see above.
    unsafe { relation.as_ref() }
        .and_then(|relation| relation.columns.get(column as usize))
        .map_or(neutral, get)
}

/// The table's OID; 0 for NULL.
///
/// @return the OID, or 0
/// @param relation may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_oid(relation: *const Relation) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(relation, 0, |relation| relation.oid) } }))
}

/// Which definition of the table this is, counted from 1 within the stream. OID and generation are a key for what a
/// program remembers of a table: the same definition sent again, as after a reconnect, keeps its generation. Another
/// stream, replay or decoder counts from 1 again. A rewriting ALTER TABLE, or DROP and ADD of a column, may leave no trace
/// (docs/limits.md).
///
/// @return the generation, or 0
/// @param relation may be NULL, which gives 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_generation(relation: *const Relation) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(relation, 0, |relation| relation.generation) } }))
}

/// The schema's name.
///
/// @param relation may be NULL, which gives nothing
/// @return borrowed from the relation
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_namespace(relation: *const Relation) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(relation, wal_bytes::NOTHING, |relation| wal_bytes::of(&relation.namespace)) } }))
}

/// The table's name.
///
/// @param relation may be NULL, which gives nothing
/// @return borrowed from the relation
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_name(relation: *const Relation) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(relation, wal_bytes::NOTHING, |relation| wal_bytes::of(&relation.name)) } }))
}

/// What identifies an old row: 'd' the primary key, 'n' nothing, 'f' the full row, 'i' an index (PostgreSQL
/// documentation, pg_class.relreplident); 0 for NULL.
///
/// @return the letter, or 0
/// @param relation may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_replica_identity(relation: *const Relation) -> c_char {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(relation, 0, |relation| relation.replica_identity as c_char) } }))
}

/// How many columns are published: as many values has a row.
///
/// @return the number, or 0
/// @param relation may be NULL, which gives 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_column_count(relation: *const Relation) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(relation, 0, |relation| relation.columns.len() as u32) } }))
}

/// The place of a column, from 0.
///
/// @param relation may be NULL
/// @param[in] name of the column, terminated by NUL
/// @return the index, or -1 if there is no such column
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_column_index(relation: *const Relation, name: *const c_char) -> i32 {
    boundary!(neutral(-1; {
        // SAFETY: as `field` says; `name` is NULL or NUL-terminated.
        unsafe {
            field(relation, -1, |relation| {
                let place = text(name, "name").ok().and_then(|name| {
                    relation.columns.iter().position(|column| &*column.name == name.as_bytes())
                });
                place.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1)
            })
        }
    }))
}

/// A column's name.
///
/// @param relation may be NULL
/// @param[in] column from 0
/// @return borrowed from the relation; nothing if there is no such column
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_column_name(relation: *const Relation, column: u32) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { of_column(relation, column, wal_bytes::NOTHING, |column| wal_bytes::of(&column.name)) } }))
}

/// OID of a column's type; 0 if there is no such column.
///
/// @return the OID, or 0
/// @param relation may be NULL
/// @param[in] column from 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_column_type(relation: *const Relation, column: u32) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { of_column(relation, column, 0, |column| column.type_oid) } }))
}

/// A column's type modifier, such as the length of a varchar plus 4; -1 where there is none.
///
/// @return the modifier, or -1
/// @param relation may be NULL
/// @param[in] column from 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_column_typmod(relation: *const Relation, column: u32) -> i32 {
    // SAFETY: as `field` says.
    boundary!(neutral(-1; { unsafe { of_column(relation, column, -1, |column| column.typmod) } }))
}

/// 1 if a column is part of the replica identity, else 0.
///
/// @return 1 or 0
/// @param relation may be NULL
/// @param[in] column from 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_column_is_key(relation: *const Relation, column: u32) -> i32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { of_column(relation, column, 0, |column| i32::from(column.is_key)) } }))
}

/// Keeps a relation beyond the life of its batch.
///
/// @param[in] relation to keep
/// @param[out] out the same relation, owned by the caller: wal_relation_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_retain(
    relation: *const Relation,
    out: *mut *mut Relation,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        not_null(relation, "relation")?;
        // SAFETY: the contract: a live relation; all that are handed out are the pointers of Arcs. `out` is checked.
        unsafe {
            Arc::increment_strong_count(relation);
            out.write(relation.cast_mut());
        }
        Ok(Status::WAL_OK)
    }))
}

/// Gives back what wal_relation_retain gave. Never for a relation of an event.
///
/// @param relation may be NULL
/// @par Thread safety
/// once for each wal_relation_retain, from any thread
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_relation_free(relation: *mut Relation) {
    boundary!(neutral((); {
        if !relation.is_null() {
            // SAFETY: the contract: given by `wal_relation_retain`, once.
            unsafe { Arc::decrement_strong_count(relation) };
        }
    }));
}
