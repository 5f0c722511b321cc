//! A directory whose files are to last: made, written, renamed and synced, one at a time kept open. It must never follow a name out
//! of the directory, nor take a name that another file has.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::lock::{Lock, try_lock, unlock};

/// A directory, and the file of it that is being written.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    folder: File,
    open: Option<(String, File)>,
    is_owned: bool,
}

/// How long a file must be to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// As long as it is.
    Any,
    /// Just so long, or it is not copied.
    Exactly(u64),
    /// So long: what is shorter is filled up with zeros.
    Filled(u64),
}

/// How much is copied at once.
const COPIED: usize = 1 << 20;

impl Directory {
    /// Makes one, for its owner alone.
    pub fn create(path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(0o700).create(path)
    }

    /// Opens one that is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let folder = options.read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
        Ok(Self { path: path.to_owned(), folder, open: None, is_owned: false })
    }

    /// Takes it for this process, for as long as it is open. False: another has it.
    pub fn try_own(&mut self) -> bool {
        self.is_owned = try_lock(&self.folder) != Lock::Held;
        self.is_owned
    }

    /// Its descriptors, for a forked child.
    pub fn fds(&self) -> [i32; 2] {
        [self.folder.as_raw_fd(), self.open.as_ref().map_or(-1, |(_, file)| file.as_raw_fd())]
    }

    /// The names and lengths of its files.
    pub fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            // One that was renamed meanwhile has another name in the list, or in the next.
            let Ok(metadata) = entry.metadata() else { continue };
            if let (true, Some(name)) = (metadata.is_file(), entry.file_name().to_str()) {
                all.push((name.to_owned(), metadata.len()));
            }
        }
        Ok(all)
    }

    /// Reads from there, less only at the end.
    pub fn read(&mut self, name: &str, at: u64, to: &mut [u8]) -> io::Result<usize> {
        let own;
        let file = match &self.open {
            Some((of, file)) if of == name => file,
            _ => {
                own =
                    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(self.within(name)?)?;
                &own
            }
        };
        let mut n = 0;
        while let Some(rest) = to.get_mut(n..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, at + n as u64) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(n)
    }

    /// Copies a file to a path outside, which has it whole and lasting, or not at all. Gives its length; nothing if it is not there.
    pub fn copy(&self, name: &str, length: Length, target: &Path) -> io::Result<Option<u64>> {
        let mut options = OpenOptions::new();
        let source = match options.read(true).custom_flags(libc::O_NOFOLLOW).open(self.within(name)?) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let bytes = source.metadata()?.len();
        let until = match length {
            Length::Any => bytes,
            Length::Exactly(wanted) if wanted != bytes => return Ok(Some(bytes)),
            Length::Exactly(wanted) | Length::Filled(wanted) => wanted,
        };
        let mut temporary = target.as_os_str().to_owned();
        temporary.push(".pgwalstream");
        let copied = copy_whole(&source, until, Path::new(&temporary));
        copied.and_then(|()| std::fs::rename(&temporary, target)).inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        Ok(Some(bytes))
    }

    /// Makes a file if it is not there: mode 0600, closed on exec.
    pub fn make(&mut self, name: &str) -> io::Result<()> {
        self.file(name, true).map(drop)
    }

    /// Takes room for a file, and makes it so long if it is shorter.
    pub fn reserve(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        let file = self.file(name, false)?;
        let length = file.metadata()?.len();
        // SAFETY: an open descriptor and three integers.
        let done = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, bytes.cast_signed()) };
        let error = match done {
            0 => return Ok(()),
            _ => io::Error::last_os_error(),
        };
        if !matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) {
            return Err(error);
        }
        // A filesystem that cannot: zeros take the room.
        let zeros = vec![0; 1 << 20];
        let mut at = length;
        while at < bytes {
            let n = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(zeros.len());
            file.write_all_at(zeros.get(..n).unwrap_or_default(), at)?;
            at += n as u64;
        }
        Ok(())
    }

    /// Writes all of it there.
    pub fn write(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(name, false)?.write_all_at(bytes, at)
    }

    /// Makes all of a file last.
    pub fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name, false)?.sync_all()
    }

    /// Makes a file's bytes last.
    pub fn sync_data(&mut self, name: &str) -> io::Result<()> {
        self.file(name, false)?.sync_data()
    }

    /// Makes the names last.
    pub fn sync_names(&self) -> io::Result<()> {
        match self.folder.sync_all() {
            // NFS and CIFS, where PostgreSQL tolerates the same.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EBADF)) => Ok(()),
            done => done,
        }
    }

    /// Gives a file a name that nobody has.
    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let (old, new) = (self.within(from)?, self.within(to)?);
        rename_without_replacing(&old, &new)?;
        if let Some((name, _)) = self.open.as_mut().filter(|(name, _)| name == from) {
            to.clone_into(name);
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.take_if(|(of, _)| of == name);
        match std::fs::remove_file(self.within(name)?) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn file(&mut self, name: &str, makes: bool) -> io::Result<&File> {
        let file = match self.open.take() {
            Some((of, file)) if of == name => file,
            _ => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create(makes).mode(0o600).custom_flags(libc::O_NOFOLLOW);
                options.open(self.within(name)?)?
            }
        };
        Ok(&self.open.insert((name.to_owned(), file)).1)
    }

    fn within(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not the name of a file"));
        }
        Ok(self.path.join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_owned {
            unlock(&self.folder);
        }
    }
}

fn copy_whole(source: &File, until: u64, target: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let copy = options.write(true).create(true).truncate(true).mode(0o600).open(target)?;
    let mut buffer = vec![0; COPIED];
    let mut at = 0;
    while at < until {
        let room = usize::try_from(until - at).unwrap_or(usize::MAX).min(buffer.len());
        let n = source.read_at(buffer.get_mut(..room).unwrap_or_default(), at)?;
        if n == 0 {
            break;
        }
        copy.write_all_at(buffer.get(..n).unwrap_or_default(), at)?;
        at += n as u64;
    }
    copy.set_len(until)?;
    copy.sync_all()
}

/// Whichever way the filesystem knows: one that knows none is asked before.
fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    let (old, new) = (CString::new(from.as_os_str().as_bytes())?, CString::new(to.as_os_str().as_bytes())?);
    let here = libc::AT_FDCWD;
    // SAFETY: two paths that end with NUL.
    let done = unsafe { libc::renameat2(here, old.as_ptr(), here, new.as_ptr(), libc::RENAME_NOREPLACE) };
    if done == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) {
        return Err(error);
    }
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) if to.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(from, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_written_renamed_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut it = Directory::open(folder.path()).unwrap();
        assert!(it.try_own() && !Directory::open(folder.path()).unwrap().try_own());
        let mut other = Directory::open(folder.path()).unwrap();
        // As a child has it between fork and exec.
        let copy = it.folder.try_clone().unwrap();
        drop(it);
        assert!(other.try_own(), "it is given back whoever has the descriptor");
        drop((other, copy));
        let mut it = Directory::open(folder.path()).unwrap();
        assert!(it.try_own());
        it.make("a.partial").unwrap();
        it.reserve("a.partial", 1 << 20).unwrap();
        it.write("a.partial", 5, b"bytes").unwrap();
        it.sync("a.partial").unwrap();
        it.rename("a.partial", "a").unwrap();
        it.sync("a").unwrap();
        it.sync_names().unwrap();
        let mut back = [0; 10];
        assert_eq!((it.read("a", 0, &mut back).unwrap(), &back), (10, b"\0\0\0\0\0bytes"));
        assert_eq!(it.read("a", (1 << 20) - 3, &mut back).unwrap(), 3);
        assert_eq!(it.list().unwrap(), [("a".to_owned(), 1 << 20)]);
        it.make("b").unwrap();
        assert_eq!(it.rename("b", "a").unwrap_err().kind(), ErrorKind::AlreadyExists);
        it.remove("b").unwrap();
        it.remove("b").unwrap();
        for name in ["", "..", "x/y", "../x"] {
            assert_eq!(it.make(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        }
        assert_eq!(it.read("b", 0, &mut back).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
