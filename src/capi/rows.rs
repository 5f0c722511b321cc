//! The rows of a query as C sees them.

use super::boundary::boundary;
use super::connection::release;
use super::wal_bytes;
use crate::session::Rows;

/// The rows that a query gave. Owned by whoever got them: wal_rows_free; read by any thread.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_rows {
    rows: Rows,
}

impl wal_rows {
    pub(super) fn of(rows: Rows) -> Self {
        Self { rows }
    }
}

/// SAFETY of the accessors below: the contract: `rows` is NULL or was given out and not freed yet.
unsafe fn field<T>(rows: *const wal_rows, neutral: T, get: impl FnOnce(&Rows) -> T) -> T {
    // SAFETY: see above.
    unsafe { rows.as_ref() }.map_or(neutral, |rows| get(&rows.rows))
}

/// How many rows there are.
///
/// @param rows may be NULL, which gives 0
/// @return the number
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_count(rows: *const wal_rows) -> usize {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(rows, 0, |rows| rows.rows.len()) } }))
}

/// How many columns each row has.
///
/// @param rows may be NULL, which gives 0
/// @return the number
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_column_count(rows: *const wal_rows) -> usize {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(rows, 0, |rows| rows.columns.len()) } }))
}

/// The name of a column.
///
/// @param rows may be NULL
/// @param column from 0
/// @return borrowed from the rows; nothing where there is no such column
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_column_name(rows: *const wal_rows, column: usize) -> wal_bytes {
    boundary!(neutral(wal_bytes::NOTHING; {
        // SAFETY: as `field` says.
        unsafe { field(rows, wal_bytes::NOTHING, |rows| rows.columns.get(column).map_or(wal_bytes::NOTHING, |name| wal_bytes::of(name.as_bytes()))) }
    }))
}

/// A value, as text.
///
/// @param rows may be NULL
/// @param row from 0
/// @param column from 0
/// @return borrowed from the rows; nothing (data is NULL) where the value is NULL or not there
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_value(rows: *const wal_rows, row: usize, column: usize) -> wal_bytes {
    let value = |rows: &Rows| {
        let value = rows.rows.get(row).and_then(|row| row.get(column)?.as_ref());
        value.map_or(wal_bytes::NOTHING, |value| wal_bytes::of(value.as_bytes()))
    };
    // SAFETY: as `field` says.
    boundary!(neutral(wal_bytes::NOTHING; { unsafe { field(rows, wal_bytes::NOTHING, value) } }))
}

/// Frees rows.
///
/// @param rows may be NULL
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_free(rows: *mut wal_rows) {
    // SAFETY: the contract: given out, and freed once.
    boundary!(neutral((); { unsafe { release(rows) } }));
}
