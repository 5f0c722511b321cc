//! SCRAM-SHA-256 as the client has it (RFC 5802, RFC 7677), with and without channel binding.
//!
//! It must never give out the password or a key, and never take a server's proof that it did not compute itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{protocol, saslprep};
use crate::conninfo::ScramKey;
use crate::error::{Error, Result, Status};

/// So many bytes are the client's nonce (libpq, SCRAM_RAW_NONCE_LEN).
const NONCE: usize = 18;

/// So many rounds of hashing go by between two looks at whether anybody still waits.
const ROUNDS: u32 = 4096;

/// How the exchange is tied to the connection under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The client does not do that.
    None,
    /// The client would, but the server does not offer it.
    NotOffered,
    /// By the hash of the server's certificate (RFC 5929, tls-server-end-point).
    EndPoint(Vec<u8>),
}

/// What proves client and server to each other.
pub struct Secret {
    password: Zeroizing<Vec<u8>>,
    client_key: Option<ScramKey>,
    server_key: Option<ScramKey>,
}

/// The client's first message is on its way.
pub struct Begun {
    secret: Secret,
    binding: Binding,
    nonce: String,
}

/// The server's first message is here; what follows takes thousands of rounds of hashing.
pub struct Task {
    begun: Begun,
    server_first: String,
    salt: Vec<u8>,
    rounds: u32,
    given_up: Arc<AtomicBool>,
}

/// The hashing is done.
pub struct Hashed {
    /// The client's last message.
    pub(super) message: Vec<u8>,
    expected: [u8; 32],
}

impl Secret {
    /// A password, and keys that stand for it.
    pub fn new(password: &str, client_key: Option<ScramKey>, server_key: Option<ScramKey>) -> Self {
        Self { password: saslprep::prepared(password), client_key, server_key }
    }
}

impl Begun {
    /// Begins an exchange; gives the first message too.
    pub fn new(secret: Secret, binding: Binding) -> Result<(Self, Vec<u8>)> {
        let mut random = [0; NONCE];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(Status::WAL_E_SYSTEM, format!("the system gives no random bytes: {error}"))
        })?;
        let it = Self { secret, binding, nonce: STANDARD.encode(random) };
        let message = format!("{}{}", it.binding.header(), it.first_bare());
        Ok((it, message.into_bytes()))
    }

    /// The user's name is left out: the server takes it from the start-up message.
    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Takes the server's first message. `given_up` ends the task early.
    pub fn server_first(self, message: &[u8], given_up: Arc<AtomicBool>) -> Result<Task> {
        let text = std::str::from_utf8(message).map_err(|_| malformed("first"))?;
        let mut fields = text.split(',');
        let mut field = |name| fields.next().and_then(|field| field.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(rounds)) = (field("r="), field("s="), field("i=")) else {
            return Err(malformed("first"));
        };
        if fields.next().is_some() {
            return Err(malformed("first"));
        }
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(wrong("the server's nonce does not go on from the client's"));
        }
        let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty());
        let rounds = rounds.parse::<i32>().ok().and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0);
        match (salt, rounds) {
            (Some(salt), Some(rounds)) => {
                Ok(Task { begun: self, server_first: text.to_owned(), salt, rounds, given_up })
            }
            _ => Err(malformed("first")),
        }
    }
}

impl Task {
    /// Does the hashing. Takes milliseconds or, if the server's administrator wants that, minutes: never on the
    /// engine's thread.
    pub fn run(self) -> Result<Hashed> {
        let secret = &self.begun.secret;
        let salted = Zeroizing::new(match (&secret.client_key, &secret.server_key) {
            (Some(_), Some(_)) => [0; 32],
            _ => self.salted_password()?,
        });
        let key = |given: &Option<ScramKey>, name| match given {
            Some(key) => Ok(Zeroizing::new(key.0)),
            None => hmac(salted.as_slice(), name).map(Zeroizing::new),
        };
        let client_key = key(&secret.client_key, b"Client Key")?;
        let server_key = key(&secret.server_key, b"Server Key")?;
        let nonce = self.server_first.split(',').next().unwrap_or_default();
        let binding = STANDARD.encode(self.begun.binding.data());
        let last = format!("c={binding},{nonce}");
        let all = format!("{},{},{last}", self.begun.first_bare(), self.server_first);
        let stored_key = Sha256::digest(client_key.as_slice());
        let signature = hmac(&stored_key, all.as_bytes())?;
        let mut proof = *client_key;
        proof.iter_mut().zip(signature).for_each(|(byte, with)| *byte ^= with);
        let expected = hmac(server_key.as_slice(), all.as_bytes())?;
        Ok(Hashed { message: format!("{last},p={}", STANDARD.encode(proof)).into_bytes(), expected })
    }

    /// RFC 5802's Hi.
    fn salted_password(&self) -> Result<[u8; 32]> {
        let keyed = keyed(&self.begun.secret.password)?;
        let hash = |parts: &[&[u8]]| -> [u8; 32] {
            let mut mac = keyed.clone();
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().into()
        };
        let mut last = hash(&[&self.salt, &[0, 0, 0, 1]]);
        let mut all = last;
        for round in 1..self.rounds {
            if round % ROUNDS == 0 && self.given_up.load(Ordering::Relaxed) {
                return Err(Error::new(Status::WAL_E_STATE, "nobody waits for this SCRAM exchange any more"));
            }
            last = hash(&[&last]);
            all.iter_mut().zip(last).for_each(|(byte, with)| *byte ^= with);
        }
        Ok(all)
    }
}

impl Hashed {
    /// Checks the server's proof.
    pub fn verify(&self, message: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(message).map_err(|_| malformed("last"))?;
        if let Some(why) = text.strip_prefix("e=") {
            return Err(wrong(&format!("the server reports the error {}", why.escape_debug())));
        }
        let proof = text.strip_prefix("v=").and_then(|proof| STANDARD.decode(proof).ok());
        // A comparison of two MACs gives nothing away: the client has sent its own proof before.
        match proof {
            Some(proof) if proof == self.expected => Ok(()),
            Some(_) => Err(wrong("the server's proof is not right")),
            None => Err(wrong("the server's last message has no proof")),
        }
    }
}

impl Binding {
    fn header(&self) -> &'static str {
        match self {
            Self::None => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    fn data(&self) -> Vec<u8> {
        let hash: &[u8] = if let Self::EndPoint(hash) = self { hash } else { &[] };
        [self.header().as_bytes(), hash].concat()
    }
}

fn keyed(key: &[u8]) -> Result<Hmac<Sha256>> {
    Hmac::new_from_slice(key).map_err(|_| Error::new(Status::WAL_E_INTERNAL, "HMAC took no key"))
}

fn hmac(key: &[u8], message: &[u8]) -> Result<[u8; 32]> {
    let mut mac = keyed(key)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().into())
}

#[cold]
fn malformed(which: &str) -> Error {
    protocol(format!("the server's {which} SCRAM message is malformed"))
}

#[cold]
fn wrong(what: &str) -> Error {
    Error::new(Status::WAL_E_AUTH, format!("SCRAM-SHA-256: {what}"))
        .with_hint("Check that host and port are those of the server that you mean; this may be an impostor.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3, whose client gives its name.
    #[test]
    fn the_hashes_are_those_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let begun =
            Begun { secret: Secret::new("pencil", None, None), binding: Binding::None, nonce: "x".into() };
        let task = Task { begun, server_first: String::new(), salt, rounds: 4096, given_up: Arc::default() };
        let salted = task.salted_password().unwrap();
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let all = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
        );
        let server_key = hmac(&salted, b"Server Key").unwrap();
        let proof = hmac(&server_key, all.as_bytes()).unwrap();
        assert_eq!(STANDARD.encode(proof), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let client_key = hmac(&salted, b"Client Key").unwrap();
        let signature = hmac(&Sha256::digest(client_key), all.as_bytes()).unwrap();
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        assert_eq!(STANDARD.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    }

    #[test]
    fn a_task_that_nobody_waits_for_ends() {
        let given_up = Arc::new(AtomicBool::new(true));
        let (begun, _) = Begun::new(Secret::new("x", None, None), Binding::None).unwrap();
        let message = format!("r={}x,s=c2FsdA==,i=2147483647", begun.nonce);
        let task = begun.server_first(message.as_bytes(), given_up).unwrap();
        assert!(task.run().is_err());
    }
}
