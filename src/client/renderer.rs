//! Renderers for a Rust program. It must never copy what was rendered.

use super::batch::Batch;
use super::event::EventRef;
use super::kind::EventKind;
use crate::error::Result;
use crate::render;

/// Makes messages of events: lines of JSON, whose values are what the server's to_json() gives. It does no I/O, and allocates
/// nothing for an event once its buffers have found their size.
///
/// ```
/// use pgwalstream::{Decoder, Lsn, Renderer};
///
/// let mut decoder = Decoder::new();
/// // pg_logical_emit_message(false, 'hi', 'there')
/// decoder.feed(Lsn(0x16B_3748), b"M\x00\x00\x00\x00\x00\x01\x6b\x37\x48hi\x00\x00\x00\x00\x05there")?;
/// let batch = decoder.next_batch().expect("a message is an event");
///
/// let mut renderer = Renderer::new("json")?;
/// renderer.render_batch(&batch)?;
/// let line = String::from_utf8_lossy(renderer.lines());
/// assert!(line.contains(r#""prefix":"hi","content":"there""#) && line.ends_with("}\n"));
/// # Ok::<(), pgwalstream::Error>(())
/// ```
#[derive(Debug)]
pub struct Renderer(render::Renderer);

/// One message of a [`Renderer`], which holds the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered<'a> {
    /// Which event it is of: its number in the batch, or the count of events rendered before it since
    /// [`clear`](Renderer::clear).
    pub event: usize,
    /// What the event is.
    pub kind: EventKind,
    /// `schema.table` of a change, ambiguous where one has a dot; `None` for an event without one table.
    pub topic: Option<&'a [u8]>,
    /// What identifies the row, in formats that have keys. The format "json" has none.
    pub key: Option<&'a [u8]>,
    /// The message, without a line feed. `None` says that the key is gone, in formats that have keys.
    pub value: Option<&'a [u8]>,
}

impl Renderer {
    /// A renderer for a format: "json" gives an object for each event, on one line; "wal2json" and "wal2json2" what wal2json
    /// gives with format versions 1 and 2; "csv" rows as COPY writes them; "sql" statements that
    /// apply the changes.
    pub fn new(format: &str) -> Result<Self> {
        render::Renderer::new(format).map(Self)
    }

    /// Sets an option, for the events that follow: `numbers` ("exact", "js", "string"), `bytes` ("hex", "base64"),
    /// `unchanged` ("list", "omit", "null"), `line_separators` ("plain", "escaped").
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.0.set(name, value)
    }

    /// The same, for a renderer that is being made.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self> {
        self.set(name, value)?;
        Ok(self)
    }

    /// Renders all events of a batch in place of what there is. After an error there are no messages.
    pub fn render_batch(&mut self, batch: &Batch) -> Result<()> {
        self.clear();
        batch.iter().try_for_each(|event| self.push(event))
    }

    /// Appends the messages of an event. After an error there are none.
    #[inline]
    pub fn push(&mut self, event: EventRef<'_>) -> Result<()> {
        self.0.push(event.view())
    }

    /// Forgets the messages. Their memory is used again.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The messages, in the order of their events.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Rendered<'_>> {
        self.0.messages().map(|it| Rendered {
            event: it.event,
            kind: EventKind::of(it.kind),
            topic: it.topic,
            key: it.key,
            value: it.value,
        })
    }

    /// The values of all messages, with a line feed behind each: to be written at once.
    pub fn lines(&self) -> &[u8] {
        self.0.lines()
    }
}
