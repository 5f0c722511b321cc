//! What is done to files, and in which order: lists of operations behind one seam, `Disk`. The order is what makes a file durable
//! (PostgreSQL's durable_rename does the same); it must never be decided anywhere else.

use std::io;

/// One operation on a file of the archive's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "names, places and bytes are what they are called")]
pub enum Operation<'a> {
    /// Makes the file if it is not there.
    Make { name: &'a str },
    /// Takes so much room for it, and makes it so long.
    Reserve { name: &'a str, bytes: u64 },
    /// Writes there.
    Write { name: &'a str, at: u64, bytes: &'a [u8] },
    /// Makes all of it durable, its length included.
    Sync { name: &'a str },
    /// Makes its bytes durable.
    SyncData { name: &'a str },
    /// Gives it another name, which nobody has: else `AlreadyExists`.
    Rename { from: &'a str, to: &'a str },
    /// Removes it, if it is there.
    Remove { name: &'a str },
    /// Makes the names durable.
    SyncDirectory,
}

/// A file of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its length.
    pub size: u64,
}

/// What carries operations out: the real one is in `sys`, a model of crashes in the tests.
pub trait Disk {
    /// The files, in any order.
    fn list(&mut self) -> io::Result<Vec<Entry>>;

    /// Reads from there, less only at the end.
    fn read(&mut self, name: &str, at: u64, to: &mut [u8]) -> io::Result<usize>;

    /// Does it.
    fn run(&mut self, operation: Operation<'_>) -> io::Result<()>;
}

/// A segment's file: its room and its length last before anything in it has to.
pub fn begin(partial: &str, bytes: u64) -> [Operation<'_>; 4] {
    use Operation::{Make, Reserve, Sync, SyncDirectory};
    [Make { name: partial }, Reserve { name: partial, bytes }, Sync { name: partial }, SyncDirectory]
}

/// A complete segment gets its name, before which its bytes last.
pub fn complete<'a>(partial: &'a str, name: &'a str) -> [Operation<'a>; 4] {
    use Operation::{Rename, Sync, SyncDirectory};
    [Sync { name: partial }, Rename { from: partial, to: name }, Sync { name }, SyncDirectory]
}

/// A small file comes as a whole or not at all.
pub fn save<'a>(temporary: &'a str, name: &'a str, bytes: &'a [u8]) -> [Operation<'a>; 7] {
    use Operation::{Make, Remove, Rename, Sync, SyncDirectory, Write};
    [
        Remove { name: temporary },
        Make { name: temporary },
        Write { name: temporary, at: 0, bytes },
        Sync { name: temporary },
        Rename { from: temporary, to: name },
        Sync { name },
        SyncDirectory,
    ]
}
