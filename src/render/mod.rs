//! Events as messages for others: lines of JSON. Plain computing without I/O; it must never change what a value says, nor
//! allocate for each event once its buffers have found their size.
//!
//! A renderer takes events and gives messages, each with what a message broker wants of it: topic, key and value. All bytes lie
//! in buffers of the renderer, which are used again.

mod csv;
mod json;
mod messages;
mod nested;
mod out;
mod plan;
mod settings;
mod sql;
mod text;
mod type_name;
mod value;
mod wal2json;
mod wal2json_document;

pub use messages::Rendered;

use json::Json;
use messages::Messages;
use plan::{Layout, Plans};
use settings::either;
use value::Values;
use wal2json_document::Document;

use crate::batch::{EventKind, EventView, flags};
use crate::error::{Error, Result, Status};

/// Makes messages of events.
#[derive(Debug)]
pub struct Renderer {
    format: Format,
    values: Values,
    plans: Plans,
    json: Json,
    document: Document,
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
}

impl Format {
    const TABLE: &[(&str, Self)] = &[
        ("json", Self::Json),
        ("wal2json", Self::Wal2Json),
        ("wal2json2", Self::Wal2Json2),
        ("csv", Self::Csv),
        ("sql", Self::Sql),
    ];

    fn of(name: &str) -> Result<Self> {
        Self::TABLE.iter().find(|known| known.0 == name).map(|known| known.1).ok_or_else(|| {
            let names: Vec<&str> = Self::TABLE.iter().map(|known| known.0).collect();
            let what = format!("there is no format {name:?} to render in, expected {}", either(&names));
            Error::new(Status::WAL_E_INVALID_ARGUMENT, what)
        })
    }

    fn layout(self) -> Layout {
        match self {
            Self::Json => Layout::Object,
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
        let (values, json, document) = (Values::default(), Json::default(), Document::default());
        Ok(Self { format, values, plans, json, document, messages: Messages::default() })
    }

    /// Sets an option, for the events that follow.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.values.settings.set(name, value)?;
        self.plans = Plans::new(self.format.layout());
        Ok(())
    }

    /// Forgets the messages that there are.
    pub fn clear(&mut self) {
        self.messages.clear();
    }

    /// Appends the messages of an event. After an error there are none of any event.
    #[inline]
    pub fn push(&mut self, event: EventView<'_>) -> Result<()> {
        if self.format != Format::Json {
            self.refuse_uncommitted(event)?;
        }
        self.messages.begin_event(event.plain().kind);
        let (values, plans, messages) = (&mut self.values, &mut self.plans, &mut self.messages);
        let written = match self.format {
            Format::Json => self.json.write(values, plans, event, messages),
            Format::Wal2Json => self.document.write(values, plans, event, messages),
            Format::Wal2Json2 => wal2json::write(values, plans, event, messages),
            Format::Csv => csv::write(values, plans, event, messages),
            Format::Sql => sql::write(values, plans, event, messages),
        };
        match written {
            Ok(()) => self.messages.end_event(),
            Err(_) => self.clear(),
        }
        written
    }

    /// Who reads these formats takes every change for one that happened.
    fn refuse_uncommitted(&mut self, event: EventView<'_>) -> Result<()> {
        let plain = event.plain();
        let hint = match plain.kind {
            _ if plain.flags & flags::STREAMED != 0 => "Set option streaming to assembled or off.",
            kind if kind == EventKind::WAL_EVENT_BEGIN_PREPARE as u32 => {
                "Set option two_phase to join or off."
            }
            _ => return Ok(()),
        };
        self.clear();
        let what = "what is not committed can be rendered in the format json only";
        Err(Error::new(Status::WAL_E_STATE, what).with_hint(hint))
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
