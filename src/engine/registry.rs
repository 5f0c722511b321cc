//! The streams of the process, for who wants to see them all. It must never keep one alive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::shared::Shared;
use crate::error::{Error, Result, Status};
use crate::statistics::Counters;
use crate::sys::PerProcess;

static STREAMS: PerProcess<Mutex<Vec<Weak<Shared>>>> = PerProcess::new(|| Mutex::new(Vec::new()));

/// A number that no other stream of the process has.
pub fn next_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Enters a stream.
pub fn add(stream: &Arc<Shared>) -> Result<()> {
    streams()?.push(Arc::downgrade(stream));
    Ok(())
}

/// Takes a stream out. Its owner calls this while it still holds the stream, so that nobody here ever holds the last
/// reference.
pub fn remove(stream: &Arc<Shared>) {
    if let Ok(mut streams) = streams() {
        streams.retain(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(stream)));
    }
}

/// Each stream's slot and counters, in the order in which the streams were made.
pub fn counters() -> Result<Vec<(String, Counters)>> {
    let streams = streams()?;
    let alive = streams.iter().filter_map(Weak::upgrade);
    Ok(alive.map(|stream| (stream.config.slot.clone(), stream.counters())).collect())
}

fn streams() -> Result<MutexGuard<'static, Vec<Weak<Shared>>>> {
    let streams =
        STREAMS.get().map_err(|error| Error::os(Status::WAL_E_SYSTEM, "cannot map a page", &error))?;
    Ok(streams.lock().unwrap_or_else(PoisonError::into_inner))
}
