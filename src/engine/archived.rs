//! What is had from an archive without a server: files for a restore, and what is wrong with it. It must never give a file in part.

use std::path::Path;

use super::archiver::{open, unreadable};
use crate::archive::{Disk, Name, PARTIAL, Report, check, found_identity, is_behind_a_parent};
use crate::error::{Error, Result, Status};
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
    let Some(identity) = found_identity(&mut disk, &entries)? else {
        // One that is not mounted must not end a recovery as if all were there.
        let text = format!("{} is no archive: nothing there says whose WAL it is", directory.display());
        return Err(Error::new(Status::WAL_E_ARCHIVE, text)
            .with_hint("Name the directory of an archive. It may not be mounted."));
    };
    let size = identity.size;
    let segment = match Name::parse(name, size) {
        Some(Name::Segment(segment)) => Some(segment),
        _ => None,
    };
    let partial = format!("{name}{PARTIAL}");
    for _ in 0..TRIES {
        let wanted = segment.map(|_| size.bytes());
        let length = wanted.map_or(Length::Any, Length::Exactly);
        match (disk.copy(name, length, target).map_err(|error| failed(name, &error))?, wanted) {
            (Some(bytes), Some(wanted)) if bytes != wanted => {
                let text = format!("the archive's segment {name} has {bytes} bytes, and not {wanted}");
                return Err(Error::new(Status::WAL_E_ARCHIVE, text));
            }
            (Some(_), _) => return Ok(true),
            (None, Some(wanted)) => {
                let is_there = disk.read(&partial, 0, &mut [0]).is_ok();
                // The server asks for the older timeline's then, which has more.
                if is_there
                    && let Some(segment) = segment
                    && is_behind_a_parent(&mut disk, segment, size)?
                {
                    return Ok(false);
                }
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
