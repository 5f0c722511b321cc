//! What the consumers saw, against what the table holds.

use std::collections::{BTreeMap, BTreeSet};

use super::consumer::{Consumer, Line};
use super::writers::{LAST, Row, proof};

/// A change's identity: commit_lsn and sequence.
type Identity = (u64, u32);

/// What a run came to.
pub struct Summary {
    pub rows: usize,
    /// Changes that a later process saw again.
    pub again: usize,
    pub reconnects: usize,
}

/// Every row once in each process, in the order of the commits, whole transactions but for where a process was
/// killed; an identity stands for one row, in all of them; and together they saw what the table holds.
pub fn check(consumer: &Consumer, table: &BTreeSet<Row>) -> Summary {
    let mut rows: BTreeMap<Row, Identity> = BTreeMap::new();
    let mut identities: BTreeMap<Identity, Row> = BTreeMap::new();
    let mut summary = Summary { rows: 0, again: 0, reconnects: 0 };
    for life in 0..consumer.lives() {
        let lines = consumer.output(life);
        in_order(life, &lines);
        for line in lines {
            let Line::Change(commit_lsn, sequence, row, held) = line else {
                summary.reconnects += usize::from(matches!(line, Line::Reconnected(..)));
                continue;
            };
            let identity = (commit_lsn, sequence);
            let expected = if row.0 == LAST { "last".to_owned() } else { proof(row) };
            assert_eq!(held, expected, "the row is not what its key says: {row:?} at {identity:?}");
            if let Some(known) = identities.insert(identity, row) {
                summary.again += 1;
                assert_eq!(known, row, "an identity stands for one change, for ever: {identity:?}");
            }
            if let Some(known) = rows.insert(row, identity) {
                assert_eq!(known, identity, "a change has one identity, for ever: {row:?}");
            }
        }
    }
    let seen: BTreeSet<Row> = rows.into_keys().collect();
    let missing: Vec<&Row> = table.difference(&seen).take(10).collect();
    let extra: Vec<&Row> = seen.difference(table).take(10).collect();
    assert!(missing.is_empty(), "{} rows were lost, as {missing:?}", table.difference(&seen).count());
    assert!(extra.is_empty(), "rows that nobody committed: {extra:?}");
    summary.rows = seen.len();
    summary
}

/// Within one process: transactions in commit order, each from its first change to its last, none twice, and only
/// the last of all unfinished.
fn in_order(life: usize, lines: &[Line]) {
    let mut done = 0;
    let mut open: Option<(u64, u32)> = None;
    for (number, line) in lines.iter().enumerate() {
        let at = || {
            let from = number.saturating_sub(6);
            let around = &lines[from..lines.len().min(number + 3)];
            format!("life {life}, line {}: {line:?} after {open:?}, done {done}, in {around:#?}", number + 1)
        };
        match line {
            Line::Change(commit_lsn, sequence, ..) => {
                let expected = open.map_or(0, |(_, last)| last + 1);
                assert_eq!(*sequence, expected, "{}", at());
                assert!(open.map_or(done, |(of, _)| of - 1) < *commit_lsn, "{}", at());
                assert!(open.is_none_or(|(of, _)| of == *commit_lsn), "{}", at());
                open = Some((*commit_lsn, *sequence));
            }
            Line::Commit(commit_lsn) => {
                assert_eq!(open.map(|(of, _)| of), Some(*commit_lsn), "{}", at());
                done = *commit_lsn;
                open = None;
            }
            Line::Reconnected(..) => {}
            Line::Discarded(_) => panic!("no transaction here is discarded: {}", at()),
        }
    }
}
