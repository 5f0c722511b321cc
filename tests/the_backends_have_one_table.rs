//! What each backend can do, in one table: docs/backends.md is what this test finds out, from this library and from the
//! libpq of every version. `UPDATE_DOCS=1 cargo test --test the_backends_have_one_table` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod libpq;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use libpq::Libpq;
use pgwalstream::conninfo::{self, Conninfo};
use pgwalstream::error::Status;

const VERSIONS: [i32; 5] = [14, 15, 16, 17, 18];

/// What a user may ask for, and the conninfo that asks for it.
const WISHES: &[(&str, &str)] = &[
    ("TCP, IPv4 and IPv6", "host=h hostaddr=::1"),
    ("Unix sockets", "host=/run/postgresql"),
    ("Unix sockets in the abstract namespace", "host=@name"),
    ("several hosts", "host=a,b port=1,2"),
    ("the primary, or a standby, of several", "host=a,b target_session_attrs=primary"),
    ("several hosts in random order", "host=a,b load_balance_hosts=random"),
    ("whose server a Unix socket is", "host=/run/postgresql requirepeer=postgres"),
    ("a service of a file that is named", "service=s servicefile=f"),
    ("a password file that is named", "passfile=f"),
    ("no TLS", "host=h sslmode=disable"),
    ("TLS where the server offers it", "host=h sslmode=prefer"),
    ("TLS always", "host=h sslmode=require"),
    ("TLS, a trusted certificate", "host=h sslmode=verify-ca sslrootcert=f"),
    ("TLS, the right host's certificate", "host=h sslmode=verify-full sslrootcert=f"),
    ("TLS, the system's trusted certificates", "host=h sslmode=verify-full sslrootcert=system"),
    ("TLS without a question first", "host=h sslmode=require sslnegotiation=direct"),
    ("client certificates", "host=h sslmode=require sslcert=f sslkey=f"),
    ("client keys with a passphrase", "host=h sslmode=require sslcert=f sslkey=f sslpassword=p"),
    ("revocation lists", "host=h sslmode=verify-full sslrootcert=f sslcrl=f"),
    ("the oldest version of TLS", "host=h sslmode=require ssl_min_protocol_version=TLSv1.3"),
    ("channel binding always", "host=h sslmode=require channel_binding=require"),
    ("which authentication the server may ask for", "host=h require_auth=scram-sha-256"),
    (
        "SCRAM with keys in place of a password",
        "host=h scram_client_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= scram_server_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ),
    ("GSSAPI (Kerberos)", "host=h krbsrvname=postgres"),
    ("encryption by GSSAPI always", "host=h gssencmode=require"),
    ("OAuth", "host=h oauth_issuer=https://i oauth_client_id=c"),
];

/// What no conninfo tells: the matter, `rustls`, `libpq`, and the file whose tests show it.
const MATTERS: &[(&str, &str, &str, &str)] = &[
    (
        "nothing is allocated in the steady state",
        "yes without TLS; with it rustls allocates once a record",
        "no: libpq allocates every message",
        "tests/steady_state_allocates_nothing.rs",
    ),
    ("needs at run time", "libc, libgcc_s", "libc, libgcc_s, libpq.so.5 and what that needs", "script/test"),
    (
        "the environment and `~/.pgpass`",
        "only with `env=on`",
        "always",
        "tests/scenarios/connection/a_kerberos_ticket_opens_a_stream.rs",
    ),
    (
        "a Kerberos login, encrypted or not",
        "no",
        "yes, if libpq is built with GSSAPI",
        "tests/scenarios/connection/a_kerberos_ticket_opens_a_stream.rs",
    ),
    (
        "`connect_timeout` limits",
        "each address",
        "each server: the other addresses of a name that took too long are passed over",
        "src/session/libpq/tests.rs",
    ),
    (
        "a request to cancel goes through TLS where the session does",
        "yes",
        "no: PQcancel sends it without",
        "tests/scenarios/connection/a_request_to_cancel_goes_through_tls.rs",
    ),
    (
        "a failure's status code and SQLSTATE, whatever language is spoken",
        "yes",
        "yes",
        "tests/scenarios/connection/an_error_is_known_by_its_code.rs",
    ),
    (
        "`wal_error_detail` of WAL_E_TLS_CERTIFICATE: which certificate, with subject, issuer and dates",
        "yes",
        "no: libpq tells in words which check failed",
        "tests/scenarios/connection/a_stream_flows_through_tls.rs",
    ),
    (
        "`wal_error_os_errno` of a failed connect",
        "yes",
        "no: libpq tells it in words",
        "tests/scenarios/a_wrong_setup_is_named.rs",
    ),
    ("notices in their place among the changes", "yes", "yes", "src/session/libpq/tests.rs"),
    (
        "COPY messages of an unknown kind",
        "counted and passed over",
        "end the stream: libpq does not go on",
        "tests/scenarios/a_wrong_message_ends_the_stream.rs",
    ),
];

/// What becomes of `replication`.
const OURS: &str = "the library sets it";

/// What this library's own session does with a wish.
fn own(conninfo: &str) -> &'static str {
    match Conninfo::parse(&format!("user=u {conninfo}")) {
        Ok(_) => "yes",
        Err(error) if error.status() == Status::WAL_E_NOT_BUILT => "no",
        // A file that is named and not there is one that would be read.
        Err(error) => {
            assert!(error.message().contains("file"), "{conninfo}: {error:?}");
            "yes"
        }
    }
}

/// The lowest version of libpq that takes it.
fn theirs(all: &BTreeMap<i32, Libpq>, takes: impl Fn(&Libpq) -> bool) -> String {
    let taking: Vec<i32> =
        all.iter().filter(|(_, libpq)| takes(libpq)).map(|(version, _)| *version).collect();
    match taking.first() {
        None => "no".to_owned(),
        Some(14) => "yes".to_owned(),
        Some(first) => {
            assert!(taking.len() == usize::try_from(19 - first).unwrap(), "{taking:?} without a gap");
            format!("from {first}")
        }
    }
}

fn page() -> String {
    let all: BTreeMap<i32, Libpq> =
        VERSIONS.into_iter().map(|version| (version, Libpq::of(version))).collect();
    let mut out = String::from(
        "# Backends\n\nThis page is written by `tests/the_backends_have_one_table.rs`, which asks the library and the libpq \
         of PostgreSQL 14\nto 18. \"from 16\" is the version of the installed libpq that is needed; what that libpq was \
         built without, it refuses. The scenarios of `tests/scenarios` run on both: `PGWALSTREAM_TEST_BACKEND=libpq` \
         puts libpq\nunder every stream of them (`script/test --only libpq` runs some, \
         `script/test --long libpq` all); what one\nbackend alone does is in `tests/harness/backend.rs`.\n\n## What can be asked for\n\n| | conninfo | `rustls` | `libpq` |\n|---|---|---|---|\n",
    );
    for (what, conninfo) in WISHES {
        // A name that is known is not yet a value that is: those of an enumeration came with their parameters.
        let libpq = theirs(&all, |libpq| libpq.pairs(conninfo).is_ok() && takes_values(libpq, conninfo));
        writeln!(out, "| {what} | `{conninfo}` | {} | {libpq} |", own(conninfo)).unwrap();
    }
    out.push_str("\n## Every parameter\n\n| parameter | `rustls` | `libpq` |\n|---|---|---|\n");
    for (name, _, _) in conninfo::parameters() {
        let libpq = if name == "replication" {
            OURS.to_owned()
        } else {
            theirs(&all, |libpq| libpq.parameters().iter().any(|(of, ..)| of == name))
        };
        writeln!(out, "| `{name}` | {} | {libpq} |", of_parameter(name)).unwrap();
    }
    out.push_str("\n## The rest\n\n| | `rustls` | `libpq` | shown by |\n|---|---|---|---|\n");
    for (what, own, libpq, test) in MATTERS {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(test).exists(), "{test}");
        writeln!(out, "| {what} | {own} | {libpq} | `{test}` |").unwrap();
    }
    out
}

/// `sslrootcert=system` is a value that came later than its parameter; everything else here came with it.
fn takes_values(libpq: &Libpq, conninfo: &str) -> bool {
    !conninfo.contains("sslrootcert=system")
        || libpq.parameters().iter().any(|(name, ..)| name == "require_auth")
}

/// What becomes of a parameter here: whether some value of it is used, and whether one is refused.
fn of_parameter(name: &str) -> &'static str {
    if name == "replication" {
        return OURS;
    }
    let values = [
        "1",
        "0",
        "x",
        "disable",
        "prefer",
        "require",
        "verify-full",
        "postgres",
        "direct",
        "any",
        "random",
        "3.0",
        "3.2",
        "TLSv1.2",
        "scram-sha-256",
        "localhost",
        "127.0.0.1",
        "UTF8",
        "http://x",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ];
    let mut used = Vec::new();
    let mut refused = Vec::new();
    for value in values {
        match Conninfo::check(&format!(
            "user=u scram_server_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= {name}={value}"
        )) {
            Ok(()) => used.push(value),
            Err(error) if error.status() == Status::WAL_E_NOT_BUILT => refused.push(value),
            Err(_) => (),
        }
    }
    match (used.is_empty(), refused.is_empty()) {
        (false, true) => "yes",
        (false, false) => "some values",
        (true, _) => "no",
    }
}

#[test]
fn the_page_is_what_the_backends_do() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/backends.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page).unwrap();
    } else {
        let written = std::fs::read_to_string(path).unwrap();
        assert_eq!(written, page, "run UPDATE_DOCS=1 cargo test --test the_backends_have_one_table");
    }
}

/// What a libpq takes that this was not built with, a user is told by it: the installed one has no say in this table.
#[test]
fn every_parameter_of_libpq_18_is_in_the_page() {
    let page = page();
    for (name, ..) in Libpq::of(18).parameters() {
        // What libpq keeps for old programs, and hides (dispchar "D").
        let hidden = ["authtype", "tty", "sslcompression"].contains(&name.as_str());
        assert!(hidden || page.contains(&format!("| `{name}` |")), "{name}");
    }
}
