//! Advice names what is wrong: an address that is written as in a URI, a port in the host, a right that is missing.

use crate::harness::{Admin, Failure, Options, Server, server};
use pgwalstream::error::Status;

#[track_caller]
fn refused(conninfo: &str, backend: &str) -> Failure {
    let options = Options::stream(conninfo, "none", "pub").with("backend", backend);
    options.open().map(drop).unwrap_err()
}

fn backends() -> &'static [&'static str] {
    if cfg!(feature = "libpq") { &["rustls", "libpq"] } else { &["rustls"] }
}

#[test]
fn s30_a_misspelt_address_is_named() {
    for backend in backends() {
        for (host, advice) in [
            ("[::1]", "without brackets: host=::1"),
            ("[::1]:5432", "by themselves, without brackets"),
            ("127.0.0.1:5432", "Give the port by itself"),
            ("localhost:5432", "Give the port by itself"),
        ] {
            let failure = refused(&format!("host={host} user=u dbname=d connect_timeout=20"), backend);
            assert_eq!(failure.status, Status::WAL_E_RESOLVE, "{backend} {failure:?}");
            assert!(failure.hint.contains(advice), "{backend} {failure:?}");
        }
    }
    let failure = Options::new().set("conninfo", Some("postgresql://u@::1/d")).unwrap_err();
    assert!(failure.hint.contains("in brackets"), "{failure:?}");
    let failure = Options::new().set("conninfo", Some("jdbc:postgresql://h/d?user=u")).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_CONNINFO);
    assert!(failure.message.contains("jdbc:") && failure.hint.contains("without jdbc:"), "{failure:?}");
}

#[test]
fn s29_a_missing_right_to_connect_is_named() {
    let server = Server::shared(18);
    let db = server.database();
    let role = server::unique("guest");
    let admin = Admin::open(&server.conninfo("postgres"));
    for sql in [
        format!("CREATE ROLE {role} LOGIN REPLICATION"),
        format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", db.name),
    ] {
        admin.query(&sql).unwrap();
    }
    let conninfo = db.conninfo().replace("user=postgres", &format!("user={role}"));
    for backend in backends() {
        let failure = refused(&conninfo, backend);
        assert_eq!(failure.status, Status::WAL_E_PRIVILEGE, "{backend} {failure:?}");
        assert!(
            failure.hint.contains("GRANT CONNECT") && !failure.hint.contains("ALTER ROLE"),
            "{failure:?}"
        );
    }
    admin
        .query(&format!("GRANT CONNECT ON DATABASE {} TO PUBLIC; ALTER ROLE {role} NOREPLICATION", db.name))
        .unwrap();
    for backend in backends() {
        let failure = refused(&conninfo, backend);
        assert!(failure.hint.contains("ALTER ROLE"), "{backend} {failure:?}");
    }
}
