//! Text search values as the server writes them. It must never go deeper than its stack bears.

use std::fmt::Write;

use super::super::cursor::Cursor;
use super::super::field::{Read, ReadError};
use super::super::nested::binary::lexeme_position;
use super::sink::{Formatted, Sink};

/// A lexeme between quotes, which are doubled in it.
fn lexeme(text: &[u8], out: &mut dyn Sink) {
    out.put(b"'");
    for piece in text.split_inclusive(|byte| matches!(byte, b'\'' | b'\\')) {
        out.put(piece);
        if let Some(special @ (b'\'' | b'\\')) = piece.last() {
            out.put(&[*special]);
        }
    }
    out.put(b"'");
}

/// Writes a tsvector (tsvectorout).
pub(super) fn vector(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    for at in 0..cursor.count(3)? {
        if at > 0 {
            out.put(b" ");
        }
        lexeme(cursor.text()?, out);
        for position in 0..cursor.u16()? {
            let (place, weight) = lexeme_position(&mut cursor)?;
            let before = if position == 0 { ':' } else { ',' };
            let _ = write!(Formatted(out), "{before}{place}{weight}");
        }
    }
    cursor.end()
}

/// How deep a tsquery may be nested. The server's own limit is its stack.
const DEPTH: u32 = 500;

/// Writes a tsquery (tsqueryout).
pub(super) fn query(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let count = cursor.count(2)?;
    if count > 0 {
        infix(&mut cursor, 0, false, DEPTH, out)?;
    }
    cursor.end()
}

/// One node, in the order of tsquerysend: an operator, its right operand, its left one.
enum Node<'a> {
    Value { weight: u8, is_prefix: bool, text: &'a [u8] },
    Not,
    Operator { priority: u8, name: &'static str, distance: Option<u16> },
}

/// Of OP_NOT, as tsearch_op_priority has it.
const NOT_PRIORITY: u8 = 4;

impl<'a> Node<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Read<Self> {
        match cursor.u8()? {
            1 => {
                let (weight, is_prefix) = (cursor.u8()?, cursor.u8()? != 0);
                Ok(Self::Value { weight, is_prefix, text: cursor.text()? })
            }
            2 => match cursor.u8()? {
                1 => Ok(Self::Not),
                2 => Ok(Self::Operator { priority: 2, name: " & ", distance: None }),
                3 => Ok(Self::Operator { priority: 1, name: " | ", distance: None }),
                4 => Ok(Self::Operator { priority: 3, name: "", distance: Some(cursor.u16()?) }),
                _ => Err(ReadError::Malformed),
            },
            _ => Err(ReadError::Malformed),
        }
    }

    fn operands(&self) -> u64 {
        match self {
            Self::Value { .. } => 0,
            Self::Not => 1,
            Self::Operator { .. } => 2,
        }
    }
}

fn infix(
    cursor: &mut Cursor<'_>,
    outer: u8,
    is_right_of_phrase: bool,
    depth: u32,
    out: &mut dyn Sink,
) -> Read<()> {
    let depth = depth.checked_sub(1).ok_or(ReadError::OutOfRange)?;
    let node = Node::read(cursor)?;
    let priority = match node {
        Node::Value { weight, is_prefix, text } => {
            lexeme(text, out);
            if weight != 0 || is_prefix {
                out.put(if is_prefix { b":*" } else { b":" });
            }
            for (bit, letter) in [(8, b"A"), (4, b"B"), (2, b"C"), (1, b"D")] {
                if weight & bit != 0 {
                    out.put(letter);
                }
            }
            return Ok(());
        }
        Node::Not => NOT_PRIORITY,
        Node::Operator { priority, .. } => priority,
    };
    let is_phrase = matches!(node, Node::Operator { distance: Some(_), .. });
    let has_parentheses = priority < outer || (is_phrase && is_right_of_phrase);
    if has_parentheses {
        out.put(b"( ");
    }
    match node {
        Node::Operator { name, distance, .. } => {
            // The right operand comes first and is shown last.
            let mut right = *cursor;
            skip(cursor)?;
            infix(cursor, priority, false, depth, out)?;
            out.put(name.as_bytes());
            match distance {
                None => {}
                Some(1) => out.put(b" <-> "),
                Some(distance) => {
                    let _ = write!(Formatted(out), " <{distance}> ");
                }
            }
            infix(&mut right, priority, is_phrase, depth, out)?;
        }
        _ => {
            out.put(b"!");
            infix(cursor, priority, false, depth, out)?;
        }
    }
    if has_parentheses {
        out.put(b" )");
    }
    Ok(())
}

/// Goes behind a node and all below it.
fn skip(cursor: &mut Cursor<'_>) -> Read<()> {
    let mut left = 1_u64;
    while left > 0 {
        left = left - 1 + Node::read(cursor)?.operands();
    }
    Ok(())
}
