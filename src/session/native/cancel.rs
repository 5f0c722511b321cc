//! A request to cancel: a connection of its own that shows the key of another one.
//!
//! It must never be taken for more than a request: only the other connection tells what came of it. And it must never
//! show the key without TLS where that connection has TLS.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::dial::{self, Address};
use super::negotiate::{self, Begun, Way};
use super::startup::Greeting;
use super::transport::Transport;
use crate::conninfo::{Conninfo, Host};
use crate::error::{Error, Result, Status};
use crate::session::progress::Progress;
use crate::wire::frontend;

/// What ends a query of a session from outside.
#[derive(Clone)]
pub struct Canceller {
    address: Address,
    host: Arc<Host>,
    way: Way,
    backend_pid: u32,
    key: Zeroizing<Vec<u8>>,
}

impl Canceller {
    /// `way` is how the session itself began.
    pub(super) fn new(address: Address, host: Arc<Host>, way: Way, greeting: &Greeting) -> Self {
        Self { address, host, way, backend_pid: greeting.backend_pid, key: greeting.cancel_key.clone() }
    }

    /// The process id of the server's backend.
    pub fn backend_pid(&self) -> u32 {
        self.backend_pid
    }

    /// Asks the server to end what the session is doing, and waits until the server has passed that on: it closes
    /// the connection then, and says nothing. A request that arrives before the query does has no effect.
    pub async fn send(&self, conninfo: &Conninfo) -> Result<()> {
        let mut bytes = Vec::new();
        frontend::cancel(&mut bytes, self.backend_pid, &self.key)?;
        let socket = dial::reach(&self.address, conninfo).await;
        let failed = |error| Error::os(Status::WAL_E_CONNECT, "cannot send a request to cancel", &error);
        let mut transport = Transport::new(socket.map_err(failed)?);
        if self.way == Way::Tls {
            let (host, progress) = (&self.host, Progress::default());
            match negotiate::encrypt(&mut transport, conninfo.tls(), host, &self.address, &progress).await? {
                Begun::Tls => (),
                Begun::Plain => return Err(bare()),
            }
        }
        transport.send(&bytes)?;
        transport.flush().await?;
        transport.closed().await
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").field("backend_pid", &self.backend_pid).finish_non_exhaustive()
    }
}

#[cold]
fn bare() -> Error {
    Error::new(Status::WAL_E_TLS, "cannot send a request to cancel: the server has no TLS any more")
        .with_hint("Was ssl switched off on the server since the session began?")
}
