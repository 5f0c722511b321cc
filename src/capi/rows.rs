//! The rows of a query as C sees them.

use super::boundary::boundary;
use super::connection::release;
use super::wal_bytes;
use crate::session::Rows;
use crate::wire::CopiedRows;

/// The rows that a query gave. Owned by whoever got them: wal_rows_free; read by any thread.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_rows {
    rows: Content,
}

/// Where they come from.
#[derive(Debug)]
enum Content {
    Answer(Rows),
    Copied(CopiedRows),
}

impl wal_rows {
    pub(super) fn of(rows: Rows) -> Self {
        Self { rows: Content::Answer(rows) }
    }

    pub(super) fn copied(rows: CopiedRows) -> Self {
        Self { rows: Content::Copied(rows) }
    }
}

impl Content {
    fn count(&self) -> usize {
        match self {
            Self::Answer(rows) => rows.rows.len(),
            Self::Copied(rows) => rows.count(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Answer(rows) => rows.columns.len(),
            Self::Copied(rows) => rows.columns(),
        }
    }

    fn name(&self, column: usize) -> Option<&[u8]> {
        match self {
            Self::Answer(rows) => rows.columns.get(column).map(String::as_bytes),
            Self::Copied(_) => None,
        }
    }

    fn value(&self, row: usize, column: usize) -> Option<&[u8]> {
        match self {
            Self::Answer(rows) => rows.rows.get(row)?.get(column)?.as_deref().map(str::as_bytes),
            Self::Copied(rows) => rows.value(row, column),
        }
    }
}

/// SAFETY of the accessors below: the contract: `rows` is NULL or was given out and not freed yet.
unsafe fn field<T>(rows: *const wal_rows, neutral: T, get: impl FnOnce(&Content) -> T) -> T {
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
    boundary!(neutral(0; { unsafe { field(rows, 0, Content::count) } }))
}

/// How many columns each row has.
///
/// @param rows may be NULL, which gives 0
/// @return the number
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_column_count(rows: *const wal_rows) -> usize {
    // SAFETY: as `field` says.
    boundary!(neutral(0; { unsafe { field(rows, 0, Content::width) } }))
}

/// The name of a column. COPY gives none.
///
/// @param rows may be NULL
/// @param column from 0
/// @return borrowed from the rows; nothing where there is no such column
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_column_name(rows: *const wal_rows, column: usize) -> wal_bytes {
    boundary!(neutral(wal_bytes::NOTHING; {
        // SAFETY: as `field` says.
        unsafe { field(rows, wal_bytes::NOTHING, |rows| rows.name(column).map_or(wal_bytes::NOTHING, wal_bytes::of)) }
    }))
}

/// A value: as text, or as bytes where a COPY gives them (wal_copy_next_batch).
///
/// @param rows may be NULL
/// @param row from 0
/// @param column from 0
/// @return borrowed from the rows; nothing (data is NULL) where the value is NULL or not there
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_value(rows: *const wal_rows, row: usize, column: usize) -> wal_bytes {
    let value = |rows: &Content| rows.value(row, column).map_or(wal_bytes::NOTHING, wal_bytes::of);
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
