//! A relation's definition as one generation of it stood. Immutable once made; it must never be looked up in the
//! server's catalog (pitfall P11).

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Change, TypeRef};

/// One definition of a table (PostgreSQL documentation, "Logical Replication Message Formats", Relation).
///
/// The same definition sent again is the same generation; a changed one is the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The table's OID.
    pub(crate) oid: u32,
    /// 1 for the first definition that the stream saw, one more for each change of it.
    pub(crate) generation: u32,
    /// The schema's name; "pg_catalog" where the protocol sends "".
    pub(crate) namespace: Box<[u8]>,
    /// The table's name.
    pub(crate) name: Box<[u8]>,
    /// `pg_class.relreplident`: 'd' default, 'n' nothing, 'f' full, 'i' index.
    pub(crate) replica_identity: u8,
    /// The published columns, in the order of the values.
    pub(crate) columns: Box<[Column]>,
    /// Which of all definitions of the process it is: a key for what is derived from it.
    pub(crate) serial: Serial,
    /// What it differs in from the definition that held before it; `None` where that one is not known.
    pub(crate) changes: Option<Box<[Change]>>,
}

/// A number that no other definition of the process has. It says nothing of the table: any two are equal.
#[derive(Debug, Clone, Copy)]
pub struct Serial(u64);

impl Serial {
    /// The next one. 2^64 of them do not run out.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number, which is never 0.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl PartialEq for Serial {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Serial {}

impl Relation {
    /// How much memory it takes, about.
    pub fn weight(&self) -> usize {
        /// What an allocation costs beyond its bytes.
        const OVERHEAD: usize = 16;
        let columns = self.columns.iter().map(|column| size_of::<Column>() + column.name.len() + OVERHEAD);
        let changes = self.changes.iter().flatten();
        let changes = changes.map(|change| size_of::<Change>() + change.name_before.len() + OVERHEAD);
        let changes = changes.sum::<usize>();
        size_of::<Self>()
            + changes
            + self.namespace.len()
            + self.name.len()
            + 4 * OVERHEAD
            + columns.sum::<usize>()
    }
}

/// One column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column's name.
    pub(crate) name: Box<[u8]>,
    /// OID of the column's type.
    pub(crate) type_oid: u32,
    /// `pg_attribute.atttypmod`, -1 where there is none.
    pub(crate) typmod: i32,
    /// Whether the column is part of the replica identity.
    pub(crate) is_key: bool,
    /// What is known of the type.
    pub(crate) data_type: TypeRef,
}
