//! The names that a stream repeats: types that are not built in, and replication origins. It must never forget which types
//! were told, or a repetition would look new; of each little is kept, for a database may have many.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::batch::{Type, TypeRef};
use crate::types::oid;

/// The types that were described.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// Of each that was told the hash of its name: which one it was.
    known: HashMap<u32, u64>,
    /// Those that this connection described last, in a streamed block or not: the server describes the types of a table
    /// before it, each time.
    here: HashMap<u32, Arc<Type>>,
    /// How much memory those take, about.
    weight: usize,
    keys: RandomState,
}

impl Types {
    /// Whether this very definition is known already.
    pub(super) fn knows(&self, oid: u32, namespace: &[u8], name: &[u8]) -> bool {
        self.known.get(&oid) == Some(&self.hash(namespace, name))
    }

    /// Notes a definition that is told, in place of an earlier one of the same OID.
    pub(super) fn define(&mut self, oid: u32, namespace: &[u8], name: &[u8]) {
        self.known.insert(oid, self.hash(namespace, name));
    }

    /// The tables that come next have this type.
    pub(super) fn describe(&mut self, oid: u32, namespace: &[u8], name: &[u8]) {
        let new = oid::described(oid, namespace, name);
        if self.here.get(&oid).is_none_or(|known| **known != new) {
            self.weight += new.weight();
            if let Some(old) = self.here.insert(oid, Arc::new(new)) {
                self.weight = self.weight.saturating_sub(old.weight());
            }
        }
    }

    /// What is known of a type here.
    pub(super) fn find(&self, oid: u32) -> TypeRef {
        match self.here.get(&oid) {
            Some(known) => TypeRef::Shared(Arc::clone(known)),
            None => oid::undescribed(oid),
        }
    }

    /// Whether this is what is known of a type here.
    pub(super) fn is(&self, oid: u32, known: &Type) -> bool {
        match self.here.get(&oid) {
            Some(here) => **here == *known,
            None => *oid::undescribed(oid) == *known,
        }
    }

    /// A number for what was described of a type: a table whose column's type changed its name has changed.
    pub(super) fn trace(&self, oid: u32) -> u64 {
        self.here.get(&oid).map_or(0, |known| match known.base_oid() {
            0 => self.hash(&known.namespace, &known.name),
            base => base.into(),
        })
    }

    /// A new connection describes its types itself.
    pub(super) fn reconnected(&mut self) {
        self.here = HashMap::new();
        self.weight = 0;
    }

    /// How much memory they take, about.
    pub(super) fn weight(&self) -> usize {
        self.known.len() * size_of::<(u32, u64)>() + self.here.len() * size_of::<(u32, usize)>() + self.weight
    }

    fn hash(&self, namespace: &[u8], name: &[u8]) -> u64 {
        self.keys.hash_one((namespace, name))
    }
}

/// How many names of origins are kept in any case.
const LEAST: usize = 1024;

/// A longer one is not kept: only who wants to has such.
const LONGEST: usize = 64 << 10;

/// The names of origins. One that was seen before costs no memory.
#[derive(Debug, Default)]
pub(super) struct Origins {
    known: HashSet<Arc<[u8]>>,
    /// At how many those go that no batch keeps any more.
    most: usize,
}

impl Origins {
    /// The name as one that outlives the message.
    pub(super) fn intern(&mut self, name: &[u8]) -> Arc<[u8]> {
        if let Some(known) = self.known.get(name) {
            return Arc::clone(known);
        }
        if name.len() > LONGEST {
            return name.into();
        }
        if self.known.len() >= self.most.max(LEAST) {
            self.known.retain(|name| Arc::strong_count(name) > 1);
            self.most = self.known.len() * 2;
        }
        let new: Arc<[u8]> = name.into();
        self.known.insert(Arc::clone(&new));
        new
    }
}
