//! The capture of a stream: every byte of its COPY phases goes into a file, if the option says so.
//!
//! It must never be given what came before COPY, where passwords are. A write that fails ends the stream with an
//! error: a capture with a hole would be worse than none.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connect::Connected;
use crate::capture::{Epoch, Writer};
use crate::error::{Error, Result, Status};
use crate::options::{Config, GapPolicy, OriginFilter, Streaming};
use crate::session::Session;
use crate::stream::{Branch, Loss};
use crate::sys::pg_micros;

/// The capture of one stream, over all its connections.
#[derive(Debug)]
pub struct Capture {
    path: Option<PathBuf>,
    streaming: Streaming,
    state: Mutex<State>,
    /// The file's descriptor, -1 without one: a forked child closes its copy by hand.
    fd: AtomicI32,
}

#[derive(Debug)]
enum State {
    /// Nothing was asked of it yet.
    New,
    /// Everything is written.
    On(Box<Writer<File>>, Instant, Begun),
    /// The stream ended, or a write failed, which was told.
    Over,
}

/// Whether a capture holds anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// The file is made, and no connection is in it.
    No,
    Yes,
}

impl Capture {
    /// A capture into the file that the options name, or none.
    pub fn new(config: &Config) -> Self {
        let (path, streaming) = (config.capture_file.clone(), config.streaming);
        Self { path, streaming, state: Mutex::new(State::New), fd: AtomicI32::new(-1) }
    }

    /// Whether there is anything to do.
    pub fn is_wanted(&self) -> bool {
        self.path.is_some()
    }

    /// The file's descriptor, or -1.
    pub fn fd(&self) -> i32 {
        self.fd.load(Ordering::Acquire)
    }

    /// Makes the file, which must not be there; the next attempt to connect goes on with it.
    pub fn open(&self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut state = self.lock();
        match &*state {
            State::New => {}
            State::On(..) => return Ok(()),
            // Streaming on without it would leave a hole that nobody sees.
            State::Over => {
                return Err(Error::new(
                    Status::WAL_E_CAPTURE,
                    format!("writing the capture file {} failed before", path.display()),
                )
                .with_hint("Make a new stream with another capture_file."));
            }
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| cannot_make(path, &error))?;
        let fd = file.as_raw_fd();
        let writer = match self.streaming {
            Streaming::Assembled => Writer::assembled(file),
            Streaming::Off | Streaming::On | Streaming::Parallel => Writer::new(file),
        };
        let writer = writer.map_err(|error| cannot_write(path, &error))?;
        self.fd.store(fd, Ordering::Release);
        *state = State::On(Box::new(writer), Instant::now(), Begun::No);
        Ok(())
    }

    /// No connection came of it: the file is taken away, so that another attempt finds its place free.
    pub fn forsake(&self) {
        let Some(path) = &self.path else { return };
        let mut state = self.lock();
        if matches!(&*state, State::On(_, _, Begun::No)) {
            self.fd.store(-1, Ordering::Release);
            *state = State::New;
            // It was made by this stream and nobody knows of it yet. If it stays, the next attempt says so.
            let _ = std::fs::remove_file(path);
        }
    }

    /// A connection is in COPY mode.
    pub fn epoch(&self, epoch: &Epoch) -> Result<()> {
        if let State::On(_, _, begun) = &mut *self.lock() {
            *begun = Begun::Yes;
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

    /// A turn of reading is over: what came is written, so that little is missing if the program dies.
    pub fn flush(&self) -> Result<()> {
        self.write(|writer, _| writer.flush())
    }

    /// Nothing more will come.
    pub fn finish(&self) -> Result<()> {
        let finished = self.write(Writer::finish);
        self.fd.store(-1, Ordering::Release);
        *self.lock() = State::Over;
        finished
    }

    fn write(&self, work: impl FnOnce(&mut Writer<File>, Duration) -> std::io::Result<()>) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut state = self.lock();
        let State::On(writer, began, _) = &mut *state else { return Ok(()) };
        let Err(error) = work(writer, began.elapsed()) else { return Ok(()) };
        // Half a block would only hide how far the capture is good. Nothing more can be done if that fails too.
        let _ = writer.out().set_len(writer.whole());
        self.fd.store(-1, Ordering::Release);
        *state = State::Over;
        Err(cannot_write(path, &error))
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
    let streaming = match config.streaming {
        Streaming::Off => "off",
        Streaming::On => "on",
        Streaming::Parallel => "parallel",
        Streaming::Assembled => "assembled",
    };
    let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
    let publications: Vec<String> = config.publications.iter().map(quoted).collect();
    let mut it = Epoch::new(pg_micros())
        .with("library", env!("CARGO_PKG_VERSION"))
        .with("server_version", session.server_version())
        .with("system_identifier", identity.system)
        .with("timeline", identity.timeline)
        .with("slot", &config.slot)
        .with("plugin", &config.plugin)
        .with("decode", on(config.decode))
        .with("start_lsn", start)
        .with("dedupe", on(config.dedupe))
        .with("on_gap", if config.on_gap == GapPolicy::Warn { "warn" } else { "error" });
    if let Some(stop) = config.stop_lsn {
        it = it.with("stop_lsn", stop);
    }
    if let Some(Branch { at, loss }) = branch {
        let name = if *loss == Loss::Told { "rewound_lsn" } else { "branch_lsn" };
        it = it.with(name, at);
    }
    if config.publications.is_empty() {
        return it;
    }
    it.with("publication", publications.join(","))
        .with("proto_version", config.proto_version)
        .with("streaming", streaming)
        .with("two_phase", on(config.two_phase))
        .with("binary", on(config.binary))
        .with("messages", on(config.messages))
        .with("origin", if config.origin == OriginFilter::None { "none" } else { "any" })
}

fn cannot_make(path: &Path, error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_CAPTURE, format!("cannot make the capture file {}", path.display()), error)
        .with_hint(
            "It must not be there yet: a capture never overwrites a file. Choose another name, or remove it.",
        )
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_CAPTURE, format!("cannot write the capture file {}", path.display()), error)
        .with_hint("Nothing is lost: what was not acknowledged comes again. Make room, or stream without capture_file.")
}
