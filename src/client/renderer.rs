//! Renderers for a Rust program. It must never copy what was rendered.

use super::batch::Batch;
use super::event::EventRef;
use super::kind::EventKind;
use crate::error::Result;
use crate::render;
use crate::sys::pg_micros;

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
    /// `schema.table` of a change, ambiguous where one has a dot; `None` for an event without one table. In "debezium" the whole
    /// name of the topic.
    pub topic: Option<&'a [u8]>,
    /// What identifies the row, in the format "debezium" where the table has a key. Other formats have none.
    pub key: Option<&'a [u8]>,
    /// The message, without a line feed behind it. In csv and sql a value in quotes may hold some. `None` says that the key is gone, in formats that have keys.
    pub value: Option<&'a [u8]>,
}

impl Renderer {
    /// A renderer for a format: "json" gives an object for each event, on one line; "wal2json" and "wal2json2" what wal2json
    /// gives with format versions 1 and 2; "csv" rows as COPY writes them; "sql" statements that
    /// apply the changes; "debezium" what Debezium's connector gives, with keys and tombstones.
    pub fn new(format: &str) -> Result<Self> {
        let mut made = render::Renderer::new(format).map(Self)?;
        made.look_at_the_clock();
        Ok(made)
    }

    /// Sets an option, for the events that follow: `numbers` ("exact", "js", "string"), `bytes` ("hex", "base64"),
    /// `unchanged` ("list", "omit", "null"), `line_separators` ("plain", "escaped"). The format "debezium" has `topic_prefix`,
    /// `database`, `schemas`, `decimals`, `compatible`, `tombstones`, `truncates`, `transactions`, `processed`, `key_columns` and
    /// `placeholder`: `docs/rendering.md` says what each does.
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

    /// Forgets the messages. Their memory is used again. What follows is made now, where messages tell the time.
    pub fn clear(&mut self) {
        self.0.clear();
        self.look_at_the_clock();
    }

    fn look_at_the_clock(&mut self) {
        if self.0.tells_time() {
            self.0.set_clock(pg_micros());
        }
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

    /// Columns of a table `public.t7`: name, whether of the key, type.
    fn columns(identity: u8, columns: &[(&str, u8, u32)]) -> Vec<u8> {
        let mut message = b"R\0\0\0\x07public\0t7\0".to_vec();
        message.extend([identity, 0, columns.len() as u8]);
        for (name, is_key, of) in columns {
            message.push(*is_key);
            message.extend(name.as_bytes());
            message.push(0);
            message.extend(of.to_be_bytes());
            message.extend((-1_i32).to_be_bytes());
        }
        message
    }

    /// A row of it; None: NULL, or not sent.
    fn row(kind: u8, values: &[Option<&str>]) -> Vec<u8> {
        let mut message = vec![kind, 0, values.len() as u8];
        for value in values {
            match value {
                Some(text) => {
                    message.push(b't');
                    message.extend((text.len() as u32).to_be_bytes());
                    message.extend(text.as_bytes());
                }
                None => message.push(b'n'),
            }
        }
        message
    }

    fn change(kind: u8, rows: &[Vec<u8>]) -> Vec<u8> {
        [&[kind, 0, 0, 0, 7][..], &rows.concat()].concat()
    }

    /// Topic, key and value of each message.
    fn keyed(renderer: &mut Renderer, batch: &Batch) -> Vec<(String, Option<String>, Option<String>)> {
        renderer.render_batch(batch).unwrap();
        let text = |part: &[u8]| String::from_utf8(part.to_vec()).unwrap();
        let message = |it: Rendered<'_>| (text(it.topic.unwrap()), it.key.map(text), it.value.map(text));
        renderer.messages().map(message).collect()
    }

    #[test]
    fn debeziums_envelope_has_exact_values_and_keys() {
        let table = columns(
            b'd',
            &[("id", 1, 23), ("n", 0, 1700), ("d", 0, 1082), ("z", 0, 1266), ("m", 0, 790), ("a", 0, 1007)],
        );
        let new = [
            Some("1"),
            Some("NaN"),
            Some("infinity"),
            Some("12:00:00+02"),
            Some("-$1.05"),
            Some("{{1,2},{3,NULL}}"),
        ];
        let moved = [Some("2"), None, None, None, None, None];
        let batch = batch(&[
            &BEGIN,
            &table,
            &change(b'I', &[row(b'N', &new)]),
            &change(b'U', &[row(b'K', &[Some("1"), None, None, None, None, None]), row(b'N', &moved)]),
            &change(b'D', &[row(b'K', &moved)]),
            &COMMIT,
        ]);
        let mut renderer = Renderer::new("debezium")
            .and_then(|it| it.with("topic_prefix", "p q"))
            .and_then(|it| it.with("processed", "commit"))
            .unwrap();
        let messages = keyed(&mut renderer, &batch);
        let keys: Vec<Option<&str>> = messages.iter().map(|it| it.1.as_deref()).collect();
        let (one, two) = (Some("{\"id\":1}"), Some("{\"id\":2}"));
        assert_eq!(keys, [one, one, one, two, two, two]);
        assert!(messages.iter().all(|it| it.0 == "p_q.public.t7"));
        let values: Vec<&str> = messages.iter().map(|it| it.2.as_deref().unwrap_or("gone")).collect();
        let begins = [
            "{\"before\":null,\"after\":{\"id\":1,\"n\":\"NaN\",\"d\":2147483647,\"z\":\"12:00:00+02\",\"m\":\"-1.05\",\"a\":[[1,2],[3,null]]},",
            "{\"before\":{\"id\":1},\"after\":null,",
            "gone",
            "{\"before\":null,\"after\":{\"id\":2,\"n\":null,",
            "{\"before\":{\"id\":2},\"after\":null,",
            "gone",
        ];
        for (value, begin) in values.iter().zip(begins) {
            assert!(value.starts_with(begin), "{value}");
        }
        assert!(values[0].contains(concat!("\"source\":{\"version\":\"", env!("CARGO_PKG_VERSION"), "\"")));
        assert!(
            values[0].contains(",\"txId\":7,\"lsn\":8,") && values[0].contains("\"op\":\"c\""),
            "{}",
            values[0]
        );
        // The same event, the same bytes; only what is behind the last commit differs.
        let again = Renderer::new("debezium").and_then(|it| it.with("topic_prefix", "p q"));
        let mut again = again.and_then(|it| it.with("processed", "commit")).unwrap();
        assert_eq!(keyed(&mut again, &batch), messages);
        again.set("tombstones", "off").unwrap();
        assert_eq!(keyed(&mut again, &batch).len(), 4);
    }

    #[test]
    fn a_transaction_is_counted_as_it_is_given_out() {
        let (table, insert) = (table(1), &INSERT[..]);
        let [first, cut, rest] = [
            batch(&[&BEGIN, &table, insert]),
            batch(&[&BEGIN, &table, insert, &COMMIT, &BEGIN, insert]),
            batch(&[&BEGIN, &table, insert, insert, &COMMIT]),
        ];
        let mut renderer = Renderer::new("debezium").and_then(|it| it.with("transactions", "on")).unwrap();
        assert_eq!(keyed(&mut renderer, &first).len(), 2);
        // A change is given out, and then a call fails that would have ended the transaction and begun others.
        renderer.clear();
        let mut events = cut.iter().skip(2).chain(first.iter().take(1));
        let error = events.try_for_each(|event| renderer.push(event)).unwrap_err();
        assert_eq!((error.status(), renderer.messages().len()), (Status::WAL_E_STATE, 0));
        renderer.clear();
        for event in rest.iter().skip(2) {
            renderer.push(event).unwrap();
        }
        let values: Vec<&[u8]> = renderer.messages().map(|it| it.value.unwrap()).collect();
        let end = String::from_utf8_lossy(values[2]);
        assert!(end.starts_with("{\"status\":\"END\"") && end.contains("\"event_count\":3,\"data_collections\":[{\"data_collection\":\"public.t1\",\"event_count\":3}]"), "{end}");
        let place = String::from_utf8_lossy(values[1]);
        assert!(place.contains("\"total_order\":3,\"data_collection_order\":3}"), "{place}");
        // Outside of a transaction there is no place.
        let mut alone = Renderer::new("debezium").and_then(|it| it.with("transactions", "on")).unwrap();
        assert_eq!(alone.push(first.iter().nth(2).unwrap()).unwrap_err().status(), Status::WAL_E_STATE);
    }

    /// A renderer for Debezium's format with options.
    fn debezium(options: &[(&str, &str)]) -> Renderer {
        let all = [&[("processed", "commit")], options].concat();
        let with = |renderer: Renderer, (name, word): &(&str, &str)| renderer.with(name, word);
        all.iter().try_fold(Renderer::new("debezium").unwrap(), with).unwrap()
    }

    fn origin(name: &str) -> Vec<u8> {
        [b"O\0\0\0\0\0\0\0\x2A", name.as_bytes(), b"\0"].concat()
    }

    #[test]
    fn an_origin_is_of_its_transaction_whatever_was_thrown_away() {
        let (table, insert) = (table(1), &INSERT[..]);
        let message = b"M\0\0\0\0\0\0\0\0\x20p\0\0\0\0\x01x";
        let all = batch(&[&BEGIN, &origin("n1"), &table, insert, insert, &COMMIT, message, &BEGIN, insert]);
        for (compatible, behind) in
            [("off", "\"origin\":null"), ("3.6", "\"origin\":\"n1\",\"origin_lsn\":42}")]
        {
            let mut renderer = debezium(&[("compatible", compatible), ("transactions", "on")]);
            let events: Vec<_> = all.iter().filter(|event| event.kind() != EventKind::Relation).collect();
            let given = events.iter().take(3).try_for_each(|event| renderer.push(*event));
            given.unwrap();
            renderer.clear();
            // The next call ends the transaction, begins another, and fails.
            let mut cut = events.iter().skip(3).chain(events.iter().take(1));
            cut.try_for_each(|event| renderer.push(*event)).unwrap_err();
            events.iter().skip(3).take(3).for_each(|event| renderer.push(*event).unwrap());
            let values: Vec<String> = renderer
                .messages()
                .map(|it| String::from_utf8_lossy(it.value.unwrap()).into_owned())
                .collect();
            assert!(values[0].contains("\"origin\":\"n1\",\"origin_lsn\":42}"), "{}", values[0]);
            assert!(values[2].contains(behind), "{}", values[2]);
        }
    }

    #[test]
    fn what_was_before_changes_the_sequence_alone() {
        let (table, insert) = (table(1), &INSERT[..]);
        let message = b"M\0\0\0\0\0\0\0\0\x20p\0\0\0\0\x01x";
        // A second behind 2000.
        let commit = b"C\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x18\0\0\0\0\0\x0F\x42\x40";
        let all = batch(&[&BEGIN, &table, insert, commit, &BEGIN, insert, commit, message]);
        let values = |from: usize| {
            let mut renderer = debezium(&[]);
            all.iter().skip(from).for_each(|event| renderer.push(event).unwrap());
            let text = |it: Rendered<'_>| String::from_utf8_lossy(it.value.unwrap()).into_owned();
            renderer.messages().map(text).collect::<Vec<_>>()
        };
        let (whole, later) = (values(0), values(4));
        assert!(
            whole[1].contains("\"sequence\":\"[\\\"24\\\",") && later[0].contains("\"sequence\":\"[null,")
        );
        assert_eq!(whole[1].replace("\\\"24\\\"", "null"), later[0]);
        // What is outside of transactions has the time of the one before, and before the first one none.
        assert_eq!(whole[2], later[1]);
        assert!(whole[2].contains("\"op\":\"m\",\"ts_ms\":946684801000,"), "{}", whole[2]);
        let alone = &values(7)[0];
        assert!(
            alone.contains("\"op\":\"m\",\"ts_ms\":0,") && alone.contains("\"ts_us\":0,\"ts_ns\":0,"),
            "{alone}"
        );
    }

    #[test]
    fn values_have_the_forms_that_are_told() {
        let after = |of: u32, value: &str, options: &[(&str, &str)]| {
            let insert = change(b'I', &[row(b'N', &[Some(value)])]);
            let batch = batch(&[&BEGIN, &columns(b'd', &[("v", 0, of)]), &insert, &COMMIT]);
            let value = keyed(&mut debezium(options), &batch)[0].2.clone().unwrap();
            let begin = value.find("\"after\":").unwrap() + 8;
            value[begin..value.find(",\"source\":").unwrap()].to_owned()
        };
        let (copied, double) = (("compatible", "3.6"), ("decimals", "double"));
        let with = ("schemas", "on");
        let (numeric, numerics, interval, ints, xids) = (1700, 1231, 1186, 1007, 1011);
        let huge = format!("-1{}", "0".repeat(400));
        for (of, value, options, wanted) in [
            (numeric, &*huge, &[double][..], "{\"v\":\"-Infinity\"}"),
            // In doubles, as Debezium has it, it is less.
            (interval, "00:00:00.000249", &[copied], "{\"v\":248}"),
            (interval, "00:00:00.000249", &[], "{\"v\":249}"),
            (interval, "1 mon -04:05:06.789", &[copied], "{\"v\":2615093211000}"),
            (interval, "178000000 years", &[copied], "{\"v\":9223372036854775807}"),
            (interval, "-178000000 years", &[], "{\"v\":-9223372036854775808}"),
            (numerics, "{1,NaN}", &[copied], "{\"v\":null}"),
            (numerics, "{1,NaN}", &[], "{\"v\":[\"1\",\"NaN\"]}"),
            (xids, "{7,8}", &[copied], "{}"),
            (xids, "{7,8}", &[], "{\"v\":[\"7\",\"8\"]}"),
            (ints, "{{1,2},{3,4}}", &[with], "{\"v\":null}"),
            (ints, "{1,2}", &[with], "{\"v\":[1,2]}"),
            (ints, "{{1,2},{3,4}}", &[], "{\"v\":[[1,2],[3,4]]}"),
        ] {
            assert_eq!(after(of, value, options), wanted, "{of} {value} {options:?}");
        }
    }

    #[test]
    fn a_key_without_a_form_is_an_error() {
        let insert = |of: u32, value: &str| {
            let table = columns(b'd', &[("id", 1, 23), ("k", 1, of)]);
            batch(&[&BEGIN, &table, &change(b'I', &[row(b'N', &[Some("1"), Some(value)])]), &COMMIT])
        };
        let copied = [("compatible", "3.6")];
        // pg_lsn, which is left out, and name, which is null for all rows.
        for of in [3220, 19] {
            let error = debezium(&copied).render_batch(&insert(of, "0/1")).unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_STATE);
            assert!(error.message().contains("\"k\"") && error.hint().contains("compatible"), "{error}");
            let named = [copied[0], ("key_columns", "public.t7:k")];
            assert_eq!(
                debezium(&named).render_batch(&insert(of, "0/1")).unwrap_err().status(),
                Status::WAL_E_STATE
            );
            let other = [copied[0], ("key_columns", "public.t7:id")];
            assert_eq!(keyed(&mut debezium(&other), &insert(of, "0/1"))[0].1.as_deref(), Some("{\"id\":1}"));
            let exact = keyed(&mut debezium(&[]), &insert(of, "0/1"));
            assert_eq!(exact[0].1.as_deref(), Some("{\"id\":1,\"k\":\"0/1\"}"));
        }
        let error = debezium(&copied).render_batch(&insert(1700, "NaN")).unwrap_err();
        assert!(error.message().contains("\"k\"") && error.hint().contains("decimals"), "{error}");
        let key = &keyed(&mut debezium(&[]), &insert(1700, "NaN"))[0].1;
        assert_eq!(key.as_deref(), Some("{\"id\":1,\"k\":\"NaN\"}"));
    }

    #[test]
    fn a_key_is_whole_or_an_error() {
        let table = columns(b'd', &[("id", 1, 23), ("v", 0, 25)]);
        let insert = change(b'I', &[row(b'N', &[Some("1"), Some("x")])]);
        let delete = change(b'D', &[row(b'K', &[Some("1"), None])]);
        let [inserted, deleted] = [&insert, &delete].map(|change| batch(&[&BEGIN, &table, change, &COMMIT]));
        let keyed_by = |columns: &str| Renderer::new("debezium")?.with("key_columns", columns);
        let mut renderer = keyed_by("public.t7:v,id").unwrap();
        assert_eq!(keyed(&mut renderer, &inserted)[0].1.as_deref(), Some("{\"v\":\"x\",\"id\":1}"));
        let error = renderer.render_batch(&deleted).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_STATE);
        assert!(error.message().contains("public.t7") && error.hint().contains("key_columns"), "{error}");
        // Whether this row had the key before, no old row tells.
        let updated = batch(&[&BEGIN, &table, &change(b'U', &[row(b'N', &[Some("1"), Some("y")])]), &COMMIT]);
        assert_eq!(renderer.render_batch(&updated).unwrap_err().status(), Status::WAL_E_STATE);
        keyed(&mut keyed_by("public.t7:id").unwrap(), &updated);
        let error = keyed_by("public.t7:w").unwrap().render_batch(&inserted).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_BAD_OPTION);
        assert!(error.message().contains("\"w\""), "{error}");
    }
}
