//! Framing: cut, started anywhere, switched, overwritten, damaged in each place. What real servers write is in
//! `tests/scenarios/records`.

mod bodies;
mod images;
pub mod pages;

use pages::Pages;

use super::{Reader, Text, WalVersion, describe, kind_name, manager_name};
use crate::error::{Error, Status};

const V18: u16 = 0xD118;
const START: u64 = 0x100_0000;

/// What a record is, in a word each.
type Seen = (u64, u64, usize, u8);

fn line(view: super::RecordView<'_>) -> String {
    let mut out = [0; 4096];
    let mut text = Text::new(&mut out);
    describe(view, &mut text);
    let length = text.len();
    String::from_utf8_lossy(&out[..length]).into_owned()
}

/// Reads pieces of a size, and gives what was seen before the error.
fn read_from(reader: &mut Reader, start: u64, bytes: &[u8], piece: usize) -> (Vec<Seen>, Option<Error>) {
    let (mut seen, mut at) = (Vec::new(), start);
    for piece in bytes.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = match reader.feed(at, rest) {
                Ok(taken) => taken,
                Err(error) => return (seen, Some(error)),
            };
            (at, rest) = (at + taken as u64, &rest[taken..]);
            loop {
                match reader.next_batch() {
                    Ok(Some(batch)) => {
                        for view in (0..batch.records().len()).map(|index| batch.view(index).unwrap()) {
                            let plain = view.plain();
                            assert_eq!(view.data().len(), plain.total_len as usize);
                            seen.push((plain.lsn, plain.end_lsn, view.main_data().len(), plain.rmgr));
                        }
                        batch.release();
                    }
                    Ok(None) => break,
                    Err(error) => return (seen, Some(error)),
                }
            }
        }
    }
    (seen, None)
}

fn read(start: u64, bytes: &[u8], piece: usize) -> (Vec<Seen>, Option<Error>) {
    read_from(&mut Reader::new(0, 0).unwrap(), start, bytes, piece)
}

/// Main data of a length.
fn body(length: usize) -> Vec<u8> {
    let mut body = vec![254];
    body.extend((length as u32).to_le_bytes());
    body.extend((0..length).map(|at| at as u8));
    body
}

/// A segment and a bit: records of all lengths, some longer than pages.
fn sample(magic: u16) -> (Pages, Vec<u64>) {
    let mut pages = Pages::new(magic, START);
    let lengths = (0..200).chain([8160, 20_000, 3, 8100, 0, 1, 40_000]);
    let lsns = lengths.map(|length| pages.record(10, 0, &body(length))).collect();
    (pages, lsns)
}

#[test]
fn records_are_the_same_however_the_bytes_are_cut() {
    let (pages, lsns) = sample(V18);
    let (whole, error) = read(START, &pages.bytes, usize::MAX);
    assert!(error.is_none());
    assert_eq!(whole.iter().map(|seen| seen.0).collect::<Vec<_>>(), lsns);
    for piece in [1, 2, 3, 7, 8, 23, 24, 25, 1000, 8191, 8192, 8193] {
        assert_eq!(read(START, &pages.bytes, piece).0, whole, "pieces of {piece}");
    }
    // A cut at each byte: what follows goes on.
    for cut in (0..pages.bytes.len()).step_by(if cfg!(miri) { 9973 } else { 37 }).chain(0..300) {
        let mut reader = Reader::new(0, 0).unwrap();
        let (mut seen, _) = read_from(&mut reader, START, &pages.bytes[..cut], usize::MAX);
        let complete = whole.iter().filter(|record| record.1 - 8 < START + cut as u64).count();
        assert!(seen.len() <= complete + 1 && seen.len() + 1 >= complete, "{cut}");
        seen.extend(read_from(&mut reader, START + cut as u64, &pages.bytes[cut..], usize::MAX).0);
        assert_eq!(seen, whole, "cut at {cut}");
    }
}

#[test]
fn reading_may_begin_anywhere() {
    let (pages, _) = sample(V18);
    let (whole, _) = read(START, &pages.bytes, usize::MAX);
    for begin in (0..pages.bytes.len()).step_by(509) {
        let (seen, error) = read(START + begin as u64, &pages.bytes[begin..], 4096);
        assert!(error.is_none(), "{begin}: {error:?}");
        let page = (begin as u64).next_multiple_of(8192) + START;
        let expected: Vec<_> = whole.iter().filter(|record| record.0 >= page).copied().collect();
        assert_eq!(seen, expected, "from {begin}");
    }
    let later = whole[100].0;
    let mut reader = Reader::new(later - 3, 0).unwrap();
    assert_eq!(read_from(&mut reader, START, &pages.bytes, 8192).0, whole[100..]);
    assert_eq!(reader.position(), whole.last().unwrap().1);
    assert_eq!((reader.segment_size(), reader.system_id()), (Some(1 << 20), Some(7)));
}

#[test]
fn behind_a_switch_the_next_segment_follows() {
    let mut pages = Pages::new(V18, START);
    pages.record(10, 0, &body(10));
    let switch = pages.record(0, 0x40, &[]);
    pages.end_segment();
    let next = pages.record(10, 0, &body(10));
    let segment = u64::from(pages.segment);
    for piece in [1 << 30, 4096, 5000, 1] {
        let (seen, error) = read(START, &pages.bytes, piece);
        assert!(error.is_none(), "{error:?}");
        assert_eq!((seen[1].0, seen[1].1, seen[2].0), (switch, START + segment, next));
    }
    // Begun behind the segment's first page, its size is not known, and the zeros are passed over all the same.
    let mut pages = Pages::new(V18, START + 8192);
    let switch = pages.record(0, 0x40, &[]);
    pages.end_segment();
    let next = pages.record(10, 0, &body(10));
    // After a crash the rest of the segment may be what its file held before.
    pages.bytes.copy_within(..24, 8192);
    pages.bytes.copy_within(..24, 5 * 8192);
    let (seen, error) = read(START + 8192, &pages.bytes, 6000);
    assert!(error.is_none(), "{error:?}");
    assert_eq!((seen[0].0, seen[0].1, seen[1].0), (switch, switch + 24, next));
    let mut told = Reader::new(0, pages.segment).unwrap();
    assert_eq!(read_from(&mut told, START + 8192, &pages.bytes, 6000).0[0].1, START + segment);
}

#[test]
fn a_record_that_a_crash_cut_is_given_up_where_the_next_page_says_so() {
    let mut pages = Pages::new(V18, START);
    let first = pages.record(10, 0, &body(100));
    pages.align();
    let cut = pages.whole(10, 0, &body(20_000));
    let open = pages.at();
    pages.put(&cut, 8192 - (open % 8192) as usize);
    let mut ends = Pages { bytes: pages.bytes.clone(), ..pages };
    pages.header(0, 8);
    let next = pages.record(0, 0xD0, &body(16));
    let (seen, error) = read(START, &pages.bytes, usize::MAX);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen.iter().map(|record| record.0).collect::<Vec<_>>(), [first, next]);
    // Without the mark it is damage.
    ends.header(0, 0);
    ends.record(0, 0xD0, &body(16));
    let (seen, error) = read(START, &ends.bytes, usize::MAX);
    assert_eq!(seen.len(), 1);
    assert!(error.unwrap().message().contains("has no continuation"));
}

#[test]
fn damage_of_any_byte_is_found_and_nothing_behind_it_is_given() {
    let mut pages = Pages::new(V18, START);
    let lsns: Vec<u64> = (0..30).map(|_| pages.record(10, 0, &body(600))).collect();
    let (whole, _) = read(START, &pages.bytes, usize::MAX);
    for at in 0..pages.bytes.len() {
        let (in_page, header) = (at % 8192, if at < 8192 { 40 } else { 24 });
        // Of a header, magic, bits and address say the same every time. What fills a record up to 8 is read by nobody.
        let lsn = START + at as u64;
        let is_padding = whole.iter().any(|record| (record.1 - 3..record.1).contains(&lsn));
        // The first page's magic number chooses the release.
        if at < 2
            || is_padding
            || (in_page < header && !(0..4).contains(&in_page) && !(8..16).contains(&in_page))
        {
            continue;
        }
        let mut bytes = pages.bytes.clone();
        bytes[at] ^= 0x5A;
        let (seen, error) = read(START, &bytes, usize::MAX);
        let intact = whole.iter().filter(|record| record.1 <= lsn).count();
        assert_eq!(seen, whole[..intact], "byte {at}");
        match error {
            Some(error) => assert_eq!(error.status(), Status::WAL_E_RECORD, "byte {at}"),
            // A longer record may still come.
            None => assert!(whole.iter().any(|record| (record.0..record.0 + 4).contains(&lsn)), "byte {at}"),
        }
    }
    assert_eq!(whole.len(), lsns.len());
}

#[test]
fn the_end_of_the_wal_is_told_with_its_place() {
    let (mut pages, lsns) = sample(V18);
    pages.align();
    let end = pages.at();
    pages.bytes.resize(pages.bytes.len() + 4096, 0);
    let mut reader = Reader::new(0, 0).unwrap();
    let (seen, error) = read_from(&mut reader, START, &pages.bytes, usize::MAX);
    let error = error.unwrap();
    assert_eq!(seen.len(), lsns.len());
    assert!(error.message().contains(&crate::lsn::Lsn(end).to_string()), "{error}");
    assert!(error.message().contains("length 0, expected from 24"), "{error}");
    assert!(reader.is_at_end());
    // It stays so.
    assert_eq!(reader.next_batch().unwrap_err(), error);
    assert_eq!(reader.feed(0, b"x").unwrap_err(), error);
}

#[test]
fn a_length_takes_no_memory_before_its_bytes_came() {
    let mut pages = Pages::new(V18, START);
    pages.align();
    let mut whole = pages.whole(10, 0, &body(50_000));
    whole[..4].copy_from_slice(&((1_u32 << 30) - 1).to_le_bytes());
    pages.put(&whole, 8000);
    let mut reader = Reader::new(0, 0).unwrap();
    assert!(read_from(&mut reader, START, &pages.bytes, 100).1.is_none());
    // Nor does it wait for the gigabyte when the header is that of no record.
    let mut pages = Pages::new(V18, START);
    pages.align();
    whole[17] = 99;
    pages.put(&whole, 100);
    let error = read(START, &pages.bytes, 10).1.unwrap();
    assert!(error.message().contains("resource manager 99"), "{error}");
    let mut pages = Pages::new(V18, START);
    pages.align();
    pages.bytes.extend(u32::MAX.to_le_bytes());
    assert!(read(START, &pages.bytes, 10).1.unwrap().message().contains("length 4294967295"));
}

#[test]
fn another_release_is_given_as_bytes_and_another_file_is_refused() {
    let (pages, lsns) = sample(0xD121);
    let mut reader = Reader::new(0, 0).unwrap();
    let mut fed = 0;
    while fed < pages.bytes.len() {
        fed += reader.feed(START + fed as u64, &pages.bytes[fed..]).unwrap();
        let batch = reader.next_batch().unwrap().unwrap();
        let view = batch.view(0).unwrap();
        assert_eq!((view.plain().flags, view.main_data(), view.blocks().len()), (1, &[][..], 0));
        assert!(line(view).ends_with("desc: UNKNOWN (0) "), "{}", line(view));
        assert_eq!(kind_name(view.plain()), c"UNKNOWN");
    }
    assert!(lsns.len() > 100);
    for (magic, word) in [(0x18D1, "another machine"), (0x4D5A, "expected one of PostgreSQL's")] {
        let (pages, _) = sample(magic);
        let error = read(START, &pages.bytes, 8192).1.unwrap();
        assert_eq!(error.status(), Status::WAL_E_RECORD);
        assert!(error.message().contains(word), "{error}");
    }
}

#[test]
fn arguments_are_checked() {
    for size in [1, 1 << 19, 1 << 31, 3 << 20] {
        assert_eq!(Reader::new(0, size).unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT);
    }
    let (pages, _) = sample(V18);
    let mut reader = Reader::new(0, 0).unwrap();
    assert_eq!(reader.feed(START, &pages.bytes[..100]).unwrap(), 100);
    let error = reader.feed(START + 99, b"x").unwrap_err();
    assert!(error.message().contains("expected at 0/1000064"), "{error}");
    assert_eq!(reader.feed(START + 100, &pages.bytes[100..200]).unwrap(), 100);
    // What is refused is as if it had not been fed.
    let mut reader = Reader::new(0, 0).unwrap();
    assert!(reader.feed(u64::MAX - 10, &[0; 8]).unwrap_err().message().contains("no WAL stands at"));
    assert_eq!(reader.feed(START, &pages.bytes[..100]).unwrap(), 100);
}

#[test]
fn records_that_were_asked_for_are_not_passed_over_by_beginning_behind_their_page() {
    let (pages, _) = sample(V18);
    let (whole, _) = read(START, &pages.bytes, usize::MAX);
    let (index, from) = whole.iter().enumerate().find(|(_, it)| it.0 > START + 3 * 8192 + 100).unwrap();
    let offset = (from.0 - START) as usize;
    let page = offset / 8192 * 8192;
    let mut reader = Reader::new(from.0, 0).unwrap();
    for late in [offset, page + 8, page + 8192] {
        let error = reader.feed(START + late as u64, &pages.bytes[late..]).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_INVALID_ARGUMENT);
        assert!(error.message().contains("expected from 0/1006000"), "{error}");
    }
    let (seen, _) = read_from(&mut reader, START + page as u64, &pages.bytes[page..], usize::MAX);
    assert_eq!(seen, whole[index..]);
}

#[test]
fn the_end_is_told_from_damage() {
    let (mut pages, lsns) = sample(V18);
    // A record of which only a part was written, and behind it a page of zeros, or one of the file's former use.
    let open = pages.whole(10, 0, &body(20_000));
    pages.align();
    pages.put(&open, 9000);
    let page = pages.bytes.len() / 8192 * 8192;
    for (address, is_end) in [(None, true), (Some(1 << 20), true), (Some(8192), false)] {
        let mut bytes = pages.bytes[..page].to_vec();
        bytes.extend([0; 8192]);
        if let Some(before) = address {
            bytes.copy_within(8192..8192 + 24, page);
            bytes[page + 8..page + 16].copy_from_slice(&(START + page as u64 - before).to_le_bytes());
        }
        for piece in [usize::MAX, 1] {
            let mut reader = Reader::new(0, 0).unwrap();
            let (seen, error) = read_from(&mut reader, START, &bytes, piece);
            assert_eq!((seen.len(), reader.is_at_end()), (lsns.len(), is_end), "{error:?}");
            assert!(error.unwrap().message().starts_with("WAL page at "));
        }
    }
    // A bit of a record is no end.
    pages.bytes[10_000] ^= 1;
    let mut reader = Reader::new(0, 0).unwrap();
    assert!(read_from(&mut reader, START, &pages.bytes, usize::MAX).1.is_some());
    assert!(!reader.is_at_end());
}

#[test]
fn every_number_has_a_name() {
    assert_eq!((manager_name(10), manager_name(21)), (c"Heap", c"LogicalMessage"));
    assert_eq!((manager_name(128), manager_name(255)), (c"custom128", c"custom255"));
    assert_eq!((manager_name(22), manager_name(127)), (c"UNKNOWN", c"UNKNOWN"));
    for magic in [0xD10D, 0xD110, 0xD113, 0xD116, V18] {
        assert_eq!(WalVersion::of(magic).map(|version| version.major() >= 14), Some(true));
    }
    assert_eq!(WalVersion::of(0xD10E), None);
}
