//! Transactions that are prepared, whose fate is not known (two_phase=join): which they are, and how far back the oldest is.
//! It must never let a position cover one of them that the program does not have.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::error::Result;
use crate::pgoutput::malformed;

/// What is known of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) xid: u32,
    /// The position of its PREPARE TRANSACTION.
    pub(super) lsn: u64,
    /// The highest position that may be acknowledged while the program does not have it.
    pub(super) floor: u64,
    /// When it was prepared.
    pub(super) time: i64,
}

impl Prepared {
    /// The body of Begin Prepare, Prepare and Stream Prepare: positions of the record and of its end, time, id, gid. What was
    /// told before it ends at `safe`, or before.
    pub(super) fn read(lsn: u64, message: &[u8], body: &[u8], safe: u64) -> Result<Self> {
        let too_short = || malformed("it ends too early", lsn, message);
        let (place, rest) = body.split_first_chunk::<8>().ok_or_else(too_short)?;
        let (_end, rest) = rest.split_first_chunk::<8>().ok_or_else(too_short)?;
        let (time, rest) = rest.split_first_chunk::<8>().ok_or_else(too_short)?;
        let (xid, gid) = rest.split_first_chunk::<4>().ok_or_else(too_short)?;
        if gid.last() != Some(&0) {
            return Err(too_short());
        }
        let place = u64::from_be_bytes(*place);
        Ok(Self {
            xid: u32::from_be_bytes(*xid),
            lsn: place,
            floor: place.min(safe),
            time: i64::from_be_bytes(*time),
        })
    }
}

/// The one that is being received, whose changes come as those of an ordinary transaction.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) begun: Prepared,
    /// The relations whose definition its log has.
    pub(super) described: HashSet<u32>,
    /// The types that were described since the last relation was.
    pub(super) types: Vec<Arc<[u8]>>,
}

/// All that are complete.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_xid: HashMap<u32, Prepared>,
    /// By the floor and the position, so that the first is the oldest too.
    by_floor: BTreeSet<(u64, u64, u32)>,
}

impl Waiting {
    pub(super) fn insert(&mut self, it: Prepared) {
        self.remove(it.xid);
        self.by_xid.insert(it.xid, it);
        self.by_floor.insert((it.floor, it.lsn, it.xid));
    }

    /// Its fate is known.
    pub(super) fn remove(&mut self, xid: u32) -> Option<Prepared> {
        let it = self.by_xid.remove(&xid)?;
        self.by_floor.remove(&(it.floor, it.lsn, xid));
        Some(it)
    }

    /// The floor of the oldest.
    pub(super) fn floor(&self) -> Option<u64> {
        self.by_floor.first().map(|(floor, ..)| *floor)
    }

    pub(super) fn len(&self) -> usize {
        self.by_xid.len()
    }

    /// When the first of them was prepared, as far as its position tells.
    pub(super) fn since(&self) -> Option<i64> {
        let (.., xid) = self.by_floor.first()?;
        self.by_xid.get(xid).map(|it| it.time)
    }

    pub(super) fn clear(&mut self) {
        self.by_xid.clear();
        self.by_floor.clear();
    }
}

/// The xid of a Commit Prepared or Rollback Prepared, behind so many bytes of its body.
pub(super) fn xid_behind(bytes: usize, lsn: u64, message: &[u8]) -> Result<u32> {
    let xid = message.get(bytes..).and_then(<[u8]>::first_chunk::<4>);
    let xid = xid.filter(|_| message.len() > bytes + 4 && message.last() == Some(&0));
    xid.map(|xid| u32::from_be_bytes(*xid)).ok_or_else(|| malformed("it ends too early", lsn, message))
}
