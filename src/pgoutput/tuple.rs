//! The tuples of a change: one value for each column of the relation, viewed where the bytes are.
//! It must never append a part of a tuple: all its values or none.

use std::ptr;

use super::fault::{Fault, Read};
use super::leaves::Sent;
use super::reader::Reader;
use crate::batch::{Arrays, Column, Value, ValueKind};

/// A tuple that was read.
pub(super) struct Row<'a> {
    /// Its first value; the others follow.
    pub(super) first: *const Value,
    /// What is behind it in the message.
    pub(super) behind: Reader<'a>,
}

/// Reads a tuple of as many columns as there are shapes. The caller has reserved room for as many values.
#[inline(always)]
pub(super) fn read<'a>(reader: Reader<'a>, shapes: &mut [Shape], out: &mut Arrays) -> Read<Row<'a>> {
    let columns = shapes.len();
    let tuple = count(reader, columns)?;
    let Some(row) = out.row(columns) else { return Err(NO_ROOM) };
    let Some(behind) = values(tuple.rest(), shapes, row) else { return Err(diagnose(tuple, columns)) };
    // Behind the writing: a pointer to what is written through another one afterwards is good no more.
    let first = row.as_ptr();
    out.commit_row(columns);
    Ok(Row { first, behind: Reader::new(behind) })
}

/// Reads the columns and gives what is behind them. A function of its own: inside a larger one its loop would not have
/// the registers it needs.
#[inline(never)]
pub(super) fn values<'a>(mut rest: &'a [u8], shapes: &mut [Shape], row: &mut [Value]) -> Option<&'a [u8]> {
    for (slot, shape) in row.iter_mut().zip(shapes) {
        // Each branch goes on by itself: to merge their results would be to test them again.
        if shape.is_that_of(rest) {
            rest = shape.value(rest, slot)?;
            continue;
        }
        if shape.patience == 0
            && let [kind @ (b't' | b'b'), rest_of @ ..] = rest
        {
            rest = bytes(*kind, rest_of, slot)?;
            continue;
        }
        rest = shape.unexpected(rest, slot)?;
    }
    Some(rest)
}

/// Reads a tuple that holds the replica identity alone: what is not part of it comes as a plain `n`
/// (ExtractReplicaIdentity) and was not sent, which is not NULL (P10).
#[inline]
pub(super) fn read_key<'a>(reader: Reader<'a>, columns: &[Column], out: &mut Arrays) -> Read<Row<'a>> {
    let tuple = count(reader, columns.len())?;
    let mut rest = tuple.rest();
    let Some(row) = out.row(columns.len()) else { return Err(NO_ROOM) };
    for (slot, column) in row.iter_mut().zip(columns) {
        let Some(behind) = value(rest, slot) else { return Err(diagnose(tuple, columns.len())) };
        rest = behind;
        if !column.is_key && slot.kind == ValueKind::WAL_VALUE_NULL as u8 {
            slot.kind = ValueKind::WAL_VALUE_ABSENT as u8;
        }
    }
    let first = row.as_ptr();
    out.commit_row(columns.len());
    Ok(Row { first, behind: Reader::new(rest) })
}

/// What an old row is said to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// All columns.
    Full,
    /// Those of the replica identity.
    Key,
}

/// Reads an old row that may be a partition's whose identity is less than that of the relation it is told of: `sent` says
/// what such partitions send. A column that none of them sends and that has a value shows a row of another one, which
/// holds all that it is said to hold. Otherwise a NULL that not all of them would have sent was not sent.
pub(super) fn read_of_partition<'a>(
    reader: Reader<'a>,
    mark: Mark,
    columns: &[Column],
    sent: &[Sent],
    out: &mut Arrays,
) -> Read<(Row<'a>, Mark)> {
    let tuple = count(reader, columns.len())?;
    let mut rest = tuple.rest();
    let Some(row) = out.row(columns.len()) else { return Err(NO_ROOM) };
    let first = row.as_ptr();
    for slot in row.iter_mut() {
        let Some(behind) = value(rest, slot) else { return Err(diagnose(tuple, columns.len())) };
        rest = behind;
    }
    let is_null = |slot: &Value| slot.kind == ValueKind::WAL_VALUE_NULL as u8;
    let is_whole = row.iter().zip(sent).any(|(slot, sent)| *sent == Sent::Never && !is_null(slot));
    for ((slot, column), sent) in row.iter_mut().zip(columns).zip(sent) {
        let may_lack = !is_whole && *sent != Sent::Always || !column.is_key;
        if is_null(slot) && may_lack {
            slot.kind = ValueKind::WAL_VALUE_ABSENT as u8;
        }
    }
    out.commit_row(columns.len());
    let mark = if is_whole { mark } else { Mark::Key };
    Ok((Row { first, behind: Reader::new(rest) }, mark))
}

/// Reads the number of columns, which is that of the relation: both leave out the same columns
/// (logicalrep_write_attrs, logicalrep_write_tuple).
#[inline(always)]
fn count(mut reader: Reader<'_>, columns: usize) -> Read<Reader<'_>> {
    if usize::from(reader.u16()?) == columns { Ok(reader) } else { Err(WRONG_COUNT) }
}

/// Reads one column (logicalrep_write_tuple) into its slot and gives what is behind it. A negative length is, unsigned,
/// longer than any message.
///
/// `reserved` is 0 in every slot and is not written.
#[inline(always)]
fn value<'a>(rest: &'a [u8], slot: &mut Value) -> Option<&'a [u8]> {
    let (kind, behind) = rest.split_first()?;
    slot.kind = match kind {
        b't' | b'b' => return bytes(*kind, behind, slot),
        b'n' => ValueKind::WAL_VALUE_NULL as u8,
        b'u' => ValueKind::WAL_VALUE_UNCHANGED as u8,
        _ => return None,
    };
    slot.data = ptr::null();
    slot.len = 0;
    Some(behind)
}

/// The same behind the kind of a value with bytes.
#[inline(always)]
fn bytes<'a>(kind: u8, rest: &'a [u8], slot: &mut Value) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let length = u32::from_be_bytes(*length);
    let behind_it = behind.get(length as usize..)?;
    slot.data = behind.as_ptr();
    slot.len = length;
    slot.kind = kind_with_bytes(kind) as u8;
    Some(behind_it)
}

/// The kind of value that `t` or `b` announces.
#[inline(always)]
fn kind_with_bytes(kind: u8) -> ValueKind {
    if kind == b't' { ValueKind::WAL_VALUE_TEXT } else { ValueKind::WAL_VALUE_BINARY }
}

/// How the last values of a column looked: an int8 in binary is always `b` and 8 bytes, a uuid in text `t` and 36.
///
/// Where a column begins is known only once the lengths before it were read, one after the other, and that is what a wide
/// row's time goes into. A length that is expected and only compared is not waited for: the processor goes on with the
/// next column meanwhile (20 columns of equal length: 0.6 of the time). A column whose lengths vary is soon not
/// expected to look like anything, for as long as its definition stays, which the processor learns too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// The kind and the length as they come, see `head`.
    expected: u64,
    /// The length.
    len: u32,
    /// The value's kind.
    kind: ValueKind,
    /// How often another length than the expected one may still come.
    patience: u8,
}

/// So many changes of its length a column may make: each costs some nanoseconds, and a text of digits makes few.
const PATIENCE: u8 = 64;

/// What no column begins with.
const NOTHING: u64 = 1;

/// The kind and the length of a value in the upper five bytes. Three more bytes are read with them, which makes it one
/// read; a row's last column may be shorter, and is then read as one that is not expected.
#[inline(always)]
fn head(column: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*column) << 24
}

impl Shape {
    /// That of a column of which no value came yet.
    pub(super) const NEW: Self =
        Self { expected: NOTHING, len: 0, kind: ValueKind::WAL_VALUE_NULL, patience: PATIENCE };

    /// Whether the first column of what is left looks as expected.
    #[inline(always)]
    fn is_that_of(&self, rest: &[u8]) -> bool {
        rest.first_chunk().is_some_and(|column| head(column) == self.expected)
    }

    /// Reads a column that looks as expected into its slot and gives what is behind it.
    #[inline(always)]
    fn value<'a>(&self, rest: &'a [u8], slot: &mut Value) -> Option<&'a [u8]> {
        let behind = rest.get(5..)?;
        let behind_it = behind.get(self.len as usize..)?;
        slot.data = behind.as_ptr();
        slot.len = self.len;
        slot.kind = self.kind as u8;
        Some(behind_it)
    }

    /// Reads a column that does not look as expected. A function of its own, so that the registers it needs are not taken
    /// from what does.
    #[inline(never)]
    fn unexpected<'a>(&mut self, rest: &'a [u8], slot: &mut Value) -> Option<&'a [u8]> {
        let behind = value(rest, slot)?;
        if self.patience > 0 {
            self.learn(rest, slot);
        }
        Some(behind)
    }

    /// What comes next may look like this value, unless it has no length.
    #[cold]
    #[inline(never)]
    fn learn(&mut self, column: &[u8], slot: &Value) {
        if slot.data.is_null() {
            return;
        }
        self.patience -= 1;
        (self.len, self.expected) = (slot.len, NOTHING);
        if let (Some(first @ [begins, ..]), 1..) = (column.first_chunk::<8>(), self.patience) {
            (self.kind, self.expected) = (kind_with_bytes(*begins), head(first));
        }
    }
}

/// Says which column is malformed, and how.
#[cold]
#[inline(never)]
fn diagnose(tuple: Reader<'_>, columns: usize) -> Fault {
    let mut rest = tuple.rest();
    for column in 1..=columns {
        let reason = match rest.first() {
            None => "the message ends",
            Some(b't' | b'b') if rest.len() < 5 => "the message ends",
            Some(b't' | b'b') => "a length beyond the message's end",
            Some(_) => "an unknown kind of value",
        };
        let mut slot = Value::empty(ValueKind::WAL_VALUE_NULL);
        let Some(behind) = value(rest, &mut slot) else {
            return Fault::Column(reason, u16::try_from(column).unwrap_or(u16::MAX));
        };
        rest = behind;
    }
    NO_ROOM
}

const WRONG_COUNT: Fault = Fault::Malformed("a row has not as many columns as its relation");
const NO_ROOM: Fault = Fault::Malformed("there was no room for its values");
