//! One socket with what was read too far and what could not be written yet.
//!
//! It must never tear a message, lose a byte when a future is dropped, or hold more than one incomplete message.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::RawFd;

use tokio::io::{Interest, Ready};

use super::super::{Fill, Readiness, Sent, Watch};
use super::Unasked;
use crate::error::{Error, Result, Status};
use crate::sys::AsyncSocket;
use crate::wire::backend::tag;
use crate::wire::frame::{self, Frame};

/// What one read takes while messages are looked at here; so much at most is left over for `fill`.
const READ: usize = 8 << 10;

/// A message outside COPY, copied out.
pub(super) struct Message {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

/// The socket and its two buffers.
pub(super) struct Transport {
    socket: AsyncSocket,
    /// Read from the socket and not yet given to anybody.
    inbox: Buffer,
    /// Given to `send` and not yet taken by the socket.
    outbox: Buffer,
}

/// Bytes that are taken from the front.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Transport {
    pub(super) fn new(socket: AsyncSocket) -> Self {
        Self { socket, inbox: Buffer::default(), outbox: Buffer::default() }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.socket.fd()
    }

    /// As `Session::watch`. Bytes in the inbox count as readable whatever the socket does.
    pub(super) fn watch(&mut self, how: Watch) -> Result<()> {
        match how {
            Watch::Off => self.socket.park(),
            Watch::On => self.socket.unpark().map_err(|error| lost("watch", &error))?,
        }
        Ok(())
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.outbox.left().is_empty()
    }

    pub(super) async fn readable(&self) -> Result<()> {
        if !self.inbox.left().is_empty() {
            return Ok(());
        }
        self.ready(Interest::READABLE).await.map(drop)
    }

    pub(super) fn fill(&mut self, buf: &mut [u8]) -> Result<Fill> {
        if buf.is_empty() {
            return Ok(Fill::WouldBlock);
        }
        let left = self.inbox.left();
        if left.is_empty() {
            return self.receive(buf);
        }
        let count = left.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.inbox.take(count);
        Ok(Fill::Bytes(count))
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<Sent> {
        self.outbox.push(bytes);
        self.write()?;
        match self.outbox.left().len() {
            0 => Ok(Sent::All),
            left => Ok(Sent::Queued(left)),
        }
    }

    pub(super) async fn flush(&mut self) -> Result<()> {
        while self.has_unsent() {
            self.poll_io(false).await?;
        }
        Ok(())
    }

    pub(super) async fn poll_io(&mut self, want_read: bool) -> Result<Readiness> {
        loop {
            match (want_read, self.has_unsent()) {
                (true, false) => return self.readable().await.map(|()| Readiness::Readable),
                (true, true) if !self.inbox.left().is_empty() => return Ok(Readiness::Readable),
                (true, true) => {
                    let either = Interest::READABLE | Interest::WRITABLE;
                    // Writing goes first: a stream that is always readable must not keep a status update back.
                    if !self.ready(either).await?.is_writable() {
                        return Ok(Readiness::Readable);
                    }
                }
                (false, true) => drop(self.ready(Interest::WRITABLE).await?),
                (false, false) => std::future::pending::<()>().await,
            }
            // Nothing is awaited from here on, so a dropped future loses nothing.
            self.write()?;
            if !self.has_unsent() {
                return Ok(Readiness::Flushed);
            }
        }
    }

    /// The next message; for start-up and queries. Cancel-safe: bytes stay in the inbox until they are a message.
    pub(super) async fn message(&mut self, limit: usize) -> Result<Message> {
        loop {
            match frame::split_limited(self.inbox.left(), limit)? {
                Frame::Complete { tag, body, total } => {
                    let body = body.to_vec();
                    self.inbox.take(total);
                    return Ok(Message { tag, body });
                }
                Frame::Incomplete { .. } => self.receive_some().await?,
            }
        }
    }

    /// Tells the server that no more will come. What it still has to say is not waited for.
    pub(super) fn shut_down(&self) {
        let _ = self.socket.socket().shutdown(Shutdown::Write);
    }

    /// Looks at what has come without taking it.
    pub(super) fn unasked(&self) -> Unasked {
        let first = match self.inbox.left().first() {
            Some(first) => Ok(Some(*first)),
            None => self.socket.peek(),
        };
        match first {
            Ok(None | Some(tag::ERROR_RESPONSE)) => Unasked::End,
            Ok(Some(_)) => Unasked::Nothing,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Unasked::Nothing,
            Err(_) => Unasked::End,
        }
    }

    /// Waits until the server closes.
    pub(super) async fn closed(&mut self) -> Result<()> {
        let mut buf = [0; 64];
        loop {
            match self.receive(&mut buf)? {
                Fill::Bytes(_) => (),
                Fill::WouldBlock => drop(self.ready(Interest::READABLE).await?),
                Fill::Eof => return Ok(()),
            }
        }
    }

    async fn receive_some(&mut self) -> Result<()> {
        let mut buf = [0; READ];
        loop {
            match self.receive(&mut buf)? {
                Fill::Bytes(count) => {
                    self.inbox.push(buf.get(..count).unwrap_or_default());
                    return Ok(());
                }
                Fill::WouldBlock => drop(self.ready(Interest::READABLE).await?),
                Fill::Eof => return Err(ended()),
            }
        }
    }

    fn receive(&self, buf: &mut [u8]) -> Result<Fill> {
        match self.socket.recv(buf) {
            Ok(0) => Ok(Fill::Eof),
            Ok(count) => Ok(Fill::Bytes(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Fill::WouldBlock),
            Err(error) => Err(lost("read from", &error)),
        }
    }

    /// Writes what the socket takes now.
    fn write(&mut self) -> Result<()> {
        while self.has_unsent() {
            match self.socket.send(self.outbox.left()) {
                Ok(count) => self.outbox.take(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.outbox = Buffer::default();
                    return Err(lost("write to", &error));
                }
            }
        }
        Ok(())
    }

    async fn ready(&self, interest: Interest) -> Result<Ready> {
        self.socket.ready(interest).await.map_err(|error| lost("wait for", &error))
    }
}

impl Buffer {
    fn left(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// What was taken is dropped first, so that the buffer is never longer than what is left in it.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Room that is empty is used again from the start; one that grew for once is given back.
    fn take(&mut self, count: usize) {
        self.taken += count;
        if self.taken >= self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(READ);
            self.taken = 0;
        }
    }
}

#[cold]
fn lost(doing: &str, error: &io::Error) -> Error {
    Error::os(Status::WAL_E_CONNECTION_LOST, format!("cannot {doing} the connection"), error)
        .with_hint("See the server's log; the network between may have cut the connection.")
}

#[cold]
pub(super) fn ended() -> Error {
    Error::new(Status::WAL_E_CONNECTION_LOST, "the server closed the connection without a word")
        .with_hint("See the server's log: it was stopped, or the connection was cut on the way.")
}
