//! Errors of the Rust API: the engine's own, with a class that has a Rust name.

use crate::error::{Error, Status};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident,)*) => {
        /// The class of an [`Error`]. New classes may come: treat an unknown one by
        /// [`Error::is_retriable`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl From<Status> for ErrorCode {
            // A status that the list below lacks does not compile.
            fn from(status: Status) -> Self {
                match status {
                    $(Status::$status => Self::$name,)*
                    // Never an error's.
                    Status::WAL_OK | Status::WAL_TIMEOUT | Status::WAL_END | Status::WAL_INTERRUPTED | Status::WAL_NOT_FOUND => {
                        Self::Internal
                    }
                }
            }
        }

        impl ErrorCode {
            /// The class of a status's number, such as an event holds.
            pub(super) fn of_number(number: i32) -> Self {
                $(if number == Status::$status as i32 { return Self::$name; })*
                Self::Internal
            }
        }
    };
}

codes! {
    /// An argument is out of its range, or not of the form that is called for.
    InvalidArgument = WAL_E_INVALID_ARGUMENT,
    /// A log callback called back into its stream.
    Busy = WAL_E_BUSY,
    /// The stream was made before a fork and this is the child.
    Forked = WAL_E_FORKED,
    /// No option has this name.
    UnknownOption = WAL_E_UNKNOWN_OPTION,
    /// The option does not take this value, or two options do not go together.
    BadOption = WAL_E_BAD_OPTION,
    /// The call does not fit the state of the stream: not connected yet, or connected already.
    State = WAL_E_STATE,
    /// A position beyond what was delivered cannot be acknowledged.
    AckBeyond = WAL_E_ACK_BEYOND,
    /// Known, but not built into this library.
    NotBuilt = WAL_E_NOT_BUILT,
    /// The value does not fit the type that was asked for.
    OutOfRange = WAL_E_OUT_OF_RANGE,
    /// The value, or the row, is not one of the type that was asked for.
    Type = WAL_E_TYPE,
    /// The value is NULL, unchanged or was not sent, so there is nothing to read.
    NoValue = WAL_E_NO_VALUE,
    /// The connection string cannot be parsed or names an unknown parameter.
    Conninfo = WAL_E_CONNINFO,
    /// The host name cannot be resolved.
    Resolve = WAL_E_RESOLVE,
    /// The server cannot be reached: refused, no route, no such socket.
    Connect = WAL_E_CONNECT,
    /// Connecting took longer than it may.
    ConnectTimeout = WAL_E_CONNECT_TIMEOUT,
    /// The connection broke, or the server closed it.
    ConnectionLost = WAL_E_CONNECTION_LOST,
    /// TLS failed, or is required and not to be had.
    Tls = WAL_E_TLS,
    /// The server's certificate is not accepted: not trusted, expired, revoked, or another host's.
    TlsCertificate = WAL_E_TLS_CERTIFICATE,
    /// No entry of pg_hba.conf lets this role in from this address over this kind of connection. Or an entry asks for a
    /// certificate that is missing.
    NoHbaEntry = WAL_E_NO_HBA_ENTRY,
    /// The server refused the password.
    Auth = WAL_E_AUTH,
    /// The server asks for a way to authenticate that is not built in.
    AuthMethod = WAL_E_AUTH_METHOD,
    /// The role or the database does not exist.
    NoDatabase = WAL_E_NO_DATABASE,
    /// The server has no connection or no walsender left.
    TooManyConnections = WAL_E_TOO_MANY_CONNECTIONS,
    /// The server is starting up, shutting down or recovering, or not in the state that `target_session_attrs` asks for.
    NotReady = WAL_E_NOT_READY,
    /// The server sent what the protocol does not allow at this point.
    Protocol = WAL_E_PROTOCOL,
    /// A replication message is malformed.
    Decode = WAL_E_DECODE,
    /// A change names a relation that was never described.
    UnknownRelation = WAL_E_UNKNOWN_RELATION,
    /// A replication message of a kind this library does not know.
    UnknownMessage = WAL_E_UNKNOWN_MESSAGE,
    /// The server said that it skipped changes; what was to come next is not all there is.
    Gap = WAL_E_GAP,
    /// A capture file cannot be written, or what is replayed is no capture, is cut or damaged.
    Capture = WAL_E_CAPTURE,
    /// Open transactions cannot be kept (`streaming=assembled`): the spill directory cannot be used, is full or damaged, or a
    /// limit is reached.
    Spill = WAL_E_SPILL,
    /// A logical message of a streamed transaction may have been rolled back with a savepoint, and the server does not say. The
    /// transaction is fetched again, unstreamed, by a reconnect.
    Ambiguous = WAL_E_AMBIGUOUS,
    /// The server reported an error; its SQLSTATE tells which.
    Server = WAL_E_SERVER,
    /// The role lacks a right: REPLICATION, CONNECT or a read right.
    Privilege = WAL_E_PRIVILEGE,
    /// `wal_level` is not `logical`.
    WalLevel = WAL_E_WAL_LEVEL,
    /// The slot does not exist.
    SlotMissing = WAL_E_SLOT_MISSING,
    /// Another connection is using the slot.
    SlotActive = WAL_E_SLOT_ACTIVE,
    /// The slot is of another kind, plugin or database.
    SlotMismatch = WAL_E_SLOT_MISMATCH,
    /// The server invalidated the slot; what it held back is gone.
    SlotInvalidated = WAL_E_SLOT_INVALIDATED,
    /// A publication does not exist, or did not at the position being decoded.
    PublicationMissing = WAL_E_PUBLICATION_MISSING,
    /// This server's version cannot do what was asked.
    ServerVersion = WAL_E_SERVER_VERSION,
    /// The server ended the stream: shut down, or an administrator's command.
    ServerShutdown = WAL_E_SERVER_SHUTDOWN,
    /// A slot of this name exists already.
    SlotExists = WAL_E_SLOT_EXISTS,
    /// A publication of this name exists already.
    PublicationExists = WAL_E_PUBLICATION_EXISTS,
    /// The server is another one than the stream came from: its positions mean nothing here.
    SystemMismatch = WAL_E_SYSTEM_MISMATCH,
    /// The server was promoted at a position before the end of what was delivered: that is lost on it.
    DeliveredBeyond = WAL_E_DELIVERED_BEYOND,
    /// Creating a slot took longer than it may: it waits for the transactions that are running. It was not made.
    SlotTimeout = WAL_E_SLOT_TIMEOUT,
    /// Creating a slot was given up, and the server did not say that it gave up too: it may still make the slot.
    SlotInDoubt = WAL_E_SLOT_IN_DOUBT,
    /// A WAL page or record is damaged, or is none; or the WAL ends there.
    Record = WAL_E_RECORD,
    /// The WAL is of a release that this library does not know, or has what only a later one writes.
    UnsupportedWal = WAL_E_UNSUPPORTED_WAL,
    /// WAL was received that the server's history does not have: it left the timeline before, or ends before.
    Fork = WAL_E_FORK,
    /// An archive cannot be used: its directory, a segment of a wrong length, another process that writes there.
    Archive = WAL_E_ARCHIVE,
    /// An archive is of another system, or has segments of another size.
    ArchiveIdentity = WAL_E_ARCHIVE_IDENTITY,
    /// An archive has a file of that name with other bytes. It is never written over.
    ArchiveConflict = WAL_E_ARCHIVE_CONFLICT,
    /// The disk is full.
    DiskFull = WAL_E_DISK_FULL,
    /// What was written could not be made to last: nobody knows what the disk has.
    Fsync = WAL_E_FSYNC,
    /// An initial snapshot cannot begin, or cannot go on; the hint says what to do.
    Snapshot = WAL_E_SNAPSHOT,
    /// No memory.
    NoMemory = WAL_E_NO_MEMORY,
    /// A system call failed that should not.
    System = WAL_E_SYSTEM,
    /// A defect in the library: please report it with the message.
    Internal = WAL_E_INTERNAL,
    /// A panic inside the engine was caught. The stream answers only this from now on.
    Panic = WAL_E_PANIC,
}

impl Error {
    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        self.status().into()
    }
}
