//! Which way a connection begins: with TLS or without, and what is tried when the server refuses (libpq,
//! `select_next_encryption_method`).
//!
//! It must never do without TLS where `sslmode` asks for it, and never read what a server says before TLS that is not
//! the one byte it may say.

use std::net::IpAddr;

use super::dial::Address;
use super::tls;
use super::transport::Transport;
use crate::conninfo::{Endpoint, Host, SslMode, SslNegotiation, Tls};
use crate::error::{Error, Result, Status};
use crate::session::helper::{self, Kind};
use crate::session::progress::{Progress, Wait};
use crate::wire::{frame, frontend};

/// A way to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Plain,
    Tls,
}

/// What came of the request for TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// It is on.
    Tls,
    /// The server has none, and the same connection goes on without.
    Plain,
}

/// The ways in the order in which they are tried. A Unix socket needs no TLS, whatever `sslmode` says.
pub(super) fn ways(mode: SslMode, address: &Address) -> &'static [Way] {
    let built = cfg!(feature = "rustls");
    match (address, mode) {
        (Address::Unix(_), _) | (_, SslMode::Disable) => &[Way::Plain],
        (_, SslMode::Allow | SslMode::Prefer) if !built => &[Way::Plain],
        (_, SslMode::Allow) => &[Way::Plain, Way::Tls],
        (_, SslMode::Prefer) => &[Way::Tls, Way::Plain],
        (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => &[Way::Tls],
    }
}

/// Asks for TLS and puts it on.
pub(super) async fn encrypt(
    transport: &mut Transport,
    settings: &Tls,
    host: &Host,
    address: &Address,
    progress: &Progress,
) -> Result<Begun> {
    progress.wait_for(Wait::Tls);
    if settings.negotiation == SslNegotiation::Postgres && !ask(transport).await? {
        return match settings.mode {
            SslMode::Prefer => Ok(Begun::Plain),
            _ => {
                Err(Error::new(Status::WAL_E_TLS, "the server does not support TLS, and sslmode requires it")
                    .with_hint(
                        "Set ssl=on on the server, or use sslmode=prefer where the network is trusted.",
                    ))
            }
        };
    }
    let name = match host.endpoint() {
        Endpoint::Host(name) | Endpoint::Address { name: Some(name), .. } => name.clone(),
        Endpoint::Address { name: None, .. } | Endpoint::Socket(_) => String::new(),
    };
    let peer = match address {
        Address::Tcp(at) => at.ip(),
        Address::Unix(_) => IpAddr::from([127, 0, 0, 1]),
    };
    let settings_of_task = settings.clone();
    let load = move || tls::load(&settings_of_task, &name, peer);
    let setup = helper::run(Kind::Files, progress, load).await??;
    progress.wait_for(Wait::Tls);
    transport.start_tls(setup).await?;
    match (transport.agreed(), settings.negotiation) {
        (Some(false), _) => Err(not_postgres("the server wants to speak another protocol inside TLS")),
        (None, SslNegotiation::Direct) => {
            Err(not_postgres("the server did not say that it speaks PostgreSQL's protocol inside TLS"))
        }
        _ => Ok(Begun::Tls),
    }
}

/// Whether the server is ready for TLS.
async fn ask(transport: &mut Transport) -> Result<bool> {
    let mut bytes = Vec::new();
    frontend::ssl_request(&mut bytes);
    transport.send(&bytes)?;
    transport.flush().await?;
    match transport.answer().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        // What follows is not read: nobody has proved yet who says it (CVE-2024-10977).
        b'E' => Err(Error::new(
            Status::WAL_E_TLS,
            "the server answered the request for TLS with an error, which is not believed without TLS",
        )
        .with_hint("See the server's log.")
        // It may have had no memory or no process left.
        .with_retriable(true)),
        other => Err(Error::new(
            Status::WAL_E_PROTOCOL,
            format!(
                "the server answered the request for TLS with {}, and PostgreSQL says 'S' or 'N'",
                frame::tag_name(other)
            ),
        )
        .with_hint("Check that host and port are those of a PostgreSQL server.")),
    }
}

#[cold]
fn not_postgres(what: &str) -> Error {
    Error::new(Status::WAL_E_TLS, what)
        .with_hint("Check host and port; sslnegotiation=direct needs PostgreSQL 17 or later.")
}
