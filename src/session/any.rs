//! Either backend behind one type, so that what stands above need not know which is there.
//!
//! It must never do anything of its own.

use std::os::fd::RawFd;
use std::time::Instant;

#[cfg(feature = "libpq")]
use super::LibpqSession;
use super::{Fill, NativeSession, Readiness, Rows, Sent, Session, StartupSettings, Watch};
use crate::conninfo::Conninfo;
use crate::error::Result;
use crate::options::Backend;
use crate::wire::ServerMessage;

/// A session of either backend.
#[derive(Debug)]
pub enum AnySession {
    /// This library's own.
    Native(NativeSession),
    /// libpq's.
    #[cfg(feature = "libpq")]
    Libpq(LibpqSession),
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
        match backend {
            Backend::Rustls => NativeSession::connect(conninfo, settings, deadline).await.map(Self::Native),
            #[cfg(feature = "libpq")]
            Backend::Libpq => LibpqSession::connect(conninfo, settings, deadline).await.map(Self::Libpq),
        }
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

impl Session for AnySession {
    async fn query(&mut self, sql: &str) -> Result<Rows> {
        either!(self, session => session.query(sql).await)
    }

    async fn start_copy(&mut self, sql: &str) -> Result<()> {
        either!(self, session => session.start_copy(sql).await)
    }

    #[inline]
    fn fill(&mut self, buf: &mut [u8]) -> Result<Fill> {
        either!(self, session => session.fill(buf))
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
