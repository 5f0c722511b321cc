//! Which tables are printed: patterns of names. It must never fold a name that is in quotes.

use std::cell::RefCell;
use std::collections::HashMap;

use pgwalstream::{EventKind, EventRef, Relation};

use crate::trouble::Trouble;

/// So many definitions are remembered at once.
const REMEMBERED: usize = 10_000;

/// The tables to print.
#[derive(Debug, Default)]
pub struct Tables {
    wanted: Vec<Pattern>,
    unwanted: Vec<Pattern>,
    /// What was found of each definition.
    found: RefCell<HashMap<(u32, u32), bool>>,
}

/// `name` or `schema.name`.
#[derive(Debug)]
struct Pattern {
    schema: Option<Vec<Piece>>,
    name: Vec<Piece>,
}

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// This character.
    One(char),
    /// Any one.
    Any,
    /// Any number of any.
    Many,
}

impl Tables {
    /// Those that one of `wanted` names, or all where there is none, without those that one of `unwanted` names.
    pub fn new(wanted: &[String], unwanted: &[String]) -> Result<Self, Trouble> {
        let all =
            |texts: &[String]| texts.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>();
        Ok(Self { wanted: all(wanted)?, unwanted: all(unwanted)?, found: RefCell::default() })
    }

    /// Whether an event is printed: that of a table that is not wanted is not.
    pub fn take(&self, event: EventRef<'_>) -> bool {
        if self.wanted.is_empty() && self.unwanted.is_empty() {
            return true;
        }
        match event.relation() {
            Some(relation) => self.has(relation),
            None if event.kind() == EventKind::Truncate => {
                event.truncated().any(|relation| self.has(relation))
            }
            None => true,
        }
    }

    /// Whether nothing of an event is to be left out.
    pub fn takes_all(&self, event: EventRef<'_>) -> bool {
        event.truncated().all(|relation| self.has(relation))
    }

    fn has(&self, relation: &Relation) -> bool {
        let key = (relation.oid(), relation.generation());
        let mut found = self.found.borrow_mut();
        if let Some(known) = found.get(&key) {
            return *known;
        }
        let is_any = |patterns: &[Pattern]| {
            patterns.iter().any(|pattern| pattern.fits(&relation.namespace(), &relation.name()))
        };
        let has = (self.wanted.is_empty() || is_any(&self.wanted)) && !is_any(&self.unwanted);
        if found.len() >= REMEMBERED {
            found.clear();
        }
        found.insert(key, has);
        has
    }
}

impl Pattern {
    /// Unquoted letters are folded as SQL folds them, and `*` and `?` stand for others; in quotes all stands for itself.
    fn parse(text: &str) -> Result<Self, Trouble> {
        let wrong = |why: &str| Trouble::Usage(format!("{text:?} names no table: {why}"));
        let (mut parts, mut part, mut is_quoted) = (Vec::new(), Vec::new(), false);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if is_quoted && characters.next_if_eq(&'"').is_some() => part.push(Piece::One('"')),
                '"' => is_quoted = !is_quoted,
                _ if is_quoted => part.push(Piece::One(character)),
                '.' => parts.push(std::mem::take(&mut part)),
                '*' => part.push(Piece::Many),
                '?' => part.push(Piece::Any),
                _ => part.extend(character.to_lowercase().map(Piece::One)),
            }
        }
        parts.push(part);
        if is_quoted {
            return Err(wrong("a quote has no end"));
        }
        if parts.iter().any(Vec::is_empty) {
            return Err(wrong("a name is empty"));
        }
        let mut parts = parts.into_iter().rev();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), schema, None) => Ok(Self { schema, name }),
            _ => Err(wrong("expected NAME or SCHEMA.NAME")),
        }
    }

    fn fits(&self, schema: &str, name: &str) -> bool {
        fits(&self.name, name) && self.schema.as_ref().is_none_or(|pieces| fits(pieces, schema))
    }
}

/// Whether the pieces make the text. Each place of the text is looked at once for each piece, whatever the pattern.
fn fits(pieces: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Which beginnings of the text the pieces so far can make.
    let mut made = vec![false; text.len() + 1];
    made.iter_mut().take(1).for_each(|first| *first = true);
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        let mut reached = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let before = at.checked_sub(1);
            let was = |at: usize| made.get(at).copied().unwrap_or(false);
            *slot = match piece {
                Piece::Many => {
                    reached |= was(at);
                    reached
                }
                Piece::Any => before.is_some_and(was),
                Piece::One(wanted) => before.is_some_and(|at| was(at) && text.get(at) == Some(wanted)),
            };
        }
        made = next;
    }
    made.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pattern_fits_what_it_names() {
        for (pattern, schema, name, is_so) in [
            ("orders", "public", "orders", true),
            ("ORDERS", "shop", "orders", true),
            ("orders", "public", "Orders", false),
            ("\"Orders\"", "public", "Orders", true),
            ("\"a.b\"", "public", "a.b", true),
            ("\"a\"\"*\"", "public", "a\"*", true),
            ("\"a*\"", "public", "ab", false),
            ("shop.o*", "shop", "orders", true),
            ("shop.o*", "public", "orders", false),
            ("*.*_old", "x", "a_old_old", true),
            ("*_old", "x", "old", false),
            ("t?", "x", "t1", true),
            ("t?", "x", "t", false),
            ("*", "x", "", true),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().fits(schema, name),
                is_so,
                "{pattern} {schema}.{name}"
            );
        }
        for wrong in ["", ".", "a.", ".a", "a.b.c", "\"a", "\"\""] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
