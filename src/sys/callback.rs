//! Which of the program's own functions the calling thread is inside.
//!
//! It must never cost more than one look at the thread's own memory: every call of the C API asks.

use std::cell::Cell;

thread_local! {
    static INSIDE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs one of them; `who` names it for errors.
pub fn within_callback<T>(who: &'static str, work: impl FnOnce() -> T) -> T {
    /// However the work ends.
    struct Before(Option<&'static str>);
    impl Drop for Before {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }
    let _before = Before(INSIDE.replace(Some(who)));
    work()
}

/// The one that the thread is inside.
#[inline]
pub fn inside_callback() -> Option<&'static str> {
    INSIDE.get()
}
