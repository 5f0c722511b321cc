//! poll(2): waiting for one or a few descriptors without a lock, so that a signal handler may wake the waiter.
//!
//! An interrupted call goes on waiting for what is left of the time; it must never return early.

use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// What `poll` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// At least one descriptor is ready; ask each with `PollFd::is_ready`.
    Ready,
    /// The time passed.
    TimedOut,
}

/// One descriptor and what is awaited of it.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct PollFd(libc::pollfd);

impl PollFd {
    /// Awaits data or end of file.
    pub fn readable(fd: RawFd) -> Self {
        Self(libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
    }

    /// Awaits room to write.
    pub fn writable(fd: RawFd) -> Self {
        Self(libc::pollfd { fd, events: libc::POLLOUT, revents: 0 })
    }

    /// Awaits the other side's end, whatever it sent before.
    pub fn closed(fd: RawFd) -> Self {
        Self(libc::pollfd { fd, events: libc::POLLRDHUP, revents: 0 })
    }

    /// Whether the last `poll` found it ready, broken or closed.
    pub fn is_ready(&self) -> bool {
        self.0.revents != 0
    }
}

/// Waits until one of `fds` is ready. `timeout_ms` below 0 waits for ever, 0 looks without waiting.
pub fn poll(fds: &mut [PollFd], timeout_ms: i32) -> io::Result<Polled> {
    let deadline = u64::try_from(timeout_ms).ok().map(|ms| Instant::now() + Duration::from_millis(ms));
    let count = libc::nfds_t::try_from(fds.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut wait = timeout_ms.max(-1);
    loop {
        // SAFETY: `PollFd` is a transparent pollfd, so `fds` is `count` pollfds that may be written to.
        let ready = unsafe { libc::poll(fds.as_mut_ptr().cast(), count, wait) };
        if ready > 0 {
            return Ok(Polled::Ready);
        }
        if ready == 0 {
            return Ok(Polled::TimedOut);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        if let Some(deadline) = deadline {
            // Rounded up: a wait must not end before its time.
            let left = deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1_000);
            wait = i32::try_from(left).unwrap_or(i32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn it_tells_ready_from_timed_out() {
        let (left, right) = UnixStream::pair().unwrap();
        let mut fds = [PollFd::readable(left.as_raw_fd()), PollFd::writable(right.as_raw_fd())];
        assert_eq!(poll(&mut fds, -1).unwrap(), Polled::Ready);
        assert!(!fds[0].is_ready() && fds[1].is_ready());
        let start = Instant::now();
        assert_eq!(poll(&mut fds[..1], 20).unwrap(), Polled::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(19));
        drop(right);
        assert_eq!(poll(&mut fds[..1], 1_000).unwrap(), Polled::Ready);
    }
}
