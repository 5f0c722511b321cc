//! Tables and columns as a Rust program asks for them.

use std::borrow::Cow;

use crate::batch::{Column, Relation};
use crate::types::oid;

impl Relation {
    /// The table's OID.
    pub fn oid(&self) -> u32 {
        self.oid
    }

    /// Which definition of the table this is, counted from 1 within the stream: OID and generation are a key for what a
    /// program remembers of a table.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The schema's name. What is not UTF-8, which only a database without an encoding can send, is shown as U+FFFD.
    pub fn namespace(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.namespace)
    }

    /// The table's name.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// What identifies an old row: `'d'` the primary key, `'n'` nothing, `'f'` the full row, `'i'` an index
    /// (`pg_class.relreplident`).
    pub fn replica_identity(&self) -> char {
        self.replica_identity.into()
    }

    /// The published columns, in the order of a row's values.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The place of a column in a row.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name.as_bytes())
    }
}

impl Column {
    /// The column's name.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// OID of the column's type.
    pub fn type_oid(&self) -> u32 {
        self.type_oid
    }

    /// The name of the column's type, where it is one of PostgreSQL's own that this crate knows.
    pub fn type_name(&self) -> Option<&'static str> {
        oid::name(self.type_oid)
    }

    /// The type modifier, such as the length of a varchar plus 4; -1 where there is none (`pg_attribute.atttypmod`).
    pub fn typmod(&self) -> i32 {
        self.typmod
    }

    /// Whether the column is part of the replica identity.
    pub fn is_key(&self) -> bool {
        self.is_key
    }
}
