//! Alice has a Kerberos ticket and no password. Through libpq her stream opens and reads rows, once with GSSAPI for
//! authentication alone, once with everything encrypted by it; without the ticket she is told what is missing.

use std::env;
use std::process::Command;

use postgres::{Client, NoTls};

use super::encrypted_rows_come_whole_through_libpq::{SIZES, check, read_soon};
use crate::harness::Options;
use crate::harness::kerberos::{Kerberos, Ticket};
use pgwalstream::error::Status;

/// Kerberos takes its configuration from the environment of the process, so that alice is a process of her own: this
/// test's program, told by this variable what to be.
const ALICE: &str = "PGWALSTREAM_TEST_ALICE";

const NAME: &str = "connection::a_kerberos_ticket_opens_a_stream::with_the_ticket_and_without";

/// What alice is told: whether GSSAPI is to encrypt, whether she has a ticket, and how to look at the server.
struct Part {
    encryption: &'static str,
    ticket: Ticket,
}

const PARTS: [Part; 4] = [
    Part { encryption: "disable", ticket: Ticket::Alices },
    Part { encryption: "require", ticket: Ticket::Alices },
    Part { encryption: "disable", ticket: Ticket::None },
    Part { encryption: "require", ticket: Ticket::None },
];

#[test]
fn with_the_ticket_and_without() {
    if let Ok(part) = env::var(ALICE) {
        return be_alice(&PARTS[part.parse::<usize>().unwrap()]);
    }
    let kerberos = Kerberos::start();
    let mut sql = Client::connect(&kerberos.admin_conninfo(), NoTls).unwrap();
    sql.batch_execute(
        "CREATE ROLE alice LOGIN REPLICATION; CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t",
    )
    .unwrap();
    sql.batch_execute("SELECT pg_create_logical_replication_slot('alices', 'pgoutput')").unwrap();
    for (at, part) in PARTS.iter().enumerate() {
        let sizes = SIZES.map(|size| format!("({size})")).join(",");
        sql.batch_execute(&format!(
            "TRUNCATE t; INSERT INTO t SELECT {at} * 100 + row_number() OVER (), repeat('x', size) FROM (VALUES {sizes}) s(size)"
        ))
        .unwrap();
        let mut alice = Command::new(env::current_exe().unwrap());
        alice.args([NAME, "--exact", "--nocapture"]).env(ALICE, at.to_string());
        alice.envs(kerberos.environment(part.ticket));
        // libpq reads the environment, whatever the option env says.
        alice.env("PGUSER", "alice");
        alice.env("PGWALSTREAM_TEST_CONNINFO", kerberos.conninfo());
        alice.env("PGWALSTREAM_TEST_ADMIN", kerberos.admin_conninfo());
        let output = alice.output().unwrap();
        let said =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat();
        assert!(output.status.success(), "gssencmode={}, {:?}: {said}", part.encryption, part.ticket);
    }
}

fn be_alice(part: &Part) {
    let conninfo =
        format!("{} gssencmode={}", env::var("PGWALSTREAM_TEST_CONNINFO").unwrap(), part.encryption);
    let options = Options::stream(&conninfo, "alices", "pub").with("backend", "libpq");
    if part.ticket == Ticket::None {
        let failure = options.open().map(drop).unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_AUTH, "{failure:?}");
        assert!(failure.hint.contains("Kerberos ticket") && !failure.is_retriable, "{failure:?}");
        assert!(failure.message.contains("GSSAPI"), "libpq says what: {failure:?}");
        return;
    }
    let mut stream = options.open().unwrap_or_else(|failure| panic!("{failure:?}"));
    let seen = read_soon(&mut stream);
    check(&seen, &SIZES);
    let mut sql = Client::connect(&env::var("PGWALSTREAM_TEST_ADMIN").unwrap(), NoTls).unwrap();
    let pid = i32::try_from(stream.stats().backend_pid).unwrap();
    let row = sql
        .query_one(
            "SELECT gss_authenticated, encrypted, principal FROM pg_stat_gssapi WHERE pid = $1",
            &[&pid],
        )
        .unwrap();
    let principal: Option<String> = row.get(2);
    assert_eq!((row.get(0), row.get(1)), (true, part.encryption == "require"));
    assert_eq!(principal.as_deref(), Some("alice@PGWALSTREAM.TEST"));
    stream.ack(seen.last().unwrap().ack_lsn).unwrap();
}
