//! A descriptor that poll(2) sees as readable once it was signalled.
//!
//! `signal` may be called from a signal handler and from any thread; it must never allocate, lock or change errno.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An eventfd: non-blocking, close-on-exec, level-triggered.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// A new one, not signalled.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes two integers and gives a new descriptor or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was opened just now and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes the descriptor readable until `clear`. Async-signal-safe; keeps errno.
    pub fn signal(&self) {
        let one = 1_u64;
        // SAFETY: errno is this thread's own; write(2) is async-signal-safe and reads 8 bytes of `one`. The only
        // failure, EAGAIN of a full counter, means that the descriptor is readable already.
        unsafe {
            let errno = libc::__errno_location();
            let saved = *errno;
            libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8);
            *errno = saved;
        }
    }

    /// Makes the descriptor unreadable again; a signal that comes later makes it readable anew.
    pub fn clear(&self) {
        let mut count = 0_u64;
        // SAFETY: `count` is 8 writable bytes, which is what an eventfd gives. EAGAIN means that it was clear.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }

    /// The descriptor, for poll(2). It stays the property of this object.
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{PollFd, Polled, poll};

    #[test]
    fn it_is_readable_from_signal_to_clear() {
        let event = EventFd::new().unwrap();
        let state = || poll(&mut [PollFd::readable(event.fd())], 0).unwrap();
        assert_eq!(state(), Polled::TimedOut);
        event.signal();
        event.signal();
        assert_eq!(state(), Polled::Ready);
        assert_eq!(state(), Polled::Ready);
        event.clear();
        assert_eq!(state(), Polled::TimedOut);
        event.clear();
    }

    #[test]
    fn signal_keeps_errno() {
        let event = EventFd::new().unwrap();
        let fd = event.fd();
        // SAFETY: sets and reads this thread's errno; the descriptor is replaced by one that cannot be written.
        unsafe {
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            libc::dup2(null, fd);
            libc::close(null);
            *libc::__errno_location() = 77;
            event.signal();
            assert_eq!(*libc::__errno_location(), 77);
        }
    }
}
