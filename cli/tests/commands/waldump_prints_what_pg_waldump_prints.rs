//! `pgwalstream waldump`: files and folders of WAL, against pg_waldump.

use std::fs;
use std::process::Command;

use crate::harness::server::{new_folder, servers};
use crate::harness::{Database, Server};
use crate::run::run;

/// WAL in two segments: where it begins and ends, and the folder.
fn written(db: &mut Database<'_>) -> (String, String, String) {
    let begin = db.text("SELECT pg_current_wal_insert_lsn()");
    db.script(
        "CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT i, 'v' FROM generate_series(1, 300) i;
SELECT pg_switch_wal();
UPDATE t SET v = 'w' WHERE id < 100;
CHECKPOINT",
    );
    let end = db.text("SELECT pg_current_wal_insert_lsn()");
    (begin, end, format!("{}/pg_wal", db.text("SHOW data_directory")))
}

#[test]
fn the_lines_are_those_of_pg_waldump() {
    let server = Server::start(18, &["autovacuum=off", "wal_keep_size=1GB"]);
    let mut db = server.database();
    let (begin, end, folder) = written(&mut db);
    let mut theirs = Command::new(servers().join("client-18/bin/pg_waldump"));
    theirs.env("TZ", "UTC").args([
        "-p",
        &folder,
        "-s",
        &begin,
        "-e",
        &end,
        "-r",
        "Heap",
        "-r",
        "Transaction",
    ]);
    let theirs = String::from_utf8(theirs.output().unwrap().stdout).unwrap();
    let said =
        run("", &["waldump", &folder, "--start", &begin, "--end", &end, "-r", "heap", "-r", "Transaction"]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    assert!(said.out.lines().count() > 300);
    assert_eq!(said.out, theirs);

    // A file alone begins where its first page says.
    let file = db.text(&format!("SELECT pg_walfile_name('{begin}')"));
    let alone = run("", &["waldump", &format!("{folder}/{file}"), "-s", &begin, "-n", "7"]);
    assert_eq!((alone.status, alone.out.lines().count()), (0, 7), "{alone:?}");
    let xid = theirs.split("tx:").nth(1).unwrap().split(',').next().unwrap().trim();
    let of_one = run("", &["waldump", &folder, "-s", &begin, "-e", &end, "-x", xid]);
    assert!(of_one.out.lines().all(|line| line.contains(&format!(" {xid}, lsn:"))), "{of_one:?}");
}

#[test]
fn the_end_of_the_wal_is_no_damage_and_damage_is_no_end() {
    let server = Server::start(18, &["autovacuum=off", "wal_keep_size=1GB"]);
    let mut db = server.database();
    let (begin, end, folder) = written(&mut db);
    let said = run("", &["waldump", &folder, "-s", &begin]);
    assert!(said.status == 0 && said.err.contains("the WAL ends at"), "{}: {}", said.status, said.err);
    assert_eq!(run("", &["waldump", "-q", &folder, "-s", &begin]).err, "");
    // More was asked for than there is.
    let said = run("", &["waldump", &folder, "-s", &begin, "-e", "FF/0"]);
    assert!(said.status == 1 && said.err.contains("WAL "), "{}: {}", said.status, said.err);

    // Damage before the last segment.
    let copy = new_folder();
    let first = db.text(&format!("SELECT pg_walfile_name('{begin}')"));
    let last = db.text(&format!("SELECT pg_walfile_name('{end}')"));
    for name in [&first, &last] {
        fs::copy(format!("{folder}/{name}"), copy.join(name)).unwrap();
    }
    let mut bytes = fs::read(copy.join(&first)).unwrap();
    let offset: u64 =
        db.text(&format!("SELECT file_offset FROM pg_walfile_name_offset('{begin}')")).parse().unwrap();
    bytes[offset as usize + 300] ^= 1;
    fs::write(copy.join(&first), bytes).unwrap();
    let said = run("", &["waldump", copy.to_str().unwrap(), "-s", &begin]);
    assert!(said.status == 1 && said.err.contains("WAL record at"), "{}: {}", said.status, said.err);

    // In the only file, and so in the last.
    let file = copy.join(&first);
    let said = run("", &["waldump", file.to_str().unwrap(), "-s", &begin]);
    assert!(said.status == 1 && said.err.contains("WAL record at"), "{}: {}", said.status, said.err);
    // What chooses nothing.
    let said = run("", &["waldump", file.to_str().unwrap(), "-r", "heaps"]);
    assert!(said.status == 2 && said.err.contains("no resource manager heaps"), "{said:?}");
    let said = run("", &["waldump", file.to_str().unwrap(), "-t", "1"]);
    assert!(said.status == 2 && said.err.contains("--timeline"), "{said:?}");
    // A part of a segment.
    let cut = new_folder().join("cut");
    fs::write(&cut, &fs::read(format!("{folder}/{last}")).unwrap()[..1 << 20]).unwrap();
    assert_eq!(run("", &["waldump", cut.to_str().unwrap(), "-n", "1"]).status, 0);

    // What was removed is not passed over in silence.
    let said = run("", &["waldump", &folder, "-s", "0/100"]);
    assert!(said.status == 1 && said.err.contains("holds 0/100"), "{said:?}");
    let empty = new_folder();
    let said = run("", &["waldump", empty.to_str().unwrap()]);
    assert!(said.status == 1 && said.err.contains("no WAL in"), "{said:?}");
}
