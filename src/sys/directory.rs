//! A directory whose files are to last: made, written, renamed and synced, one at a time kept open. It must never follow a name out
//! of the directory, nor take a name that another file has.

use std::ffi::{CStr, CString};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lock::{Lock, try_lock, unlock};

/// A directory, and the file of it that is being written.
#[derive(Debug)]
pub struct Directory {
    /// Every name is looked up here: a path may come to mean another directory, and the lock is on this one.
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
    /// Its first bytes, and zeros up to the second length.
    Begun(u64, u64),
}

/// How much is copied at once.
const COPIED: usize = 1 << 20;

/// Gives each copy a name of its own.
static COPIES: AtomicU64 = AtomicU64::new(0);

impl Directory {
    /// Makes one, for its owner alone.
    pub fn create(path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(0o700).create(path)
    }

    /// Makes a directory's name last, in the one above it.
    pub fn keep(path: &Path) -> io::Result<()> {
        match File::open(path.join("..")) {
            // What may not be read cannot be synced.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            above => sync_folder(&above?),
        }
    }

    /// Opens one that is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let folder = options.read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
        Ok(Self { folder, open: None, is_owned: false })
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
        let names = Names::open(self.at(c".", libc::O_RDONLY | libc::O_DIRECTORY)?)?;
        while let Some(name) = names.next()? {
            // One that was renamed meanwhile has another name in the list, or in the next.
            let Some(size) = self.size_of(&name)? else { continue };
            if let Ok(name) = name.into_string() {
                all.push((name, size));
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
                own = self.plain(name, libc::O_RDONLY)?;
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
        let source = match self.plain(name, libc::O_RDONLY) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let bytes = source.metadata()?.len();
        let (until, whole) = match length {
            Length::Any => (bytes, bytes),
            Length::Exactly(wanted) if wanted != bytes => return Ok(Some(bytes)),
            Length::Exactly(wanted) | Length::Filled(wanted) => (wanted, wanted),
            Length::Begun(until, wanted) => (until, wanted),
        };
        let mut temporary = target.as_os_str().to_owned();
        // Two fetches to one target never write to one file.
        let number = COPIES.fetch_add(1, Ordering::Relaxed);
        temporary.push(format!(".{}.{number}.pgwalstream", std::process::id()));
        let copied = copy_whole(&source, until, whole, Path::new(&temporary));
        copied.and_then(|()| std::fs::rename(&temporary, target)).inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        sync_folder(&File::open(folder.unwrap_or_else(|| Path::new(".")))?)?;
        Ok(Some(bytes))
    }

    /// Makes a file if it is not there: mode 0600, closed on exec.
    pub fn make(&mut self, name: &str) -> io::Result<()> {
        self.file(name, true).map(drop)
    }

    /// Takes room for a file, and makes it just so long.
    pub fn reserve(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        let file = self.file(name, false)?;
        let length = file.metadata()?.len();
        if length > bytes {
            file.set_len(bytes)?;
        }
        let error = loop {
            // SAFETY: an open descriptor and three integers.
            if unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, bytes.cast_signed()) } == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            // tmpfs gives up for any signal.
            if error.kind() != ErrorKind::Interrupted {
                break error;
            }
        };
        if !matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL)) {
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
        sync_folder(&self.folder)
    }

    /// Gives a file a name that nobody has.
    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.rename_without_replacing(&within(from)?, &within(to)?)?;
        if let Some((name, _)) = self.open.as_mut().filter(|(name, _)| name == from) {
            to.clone_into(name);
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.take_if(|(of, _)| of == name);
        match self.unlink(&within(name)?) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn file(&mut self, name: &str, makes: bool) -> io::Result<&File> {
        let file = match self.open.take() {
            Some((of, file)) if of == name => file,
            _ => self.plain(name, libc::O_RDWR | if makes { libc::O_CREAT } else { 0 })?,
        };
        Ok(&self.open.insert((name.to_owned(), file)).1)
    }

    /// Opens a plain file: whatever else has the name is never waited for.
    fn plain(&self, name: &str, flags: libc::c_int) -> io::Result<File> {
        let file = self.at(&within(name)?, flags | libc::O_NONBLOCK)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a plain file"));
        }
        Ok(file)
    }

    fn at(&self, name: &CStr, flags: libc::c_int) -> io::Result<File> {
        let flags = flags | libc::O_CLOEXEC | libc::O_NOFOLLOW;
        loop {
            // SAFETY: an open descriptor, a terminated name and two integers.
            let fd = unsafe { libc::openat(self.folder.as_raw_fd(), name.as_ptr(), flags, 0o600) };
            if fd >= 0 {
                // SAFETY: just opened, and nobody else's.
                return Ok(unsafe { File::from_raw_fd(fd) });
            }
            let error = io::Error::last_os_error();
            if error.kind() != ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// The length of a plain file; nothing for what is none, or has gone.
    fn size_of(&self, name: &CStr) -> io::Result<Option<u64>> {
        // SAFETY: integers and bytes, for which zeros are good.
        let mut it: libc::stat = unsafe { std::mem::zeroed() };
        let here = self.folder.as_raw_fd();
        // SAFETY: an open descriptor, a terminated name and a struct of this frame.
        let done = unsafe { libc::fstatat(here, name.as_ptr(), &raw mut it, libc::AT_SYMLINK_NOFOLLOW) };
        match (done, io::Error::last_os_error()) {
            (0, _) if it.st_mode & libc::S_IFMT == libc::S_IFREG => Ok(Some(it.st_size.cast_unsigned())),
            (0, _) => Ok(None),
            (_, error) if error.kind() == ErrorKind::NotFound => Ok(None),
            (_, error) => Err(error),
        }
    }

    fn unlink(&self, name: &CStr) -> io::Result<()> {
        // SAFETY: an open descriptor and a terminated name.
        outcome(unsafe { libc::unlinkat(self.folder.as_raw_fd(), name.as_ptr(), 0) })
    }

    /// Whichever way the filesystem knows: one that knows none is asked before.
    fn rename_without_replacing(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        let here = self.folder.as_raw_fd();
        let (old, new) = (from.as_ptr(), to.as_ptr());
        // SAFETY: an open descriptor, and two terminated names.
        let done = outcome(unsafe { libc::renameat2(here, old, here, new, libc::RENAME_NOREPLACE) });
        if !matches!(done.as_ref().map_err(io::Error::raw_os_error), Err(Some(libc::EINVAL | libc::ENOSYS))) {
            return done;
        }
        // SAFETY: as above.
        match outcome(unsafe { libc::linkat(here, old, here, new, 0) }) {
            Ok(()) => self.unlink(from),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // SAFETY: as above.
            Err(_) if unsafe { libc::faccessat(here, new, libc::F_OK, libc::AT_SYMLINK_NOFOLLOW) } == 0 => {
                Err(ErrorKind::AlreadyExists.into())
            }
            // SAFETY: as above.
            Err(_) => outcome(unsafe { libc::renameat(here, old, here, new) }),
        }
    }
}

/// The names of a directory, one after the other.
struct Names(*mut libc::DIR);

impl Names {
    fn open(folder: File) -> io::Result<Self> {
        let fd = folder.into_raw_fd();
        // SAFETY: an open descriptor, which the list owns from here on.
        let list = unsafe { libc::fdopendir(fd) };
        if list.is_null() {
            let error = io::Error::last_os_error();
            // SAFETY: it was not taken.
            drop(unsafe { File::from_raw_fd(fd) });
            return Err(error);
        }
        Ok(Self(list))
    }

    fn next(&self) -> io::Result<Option<CString>> {
        // SAFETY: of this thread. The end and an error are told apart by it.
        unsafe { *libc::__errno_location() = 0 };
        // SAFETY: an open list, which this thread alone reads.
        let entry = unsafe { libc::readdir64(self.0) };
        if entry.is_null() {
            return match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(0) => Ok(None),
                error => Err(error),
            };
        }
        // SAFETY: a name terminated by NUL, good until the next one is read.
        Ok(Some(unsafe { CStr::from_ptr((&raw const (*entry).d_name).cast()) }.to_owned()))
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: open, and closed once.
        unsafe { libc::closedir(self.0) };
    }
}

fn outcome(done: libc::c_int) -> io::Result<()> {
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn within(name: &str) -> io::Result<CString> {
    let other = || io::Error::new(ErrorKind::InvalidInput, "not the name of a file");
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err(other());
    }
    CString::new(name).map_err(|_| other())
}

fn sync_folder(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        // NFS and CIFS, where PostgreSQL tolerates the same.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EBADF)) => Ok(()),
        done => done,
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_owned {
            unlock(&self.folder);
        }
    }
}

fn copy_whole(source: &File, until: u64, whole: u64, target: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let copy =
        options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(target)?;
    let mut buffer = vec![0; COPIED];
    let mut at = 0;
    while at < until {
        let room = usize::try_from(until - at).unwrap_or(usize::MAX).min(buffer.len());
        let n = match source.read_at(buffer.get_mut(..room).unwrap_or_default(), at) {
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        copy.write_all_at(buffer.get(..n).unwrap_or_default(), at)?;
        at += n as u64;
    }
    copy.set_len(whole)?;
    copy.sync_all()
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

    #[test]
    fn the_directory_stays_the_one_that_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("archive"), folder.path().join("aside"));
        Directory::create(&path).unwrap();
        Directory::keep(&path).unwrap();
        let mut it = Directory::open(&path).unwrap();
        std::fs::rename(&path, &aside).unwrap();
        Directory::create(&path).unwrap();
        it.make("a").unwrap();
        it.rename("a", "b").unwrap();
        assert_eq!(it.list().unwrap(), [("b".to_owned(), 0)]);
        assert!(aside.join("b").exists() && !path.join("b").exists());
        it.remove("b").unwrap();
        assert!(!aside.join("b").exists());
    }

    #[test]
    fn a_file_that_is_too_long_is_cut_and_what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut it = Directory::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("long"), vec![1; 3000]).unwrap();
        it.reserve("long", 2000).unwrap();
        assert_eq!(it.list().unwrap(), [("long".to_owned(), 2000)]);
        let pipe = CString::new(folder.path().join("pipe").to_str().unwrap()).unwrap();
        // SAFETY: a terminated path.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        assert_eq!(it.read("pipe", 0, &mut [0]).unwrap_err().kind(), ErrorKind::InvalidInput);
        let target = folder.path().join("target");
        assert_eq!(it.copy("pipe", Length::Any, &target).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(it.list().unwrap().len(), 1);
    }
}
