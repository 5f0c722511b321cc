//! What goes wrong, as a message and an exit status. It must never hold a password: the library's errors hold none.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use pgwalstream::{Error, ErrorCode};

/// Why a command ended before it was done.
#[derive(Debug)]
pub enum Trouble {
    /// An error of the library.
    Library(Error),
    /// The arguments do not go together.
    Usage(String),
    /// Anything else.
    Other(String),
    /// An error of the target of `apply`, and what was being applied.
    Target(Error, String),
    /// Changes were lost: a temporary slot was gone with its connection.
    Lost(Error),
    /// Changes were lost in another way.
    Gone(String),
    /// Whoever read stdout has had enough, as `head` does: no error.
    NoReader,
}

impl Trouble {
    pub fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }

    /// Writing to `place` failed.
    pub fn writing(place: &str, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::NoReader,
            _ => Self::Other(format!("cannot write to {place}: {error}")),
        }
    }

    /// Whether another attempt may go well.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Library(error) | Self::Target(error, _) if error.is_retriable())
    }

    /// Says it on stderr, and gives the exit status.
    pub fn tell(self) -> ExitCode {
        let status = self.status();
        match self {
            Self::Library(error) | Self::Lost(error) => {
                say(format_args!("{}{}", error.message(), more(&error)));
            }
            Self::Target(error, what) => {
                let what = if what.is_empty() { what } else { format!("\n  while: {what}") };
                say(format_args!("target: {}{what}{}", error.message(), more(&error)));
            }
            Self::Usage(message) => say(format_args!("{message}\n  hint: see pgwalstream --help")),
            Self::Other(message) | Self::Gone(message) => say(format_args!("{message}")),
            Self::NoReader => {}
        }
        ExitCode::from(status)
    }

    fn status(&self) -> u8 {
        match self {
            Self::NoReader => 0,
            Self::Usage(_) => 2,
            Self::Lost(_) | Self::Gone(_) => 4,
            Self::Library(error) => match error.code() {
                ErrorCode::Gap
                | ErrorCode::DeliveredBeyond
                | ErrorCode::SystemMismatch
                | ErrorCode::SlotInvalidated => 4,
                _ => 1,
            },
            Self::Other(_) | Self::Target(..) => 1,
        }
    }
}

/// What else an error says.
fn more(error: &Error) -> String {
    let detail: String = error.detail().lines().map(|line| format!("\n  detail: {line}")).collect();
    let hint = Some(error.hint()).filter(|hint| !hint.is_empty());
    detail + &hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default()
}

impl fmt::Display for Trouble {
    /// In a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(error) | Self::Lost(error) => f.write_str(error.message()),
            Self::Target(error, _) => write!(f, "target: {}", error.message()),
            Self::Usage(message) | Self::Other(message) | Self::Gone(message) => f.write_str(message),
            Self::NoReader => f.write_str("the reader has gone"),
        }
    }
}

/// Says what is not as it was wanted.
pub fn say(what: fmt::Arguments<'_>) {
    note(format_args!("pgwalstream: {what}"));
}

/// Writes a line to stderr, which may be closed. What a server says must not drive the terminal.
pub fn note(what: fmt::Arguments<'_>) {
    let text: String = format!("{what}\n")
        .chars()
        .map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c })
        .collect();
    let _ = io::stderr().write_all(text.as_bytes());
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}
