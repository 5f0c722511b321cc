//! The rows of a COPY as INSERT events, viewed where the bytes are. In the protocol each piece of a COPY is a row
//! (PostgreSQL documentation, "COPY Operations"; COPY, "File Formats").
//!
//! It must never believe a length or a count, and never append a part of a row.

use std::sync::Arc;

use crate::batch::{Arrays, Event, EventKind, Relation, SnapshotMark, Value, ValueKind, flags};
use crate::error::{Error, Result, Status};
use crate::wire::{binary_header, unescape};

/// Reads the rows of one COPY.
#[derive(Debug)]
pub struct RowReader {
    relation: Arc<Relation>,
    /// The filling of the arrays that keeps the relation alive already; 0 is none.
    kept: u64,
    form: Form,
    stage: Stage,
    source: Source,
    /// The number of the next row.
    next: u64,
    plain: Vec<u8>,
}

/// How values are written.
#[derive(Debug)]
enum Form {
    Text,
    /// What each column comes as.
    Binary(Box<[ValueKind]>),
}

/// Where the binary format stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Rows,
    Trailer,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// The batch has no room. Nothing was changed: come again with the same piece.
    Full,
    /// It is done with.
    Done,
}

/// Which rows are read.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Which item of its table.
    pub item: u32,
    /// The position that the rows are of.
    pub consistent: u64,
    /// How many of its first rows were delivered before.
    pub skip: u64,
}

impl RowReader {
    /// Of an item of a table. `binaries` says of each column whether it comes in binary; `None`: all is text.
    pub fn new(relation: Arc<Relation>, binaries: Option<Vec<bool>>, source: Source) -> Self {
        let kind = |binary| if binary { ValueKind::WAL_VALUE_BINARY } else { ValueKind::WAL_VALUE_TEXT };
        let form = match binaries {
            Some(binaries) => Form::Binary(binaries.into_iter().map(kind).collect()),
            None => Form::Text,
        };
        Self {
            relation,
            kept: 0,
            stage: if matches!(form, Form::Text) { Stage::Rows } else { Stage::Header },
            form,
            source,
            next: 0,
            plain: Vec::new(),
        }
    }

    /// How many rows came, those that were delivered before included.
    pub fn rows(&self) -> u64 {
        self.next
    }

    /// Takes one piece.
    ///
    /// # Safety
    /// `piece` lives and stays as it is until `out` is cleared or dropped, wherever that is read until then.
    pub unsafe fn take(&mut self, piece: &[u8], out: &mut Arrays) -> Result<Took> {
        match self.form {
            Form::Text => self.text(piece, out),
            Form::Binary(_) => self.binary(piece, out),
        }
    }

    /// The server says how many rows it sent.
    pub fn counted(&self, rows: Option<u64>) -> Result<()> {
        match rows {
            Some(rows) if rows == self.next => Ok(()),
            _ => Err(protocol("it has not as many rows as the server says")),
        }
    }

    /// The pieces have ended.
    pub fn end(&self) -> Result<()> {
        if self.next < self.source.skip {
            return Err(Error::new(
                Status::WAL_E_SNAPSHOT,
                format!("{} rows were read again, where {} had been delivered", self.next, self.source.skip),
            ));
        }
        match self.form {
            Form::Binary(_) if self.stage != Stage::Trailer => Err(protocol("it ends without its trailer")),
            Form::Binary(_) | Form::Text => Ok(()),
        }
    }

    fn binary(&mut self, piece: &[u8], out: &mut Arrays) -> Result<Took> {
        let mut rest = piece;
        match self.stage {
            Stage::Header => {
                let length = binary_header(piece)?.ok_or_else(|| protocol("its header is cut"))?;
                rest = piece.get(length..).unwrap_or_default();
            }
            Stage::Rows => {}
            Stage::Trailer => return Err(protocol("more comes behind its trailer")),
        }
        if rest.is_empty() {
            self.stage = Stage::Rows;
            return Ok(Took::Done);
        }
        let (count, rest) = rest.split_first_chunk().ok_or_else(|| protocol("a row is cut"))?;
        if *count == [0xFF, 0xFF] {
            self.stage = Stage::Trailer;
            return if rest.is_empty() {
                Ok(Took::Done)
            } else {
                Err(protocol("more comes behind its trailer"))
            };
        }
        let Form::Binary(kinds) = &self.form else { return Ok(Took::Done) };
        if usize::from(u16::from_be_bytes(*count)) != kinds.len() {
            return Err(other_width(kinds.len()));
        }
        if self.next < self.source.skip {
            self.next += 1;
            self.stage = Stage::Rows;
            return Ok(Took::Done);
        }
        if !out.reserve(1, kinds.len()) {
            return Ok(Took::Full);
        }
        let row = out.row(kinds.len()).ok_or_else(|| protocol("there was no room for its values"))?;
        if binary_values(rest, kinds, row).is_none_or(|behind| !behind.is_empty()) {
            return Err(protocol("a row's lengths are not those of its values"));
        }
        let first = row.as_ptr();
        let columns = kinds.len();
        out.commit_row(columns);
        self.stage = Stage::Rows;
        self.push(first, columns, out);
        Ok(Took::Done)
    }

    fn text(&mut self, piece: &[u8], out: &mut Arrays) -> Result<Took> {
        let columns = self.relation.columns.len();
        let line = piece.strip_suffix(b"\n").ok_or_else(|| protocol("a row has no end"))?;
        if self.next < self.source.skip {
            self.next += 1;
            return Ok(Took::Done);
        }
        if !out.reserve(1, columns) {
            return Ok(Took::Full);
        }
        let mark = out.value_count();
        let mut found = 0;
        let fields = (columns > 0 || !line.is_empty()).then(|| line.split(|byte| *byte == b'\t'));
        for field in fields.into_iter().flatten() {
            found += 1;
            if found > columns {
                break;
            }
            let value = match field {
                b"\\N" => Value::empty(ValueKind::WAL_VALUE_NULL),
                field if field.contains(&b'\\') => {
                    unescape(field, &mut self.plain);
                    let text: Arc<[u8]> = self.plain.as_slice().into();
                    let data = out.keep_text(&text);
                    Value { data, ..Value::view(ValueKind::WAL_VALUE_TEXT, &text) }
                }
                field => Value::view(ValueKind::WAL_VALUE_TEXT, field),
            };
            out.push_value(value);
        }
        if found != columns {
            out.truncate_values(mark);
            return Err(other_width(columns));
        }
        let first = if columns == 0 {
            out.row(0).map_or(std::ptr::null(), |row| row.as_ptr())
        } else {
            out.values_from(mark)
        };
        self.push(first, columns, out);
        Ok(Took::Done)
    }

    fn push(&mut self, new_values: *const Value, columns: usize, out: &mut Arrays) {
        if self.kept != out.serial() {
            out.keep_relation(&self.relation, 0);
            self.kept = out.serial();
        }
        let mark = SnapshotMark { item: self.source.item, ..SnapshotMark::default() };
        let event = Event {
            flags: flags::SNAPSHOT,
            commit_lsn: self.source.consistent,
            number: mark.number(),
            sequence: self.next,
            relation: Arc::as_ptr(&self.relation),
            new_values,
            n_new: columns as u32,
            ..Event::new(EventKind::WAL_EVENT_INSERT)
        };
        self.next += 1;
        // SAFETY: it points at values of these arrays and at a relation that they keep, and through its values into the
        // piece or at texts that they keep: the promise of `take`'s caller.
        unsafe { out.push_event(event) };
    }
}

/// Reads the values of a row into their slots and gives what is behind them. `None`: they are cut, or a length is none.
#[inline(never)]
fn binary_values<'a>(mut rest: &'a [u8], kinds: &[ValueKind], row: &mut [Value]) -> Option<&'a [u8]> {
    for (slot, kind) in row.iter_mut().zip(kinds) {
        let (length, behind) = rest.split_first_chunk()?;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            *slot = Value::empty(ValueKind::WAL_VALUE_NULL);
            rest = behind;
            continue;
        }
        let (value, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
        *slot = Value::view(*kind, value);
        rest = behind;
    }
    Some(rest)
}

#[cold]
fn protocol(what: &str) -> Error {
    Error::new(Status::WAL_E_PROTOCOL, format!("the server's COPY of a snapshot: {what}"))
}

#[cold]
fn other_width(columns: usize) -> Error {
    protocol(&format!("a row has not the {columns} values that were asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Column, Serial, Type};

    const SOURCE: Source = Source { item: 3, consistent: 0x70, skip: 0 };

    fn relation(columns: usize) -> Arc<Relation> {
        let column = |at: usize| Column {
            name: at.to_string().into_bytes().into(),
            type_oid: 25,
            typmod: -1,
            is_key: false,
            data_type: Type::unknown(25).into(),
        };
        Arc::new(Relation {
            oid: 5,
            generation: 1,
            namespace: b"s"[..].into(),
            name: b"t"[..].into(),
            replica_identity: b'd',
            columns: (0..columns).map(column).collect(),
            serial: Serial::next(),
            changes: None,
        })
    }

    fn values(event: &Event) -> Vec<(u8, Vec<u8>)> {
        // SAFETY: the arrays and what they point at live in the tests.
        let row = unsafe { std::slice::from_raw_parts(event.new_values, event.n_new as usize) };
        // SAFETY: as above.
        row.iter().map(|value| (value.kind, unsafe { value.bytes() }.to_vec())).collect()
    }

    fn take(reader: &mut RowReader, pieces: &[&[u8]], out: &mut Arrays) -> Result<()> {
        for piece in pieces {
            // SAFETY: the pieces are literals, or live as long as the arrays.
            assert_eq!(unsafe { reader.take(piece, out) }?, Took::Done);
        }
        reader.end()
    }

    const TEXT: u8 = ValueKind::WAL_VALUE_TEXT as u8;
    const BINARY: u8 = ValueKind::WAL_VALUE_BINARY as u8;

    #[test]
    fn rows_of_text_are_viewed_and_what_is_escaped_is_kept() {
        let mut out = Arrays::new(16, 64);
        let mut reader = RowReader::new(relation(3), None, SOURCE);
        take(&mut reader, &[b"1\t\\N\t\n", b"a\\tb\t\\\\N\tx\n"], &mut out).unwrap();
        let events = out.events();
        assert_eq!(values(&events[0]), [(TEXT, b"1".to_vec()), (0, vec![]), (TEXT, vec![])]);
        let second = [(TEXT, b"a\tb".to_vec()), (TEXT, b"\\N".to_vec()), (TEXT, b"x".to_vec())];
        assert_eq!(values(&events[1]), second);
        assert_eq!((events[1].sequence, events[1].commit_lsn, events[1].ack_lsn), (1, 0x70, 0));
        let mark = SnapshotMark::of(&events[1]).unwrap();
        assert_eq!((mark.item, events[1].flags, reader.rows()), (3, flags::SNAPSHOT, 2));
        for bad in [&b"1\t2\n"[..], b"1\t2\t3\t4\n", b"1\t2\t3", b"\n"] {
            let error = take(&mut reader, &[bad], &mut out).unwrap_err();
            assert_eq!((error.status(), out.events().len()), (Status::WAL_E_PROTOCOL, 2));
        }
        let mut nothing = RowReader::new(relation(0), None, SOURCE);
        take(&mut nothing, &[b"\n", b"\n"], &mut out).unwrap();
        assert_eq!(out.events().len(), 4);
        assert!(!out.events()[3].new_values.is_null() && out.events()[3].n_new == 0);
    }

    fn header() -> Vec<u8> {
        [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8]].concat()
    }

    #[test]
    fn binary_rows_come_with_the_header_and_before_the_trailer() {
        let first = [&header()[..], b"\0\x02\0\0\0\x03abc\xff\xff\xff\xff"].concat();
        let mut out = Arrays::new(16, 64);
        let mut reader = RowReader::new(relation(2), Some(vec![true, false]), SOURCE);
        take(&mut reader, &[&first, b"\0\x02\0\0\0\0\0\0\0\x01x", b"\xff\xff"], &mut out).unwrap();
        assert_eq!(values(&out.events()[0]), [(BINARY, b"abc".to_vec()), (0, vec![])]);
        assert_eq!(values(&out.events()[1]), [(BINARY, vec![]), (TEXT, b"x".to_vec())]);
        assert!(
            reader.counted(Some(2)).is_ok()
                && reader.counted(Some(1)).is_err()
                && reader.counted(None).is_err()
        );
        // Read again behind what was delivered.
        let again = Source { skip: 1, ..SOURCE };
        let mut reader = RowReader::new(relation(2), Some(vec![true, false]), again);
        let mut out = Arrays::new(16, 64);
        take(&mut reader, &[&first, b"\0\x02\0\0\0\0\0\0\0\x01x", b"\xff\xff"], &mut out).unwrap();
        assert_eq!((out.events().len(), out.events()[0].sequence, reader.rows()), (1, 1, 2));
        // What was delivered is not all there any more.
        let more = Source { skip: 3, ..SOURCE };
        let mut reader = RowReader::new(relation(1), None, more);
        let error = take(&mut reader, &[b"1\n", b"2\n"], &mut Arrays::new(16, 64)).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_SNAPSHOT);
    }

    #[test]
    fn binary_that_lies_is_refused_and_leaves_nothing() {
        let begin = header();
        let bad: [&[u8]; 7] = [
            b"\0\x03\0\0\0\0",
            b"\0\x02\xff\xff\xff\xfe\0\0\0\0",
            b"\0\x02\0\0\0\x09abc",
            b"\0\x02\0\0\0\0\0\0\0\0x",
            b"\0",
            b"\xff\xff\0",
            b"\0\x02\x7f\xff\xff\xff",
        ];
        for row in bad {
            let mut out = Arrays::new(16, 64);
            let mut reader = RowReader::new(relation(2), Some(vec![true, true]), SOURCE);
            let whole = [&begin[..], row].concat();
            let error = take(&mut reader, &[&whole], &mut out).unwrap_err();
            assert_eq!((error.status(), out.events().len()), (Status::WAL_E_PROTOCOL, 0), "{row:?}");
            assert!(out.values().is_empty());
        }
        for cut in 0..begin.len() {
            let mut reader = RowReader::new(relation(2), Some(vec![true, true]), SOURCE);
            assert!(take(&mut reader, &[&begin[..cut]], &mut Arrays::new(16, 64)).is_err());
        }
        let mut reader = RowReader::new(relation(2), Some(vec![true, true]), SOURCE);
        assert!(take(&mut reader, &[&begin], &mut Arrays::new(16, 64)).is_err(), "without a trailer");
    }

    #[test]
    fn a_batch_that_is_full_changes_nothing() {
        let mut out = Arrays::new(1, 2);
        let mut reader = RowReader::new(relation(2), None, SOURCE);
        // SAFETY: literals.
        unsafe {
            assert_eq!(reader.take(b"1\t2\n", &mut out).unwrap(), Took::Done);
            assert_eq!(reader.take(b"3\t4\n", &mut out).unwrap(), Took::Full);
        }
        assert_eq!((reader.rows(), out.events().len(), out.values().len()), (1, 1, 2));
    }
}
