//! One socket with what was read too far and what could not be written yet.
//!
//! It must never tear a message, lose a byte when a future is dropped, or hold more than one incomplete message.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::RawFd;

use tokio::io::{Interest, Ready};

use super::super::{Fill, Readiness, Sent, Turns, Watch};
use super::Unasked;
use super::buffer::Buffer;
use super::negotiate::Way;
use super::tls::{Setup, Shown, Tls};
use crate::error::{Error, Result, Status};
use crate::sys::{AsyncSocket, Left};
use crate::wire::backend::tag;
use crate::wire::frame::{self, HEADER};
use crate::wire::{Channel, ServerMessage};

/// What one read takes while messages are looked at here; so much at most is left over for `fill`.
pub(super) const READ: usize = 8 << 10;

/// A message outside COPY, copied out.
pub(super) struct Message {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
    /// How long the body was.
    pub(super) length: usize,
    pub(super) extent: Extent,
}

/// Whether a body is all that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// It was too long: this is its beginning.
    Beginning,
}

impl Message {
    /// The words of an error or a notice.
    pub(super) fn words(&self) -> Result<ServerMessage> {
        match self.extent {
            Extent::Whole => ServerMessage::parse(&self.body),
            Extent::Beginning => Ok(ServerMessage::parse_beginning(&self.body)),
        }
    }
}

/// How long a message may be, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// A longer one is refused.
    Whole(usize),
    /// Of a longer one the beginning is kept.
    Beginning(usize),
    /// Of a longer one nothing is kept.
    Nothing(usize),
}

/// The socket and its two buffers.
pub(super) struct Transport {
    socket: AsyncSocket,
    /// Read from the socket and not yet given to anybody.
    inbox: Buffer,
    /// Given to `send` and not yet taken by the socket.
    outbox: Buffer,
    carrier: Carrier,
    turns: Turns,
    /// What is still to come of a message of which only the beginning is wanted.
    unwanted: usize,
}

/// What carries the messages.
enum Carrier {
    /// The socket itself.
    Plain,
    /// TLS on it. Both buffers are between it and the socket's user: opened bytes in, sealed bytes out.
    Tls(Box<Tls>),
}

impl Transport {
    pub(super) fn new(socket: AsyncSocket) -> Self {
        Self {
            socket,
            inbox: Buffer::default(),
            outbox: Buffer::default(),
            carrier: Carrier::Plain,
            turns: Turns::default(),
            unwanted: 0,
        }
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

    /// Wipes what was sent, where nothing waits to be.
    pub(super) fn wipe_sent(&mut self) {
        if !self.has_unsent() {
            self.outbox.wipe();
        }
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
            return self.receive_into(buf);
        }
        let count = left.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.inbox.take(count);
        Ok(Fill::Bytes(count))
    }

    /// What was given by `fill` and not wanted comes first again.
    pub(super) fn put_back(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let behind = self.inbox.left().to_vec();
        self.inbox.take(behind.len());
        self.inbox.push(bytes)?;
        self.inbox.push(&behind)
    }

    /// As `Session::is_drained`.
    pub(super) fn is_drained(&self) -> bool {
        let is_open = match &self.carrier {
            Carrier::Plain => true,
            // Why it ended is still to be told.
            Carrier::Tls(tls) => tls.is_open(),
        };
        is_open && self.inbox.left().is_empty() && self.socket.left() == Left::Nothing
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<Sent> {
        match &mut self.carrier {
            Carrier::Plain => self.outbox.push(bytes)?,
            Carrier::Tls(tls) => tls.seal(bytes, &mut self.outbox)?,
        }
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
    pub(super) async fn message(&mut self, limit: impl Fn(u8) -> Limit) -> Result<Message> {
        loop {
            self.turns.give_way().await;
            self.pass_over();
            let Some((tag, length)) = frame::head(self.inbox.left())?.filter(|_| self.unwanted == 0) else {
                self.receive_some().await?;
                continue;
            };
            let (wanted, extent) = match limit(tag) {
                Limit::Whole(most) if length > most => return Err(frame::too_long(tag, length, most)),
                Limit::Beginning(most) if length > most => (most, Extent::Beginning),
                Limit::Nothing(most) if length > most => (0, Extent::Beginning),
                Limit::Whole(_) | Limit::Beginning(_) | Limit::Nothing(_) => (length, Extent::Whole),
            };
            let Some(body) = self.inbox.left().get(HEADER..HEADER + wanted) else {
                self.receive_some().await?;
                continue;
            };
            let body = copied(body)?;
            self.inbox.take(HEADER + wanted);
            self.unwanted = length - wanted;
            return Ok(Message { tag, body, length, extent });
        }
    }

    /// Drops what has come of what nobody wants.
    fn pass_over(&mut self) {
        let count = self.unwanted.min(self.inbox.left().len());
        self.inbox.take(count);
        self.unwanted -= count;
    }

    /// Puts TLS on the socket and goes through its handshake.
    pub(super) async fn start_tls(&mut self, setup: Setup) -> Result<()> {
        let mut tls = Tls::new(setup)?;
        tls.begin(&mut self.outbox)?;
        let is_handshaking = |carrier: &Carrier| matches!(carrier, Carrier::Tls(tls) if tls.is_handshaking());
        self.carrier = Carrier::Tls(Box::new(tls));
        self.flush().await?;
        while is_handshaking(&self.carrier) {
            match self.receive_to_inbox() {
                // What the server says in the same breath as the end of the handshake is in the inbox.
                Ok(Fill::Bytes(_)) => (),
                Ok(Fill::WouldBlock) if is_handshaking(&self.carrier) && !self.has_unsent() => {
                    self.ready(Interest::READABLE).await?;
                }
                Ok(Fill::WouldBlock) => (),
                Ok(Fill::Eof) => return Err(ended()),
                Err(error) => {
                    // The server may want to know why.
                    let _ = self.write();
                    return Err(error);
                }
            }
            self.flush().await?;
            self.turns.give_way().await;
        }
        Ok(())
    }

    /// The one byte that answers a request to negotiate. Nothing may come behind it: what did would be taken for
    /// something said under TLS (CVE-2021-23222).
    pub(super) async fn answer(&mut self) -> Result<u8> {
        self.receive_some().await?;
        match self.inbox.left() {
            [answer @ (b'S' | b'N')] => {
                let answer = *answer;
                self.inbox.take(1);
                Ok(answer)
            }
            // Words, or nonsense: the connection is of no more use.
            [other, ..] if !matches!(other, b'S' | b'N') => Ok(*other),
            _ => Err(Error::new(
                Status::WAL_E_PROTOCOL,
                "the server sent bytes without encryption behind its answer to the request for TLS",
            )
            .with_hint("Check host and port; this may be an attack from in between.")),
        }
    }

    /// How the connection began.
    pub(super) fn way(&self) -> Way {
        match self.carrier {
            Carrier::Plain => Way::Plain,
            Carrier::Tls(_) => Way::Tls,
        }
    }

    /// What authentication can be tied to.
    pub(super) fn channel(&self) -> Channel {
        match &self.carrier {
            Carrier::Plain => Channel::Plain,
            Carrier::Tls(tls) => Channel::Tls(tls.end_point()),
        }
    }

    /// What became of the client's certificate.
    pub(super) fn certificate_shown(&self) -> Shown {
        match &self.carrier {
            Carrier::Plain => Shown::NotAsked,
            Carrier::Tls(tls) => tls.shown(),
        }
    }

    /// Whether the server agreed on PostgreSQL's protocol inside TLS; `None`: it did not say.
    pub(super) fn agreed(&self) -> Option<bool> {
        match &self.carrier {
            Carrier::Plain => None,
            Carrier::Tls(tls) => tls.agreed(),
        }
    }

    /// Says that no more will come under TLS, as far as that goes without waiting.
    pub(super) fn close_tls(&mut self) {
        if let Carrier::Tls(tls) = &mut self.carrier
            && tls.close(&mut self.outbox).is_ok()
        {
            let _ = self.write();
        }
    }

    /// Tells the server that no more will come. What it still has to say is not waited for.
    pub(super) fn shut_down(&self) {
        let _ = self.socket.socket().shutdown(Shutdown::Write);
    }

    /// What the server said while nothing was asked of it. It stays in the inbox, where the next query finds it.
    pub(super) fn unasked(&mut self) -> Unasked {
        if self.inbox.left().is_empty() && matches!(self.receive_to_inbox(), Ok(Fill::Eof) | Err(_)) {
            return Unasked::End;
        }
        match self.inbox.left().first() {
            Some(&tag::ERROR_RESPONSE) => Unasked::End,
            _ => Unasked::Nothing,
        }
    }

    /// Waits until the server closes.
    pub(super) async fn closed(&mut self) -> Result<()> {
        let mut buf = [0; 64];
        loop {
            self.turns.give_way().await;
            match self.receive_into(&mut buf)? {
                Fill::Bytes(_) => self.inbox = Buffer::default(),
                Fill::WouldBlock => drop(self.ready(Interest::READABLE).await?),
                Fill::Eof => return Ok(()),
            }
        }
    }

    /// Waits for more in the inbox.
    async fn receive_some(&mut self) -> Result<()> {
        loop {
            self.turns.give_way().await;
            match self.receive_to_inbox()? {
                Fill::Bytes(_) => return Ok(()),
                Fill::WouldBlock => drop(self.ready(Interest::READABLE).await?),
                Fill::Eof => return Err(ended()),
            }
        }
    }

    fn receive_to_inbox(&mut self) -> Result<Fill> {
        match &mut self.carrier {
            Carrier::Plain => {
                let mut buf = [0; READ];
                let received = receive(&mut self.socket, &mut buf)?;
                if let Fill::Bytes(count) = received {
                    self.inbox.push(buf.get(..count).unwrap_or_default())?;
                }
                Ok(received)
            }
            Carrier::Tls(tls) => {
                let (inbox, mut pushed) = (&mut self.inbox, Ok(()));
                let received = tls.receive(&mut self.socket, READ, &mut self.outbox, |bytes| {
                    pushed = std::mem::replace(&mut pushed, Ok(())).and_then(|()| inbox.push(bytes));
                });
                self.answer_soon(pushed.and(received))
            }
        }
    }

    /// The inbox is empty. What does not fit into `buf` of what TLS had in one record goes there.
    fn receive_into(&mut self, buf: &mut [u8]) -> Result<Fill> {
        match &mut self.carrier {
            Carrier::Plain => receive(&mut self.socket, buf),
            Carrier::Tls(tls) => {
                let (room, mut filled, inbox, mut pushed) = (buf.len(), 0, &mut self.inbox, Ok(()));
                let received = tls.receive(&mut self.socket, room, &mut self.outbox, |bytes| {
                    let (now, later) = bytes.split_at_checked(room - filled).unwrap_or((bytes, &[]));
                    if let Some(to) = buf.get_mut(filled..filled + now.len()) {
                        to.copy_from_slice(now);
                        filled += now.len();
                    }
                    if !later.is_empty() {
                        pushed = std::mem::replace(&mut pushed, Ok(())).and_then(|()| inbox.push(later));
                    }
                });
                self.answer_soon(pushed.and(received)).map(|received| match received {
                    Fill::Bytes(_) => Fill::Bytes(filled),
                    other => other,
                })
            }
        }
    }

    /// Reading may have given TLS something to say. A failed write shows with the next one.
    fn answer_soon(&mut self, received: Result<Fill>) -> Result<Fill> {
        if self.has_unsent() {
            let _ = self.write();
        }
        received
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

/// A body of its own.
fn copied(body: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(body.len()).map_err(|_| Error::no_memory("a message", body.len()))?;
    copy.extend_from_slice(body);
    Ok(copy)
}

fn receive(socket: &mut AsyncSocket, buf: &mut [u8]) -> Result<Fill> {
    match socket.recv(buf) {
        Ok(0) => Ok(Fill::Eof),
        Ok(count) => Ok(Fill::Bytes(count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Fill::WouldBlock),
        Err(error) => Err(lost("read from", &error)),
    }
}

#[cold]
pub(super) fn lost(doing: &str, error: &io::Error) -> Error {
    Error::os(Status::WAL_E_CONNECTION_LOST, format!("cannot {doing} the connection"), error)
        .with_hint("See the server's log; the network between may have cut the connection.")
}

#[cold]
pub(super) fn ended() -> Error {
    Error::new(Status::WAL_E_CONNECTION_LOST, "the server closed the connection without a word")
        .with_hint("See the server's log: it was stopped, or the connection was cut on the way.")
}
