//! Published tables as C sees them.

use std::ffi::c_char;

use super::boundary::boundary;
use super::connection::release;
use super::wal_bytes;
use crate::stream::PublishedTable;

/// A table of a publication, borrowed from its list.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_table {
    table: PublishedTable,
}

/// The tables of a publication, by schema and name. Owned by whoever got them: wal_tables_free; read by any thread.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_tables {
    tables: Vec<wal_table>,
}

impl wal_tables {
    pub(super) fn of(tables: Vec<PublishedTable>) -> Self {
        Self { tables: tables.into_iter().map(|table| wal_table { table }).collect() }
    }
}

/// SAFETY of the accessors below: the contract: `table` is NULL or borrowed from a list that was not freed yet.
unsafe fn field<T>(table: *const wal_table, neutral: T, get: impl FnOnce(&PublishedTable) -> T) -> T {
    // SAFETY: see above.
    unsafe { table.as_ref() }.map_or(neutral, |table| get(&table.table))
}

/// Its schema.
///
/// @param table may be NULL
/// @return borrowed from the list
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_table_namespace(table: *const wal_table) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(table, wal_bytes::NOTHING, |it| wal_bytes::of(it.namespace.as_bytes())) } }))
}

/// Its name.
///
/// @param table may be NULL
/// @return borrowed from the list
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_table_name(table: *const wal_table) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(table, wal_bytes::NOTHING, |it| wal_bytes::of(it.name.as_bytes())) } }))
}

/// Its oid.
///
/// @param table may be NULL
/// @return the oid, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_table_oid(table: *const wal_table) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(table, 0, |it| it.oid) } }))
}

/// Its replica identity: 'd' default, 'n' nothing, 'f' full, 'i' index.
///
/// @param table may be NULL
/// @return the letter, or 0
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_table_replica_identity(table: *const wal_table) -> c_char {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(table, 0, |it| it.replica_identity as c_char) } }))
}

/// Whether the server can say which row an update or delete was about. If it cannot, and the publication publishes
/// updates or deletes, it refuses every UPDATE or DELETE of this table.
///
/// @param table may be NULL
/// @return a wal_identity_code; WAL_IDENTITY_USABLE if it can, or neither is published
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_table_identity(table: *const wal_table) -> u32 {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(table, 0, |it| it.identity as u32) } }))
}

/// The published columns, separated by commas and quoted where SQL needs it (15).
///
/// @param table may be NULL
/// @return borrowed from the list; empty before 15, which publishes all columns
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_table_columns(table: *const wal_table) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(table, wal_bytes::NOTHING, |it| wal_bytes::of(it.columns.as_bytes())) } }))
}

/// The condition on the rows that are published, as SQL (15).
///
/// @param table may be NULL
/// @return borrowed from the list; empty if all rows are
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_table_row_filter(table: *const wal_table) -> wal_bytes {
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(table, wal_bytes::NOTHING, |it| wal_bytes::of(it.row_filter.as_bytes())) } }))
}

/// How many tables the list has.
///
/// @param tables may be NULL, which gives 0
/// @return the number
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_tables_count(tables: *const wal_tables) -> usize {
    // SAFETY: the contract: NULL or a live list.
    boundary!(neutral(0; { unsafe { tables.as_ref() }.map_or(0, |it| it.tables.len()) }))
}

/// One of the list.
///
/// @param tables may be NULL
/// @param index from 0
/// @return borrowed from the list; NULL where there is none of this index
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_tables_at(tables: *const wal_tables, index: usize) -> *const wal_table {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live list.
        unsafe { tables.as_ref() }.and_then(|it| it.tables.get(index)).map_or(std::ptr::null(), std::ptr::from_ref)
    }))
}

/// Frees a list with all that is borrowed from it.
///
/// @param tables may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_tables_free(tables: *mut wal_tables) {
    // SAFETY: the contract: given out, and freed once.
    boundary!(neutral((); { unsafe { release(tables) } }));
}
