//! The options of one stream, typed and checked against each other.

use std::time::Duration;

use super::parse::{duration, names, size, switch};
use super::{Id, Options};
use crate::conninfo::Conninfo;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// Whether connecting may create the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
pub enum AckMode {
    /// The program does.
    Manual,
    /// Freeing a batch does.
    Auto,
}

/// What to do when the server says that it skipped changes (pitfall P17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapPolicy {
    /// End the stream.
    Error,
    /// Log it and go on.
    Warn,
}

/// Everything that the engine needs to know of a stream.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to connect.
    pub conninfo: Conninfo,
    /// The slot's name.
    pub slot: String,
    /// The publications' names, unquoted.
    pub publications: Vec<String>,
    /// Whether the slot may be created.
    pub slot_create: SlotCreate,
    /// Where to start; 0 is where the slot stands.
    pub start_lsn: Lsn,
    /// Whether logical messages are wanted.
    pub messages: bool,
    /// Whether binary values are wanted.
    pub binary: bool,
    /// Who acknowledges.
    pub ack: AckMode,
    /// The longest time between two status updates.
    pub status_interval: Duration,
    /// What to do about skipped changes.
    pub on_gap: GapPolicy,
    /// The most memory of waiting batches.
    pub queue_bytes: usize,
    /// The most events of a batch.
    pub batch_events: usize,
    /// The most bytes of a batch.
    pub batch_bytes: usize,
    /// How long a busy stream may be gathered.
    pub latency_budget: Duration,
    /// How long closing may take.
    pub close_timeout: Duration,
}

impl Config {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let number = |id| usize::try_from(size(options.text(id)).unwrap_or(0)).unwrap_or(usize::MAX);
        let on = |id| switch(options.text(id)).unwrap_or(false);
        let time = |id| duration(options.text(id)).unwrap_or_default();
        let publications = required(options, Id::Publication, "publication")
            .and_then(|text| names(text).map_err(|why| Error::new(Status::WAL_E_BAD_OPTION, why)))?;
        Ok(Self {
            conninfo: Conninfo::parse(options.text(Id::Conninfo))?,
            slot: required(options, Id::Slot, "slot")?.to_owned(),
            publications,
            slot_create: match options.text(Id::SlotCreate) {
                "if_missing" => SlotCreate::IfMissing,
                "temporary" => SlotCreate::Temporary,
                _ => SlotCreate::Never,
            },
            start_lsn: options.text(Id::StartLsn).parse()?,
            messages: on(Id::Messages),
            binary: on(Id::Binary),
            ack: if options.text(Id::Ack) == "auto" { AckMode::Auto } else { AckMode::Manual },
            status_interval: time(Id::StatusInterval),
            on_gap: if options.text(Id::OnGap) == "warn" { GapPolicy::Warn } else { GapPolicy::Error },
            queue_bytes: number(Id::QueueBytes),
            batch_events: number(Id::BatchEvents),
            batch_bytes: number(Id::BatchBytes),
            latency_budget: time(Id::LatencyBudget),
            close_timeout: time(Id::CloseTimeout),
        })
    }
}

fn required<'a>(options: &'a Options, id: Id, name: &str) -> Result<&'a str> {
    match options.text(id) {
        "" => Err(Error::new(Status::WAL_E_BAD_OPTION, format!("option {name} is not set"))
            .with_hint(format!("wal_options_set(options, \"{name}\", \"…\", &err)"))),
        text => Ok(text),
    }
}
