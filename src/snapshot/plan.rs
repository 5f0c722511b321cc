//! What is to be copied: the published tables, their leaves, the items that workers share, and the COPY of each.
//!
//! It must never leave a row out that the publication would send, nor take one that it would not.

use std::collections::{HashMap, HashSet};

use super::questions::lock;
use crate::error::{Error, Result, Status};
use crate::stream::{quote_identifier, quote_literal};

/// No table has more items: each is told to the program.
const MOST_ITEMS: u64 = 1024;

/// A row of an answer.
type Row = [Option<String>];

/// All that is to be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The tables, the largest first once they are measured.
    pub tables: Vec<Published>,
}

/// A table as it is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    pub(super) oid: u32,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) replica_identity: u8,
    pub(super) columns: Vec<Column>,
    filter: Option<String>,
    leaves: Vec<Leaf>,
    is_partitioned: bool,
    /// How far it is below the topmost table that it is a partition of.
    depth: u32,
}

/// A column that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub(super) name: String,
    pub(super) type_oid: u32,
    pub(super) typmod: i32,
    pub(super) is_key: bool,
    /// Whether its type has a binary form.
    pub(super) has_binary: bool,
    /// Of the type, or of what a domain is over.
    pub(super) type_namespace: String,
    /// See there.
    pub(super) type_name: String,
}

/// A table that holds the rows: the published one itself, or a partition of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Leaf {
    oid: u32,
    namespace: String,
    name: String,
    blocks: u64,
    /// Whether ranges of blocks can be read.
    is_divisible: bool,
}

/// A part of a table that one COPY reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which of the plan's tables.
    pub table: usize,
    /// Which of its items, from 0.
    pub number: u32,
    leaf: usize,
    range: Range,
    /// How many blocks it has, about.
    pub blocks: u64,
}

/// Which rows of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// All.
    Whole,
    /// Those in these blocks.
    Blocks(u64, u64),
    /// Those from this block on.
    From(u64),
}

impl Plan {
    /// Understands the answers to `Questions::tables` and `columns`.
    pub fn read(tables: &[Vec<Option<String>>], columns: &[Vec<Option<String>>]) -> Result<Self> {
        let mut all: Vec<Published> = Vec::new();
        let mut filters: Vec<HashMap<String, String>> = Vec::new();
        let mut known = HashSet::new();
        for row in tables {
            let oid = number(row, 0)?;
            if all.last().is_none_or(|table| table.oid != oid) {
                all.push(Published {
                    oid,
                    namespace: cell(row, 1).to_owned(),
                    name: cell(row, 2).to_owned(),
                    replica_identity: cell(row, 3).bytes().next().unwrap_or(b'd'),
                    is_partitioned: cell(row, 4) == "p",
                    depth: number(row, 12).unwrap_or(0),
                    ..Published::default()
                });
                filters.push(HashMap::new());
            }
            let (Some(table), Some(filters)) = (all.last_mut(), filters.last_mut()) else { continue };
            filters.insert(cell(row, 5).to_owned(), cell(row, 6).to_owned());
            let (leaf, kind) = (number(row, 7).unwrap_or(0), cell(row, 10));
            // A foreign table is never published.
            if kind == "r" && known.insert((oid, leaf)) {
                table.leaves.push(Leaf {
                    oid: leaf,
                    namespace: cell(row, 8).to_owned(),
                    name: cell(row, 9).to_owned(),
                    ..Leaf::default()
                });
            }
        }
        let mut of_tables: HashMap<&str, Vec<&Row>> = HashMap::new();
        for row in columns {
            of_tables.entry(cell(row, 0)).or_default().push(row);
        }
        for (table, filters) in all.iter_mut().zip(filters) {
            let rows = of_tables.get(table.oid.to_string().as_str());
            table.columns = columns_of(table, rows.map_or(&[], Vec::as_slice))?;
            table.filter = filter(filters);
        }
        let mut it = Self { tables: all };
        it.publish_once();
        Ok(it)
    }

    /// A leaf that is published by itself and as its root comes as the topmost root (get_rel_sync_entry).
    fn publish_once(&mut self) {
        let mut owner: HashMap<u32, (u32, usize)> = HashMap::new();
        for (at, table) in self.tables.iter().enumerate() {
            for leaf in &table.leaves {
                let rank = if table.is_partitioned { u32::MAX - table.depth } else { 0 };
                let known = owner.entry(leaf.oid).or_insert((rank, at));
                if rank > known.0 {
                    *known = (rank, at);
                }
            }
        }
        for (at, table) in self.tables.iter_mut().enumerate() {
            let had = table.leaves.len();
            table.leaves.retain(|leaf| owner.get(&leaf.oid).is_some_and(|(_, of)| *of == at));
            // Nothing of it comes under its own name.
            if had > 0 && table.leaves.is_empty() {
                table.columns.clear();
                table.oid = 0;
            }
        }
        self.tables.retain(|table| table.oid != 0);
    }

    /// The statement that locks all of it.
    pub fn lock(&self) -> Option<String> {
        let roots = self.tables.iter().filter(|table| table.is_partitioned);
        let roots = roots.map(|table| (table.namespace.as_str(), table.name.as_str()));
        let leaves = self.tables.iter().flat_map(|table| &table.leaves);
        lock(roots.chain(leaves.map(|leaf| (leaf.namespace.as_str(), leaf.name.as_str()))))
    }

    /// The tables that hold the rows.
    pub fn leaves(&self) -> impl Iterator<Item = u32> {
        self.tables.iter().flat_map(|table| &table.leaves).map(|leaf| leaf.oid)
    }

    /// Understands the answer to `Questions::sizes`, and gives the size of a block.
    pub fn measure(&mut self, sizes: &[Vec<Option<String>>]) -> Result<u64> {
        let mut by_oid = HashMap::new();
        let mut block = 8192;
        for row in sizes {
            by_oid.insert(
                number::<u32>(row, 0)?,
                (number::<u64>(row, 1)?, cell(row, 2) == "t", cell(row, 3) == "t"),
            );
            block = number(row, 4)?;
        }
        for table in &mut self.tables {
            for leaf in &mut table.leaves {
                let name = format!("{}.{}", quote_identifier(&leaf.namespace), quote_identifier(&leaf.name));
                let Some((blocks, hidden, is_divisible)) = by_oid.get(&leaf.oid).copied() else {
                    return Err(changed(&name));
                };
                if hidden {
                    return Err(Error::new(
                        Status::WAL_E_PRIVILEGE,
                        format!("row security hides rows of table {name} from this role, so that a snapshot would lack them"),
                    )
                    .with_hint("Let the role see all rows: ALTER ROLE … BYPASSRLS; or use the table's owner without FORCE ROW LEVEL SECURITY."));
                }
                (leaf.blocks, leaf.is_divisible) = (blocks, is_divisible);
            }
            table.leaves.sort_by_key(|leaf| std::cmp::Reverse(leaf.blocks));
        }
        self.tables.sort_by_key(|table| std::cmp::Reverse(table.blocks()));
        Ok(block)
    }

    /// The items, in the order in which they are to be copied: large tables first, for they take the longest.
    pub fn items(&self, blocks_each: u64) -> Vec<Item> {
        let mut out = Vec::new();
        for (at, table) in self.tables.iter().enumerate() {
            let budget = MOST_ITEMS.saturating_sub(table.leaves.len() as u64).max(1);
            let each = blocks_each.max(table.blocks().div_ceil(budget)).max(1);
            let mut number = 0;
            for (leaf, of) in table.leaves.iter().enumerate() {
                let parts = if of.is_divisible { of.blocks.div_ceil(each).max(1) } else { 1 };
                for part in 0..parts {
                    let (from, to) = (part * each, (part + 1) * each);
                    let range = match (part + 1 == parts, part) {
                        (true, 0) => Range::Whole,
                        // Open: blocks may have been added since it was measured, and hold nothing that is seen.
                        (true, _) => Range::From(from),
                        (false, _) => Range::Blocks(from, to),
                    };
                    let blocks = of.blocks.min(to).saturating_sub(from);
                    out.push(Item { table: at, number, leaf, range, blocks });
                    number += 1;
                }
            }
        }
        out
    }

    /// Whether an item's rows come in the same order whenever it is read: a heap's come in that of its blocks.
    pub fn has_order(&self, item: &Item) -> bool {
        let table = self.tables.get(item.table);
        table.and_then(|table| table.leaves.get(item.leaf)).is_some_and(|leaf| leaf.is_divisible)
    }

    /// Asks whether the table that an item is copied from has still the name that the statement says.
    pub fn is_there(&self, item: &Item) -> Result<String> {
        let table = self.tables.get(item.table);
        let leaf = table.and_then(|table| table.leaves.get(item.leaf)).ok_or_else(of_none)?;
        let name = format!("{}.{}", quote_identifier(&leaf.namespace), quote_identifier(&leaf.name));
        Ok(format!(
            "SELECT coalesce(pg_catalog.to_regclass({})::pg_catalog.oid OPERATOR(pg_catalog.=) {}::pg_catalog.oid, false)",
            quote_literal(&name),
            leaf.oid
        ))
    }

    /// The statement that copies an item.
    pub fn copy(&self, item: &Item, binary: bool) -> Result<String> {
        let table = self.tables.get(item.table);
        let (Some(table), Some(leaf)) = (table, table.and_then(|table| table.leaves.get(item.leaf))) else {
            return Err(of_none());
        };
        let columns: Vec<String> = table.columns.iter().map(|column| column.expression(binary)).collect();
        let place = |op: &str, block: u64| {
            format!(
                "ctid OPERATOR(pg_catalog.{op}) {}::pg_catalog.tid",
                quote_literal(&format!("({block},0)"))
            )
        };
        let mut conditions: Vec<String> = match item.range {
            Range::Whole => Vec::new(),
            Range::Blocks(from, to) => vec![place(">=", from), place("<", to)],
            Range::From(from) => vec![place(">=", from)],
        };
        conditions.extend(table.filter.as_ref().map(|filter| format!("({filter})")));
        let conditions = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        let (schema, name) = (quote_identifier(&leaf.namespace), quote_identifier(&leaf.name));
        let format = if binary { "binary" } else { "text" };
        Ok(format!(
            "COPY (SELECT {} FROM ONLY {schema}.{name}{conditions}) TO STDOUT (FORMAT {format})",
            columns.join(", ")
        ))
    }
}

impl Published {
    /// Its name, as SQL writes it.
    pub fn title(&self) -> String {
        format!("{}.{}", quote_identifier(&self.namespace), quote_identifier(&self.name))
    }

    /// How many blocks its rows take, about.
    pub fn blocks(&self) -> u64 {
        self.leaves.iter().map(|leaf| leaf.blocks).sum()
    }

    /// Which of its values come in their binary form, where binary values are wanted.
    pub fn binaries(&self) -> impl Iterator<Item = bool> {
        self.columns.iter().map(|column| column.has_binary)
    }
}

impl Column {
    /// pgoutput sends the text of a type that has no binary form, where COPY refuses (logicalrep_write_tuple).
    fn expression(&self, binary: bool) -> String {
        let name = quote_identifier(&self.name);
        if binary && !self.has_binary { format!("{name}::pg_catalog.text") } else { name }
    }
}

/// The columns of a table, which each publication must list alike, as the server itself demands.
fn columns_of(table: &Published, rows: &[&Row]) -> Result<Vec<Column>> {
    let mut by_publication: Vec<(&str, Vec<Column>)> = Vec::new();
    for row in rows {
        let publication = cell(row, 1);
        if by_publication.last().is_none_or(|(of, _)| *of != publication) {
            by_publication.push((publication, Vec::new()));
        }
        if let Some((_, columns)) = by_publication.last_mut() {
            columns.push(Column {
                name: cell(row, 2).to_owned(),
                type_oid: number(row, 3)?,
                typmod: number(row, 4)?,
                is_key: cell(row, 5) == "t",
                has_binary: cell(row, 6) == "t",
                type_namespace: cell(row, 7).to_owned(),
                type_name: cell(row, 8).to_owned(),
            });
        }
    }
    let mut lists = by_publication.into_iter();
    let Some((_, first)) = lists.next() else { return Ok(Vec::new()) };
    match lists.find(|(_, other)| *other != first) {
        None => Ok(first),
        Some((publication, _)) => Err(Error::new(
            Status::WAL_E_SNAPSHOT,
            format!(
                "publication {} lists other columns of table {} than another one",
                quote_identifier(publication),
                table.title()
            ),
        )
        .with_hint(
            "The server cannot stream that either: give the table the same column list in all publications.",
        )),
    }
}

fn of_none() -> Error {
    Error::new(Status::WAL_E_INTERNAL, "an item of a snapshot is of no table")
}

/// A row is published where one of the publications lets it through; one without a filter lets all.
fn filter(of_publications: HashMap<String, String>) -> Option<String> {
    let mut all: Vec<String> = of_publications.into_values().collect();
    all.sort();
    all.dedup();
    if all.is_empty() || all.iter().any(String::is_empty) {
        return None;
    }
    let all: Vec<String> = all.into_iter().map(|filter| format!("({filter})")).collect();
    Some(all.join(" OR "))
}

/// A table is not any more what the snapshot sees.
pub(super) fn changed(table: &str) -> Error {
    Error::new(
        Status::WAL_E_SNAPSHOT,
        format!("table {table} was changed while its snapshot was being taken"),
    )
    .with_hint("Connect again. The slot that was made for the snapshot is gone, and nothing was delivered.")
    .with_retriable(true)
}

fn cell(row: &Row, at: usize) -> &str {
    row.get(at).and_then(Option::as_deref).unwrap_or("")
}

fn number<T: std::str::FromStr>(row: &Row, at: usize) -> Result<T> {
    cell(row, at).parse().map_err(|_| {
        Error::new(
            Status::WAL_E_PROTOCOL,
            "the server answered the question for published tables with no number",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(all: &[&[&str]]) -> Vec<Vec<Option<String>>> {
        let cell = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
        all.iter().map(|row| row.iter().map(cell).collect()).collect()
    }

    fn plan() -> Plan {
        let tables = rows(&[
            &["10", "public", "a", "d", "r", "p", "", "10", "public", "a", "r", "10"],
            &["20", "public", "root", "d", "p", "p", "(id > 5)", "21", "public", "r\"1", "r", "21"],
            &["20", "public", "root", "d", "p", "p", "(id > 5)", "22", "public", "r2", "f", "0"],
            &["20", "public", "root", "d", "p", "q", "(id < 2)", "21", "public", "r\"1", "r", "21"],
            &["21", "public", "r\"1", "d", "r", "o", "", "21", "public", "r\"1", "r", "21"],
            &["30", "public", "empty", "n", "p", "p", "", "", "", "", "", ""],
        ]);
        let columns = rows(&[
            &["10", "p", "id", "23", "-1", "t", "t", "pg_catalog", "int4"],
            &["10", "p", "acl", "1033", "-1", "f", "f", "pg_catalog", "aclitem"],
            &["20", "p", "id", "23", "-1", "t", "t", "pg_catalog", "int4"],
            &["20", "q", "id", "23", "-1", "t", "t", "pg_catalog", "int4"],
        ]);
        Plan::read(&tables, &columns).unwrap()
    }

    #[test]
    fn a_leaf_comes_once_as_its_root() {
        let plan = plan();
        let names: Vec<String> = plan.tables.iter().map(Published::title).collect();
        assert_eq!(names, [r#""public"."a""#, r#""public"."root""#, r#""public"."empty""#]);
        assert_eq!(plan.leaves().collect::<Vec<_>>(), [10, 21], "a foreign table is not published");
        assert_eq!(
            plan.lock().unwrap(),
            r#"LOCK TABLE ONLY "public"."root", ONLY "public"."empty", ONLY "public"."a", ONLY "public"."r""1" IN ACCESS SHARE MODE"#
        );
    }

    #[test]
    fn of_two_roots_the_topmost_has_the_rows() {
        let row = |oid, name, depth| {
            vec![oid, "public", name, "d", "p", "p", "", "30", "public", "leaf", "r", "30", depth]
        };
        let (middle, top) = (row("10", "middle", "2"), row("20", "top", "1"));
        let plan = Plan::read(&rows(&[&middle, &top]), &[]).unwrap();
        let names: Vec<String> = plan.tables.iter().map(Published::title).collect();
        assert_eq!(names, [r#""public"."top""#]);
    }

    #[test]
    fn ranges_cover_a_table_and_the_largest_comes_first() {
        let mut plan = plan();
        let block = plan.measure(&rows(&[&["10", "10", "f", "t", "8192"], &["21", "25", "f", "t", "8192"]]));
        assert_eq!(block, Ok(8192));
        let items = plan.items(10);
        let ranges: Vec<(usize, u32, Range)> =
            items.iter().map(|item| (item.table, item.number, item.range)).collect();
        assert_eq!(
            ranges,
            [
                (0, 0, Range::Blocks(0, 10)),
                (0, 1, Range::Blocks(10, 20)),
                (0, 2, Range::From(20)),
                (1, 0, Range::Whole)
            ]
        );
        assert_eq!(items.iter().map(|item| item.blocks).sum::<u64>(), 35);
        assert!(items.iter().all(|item| plan.has_order(item)));
        assert_eq!(
            plan.copy(&items[1], true).unwrap(),
            "COPY (SELECT \"id\" FROM ONLY \"public\".\"r\"\"1\" WHERE ctid OPERATOR(pg_catalog.>=) '(10,0)'::pg_catalog.tid \
             AND ctid OPERATOR(pg_catalog.<) '(20,0)'::pg_catalog.tid AND (((id < 2)) OR ((id > 5)))) TO STDOUT (FORMAT binary)"
        );
        assert_eq!(
            plan.copy(&items[3], true).unwrap(),
            r#"COPY (SELECT "id", "acl"::pg_catalog.text FROM ONLY "public"."a") TO STDOUT (FORMAT binary)"#
        );
        assert_eq!(
            plan.copy(&items[3], false).unwrap(),
            r#"COPY (SELECT "id", "acl" FROM ONLY "public"."a") TO STDOUT (FORMAT text)"#
        );
        // However large it is.
        plan.measure(&rows(&[&["10", "9000000", "f", "t", "8192"], &["21", "1", "f", "f", "8192"]])).unwrap();
        let items = plan.items(1);
        assert!(items.iter().all(|item| plan.has_order(item) == (item.table == 0)));
        assert!(items.len() <= 1026 && items.iter().filter(|item| item.table == 0).count() > 1000);
    }

    #[test]
    fn what_cannot_be_copied_as_a_whole_is_named() {
        let mut plan = plan();
        let hidden = plan.measure(&rows(&[&["10", "1", "t", "t", "8192"], &["21", "1", "f", "t", "8192"]]));
        let error = hidden.unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_PRIVILEGE);
        assert!(error.message().contains(r#""public"."a""#) && error.hint().contains("BYPASSRLS"));
        let gone = plan.measure(&rows(&[&["10", "1", "f", "t", "8192"]])).unwrap_err();
        assert!(gone.status() == Status::WAL_E_SNAPSHOT && gone.message().contains("r\"\"1"));
        let tables = rows(&[&["10", "public", "a", "d", "r", "p", "", "10", "public", "a", "r", "10"]]);
        let columns = rows(&[
            &["10", "p", "id", "23", "-1", "t", "t", "pg_catalog", "int4"],
            &["10", "q", "x", "23", "-1", "t", "t", "pg_catalog", "int4"],
        ]);
        assert_eq!(Plan::read(&tables, &columns).unwrap_err().status(), Status::WAL_E_SNAPSHOT);
    }
}
