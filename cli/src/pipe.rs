//! What somebody reads: stdout, a FIFO. A reader may be slow, or read no more: it must never keep the command from hearing signals.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::trouble::Trouble;

/// A place to write to whose reader is waited for on a thread of its own.
pub struct Pipe {
    to: Arc<Mutex<Box<dyn Write + Send>>>,
    name: String,
}

impl Pipe {
    pub fn new(to: Box<dyn Write + Send>, name: String) -> Self {
        Self { to: Arc::new(Mutex::new(to)), name }
    }

    pub fn stdout() -> Self {
        Self::new(Box::new(io::stdout()), "stdout".to_owned())
    }

    /// Writes all of it. What was given up may have been written in part: then write no more.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), Trouble> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (to, bytes) = (Arc::clone(&self.to), bytes.to_vec());
        let written = aside(move || {
            let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
            to.write_all(&bytes).and_then(|()| to.flush())
        });
        written.await.map_err(|error| Trouble::writing(&self.name, &error))
    }
}

/// Does on another thread what may wait for a reader.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
