//! COPY and answers that are too large are refused over a connection for commands, which goes on.

use crate::harness::admin::failure;
use crate::harness::{Admin, Options, Server};
use pgwalstream::error::Status;

fn it_goes_on(backend: &str) {
    let server = Server::shared(18);
    let conninfo = server.conninfo("postgres");
    let admin = Admin::with(&Options::new().with("conninfo", &conninfo).with("backend", backend));
    let works = || assert_eq!(admin.query("SELECT 1").unwrap(), [[Some("1".to_owned())]]);
    for copy in [
        "COPY (SELECT generate_series(1, 1000)) TO STDOUT",
        "CREATE TEMPORARY TABLE IF NOT EXISTS x (i int); COPY x FROM STDIN",
        "SELECT 1; COPY (SELECT 1) TO STDOUT; SELECT 2",
        "COPY (SELECT repeat('x', 20000000)) TO STDOUT",
    ] {
        let refused = failure(admin.query(copy));
        assert_eq!(refused.status, Status::WAL_E_INVALID_ARGUMENT, "{copy}: {refused:?}");
        assert!(
            refused.message.contains("COPY is not taken") && !refused.hint.contains("host"),
            "{refused:?}"
        );
        works();
    }
    for large in [
        // Of many rows, and of one.
        "SELECT repeat('x', 1000) FROM generate_series(1, 20000)",
        "SELECT repeat('x', 20000000)",
    ] {
        let refused = failure(admin.query(large));
        assert_eq!(refused.status, Status::WAL_E_OUT_OF_RANGE, "{large}: {refused:?}");
        assert!(refused.message.contains("16777216") && !refused.hint.contains("host"), "{refused:?}");
        works();
    }
    // What is larger than nothing, and not too large.
    assert_eq!(
        admin.query("SELECT repeat('x', 10000000)").unwrap()[0][0].as_ref().unwrap().len(),
        10_000_000
    );
    // A stream is begun elsewhere.
    let slot = crate::harness::server::unique("s23");
    admin.query(&format!("CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput")).unwrap();
    let start =
        format!("START_REPLICATION SLOT {slot} LOGICAL 0/0 (proto_version '1', publication_names 'none')");
    let refused = failure(admin.query(&start));
    assert_eq!(refused.status, Status::WAL_E_INVALID_ARGUMENT, "{refused:?}");
    works();
}

#[test]
fn s23_copy_and_large_answers_are_refused() {
    it_goes_on("rustls");
}

#[cfg(feature = "libpq")]
#[test]
fn s23_copy_and_large_answers_are_refused_through_libpq() {
    it_goes_on("libpq");
}
