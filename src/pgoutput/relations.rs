//! The relations that the stream described. The same definition sent again is the same generation; the interned
//! ones live as long as the decoder, one for each table of the publication, which is what bounds their number.
//! It must never answer with a definition that this connection did not send: DDL may have come in between (P11).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::fault::{Fault, Read};
use super::reader::Reader;
use crate::batch::{Arrays, Column, Relation};

/// The newest definition of each relation.
#[derive(Debug, Default)]
pub(super) struct Relations {
    entries: Vec<Entry>,
    index: HashMap<u32, usize, BuildHasherDefault<OidHasher>>,
    /// The entry used last; changes of one table follow each other, so the map is seldom asked.
    last: Option<usize>,
    epoch: u64,
}

/// One relation's newest definition.
#[derive(Debug)]
pub(super) struct Entry {
    oid: u32,
    /// The connection that described it last.
    epoch: u64,
    /// The filling of the arrays that keeps it alive already.
    kept: Option<u64>,
    relation: Arc<Relation>,
}

impl Relations {
    /// A new connection: nothing is described in it yet.
    pub(super) fn reconnected(&mut self) {
        self.last = None;
        self.epoch += 1;
    }

    /// The relation of a change.
    #[inline(always)]
    pub(super) fn find(&mut self, oid: u32) -> Read<&mut Entry> {
        let hit = self.last.filter(|at| self.entries.get(*at).is_some_and(|entry| entry.oid == oid));
        let at = match hit {
            Some(at) => at,
            None => self.look_up(oid)?,
        };
        self.entries.get_mut(at).ok_or(Fault::UnknownRelation(oid))
    }

    #[inline(never)]
    fn look_up(&mut self, oid: u32) -> Read<usize> {
        let described = |at: &usize| self.entries.get(*at).is_some_and(|entry| entry.epoch == self.epoch);
        let at = self.index.get(&oid).copied().filter(described).ok_or(Fault::UnknownRelation(oid))?;
        self.last = Some(at);
        Ok(at)
    }

    /// Whether this very definition is the newest known.
    pub(super) fn knows(&self, definition: &Definition<'_>) -> bool {
        let entry = self.index.get(&definition.oid).and_then(|at| self.entries.get(*at));
        entry.is_some_and(|entry| definition.is(&entry.relation))
    }

    /// Notes that the connection described a relation; a definition other than the newest is the next generation.
    pub(super) fn define(&mut self, definition: &Definition<'_>) -> Read<&mut Entry> {
        let (at, epoch) = (self.place(definition), self.epoch);
        self.last = Some(at);
        let entry = self.entries.get_mut(at).ok_or(Fault::UnknownRelation(definition.oid))?;
        entry.epoch = epoch;
        if !definition.is(&entry.relation) {
            let generation = entry.relation.generation.saturating_add(1);
            entry.relation = Arc::new(definition.to_relation(generation));
            entry.kept = None;
        }
        Ok(entry)
    }

    /// Where the relation is, or is from now on.
    fn place(&mut self, definition: &Definition<'_>) -> usize {
        let entries = &mut self.entries;
        *self.index.entry(definition.oid).or_insert_with(|| {
            let relation = Arc::new(definition.to_relation(1));
            entries.push(Entry { oid: definition.oid, epoch: 0, kept: None, relation });
            entries.len() - 1
        })
    }
}

impl Entry {
    /// The columns of the definition.
    #[inline(always)]
    pub(super) fn columns(&self) -> &[Column] {
        &self.relation.columns
    }

    /// The definition, kept alive by the batch that is being filled.
    #[inline(always)]
    pub(super) fn keep(&mut self, out: &mut Arrays) -> *const Relation {
        if self.kept != Some(out.serial()) {
            out.keep_relation(&self.relation);
            self.kept = Some(out.serial());
        }
        Arc::as_ptr(&self.relation)
    }
}

/// A Relation message, checked to its end and not copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition<'a> {
    oid: u32,
    namespace: &'a [u8],
    name: &'a [u8],
    replica_identity: u8,
    n_columns: u16,
    columns: Reader<'a>,
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

impl<'a> Definition<'a> {
    /// Reads the body of a Relation message (logicalrep_write_rel).
    pub(super) fn read(mut reader: Reader<'a>) -> Read<Self> {
        let oid = reader.u32()?;
        let namespace = reader.namespace()?;
        let name = reader.text()?;
        let replica_identity = reader.u8()?;
        let n_columns = reader.u16()?;
        let definition = Self { oid, namespace, name, replica_identity, n_columns, columns: reader };
        for _ in 0..n_columns {
            ColumnDefinition::read(&mut reader)?;
        }
        reader.end()?;
        Ok(definition)
    }

    /// The columns, which `read` has found well-formed.
    fn columns(&self) -> impl Iterator<Item = ColumnDefinition<'a>> + use<'a> {
        let mut reader = self.columns;
        (0..self.n_columns).map_while(move |_| ColumnDefinition::read(&mut reader).ok())
    }

    /// Whether it says the same as a relation that is known. Everything counts, typmod too (P11).
    fn is(&self, relation: &Relation) -> bool {
        *self.namespace == *relation.namespace
            && *self.name == *relation.name
            && self.replica_identity == relation.replica_identity
            && usize::from(self.n_columns) == relation.columns.len()
            && self.columns().zip(&relation.columns).all(|(new, known)| new.is(known))
    }

    fn to_relation(self, generation: u32) -> Relation {
        Relation {
            oid: self.oid,
            generation,
            namespace: self.namespace.into(),
            name: self.name.into(),
            replica_identity: self.replica_identity,
            columns: self.columns().map(ColumnDefinition::to_column).collect(),
        }
    }
}

impl<'a> ColumnDefinition<'a> {
    fn read(reader: &mut Reader<'a>) -> Read<Self> {
        let is_key = reader.u8()? & KEY_FLAG != 0;
        Ok(Self { is_key, name: reader.text()?, type_oid: reader.u32()?, typmod: reader.i32()? })
    }

    fn is(&self, known: &Column) -> bool {
        *self.name == *known.name
            && self.type_oid == known.type_oid
            && self.typmod == known.typmod
            && self.is_key == known.is_key
    }

    fn to_column(self) -> Column {
        Column { name: self.name.into(), type_oid: self.type_oid, typmod: self.typmod, is_key: self.is_key }
    }
}

/// Spreads OIDs by one multiplication. They come from the server the user chose to trust with the data itself.
#[derive(Debug, Default)]
struct OidHasher(u64);

impl Hasher for OidHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, oid: u32) {
        // 2^64 divided by the golden ratio; hashbrown looks at the upper bits too.
        self.0 = (self.0 ^ u64::from(oid)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
