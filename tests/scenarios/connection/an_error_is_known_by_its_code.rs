//! A server that speaks German, and where libpq carries the stream a libpq that does too: whatever keeps a stream from
//! opening has its own status and SQLSTATE, and says whether trying again can help, since no message is ever read.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::harness::authority::{CA, Dates, SERVER, Wish};
use crate::harness::server::{Stop, free_port, new_folder, signal_process, unique};
use crate::harness::{Authority, Failure, Options, Server, backend, eventually};
use pgwalstream::error::Status;

/// The language of libpq is that of the process, so that the test is a process of its own: this program, told by this
/// variable that it is that.
const INSIDE: &str = "PGWALSTREAM_TEST_GERMAN";

const NAME: &str = "connection::an_error_is_known_by_its_code::in_another_language";

const LOCALE: &str = "de_DE.UTF-8";

/// How many streams the server has room for.
const SENDERS: usize = 8;

/// The German of the C library, which Debian leaves to be made.
fn locales() -> String {
    let folder = new_folder();
    let mut made = Command::new("localedef");
    made.args(["-i", "de_DE", "-f", "UTF-8"]).arg(folder.join(LOCALE));
    let made = made.output().expect("localedef starts");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "install the package locales, as script/test does: {said}");
    Command::new("chmod").args(["-R", "a+rX"]).arg(&folder).status().unwrap();
    folder.display().to_string()
}

#[test]
fn in_another_language() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let mut itself = Command::new(env::current_exe().unwrap());
    itself.args([NAME, "--exact", "--nocapture"]).env(INSIDE, "yes");
    itself.env("LOCPATH", locales()).env("LC_ALL", LOCALE).env_remove("LANGUAGE");
    let output = itself.output().unwrap();
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

/// What fails how: what it is, the conninfo, the slot, the publication, status, SQLSTATE and whether trying again helps.
type Row<'a> = (&'a str, String, &'a str, &'a str, Status, &'a str, bool);

fn inside() {
    // SAFETY: a terminated text; the process has one thread that looks at the locale, this one.
    let set = unsafe { libc::setlocale(libc::LC_ALL, c"".as_ptr()) };
    assert!(!set.is_null(), "the locale {LOCALE} cannot be had");
    let all = authority();
    let (crt, key) = (all.path("server.crt"), all.path("server.key"));
    let server = Server::start_debian(&[
        &format!("lc_messages={LOCALE}"),
        &format!("max_wal_senders={SENDERS}"),
        &format!("ssl_ca_file={}", all.path("root.crt")),
    ]);
    let clear = Server::start(18, &[]);
    server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
    let roles = "CREATE ROLE plain LOGIN; CREATE ROLE refused_role LOGIN REPLICATION;
        CREATE ROLE with_cert LOGIN REPLICATION;
        SET password_encryption = 'scram-sha-256'; CREATE ROLE scram_role LOGIN REPLICATION PASSWORD 's3cret'";
    server.client("postgres").batch_execute(roles).unwrap();
    server.admit("hostssl all with_cert all trust clientcert=verify-ca\n");
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slots = [db.slot(), unique("physical"), unique("plugin"), db.slot()];
    let [good, physical, plugin, taken] = slots.each_ref().map(String::as_str);
    db.run(&format!("SELECT pg_create_physical_replication_slot('{physical}')"));
    db.run(&format!("SELECT pg_create_logical_replication_slot('{plugin}', 'test_decoding')"));
    let _holder = Options::stream(&db.conninfo(), taken, "pub").open().unwrap();

    let here = format!("host=localhost hostaddr=127.0.0.1 port={} dbname={}", server.port, db.name);
    let role = |name: &str| format!("{here} user={name}");
    let me = role("postgres");
    let full = |root: &str| format!("sslmode=verify-full sslrootcert={}", all.path(root));
    // The kernel accepts, nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let there = |port: u16, rest: &str| format!("host=127.0.0.1 port={port} user=u dbname=d {rest}");
    let client = |name: &str| {
        let pair = (all.path(&format!("{name}.crt")), all.path(&format!("{name}.key")));
        format!("{} sslmode=require sslcert={} sslkey={}", role("with_cert"), pair.0, pair.1)
    };
    use Status::*;
    let rows: Vec<Row<'_>> = vec![
        ("DNS", "host=no-such-host.invalid user=u".into(), good, "pub", WAL_E_RESOLVE, "", true),
        ("refused", there(free_port(), ""), good, "pub", WAL_E_CONNECT, "", true),
        ("no socket", "host=/nowhere user=u".into(), good, "pub", WAL_E_CONNECT, "", true),
        ("timeout", there(silent_port, "connect_timeout=1"), good, "pub", WAL_E_CONNECT_TIMEOUT, "", true),
        ("no TLS", there(clear.port, "sslmode=require"), good, "pub", WAL_E_TLS, "", false),
        ("issuer", format!("{me} {}", full("other.crt")), good, "pub", WAL_E_TLS_CERTIFICATE, "", false),
        (
            "another host's",
            format!("{} {}", me.replace("localhost", "db.example"), full("root.crt")),
            good,
            "pub",
            WAL_E_TLS_CERTIFICATE,
            "",
            false,
        ),
        (
            "revoked",
            format!("{me} {} sslcrl={}", full("root.crt"), all.path("root.crl")),
            good,
            "pub",
            WAL_E_TLS_CERTIFICATE,
            "",
            false,
        ),
        ("a client's certificate", client("unknown"), good, "pub", WAL_E_TLS, "", false),
        ("an old one", client("expired"), good, "pub", WAL_E_TLS, "", false),
        (
            "none",
            format!("{} sslmode=require", role("with_cert")),
            good,
            "pub",
            WAL_E_NO_HBA_ENTRY,
            "28000",
            false,
        ),
        (
            "password",
            format!("{} password=wrong", role("scram_role")),
            good,
            "pub",
            WAL_E_AUTH,
            "28P01",
            false,
        ),
        ("no password", role("scram_role"), good, "pub", WAL_E_AUTH, "", false),
        ("role", role("nobody_knows"), good, "pub", WAL_E_AUTH, "28000", false),
        ("database", me.replace(&db.name, "no_such_db"), good, "pub", WAL_E_NO_DATABASE, "3D000", false),
        ("right", role("plain"), good, "pub", WAL_E_PRIVILEGE, "42501", false),
        ("pg_hba.conf", role("refused_role"), good, "pub", WAL_E_NO_HBA_ENTRY, "28000", false),
        (
            "not a standby",
            format!("{me} target_session_attrs=standby"),
            good,
            "pub",
            WAL_E_NOT_READY,
            "",
            true,
        ),
        ("no slot", me.clone(), "no_such_slot", "pub", WAL_E_SLOT_MISSING, "", false),
        ("physical", me.clone(), physical, "pub", WAL_E_SLOT_MISMATCH, "", false),
        ("plugin", me.clone(), plugin, "pub", WAL_E_SLOT_MISMATCH, "", false),
        ("taken", me.clone(), taken, "pub", WAL_E_SLOT_ACTIVE, "", true),
        ("publication", me.clone(), good, "no_pub", WAL_E_PUBLICATION_MISSING, "", false),
    ];
    let mut wrong = Vec::new();
    for (what, conninfo, slot, publication, status, sqlstate, retriable) in &rows {
        let failure = Options::stream(conninfo, slot, publication).open().map(drop).expect_err(what);
        let got = (failure.status, failure.sqlstate.as_str(), failure.is_retriable);
        if got != (*status, *sqlstate, *retriable) || failure.hint.is_empty() {
            wrong.push(format!("{what}: expected {:?}, came {failure:#?}", (status, sqlstate, retriable)));
        }
        // Both did speak German.
        let german = match *what {
            "database" => "existiert nicht",
            "refused" if backend::wanted() == "libpq" => "Verbindung",
            _ => "",
        };
        assert!(failure.message.contains(german), "{what}: {failure:?}");
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));

    let names: Vec<_> = (0..SENDERS).map(|_| db.slot()).collect();
    let all: Vec<_> = names.iter().map(|slot| Options::stream(&me, slot, "pub").open()).collect();
    let known = |status, sqlstate: &'static str| (status, sqlstate.to_owned(), true);
    let told = |it: &Failure| (it.status, it.sqlstate.clone(), it.is_retriable);
    let refused = all.last().and_then(|it| it.as_ref().err()).expect("there is a stream too many");
    assert_eq!(told(refused), known(WAL_E_TOO_MANY_CONNECTIONS, "53300"), "{refused:?}");
    drop(all);

    // While sessions are waited for at the end, nobody new is let in.
    let postmaster = Path::new(&db.text("SHOW data_directory")).join("postmaster.pid");
    let pid = fs::read_to_string(postmaster).unwrap().lines().next().unwrap().parse().unwrap();
    signal_process(pid, libc::SIGTERM);
    eventually("nobody is let in", || match Options::stream(&me, good, "pub").open().map(drop) {
        // It was not told yet.
        Ok(()) => false,
        Err(failure) if [WAL_E_SLOT_ACTIVE, WAL_E_TOO_MANY_CONNECTIONS].contains(&failure.status) => false,
        Err(it) => {
            assert_eq!(told(&it), known(WAL_E_NOT_READY, "57P03"), "{it:?}");
            true
        }
    });
    server.stop(Stop::Immediate);
}

fn authority() -> Authority {
    let all = Authority::new();
    for (name, subject) in [("root", "/CN=Root"), ("other", "/CN=Other")] {
        all.root(name, Wish { subject, extensions: CA, ..SERVER });
    }
    all.issue("server", "root", SERVER);
    all.revoke("root.crl", "root", &["server"]);
    let client = Wish { subject: "/CN=with_cert", extensions: "", ..SERVER };
    all.issue("unknown", "other", client);
    all.issue("expired", "root", Wish { dates: Dates::Past, ..client });
    all
}
