//! An archive that a stream of WAL fills, in the thread of whoever calls: what comes is written, made to last, and only then
//! acknowledged. It must never do file work on the engine's thread, nor acknowledge what would be lost with the power.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::log::Logger;
use super::shared::Shared;
use super::source::{Source, Wanted};
use super::{Next, Stream};
use crate::archive::{
    Archive, Disk, Entry, Found, Identity, Operation, Segment, believe, found_identity, history, look,
    newest_history, reached, read_history,
};
use crate::batch::{Batch, EventKind, EventView, TimelineNumbers};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{ArchiveSync, FailoverPolicy, Options};
use crate::physical::{Place, SegmentSize};
use crate::sys::Directory;

/// How often a full disk is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How soon an interrupt is noticed meanwhile.
const GLANCE: Duration = Duration::from_millis(20);

/// Kinds of what an archive tells. New ones may come: skip what you do not know.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum ArchiveEventKind {
    /// It is connected, and goes on at `start`.
    WAL_ARCHIVE_STARTED = 1,
    /// A segment is complete and lasts: `name`, from `start` to `end`.
    WAL_ARCHIVE_SEGMENT = 2,
    /// The timeline ended at `end`, and the next one begins at `start`: `name` is its history file, which lasts.
    WAL_ARCHIVE_TIMELINE = 3,
    /// Segments are missing from `start` to `end`: the archive had this hole before.
    WAL_ARCHIVE_HOLE = 4,
    /// The disk is full. Reading stops and the server keeps the WAL, until there is room: it is tried each second.
    WAL_ARCHIVE_DISK_FULL = 5,
    /// There is room again, and it goes on.
    WAL_ARCHIVE_SPACE = 6,
    /// The connection was lost and made again; nothing is missing.
    WAL_ARCHIVE_RECONNECTED = 7,
}

/// What an archive tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it is.
    pub kind: ArchiveEventKind,
    /// The timeline that it is about.
    pub timeline: u32,
    /// Where it begins.
    pub start: Lsn,
    /// Where it ends.
    pub end: Lsn,
    /// The file, or "".
    pub name: String,
}

/// How an archive stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The system identifier; 0 before it is known.
    pub system: u64,
    /// The size of segments, likewise.
    pub segment_size: u64,
    /// The timeline.
    pub timeline: u32,
    /// How far it is written.
    pub written: Lsn,
    /// How far that lasts.
    pub durable: Lsn,
    /// Segments that were completed.
    pub segments: u64,
    /// Whether the disk is full.
    pub is_full: bool,
}

/// An archive and the stream that fills it.
#[derive(Debug)]
pub struct Archiver {
    stream: Stream,
    sync: ArchiveSync,
    phase: Phase,
    held: Option<Held>,
    told: VecDeque<Told>,
    /// When a full disk is tried again.
    full: Option<Instant>,
    /// What ended it for good: each further call gives it again.
    failed: Option<Error>,
    standing: Arc<Mutex<Standing>>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing was asked of a server.
    New(Directory, Found),
    /// An attempt to connect runs.
    Connecting(Directory, Found),
    /// It is connected: whose it is is written down, before anything else.
    Begun(Archive<Directory>, Found),
    /// WAL comes.
    Running(Archive<Directory>),
    /// It is taken apart.
    Over,
}

/// A batch that is being written.
#[derive(Debug)]
struct Held {
    batch: Box<Batch>,
    at: usize,
    /// How much of the event's bytes is written.
    offset: usize,
}

impl Archiver {
    /// Looks at the directory, which nobody else may be writing, and makes a stream that is not connected.
    pub fn new(options: &Options, logger: Logger) -> Result<Self> {
        let (mut config, path, sync) = options.archive_config()?;
        let mut disk = open(&path, true)?;
        if !disk.try_own() {
            let text = format!("another process writes to the archive {}", path.display());
            return Err(Error::new(Status::WAL_E_ARCHIVE, text)
                .with_hint("Give each archiver a directory of its own."));
        }
        let entries = Disk::list(&mut disk).map_err(|error| unreadable(&path, &error))?;
        let identity = match found_identity(&mut disk, &entries)? {
            Some(identity) => Some(identity),
            None => refuse_unknown(&entries)?,
        };
        let (found, wanted) = match identity {
            Some(identity) => known(&mut disk, &entries, identity)?,
            None => (Found::default(), Wanted::default()),
        };
        match found.at {
            Some(place) => (config.timeline, config.start_lsn) = (place.timeline, place.lsn),
            None => config.whole_segments = true,
        }
        let stream = Stream::of(config, logger)?;
        stream.shared().source.expect(wanted);
        Ok(Self {
            stream,
            sync,
            phase: Phase::New(disk, found),
            held: None,
            told: VecDeque::new(),
            full: None,
            failed: None,
            standing: Arc::default(),
        })
    }

    /// What both sides of the stream share: interrupting and counting.
    pub fn shared(&self) -> &Arc<Shared> {
        self.stream.shared()
    }

    /// How it stands, for any thread.
    pub fn standing(&self) -> Arc<Mutex<Standing>> {
        Arc::clone(&self.standing)
    }

    /// Goes on: connects, receives, writes, makes it last, acknowledges; until there is something to tell.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Next<Told>> {
        if let Some(error) = self.failed.as_ref().filter(|_| self.told.is_empty()) {
            return Err(error.clone());
        }
        match self.go_on(timeout) {
            Err(error) => {
                self.failed = Some(error.clone()).filter(|error| !error.is_retriable());
                // What lasts is told before what ended it.
                match self.told.pop_front().filter(|_| self.failed.is_some()) {
                    Some(told) => {
                        self.shared().signal();
                        Ok(Next::Ready(told))
                    }
                    None => Err(error),
                }
            }
            next => next,
        }
    }

    fn go_on(&mut self, timeout: Option<Duration>) -> Result<Next<Told>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(told) = self.told.pop_front() {
                if self.held.is_some() || !self.told.is_empty() || self.failed.is_some() {
                    // The descriptor stays readable while there is more without waiting.
                    self.shared().signal();
                }
                return Ok(Next::Ready(told));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let ready = match (&self.phase, self.full) {
                (Phase::New(..) | Phase::Connecting(..), _) => self.begin(left)?,
                (Phase::Running(_) | Phase::Begun(..), Some(again)) => self.wait_for_room(again, deadline)?,
                (Phase::Begun(..), None) => self.write_down()?,
                (Phase::Running(_), None) if self.held.is_some() => Next::Ready(()),
                (Phase::Running(_), None) => self.receive(left)?,
                (Phase::Over, _) => Next::Ended,
            };
            match ready {
                Next::Ready(()) if self.held.is_some() => self.write_event()?,
                Next::Ready(()) if matches!(self.phase, Phase::Begun(..)) => {
                    self.write_down()?;
                }
                Next::Ready(()) => {}
                Next::TimedOut => return Ok(Next::TimedOut),
                Next::Interrupted => return Ok(Next::Interrupted),
                Next::Ended => {
                    self.sync_and_acknowledge()?;
                    return Ok(Next::Ended);
                }
            }
        }
    }

    /// Makes what is written last, acknowledges it and ends the stream.
    pub fn close(mut self) {
        // What does not last is fetched again.
        let _ = self.sync_and_acknowledge();
    }

    /// In a forked child: closes the child's copies of the descriptors and touches nothing else.
    pub fn abandon(self) {
        let Self { stream, phase, held, .. } = self;
        let fds = match &phase {
            Phase::New(disk, ..) | Phase::Connecting(disk, ..) => disk.fds(),
            Phase::Begun(archive, _) | Phase::Running(archive) => archive.disk_ref().fds(),
            Phase::Over => [-1, -1],
        };
        std::mem::forget((phase, held));
        for fd in fds.into_iter().filter(|fd| *fd >= 0) {
            // SAFETY: the owners are forgotten.
            unsafe { crate::sys::close(fd) };
        }
        stream.abandon();
    }

    /// Connects. Whether the server's WAL belongs here is known before anything is written.
    fn begin(&mut self, left: Option<Duration>) -> Result<Next<()>> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::New(disk, found) => {
                let begun = self.stream.begin_connect();
                let phase = if begun.is_ok() { Phase::Connecting } else { Phase::New };
                self.phase = phase(disk, found);
                begun?;
                return self.begin(left);
            }
            phase => phase,
        };
        match self.stream.begun(left) {
            Ok(Next::Ready(())) => {}
            other => {
                if other.is_err() {
                    // Another call tries again.
                    let _ = self.shared().end_attempt();
                    self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
                        Phase::Connecting(disk, found) => Phase::New(disk, found),
                        phase => phase,
                    };
                }
                return other;
            }
        }
        let Phase::Connecting(disk, found) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Ok(Next::Ended);
        };
        let Source { size, start, .. } = self.source()?;
        let archive = Archive::new(disk, size, found.at.unwrap_or(start));
        self.phase = Phase::Begun(archive, found);
        Ok(Next::Ready(()))
    }

    fn source(&self) -> Result<Source> {
        let nobody = || Error::new(Status::WAL_E_INTERNAL, "a stream of WAL does not say whose it is");
        self.shared().source.get().ok_or_else(nobody)
    }

    /// Writes down whose it is, and how its timeline came about: a restore begins with the history.
    fn write_down(&mut self) -> Result<Next<()>> {
        let Source { system, size, start, histories } = self.source()?;
        let archive = self.archive()?;
        let mut done = archive.identify(Identity { system, size });
        for (timeline, file) in histories.iter() {
            done = done.and_then(|()| archive.keep_history(*timeline, file.as_bytes()));
        }
        match done {
            Err(error) if error.status() == Status::WAL_E_DISK_FULL => {
                self.is_full();
                return Ok(Next::Ready(()));
            }
            done => done?,
        }
        self.came_to_room();
        let Phase::Begun(archive, found) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Ok(Next::Ended);
        };
        let at = found.at.unwrap_or(start);
        self.say(ArchiveEventKind::WAL_ARCHIVE_STARTED, at.timeline, (at.lsn, at.lsn), String::new());
        for (from, to) in found.holes {
            self.say(ArchiveEventKind::WAL_ARCHIVE_HOLE, at.timeline, (from, to), String::new());
        }
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        (standing.system, standing.segment_size, standing.segments) = (system, size.bytes(), 0);
        drop(standing);
        self.phase = Phase::Running(archive);
        self.show();
        Ok(Next::Ready(()))
    }

    fn receive(&mut self, left: Option<Duration>) -> Result<Next<()>> {
        Ok(match self.stream.next_batch(left)? {
            Next::Ready(batch) => {
                self.held = Some(Held { at: batch.walked, batch, offset: 0 });
                Next::Ready(())
            }
            Next::TimedOut => Next::TimedOut,
            Next::Interrupted => Next::Interrupted,
            Next::Ended => Next::Ended,
        })
    }

    /// Writes what the next event of the batch brings. Behind the last one the batch is done with.
    fn write_event(&mut self) -> Result<()> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let Some(event) = held.batch.view(held.at) else {
            held.batch.release();
            return if self.sync == ArchiveSync::Always { self.sync_and_acknowledge() } else { Ok(()) };
        };
        match self.take(event, &mut held.offset) {
            Ok(()) => {
                self.came_to_room();
                (held.at, held.offset) = (held.at + 1, 0);
            }
            Err(error) if error.status() == Status::WAL_E_DISK_FULL => self.is_full(),
            Err(error) => {
                self.held = Some(held);
                return Err(error);
            }
        }
        self.held = Some(held);
        self.show();
        Ok(())
    }

    fn take(&mut self, event: EventView<'_>, offset: &mut usize) -> Result<()> {
        let fields = event.plain();
        match EventKind::of(fields.kind) {
            Some(EventKind::WAL_EVENT_WAL) => {
                let bytes = event.extra(0).unwrap_or_default();
                let place = Place { timeline: fields.timeline(), lsn: Lsn(fields.lsn) };
                while *offset < bytes.len() {
                    let rest = bytes.get(*offset..).unwrap_or_default();
                    let at = Place { lsn: Lsn(place.lsn.0.saturating_add(*offset as u64)), ..place };
                    let written = self.archive()?.write(at, rest)?;
                    *offset += written.bytes;
                    if let Some(segment) = written.complete {
                        self.completed(segment)?;
                    }
                }
                Ok(())
            }
            Some(EventKind::WAL_EVENT_TIMELINE) => self.switch(event),
            Some(EventKind::WAL_EVENT_FLUSH_WANTED) => self.sync_and_acknowledge(),
            Some(EventKind::WAL_EVENT_RECONNECTED) => {
                let at = (Lsn(fields.lsn), Lsn(fields.lsn));
                self.say(ArchiveEventKind::WAL_ARCHIVE_RECONNECTED, fields.timeline(), at, String::new());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A segment lasts: the server may forget it.
    fn completed(&mut self, segment: Segment) -> Result<()> {
        let size = self.size();
        let (start, end) = (segment.start(size).lsn, segment.end(size).lsn);
        self.shared().ack(end.0)?;
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).segments += 1;
        let kind = ArchiveEventKind::WAL_ARCHIVE_SEGMENT;
        self.say(kind, segment.timeline, (start, end), segment.name(size));
        Ok(())
    }

    fn switch(&mut self, event: EventView<'_>) -> Result<()> {
        let numbers =
            event.extra(TimelineNumbers::AT).and_then(TimelineNumbers::from_bytes).unwrap_or_default();
        let file = event.extra(TimelineNumbers::HISTORY_AT).unwrap_or_default();
        let start = Lsn(event.plain().lsn);
        let to = Place { timeline: numbers.timeline, lsn: start };
        let ended = Lsn(numbers.switchpoint);
        let gives_up = self.shared().config.failover_policy == FailoverPolicy::Rewind;
        self.archive()?.switch(ended, to, file, gives_up)?;
        let at = (start, ended);
        let kind = ArchiveEventKind::WAL_ARCHIVE_TIMELINE;
        self.say(kind, numbers.timeline, at, history(numbers.timeline));
        Ok(())
    }

    fn sync_and_acknowledge(&mut self) -> Result<()> {
        let Phase::Running(archive) = &mut self.phase else { return Ok(()) };
        archive.sync()?;
        let durable = archive.durable().lsn.0;
        self.show();
        // Of the next timeline's first segment the server was told before.
        self.shared().ack(durable.min(self.shared().acks.delivered()))
    }

    /// Nothing more is read, the engine goes on answering the server, and the server keeps the WAL.
    fn is_full(&mut self) {
        if self.full.is_none() {
            let at = self.standing.lock().unwrap_or_else(PoisonError::into_inner).written;
            let timeline = self.archive().map_or(0, |archive| archive.written().timeline);
            self.say(ArchiveEventKind::WAL_ARCHIVE_DISK_FULL, timeline, (at, at), String::new());
        }
        self.full = Instant::now().checked_add(AGAIN);
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).is_full = true;
    }

    fn came_to_room(&mut self) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut standing.is_full) {
            return;
        }
        let at = standing.written;
        drop(standing);
        self.full = None;
        let timeline = self.archive().map_or(0, |archive| archive.written().timeline);
        self.say(ArchiveEventKind::WAL_ARCHIVE_SPACE, timeline, (at, at), String::new());
    }

    fn wait_for_room(&mut self, again: Instant, deadline: Option<Instant>) -> Result<Next<()>> {
        loop {
            if self.shared().is_interrupted() && self.shared().take_interrupt() {
                return Ok(Next::Interrupted);
            }
            let now = Instant::now();
            if now >= again {
                return Ok(Next::Ready(()));
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(Next::TimedOut);
            }
            let until = deadline.map_or(again, |deadline| deadline.min(again));
            sleep(until.saturating_duration_since(now).min(GLANCE));
        }
    }

    fn archive(&mut self) -> Result<&mut Archive<Directory>> {
        match &mut self.phase {
            Phase::Begun(archive, _) | Phase::Running(archive) => Ok(archive),
            _ => Err(Error::new(Status::WAL_E_INTERNAL, "an archive that is not begun")),
        }
    }

    fn size(&self) -> SegmentSize {
        self.shared().source.get().map_or(SegmentSize::USUAL, |source| source.size)
    }

    fn say(&mut self, kind: ArchiveEventKind, timeline: u32, (start, end): (Lsn, Lsn), name: String) {
        self.told.push_back(Told { kind, timeline, start, end, name });
    }

    fn show(&self) {
        let Phase::Running(archive) = &self.phase else { return };
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = archive.written();
        (standing.timeline, standing.written) = (written.timeline, written.lsn);
        standing.durable = archive.durable().lsn;
    }
}

impl Disk for Directory {
    fn list(&mut self) -> std::io::Result<Vec<Entry>> {
        Ok(Self::list(self)?.into_iter().map(|(name, size)| Entry { name, size }).collect())
    }

    fn read(&mut self, name: &str, at: u64, to: &mut [u8]) -> std::io::Result<usize> {
        Self::read(self, name, at, to)
    }

    fn run(&mut self, operation: Operation<'_>) -> std::io::Result<()> {
        match operation {
            Operation::Make { name } => self.make(name),
            Operation::Reserve { name, bytes } => self.reserve(name, bytes),
            Operation::Write { name, at, bytes } => self.write(name, at, bytes),
            Operation::Sync { name } => self.sync(name),
            Operation::SyncData { name } => self.sync_data(name),
            Operation::Rename { from, to } => self.rename(from, to),
            Operation::Remove { name } => self.remove(name),
            Operation::SyncDirectory => self.sync_names(),
        }
    }
}

/// Opens an archive's directory, and makes it where that is wanted.
pub(super) fn open(path: &Path, makes: bool) -> Result<Directory> {
    let opened = match Directory::open(path) {
        Err(error) if makes && error.kind() == std::io::ErrorKind::NotFound => {
            Directory::create(path).and_then(|()| Directory::open(path))
        }
        opened => opened,
    };
    // What lasts in a directory lasts only if that does.
    let opened = match opened {
        Ok(folder) if makes => Directory::keep(path).map(|()| folder),
        opened => opened,
    };
    opened.map_err(|error| unreadable(path, &error))
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_ARCHIVE, format!("cannot use the archive {}", path.display()), error)
        .with_hint("Set archive_directory to a directory that this process may write.")
}

/// What an archive has, and what a server must have to go on with it.
fn known(disk: &mut Directory, entries: &[Entry], identity: Identity) -> Result<(Found, Wanted)> {
    let size = identity.size;
    believe(disk, entries, identity)?;
    let history = newest_history(disk, entries, size)?;
    let found = look(entries, size, history.as_ref())?;
    let reached = found.partial.map(|partial| reached(disk, partial, size)).transpose()?;
    // Beyond a switchpoint that was gone through a server may have sent the beginning of a record.
    let reached = reached.map(|place| {
        let left = history.as_ref().and_then(|history| history.end_of(place.timeline));
        Place { lsn: left.map_or(place.lsn, |left| left.min(place.lsn)), ..place }
    });
    let history = match (history, found.at) {
        (None, Some(at)) => read_history(disk, at.timeline)?,
        (history, _) => history,
    };
    Ok((found, Wanted { identity: Some(identity), history, reached }))
}

/// Files that look like segments, of which none says whose it is, are not written over.
fn refuse_unknown(entries: &[Entry]) -> Result<Option<Identity>> {
    let looks = |entry: &&Entry| {
        let name = entry.name.as_bytes();
        let digits = name.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        digits == 24 && entry.size > 0 && name.len() == digits
    };
    match entries.iter().find(looks) {
        None => Ok(None),
        Some(entry) => {
            let text = format!("the archive has a segment {}, which does not say whose it is", entry.name);
            Err(Error::new(Status::WAL_E_ARCHIVE, text).with_hint("Move it away, or use another directory."))
        }
    }
}
