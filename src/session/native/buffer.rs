//! Bytes on their way between a socket and its user.
//!
//! It must never be longer than what is left in it by more than one message.

use zeroize::Zeroize;

use super::transport::READ;
use crate::error::{Error, Result};

/// Bytes that are taken from the front.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Buffer {
    /// What is in it.
    pub(super) fn left(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// What was taken is dropped first, so that the buffer is never longer than what is left in it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes
            .try_reserve(bytes.len())
            .map_err(|_| Error::no_memory("what was received", self.bytes.len() + bytes.len()))?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Forgets all, without a trace.
    pub(super) fn wipe(&mut self) {
        self.bytes.zeroize();
        self.taken = 0;
    }

    /// Room that is empty is used again from the start; one that grew for once is given back.
    pub(super) fn take(&mut self, count: usize) {
        self.taken += count;
        if self.taken >= self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(READ);
            self.taken = 0;
        }
    }
}

#[cfg(feature = "rustls")]
pub(super) use with_tls::Put;

#[cfg(feature = "rustls")]
mod with_tls {
    use super::Buffer;

    /// What a sealed status update fits into.
    const SMALL: usize = 256;

    /// What became of an attempt to put something into a buffer.
    pub(in crate::layers::session::native) enum Put {
        /// So many bytes were written.
        Done(usize),
        /// Nothing was: it takes so many.
        Needs(usize),
        /// Nothing was, and nothing will be.
        Never,
    }

    impl Buffer {
        /// Lets `write` put something behind what is there; whether it did.
        pub(in crate::layers::session::native) fn append(
            &mut self,
            mut write: impl FnMut(&mut [u8]) -> Put,
        ) -> bool {
            let before = self.bytes.len();
            let mut room = SMALL;
            loop {
                self.bytes.resize(before + room, 0);
                let put = write(self.bytes.get_mut(before..).unwrap_or_default());
                let written = if let Put::Done(count) = put { count } else { 0 };
                self.bytes.truncate(before + written);
                match put {
                    Put::Done(_) => return true,
                    Put::Needs(size) if size > room => room = size,
                    Put::Needs(_) | Put::Never => return false,
                }
            }
        }
    }
}
