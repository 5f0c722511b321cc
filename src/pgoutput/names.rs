//! The names that a stream repeats: types that are not built in, and replication origins. It must never forget which types
//! were told, or a repetition would look new; of each little is kept, for a database may have many.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The types that were described.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// Of each the hash of its name: which one it was.
    known: HashMap<u32, u64>,
    keys: RandomState,
}

impl Types {
    /// Whether this very definition is known already.
    pub(super) fn knows(&self, oid: u32, namespace: &[u8], name: &[u8]) -> bool {
        self.known.get(&oid) == Some(&self.keys.hash_one((namespace, name)))
    }

    /// Notes a definition, in place of an earlier one of the same OID.
    pub(super) fn define(&mut self, oid: u32, namespace: &[u8], name: &[u8]) {
        self.known.insert(oid, self.keys.hash_one((namespace, name)));
    }

    /// How much memory they take, about.
    pub(super) fn weight(&self) -> usize {
        self.known.len() * size_of::<(u32, u64)>()
    }
}

/// How many names of origins are kept in any case.
const LEAST: usize = 1024;

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
        if self.known.len() >= self.most.max(LEAST) {
            self.known.retain(|name| Arc::strong_count(name) > 1);
            self.most = self.known.len() * 2;
        }
        let new: Arc<[u8]> = name.into();
        self.known.insert(Arc::clone(&new));
        new
    }
}
