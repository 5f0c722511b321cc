//! The archiver of a Rust program: a directory that a stream of WAL fills. It blocks the thread that it is called on, since its work is
//! the disk's; it must never be called on a thread of an asynchronous runtime.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::options::Options;
use crate::archive;
use crate::engine::{self, Next, Shared, Standing};
use crate::error::Result;
use crate::lsn::Lsn;

/// An archive of WAL that is being filled.
///
/// Run it on a thread of its own. [`Interrupter`] ends a call that waits.
///
/// ```no_run
/// # fn run() -> Result<(), pgwalstream::Error> {
/// use pgwalstream::{ArchiveEvent, Archiver, Options, SlotCreate};
///
/// let options = Options::new()
///     .conninfo("host=db user=archiver")
///     .slot("archive")
///     .slot_create(SlotCreate::IfMissing)
///     .archive_directory("/var/lib/archive");
/// let mut archiver = Archiver::new(&options)?;
/// while let Some(event) = archiver.next(None)? {
///     if let ArchiveEvent::Segment { name, .. } = event {
///         println!("{name} lasts");
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Archiver {
    inner: engine::Archiver,
    standing: Arc<Mutex<Standing>>,
}

/// Ends a call of an [`Archiver`] that waits, or else the next one.
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<Shared>);

/// What an archive tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveEvent {
    /// It is connected, and goes on there.
    Started {
        /// On this timeline.
        timeline: u32,
        /// From there.
        at: Lsn,
    },
    /// A segment is complete and lasts.
    Segment {
        /// Its file.
        name: String,
        /// Its timeline.
        timeline: u32,
        /// Where it begins.
        start: Lsn,
        /// Where it ends.
        end: Lsn,
    },
    /// A timeline ended.
    Timeline {
        /// The history file of the next, which lasts.
        history: String,
        /// The next.
        timeline: u32,
        /// Where its first segment begins.
        start: Lsn,
        /// Where the one before ended.
        switchpoint: Lsn,
    },
    /// Segments are missing: the archive had this hole before.
    Hole {
        /// From there.
        start: Lsn,
        /// To there.
        end: Lsn,
    },
    /// The disk is full. It is tried each second, and the server keeps the WAL meanwhile.
    DiskFull,
    /// There is room again.
    Space,
    /// The connection was lost and made again; nothing is missing.
    Reconnected,
    /// The time passed.
    TimedOut,
    /// [`Interrupter::interrupt`] was called.
    Interrupted,
}

/// How an archive stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveStanding {
    /// The system identifier; 0 before the first connection.
    pub system_identifier: u64,
    /// The size of segments; 0 before the first connection.
    pub segment_size: u64,
    /// The timeline.
    pub timeline: u32,
    /// How far it is written.
    pub written: Lsn,
    /// How far it lasts.
    pub durable: Lsn,
    /// Segments that were completed since the archiver was made.
    pub segments: u64,
    /// Whether the disk is full.
    pub is_full: bool,
}

/// What is wrong with an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveFault {
    /// What it is.
    pub kind: ArchiveFaultKind,
    /// The file, or "".
    pub name: String,
    /// Where it begins and ends in the WAL; 0 where that says nothing.
    pub range: (Lsn, Lsn),
    /// What is wrong, in one sentence.
    pub message: String,
}

/// Kinds of faults. New ones may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArchiveFaultKind {
    /// Segments are missing between others.
    Hole,
    /// A complete segment has another length than segments have.
    Length,
    /// A page is not what a page of this segment must be.
    Page,
    /// A segment is of another system.
    System,
    /// A timeline's history file is missing, or damaged.
    History,
    /// WAL that the newest timeline does not have.
    Divergent,
}

impl Archiver {
    /// Takes the directory for this process, and finds where its WAL ends. Nothing is asked of a server yet.
    pub fn new(options: &Options) -> Result<Self> {
        let inner = options.archiver()?;
        Ok(Self { standing: inner.standing(), inner })
    }

    /// Fills the archive until there is something to tell. `None`: `stop_lsn` is reached, and all before it lasts. Before
    /// `Started` another call tries again after an error that is retriable.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<ArchiveEvent>> {
        Ok(match self.inner.next(timeout)? {
            Next::Ready(told) => Some(event(told)),
            Next::TimedOut => Some(ArchiveEvent::TimedOut),
            Next::Interrupted => Some(ArchiveEvent::Interrupted),
            Next::Ended => None,
        })
    }

    /// What ends a call that waits, from any thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(self.inner.shared()))
    }

    /// How it stands.
    pub fn standing(&self) -> ArchiveStanding {
        let it = *self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        ArchiveStanding {
            system_identifier: it.system,
            segment_size: it.segment_size,
            timeline: it.timeline,
            written: it.written,
            durable: it.durable,
            segments: it.segments,
            is_full: it.is_full,
        }
    }

    /// Makes what is written last, reports it and says good-bye.
    pub fn close(self) {
        self.inner.close();
    }
}

impl Interrupter {
    /// Ends the call.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// Fetches a file from an archive, as restore_command does: a segment, complete or as far as it came, or a history file. False: the
/// archive does not have it.
pub fn fetch_archived(directory: &Path, name: &str, target: &Path) -> Result<bool> {
    engine::fetch_archived(directory, name, target)
}

/// Looks at all files of an archive, and tells how many segments there are and what is wrong.
pub fn check_archive(directory: &Path) -> Result<(u64, Vec<ArchiveFault>)> {
    use archive::FaultKind as Number;
    let report = engine::check_archive(directory)?;
    let faults = report.faults.into_iter().map(|fault| ArchiveFault {
        kind: match fault.kind {
            Number::WAL_FAULT_HOLE => ArchiveFaultKind::Hole,
            Number::WAL_FAULT_LENGTH => ArchiveFaultKind::Length,
            Number::WAL_FAULT_PAGE => ArchiveFaultKind::Page,
            Number::WAL_FAULT_SYSTEM => ArchiveFaultKind::System,
            Number::WAL_FAULT_HISTORY => ArchiveFaultKind::History,
            Number::WAL_FAULT_DIVERGENT => ArchiveFaultKind::Divergent,
        },
        name: fault.name,
        range: (fault.from, fault.to),
        message: fault.message,
    });
    Ok((report.segments, faults.collect()))
}

fn event(told: engine::Told) -> ArchiveEvent {
    use engine::ArchiveEventKind::*;
    let engine::Told { kind, timeline, start, end, name } = told;
    match kind {
        WAL_ARCHIVE_STARTED => ArchiveEvent::Started { timeline, at: start },
        WAL_ARCHIVE_SEGMENT => ArchiveEvent::Segment { name, timeline, start, end },
        WAL_ARCHIVE_TIMELINE => ArchiveEvent::Timeline { history: name, timeline, start, switchpoint: end },
        WAL_ARCHIVE_HOLE => ArchiveEvent::Hole { start, end },
        WAL_ARCHIVE_DISK_FULL => ArchiveEvent::DiskFull,
        WAL_ARCHIVE_SPACE => ArchiveEvent::Space,
        WAL_ARCHIVE_RECONNECTED => ArchiveEvent::Reconnected,
    }
}
