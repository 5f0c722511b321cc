//! A Relation message: what it says of a table, read where it lies, compared with what is known, and made a relation of.
//! It must never be believed before it is read to its end, nor pass over a difference: everything counts (P11).

use std::hash::{Hash, Hasher};

use super::fault::{Fault, Read};
use super::names::Types;
use super::reader::Reader;
use crate::batch::{Column, Relation, Serial, between};

/// A Relation message, checked to its end and not copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition<'a> {
    oid: u32,
    namespace: &'a [u8],
    name: &'a [u8],
    replica_identity: u8,
    n_columns: u16,
    columns: Reader<'a>,
    /// What was described of their types.
    types: &'a Types,
}

/// One column of a Relation message.
#[derive(Clone, Copy, Debug)]
struct ColumnDefinition<'a> {
    name: &'a [u8],
    type_oid: u32,
    typmod: i32,
    is_key: bool,
}

/// LOGICALREP_IS_REPLICA_IDENTITY
const KEY_FLAG: u8 = 1;

/// A table has at most 1600 columns (MaxHeapAttributeNumber), whose names are shorter than NAMEDATALEN, which is 64 unless a server
/// was built with another.
const LONGEST: usize = 8 << 20;
const TOO_LONG: Fault = Fault::Malformed("it is longer than the description of any table");

impl<'a> Definition<'a> {
    /// Reads the body of a Relation message (logicalrep_write_rel).
    pub(super) fn read(mut reader: Reader<'a>, types: &'a Types) -> Read<Self> {
        if reader.rest().len() > LONGEST {
            return Err(TOO_LONG);
        }
        let oid = reader.u32()?;
        let namespace = reader.namespace()?;
        let name = reader.text()?;
        let replica_identity = reader.u8()?;
        let n_columns = reader.u16()?;
        let definition = Self { oid, namespace, name, replica_identity, n_columns, columns: reader, types };
        for _ in 0..n_columns {
            ColumnDefinition::read(&mut reader)?;
        }
        reader.end()?;
        Ok(definition)
    }

    pub(super) fn oid(&self) -> u32 {
        self.oid
    }

    /// The columns, which `read` has found well-formed.
    fn columns(&self) -> impl Iterator<Item = ColumnDefinition<'a>> + use<'a> {
        let mut reader = self.columns;
        (0..self.n_columns).map_while(move |_| ColumnDefinition::read(&mut reader).ok())
    }

    /// Whether it says the same as a relation that is known. Everything counts, typmod too (P11).
    pub(super) fn is(&self, relation: &Relation) -> bool {
        *self.namespace == *relation.namespace
            && *self.name == *relation.name
            && self.replica_identity == relation.replica_identity
            && usize::from(self.n_columns) == relation.columns.len()
            && self.columns().zip(&relation.columns).all(|(new, known)| new.is(known, self.types))
    }

    /// The relation that it describes. `before` is the definition that held until now.
    pub(super) fn to_relation(self, generation: u32, before: Option<&Relation>) -> Relation {
        let it = Relation {
            oid: self.oid,
            generation,
            namespace: self.namespace.into(),
            name: self.name.into(),
            replica_identity: self.replica_identity,
            columns: self.columns().map(|column| column.to_column(self.types)).collect(),
            serial: Serial::next(),
            // Before the first there was none.
            changes: (generation == 1).then(Box::default),
        };
        match before {
            Some(before) => Relation { changes: Some(between(before, &it)), ..it },
            None => it,
        }
    }
}

/// Everything counts, as in `Definition::is`.
impl Hash for Definition<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.namespace, self.name, self.replica_identity, self.n_columns).hash(state);
        for column in self.columns() {
            let kind = (column.type_oid, self.types.trace(column.type_oid), column.typmod);
            (column.name, kind, column.is_key).hash(state);
        }
    }
}

impl<'a> ColumnDefinition<'a> {
    fn read(reader: &mut Reader<'a>) -> Read<Self> {
        let is_key = reader.u8()? & KEY_FLAG != 0;
        Ok(Self { is_key, name: reader.text()?, type_oid: reader.u32()?, typmod: reader.i32()? })
    }

    fn is(&self, known: &Column, types: &Types) -> bool {
        *self.name == *known.name
            && self.type_oid == known.type_oid
            && types.is(self.type_oid, &known.data_type)
            && self.typmod == known.typmod
            && self.is_key == known.is_key
    }

    fn to_column(self, types: &Types) -> Column {
        Column {
            name: self.name.into(),
            type_oid: self.type_oid,
            typmod: self.typmod,
            is_key: self.is_key,
            data_type: types.find(self.type_oid),
        }
    }
}
