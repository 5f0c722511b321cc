//! The archiver as C sees it: a directory that a stream of WAL fills, what is fetched from it, what is wrong with it.

use std::cell::UnsafeCell;
use std::ffi::{CString, c_char};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::boundary::{boundary, not_null, reference, text};
use super::gate::Gate;
use super::stats::copy_sized;
use super::stream::{duration, outcome};
use super::{wal_error, wal_options, wal_status};
use crate::archive::Report;
use crate::engine::{Archiver, Next, Shared, Standing, Told, check_archive, fetch_archived};
use crate::error::Status;

/// An archive of WAL that is being filled. Since 0.2.0.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_archive {
    gate: Gate,
    shared: Arc<Shared>,
    standing: Arc<Mutex<Standing>>,
    archiver: UnsafeCell<ManuallyDrop<Archiver>>,
    /// What was told last.
    told: UnsafeCell<wal_archive_event>,
}

/// What an archive tells. Since 0.2.0.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_archive_event {
    told: Option<Told>,
    name: CString,
}

/// How an archive stands. New fields come at the end. Since 0.2.0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types)]
pub struct wal_archive_standing {
    /// The system identifier; 0 before the first connection.
    pub system_identifier: u64,
    /// The size of segments in bytes; 0 before the first connection.
    pub segment_size: u64,
    /// How far it is written.
    pub written_lsn: u64,
    /// How far it lasts, whatever happens to process and machine.
    pub durable_lsn: u64,
    /// Segments that were completed since the archiver was made.
    pub segments: u64,
    /// The timeline.
    pub timeline: u32,
    /// 1 while the disk is full, else 0.
    pub is_full: u32,
}

/// What an archive has, and what is wrong with it. Since 0.2.0.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_archive_report {
    report: Report,
    /// The names and messages, terminated.
    texts: Vec<(CString, CString)>,
}

/// Makes an archiver: takes the directory for this process, and finds where its WAL ends. Nothing is asked of a server yet. Options:
/// those of a physical stream, and `archive_directory` and `archive_sync`. An archive of another system is never written to.
///
/// @param[in] options copied; `mode` need not be set
/// @param[out] out the archiver, owned by the caller: wal_archive_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_BAD_OPTION, WAL_E_CONNINFO; WAL_E_ARCHIVE: the directory cannot be used, another process writes there, or
/// a segment has a wrong length; WAL_E_ARCHIVE_IDENTITY: its segments are not of the system that it says; WAL_E_SYSTEM
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_new(
    options: *const wal_options,
    out: *mut *mut wal_archive,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: live options.
        let options = unsafe { reference(options, "options") }?;
        let gate = Gate::new("archive")?;
        let archiver = Archiver::new(&options.options, options.logger.clone())?;
        let made = Box::new(wal_archive {
            gate,
            shared: Arc::clone(archiver.shared()),
            standing: archiver.standing(),
            archiver: UnsafeCell::new(ManuallyDrop::new(archiver)),
            told: UnsafeCell::new(wal_archive_event { told: None, name: CString::default() }),
        });
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(made)) };
        Ok(Status::WAL_OK)
    }))
}

/// Fills the archive, in the calling thread, until there is something to tell: connects at the first call, receives, writes, makes it
/// last, and acknowledges what lasts. The engine answers the server meanwhile, however long a disk takes.
///
/// A full disk is no error: WAL_ARCHIVE_DISK_FULL tells, and it goes on by itself once there is room. Before WAL_ARCHIVE_STARTED
/// another call tries again after an error that wal_error_is_retriable says may pass. After others, and once it has started, free the
/// archiver: another one goes on. Segments that were completed just before a crash are not told again.
///
/// @param[in,out] archive to fill
/// @param[in] timeout_ms -1 waits for ever, 0 does not wait; writing what was received is not waiting
/// @param[out] out what it tells, borrowed until the next call
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_TIMEOUT; WAL_INTERRUPTED; WAL_END: option stop_lsn is reached, and all before it lasts; WAL_E_GAP: the server
/// has removed what comes next; WAL_E_FORK: the server's history does not have what the archive has; WAL_E_ARCHIVE_IDENTITY: the
/// archive is another system's; WAL_E_ARCHIVE_CONFLICT: there is a file of that name with other bytes; WAL_E_FSYNC: nobody knows what
/// the disk has; WAL_E_ARCHIVE; and as wal_stream_connect and wal_stream_next
/// @par Thread safety
/// one thread at a time, any thread; a second one gets WAL_E_BUSY
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_next(
    archive: *mut wal_archive,
    timeout_ms: i32,
    out: *mut *const wal_archive_event,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null(); {
        // SAFETY: the contract: a live handle.
        let handle = unsafe { reference(archive.cast_const(), "archive") }?;
        handle.gate.exclusive(|| {
            // SAFETY: the gate admits one thread at a time, and nobody else touches the cells but freeing, which waits.
            let (archiver, told) = unsafe { (&mut *handle.archiver.get(), &mut *handle.told.get()) };
            let next = archiver.next(duration(timeout_ms))?;
            let status = outcome(&next);
            if let Next::Ready(it) = next {
                *told = wal_archive_event { name: terminated(&it.name), told: Some(it) };
                // SAFETY: checked not to be NULL.
                unsafe { out.write(told) };
            }
            Ok(status)
        })
    }))
}

/// A descriptor for poll, epoll or a library on top of them, as wal_stream_fd: when it is readable, call wal_archive_next with timeout 0
/// until that answers WAL_TIMEOUT. While the disk is full call it each second too.
///
/// @param archive may be NULL
/// @return the descriptor, which stays the archiver's; -1 for NULL and in a forked child
/// @par Thread safety
/// any thread, any time
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_fd(archive: *const wal_archive) -> i32 {
    boundary!(neutral(-1; {
        // SAFETY: the contract: NULL or a live handle.
        match unsafe { archive.as_ref() } {
            Some(archive) if !archive.gate.is_forked_child() => archive.shared.ready_fd(),
            _ => -1,
        }
    }))
}

/// Makes the wal_archive_next that waits, or else the next one, return WAL_INTERRUPTED once.
///
/// @param archive may be NULL
/// @par Thread safety
/// any thread, any time, and signal handlers: it is async-signal-safe and keeps errno
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_interrupt(archive: *const wal_archive) {
    // As wal_stream_interrupt: nothing here can panic.
    // SAFETY: the contract: NULL or a live handle.
    if let Some(archive) = unsafe { archive.as_ref() }
        && !archive.gate.is_forked_child()
    {
        archive.shared.interrupt();
    }
}

/// Takes back an interrupt that no call has consumed.
///
/// @param archive may be NULL
/// @par Thread safety
/// any thread, any time
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_interrupt_clear(archive: *const wal_archive) {
    boundary!(neutral((); {
        // SAFETY: the contract: NULL or a live handle.
        if let Some(archive) = unsafe { archive.as_ref() }
            && !archive.gate.is_forked_child()
        {
            archive.shared.interrupt_clear();
        }
    }));
}

/// How the archive stands.
///
/// @param[in] archive to ask
/// @param[out] out filled up to `size`: what this library does not know is 0
/// @param[in] size of the struct as the caller knows it: sizeof
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT, WAL_E_FORKED
/// @par Thread safety
/// any thread, any time
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_status(
    archive: *const wal_archive,
    out: *mut wal_archive_standing,
    size: usize,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(out.cast_const(), "out")?;
        // SAFETY: the contract: `out` holds `size` bytes.
        unsafe { copy_sized(&wal_archive_standing::default(), out, size) };
        // SAFETY: the contract: a live handle.
        let handle = unsafe { reference(archive, "archive") }?;
        handle.gate.shared(|| {
            let it = *handle.standing.lock().unwrap_or_else(PoisonError::into_inner);
            let told = wal_archive_standing {
                system_identifier: it.system,
                segment_size: it.segment_size,
                written_lsn: it.written.0,
                durable_lsn: it.durable.0,
                segments: it.segments,
                timeline: it.timeline,
                is_full: u32::from(it.is_full),
            };
            // SAFETY: as above.
            unsafe { copy_sized(&told, out, size) };
            Ok(Status::WAL_OK)
        })
    }))
}

/// Ends an archiver: makes what is written last, reports it and says good-bye. The segment that is not complete stays, and is fetched
/// again at the next start.
///
/// In a forked child it only closes the child's copies of the descriptors.
///
/// @param archive may be NULL
/// @par Thread safety
/// once, from any thread; every call after it is the caller's error
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_free(archive: *mut wal_archive) {
    boundary!(neutral((); {
        if !archive.is_null() {
            // SAFETY: the contract: a live handle, freed once.
            let handle = unsafe { &*archive };
            if handle.gate.is_forked_child() {
                // SAFETY: nobody else is in this process's copy; the box is leaked on purpose, as that of a stream.
                unsafe { ManuallyDrop::take(&mut *handle.archiver.get()) }.abandon();
                return;
            }
            handle.shared.interrupt();
            handle.gate.drain();
            // SAFETY: nobody is inside, and the contract says that nobody comes any more.
            let mut handle = unsafe { Box::from_raw(archive) };
            // SAFETY: taken once: the handle ends here.
            unsafe { ManuallyDrop::take(handle.archiver.get_mut()) }.close();
        }
    }));
}

/// What an archive tells: a wal_archive_event_code.
///
/// @param event may be NULL
/// @return the kind; 0 for NULL
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_event_kind(event: *const wal_archive_event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { told(event) }.map_or(0, |told| told.kind as u32) }))
}

/// The timeline that it is about: of TIMELINE the one that begins.
///
/// @param event may be NULL
/// @return the timeline; 0 for NULL
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_event_timeline(event: *const wal_archive_event) -> u32 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { told(event) }.map_or(0, |told| told.timeline) }))
}

/// Where it begins: of a segment, a hole, a timeline's WAL, or where the archive stands.
///
/// @param event may be NULL
/// @return the position; 0 for NULL
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_event_start_lsn(event: *const wal_archive_event) -> u64 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { told(event) }.map_or(0, |told| told.start.0) }))
}

/// Where it ends: of TIMELINE where the timeline before ended.
///
/// @param event may be NULL
/// @return the position; 0 for NULL
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_event_end_lsn(event: *const wal_archive_event) -> u64 {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(0; { unsafe { told(event) }.map_or(0, |told| told.end.0) }))
}

/// The file of a SEGMENT or a TIMELINE, by its name in the directory.
///
/// @param event may be NULL
/// @return the name, terminated by NUL, borrowed from the event; "" where there is none
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_event_name(event: *const wal_archive_event) -> *const c_char {
    // SAFETY: the contract: NULL or a live event.
    boundary!(neutral(c"".as_ptr(); { unsafe { event.as_ref() }.map_or(c"".as_ptr(), |event| event.name.as_ptr()) }))
}

/// Fetches a file from an archive, as restore_command does: a segment, complete or as far as it came, or a history file. The target
/// is there whole or not at all. A segment that is not complete is filled up with zeros: recovery takes it up to its last record.
///
/// A server takes an exit status below 126 for the end of the archive. A program for restore_command gives 1 only for WAL_NOT_FOUND,
/// and 126 or more for errors.
///
/// @param[in] directory of the archive, terminated by NUL
/// @param[in] name of the file, as the server asks for it (`%f`)
/// @param[in] target path of the file to write (`%p`)
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_NOT_FOUND: the archive does not have it; WAL_E_ARCHIVE: it cannot be read or written, or has a wrong length,
/// or the directory has no WAL;
/// WAL_E_INVALID_ARGUMENT: this is not the name of a file
/// @par Thread safety
/// any thread, several at once, also while an archiver fills the directory
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_fetch(
    directory: *const c_char,
    name: *const c_char,
    target: *const c_char,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: terminated texts.
        let (directory, name, target) =
            unsafe { (text(directory, "directory")?, text(name, "name")?, text(target, "target")?) };
        let found = fetch_archived(Path::new(directory), name, Path::new(target))?;
        Ok(if found { Status::WAL_OK } else { Status::WAL_NOT_FOUND })
    }))
}

/// Looks at all files of an archive: holes, lengths, every page's header, whose WAL it is, histories, WAL that the newest timeline does
/// not have. It reads all of it. An archive with faults is no error of the call: the report has them.
///
/// @param[in] directory of the archive, terminated by NUL
/// @param[out] out the report, owned by the caller: wal_archive_report_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_ARCHIVE: it cannot be read, or there is no complete segment in it
/// @par Thread safety
/// any thread, several at once; beside an archiver the segment that is being written is left out
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_check(
    directory: *const c_char,
    out: *mut *mut wal_archive_report,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        // SAFETY: the contract: a terminated text.
        let report = check_archive(Path::new(unsafe { text(directory, "directory") }?))?;
        let texts = report.faults.iter().map(|fault| (terminated(&fault.name), terminated(&fault.message)));
        let made = wal_archive_report { texts: texts.collect(), report };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(made))) };
        Ok(Status::WAL_OK)
    }))
}

/// How many complete segments were read.
///
/// @param report may be NULL
/// @return the number
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_segments(report: *const wal_archive_report) -> u64 {
    // SAFETY: the contract: NULL or a live report.
    boundary!(neutral(0; { unsafe { report.as_ref() }.map_or(0, |it| it.report.segments) }))
}

/// How many faults there are: 0 for an archive that is sound.
///
/// @param report may be NULL
/// @return the number
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_faults(report: *const wal_archive_report) -> usize {
    // SAFETY: the contract: NULL or a live report.
    boundary!(neutral(0; { unsafe { report.as_ref() }.map_or(0, |it| it.report.faults.len()) }))
}

/// What a fault is: a wal_archive_fault_code.
///
/// @param report may be NULL
/// @param[in] index from 0
/// @return the kind; 0 if there is none
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_kind(report: *const wal_archive_report, index: usize) -> u32 {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live report.
        unsafe { report.as_ref() }.and_then(|it| it.report.faults.get(index)).map_or(0, |fault| fault.kind as u32)
    }))
}

/// Where a fault begins in the WAL.
///
/// @param report may be NULL
/// @param[in] index from 0
/// @return the position; 0 where that says nothing
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_start_lsn(
    report: *const wal_archive_report,
    index: usize,
) -> u64 {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live report.
        unsafe { report.as_ref() }.and_then(|it| it.report.faults.get(index)).map_or(0, |fault| fault.from.0)
    }))
}

/// Where a fault ends in the WAL.
///
/// @param report may be NULL
/// @param[in] index from 0
/// @return the position; 0 where that says nothing
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_end_lsn(report: *const wal_archive_report, index: usize) -> u64 {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live report.
        unsafe { report.as_ref() }.and_then(|it| it.report.faults.get(index)).map_or(0, |fault| fault.to.0)
    }))
}

/// The file of a fault.
///
/// @param report may be NULL
/// @param[in] index from 0
/// @return the name, terminated by NUL, borrowed from the report; "" where there is none
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_name(
    report: *const wal_archive_report,
    index: usize,
) -> *const c_char {
    boundary!(neutral(c"".as_ptr(); {
        // SAFETY: the contract: NULL or a live report.
        unsafe { report.as_ref() }.and_then(|it| it.texts.get(index)).map_or(c"".as_ptr(), |texts| texts.0.as_ptr())
    }))
}

/// What is wrong, in one sentence.
///
/// @param report may be NULL
/// @param[in] index from 0
/// @return the sentence, terminated by NUL, borrowed from the report; "" where there is none
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_message(
    report: *const wal_archive_report,
    index: usize,
) -> *const c_char {
    boundary!(neutral(c"".as_ptr(); {
        // SAFETY: the contract: NULL or a live report.
        unsafe { report.as_ref() }.and_then(|it| it.texts.get(index)).map_or(c"".as_ptr(), |texts| texts.1.as_ptr())
    }))
}

/// Frees a report.
///
/// @param report may be NULL
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_archive_report_free(report: *mut wal_archive_report) {
    boundary!(neutral((); {
        if !report.is_null() {
            // SAFETY: made by wal_archive_check; the contract: freed once.
            drop(unsafe { Box::from_raw(report) });
        }
    }));
}

/// # Safety
/// `event` is NULL or live.
unsafe fn told<'a>(event: *const wal_archive_event) -> Option<&'a Told> {
    // SAFETY: the caller's promise.
    unsafe { event.as_ref() }.and_then(|event| event.told.as_ref())
}

/// What the library makes holds no NUL; what a directory has may, and ends there.
fn terminated(text: &str) -> CString {
    let until = text.find('\0').unwrap_or(text.len());
    CString::new(text.get(..until).unwrap_or_default()).unwrap_or_default()
}
