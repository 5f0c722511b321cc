//! The options of a stream, which a program may complete once between making the stream and connecting it.
//!
//! They must never change under a stream that is connected.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::error::{Error, Result, Status};
use crate::options::Config;
use crate::position::Position;

/// The options, read as a `Config`.
#[derive(Debug)]
pub struct Settings {
    made: Config,
    resumed: OnceLock<Config>,
}

impl Settings {
    /// As they were given.
    pub(super) fn new(made: Config) -> Self {
        Self { made, resumed: OnceLock::new() }
    }

    /// The program has everything up to a position. The stream was not connected yet.
    pub fn resume_after(&self, position: Position) -> Result<()> {
        let given = || {
            Error::new(Status::WAL_E_STATE, "the stream was given a position to resume after before")
                .with_hint("Make another stream for another position.")
        };
        if self.made.resume_after.is_some() {
            return Err(given());
        }
        self.resumed.set(self.made.resuming(position)?).map_err(|_| given())
    }
}

impl Deref for Settings {
    type Target = Config;

    #[inline]
    fn deref(&self) -> &Config {
        self.resumed.get().unwrap_or(&self.made)
    }
}
