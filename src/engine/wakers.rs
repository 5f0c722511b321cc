//! The futures that wait for a stream. Waking costs one load while there is none, and must never be done under a lock:
//! a waker is the program's code.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use smallvec::SmallVec;

/// The wakers of those who found nothing.
#[derive(Debug, Default)]
pub struct Wakers {
    some: AtomicBool,
    list: Mutex<SmallVec<[Waker; 2]>>,
}

impl Wakers {
    /// Remembers a waker until the next `wake`. Whoever registers looks again after: what came before did not wake it.
    pub fn register(&self, waker: &Waker) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if !list.iter().any(|known| known.will_wake(waker)) {
            list.push(waker.clone());
        }
        self.some.store(true, Ordering::SeqCst);
    }

    /// Wakes all. What it tells of changed before, under a lock that those who registered take to look.
    #[inline]
    pub fn wake(&self) {
        if self.some.load(Ordering::SeqCst) {
            self.wake_list();
        }
    }

    #[cold]
    fn wake_list(&self) {
        let list = {
            let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            self.some.store(false, Ordering::SeqCst);
            std::mem::take(&mut *list)
        };
        list.into_iter().for_each(Waker::wake);
    }
}
