//! The same changes come through TLS as without it: small ones in windows, large ones over many records, while the
//! consumer pauses and the connection is kept, and to the last acknowledgement.

use crate::harness::authority::{CA, SERVER, Wish};
use crate::harness::stream::lines;
use crate::harness::{Authority, Options, Server};
use pgwalstream::error::Status;

const TRANSACTIONS: usize = 3_000;

fn encrypted(version: u32) {
    let all = Authority::new();
    all.root("root", Wish { subject: "/CN=Root", extensions: CA, ..SERVER });
    all.issue("server", "root", SERVER);
    let server = Server::start(version, &["wal_sender_timeout=2s"]);
    let (crt, key) = (all.path("server.crt"), all.path("server.key"));
    server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let (plain, sealed) = (db.slot(), db.slot());
    // Small transactions, rows of more than a record, and one of several megabytes.
    for id in 0..TRANSACTIONS {
        db.run(&format!("INSERT INTO t VALUES ({id}, 'row {id}')"));
    }
    db.run("INSERT INTO t SELECT g, repeat(md5(g::text), 1000) FROM generate_series(10000, 10050) g");
    db.run("INSERT INTO t SELECT 20000, string_agg(md5(g::text), '') FROM generate_series(1, 200000) g");

    let root = all.path("root.crt");
    let tls = format!("{} sslmode=verify-full sslrootcert={root}", db.conninfo());
    let clear = format!("{} sslmode=disable", db.conninfo());
    // A small queue fills, and the socket is left alone for a while.
    let options =
        |conninfo: &str, slot: &str| Options::stream(conninfo, slot, "pub").with("queue_bytes", "256kB");
    let mut with = options(&tls, &sealed).open().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    let seen = with.read_transactions(TRANSACTIONS + 2);
    let mut without = options(&clear, &plain).open().unwrap();
    let expected = without.read_transactions(TRANSACTIONS + 2);
    assert!(lines(&seen) == lines(&expected), "TLS changes nothing of what comes");
    let query = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE ssl";
    assert_eq!(db.text(query), "1");

    // A lone commit is not kept waiting in a buffer.
    db.run("INSERT INTO t VALUES (30000, 'alone')");
    let last = with.read_transactions(1);
    assert!(lines(&last).contains("alone"));
    let position = last.iter().map(|event| event.ack_lsn).max().unwrap();
    with.ack(position).unwrap();
    with.flush(10_000).unwrap();
    drop(with);
    db.released(&sealed);
    assert!(db.confirmed(&sealed) >= position);

    // What is not trusted is named, with the certificate and the way out.
    let other = all.path("server.crt");
    for (text, says) in [
        (format!("sslmode=verify-full sslrootcert={other}"), "issuer \"CN=Root\" is not trusted"),
        (
            format!("host=another.example hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={root}"),
            "another.example",
        ),
    ] {
        let failure = Options::stream(&format!("{} {text}", db.conninfo()), &sealed, "pub")
            .open()
            .map(drop)
            .unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_TLS_CERTIFICATE, "{failure:?}");
        assert!(failure.message.contains(says) && !failure.hint.is_empty(), "{failure:?}");
        assert!(failure.detail.contains("CN=server") && failure.detail.contains("valid from"), "{failure:?}");
        assert!(!failure.is_retriable);
    }
}

on_versions! { encrypted v14 14, v18 18 }
