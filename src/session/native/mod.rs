//! A session over a TCP or Unix socket that speaks the protocol itself.
//!
//! It must never block its thread, never raise SIGPIPE and never let a server make it hold more than a bounded amount
//! of memory.

mod buffer;
mod cancel;
mod connect;
mod dial;
mod negotiate;
mod query;
mod startup;
mod target;
#[cfg_attr(not(feature = "rustls"), path = "no_tls.rs")]
mod tls;
mod transport;

use std::os::fd::RawFd;
use std::sync::Arc;

use super::answer::no_copy;
use super::{Fill, Readiness, Rows, Sent, Session, Unasked, Watch, version_number};
use crate::conninfo::Host;
use crate::error::{Error, Result, Status};
use crate::wire::{CopyOut, ServerMessage, frontend};
pub use cancel::Canceller;
use dial::Address;
use startup::Greeting;
#[cfg(all(feature = "internals", feature = "rustls"))]
pub use tls::examine as examine_certificates;
use transport::Transport;

/// A connection to a server.
pub struct NativeSession {
    transport: Transport,
    greeting: Greeting,
    phase: Phase,
    address: Address,
    host: Arc<Host>,
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
}

impl NativeSession {
    /// The process id of the server's backend, as pg_stat_activity shows it.
    pub fn backend_pid(&self) -> u32 {
        self.greeting.backend_pid
    }

    /// What ends a query of this session from outside.
    pub fn canceller(&self) -> Canceller {
        Canceller::new(self.address.clone(), Arc::clone(&self.host), self.transport.way(), &self.greeting)
    }

    /// Whether the next query's answer could be told apart.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// Lets nothing be asked any more: the next answer could be another's.
    pub(in crate::layers::session) fn abandon(&mut self) {
        self.phase = Phase::Busy;
    }

    /// What the server said while nothing was asked of it: nothing, as long as it is there.
    pub fn unasked(&mut self) -> Unasked {
        self.transport.unasked()
    }

    /// Whether a Unix socket carries it.
    pub fn is_local(&self) -> bool {
        matches!(self.address, Address::Unix(_))
    }

    fn begin(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.phase, Phase::Busy) {
            Phase::Idle => Ok(()),
            other => {
                self.phase = other;
                let why = match other {
                    Phase::Copy => "the connection is in COPY",
                    Phase::Idle | Phase::Busy => "an earlier query was abandoned half-way",
                };
                Err(Error::new(Status::WAL_E_STATE, format!("no query can be sent: {why}"))
                    .with_hint("Open another connection."))
            }
        }
    }
}

impl Session for NativeSession {
    async fn query(&mut self, sql: &str) -> Result<Rows> {
        self.begin()?;
        query::run(&mut self.transport, &mut self.greeting, sql, query::Expect::Rows)
            .await
            .into_result(&mut self.phase)
    }

    async fn start_copy(&mut self, sql: &str) -> Result<()> {
        self.begin()?;
        let end = query::run(&mut self.transport, &mut self.greeting, sql, query::Expect::CopyBoth).await;
        end.into_result(&mut self.phase).map(drop)
    }

    async fn start_copy_out(&mut self, sql: &str) -> Result<CopyOut> {
        self.begin()?;
        match query::run(&mut self.transport, &mut self.greeting, sql, query::Expect::CopyOut).await {
            query::End::CopyOut(announced) => {
                self.phase = Phase::Copy;
                Ok(announced)
            }
            end => end.into_result(&mut self.phase).and_then(|_| Err(no_copy())),
        }
    }

    fn end_copy(&mut self, rest: &[u8]) -> Result<()> {
        self.transport.put_back(rest)?;
        self.phase = Phase::Idle;
        Ok(())
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<Fill> {
        self.transport.fill(buf)
    }

    fn is_drained(&self) -> bool {
        self.transport.is_drained()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<Sent> {
        self.transport.send(bytes)
    }

    async fn poll_io(&mut self, want_read: bool) -> Result<Readiness> {
        self.transport.poll_io(want_read).await
    }

    fn watch(&mut self, how: Watch) -> Result<()> {
        self.transport.watch(how)
    }

    fn has_unsent(&self) -> bool {
        self.transport.has_unsent()
    }

    fn fd(&self) -> RawFd {
        self.transport.fd()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.greeting.parameters.get(name)
    }

    fn server_version(&self) -> u32 {
        self.parameter("server_version").map_or(0, version_number)
    }

    fn take_notices(&mut self) -> Vec<ServerMessage> {
        self.greeting.take_notices()
    }

    fn say_goodbye(&mut self) -> Result<()> {
        let mut bye = Vec::new();
        if self.phase == Phase::Copy {
            frontend::copy_done(&mut bye);
        }
        frontend::terminate(&mut bye);
        self.transport.send(&bye)?;
        self.transport.close_tls();
        // What is still queued could not leave any more after this.
        if !self.transport.has_unsent() {
            self.transport.shut_down();
        }
        Ok(())
    }
}

impl std::fmt::Debug for NativeSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeSession")
            .field("fd", &self.transport.fd())
            .field("backend_pid", &self.greeting.backend_pid)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests;
