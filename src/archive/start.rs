//! Where an archive goes on, by the files that it has, and what is missing between them. It must never pass over a file of a wrong
//! length, nor over a hole, in silence.

use std::io;

use super::name::{Name, Segment, history};
use super::operations::{Disk, Entry};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::physical::{History, Place, SegmentSize};
use crate::record::Reader;

/// The longest history file that is read.
const LONGEST_HISTORY: usize = 1 << 20;

/// How much of a segment is read at once.
const READ: usize = 128 << 10;

/// What a directory has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where it goes on; nothing where it has no WAL.
    pub at: Option<Place>,
    /// The segment that is not complete, where it goes on.
    pub partial: Option<Segment>,
    /// What is missing: from there to there.
    pub holes: Vec<(Lsn, Lsn)>,
    /// Complete segments.
    pub segments: u64,
}

/// The history of the newest timeline, where the archive has it. A newer one may have segments without a history: then nothing.
pub fn newest_history<D: Disk>(
    disk: &mut D,
    entries: &[Entry],
    size: SegmentSize,
) -> Result<Option<History>> {
    let (mut told, mut newest) = (0, 0);
    for entry in entries {
        match Name::parse(&entry.name, size) {
            Some(Name::History(timeline)) => told = told.max(timeline),
            Some(Name::Segment(segment) | Name::Partial(segment)) => newest = newest.max(segment.timeline),
            None => {}
        }
    }
    if told < 2 || told < newest { Ok(None) } else { read_history(disk, told) }
}

/// The history of a timeline; nothing where the archive does not have it.
pub fn read_history<D: Disk>(disk: &mut D, timeline: u32) -> Result<Option<History>> {
    let name = history(timeline);
    let mut bytes = vec![0; LONGEST_HISTORY];
    let n = match disk.read(&name, 0, &mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => {
            read.map_err(|error| Error::os(Status::WAL_E_ARCHIVE, format!("cannot read {name}"), &error))?
        }
    };
    let text = String::from_utf8_lossy(bytes.get(..n).unwrap_or_default());
    let damaged = || {
        Error::new(Status::WAL_E_ARCHIVE, format!("the archive's {name} is damaged"))
            .with_hint("Move it away: a server that has it gives it again.")
    };
    // Only the first timeline has none before it.
    match History::parse(timeline, &text) {
        Ok(history) if timeline == 1 || !history.ancestors().is_empty() => Ok(Some(history)),
        _ => Err(damaged()),
    }
}

/// How far a segment that is not complete has WAL, at least: behind its last whole record. Servers send half records, and one that is
/// promoted lacks the half behind its last whole one. Where no page can be read it is behind the last byte that is not zero.
pub fn reached<D: Disk>(disk: &mut D, segment: Segment, size: SegmentSize) -> Result<Place> {
    let name = segment.partial(size);
    let start = segment.start(size);
    let mut buffer = vec![0; READ];
    let (mut at, mut last) = (0, 0);
    while at < size.bytes() {
        let n = disk
            .read(&name, at, &mut buffer)
            .map_err(|error| Error::os(Status::WAL_E_ARCHIVE, format!("cannot read {name}"), &error))?;
        let read = buffer.get(..n).unwrap_or_default();
        if let Some(offset) = read.iter().rposition(|byte| *byte != 0) {
            last = (at + offset as u64 + 1).min(size.bytes());
        }
        if n < buffer.len() {
            break;
        }
        at += n as u64;
    }
    let last = Lsn(start.lsn.0.saturating_add(last));
    let whole = whole_until(disk, segment, size, segment.end(size).lsn)?;
    Ok(Place { lsn: whole.map_or(last, |whole| whole.min(last)), ..start })
}

/// Where the last whole record ends from the beginning of a segment on, through those that follow, and no further than is `enough`.
/// Nothing where the first page is not there, or cannot be read.
pub fn whole_until<D: Disk>(
    disk: &mut D,
    first: Segment,
    size: SegmentSize,
    enough: Lsn,
) -> Result<Option<Lsn>> {
    // No record is given: only where they end counts.
    let mut reader = Reader::new(u64::MAX, 0)?;
    let mut segment = first;
    while pass_segment(disk, &mut reader, segment, size, enough)? {
        segment.number += 1;
    }
    // Before the first record there may be the end of one that began in the segment before.
    let begun = reader.system_id().map(|_| first.start(size).lsn);
    Ok(begun.map(|begun| begun.max(Lsn(reader.position()))))
}

/// Feeds a segment's file. False: there is no more that could be read, or it is enough.
fn pass_segment<D: Disk>(
    disk: &mut D,
    reader: &mut Reader,
    segment: Segment,
    size: SegmentSize,
    enough: Lsn,
) -> Result<bool> {
    let start = segment.start(size).lsn.0;
    let mut buffer = vec![0; READ];
    let mut at = 0;
    while at < size.bytes() {
        let Some(n) = read_segment(disk, segment, size, at, &mut buffer)? else { return Ok(false) };
        let mut rest = buffer.get(..n).unwrap_or_default();
        while !rest.is_empty() {
            let lsn = start.saturating_add(at);
            // What is refused has no whole record behind it.
            let Ok(taken) = reader.feed(lsn, rest) else { return Ok(false) };
            loop {
                match reader.next_batch() {
                    Ok(Some(batch)) => batch.release(),
                    Ok(None) => break,
                    Err(_) => return Ok(false),
                }
            }
            at += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
        if n < buffer.len() || reader.position() >= enough.0 {
            break;
        }
    }
    Ok(at == size.bytes() && reader.position() < enough.0)
}

/// Reads of a segment, whether it is complete or not; nothing where it is not there.
fn read_segment<D: Disk>(
    disk: &mut D,
    segment: Segment,
    size: SegmentSize,
    at: u64,
    to: &mut [u8],
) -> Result<Option<usize>> {
    for name in [segment.name(size), segment.partial(size)] {
        match disk.read(&name, at, to) {
            Ok(n) => return Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Error::os(Status::WAL_E_ARCHIVE, format!("cannot read {name}"), &error));
            }
        }
    }
    Ok(None)
}

/// Whether the newest timeline has a segment: an ancestor's from its switchpoint on happened only there.
fn is_on(history: &History, segment: Segment, size: SegmentSize) -> bool {
    let left = history.end_of(segment.timeline);
    let (start, end) = (segment.start(size).lsn, segment.end(size).lsn);
    // The switchpoint before is the first position of its own.
    let begun = history.ancestors().iter().rev().find(|(timeline, _)| *timeline < segment.timeline);
    history.has(segment.timeline)
        && left.is_none_or(|left| start < left)
        && begun.is_none_or(|(_, begun)| end > *begun)
}

/// Looks at the files. Of the segments that the newest timeline has the highest counts, then the highest timeline; of one that is not
/// complete all is fetched again.
pub fn look(entries: &[Entry], size: SegmentSize, lineage: Option<&History>) -> Result<Found> {
    let mut whole: Vec<Segment> = Vec::new();
    let mut newest: Option<(Segment, bool)> = None;
    let mut segments = 0;
    for entry in entries {
        let (segment, is_whole) = match Name::parse(&entry.name, size) {
            Some(Name::Segment(segment)) => (segment, true),
            Some(Name::Partial(segment)) => (segment, false),
            Some(Name::History(_)) | None => continue,
        };
        if is_whole && entry.size != size.bytes() {
            return Err(wrong_length(entry, size));
        }
        if is_whole {
            segments += 1;
        }
        if lineage.is_some_and(|history| !is_on(history, segment, size)) {
            continue;
        }
        // Of a segment with a switchpoint the later timeline has all, and the one before has the rest nowhere.
        let last = Lsn(segment.end(size).lsn.0.saturating_sub(1));
        if is_whole && lineage.is_none_or(|history| history.holder(last) == segment.timeline) {
            whole.push(segment);
        }
        newest = newest.max(Some((segment, is_whole)));
    }
    let at = newest.map(|(segment, is_whole)| {
        let place = if is_whole { segment.end(size) } else { segment.start(size) };
        // What a server sent behind it was the beginning of a record that was never finished.
        let left = lineage.and_then(|history| history.end_of(place.timeline));
        Place { lsn: left.map_or(place.lsn, |left| left.min(place.lsn)), ..place }
    });
    whole.sort_unstable();
    let until = at.map_or(0, |place| size.number(place.lsn));
    Ok(Found {
        at,
        partial: newest.filter(|(_, is_whole)| !is_whole).map(|(segment, _)| segment),
        holes: holes(&whole, until, size),
        segments,
    })
}

/// What is missing between segments in their order, and before the one that comes next.
fn holes(whole: &[Segment], until: u64, size: SegmentSize) -> Vec<(Lsn, Lsn)> {
    let Some(first) = whole.first() else { return Vec::new() };
    let mut next = first.number;
    let mut all = Vec::new();
    let place = |number: u64| Lsn(number.saturating_mul(size.bytes()));
    for number in whole.iter().map(|segment| segment.number).chain([until]) {
        if number > next {
            all.push((place(next), place(number)));
        }
        next = next.max(number.saturating_add(1));
    }
    all
}

fn wrong_length(entry: &Entry, size: SegmentSize) -> Error {
    let text =
        format!("the archive's segment {} has {} bytes, and not {}", entry.name, entry.size, size.bytes());
    Error::new(Status::WAL_E_ARCHIVE, text)
        .with_hint("Move it away: what is missing then is named, and fetched if it is the last.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn entry(name: &str, size: u64) -> Entry {
        Entry { name: name.to_owned(), size }
    }

    fn size() -> SegmentSize {
        SegmentSize::of(MB).unwrap()
    }

    fn found(names: &[&str]) -> Found {
        let entries: Vec<Entry> = names.iter().map(|name| entry(name, MB)).collect();
        look(&entries, size(), None).unwrap()
    }

    fn found_of(names: &[&str], timeline: u32, history: &str) -> Found {
        let entries: Vec<Entry> = names.iter().map(|name| entry(name, MB)).collect();
        look(&entries, size(), Some(&History::parse(timeline, history).unwrap())).unwrap()
    }

    fn at(timeline: u32, number: u64) -> Option<Place> {
        Some(Place { timeline, lsn: Lsn(number * MB) })
    }

    #[test]
    fn ph9_the_highest_segment_counts_then_the_timeline_and_a_part_is_fetched_again() {
        assert_eq!(found(&[]), Found::default());
        assert_eq!(found(&["backup_label", "00000002.history"]).at, None);
        assert_eq!(found(&["000000010000000000000003"]).at, at(1, 4));
        let both = ["000000010000000000000003", "000000010000000000000004.partial"];
        assert_eq!(found(&both).at, at(1, 4));
        // The old timeline's last part is left where it is.
        let switched = [both[0], both[1], "000000020000000000000004.partial", "00000002.history"];
        assert_eq!(found(&switched).at, at(2, 4));
        assert_eq!(found(&["000000010000000000000004", "000000020000000000000004.partial"]).at, at(2, 4));
        assert_eq!(found(&["000000010000000000000004.partial", "000000010000000000000004"]).at, at(1, 5));
    }

    #[test]
    fn ph9_what_happened_only_on_a_timeline_that_was_left_does_not_count() {
        // Timeline 1 went on to 6, and 2 forked in 4.
        let names = [
            "000000010000000000000003",
            "000000010000000000000004",
            "000000010000000000000005",
            "000000010000000000000006.partial",
            "000000020000000000000004",
            "000000020000000000000005",
        ];
        let fork = "1\t0/400100\tr\n";
        let found = found_of(&names, 2, fork);
        assert_eq!((found.at, found.holes, found.segments), (at(2, 6), vec![], 5));
        // The new timeline has nothing yet: it begins at the switchpoint, whatever the old one wrote behind it.
        let found = found_of(&names[..4], 2, fork);
        assert_eq!(found.at, Some(Place { timeline: 1, lsn: Lsn(0x40_0100) }));
        let found = found_of(&["000000010000000000000004.partial"], 2, fork);
        assert_eq!((found.at, found.partial.map(|it| it.number)), (at(1, 4), Some(4)));
        // Of a segment of another timeline 2 the history knows nothing before its own switchpoint.
        assert_eq!(found_of(&[names[0], "000000020000000000000003"], 2, fork).at, at(1, 4));
    }

    #[test]
    fn a_hole_is_not_hidden_by_a_segment_of_another_timeline() {
        let hole = |from: u64, to: u64| vec![(Lsn(from * MB), Lsn(to * MB))];
        let fork = "1\t0/400100\tr\n";
        let names = ["000000010000000000000003", "000000010000000000000004", "000000020000000000000005"];
        assert_eq!(found_of(&names, 2, fork).holes, hole(4, 5));
        let names = [
            "000000010000000000000003",
            "000000020000000000000004",
            "000000010000000000000005",
            "000000020000000000000006",
        ];
        assert_eq!(found_of(&names, 2, fork).holes, hole(5, 6));
    }

    #[test]
    fn holes_are_named_with_both_ends() {
        let names = ["000000010000000000000003", "000000010000000000000004", "000000010000000000000007"];
        let hole = |from: u64, to: u64| (Lsn(from * MB), Lsn(to * MB));
        assert_eq!(found(&names).holes, [hole(5, 7)]);
        let partial = [names[0], "000000010000000000000006.partial"];
        assert_eq!(found(&partial).holes, [hole(4, 6)]);
        // Another timeline has it.
        let both = [names[0], names[1], "000000020000000000000004", "000000020000000000000005"];
        assert_eq!((found(&both).holes, found(&both).segments), (vec![], 4));
    }

    #[test]
    fn ph5_a_segment_of_a_wrong_length_is_named_and_a_short_part_is_none() {
        let error = look(&[entry("000000010000000000000003", MB - 1)], size(), None).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_ARCHIVE);
        assert!(error.message().contains("000000010000000000000003"), "{error:?}");
        let short = look(&[entry("000000010000000000000003.partial", MB / 2)], size(), None).unwrap();
        assert_eq!(short.at, at(1, 3));
    }
}
