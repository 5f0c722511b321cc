//! Connecting: every address of every server in turn, each within its time, until one lets the client in.
//!
//! It must never go on after the caller's deadline, and never hide why an earlier address failed.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout_at;

use super::dial::{self, Address};
use super::negotiate::{self, Begun, Way};
use super::startup::{self, Greeting};
use super::target;
use super::tls::Shown;
use super::transport::Transport;
use super::{NativeSession, Phase};
use crate::conninfo::{Conninfo, Given, Host, SslCertMode, Target};
use crate::error::{Error, Result, Status};
use crate::session::progress::{Progress, Wait, late};
use crate::session::{Session, StartupSettings, credentials};

impl NativeSession {
    /// Connects and goes through start-up and authentication. `connect_timeout` of the connection string limits each
    /// address, `deadline` everything; `None` is no limit. Dropping the future gives the attempt up.
    pub async fn connect(
        conninfo: &Conninfo,
        settings: &StartupSettings,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let mut search = Search { conninfo, settings, deadline, progress: Progress::default(), failed: None };
        let mut hosts: Vec<&Host> = conninfo.hosts().iter().collect();
        conninfo.order().arrange(&mut hosts);
        for wanted in conninfo.target().passes() {
            for host in &hosts {
                match search.host(host, *wanted).await {
                    Some(session) => return Ok(session),
                    None if search.is_over() => break,
                    None => (),
                }
            }
            if search.is_over() {
                break;
            }
        }
        Err(search.failed.map_or_else(
            || Error::new(Status::WAL_E_INTERNAL, "there was no server to connect to"),
            |(error, _)| explained(error, conninfo),
        ))
    }
}

/// The way through servers and addresses.
struct Search<'a> {
    conninfo: &'a Conninfo,
    settings: &'a StartupSettings,
    deadline: Option<Instant>,
    progress: Progress,
    /// Why there is no session yet, and what that means for the rest.
    failed: Option<(Error, Retry)>,
}

/// What is to be tried after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// Another address of the same server: this one is not there.
    Address,
    /// Another server: this one is not the right one now, at whatever address.
    Host,
    /// Nothing. What a server decided about role, database or password, its sibling decides in the same way.
    Nothing,
}

impl Search<'_> {
    /// Tries one server, and once more where a password that was kept is refused.
    async fn host(&mut self, host: &Host, wanted: Target) -> Option<NativeSession> {
        loop {
            let asked = credentials::password(self.conninfo, host, &self.progress, self.deadline).await;
            let given = match asked {
                Ok(given) => given,
                Err(error) => {
                    self.fail(error);
                    return None;
                }
            };
            let before = self.failed.clone();
            let session = self.addresses(host, wanted, given.as_ref()).await;
            let refusal = self.failed.as_ref().filter(|_| session.is_none());
            match refusal {
                Some((error, _)) if credentials::refused(self.conninfo, host, given.as_ref(), error) => {
                    self.failed = before;
                }
                _ => return session,
            }
        }
    }

    /// Tries all addresses of one server.
    async fn addresses(
        &mut self,
        host: &Host,
        wanted: Target,
        given: Option<&Given>,
    ) -> Option<NativeSession> {
        let place = host.describe();
        let mut addresses = match self.in_time(&place, dial::resolve(host, &self.progress)).await {
            Ok(addresses) => addresses,
            Err(error) => {
                self.fail(error);
                return None;
            }
        };
        self.conninfo.order().arrange(&mut addresses);
        for address in addresses {
            let place = dial::describe(&address, host);
            // On the heap: it is large, and lies within futures of futures.
            let password = given.map(Given::text).or(self.conninfo.password(host));
            let (conninfo, settings, progress) = (self.conninfo, self.settings, &self.progress);
            let guest = Guest { host, conninfo, password, settings, progress };
            let attempt = Box::pin(attempt(address, &guest, wanted));
            match self.in_time(&place, attempt).await {
                Ok(session) => return Some(session),
                Err(error) => self.fail(error),
            }
            if !self.failed.as_ref().is_some_and(|(_, next)| *next == Retry::Address) {
                break;
            }
        }
        None
    }

    /// Within `connect_timeout` and the caller's deadline.
    async fn in_time<T>(&self, place: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.settings.limit(self.conninfo, self.deadline);
        let until = earlier(self.deadline, limit.and_then(|limit| Instant::now().checked_add(limit)));
        let result = within(until, work).await;
        result.unwrap_or_else(|| Err(late(place, limit.filter(|_| !self.is_overdue()), self.progress.get())))
    }

    fn fail(&mut self, error: Error) {
        let next = if self.is_overdue() { Retry::Nothing } else { Retry::after(error.status()) };
        let before = self.failed.take().map(|(error, _)| error);
        self.failed = Some((joined(before, error), next));
    }

    fn is_over(&self) -> bool {
        self.failed.as_ref().is_some_and(|(_, next)| *next == Retry::Nothing)
    }

    fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl Retry {
    fn after(status: Status) -> Self {
        match status {
            Status::WAL_E_CONNECT | Status::WAL_E_CONNECT_TIMEOUT | Status::WAL_E_CONNECTION_LOST => {
                Self::Address
            }
            Status::WAL_E_NOT_READY | Status::WAL_E_RESOLVE => Self::Host,
            _ => Self::Nothing,
        }
    }
}

/// Why a way to begin came to nothing.
struct Stopped {
    error: Error,
    then: Then,
}

/// Whether the other way, with TLS or without, may lead further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    OtherWay,
    Nothing,
}

/// Who wants in where, and with what.
struct Guest<'a> {
    host: &'a Host,
    conninfo: &'a Conninfo,
    password: Option<&'a str>,
    settings: &'a StartupSettings,
    progress: &'a Progress,
}

/// Tries one address, with and without TLS as `sslmode` has it.
async fn attempt(address: Address, guest: &Guest<'_>, wanted: Target) -> Result<NativeSession> {
    let Guest { host, conninfo, progress, .. } = *guest;
    let place = dial::describe(&address, host);
    let doing = format!("connecting to {place}");
    let mut before = None;
    let ways = negotiate::ways(conninfo.tls().mode, &address);
    for (at, way) in ways.iter().enumerate() {
        let (mut transport, mut greeting) = match begin(*way, &address, guest, &doing).await {
            Ok(begun) => begun,
            Err(Stopped { error, then: Then::OtherWay }) if at + 1 < ways.len() => {
                before = Some(error);
                continue;
            }
            Err(Stopped { error, .. }) => return Err(of_both(before, error)),
        };
        progress.wait_for(Wait::Ready);
        startup::settle(&mut transport, &mut greeting, &doing).await?;
        let mut session =
            NativeSession { transport, greeting, phase: Phase::Idle, address, host: Arc::new(host.clone()) };
        return match target::check(&mut session, wanted, &place).await {
            Ok(()) => Ok(session),
            Err(error) => {
                // One that cannot be told will see the end of the connection.
                let _ = session.say_goodbye();
                Err(error)
            }
        };
    }
    Err(Error::new(Status::WAL_E_INTERNAL, "there was no way to begin"))
}

/// Connects, puts TLS on or not, and authenticates.
async fn begin(
    way: Way,
    address: &Address,
    guest: &Guest<'_>,
    doing: &str,
) -> std::result::Result<(Transport, Greeting), Stopped> {
    let Guest { host, conninfo, password, settings, progress } = *guest;
    let nothing = |error| Stopped { error, then: Then::Nothing };
    let mut transport = Transport::new(dial::dial(address, host, conninfo, progress).await.map_err(nothing)?);
    let begun = match way {
        Way::Plain => Ok(Begun::Tls),
        Way::Tls => negotiate::encrypt(&mut transport, conninfo.tls(), host, address, progress).await,
    };
    let begun = begun.map_err(|error| {
        let then = match error.status() {
            Status::WAL_E_PROTOCOL => Then::Nothing,
            _ => Then::OtherWay,
        };
        Stopped { error: error.within(doing), then }
    })?;
    let started = startup::start(&mut transport, conninfo, password, settings, progress, doing).await;
    let greeting = started.map_err(|error| {
        // Only what the server itself refuses may be otherwise the other way, and only if that was not tried just now.
        let then = match (error.sqlstate(), begun) {
            ("", _) | (_, Begun::Plain) => Then::Nothing,
            _ => Then::OtherWay,
        };
        Stopped { error, then }
    })?;
    certificate_shown(&transport, conninfo).map_err(nothing)?;
    Ok((transport, greeting))
}

/// What the last way came to, where neither led in. If the one before failed in a way that passes, as a cut handshake
/// does, then it may well lead in the next time, whatever the other says for good.
fn of_both(before: Option<Error>, last: Error) -> Error {
    let passes = before.as_ref().is_some_and(Error::is_retriable) || last.is_retriable();
    joined(before, last).with_retriable(passes)
}

/// Whether the server asked for the client's certificate, where `sslcertmode` requires that.
fn certificate_shown(transport: &Transport, conninfo: &Conninfo) -> Result<()> {
    if conninfo.tls().cert_mode != SslCertMode::Require {
        return Ok(());
    }
    let (what, hint) = match transport.certificate_shown() {
        Shown::NotAsked => {
            ("the server did not ask for a client certificate", "Set ssl_ca_file on the server.")
        }
        #[cfg(feature = "rustls")]
        Shown::Nothing => ("the server let the client in without a certificate", "Name one in sslcert."),
        #[cfg(feature = "rustls")]
        Shown::Certificate => return Ok(()),
    };
    Err(Error::new(Status::WAL_E_TLS, format!("sslcertmode=require is not met: {what}")).with_hint(hint))
}

/// A password that is missing may be in a file that could not be used.
fn explained(error: Error, conninfo: &Conninfo) -> Error {
    match conninfo.passfile_fault() {
        Some(why) if error.status() == Status::WAL_E_AUTH => {
            let hint = format!("{why} {}", error.hint());
            error.with_hint(hint.trim_end())
        }
        _ => error,
    }
}

/// `None` if the time is up first.
async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => timeout_at(until.into(), work).await.ok(),
        None => Some(work.await),
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The last error, with those of the earlier addresses in its detail.
fn joined(before: Option<Error>, last: Error) -> Error {
    let Some(before) = before else { return last };
    let mut lines = vec![before.detail(), before.message(), last.detail()];
    lines.retain(|line| !line.is_empty());
    let detail = lines.join("\n");
    last.with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failed_address_is_forgotten() {
        let error = |message: &str| Error::new(Status::WAL_E_CONNECT, message);
        let all =
            joined(Some(joined(Some(joined(None, error("a"))), error("b"))), error("c").with_detail("d"));
        assert_eq!((all.message(), all.detail()), ("c", "a\nb\nd"));
    }
}
