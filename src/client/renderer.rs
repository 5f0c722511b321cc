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
    /// The message, without a line feed behind it. In csv and sql a value in quotes may hold some. `None` says that the key is gone, in formats that have keys.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::lsn::Lsn;

    const BEGIN: [u8; 21] = *b"B\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\x07";
    const COMMIT: [u8; 26] = *b"C\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x18\0\0\0\0\0\0\0\0";
    const INSERT: [u8; 14] = *b"I\0\0\0\x01N\0\x01t\0\0\0\x019";

    /// The definition of a table with a column `a` of type integer.
    fn table(oid: u32) -> Vec<u8> {
        let name = format!("public\0t{oid}\0d\0\x01\x01a\0\0\0\0\x17");
        [&[b'R'][..], &oid.to_be_bytes(), name.as_bytes(), &(-1_i32).to_be_bytes()].concat()
    }

    fn batch(messages: &[&[u8]]) -> Batch {
        let mut decoder = super::super::Decoder::new();
        for message in messages {
            decoder.feed(Lsn(8), message).unwrap();
        }
        decoder.next_batch().unwrap()
    }

    fn lines(renderer: &mut Renderer, batch: &Batch) -> String {
        renderer.render_batch(batch).unwrap();
        String::from_utf8(renderer.lines().to_vec()).unwrap()
    }

    #[test]
    fn a_document_that_gets_no_end_is_an_error_and_the_next_one_is_whole() {
        let (table, insert) = (table(1), &INSERT[..]);
        let cut = batch(&[&BEGIN, &table, insert]);
        let whole = batch(&[&BEGIN, &table, insert, insert, &COMMIT]);
        for format in ["wal2json", "wal2json2", "sql"] {
            let mut renderer = Renderer::new(format).unwrap();
            let wanted = lines(&mut renderer, &whole);
            lines(&mut renderer, &cut);
            let error = renderer.render_batch(&whole).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_STATE);
            assert!(error.message().contains("event 0 of those to render, BEGIN"), "{error}");
            assert_eq!(renderer.messages().len(), 0);
            assert_eq!(lines(&mut renderer, &whole), wanted, "{format}");
        }
        let document = lines(&mut Renderer::new("wal2json").unwrap(), &whole).replace('\n', "");
        assert!(document.starts_with("{\"change\":[{\"kind\"") && document.ends_with("}]}"), "{document}");
        assert_eq!(document.matches("},{").count(), 1);
        let alone = Renderer::new("wal2json").unwrap().push(cut.iter().nth(2).unwrap()).unwrap_err();
        assert_eq!(alone.status(), Status::WAL_E_STATE);
    }

    #[test]
    fn an_option_that_changes_nothing_in_a_format_is_refused() {
        for (format, name, word) in [
            ("wal2json", "unchanged", "null"),
            ("wal2json2", "unchanged", "list"),
            ("csv", "numbers", "js"),
            ("sql", "bytes", "hex"),
        ] {
            let error = Renderer::new(format).unwrap().set(name, word).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_UNKNOWN_OPTION, "{format} {name}");
        }
        Renderer::new("wal2json").unwrap().set("numbers", "js").unwrap();
    }

    #[test]
    fn a_value_without_a_text_is_no_literal() {
        // money, whose decimals are the server's.
        let table = [b"R\0\0\0\x01public\0t\0d\0\x01\x01a\0\0\0\x03\x16".as_slice(), &(-1_i32).to_be_bytes()]
            .concat();
        let insert = b"I\0\0\0\x01N\0\x01b\0\0\0\x08\0\0\0\0\0\0\0\x07";
        let batch = batch(&[&BEGIN, &table, insert, &COMMIT]);
        let error = Renderer::new("sql").unwrap().render_batch(&batch).unwrap_err();
        assert!(error.message().contains("money") && error.hint().contains("binary"), "{error}");
        assert!(lines(&mut Renderer::new("csv").unwrap(), &batch).contains(",\\x0000000000000007\n"));
        let json = lines(&mut Renderer::new("json").unwrap(), &batch);
        assert!(json.contains("{\"$binary\":\"0000000000000007\"}"), "{json}");
    }

    #[test]
    fn a_truncate_tells_each_of_many_tables_apart() {
        for count in [1_u32, 8, 9, 40] {
            let tables: Vec<Vec<u8>> = (1..=count).map(table).collect();
            let oids: Vec<u8> = (1..=count).flat_map(u32::to_be_bytes).collect();
            let truncate = [&[b'T'][..], &count.to_be_bytes(), &[0], &oids].concat();
            let mut messages: Vec<&[u8]> = vec![&BEGIN];
            messages.extend(tables.iter().map(Vec::as_slice));
            messages.extend([&truncate[..], &COMMIT]);
            let line = lines(&mut Renderer::new("json").unwrap(), &batch(&messages));
            let all: Vec<String> =
                (1..=count).map(|oid| format!("{{\"schema\":\"public\",\"table\":\"t{oid}\"}}")).collect();
            assert!(line.contains(&format!(",\"tables\":[{}]", all.join(","))), "{line}");
        }
    }
}
