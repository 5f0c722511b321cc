//! The options of one stream, typed and checked against each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::parse::{duration, names, pairs, size, switch};
use super::{Id, Options};
use crate::conninfo::{Conninfo, Environment};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// What carries the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The library itself.
    Rustls,
    /// The installed libpq.
    #[cfg(feature = "libpq")]
    Libpq,
}

/// Whether connecting may create the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotCreate {
    /// A missing slot is an error.
    Never,
    /// A missing slot is created.
    IfMissing,
    /// A temporary slot is created.
    Temporary,
}

/// Who acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckMode {
    /// The program does.
    Manual,
    /// Freeing a batch does.
    Auto,
}

/// What moves the slot while nothing is to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The server's own position does.
    Auto,
    /// Only the acknowledgement of a progress event does.
    Acknowledged,
}

/// Whether transactions come while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Streaming {
    /// They come once they are committed.
    Off,
    /// Large ones come in blocks.
    On,
    /// Likewise, and a rollback says where and when.
    Parallel,
    /// The server sends large ones in blocks, and the library keeps them until they are committed.
    Assembled,
}

/// What to do where nobody can tell whether a logical message was rolled back with a savepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnAmbiguous {
    /// Fetch the transaction again, and all that follows, without streaming.
    Refetch,
    /// Deliver it, and say so.
    Flag,
}

/// What becomes of prepared transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TwoPhase {
    /// They come at COMMIT PREPARED, unless the slot is marked two_phase.
    Off,
    /// They come at PREPARE TRANSACTION, and what becomes of them later.
    On,
    /// They are kept until COMMIT PREPARED, and come then as ordinary ones.
    Join,
}

/// Which changes are sent, by where they were made first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginFilter {
    /// All.
    Any,
    /// Those made on this server.
    None,
}

/// What to do when the server says that it skipped changes (pitfall P17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapPolicy {
    /// End the stream.
    Error,
    /// Log it and go on.
    Warn,
}

/// What to do when a promoted standby lacks some of what was delivered (pitfall P12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailoverPolicy {
    /// End the stream.
    Fail,
    /// Say from where on what was delivered is lost, and go on.
    Rewind,
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

/// Where batches end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchBoundary {
    /// Where they are full, or nothing more is there.
    Any,
    /// Behind a transaction's end, wherever one fits.
    Transaction,
}

/// How fast a capture is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayPace {
    /// As fast as it can be read.
    Full,
    /// As it was received.
    Recorded,
}

/// Whether the walsender's memory is chosen (see `stream::DecodingMemory`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTuning {
    /// Unless somebody set it.
    Auto,
    /// It stays as it is.
    Off,
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
    /// Where to end; None is never.
    pub stop_lsn: Option<Lsn>,
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

    /// What a stream from a server needs.
    pub(super) fn new(options: &Options) -> Result<Self> {
        check_plugin(options)?;
        let publications = if options.text(Id::Plugin) == "pgoutput" {
            required(options, Id::Publication, "publication").and_then(|text| names(text).map_err(bad))?
        } else {
            Vec::new()
        };
        let (conninfo, backend) = destination(options)?;
        let slot = required(options, Id::Slot, "slot")?.to_owned();
        Ok(Self { conninfo, backend, slot, publications, ..Self::common(options)? })
    }

    /// What a replay needs: nothing of a server, and no option is required.
    pub(super) fn replay(options: &Options) -> Result<Self> {
        check_plugin(options)?;
        Ok(Self { health_interval: Duration::ZERO, ..Self::common(options)? })
    }

    /// All but where to connect to and what to ask for there.
    fn common(options: &Options) -> Result<Self> {
        let number = |id| usize::try_from(size(options.text(id)).unwrap_or(0)).unwrap_or(usize::MAX);
        let on = |id| switch(options.text(id)).unwrap_or(false);
        let time = |id| duration(options.text(id)).unwrap_or_default();
        let trying = |within| Reconnect {
            initial: time(Id::ReconnectInitial),
            max: time(Id::ReconnectMax),
            timeout: Some(time(within)).filter(|timeout| !timeout.is_zero()),
        };
        let streaming = match options.text(Id::Streaming) {
            "on" => Streaming::On,
            "parallel" => Streaming::Parallel,
            "assembled" => Streaming::Assembled,
            _ => Streaming::Off,
        };
        let two_phase = match options.text(Id::TwoPhase) {
            "join" => TwoPhase::Join,
            text if switch(text).unwrap_or(false) => TwoPhase::On,
            _ => TwoPhase::Off,
        };
        let progress = progress(options)?;
        Ok(Self {
            conninfo: Conninfo::parse("host=/ user=none")?,
            slot: String::new(),
            publications: Vec::new(),
            backend: Backend::Rustls,
            slot_create: match options.text(Id::SlotCreate) {
                "if_missing" => SlotCreate::IfMissing,
                "temporary" => SlotCreate::Temporary,
                _ => SlotCreate::Never,
            },
            slot_create_timeout: time(Id::SlotCreateTimeout),
            start_lsn: options.text(Id::StartLsn).parse()?,
            stop_lsn: Some(options.text(Id::StopLsn).parse()?).filter(|lsn| *lsn != Lsn(0)),
            messages: on(Id::Messages),
            binary: on(Id::Binary),
            proto_version: proto_version(
                options.text(Id::ProtoVersion),
                streaming,
                two_phase != TwoPhase::Off,
            )?,
            streaming,
            assemble_memory: number(Id::AssembleMemory),
            assemble_disk: number(Id::AssembleDisk) as u64,
            spill_directory: Some(options.text(Id::SpillDirectory))
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            spill_min_free: number(Id::SpillMinFree) as u64,
            two_phase,
            on_ambiguous: match options.text(Id::OnAmbiguous) {
                "flag" => OnAmbiguous::Flag,
                _ => OnAmbiguous::Refetch,
            },
            origin: if options.text(Id::Origin) == "none" { OriginFilter::None } else { OriginFilter::Any },
            decode: on(Id::Decode),
            plugin: options.text(Id::Plugin).to_owned(),
            plugin_options: pairs(options.text(Id::PluginOptions)).map_err(bad)?,
            ack: if options.text(Id::Ack) == "auto" { AckMode::Auto } else { AckMode::Manual },
            progress,
            slot_adopt: on(Id::SlotAdopt),
            status_interval: time(Id::StatusInterval),
            on_gap: if options.text(Id::OnGap) == "warn" { GapPolicy::Warn } else { GapPolicy::Error },
            queue_bytes: number(Id::QueueBytes),
            relations_bytes: number(Id::RelationsBytes),
            batch_events: number(Id::BatchEvents),
            batch_bytes: number(Id::BatchBytes),
            batch_boundary: match options.text(Id::BatchBoundary) {
                "transaction" => BatchBoundary::Transaction,
                _ => BatchBoundary::Any,
            },
            latency_budget: time(Id::LatencyBudget),
            close_timeout: time(Id::CloseTimeout),
            health_interval: time(Id::HealthInterval),
            health_safe_wal: number(Id::HealthSafeWal),
            capture_file: Some(options.text(Id::CaptureFile))
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            capture_rotate: rotate(options)?,
            replay_pace: match options.text(Id::ReplayPace) {
                "recorded" => ReplayPace::Recorded,
                _ => ReplayPace::Full,
            },
            reconnect: on(Id::Reconnect).then(|| trying(Id::ReconnectTimeout)),
            connect_wait: Some(trying(Id::ConnectWait)).filter(|how| how.timeout.is_some()),
            dedupe: on(Id::Dedupe),
            failover_policy: match options.text(Id::FailoverPolicy) {
                "rewind" => FailoverPolicy::Rewind,
                _ => FailoverPolicy::Fail,
            },
            receive_timeout: Some(time(Id::ReceiveTimeout)).filter(|timeout| !timeout.is_zero()),
            server_tuning: match options.text(Id::ServerTuning) {
                "off" => ServerTuning::Off,
                _ => ServerTuning::Auto,
            },
            without_unit: options.without_unit(),
        })
    }
}

/// Where to connect, completed, and what carries the connection.
pub(super) fn destination(options: &Options) -> Result<(Conninfo, Backend)> {
    let text = options.text(Id::Conninfo);
    let of_process = switch(options.text(Id::Env)).unwrap_or(false);
    let backend = backend(options.text(Id::Backend))?;
    let conninfo = match backend {
        #[cfg(feature = "libpq")]
        Backend::Libpq => Conninfo::read_for_libpq(text),
        Backend::Rustls if of_process => Conninfo::read(text, Environment::of_process()),
        Backend::Rustls => Conninfo::read(text, Environment::ignored()),
    };
    let mut conninfo = conninfo?;
    if let Some(passwords) = &options.passwords {
        let timeout = duration(options.text(Id::PasswordTimeout)).unwrap_or_default();
        conninfo.asking(Arc::clone(passwords), timeout);
    }
    Ok((conninfo, backend))
}

fn backend(text: &str) -> Result<Backend> {
    match text {
        #[cfg(feature = "libpq")]
        "libpq" => Ok(Backend::Libpq),
        #[cfg(not(feature = "libpq"))]
        "libpq" => Err(Error::new(Status::WAL_E_NOT_BUILT, "the backend libpq is not built into this library")
            .with_hint("Build it with -DPGWALSTREAM_LIBPQ=ON (cmake) or --features libpq (cargo), or leave backend at \"rustls\".")),
        _ => Ok(Backend::Rustls),
    }
}

/// Each file needs a name of its own.
fn rotate(options: &Options) -> Result<Rotate> {
    let (text, file) = (options.text(Id::CaptureRotate), options.text(Id::CaptureFile));
    let how = match (super::parse::millis(text), size(text)) {
        (Some(0), _) | (None, None) => Rotate::Never,
        (Some(millis), _) => Rotate::Time(Duration::from_millis(millis)),
        (None, Some(bytes)) => Rotate::Size(bytes),
    };
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

fn bad(why: String) -> Error {
    Error::new(Status::WAL_E_BAD_OPTION, why)
}

/// What belongs to pgoutput, or to decoding, means nothing without: it is refused, never ignored.
fn check_plugin(options: &Options) -> Result<()> {
    let decodes = switch(options.text(Id::Decode)).unwrap_or(true);
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

/// What moves the slot; taking it over means nothing where it moves by itself.
fn progress(options: &Options) -> Result<Progress> {
    match options.text(Id::Progress) {
        "acknowledged" => Ok(Progress::Acknowledged),
        _ if switch(options.text(Id::SlotAdopt)).unwrap_or(false) => {
            let hint = "Set progress to \"acknowledged\", or leave slot_adopt out.";
            Err(bad("slot_adopt=on needs progress=acknowledged".to_owned()).with_hint(hint))
        }
        _ => Ok(Progress::Auto),
    }
}

/// The version that is asked for, which must do for the features that are.
fn proto_version(text: &str, streaming: Streaming, two_phase: bool) -> Result<u32> {
    let needs = [
        (4, streaming == Streaming::Parallel, "streaming=parallel"),
        (3, two_phase, "two_phase=on"),
        (2, streaming == Streaming::On, "streaming=on"),
        (2, streaming == Streaming::Assembled, "streaming=assembled"),
        (1, true, "any option"),
    ];
    let need = needs.into_iter().find(|(_, wanted, _)| *wanted).unwrap_or((1, true, ""));
    match text.parse() {
        Ok(version) if version < need.0 => Err(Error::new(
            Status::WAL_E_BAD_OPTION,
            format!("{} needs protocol version {}, and proto_version is {version}", need.2, need.0),
        )
        .with_hint("Leave proto_version at \"auto\".")),
        Ok(version) => Ok(version),
        Err(_) => Ok(need.0),
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
            assert_eq!(proto_version("auto", streaming, two_phase).unwrap(), needed);
            for asked in 1..=4 {
                let got = proto_version(&asked.to_string(), streaming, two_phase);
                match got {
                    Ok(version) => assert!(version == asked && asked >= needed),
                    Err(error) => assert!(error.status() == Status::WAL_E_BAD_OPTION && asked < needed),
                }
            }
        }
    }
}
