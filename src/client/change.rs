//! What made a table's generation, as a Rust program asks for it.

use std::borrow::Cow;

use crate::batch::{Change, ChangeKind as Kind, Relation};

/// How two definitions of a table differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A column is there that was not.
    ColumnAdded,
    /// A column is gone.
    ColumnDropped,
    /// A column of the same type has another name in the same place. It was renamed, or dropped and another one added: the
    /// protocol does not say which.
    ColumnReplaced,
    /// A column has another type.
    ColumnType,
    /// A column's type has another modifier, such as a length.
    ColumnTypmod,
    /// A column became part of the replica identity, or is not any more.
    ColumnKey,
    /// The table is in another schema.
    Schema,
    /// The table has another name.
    Name,
    /// The table has another replica identity.
    ReplicaIdentity,
}

impl Relation {
    /// What this definition differs in from the one that held before it. `None`: that one is not known, as after a reconnect.
    /// A first definition has no change.
    pub fn changes(&self) -> Option<&[Change]> {
        self.changes.as_deref()
    }
}

impl Change {
    /// What is different.
    pub fn kind(&self) -> ChangeKind {
        match self.kind {
            Kind::WAL_CHANGE_COLUMN_ADDED => ChangeKind::ColumnAdded,
            Kind::WAL_CHANGE_COLUMN_DROPPED => ChangeKind::ColumnDropped,
            Kind::WAL_CHANGE_COLUMN_REPLACED => ChangeKind::ColumnReplaced,
            Kind::WAL_CHANGE_COLUMN_TYPE => ChangeKind::ColumnType,
            Kind::WAL_CHANGE_COLUMN_TYPMOD => ChangeKind::ColumnTypmod,
            Kind::WAL_CHANGE_COLUMN_KEY => ChangeKind::ColumnKey,
            Kind::WAL_CHANGE_SCHEMA => ChangeKind::Schema,
            Kind::WAL_CHANGE_NAME => ChangeKind::Name,
            Kind::WAL_CHANGE_REPLICA_IDENTITY => ChangeKind::ReplicaIdentity,
        }
    }

    /// The column's place in this definition; `None` where it is gone, or the table changed.
    pub fn column(&self) -> Option<usize> {
        self.place.map(|at| at as usize)
    }

    /// The column's place in the definition before.
    pub fn column_before(&self) -> Option<usize> {
        self.place_before.map(|at| at as usize)
    }

    /// The name before: of the column, the schema or the table. What is not UTF-8 is shown as U+FFFD.
    pub fn name_before(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name_before)
    }

    /// OID of the column's type before; 0 where there was no column.
    pub fn type_before(&self) -> u32 {
        self.type_before
    }

    /// Modifier of the column's type before; -1 where there was none.
    pub fn typmod_before(&self) -> i32 {
        self.typmod_before
    }

    /// The letter of the replica identity before, where that is what changed.
    pub fn identity_before(&self) -> Option<char> {
        (self.identity_before != 0).then(|| self.identity_before.into())
    }
}
