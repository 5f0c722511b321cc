//! A session beside the stream: an ordinary backend that is asked once or twice, and takes none of the walsenders, of
//! which there are few.
//!
//! It must never depend on what a role, a database or the connection string sets, and never leave a setting behind: a
//! pooler may stand between, which refuses start-up options and gives the backend to another client next.

use std::time::Instant;

use crate::conninfo::Conninfo;
use crate::error::Result;
use crate::options::Backend;
use crate::session::{AnySession, Rows, Session, StartupSettings};

/// The session.
#[derive(Debug)]
pub struct Beside(AnySession);

impl Beside {
    /// Connects.
    pub async fn open(backend: Backend, conninfo: &Conninfo, deadline: Instant) -> Result<Self> {
        let settings = StartupSettings::beside();
        AnySession::connect(backend, conninfo, &settings, Some(deadline)).await.map(Self)
    }

    /// The server's version.
    pub fn version(&self) -> u32 {
        self.0.server_version()
    }

    /// Asks a question that changes nothing. The settings that it needs come and go with its transaction.
    pub async fn ask(&mut self, question: &str) -> Result<Rows> {
        let answer = self.0.query(&alone(self.version(), question)).await;
        if answer.is_err() && self.0.is_idle() {
            let _ = self.0.query("ROLLBACK").await;
        }
        answer
    }

    /// Ends it.
    pub fn close(mut self) {
        // Whatever becomes of it: the server sees the end of the connection too.
        let _ = self.0.say_goodbye();
    }
}

/// The question in a transaction of its own, all in one message. A standby knows no serializable transactions, a
/// search path could lead to what is another role's, and no time limit but the deadline is meant for it.
fn alone(version: u32, question: &str) -> String {
    let since_17 = if version >= 170_000 { "SET LOCAL transaction_timeout = 0; " } else { "" };
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY; SET LOCAL search_path = ''; \
         SET LOCAL quote_all_identifiers = off; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
         {since_17}{question}; COMMIT"
    )
}
