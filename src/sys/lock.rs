//! The lock of a file that a process holds for as long as it has it open (flock(2)).
//! It must never wait.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Takes the lock; false where another has it, or the file system knows none.
pub fn try_lock(file: &File) -> bool {
    // SAFETY: a descriptor that is open for as long as `file` is borrowed.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}
