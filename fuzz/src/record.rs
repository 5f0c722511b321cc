//! WAL as bytes, in any cut, and any bodies behind right checksums. No record may be read that is not whole; each is described and its
//! images restored.
use std::hint::black_box;

#[path = "../../src/record/tests/pages.rs"]
mod pages;

use super::{check_error, messages};
use pages::Pages;
use pgwalstream::record::{Reader, RecordView, Text, describe, kind_name, manager_name, restore};

/// One input. The first byte says what the rest is: pages with the position of the first, or bodies, each behind manager and info.
pub fn run(input: &[u8]) {
    let Some(([mode, cut], input)) = input.split_first_chunk() else { return };
    let cut = 1 + usize::from(*cut) * 37;
    if mode & 1 == 0 {
        let at = input.get(8..16).and_then(|at| at.try_into().ok()).map_or(0, u64::from_le_bytes);
        read(at & 0xFFFF_FFFF_FFFF, input, cut);
        return;
    }
    let magic = [0xD10D, 0xD110, 0xD113, 0xD116, 0xD118, 0xD121][usize::from(mode >> 1) % 6];
    let mut wal = Pages::new(magic, 0x100_0000);
    let mut wanted = 0;
    for message in messages(input) {
        if let Some(([rmgr, info], body)) = message.split_first_chunk() {
            // A switch ends the segment, and any other record goes on behind it.
            wal.record(if *rmgr == 0 && info & 0xF0 == 0x40 { 1 } else { *rmgr }, *info, body);
            wanted += 1;
        }
    }
    let read = read(wal.start, &wal.bytes, cut);
    assert!(read <= wanted);
}

/// Reads pieces, and tells how many records came.
fn read(mut at: u64, input: &[u8], cut: usize) -> usize {
    let mut reader = Reader::new(0, 0).expect("the size is not known");
    let mut count = 0;
    for mut piece in input.chunks(cut) {
        while !piece.is_empty() {
            let taken = match reader.feed(at, piece) {
                Ok(taken) => taken,
                Err(error) => {
                    check_error(&error);
                    return count;
                }
            };
            (at, piece) = (at + taken as u64, &piece[taken..]);
            match reader.next_batch() {
                Ok(Some(batch)) => {
                    let views = (0..batch.records().len()).filter_map(|index| batch.view(index));
                    count += views.map(look_at).count();
                    batch.release();
                }
                Ok(None) => {}
                Err(error) => {
                    check_error(&error);
                    assert!(reader.next_batch().is_err(), "an error stays");
                    return count;
                }
            }
        }
    }
    count
}

fn look_at(record: RecordView<'_>) {
    let plain = record.plain();
    assert_eq!(record.data().len(), plain.total_len as usize);
    assert!(plain.prev_lsn < plain.lsn && plain.lsn < plain.end_lsn);
    let mut sum: u64 = [record.data(), record.main_data()].concat().iter().map(|byte| u64::from(*byte)).sum();
    let mut out = [0; 600];
    let mut text = Text::new(&mut out);
    describe(record, &mut text);
    sum += text.len() as u64;
    for block in record.blocks() {
        let mut page = [7; 8192];
        if let Err(error) = restore(block, &mut page) {
            check_error(&error);
            assert_eq!(page, [0; 8192]);
        }
        sum += u64::from(page[17]) + block.data().map_or(0, |data| data.len() as u64);
    }
    black_box((sum, out, kind_name(plain), manager_name(plain.rmgr)));
}
