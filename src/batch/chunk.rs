//! A buffer that the network fills and events point into.
//!
//! What was filled never moves and is never written again until the chunk is reset, so that views of it stay good
//! while more comes in behind them. That promise is what the raw memory here is for.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use crate::error::{Error, Result, Status};

/// A heap buffer with a filled front and a free tail.
#[derive(Debug)]
pub struct Chunk {
    base: NonNull<u8>,
    capacity: usize,
    filled: usize,
}

// SAFETY: the chunk owns its memory alone; nothing in it is tied to a thread.
unsafe impl Send for Chunk {}
// SAFETY: through `&Chunk` the filled part can only be read.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// A chunk of `capacity` bytes, at least 1. The memory is zeroed lazily by the system: a large chunk costs only
    /// what is written into it, so that a length that lies costs nothing.
    pub fn new(capacity: usize) -> Result<Self> {
        let no_memory =
            || Error::new(Status::WAL_E_NO_MEMORY, format!("no memory for a message of {capacity} bytes"));
        let layout = Layout::array::<u8>(capacity.max(1)).map_err(|_| no_memory())?;
        // SAFETY: the layout's size is at least 1.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).ok_or_else(no_memory)?;
        Ok(Self { base, capacity: layout.size(), filled: 0 })
    }

    /// The bytes that came so far. They stay where they are until `reset`.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        // SAFETY: `filled <= capacity`, the memory is initialised and only `tail_mut` writes, beyond `filled`.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.filled) }
    }

    /// Where the next bytes go.
    #[inline]
    pub fn tail_mut(&mut self) -> &mut [u8] {
        // SAFETY: `filled <= capacity`, the memory is initialised, and this part overlaps no view of the filled part.
        unsafe {
            std::slice::from_raw_parts_mut(self.base.as_ptr().add(self.filled), self.capacity - self.filled)
        }
    }

    /// Moves the first `n` bytes of the tail to the filled part; at most what the tail holds.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.filled += n.min(self.capacity - self.filled);
    }

    /// Gives up the last `n` filled bytes: those of an incomplete message that moved to another chunk.
    #[inline]
    pub fn retreat(&mut self, n: usize) {
        self.filled -= n.min(self.filled);
    }

    /// Appends bytes; what does not fit is left out and the number taken is returned.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let tail = self.tail_mut();
        let n = tail.len().min(bytes.len());
        if let (Some(to), Some(from)) = (tail.get_mut(..n), bytes.get(..n)) {
            to.copy_from_slice(from);
        }
        self.advance(n);
        n
    }

    /// Appends bytes if all of them fit. False: nothing was changed.
    pub fn append_whole(&mut self, bytes: &[u8]) -> bool {
        bytes.len() <= self.capacity - self.filled && self.append(bytes) == bytes.len()
    }

    /// Forgets what was filled. No view of it may be left: the batch that owns the chunk clears its arrays first.
    pub fn reset(&mut self) {
        self.filled = 0;
    }

    /// The size of the buffer.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::array::<u8>(self.capacity) {
            // SAFETY: allocated in `new` with this very layout.
            unsafe { dealloc(self.base.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_stays_while_more_comes() {
        let mut chunk = Chunk::new(8).unwrap();
        assert_eq!(chunk.append(b"abc"), 3);
        let first = chunk.filled().as_ptr();
        assert_eq!(chunk.append(b"defghijk"), 5);
        assert_eq!((chunk.filled(), chunk.filled().as_ptr()), (&b"abcdefgh"[..], first));
        chunk.retreat(2);
        assert_eq!(chunk.filled(), b"abcdef");
        assert_eq!(chunk.tail_mut().len(), 2);
    }

    #[test]
    fn absurd_sizes_are_an_error() {
        assert_eq!(Chunk::new(usize::MAX).unwrap_err().status(), Status::WAL_E_NO_MEMORY);
    }
}
