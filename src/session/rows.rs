//! The answer of a query: names, types and text of its columns. It must never hold what the server sent as binary.

use std::sync::Arc;

use crate::batch::{Column, Relation, Serial};
use crate::types::oid;
use crate::wire::backend::ColumnDescription;

/// The answer of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The values as text; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// The columns with their types, as those of a table; `None` where there is no answer.
    pub(crate) relation: Option<Arc<Relation>>,
}

impl Rows {
    /// None yet of these columns.
    pub(crate) fn of(columns: Vec<ColumnDescription>) -> Self {
        let column = |column: &ColumnDescription| Column {
            name: column.name.as_bytes().into(),
            type_oid: column.type_oid,
            typmod: column.typmod,
            is_key: false,
            data_type: oid::undescribed(column.type_oid),
        };
        let relation = Relation {
            oid: 0,
            generation: 0,
            namespace: Box::default(),
            name: b"the answer".as_slice().into(),
            replica_identity: b'n',
            columns: columns.iter().map(column).collect(),
            serial: Serial::next(),
            // Nothing was before.
            changes: None,
        };
        Self {
            columns: columns.into_iter().map(|column| column.name).collect(),
            rows: Vec::new(),
            relation: Some(Arc::new(relation)),
        }
    }

    /// A value by row number and column name; `None` if there is no such row or column, or it is NULL.
    pub fn get(&self, row: usize, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(index)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_asked_by_name() {
        let column = |name: &str| ColumnDescription { name: name.into(), type_oid: oid::INT4, typmod: -1 };
        let mut rows = Rows::of(vec![column("a"), column("b")]);
        rows.rows.push(vec![Some("1".into()), None]);
        assert_eq!(
            (rows.get(0, "a"), rows.get(0, "b"), rows.get(0, "c"), rows.get(1, "a")),
            (Some("1"), None, None, None)
        );
        let relation = rows.relation.unwrap();
        assert_eq!(relation.columns[1].data_type.reads_as, oid::INT4);
    }
}
