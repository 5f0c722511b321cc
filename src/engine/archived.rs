//! What is had from an archive without a server: files for a restore, and what is wrong with it. It must never give a file in part.

use std::path::Path;

use super::archiver::{open, unreadable};
use crate::archive::{Disk, Name, PARTIAL, Report, check, found_identity};
use crate::error::{Error, Result, Status};
use crate::physical::SegmentSize;
use crate::sys::Length;

/// How often a file that was renamed meanwhile is looked for again (PH10).
const TRIES: u32 = 3;

/// Fetches a file, as restore_command does. False: it is not there.
pub fn fetch_archived(directory: &Path, name: &str, target: &Path) -> Result<bool> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        let text = format!("\"{}\" is not the name of a file", name.escape_debug());
        return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, text));
    }
    let mut disk = open(directory, false)?;
    let entries = Disk::list(&mut disk).map_err(|error| unreadable(directory, &error))?;
    let size = found_identity(&mut disk, &entries)?.map(|identity| identity.size);
    let is_segment = size.is_some_and(|size| matches!(Name::parse(name, size), Some(Name::Segment(_))));
    let partial = format!("{name}{PARTIAL}");
    for _ in 0..TRIES {
        let wanted = size.map(SegmentSize::bytes).filter(|_| is_segment);
        let length = wanted.map_or(Length::Any, Length::Exactly);
        match (disk.copy(name, length, target).map_err(|error| failed(name, &error))?, wanted) {
            (Some(bytes), Some(wanted)) if bytes != wanted => {
                let text = format!("the archive's segment {name} has {bytes} bytes, and not {wanted}");
                return Err(Error::new(Status::WAL_E_ARCHIVE, text));
            }
            (Some(_), _) => return Ok(true),
            (None, Some(wanted)) => {
                if disk
                    .copy(&partial, Length::Filled(wanted), target)
                    .map_err(|error| failed(&partial, &error))?
                    .is_some()
                {
                    return Ok(true);
                }
            }
            (None, None) => return Ok(false),
        }
    }
    Ok(false)
}

/// Looks at all of an archive.
pub fn check_archive(directory: &Path) -> Result<Report> {
    check(&mut open(directory, false)?)
}

fn failed(name: &str, error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_ARCHIVE, format!("cannot copy {name} from the archive"), error)
}
