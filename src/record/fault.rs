//! What is wrong with a page or a record, as errors. It must never show the bytes of a record.

use std::fmt::Display;

use crate::error::{Error, Status};
use crate::lsn::Lsn;

/// A damaged record, or what is no record: the place, and what is wrong with it.
#[cold]
#[inline(never)]
pub fn of_record(at: u64, what: impl Display) -> Error {
    Error::new(Status::WAL_E_RECORD, format!("WAL record at {}: {what}", Lsn(at)))
}

/// A damaged page, or what is no page of this WAL.
#[cold]
#[inline(never)]
pub fn of_page(at: u64, what: impl Display) -> Error {
    Error::new(Status::WAL_E_RECORD, format!("WAL page at {}: {what}", Lsn(at)))
}

/// WAL of a release that this library does not know.
#[cold]
pub fn unsupported(what: impl Display) -> Error {
    Error::new(Status::WAL_E_UNSUPPORTED_WAL, what.to_string())
}
