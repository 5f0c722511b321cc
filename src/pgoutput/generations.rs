//! Which generation a definition is: what was told of each relation last, and what that replaced.
//! It must never take the same definition for another one, nor keep definitions: by a trace it knows them again.

use std::hash::{BuildHasher, RandomState};

use super::definition::Definition;
use super::oids::OidMap;

/// How many replaced definitions of one table are remembered: more often nobody changes it between an
/// acknowledgement and the loss of a connection.
const PAST: usize = 32;

/// The numbers that definitions have.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// The newest generation of each relation, valid or not: what the next number and a repetition are seen by.
    newest: OidMap<Trace>,
    /// Those that were valid and were replaced, the last ones of each relation: a new connection begins in the past.
    past: OidMap<Vec<Trace>>,
    /// How many those are in all.
    past_traces: usize,
    /// Those that were told last before a new connection began in the past, until it has caught up with each.
    told: OidMap<Trace>,
    /// What makes traces: a server cannot know it.
    keys: RandomState,
    coming: Coming,
}

/// What is left of a definition that this connection did not send: which it is, so that it is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) generation: u32,
    hash: u64,
}

/// What the connection sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coming {
    /// What no connection sent before.
    #[default]
    New,
    /// What an earlier connection may have sent.
    Again,
}

impl Generations {
    /// A new connection begins in the past. `valid` are the definitions that were until now.
    pub(super) fn reconnected(&mut self, valid: impl Iterator<Item = (u32, Trace)>) {
        self.coming = Coming::Again;
        for (oid, trace) in valid {
            let told = *self.told.entry(oid).or_insert(trace);
            if told != trace {
                self.note_past(oid, trace);
            }
        }
    }

    /// What was told last may never have been valid where the new connection is. Only the numbers go on.
    pub(super) fn rewound(&mut self) {
        self.told.clear();
        self.past.clear();
        self.past_traces = 0;
    }

    /// From here on what comes is new.
    pub(super) fn caught_up(&mut self) {
        self.coming = Coming::New;
    }

    /// How much memory they take, about.
    pub(super) fn weight(&self) -> usize {
        (self.newest.len() + self.told.len()) * size_of::<(u32, Trace)>()
            + self.past.len() * size_of::<(u32, Vec<Trace>)>()
            + self.past_traces * size_of::<Trace>()
    }

    /// Whether this very definition is the one that was told last, or comes again. `valid` is the relation's that holds now.
    pub(super) fn knows(&self, definition: &Definition<'_>, valid: Option<Trace>) -> bool {
        let (told, past) = (self.told_last(definition.oid(), valid), self.past_again(definition.oid()));
        // Most are the first of their relation: hashing a definition costs more than all else that is done with it.
        if told.is_none() && past.is_empty() {
            return false;
        }
        let hash = self.hash(definition);
        told.iter().chain(past).any(|known| known.hash == hash)
    }

    /// The number of a definition: that of a known one, or else the next. `in_block` and `valid` are the relation's inside and
    /// outside of the streamed block.
    pub(super) fn of(
        &mut self,
        definition: &Definition<'_>,
        in_block: Option<Trace>,
        valid: Option<Trace>,
    ) -> Trace {
        let (oid, hash) = (definition.oid(), self.hash(definition));
        let newest = self.newest.get(&oid).copied();
        let known = [in_block, self.told_last(oid, valid), newest];
        let known = known.into_iter().flatten().find(|known| known.hash == hash);
        let past = self.past_again(oid).iter().rev().find(|known| known.hash == hash);
        known.or_else(|| past.copied()).unwrap_or_else(|| {
            let generation = newest.map_or(1, |known| known.generation.saturating_add(1));
            let trace = Trace { generation, hash };
            self.newest.insert(oid, trace);
            trace
        })
    }

    /// A definition is told outside of streamed blocks; `is_new` is what `knows` denied before it had its number.
    pub(super) fn tell(&mut self, oid: u32, trace: Trace, is_new: bool) {
        if is_new || self.coming == Coming::New {
            self.told_by_commit(oid, trace);
        }
    }

    /// A definition of a streamed transaction that committed is valid now.
    pub(super) fn told_by_commit(&mut self, oid: u32, trace: Trace) {
        if let Some(told) = self.told.remove(&oid).filter(|told| *told != trace) {
            self.note_past(oid, told);
        }
    }

    /// `new` replaces the definition that was valid, if there was one.
    pub(super) fn replace(&mut self, oid: u32, old: Option<Trace>, new: Trace) {
        if let Some(old) = old.filter(|old| *old != new) {
            self.note_past(oid, old);
        }
    }

    fn hash(&self, definition: &Definition<'_>) -> u64 {
        self.keys.hash_one(definition)
    }

    /// The definition that was told last outside of streamed blocks.
    fn told_last(&self, oid: u32, valid: Option<Trace>) -> Option<Trace> {
        self.told.get(&oid).copied().or(valid)
    }

    /// The definitions that were valid before, while what comes may be what came before.
    fn past_again(&self, oid: u32) -> &[Trace] {
        match self.coming {
            Coming::Again => self.past.get(&oid).map_or(&[], Vec::as_slice),
            Coming::New => &[],
        }
    }

    fn note_past(&mut self, oid: u32, old: Trace) {
        let past = self.past.entry(oid).or_default();
        let before = past.len();
        past.retain(|known| *known != old);
        if past.len() >= PAST {
            past.remove(0);
        }
        past.push(old);
        self.past_traces = self.past_traces - before + past.len();
    }
}
