//! A decoder without a connection, for a Rust program.

use super::batch::{Batch, Held};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::pgoutput::Feeder;

/// A decoder of pgoutput's messages that has no connection: for messages from `pg_logical_slot_peek_binary_changes()`, from
/// a file, or from a connection of the program's own.
///
/// ```
/// use pgwalstream::{Decoder, EventKind, Lsn};
///
/// let mut decoder = Decoder::new();
/// // pg_logical_emit_message(false, 'hi', 'there')
/// let message = b"M\x00\x00\x00\x00\x00\x01\x6b\x37\x48hi\x00\x00\x00\x00\x05there";
/// decoder.feed(Lsn(0x16B_3748), message)?;
/// let batch = decoder.next_batch().expect("a message is an event");
/// let event = batch.get(0).expect("of which there is one");
/// assert_eq!(event.kind(), EventKind::Message);
/// assert_eq!(event.message().expect("it is one").content, b"there");
/// # Ok::<(), pgwalstream::Error>(())
/// ```
#[derive(Debug)]
pub struct Decoder(Feeder);

/// The longest message: what a CopyData message can hold.
const MOST: usize = 1 << 30;

impl Decoder {
    /// A decoder that knows no relation yet, with batches of the usual size.
    pub fn new() -> Self {
        let (events, bytes) = crate::options::Options::new().batch_bounds();
        Self::with_batches(events, bytes)
    }

    /// The same, with batches of at most so many events and, but for single longer messages, bytes.
    pub fn with_batches(events: usize, bytes: usize) -> Self {
        Self(Feeder::new(events.max(16), bytes.max(4096)))
    }

    /// Decodes one message, which starts at `lsn`. Messages come in the order in which the server sent them, each whole, from
    /// the beginning of a session. A message that is refused changes nothing.
    pub fn feed(&mut self, lsn: Lsn, message: &[u8]) -> Result<()> {
        if message.len() > MOST {
            let what = format!("a message of {} bytes: PostgreSQL's are shorter than 1 GiB", message.len());
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, what));
        }
        self.0.feed(lsn.0, message)
    }

    /// A batch of what was decoded, the oldest first. `None`: feed more.
    pub fn next_batch(&mut self) -> Option<Batch> {
        Some(Batch::rest(Held::new(self.0.next_batch()?, None), 0))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
