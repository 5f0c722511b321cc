//! The files of a capture: the names that `%t`, `%p` and `%n` give them, and how each is made.
//!
//! It must never touch a file that holds anything: what a first connect left that was killed has only a header.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::capture::is_empty;
use crate::sys::{Lock, effective_uid, try_lock};
use crate::types::stamp;

/// How many numbers are tried that others take at the same time.
const TRIES: u32 = 1000;

/// Where files go, and how far they are numbered.
#[derive(Debug)]
pub struct Names {
    pattern: String,
    /// That of the last file; 0 is none.
    number: u64,
}

impl Names {
    /// Names by a pattern: `%t` is when a file is begun (UTC), `%p` the process, `%n` a number beyond those that are there.
    pub fn new(pattern: &Path) -> Self {
        Self { pattern: pattern.to_string_lossy().into_owned(), number: 0 }
    }

    /// The next file, which nobody else has, and its name. The error of one that cannot be made comes with its name too.
    pub fn make(&mut self, now: i64) -> (PathBuf, Result<File>) {
        if self.number == 0 {
            self.number = self.greatest(now);
        }
        for _ in 1..TRIES {
            self.number += 1;
            let path = PathBuf::from(self.expand(now));
            match create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && self.is_numbered() => {}
                made => return (path, made),
            }
        }
        (PathBuf::from(self.expand(now)), Err(ErrorKind::AlreadyExists.into()))
    }

    fn is_numbered(&self) -> bool {
        self.pattern.contains("%n")
    }

    fn expand(&self, now: i64) -> String {
        self.place(now).replace("%n", &format!("{:06}", self.number))
    }

    /// All but the number.
    fn place(&self, now: i64) -> String {
        self.pattern.replace("%t", &stamp(now)).replace("%p", &std::process::id().to_string())
    }

    /// The greatest number that a file of this pattern has; what cannot be looked at counts as empty.
    fn greatest(&self, now: i64) -> u64 {
        let place = self.place(now);
        let place = Path::new(&place);
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let Some((before, after)) = name.split_once("%n") else { return 0 };
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(found) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else { return 0 };
        let number = |name: &str| name.strip_prefix(before)?.strip_suffix(after)?.parse::<u64>().ok();
        found.flatten().filter_map(|it| number(it.file_name().to_str()?)).max().unwrap_or(0)
    }
}

/// Makes a file, or takes over what a killed first connect has left there.
fn create(path: &Path) -> Result<File> {
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
    let taken = || Err(ErrorKind::AlreadyExists.into());
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match abandoned(path) {
            Ok(Some(file)) => Ok(file),
            _ => Err(error),
        },
        // Whoever found it before it was locked has it. Where there are no locks nobody takes a file over.
        Ok(file) if try_lock(&file) == Lock::Held => taken(),
        made => made,
    }
}

/// A file of ours at this place that nobody has open for a capture, and that holds nothing beyond a header.
fn abandoned(path: &Path) -> Result<Option<File>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    if try_lock(&file) != Lock::Taken {
        return Ok(None);
    }
    let (it, there) = (file.metadata()?, std::fs::symlink_metadata(path)?);
    let is_ours = it.is_file()
        && it.uid() == effective_uid()
        && it.mode() & 0o7777 == 0o600
        && (it.dev(), it.ino(), it.nlink()) == (there.dev(), there.ino(), 1);
    let mut bytes = Vec::new();
    if !is_ours || !is_empty(it.len()) || (&mut file).take(64).read_to_end(&mut bytes).is_err() {
        return Ok(None);
    }
    if !crate::capture::begins(&bytes) {
        return Ok(None);
    }
    file.set_len(0)?;
    file.rewind()?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(names: &mut Names) -> Result<String> {
        let (path, made) = names.make(0);
        // Kept open for as long as the test runs: it is locked.
        std::mem::forget(made?);
        Ok(path.file_name().unwrap().to_string_lossy().into_owned())
    }

    #[test]
    fn s46_names_are_new_at_each_start() {
        let folder = tempfile::tempdir().unwrap();
        let names = |pattern: &str| Names::new(&folder.path().join(pattern));
        let mut first = names("c-%n.cap");
        assert_eq!(name(&mut first).unwrap(), "c-000001.cap");
        assert_eq!(name(&mut first).unwrap(), "c-000002.cap");
        // The oldest was removed, others are about: another start goes on behind the last.
        std::fs::remove_file(folder.path().join("c-000001.cap")).unwrap();
        std::fs::write(folder.path().join("c-000017.cap"), "x").unwrap();
        std::fs::write(folder.path().join("c-x99.cap"), "x").unwrap();
        assert_eq!(name(&mut names("c-%n.cap")).unwrap(), "c-000018.cap");
        assert_eq!(name(&mut first).unwrap(), "c-000003.cap");
        let process = std::process::id();
        assert_eq!(name(&mut names("%p-%t%%x")).unwrap(), format!("{process}-20000101T000000.000000Z%%x"));
        let mut plain = names("plain");
        assert_eq!(name(&mut plain).unwrap(), "plain");
        assert_eq!(name(&mut plain).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn s46_only_what_a_killed_first_connect_left_is_taken_over() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let header = crate::capture::header();
        // As a stream with streaming=assembled writes it.
        let mut assembled = Vec::new();
        crate::capture::Writer::assembled(&mut assembled).unwrap().flush().unwrap();
        let put = |bytes: &[u8], mode| {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for (bytes, mode, taken) in [
            (&header[..], 0o600, true),
            (&assembled[..], 0o600, true),
            (&header[..5], 0o600, true),
            (b"", 0o600, true),
            (&header[..], 0o644, false),
            (b"PGWALCAX", 0o600, false),
            (b"a short text", 0o600, false),
            (&[&header[..], b"x"].concat(), 0o600, false),
        ] {
            put(bytes, mode);
            let made = create(&path);
            assert_eq!(made.is_ok(), taken, "{bytes:?} {mode:o}");
            let left = std::fs::read(&path).unwrap();
            assert_eq!(left, if taken { b"" } else { bytes }, "{bytes:?}");
        }
        put(&header, 0o600);
        let first = create(&path).unwrap();
        assert!(create(&path).is_err(), "another stream connects");
        drop(first);
        let other = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &other).unwrap();
        assert!(create(&other).is_err());
    }
}
