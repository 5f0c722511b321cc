//! Damaged WAL of a real server is refused at its place, with all before it; its end is told the same way. The example prints the
//! same records.

use std::fs;

use crate::harness::Server;
use crate::harness::program::Program;
use crate::harness::records::{Records, SEGMENT, segment_name, wal_between};
use crate::harness::server::new_folder;
use pgwalstream::error::Status;
use pgwalstream::lsn::Lsn;

#[test]
fn each_damage_is_refused_where_it_is() {
    let server = Server::start(18, &["autovacuum=off"]);
    let mut db = server.database();
    let begin = db.lsn("SELECT pg_current_wal_insert_lsn()");
    db.script("CREATE TABLE t (id int);\nINSERT INTO t SELECT generate_series(1, 50)");
    let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
    let (at, bytes) = wal_between(&mut db, begin, end);
    let mut reader = Records::new(0, 0);
    let (whole, outcome) = reader.feed(at, &bytes);
    let failure = outcome.unwrap_err();
    // Behind the end stands what is no record.
    assert_eq!(failure.status, Status::WAL_E_RECORD);
    assert!(failure.message.contains(&Lsn(reader.position()).to_string()), "{failure:?}");
    assert!(!failure.is_retriable && reader.position() >= end, "{failure:?}");
    assert!(reader.is_at_end());
    assert!(whole.len() > 100);

    let places = [whole.len() / 3, whole.len() / 2, whole.len() - 2];
    for record in places.map(|place| &whole[place]) {
        // Length, predecessor, manager, checksum, body.
        for (offset, bit) in [(3, 0x80), (8, 1), (17, 0x40), (20, 1), (record.total_len as usize - 1, 0x10)] {
            let mut damaged = bytes.clone();
            let within = (record.lsn - at) as usize % 8192 + offset;
            let offset = (record.lsn - at) as usize + offset + if within < 8192 { 0 } else { 24 };
            damaged[offset] ^= bit;
            let mut reader = Records::new(0, 0);
            let (seen, outcome) = reader.feed(at, &damaged);
            assert!(!reader.is_at_end());
            let failure = outcome.unwrap_err();
            assert_eq!(failure.status, Status::WAL_E_RECORD, "{failure:?}");
            let place = format!("WAL record at {}: ", Lsn(record.lsn));
            assert!(failure.message.starts_with(&place), "{failure:?} is not about {place}");
            assert_eq!(seen.len(), whole.iter().take_while(|before| before.lsn < record.lsn).count());
        }
    }
    // A page of another place: a segment that is used again.
    let mut stale = bytes.clone();
    let page = (whole[whole.len() / 2].lsn - at) as usize / 8192 * 8192;
    stale[page + 10] ^= 1;
    let failure = Records::new(0, 0).feed(at, &stale).1.unwrap_err();
    assert!(failure.message.starts_with(&format!("WAL page at {}: ", Lsn(at + page as u64))), "{failure:?}");

    let folder = db.text("SHOW data_directory");
    let file = format!("{folder}/pg_wal/{}", segment_name(at / SEGMENT));
    let said = Program::build("examples-c/wal_dump.c").command().arg(&file).output().unwrap();
    let lines = whole.iter().filter(|record| record.lsn < end).map(|record| record.line.as_str());
    let printed = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success() && printed.lines().zip(lines).all(|(theirs, ours)| theirs == ours));
    assert!(printed.lines().count() >= whole.len() && fs::metadata(&file).unwrap().len() == SEGMENT);
    assert!(String::from_utf8(said.stderr).unwrap().contains("the WAL ends at "));
    let damaged = new_folder().join("damaged");
    let mut segment = fs::read(&file).unwrap();
    // The link of the middle record to the one before it.
    let offset = (whole[whole.len() / 2].lsn - at) as usize + 8;
    segment[offset] ^= 1;
    fs::write(&damaged, segment).unwrap();
    let said = Program::build("examples-c/wal_dump.c").command().arg(&damaged).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
}
