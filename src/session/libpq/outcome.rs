//! libpq's result of a statement, and what a server's message is made of.
//!
//! It must never be looked at beyond the rows and columns that it says it has.

use std::ffi::{c_char, c_int};
use std::ptr::NonNull;

use libpq_sys as pq;

use super::connection::text;
use super::numbers;
use crate::wire::backend::ColumnDescription;
use crate::wire::{CopyForm, CopyOut, MOST_OF_FIELD};

/// What a value costs beside its bytes.
const VALUE: usize = size_of::<Option<String>>();

/// The fields of an error or a notice (protocol documentation, "Error and Notice Message Fields").
const FIELDS: &[u8] = b"SVCMDHPpqWstcdnFLR";

/// A result, freed when it is dropped.
pub(super) struct Outcome(NonNull<pq::PGresult>);

// SAFETY: plain memory, owned.
unsafe impl Send for Outcome {}

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The query was empty, or a statement without rows is done.
    Done,
    /// All rows of a statement, or the end of those that came one by one.
    Rows,
    /// One row of several.
    Row,
    /// An error, of the server's or of libpq's.
    Failed,
    /// COPY towards the client.
    CopyOut,
    /// COPY towards the server; or the server ended its half of COPY in both directions.
    CopyIn,
    /// COPY in both directions begins.
    CopyBoth,
    /// What a walsender never says.
    Other,
}

impl Outcome {
    /// SAFETY: NULL, or a result that nobody else frees.
    pub(super) unsafe fn owning(raw: *mut pq::PGresult) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    pub(super) fn kind(&self) -> Kind {
        // SAFETY: a live result.
        match unsafe { numbers::PQresultStatus(self.0.as_ptr()) } {
            0 | 1 => Kind::Done,
            2 => Kind::Rows,
            3 => Kind::CopyOut,
            4 => Kind::CopyIn,
            5 | 7 => Kind::Failed,
            8 => Kind::CopyBoth,
            9 => Kind::Row,
            _ => Kind::Other,
        }
    }

    /// What a COPY towards the client announces.
    pub(super) fn announced(&self) -> CopyOut {
        // SAFETY: a live result.
        let is_binary = unsafe { pq::PQbinaryTuples(self.0.as_ptr()) } != 0;
        let form = if is_binary { CopyForm::Binary } else { CopyForm::Text };
        CopyOut { form, columns: u16::try_from(self.width()).unwrap_or(0) }
    }

    pub(super) fn columns(&self) -> Vec<ColumnDescription> {
        let raw = self.0.as_ptr();
        let column = |at| ColumnDescription {
            // SAFETY: a live result, and numbers below its count.
            name: text(unsafe { pq::PQfname(raw, at) }).unwrap_or_default(),
            // SAFETY: as above.
            type_oid: unsafe { pq::PQftype(raw, at) },
            // SAFETY: as above.
            typmod: unsafe { pq::PQfmod(raw, at) },
        };
        (0..self.width()).map(column).collect()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<Option<String>>> {
        // SAFETY: a live result.
        let height = unsafe { pq::PQntuples(self.0.as_ptr()) };
        (0..height).map(|row| (0..self.width()).map(|column| self.value(row, column)).collect())
    }

    /// How many bytes the values of all rows have.
    pub(super) fn size(&self) -> usize {
        let raw = self.0.as_ptr();
        // SAFETY: a live result.
        let height = unsafe { pq::PQntuples(raw) };
        let row = |row| (0..self.width()).map(move |column| (row, column));
        // SAFETY: a live result, and numbers below its counts.
        let length = |(row, column)| unsafe { pq::PQgetlength(raw, row, column) };
        (0..height).flat_map(row).map(|at| usize::try_from(length(at)).unwrap_or(0) + VALUE).sum()
    }

    fn width(&self) -> c_int {
        // SAFETY: a live result.
        unsafe { pq::PQnfields(self.0.as_ptr()) }
    }

    fn value(&self, row: c_int, column: c_int) -> Option<String> {
        let raw = self.0.as_ptr();
        // SAFETY: a live result, and numbers below its counts; the value is copied.
        unsafe {
            if pq::PQgetisnull(raw, row, column) != 0 {
                return None;
            }
            text(pq::PQgetvalue(raw, row, column))
        }
    }

    /// The command's tag, as `SELECT 3`.
    pub(super) fn tag(&self) -> String {
        // SAFETY: a live result; the text is copied.
        text(unsafe { pq::PQcmdStatus(self.0.as_ptr()) }).unwrap_or_default()
    }

    /// An error of the server as the body of the message that it came in; `None` for one of libpq's own.
    pub(super) fn error_body(&self) -> Option<Vec<u8>> {
        let raw = self.0.as_ptr();
        // SAFETY: a live result.
        let has_code = unsafe { !pq::PQresultErrorField(raw, c_int::from(b'C')).is_null() };
        // SAFETY: as above.
        has_code.then(|| unsafe { body_of(raw) })
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { pq::PQclear(self.0.as_ptr()) };
    }
}

/// The body of the ErrorResponse or NoticeResponse that a result was made of.
///
/// SAFETY: a live result.
pub(super) unsafe fn body_of(result: *const pq::PGresult) -> Vec<u8> {
    let mut body = Vec::with_capacity(256);
    for field in FIELDS {
        // SAFETY: as the caller promised; a field that is not there gives NULL.
        let value: *const c_char = unsafe { pq::PQresultErrorField(result, c_int::from(*field)) };
        if !value.is_null() {
            body.push(*field);
            // SAFETY: a terminated text of the result, copied.
            let text = unsafe { std::ffi::CStr::from_ptr(value) }.to_bytes();
            // One byte more than is shown, so that it shows as cut.
            body.extend_from_slice(text.get(..=MOST_OF_FIELD).unwrap_or(text));
            body.push(0);
        }
    }
    body.push(0);
    body
}
