//! What a query gave, read as a row of a change is. It must never say of a value more than its type.

use super::value::Value;
use crate::batch::{Relation, ValueKind, ValueView};
use crate::session::Rows;

impl Rows {
    /// The columns with their names and types, as those of a table that has no OID. `None`: there is no answer.
    pub fn relation(&self) -> Option<&Relation> {
        self.relation.as_deref()
    }

    /// A value by the numbers of its row and column, for the accessors that read columns of changes. `None`: there is none. NULL
    /// is a value whose kind says so.
    pub fn value(&self, row: usize, column: usize) -> Option<Value<'_>> {
        let (relation, value) = (self.relation()?, self.rows.get(row)?.get(column)?);
        let view = match value {
            Some(text) => ValueView::of(ValueKind::WAL_VALUE_TEXT as u8, text.as_bytes()),
            None => ValueView::of(ValueKind::WAL_VALUE_NULL as u8, b""),
        };
        Some(Value::new(view, relation, relation.columns.get(column)?))
    }
}
