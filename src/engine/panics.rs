//! Panics inside the library: their message is kept for the error, and nothing is printed to a C program's stderr.
//!
//! It must never touch the hook of a Rust program, which has one standard library with us: only the C API, whose
//! shared library or archive has one of its own, keeps panics silent.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Once;

use crate::error::{Error, Status};

thread_local! {
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work`, for a C program, with panics kept silent and turned into an error.
pub fn guard<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    // One look-up of the thread's own memory, for this is part of every call.
    INSIDE.with(|inside| {
        let before = inside.get();
        if before == 0 {
            quiet();
        }
        inside.set(before + 1);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        inside.set(before);
        done.map_err(|payload| error(&*payload))
    })
}

/// All of the calling thread's life is the library's.
pub fn mark_thread() {
    INSIDE.set(1);
}

/// The error of a caught panic.
pub fn error(payload: &(dyn Any + Send)) -> Error {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned());
    let place = PLACE.take();
    Error::new(Status::WAL_E_PANIC, format!("the library panicked: {text}"))
        .with_detail(place)
        .with_hint("This is a defect: please report it with this message.")
}

/// The default hook writes to stderr even when the panic is caught; ours passes on only what is not the library's.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if INSIDE.get() == 0 {
                previous(info);
            } else {
                let place = info.location().map(|at| format!("at {at}")).unwrap_or_default();
                PLACE.set(place);
            }
        }));
    });
}
