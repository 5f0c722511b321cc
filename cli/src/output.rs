//! Where lines go: stdout or a file. It must never say that something is written which is still in a buffer of ours.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
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
    /// stdout, or a file that is made if it is not there. A disk that has its lines has its name, too.
    pub fn open(path: Option<&Path>) -> Result<Self, Trouble> {
        let Some(path) = path else { return Ok(Self::Stdout(io::stdout())) };
        let name = path.display().to_string();
        let opened = match OpenOptions::new().append(true).create_new(true).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                OpenOptions::new().append(true).open(path)
            }
            made => made.and_then(|file| {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
                Ok(file)
            }),
        };
        match opened {
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
            Self::File(file, name) => append(file, lines).map_err(|error| Trouble::writing(name, &error)),
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

/// All of the lines, or none: half of one would become the beginning of the next. A file that is no regular one stays as it is.
fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|it| it.len());
    let written = file.write_all(lines);
    if let (Err(_), Some(before)) = (&written, before) {
        let _ = file.set_len(before);
    }
    written
}

/// Writes to stdout.
pub fn print(bytes: &[u8]) -> Result<(), Trouble> {
    Output::Stdout(io::stdout()).write(bytes)
}
