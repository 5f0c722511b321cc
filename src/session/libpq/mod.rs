//! A session that the installed libpq carries: whatever that can do, from GSSAPI to OAuth, can be done here.
//!
//! It must never wait in a call of libpq's, and never let libpq print. libpq reads the environment, whatever it is told.

mod cancel;
mod connect;
mod connection;
mod copy;
mod notices;
/// cbindgen:ignore
mod numbers;
mod outcome;
mod parameters;
mod query;
mod refusal;

use std::os::fd::RawFd;

use tokio::io::Interest;

use super::answer::no_copy;
use super::{Fill, Readiness, Rows, Sent, Session, Unasked, Watch};
use crate::error::{Error, Result, Status};
use crate::sys::AsyncSocket;
use crate::wire::backend::tag;
use crate::wire::{CopyOut, Frame, ServerMessage, split};
pub use cancel::LibpqCanceller;
use connection::{Connection, Flushed};
use copy::{Inbox, More};

/// How often one `fill` reads from the socket before others have their turn.
const READS: u32 = 16;

/// libpq reads at least 8 KiB at a time, and a record of TLS or GSSAPI holds at most 16 KiB: so many reads empty it.
const READS_OF_A_RECORD: u32 = 3;

/// A connection to a server, through libpq.
pub struct LibpqSession {
    connection: Connection,
    /// `None` once libpq has closed its own.
    socket: Option<AsyncSocket>,
    inbox: Inbox,
    phase: Phase,
    input: Input,
    output: Output,
    place: Place,
    /// What the server said of a COPY that begins.
    announced: Option<CopyOut>,
}

/// What may be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The server waits for a query.
    Idle,
    /// A query is on its way; a dropped future leaves it so, and the answers could not be told apart any more.
    Busy,
    /// The bytes belong to `fill`.
    Copy,
    /// Good-bye is said: what still comes is the server's.
    Leaving,
}

/// What libpq may hold beside the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Input {
    /// Nobody has looked since something was read.
    Unknown,
    /// No whole message.
    Drained,
    /// The connection is gone; what came before is still to be had.
    Lost(Error),
}

/// What libpq has not sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Flushed,
    Queued,
}

/// What the server is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Network,
    Local,
}

impl LibpqSession {
    /// The process id of the server's backend, as pg_stat_activity shows it.
    pub fn backend_pid(&self) -> u32 {
        self.connection.backend_pid()
    }

    /// Whether a Unix socket carries it.
    pub fn is_local(&self) -> bool {
        self.place == Place::Local
    }

    /// What ends a query of this session from outside.
    pub fn canceller(&self) -> LibpqCanceller {
        LibpqCanceller::new(&self.connection)
    }

    /// Whether the next query's answer could be told apart.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// Lets nothing be asked any more: the next answer could be another's.
    pub(in crate::layers::session) fn abandon(&mut self) {
        self.phase = Phase::Busy;
    }

    /// What the server said while nothing was asked of it. libpq makes a notice of an error that comes so; the end that
    /// follows it is what shows.
    pub fn unasked(&mut self) -> Unasked {
        for _ in 0..READS_OF_A_RECORD {
            if self.socket.is_none() || matches!(self.input, Input::Lost(_)) {
                return Unasked::End;
            }
            match self.is_ready_now(Interest::READABLE) {
                Ok(true) => self.consume(),
                Ok(false) => return Unasked::Nothing,
                Err(_) => return Unasked::End,
            }
        }
        if self.connection.is_bad() { Unasked::End } else { Unasked::Nothing }
    }

    fn begin(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.phase, Phase::Busy) {
            Phase::Idle => Ok(()),
            other => {
                self.phase = other;
                let why = match other {
                    Phase::Copy => "the connection is in COPY",
                    Phase::Leaving => "good-bye was said",
                    Phase::Idle | Phase::Busy => "an earlier query was abandoned half-way",
                };
                Err(Error::new(Status::WAL_E_STATE, format!("no query can be sent: {why}"))
                    .with_hint("Open another connection."))
            }
        }
    }

    /// Reads what the socket has. libpq closes it when it finds that it is of no more use.
    fn consume(&mut self) {
        if !matches!(self.input, Input::Lost(_)) {
            self.input = if self.connection.consume() { Input::Unknown } else { Input::Lost(self.lost()) };
            self.look_after_socket();
        }
    }

    /// Lets what libpq has leave.
    fn flush(&mut self) -> Result<()> {
        loop {
            let flushed = self.connection.flush();
            self.look_after_socket();
            // libpq reads while it cannot write, so that the two sides do not wait for each other.
            if self.input == Input::Drained {
                self.input = Input::Unknown;
            }
            match flushed {
                Flushed::All => {
                    self.output = Output::Flushed;
                    return Ok(());
                }
                Flushed::Partly => {
                    self.output = Output::Queued;
                    if !self.is_ready_now(Interest::WRITABLE)? {
                        return Ok(());
                    }
                }
                Flushed::Failed => {
                    self.output = Output::Flushed;
                    // libpq says so only when it cannot read any more either.
                    self.input = Input::Lost(self.lost());
                    return Err(self.lost());
                }
            }
        }
    }

    fn look_after_socket(&mut self) {
        if self.connection.socket().is_none() {
            self.socket = None;
        }
    }

    /// libpq hides EAGAIN, so that the kernel is asked, and readiness cleared by what it says.
    fn is_ready_now(&self, interest: Interest) -> Result<bool> {
        match &self.socket {
            Some(socket) => socket.is_ready_now(interest).map_err(|error| {
                Error::os(Status::WAL_E_CONNECTION_LOST, "cannot watch the connection", &error)
            }),
            None => Ok(false),
        }
    }

    async fn ready(&self, interest: Interest) -> Result<tokio::io::Ready> {
        match &self.socket {
            Some(socket) => socket.ready(interest).await.map_err(|error| {
                Error::os(Status::WAL_E_CONNECTION_LOST, "cannot wait for the connection", &error)
            }),
            None => Ok(tokio::io::Ready::ALL),
        }
    }

    /// The connection broke while it was read or written.
    #[cold]
    fn lost(&self) -> Error {
        self.spoken(Status::WAL_E_CONNECTION_LOST)
            .with_hint("See the server's log: it was stopped, or the connection was cut on the way.")
    }

    /// libpq could make no sense of what was read.
    #[cold]
    fn garbled(&self) -> Error {
        self.spoken(Status::WAL_E_PROTOCOL).with_hint(
            "Check that host and port are those of a PostgreSQL server and that nothing alters its bytes.",
        )
    }

    /// Either.
    fn failure(&self) -> Error {
        match &self.input {
            Input::Lost(error) => error.clone(),
            _ => self.garbled(),
        }
    }

    /// What libpq says.
    fn spoken(&self, status: Status) -> Error {
        let said = self.connection.message();
        let (first, rest) = said.split_once('\n').unwrap_or((&said, ""));
        let first = if first.is_empty() { "the server closed the connection without a word" } else { first };
        Error::new(status, first).with_detail(rest.trim())
    }

    /// Asks the kernel, a little more thoroughly each time. False: there is nothing for now.
    fn ask(&mut self, asked: &mut Asked) -> Result<bool> {
        *asked = match *asked {
            Asked::Times(READS) => {
                // `input` stays unknown, so that `poll_io` does not wait.
                return Ok(false);
            }
            Asked::Times(0) => Asked::Times(1),
            Asked::Times(_) if !self.is_ready_now(Interest::READABLE)? => {
                // What is in a record that was read is not the kernel's any more, and wakes nobody.
                if !self.connection.is_encrypted() {
                    self.input = Input::Drained;
                    return Ok(false);
                }
                Asked::Record(1)
            }
            Asked::Times(times) => Asked::Times(times + 1),
            Asked::Record(READS_OF_A_RECORD) => {
                self.input = Input::Drained;
                return Ok(false);
            }
            Asked::Record(times) => Asked::Record(times + 1),
        };
        self.consume();
        Ok(true)
    }
}

/// How thoroughly the kernel was asked since the last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// So many times.
    Times(u32),
    /// It had nothing; what is left of a record was asked for, so many times.
    Record(u32),
}

impl Session for LibpqSession {
    async fn query(&mut self, sql: &str) -> Result<Rows> {
        self.begin()?;
        query::run(self, sql, query::Expect::Rows).await
    }

    async fn start_copy(&mut self, sql: &str) -> Result<()> {
        self.begin()?;
        self.inbox = Inbox::default();
        query::run(self, sql, query::Expect::CopyBoth).await.map(drop)
    }

    async fn start_copy_out(&mut self, sql: &str) -> Result<CopyOut> {
        self.begin()?;
        self.inbox = Inbox::default();
        query::run(self, sql, query::Expect::CopyOut).await?;
        self.announced.take().ok_or_else(no_copy)
    }

    fn end_copy(&mut self, _rest: &[u8]) -> Result<()> {
        // libpq keeps to itself what comes behind.
        self.connection.notices().keep_few();
        self.phase = Phase::Idle;
        Ok(())
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<Fill> {
        if buf.is_empty() {
            return Ok(Fill::WouldBlock);
        }
        let mut filled = 0;
        let mut asked = Asked::Times(0);
        loop {
            filled += self.inbox.give(buf.get_mut(filled..).unwrap_or_default());
            let more =
                if filled == buf.len() { More::Nothing } else { self.inbox.refill(&mut self.connection) };
            self.look_after_socket();
            match more {
                More::Something => asked = Asked::Times(0),
                // What is wrong, and what else the kernel has, is for the next call.
                _ if filled > 0 => return Ok(Fill::Bytes(filled)),
                More::Over => return Ok(Fill::Eof),
                More::Nothing | More::Failed => {
                    if let Input::Lost(error) = &self.input {
                        let left = self.phase == Phase::Leaving;
                        return if left { Ok(Fill::Eof) } else { Err(error.clone()) };
                    }
                    if more == More::Failed {
                        self.input = Input::Lost(self.garbled());
                    } else if !self.ask(&mut asked)? {
                        return Ok(Fill::WouldBlock);
                    }
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<Sent> {
        let mut rest = bytes;
        while let Frame::Complete { tag, body, total } = split(rest)? {
            let taken = match tag {
                tag::COPY_DATA => self.connection.put(body),
                tag::COPY_DONE => self.connection.put_end(),
                _ => {
                    return Err(Error::new(
                        Status::WAL_E_INTERNAL,
                        "libpq sends nothing but COPY's messages for others",
                    ));
                }
            };
            self.look_after_socket();
            if !taken {
                self.output = Output::Flushed;
                return Err(self.lost());
            }
            if tag == tag::COPY_DONE {
                self.inbox.ended_ours();
            }
            rest = rest.get(total..).unwrap_or_default();
        }
        self.flush()?;
        // libpq does not tell how much of it.
        Ok(if self.has_unsent() { Sent::Queued(bytes.len()) } else { Sent::All })
    }

    async fn poll_io(&mut self, want_read: bool) -> Result<Readiness> {
        loop {
            // Writing goes first: a stream that is always readable must not keep a status update back.
            if self.has_unsent() {
                self.flush()?;
                if !self.has_unsent() {
                    return Ok(Readiness::Flushed);
                }
            }
            if want_read && (!self.inbox.is_empty() || self.input != Input::Drained) {
                return Ok(Readiness::Readable);
            }
            match (want_read, self.has_unsent()) {
                (true, false) => return self.ready(Interest::READABLE).await.map(|_| Readiness::Readable),
                (true, true) => {
                    let either = Interest::READABLE | Interest::WRITABLE;
                    if !self.ready(either).await?.is_writable() {
                        return Ok(Readiness::Readable);
                    }
                }
                (false, true) => drop(self.ready(Interest::WRITABLE).await?),
                (false, false) => std::future::pending::<()>().await,
            }
        }
    }

    fn watch(&mut self, how: Watch) -> Result<()> {
        match (how, &mut self.socket) {
            (Watch::Off, Some(socket)) => socket.park(),
            (Watch::On, Some(socket)) => socket.unpark().map_err(|error| {
                Error::os(Status::WAL_E_CONNECTION_LOST, "cannot watch the connection", &error)
            })?,
            (_, None) => (),
        }
        Ok(())
    }

    fn has_unsent(&self) -> bool {
        self.output == Output::Queued
    }

    fn fd(&self) -> RawFd {
        self.connection.socket().unwrap_or(-1)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.connection.parameter(name)
    }

    fn server_version(&self) -> u32 {
        self.connection.server_version()
    }

    fn take_notices(&mut self) -> Vec<ServerMessage> {
        if self.phase == Phase::Copy { Vec::new() } else { self.connection.notices().take() }
    }

    /// Terminate, which libpq sends when it closes, would be overtaken by its close: so COPY is ended, and the server's
    /// answer to that is the end of file. Outside COPY nothing is on its way.
    fn say_goodbye(&mut self) -> Result<()> {
        let was = std::mem::replace(&mut self.phase, Phase::Leaving);
        if was != Phase::Copy || !self.inbox.is_open() {
            return Ok(());
        }
        if !self.connection.put_end() {
            self.look_after_socket();
            return Err(self.lost());
        }
        self.inbox.ended_ours();
        self.flush()
    }
}

impl std::fmt::Debug for LibpqSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LibpqSession")
            .field("connection", &self.connection)
            .field("backend_pid", &self.backend_pid())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
