//! The rows of a query as C sees them.

use super::boundary::boundary;
use super::connection::release;
use super::wal_bytes;
use crate::batch::{Relation, Value, ValueKind};
use crate::error::{Error, Result};
use crate::session::Rows;
use crate::wire::CopiedRows;

/// The rows that a query gave. Owned by whoever got them: wal_rows_free; read by any thread.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_rows {
    rows: Content,
    /// Views of the values of all rows, one row behind the other; none of a COPY.
    values: Vec<Value>,
}

/// Where they come from.
#[derive(Debug)]
enum Content {
    Answer(Rows),
    Copied(CopiedRows),
}

impl wal_rows {
    pub(super) fn of(rows: Rows) -> Result<Self> {
        let count = rows.rows.len().saturating_mul(rows.columns.len());
        let mut values = Vec::new();
        values
            .try_reserve_exact(count)
            .map_err(|_| Error::no_memory("the values of rows", count.saturating_mul(size_of::<Value>())))?;
        // The texts lie on the heap and stay where they are.
        values.extend(rows.rows.iter().flatten().map(|value| match value {
            Some(text) => Value::view(ValueKind::WAL_VALUE_TEXT, text.as_bytes()),
            None => Value::empty(ValueKind::WAL_VALUE_NULL),
        }));
        Ok(Self { rows: Content::Answer(rows), values })
    }

    pub(super) fn copied(rows: CopiedRows) -> Self {
        Self { rows: Content::Copied(rows), values: Vec::new() }
    }

    /// The values of a row; nothing where there is none, and of a COPY.
    fn values(&self, row: usize) -> Option<&[Value]> {
        let width = self.rows.width();
        let begin = row.checked_mul(width)?;
        self.values.get(begin..begin.checked_add(width)?).filter(|values| !values.is_empty())
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

/// The columns of a query's answer with their types, as those of a table: with it the accessors read what wal_rows_values gives.
/// It has no OID, and "the answer" for a name.
///
/// @param rows may be NULL
/// @return borrowed from the rows; NULL for rows of a COPY, whose types nobody tells, and where a statement gave no answer
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_relation(rows: *const wal_rows) -> *const Relation {
    let relation = |rows: &Content| match rows {
        Content::Answer(rows) => rows.relation.as_deref().map_or(std::ptr::null(), std::ptr::from_ref),
        Content::Copied(_) => std::ptr::null(),
    };
    // SAFETY: as `field` says.
    boundary!(neutral(std::ptr::null(); { unsafe { field(rows, std::ptr::null(), relation) } }))
}

/// The values of a row, one for each column, for the accessors that read values of events:
///
/// @code
/// wal_value_as_int64(&wal_rows_values(rows, row)[0], wal_rows_relation(rows), 0, &number, &error);
/// @endcode
///
/// @param rows may be NULL
/// @param row from 0
/// @return borrowed from the rows: wal_rows_column_count of them; NULL where there is no such row, and for rows of a COPY
/// @par Thread safety
/// any thread, several at once
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_rows_values(rows: *const wal_rows, row: usize) -> *const Value {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: `rows` is NULL or was given out and not freed yet.
        let values = unsafe { rows.as_ref() }.and_then(|rows| rows.values(row));
        values.map_or(std::ptr::null(), <[Value]>::as_ptr)
    }))
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
