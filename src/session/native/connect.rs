//! Connecting: every address of the server in turn, each within its time, until one lets the client in.
//!
//! It must never go on after the caller's deadline, and never hide why an earlier address failed.

use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::dial::{self, Address};
use super::startup::{self, StartupSettings};
use super::transport::Transport;
use super::{NativeSession, Phase};
use crate::conninfo::Conninfo;
use crate::error::{Error, Result, Status};

impl NativeSession {
    /// Connects and goes through start-up and authentication. `connect_timeout` of the connection string limits each
    /// address, `deadline` everything; `None` is no limit. Dropping the future gives the attempt up.
    pub async fn connect(
        conninfo: &Conninfo,
        settings: &StartupSettings,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let place = conninfo.endpoint().describe(conninfo.port());
        let addresses =
            within(deadline, dial::resolve(conninfo)).await.unwrap_or_else(|| Err(late(&place, None)))?;
        let mut failed: Option<Error> = None;
        for address in &addresses {
            let limit = conninfo.connect_timeout();
            let until = earlier(deadline, limit.and_then(|limit| Instant::now().checked_add(limit)));
            let result = within(until, attempt(address, conninfo, settings)).await;
            let overdue = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            let error = match result {
                Some(Ok(session)) => return Ok(session),
                Some(Err(error)) => error,
                None => late(&dial::describe(address, conninfo), limit.filter(|_| !overdue)),
            };
            let go_on = !overdue && another_may_do(error.status());
            failed = Some(joined(failed, error));
            if !go_on {
                break;
            }
        }
        Err(failed.unwrap_or_else(|| Error::new(Status::WAL_E_RESOLVE, format!("{place} has no address"))))
    }
}

async fn attempt(
    address: &Address,
    conninfo: &Conninfo,
    settings: &StartupSettings,
) -> Result<NativeSession> {
    let mut transport = Transport::new(dial::dial(address, conninfo).await?);
    let doing = format!("connecting to {}", dial::describe(address, conninfo));
    let greeting = startup::start(&mut transport, conninfo, settings, &doing).await?;
    Ok(NativeSession { transport, greeting, phase: Phase::Idle })
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

/// Whether another address of the same name may do better: this one is not there, or not ready. What a server
/// decided about role, database or password, its sibling decides in the same way.
fn another_may_do(status: Status) -> bool {
    matches!(
        status,
        Status::WAL_E_CONNECT
            | Status::WAL_E_CONNECT_TIMEOUT
            | Status::WAL_E_CONNECTION_LOST
            | Status::WAL_E_NOT_READY
    )
}

/// The last error, with those of the earlier addresses in its detail.
fn joined(before: Option<Error>, last: Error) -> Error {
    let Some(before) = before else { return last };
    let mut lines = vec![before.detail(), before.message(), last.detail()];
    lines.retain(|line| !line.is_empty());
    let detail = lines.join("\n");
    last.with_detail(detail)
}

#[cold]
fn late(place: &str, limit: Option<Duration>) -> Error {
    let message = match limit {
        Some(limit) => {
            format!("connecting to {place} took longer than connect_timeout, {} s", limit.as_secs())
        }
        None => format!("connecting to {place} took longer than the caller waits"),
    };
    Error::new(Status::WAL_E_CONNECT_TIMEOUT, message)
        .with_hint("Check host and port, the network and firewalls between, or allow more time.")
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
