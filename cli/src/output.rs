//! Where lines go: stdout or a file. It must never say that something is written which is still in a buffer of ours.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::trouble::Trouble;

/// A place for lines.
pub enum Output {
    /// stdout.
    Stdout(io::Stdout),
    /// A file, which is appended to, and its name.
    File(File, String),
}

impl Output {
    /// stdout, or a file that is made if it is not there.
    pub fn open(path: Option<&Path>) -> Result<Self, Trouble> {
        let Some(path) = path else { return Ok(Self::Stdout(io::stdout())) };
        let name = path.display().to_string();
        match OpenOptions::new().append(true).create(true).open(path) {
            Ok(file) => Ok(Self::File(file, name)),
            Err(error) => Err(Trouble::other(format!("cannot open {name}: {error}"))),
        }
    }

    /// Writes whole lines; a reader that is slow is waited for.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        match self {
            Self::Stdout(out) => out
                .write_all(lines)
                .and_then(|()| out.flush())
                .map_err(|error| Trouble::writing("stdout", &error)),
            Self::File(file, name) => file.write_all(lines).map_err(|error| Trouble::writing(name, &error)),
        }
    }

    /// Waits until the disk has what was written.
    pub fn sync(&mut self) -> Result<(), Trouble> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File(file, name) => {
                file.sync_data().map_err(|error| Trouble::other(format!("cannot sync {name}: {error}")))
            }
        }
    }
}

/// Writes to stdout.
pub fn print(bytes: &[u8]) -> Result<(), Trouble> {
    Output::Stdout(io::stdout()).write(bytes)
}
