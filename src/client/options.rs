//! The options of a stream as a Rust program sets them. It must never lose a mistake: the first one is told when the
//! options are used.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::conninfo::{Password, PasswordRequest, Passwords};
use crate::engine::{Level, Logger};
use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::options::{
    self, AckMode, ArchiveSync, BatchBoundary, Choice, FailoverPolicy, GapPolicy, Mode, OnAmbiguous,
    OriginFilter, Progress, ReportApply, SlotCreate, Snapshot, Streaming, TwoPhase,
};
use crate::position::Position;

/// What a stream is made of. `conninfo`, `slot` and `publication` are required.
///
/// A value that an option does not take is told by [`check`](Self::check) and by
/// [`Stream::connect`](crate::Stream::connect).
///
/// ```
/// use pgwalstream::{Options, SlotCreate};
///
/// let options = Options::new()
///     .conninfo("host=/run/postgresql dbname=shop")
///     .slot("shop_slot")
///     .slot_create(SlotCreate::IfMissing)
///     .publication("shop_pub")
///     .binary(true);
/// options.check()?;
/// # Ok::<(), pgwalstream::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Options {
    inner: options::Options,
    publications: String,
    logger: Logger,
    wrong: Option<Error>,
}

/// How much a log message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// The stream ends.
    Error,
    /// Something needs attention, or changes may be lost; the stream goes on.
    Warn,
    /// Connecting, connected, ended.
    Info,
    /// Every step.
    Debug,
}

impl Options {
    /// Every option at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to connect: keyword/value pairs or a URI, as libpq takes them.
    pub fn conninfo(self, conninfo: impl AsRef<str>) -> Self {
        self.set("conninfo", conninfo)
    }

    /// Whether what `conninfo` does not say is taken from libpq's environment variables and from `~/.pgpass`. Off by
    /// default.
    pub fn env(self, on: bool) -> Self {
        self.switch("env", on)
    }

    /// The replication slot to stream from.
    pub fn slot(self, name: impl AsRef<str>) -> Self {
        self.set("slot", name)
    }

    /// A publication to stream, by its name exactly as it is, without quotes. Called again it adds another.
    pub fn publication(mut self, name: impl AsRef<str>) -> Self {
        if !self.publications.is_empty() {
            self.publications.push(',');
        }
        self.publications.push('"');
        self.publications.push_str(&name.as_ref().replace('"', "\"\""));
        self.publications.push('"');
        let names = self.publications.clone();
        self.set("publication", names)
    }

    /// Whether connecting may create the slot. [`SlotCreate::Never`] by default.
    pub fn slot_create(self, when: SlotCreate) -> Self {
        self.set("slot_create", when.word())
    }

    /// Where to start if that is beyond the slot's own position.
    pub fn start_lsn(self, lsn: Lsn) -> Self {
        self.set("start_lsn", lsn.to_string())
    }

    /// Goes on behind a position that the program stored with its data: what is not beyond it is left out. Inside a transaction
    /// the stream goes on with the next change, without another `Begin`. Implies [`Progress::Acknowledged`], and excludes
    /// [`start_lsn`](Self::start_lsn).
    ///
    /// Connecting tells what is wrong: [`ErrorCode::Gap`](crate::ErrorCode::Gap) if the slot is beyond it,
    /// [`ErrorCode::SystemMismatch`](crate::ErrorCode::SystemMismatch) for another system,
    /// [`ErrorCode::DeliveredBeyond`](crate::ErrorCode::DeliveredBeyond) if the server was promoted before it.
    pub fn resume_after(self, position: Position) -> Self {
        self.set("resume_after", position.to_string())
    }

    /// Where to end: the transactions whose commit lies before it are delivered, then the stream is over.
    pub fn stop_lsn(self, lsn: Lsn) -> Self {
        self.set("stop_lsn", lsn.to_string())
    }

    /// Whether the rows that are there come before the changes: all rows of the published tables, each once, when the slot is
    /// made. [`Snapshot::None`] by default. With a position to start from they are passed over.
    pub fn snapshot(self, how: Snapshot) -> Self {
        self.set("snapshot", how.word())
    }

    /// Over how many connections a snapshot is copied at once. 4 by default.
    pub fn snapshot_workers(self, workers: usize) -> Self {
        self.set("snapshot_workers", workers.to_string())
    }

    /// The size on disk of the items that the workers of a snapshot share. 64 MB by default.
    pub fn snapshot_item_size(self, bytes: u64) -> Self {
        self.set("snapshot_item_size", bytes.to_string())
    }

    /// How long copying a snapshot may take. Without limit by default.
    pub fn snapshot_deadline(self, limit: Duration) -> Self {
        self.duration("snapshot_deadline", limit)
    }

    /// How far an earlier life of the program had the snapshot: [`SnapshotEvent::state`](crate::SnapshotEvent::state), as it
    /// stored that with the rows. A whole one is not taken again; one in part begins anew behind a
    /// [`SnapshotStep::Restart`](crate::SnapshotStep::Restart).
    pub fn snapshot_state(self, state: impl AsRef<[u8]>) -> Self {
        self.set("snapshot_state", STANDARD.encode(state))
    }

    /// Whether to receive what `pg_logical_emit_message()` writes. Off by default.
    pub fn messages(self, on: bool) -> Self {
        self.switch("messages", on)
    }

    /// Whether values come in the binary form of their types: less work for the server. Off by default; what this crate
    /// reads of a value is the same either way.
    pub fn binary(self, on: bool) -> Self {
        self.switch("binary", on)
    }

    /// Whether large transactions come while they run: **not yet committed**, or, with [`Streaming::Assembled`], kept by the
    /// library and given whole. [`Streaming::Off`] by default.
    pub fn streaming(self, how: Streaming) -> Self {
        self.set("streaming", how.word())
    }

    /// With [`Streaming::Assembled`]: the most memory of the transactions that have not ended. 64 MB by default; what does not
    /// fit goes to [`spill_directory`](Self::spill_directory).
    pub fn assemble_memory(self, bytes: u64) -> Self {
        self.set("assemble_memory", bytes.to_string())
    }

    /// With [`Streaming::Assembled`]: the most bytes of these on disk. 0, the default, has no limit but
    /// [`spill_min_free`](Self::spill_min_free).
    pub fn assemble_disk(self, bytes: u64) -> Self {
        self.set("assemble_disk", bytes.to_string())
    }

    /// With [`Streaming::Assembled`]: the directory of the file that these go to. /var/tmp by default, unless that lies in
    /// memory.
    pub fn spill_directory(self, path: &str) -> Self {
        self.set("spill_directory", path)
    }

    /// With [`Streaming::Assembled`]: how much room must stay free there. 1 GB by default.
    pub fn spill_min_free(self, bytes: u64) -> Self {
        self.set("spill_min_free", bytes.to_string())
    }

    /// With [`Streaming::Assembled`] and messages: what follows when nobody can tell whether a savepoint took a logical message
    /// with it. [`OnAmbiguous::Refetch`] by default; see [`Event::is_ambiguous`](crate::Event::is_ambiguous).
    pub fn on_ambiguous(self, what: OnAmbiguous) -> Self {
        self.set("on_ambiguous", what.word())
    }

    /// Whether prepared transactions come at PREPARE TRANSACTION. This marks the slot for good. Off by default.
    pub fn two_phase(self, on: bool) -> Self {
        self.switch("two_phase", on)
    }

    /// What becomes of prepared transactions: [`two_phase`](Self::two_phase) with a third way, [`TwoPhase::Join`], which keeps
    /// them and gives them at COMMIT PREPARED as ordinary ones.
    pub fn prepared(self, how: TwoPhase) -> Self {
        self.set("two_phase", how.word())
    }

    /// Which changes to send, by where they were made first. [`OriginFilter::Any`] by default.
    pub fn origin(self, which: OriginFilter) -> Self {
        self.set("origin", which.word())
    }

    /// What is streamed: changes, or the WAL's bytes. [`Mode::Logical`] by default.
    pub fn mode(self, what: Mode) -> Self {
        self.set("mode", what.word())
    }

    /// With [`Mode::Physical`]: the timeline to start on. 0, the default, takes the one that has
    /// [`start_lsn`](Self::start_lsn), or the server's own.
    pub fn timeline(self, timeline: u32) -> Self {
        self.set("timeline", timeline.to_string())
    }

    /// With [`Mode::Physical`]: what is reported as applied. [`ReportApply::Off`] by default.
    pub fn report_apply(self, what: ReportApply) -> Self {
        self.set("report_apply", what.word())
    }

    /// The directory of an [`Archiver`](crate::Archiver), which needs it.
    pub fn archive_directory(self, path: impl AsRef<std::path::Path>) -> Self {
        self.set("archive_directory", path.as_ref().to_string_lossy())
    }

    /// When an [`Archiver`](crate::Archiver) makes what it has written last. [`ArchiveSync::Segment`] by default.
    pub fn archive_sync(self, when: ArchiveSync) -> Self {
        self.set("archive_sync", when.word())
    }

    /// Who acknowledges. [`AckMode::Manual`] by default: the program calls [`Stream::ack`](crate::Stream::ack). With
    /// [`AckMode::Auto`] a batch is acknowledged when the last handle to it, or to an event of it, is dropped.
    pub fn ack(self, who: AckMode) -> Self {
        self.set("ack", who.word())
    }

    /// What moves the slot while nothing is to be acknowledged. [`Progress::Auto`] by default.
    pub fn progress(self, what: Progress) -> Self {
        self.set("progress", what.word())
    }

    /// Takes over, for this one start, a slot that ran with [`Progress::Auto`] before. Off by default.
    pub fn slot_adopt(self, on: bool) -> Self {
        self.switch("slot_adopt", on)
    }

    /// The longest time between two reports of the acknowledged position to the server. 10 s by default.
    pub fn status_interval(self, most: Duration) -> Self {
        self.duration("status_interval", most)
    }

    /// What to do when the server says that it skipped changes. [`GapPolicy::Error`] by default.
    pub fn on_gap(self, what: GapPolicy) -> Self {
        self.set("on_gap", what.word())
    }

    /// What to do when a promoted standby lacks some of what was delivered. [`FailoverPolicy::Fail`] by default.
    pub fn failover_policy(self, what: FailoverPolicy) -> Self {
        self.set("failover_policy", what.word())
    }

    /// How long the first connection is tried again while the slot is in use, or the server starts or cannot be reached
    /// yet. Zero, which tries once, by default.
    pub fn connect_wait(self, most: Duration) -> Self {
        self.duration("connect_wait", most)
    }

    /// How much memory decoded batches that wait for the program may take. 4 MB by default.
    pub fn queue_bytes(self, most: usize) -> Self {
        self.set("queue_bytes", most.to_string())
    }

    /// The most events of one batch. 4096 by default.
    pub fn batch_events(self, most: usize) -> Self {
        self.set("batch_events", most.to_string())
    }

    /// The most received bytes of one batch. 128 kB by default.
    pub fn batch_bytes(self, most: usize) -> Self {
        self.set("batch_bytes", most.to_string())
    }

    /// Where a batch ends. [`BatchBoundary::Any`] by default; with [`BatchBoundary::Transaction`] behind the end of a
    /// transaction, wherever one fits.
    pub fn batch_boundary(self, which: BatchBoundary) -> Self {
        self.set("batch_boundary", which.word())
    }

    /// How long the engine may gather what comes while a stream is busy. 2 ms by default; a quiet stream is never
    /// delayed.
    pub fn latency_budget(self, most: Duration) -> Self {
        self.duration("latency_budget", most)
    }

    /// How long closing may take to report the last acknowledged position. 1 s by default.
    pub fn close_timeout(self, most: Duration) -> Self {
        self.duration("close_timeout", most)
    }

    /// Sets any option by its name in `docs/options.md`.
    pub fn set(mut self, key: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.inner.set(key, Some(value.as_ref())) {
            self.wrong.get_or_insert(error);
        }
        self
    }

    /// Sends what the engine has to say to `log`: messages of `most` and of what matters more, with the part of the library
    /// that says it. Called on the engine's thread; it must not block for long. Without it there is silence.
    pub fn on_log(
        mut self,
        most: LogLevel,
        log: impl Fn(LogLevel, &str, &str) + Send + Sync + 'static,
    ) -> Self {
        let sink = move |level, target: &str, text: &str| log(LogLevel::of(level), target, text);
        self.logger = Logger::new(most.level(), Arc::new(sink));
        self
    }

    /// Has a function give the passwords, before what the connection string and a password file say. It is called on a
    /// helper thread when a connection is made, may block for as long as option `password_timeout` says (30 s), and by
    /// several threads at once. What it gives is used again while its lifetime lasts, until a server refuses it; the text of
    /// its error becomes part of [`ErrorCode::Auth`](crate::ErrorCode::Auth)'s.
    ///
    /// ```
    /// use std::time::Duration;
    /// use pgwalstream::{Options, Password};
    ///
    /// # fn token(_: &str) -> Result<String, String> { Ok("t".into()) }
    /// let options = Options::new().on_password(|request| {
    ///     let token = token(&request.host)?;
    ///     Ok(Password::new(token).good_for(Duration::from_secs(14 * 60)))
    /// });
    /// # drop(options);
    /// ```
    pub fn on_password(
        mut self,
        give: impl Fn(&PasswordRequest) -> std::result::Result<Password, String> + Send + Sync + 'static,
    ) -> Self {
        self.inner.set_passwords(Some(Arc::new(Passwords::new(Box::new(give)))));
        self
    }

    /// What an option is set to, or its default; a connection string comes without its password.
    pub fn get(&self, key: &str) -> Result<String> {
        self.inner.get(key)
    }

    /// The first mistake, if there is one.
    pub fn check(&self) -> Result<()> {
        match &self.wrong {
            Some(error) => Err(error.clone()),
            None => self.inner.config().map(drop),
        }
    }

    /// The options beneath, unless one was wrong.
    pub(super) fn set_options(&self) -> Result<&options::Options> {
        self.wrong.as_ref().map_or(Ok(&self.inner), |error| Err(error.clone()))
    }

    /// The engine's stream of these options, not connected.
    pub(super) fn stream(&self) -> Result<crate::engine::Stream> {
        match &self.wrong {
            Some(error) => Err(error.clone()),
            None => crate::engine::Stream::new(&self.inner, self.logger.clone()),
        }
    }

    /// The engine's archiver of these options, not connected.
    pub(super) fn archiver(&self) -> Result<crate::engine::Archiver> {
        match &self.wrong {
            Some(error) => Err(error.clone()),
            None => crate::engine::Archiver::new(&self.inner, self.logger.clone()),
        }
    }

    /// The engine's connection of these options, not connected.
    pub(super) fn connection(&self) -> Result<crate::engine::Connection> {
        match &self.wrong {
            Some(error) => Err(error.clone()),
            None => crate::engine::Connection::new(&self.inner, self.logger.clone()),
        }
    }

    /// A replay of the files of a capture with these options.
    pub(super) fn replay(&self, paths: &[PathBuf]) -> Result<crate::engine::Stream> {
        match &self.wrong {
            Some(error) => Err(error.clone()),
            None => crate::engine::Stream::replay(paths, &self.inner, self.logger.clone()),
        }
    }

    fn switch(self, key: &str, on: bool) -> Self {
        self.set(key, if on { "on" } else { "off" })
    }

    fn duration(self, key: &str, most: Duration) -> Self {
        self.set(key, format!("{}ms", most.as_millis()))
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The conninfo holds a password.
        f.debug_struct("Options")
            .field("set", &self.inner)
            .field("wrong", &self.wrong)
            .finish_non_exhaustive()
    }
}

impl LogLevel {
    fn of(level: Level) -> Self {
        match level {
            Level::WAL_LOG_ERROR => Self::Error,
            Level::WAL_LOG_WARN => Self::Warn,
            Level::WAL_LOG_INFO => Self::Info,
            Level::WAL_LOG_DEBUG => Self::Debug,
        }
    }

    fn level(self) -> Level {
        match self {
            Self::Error => Level::WAL_LOG_ERROR,
            Self::Warn => Level::WAL_LOG_WARN,
            Self::Info => Level::WAL_LOG_INFO,
            Self::Debug => Level::WAL_LOG_DEBUG,
        }
    }
}
