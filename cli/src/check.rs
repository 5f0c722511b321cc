//! `pgwalstream check`: what a server, a role, publications and slots lack for streaming, each with its remedy.
//!
//! It must never change anything on the server, nor call right what the role may not see.

mod server;
mod slots;
mod tables;

use pgwalstream::{Connection, Options, Rows};

use crate::args::Check;
use crate::json::{member, string};
use crate::output::print;
use crate::trouble::Trouble;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    /// It works, and will hurt one day.
    Warning,
    /// It does not work.
    Bad,
    /// The role may not see it.
    Unknown,
}

/// What was found of one thing.
#[derive(Debug)]
struct Finding {
    state: State,
    what: String,
    is: String,
    remedy: String,
}

/// The answers to one question. The session has an empty search_path, so that names mean the server's own.
struct Asked<'a> {
    connection: &'a mut Connection,
    version: u32,
}

pub async fn run(options: Options, check: Check) -> Result<(), Trouble> {
    let mut connection = Connection::connect(&options).await?;
    connection.query("SELECT pg_catalog.set_config('search_path', '', false)").await?;
    let mut asked = Asked { version: connection.server_version(), connection: &mut connection };
    let mut findings = server::check(&mut asked).await?;
    findings.extend(slots::check(&mut asked, check.slot.as_deref()).await?);
    findings.extend(tables::check(&mut asked, &check.publications).await?);
    let text: String = match check.json {
        true => findings.iter().map(Finding::line).collect(),
        false => findings.iter().map(Finding::lines).collect(),
    };
    print(text.as_bytes())?;
    match findings.iter().filter(|finding| finding.state == State::Bad).count() {
        0 => Ok(()),
        1 => Err(Trouble::other("1 thing keeps streams from working")),
        n => Err(Trouble::other(format!("{n} things keep streams from working"))),
    }
}

impl Asked<'_> {
    async fn rows(&mut self, sql: impl Into<String>) -> Result<Rows, Trouble> {
        Ok(self.connection.query(sql).await?)
    }

    /// Whether the server is at least of this major version.
    fn since(&self, major: u32) -> bool {
        self.version >= major * 10_000
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "error",
            Self::Unknown => "unknown",
        }
    }
}

impl Finding {
    fn good(what: impl Into<String>, is: impl Into<String>) -> Self {
        Self { state: State::Good, what: what.into(), is: is.into(), remedy: String::new() }
    }

    fn warning(what: impl Into<String>, is: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warning, what: what.into(), is: is.into(), remedy: remedy.into() }
    }

    fn bad(what: impl Into<String>, is: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Bad, what: what.into(), is: is.into(), remedy: remedy.into() }
    }

    fn unknown(what: impl Into<String>) -> Self {
        Self {
            state: State::Unknown,
            what: what.into(),
            is: "the role may not see it".to_owned(),
            remedy: "Ask as a member of pg_monitor.".to_owned(),
        }
    }

    /// For people.
    fn lines(&self) -> String {
        let remedy = match self.remedy.as_str() {
            "" => String::new(),
            remedy => format!("         {remedy}\n"),
        };
        format!("{:<8} {}: {}\n{remedy}", self.state.word(), self.what, self.is)
    }

    /// For programs.
    fn line(&self) -> String {
        let mut out = "{\"state\":".to_owned();
        string(self.state.word(), &mut out);
        member("what", &self.what, &mut out);
        member("is", &self.is, &mut out);
        if !self.remedy.is_empty() {
            member("remedy", &self.remedy, &mut out);
        }
        out.push_str("}\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_said_to_people_and_to_programs() {
        let bad = Finding::bad("wal_level", "\"replica\"", "Set it.");
        assert_eq!(bad.lines(), "error    wal_level: \"replica\"\n         Set it.\n");
        assert_eq!(
            bad.line(),
            "{\"state\":\"error\",\"what\":\"wal_level\",\"is\":\"\\\"replica\\\"\",\"remedy\":\"Set it.\"}\n"
        );
        assert_eq!(Finding::good("a", "b").lines(), "good     a: b\n");
    }
}
