//! The definitions that hold outside of streamed transactions, as they came.
//! A transaction's own must never hide one that came later, and is delivered earlier.

use std::collections::HashMap;

/// The last Relation message of each relation.
#[derive(Debug, Default)]
pub(super) struct Outside {
    relations: HashMap<u32, Definition>,
    order: u64,
}

#[derive(Debug)]
struct Definition {
    order: u64,
    message: Box<[u8]>,
}

impl Outside {
    /// A Relation message comes: its number among all of them.
    pub(super) fn next(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// One came outside of any streamed transaction.
    pub(super) fn describe(&mut self, message: &[u8]) {
        let order = self.next();
        if let Some(oid) = oid(message) {
            self.set(oid, order, message);
        }
    }

    /// Whether one with another content came outside after this one, which a transaction that ends brings. If not, and
    /// the transaction commits, it is the one that holds from now on (pgoutput's cleanup_rel_sync_cache); if it is only
    /// prepared, the server describes the relation again before anybody else's change of it.
    pub(super) fn hides(&mut self, oid: u32, order: u64, message: &[u8], commits: bool) -> bool {
        let known = self.relations.get(&oid);
        let differs = known.is_some_and(|known| *known.message != *message);
        if known.is_some_and(|known| known.order > order) {
            return differs;
        }
        if commits && (differs || known.is_none()) {
            self.set(oid, order, message);
        }
        false
    }

    /// The message that holds.
    pub(super) fn message(&self, oid: u32) -> Option<Box<[u8]>> {
        self.relations.get(&oid).map(|known| known.message.clone())
    }

    /// A new connection describes all anew.
    pub(super) fn clear(&mut self) {
        self.relations.clear();
    }

    fn set(&mut self, oid: u32, order: u64, message: &[u8]) {
        self.relations.insert(oid, Definition { order, message: message.into() });
    }
}

fn oid(message: &[u8]) -> Option<u32> {
    let [_, a, b, c, d, ..] = message else { return None };
    Some(u32::from_be_bytes([*a, *b, *c, *d]))
}
