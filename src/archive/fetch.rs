//! Which file of a segment a restore may have. It must never give one that lacks what another file of the archive has.

use std::io;

use super::name::Segment;
use super::operations::Disk;
use super::start::read_history;
use crate::error::{Error, Result, Status};
use crate::physical::SegmentSize;

/// How much of two files is compared at once.
const COMPARED: usize = 64 << 10;

/// Whether a segment that is not complete lacks what an ancestor's file has before the switchpoint. A new timeline writes the segment
/// of its switchpoint anew, and as long as that is under way the old one's file has more. A server asks for the newest timeline first,
/// and for the older ones only where that is not there (XLogFileReadAnyTLI).
pub fn is_behind_a_parent<D: Disk>(disk: &mut D, segment: Segment, size: SegmentSize) -> Result<bool> {
    let Some(history) = read_history(disk, segment.timeline)? else { return Ok(false) };
    let start = segment.start(size).lsn;
    let in_it = |end: u64| end > start.0 && end < segment.end(size).lsn.0;
    for (timeline, end) in history.ancestors().iter().filter(|(_, end)| in_it(end.0)) {
        let parent = Segment { timeline: *timeline, ..segment };
        for name in [parent.name(size), parent.partial(size)] {
            match has_same(disk, &segment.partial(size), &name, size.offset(*end)) {
                Ok(true) => {}
                Ok(false) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Error::os(Status::WAL_E_ARCHIVE, format!("cannot read {name}"), &error));
                }
            }
        }
    }
    Ok(false)
}

/// Whether a file begins as another one does, up to there.
fn has_same<D: Disk>(disk: &mut D, one: &str, other: &str, until: u64) -> io::Result<bool> {
    let (mut a, mut b) = (vec![0; COMPARED], vec![0; COMPARED]);
    let mut at = 0;
    while at < until {
        let n = usize::try_from(until - at).unwrap_or(usize::MAX).min(COMPARED);
        let (a, b) = (a.get_mut(..n).unwrap_or_default(), b.get_mut(..n).unwrap_or_default());
        // What a file does not have is as if it were zeros.
        a.fill(0);
        b.fill(0);
        disk.read(other, at, b)?;
        disk.read(one, at, a)?;
        if a != b {
            return Ok(false);
        }
        at += n as u64;
    }
    Ok(true)
}
