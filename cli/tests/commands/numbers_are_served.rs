//! `--metrics` serves the numbers of a stream and its state, and keeps nobody waiting.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::server::{free_port, new_folder, signal_process};
use crate::harness::{Server, eventually};

use crate::run::{STREAMS, command, finish, run};

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_stream_tells_its_numbers_and_its_state() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let conninfo = db.conninfo();
    let address = format!("127.0.0.1:{}", free_port());
    let file = new_folder().join("out");
    let file = file.to_str().unwrap();
    let child = command(&conninfo, &["tail", "-t", "t", "-o", file, "--metrics", &address]).spawn().unwrap();
    eventually("it streams", || db.text(STREAMS) == "1");
    db.run("INSERT INTO t SELECT generate_series(1, 10)");
    // Somebody who says nothing, and more than are served at once.
    let silent: Vec<TcpStream> = (0..15).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let number = |name: &str| {
        let answer = get(&address, "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("version=0.0.4"), "{answer}");
        let line = answer.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    eventually("they are counted", || number("pgwalstream_events_total") >= 12.0);
    let health = get(&address, "/healthz");
    assert!(
        health.starts_with("HTTP/1.1 200 OK") && health.contains("{\"state\":\"streaming\","),
        "{health}"
    );
    assert!(get(&address, "/").starts_with("HTTP/1.1 404 "));
    let taken = run(&conninfo, &["tail", "-t", "t", "--metrics", &address]);
    assert!(taken.status == 1 && taken.err.contains(&address), "{taken:?}");
    assert_eq!(db.text("SELECT count(*) FROM pg_publication"), "1");
    signal_process(child.id(), libc::SIGTERM);
    assert_eq!(finish(child).status, 0);
    drop(silent);
}

/// An exporter of all slots, whoever reads them.
#[test]
fn watched_slots_tell_their_numbers() {
    let mut db = Server::shared(18).database();
    let slot = db.slot();
    db.run("CREATE TABLE t (); DROP TABLE t");
    let address = format!("127.0.0.1:{}", free_port());
    let mut child = command(&db.conninfo(), &["slot", "watch", "--metrics", &address, "--interval", "0.2"]);
    let child = child.stdout(std::process::Stdio::null()).spawn().unwrap();
    eventually("it listens", || TcpStream::connect(&address).is_ok());
    let label = format!("{{slot=\"{slot}\"}} ");
    let number = |name: &str| {
        let answer = get(&address, "/metrics");
        let line =
            answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(&label)).map(str::to_owned);
        line.map(|number| number.parse::<u64>().unwrap())
    };
    eventually("it tells the slot", || number("pgwalstream_slot_lag_bytes").is_some_and(|lag| lag > 0));
    assert!(
        number("pgwalstream_slot_retained_bytes") > Some(0) && number("pgwalstream_slot_xmin_age").is_some()
    );
    assert_eq!((number("pgwalstream_slot_active"), number("pgwalstream_slot_lost")), (Some(0), Some(0)));
    assert_eq!(number("pgwalstream_slot_safe_bytes"), None);
    assert!(get(&address, "/healthz").contains("{\"state\":\"watching\","));
    signal_process(child.id(), libc::SIGTERM);
    assert_eq!(finish(child).status, 0);
}

/// A capture goes on in numbered files, and its slot stays where it is unless that was asked for.
#[test]
fn a_capture_takes_nothing_away() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t SELECT g, repeat('v', 100) FROM generate_series(1, 2000) g");
    let (conninfo, before) = (db.conninfo(), db.confirmed(&slot));
    let folder = new_folder();
    let name = folder.join("%n.capture");
    let name = name.to_str().unwrap();
    let capture = |more: &[&str]| {
        let arguments =
            ["capture", "--slot", &slot, "-P", "pub", "-o", name, "--rotate", "64kB", "--count", "1"];
        run(&conninfo, &[&arguments[..], more].concat())
    };
    let said = capture(&[]);
    assert!(said.status == 0 && said.err == "captured 2000 changes\n", "{said:?}");
    assert_eq!(db.confirmed(&slot), before);
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert!(files.len() > 2, "{files:?}");
    let arguments: Vec<&str> = ["replay"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let said = run("", &arguments);
    assert_eq!((said.status, said.out.lines().count()), (0, 2000), "{}", said.err);
    db.released(&slot);
    assert_eq!(capture(&["--acknowledge", "-q"]).err, "");
    assert!(db.confirmed(&slot) > before);
}

/// A slot of its own that nobody else can read holds nothing back.
#[test]
fn a_capture_without_a_slot_holds_no_wal_back() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let conninfo = db.conninfo();
    let name = new_folder().join("capture");
    let arguments = ["capture", "-t", "t", "-o", name.to_str().unwrap(), "--option", "status_interval=10ms"];
    let child = command(&conninfo, &arguments).spawn().unwrap();
    eventually("it streams", || db.text(crate::run::STREAMS) == "1");
    db.run("INSERT INTO t VALUES (1)");
    let end = db.position();
    let confirmed = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE temporary AND database = current_database()";
    eventually("the slot follows", || db.lsn(confirmed) >= end);
    signal_process(child.id(), libc::SIGTERM);
    let said = finish(child);
    assert!(said.status == 0 && said.err == "captured 1 changes\n", "{said:?}");
}
