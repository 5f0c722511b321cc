//! S33 to S44: what goes wrong on a real server has a hint, the hint is followed, and the stream goes on.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::harness::admin::failure;
use crate::harness::authority::SERVER;
use crate::harness::renderer::Renderer;
use crate::harness::server::{free_port, unique};
use crate::harness::{Admin, Authority, Database, Failure, Kind, Next, Options, Server, Stream, eventually};
use pgwalstream::error::Status;

#[track_caller]
fn refused(options: Options) -> Failure {
    options.open().map(drop).unwrap_err()
}

/// The error that a stream of these options ends with; without reconnecting.
#[track_caller]
fn ended(options: Options) -> Failure {
    options.with("reconnect", "off").open().unwrap().read_to_error().1
}

/// A database with settings of its own.
fn special<'s>(server: &'s Server, how: &str) -> Database<'s> {
    let name = unique("special");
    server
        .client("postgres")
        .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0 {how}"))
        .unwrap();
    let sql = server.client(&name);
    Database { server, name, sql }
}

/// A pooler of this age knows no replication; PgBouncer 1.23 does.
#[test]
fn s33_a_pooler_without_replication_is_named() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let pooler = super::a_pooler_may_stand_between::Pooler::start(server.port);
    drop(pooler.client(&db.name));
    let through = format!("host=127.0.0.1 port={} user=postgres dbname={}", pooler.port, db.name);
    for backend in super::backends() {
        let found = refused(Options::stream(&through, &slot, "pub").with("backend", backend));
        assert!(found.message.contains("unsupported startup parameter: replication"), "{found:?}");
        assert!(found.hint.contains("connect to the server itself"), "{backend} {found:?}");
        drop(Options::stream(&db.conninfo(), &slot, "pub").with("backend", backend).open().unwrap());
        db.released(&slot);
    }
}

/// PostgreSQL documentation, "The pg_hba.conf File": the value replication does not match logical replication.
#[test]
fn s34_the_word_replication_lets_no_logical_stream_in() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t; CREATE ROLE walker LOGIN REPLICATION");
    let slot = db.slot();
    server.admit("host replication walker all trust\nhost all walker all reject\n");
    let conninfo = db.conninfo().replace("user=postgres", "user=walker");
    for backend in super::backends() {
        let found = refused(Options::stream(&conninfo, &slot, "pub").with("backend", backend));
        assert_eq!(found.status, Status::WAL_E_NO_HBA_ENTRY, "{backend} {found:?}");
        assert!(found.hint.contains("stands for physical replication only"), "{backend} {found:?}");
    }
    server.admit(&format!("host {} walker all trust\n", db.name));
    for backend in super::backends() {
        drop(Options::stream(&conninfo, &slot, "pub").with("backend", backend).open().unwrap());
        db.released(&slot);
    }
}

/// A proxy that ends TLS and begins it anew, made of the two halves of openssl.
struct Between(Child, Child);

impl Between {
    fn start(all: &Authority, port: u16, server: u16) -> Self {
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command
                .args(arguments.split(' '))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            command.spawn().unwrap()
        };
        let (crt, key) = (all.path("between.crt"), all.path("between.key"));
        let mut front = openssl(&format!(
            "s_server -quiet -accept {port} -naccept 1 -cert {crt} -key {key} -alpn postgresql"
        ));
        let mut back = openssl(&format!("s_client -quiet -connect 127.0.0.1:{server} -alpn postgresql"));
        let pass = |from: Option<std::process::ChildStdout>, to: Option<std::process::ChildStdin>| {
            let (mut from, mut to) = (from.unwrap(), to.unwrap());
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(got @ 1..) = from.read(&mut bytes) {
                    if to.write_all(&bytes[..got]).and_then(|()| to.flush()).is_err() {
                        break;
                    }
                }
            });
        };
        pass(front.stdout.take(), back.stdin.take());
        pass(back.stdout.take(), front.stdin.take());
        let it = Self(front, back);
        let listens = format!(":{port:04X} 00000000:0000 0A");
        eventually("the proxy listens", || {
            ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|path| {
                let table = std::fs::read_to_string(path).unwrap_or_default();
                table.contains(&listens)
                    || table.contains(&format!(":{port:04X} 00000000000000000000000000000000:0000 0A"))
            })
        });
        it
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        for child in [&mut self.0, &mut self.1] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn s35_a_proxy_that_ends_tls_is_not_taken_for_a_wrong_password() {
    let all = Authority::new();
    all.root("server", SERVER);
    all.root("between", SERVER);
    let server = Server::start(18, &[]);
    let (crt, key) = (all.path("server.crt"), all.path("server.key"));
    server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
    let mut db = server.database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t;
            CREATE ROLE walker LOGIN REPLICATION PASSWORD 's3cret'",
    );
    let slot = db.slot();
    server.admit("host all walker all scram-sha-256\n");
    let open = |binding: &str| {
        let port = free_port();
        let _between = Between::start(&all, port, server.port);
        let conninfo = format!(
            "host=127.0.0.1 port={port} user=walker password=s3cret dbname={} sslmode=require sslnegotiation=direct {binding}",
            db.name
        );
        Options::stream(&conninfo, &slot, "pub").with("backend", "rustls").open().map(drop)
    };
    let found = open("").unwrap_err();
    assert_eq!((found.status, found.sqlstate.as_str()), (Status::WAL_E_AUTH, "28000"), "{found:?}");
    assert!(found.hint.contains("channel_binding=disable"), "{found:?}");
    assert!(!found.hint.contains("Check user and password"), "{found:?}");
    open("channel_binding=disable").unwrap();
}

#[test]
fn s36_each_reason_why_a_capture_cannot_be_made_has_its_hint() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("there"), "x").unwrap();
    let long = "x".repeat(300);
    for (name, hint) in [
        ("missing/capture", "folder does not exist"),
        ("there", "never overwrites"),
        ("there/capture", "a part of its path is a file"),
        (long.as_str(), "Choose another file"),
    ] {
        let found = refused(Options::stream(&db.conninfo(), &slot, "pub").with("capture_file", &path(name)));
        assert_eq!(found.status, Status::WAL_E_CAPTURE, "{found:?}");
        assert!(found.hint.to_lowercase().contains(&hint.to_lowercase()), "{name}: {found:?}");
    }
    std::fs::create_dir(path("missing")).unwrap();
    let options =
        Options::stream(&db.conninfo(), &slot, "pub").with("capture_file", &path("missing/capture"));
    drop(options.open().unwrap());
}

#[test]
fn s38_bytes_without_a_character_set_come_with_sql_ascii() {
    let server = Server::shared(18);
    let mut db = special(server, "ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'");
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1, convert_from('\\xe9'::bytea, 'SQL_ASCII'))");
    for backend in super::backends() {
        let found = ended(Options::stream(&db.conninfo(), &slot, "pub").with("backend", backend));
        assert_eq!((found.status, found.sqlstate.as_str()), (Status::WAL_E_SERVER, "22021"), "{found:?}");
        assert!(found.hint.contains("client_encoding=SQL_ASCII"), "{found:?}");
        db.released(&slot);
        let conninfo = format!("{} client_encoding=SQL_ASCII", db.conninfo());
        let mut stream = Options::stream(&conninfo, &slot, "pub").with("backend", backend).open().unwrap();
        let value = loop {
            match stream.next(20_000).unwrap() {
                Next::Event(event) if event.kind() == Kind::Insert => {
                    // Nor are they lost where JSON has no such text.
                    for format in ["json", "wal2json2"] {
                        let line = Renderer::new(format, &[]).line(event);
                        assert!(line.contains("{\"$binary\":\"e9\"}"), "{line}");
                    }
                    break event.new_named("v").as_text().unwrap().to_vec();
                }
                Next::Event(_) => (),
                Next::Nothing(status) => panic!("{status:?}"),
            }
        };
        assert_eq!(value, b"\xe9");
        drop(stream);
        db.released(&slot);
    }
}

/// The publications are put right, which does not help; then the slot is moved beyond.
fn only_a_new_position_helps(db: &mut Database<'_>, slot: &str, publications: &str, correction: &str) {
    let options = || Options::stream(&db.conninfo(), slot, publications);
    let conninfo = db.conninfo();
    let end = |db: &mut Database<'_>| db.lsn("SELECT pg_current_wal_flush_lsn()");
    let again = Options::stream(&conninfo, slot, publications);
    let first = ended(options());
    assert!(first.hint.contains("wal_slot_advance") && first.hint.contains("does not help"), "{first:?}");
    db.released(slot);
    db.run(correction);
    let second = ended(again);
    assert_eq!((second.sqlstate, second.hint), (first.sqlstate, first.hint));
    db.released(slot);
    let to = end(db);
    Admin::open(&conninfo).advance(slot, to).unwrap();
    let mut stream = Options::stream(&conninfo, slot, publications).open().unwrap();
    db.run("INSERT INTO t VALUES (7, 7, 7)");
    assert!(stream.read_transactions(1).iter().any(|event| event.line.contains("id=7")));
}

fn s39_two_column_lists_and_the_way_out(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, x int, y int); CREATE PUBLICATION a FOR TABLE t (id, x);
            CREATE PUBLICATION b FOR TABLE t (id, y)",
    );
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1, 2, 3)");
    let found = ended(Options::stream(&db.conninfo(), &slot, "a, b"));
    assert_eq!(found.sqlstate, "0A000", "{found:?}");
    assert!(found.hint.contains("name only one of them"), "{found:?}");
    db.released(&slot);
    let mut stream = Options::stream(&db.conninfo(), &slot, "a").open().unwrap();
    assert!(stream.read_transactions(1).iter().any(|event| event.line.contains("x=2")));
    drop(stream);
    db.released(&slot);
    only_a_new_position_helps(&mut db, &slot, "a, b", "ALTER PUBLICATION b SET TABLE t (id, x)");
}

on_versions! { s39_two_column_lists_and_the_way_out v18 18; v15 15 }

fn s39_a_row_filter_that_fails_and_the_way_out(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, x int, y int);
            CREATE PUBLICATION pub FOR TABLE t WHERE (10 / id > 1) WITH (publish = 'insert')",
    );
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (0, 2, 3)");
    let correction = "ALTER PUBLICATION pub SET TABLE t";
    only_a_new_position_helps(&mut db, &slot, "pub", correction);
}

on_versions! { s39_a_row_filter_that_fails_and_the_way_out v18 18; v15 15 }

/// Fills the process with descriptors.
fn fill() -> Vec<std::fs::File> {
    let mut held = Vec::new();
    loop {
        match std::fs::File::open("/dev/null") {
            Ok(file) => held.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                return held;
            }
        }
    }
}

/// A process without a descriptor left, told by this variable that it is that.
const FULL: &str = "PGWALSTREAM_TEST_FULL";

#[test]
fn s40_a_process_without_descriptors_is_told_so() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .arg("sound::each_hint_was_tried::s40_full")
        .env(FULL, format!("{}\n{slot}", db.conninfo()))
        .output()
        .unwrap();
    let said =
        [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run by the test above"]
fn s40_full() {
    let told = std::env::var(FULL).unwrap();
    let (conninfo, slot) = told.split_once('\n').unwrap();
    s45_an_engine_without_descriptors(conninfo, slot);
    // Keeps the engine, which has its descriptors already.
    let temporary = Options::stream(conninfo, &unique("temporary"), "pub").with("slot_create", "temporary");
    let mut living = temporary.open().unwrap();
    s19_without_a_descriptor_for_a_timer(&mut living, conninfo);
    for backend in super::backends() {
        for host in ["127.0.0.1", "localhost"] {
            let options = Options::stream(&conninfo.replace("127.0.0.1", host), slot, "pub");
            let stream = options.with("backend", backend).new_stream().unwrap();
            // Whatever the engine needs once it has; a first attempt fails before there is a socket.
            let nobody =
                Options::stream("host=127.0.0.1 port=1 user=u", slot, "pub").with("backend", backend);
            assert!(nobody.open().is_err());
            let held = fill();
            let found = stream.connect(10_000).unwrap_err();
            assert!(found.is_retriable, "{backend} {host} {found:?}");
            assert!(
                found.hint.contains("ulimit -n") && !found.hint.contains("host"),
                "{backend} {host} {found:?}"
            );
            drop(held);
            // The hint is followed.
            stream.connect(10_000).unwrap();
            drop(stream);
            let active = format!("SELECT 1 FROM pg_replication_slots WHERE slot_name = '{slot}' AND active");
            eventually("the slot is released", || Admin::open(conninfo).query(&active).unwrap().is_empty());
        }
    }
}

/// A busy stream has a timer that is finer than the engine's clock. Without one it reads a little later, and asks again.
fn s19_without_a_descriptor_for_a_timer(living: &mut Stream, conninfo: &str) {
    let timers = || {
        let links = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| entry.ok()?.path().read_link().ok());
        links.filter(|link| link.to_string_lossy().contains("timerfd")).count()
    };
    let writer = Admin::open(conninfo);
    let commits = "DO 'BEGIN FOR id IN 1..2000 LOOP INSERT INTO t VALUES (id); COMMIT; END LOOP; END'";
    let mut write_and_read = || {
        writer.query(commits).unwrap();
        let seen = living.read_transactions(2000);
        assert_eq!(seen.iter().filter(|event| event.kind == Kind::Insert).count(), 2000);
        writer.query("TRUNCATE t").unwrap();
        living.read_transactions(1);
    };
    let held = fill();
    write_and_read();
    drop(held);
    assert_eq!(timers(), 0, "it had a descriptor");
    eventually("it asks for a timer", || {
        write_and_read();
        timers() == 1
    });
}

/// The first stream starts the engine.
fn s45_an_engine_without_descriptors(conninfo: &str, slot: &str) {
    let options = Options::stream(conninfo, slot, "pub");
    let held = fill();
    let found = options
        .new_stream()
        .map(|stream| stream.connect(10_000).unwrap_err())
        .unwrap_or_else(|failure| failure);
    assert_eq!((found.status, found.is_retriable), (Status::WAL_E_SYSTEM, true), "{found:?}");
    assert!(found.hint.contains("ulimit -n"), "{found:?}");
    drop(held);
    options.open().unwrap();
}

fn log_of(options: Options) -> Vec<String> {
    let log = Arc::new(Mutex::new(Vec::new()));
    drop(options.with_log(&log).open().unwrap());
    let log = log.lock().unwrap();
    log.iter().map(|(_, text): &(i32, String)| text.clone()).collect()
}

#[test]
fn s41_detail_and_hint_of_a_warning_are_kept() {
    let server = Server::shared(18);
    let mut db = special(server, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'");
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("UPDATE pg_database SET datcollversion = '0' WHERE datname = current_database()");
    for backend in super::backends() {
        let log = log_of(Options::stream(&db.conninfo(), &slot, "pub").with("backend", backend));
        let warning = log
            .iter()
            .find(|text| text.contains("collation version mismatch"))
            .unwrap_or_else(|| panic!("{log:?}"));
        assert!(warning.contains("DETAIL: The database was created using collation version 0"), "{warning}");
        assert!(warning.contains("HINT: Rebuild all objects"), "{warning}");
        db.released(&slot);
    }
}

#[test]
fn s42_a_duration_without_a_unit_is_told() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    for (value, warned) in [("10", true), ("10ms", false), ("10 s", false), ("0010", true)] {
        let log = log_of(Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", value));
        let found: Vec<_> = log.iter().filter(|text| text.contains("status_interval")).collect();
        assert_eq!(found.len(), usize::from(warned), "{value}: {log:?}");
        assert!(found.iter().all(|text| text.contains(&format!("{value} milliseconds"))), "{found:?}");
        db.released(&slot);
    }
    // 0 is the same in every unit; each other option of time has the same word.
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("reconnect_timeout", "0");
    assert_eq!(log_of(options.with("reconnect_max", "5000")).len(), 1);
    let found = Options::new().set("status_interval", Some("10 parsec")).unwrap_err();
    assert!(found.message.contains("ms, s, min, h; a bare number: ms"), "{found:?}");
}

#[test]
fn s43_where_and_what_an_error_is_about_is_kept() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE TABLE t (id int CONSTRAINT only_positive CHECK (id > 0));
            CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1 / 0; END'",
    );
    for backend in super::backends() {
        let admin = Admin::with(&Options::new().with("conninfo", &db.conninfo()).with("backend", backend));
        for (sql, kept) in [
            ("INSERT INTO t VALUES (-1)", "schema public, table t, constraint only_positive"),
            ("SELECT 1 +", "position 11"),
            ("SELECT f()", "PL/pgSQL function f() line 1 at RETURN"),
            ("SELECT 1 / 0", "raised by int4div, int.c:"),
        ] {
            let found = failure(admin.query(sql));
            assert!(found.detail.contains(kept), "{backend} {sql}: {found:?}");
        }
    }
}

#[test]
fn s44_an_answer_that_is_none_is_shown() {
    for backend in super::backends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stranger = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = [0; 8];
            client.read_exact(&mut request).unwrap();
            client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = client.read(&mut request);
        });
        let conninfo =
            format!("host=127.0.0.1 port={port} user=u dbname=d sslmode=require connect_timeout=20");
        let found = refused(Options::stream(&conninfo, "none", "pub").with("backend", backend));
        assert_eq!(found.status, Status::WAL_E_PROTOCOL, "{backend} {found:?}");
        assert!(found.message.contains('H') && !found.message.contains("is none"), "{backend} {found:?}");
        assert!(found.hint.contains("host and port"), "{backend} {found:?}");
        stranger.join().unwrap();
    }
}
