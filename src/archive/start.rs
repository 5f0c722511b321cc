//! Where an archive goes on, by the files that it has, and what is missing between them. It must never pass over a file of a wrong
//! length, nor over a hole, in silence.

use super::name::{Name, Segment};
use super::operations::Entry;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::physical::{Place, SegmentSize};

/// What a directory has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where it goes on; nothing where it has no WAL.
    pub at: Option<Place>,
    /// The newest complete segment.
    pub newest: Option<Segment>,
    /// What is missing: from there to there.
    pub holes: Vec<(Lsn, Lsn)>,
    /// Complete segments.
    pub segments: u64,
}

/// Looks at the files. The highest segment counts, then the highest timeline; of one that is not complete all is fetched again.
pub fn look(entries: &[Entry], size: SegmentSize) -> Result<Found> {
    let mut whole: Vec<Segment> = Vec::new();
    let mut newest: Option<(Segment, bool)> = None;
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
            whole.push(segment);
        }
        newest = newest.max(Some((segment, is_whole)));
    }
    let at = newest.map(|(segment, is_whole)| if is_whole { segment.end(size) } else { segment.start(size) });
    whole.sort_unstable();
    let until = at.map_or(0, |place| size.number(place.lsn));
    Ok(Found {
        at,
        newest: whole.last().copied(),
        holes: holes(&whole, until, size),
        segments: whole.len() as u64,
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
        look(&entries, size()).unwrap()
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
        let error = look(&[entry("000000010000000000000003", MB - 1)], size()).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_ARCHIVE);
        assert!(error.message().contains("000000010000000000000003"), "{error:?}");
        let short = look(&[entry("000000010000000000000003.partial", MB / 2)], size()).unwrap();
        assert_eq!(short.at, at(1, 3));
    }
}
