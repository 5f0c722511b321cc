//! Which errors say that the system is short of something, and not that something is wrong.

use std::io;

/// Whether waiting may mend it: no descriptor, no thread, no memory, no buffer, no watch is left for the moment.
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAGAIN | libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS | libc::ENOSPC)
    )
}

/// What can be done where the system is short of something; `None` where it is not.
pub fn shortage_hint(error: &io::Error) -> Option<&'static str> {
    Some(match error.raw_os_error()? {
        libc::EMFILE => {
            "The process has no file descriptor left: raise its limit (ulimit -n), or close some."
        }
        libc::ENFILE => "The system has no file descriptor left (fs.file-max).",
        libc::ENOSPC => "There is no room left on the file system, or no watch (fs.epoll.max_user_watches).",
        libc::EAGAIN => {
            "The system allows no more threads or processes for now (ulimit -u, the container's limit)."
        }
        libc::ENOMEM | libc::ENOBUFS => "The system has no memory left for this: see the container's limit.",
        _ => return None,
    })
}

/// What the process is short of at this moment where nobody has its error number: a descriptor is tried.
pub fn present_shortage() -> Option<&'static str> {
    std::fs::File::open("/dev/null").err().and_then(|error| shortage_hint(&error))
}
