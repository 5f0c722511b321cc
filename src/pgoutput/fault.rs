//! What can be wrong with a message, small enough to return from the innermost loop, and the error made of it.
//! It must never hold bytes of a message: rows are the user's data.

use crate::error::{Error, Status};
use crate::lsn::Lsn;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It breaks its format, or comes where it must not.
    Malformed(&'static str),
    /// The same, in one column of a tuple, counted from 1.
    Column(&'static str, u16),
    /// It names a relation that this connection never described.
    UnknownRelation(u32),
    /// Its kind is not known.
    UnknownKind,
    /// There is no memory for what it is about, of so many bytes.
    NoMemory(&'static str, u16),
}

/// The result of reading a part of a message.
pub(super) type Read<T> = Result<T, Fault>;

impl Fault {
    /// The error, with all that is needed to find the message again.
    #[cold]
    #[inline(never)]
    pub(super) fn explain(self, lsn: u64, message: &[u8]) -> Error {
        let at = Lsn(lsn);
        let kind = kind_name(message);
        let error = match self {
            Self::Malformed(reason) => Error::new(
                Status::WAL_E_DECODE,
                format!("malformed replication message {kind} at {at}: {reason}"),
            ),
            Self::Column(reason, column) => Error::new(
                Status::WAL_E_DECODE,
                format!("malformed replication message {kind} at {at}: {reason} in column {column} of a row"),
            ),
            Self::UnknownRelation(oid) => Error::new(
                Status::WAL_E_UNKNOWN_RELATION,
                format!("replication message {kind} at {at}: relation {oid} was never described"),
            ),
            Self::UnknownKind => Error::new(
                Status::WAL_E_UNKNOWN_MESSAGE,
                format!("replication message of the unknown kind {kind} at {at}"),
            )
            .with_hint(
                "Nothing is lost: the slot stays where it is. A newer pgwalstream may know this kind of message.",
            ),
            Self::NoMemory(what, bytes) => Error::no_memory(what, bytes.into()),
        };
        error.with_detail(detail(at, &kind, message))
    }
}

/// The error of a message that breaks its format, or comes where it must not, for whoever reads no more of it.
#[cold]
pub fn malformed(reason: &'static str, lsn: u64, message: &[u8]) -> Error {
    Fault::Malformed(reason).explain(lsn, message)
}

/// The kind as a letter, or as a number where it is none.
fn kind_name(message: &[u8]) -> String {
    match message.first() {
        Some(kind) if kind.is_ascii_graphic() => format!("'{}'", char::from(*kind)),
        Some(kind) => format!("0x{kind:02x}"),
        None => "of no kind".to_owned(),
    }
}

/// Where the message is to be found again. Its bytes are the user's data.
fn detail(at: Lsn, kind: &str, message: &[u8]) -> String {
    format!("LSN {at}, kind {kind}, {} bytes", message.len())
}
