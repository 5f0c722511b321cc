//! The names that a stream repeats: types that are not built in, and replication origins. Both are kept for the
//! life of the decoder; there are as many as the database has types and origins, and it must never drop one, or a
//! repetition would look new.

use std::collections::HashMap;
use std::sync::Arc;

/// The types that were described.
#[derive(Debug, Default)]
pub(super) struct Types {
    known: HashMap<u32, TypeName>,
}

#[derive(Debug)]
struct TypeName {
    namespace: Box<[u8]>,
    name: Box<[u8]>,
}

impl Types {
    /// Whether this very definition is known already.
    pub(super) fn knows(&self, oid: u32, namespace: &[u8], name: &[u8]) -> bool {
        self.known.get(&oid).is_some_and(|known| *known.namespace == *namespace && *known.name == *name)
    }

    /// Notes a definition, in place of an earlier one of the same OID.
    pub(super) fn define(&mut self, oid: u32, namespace: &[u8], name: &[u8]) {
        self.known.insert(oid, TypeName { namespace: namespace.into(), name: name.into() });
    }
}

/// The names of origins. One that was seen before costs no memory.
#[derive(Debug, Default)]
pub(super) struct Origins {
    known: Vec<Arc<[u8]>>,
}

impl Origins {
    /// The name as one that outlives the message. A search in order: a server has a handful
    /// (`max_replication_slots` bounds those in use).
    pub(super) fn intern(&mut self, name: &[u8]) -> Arc<[u8]> {
        if let Some(known) = self.known.iter().find(|known| ***known == *name) {
            return Arc::clone(known);
        }
        let new: Arc<[u8]> = name.into();
        self.known.push(Arc::clone(&new));
        new
    }
}
