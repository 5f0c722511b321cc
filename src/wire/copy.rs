//! COPY towards the client: how it is announced, and its rows, which come as text or binary (PostgreSQL documentation, COPY,
//! "File Formats").
//!
//! It must never believe a length or a count, nor hold more than what came.

use super::protocol;
use super::reader::Reader;
use crate::error::{Error, Result};

/// How the values of a COPY are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyForm {
    /// As text: the text format, or CSV.
    Text,
    /// In the binary forms of their types.
    Binary,
}

/// What the server announces before the first row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOut {
    /// How the values are written.
    pub form: CopyForm,
    /// How many columns each row has.
    pub columns: u16,
}

/// CopyOutResponse.
pub fn copy_out_response(body: &[u8]) -> Result<CopyOut> {
    let mut reader = Reader::new("CopyOutResponse", body);
    let form = match reader.u8()? {
        0 => CopyForm::Text,
        1 => CopyForm::Binary,
        other => return Err(protocol(format!("the server announces a COPY of the unknown format {other}"))),
    };
    let columns = reader.u16()?;
    reader.take(usize::from(columns) * 2)?;
    reader.finish()?;
    Ok(CopyOut { form, columns })
}

/// Rows of a COPY: their bytes one behind the other, and where each value is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopiedRows {
    bytes: Vec<u8>,
    cells: Vec<Cell>,
    columns: usize,
    count: usize,
}

/// Where a value ends; it begins where the one before does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    end: usize,
    is_null: bool,
}

impl CopiedRows {
    /// None yet, of so many columns.
    pub fn new(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many columns each has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A value; `None` where it is NULL or not there.
    pub fn value(&self, row: usize, column: usize) -> Option<&[u8]> {
        if row >= self.count || column >= self.columns {
            return None;
        }
        let at = row.checked_mul(self.columns)?.checked_add(column)?;
        let cell = self.cells.get(at).filter(|cell| !cell.is_null)?;
        let begin =
            at.checked_sub(1).map_or(Some(0), |before| self.cells.get(before).map(|cell| cell.end))?;
        self.bytes.get(begin..cell.end)
    }

    /// How much memory the values take.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.cells.len() * size_of::<Cell>()
    }

    fn push(&mut self, value: Option<&[u8]>) -> Result<()> {
        let bytes = value.unwrap_or_default();
        let lacking = |_| Error::no_memory("a row of COPY", bytes.len());
        self.bytes.try_reserve(bytes.len()).map_err(lacking)?;
        self.cells.try_reserve(1).map_err(lacking)?;
        self.bytes.extend_from_slice(bytes);
        self.cells.push(Cell { end: self.bytes.len(), is_null: value.is_none() });
        Ok(())
    }
}

/// How the pieces of a COPY are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyRead {
    /// Rows in the text format: values between tabs, `\N` is NULL.
    Text,
    /// Rows in the binary format.
    Binary,
    /// Each piece as it comes, as one value: CSV, or text with other separators.
    Pieces,
}

/// Makes rows of the pieces.
#[derive(Debug)]
pub struct CopyReader {
    how: CopyRead,
    columns: usize,
    /// What came of a row that is not whole.
    begun: Vec<u8>,
    /// How far the row that is begun was looked at: the column, and where its length is.
    walked: Option<(usize, usize)>,
    stage: Stage,
    /// A value that had to be unescaped.
    plain: Vec<u8>,
}

/// Where the binary format stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Rows,
    Trailer,
}

/// The binary format begins with it.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

impl CopyReader {
    /// Of the COPY that was announced so.
    pub fn new(how: CopyRead, announced: CopyOut) -> Self {
        let columns = if how == CopyRead::Pieces { 1 } else { usize::from(announced.columns) };
        Self { how, columns, begun: Vec::new(), walked: None, stage: Stage::Header, plain: Vec::new() }
    }

    /// Rows to be filled.
    pub fn rows(&self) -> CopiedRows {
        CopiedRows::new(self.columns)
    }

    /// Takes one piece. In text that is a row (PostgreSQL documentation, "COPY Operations").
    pub fn take(&mut self, piece: &[u8], rows: &mut CopiedRows) -> Result<()> {
        match self.how {
            CopyRead::Pieces => {
                rows.push(Some(piece))?;
                rows.count += 1;
                Ok(())
            }
            CopyRead::Text => self.text_row(piece, rows),
            CopyRead::Binary => self.binary(piece, rows),
        }
    }

    /// The pieces have ended.
    pub fn end(&self) -> Result<()> {
        let is_whole = self.how != CopyRead::Binary || self.stage == Stage::Trailer;
        if is_whole { Ok(()) } else { Err(protocol("the server ended a COPY in the middle of a row")) }
    }

    fn text_row(&mut self, piece: &[u8], rows: &mut CopiedRows) -> Result<()> {
        let line = piece
            .strip_suffix(b"\n")
            .ok_or_else(|| protocol("the server sent a row of COPY without its end"))?;
        let mut found = 0;
        if self.columns > 0 {
            for field in line.split(|byte| *byte == b'\t') {
                found += 1;
                if found > self.columns {
                    break;
                }
                match field {
                    b"\\N" => rows.push(None)?,
                    field if field.contains(&b'\\') => {
                        unescape(field, &mut self.plain);
                        rows.push(Some(&self.plain))?;
                        if self.plain.capacity() > LARGE {
                            self.plain = Vec::new();
                        }
                    }
                    field => rows.push(Some(field))?,
                }
            }
        }
        if found != self.columns {
            return Err(other_width(self.columns, "text"));
        }
        rows.count += 1;
        Ok(())
    }

    /// The header comes in the same piece as the first row, and nobody promises where a piece ends.
    fn binary(&mut self, piece: &[u8], rows: &mut CopiedRows) -> Result<()> {
        if self.begun.is_empty() {
            let taken = self.binary_rows(piece, rows)?;
            let rest = piece.get(taken..).unwrap_or_default();
            return self.keep(rest);
        }
        self.keep(piece)?;
        let begun = std::mem::take(&mut self.begun);
        let taken = self.binary_rows(&begun, rows)?;
        self.begun = begun;
        self.begun.drain(..taken);
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        self.begun.try_reserve(bytes.len()).map_err(|_| Error::no_memory("a row of COPY", bytes.len()))?;
        self.begun.extend_from_slice(bytes);
        Ok(())
    }

    /// All rows that are whole; gives how many bytes that was.
    fn binary_rows(&mut self, bytes: &[u8], rows: &mut CopiedRows) -> Result<usize> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let length = match self.stage {
                Stage::Header => binary_header(rest)?,
                Stage::Rows => self.binary_row(rest, rows)?,
                Stage::Trailer => return Err(protocol("the server sent more of a COPY behind its end")),
            };
            let Some(length) = length else { break };
            taken += length;
            if self.stage == Stage::Header {
                self.stage = Stage::Rows;
            }
        }
        Ok(taken)
    }

    /// One row, or the trailer; `None`: it is not whole.
    fn binary_row(&mut self, bytes: &[u8], rows: &mut CopiedRows) -> Result<Option<usize>> {
        let Some(count) = fixed(bytes, 0).map(i16::from_be_bytes) else { return Ok(None) };
        if count == -1 {
            self.stage = Stage::Trailer;
            return Ok(Some(2));
        }
        if usize::try_from(count) != Ok(self.columns) {
            return Err(other_width(self.columns, "binary"));
        }
        // Looked at whole before anything of it is kept.
        let (first, mut at) = self.walked.take().unwrap_or((0, 2));
        for column in first..self.columns {
            let Some(length) = fixed(bytes, at).map(i32::from_be_bytes) else {
                self.walked = Some((column, at));
                return Ok(None);
            };
            at += 4 + value_length(length)?.unwrap_or(0);
            if at > LONGEST_ROW {
                return Err(protocol("the server's COPY has a row that is longer than 1 GiB"));
            }
        }
        if bytes.len() < at {
            self.walked = Some((self.columns, at));
            return Ok(None);
        }
        let mut at = 2;
        for _ in 0..self.columns {
            let length = fixed(bytes, at).map(i32::from_be_bytes).map_or(Ok(None), value_length)?;
            let value = length.map(|length| bytes.get(at + 4..at + 4 + length).unwrap_or_default());
            rows.push(value)?;
            at += 4 + length.unwrap_or(0);
        }
        rows.count += 1;
        Ok(Some(at))
    }
}

/// The length of the binary format's header, once it is whole: signature, flags, and an extension that nobody has to know.
pub fn binary_header(bytes: &[u8]) -> Result<Option<usize>> {
    let seen = SIGNATURE.len().min(bytes.len());
    if bytes.get(..seen) != SIGNATURE.get(..seen) {
        return Err(protocol("the server's COPY in binary does not begin as it must"));
    }
    let (flags, extension) = (fixed(bytes, SIGNATURE.len()), fixed(bytes, SIGNATURE.len() + 4));
    let (Some(flags), Some(extension)) = (flags.map(u32::from_be_bytes), extension.map(u32::from_be_bytes))
    else {
        return Ok(None);
    };
    // Bits 16 and up change the format.
    if flags >> 16 != 0 {
        return Err(protocol(format!(
            "the server's COPY in binary has flags {flags:#x}, which are not known"
        )));
    }
    let length = SIGNATURE.len() + 8 + extension as usize;
    Ok((bytes.len() >= length).then_some(length))
}

/// Room for a long value, which is not kept for short ones.
const LARGE: usize = 2 << 20;

/// No row of PostgreSQL's is longer (MaxAllocSize).
const LONGEST_ROW: usize = 1 << 30;

/// `None` is NULL.
fn value_length(length: i32) -> Result<Option<usize>> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(protocol(format!("the server's COPY has a value of length {length}"))),
    }
}

fn fixed<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cold]
fn other_width(columns: usize, form: &str) -> Error {
    protocol(format!(
        "a row of COPY does not have the {columns} values in the {form} format that were announced"
    ))
    .with_hint("COPY with a DELIMITER, or as CSV, is read piece by piece: ask for it undivided.")
}

/// Undoes the escapes of the text format, into `plain`, which is emptied first. Any other character behind a backslash stands for itself.
pub fn unescape(field: &[u8], plain: &mut Vec<u8>) {
    plain.clear();
    let mut rest = field;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let [escaped, after @ ..] = rest else {
            plain.push(b'\\');
            return;
        };
        rest = after;
        let byte = match escaped {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'0'..=b'7' => number(*escaped, 8, 3, &mut rest),
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => number(b'0', 16, 3, &mut rest),
            other => *other,
        };
        plain.push(byte);
    }
}

/// The low byte of a number that begins with `first` and has at most `most` digits.
fn number(first: u8, base: u32, most: u32, rest: &mut &[u8]) -> u8 {
    let mut value = char::from(first).to_digit(base).unwrap_or(0);
    for _ in 1..most {
        let Some((digit, after)) = rest.split_first() else { break };
        let Some(digit) = char::from(*digit).to_digit(base) else { break };
        value = value * base + digit;
        *rest = after;
    }
    value as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn reader(how: CopyRead, columns: u16) -> (CopyReader, CopiedRows) {
        let form = if how == CopyRead::Binary { CopyForm::Binary } else { CopyForm::Text };
        let it = CopyReader::new(how, CopyOut { form, columns });
        let rows = it.rows();
        (it, rows)
    }

    fn cells(rows: &CopiedRows) -> Vec<Vec<Option<Vec<u8>>>> {
        let row = |row| (0..rows.columns()).map(|at| rows.value(row, at).map(<[u8]>::to_vec)).collect();
        (0..rows.count()).map(row).collect()
    }

    fn some(text: &[u8]) -> Option<Vec<u8>> {
        Some(text.to_vec())
    }

    #[test]
    fn text_is_divided_and_its_escapes_undone() {
        let (mut it, mut rows) = reader(CopyRead::Text, 3);
        it.take(b"1\t\\N\t\n", &mut rows).unwrap();
        it.take(b"a\\tb\\\\N\\n\\b\\f\\r\\v\t\\101\\x41\\x4g\\q\t\\\\N\n", &mut rows).unwrap();
        it.end().unwrap();
        let first = vec![some(b"1"), None, some(b"")];
        let second = vec![some(b"a\tb\\N\n\x08\x0c\r\x0b"), some(b"AA\x04gq"), some(b"\\N")];
        assert_eq!(cells(&rows), [first, second]);
        assert_eq!((rows.value(0, 3), rows.value(2, 0), rows.value(usize::MAX, 2)), (None, None, None));
        for bad in [&b"1\t2\n"[..], b"1\t2\t3\t4\n", b"1\t2\t3", b"\n"] {
            let (mut it, mut rows) = reader(CopyRead::Text, 3);
            assert_eq!(it.take(bad, &mut rows).unwrap_err().status(), Status::WAL_E_PROTOCOL);
        }
        let (mut it, mut rows) = reader(CopyRead::Text, 0);
        it.take(b"\n", &mut rows).unwrap();
        assert_eq!((rows.count(), rows.columns(), rows.value(0, 0)), (1, 0, None));
        let (mut it, mut rows) = reader(CopyRead::Pieces, 9);
        it.take(b"a,\"b\nc\"\n", &mut rows).unwrap();
        assert_eq!(cells(&rows), [[some(b"a,\"b\nc\"\n")]]);
    }

    fn session() -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0, 0, 0, 0, 0, 0, 0, 3], b"ext"].concat();
        bytes.extend(b"\0\x02\0\0\0\x03abc\xff\xff\xff\xff");
        bytes.extend(b"\0\x02\0\0\0\0\0\0\0\x01x");
        bytes.extend(b"\xff\xff");
        bytes
    }

    #[test]
    fn binary_is_the_same_cut_anywhere() {
        let whole = session();
        let want = [vec![some(b"abc"), None], vec![some(b""), some(b"x")]];
        for first in 0..=whole.len() {
            for second in first..=whole.len() {
                let (mut it, mut rows) = reader(CopyRead::Binary, 2);
                for piece in [&whole[..first], &whole[first..second], &whole[second..]] {
                    it.take(piece, &mut rows).unwrap();
                }
                it.end().unwrap();
                assert_eq!(cells(&rows), want);
            }
        }
        for cut in 0..whole.len() {
            let (mut it, mut rows) = reader(CopyRead::Binary, 2);
            it.take(&whole[..cut], &mut rows).unwrap();
            assert!(it.end().is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn binary_that_lies_is_refused() {
        let begin = [SIGNATURE, &[0; 8]].concat();
        let bad: [&[u8]; 5] =
            [b"\0\x03", b"\xff\xfe", b"\0\x02\xff\xff\xff\xfe", b"\xff\xff\0", b"\0\x01\0\0\0\0"];
        for rows_of in bad {
            let (mut it, mut rows) = reader(CopyRead::Binary, 2);
            let whole = [&begin, rows_of].concat();
            assert_eq!(
                it.take(&whole, &mut rows).unwrap_err().status(),
                Status::WAL_E_PROTOCOL,
                "{rows_of:?}"
            );
        }
        let (mut it, mut rows) = reader(CopyRead::Binary, 2);
        assert!(it.take(b"PGCOPY\n\xfe", &mut rows).is_err());
        let (mut it, mut rows) = reader(CopyRead::Binary, 2);
        assert!(it.take(&[SIGNATURE, &[0, 1, 0, 0, 0, 0, 0, 0]].concat(), &mut rows).is_err());
        // A length that is not there takes no memory.
        let (mut it, mut rows) = reader(CopyRead::Binary, 1);
        it.take(&[&begin[..], b"\0\x01\x3f\xff\xff\0abc"].concat(), &mut rows).unwrap();
        assert!(rows.count() == 0 && rows.weight() == 0 && it.begun.len() == 9);
    }

    #[test]
    fn an_announcement_is_read_whole() {
        let body = b"\x01\0\x02\0\x01\0\x01";
        assert_eq!(copy_out_response(body), Ok(CopyOut { form: CopyForm::Binary, columns: 2 }));
        for cut in 0..body.len() {
            assert!(copy_out_response(&body[..cut]).is_err());
        }
        assert!(copy_out_response(b"\x02\0\0").is_err() && copy_out_response(b"\0\0\0\0").is_err());
    }

    #[test]
    fn s54_a_wide_row_that_comes_byte_by_byte_costs_no_quadratic_time() {
        let columns = u16::try_from(i16::MAX).unwrap();
        let (mut it, mut rows) = reader(CopyRead::Binary, columns);
        let header = [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8]].concat();
        let value = [&1_i32.to_be_bytes()[..], b"x"].concat();
        let row = [&i16::MAX.to_be_bytes()[..], &value.repeat(columns.into())].concat();
        let begun = std::time::Instant::now();
        for byte in header.iter().chain(&row).chain(&row) {
            it.take(&[*byte], &mut rows).unwrap();
        }
        assert_eq!((rows.count(), rows.value(1, 32_766)), (2, Some(&b"x"[..])));
        // Each byte that looks at all columns takes minutes.
        assert!(begun.elapsed() < std::time::Duration::from_secs(40), "{:?}", begun.elapsed());
        // Lengths that are each allowed, and not together.
        let (mut it, _) = reader(CopyRead::Binary, columns);
        let long = [&header[..], &i16::MAX.to_be_bytes(), &i32::MAX.to_be_bytes()].concat();
        assert_eq!(it.take(&long, &mut rows).unwrap_err().status(), Status::WAL_E_PROTOCOL);
    }
}
