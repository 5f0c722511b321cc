//! Authentication as a state machine over the bodies of 'R' messages.
//!
//! It must never let a server skip its own proof: with SCRAM the server shows that it knows the password too, and
//! AuthenticationOk before that is an impostor's. Passwords never appear in errors or Debug output.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use super::reader::Reader;
use super::{frontend, protocol};
use crate::error::{Error, Result, Status};

/// The most rounds of hashing that postgres-protocol accepts of a server.
const MAX_ITERATIONS: u64 = 100_000;

/// Authentication of one connection.
pub struct Authentication {
    user: String,
    password: Option<String>,
    state: State,
}

/// What is to be done after a message.
pub enum Step {
    /// Send these bytes, a whole frame.
    Send(Vec<u8>),
    /// Run the task where waiting hurts nobody (tens of milliseconds), then give its result to `hashed`.
    Hash(ScramTask),
    /// Read on; the server will say more of authentication.
    Wait,
    /// The server accepted the client, and the client the server.
    Done,
}

/// The expensive part of SCRAM: thousands of rounds of hashing.
pub struct ScramTask {
    scram: ScramSha256,
    server_first: Vec<u8>,
}

/// What a `ScramTask` came to.
pub struct Hashed {
    scram: ScramSha256,
}

/// Each state names what was done last, and so what may come next.
enum State {
    /// Nothing yet: any request, or the end.
    Start,
    /// The password or its hash is on its way.
    PasswordSent,
    /// SCRAM's first message is on its way.
    ScramFirstSent(ScramSha256),
    /// A task holds the exchange.
    ScramHashing,
    /// SCRAM's proof is on its way; the server's must follow.
    ScramFinalSent(ScramSha256),
    /// The server's proof was right.
    ScramVerified,
    /// Over, well or badly.
    Done,
}

impl Authentication {
    /// Before the first message.
    pub fn new(user: &str, password: Option<&str>) -> Self {
        let password = password.filter(|p| !p.is_empty()).map(str::to_owned);
        Self { user: user.to_owned(), password, state: State::Start }
    }

    /// Takes the body of one 'R' message.
    pub fn message(&mut self, body: &[u8]) -> Result<Step> {
        let mut reader = Reader::new("Authentication", body);
        let kind = reader.u32()?;
        let state = std::mem::replace(&mut self.state, State::Done);
        match (kind, state) {
            (0, State::Start | State::PasswordSent | State::ScramVerified) => {
                reader.finish()?;
                Ok(Step::Done)
            }
            (0, State::ScramFirstSent(_) | State::ScramHashing | State::ScramFinalSent(_)) => Err(impostor()),
            (3, State::Start) => {
                reader.finish()?;
                self.answer(|it| Ok(it.password()?.as_bytes().to_vec()))
            }
            (5, State::Start) => {
                let salt = reader.array::<4>()?;
                reader.finish()?;
                self.answer(|it| {
                    Ok(md5_hash(it.user.as_bytes(), it.password()?.as_bytes(), salt).into_bytes())
                })
            }
            (10, State::Start) => self.start_scram(reader),
            (11, State::ScramFirstSent(scram)) => {
                let server_first = reader.rest().to_vec();
                check_iterations(&server_first)?;
                self.state = State::ScramHashing;
                Ok(Step::Hash(ScramTask { scram, server_first }))
            }
            (12, State::ScramFinalSent(mut scram)) => {
                scram.finish(reader.rest()).map_err(|error| scram_error("the server's proof", &error))?;
                self.state = State::ScramVerified;
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
        if !matches!(self.state, State::ScramHashing) {
            return Err(Error::new(
                Status::WAL_E_INTERNAL,
                "a SCRAM task came back that was never given out",
            ));
        }
        let mut out = Vec::new();
        frontend::sasl_response(&mut out, hashed.scram.message())?;
        self.state = State::ScramFinalSent(hashed.scram);
        Ok(out)
    }

    fn password(&self) -> Result<&str> {
        self.password.as_deref().ok_or_else(|| {
            Error::new(
                Status::WAL_E_AUTH,
                format!("the server asks user \"{}\" for a password and none was given", self.user),
            )
            .with_hint("Add password=... to the conninfo.")
        })
    }

    fn answer(&mut self, secret: impl FnOnce(&Self) -> Result<Vec<u8>>) -> Result<Step> {
        let mut out = Vec::new();
        frontend::password(&mut out, &secret(self)?)?;
        self.state = State::PasswordSent;
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
        if !offered.iter().any(|mechanism| mechanism == SCRAM_SHA_256) {
            return Err(no_mechanism(&offered));
        }
        let scram = ScramSha256::new(self.password()?.as_bytes(), ChannelBinding::unsupported());
        let mut out = Vec::new();
        frontend::sasl_initial(&mut out, SCRAM_SHA_256, scram.message())?;
        self.state = State::ScramFirstSent(scram);
        Ok(Step::Send(out))
    }
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication").field("user", &self.user).finish_non_exhaustive()
    }
}

impl ScramTask {
    /// Does the hashing. Takes milliseconds, so never on the engine's thread.
    pub fn run(mut self) -> Result<Hashed> {
        self.scram
            .update(&self.server_first)
            .map_err(|error| scram_error("the server's first message", &error))?;
        Ok(Hashed { scram: self.scram })
    }
}

/// Finds the iteration count ahead of the hashing, so that the error can name the server's setting.
fn check_iterations(server_first: &[u8]) -> Result<()> {
    let field = server_first.split(|byte| *byte == b',').find_map(|field| field.strip_prefix(b"i="));
    let count =
        field.and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| text.parse::<u64>().ok());
    match count {
        Some(1..=MAX_ITERATIONS) => Ok(()),
        Some(count) => Err(Error::new(
            Status::WAL_E_AUTH_METHOD,
            format!("the server asks for {count} SCRAM iterations; 1 to {MAX_ITERATIONS} are accepted"),
        )
        .with_hint("Lower scram_iterations on the server and set the role's password again.")),
        None => Err(protocol("the server's first SCRAM message has no iteration count")),
    }
}

#[cold]
fn scram_error(what: &str, error: &std::io::Error) -> Error {
    // The crate's texts speak of the server's bytes only, never of the password.
    Error::new(Status::WAL_E_AUTH, format!("SCRAM-SHA-256: {what} is not right: {error}"))
        .with_hint("Check that host and port are those of the server that you mean; this may be an impostor.")
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
    let name = match kind {
        1 => "Kerberos 4",
        2 => "Kerberos 5",
        4 => "crypt",
        6 => "SCM credentials",
        7 | 8 => "GSSAPI",
        9 => "SSPI",
        _ => "unknown",
    };
    Error::new(
        Status::WAL_E_AUTH_METHOD,
        format!("the server asks for authentication method {kind} ({name}), which is not built in"),
    )
    .with_hint("Give this role scram-sha-256, md5, password or trust in pg_hba.conf.")
}

#[cfg(test)]
mod tests;
