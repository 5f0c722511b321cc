//! Publications as a Rust program sees them.

use crate::stream::{self, publication_flag as flag};

/// A publication that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct NewPublication {
    pub(super) name: String,
    pub(super) tables: String,
    pub(super) flags: u32,
}

/// What a publication publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Inserts.
    Insert,
    /// Updates.
    Update,
    /// Deletes.
    Delete,
    /// Truncates.
    Truncate,
}

/// A publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication(stream::Publication);

/// A table of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedTable(stream::PublishedTable);

/// What is wrong with a table's replica identity: its updates and deletes fail, or cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityFault {
    /// REPLICA IDENTITY DEFAULT, and there is no primary key.
    NoPrimaryKey,
    /// REPLICA IDENTITY NOTHING.
    Nothing,
    /// REPLICA IDENTITY USING INDEX, and the index was dropped.
    IndexMissing,
    /// The publication's column list leaves out columns of the replica identity.
    ColumnList,
    /// A partition whose own replica identity is not usable.
    Partition,
}

impl NewPublication {
    /// A publication of tables, as a list that SQL takes: `shop.orders, "Odd Name"`.
    pub fn of_tables(name: impl Into<String>, tables: impl Into<String>) -> Self {
        Self { name: name.into(), tables: tables.into(), flags: 0 }
    }

    /// A publication of all tables, those to come too. It takes a superuser.
    pub fn of_all_tables(name: impl Into<String>) -> Self {
        Self { name: name.into(), tables: String::new(), flags: flag::ALL_TABLES }
    }

    /// Publishes this operation. Without any call all are published.
    pub fn operation(mut self, operation: Operation) -> Self {
        self.flags |= bit(operation);
        self
    }

    /// Whether the changes of partitions come as those of the table at their root.
    pub fn via_partition_root(mut self, on: bool) -> Self {
        self.flags = if on { self.flags | flag::VIA_ROOT } else { self.flags & !flag::VIA_ROOT };
        self
    }
}

impl Publication {
    pub(super) fn new(row: stream::Publication) -> Self {
        Self(row)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it publishes an operation.
    pub fn publishes(&self, operation: Operation) -> bool {
        self.0.flags & bit(operation) != 0
    }

    /// Whether it publishes all tables.
    pub fn is_of_all_tables(&self) -> bool {
        self.0.flags & flag::ALL_TABLES != 0
    }

    /// Whether the changes of partitions come as those of the table at their root.
    pub fn is_via_partition_root(&self) -> bool {
        self.0.flags & flag::VIA_ROOT != 0
    }
}

impl PublishedTable {
    pub(super) fn new(row: stream::PublishedTable) -> Self {
        Self(row)
    }

    /// Its schema.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its OID.
    pub fn oid(&self) -> u32 {
        self.0.oid
    }

    /// The published columns, separated by commas and quoted where SQL needs it; `None` before PostgreSQL 15, which publishes
    /// all.
    pub fn columns(&self) -> Option<&str> {
        Some(self.0.columns.as_str()).filter(|columns| !columns.is_empty())
    }

    /// The row filter, if there is one.
    pub fn row_filter(&self) -> Option<&str> {
        Some(self.0.row_filter.as_str()).filter(|filter| !filter.is_empty())
    }

    /// What is wrong with its replica identity, if anything is.
    pub fn identity_fault(&self) -> Option<IdentityFault> {
        use stream::ReplicaIdentity as Found;
        match self.0.identity {
            Found::WAL_IDENTITY_USABLE => None,
            Found::WAL_IDENTITY_NO_PRIMARY_KEY => Some(IdentityFault::NoPrimaryKey),
            Found::WAL_IDENTITY_NOTHING => Some(IdentityFault::Nothing),
            Found::WAL_IDENTITY_INDEX_MISSING => Some(IdentityFault::IndexMissing),
            Found::WAL_IDENTITY_COLUMN_LIST => Some(IdentityFault::ColumnList),
            Found::WAL_IDENTITY_PARTITION => Some(IdentityFault::Partition),
        }
    }

    /// The same in a sentence; `None` where nothing is wrong.
    pub fn warning(&self) -> Option<String> {
        self.identity_fault().map(|_| self.0.warning())
    }
}

fn bit(operation: Operation) -> u32 {
    match operation {
        Operation::Insert => flag::INSERT,
        Operation::Update => flag::UPDATE,
        Operation::Delete => flag::DELETE,
        Operation::Truncate => flag::TRUNCATE,
    }
}
