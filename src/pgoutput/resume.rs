//! A decoder from one connection to the next: what it had begun, what it forgets, what it remembers.
//! It must never let a byte of the old connection's state decide how one of the new is read (P32).

use super::decoder::Decoder;
use super::transaction::{Begin, Transaction};

/// A transaction of which something was delivered, but not its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Position of the record that ends it, by which it is recognised.
    pub final_lsn: u64,
    /// Its id.
    pub xid: u32,
    /// The number of the first change that was not delivered.
    pub next: u64,
    /// Whether its origin was delivered, should it have one.
    pub origin: OriginDelivered,
}

/// Whether an origin was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginDelivered {
    /// It was, or there is none.
    Yes,
    /// It was not, and may come yet.
    NotYet,
}

impl Decoder {
    /// The transaction of which something was delivered, but not its end. Streamed ones are told of by `open_streams`.
    pub fn partial(&self) -> Option<Partial> {
        let partial = |begin: &Begin, next, origin| Partial {
            final_lsn: begin.final_lsn,
            xid: begin.xid,
            next,
            origin,
        };
        match &self.transaction {
            Transaction::None | Transaction::Held(..) | Transaction::Block(_) => None,
            Transaction::Open(begin, next) => Some(partial(begin, *next, OriginDelivered::Yes)),
            Transaction::Prepared(begin, next) => {
                // Its BEGIN is not held back, so that the connection may break between it and the origin.
                let delivered = *next > 0 || self.origin_delivered == Some(begin.final_lsn);
                Some(partial(
                    begin,
                    *next,
                    if delivered { OriginDelivered::Yes } else { OriginDelivered::NotYet },
                ))
            }
        }
    }

    /// A new connection: what belongs to the old one is thrown away (P32). Definitions are remembered, so that one
    /// sent again is the same generation, but none is used before the new connection has sent it.
    ///
    /// Until `caught_up` what comes may be what came before, with the definitions that were valid then: they keep
    /// their generations and are not delivered again.
    pub fn reconnected(&mut self) {
        self.transaction = Transaction::None;
        self.relations.reconnected();
        self.types.reconnected();
        self.streamed.clear();
    }

    /// The new connection's history lacks some of what was delivered: which definitions hold there is delivered anew.
    pub fn rewound(&mut self) {
        self.relations.rewound();
    }

    /// How much memory the definitions of relations and types take, about. A new connection leaves little of it.
    pub fn definitions_weight(&self) -> usize {
        self.relations.weight() + self.types.weight()
    }

    /// How much memory the streamed transactions that are open take, with their definitions, about.
    pub fn streamed_weight(&self) -> usize {
        self.streamed.weight()
    }

    /// From here on what comes is new.
    pub fn caught_up(&mut self) {
        self.relations.caught_up();
    }
}
