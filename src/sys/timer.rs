//! An alarm that is finer than a millisecond, which is where tokio's and epoll's clocks tick.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One alarm at a time, watched by the runtime in whose context it was made.
pub struct Alarm(AsyncFd<TimerFd>);

/// A timerfd: non-blocking, close-on-exec.
struct TimerFd(OwnedFd);

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Alarm {
    /// One that is not set.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes two integers and gives a new descriptor or -1.
        let fd =
            unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was opened just now and nobody else owns it.
        let timer = TimerFd(unsafe { OwnedFd::from_raw_fd(fd) });
        // SAFETY: a TimerFd owns one open descriptor, names the same one every time, is never exchanged for another
        // and closes it only as it is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Lets it ring after `delay`, instead of whenever it was set to ring before.
    pub fn set(&self, delay: Duration) -> io::Result<()> {
        // A delay of 0 would take the alarm back.
        let delay = delay.max(Duration::from_nanos(1));
        let value = libc::timespec {
            tv_sec: libc::time_t::try_from(delay.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(delay.subsec_nanos() as i32),
        };
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let when = libc::itimerspec { it_interval: never, it_value: value };
        // SAFETY: an open timerfd and a whole itimerspec; no old value is asked for.
        let set =
            unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const when, std::ptr::null_mut()) };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Waits until it rings. Cancel-safe: a ring that nobody waited for is heard by the next who does.
    pub async fn rung(&self) -> io::Result<()> {
        loop {
            let mut guard = self.0.readable().await?;
            let rung = guard.try_io(|timer| {
                let mut count = 0_u64;
                // SAFETY: `count` is 8 writable bytes, which is what a timerfd gives.
                match unsafe { libc::read(timer.as_raw_fd(), (&raw mut count).cast(), 8) } {
                    8 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            });
            if let Ok(done) = rung {
                // A timerfd that was read rings anew or not at all: asking it again would be in vain.
                guard.clear_ready();
                return done;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test(flavor = "current_thread")]
    async fn it_rings_once_and_not_early() {
        let alarm = Alarm::new().unwrap();
        let start = Instant::now();
        alarm.set(Duration::from_secs(60)).unwrap();
        alarm.set(Duration::from_micros(300)).unwrap();
        alarm.rung().await.unwrap();
        assert!(start.elapsed() >= Duration::from_micros(300));
        let again = tokio::time::timeout(Duration::from_millis(20), alarm.rung());
        assert!(again.await.is_err());
    }
}
