//! What is wrong with an archive: holes, lengths, pages that are none, WAL of another system, timelines without a history. The
//! result is what was found, and never a success that nothing was looked at for (PH14).

use std::io;

use super::identity::{FILE, Identity};
use super::name::{Name, Segment, history};
use super::operations::{Disk, Entry};
use super::start::{look, newest_history, read_history};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::physical::{History, SegmentSize};

/// A page of WAL, of which each has a header.
const PAGE: usize = 8192;

/// How much is read at once.
const READ: usize = 16 * PAGE;

/// Kinds of faults. New ones may come.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum FaultKind {
    /// Segments are missing between others.
    WAL_FAULT_HOLE = 1,
    /// A complete segment has another length than segments have.
    WAL_FAULT_LENGTH = 2,
    /// A page is not what a page of this segment must be, or cannot be read.
    WAL_FAULT_PAGE = 3,
    /// A segment is of another system.
    WAL_FAULT_SYSTEM = 4,
    /// A timeline's history file is missing, or damaged.
    WAL_FAULT_HISTORY = 5,
    /// Segments of a timeline lie beyond where a later one left it.
    WAL_FAULT_DIVERGENT = 6,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is.
    pub kind: FaultKind,
    /// The file, or "".
    pub name: String,
    /// Where it begins and ends in the WAL; both 0 where that says nothing.
    pub from: Lsn,
    /// Its end.
    pub to: Lsn,
    /// What is wrong, in one sentence.
    pub message: String,
}

/// What an archive has, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Complete segments that were read.
    pub segments: u64,
    /// The bytes of them.
    pub bytes: u64,
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
}

impl Report {
    fn add(&mut self, kind: FaultKind, name: &str, range: (Lsn, Lsn), message: String) {
        self.faults.push(Fault { kind, name: name.to_owned(), from: range.0, to: range.1, message });
    }
}

/// Looks at all files. Of a directory without WAL that cannot be said: it is an error.
pub fn check<D: Disk>(disk: &mut D) -> Result<Report> {
    let unreadable = |error: io::Error| Error::os(Status::WAL_E_ARCHIVE, "cannot read the archive", &error);
    let mut entries = disk.list().map_err(unreadable)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let none = || {
        Error::new(Status::WAL_E_ARCHIVE, "there is no WAL in the directory")
            .with_hint("Name the directory of an archive.")
    };
    let identity = found_identity(disk, &entries)?.ok_or_else(none)?;
    let mut report = Report::default();
    let sound = |entry: &&Entry| {
        let is_whole = matches!(Name::parse(&entry.name, identity.size), Some(Name::Segment(_)));
        !is_whole || entry.size == identity.size.bytes()
    };
    let right: Vec<Entry> = entries.iter().filter(sound).cloned().collect();
    // One that is damaged is told below.
    let lineage = newest_history(disk, &right, identity.size).ok().flatten();
    for (from, to) in look(&right, identity.size, lineage.as_ref())?.holes {
        let text = format!("segments are missing from {from} to {to}");
        report.add(FaultKind::WAL_FAULT_HOLE, "", (from, to), text);
    }
    let mut segments = Vec::new();
    for entry in &entries {
        let Some(Name::Segment(segment)) = Name::parse(&entry.name, identity.size) else { continue };
        let range = (segment.start(identity.size).lsn, segment.end(identity.size).lsn);
        if entry.size != identity.size.bytes() {
            let text = format!("it has {} bytes, and not {}", entry.size, identity.size.bytes());
            report.add(FaultKind::WAL_FAULT_LENGTH, &entry.name, range, text);
            continue;
        }
        segments.push(segment);
        report.segments += 1;
        report.bytes += entry.size;
        if let Err((kind, at, message)) = pages(disk, &entry.name, segment, identity) {
            report.add(kind, &entry.name, (at, range.1), message);
        }
    }
    histories(disk, &segments, identity.size, &mut report);
    if report.segments == 0 && report.faults.is_empty() {
        return Err(Error::new(Status::WAL_E_ARCHIVE, "there is no complete segment in the directory")
            .with_hint("One that is not complete is not looked at."));
    }
    Ok(report)
}

/// Whose the archive is: by its own file, or by its first segment.
pub fn found_identity<D: Disk>(disk: &mut D, entries: &[Entry]) -> Result<Option<Identity>> {
    let mut bytes = [0; 256];
    match disk.read(FILE, 0, &mut bytes) {
        Ok(n) => {
            return Identity::parse(&String::from_utf8_lossy(bytes.get(..n).unwrap_or_default())).map(Some);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // What cannot be read is not what is not there.
        Err(error) => return Err(Error::os(Status::WAL_E_ARCHIVE, format!("cannot read {FILE}"), &error)),
    }
    for entry in entries {
        let is_one = SegmentSize::of(entry.size).is_some_and(|size| Name::parse(&entry.name, size).is_some());
        if is_one && let Some(identity) = identity_of(disk, &entry.name)? {
            return Ok(Some(identity));
        }
    }
    Ok(None)
}

/// The newest complete segment must be of whom the archive says that it is: a file of identity may have been copied.
pub fn believe<D: Disk>(disk: &mut D, entries: &[Entry], identity: Identity) -> Result<()> {
    let whole = entries.iter().filter_map(|entry| match Name::parse(&entry.name, identity.size) {
        Some(Name::Segment(segment)) => Some(segment),
        _ => None,
    });
    let Some(newest) = whole.max() else { return Ok(()) };
    let name = newest.name(identity.size);
    match identity_of(disk, &name)? {
        Some(own) if own != identity => {
            let text = format!(
                "the archive's segment {name} is of system {}, and {FILE} says {}",
                own.system, identity.system
            );
            Err(Error::new(Status::WAL_E_ARCHIVE_IDENTITY, text)
                .with_hint("Two archives were mixed: give each system a directory of its own."))
        }
        _ => Ok(()),
    }
}

/// Whose a segment says that it is; nothing where it has gone meanwhile, or says nothing.
fn identity_of<D: Disk>(disk: &mut D, name: &str) -> Result<Option<Identity>> {
    let mut head = [0; 40];
    match disk.read(name, 0, &mut head) {
        Ok(n) => Ok(Identity::of_segment(head.get(..n).unwrap_or_default())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::os(Status::WAL_E_ARCHIVE, format!("cannot read {name}"), &error)),
    }
}

type Wrong = (FaultKind, Lsn, String);

/// Every page must be of this place and system. Behind the record that ends a segment early there are only zeros.
fn pages<D: Disk>(
    disk: &mut D,
    name: &str,
    segment: Segment,
    identity: Identity,
) -> std::result::Result<(), Wrong> {
    let start = segment.start(identity.size).lsn;
    let mut buffer = vec![0; READ];
    let mut magic = None;
    let (mut is_over, mut ends) = (false, false);
    let mut at = 0;
    while at < identity.size.bytes() {
        let place = Lsn(start.0 + at);
        let n = disk.read(name, at, &mut buffer).unwrap_or(0);
        if n < PAGE {
            return Err((FaultKind::WAL_FAULT_PAGE, place, format!("it cannot be read at {place}")));
        }
        let read = buffer.get(..n).unwrap_or_default();
        for (number, page) in read.chunks_exact(PAGE).enumerate() {
            let place = Lsn(place.0 + (number * PAGE) as u64);
            let is_empty = place != start && page.iter().all(|byte| *byte == 0);
            if is_empty && !is_over && !ends {
                let text = format!("there is nothing from {place} on, and no switch of segments before it");
                return Err((FaultKind::WAL_FAULT_PAGE, place, text));
            }
            is_over |= is_empty;
            if !is_over {
                self::page(page, place, segment, identity, &mut magic)?;
                ends = ends_segment(page);
            } else if page.iter().any(|byte| *byte != 0) {
                let text = format!("there is something at {place}, behind the end of the segment's WAL");
                return Err((FaultKind::WAL_FAULT_PAGE, place, text));
            }
        }
        at += (n - n % PAGE) as u64;
    }
    Ok(())
}

/// Whether the last record of a page ends its segment: XLOG_SWITCH of XLogRecord, of 24 bytes. Its head may lie on the page before.
fn ends_segment(page: &[u8]) -> bool {
    const RECORD: usize = 24;
    let Some(last) = page.iter().rposition(|byte| *byte != 0) else { return false };
    let is_one = |at: usize| {
        let record = page.get(at..at + RECORD)?;
        let length = u32::from_le_bytes(*record.first_chunk()?);
        // RM_XLOG_ID is 0, and XLOG_SWITCH 0x40.
        Some(length == 24 && *record.get(16)? & 0xF0 == 0x40 && *record.get(17)? == 0)
    };
    let mut begins = (last.saturating_sub(RECORD - 1)..=last).filter(|at| at % 8 == 0);
    let rest = || {
        let info = u16::from_le_bytes(*page.get(2..4)?.first_chunk()?);
        let length = u32::from_le_bytes(*page.get(16..20)?.first_chunk()?);
        let length = usize::try_from(length).ok().filter(|length| *length < RECORD)?;
        // A segment's first page has the long header.
        let header = if info & 2 != 0 { 40 } else { 24 };
        Some(info & 1 != 0 && last < header + length)
    };
    begins.any(|at| is_one(at) == Some(true)) || rest() == Some(true)
}

/// One page's header (XLogPageHeaderData, XLogLongPageHeaderData).
fn page(
    page: &[u8],
    place: Lsn,
    segment: Segment,
    identity: Identity,
    magic: &mut Option<[u8; 2]>,
) -> std::result::Result<(), Wrong> {
    let wrong = |text: String| Err((FaultKind::WAL_FAULT_PAGE, place, text));
    let fields = || {
        let address = u64::from_le_bytes(*page.get(8..16)?.first_chunk()?);
        let timeline = u32::from_le_bytes(*page.get(4..8)?.first_chunk()?);
        Some((*page.first_chunk::<2>()?, timeline, address))
    };
    let Some((own, timeline, address)) = fields() else {
        return wrong(format!("there is no page at {place}"));
    };
    if address != place.0 {
        return wrong(format!("the page at {place} says that it is at {}", Lsn(address)));
    }
    if own[1] != 0xD1 || magic.is_some_and(|first| first != own) {
        return wrong(format!("the page at {place} is of no version, or of another than the first"));
    }
    // The first segment of a timeline begins with pages of the one before.
    if timeline == 0 || timeline > segment.timeline {
        return wrong(format!("the page at {place} is of timeline {timeline}"));
    }
    if magic.is_none() && Identity::of_segment(page) != Some(identity) {
        let found = Identity::of_segment(page).map_or(0, |found| found.system);
        let text = format!("it is of system {found}, and the archive of {}", identity.system);
        return Err((FaultKind::WAL_FAULT_SYSTEM, place, text));
    }
    *magic = Some(own);
    Ok(())
}

/// Each timeline but the first must have its history, and no segment beyond where it was left.
fn histories<D: Disk>(disk: &mut D, segments: &[Segment], size: SegmentSize, report: &mut Report) {
    let mut timelines: Vec<u32> = segments.iter().map(|segment| segment.timeline).collect();
    timelines.sort_unstable();
    timelines.dedup();
    let Some(newest) = timelines.last().copied() else { return };
    let mut last = History::of_first(1);
    for timeline in timelines.iter().copied().filter(|timeline| *timeline > 1) {
        let name = history(timeline);
        match read_history(disk, timeline).ok().flatten() {
            Some(history) => last = history,
            None => {
                let text = format!("timeline {timeline} has no history that can be read");
                report.add(FaultKind::WAL_FAULT_HISTORY, &name, (Lsn(0), Lsn(0)), text);
            }
        }
    }
    // Of one whose history is lost nobody knows what it has.
    if last.timeline() != newest {
        return;
    }
    for segment in segments {
        let start = segment.start(size).lsn;
        let left = last.end_of(segment.timeline);
        let is_stranger = !last.has(segment.timeline);
        if is_stranger || left.is_some_and(|left| start >= left) {
            let text = format!("the newest timeline, {newest}, does not have it");
            let range = (start, segment.end(size).lsn);
            report.add(FaultKind::WAL_FAULT_DIVERGENT, &segment.name(size), range, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::operations::Operation;
    use super::*;

    /// Files that are only read.
    struct Files(BTreeMap<String, Vec<u8>>);

    impl Disk for Files {
        fn list(&mut self) -> io::Result<Vec<Entry>> {
            let entry =
                |(name, bytes): (&String, &Vec<u8>)| Entry { name: name.clone(), size: bytes.len() as u64 };
            Ok(self.0.iter().map(entry).collect())
        }

        fn read(&mut self, name: &str, at: u64, to: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.get(name).ok_or(io::ErrorKind::NotFound)?;
            let from = bytes.get(at as usize..).unwrap_or_default();
            let n = from.len().min(to.len());
            to[..n].copy_from_slice(&from[..n]);
            Ok(n)
        }

        fn run(&mut self, _: Operation<'_>) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    const MB: usize = 1 << 20;
    const SYSTEM: u64 = 7_560_123_456_789_012_345;

    /// A segment of which some pages are written, and then it is switched.
    fn segment(number: u64, timeline: u32, written: usize) -> Vec<u8> {
        let mut bytes = vec![0; MB];
        for (at, page) in bytes.chunks_exact_mut(PAGE).take(written).enumerate() {
            page.fill(0x5A);
            page[..2].copy_from_slice(&0xD118_u16.to_le_bytes());
            page[2..4].copy_from_slice(&(if at == 0 { 2_u16 } else { 0 }).to_le_bytes());
            page[4..8].copy_from_slice(&timeline.to_le_bytes());
            page[8..16].copy_from_slice(&(number * MB as u64 + (at * PAGE) as u64).to_le_bytes());
            if at == 0 {
                page[24..32].copy_from_slice(&SYSTEM.to_le_bytes());
                page[32..36].copy_from_slice(&(MB as u32).to_le_bytes());
            }
            if at + 1 == written && written < MB / PAGE {
                let record = &mut page[4000..];
                record.fill(0);
                record[0] = 24;
                record[16] = 0x40;
                record[20..24].fill(9);
            }
        }
        bytes
    }

    fn sound() -> Files {
        let size = SegmentSize::of(MB as u64).unwrap();
        let names = |number, timeline| Segment { number, timeline }.name(size);
        let mut files = BTreeMap::from([
            (names(3, 1), segment(3, 1, 128)),
            (names(4, 1), segment(4, 1, 5)),
            // The new timeline's first pages are of the one before.
            (names(5, 2), segment(5, 1, 128)),
            (history(2), b"1\t0/500100\tno recovery target specified\n".to_vec()),
        ]);
        files.insert("aside".to_owned(), b"anything".to_vec());
        Files(files)
    }

    fn kinds(files: &mut Files) -> Vec<FaultKind> {
        check(files).unwrap().faults.iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn ph14_each_damage_is_named_and_a_sound_archive_has_none() {
        use FaultKind::*;
        let mut files = sound();
        let report = check(&mut files).unwrap();
        assert_eq!((report.segments, report.bytes, report.faults), (3, 3 * MB as u64, vec![]));
        let second = "000000010000000000000004".to_owned();
        let damage = |files: &mut Files, at: usize| files.0.get_mut(&second).unwrap()[at] ^= 0x55;
        for (at, kind) in [
            (0, WAL_FAULT_PAGE),
            (1, WAL_FAULT_PAGE),
            (9, WAL_FAULT_PAGE),
            (25, WAL_FAULT_SYSTEM),
            (8192 + 8, WAL_FAULT_PAGE),
            (6 * 8192, WAL_FAULT_PAGE),
            (MB - 1, WAL_FAULT_PAGE),
        ] {
            let mut files = sound();
            damage(&mut files, at);
            assert_eq!(kinds(&mut files), [kind], "byte {at}");
        }
        // What a lost write leaves.
        let mut files = sound();
        files.0.get_mut(&second).unwrap()[3 * PAGE..].fill(0);
        assert_eq!(kinds(&mut files), [WAL_FAULT_PAGE]);
        let mut files = sound();
        files.0.remove(&second);
        assert_eq!(kinds(&mut files), [WAL_FAULT_HOLE]);
        let mut files = sound();
        files.0.get_mut(&second).unwrap().pop();
        assert_eq!(kinds(&mut files), [WAL_FAULT_HOLE, WAL_FAULT_LENGTH]);
        let mut files = sound();
        files.0.remove(&history(2));
        assert_eq!(kinds(&mut files), [WAL_FAULT_HISTORY]);
        let mut files = sound();
        files.0.insert(history(2), b"1\t0/400000\tr\n".to_vec());
        assert_eq!(kinds(&mut files), [WAL_FAULT_HOLE, WAL_FAULT_DIVERGENT]);
        // Of files of which none is looked at nothing can be said.
        let identity = Identity { system: SYSTEM, size: SegmentSize::of(MB as u64).unwrap() };
        let mut files = Files(BTreeMap::from([(FILE.to_owned(), identity.text().into_bytes())]));
        assert_eq!(check(&mut files).unwrap_err().status(), Status::WAL_E_ARCHIVE);
        files.0.insert(format!("{second}.partial"), segment(4, 1, 5));
        assert_eq!(check(&mut files).unwrap_err().status(), Status::WAL_E_ARCHIVE);
        assert_eq!(check(&mut Files(BTreeMap::new())).unwrap_err().status(), Status::WAL_E_ARCHIVE);
    }

    #[test]
    fn the_rest_of_a_switch_ends_a_segment_behind_either_header() {
        for (info, header) in [(1_u16, 24), (3, 40)] {
            let mut page = vec![0; PAGE];
            page[2..4].copy_from_slice(&info.to_le_bytes());
            page[16..20].copy_from_slice(&8_u32.to_le_bytes());
            page[header..header + 8].fill(9);
            assert!(ends_segment(&page), "{header}");
            page[header + 8] = 9;
            assert!(!ends_segment(&page), "{header}");
        }
    }

    #[test]
    fn ph8_the_segments_are_believed_and_not_a_copied_file() {
        let mut files = sound();
        let own = Identity { system: SYSTEM, size: SegmentSize::of(MB as u64).unwrap() };
        let entries = files.list().unwrap();
        assert_eq!(believe(&mut files, &entries, own), Ok(()));
        let other = Identity { system: 9, ..own };
        let error = believe(&mut files, &entries, other).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_ARCHIVE_IDENTITY);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever lies there, it is looked at to its end.
        #[test]
        fn ph20_no_bytes_and_no_names_bring_it_down(
            head in proptest::collection::vec(any::<u8>(), 0..200),
            name in "[0-9A-F]{24}(\\.partial)?|[0-9A-F]{8}\\.history|\\.pgwalstream-archive|[ -~]{0,30}",
            at in 0_usize..MB,
        ) {
            let mut files = sound();
            for (_, bytes) in files.0.iter_mut().take(2) {
                for (to, from) in bytes.iter_mut().skip(at).zip(&head) {
                    *to = *from;
                }
            }
            files.0.insert(name, head);
            let _ = check(&mut files);
        }
    }
}
