//! The one error type of the engine: a status with a sentence, and what the server or the system said.
//!
//! It must never carry a secret: whoever builds an error from a connection string passes the key, not the value.

use std::ffi::CStr;
use std::fmt;

use crate::sys::{is_shortage, shortage_hint};

/// What a call came to. 0 is done, above 0 a normal outcome without data, below 0 an error. Numbers are never
/// reused; the gaps between the ranges are kept for later releases.
///
/// The variants bear the names of the C API, so that a log line reads the same in every language.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, clippy::upper_case_acronyms)]
pub enum Status {
    /// Done.
    WAL_OK = 0,
    /// The timeout passed before there was anything to give.
    WAL_TIMEOUT = 1,
    /// The stream ended as it was asked to; nothing more will come.
    WAL_END = 2,
    /// `wal_stream_interrupt` was called, or that of a connection or an archive.
    WAL_INTERRUPTED = 3,

    /// What was asked for is not there.
    WAL_NOT_FOUND = 4,

    /// A pointer that must not be NULL was NULL, or a number was out of its range.
    WAL_E_INVALID_ARGUMENT = -1,
    /// Another thread is inside this stream, connection or archive, or a log callback called back into it.
    WAL_E_BUSY = -2,
    /// The handle was made before a fork and this is the child.
    WAL_E_FORKED = -3,
    /// No option has this name.
    WAL_E_UNKNOWN_OPTION = -4,
    /// The option does not take this value, or two options do not go together.
    WAL_E_BAD_OPTION = -5,
    /// The call does not fit the state of the stream: not connected yet, or connected already.
    WAL_E_STATE = -6,
    /// A position beyond what was delivered cannot be acknowledged.
    WAL_E_ACK_BEYOND = -7,
    /// Known, but not built into this library.
    WAL_E_NOT_BUILT = -8,
    /// The value does not fit the C type that was asked for.
    WAL_E_OUT_OF_RANGE = -9,
    /// The column's type is not one that this accessor reads, or its text is not of that type.
    WAL_E_TYPE = -10,
    /// The value is NULL, unchanged or was not sent, so there is nothing to read.
    WAL_E_NO_VALUE = -11,

    /// The connection string cannot be parsed or names an unknown parameter.
    WAL_E_CONNINFO = -20,
    /// The host name cannot be resolved.
    WAL_E_RESOLVE = -21,
    /// The server cannot be reached: refused, no route, no such socket.
    WAL_E_CONNECT = -22,
    /// Connecting took longer than it may.
    WAL_E_CONNECT_TIMEOUT = -23,
    /// The connection broke, or the server closed it.
    WAL_E_CONNECTION_LOST = -24,
    /// TLS failed, or is required and not to be had.
    WAL_E_TLS = -25,
    /// The server refused the password.
    WAL_E_AUTH = -26,
    /// The server asks for a way to authenticate that is not built in.
    WAL_E_AUTH_METHOD = -27,
    /// The role or the database does not exist.
    WAL_E_NO_DATABASE = -28,
    /// The server has no connection or no walsender left.
    WAL_E_TOO_MANY_CONNECTIONS = -29,
    /// The server is starting up, shutting down or recovering, or not in the state that `target_session_attrs` asks for.
    WAL_E_NOT_READY = -30,
    /// The server's certificate is not accepted: not trusted, expired, revoked, or another host's.
    WAL_E_TLS_CERTIFICATE = -32,
    /// No entry of pg_hba.conf lets this role in from this address over this kind of connection. Or an entry asks for a
    /// certificate that is missing.
    WAL_E_NO_HBA_ENTRY = -33,

    /// The server sent what the protocol does not allow at this point.
    WAL_E_PROTOCOL = -40,
    /// A replication message is malformed.
    WAL_E_DECODE = -41,
    /// A change names a relation that was never described.
    WAL_E_UNKNOWN_RELATION = -42,
    /// A replication message of a kind this library does not know.
    WAL_E_UNKNOWN_MESSAGE = -43,
    /// Changes are or would be missing: the server said that it skipped some, the slot was moved by somebody else, or the
    /// position to start at is not to be had.
    WAL_E_GAP = -44,
    /// A capture file cannot be written or read, was cut, or is not as it was written.
    WAL_E_CAPTURE = -45,
    /// Open transactions cannot be kept (streaming=assembled): `spill_directory` cannot be used, is full or damaged, or a limit
    /// is reached. The message names the place; what was not acknowledged comes again.
    WAL_E_SPILL = -46,
    /// A logical message of a streamed transaction may have been rolled back with a savepoint, and the server does not say
    /// (streaming=assembled with messages=on). The transaction is fetched again, unstreamed, by a reconnect.
    WAL_E_AMBIGUOUS = -47,

    /// The server reported an error; its SQLSTATE tells which.
    WAL_E_SERVER = -60,
    /// The role lacks a right: REPLICATION, CONNECT or a read right.
    WAL_E_PRIVILEGE = -61,
    /// `wal_level` is not `logical`.
    WAL_E_WAL_LEVEL = -62,
    /// The slot does not exist.
    WAL_E_SLOT_MISSING = -63,
    /// Another connection is using the slot.
    WAL_E_SLOT_ACTIVE = -64,
    /// The slot is of another kind, plugin or database.
    WAL_E_SLOT_MISMATCH = -65,
    /// The server invalidated the slot; what it held back is gone.
    WAL_E_SLOT_INVALIDATED = -66,
    /// A publication does not exist, or did not at the position being decoded.
    WAL_E_PUBLICATION_MISSING = -67,
    /// This server's version cannot do what was asked.
    WAL_E_SERVER_VERSION = -68,
    /// The server ended the stream: shut down, or an administrator's command.
    WAL_E_SERVER_SHUTDOWN = -69,
    /// A slot of this name exists already.
    WAL_E_SLOT_EXISTS = -70,
    /// A publication of this name exists already.
    WAL_E_PUBLICATION_EXISTS = -71,
    /// Creating a slot took longer than it may: it waits for the transactions that are running. The slot was not made.
    WAL_E_SLOT_TIMEOUT = -76,
    /// Creating a slot was given up, and the server did not say that it gave up too: it may still make the slot.
    WAL_E_SLOT_IN_DOUBT = -77,
    /// An initial snapshot cannot begin, or cannot go on: its slot and state do not belong together, a table changed meanwhile,
    /// or its session is gone. The hint says what to do.
    WAL_E_SNAPSHOT = -78,

    /// The server is another one than the stream came from: its positions mean nothing here.
    WAL_E_SYSTEM_MISMATCH = -72,
    /// The server was promoted at a position before the end of what was delivered: that is lost on it.
    WAL_E_DELIVERED_BEYOND = -73,

    /// A WAL page or record is damaged, or is none; or the WAL ends there. The message names the place, what was found and what
    /// was expected.
    WAL_E_RECORD = -100,
    /// The WAL is of a release that this library does not know, or has what only a later one writes.
    WAL_E_UNSUPPORTED_WAL = -101,
    /// WAL was received that the server's history does not have: it left the timeline before, or ends before.
    WAL_E_FORK = -110,
    /// An archive cannot be used: its directory, a segment of a wrong length, another process that writes there.
    WAL_E_ARCHIVE = -111,
    /// An archive is of another system, or has segments of another size.
    WAL_E_ARCHIVE_IDENTITY = -112,
    /// An archive has a file of that name with other bytes. It is never written over.
    WAL_E_ARCHIVE_CONFLICT = -113,
    /// The disk is full. An archiver ends nothing for it: WAL_ARCHIVE_DISK_FULL tells, and it waits.
    WAL_E_DISK_FULL = -114,
    /// What was written could not be made to last: nobody knows what the disk has.
    WAL_E_FSYNC = -115,

    /// No memory.
    WAL_E_NO_MEMORY = -90,
    /// A system call failed that should not.
    WAL_E_SYSTEM = -91,
    /// A defect in the library: please report it with the message.
    WAL_E_INTERNAL = -92,
    /// A panic inside the library was caught. The handle answers only this from now on.
    WAL_E_PANIC = -99,
}

/// Everything that is known of a failure. Shown with `{}` it is one sentence, with `{:?}` all there is; neither ever holds
/// a password or a value of the data.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Body>);

#[derive(Clone, PartialEq, Eq)]
struct Body {
    status: Status,
    message: String,
    detail: String,
    hint: String,
    sqlstate: Option<[u8; 5]>,
    os_errno: i32,
    retriable: bool,
}

/// The result of everything in the engine that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with one sentence, which says what happened, where, and with which value.
    #[doc(hidden)]
    #[cold]
    #[inline(never)]
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            status,
            message: message.into(),
            detail: String::new(),
            hint: String::new(),
            sqlstate: None,
            os_errno: 0,
            retriable: status.is_retriable(),
        }))
    }

    /// A failed system call: `what` names it or the thing it was done to.
    #[doc(hidden)]
    #[cold]
    pub fn os(status: Status, what: impl fmt::Display, error: &std::io::Error) -> Self {
        let mut it = Self::new(status, format!("{what}: {error}"));
        it.0.os_errno = error.raw_os_error().unwrap_or(0);
        // What the system has none of now it may have soon.
        it.0.retriable |= status == Status::WAL_E_SYSTEM && is_shortage(error);
        shortage_hint(error).unwrap_or_default().clone_into(&mut it.0.hint);
        it
    }

    /// An allocation failed whose size somebody else said.
    #[doc(hidden)]
    #[cold]
    pub fn no_memory(what: &str, bytes: usize) -> Self {
        Self::new(Status::WAL_E_NO_MEMORY, format!("no memory for {what}: {bytes} bytes")).with_hint(
            "The process has reached a limit: see ulimit -v, the container's memory, and option queue_bytes.",
        )
    }

    /// Adds what explains the sentence.
    #[doc(hidden)]
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds what the user can do about it. What the system was short of has its advice already, and no other is true.
    #[doc(hidden)]
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if shortage_hint(&std::io::Error::from_raw_os_error(self.0.os_errno)).is_none() {
            self.0.hint = hint.into();
        }
        self
    }

    /// Adds the server's SQLSTATE (PostgreSQL documentation, appendix A).
    #[doc(hidden)]
    #[must_use]
    pub fn with_sqlstate(mut self, sqlstate: [u8; 5]) -> Self {
        self.0.sqlstate = Some(sqlstate);
        self
    }

    /// Says where it happened, in front of the sentence.
    #[doc(hidden)]
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// Overrides what the status alone says of trying again.
    #[doc(hidden)]
    #[must_use]
    pub fn with_retriable(mut self, retriable: bool) -> Self {
        self.0.retriable = retriable;
        self
    }

    /// The class of the error.
    #[doc(hidden)]
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// One sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What explains the sentence, or "".
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What the user can do, or "".
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// The five characters of the server's SQLSTATE, or "".
    pub fn sqlstate(&self) -> &str {
        self.0.sqlstate.as_ref().and_then(|s| std::str::from_utf8(s).ok()).unwrap_or("")
    }

    /// `errno` of the system call that failed, or 0.
    pub fn os_errno(&self) -> i32 {
        self.0.os_errno
    }

    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status().name(), self.message())?;
        for (label, text) in [("sqlstate", self.sqlstate()), ("detail", self.detail()), ("hint", self.hint())]
        {
            if !text.is_empty() {
                write!(f, " [{label}: {text}]")?;
            }
        }
        Ok(())
    }
}

impl Status {
    /// Whether an error of this class usually passes by itself.
    pub fn is_retriable(self) -> bool {
        matches!(
            self,
            Self::WAL_E_RESOLVE
                | Self::WAL_E_CONNECT
                | Self::WAL_E_CONNECT_TIMEOUT
                | Self::WAL_E_CONNECTION_LOST
                | Self::WAL_E_TOO_MANY_CONNECTIONS
                | Self::WAL_E_NOT_READY
                | Self::WAL_E_SLOT_ACTIVE
                | Self::WAL_E_SERVER_SHUTDOWN
                | Self::WAL_E_SLOT_TIMEOUT
                | Self::WAL_E_BUSY
                | Self::WAL_E_AMBIGUOUS
        )
    }

    /// The name as C programs know it: `WAL_E_AUTH`.
    pub fn name(self) -> &'static str {
        self.c_name().to_str().unwrap_or("")
    }

    /// One sentence about the class, for those who have only the number.
    pub fn sentence(self) -> &'static str {
        self.c_sentence().to_str().unwrap_or("")
    }

    /// `name` with a NUL behind it.
    pub(crate) fn c_name(self) -> &'static CStr {
        self.row().1
    }

    /// `sentence` with a NUL behind it.
    pub(crate) fn c_sentence(self) -> &'static CStr {
        self.row().2
    }

    /// The status of a number, where one is known.
    pub fn from_code(code: i32) -> Option<Self> {
        TABLE.iter().map(|row| row.0).find(|status| *status as i32 == code)
    }

    fn row(self) -> &'static (Status, &'static CStr, &'static CStr) {
        TABLE.iter().find(|row| row.0 == self).unwrap_or(&UNKNOWN)
    }
}

macro_rules! table {
    ($($name:ident: $sentence:literal,)*) => {
        const TABLE: &[(Status, &CStr, &CStr)] =
            &[$((Status::$name, terminated(concat!(stringify!($name), "\0")), terminated(concat!($sentence, "\0"))),)*];
        // A status that the table lacks does not compile.
        const _: fn(Status) = |status| match status { $(Status::$name => (),)* };
    };
}

const UNKNOWN: (Status, &CStr, &CStr) = (Status::WAL_E_INTERNAL, c"WAL_E_UNKNOWN", c"unknown status");

const fn terminated(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => c"",
    }
}

table! {
    WAL_OK: "done",
    WAL_TIMEOUT: "nothing came within the timeout",
    WAL_END: "the stream has ended",
    WAL_INTERRUPTED: "interrupted",
    WAL_NOT_FOUND: "not found",
    WAL_E_INVALID_ARGUMENT: "invalid argument",
    WAL_E_BUSY: "another call is inside this stream",
    WAL_E_FORKED: "the handle belongs to the parent process",
    WAL_E_UNKNOWN_OPTION: "unknown option",
    WAL_E_BAD_OPTION: "bad value of an option",
    WAL_E_STATE: "the stream is not in the state for this call",
    WAL_E_ACK_BEYOND: "acknowledgement beyond what was delivered",
    WAL_E_NOT_BUILT: "not built into this library",
    WAL_E_OUT_OF_RANGE: "the value is out of the type's range",
    WAL_E_TYPE: "the value is of another type",
    WAL_E_NO_VALUE: "there is no value",
    WAL_E_CONNINFO: "bad connection string",
    WAL_E_RESOLVE: "cannot resolve the host name",
    WAL_E_CONNECT: "cannot reach the server",
    WAL_E_CONNECT_TIMEOUT: "connecting timed out",
    WAL_E_CONNECTION_LOST: "connection lost",
    WAL_E_TLS: "TLS failed",
    WAL_E_AUTH: "authentication failed",
    WAL_E_AUTH_METHOD: "unsupported authentication method",
    WAL_E_NO_DATABASE: "no such role or database",
    WAL_E_TOO_MANY_CONNECTIONS: "too many connections",
    WAL_E_NOT_READY: "the server is not ready",
    WAL_E_TLS_CERTIFICATE: "the server's certificate is not accepted",
    WAL_E_NO_HBA_ENTRY: "no entry of pg_hba.conf lets the client in",
    WAL_E_PROTOCOL: "protocol violation",
    WAL_E_DECODE: "malformed replication message",
    WAL_E_UNKNOWN_RELATION: "unknown relation",
    WAL_E_UNKNOWN_MESSAGE: "unknown replication message",
    WAL_E_GAP: "the server skipped changes",
    WAL_E_CAPTURE: "bad capture file",
    WAL_E_SPILL: "open transactions cannot be kept",
    WAL_E_AMBIGUOUS: "a message may have been rolled back",
    WAL_E_SERVER: "server error",
    WAL_E_PRIVILEGE: "insufficient privilege",
    WAL_E_WAL_LEVEL: "wal_level is not logical",
    WAL_E_SLOT_MISSING: "the slot does not exist",
    WAL_E_SLOT_ACTIVE: "the slot is in use",
    WAL_E_SLOT_MISMATCH: "the slot is of another kind",
    WAL_E_SLOT_INVALIDATED: "the slot was invalidated",
    WAL_E_PUBLICATION_MISSING: "the publication does not exist",
    WAL_E_SERVER_VERSION: "the server's version cannot do this",
    WAL_E_SERVER_SHUTDOWN: "the server ended the stream",
    WAL_E_SLOT_EXISTS: "the slot exists already",
    WAL_E_PUBLICATION_EXISTS: "the publication exists already",
    WAL_E_SLOT_TIMEOUT: "creating the slot took too long",
    WAL_E_SLOT_IN_DOUBT: "the server may still make the slot",
    WAL_E_SNAPSHOT: "the snapshot cannot begin or go on",
    WAL_E_SYSTEM_MISMATCH: "another server than before",
    WAL_E_DELIVERED_BEYOND: "delivered beyond what the server has",
    WAL_E_RECORD: "damaged WAL, or its end",
    WAL_E_UNSUPPORTED_WAL: "WAL of an unknown release",
    WAL_E_FORK: "WAL that the server's history does not have",
    WAL_E_ARCHIVE: "the archive cannot be used",
    WAL_E_ARCHIVE_IDENTITY: "the archive is of another system",
    WAL_E_ARCHIVE_CONFLICT: "the archive has other bytes of that name",
    WAL_E_DISK_FULL: "the disk is full",
    WAL_E_FSYNC: "what was written may not last",
    WAL_E_NO_MEMORY: "out of memory",
    WAL_E_SYSTEM: "a system call failed",
    WAL_E_INTERNAL: "defect in the library",
    WAL_E_PANIC: "a panic was caught",
}

#[cfg(test)]
#[path = "error/document.rs"]
mod document;
