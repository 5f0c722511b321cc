//! A capture over all its files, as one.
//!
//! It must never go on with a file that is not the next one of the same capture.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Head, Kind, Reader, Seam};
use crate::error::{Error, Result, Status};

/// Files being read one behind the other. Only one is open.
#[derive(Debug)]
pub struct Chain {
    reader: Reader<File>,
    /// The file before: it stays open until the descriptor of this one is known to whoever closes it after a fork.
    before: Option<Reader<File>>,
    fd: RawFd,
    path: PathBuf,
    /// In the order in which they come, the last first.
    rest: Vec<PathBuf>,
}

impl Chain {
    /// Opens the first of the files.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let Some((first, rest)) = paths.split_first() else {
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, "there is no file to replay"));
        };
        let (reader, fd) = open(first)?;
        Ok(Self { reader, before: None, fd, path: first.clone(), rest: rest.iter().rev().cloned().collect() })
    }

    /// Goes to the next record, in the next file where this one ends; None at the end.
    #[allow(clippy::should_implement_trait, reason = "the body is borrowed from the reader")]
    pub fn next(&mut self) -> Result<Option<Head>> {
        self.before = None;
        loop {
            let head = self.reader.next().map_err(|error| self.name(error))?;
            match head.map(|head| head.kind) {
                Some(Kind::Next) => self.go_on()?,
                Some(Kind::Onward) => {
                    let number = Seam::decode(self.reader.body()).map_or(0, |seam| seam.number);
                    return Err(self.wrong(
                        format!("this is file {number} of a capture"),
                        "Name all files of the capture from the first on, in their order.",
                    ));
                }
                Some(_) => return Ok(head),
                None if self.rest.is_empty() => return Ok(None),
                None => {
                    return Err(self.wrong(
                        "the capture ends here, and more files are named",
                        "Replay each capture by itself: a stream that was opened anew began another.",
                    ));
                }
            }
        }
    }

    /// The bytes of the present record.
    pub fn body(&self) -> &[u8] {
        self.reader.body()
    }

    /// Where in its file the present record's body begins.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// The descriptor of the file that is open.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    fn go_on(&mut self) -> Result<()> {
        let seam = Seam::decode(self.reader.body());
        let number = seam.map_or(0, |seam| seam.number);
        let Some(path) = self.rest.pop() else {
            return Err(self.wrong(
                format!("the capture goes on in file {number}, which is not named"),
                "Name all its files, in their order. What came before is good.",
            ));
        };
        let (mut reader, fd) = open(&path)?;
        let first = reader.next()?;
        let fits = first.is_some_and(|head| head.kind == Kind::Onward) && Seam::decode(reader.body()) == seam;
        if seam.is_none() || !fits {
            return Err(self.wrong(
                format!("{} is not its file {number}, with which it goes on", path.display()),
                "Name all files of the capture in their order.",
            ));
        }
        self.before = Some(std::mem::replace(&mut self.reader, reader));
        (self.fd, self.path) = (fd, path);
        Ok(())
    }

    /// With several files an error names which.
    fn name(&self, error: Error) -> Error {
        if self.rest.is_empty() { error } else { error.within(self.path.display()) }
    }

    fn wrong(&self, what: impl std::fmt::Display, hint: &str) -> Error {
        Error::new(Status::WAL_E_CAPTURE, format!("{}: {what}", self.path.display())).with_hint(hint)
    }
}

fn open(path: &Path) -> Result<(Reader<File>, RawFd)> {
    let what = || format!("cannot open the capture {}", path.display());
    let failed = |error: std::io::Error| {
        let it = Error::os(Status::WAL_E_CAPTURE, what(), &error);
        if error.kind() == ErrorKind::NotFound { it.with_hint("There is no such file.") } else { it }
    };
    // A FIFO would make the caller, and then the engine's thread, wait for its writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Error::new(Status::WAL_E_CAPTURE, format!("{}: it is no regular file", what()))
            .with_hint("Name a file that the option capture_file has written."));
    }
    let fd = file.as_raw_fd();
    Ok((Reader::new(file)?, fd))
}
