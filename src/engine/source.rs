//! Whose WAL a stream gives, and where it began: known once it is connected. It must never change under a stream.

use std::sync::{Arc, OnceLock};

use crate::archive::Identity;
use crate::error::Result;
use crate::physical::{History, Place, SegmentSize};

/// Whose WAL it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The system identifier.
    pub system: u64,
    /// The size of segments.
    pub size: SegmentSize,
    /// Where the stream began.
    pub start: Place,
    /// The history files of its timeline and of those before it that the server has, for an archive.
    pub histories: Arc<[(u32, String)]>,
}

/// What an archive has before it is connected.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whose it is.
    pub identity: Option<Identity>,
    /// The history of its timeline.
    pub history: Option<History>,
    /// How far it has WAL, at least: a server must have it too.
    pub reached: Option<Place>,
}

/// The same, once it is known, and whose it has to be.
#[derive(Debug, Default)]
pub struct KnownSource(OnceLock<Source>, OnceLock<Wanted>);

impl KnownSource {
    /// An archive is filled, and only what goes on with it is wanted.
    pub fn expect(&self, wanted: Wanted) {
        // Whoever makes the stream says it once.
        let _ = self.1.set(wanted);
    }

    /// What an archive has; nothing where none is filled.
    pub fn wanted(&self) -> Option<&Wanted> {
        self.1.get()
    }

    /// Whether a server's WAL is wanted.
    pub fn admits(&self, system: u64, size: SegmentSize) -> Result<()> {
        let wanted = self.1.get().and_then(|wanted| wanted.identity);
        wanted.map_or(Ok(()), |wanted| wanted.takes(Identity { system, size }))
    }

    /// It is known.
    pub fn set(&self, source: Source) {
        // A stream connects once.
        let _ = self.0.set(source);
    }

    /// What is known.
    pub fn get(&self) -> Option<Source> {
        self.0.get().cloned()
    }
}
