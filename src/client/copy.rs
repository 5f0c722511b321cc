//! The rows of a COPY, for a Rust program. It must never leave the connection to a COPY that nobody reads: the next command
//! ends it.

use std::sync::{Arc, Mutex, PoisonError};

use super::connection::Connection;
use crate::engine::Next;
use crate::error::Result;
use crate::wire::{CopiedRows, CopyRead};

/// How the rows of a COPY are read, which must be how the statement has them written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyFormat {
    /// COPY's text format: the values as text, escapes undone.
    Text,
    /// COPY's binary format: the values in the binary forms of their types.
    Binary,
    /// Each row undivided, as one value with the newline behind it: CSV, or text with a DELIMITER of its own.
    Lines,
}

/// A `COPY … TO STDOUT` whose rows are being read: [`Connection::copy_out`].
///
/// Dropped before its end it is cancelled by the connection's next command; [`close`](Self::close) does at once.
#[derive(Debug)]
pub struct CopyOut<'a> {
    connection: &'a mut Connection,
    number: u64,
    /// Rows that came for a future which was dropped before it could give them: the next one does.
    came: Arc<Mutex<Option<CopyRows>>>,
}

/// Rows of a COPY: plain memory.
#[derive(Clone, Debug)]
pub struct CopyRows(CopiedRows);

impl<'a> CopyOut<'a> {
    pub(super) fn new(connection: &'a mut Connection, number: u64) -> Self {
        Self { connection, number, came: Arc::default() }
    }

    /// The next rows: all that are there, up to 256 KiB, at least one; `None` behind the last. Nothing is read from the server
    /// before it is asked for. An error of the server comes behind the rows before it, and leaves the connection of use.
    ///
    /// Cancel-safe.
    pub async fn next_batch(&mut self) -> Result<Option<CopyRows>> {
        let (number, came) = (self.number, Arc::clone(&self.came));
        let more = self.connection.go_on(move |connection| {
            // One call at a time is here, so that what a dropped future left is there by now.
            let mut came = came.lock().unwrap_or_else(PoisonError::into_inner);
            if came.is_some() {
                return Ok(Next::Ready(()));
            }
            Ok(match connection.copy_next(number, None)? {
                Next::Ready(rows) => {
                    *came = Some(CopyRows(rows));
                    Next::Ready(())
                }
                Next::Ended => Next::Ready(()),
                Next::TimedOut => Next::TimedOut,
                Next::Interrupted => Next::Interrupted,
            })
        });
        more.await?;
        // Nothing is awaited any more: who is polled to here gets it.
        Ok(self.came.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    /// Ends it: where rows are left the server is asked to cancel it.
    pub async fn close(self) -> Result<()> {
        self.connection.end_copy().await
    }
}

impl CopyRows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.count()
    }

    /// Whether there is none. A COPY gives no such batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many columns each has.
    pub fn columns(&self) -> usize {
        self.0.columns()
    }

    /// A value, by row and column from 0; `None` is NULL, and where there is none.
    pub fn get(&self, row: usize, column: usize) -> Option<&[u8]> {
        self.0.value(row, column)
    }
}

impl From<CopyFormat> for CopyRead {
    fn from(format: CopyFormat) -> Self {
        match format {
            CopyFormat::Text => Self::Text,
            CopyFormat::Binary => Self::Binary,
            CopyFormat::Lines => Self::Pieces,
        }
    }
}
