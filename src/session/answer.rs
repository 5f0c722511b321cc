//! What an answer may be, whatever carries it: how large, and what is said where it is not taken. It must never hold a
//! word of the statement beyond the first.

use crate::error::{Error, Status};

/// What comes over a connection on which nothing was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// Nothing, or what a server may say at any time.
    Nothing,
    /// An error, or the end: the server ended the session.
    End,
}

/// The most that the rows of one answer may take.
pub(super) const MAX_ANSWER: usize = 16 << 20;

/// The most that is thrown away of an answer that is refused; then the connection is.
pub(super) const MAX_REFUSED: usize = 256 << 20;

#[cold]
pub(super) fn too_large(doing: &str) -> Error {
    Error::new(
        Status::WAL_E_OUT_OF_RANGE,
        format!("{doing}: the answer is larger than {MAX_ANSWER} bytes, so that it was thrown away"),
    )
    .with_hint("Ask for less, or use a connection of a PostgreSQL client for large answers.")
}

#[cold]
pub(super) fn copy_refused(doing: &str) -> Error {
    Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("{doing}: COPY is not taken here, and was refused"))
        .with_hint("Open a COPY to have its rows in batches; open a stream for changes.")
}

#[cold]
pub(super) fn no_copy() -> Error {
    Error::new(Status::WAL_E_INVALID_ARGUMENT, "the statement is no COPY towards the client")
        .with_hint("Write COPY … TO STDOUT.")
}

/// The command's name, for errors. The rest may hold what nobody should see.
pub(super) fn first_word(sql: &str) -> &str {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| !word.is_empty())
        .unwrap_or("query")
}
