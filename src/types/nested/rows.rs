//! The types of items as the columns of a relation, so that whatever reads the columns of a row reads items. It must never make
//! one anew for types that it has seen lately.

use std::sync::Arc;

use super::super::field::{Read, ReadError};
use super::super::oid;
use super::shape::Shape;
use crate::batch::{Column, Relation, Serial};

/// How many are kept.
const MOST: usize = 16;

#[derive(Debug)]
struct Row {
    shape: Shape,
    relation: Arc<Relation>,
}

/// The rows of the values that were read last.
#[derive(Debug, Default)]
pub(super) struct Rows {
    known: Vec<Row>,
    current: Option<usize>,
    /// Which one goes next.
    oldest: usize,
}

impl Rows {
    /// There is none.
    #[inline]
    pub(super) fn forget(&mut self) {
        self.current = None;
    }

    #[inline]
    pub(super) fn current(&self) -> Option<&Arc<Relation>> {
        self.known.get(self.current?).map(|row| &row.relation)
    }

    /// Makes that of a type with columns of these types the current one.
    #[inline]
    pub(super) fn choose(&mut self, type_oid: u32, shape: Shape, columns: &[u32]) -> Read<()> {
        let is = |row: &Row| {
            let known = &row.relation.columns;
            row.relation.oid == type_oid
                && row.shape == shape
                && known.len() == columns.len()
                && known.iter().zip(columns).all(|(known, of)| known.type_oid == *of)
        };
        self.current = self.known.iter().position(is);
        if self.current.is_none() {
            self.current =
                Some(self.keep(Row { shape, relation: Arc::new(relation(type_oid, shape, columns)) })?);
        }
        Ok(())
    }

    #[cold]
    fn keep(&mut self, row: Row) -> Read<usize> {
        if self.known.len() < MOST {
            self.known.try_reserve(1).map_err(|_| ReadError::NoMemory)?;
            self.known.push(row);
            return Ok(self.known.len() - 1);
        }
        let at = self.oldest;
        self.oldest = (at + 1) % MOST;
        if let Some(old) = self.known.get_mut(at) {
            *old = row;
        }
        Ok(at)
    }
}

/// Generation 0, which no table has.
#[cold]
fn relation(type_oid: u32, shape: Shape, columns: &[u32]) -> Relation {
    let column = |(at, of): (usize, &u32)| Column {
        name: name(shape, at).into_bytes().into(),
        type_oid: *of,
        typmod: -1,
        is_key: false,
        data_type: oid::undescribed(*of),
    };
    let label = oid::label(type_oid).map_or_else(|| format!("type with OID {type_oid}"), str::to_owned);
    Relation {
        oid: type_oid,
        generation: 0,
        namespace: Box::default(),
        name: label.into_bytes().into(),
        replica_identity: b'n',
        columns: columns.iter().enumerate().map(column).collect(),
        serial: Serial::next(),
        changes: None,
    }
}

/// The name of an item. The stream does not tell those of a composite's fields: they are called as those of a record are.
fn name(shape: Shape, at: usize) -> String {
    let name = match (shape, at) {
        (Shape::WAL_SHAPE_COMPOSITE | Shape::WAL_SHAPE_GEOMETRY, _) => return format!("f{}", at + 1),
        (Shape::WAL_SHAPE_RANGE, _) => "bound",
        (Shape::WAL_SHAPE_MULTIRANGE, _) => "range",
        (Shape::WAL_SHAPE_HSTORE, 0) => "key",
        (Shape::WAL_SHAPE_SPARSE, 0) => "index",
        (Shape::WAL_SHAPE_LEXEMES, 0) => "lexeme",
        (Shape::WAL_SHAPE_LEXEMES, _) => "positions",
        (Shape::WAL_SHAPE_HSTORE | Shape::WAL_SHAPE_SPARSE, _) => "value",
        (Shape::WAL_SHAPE_ARRAY | Shape::WAL_SHAPE_VECTOR | Shape::WAL_SHAPE_ANY, _) => "element",
    };
    name.to_owned()
}
