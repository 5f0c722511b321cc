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
    PasswordTimeout,
    Slot,
    Publication,
    SlotCreate,
    SlotCreateTimeout,
    StartLsn,
    StopLsn,
    Messages,
    Binary,
    ProtoVersion,
    Streaming,
    AssembleMemory,
    AssembleDisk,
    SpillDirectory,
    SpillMinFree,
    TwoPhase,
    Origin,
    Decode,
    Plugin,
    PluginOptions,
    Ack,
    Progress,
    SlotAdopt,
    StatusInterval,
    OnGap,
    QueueBytes,
    BatchEvents,
    BatchBytes,
    LatencyBudget,
    CloseTimeout,
    HealthInterval,
    HealthSafeWal,
    CaptureFile,
    ReplayPace,
    Reconnect,
    ReconnectInitial,
    ReconnectMax,
    ReconnectTimeout,
    ConnectWait,
    Dedupe,
    FailoverPolicy,
    ReceiveTimeout,
    ServerTuning,
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
        sentence: "Whether what conninfo does not say is taken from libpq's environment variables (PGHOST, PGSERVICE and so on), from ~/.pgpass and from the certificates in ~/.postgresql. Variables are read once, when the stream is made; password files, service files and certificates at each connect.",
    },
    Spec {
        id: Id::Backend,
        name: "backend",
        kind: Kind::Choice(&["rustls", "libpq"]),
        default: "rustls",
        sentence: "What carries the connection: \"rustls\" is the library itself; \"libpq\" is the installed libpq with all that it can do, such as GSSAPI (see docs/backends.md), if the library was built with it. libpq always reads the environment, whatever env says.",
    },
    Spec {
        id: Id::PasswordTimeout,
        name: "password_timeout",
        kind: Kind::Duration { least: 1, most: 3_600_000 },
        default: "30s",
        sentence: "How long the password callback (wal_options_set_password) may take for an answer. A later one counts for nothing.",
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
        id: Id::SlotCreateTimeout,
        name: "slot_create_timeout",
        kind: Kind::Duration { least: 0, most: 86_400_000 },
        default: "60s",
        sentence: "How long creating the slot may wait for the transactions that are running, all of which must end first. Then the server is told to give up, and WAL_E_SLOT_TIMEOUT names who was waited for. 0 waits for as long as connecting may take.",
    },
    Spec {
        id: Id::StartLsn,
        name: "start_lsn",
        kind: Kind::Lsn,
        default: "0/0",
        sentence: "Where to start if that is beyond the slot's own position: transactions that ended before it are not sent, and count as safe. 0/0 starts where the slot stands. Before the slot's position, the stream starts there with a warning, or with progress=acknowledged ends; beyond the end of the server's WAL it is WAL_E_GAP.",
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
        kind: Kind::Choice(&["off", "on", "parallel", "assembled"]),
        default: "off",
        sentence: "Whether large transactions come while they run. With \"on\" and \"parallel\" (PostgreSQL 16, adds where a transaction was rolled back) their changes are NOT COMMITTED as they come and may be rolled back: see the header's chapter on streamed transactions; with messages=on, a logical message that a savepoint rolled back may then pass for committed. With \"assembled\" the library keeps them and gives whole transactions, committed, as with \"off\": see docs/large-transactions.md.",
    },
    Spec {
        id: Id::AssembleMemory,
        name: "assemble_memory",
        kind: Kind::Size { least: KIB * KIB, most: 64 * KIB * KIB * KIB },
        default: "64MB",
        sentence: "With streaming=assembled: the most memory of the transactions that have not ended, all of them together. What does not fit goes to spill_directory.",
    },
    Spec {
        id: Id::AssembleDisk,
        name: "assemble_disk",
        kind: Kind::Size { least: 0, most: 1 << 50 },
        default: "0",
        sentence: "With streaming=assembled: the most bytes of these transactions on disk. More ends the stream with WAL_E_SPILL. 0 has no limit but spill_min_free.",
    },
    Spec {
        id: Id::SpillDirectory,
        name: "spill_directory",
        kind: Kind::Text,
        default: "",
        sentence: "With streaming=assembled: the directory of the file that these transactions go to. The file has no name and mode 0600, holds the data of the changes, and is gone with the process. Tried at each first connect. Without it, /var/tmp, unless that lies in memory.",
    },
    Spec {
        id: Id::SpillMinFree,
        name: "spill_min_free",
        kind: Kind::Size { least: 0, most: 1 << 50 },
        default: "1GB",
        sentence: "With streaming=assembled: how much room must stay free where spill_directory is. Less, then or at connect, is WAL_E_SPILL.",
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
        id: Id::Progress,
        name: "progress",
        kind: Kind::Choice(&["auto", "acknowledged"]),
        default: "auto",
        sentence: "What moves the slot while nothing is to be acknowledged: with \"auto\" the server's own position does, and WAL_EVENT_PROGRESS tells of it; with \"acknowledged\" only the program's acknowledgement of that event does, so that a position that it stored is never behind its slot, and a start_lsn before the slot's position is WAL_E_GAP (see docs/exactly-once.md).",
    },
    Spec {
        id: Id::SlotAdopt,
        name: "slot_adopt",
        kind: Kind::Switch,
        default: "off",
        sentence: "With progress=acknowledged, for one start with a slot that ran with progress=auto: a start_lsn before the slot's position is taken for what the slot passed by itself, and the first event is a WAL_EVENT_PROGRESS with the position to store. On at every start it hides gaps.",
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
        default: "2ms",
        sentence: "How long the engine may gather what comes while a stream is busy, instead of waking for every packet: this is what makes it cheap. A quiet stream is never delayed. 0 never gathers.",
    },
    Spec {
        id: Id::CloseTimeout,
        name: "close_timeout",
        kind: Kind::Duration { least: 0, most: 60_000 },
        default: "1s",
        sentence: "How long wal_stream_free may take to report the last acknowledged position and to say good-bye to the server.",
    },
    Spec {
        id: Id::HealthInterval,
        name: "health_interval",
        kind: Kind::Duration { least: 0, most: 86_400_000 },
        default: "0",
        sentence: "How often to look at the slot's health on a short connection beside the stream: wal_stream_slot_health has what was seen, and warnings are logged before the server gives the slot up. 0 never looks.",
    },
    Spec {
        id: Id::HealthSafeWal,
        name: "health_safe_wal",
        kind: Kind::Size { least: 0, most: 1 << 40 },
        default: "64MB",
        sentence: "With health_interval: below how much WAL that may still be written before the slot is lost (safe_wal_size) a warning is logged.",
    },
    Spec {
        id: Id::CaptureFile,
        name: "capture_file",
        kind: Kind::Text,
        default: "",
        sentence: "A file that everything received and sent while streaming is written to, for wal_replay_open. It must not exist, is made when connecting with mode 0600, and holds the data of the changes, but never a password. If it cannot be written, the stream ends with WAL_E_CAPTURE.",
    },
    Spec {
        id: Id::ReplayPace,
        name: "replay_pace",
        kind: Kind::Choice(&["full", "recorded"]),
        default: "full",
        sentence: "How fast wal_replay_open gives what was captured: as fast as it can, or with the pauses that there were.",
    },
    Spec {
        id: Id::Reconnect,
        name: "reconnect",
        kind: Kind::Switch,
        default: "on",
        sentence: "Whether a connection that breaks while streaming is made again by itself, and the stream goes on from the acknowledged position. WAL_EVENT_RECONNECTED tells of it. The first connection is made once, or fails at once, unless connect_wait says otherwise.",
    },
    Spec {
        id: Id::ReconnectInitial,
        name: "reconnect_initial",
        kind: Kind::Duration { least: 0, most: 3_600_000 },
        default: "100ms",
        sentence: "How long to wait before the first attempt to reconnect. Each further wait is twice as long, up to reconnect_max; a random part of up to a half is taken off.",
    },
    Spec {
        id: Id::ReconnectMax,
        name: "reconnect_max",
        kind: Kind::Duration { least: 1, most: 3_600_000 },
        default: "10s",
        sentence: "The longest wait between two attempts to reconnect.",
    },
    Spec {
        id: Id::ReconnectTimeout,
        name: "reconnect_timeout",
        kind: Kind::Duration { least: 0, most: 604_800_000 },
        default: "0",
        sentence: "How long to try before the stream ends with the last error. Make it longer than the server's wal_sender_timeout, for which a server may hold the slot for a connection that is gone. 0 tries for ever.",
    },
    Spec {
        id: Id::ConnectWait,
        name: "connect_wait",
        kind: Kind::Duration { least: 0, most: 604_800_000 },
        default: "0",
        sentence: "How long the first connection is tried again where what fails may pass by itself: the slot is in use, the server starts or cannot be reached yet. The waits between are those of reconnect_initial and reconnect_max; a timeout of the call ends it sooner. 0 tries once.",
    },
    Spec {
        id: Id::Dedupe,
        name: "dedupe",
        kind: Kind::Switch,
        default: "on",
        sentence: "Whether what the server sends again after a reconnect is left out, so that each change comes once. With \"off\" it comes again, behind WAL_EVENT_RECONNECTED. Payloads (decode=off) and open streamed transactions always come again.",
    },
    Spec {
        id: Id::FailoverPolicy,
        name: "failover_policy",
        kind: Kind::Choice(&["fail", "rewind"]),
        default: "fail",
        sentence: "What to do when a promoted standby answers that lacks some of what was delivered: \"fail\" ends the stream with WAL_E_DELIVERED_BEYOND; \"rewind\" goes on there, and WAL_EVENT_RECONNECTED has WAL_EVENT_FLAG_REWOUND and says from where on what was delivered is lost (wal_event_reconnect_switchpoint).",
    },
    Spec {
        id: Id::ReceiveTimeout,
        name: "receive_timeout",
        kind: Kind::Duration { least: 0, most: 86_400_000 },
        default: "60s",
        sentence: "How long the server may be silent before the connection counts as lost; at half of it the server is asked for an answer. Where it was silent at the same position before, as a server is that decodes a large transaction, it has twice as long each time, up to 16 times. Less than 1 kB/s of a message is silence too, while the program makes room for it. Checking the server and starting the stream have as long for each command. 0 waits for ever.",
    },
    Spec {
        id: Id::ServerTuning,
        name: "server_tuning",
        kind: Kind::Choice(&["auto", "off"]),
        default: "auto",
        sentence: "Whether this connection's logical_decoding_work_mem is chosen where nobody set it: 8MB with streaming, else an eighth of shared_buffers, from 64MB to 256MB. What conninfo's options, the role, the database or the server's configuration say stays.",
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
