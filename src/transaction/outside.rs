//! The definitions that hold outside of streamed transactions, as they came.
//! A transaction's own must never hide one that came later, and is delivered earlier.

use std::collections::HashMap;
use std::sync::Arc;

/// The last Relation message of each relation.
#[derive(Debug, Default)]
pub(super) struct Outside {
    relations: HashMap<u32, Definition>,
    /// How much memory they take, about.
    weight: usize,
    order: u64,
    /// What was described in a transaction that is kept, and is not described again to others: the messages, types first.
    untold: HashMap<u32, Vec<Arc<[u8]>>>,
    /// What of that has to be described before the message that was offered last, the last first.
    pending: Vec<Arc<[u8]>>,
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

    /// One came in a prepared transaction that is kept, of an ordinary one's form: the server will not say it again. Gives its
    /// number.
    pub(super) fn describe_aside(&mut self, oid: u32, message: &[u8], types: Vec<Arc<[u8]>>) -> u64 {
        let order = self.next();
        self.set(oid, order, message);
        let mut messages = types;
        messages.push(message.into());
        self.untold.insert(oid, messages);
        order
    }

    /// How much memory the definitions take, about.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Whether everything was described outside of what is kept.
    pub(super) fn is_all_told(&self) -> bool {
        self.untold.is_empty() && self.pending.is_empty()
    }

    /// Whether something has to be described before a message, which `next_description` gives then.
    #[inline(never)]
    pub(super) fn tell_first(&mut self, message: &[u8]) -> bool {
        for oid in relations_of(message) {
            let messages = self.untold.remove(&oid);
            self.pending.splice(0..0, messages.into_iter().flatten().rev());
        }
        !self.pending.is_empty()
    }

    /// What has to be described before the message that was offered last.
    pub(super) fn next_description(&self) -> Option<&Arc<[u8]>> {
        self.pending.last()
    }

    /// That is done.
    pub(super) fn described(&mut self) {
        self.pending.pop();
    }

    /// The definition that holds, and its number.
    pub(super) fn definition(&self, oid: u32) -> Option<(u64, &[u8])> {
        self.relations.get(&oid).map(|known| (known.order, &*known.message))
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
        self.weight = 0;
        self.untold.clear();
        self.pending.clear();
    }

    fn set(&mut self, oid: u32, order: u64, message: &[u8]) {
        self.untold.remove(&oid);
        let weight = |definition: &Definition| size_of::<(u32, Definition)>() + definition.message.len();
        let new = Definition { order, message: message.into() };
        self.weight += weight(&new);
        if let Some(old) = self.relations.insert(oid, new) {
            self.weight = self.weight.saturating_sub(weight(&old));
        }
    }
}

/// The relation that a Relation message describes.
pub(super) fn oid(message: &[u8]) -> Option<u32> {
    let [_, a, b, c, d, ..] = message else { return None };
    Some(u32::from_be_bytes([*a, *b, *c, *d]))
}

/// The relations that a change is of.
pub(super) fn relations_of(message: &[u8]) -> impl Iterator<Item = u32> {
    let (at, most) = match message {
        [b'I' | b'U' | b'D', ..] => (1, 1),
        [b'T', ..] => (6, usize::MAX),
        _ => (1, 0),
    };
    let oids = message.get(at..).unwrap_or_default().as_chunks::<4>().0;
    oids.iter().take(most).map(|oid| u32::from_be_bytes(*oid))
}
