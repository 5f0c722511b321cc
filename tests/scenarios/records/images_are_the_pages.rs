//! A page image, restored, is the page: that of the file, which nobody has changed since.

use crate::harness::records::{Records, SEGMENT, wal_between};
use crate::harness::{Database, Server};

/// Builds indexes, whose pages are logged as images, and compares each with the file.
fn images_are_pages(server: &Server, wanted: u8) {
    let mut db: Database<'_> = server.database();
    db.script(
        "CREATE TABLE t (id int, v text);
INSERT INTO t SELECT i, 'some text ' || i / 10 FROM generate_series(1, 5000) i;
CHECKPOINT",
    );
    let begin = db.lsn("SELECT pg_current_wal_insert_lsn()");
    db.script("CREATE INDEX t_id ON t (id);\nCREATE INDEX t_v ON t USING hash (v);\nCHECKPOINT");
    let end = db.lsn("SELECT pg_current_wal_insert_lsn()");
    db.run("SELECT pg_switch_wal()");
    let (at, bytes) = wal_between(&mut db, begin, end);
    let (seen, _) = Records::with_pages(begin, SEGMENT as u32).feed(at, &bytes);
    let file: u32 = db.text("SELECT pg_relation_filenode('t_id')").parse().unwrap();
    let folder = db.text("SHOW data_directory");
    let on_disk =
        std::fs::read(format!("{folder}/{}", db.text("SELECT pg_relation_filepath('t_id')"))).unwrap();
    let (mut compared, mut compressed) = (0, 0);
    for block in seen.iter().flat_map(|record| &record.blocks) {
        let Some(page) = block.page.as_ref().filter(|_| block.relation.2 == file && block.fork == 0) else {
            continue;
        };
        let from = block.block as usize * 8192;
        // The header's LSN and checksum are newer in the file, and in the hole it has what nobody reads.
        let mut theirs = on_disk[from..from + 8192].to_vec();
        theirs[block.hole.0.into()..(block.hole.0 + block.hole.1).into()].fill(0);
        assert!(page[10..] == theirs[10..], "block {} of {file}", block.block);
        assert!(block.compression == 0 || block.compression == wanted, "{block:?}");
        compared += 1;
        compressed += usize::from(block.compression == wanted);
    }
    assert!(compared >= 14 && compressed >= 10, "{compressed} of {compared}");
}

#[test]
fn an_image_that_is_not_compressed() {
    images_are_pages(&Server::start(18, &["wal_compression=off", "autovacuum=off"]), 0);
}

#[test]
fn an_image_of_pglz() {
    images_are_pages(&Server::start(14, &["wal_compression=on", "autovacuum=off"]), 1);
    images_are_pages(&Server::start(18, &["wal_compression=pglz", "autovacuum=off"]), 1);
}

/// Only Debian's server has these.
#[test]
fn images_of_lz4_and_zstd() {
    images_are_pages(&Server::start_debian(&["wal_compression=lz4", "autovacuum=off"]), 2);
    images_are_pages(&Server::start_debian(&["wal_compression=zstd", "autovacuum=off"]), 3);
}
