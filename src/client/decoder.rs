//! A decoder without a connection, for a Rust program.

use super::batch::{Batch, Held};
use super::options::Options;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::stream::assemble_options;
use crate::transaction::Feeder;

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
        let (events, bytes) = crate::options::USUAL_BATCH;
        Self::with_batches(events, bytes)
    }

    /// The same, with batches of at most so many events and, but for single longer messages, bytes.
    pub fn with_batches(events: usize, bytes: usize) -> Self {
        Self(Feeder::new(events.max(16), bytes.max(4096)))
    }

    /// One that keeps the blocks of streamed transactions until these end, and gives what a server would have sent that streams
    /// nothing. Of the options only `batch_events`, `batch_bytes`, and what [`Options`] has for
    /// [`Streaming::Assembled`](crate::Streaming::Assembled) count.
    ///
    /// A transaction that ended is decoded as [`try_next_batch`](Self::try_next_batch) asks for it; what is left of it when the
    /// next message is fed is decoded then, and waits in memory.
    pub fn assembling(options: &Options) -> Result<Self> {
        let options = options.clone().streaming(crate::Streaming::Assembled);
        let options = options.set_options()?;
        let (events, bytes) = options.batch_bounds()?;
        Ok(Self(Feeder::assembling(events, bytes, assemble_options(&options.replay_config()?))))
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

    /// A batch of what was decoded, the oldest first. `None`: feed more. Of a decoder that assembles, ask
    /// [`try_next_batch`](Self::try_next_batch), which tells why a transaction has no more.
    pub fn next_batch(&mut self) -> Option<Batch> {
        self.try_next_batch().ok().flatten()
    }

    /// The same. An error is that of a transaction which was kept and cannot be given: the decoder is of no further use.
    pub fn try_next_batch(&mut self) -> Result<Option<Batch>> {
        Ok(self.0.next_batch()?.map(|batch| Batch::rest(Held::new(batch, None), 0)))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
