//! The options that take one of a few words, each an enum. The words of the table, the reading and the writing of them
//! come from the enum: it must never be possible to know a word here and not there.

/// An enum whose variants have words.
pub trait Choice: Copy + Sized + 'static {
    /// All words, in the order of the documentation.
    const WORDS: &'static [&'static str];

    /// The variant of a word.
    fn of_word(word: &str) -> Option<Self>;

    /// The word of a variant.
    fn word(self) -> &'static str;
}

macro_rules! choices {
    ($($(#[$attribute:meta])* enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl Choice for $name {
            const WORDS: &'static [&'static str] = &[$($word),*];

            fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    )*};
}

choices! {
    /// What shall carry the connection, be it built in or not.
    enum BackendName {
        /// The library itself.
        Rustls = "rustls",
        /// The installed libpq.
        Libpq = "libpq",
    }

    /// Whether connecting may create the slot.
    #[non_exhaustive]
    enum SlotCreate {
        /// A missing slot is an error.
        Never = "never",
        /// A missing slot is created.
        IfMissing = "if_missing",
        /// A temporary slot is created.
        Temporary = "temporary",
    }

    /// Whether the rows that are there come before the changes.
    #[non_exhaustive]
    enum Snapshot {
        /// They do not.
        None = "none",
        /// All rows of the published tables do, each once.
        Initial = "initial",
    }

    /// Which version of pgoutput's protocol is asked for.
    enum ProtoVersion {
        /// The lowest that does.
        Auto = "auto",
        /// Transactions, when they are committed.
        V1 = "1",
        /// And while they run.
        V2 = "2",
        /// And when they are prepared.
        V3 = "3",
        /// And where a rollback happened.
        V4 = "4",
    }

    /// Whether transactions come while they run.
    #[non_exhaustive]
    enum Streaming {
        /// They come once they are committed.
        Off = "off",
        /// Large ones come in blocks.
        On = "on",
        /// Likewise, and a rollback says where and when.
        Parallel = "parallel",
        /// The server sends large ones in blocks, and the library keeps them until they are committed.
        Assembled = "assembled",
    }

    /// What becomes of prepared transactions.
    #[non_exhaustive]
    enum TwoPhase {
        /// They come at COMMIT PREPARED, unless the slot is marked two_phase.
        Off = "off",
        /// They come at PREPARE TRANSACTION, and what becomes of them later.
        On = "on",
        /// They are kept until COMMIT PREPARED, and come then as ordinary ones.
        Join = "join",
    }

    /// What to do where nobody can tell whether a logical message was rolled back with a savepoint.
    #[non_exhaustive]
    enum OnAmbiguous {
        /// Fetch the transaction again, and all that follows, without streaming.
        Refetch = "refetch",
        /// Deliver it, and say so.
        Flag = "flag",
    }

    /// Where batches end.
    #[non_exhaustive]
    enum BatchBoundary {
        /// Where they are full, or nothing more is there.
        Any = "any",
        /// Behind a transaction's end, wherever one fits.
        Transaction = "transaction",
    }

    /// Which changes are sent, by where they were made first.
    #[non_exhaustive]
    enum OriginFilter {
        /// All.
        Any = "any",
        /// Those made on this server.
        None = "none",
    }

    /// Who acknowledges.
    #[non_exhaustive]
    enum AckMode {
        /// The program does.
        Manual = "manual",
        /// Freeing a batch does.
        Auto = "auto",
    }

    /// What moves the slot while nothing is to be acknowledged.
    #[non_exhaustive]
    enum Progress {
        /// The server's own position does.
        Auto = "auto",
        /// Only the acknowledgement of a progress event does.
        Acknowledged = "acknowledged",
    }

    /// What to do when the server says that it skipped changes (pitfall P17).
    #[non_exhaustive]
    enum GapPolicy {
        /// End the stream.
        Error = "error",
        /// Log it and go on.
        Warn = "warn",
    }

    /// How fast a capture is replayed.
    enum ReplayPace {
        /// As fast as it can be read.
        Full = "full",
        /// As it was received.
        Recorded = "recorded",
    }

    /// What to do when a promoted standby lacks some of what was delivered (pitfall P12).
    #[non_exhaustive]
    enum FailoverPolicy {
        /// End the stream.
        Fail = "fail",
        /// Say from where on what was delivered is lost, and go on.
        Rewind = "rewind",
    }

    /// What is streamed.
    #[non_exhaustive]
    enum Mode {
        /// The changes of a logical slot.
        Logical = "logical",
        /// The bytes of the WAL.
        Physical = "physical",
    }

    /// What a physical stream reports as applied.
    #[non_exhaustive]
    enum ReportApply {
        /// Nothing.
        Off = "off",
        /// The acknowledged position.
        Flush = "flush",
    }

    /// When an archive makes what it has written last.
    #[non_exhaustive]
    enum ArchiveSync {
        /// With each segment, and where the server asks for it.
        Segment = "segment",
        /// Whenever something came.
        Always = "always",
    }

    /// Whether the walsender's memory is chosen (see `stream::DecodingMemory`).
    enum ServerTuning {
        /// Unless somebody set it.
        Auto = "auto",
        /// It stays as it is.
        Off = "off",
    }
}

impl ProtoVersion {
    /// The number; nothing where it is the library's to choose.
    pub fn number(self) -> Option<u32> {
        match self {
            Self::Auto => None,
            Self::V1 => Some(1),
            Self::V2 => Some(2),
            Self::V3 => Some(3),
            Self::V4 => Some(4),
        }
    }
}
