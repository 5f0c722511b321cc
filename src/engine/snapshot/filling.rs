//! The bytes of one COPY into batches of rows: where the next read goes, which frames are whole, when a batch is handed over.
//!
//! As with changes, a chunk is written only behind what events point at, and the incomplete tail moves to the next chunk.

use std::sync::atomic::Ordering::Relaxed;

use super::job::{Job, Work};
use crate::batch::Batch;
use crate::error::{Error, Result, Status};
use crate::session::{AnySession, Session};
use crate::snapshot::{RowReader, Took};
use crate::statistics::Counts;
use crate::wire::backend::tag;
use crate::wire::{Frame, ServerMessage, classify, split};

/// What is no row is never longer.
const WORDS: usize = 1 << 20;

/// The batch that is being filled.
pub(super) struct Filling<'a> {
    job: &'a Job,
    reader: RowReader,
    batch: Option<Box<Batch>>,
    /// How much of its chunk is decoded.
    decoded: usize,
    /// How long the frame is that begins there, as far as is known.
    need: usize,
    /// The server's error, until it waits for the next command.
    failed: Option<Error>,
    ended: Ended,
    /// Whether a small batch is enough, as far as is known.
    is_little: bool,
}

/// What the server said of the end of a COPY. All of it must come: nothing else tells that no row was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ended {
    #[default]
    Not,
    /// The rows ended.
    Rows,
    /// And there are as many as the server counted.
    Counted,
}

/// How far a COPY is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// More comes.
    Open,
    /// The server waits for the next command.
    Over,
}

/// How the bytes at hand were used.
enum Decoded {
    /// All that is whole is decoded.
    All,
    /// The batch has no room.
    Full,
    Over,
}

impl<'a> Filling<'a> {
    pub(super) fn new(job: &'a Job, reader: RowReader, work: &Work) -> Self {
        let is_little = work.item.blocks <= 1;
        Self { job, reader, batch: None, decoded: 0, need: 0, failed: None, ended: Ended::Not, is_little }
    }

    /// Where the next bytes go. Never empty.
    pub(super) fn room(&mut self) -> Result<&mut [u8]> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => {
                self.decoded = 0;
                match self.is_little {
                    true => self.job.take_small_batch()?,
                    false => self.job.take_batch(0)?,
                }
            }
        };
        Ok(self.batch.insert(batch).chunk.tail_mut())
    }

    /// Whether rows wait that nobody was given.
    pub(super) fn has_rows(&self) -> bool {
        self.batch.as_ref().is_some_and(|batch| !batch.arrays.events().is_empty())
    }

    /// `n` bytes came into the room. Decodes what is whole.
    pub(super) fn received(&mut self, n: usize, session: &mut AnySession, work: &mut Work) -> Result<Stage> {
        let counts = &self.job.shared.counts;
        Counts::add(&counts.bytes_received, n as u64);
        Counts::add(&counts.reads, 1);
        self.job.shared.snapshot.bytes.fetch_add(n as u64, Relaxed);
        if let Some(batch) = &mut self.batch {
            batch.chunk.advance(n);
        }
        loop {
            match self.decode(session)? {
                Decoded::Full => self.seal(work)?,
                Decoded::All => break,
                Decoded::Over => {
                    return self.failed.take().map_or(Ok(Stage::Over), Err);
                }
            }
        }
        let Some(batch) = &self.batch else { return Ok(Stage::Open) };
        let begun = batch.chunk.filled().len() - self.decoded;
        if self.need.max(begun + 1) > batch.chunk.capacity() - self.decoded {
            self.seal(work)?;
        }
        Ok(Stage::Open)
    }

    fn decode(&mut self, session: &mut AnySession) -> Result<Decoded> {
        let Some(batch) = &mut self.batch else { return Ok(Decoded::All) };
        let Batch { chunk, arrays, .. } = batch.as_mut();
        let mut rest = chunk.filled().get(self.decoded..).unwrap_or_default();
        loop {
            let (tag, body, total) = match split(rest)? {
                Frame::Incomplete { need } => {
                    self.need = need.unwrap_or(0);
                    if self.need > WORDS && rest.first() != Some(&tag::COPY_DATA) {
                        return Err(unexpected("a message that is too long"));
                    }
                    return Ok(Decoded::All);
                }
                Frame::Complete { tag, body, total } => (tag, body, total),
            };
            match tag {
                tag::COPY_DATA if self.failed.is_some() => {}
                tag::COPY_DATA if self.ended != Ended::Not => return Err(unexpected("a row behind the end")),
                tag::COPY_DATA => {
                    // SAFETY: the body lies in the batch's own chunk, whose filled part stays as it is.
                    match unsafe { self.reader.take(body, arrays) }? {
                        Took::Done => {}
                        Took::Full => return arrays.full_though_empty().map(|()| Decoded::Full),
                    }
                }
                tag::COPY_DONE if self.failed.is_none() => {
                    self.reader.end()?;
                    self.ended = Ended::Rows;
                }
                tag::COMMAND_COMPLETE if self.ended == Ended::Rows => {
                    self.reader.counted(rows_of(body))?;
                    self.ended = Ended::Counted;
                }
                tag::ERROR_RESPONSE => {
                    let message = ServerMessage::parse(body)?;
                    let ends = message.ends_connection();
                    let error = classify::into_error(message, "COPY");
                    if ends {
                        return Err(error);
                    }
                    self.failed.get_or_insert(error);
                }
                tag::READY_FOR_QUERY if self.failed.is_none() && self.ended != Ended::Counted => {
                    return Err(unexpected("no end"));
                }
                tag::READY_FOR_QUERY => {
                    self.decoded += total;
                    session.end_copy(rest.get(total..).unwrap_or_default())?;
                    return Ok(Decoded::Over);
                }
                tag::COPY_DONE
                | tag::COMMAND_COMPLETE
                | tag::NOTICE_RESPONSE
                | tag::PARAMETER_STATUS
                | tag::NOTIFICATION_RESPONSE => {}
                _ => return Err(unexpected("a message that is none of COPY's")),
            }
            self.decoded += total;
            rest = rest.get(total..).unwrap_or_default();
        }
    }

    /// Hands over what is decoded, and goes on in another chunk with the rest.
    pub(super) fn seal(&mut self, work: &mut Work) -> Result<()> {
        let Some(mut batch) = self.batch.take() else { return Ok(()) };
        let rest = batch.chunk.filled().get(self.decoded..).unwrap_or_default();
        let moved = rest.len();
        let mut next = match moved {
            0 => Ok(None),
            _ => self.job.take_batch(self.need.max(moved + 1)).map(Some),
        };
        if let Ok(Some(next)) = &mut next {
            next.chunk.append(rest);
        }
        batch.chunk.retreat(moved);
        self.decoded = 0;
        // There is more than was thought.
        self.is_little &= self.ended != Ended::Not;
        let events = batch.arrays.events().len();
        if events == 0 {
            self.job.shared.discard(batch);
        } else {
            work.delivered = self.reader.rows();
            self.job.shared.snapshot.rows.fetch_add(events as u64, Relaxed);
            self.job.push(batch, events);
            self.job.shared.signal();
        }
        self.batch = next?;
        Ok(())
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.job.shared.discard(batch);
        }
    }
}

/// The number in "COPY n".
fn rows_of(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body.strip_suffix(b"\0")?).ok()?;
    text.strip_prefix("COPY ")?.parse().ok()
}

fn unexpected(what: &str) -> Error {
    Error::new(Status::WAL_E_PROTOCOL, format!("the server sent {what} in the middle of a COPY"))
}

#[cfg(test)]
mod tests {
    use super::rows_of;

    #[test]
    fn the_server_says_how_many_rows_there_are() {
        assert_eq!(rows_of(b"COPY 12\0"), Some(12));
        for bad in [&b"COPY 12"[..], b"COPY \0", b"COPY -1\0", b"SELECT 1\0", b"\0", b""] {
            assert_eq!(rows_of(bad), None, "{bad:?}");
        }
    }
}
