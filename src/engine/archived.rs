//! What is had from an archive without a server: files for a restore, and what is wrong with it. It must never give a file in part.

use std::path::Path;

use super::archiver::{open, unreadable};
use crate::archive::{Disk, Name, PARTIAL, Report, check, found_identity, parent_ahead};
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
                let ahead = match segment {
                    Some(segment) => parent_ahead(&mut disk, segment, size)?,
                    None => None,
                };
                if let Some((parent, until)) = ahead {
                    // What was not complete may be, meanwhile.
                    let is_complete = disk.read(name, 0, &mut [0]).is_ok();
                    let length = Length::Begun(until, wanted);
                    if !is_complete
                        && disk
                            .copy(&parent, length, target)
                            .map_err(|error| failed(&parent, &error))?
                            .is_some()
                    {
                        return Ok(true);
                    }
                    continue;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{IDENTITY_FILE, Identity};
    use crate::physical::SegmentSize;

    #[test]
    fn ph10_what_never_happened_on_a_timeline_is_not_restored_from_its_parent() {
        let folder = std::env::temp_dir().join(format!("pgwalstream-archived-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        let identity = Identity { system: 7, size: SegmentSize::of(1 << 20).unwrap() };
        put(IDENTITY_FILE, identity.text().as_bytes());
        put("00000002.history", b"1\t0/301000\tr\n");
        let (parent, child) = ("000000010000000000000003", "000000020000000000000003");
        put(&format!("{parent}{PARTIAL}"), &[5; 0x2000]);
        let target = folder.join("target");
        let mut wanted = vec![0; 1 << 20];
        wanted[..0x1000].fill(5);
        // The new timeline's is not begun, and then it is behind.
        for begun in [None, Some([5; 0x800])] {
            if let Some(bytes) = begun {
                put(&format!("{child}{PARTIAL}"), &bytes);
            }
            assert_eq!(fetch_archived(&folder, child, &target), Ok(true));
            assert!(std::fs::read(&target).unwrap() == wanted);
        }
        let own = [[5; 0x1000], [6; 0x1000]].concat();
        put(&format!("{child}{PARTIAL}"), &own);
        assert_eq!(fetch_archived(&folder, child, &target), Ok(true));
        wanted[0x1000..0x2000].fill(6);
        assert!(std::fs::read(&target).unwrap() == wanted);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
