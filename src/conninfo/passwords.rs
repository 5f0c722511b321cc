//! Passwords that the program gives when they are asked for: tokens that live for minutes, vaults, rotation (P46).
//!
//! It must never keep one beyond its life, nor one that a server refused, nor leave one in memory that is done with.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::sys::within_callback;

/// Who wants to log in where. More may come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordRequest {
    /// The server as the connection string names it: host, else hostaddr; the folder of a Unix socket.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The role.
    pub user: String,
    /// How long the answer is waited for.
    pub timeout: Duration,
}

/// A password, and how long it may be used again. It is wiped once it is done with, and never shown.
#[derive(Clone)]
pub struct Password {
    text: Zeroizing<String>,
    lifetime: Lifetime,
}

/// How long an answer may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    Once,
    For(Duration),
    UntilRefused,
}

/// The program's function. Its error is one sentence.
pub type PasswordCallback = dyn Fn(&PasswordRequest) -> Result<Password, String> + Send + Sync;

/// The function and what it gave that is still good. All streams that are made of the same options share it.
pub struct Passwords {
    callback: Box<PasswordCallback>,
    kept: Mutex<Vec<Kept>>,
}

/// What a connection string carries: the passwords, and how long to wait for one.
#[derive(Clone)]
pub(super) struct Asking {
    pub(super) passwords: Arc<Passwords>,
    pub(super) timeout: Duration,
}

struct Kept {
    host: String,
    port: u16,
    user: String,
    text: Arc<Zeroizing<String>>,
    until: Option<Instant>,
}

/// A password for one attempt.
#[derive(Clone)]
pub struct Given {
    text: Arc<Zeroizing<String>>,
    origin: Origin,
}

/// Whether it was given for this attempt, or for one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Just now.
    Fresh,
    /// Before, and it was still good.
    Kept,
}

impl Password {
    /// One that is used once, and asked for again at the next connection.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), lifetime: Lifetime::Once }
    }

    /// It is good for so long from now on, unless a server refuses it.
    #[must_use]
    pub fn good_for(self, lifetime: Duration) -> Self {
        Self { lifetime: Lifetime::For(lifetime), ..self }
    }

    /// It is good until a server refuses it.
    #[must_use]
    pub fn good_until_refused(self) -> Self {
        Self { lifetime: Lifetime::UntilRefused, ..self }
    }
}

impl Passwords {
    /// Those of a function.
    pub fn new(callback: Box<PasswordCallback>) -> Self {
        Self { callback, kept: Mutex::default() }
    }

    /// One that was given before and is still good.
    pub fn kept(&self, request: &PasswordRequest) -> Option<Given> {
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|kept| kept.until.is_none_or(|until| now < until));
        let found = all.iter().find(|kept| kept.is_of(request))?;
        Some(Given { text: Arc::clone(&found.text), origin: Origin::Kept })
    }

    /// Asks the program. Blocks: never on the engine's thread.
    pub fn ask(&self, request: &PasswordRequest) -> Result<Given, String> {
        let call = || within_callback("password", || (self.callback)(request));
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
        let password = answer.unwrap_or_else(|_| Err("it panicked".to_owned()))?;
        let text = Arc::new(password.text);
        let until = match password.lifetime {
            Lifetime::For(lifetime) => Instant::now().checked_add(lifetime),
            Lifetime::Once | Lifetime::UntilRefused => None,
        };
        let mut all = self.lock();
        all.retain(|kept| !kept.is_of(request));
        if password.lifetime != Lifetime::Once {
            let PasswordRequest { host, port, user, .. } = request.clone();
            all.push(Kept { host, port, user, text: Arc::clone(&text), until });
        }
        Ok(Given { text, origin: Origin::Fresh })
    }

    /// A server refused it.
    pub fn refused(&self, given: &Given) {
        self.lock().retain(|kept| !Arc::ptr_eq(&kept.text, &given.text));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_of(&self, request: &PasswordRequest) -> bool {
        (&self.host, self.port, &self.user) == (&request.host, request.port, &request.user)
    }
}

impl Given {
    /// The password, for authentication only.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it was given for this attempt.
    pub fn origin(&self) -> Origin {
        self.origin
    }
}

impl PartialEq for Asking {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.passwords, &other.passwords) && self.timeout == other.timeout
    }
}

impl Eq for Asking {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("kept", &self.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::inside_callback;

    fn request(host: &str) -> PasswordRequest {
        PasswordRequest { host: host.into(), port: 1, user: "u".into(), timeout: Duration::ZERO }
    }

    #[test]
    fn s24_an_answer_is_kept_for_its_life_and_until_it_is_refused() {
        let answers: Mutex<Vec<Result<Password, String>>> = Mutex::new(vec![
            Err("no token".into()),
            Ok(Password::new("refused").good_until_refused()),
            Ok(Password::new("short").good_for(Duration::from_millis(30))),
            Ok(Password::new("once")),
        ]);
        let all = Passwords::new(Box::new(move |_| {
            assert_eq!(inside_callback(), Some("password"));
            answers.lock().unwrap().pop().unwrap()
        }));
        let one = request("h");
        assert_eq!(all.ask(&one).unwrap().text(), "once");
        assert!(all.kept(&one).is_none() && inside_callback().is_none());
        assert_eq!(all.ask(&one).unwrap().origin(), Origin::Fresh);
        let kept = all.kept(&one).unwrap();
        assert_eq!((kept.text(), kept.origin()), ("short", Origin::Kept));
        assert!(all.kept(&request("other")).is_none());
        std::thread::sleep(Duration::from_millis(40));
        assert!(all.kept(&one).is_none());
        let given = all.ask(&one).unwrap();
        assert_eq!(all.kept(&one).unwrap().text(), "refused");
        all.refused(&given);
        assert!(all.kept(&one).is_none());
        assert_eq!(all.ask(&one).map(drop), Err("no token".to_owned()));
        // A panic is an error too: there are no answers left.
        assert!(all.ask(&one).is_err() && inside_callback().is_none());
        assert!(!format!("{:?}", Password::new("hunter2")).contains("hunter2"));
    }
}
