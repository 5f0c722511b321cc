//! Knowing that this process is a forked child, for the price of one atomic load and no system call.
//!
//! A page with MADV_WIPEONFORK holds the process's generation; in a child it reads 0 until the child enters anew.
//! Nothing here may take a lock: a fork can happen while another thread holds it, and the child would wait for ever.

use std::io;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The page's first word. Null until the first `enter`; never unmapped after.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());

/// The last generation given out. In ordinary memory, so a child goes on counting where its parent was and its
/// generations differ from all of its ancestors'.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Remembers the process in which it was made. Handles hold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkGuard {
    generation: u64,
}

impl ForkGuard {
    /// The guard of the calling process; in a child it differs from any guard of the parent.
    pub fn enter() -> io::Result<Self> {
        let marker = match page() {
            Some(marker) => marker,
            None => map_page()?,
        };
        let present = marker.load(Ordering::Acquire);
        if present != 0 {
            return Ok(Self { generation: present });
        }
        let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let generation = match marker.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => new,
            Err(other) => other,
        };
        Ok(Self { generation })
    }

    /// Whether the process was forked since this guard was made, so that what it guards is the parent's.
    #[inline]
    pub fn is_forked_child(self) -> bool {
        page().is_none_or(|marker| marker.load(Ordering::Relaxed) != self.generation)
    }
}

/// A static that a forked child gets anew. The parent's value is leaked there: its locks may be held for ever and
/// its descriptors are shared.
pub struct PerProcess<T: 'static> {
    current: AtomicPtr<(ForkGuard, T)>,
    make: fn() -> T,
}

impl<T: Send + Sync + 'static> PerProcess<T> {
    /// One that makes its value when it is first asked for.
    pub const fn new(make: fn() -> T) -> Self {
        Self { current: AtomicPtr::new(std::ptr::null_mut()), make }
    }

    /// The value of the calling process.
    pub fn get(&'static self) -> io::Result<&'static T> {
        let guard = ForkGuard::enter()?;
        let mut seen = self.current.load(Ordering::Acquire);
        loop {
            // SAFETY: `current` is null or a leaked box that is never freed and never written to again.
            if let Some((owner, value)) = unsafe { seen.as_ref() }
                && *owner == guard
            {
                return Ok(value);
            }
            let new = Box::into_raw(Box::new((guard, (self.make)())));
            match self.current.compare_exchange(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: `new` was leaked just now and stays.
                Ok(_) => return Ok(unsafe { &(*new).1 }),
                Err(other) => {
                    // SAFETY: `new` was never shared.
                    drop(unsafe { Box::from_raw(new) });
                    seen = other;
                }
            }
        }
    }
}

#[inline]
fn page() -> Option<&'static AtomicU64> {
    // SAFETY: the pointer is null or the start of a mapping that is page-aligned, zeroed and never unmapped.
    unsafe { PAGE.load(Ordering::Acquire).as_ref() }
}

fn map_page() -> io::Result<&'static AtomicU64> {
    // SAFETY: maps fresh anonymous memory of its own, which is given away only once it is set up; a loser of the
    // race unmaps what nobody has seen.
    unsafe {
        let size = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let address = libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0);
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let wiped_by_kernel = libc::madvise(address, size, libc::MADV_WIPEONFORK) == 0;
        let new = address.cast::<AtomicU64>();
        if let Err(other) =
            PAGE.compare_exchange(std::ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire)
        {
            libc::munmap(address, size);
            return Ok(&*other);
        }
        if !wiped_by_kernel {
            // Kernels before 4.14 and some sandboxes: fork(3) calls this, a bare clone(2) does not.
            libc::pthread_atfork(None, None, Some(wipe));
        }
        Ok(&*new)
    }
}

extern "C" fn wipe() {
    if let Some(marker) = page() {
        marker.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static VALUE: PerProcess<AtomicU64> = PerProcess::new(|| AtomicU64::new(7));

    /// Runs `child` in a fork and gives its exit code.
    fn fork(child: impl FnOnce() -> i32) -> i32 {
        // SAFETY: the child only runs code without locks or allocation that matters, and leaves by _exit.
        unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::_exit(child());
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
            libc::WEXITSTATUS(status)
        }
    }

    #[test]
    fn a_child_sees_the_parents_guard_as_foreign_and_gets_its_own() {
        let guard = ForkGuard::enter().unwrap();
        assert!(!guard.is_forked_child());
        assert_eq!(ForkGuard::enter().unwrap(), guard);
        VALUE.get().unwrap().store(8, Ordering::Relaxed);
        let code = fork(|| {
            if !guard.is_forked_child() {
                return 1;
            }
            let Ok(own) = ForkGuard::enter() else { return 2 };
            if own.is_forked_child() || !guard.is_forked_child() || own == guard {
                return 3;
            }
            if VALUE.get().map(|v| v.load(Ordering::Relaxed)).unwrap_or(0) != 7 {
                return 4;
            }
            // A grandchild differs from both.
            fork(|| match ForkGuard::enter() {
                Ok(g) if guard.is_forked_child() && own.is_forked_child() && !g.is_forked_child() => 0,
                _ => 5,
            })
        });
        assert_eq!(code, 0);
        assert!(!guard.is_forked_child(), "the parent goes on");
        assert_eq!(VALUE.get().unwrap().load(Ordering::Relaxed), 8);
    }
}
