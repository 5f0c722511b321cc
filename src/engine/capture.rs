//! The capture of a stream: every byte of its COPY phases goes into a file, if the option says so.
//!
//! It must never be given what came before COPY, where passwords are. A write that fails ends the stream with an
//! error: a capture with a hole would be worse than none.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::capture_file::Names;
use super::connect::Connected;
use super::reconnected::Reconnected;
use crate::capture::{Epoch, Seam, Writer};
use crate::error::{Error, Result, Status};
use crate::options::{Choice, Config, Rotate};
use crate::session::Session;
use crate::sys::pg_micros;

/// The capture of one stream, over all its connections.
#[derive(Debug)]
pub struct Capture {
    pattern: Option<PathBuf>,
    rotate: Rotate,
    assembles: bool,
    state: Mutex<State>,
    /// The file's descriptor, -1 without one: a forked child closes its copy by hand.
    fd: AtomicI32,
}

#[derive(Debug)]
enum State {
    /// Nothing was asked of it yet.
    New,
    /// Everything is written.
    On(Box<Writing>),
    /// The stream ended, or a write failed, which was told; the file.
    Over(PathBuf),
}

/// A capture being written.
#[derive(Debug)]
struct Writing {
    writer: Writer<File>,
    names: Names,
    path: PathBuf,
    begun: Begun,
    /// When the capture began, and the file.
    began: (Instant, Instant),
    /// Which file it is, and of which capture.
    seam: Seam,
}

/// Whether a capture holds anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// The file is made, and no connection is in it.
    No,
    Yes,
}

impl Capture {
    /// A capture into the files that the options name, or none.
    pub fn new(config: &Config) -> Self {
        Self {
            pattern: config.capture_file.clone(),
            rotate: config.capture_rotate,
            assembles: config.assembles(),
            state: Mutex::new(State::New),
            fd: AtomicI32::new(-1),
        }
    }

    /// The file's descriptor, or -1.
    pub fn fd(&self) -> i32 {
        self.fd.load(Ordering::Acquire)
    }

    /// Makes the file, which must not be there; the next attempt to connect goes on with it.
    pub fn open(&self) -> Result<()> {
        let Some(pattern) = &self.pattern else { return Ok(()) };
        let mut state = self.lock();
        match &*state {
            State::New => {}
            State::On(..) => return Ok(()),
            // Streaming on without it would leave a hole that nobody sees.
            State::Over(path) => {
                return Err(Error::new(
                    Status::WAL_E_CAPTURE,
                    format!("writing the capture file {} failed before", path.display()),
                )
                .with_hint("Make a new stream with another capture_file."));
            }
        }
        let (now, instant) = (pg_micros(), Instant::now());
        let mut names = Names::new(pattern);
        let (path, made) = names.make(now);
        let file = made.map_err(|error| cannot_make(&path, &error))?;
        let fd = file.as_raw_fd();
        let writer = self.writer(file).map_err(|error| cannot_write(&path, &error))?;
        self.fd.store(fd, Ordering::Release);
        *state = State::On(Box::new(Writing {
            writer,
            names,
            path,
            begun: Begun::No,
            began: (instant, instant),
            seam: Seam { capture: (now, std::process::id()), number: 1 },
        }));
        Ok(())
    }

    /// No connection came of it: the file is taken away, so that another attempt finds its place free.
    pub fn forsake(&self) {
        let mut state = self.lock();
        if let State::On(writing) = &*state
            && writing.begun == Begun::No
        {
            self.fd.store(-1, Ordering::Release);
            // It was made by this stream and nobody knows of it yet. If it stays, the next attempt says so.
            let _ = std::fs::remove_file(&writing.path);
            *state = State::New;
        }
    }

    /// A connection is in COPY mode.
    pub fn epoch(&self, epoch: &Epoch) -> Result<()> {
        if let State::On(writing) = &mut *self.lock() {
            writing.begun = Begun::Yes;
        }
        self.write(|writer, at| writer.epoch(at, epoch).and_then(|()| writer.flush()))
    }

    /// Bytes came from the server.
    pub fn received(&self, bytes: &[u8]) -> Result<()> {
        self.write(|writer, at| writer.received(at, bytes))
    }

    /// Bytes are about to go to the server: what led to them is written before.
    pub fn sent(&self, bytes: &[u8]) -> Result<()> {
        self.write(|writer, at| writer.sent(at, bytes).and_then(|()| writer.flush()))
    }

    /// A turn of reading is over: what came is written, so that little is missing if the program dies. A file that is long
    /// or old enough is followed by another.
    pub fn flush(&self) -> Result<()> {
        self.write(|writer, _| writer.flush())?;
        self.rotate()
    }

    /// Nothing more will come.
    pub fn finish(&self) -> Result<()> {
        let finished = self.write(Writer::finish);
        let mut state = self.lock();
        if let State::On(writing) = &*state {
            let path = writing.path.clone();
            self.fd.store(-1, Ordering::Release);
            *state = State::Over(path);
        }
        finished
    }

    fn writer(&self, file: File) -> std::io::Result<Writer<File>> {
        if self.assembles { Writer::assembled(file) } else { Writer::new(file) }
    }

    fn write(&self, work: impl FnOnce(&mut Writer<File>, Duration) -> std::io::Result<()>) -> Result<()> {
        let mut state = self.lock();
        let State::On(writing) = &mut *state else { return Ok(()) };
        let Err(error) = work(&mut writing.writer, writing.began.0.elapsed()) else { return Ok(()) };
        Err(self.give_up(&mut state, cannot_write, &error))
    }

    /// Goes on in another file where it is time for it. A server may be silent: only who writes looks.
    fn rotate(&self) -> Result<()> {
        let mut state = self.lock();
        let State::On(writing) = &mut *state else { return Ok(()) };
        let is_due = match self.rotate {
            Rotate::Never => false,
            Rotate::Size(most) => writing.writer.whole() >= most,
            Rotate::Time(most) => writing.began.1.elapsed() >= most,
        };
        if !is_due {
            return Ok(());
        }
        let (path, made) = writing.names.make(pg_micros());
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                writing.path = path;
                return Err(self.give_up(&mut state, cannot_make, &error));
            }
        };
        let fd = file.as_raw_fd();
        let seam = Seam { number: writing.seam.number.wrapping_add(1), ..writing.seam };
        let at = writing.began.0.elapsed();
        if let Err(error) = writing.writer.lead_on(at, seam) {
            let _ = std::fs::remove_file(&path);
            return Err(self.give_up(&mut state, cannot_write, &error));
        }
        // From here on an error is the new file's.
        writing.path = path;
        match writing.writer.go_on(at, file, seam) {
            Ok(before) => {
                // A forked child closes the one that is used, not what has the number of the one before then.
                self.fd.store(fd, Ordering::Release);
                drop(before);
                (writing.seam, writing.began.1) = (seam, Instant::now());
                Ok(())
            }
            Err(error) => Err(self.give_up(&mut state, cannot_write, &error)),
        }
    }

    /// Half a block would only hide how far the capture is good. Nothing more can be done if that fails too.
    fn give_up(
        &self,
        state: &mut State,
        say: fn(&Path, &std::io::Error) -> Error,
        error: &std::io::Error,
    ) -> Error {
        let State::On(writing) = &mut *state else {
            return Error::new(Status::WAL_E_CAPTURE, "there is no capture");
        };
        let _ = writing.writer.out().set_len(writing.writer.whole());
        let path = std::mem::take(&mut writing.path);
        self.fd.store(-1, Ordering::Release);
        let error = say(&path, error);
        *state = State::Over(path);
        error
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // A stream that never connected; any other has told already what became of it.
        self.forsake();
        let _ = self.finish();
    }
}

/// What must be known to understand a connection's bytes.
pub fn epoch(config: &Config, connected: &Connected) -> Epoch {
    let Connected { session, identity, start, branch, .. } = connected;
    let on = |wanted| if wanted { "on" } else { "off" };
    let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
    let publications: Vec<String> = config.publications.iter().map(quoted).collect();
    let mut it = Epoch::new(pg_micros())
        .with("library", env!("CARGO_PKG_VERSION"))
        .with("server_version", session.server_version())
        .with("system_identifier", identity.system)
        .with("timeline", identity.timeline)
        .with("telling", identity.provenance(config).telling.word())
        .with("slot", &config.slot)
        .with("plugin", &config.plugin)
        .with("decode", on(config.decode))
        .with("start_lsn", start)
        .with("dedupe", on(config.dedupe))
        .with("on_ambiguous", config.on_ambiguous.word())
        .with("on_gap", config.on_gap.word());
    if let Some(position) = config.resume_after {
        it = it.with("resume_after", position);
    }
    if let Some(stop) = config.stop_lsn {
        it = it.with("stop_lsn", stop);
    }
    it = Reconnected::write_branch(it, *branch);
    if config.publications.is_empty() {
        return it;
    }
    it.with("publication", publications.join(","))
        .with("proto_version", config.proto_version)
        .with("streaming", config.streaming.word())
        .with("two_phase", config.two_phase.word())
        .with("binary", on(config.binary))
        .with("messages", on(config.messages))
        .with("origin", config.origin.word())
}

fn cannot_make(path: &Path, error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_CAPTURE, format!("cannot make the capture file {}", path.display()), error)
        .with_hint(match error.kind() {
            ErrorKind::AlreadyExists => {
                "It must not be there yet: a capture never overwrites a file. Choose another name, one with %n or %t, or remove it."
            }
            ErrorKind::NotFound => "Its folder does not exist: make it, or correct capture_file.",
            ErrorKind::NotADirectory => "A part of its path is a file: correct capture_file.",
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "This user may not write into its folder: give it the right, or choose another one."
            }
            _ => "Choose another file, or stream without capture_file.",
        })
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_CAPTURE, format!("cannot write the capture file {}", path.display()), error)
        .with_hint("Nothing is lost: what was not acknowledged comes again. Make room, or stream without capture_file.")
}
