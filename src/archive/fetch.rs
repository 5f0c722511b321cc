//! Which file of a segment a restore may have. It must never give one that lacks what another file of the archive has.

use std::io;

use super::name::Segment;
use super::operations::Disk;
use super::start::read_history;
use crate::error::{Error, Result, Status};
use crate::physical::SegmentSize;

/// How much of two files is compared at once.
const COMPARED: usize = 64 << 10;

/// The ancestor's file that has more before the switchpoint than a segment that is not complete, or not begun, and how much of it is
/// the segment's own. A new timeline writes the segment of its switchpoint anew, and as long as that is under way the old one's file
/// has more. Behind the switchpoint it has what never happened: a server that promotes itself copies as much (XLogFileCopy).
pub fn parent_ahead<D: Disk>(
    disk: &mut D,
    segment: Segment,
    size: SegmentSize,
) -> Result<Option<(String, u64)>> {
    let Some(history) = read_history(disk, segment.timeline)? else { return Ok(None) };
    let start = segment.start(size).lsn;
    let in_it = |end: u64| end > start.0 && end < segment.end(size).lsn.0;
    for (timeline, end) in history.ancestors().iter().rev().filter(|(_, end)| in_it(end.0)) {
        let parent = Segment { timeline: *timeline, ..segment };
        for name in [parent.name(size), parent.partial(size)] {
            match has_same(disk, &segment.partial(size), &name, size.offset(*end)) {
                Ok(true) => {}
                Ok(false) => return Ok(Some((name, size.offset(*end)))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Error::os(Status::WAL_E_ARCHIVE, format!("cannot read {name}"), &error));
                }
            }
        }
    }
    Ok(None)
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
        match disk.read(one, at, a) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            read => read?,
        };
        if a != b {
            return Ok(false);
        }
        at += n as u64;
    }
    Ok(true)
}
