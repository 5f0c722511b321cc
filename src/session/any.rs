//! Either backend behind one type, so that what stands above need not know which is there.
//!
//! It must never do anything of its own.

use std::os::fd::RawFd;
use std::time::Instant;

#[cfg(feature = "libpq")]
use super::LibpqSession;
#[cfg(feature = "libpq")]
use super::libpq::LibpqCanceller;
use super::{
    Canceller, Fill, NativeSession, Readiness, Rows, Sent, Session, StartupSettings, Unasked, Watch,
    credentials,
};
use crate::conninfo::Conninfo;
use crate::error::Result;
use crate::options::Backend;
use crate::wire::{CopyOut, ServerMessage};

/// A session of either backend.
#[derive(Debug)]
pub enum AnySession {
    /// This library's own.
    Native(NativeSession),
    /// libpq's.
    #[cfg(feature = "libpq")]
    Libpq(LibpqSession),
}

/// What ends a query of either from outside.
#[derive(Clone, Debug)]
pub enum AnyCanceller {
    /// This library's own.
    Native(Canceller),
    /// libpq's.
    #[cfg(feature = "libpq")]
    Libpq(LibpqCanceller),
}

/// The same expression for whichever it is.
macro_rules! either {
    ($self:ident, $session:ident => $work:expr) => {
        match $self {
            Self::Native($session) => $work,
            #[cfg(feature = "libpq")]
            Self::Libpq($session) => $work,
        }
    };
}

impl AnySession {
    /// Connects through a backend, which is built in: `Config` has seen to that.
    pub async fn connect(
        backend: Backend,
        conninfo: &Conninfo,
        settings: &StartupSettings,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let conninfo = &*credentials::current(conninfo, deadline).await?;
        match backend {
            Backend::Rustls => NativeSession::connect(conninfo, settings, deadline).await.map(Self::Native),
            #[cfg(feature = "libpq")]
            // On the heap: it is large, and lies within futures of futures.
            Backend::Libpq => {
                Box::pin(LibpqSession::connect(conninfo, settings, deadline)).await.map(Self::Libpq)
            }
        }
    }

    /// Which it is.
    pub fn backend(&self) -> Backend {
        match self {
            Self::Native(_) => Backend::Rustls,
            #[cfg(feature = "libpq")]
            Self::Libpq(_) => Backend::Libpq,
        }
    }

    /// What ends a query of this session from outside.
    pub fn canceller(&self) -> AnyCanceller {
        match self {
            Self::Native(session) => AnyCanceller::Native(session.canceller()),
            #[cfg(feature = "libpq")]
            Self::Libpq(session) => AnyCanceller::Libpq(session.canceller()),
        }
    }

    /// Whether the next query's answer could be told apart.
    pub fn is_idle(&self) -> bool {
        either!(self, session => session.is_idle())
    }

    /// Lets nothing be asked any more: the next answer could be another's.
    pub fn abandon(&mut self) {
        either!(self, session => session.abandon());
    }

    /// What the server said while nothing was asked of it: nothing, as long as it is there.
    pub fn unasked(&mut self) -> Unasked {
        either!(self, session => session.unasked())
    }

    /// The process id of the server's backend, as pg_stat_activity shows it.
    pub fn backend_pid(&self) -> u32 {
        either!(self, session => session.backend_pid())
    }

    /// Whether a Unix socket carries it.
    pub fn is_local(&self) -> bool {
        either!(self, session => session.is_local())
    }
}

impl AnyCanceller {
    /// Asks the server to end what the session is doing, and waits until the server has passed that on. A request that
    /// arrives before the query does has no effect.
    pub async fn send(&self, conninfo: &Conninfo) -> Result<()> {
        match self {
            Self::Native(canceller) => canceller.send(conninfo).await,
            #[cfg(feature = "libpq")]
            Self::Libpq(canceller) => canceller.send().await,
        }
    }
}

impl Session for AnySession {
    async fn query(&mut self, sql: &str) -> Result<Rows> {
        either!(self, session => session.query(sql).await)
    }

    async fn start_copy(&mut self, sql: &str) -> Result<()> {
        either!(self, session => session.start_copy(sql).await)
    }

    async fn start_copy_out(&mut self, sql: &str) -> Result<CopyOut> {
        either!(self, session => session.start_copy_out(sql).await)
    }

    fn end_copy(&mut self, rest: &[u8]) -> Result<()> {
        either!(self, session => session.end_copy(rest))
    }

    #[inline]
    fn fill(&mut self, buf: &mut [u8]) -> Result<Fill> {
        either!(self, session => session.fill(buf))
    }

    #[inline]
    fn is_drained(&self) -> bool {
        either!(self, session => session.is_drained())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<Sent> {
        either!(self, session => session.send(bytes))
    }

    async fn poll_io(&mut self, want_read: bool) -> Result<Readiness> {
        either!(self, session => session.poll_io(want_read).await)
    }

    fn watch(&mut self, how: Watch) -> Result<()> {
        either!(self, session => session.watch(how))
    }

    fn has_unsent(&self) -> bool {
        either!(self, session => session.has_unsent())
    }

    fn fd(&self) -> RawFd {
        either!(self, session => session.fd())
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        either!(self, session => session.parameter(name))
    }

    fn server_version(&self) -> u32 {
        either!(self, session => session.server_version())
    }

    fn take_notices(&mut self) -> Vec<ServerMessage> {
        either!(self, session => session.take_notices())
    }

    fn say_goodbye(&mut self) -> Result<()> {
        either!(self, session => session.say_goodbye())
    }
}
