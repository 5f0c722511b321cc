//! The log of one transaction that is still running: its messages as they came, and where each subtransaction begins.
//! It must never decode a change, nor keep one of a subtransaction that was rolled back (P6).

use std::collections::{HashMap, VecDeque};

use super::segment::{Extent, Place, SEGMENT, put, size_of_record};
use super::spill::{Spill, no_memory};
use crate::error::Result;

/// What a log takes beyond its segments, marks and descriptions.
const ITSELF: usize = 512;

/// What an entry of the map of subtransactions takes with its mark, and a description. Hash maps keep free places.
const MARK: usize = size_of::<Mark>() + 16;
const DESCRIBED: usize = size_of::<Described>();

/// The messages of one transaction.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) xid: u32,
    /// How large a segment grows.
    segment: usize,
    /// The oldest segments, which are in the file.
    spilled: Vec<Extent>,
    /// The others, the last of which is open.
    held: VecDeque<Vec<u8>>,
    /// Memory of these.
    held_bytes: usize,
    marks: Vec<Mark>,
    /// Where in `marks` a subtransaction is.
    index: HashMap<u32, u32>,
    /// The subtransaction of the last message, so that the map is seldom asked.
    last: u32,
    /// When each Relation message came, in their order.
    described: Vec<Described>,
    origin: Known,
    tail: Tail,
    doubt: Option<Place>,
}

/// Where a subtransaction's first message is.
#[derive(Clone, Copy, Debug)]
struct Mark {
    subxid: u32,
    at: Place,
    /// What stands before it.
    tail: Tail,
}

/// What the last message of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// It names its subtransaction, or there is none.
    Named,
    /// A logical message, which names only the transaction.
    Message,
}

/// Whether the origin of the transaction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

/// A Relation message.
#[derive(Clone, Copy, Debug)]
struct Described {
    at: Place,
    order: u64,
}

/// What a rollback cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// How many bytes.
    pub(super) bytes: u64,
}

impl Log {
    pub(super) fn new(xid: u32, segment: usize) -> Self {
        Self {
            xid,
            segment: segment.min(SEGMENT),
            spilled: Vec::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            marks: Vec::new(),
            index: HashMap::new(),
            last: 0,
            described: Vec::new(),
            origin: Known::No,
            tail: Tail::Named,
            doubt: None,
        }
    }

    /// What it takes of memory.
    pub(super) fn memory(&self) -> usize {
        ITSELF
            + self.held_bytes
            + self.spilled.len() * size_of::<Extent>()
            + self.marks.len() * MARK
            + self.described.len() * DESCRIBED
    }

    /// What could go to the file.
    pub(super) fn held(&self) -> usize {
        self.held_bytes
    }

    /// Whether a message may belong to a subtransaction that was rolled back.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Whether something of it is in the file.
    pub(super) fn is_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    /// When the nth Relation message came.
    pub(super) fn order(&self, n: usize) -> u64 {
        self.described.get(n).map_or(0, |described| described.order)
    }

    /// Appends a message. `subxid` is that of its subtransaction, `order` when it came among all Relation messages.
    #[inline]
    pub(super) fn append(&mut self, lsn: u64, kind: u8, subxid: u32, body: &[u8], order: u64) -> Result<()> {
        if kind == b'O' {
            // Each block begins with it.
            if self.origin == Known::Yes {
                return Ok(());
            }
            self.origin = Known::Yes;
        }
        let size = size_of_record(body.len() + 1);
        let at = self.room(size)?;
        if kind == b'M' {
            self.tail = Tail::Message;
        } else {
            if subxid != self.last && subxid != self.xid && subxid != 0 {
                self.mark(subxid, at);
            }
            self.last = subxid;
            self.tail = Tail::Named;
        }
        if kind == b'R' {
            self.described.push(Described { at, order });
        }
        if let Some(bytes) = self.held.back_mut() {
            let before = bytes.capacity();
            bytes.try_reserve(size).map_err(|_| no_memory(size))?;
            put(bytes, lsn, kind, body);
            self.held_bytes += bytes.capacity() - before;
        }
        Ok(())
    }

    /// Where the next message of so many bytes goes; the last segment is in memory then.
    #[inline]
    fn room(&mut self, bytes: usize) -> Result<Place> {
        let room = self.segment;
        let used = self.held.back().map(Vec::len).filter(|used| *used == 0 || used + bytes <= room);
        let used = match used {
            Some(used) => used,
            None => {
                // The first one of a small transaction stays small.
                let size = if self.is_empty() { bytes } else { bytes.max(room) };
                let mut fresh = Vec::new();
                fresh.try_reserve_exact(size).map_err(|_| no_memory(size))?;
                self.held_bytes += fresh.capacity();
                self.held.push_back(fresh);
                0
            }
        };
        Ok(Place { segment: (self.spilled.len() + self.held.len() - 1) as u32, offset: used as u32 })
    }

    fn is_empty(&self) -> bool {
        self.spilled.is_empty() && self.held.is_empty()
    }

    fn mark(&mut self, subxid: u32, at: Place) {
        let next = self.marks.len() as u32;
        if let std::collections::hash_map::Entry::Vacant(entry) = self.index.entry(subxid) {
            entry.insert(next);
            self.marks.push(Mark { subxid, at, tail: self.tail });
        }
    }

    /// A subtransaction was rolled back: its first message and all that came since never happened. What is not known
    /// sent nothing, or nothing that is still there.
    pub(super) fn roll_back(&mut self, subxid: u32, spill: &mut Spill) -> Result<Cut> {
        let mut cut = Cut::default();
        if let Some(mark) = self.index.get(&subxid).and_then(|at| self.marks.get(*at as usize)).copied() {
            cut = self.truncate(mark, spill)?;
        }
        if self.tail == Tail::Message {
            // The messages before may be its own, sent before it changed anything, or those of what is around it.
            self.doubt = Some(self.end());
        }
        Ok(cut)
    }

    fn end(&self) -> Place {
        let before = self.spilled.len() as u32;
        match (self.held.len(), self.held.back()) {
            (n @ 1.., Some(last)) => Place { segment: before + n as u32 - 1, offset: last.len() as u32 },
            _ => Place { segment: before, offset: 0 },
        }
    }

    fn truncate(&mut self, to: Mark, spill: &mut Spill) -> Result<Cut> {
        let Mark { at, tail, .. } = to;
        let mut cut = Cut::default();
        while self.spilled.len() + self.held.len() > at.segment as usize + 1 {
            if let Some(bytes) = self.held.pop_back() {
                cut.bytes += bytes.len() as u64;
                self.held_bytes -= bytes.capacity();
            } else if let Some(extent) = self.spilled.pop() {
                cut.bytes += u64::from(extent.len);
                spill.free(extent);
            }
        }
        if self.held.is_empty()
            && let Some(extent) = self.spilled.pop()
        {
            // What stays of it is the open one again.
            let mut bytes = Vec::new();
            spill.read(extent, &mut bytes)?;
            spill.free(extent);
            self.held_bytes += bytes.capacity();
            self.held.push_back(bytes);
        }
        if let Some(bytes) = self.held.back_mut() {
            cut.bytes += (bytes.len() as u64).saturating_sub(u64::from(at.offset));
            bytes.truncate(at.offset as usize);
        }
        if self.held.back().is_some_and(Vec::is_empty) {
            // What cannot go to the file must not count as if it were worth it.
            self.held_bytes -= self.held.pop_back().map_or(0, |bytes| bytes.capacity());
        }
        while let Some(mark) = self.marks.pop_if(|mark| mark.at >= at) {
            self.index.remove(&mark.subxid);
        }
        while self.described.pop_if(|described| described.at >= at).is_some() {}
        self.doubt = self.doubt.filter(|doubt| *doubt <= at);
        (self.tail, self.last) = (tail, 0);
        Ok(cut)
    }

    /// Writes its oldest segment in memory to the file. False: there is none.
    pub(super) fn spill(&mut self, spill: &mut Spill) -> Result<bool> {
        let Some(bytes) = self.held.front() else { return Ok(false) };
        self.spilled.push(spill.write(bytes)?);
        self.held_bytes -= self.held.pop_front().map_or(0, |bytes| bytes.capacity());
        Ok(true)
    }

    /// Takes the first of the segments that are left out of the log, of which `n` were taken before; `into` is what it is read
    /// into from the file. False: there is none.
    pub(super) fn take(&mut self, n: usize, into: &mut Vec<u8>, spill: &mut Spill) -> Result<bool> {
        if let Some(extent) = self.spilled.get(n).copied() {
            spill.read(extent, into)?;
            spill.free(extent);
            return Ok(true);
        }
        let Some(bytes) = self.held.pop_front() else { return Ok(false) };
        self.held_bytes -= bytes.capacity();
        *into = bytes;
        Ok(true)
    }

    /// Gives all that it has in the file back but what was taken, and tells how much it held.
    pub(super) fn drop_all(self, taken: usize, spill: &mut Spill) -> u64 {
        let mut bytes = self.held.iter().map(|bytes| bytes.len() as u64).sum();
        for extent in self.spilled.into_iter().skip(taken) {
            bytes += u64::from(extent.len);
            spill.free(extent);
        }
        bytes
    }
}
