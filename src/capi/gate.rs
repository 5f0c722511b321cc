//! The gate of a handle: who may be inside it, in which process, and what it answers after a panic.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::engine::{guard, process};
use crate::error::{Error, Result, Status};
use crate::sys::{ForkGuard, inside_callback};

/// What every handle that does I/O has.
#[derive(Debug)]
pub(super) struct Gate {
    process: ForkGuard,
    /// What the handle is, for errors.
    what: &'static str,
    /// Whether a thread is inside with exclusive access.
    busy: AtomicBool,
    /// How many threads are inside at all: freeing waits for them.
    inside: AtomicU32,
    /// What every call answers after a panic.
    panicked: AtomicBool,
    panic: Mutex<Option<Error>>,
}

impl Gate {
    /// The gate of a handle of this process.
    pub(super) fn new(what: &'static str) -> Result<Self> {
        not_from_a_callback(what)?;
        Ok(Self {
            process: process()?,
            what,
            busy: AtomicBool::new(false),
            inside: AtomicU32::new(0),
            panicked: AtomicBool::new(false),
            panic: Mutex::new(None),
        })
    }

    /// Whether the handle is the parent's.
    pub(super) fn is_forked_child(&self) -> bool {
        self.process.is_forked_child()
    }

    /// Runs what needs the handle alone.
    pub(super) fn exclusive(&self, work: impl FnOnce() -> Result<Status>) -> Result<Status> {
        let _inside = self.enter()?;
        if self.busy.swap(true, Ordering::Acquire) {
            return Err(Error::new(Status::WAL_E_BUSY, format!("another call is inside this {}", self.what)));
        }
        let outcome = guard(work);
        self.busy.store(false, Ordering::Release);
        self.settle(outcome)
    }

    /// Runs what any number of threads may do at once.
    pub(super) fn shared(&self, work: impl FnOnce() -> Result<Status>) -> Result<Status> {
        let _inside = self.enter()?;
        let outcome = guard(work);
        self.settle(outcome)
    }

    /// Waits until nobody is inside.
    pub(super) fn drain(&self) {
        while self.inside.load(Ordering::Acquire) > 0 {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn enter(&self) -> Result<Inside<'_>> {
        let what = self.what;
        if self.process.is_forked_child() {
            return Err(Error::new(
                Status::WAL_E_FORKED,
                format!("the {what} belongs to the process that this one was forked from"),
            )
            .with_hint(format!(
                "Open a {what} of its own in the child; wal_{what}_free closes the child's copies of the descriptors."
            )));
        }
        not_from_a_callback(what)?;
        self.inside.fetch_add(1, Ordering::Acquire);
        let inside = Inside(self);
        if self.panicked.load(Ordering::Acquire) {
            let kept = self.panic.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return Err(kept.unwrap_or_else(|| Error::new(Status::WAL_E_PANIC, "an earlier call panicked")));
        }
        Ok(inside)
    }

    /// Remembers a panic.
    fn settle(&self, outcome: Result<Result<Status>>) -> Result<Status> {
        // A panic of the engine's thread comes as an error of the call.
        let panic = match outcome {
            Err(error) => error,
            Ok(Err(error)) if error.status() == Status::WAL_E_PANIC => error,
            Ok(other) => return other,
        };
        *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic.clone());
        self.panicked.store(true, Ordering::Release);
        Err(panic)
    }
}

/// What logs, or gives a password, is not to call what waits for it.
fn not_from_a_callback(what: &str) -> Result<()> {
    let Some(who) = inside_callback() else { return Ok(()) };
    Err(Error::new(Status::WAL_E_BUSY, format!("a {who} callback called back into a {what}"))
        .with_hint("Do in another thread what is to be done."))
}

/// A thread inside a handle.
struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Release);
    }
}
