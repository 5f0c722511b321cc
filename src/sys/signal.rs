//! The signal mask of a thread that the library starts: the host's signals are the host's business.
//!
//! It must never install a handler, nor touch the mask of a thread of the host for longer than starting a thread.

use std::io;

/// Those that a fault raises in the thread itself: blocked, the kernel would kill the process without the host's
/// crash handler ever running. Nothing sends them to a process from outside.
const FAULTS: [libc::c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// The mask that a thread had before.
pub struct SignalMask(libc::sigset_t);

/// Blocks every signal but the faults in the calling thread, and gives what was blocked before.
///
/// A thread inherits the mask of the one that starts it: block, start, `restore`, and no signal can hit the new
/// thread even in its first instant.
pub fn block_all_signals() -> io::Result<SignalMask> {
    // SAFETY: a sigset_t is plain integers; sigfillset initialises the one and pthread_sigmask writes the other.
    let (result, before) = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        for signal in FAULTS {
            libc::sigdelset(&raw mut all, signal);
        }
        (libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before), before)
    };
    if result == 0 { Ok(SignalMask(before)) } else { Err(io::Error::from_raw_os_error(result)) }
}

impl SignalMask {
    /// Puts the mask back, in the thread that it was taken from.
    pub fn restore(self) {
        // SAFETY: the mask was filled by pthread_sigmask; with SIG_SETMASK and a valid mask the call cannot fail.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(signal: libc::c_int) -> bool {
        // SAFETY: with a null new mask the call only reads the present one into `now`.
        unsafe {
            let mut now: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut now);
            libc::sigismember(&raw const now, signal) == 1
        }
    }

    #[test]
    fn a_thread_inherits_the_block_and_the_starter_gets_its_mask_back() {
        std::thread::spawn(|| {
            let before = block_all_signals().unwrap();
            let inner = std::thread::spawn(|| [libc::SIGUSR1, libc::SIGTERM, libc::SIGPIPE].map(blocked));
            before.restore();
            assert_eq!(inner.join().unwrap(), [true; 3]);
            assert!(!blocked(libc::SIGUSR1) && !blocked(libc::SIGSEGV));
        })
        .join()
        .unwrap();
    }
}
