//! A request to cancel through libpq, which waits for the network: so a helper thread makes it.
//!
//! It must never be taken for more than a request: only the other connection tells what came of it. libpq sends it
//! without TLS, whatever the session has.

use std::ffi::{CStr, c_char};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use libpq_sys as pq;

use super::connection::Connection;
use crate::error::{Error, Result, Status};
use crate::session::helper::{self, Kind};
use crate::session::progress::Progress;

/// What libpq says of a failure is no longer than this (libpq documentation, PQcancel).
const MESSAGE: usize = 256;

/// What ends a query of a session from outside.
#[derive(Clone)]
pub struct LibpqCanceller {
    /// `None`: there was no memory, or there is no connection any more.
    key: Option<Arc<Key>>,
}

/// libpq's copy of what a request needs.
struct Key(NonNull<pq::PGcancel>);

// SAFETY: it is never written to after it was made, and libpq's documentation allows any thread to use and to free it.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}

impl LibpqCanceller {
    pub(super) fn new(connection: &Connection) -> Self {
        // SAFETY: a live connection, of which fields are copied; what comes back is freed by `Key`.
        let key = NonNull::new(unsafe { pq::PQgetCancel(connection.raw().as_ptr()) });
        Self { key: key.map(|key| Arc::new(Key(key))) }
    }

    /// Asks the server to end what the session is doing, and waits until the server has passed that on: it closes the
    /// connection then. A request that arrives before the query does has no effect.
    pub async fn send(&self) -> Result<()> {
        let Some(key) = self.key.clone() else {
            return Err(failed("there is no connection"));
        };
        helper::run(Kind::Cancel, &Progress::default(), move || key.send()).await?
    }
}

impl Key {
    fn send(&self) -> Result<()> {
        let mut message: [c_char; MESSAGE] = [0; MESSAGE];
        let length = i32::try_from(MESSAGE).unwrap_or(0);
        // SAFETY: what PQgetCancel gave, and a buffer that is writable for its length.
        if unsafe { pq::PQcancel(self.0.as_ptr(), message.as_mut_ptr(), length) } == 1 {
            return Ok(());
        }
        // SAFETY: zeroed, and libpq leaves a terminating NUL in it.
        let said = unsafe { CStr::from_ptr(message.as_ptr()) };
        Err(failed(said.to_string_lossy().trim_end()))
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: what PQgetCancel gave, freed once.
        unsafe { pq::PQfreeCancel(self.0.as_ptr()) };
    }
}

impl fmt::Debug for LibpqCanceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibpqCanceller").finish_non_exhaustive()
    }
}

#[cold]
fn failed(why: &str) -> Error {
    Error::new(Status::WAL_E_CONNECT, format!("cannot send a request to cancel: {why}"))
}
