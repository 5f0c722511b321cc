//! Which errors say that the system is short of something, and not that something is wrong.

use std::io;

/// Whether waiting may mend it: no descriptor, no thread, no memory, no buffer, no watch is left for the moment.
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAGAIN | libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS | libc::ENOSPC)
    )
}
