//! A row: values in the order of the relation's columns, by place or by name.

use super::value::Value;
use crate::batch::{Relation, RowView};
use crate::error::{Error, Result, Status};

/// A new or old row of a change, borrowed from its event.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    relation: &'a Relation,
    values: RowView<'a>,
}

impl<'a> Row<'a> {
    pub(super) fn new(relation: &'a Relation, values: RowView<'a>) -> Self {
        Self { relation, values }
    }

    /// The table that the row is of.
    pub fn relation(self) -> &'a Relation {
        self.relation
    }

    /// How many values the row has: as many as the relation has columns.
    pub fn len(self) -> usize {
        self.values.width()
    }

    /// Whether the table has no column.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a column by its place, from 0. In a hot loop this is the way, with
    /// [`Relation::column_index`] looked up once for each relation and generation.
    #[inline]
    pub fn at(self, column: usize) -> Option<Value<'a>> {
        Some(Value::new(self.values.at(column)?, self.relation, self.relation.columns.get(column)?))
    }

    /// The value of a column by its name. An error: the relation has no such column.
    pub fn get(self, column: &str) -> Result<Value<'a>> {
        let value = self.relation.column_index(column).and_then(|at| self.at(at));
        value.ok_or_else(|| {
            let table = self.relation.name();
            Error::new(
                Status::WAL_E_INVALID_ARGUMENT,
                format!("table {table} has no published column \"{column}\""),
            )
        })
    }

    /// The values, in the order of the relation's columns.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        (0..self.len()).filter_map(move |at| self.at(at))
    }
}
