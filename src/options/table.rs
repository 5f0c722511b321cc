//! The table: one row for each option. docs/adding.md lists what else an option needs.

use super::choices::{
    AckMode, ArchiveSync, BackendName, BatchBoundary, Choice, FailoverPolicy, GapPolicy, Mode, OnAmbiguous,
    OriginFilter, Progress, ProtoVersion, ReplayPace, ReportApply, ServerTuning, SlotCreate, Snapshot,
    Streaming,
};
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
    ResumeAfter,
    StopLsn,
    Snapshot,
    SnapshotWorkers,
    SnapshotItemSize,
    SnapshotDeadline,
    SnapshotState,
    Messages,
    Binary,
    ProtoVersion,
    Streaming,
    AssembleMemory,
    AssembleDisk,
    SpillDirectory,
    SpillMinFree,
    OnAmbiguous,
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
    RelationsBytes,
    BatchEvents,
    BatchBytes,
    BatchBoundary,
    LatencyBudget,
    CloseTimeout,
    HealthInterval,
    HealthSafeWal,
    CaptureFile,
    CaptureRotate,
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
    Mode,
    Timeline,
    ReportApply,
    ArchiveDirectory,
    ArchiveSync,
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
        sentence: "Give the connection string: keyword/value pairs or a URI, as libpq takes them. It is copied, and never shown with its password.",
    },
    Spec {
        id: Id::Env,
        name: "env",
        kind: Kind::Switch,
        default: "off",
        sentence: "Let libpq's environment variables, ~/.pgpass and ~/.postgresql complete the conninfo. Variables are read once, when the stream is made; files are read at each connect.",
    },
    Spec {
        id: Id::Backend,
        name: "backend",
        kind: Kind::Choice(BackendName::WORDS),
        default: "rustls",
        sentence: "Choose what carries the connection: \"rustls\" is built in, \"libpq\" is the installed libpq. libpq needs a library built with it, and always reads the environment (see docs/backends.md).",
    },
    Spec {
        id: Id::PasswordTimeout,
        name: "password_timeout",
        kind: Kind::Duration { least: 1, most: 3_600_000 },
        default: "30s",
        sentence: "Limit how long the password callback may take. A later answer counts for nothing.",
    },
    Spec {
        id: Id::Slot,
        name: "slot",
        kind: Kind::SlotName,
        default: "",
        sentence: "Name the replication slot to stream from. Required, unless mode is physical.",
    },
    Spec {
        id: Id::Publication,
        name: "publication",
        kind: Kind::Names,
        default: "",
        sentence: "Name the publications to stream, separated by commas. Put names with other characters than a-z, 0-9 and _ in double quotes. Required with pgoutput, unless mode is physical.",
    },
    Spec {
        id: Id::SlotCreate,
        name: "slot_create",
        kind: Kind::Choice(SlotCreate::WORDS),
        default: "never",
        sentence: "Choose whether connecting makes a missing slot. \"never\" refuses, \"if_missing\" makes it and streams from now on, \"temporary\" makes one that ends with the connection.",
    },
    Spec {
        id: Id::SlotCreateTimeout,
        name: "slot_create_timeout",
        kind: Kind::Duration { least: 0, most: 86_400_000 },
        default: "60s",
        sentence: "Limit how long making the slot waits for running transactions. The error then names them. 0 waits as long as connecting may take.",
    },
    Spec {
        id: Id::StartLsn,
        name: "start_lsn",
        kind: Kind::Lsn,
        default: "0/0",
        sentence: "Start at this position if it is beyond the slot's own. Transactions that ended before it are not sent and count as acknowledged. 0/0 starts at the slot. A position before the slot's starts at the slot with a warning; with progress=acknowledged it is WAL_E_GAP. A position beyond the server's WAL is WAL_E_GAP.",
    },
    Spec {
        id: Id::ResumeAfter,
        name: "resume_after",
        kind: Kind::Position,
        default: "",
        sentence: "Go on behind this position, which the program stored with its data: what is not beyond it is left out. A slot beyond it is WAL_E_GAP, another system WAL_E_SYSTEM_MISMATCH. Implies progress=acknowledged, and excludes start_lsn (see docs/positions.md).",
    },
    Spec {
        id: Id::StopLsn,
        name: "stop_lsn",
        kind: Kind::Lsn,
        default: "0/0",
        sentence: "End before this position: transactions whose COMMIT or PREPARE lies before it are delivered, then the stream ends. Streamed transactions that are open are discarded. Nothing beyond is reported. 0/0 never ends.",
    },
    Spec {
        id: Id::Snapshot,
        name: "snapshot",
        kind: Kind::Choice(Snapshot::WORDS),
        default: "none",
        sentence: "Choose whether rows that are there come before the changes. \"initial\": all rows of the published tables, each once, when the slot is made. It needs slot_create, and is passed over with a position to start from (see docs/snapshots.md).",
    },
    Spec {
        id: Id::SnapshotWorkers,
        name: "snapshot_workers",
        kind: Kind::Count { least: 1, most: 64 },
        default: "4",
        sentence: "Copy a snapshot over this many connections at once. One more holds the snapshot.",
    },
    Spec {
        id: Id::SnapshotItemSize,
        name: "snapshot_item_size",
        kind: Kind::Size { least: 8 * KIB, most: 64 * KIB * KIB * KIB },
        default: "64MB",
        sentence: "Divide tables into items of about this size on disk, which the workers of a snapshot share. No table has more than 1,024 items, or one for each of its partitions.",
    },
    Spec {
        id: Id::SnapshotDeadline,
        name: "snapshot_deadline",
        kind: Kind::Duration { least: 0, most: 2_592_000_000 },
        default: "0",
        sentence: "Give a snapshot up, with WAL_E_SNAPSHOT, when copying takes longer than this: it keeps dead rows and WAL on the server. 0 sets no limit.",
    },
    Spec {
        id: Id::SnapshotState,
        name: "snapshot_state",
        kind: Kind::Base64,
        default: "",
        sentence: "Say how far an earlier life of the program had the snapshot: the state of its last SNAPSHOT event, in base64. A complete one is not taken again; an incomplete one begins anew behind a WAL_SNAPSHOT_RESTART.",
    },
    Spec {
        id: Id::Messages,
        name: "messages",
        kind: Kind::Switch,
        default: "off",
        sentence: "Receive what pg_logical_emit_message() writes.",
    },
    Spec {
        id: Id::Binary,
        name: "binary",
        kind: Kind::Switch,
        default: "off",
        sentence: "Receive values in the binary form of their types, which costs the server less. Types without one stay text.",
    },
    Spec {
        id: Id::ProtoVersion,
        name: "proto_version",
        kind: Kind::Choice(ProtoVersion::WORDS),
        default: "auto",
        sentence: "Set the version of pgoutput's protocol: 2 needs PostgreSQL 14, 3 needs 15, 4 needs 16. \"auto\" takes the lowest that streaming and two_phase need.",
    },
    Spec {
        id: Id::Streaming,
        name: "streaming",
        kind: Kind::Choice(Streaming::WORDS),
        default: "off",
        sentence: "Receive large transactions while they run. Their changes are NOT COMMITTED and may be rolled back, but with \"assembled\": there they come whole, committed (see docs/large-transactions.md). \"parallel\" (PostgreSQL 16) adds where a rollback happened.",
    },
    Spec {
        id: Id::AssembleMemory,
        name: "assemble_memory",
        kind: Kind::Size { least: KIB * KIB, most: 64 * KIB * KIB * KIB },
        default: "64MB",
        sentence: "Limit the memory of transactions that have not ended, with streaming=assembled (B, kB, MB, GB). The rest goes to spill_directory.",
    },
    Spec {
        id: Id::AssembleDisk,
        name: "assemble_disk",
        kind: Kind::Size { least: 0, most: 1 << 50 },
        default: "0",
        sentence: "Limit the bytes on disk of transactions that have not ended, with streaming=assembled. More ends the stream with WAL_E_SPILL. 0 sets no limit but spill_min_free.",
    },
    Spec {
        id: Id::SpillDirectory,
        name: "spill_directory",
        kind: Kind::Text,
        default: "",
        sentence: "Keep the file of unfinished transactions in this directory, with streaming=assembled. It has no name and mode 0600, holds data, and is gone with the process. Default: /var/tmp, unless that lies in memory.",
    },
    Spec {
        id: Id::SpillMinFree,
        name: "spill_min_free",
        kind: Kind::Size { least: 0, most: 1 << 50 },
        default: "1GB",
        sentence: "Leave at least this room free where spill_directory is (B, kB, MB, GB). With less, then or at connect, the stream ends with WAL_E_SPILL.",
    },
    Spec {
        id: Id::OnAmbiguous,
        name: "on_ambiguous",
        kind: Kind::Choice(OnAmbiguous::WORDS),
        default: "refetch",
        sentence: "Choose what follows when nobody can tell whether a savepoint took a logical message with it, with streaming=assembled. \"refetch\" reconnects without streaming; \"flag\" delivers with WAL_EVENT_FLAG_AMBIGUOUS.",
    },
    Spec {
        id: Id::TwoPhase,
        name: "two_phase",
        kind: Kind::SwitchOr(&["join"]),
        default: "off",
        sentence: "Receive prepared transactions at PREPARE TRANSACTION (PostgreSQL 15). This marks the slot for good: it sends them to later streams, too. \"join\" keeps them and gives them at COMMIT PREPARED, as ordinary ones; see docs/transactions.md.",
    },
    Spec {
        id: Id::Origin,
        name: "origin",
        kind: Kind::Choice(OriginFilter::WORDS),
        default: "any",
        sentence: "Choose changes by where they were made. \"none\" leaves out those that another server replicated to this one (PostgreSQL 16).",
    },
    Spec {
        id: Id::Decode,
        name: "decode",
        kind: Kind::Switch,
        default: "on",
        sentence: "Decode changes. \"off\" delivers each payload of the output plugin unchanged, in a RAW event.",
    },
    Spec {
        id: Id::Plugin,
        name: "plugin",
        kind: Kind::Text,
        default: "pgoutput",
        sentence: "Name the slot's output plugin. Any but pgoutput needs decode=off, and takes plugin_options in the place of publication and pgoutput's other options.",
    },
    Spec {
        id: Id::PluginOptions,
        name: "plugin_options",
        kind: Kind::Pairs,
        default: "",
        sentence: "Give the output plugin its options when decode is off: names and values. Put values with commas or quotes in single quotes.",
    },
    Spec {
        id: Id::Ack,
        name: "ack",
        kind: Kind::Choice(AckMode::WORDS),
        default: "manual",
        sentence: "Choose who acknowledges. \"manual\": the program does. \"auto\": freeing a batch does, or the next call after an event.",
    },
    Spec {
        id: Id::Progress,
        name: "progress",
        kind: Kind::Choice(Progress::WORDS),
        default: "auto",
        sentence: "Choose what moves the slot while nothing is outstanding. \"auto\": the server's position does, and PROGRESS events tell of it. \"acknowledged\": only acknowledging a PROGRESS event does, and a start_lsn before the slot is WAL_E_GAP (see docs/exactly-once.md).",
    },
    Spec {
        id: Id::SlotAdopt,
        name: "slot_adopt",
        kind: Kind::Switch,
        default: "off",
        sentence: "Take over, for one start with progress=acknowledged, a slot that ran with progress=auto. The first event is a PROGRESS with the position to store. Left on, it hides gaps.",
    },
    Spec {
        id: Id::StatusInterval,
        name: "status_interval",
        kind: Kind::Duration { least: 10, most: 3_600_000 },
        default: "10s",
        sentence: "Set the longest time between two reports to the server. A third of the server's wal_sender_timeout is used where that is shorter.",
    },
    Spec {
        id: Id::OnGap,
        name: "on_gap",
        kind: Kind::Choice(GapPolicy::WORDS),
        default: "error",
        sentence: "Choose what follows when the server skipped changes because a publication did not exist yet. \"error\" ends with WAL_E_GAP; \"warn\" logs, counts and goes on.",
    },
    Spec {
        id: Id::QueueBytes,
        name: "queue_bytes",
        kind: Kind::Size { least: 64 * KIB, most: 64 * KIB * KIB * KIB },
        default: "4MB",
        sentence: "Limit the memory of batches that wait for the program (B, kB, MB, GB). When it is full, reading stops and status updates go on.",
    },
    Spec {
        id: Id::RelationsBytes,
        name: "relations_bytes",
        kind: Kind::Size { least: 64 * KIB, most: 64 * KIB * KIB * KIB },
        default: "64MB",
        sentence: "Limit the memory of table and type definitions (B, kB, MB, GB). Beyond it the stream reconnects once everything is acknowledged, at most once a minute. Beyond twice as much, and 64MB, it does so between transactions. Sixteen times as much, never less than 1GB, ends the stream; without reconnects four times, never less than 64MB.",
    },
    Spec {
        id: Id::BatchEvents,
        name: "batch_events",
        kind: Kind::Count { least: 16, most: KIB * KIB },
        default: "4096",
        sentence: "Limit the events of one batch.",
    },
    Spec {
        id: Id::BatchBytes,
        name: "batch_bytes",
        kind: Kind::Size { least: 4 * KIB, most: 64 * KIB * KIB },
        default: "128kB",
        sentence: "Limit the received bytes of one batch (B, kB, MB, GB). A longer message gets a batch of its own.",
    },
    Spec {
        id: Id::BatchBoundary,
        name: "batch_boundary",
        kind: Kind::Choice(BatchBoundary::WORDS),
        default: "any",
        sentence: "Choose where batches end. \"any\": where they are full, or nothing more is there. \"transaction\": behind a transaction's end, wherever one fits into batch_events, batch_bytes and queue_bytes.",
    },
    Spec {
        id: Id::LatencyBudget,
        name: "latency_budget",
        kind: Kind::Duration { least: 0, most: 100 },
        default: "2ms",
        sentence: "Limit how long a busy stream gathers what comes before it is read. This saves wake-ups; a quiet stream is never delayed. 0 never gathers.",
    },
    Spec {
        id: Id::CloseTimeout,
        name: "close_timeout",
        kind: Kind::Duration { least: 0, most: 60_000 },
        default: "1s",
        sentence: "Limit how long closing may take to report the last acknowledged position and send Terminate.",
    },
    Spec {
        id: Id::HealthInterval,
        name: "health_interval",
        kind: Kind::Duration { least: 0, most: 86_400_000 },
        default: "0",
        sentence: "Look at the slot's health this often, over a short connection beside the stream. Warnings are logged before the slot is lost. 0 never looks.",
    },
    Spec {
        id: Id::HealthSafeWal,
        name: "health_safe_wal",
        kind: Kind::Size { least: 0, most: 1 << 40 },
        default: "64MB",
        sentence: "Warn, with health_interval, when less WAL than this may still be written before the slot is lost (B, kB, MB, GB).",
    },
    Spec {
        id: Id::CaptureFile,
        name: "capture_file",
        kind: Kind::Text,
        default: "",
        sentence: "Write all that is received and sent while streaming into this new file, for a replay. %n numbers the files, %t is the time (UTC), %p the process. It has mode 0600 and holds data, never a password. A failed write ends the stream with WAL_E_CAPTURE.",
    },
    Spec {
        id: Id::CaptureRotate,
        name: "capture_rotate",
        kind: Kind::SizeOrTime { least_size: 64 * KIB, least_time: 1000 },
        default: "0",
        sentence: "Go on in another capture file at this size or age; its name needs %n or %t. 0 never does. A replay takes the files in order.",
    },
    Spec {
        id: Id::ReplayPace,
        name: "replay_pace",
        kind: Kind::Choice(ReplayPace::WORDS),
        default: "full",
        sentence: "Set the pace of a replay: \"full\" is as fast as it can be, \"recorded\" keeps the recorded pauses.",
    },
    Spec {
        id: Id::Reconnect,
        name: "reconnect",
        kind: Kind::Switch,
        default: "on",
        sentence: "Connect again when a connection breaks while streaming, and go on from the acknowledged position. A RECONNECTED event tells of it. The first connection obeys connect_wait.",
    },
    Spec {
        id: Id::ReconnectInitial,
        name: "reconnect_initial",
        kind: Kind::Duration { least: 0, most: 3_600_000 },
        default: "100ms",
        sentence: "Wait this long before the first attempt to reconnect. Each wait doubles, up to reconnect_max, less a random part of up to half.",
    },
    Spec {
        id: Id::ReconnectMax,
        name: "reconnect_max",
        kind: Kind::Duration { least: 1, most: 3_600_000 },
        default: "10s",
        sentence: "Limit the wait between two attempts to reconnect.",
    },
    Spec {
        id: Id::ReconnectTimeout,
        name: "reconnect_timeout",
        kind: Kind::Duration { least: 0, most: 604_800_000 },
        default: "0",
        sentence: "End the stream with the last error after trying this long. Make it longer than wal_sender_timeout: a server may hold the slot for so long. 0 tries for ever.",
    },
    Spec {
        id: Id::ConnectWait,
        name: "connect_wait",
        kind: Kind::Duration { least: 0, most: 604_800_000 },
        default: "0",
        sentence: "Try the first connection again for this long while the slot is in use or the server cannot be reached yet. Waits are those of reconnecting. 0 tries once.",
    },
    Spec {
        id: Id::Dedupe,
        name: "dedupe",
        kind: Kind::Switch,
        default: "on",
        sentence: "Leave out what the server sends again after a reconnect. \"off\" delivers it again, behind the RECONNECTED event. Payloads (decode=off) and open streamed transactions always come again.",
    },
    Spec {
        id: Id::FailoverPolicy,
        name: "failover_policy",
        kind: Kind::Choice(FailoverPolicy::WORDS),
        default: "fail",
        sentence: "Choose what follows when a promoted standby lacks what was delivered. \"fail\" ends with WAL_E_DELIVERED_BEYOND; \"rewind\" goes on, and the RECONNECTED event tells what is lost.",
    },
    Spec {
        id: Id::ReceiveTimeout,
        name: "receive_timeout",
        kind: Kind::Duration { least: 0, most: 86_400_000 },
        default: "60s",
        sentence: "Limit the server's silence before the connection counts as lost. At half of it the server is asked for an answer. The limit doubles, up to 16 times, where a server was silent at the same position before. Less than 1 kB/s of a message is silence. 0 waits for ever.",
    },
    Spec {
        id: Id::ServerTuning,
        name: "server_tuning",
        kind: Kind::Choice(ServerTuning::WORDS),
        default: "auto",
        sentence: "Choose logical_decoding_work_mem for this connection where nobody set it. With streaming it is 8MB, else an eighth of shared_buffers, from 64MB to 256MB.",
    },
    Spec {
        id: Id::Mode,
        name: "mode",
        kind: Kind::Choice(Mode::WORDS),
        default: "logical",
        sentence: "Choose what is streamed: \"logical\" gives the changes of a logical slot, \"physical\" the bytes of the WAL. A physical stream needs no publication, and a slot only to keep the WAL for it (see docs/physical.md).",
    },
    Spec {
        id: Id::Timeline,
        name: "timeline",
        kind: Kind::Count { least: 0, most: u32::MAX as u64 },
        default: "0",
        sentence: "Start on this timeline, with mode=physical. 0 takes the one that has start_lsn in the server's history, or the server's own.",
    },
    Spec {
        id: Id::ReportApply,
        name: "report_apply",
        kind: Kind::Choice(ReportApply::WORDS),
        default: "off",
        sentence: "Choose what a physical stream reports as applied: \"off\" is nothing, \"flush\" the acknowledged position. Commits with synchronous_commit=remote_apply wait for it.",
    },
    Spec {
        id: Id::ArchiveDirectory,
        name: "archive_directory",
        kind: Kind::Text,
        default: "",
        sentence: "Keep the WAL in this directory, with wal_archive_new(). It is made if it is missing, and one process at a time writes there. wal_archive_new() needs it (see docs/archive.md).",
    },
    Spec {
        id: Id::ArchiveSync,
        name: "archive_sync",
        kind: Kind::Choice(ArchiveSync::WORDS),
        default: "segment",
        sentence: "Choose when an archive makes what it has written last. \"segment\": with each segment, and where the server asks for it. \"always\": whenever something came, as a synchronous standby needs it.",
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
