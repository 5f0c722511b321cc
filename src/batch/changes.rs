//! What a definition of a table differs in from the one that held before it (P11).
//!
//! It must never claim more than two definitions show: a column that was renamed, and one that was dropped with another added in
//! its place, look the same.

use std::collections::HashMap;

use super::{Column, Relation};

/// How two definitions of a table differ (wal_relation_change.kind).
#[allow(non_camel_case_types, reason = "the names that C sees")]
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A column is there that was not.
    WAL_CHANGE_COLUMN_ADDED = 1,
    /// A column is gone.
    WAL_CHANGE_COLUMN_DROPPED = 2,
    /// A column of the same type has another name in the same place. It was renamed, or dropped and another one added: the
    /// protocol does not say which.
    WAL_CHANGE_COLUMN_REPLACED = 3,
    /// A column has another type.
    WAL_CHANGE_COLUMN_TYPE = 4,
    /// A column's type has another modifier, such as a length.
    WAL_CHANGE_COLUMN_TYPMOD = 5,
    /// A column became part of the replica identity, or is not any more.
    WAL_CHANGE_COLUMN_KEY = 6,
    /// The table is in another schema.
    WAL_CHANGE_SCHEMA = 16,
    /// The table has another name.
    WAL_CHANGE_NAME = 17,
    /// The table has another replica identity.
    WAL_CHANGE_REPLICA_IDENTITY = 18,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub(crate) kind: ChangeKind,
    /// The column's place in the new definition.
    pub(crate) place: Option<u32>,
    /// The column's place in the old definition.
    pub(crate) place_before: Option<u32>,
    /// The name before: of the column, the schema or the table.
    pub(crate) name_before: Box<[u8]>,
    /// OID of the column's type before.
    pub(crate) type_before: u32,
    /// Modifier of the column's type before.
    pub(crate) typmod_before: i32,
    /// The replica identity's letter before.
    pub(crate) identity_before: u8,
}

impl Change {
    fn of_table(kind: ChangeKind, before: &Relation) -> Self {
        let name: &[u8] = match kind {
            ChangeKind::WAL_CHANGE_SCHEMA => &before.namespace,
            ChangeKind::WAL_CHANGE_NAME => &before.name,
            _ => &[],
        };
        let identity_before = match kind {
            ChangeKind::WAL_CHANGE_REPLICA_IDENTITY => before.replica_identity,
            _ => 0,
        };
        let name_before = name.into();
        Self {
            kind,
            place: None,
            place_before: None,
            name_before,
            type_before: 0,
            typmod_before: -1,
            identity_before,
        }
    }

    fn of_column(kind: ChangeKind, now: Option<usize>, before: Option<(usize, &Column)>) -> Self {
        let column = before.map(|(_, column)| column);
        Self {
            kind,
            place: now.map(|at| at as u32),
            place_before: before.map(|(at, _)| at as u32),
            name_before: column.map(|column| column.name.clone()).unwrap_or_default(),
            type_before: column.map_or(0, |column| column.type_oid),
            typmod_before: column.map_or(-1, |column| column.typmod),
            identity_before: 0,
        }
    }
}

/// All differences: those of the table, then those of columns in the order of the places.
pub fn between(before: &Relation, now: &Relation) -> Box<[Change]> {
    let mut all = Vec::new();
    for (kind, differs) in [
        (ChangeKind::WAL_CHANGE_SCHEMA, before.namespace != now.namespace),
        (ChangeKind::WAL_CHANGE_NAME, before.name != now.name),
        (ChangeKind::WAL_CHANGE_REPLICA_IDENTITY, before.replica_identity != now.replica_identity),
    ] {
        if differs {
            all.push(Change::of_table(kind, before));
        }
    }
    columns(&before.columns, &now.columns, &mut all);
    all.into()
}

/// The server sends columns in the order of their making, and a new one is the last of them. So what both definitions have stands
/// in one order in both, and what lies between is gone or new.
fn columns(before: &[Column], now: &[Column], all: &mut Vec<Change>) {
    let places: HashMap<&[u8], usize> =
        before.iter().enumerate().map(|(at, column)| (&*column.name, at)).collect();
    let (mut old, mut new) = (0, 0);
    for (at, column) in now.iter().enumerate() {
        let Some(same) = places.get(&*column.name).copied().filter(|same| *same >= old) else { continue };
        gap(before, old..same, now, new..at, all);
        if let Some(known) = before.get(same) {
            compare((same, known), (at, column), all);
        }
        (old, new) = (same + 1, at + 1);
    }
    gap(before, old..before.len(), now, new..now.len(), all);
}

/// What stood between two columns that both definitions have, and what stands there now.
fn gap(
    before: &[Column],
    old: std::ops::Range<usize>,
    now: &[Column],
    new: std::ops::Range<usize>,
    all: &mut Vec<Change>,
) {
    let mut gone = old.filter_map(|at| Some((at, before.get(at)?))).peekable();
    for at in new {
        let Some(column) = now.get(at) else { continue };
        match gone.peek().copied().filter(|(_, known)| known.type_oid == column.type_oid) {
            Some(known) => {
                gone.next();
                all.push(Change::of_column(ChangeKind::WAL_CHANGE_COLUMN_REPLACED, Some(at), Some(known)));
                compare(known, (at, column), all);
            }
            None => all.push(Change::of_column(ChangeKind::WAL_CHANGE_COLUMN_ADDED, Some(at), None)),
        }
    }
    all.extend(gone.map(|known| Change::of_column(ChangeKind::WAL_CHANGE_COLUMN_DROPPED, None, Some(known))));
}

/// One column as it was and as it is.
fn compare(known: (usize, &Column), (at, column): (usize, &Column), all: &mut Vec<Change>) {
    let differs_in_type = known.1.type_oid != column.type_oid || known.1.data_type != column.data_type;
    for (kind, differs) in [
        (ChangeKind::WAL_CHANGE_COLUMN_TYPE, differs_in_type),
        (ChangeKind::WAL_CHANGE_COLUMN_TYPMOD, known.1.typmod != column.typmod),
        (ChangeKind::WAL_CHANGE_COLUMN_KEY, known.1.is_key != column.is_key),
    ] {
        if differs {
            all.push(Change::of_column(kind, Some(at), Some(known)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeKind::*;
    use super::*;
    use crate::batch::Type;

    const INT4: u32 = 23;
    const TEXT: u32 = 25;

    fn column(name: &str, type_oid: u32) -> Column {
        Column {
            name: name.as_bytes().into(),
            type_oid,
            typmod: -1,
            is_key: false,
            data_type: Type::named(type_oid, b"", b"", 0).into(),
        }
    }

    fn relation(columns: &[Column]) -> Relation {
        Relation {
            oid: 1,
            generation: 1,
            namespace: (*b"public").into(),
            name: (*b"t").into(),
            replica_identity: b'd',
            columns: columns.into(),
            serial: crate::batch::Serial::next(),
            changes: None,
        }
    }

    /// Names of columns, all of one type but those in capitals; what is found as kind, place, place before.
    fn found(before: &str, now: &str) -> Vec<(ChangeKind, Option<u32>, Option<u32>)> {
        let of = |names: &str| -> Vec<Column> {
            let type_of = |name: &str| if name.chars().all(char::is_uppercase) { INT4 } else { TEXT };
            names.split_whitespace().map(|name| column(name, type_of(name))).collect()
        };
        let all = between(&relation(&of(before)), &relation(&of(now)));
        all.iter().map(|it| (it.kind, it.place, it.place_before)).collect()
    }

    #[test]
    fn p11_columns_that_come_and_go_are_told_apart() {
        use WAL_CHANGE_COLUMN_ADDED as ADDED;
        use WAL_CHANGE_COLUMN_DROPPED as DROPPED;
        use WAL_CHANGE_COLUMN_REPLACED as REPLACED;
        assert_eq!(found("a b", "a b"), []);
        assert_eq!(found("a b", "a b c"), [(ADDED, Some(2), None)]);
        assert_eq!(found("a b c", "a c"), [(DROPPED, None, Some(1))]);
        assert_eq!(found("a b c", "a x c"), [(REPLACED, Some(1), Some(1))]);
        // Dropped and added again under its name: it stands at the end now.
        assert_eq!(found("a b c", "a c b"), [(DROPPED, None, Some(1)), (ADDED, Some(2), None)]);
        assert_eq!(found("a b", "a C"), [(ADDED, Some(1), None), (DROPPED, None, Some(1))]);
        assert_eq!(
            found("a b c", "x"),
            [(REPLACED, Some(0), Some(0)), (DROPPED, None, Some(1)), (DROPPED, None, Some(2))]
        );
        assert_eq!(found("", "a"), [(ADDED, Some(0), None)]);
    }

    #[test]
    fn p11_what_changed_of_a_table_and_a_column_is_named() {
        let before = relation(&[column("a", INT4), column("b", TEXT)]);
        let mut now = before.clone();
        (now.namespace, now.name, now.replica_identity) = ((*b"s").into(), (*b"u").into(), b'f');
        now.columns[0].type_oid = TEXT;
        (now.columns[1].typmod, now.columns[1].is_key) = (14, true);
        let all = between(&before, &now);
        let kinds: Vec<ChangeKind> = all.iter().map(|it| it.kind).collect();
        let of_table = [WAL_CHANGE_SCHEMA, WAL_CHANGE_NAME, WAL_CHANGE_REPLICA_IDENTITY];
        let of_columns = [WAL_CHANGE_COLUMN_TYPE, WAL_CHANGE_COLUMN_TYPMOD, WAL_CHANGE_COLUMN_KEY];
        assert_eq!(kinds, [of_table, of_columns].concat());
        assert_eq!(
            (&*all[0].name_before, &*all[1].name_before, all[2].identity_before),
            (&b"public"[..], &b"t"[..], b'd')
        );
        assert_eq!((&*all[3].name_before, all[3].type_before, all[4].typmod_before), (&b"a"[..], INT4, -1));
    }

    #[test]
    fn many_columns_cost_no_quadratic_time() {
        let names: Vec<Column> = (0..65_535).map(|at| column(&format!("c{at}"), TEXT)).collect();
        let others: Vec<Column> = (0..65_535).rev().map(|at| column(&format!("c{at}"), TEXT)).collect();
        assert!(!between(&relation(&names), &relation(&others)).is_empty());
    }
}
