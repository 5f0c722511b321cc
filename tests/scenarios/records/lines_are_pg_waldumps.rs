//! PH19: each line of pg_waldump of 18 equals ours, over WAL of every kind.

use std::process::Command;

use super::workload;
use crate::harness::records::{Records, SEGMENT, wal_between};
use crate::harness::server::servers;

/// The lines that pg_waldump prints of a part of a server's WAL.
fn pg_waldump(folder: &str, from: u64, to: u64) -> Vec<String> {
    let lsn = |at: u64| pgwalstream::lsn::Lsn(at).to_string();
    let mut command = Command::new(servers().join("client-18/bin/pg_waldump"));
    command.env("TZ", "UTC").args(["-p", &format!("{folder}/pg_wal"), "-s", &lsn(from), "-e", &lsn(to)]);
    let said = command.output().expect("pg_waldump starts");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn ph19_every_line_of_pg_waldump_is_ours() {
    let server = workload::server(18, "pglz");
    let mut db = server.database();
    let (begin, end) = workload::run(&mut db);
    let (at, bytes) = wal_between(&mut db, begin, end);
    let (ours, _) = Records::new(begin, SEGMENT as u32).feed(at, &bytes);
    let folder = db.text("SHOW data_directory");
    let theirs = pg_waldump(&folder, begin, end);
    let ours: Vec<_> = ours.into_iter().filter(|record| record.lsn < end).collect();
    assert!(theirs.len() > 30_000, "{} records", theirs.len());

    let mut described = 0;
    for (record, line) in ours.iter().zip(&theirs) {
        if record.is_described() {
            assert_eq!(&record.line, line);
            described += 1;
            continue;
        }
        let kind = format!("desc: {} ", record.kind);
        let (head, _) = line.split_once(&kind).unwrap_or_else(|| panic!("{line} is no {}", record.kind));
        let blocks = line.find(", blkref #").map_or("", |at| &line[at..]);
        assert_eq!(record.line, format!("{head}{kind}{blocks}"));
    }
    assert_eq!(ours.len(), theirs.len());
    let mut kinds: Vec<_> = ours.iter().map(|it| format!("{} {}", it.manager, it.kind)).collect();
    kinds.sort();
    kinds.dedup();
    assert!(kinds.len() > 75 && described > 20_000, "{described} of {} kinds: {kinds:?}", kinds.len());
}
