//! Bodies: what fits, what does not, and lines of records whose body is cut.

use super::pages::Pages;
use super::{START, V18, line, read_from};
use crate::record::{Compression, Reader, RecordBlock};

/// A block reference: its header, and what it announces.
pub fn block(id: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    [&[id, flags][..], rest].concat()
}

/// Reads the one record of a body.
pub fn one<T>(
    magic: u16,
    rmgr: u8,
    info: u8,
    body: &[u8],
    look: impl FnOnce(crate::record::RecordView<'_>) -> T,
) -> T {
    let mut pages = Pages::new(magic, START);
    pages.record(rmgr, info, body);
    let mut reader = Reader::new(0, 0).unwrap();
    assert_eq!(reader.feed(START, &pages.bytes).unwrap(), pages.bytes.len());
    let batch = reader.next_batch().unwrap().expect("a record");
    look(batch.view(0).unwrap())
}

fn refused(magic: u16, body: &[u8]) -> String {
    let mut pages = Pages::new(magic, START);
    pages.record(10, 0, body);
    let mut reader = Reader::new(0, 0).unwrap();
    let (seen, error) = read_from(&mut reader, START, &pages.bytes, usize::MAX);
    // Whoever goes on from there finds it again.
    assert!(seen.is_empty() && reader.position() == 0 && !reader.is_at_end());
    error.unwrap().message().to_owned()
}

const RELATION: [u8; 12] = [0x7F, 6, 0, 0, 5, 0, 0, 0, 0, 0x40, 0, 0];

#[test]
fn each_part_is_where_its_header_says() {
    let mut body = block(0, 0x20, &[3, 0]);
    body.extend(RELATION);
    body.extend([9, 0, 0, 0]);
    body.extend(block(3, 0xA1, &[2, 0, 10, 0, 0, 0]));
    body.extend([253, 7, 0, 252, 1, 0, 0, 0, 255, 4]);
    body.extend(b"abc" as &[u8]);
    body.extend(b"de" as &[u8]);
    body.extend(b"main" as &[u8]);
    one(V18, 10, 0, &body, |view| {
        let plain = view.plain();
        assert_eq!((plain.origin, plain.top_xid, view.main_data()), (7, 1, &b"main"[..]));
        let blocks: Vec<_> = view.blocks().collect();
        assert_eq!(blocks[0].data(), Some(&b"abc"[..]));
        assert_eq!(blocks[1].data(), Some(&b"de"[..]));
        let second = blocks[1].plain();
        assert_eq!((second.id, second.fork, second.tablespace, second.relation), (3, 1, 1663, 16384));
        assert_eq!((second.block, second.flags), (10, RecordBlock::DATA));
        assert!(view.block(3).is_some() && view.block(1).is_none());
        let line = line(view);
        let blocks = ", blkref #0: rel 1663/5/16384 blk 9, blkref #3: rel 1663/5/16384 fork fsm blk 10";
        assert!(line.starts_with("rmgr: Heap        len (rec/tot):     "), "{line}");
        assert!(line.contains(", tx:        742, lsn: 0/01000028, prev 0/00FFFFF8, desc: INSERT "), "{line}");
        assert!(line.ends_with(blocks), "{line}");
    });
}

#[test]
fn bits_of_images_are_those_of_the_release() {
    let image = |bits: u8| {
        let mut body = block(0, 0x10, &[0, 0, 4, 0, 0, 0, bits]);
        body.extend(RELATION);
        body.extend([1, 0, 0, 0]);
        body.extend([1, 2, 3, 4]);
        body
    };
    for (magic, bits, compression, is_applied) in [
        (0xD10D, 2, Compression::WAL_COMPRESSION_PGLZ, false),
        (0xD10D, 6, Compression::WAL_COMPRESSION_PGLZ, true),
        (0xD110, 4, Compression::WAL_COMPRESSION_PGLZ, false),
        (0xD110, 10, Compression::WAL_COMPRESSION_LZ4, true),
        (V18, 18, Compression::WAL_COMPRESSION_ZSTD, true),
        (V18, 34, Compression::WAL_COMPRESSION_UNKNOWN, true),
    ] {
        one(magic, 0, 0xB0, &image(bits), |view| {
            let block = view.blocks().next().unwrap();
            assert_eq!(block.plain().compression, compression as u8, "{magic:X} {bits}");
            assert_eq!(block.plain().flags & RecordBlock::APPLY != 0, is_applied, "{magic:X} {bits}");
            assert_eq!((block.image(), view.plain().image_len), (Some(&[1, 2, 3, 4][..]), 4));
            let applied = if is_applied { " FPW" } else { " FPW for WAL verification" };
            assert!(line(view).ends_with(&format!(" blk 1{applied}")), "{}", line(view));
        });
    }
}

/// What a record of main data says behind its kind.
fn said(magic: u16, rmgr: u8, info: u8, origin: u8, main: &[u8]) -> String {
    let body = [&[253, origin, 0, 255, main.len() as u8], main].concat();
    let line = one(magic, rmgr, info, &body, line);
    line.split_once(", desc: ").unwrap().1.to_owned()
}

#[test]
fn running_transactions_are_told_as_the_release_does() {
    // Two with three nested ones, of which some were forgotten; the next, the oldest, the last that ended; all of them.
    let numbers = [2, 3, 1, 900, 890, 899, 890, 891, 892, 893, 894].map(u32::to_le_bytes).concat();
    let head = "RUNNING_XACTS nextXid 900 latestCompletedXid 899 oldestRunningXid 890; 2 xacts: 890 891";
    for magic in [0xD10D, 0xD110] {
        assert_eq!(said(magic, 8, 0x10, 0, &numbers), format!("{head}; subxid ovf"));
    }
    for magic in [0xD113, 0xD116, V18] {
        let all = format!("{head}; subxid overflowed; 3 subxacts: 892 893 894");
        assert_eq!(said(magic, 8, 0x10, 0, &numbers), all);
    }
}

#[test]
fn origins_are_told_where_the_release_does() {
    let time = "2000-01-01 00:00:00.000000 UTC";
    let origin = format!("; origin: node 7, lsn 0/10, at {time}");
    // A time, the bit of an origin, its position and its time.
    let ending = [&[0; 8][..], &[0x20, 0, 0, 0], &[0x10, 0, 0, 0, 0, 0, 0, 0], &[0; 8]].concat();
    for magic in [0xD10D, 0xD110, 0xD113, 0xD116, V18] {
        let is_old = magic == 0xD10D;
        let beyond_commits = if is_old { "" } else { &origin };
        assert_eq!(said(magic, 1, 0x80, 7, &ending), format!("COMMIT {time}{origin}"));
        assert_eq!(said(magic, 1, 0xA0, 7, &ending), format!("ABORT {time}{beyond_commits}"));
        let mut prepare = vec![0; if is_old { 40 } else { 48 }];
        prepare.extend([0, 0, 0, 0, 0, 0, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        prepare.extend([0; 8]);
        prepare.extend(b"g\0\0\0\0\0\0\0");
        assert_eq!(said(magic, 1, 0x10, 7, &prepare), format!("PREPARE gid g: {time}{beyond_commits}"));
    }
}

#[test]
fn a_body_that_does_not_fit_is_refused_though_its_checksum_is_right() {
    let with = |flags: u8, rest: &[u8]| block(0, flags, rest);
    let relation = |mut body: Vec<u8>| {
        body.extend(RELATION);
        body.extend([1, 0, 0, 0]);
        body
    };
    let image = |len: u16, hole: u16, bits: u8| {
        let mut rest = vec![0, 0];
        rest.extend(len.to_le_bytes());
        rest.extend(hole.to_le_bytes());
        rest.push(bits);
        let mut body = relation(with(0x10, &rest));
        body.resize(body.len() + usize::from(len), 0);
        body
    };
    for (what, body) in [
        ("ends in its own headers", vec![254, 1, 0]),
        ("not as long", vec![255, 9, 1, 2]),
        ("unknown kind", vec![77]),
        ("ends in a block reference", with(0x20, &[1])),
        ("without a length", relation(with(0x20, &[0, 0]))),
        ("without a length, or a length without data", relation(with(0, &[1, 0]))),
        ("unknown fork", relation(with(4, &[0, 0]))),
        ("no relation", with(0x80, &[0, 0, 1, 0, 0, 0])),
        ("out of order", [relation(with(0, &[0, 0])), relation(with(0, &[0, 0]))].concat()),
        ("longer than a page", image(8200, 0, 2)),
        ("hole that cannot be", image(100, 0, 2)),
        ("hole that cannot be", image(100, 8000, 3)),
        ("hole that cannot be", image(8192, 100, 3)),
        ("as long as a page", image(8192, 0, 6)),
    ] {
        let message = refused(V18, &body);
        assert!(
            message.contains(what) && message.starts_with("WAL record at 0/1000028: "),
            "{what}: {message}"
        );
    }
}

#[test]
fn a_record_cut_anywhere_is_described_as_far_as_it_goes() {
    for magic in [0xD10D, 0xD110, 0xD113, 0xD116, V18] {
        for rmgr in [0, 1, 8, 9, 10, 11, 20] {
            for info in (0..=255).step_by(16) {
                for (fill, length) in [(0, 0), (0, 7), (1, 40), (255, 40), (2, 90), (255, 120)] {
                    let main = vec![fill; length];
                    let mut body = block(0, 0x20, &[(length + 1) as u8, 0]);
                    body.extend(RELATION);
                    body.extend([1, 0, 0, 0, 255, length as u8]);
                    body.extend(vec![fill; length + 1]);
                    body.extend(main);
                    one(magic, rmgr, info, &body, |view| {
                        let mut short = [0; 20];
                        let mut text = crate::record::Text::new(&mut short);
                        crate::record::describe(view, &mut text);
                        let mut long = [0; 4096];
                        let mut whole = crate::record::Text::new(&mut long);
                        crate::record::describe(view, &mut whole);
                        assert_eq!(text.len(), whole.len());
                        let line = line(view);
                        assert!(line.starts_with(std::str::from_utf8(&short).unwrap()));
                        assert!(line.ends_with(" blk 1"), "{line}");
                    });
                }
            }
        }
    }
}
