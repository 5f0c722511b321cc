//! The text of hstore, vectors, geometry and text search vectors (hstore_out, vector_out, sparsevec_out, path_out and its kin,
//! tsvectorout), taken apart. It must never take what these functions do not write.

use super::super::cursor::Cursor;
use super::super::field::{Form, Read, ReadError};
use super::super::oid;
use super::shape::flags;
use super::text::{Escape, eat, expect, integer, plain, quoted};
use super::{Dimension, Nested};

impl Nested {
    pub(super) fn text_hstore(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.of_columns(&[oid::TEXT, oid::TEXT])?;
        if cursor.0.is_empty() {
            return Ok(());
        }
        loop {
            expect(cursor, b"\"")?;
            quoted(cursor, whole, Escape::Backslash, &mut self.parts)?;
            expect(cursor, b"=>")?;
            if eat(cursor, b'"') {
                quoted(cursor, whole, Escape::Backslash, &mut self.parts)?;
            } else {
                expect(cursor, b"NULL")?;
                self.parts.null()?;
            }
            if cursor.0.is_empty() {
                return Ok(());
            }
            expect(cursor, b", ")?;
        }
    }

    pub(super) fn text_vector(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.of_columns(&[oid::FLOAT4])?;
        expect(cursor, b"[")?;
        self.numbers(cursor, whole, b']')?;
        let size = i32::try_from(self.parts.len()).map_err(|_| ReadError::Malformed)?;
        self.dimensions.push(Dimension { size, lower: 1 })
    }

    /// Numbers with commas between them, and the bracket behind them.
    fn numbers(&mut self, cursor: &mut Cursor<'_>, whole: &[u8], end: u8) -> Read<()> {
        loop {
            let number = plain(cursor, &[b',', end], b"()[]{}<> ")?;
            self.parts.view(whole, Form::Text(number))?;
            if cursor.u8()? == end {
                return Ok(());
            }
        }
    }

    pub(super) fn text_sparse(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.of_columns(&[oid::INT4, oid::FLOAT4])?;
        let mut greatest = 1;
        expect(cursor, b"{")?;
        while !eat(cursor, b'}') {
            let index = plain(cursor, b":", b",}")?;
            let number = integer(&mut Cursor(index))?;
            if number < 1 || index.len() != number.ilog10() as usize + 1 {
                return Err(ReadError::Malformed);
            }
            greatest = greatest.max(number);
            self.parts.view(whole, Form::Text(index))?;
            expect(cursor, b":")?;
            let number = plain(cursor, b",}", b":")?;
            self.parts.view(whole, Form::Text(number))?;
            if cursor.0.first() == Some(&b',') {
                cursor.u8()?;
                // One more comes.
                if cursor.0.first() == Some(&b'}') {
                    return Err(ReadError::Malformed);
                }
            }
        }
        expect(cursor, b"/")?;
        let size = integer(cursor)?;
        if size < greatest {
            return Err(ReadError::Malformed);
        }
        self.dimensions.push(Dimension { size, lower: 1 })
    }

    pub(super) fn text_geometry(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.text_points(cursor, whole)?;
        let is_whole = match self.plan.type_oid {
            oid::LINE => self.parts.len() == 3,
            oid::CIRCLE | oid::BOX | oid::LSEG => self.parts.len() == 2,
            _ => true,
        };
        if is_whole { Ok(()) } else { Err(ReadError::Malformed) }
    }

    fn text_points(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        match self.plan.type_oid {
            oid::LINE => {
                self.of_columns(&[oid::FLOAT8])?;
                expect(cursor, b"{")?;
                self.numbers(cursor, whole, b'}')
            }
            oid::CIRCLE => {
                self.of_columns(&[oid::POINT, oid::FLOAT8])?;
                expect(cursor, b"<")?;
                self.point(cursor, whole)?;
                expect(cursor, b",")?;
                self.numbers(cursor, whole, b'>')
            }
            oid::BOX => self.points(cursor, whole),
            oid::LSEG => self.bracketed(cursor, whole, b'[', b']'),
            oid::PATH if cursor.0.first() == Some(&b'[') => self.bracketed(cursor, whole, b'[', b']'),
            of => {
                self.flags = if of == oid::PATH { flags::CLOSED } else { 0 };
                self.bracketed(cursor, whole, b'(', b')')
            }
        }
    }

    fn bracketed(&mut self, cursor: &mut Cursor<'_>, whole: &[u8], open: u8, close: u8) -> Read<()> {
        expect(cursor, &[open])?;
        self.points(cursor, whole)?;
        expect(cursor, &[close])
    }

    /// Points with commas between them.
    fn points(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.of_columns(&[oid::POINT])?;
        self.point(cursor, whole)?;
        while eat(cursor, b',') {
            self.point(cursor, whole)?;
        }
        Ok(())
    }

    fn point(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        let end = cursor.0.iter().position(|byte| *byte == b')').ok_or(ReadError::Malformed)?;
        match cursor.bytes(end + 1)? {
            point @ [b'(', ..] => self.parts.view(whole, Form::Text(point)),
            _ => Err(ReadError::Malformed),
        }
    }

    pub(super) fn text_lexemes(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        self.of_columns(&[oid::TEXT, oid::TEXT])?;
        while !cursor.0.is_empty() {
            if self.parts.len() > 0 {
                expect(cursor, b" ")?;
            }
            expect(cursor, b"'")?;
            self.lexeme(cursor, whole)?;
            if !eat(cursor, b':') {
                self.parts.null()?;
                continue;
            }
            let end = cursor.0.iter().position(|byte| *byte == b' ').unwrap_or(cursor.0.len());
            let positions = cursor.bytes(end)?;
            let is_right = |byte: &u8| matches!(byte, b'0'..=b'9' | b',' | b'A'..=b'D');
            if positions.is_empty() || !positions.iter().all(is_right) {
                return Err(ReadError::Malformed);
            }
            self.parts.view(whole, Form::Text(positions))?;
        }
        Ok(())
    }

    /// A lexeme up to its closing quote; quotes and backslashes stand twice in it.
    fn lexeme(&mut self, cursor: &mut Cursor<'_>, whole: &[u8]) -> Read<()> {
        let mark = self.parts.mark();
        loop {
            let special = cursor.0.iter().position(|byte| matches!(byte, b'\'' | b'\\'));
            let before = cursor.bytes(special.ok_or(ReadError::Malformed)?)?;
            let special = cursor.u8()?;
            if eat(cursor, special) {
                self.parts.put(before)?;
                self.parts.put(&[special])?;
            } else if special == b'\\' {
                return Err(ReadError::Malformed);
            } else if self.parts.mark() == mark {
                return self.parts.view(whole, Form::Text(before));
            } else {
                self.parts.put(before)?;
                return self.parts.text_since(mark);
            }
        }
    }
}
