//! The kinds of pgoutput's messages. Each place off the hot path that treats kinds differently matches on these, so that
//! a new kind does not compile before it is decided. It must never know what a message holds.

/// What a message is, by its first byte (protocol.sgml, "Logical Replication Message Formats").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the protocol's own names")]
pub enum MessageKind {
    Begin,
    Commit,
    Origin,
    Relation,
    Type,
    Insert,
    Update,
    Delete,
    Truncate,
    Message,
    StreamStart,
    StreamStop,
    StreamCommit,
    StreamAbort,
    BeginPrepare,
    Prepare,
    CommitPrepared,
    RollbackPrepared,
    StreamPrepare,
}

impl MessageKind {
    /// The kind of a first byte.
    pub fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            b'B' => Self::Begin,
            b'C' => Self::Commit,
            b'O' => Self::Origin,
            b'R' => Self::Relation,
            b'Y' => Self::Type,
            b'I' => Self::Insert,
            b'U' => Self::Update,
            b'D' => Self::Delete,
            b'T' => Self::Truncate,
            b'M' => Self::Message,
            b'S' => Self::StreamStart,
            b'E' => Self::StreamStop,
            b'c' => Self::StreamCommit,
            b'A' => Self::StreamAbort,
            b'b' => Self::BeginPrepare,
            b'P' => Self::Prepare,
            b'K' => Self::CommitPrepared,
            b'r' => Self::RollbackPrepared,
            b'p' => Self::StreamPrepare,
            _ => return None,
        })
    }

    /// The kind of a message.
    pub fn of_message(message: &[u8]) -> Option<Self> {
        Self::of(*message.first()?)
    }

    /// Whether it bears an id before its body within a streamed block: it belongs to the block's transaction.
    pub fn has_id_in_block(self) -> bool {
        match self {
            Self::Insert
            | Self::Update
            | Self::Delete
            | Self::Truncate
            | Self::Message
            | Self::Relation
            | Self::Type => true,
            Self::Begin
            | Self::Commit
            | Self::Origin
            | Self::StreamStart
            | Self::StreamStop
            | Self::StreamCommit
            | Self::StreamAbort
            | Self::BeginPrepare
            | Self::Prepare
            | Self::CommitPrepared
            | Self::RollbackPrepared
            | Self::StreamPrepare => false,
        }
    }
}
