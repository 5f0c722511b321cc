//! What is asked anew for each connection: the files that the connection string names, and the program's passwords.
//!
//! It must never read or ask on the engine's thread.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use super::helper::{self, Kind};
use super::progress::Progress;
use crate::conninfo::{Conninfo, Given, Host};
use crate::error::{Error, Result, Status};

/// The connection string as it reads now: password files and service files change while a stream lives (P46).
pub(super) async fn current(conninfo: &Conninfo, deadline: Option<Instant>) -> Result<Cow<'_, Conninfo>> {
    if !conninfo.may_change() {
        return Ok(Cow::Borrowed(conninfo));
    }
    let before = conninfo.clone();
    let progress = Progress::default();
    let read = helper::run(Kind::Files, &progress, move || before.again());
    let late = |_| {
        Error::new(
            Status::WAL_E_CONNECT_TIMEOUT,
            "reading the password file or the service file took too long",
        )
        .with_hint(Kind::Files.hint())
    };
    let read = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), read).await.map_err(late)??,
        None => read.await?,
    };
    // It was good before: somebody may be writing it just now.
    read.map(Cow::Owned).map_err(|error| error.with_retriable(true))
}

/// The program's password for a server, if passwords come from there.
pub(super) async fn password(
    conninfo: &Conninfo,
    host: &Host,
    progress: &Progress,
    deadline: Option<Instant>,
) -> Result<Option<Given>> {
    let Some((passwords, request)) = conninfo.password_request(host) else { return Ok(None) };
    if let Some(kept) = passwords.kept(&request) {
        return Ok(Some(kept));
    }
    let own = Instant::now().checked_add(request.timeout);
    let until = deadline.into_iter().chain(own).min();
    let (passwords, asked) = (Arc::clone(passwords), request.clone());
    let ask = helper::run(Kind::Password, progress, move || passwords.ask(&asked));
    let answer = match until {
        Some(until) => tokio::time::timeout_at(until.into(), ask).await.map_err(|_| {
            let seconds = request.timeout.as_secs_f64();
            if own.is_some_and(|own| Instant::now() >= own) {
                failed(host, &format!("it did not answer within password_timeout, {seconds:.1} s"))
            } else {
                failed(host, "it did not answer for as long as the caller waits")
            }
        })??,
        None => ask.await?,
    };
    let given = answer.map_err(|why| failed(host, &why))?;
    if given.text().contains('\0') {
        return Err(failed(host, "its password contains a NUL character"));
    }
    Ok(Some(given))
}

/// The server refused the password: it is never tried again. Whether another one may be had at once.
pub(super) fn refused(conninfo: &Conninfo, host: &Host, given: Option<&Given>, error: &Error) -> bool {
    let (Some(given), Some((passwords, _))) = (given, conninfo.password_request(host)) else { return false };
    if error.status() != Status::WAL_E_AUTH || error.sqlstate().is_empty() {
        return false;
    }
    passwords.refused(given);
    given.origin() == crate::conninfo::Origin::Kept
}

/// The program may have one the next time.
#[cold]
fn failed(host: &Host, why: &str) -> Error {
    Error::new(Status::WAL_E_AUTH, format!("the password callback gave none for {}: {why}", host.describe()))
        .with_hint("See what the program's password callback does; where it only takes long, raise password_timeout.")
        .with_retriable(true)
}
