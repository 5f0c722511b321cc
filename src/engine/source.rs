//! Whose WAL a stream gives, and where it began: known once it is connected. It must never change under a stream.

use std::sync::OnceLock;

use crate::archive::Identity;
use crate::error::Result;
use crate::physical::{Place, SegmentSize};

/// Whose WAL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The system identifier.
    pub system: u64,
    /// The size of segments.
    pub size: SegmentSize,
    /// Where the stream began.
    pub start: Place,
}

/// The same, once it is known, and whose it has to be.
#[derive(Debug, Default)]
pub struct KnownSource(OnceLock<Source>, OnceLock<Identity>);

impl KnownSource {
    /// Only this one's WAL is wanted.
    pub fn expect(&self, identity: Identity) {
        // Whoever makes the stream says it once.
        let _ = self.1.set(identity);
    }

    /// Whether a server's WAL is wanted.
    pub fn admits(&self, system: u64, size: SegmentSize) -> Result<()> {
        self.1.get().map_or(Ok(()), |wanted| wanted.takes(Identity { system, size }))
    }

    /// It is known.
    pub fn set(&self, source: Source) {
        // A stream connects once.
        let _ = self.0.set(source);
    }

    /// What is known.
    pub fn get(&self) -> Option<Source> {
        self.0.get().copied()
    }
}
