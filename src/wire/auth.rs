//! Authentication as a state machine over the bodies of 'R' messages.
//!
//! It must never let a server skip its own proof: with SCRAM the server shows that it knows the password too, and
//! AuthenticationOk before that is an impostor's. Passwords never appear in errors or Debug output.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::reader::Reader;
use super::scram::{self, Begun, Binding, Hashed, Secret};
use super::{frontend, protocol};
use crate::conninfo::{AuthMethod, AuthPolicy, ChannelBinding};
use crate::error::{Error, Result, Status};

const SCRAM_SHA_256: &str = "SCRAM-SHA-256";
const SCRAM_SHA_256_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// What is under the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// No TLS.
    Plain,
    /// TLS, and what stands for the server's certificate.
    Tls(EndPoint),
}

/// The hash of the server's certificate (RFC 5929, tls-server-end-point).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndPoint {
    /// It.
    Hash(Vec<u8>),
    /// The RFC does not say which hash goes with the certificate's signature.
    Undefined,
}

/// Authentication of one connection.
pub struct Authentication<'a> {
    user: &'a str,
    password: Option<&'a str>,
    policy: &'a AuthPolicy,
    channel: Channel,
    state: State,
    /// Ends the hashing when this is dropped.
    given_up: Arc<AtomicBool>,
}

/// What is to be done after a message.
pub enum Step {
    /// Send these bytes, a whole frame, and wipe them: they may hold a password.
    Send(Zeroizing<Vec<u8>>),
    /// Run the task where waiting hurts nobody, then give its result to `hashed`.
    Hash(scram::Task),
    /// Read on; the server will say more of authentication.
    Wait,
    /// The server accepted the client, and the client the server.
    Done,
}

/// Each state names what was done last, and so what may come next.
enum State {
    /// Nothing yet: any request, or the end.
    Start,
    /// The password or its hash is on its way.
    PasswordSent(AuthMethod),
    /// SCRAM's first message is on its way.
    ScramFirstSent(Begun, Bound),
    /// A task holds the exchange.
    ScramHashing(Bound),
    /// SCRAM's proof is on its way; the server's must follow.
    ScramFinalSent(Hashed, Bound),
    /// The server's proof was right.
    ScramVerified(Bound),
    /// Over, well or badly.
    Done,
}

/// Whether the exchange is tied to the connection under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Yes,
    No,
}

impl<'a> Authentication<'a> {
    /// Before the first message.
    pub fn new(user: &'a str, password: Option<&'a str>, policy: &'a AuthPolicy, channel: Channel) -> Self {
        let password = password.filter(|it| !it.is_empty());
        Self { user, password, policy, channel, state: State::Start, given_up: Arc::default() }
    }

    /// Takes the body of one 'R' message.
    pub fn message(&mut self, body: &[u8]) -> Result<Step> {
        let mut reader = Reader::new("Authentication", body);
        let kind = reader.u32()?;
        self.check_kind(kind)?;
        let state = std::mem::replace(&mut self.state, State::Done);
        match (kind, state) {
            (0, State::Start) => self.end(reader, AuthMethod::None, Bound::No),
            (0, State::PasswordSent(method)) => self.end(reader, method, Bound::No),
            (0, State::ScramVerified(bound)) => self.end(reader, AuthMethod::ScramSha256, bound),
            (0, State::ScramFirstSent(..) | State::ScramHashing(_) | State::ScramFinalSent(..)) => {
                Err(impostor())
            }
            (3, State::Start) => {
                reader.finish()?;
                self.answer(AuthMethod::Password, |it| Ok(it.password()?.as_bytes().to_vec()))
            }
            (5, State::Start) => {
                let salt = reader.array::<4>()?;
                reader.finish()?;
                self.answer(AuthMethod::Md5, |it| Ok(md5_answer(it.user, it.password()?, &salt).into_bytes()))
            }
            (10, State::Start) => self.start_scram(reader),
            (11, State::ScramFirstSent(begun, bound)) => {
                let task = begun.server_first(reader.rest(), Arc::clone(&self.given_up))?;
                self.state = State::ScramHashing(bound);
                Ok(Step::Hash(task))
            }
            (12, State::ScramFinalSent(hashed, bound)) => {
                hashed.verify(reader.rest())?;
                self.state = State::ScramVerified(bound);
                Ok(Step::Wait)
            }
            (0 | 3 | 5 | 10 | 11 | 12, _) => {
                Err(protocol(format!("the server sent Authentication message {kind} out of order")))
            }
            (kind, _) => Err(unsupported(kind)),
        }
    }

    /// Takes what a task came to; gives the bytes to send.
    pub fn hashed(&mut self, hashed: Hashed) -> Result<Vec<u8>> {
        let State::ScramHashing(bound) = self.state else {
            return Err(Error::new(
                Status::WAL_E_INTERNAL,
                "a SCRAM task came back that was never given out",
            ));
        };
        let mut out = Vec::new();
        frontend::sasl_response(&mut out, &hashed.message)?;
        self.state = State::ScramFinalSent(hashed, bound);
        Ok(out)
    }

    /// Whether the server may ask for this (libpq, `check_expected_areq`). That it may not even before it is asked
    /// whether it is built in: nothing is given away to one that may be an impostor.
    fn check_kind(&self, kind: u32) -> Result<()> {
        let method = match kind {
            0 => return Ok(()),
            3 => Some(AuthMethod::Password),
            5 => Some(AuthMethod::Md5),
            7 | 8 => Some(AuthMethod::Gss),
            9 => Some(AuthMethod::Sspi),
            10..=12 => Some(AuthMethod::ScramSha256),
            _ => None,
        };
        if let Some(require) = &self.policy.require
            && !method.is_some_and(|method| require.allows(method))
        {
            return Err(not_required(require.text(), &format!("the server asks for {}", name(kind))));
        }
        match self.policy.channel_binding {
            ChannelBinding::Require if method != Some(AuthMethod::ScramSha256) => {
                Err(not_bound(&format!("the server asks for {}, which has none", name(kind))))
            }
            _ => Ok(()),
        }
    }

    /// The server lets the client in.
    fn end(&self, reader: Reader<'_>, method: AuthMethod, bound: Bound) -> Result<Step> {
        reader.finish()?;
        if let Some(require) = &self.policy.require
            && method == AuthMethod::None
            && !require.allows(method)
        {
            return Err(not_required(require.text(), "the server let the client in without asking"));
        }
        match (self.policy.channel_binding, bound) {
            (ChannelBinding::Require, Bound::No) => Err(not_bound("the server let the client in without it")),
            _ => Ok(Step::Done),
        }
    }

    fn password(&self) -> Result<&str> {
        self.password.ok_or_else(|| {
            Error::new(
                Status::WAL_E_AUTH,
                format!("the server asks user \"{}\" for a password and none was given", self.user),
            )
            .with_hint("Add password=... to the conninfo.")
        })
    }

    fn answer(&mut self, method: AuthMethod, secret: impl FnOnce(&Self) -> Result<Vec<u8>>) -> Result<Step> {
        let secret = Zeroizing::new(secret(self)?);
        // Room for all of it: what grows leaves itself behind.
        let mut out = Zeroizing::new(Vec::with_capacity(secret.len() + 8));
        frontend::password(&mut out, &secret)?;
        self.state = State::PasswordSent(method);
        Ok(Step::Send(out))
    }

    fn start_scram(&mut self, mut reader: Reader<'_>) -> Result<Step> {
        let mut offered = Vec::new();
        loop {
            let mechanism = reader.text()?;
            if mechanism.is_empty() {
                break;
            }
            offered.push(mechanism);
        }
        reader.finish()?;
        let (mechanism, binding) = self.mechanism(&offered)?;
        let password = match self.policy.client_key {
            Some(_) => self.password.unwrap_or_default(),
            None => self.password()?,
        };
        let secret = Secret::new(password, self.policy.client_key.clone(), self.policy.server_key.clone());
        let bound = if matches!(binding, Binding::EndPoint(_)) { Bound::Yes } else { Bound::No };
        let (begun, first) = Begun::new(secret, binding)?;
        let mut out = Zeroizing::new(Vec::new());
        frontend::sasl_initial(&mut out, mechanism, &first)?;
        self.state = State::ScramFirstSent(begun, bound);
        Ok(Step::Send(out))
    }

    /// What is taken of the server's offer (libpq, `pg_SASL_init`).
    fn mechanism(&self, offered: &[String]) -> Result<(&'static str, Binding)> {
        let offers = |name| offered.iter().any(|mechanism| mechanism == name);
        let wish = self.policy.channel_binding;
        match (&self.channel, wish) {
            (Channel::Plain, ChannelBinding::Require) => return Err(not_bound("the connection has no TLS")),
            // TLS was stripped on the way: a server offers this only to those who have it.
            (Channel::Plain, _) if offers(SCRAM_SHA_256_PLUS) => return Err(stripped()),
            (Channel::Tls(EndPoint::Hash(hash)), ChannelBinding::Prefer | ChannelBinding::Require)
                if offers(SCRAM_SHA_256_PLUS) =>
            {
                return Ok((SCRAM_SHA_256_PLUS, Binding::EndPoint(hash.clone())));
            }
            (Channel::Tls(EndPoint::Undefined), ChannelBinding::Require) => {
                return Err(not_bound("there is none for the signature of the server's certificate"));
            }
            (_, ChannelBinding::Require) => return Err(not_bound("the server does not offer it")),
            _ => (),
        }
        if !offers(SCRAM_SHA_256) {
            return Err(no_mechanism(offered));
        }
        let binding = match (&self.channel, wish) {
            (Channel::Tls(EndPoint::Hash(_)), ChannelBinding::Prefer) => Binding::NotOffered,
            _ => Binding::None,
        };
        Ok((SCRAM_SHA_256, binding))
    }
}

impl Drop for Authentication<'_> {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What answers a request for an MD5 password: the hash of what the server stores, with the salt (protocol
/// documentation, AuthenticationMD5Password).
fn md5_answer(user: &str, password: &str, salt: &[u8]) -> String {
    let hash = |first: &[u8], second: &[u8]| {
        let bytes = Md5::new_with_prefix(first).chain_update(second).finalize();
        bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let stored = hash(password.as_bytes(), user.as_bytes());
    format!("md5{}", hash(stored.as_bytes(), salt))
}

#[cold]
fn not_required(list: &str, what: &str) -> Error {
    Error::new(Status::WAL_E_AUTH_METHOD, format!("require_auth={list} is not met: {what}")).with_hint(
        "Correct require_auth or pg_hba.conf; it may also be that this is not the server that you mean.",
    )
}

#[cold]
fn not_bound(what: &str) -> Error {
    Error::new(Status::WAL_E_AUTH, format!("channel_binding=require is not met: {what}")).with_hint(
        "It takes TLS, scram-sha-256 in pg_hba.conf and a password that is stored as such; it may also be that \
         somebody sits in between.",
    )
}

#[cold]
fn stripped() -> Error {
    Error::new(Status::WAL_E_AUTH, "the server offers SCRAM-SHA-256-PLUS over a connection without TLS")
        .with_hint("Something between took TLS off: use sslmode=require, or see what it is.")
}

#[cold]
fn impostor() -> Error {
    Error::new(Status::WAL_E_AUTH, "the server ended SCRAM without proving that it knows the password")
        .with_hint("Check that host and port are those of the server that you mean; this may be an impostor.")
}

#[cold]
fn no_mechanism(offered: &[String]) -> Error {
    let offered = offered.join(", ");
    Error::new(
        Status::WAL_E_AUTH_METHOD,
        format!("the server offers no SASL mechanism that is built in; it offers: {offered}"),
    )
    .with_hint("Give this role scram-sha-256 in pg_hba.conf.")
}

#[cold]
fn unsupported(kind: u32) -> Error {
    let name = name(kind);
    Error::new(
        Status::WAL_E_AUTH_METHOD,
        format!("the server asks for authentication method {kind} ({name}), which is not built in"),
    )
    .with_hint("Give this role scram-sha-256, md5, password or trust in pg_hba.conf.")
}

fn name(kind: u32) -> &'static str {
    match kind {
        1 => "Kerberos 4",
        2 => "Kerberos 5",
        3 => "a password in the clear",
        4 => "crypt",
        5 => "an MD5 password",
        6 => "SCM credentials",
        7 | 8 => "GSSAPI",
        9 => "SSPI",
        10..=12 => "SASL",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests;
