//! The text of arrays, composites, ranges and multiranges (array_out, record_out, range_out, multirange_out), taken apart: each
//! item without its quotes. It must never take what these functions do not write.

use super::super::cursor::Cursor;
use super::super::field::{Form, Read, ReadError};
use super::super::number::integer_text;
use super::super::oid;
use super::binary::MOST_FIELDS;
use super::parts::Parts;
use super::shape::{Shape, flags};
use super::{Dimension, Dimensions, MOST_DIMENSIONS, Nested};

/// How quotes and backslashes stand between quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// Behind a backslash: arrays, hstore.
    Backslash,
    /// Twice: composites, ranges.
    Doubled,
}

/// Takes a byte, if it comes next.
#[inline]
pub(super) fn eat(cursor: &mut Cursor<'_>, byte: u8) -> bool {
    match cursor.0 {
        [first, rest @ ..] if *first == byte => {
            cursor.0 = rest;
            true
        }
        _ => false,
    }
}

/// Takes what must come next.
#[inline]
pub(super) fn expect(cursor: &mut Cursor<'_>, word: &[u8]) -> Read<()> {
    cursor.0 = cursor.0.strip_prefix(word).ok_or(ReadError::Malformed)?;
    Ok(())
}

/// Takes all up to the first byte that is one of these, which must be there; nothing that calls for quotes may be.
pub(super) fn plain<'a>(cursor: &mut Cursor<'a>, ends: &[u8], never: &[u8]) -> Read<&'a [u8]> {
    let end = cursor.0.iter().position(|byte| ends.contains(byte) || never.contains(byte));
    let text = cursor.bytes(end.ok_or(ReadError::Malformed)?)?;
    match cursor.0.first() {
        Some(byte) if ends.contains(byte) && !text.is_empty() => Ok(text),
        _ => Err(ReadError::Malformed),
    }
}

/// Takes what stands behind an opening quote, up to the closing one, and adds it as an item. Where nothing is escaped, it
/// stays where it is.
pub(super) fn quoted(cursor: &mut Cursor<'_>, whole: &[u8], escape: Escape, to: &mut Parts) -> Read<()> {
    let mark = to.mark();
    loop {
        let special = cursor.0.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let before = cursor.bytes(special.ok_or(ReadError::Malformed)?)?;
        let special = cursor.u8()?;
        let is_escape = match escape {
            Escape::Backslash => special == b'\\',
            Escape::Doubled => cursor.0.first() == Some(&special),
        };
        if is_escape {
            to.put(before)?;
            to.put(&[cursor.u8()?])?;
        } else if special == b'\\' {
            return Err(ReadError::Malformed);
        } else if to.mark() == mark {
            return to.view(whole, Form::Text(before));
        } else {
            to.put(before)?;
            return to.text_since(mark);
        }
    }
}

/// Takes an integer.
pub(super) fn integer(cursor: &mut Cursor<'_>) -> Read<i32> {
    let end = cursor.0.iter().position(|byte| !matches!(byte, b'-' | b'0'..=b'9')).unwrap_or(cursor.0.len());
    let digits = cursor.bytes(end)?;
    integer_text(digits)?.try_into().map_err(|_| ReadError::Malformed)
}

impl Nested {
    /// Reads a text.
    pub(super) fn text(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        match self.plan.shape {
            Shape::WAL_SHAPE_ARRAY => {
                self.of_columns(&[self.plan.element])?;
                match self.plan.type_oid {
                    oid::INT2VECTOR | oid::OIDVECTOR => self.text_numbers(cursor, whole),
                    _ => self.text_array(cursor, whole),
                }
            }
            Shape::WAL_SHAPE_COMPOSITE => self.text_composite(cursor, whole),
            Shape::WAL_SHAPE_RANGE => {
                self.of_columns(&[self.plan.element])?;
                self.text_range(cursor, whole)
            }
            Shape::WAL_SHAPE_MULTIRANGE => {
                self.of_columns(&[self.plan.element])?;
                expect(cursor, b"{")?;
                if eat(cursor, b'}') {
                    return Ok(());
                }
                loop {
                    self.parts.view(whole, Form::Text(whole_range(cursor)?))?;
                    match cursor.u8()? {
                        b',' => {}
                        b'}' => return Ok(()),
                        _ => return Err(ReadError::Malformed),
                    }
                }
            }
            Shape::WAL_SHAPE_HSTORE => self.text_hstore(cursor, whole),
            Shape::WAL_SHAPE_VECTOR => self.text_vector(cursor, whole),
            Shape::WAL_SHAPE_SPARSE => self.text_sparse(cursor, whole),
            Shape::WAL_SHAPE_GEOMETRY => self.text_geometry(cursor, whole),
            Shape::WAL_SHAPE_LEXEMES => self.text_lexemes(cursor, whole),
            Shape::WAL_SHAPE_ANY => Err(ReadError::OtherType),
        }
    }

    fn text_array(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        let bounds = bounds(cursor)?;
        if cursor.0 == b"{}" && bounds.list().is_empty() {
            return expect(cursor, b"{}");
        }
        let delimiter = self.plan.delimiter;
        let mut braces = Braces::default();
        while braces.level > 0 || !braces.has_begun {
            while eat(cursor, b'{') {
                braces.open()?;
            }
            braces.element()?;
            self.text_element(cursor, whole, delimiter)?;
            loop {
                match cursor.u8()? {
                    byte if byte == delimiter => break,
                    b'}' => braces.close()?,
                    _ => return Err(ReadError::Malformed),
                }
                if braces.level == 0 {
                    break;
                }
            }
        }
        self.dimensions = braces.dimensions(&bounds)?;
        Ok(())
    }

    #[inline]
    fn text_element(&mut self, cursor: &mut Cursor<'_>, whole: &[u8], delimiter: u8) -> Read<()> {
        if eat(cursor, b'"') {
            return quoted(cursor, whole, Escape::Backslash, &mut self.parts);
        }
        match plain(cursor, &[delimiter, b'}'], b"{\"\\")? {
            b"NULL" => self.parts.null(),
            // Half of a box, of which an array of a domain is: its delimiter is another, and nobody has told.
            half @ [b'(', b'-' | b'0'..=b'9' | b'I' | b'N', ..]
                if self.plan.is_delimiter_guessed && half.last() != Some(&b')') =>
            {
                Err(ReadError::Unresolved)
            }
            text => self.parts.view(whole, Form::Text(text)),
        }
    }

    /// int2vectorout, oidvectorout: numbers with blanks between them, the first of which has the index 0.
    fn text_numbers(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        let mut rest = if cursor.0.is_empty() { None } else { Some(()) };
        while rest.take().is_some() {
            let end = cursor.0.iter().position(|byte| *byte == b' ').unwrap_or(cursor.0.len());
            let number = cursor.bytes(end)?;
            if number.is_empty() {
                return Err(ReadError::Malformed);
            }
            self.parts.view(whole, Form::Text(number))?;
            rest = eat(cursor, b' ').then_some(());
        }
        let size = i32::try_from(self.parts.len()).map_err(|_| ReadError::Malformed)?;
        self.dimensions.push(Dimension { size, lower: 0 })
    }

    fn text_composite(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        expect(cursor, b"(")?;
        loop {
            if self.columns.len() >= MOST_FIELDS {
                return Err(ReadError::Malformed);
            }
            self.of_columns(&[0])?;
            match cursor.0.first() {
                Some(b',' | b')') => self.parts.null()?,
                Some(b'"') => {
                    cursor.u8()?;
                    quoted(cursor, whole, Escape::Doubled, &mut self.parts)?;
                }
                _ => self.parts.view(whole, Form::Text(plain(cursor, b",)", b"(\"\\")?))?,
            }
            match cursor.u8()? {
                b',' => {}
                b')' => return Ok(()),
                _ => return Err(ReadError::Malformed),
            }
        }
    }

    fn text_range(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        if cursor.0 == b"empty" {
            self.flags = flags::EMPTY;
            return expect(cursor, b"empty");
        }
        self.flags = match cursor.u8()? {
            b'[' => flags::LOWER_INCLUSIVE,
            b'(' => 0,
            _ => return Err(ReadError::Malformed),
        };
        self.text_bound(cursor, whole, b",", flags::LOWER_INFINITE)?;
        expect(cursor, b",")?;
        self.text_bound(cursor, whole, b")]", flags::UPPER_INFINITE)?;
        if cursor.u8()? == b']' {
            self.flags |= flags::UPPER_INCLUSIVE;
        }
        Ok(())
    }

    /// A bound, behind which comes one of these.
    fn text_bound(&mut self, cursor: &mut Cursor<'_>, whole: &[u8], ends: &[u8], infinite: u32) -> Read<()> {
        match cursor.0.first() {
            Some(end) if ends.contains(end) => {
                self.flags |= infinite;
                self.parts.null()
            }
            Some(b'"') => {
                cursor.u8()?;
                quoted(cursor, whole, Escape::Doubled, &mut self.parts)?;
                if cursor.0.first().is_some_and(|end| ends.contains(end)) {
                    Ok(())
                } else {
                    Err(ReadError::Malformed)
                }
            }
            _ => self.parts.view(whole, Form::Text(plain(cursor, ends, b"()[],\"\\")?)),
        }
    }
}

/// Takes a range with its brackets, as one of a multirange.
fn whole_range<'a>(cursor: &mut Cursor<'a>) -> Read<&'a [u8]> {
    if !matches!(cursor.0.first(), Some(b'[' | b'(')) {
        return Err(ReadError::Malformed);
    }
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = cursor.0.iter().position(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            // One that is doubled ends and begins at once.
            b'"' => is_quoted = !is_quoted,
            b')' | b']' if !is_quoted => return true,
            _ => {}
        }
        false
    });
    cursor.bytes(end.ok_or(ReadError::Malformed)? + 1)
}

/// Takes `[lower:upper]` of each dimension and the equals sign, if they are there: array_out leaves them out where all begin
/// with 1.
fn bounds(cursor: &mut Cursor<'_>) -> Read<Dimensions> {
    let mut bounds = Dimensions::default();
    while eat(cursor, b'[') {
        let lower = integer(cursor)?;
        expect(cursor, b":")?;
        let upper = integer(cursor)?;
        expect(cursor, b"]")?;
        let size = i64::from(upper) - i64::from(lower) + 1;
        let size = i32::try_from(size).ok().filter(|size| *size > 0).ok_or(ReadError::Malformed)?;
        bounds.push(Dimension { size, lower })?;
    }
    if !bounds.list().is_empty() {
        expect(cursor, b"=")?;
    }
    Ok(bounds)
}

/// Counts what stands between the braces of an array.
#[derive(Debug, Default)]
struct Braces {
    /// How many are open.
    level: usize,
    /// At how many elements stand; 0 before the first.
    deepest: usize,
    has_begun: bool,
    /// What each level holds that is open.
    counts: [i32; MOST_DIMENSIONS],
    /// What each level held that was closed; 0 before the first.
    sizes: [i32; MOST_DIMENSIONS],
}

impl Braces {
    fn open(&mut self) -> Read<()> {
        self.count()?;
        *self.counts.get_mut(self.level).ok_or(ReadError::Malformed)? = 0;
        self.level += 1;
        self.has_begun = true;
        Ok(())
    }

    fn element(&mut self) -> Read<()> {
        self.count()?;
        if self.deepest == 0 {
            self.deepest = self.level;
        }
        if self.level == self.deepest && self.level > 0 { Ok(()) } else { Err(ReadError::Malformed) }
    }

    /// All of a level have the same size.
    fn close(&mut self) -> Read<()> {
        self.level = self.level.checked_sub(1).ok_or(ReadError::Malformed)?;
        let (Some(count), Some(size)) = (self.counts.get(self.level), self.sizes.get_mut(self.level)) else {
            return Err(ReadError::Malformed);
        };
        if *size == 0 {
            *size = *count;
        }
        if size == count { Ok(()) } else { Err(ReadError::Malformed) }
    }

    /// One more in the level that is open.
    #[inline]
    fn count(&mut self) -> Read<()> {
        if let Some(count) = self.level.checked_sub(1).and_then(|level| self.counts.get_mut(level)) {
            *count = count.checked_add(1).ok_or(ReadError::Malformed)?;
        }
        Ok(())
    }

    fn dimensions(&self, bounds: &Dimensions) -> Read<Dimensions> {
        let mut dimensions = Dimensions::default();
        for size in self.sizes.iter().take(self.deepest) {
            dimensions.push(Dimension { size: *size, lower: 1 })?;
        }
        if bounds.list().is_empty() {
            return Ok(dimensions);
        }
        let sizes = dimensions.list().iter().map(|it| it.size);
        if sizes.eq(bounds.list().iter().map(|it| it.size)) { Ok(*bounds) } else { Err(ReadError::Malformed) }
    }
}
