//! The table. To add an option: a row here, a field in `config.rs`.

use super::parse::Kind;
use crate::error::{Error, Result, Status};

/// Which option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table's sentence documents each")]
pub enum Id {
    Conninfo,
    Env,
    Backend,
    Slot,
    Publication,
    SlotCreate,
    StartLsn,
    StopLsn,
    Messages,
    Binary,
    ProtoVersion,
    Streaming,
    TwoPhase,
    Origin,
    Decode,
    Plugin,
    PluginOptions,
    Ack,
    StatusInterval,
    OnGap,
    QueueBytes,
    BatchEvents,
    BatchBytes,
    LatencyBudget,
    CloseTimeout,
}

/// All that is known of an option.
#[derive(Debug)]
pub struct Spec {
    /// Which one it is.
    pub id: Id,
    /// Its name, as users write it.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is not set; "" where there is no default.
    pub default: &'static str,
    /// What it does, in one or two sentences.
    pub sentence: &'static str,
}

const KIB: u64 = 1024;

/// All options, in the order of the documentation.
pub static TABLE: &[Spec] = &[
    Spec {
        id: Id::Conninfo,
        name: "conninfo",
        kind: Kind::Text,
        default: "",
        sentence: "Where to connect: keyword/value pairs or a URI, as libpq takes them. Copied, and never shown with its password.",
    },
    Spec {
        id: Id::Env,
        name: "env",
        kind: Kind::Switch,
        default: "off",
        sentence: "Whether what conninfo does not say is taken from libpq's environment variables (PGHOST, PGSERVICE and so on) and from ~/.pgpass. They are read once, when the stream is made.",
    },
    Spec {
        id: Id::Backend,
        name: "backend",
        kind: Kind::Choice(&["rustls", "libpq"]),
        default: "rustls",
        sentence: "What carries the connection: \"rustls\" is the library itself; \"libpq\" is the installed libpq with all that it can do, such as GSSAPI (see docs/backends.md), if the library was built with it. libpq always reads the environment, whatever env says.",
    },
    Spec {
        id: Id::Slot,
        name: "slot",
        kind: Kind::SlotName,
        default: "",
        sentence: "The replication slot to stream from. Required.",
    },
    Spec {
        id: Id::Publication,
        name: "publication",
        kind: Kind::Names,
        default: "",
        sentence: "The publications to stream, separated by commas; a name with other than lower-case letters, digits and underscores in double quotes, as in SQL. Required.",
    },
    Spec {
        id: Id::SlotCreate,
        name: "slot_create",
        kind: Kind::Choice(&["never", "if_missing", "temporary"]),
        default: "never",
        sentence: "Whether connecting may create the slot: \"never\" makes a missing or mistyped slot an error; \"if_missing\" creates it and streams from now on; \"temporary\" creates one that is gone with the connection.",
    },
    Spec {
        id: Id::StartLsn,
        name: "start_lsn",
        kind: Kind::Lsn,
        default: "0/0",
        sentence: "Where to start if that is beyond the slot's own position: transactions that ended before it are not sent. 0/0 starts where the slot stands.",
    },
    Spec {
        id: Id::StopLsn,
        name: "stop_lsn",
        kind: Kind::Lsn,
        default: "0/0",
        sentence: "Where to end: the transactions whose commit (or PREPARE) lies before it are delivered, then the stream answers WAL_END. Nothing beyond it is ever reported as safe. Streamed transactions that are open then are announced as discarded. 0/0 never ends.",
    },
    Spec {
        id: Id::Messages,
        name: "messages",
        kind: Kind::Switch,
        default: "off",
        sentence: "Whether to receive what pg_logical_emit_message() writes.",
    },
    Spec {
        id: Id::Binary,
        name: "binary",
        kind: Kind::Switch,
        default: "off",
        sentence: "Whether values come in the binary form of their types: less work for the server, and for types without one still text.",
    },
    Spec {
        id: Id::ProtoVersion,
        name: "proto_version",
        kind: Kind::Choice(&["auto", "1", "2", "3", "4"]),
        default: "auto",
        sentence: "The version of pgoutput's protocol: 2 from PostgreSQL 14 on, 3 from 15, 4 from 16. \"auto\" is the lowest that streaming and two_phase need.",
    },
    Spec {
        id: Id::Streaming,
        name: "streaming",
        kind: Kind::Choice(&["off", "on", "parallel"]),
        default: "off",
        sentence: "Whether large transactions come while they run. With \"on\" and \"parallel\" (PostgreSQL 16, adds where a transaction was rolled back) their changes are NOT COMMITTED as they come and may be rolled back: see the header's chapter on streamed transactions.",
    },
    Spec {
        id: Id::TwoPhase,
        name: "two_phase",
        kind: Kind::Switch,
        default: "off",
        sentence: "Whether prepared transactions come at PREPARE TRANSACTION (PostgreSQL 15). The first stream that asks for it marks the slot for good: it then sends them so whatever later streams ask for.",
    },
    Spec {
        id: Id::Origin,
        name: "origin",
        kind: Kind::Choice(&["any", "none"]),
        default: "any",
        sentence: "Which changes to send by where they were made first: \"none\" leaves out those that were replicated to this server from another (PostgreSQL 16).",
    },
    Spec {
        id: Id::Decode,
        name: "decode",
        kind: Kind::Switch,
        default: "on",
        sentence: "Whether changes are decoded. With \"off\" each payload of the output plugin comes as it is, in a WAL_EVENT_RAW.",
    },
    Spec {
        id: Id::Plugin,
        name: "plugin",
        kind: Kind::Text,
        default: "pgoutput",
        sentence: "The output plugin of the slot. Another than pgoutput needs decode=off, and takes plugin_options in place of publication and what else is pgoutput's.",
    },
    Spec {
        id: Id::PluginOptions,
        name: "plugin_options",
        kind: Kind::Pairs,
        default: "",
        sentence: "What the output plugin is given when decode is off: names and values, the values in single quotes where they hold commas or quotes.",
    },
    Spec {
        id: Id::Ack,
        name: "ack",
        kind: Kind::Choice(&["manual", "auto"]),
        default: "manual",
        sentence: "Who acknowledges: with \"manual\" the program calls wal_stream_ack once what it received is safe; with \"auto\" freeing a batch, or the next call after an event, does.",
    },
    Spec {
        id: Id::StatusInterval,
        name: "status_interval",
        kind: Kind::Duration { least: 10, most: 3_600_000 },
        default: "10s",
        sentence: "The longest time between two reports of the acknowledged position to the server. A third of the server's wal_sender_timeout is used where that is shorter.",
    },
    Spec {
        id: Id::OnGap,
        name: "on_gap",
        kind: Kind::Choice(&["error", "warn"]),
        default: "error",
        sentence: "What to do when the server says that it skipped changes because a publication did not exist yet at their position: end with WAL_E_GAP, or log it, count it and go on without them.",
    },
    Spec {
        id: Id::QueueBytes,
        name: "queue_bytes",
        kind: Kind::Size { least: 64 * KIB, most: 64 * KIB * KIB * KIB },
        default: "4MB",
        sentence: "How much memory decoded batches that wait for the program may take. When it is full, reading stops and the server waits; status updates go on.",
    },
    Spec {
        id: Id::BatchEvents,
        name: "batch_events",
        kind: Kind::Count { least: 16, most: KIB * KIB },
        default: "4096",
        sentence: "The most events of one batch.",
    },
    Spec {
        id: Id::BatchBytes,
        name: "batch_bytes",
        kind: Kind::Size { least: 4 * KIB, most: 64 * KIB * KIB },
        default: "128kB",
        sentence: "The most received bytes of one batch. A longer message gets a batch of its own.",
    },
    Spec {
        id: Id::LatencyBudget,
        name: "latency_budget",
        kind: Kind::Duration { least: 0, most: 100 },
        default: "1ms",
        sentence: "How long the engine may gather what comes while a stream is busy, instead of waking for every packet: this is what makes it cheap. A quiet stream is never delayed. 0 never gathers.",
    },
    Spec {
        id: Id::CloseTimeout,
        name: "close_timeout",
        kind: Kind::Duration { least: 0, most: 60_000 },
        default: "1s",
        sentence: "How long wal_stream_free may take to report the last acknowledged position and to say good-bye to the server.",
    },
];

/// The row of an option.
pub(super) fn spec(id: Id) -> &'static Spec {
    static NONE: Spec = Spec { id: Id::Conninfo, name: "", kind: Kind::Text, default: "", sentence: "" };
    TABLE.iter().find(|spec| spec.id == id).unwrap_or(&NONE)
}

/// The row of a name, or an error that names the nearest.
pub(super) fn find(name: &str) -> Result<&'static Spec> {
    TABLE.iter().find(|spec| spec.name == name).ok_or_else(|| {
        let nearest =
            TABLE.iter().map(|spec| spec.name).min_by_key(|known| distance(name, known)).unwrap_or("");
        Error::new(Status::WAL_E_UNKNOWN_OPTION, format!("there is no option \"{}\"", name.escape_debug()))
            .with_hint(format!("Did you mean \"{nearest}\"?"))
    })
}

/// Levenshtein's distance; both are short.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            left = (diagonal + usize::from(ca != *cb)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
