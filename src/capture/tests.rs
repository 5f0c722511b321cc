//! A capture is read back as it was written; cut or changed anywhere, it gives what is whole and then an error.

use std::time::Duration;

use super::format::{BLOCK_HEADER, FILE_HEADER};
use super::{Epoch, Kind, MAX_BLOCK, Reader, Writer};
use crate::error::{Error, Status};

type Entry = (Kind, Duration, Vec<u8>);

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Three blocks: two that were flushed, and the end.
fn small() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes).unwrap();
    writer.epoch(at(0), &Epoch::new(7).with("decode", "on").with("slot", "s\u{e4}")).unwrap();
    writer.received(at(1), b"hello").unwrap();
    writer.flush().unwrap();
    writer.sent(at(2), b"status").unwrap();
    writer.received(at(3), b"world").unwrap();
    writer.flush().unwrap();
    writer.finish(at(4)).unwrap();
    assert_eq!(writer.whole(), bytes.len() as u64);
    bytes
}

fn read(bytes: &[u8]) -> (Vec<Entry>, Option<Error>) {
    let mut all = vec![];
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (all, Some(error)),
    };
    loop {
        match reader.next() {
            Ok(Some(head)) => all.push((head.kind, head.at, reader.body().to_vec())),
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

#[test]
fn what_was_written_is_read() {
    let (all, error) = read(&small());
    assert_eq!(error, None);
    let epoch = Epoch::decode(&all[0].2).unwrap();
    assert_eq!((epoch.clock, epoch.get("slot"), epoch.get("x")), (7, Some("s\u{e4}"), None));
    let rest: Vec<(Kind, Duration, &[u8])> = all[1..].iter().map(|it| (it.0, it.1, &it.2[..])).collect();
    assert_eq!(
        rest,
        [
            (Kind::Received, at(1), &b"hello"[..]),
            (Kind::Sent, at(2), b"status"),
            (Kind::Received, at(3), b"world"),
            (Kind::End, at(4), b"")
        ]
    );
}

#[test]
fn long_pieces_are_split_and_come_together() {
    for length in [MAX_BLOCK - 14, MAX_BLOCK - 13, MAX_BLOCK, 3 * MAX_BLOCK + 5] {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes).unwrap();
        let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
        writer.epoch(at(0), &Epoch::new(0).with("long", "x".repeat(70_000))).unwrap();
        writer.received(at(0), &data).unwrap();
        writer.finish(at(0)).unwrap();
        let (all, error) = read(&bytes);
        assert_eq!(error, None);
        let together: Vec<u8> =
            all.iter().filter(|it| it.0 == Kind::Received).flat_map(|it| it.2.clone()).collect();
        assert_eq!(together, data);
        assert_eq!(Epoch::decode(&all[0].2).unwrap().get("long").unwrap().len(), 4096);
    }
}

#[test]
fn cut_at_every_byte_it_gives_whole_blocks_and_then_an_error_with_the_offset() {
    let bytes = small();
    let (whole, _) = read(&bytes);
    // How many records are in whole blocks, by the end of each block.
    let mut ends = vec![(FILE_HEADER, 0)];
    for count in [2, 4, 5] {
        let begin = ends.last().unwrap().0;
        let length = u32::from_le_bytes(bytes[begin..begin + 4].try_into().unwrap()) as usize;
        ends.push((begin + BLOCK_HEADER + length, count));
    }
    assert_eq!(ends.last().unwrap().0, bytes.len());
    for length in 0..bytes.len() {
        let (got, error) = read(&bytes[..length]);
        let expected = ends.iter().rev().find(|(end, _)| *end <= length).map_or(0, |(_, count)| *count);
        assert_eq!(got, whole[..expected], "cut at {length}");
        let error = error.expect("a cut is found");
        assert_eq!(error.status(), Status::WAL_E_CAPTURE);
        assert!(error.message().contains(&format!("offset {length}")), "cut at {length}: {error:?}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let bytes = small();
    let (whole, _) = read(&bytes);
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            let (got, error) = read(&changed);
            assert_eq!(got, whole[..got.len()], "{place}:{bit}");
            assert_eq!(error.expect("found").status(), Status::WAL_E_CAPTURE, "{place}:{bit}");
        }
    }
}

#[test]
fn blocks_cannot_be_left_out_doubled_or_added() {
    let bytes = small();
    let second = FILE_HEADER
        + BLOCK_HEADER
        + u32::from_le_bytes(bytes[FILE_HEADER..FILE_HEADER + 4].try_into().unwrap()) as usize;
    let (head, first, rest) = (&bytes[..FILE_HEADER], &bytes[FILE_HEADER..second], &bytes[second..]);
    for wrong in
        [[head, rest].concat(), [head, first, first, rest].concat(), [head, first, rest, b"x"].concat()]
    {
        assert_eq!(read(&wrong).1.expect("found").status(), Status::WAL_E_CAPTURE);
    }
}

#[test]
fn what_belongs_to_no_connection_is_refused() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes).unwrap();
    writer.received(at(0), b"x").unwrap();
    writer.finish(at(0)).unwrap();
    assert!(read(&bytes).1.unwrap().message().contains("no connection"));
    assert!(Reader::new(&b"#!/bin/sh\n echo and more"[..]).unwrap_err().message().contains("no capture"));
    let mut newer = small();
    newer.splice(..FILE_HEADER, super::format::file_header(3));
    assert!(Reader::new(&newer[..]).unwrap_err().message().contains("version is 3"));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let mut with_header = super::format::file_header(1).to_vec();
        with_header.extend(&bytes);
        for input in [&bytes, &with_header] {
            proptest::prop_assert!(read(input).1.is_some());
        }
        if let Some(epoch) = Epoch::decode(&bytes) {
            proptest::prop_assert_eq!(Epoch::decode(&epoch.encode()), Some(epoch));
        }
    }
}
