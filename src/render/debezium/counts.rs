//! How many changes of a transaction there were, in all and of each table. It must never count what was thrown away.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::super::out::Out;
use crate::error::{Error, Result};

/// The place of a change in its transaction, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ordinal {
    /// Among all of them.
    pub(super) total: u64,
    /// Among those of its table.
    pub(super) of_table: u64,
}

/// What was counted up to `mark`, and since.
#[derive(Debug, Default)]
pub(super) struct Counts {
    base: Tables,
    since: Tables,
    /// Whether another transaction began since, so that `base` is no part of this one.
    is_new: bool,
    /// Whether there was no memory to keep what was counted.
    is_lost: bool,
}

impl Counts {
    /// What follows is thrown away together.
    pub(super) fn mark(&mut self) {
        if self.is_new {
            self.base.clear();
        }
        self.is_lost = self.is_lost && !self.is_new;
        self.is_new = false;
        self.is_lost |= self.base.add(&self.since).is_err();
        self.since.clear();
    }

    /// All since `mark` was thrown away.
    pub(super) fn go_back(&mut self) {
        self.since.clear();
        self.is_new = false;
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self) {
        self.since.clear();
        self.is_new = true;
    }

    /// Counts a change of the table of a definition.
    pub(super) fn count(&mut self, serial: u64, name: &[u8]) -> Result<Ordinal> {
        if self.is_lost && !self.is_new {
            return Err(Error::no_memory("the tables of a transaction", self.base.list.len()));
        }
        let before = if self.is_new { 0 } else { self.base.of(serial, name) };
        let of_table = self.since.count(serial, name, 1)?;
        let total = if self.is_new { 0 } else { self.base.total } + self.since.total;
        Ok(Ordinal { total, of_table: before + of_table })
    }

    /// How many changes there were.
    pub(super) fn total(&self) -> u64 {
        self.since.total + if self.is_new { 0 } else { self.base.total }
    }

    /// Each table with the count of its changes, in the order of their first.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let base = if self.is_new { &[][..] } else { &self.base.list };
        let of_base = base.iter().map(|table| {
            let name = self.base.name(table);
            (name, table.count + self.since.named(name))
        });
        let of_since = self.since.list.iter().map(|table| (self.since.name(table), table.count));
        of_base.chain(of_since.filter(|(name, _)| self.is_new || self.base.named(name) == 0))
    }
}

/// Tables with counts.
#[derive(Debug, Default)]
struct Tables {
    total: u64,
    list: Vec<Table>,
    /// All names, one behind the other.
    names: Out,
    /// Where the table of a definition is in the list.
    places: HashMap<u64, usize>,
    /// Where the last table is whose name has a hash.
    of_hash: HashMap<u64, usize>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Table {
    /// Of one of its definitions.
    serial: u64,
    name: Range<usize>,
    count: u64,
    /// Where the table before it is whose name has the same hash.
    before: Option<usize>,
}

impl Tables {
    fn clear(&mut self) {
        /// How many are kept in any case.
        const KEPT: usize = 1 << 12;
        self.total = 0;
        self.names.clear();
        self.places.clear();
        self.places.shrink_to(KEPT);
        self.of_hash.clear();
        self.of_hash.shrink_to(KEPT);
        self.list.clear();
        self.list.shrink_to(KEPT);
    }

    fn name(&self, table: &Table) -> &[u8] {
        self.names.bytes().get(table.name.clone()).unwrap_or_default()
    }

    /// Where a table is, by its name alone.
    fn find(&self, name: &[u8]) -> Option<usize> {
        let mut at = self.of_hash.get(&self.hasher.hash_one(name)).copied();
        while let Some(table) = at.and_then(|at| self.list.get(at)) {
            if self.name(table) == name {
                return at;
            }
            at = table.before;
        }
        None
    }

    /// The count of a table by its name alone.
    fn named(&self, name: &[u8]) -> u64 {
        let table = self.find(name).and_then(|at| self.list.get(at));
        table.map_or(0, |table| table.count)
    }

    fn of(&self, serial: u64, name: &[u8]) -> u64 {
        let place = self.places.get(&serial).and_then(|at| self.list.get(*at));
        place.map_or_else(|| self.named(name), |table| table.count)
    }

    /// Adds to the count of a table, and gives it.
    fn count(&mut self, serial: u64, name: &[u8], more: u64) -> Result<u64> {
        let at = match self.places.get(&serial) {
            Some(at) => *at,
            // Another definition of a table that is there, perhaps.
            None => {
                let at = self.find(name).map_or_else(|| self.begin(serial, name), Ok)?;
                let room = self.places.try_reserve(1);
                room.map_err(|_| Error::no_memory("the tables of a transaction", self.places.len()))?;
                self.places.insert(serial, at);
                at
            }
        };
        self.total += more;
        let table = self.list.get_mut(at).map(|table| {
            table.count += more;
            table.count
        });
        Ok(table.unwrap_or_default())
    }

    /// A table without changes yet.
    fn begin(&mut self, serial: u64, name: &[u8]) -> Result<usize> {
        let begin = self.names.len();
        self.names.put(name);
        self.names.check()?;
        let room = self.list.try_reserve(1);
        let room = room.and_then(|()| self.of_hash.try_reserve(1));
        room.map_err(|_| Error::no_memory("the tables of a transaction", self.list.len()))?;
        let at = self.list.len();
        let before = self.of_hash.insert(self.hasher.hash_one(name), at);
        self.list.push(Table { serial, name: begin..self.names.len(), count: 0, before });
        Ok(at)
    }

    /// Adds all counts of others.
    fn add(&mut self, others: &Self) -> Result<()> {
        others
            .list
            .iter()
            .try_for_each(|table| self.count(table.serial, others.name(table), table.count).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(counts: &Counts) -> Vec<(String, u64)> {
        counts.tables().map(|(name, count)| (String::from_utf8_lossy(name).into_owned(), count)).collect()
    }

    fn count(counts: &mut Counts, serial: u64, name: &str) -> (u64, u64) {
        let ordinal = counts.count(serial, name.as_bytes()).unwrap();
        (ordinal.total, ordinal.of_table)
    }

    #[test]
    fn changes_are_counted_over_calls_and_definitions() {
        let mut counts = Counts::default();
        counts.begin();
        assert_eq!(count(&mut counts, 1, "a"), (1, 1));
        assert_eq!(count(&mut counts, 2, "b"), (2, 1));
        counts.mark();
        assert_eq!(count(&mut counts, 1, "a"), (3, 2));
        // Another definition of the same table.
        assert_eq!(count(&mut counts, 3, "a"), (4, 3));
        counts.mark();
        assert_eq!(count(&mut counts, 3, "a"), (5, 4));
        assert_eq!(count(&mut counts, 4, "c"), (6, 1));
        assert_eq!(counts.total(), 6);
        assert_eq!(list(&counts), [("a".to_owned(), 4), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
        counts.begin();
        assert_eq!((counts.total(), list(&counts)), (0, vec![]));
        assert_eq!(count(&mut counts, 1, "a"), (1, 1));
    }

    #[test]
    fn many_tables_are_found_by_their_names() {
        let mut counts = Counts::default();
        counts.begin();
        let tables = 2 << 12;
        // Twice with other definitions, and with a call in between: a search through all names would take some 10^8 steps.
        for round in 0..2_u64 {
            for table in 0..tables {
                let ordinal = count(&mut counts, round * tables + table, &format!("public.t{table}"));
                assert_eq!(ordinal, (round * tables + table + 1, round + 1));
            }
            counts.mark();
        }
        assert_eq!(counts.tables().count() as u64, tables);
        assert!(counts.tables().all(|(_, count)| count == 2));
        counts.begin();
        counts.mark();
        assert_eq!(count(&mut counts, 0, "public.t0"), (1, 1));
    }

    #[test]
    fn what_is_thrown_away_was_not_counted() {
        let mut counts = Counts::default();
        counts.begin();
        count(&mut counts, 1, "a");
        counts.mark();
        count(&mut counts, 1, "a");
        // The transaction ends and the next one begins, and then the call fails.
        counts.begin();
        count(&mut counts, 2, "b");
        counts.go_back();
        assert_eq!((counts.total(), list(&counts)), (1, vec![("a".to_owned(), 1)]));
        assert_eq!(count(&mut counts, 1, "a"), (2, 2));
        counts.mark();
        counts.begin();
        counts.mark();
        assert_eq!((counts.total(), list(&counts)), (0, vec![]));
    }
}
