//! Events as messages for others, in several formats. Plain computing without I/O; it must never change what a value says, nor
//! allocate for each event once its buffers have found their size.
//!
//! A renderer takes events and gives messages, each with what a message broker wants of it: topic, key and value. All bytes lie
//! in buffers of the renderer, which are used again.

mod csv;
mod debezium;
mod json;
mod kind;
mod messages;
mod nested;
mod out;
mod plan;
mod settings;
mod sql;
mod text;
mod transaction;
mod type_name;
mod value;
mod wal2json;
mod wal2json_document;

pub use messages::Rendered;

use debezium::Debezium;
use json::Json;
use messages::Messages;
use plan::{Layout, Plans};
use settings::{Bytes, OF_DEBEZIUM, OF_JSON, OF_WAL2JSON, Processed, Settings, Transactions, either};
use transaction::{Rule, Transaction};
use value::Values;

use crate::batch::{EventKind, EventView};
use crate::error::{Error, Result, Status};

/// Makes messages of events.
#[derive(Debug)]
pub struct Renderer {
    format: Format,
    values: Values,
    plans: Plans,
    json: Json,
    debezium: Debezium,
    transaction: Transaction,
    messages: Messages,
}

/// What messages look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Wal2Json,
    Wal2Json2,
    Csv,
    Sql,
    Debezium,
}

impl Format {
    const TABLE: &[(&str, Self)] = &[
        ("json", Self::Json),
        ("wal2json", Self::Wal2Json),
        ("wal2json2", Self::Wal2Json2),
        ("csv", Self::Csv),
        ("sql", Self::Sql),
        ("debezium", Self::Debezium),
    ];

    fn of(name: &str) -> Result<Self> {
        Self::TABLE.iter().find(|known| known.0 == name).map(|known| known.1).ok_or_else(|| {
            let names: Vec<&str> = Self::TABLE.iter().map(|known| known.0).collect();
            let what = format!("there is no format {name:?} to render in, expected {}", either(&names));
            Error::new(Status::WAL_E_INVALID_ARGUMENT, what)
        })
    }

    /// What its readers count on.
    fn rule(self, settings: &Settings) -> Rule {
        match self {
            Self::Debezium if settings.transactions == Transactions::Emit => Rule::Counted,
            Self::Debezium => Rule::Committed,
            Self::Json => Rule::Told,
            Self::Csv => Rule::Committed,
            Self::Wal2Json2 | Self::Sql => Rule::Whole,
            Self::Wal2Json => Rule::Enclosed,
        }
    }

    /// The names of the options that change it.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Json => OF_JSON,
            Self::Wal2Json | Self::Wal2Json2 => OF_WAL2JSON,
            Self::Csv | Self::Sql => &[],
            Self::Debezium => OF_DEBEZIUM,
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Json | Self::Debezium => Layout::Object,
            Self::Wal2Json => Layout::Lists,
            Self::Wal2Json2 => Layout::Wal2Json,
            Self::Csv => Layout::Csv,
            Self::Sql => Layout::Sql,
        }
    }
}

impl Renderer {
    /// One for a format, with all options at their defaults.
    pub fn new(format: &str) -> Result<Self> {
        let format = Format::of(format)?;
        let plans = Plans::new(format.layout());
        let (mut values, debezium) = (Values::default(), Debezium::default());
        if format == Format::Debezium {
            values.settings.bytes = Bytes::Base64;
        }
        let (json, transaction) = (Json::default(), Transaction::default());
        Ok(Self { format, values, plans, json, debezium, transaction, messages: Messages::default() })
    }

    /// Sets an option, for the events that follow.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.values.settings.set(name, value, self.format.options())?;
        self.plans = Plans::new(self.format.layout());
        self.debezium.forget();
        if !self.tells_time() {
            self.set_clock(0);
        }
        Ok(())
    }

    /// Whether messages say when they were made, by the clock.
    pub fn tells_time(&self) -> bool {
        self.format == Format::Debezium && self.values.settings.processed == Processed::Clock
    }

    /// The time at which the messages that follow are made, in microseconds since 2000.
    pub fn set_clock(&mut self, now: i64) {
        self.debezium.set_clock(now);
    }

    /// Forgets the messages that there are.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.values.shrink();
        self.transaction.mark();
        self.debezium.mark();
    }

    /// Throws away what was rendered since the last `clear`, as if it had never been.
    pub fn take_back(&mut self) {
        self.transaction.go_back();
        self.debezium.go_back();
        self.clear();
    }

    /// Appends the messages of an event. After an error there are none of any event.
    #[inline]
    pub fn push(&mut self, event: EventView<'_>) -> Result<()> {
        let outcome = self.write(event);
        match outcome {
            Ok(()) => self.messages.end_event(),
            Err(_) => self.take_back(),
        }
        outcome
    }

    #[inline]
    fn write(&mut self, event: EventView<'_>) -> Result<()> {
        let plain = event.plain();
        let kind = EventKind::of(plain.kind).ok_or_else(|| {
            let what = format!("{} is no kind of an event that this library makes", plain.kind);
            Error::new(Status::WAL_E_INVALID_ARGUMENT, what)
        })?;
        let is_first = !self.transaction.has_changes();
        if self.format != Format::Json {
            self.transaction.take(
                self.format.rule(&self.values.settings),
                plain,
                kind,
                self.messages.events(),
            )?;
        }
        self.messages.begin_event(plain.kind);
        let (values, plans, messages) = (&mut self.values, &mut self.plans, &mut self.messages);
        match self.format {
            Format::Json => self.json.write(values, plans, (event, kind), messages),
            Format::Wal2Json => wal2json_document::write(values, plans, event, is_first, messages),
            Format::Wal2Json2 => wal2json::write(values, plans, event, messages),
            Format::Csv => csv::write(values, plans, event, messages),
            Format::Sql => sql::write(values, plans, event, messages),
            Format::Debezium => self.debezium.write(values, (event, kind), messages),
        }
    }

    /// All messages since `clear`, in the order of their events.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Rendered<'_>> {
        self.messages.iter()
    }

    /// The values of all messages since `clear`, with a line feed behind each.
    pub fn lines(&self) -> &[u8] {
        self.messages.out.bytes()
    }
}
