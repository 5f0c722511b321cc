//! A file without a name, for what a process may lose: it is gone with its last descriptor, however the process ends.
//! It must never leave a name behind, and never fill the page cache of the host with what is read once.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The magic numbers of filesystems that live in memory (linux/magic.h).
const TMPFS: i64 = 0x0102_1994;
const RAMFS: i64 = 0x8584_58F6;

/// Pages that were written so far behind the end are asked out of the cache.
const KEPT: u64 = 8 << 20;

/// An open file that no name leads to.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    /// Up to where the system was asked to write.
    pushed: u64,
    /// Up to where pages were given back.
    dropped: u64,
}

impl Scratch {
    /// Makes one in a directory. The process's own data: mode 0600, closed on exec.
    pub fn create(directory: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let nameless = options.clone().custom_flags(libc::O_TMPFILE).open(directory);
        let file = match nameless {
            // A filesystem that cannot, and a kernel that does not know the flag and sees a directory.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
                named_for_a_moment(directory, &mut options)?
            }
            other => other?,
        };
        Ok(Self { file, pushed: 0, dropped: 0 })
    }

    /// The descriptor.
    pub fn fd(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// Writes all of it there, and lets the system write older pages out and forget them.
    pub fn write(&mut self, parts: [&[u8]; 2], at: u64) -> io::Result<()> {
        let mut end = at;
        for part in parts {
            self.file.write_all_at(part, end)?;
            end += part.len() as u64;
        }
        if end >= self.pushed + KEPT {
            let from = self.pushed.min(at);
            self.push(from, end - from);
            if self.pushed > self.dropped {
                self.forget(self.dropped, self.pushed - self.dropped);
            }
            (self.dropped, self.pushed) = (self.pushed, end);
        }
        Ok(())
    }

    /// Reads all of it from there, and gives the pages back.
    pub fn read(&self, to: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(to, at)?;
        self.forget(at, to.len() as u64);
        Ok(())
    }

    /// Gives the space of a range back, where the filesystem can; where not, it stays taken until the file is gone.
    pub fn free(&self, at: u64, len: u64) {
        let (at, len) = (at.cast_signed(), len.cast_signed());
        // SAFETY: an open descriptor and three integers.
        unsafe {
            libc::fallocate(self.fd(), libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, at, len);
        }
    }

    /// How much an unprivileged process may still write to the filesystem.
    pub fn room(&self) -> io::Result<u64> {
        // SAFETY: all-zero bytes are a valid statvfs, which is plain numbers.
        let mut of = unsafe { std::mem::zeroed::<libc::statvfs>() };
        // SAFETY: an open descriptor and a writable statvfs.
        match unsafe { libc::fstatvfs(self.fd(), &raw mut of) } {
            0 => Ok(of.f_bavail.saturating_mul(of.f_frsize)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn push(&self, at: u64, len: u64) {
        // SAFETY: an open descriptor and three integers. What comes of it does not matter: it is advice.
        unsafe {
            libc::sync_file_range(
                self.fd(),
                at.cast_signed(),
                len.cast_signed(),
                libc::SYNC_FILE_RANGE_WRITE,
            );
        }
    }

    fn forget(&self, at: u64, len: u64) {
        // SAFETY: as `push`.
        unsafe {
            libc::posix_fadvise(self.fd(), at.cast_signed(), len.cast_signed(), libc::POSIX_FADV_DONTNEED);
        }
    }
}

/// Whether what is written in a directory stays in memory.
pub fn is_in_memory(directory: &Path) -> io::Result<bool> {
    let path = CString::new(directory.as_os_str().as_bytes())?;
    // SAFETY: all-zero bytes are a valid statfs, which is plain numbers.
    let mut of = unsafe { std::mem::zeroed::<libc::statfs>() };
    // SAFETY: a path that ends with NUL and a writable statfs.
    match unsafe { libc::statfs(path.as_ptr(), &raw mut of) } {
        0 => Ok([TMPFS, RAMFS].contains(&of.f_type)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// For filesystems without files that have no name: the name is taken away at once.
fn named_for_a_moment(directory: &Path, options: &mut OpenOptions) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!(".pgwalstream-{}-{number}", std::process::id()));
    let file = options.create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn it_has_no_name_and_its_space_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        for make in [Scratch::create, |directory: &Path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).mode(0o600);
            named_for_a_moment(directory, &mut options).map(|file| Scratch { file, pushed: 0, dropped: 0 })
        }] {
            let mut scratch = make(directory.path()).unwrap();
            let block = vec![7; 1 << 20];
            for n in 0..20 {
                scratch.write([&block[..5], &block[5..]], n << 20).unwrap();
            }
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
            let mut back = vec![0; 1 << 20];
            scratch.read(&mut back, 3 << 20).unwrap();
            assert_eq!(back, block);
            scratch.free(0, 19 << 20);
            assert!(scratch.file.metadata().unwrap().blocks() * 512 <= 2 << 20);
            assert!(scratch.room().unwrap() > 0);
            assert_eq!(scratch.file.metadata().unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_lives_in_memory_is_known() {
        assert!(is_in_memory(Path::new("/dev/shm")).unwrap());
        assert!(!is_in_memory(Path::new("/proc")).unwrap());
        assert!(is_in_memory(Path::new("/nowhere/at/all")).is_err());
    }
}
