//! The options of one stream, typed and checked against each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::choices::{
    AckMode, BackendName, BatchBoundary, Choice, FailoverPolicy, GapPolicy, Mode, OnAmbiguous, OriginFilter,
    Progress, ProtoVersion, ReplayPace, ReportApply, ServerTuning, SlotCreate, Snapshot, Streaming, TwoPhase,
};
use super::parse::{base64, millis, names, pairs, size};
use super::physical;
use super::{Id, Options};
use crate::conninfo::{Conninfo, Environment};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::position::Position;

/// What carries the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The library itself.
    Rustls,
    /// The installed libpq.
    #[cfg(feature = "libpq")]
    Libpq,
}

/// When a capture goes on in another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// Never.
    Never,
    /// Once the file has so many bytes.
    Size(u64),
    /// Once the file is so old.
    Time(Duration),
}

/// Everything that the engine needs to know of a stream.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to connect.
    pub conninfo: Conninfo,
    /// What carries the connection.
    pub backend: Backend,
    /// The slot's name.
    pub slot: String,
    /// The publications' names, unquoted.
    pub publications: Vec<String>,
    /// Whether the slot may be created.
    pub slot_create: SlotCreate,
    /// How long creating the slot may take; zero is as long as connecting may.
    pub slot_create_timeout: Duration,
    /// Where to start; 0 is where the slot stands.
    pub start_lsn: Lsn,
    /// What the program has already, where it says so: `start_lsn` and `progress` follow from it.
    pub resume_after: Option<Position>,
    /// Where to end; None is never.
    pub stop_lsn: Option<Lsn>,
    /// Whether the rows that are there come first.
    pub snapshot: Snapshot,
    /// How many connections copy them.
    pub snapshot_workers: usize,
    /// How much of a table they copy at a time.
    pub snapshot_item_size: u64,
    /// How long copying may take; zero is as long as it takes.
    pub snapshot_deadline: Duration,
    /// How far an earlier life of the program had them.
    pub snapshot_state: Option<Vec<u8>>,
    /// Whether logical messages are wanted.
    pub messages: bool,
    /// Whether binary values are wanted.
    pub binary: bool,
    /// The version of pgoutput's protocol.
    pub proto_version: u32,
    /// Whether transactions come while they run.
    pub streaming: Streaming,
    /// The most memory of transactions that are kept until they end.
    pub assemble_memory: usize,
    /// The most disk of them; 0 is as much as there is.
    pub assemble_disk: u64,
    /// Where they are on disk; None is the library's choice.
    pub spill_directory: Option<PathBuf>,
    /// How much room must stay on that disk.
    pub spill_min_free: u64,
    /// Whether prepared transactions come when they are prepared.
    pub two_phase: TwoPhase,
    /// What to do where a message may have been rolled back.
    pub on_ambiguous: OnAmbiguous,
    /// Which changes are sent.
    pub origin: OriginFilter,
    /// Whether changes are decoded, or given as the output plugin made them.
    pub decode: bool,
    /// The output plugin.
    pub plugin: String,
    /// What it is given beyond the options above.
    pub plugin_options: Vec<(String, String)>,
    /// Who acknowledges.
    pub ack: AckMode,
    /// What moves the slot while nothing is to be acknowledged.
    pub progress: Progress,
    /// Whether a slot that moved by itself is taken over where it stands.
    pub slot_adopt: bool,
    /// The longest time between two status updates.
    pub status_interval: Duration,
    /// What to do about skipped changes.
    pub on_gap: GapPolicy,
    /// The most memory of waiting batches.
    pub queue_bytes: usize,
    /// The most memory of definitions before another connection begins.
    pub relations_bytes: usize,
    /// The most events of a batch.
    pub batch_events: usize,
    /// The most bytes of a batch.
    pub batch_bytes: usize,
    /// Where a batch ends.
    pub batch_boundary: BatchBoundary,
    /// How long a busy stream may be gathered.
    pub latency_budget: Duration,
    /// How long closing may take.
    pub close_timeout: Duration,
    /// How often to look at the slot's health; zero is never.
    pub health_interval: Duration,
    /// Below how much safe WAL to warn.
    pub health_safe_wal: usize,
    /// Where what comes and goes is captured.
    pub capture_file: Option<PathBuf>,
    /// When it goes on in another file.
    pub capture_rotate: Rotate,
    /// How fast a capture is replayed.
    pub replay_pace: ReplayPace,
    /// How a lost connection is made again; None is not at all.
    pub reconnect: Option<Reconnect>,
    /// How the first connection is waited for; None is not at all.
    pub connect_wait: Option<Reconnect>,
    /// Whether what comes again after a reconnect is left out.
    pub dedupe: bool,
    /// What to do when a promoted standby lacks some of what was delivered.
    pub failover_policy: FailoverPolicy,
    /// How long the server may be silent; None is for ever.
    pub receive_timeout: Option<Duration>,
    /// Whether the walsender's memory is chosen.
    pub server_tuning: ServerTuning,
    /// What is streamed.
    pub mode: Mode,
    /// The timeline to start on; 0 is the one that has the start.
    pub timeline: u32,
    /// What is reported as applied.
    pub report_apply: ReportApply,
    /// Whether a start that nobody named is moved back to where its segment begins.
    pub whole_segments: bool,
    /// The durations that were set without a unit, with their numbers.
    pub without_unit: Vec<(&'static str, String)>,
}

/// How a lost connection is made again, or the first one waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// The wait before the first attempt.
    pub initial: Duration,
    /// The longest wait.
    pub max: Duration,
    /// How long to try; None is for ever.
    pub timeout: Option<Duration>,
}

impl Config {
    /// Whether transactions are kept until their fate is known.
    pub fn assembles(&self) -> bool {
        self.streaming == Streaming::Assembled || self.two_phase == TwoPhase::Join
    }

    /// Whether the rows that are there are wanted: a program that says where to start has them.
    pub fn wants_snapshot(&self) -> bool {
        self.snapshot == Snapshot::Initial && self.start_lsn == Lsn(0)
    }

    /// Whether the changes of a transaction may have other numbers in another life of the program, or none: then no position
    /// lies inside a transaction.
    pub fn numbers_anew(&self) -> bool {
        let sees_blocks = matches!(self.streaming, Streaming::On | Streaming::Parallel);
        // A doubtful message counts where it came in blocks, and not where it was rolled back before.
        let flags = self.assembles() && self.on_ambiguous == OnAmbiguous::Flag && self.messages;
        sees_blocks || flags || self.two_phase == TwoPhase::Join
    }

    /// A number for what decides which of a transaction's changes come, and so how they are numbered; never 0, and less than
    /// 2^30. None: nothing does.
    pub fn numbering(&self) -> Option<u32> {
        if self.numbers_anew() {
            return None;
        }
        let mut publications = self.publications.clone();
        publications.sort();
        publications.dedup();
        let two_phase = self.two_phase != TwoPhase::Off;
        let options = format!("{} {} {two_phase} {publications:?}", self.messages, self.origin.word());
        // FNV-1a.
        let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let hash = options.bytes().fold(0x811C_9DC5, mix);
        Some(((hash ^ hash >> 30) & 0x3FFF_FFFF).max(1))
    }

    /// What a stream from a server needs.
    pub(super) fn new(options: &Options) -> Result<Self> {
        if options.choice::<Mode>(Id::Mode)? == Mode::Physical {
            return physical::config(options);
        }
        physical::refuse_in_logical(options)?;
        check_plugin(options)?;
        let publications = if options.text(Id::Plugin) == "pgoutput" {
            required(options, Id::Publication, "publication").and_then(|text| names(text).map_err(bad))?
        } else {
            Vec::new()
        };
        let (conninfo, backend) = destination(options)?;
        let slot = required(options, Id::Slot, "slot")?.to_owned();
        check_snapshot(options)?;
        let it = Self { conninfo, backend, slot, publications, ..Self::common(options)? };
        match resume_after(options)? {
            Some(position) => it.resuming(position),
            None => Ok(it),
        }
    }

    /// What a replay needs: nothing of a server, and no option is required.
    pub(super) fn replay(options: &Options) -> Result<Self> {
        check_plugin(options)?;
        let it = Self { health_interval: Duration::ZERO, ..Self::common(options)? };
        // The stream that was captured was given it, with options of which the capture has not all.
        Ok(match resume_after(options)? {
            Some(position) => it.behind(position),
            None => it,
        })
    }

    /// All but where to connect to and what to ask for there.
    pub(super) fn common(options: &Options) -> Result<Self> {
        let number = |id| Ok::<_, Error>(usize::try_from(options.size(id)?).unwrap_or(usize::MAX));
        let path = |id| Some(options.text(id)).filter(|path| !path.is_empty()).map(PathBuf::from);
        let trying = |within| {
            Ok::<_, Error>(Reconnect {
                initial: options.duration(Id::ReconnectInitial)?,
                max: options.duration(Id::ReconnectMax)?,
                timeout: Some(options.duration(within)?).filter(|timeout| !timeout.is_zero()),
            })
        };
        let streaming = options.choice(Id::Streaming)?;
        let two_phase = two_phase(options)?;
        let reconnects = options.switch(Id::Reconnect)?;
        Ok(Self {
            conninfo: Conninfo::parse("host=/ user=none")?,
            slot: String::new(),
            publications: Vec::new(),
            backend: Backend::Rustls,
            slot_create: options.choice(Id::SlotCreate)?,
            slot_create_timeout: options.duration(Id::SlotCreateTimeout)?,
            start_lsn: options.text(Id::StartLsn).parse()?,
            resume_after: None,
            stop_lsn: Some(options.text(Id::StopLsn).parse()?).filter(|lsn| *lsn != Lsn(0)),
            snapshot: options.choice(Id::Snapshot)?,
            snapshot_workers: number(Id::SnapshotWorkers)?,
            snapshot_item_size: options.size(Id::SnapshotItemSize)?,
            snapshot_deadline: options.duration(Id::SnapshotDeadline)?,
            snapshot_state: Some(options.read(Id::SnapshotState, base64)?).filter(|state| !state.is_empty()),
            messages: options.switch(Id::Messages)?,
            binary: options.switch(Id::Binary)?,
            proto_version: proto_version(
                options.choice(Id::ProtoVersion)?,
                streaming,
                two_phase != TwoPhase::Off,
            )?,
            streaming,
            assemble_memory: number(Id::AssembleMemory)?,
            assemble_disk: options.size(Id::AssembleDisk)?,
            spill_directory: path(Id::SpillDirectory),
            spill_min_free: options.size(Id::SpillMinFree)?,
            two_phase,
            on_ambiguous: options.choice(Id::OnAmbiguous)?,
            origin: options.choice(Id::Origin)?,
            decode: options.switch(Id::Decode)?,
            plugin: options.text(Id::Plugin).to_owned(),
            plugin_options: pairs(options.text(Id::PluginOptions)).map_err(bad)?,
            ack: options.choice(Id::Ack)?,
            progress: progress(options)?,
            slot_adopt: options.switch(Id::SlotAdopt)?,
            status_interval: options.duration(Id::StatusInterval)?,
            on_gap: options.choice(Id::OnGap)?,
            queue_bytes: number(Id::QueueBytes)?,
            relations_bytes: number(Id::RelationsBytes)?,
            batch_events: number(Id::BatchEvents)?,
            batch_bytes: number(Id::BatchBytes)?,
            batch_boundary: options.choice(Id::BatchBoundary)?,
            latency_budget: options.duration(Id::LatencyBudget)?,
            close_timeout: options.duration(Id::CloseTimeout)?,
            health_interval: options.duration(Id::HealthInterval)?,
            health_safe_wal: number(Id::HealthSafeWal)?,
            capture_file: path(Id::CaptureFile),
            capture_rotate: rotate(options)?,
            replay_pace: options.choice(Id::ReplayPace)?,
            reconnect: Some(trying(Id::ReconnectTimeout)?).filter(|_| reconnects),
            connect_wait: Some(trying(Id::ConnectWait)?).filter(|how| how.timeout.is_some()),
            dedupe: options.switch(Id::Dedupe)?,
            failover_policy: options.choice(Id::FailoverPolicy)?,
            receive_timeout: Some(options.duration(Id::ReceiveTimeout)?).filter(|timeout| !timeout.is_zero()),
            server_tuning: options.choice(Id::ServerTuning)?,
            mode: options.choice(Id::Mode)?,
            timeline: u32::try_from(options.size(Id::Timeline)?).unwrap_or(u32::MAX),
            report_apply: options.choice(Id::ReportApply)?,
            whole_segments: false,
            without_unit: options.without_unit(),
        })
    }

    /// The same for a program that has everything up to a position.
    pub fn resuming(&self, position: Position) -> Result<Self> {
        if self.mode == Mode::Physical {
            return physical::resuming(self, position);
        }
        let refuse = |why: &str, hint: &str| {
            Err(bad(format!("cannot resume after the position {position}: {why}")).with_hint(hint))
        };
        let sees_blocks = matches!(self.streaming, Streaming::On | Streaming::Parallel);
        let end = "Resume after the position of an event that has an ack_lsn.";
        if position.is_none() || position.system_identifier == 0 || position.timeline == 0 {
            return refuse(
                "it is none of a server's",
                "Give the position of an event or a batch of a stream. Without one leave resume_after out.",
            );
        }
        if self.resume_after.is_none() && self.start_lsn != Lsn(0) {
            return refuse("start_lsn is set", "Leave start_lsn out: the position says where to start.");
        }
        if !self.decode {
            let hint = "Only the plugin knows where a transaction begins and ends: use start_lsn, and expect repetitions.";
            return refuse("decode is \"off\"", hint);
        }
        if position.is_inside() && sees_blocks {
            let hint = format!(
                "Changes in streamed blocks have no number: set streaming to \"assembled\" or \"off\". {end}"
            );
            return refuse("it lies inside a transaction, which may come in blocks", &hint);
        }
        if position.is_inside() && self.two_phase == TwoPhase::Join {
            return refuse("it lies inside a transaction, and two_phase is \"join\"", end);
        }
        if position.is_inside() && self.numbers_anew() {
            return refuse(
                "it lies inside a transaction, and with messages and on_ambiguous \"flag\" its changes may be numbered anew",
                end,
            );
        }
        if position.is_inside() && self.numbering() != Some(position.numbering) {
            let hint = "Set publication, messages, origin and two_phase as they were, until the transaction is whole. Then change them.";
            return refuse(
                "it lies inside a transaction, whose changes other options numbered: publication, messages, origin or two_phase was not the same",
                hint,
            );
        }
        Ok(self.clone().behind(position))
    }

    fn behind(self, position: Position) -> Self {
        let (start_lsn, resume_after) = (position.start(), Some(position));
        Self { start_lsn, resume_after, progress: Progress::Acknowledged, ..self }
    }
}

pub(super) fn resume_after(options: &Options) -> Result<Option<Position>> {
    let text = Some(options.text(Id::ResumeAfter)).filter(|text| !text.is_empty());
    text.map(str::parse).transpose()
}

/// Where to connect, completed, and what carries the connection.
pub(super) fn destination(options: &Options) -> Result<(Conninfo, Backend)> {
    let text = options.text(Id::Conninfo);
    let of_process = options.switch(Id::Env)?;
    let backend = backend(options.choice(Id::Backend)?)?;
    let conninfo = match backend {
        #[cfg(feature = "libpq")]
        Backend::Libpq => Conninfo::read_for_libpq(text),
        Backend::Rustls if of_process => Conninfo::read(text, Environment::of_process()),
        Backend::Rustls => Conninfo::read(text, Environment::ignored()),
    };
    let mut conninfo = conninfo?;
    if let Some(passwords) = &options.passwords {
        let timeout = options.duration(Id::PasswordTimeout)?;
        conninfo.asking(Arc::clone(passwords), timeout);
    }
    Ok((conninfo, backend))
}

fn backend(name: BackendName) -> Result<Backend> {
    match name {
        #[cfg(feature = "libpq")]
        BackendName::Libpq => Ok(Backend::Libpq),
        #[cfg(not(feature = "libpq"))]
        BackendName::Libpq => Err(Error::new(Status::WAL_E_NOT_BUILT, "the backend libpq is not built into this library")
            .with_hint("Build it with -DPGWALSTREAM_LIBPQ=ON (cmake) or --features libpq (cargo), or leave backend at \"rustls\".")),
        BackendName::Rustls => Ok(Backend::Rustls),
    }
}

/// Each file needs a name of its own.
fn rotate(options: &Options) -> Result<Rotate> {
    let (text, file) = (options.text(Id::CaptureRotate), options.text(Id::CaptureFile));
    let how = options.read(Id::CaptureRotate, |text| match (millis(text), size(text)) {
        (Some(0), _) | (_, Some(0)) => Some(Rotate::Never),
        (Some(millis), _) => Some(Rotate::Time(Duration::from_millis(millis))),
        (None, Some(bytes)) => Some(Rotate::Size(bytes)),
        (None, None) => None,
    })?;
    let named = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or("");
    if how != Rotate::Never && !file.is_empty() && !named.contains("%n") && !named.contains("%t") {
        return Err(Error::new(
            Status::WAL_E_BAD_OPTION,
            format!("capture_rotate is \"{text}\", and capture_file names one file"),
        )
        .with_hint("Give capture_file a name with %n (the file's number) or %t (when it is begun)."));
    }
    Ok(how)
}

pub(super) fn bad(why: String) -> Error {
    Error::new(Status::WAL_E_BAD_OPTION, why)
}

/// What belongs to pgoutput, or to decoding, means nothing without: it is refused, never ignored.
fn check_plugin(options: &Options) -> Result<()> {
    let decodes = options.decodes()?;
    let is_pgoutput = options.text(Id::Plugin) == "pgoutput";
    let refuse = |why: &str, hint: &str| Err(Error::new(Status::WAL_E_BAD_OPTION, why).with_hint(hint));
    if decodes && !is_pgoutput {
        let hint = "Set decode to \"off\" to have the plugin's payloads as they are.";
        return refuse("only pgoutput's messages can be decoded", hint);
    }
    if decodes && options.is_set(Id::PluginOptions) {
        return refuse("plugin_options needs decode=off", "pgoutput's own options have options here.");
    }
    if !decodes && options.is_set(Id::StopLsn) {
        return refuse("stop_lsn needs decode=on", "Where a transaction ends is known from decoding only.");
    }
    if !decodes && options.text(Id::Streaming) == "assembled" {
        return refuse(
            "streaming=assembled needs decode=on",
            "Set streaming to \"on\" to have the payloads as they come.",
        );
    }
    if options.text(Id::TwoPhase) == "join" {
        if !decodes {
            return refuse("two_phase=join needs decode=on", "Set two_phase to \"on\".");
        }
        if !matches!(options.text(Id::Streaming), "off" | "assembled") {
            let hint = "Set streaming to \"assembled\" or \"off\": blocks are given before anybody knows their fate.";
            return refuse("two_phase=join does not go with streaming=on or parallel", hint);
        }
    }
    let of_pgoutput = [
        Id::Publication,
        Id::Messages,
        Id::Binary,
        Id::ProtoVersion,
        Id::Streaming,
        Id::TwoPhase,
        Id::Origin,
    ];
    match of_pgoutput.into_iter().find(|id| !is_pgoutput && options.is_set(*id)) {
        Some(id) => {
            let why = format!("option {} is pgoutput's", super::table::spec(id).name);
            refuse(&why, "Give another plugin what it takes with plugin_options.")
        }
        None => Ok(()),
    }
}

/// What a snapshot does not go with.
fn check_snapshot(options: &Options) -> Result<()> {
    let refuse = |why: &str, hint: &str| Err(bad(why.to_owned()).with_hint(hint));
    if options.choice::<Snapshot>(Id::Snapshot)? == Snapshot::None {
        return match options.is_set(Id::SnapshotState) && !options.text(Id::SnapshotState).is_empty() {
            true => refuse(
                "snapshot_state needs snapshot=initial",
                "Set snapshot to \"initial\", or leave the state out.",
            ),
            false => Ok(()),
        };
    }
    if !options.decodes()? {
        let hint = "Set decode to \"on\": rows of a snapshot are events like the changes that follow.";
        return refuse("snapshot=initial needs decode=on", hint);
    }
    let has_position =
        !options.text(Id::ResumeAfter).is_empty() || options.text(Id::StartLsn).parse() != Ok(Lsn(0));
    if has_position && !options.text(Id::SnapshotState).is_empty() {
        let hint = "A position says more: from the end of the snapshot on, give the position alone. Before, give snapshot_state alone.";
        return refuse("snapshot_state does not go with resume_after or start_lsn", hint);
    }
    if options.text(Id::SlotCreate) == SlotCreate::Temporary.word()
        && !options.text(Id::SnapshotState).is_empty()
    {
        let hint = "Leave snapshot_state out: each life of a temporary slot begins with all rows.";
        return refuse("snapshot_state does not go with slot_create=temporary", hint);
    }
    Ok(())
}

/// What becomes of prepared transactions: a switch, with a third way.
fn two_phase(options: &Options) -> Result<TwoPhase> {
    if options.text(Id::TwoPhase) == TwoPhase::Join.word() {
        return Ok(TwoPhase::Join);
    }
    Ok(if options.switch(Id::TwoPhase)? { TwoPhase::On } else { TwoPhase::Off })
}

/// What moves the slot; taking it over means nothing where it moves by itself.
fn progress(options: &Options) -> Result<Progress> {
    match options.choice(Id::Progress)? {
        Progress::Auto if options.switch(Id::SlotAdopt)? && options.text(Id::ResumeAfter).is_empty() => {
            let hint = "Set progress to \"acknowledged\", or leave slot_adopt out.";
            Err(bad("slot_adopt=on needs progress=acknowledged".to_owned()).with_hint(hint))
        }
        progress @ (Progress::Auto | Progress::Acknowledged) => Ok(progress),
    }
}

/// The version that is asked for, which must do for the features that are.
fn proto_version(asked: ProtoVersion, streaming: Streaming, two_phase: bool) -> Result<u32> {
    let needs = [
        (4, streaming == Streaming::Parallel, "streaming=parallel"),
        (3, two_phase, "two_phase=on"),
        (2, streaming == Streaming::On, "streaming=on"),
        (2, streaming == Streaming::Assembled, "streaming=assembled"),
        (1, true, "any option"),
    ];
    let need = needs.into_iter().find(|(_, wanted, _)| *wanted).unwrap_or((1, true, ""));
    match asked.number() {
        Some(version) if version < need.0 => Err(Error::new(
            Status::WAL_E_BAD_OPTION,
            format!("{} needs protocol version {}, and proto_version is {version}", need.2, need.0),
        )
        .with_hint("Leave proto_version at \"auto\".")),
        Some(version) => Ok(version),
        None => Ok(need.0),
    }
}

fn required<'a>(options: &'a Options, id: Id, name: &str) -> Result<&'a str> {
    match options.text(id) {
        "" => Err(Error::new(Status::WAL_E_BAD_OPTION, format!("option {name} is not set"))
            .with_hint(format!("Set option {name}."))),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Choice;

    /// What of the conninfo is refused, or left to libpq, is for the backend to say.
    #[test]
    fn a_backend_is_taken_only_where_it_is_built() {
        let mut options = Options::new();
        let kerberos = "host=h user=u krbsrvname=x";
        for (key, value) in [("slot", "s"), ("publication", "p"), ("conninfo", kerberos)] {
            options.set(key, Some(value)).unwrap();
        }
        assert_eq!(options.config().unwrap_err().status(), Status::WAL_E_NOT_BUILT);
        options.set("backend", Some("libpq")).unwrap();
        #[cfg(feature = "libpq")]
        assert_eq!(options.config().unwrap().backend, Backend::Libpq);
        #[cfg(not(feature = "libpq"))]
        {
            let error = options.config().unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_NOT_BUILT);
            assert!(error.message().contains("libpq") && error.hint().contains("PGWALSTREAM_LIBPQ=ON"));
        }
        for text in ["host=h user=u sslmode=nonsense", "host=h user=u replication=on"] {
            options.set("backend", Some("libpq")).unwrap();
            assert_eq!(options.set("conninfo", Some(text)).unwrap_err().status(), Status::WAL_E_CONNINFO);
        }
    }

    #[test]
    fn nothing_is_no_size_to_rotate_at() {
        let mut options = Options::new();
        for text in ["0", "0s", "0kB", "0MB", "0B"] {
            options.set("capture_rotate", Some(text)).unwrap();
            assert_eq!(rotate(&options).unwrap(), Rotate::Never, "{text}");
        }
    }

    #[test]
    fn the_version_is_what_the_features_need() {
        use Streaming::{Assembled, Off, On, Parallel};
        for (streaming, two_phase, needed) in [
            (Off, false, 1),
            (On, false, 2),
            (Off, true, 3),
            (On, true, 3),
            (Assembled, false, 2),
            (Assembled, true, 3),
            (Parallel, false, 4),
            (Parallel, true, 4),
        ] {
            assert_eq!(proto_version(ProtoVersion::Auto, streaming, two_phase).unwrap(), needed);
            for word in ["1", "2", "3", "4"] {
                let asked: u32 = word.parse().unwrap();
                let got = proto_version(ProtoVersion::of_word(word).unwrap(), streaming, two_phase);
                match got {
                    Ok(version) => assert!(version == asked && asked >= needed),
                    Err(error) => assert!(error.status() == Status::WAL_E_BAD_OPTION && asked < needed),
                }
            }
        }
    }
}
