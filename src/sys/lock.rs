//! The lock of a file that a process holds for as long as it has it open (flock(2)).
//! It must never wait.

use std::fs::File;
use std::os::fd::AsRawFd;

/// What became of an attempt to take the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It is ours.
    Taken,
    /// Another has it.
    Held,
    /// The file system knows no locks.
    Unknown,
}

/// Takes the lock.
pub fn try_lock(file: &File) -> Lock {
    // SAFETY: a descriptor that is open for as long as `file` is borrowed.
    let done = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    match done {
        0 => Lock::Taken,
        _ if std::io::Error::last_os_error().raw_os_error() == Some(libc::EWOULDBLOCK) => Lock::Held,
        _ => Lock::Unknown,
    }
}

/// Gives the lock back. A process that was forked meanwhile has the same open file, and would hold it until it ends or becomes another
/// program.
pub fn unlock(file: &File) {
    // SAFETY: as above. What has no lock loses none.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
}
