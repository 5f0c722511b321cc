//! Many rows, two million in the long part, go through a process that never grows: what was freed is used again. Measured in `wal_batch`, a C
//! program of its own, by its anonymous memory: the mapped code of a debug library is larger than all its data.

use std::fs;
use std::process::Stdio;

use crate::harness::server::{signal_process, wait_for_exit};
use crate::harness::{Program, Server, eventually};

/// 16 MB, in the kernel's kB.
const MOST: u64 = 16_384;

/// Half of them in ten transactions, half in one.
fn rows_in_less_than_16_mb(version: u32, rows: u64) {
    let server = Server::start(version, &["max_wal_size=16GB"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text, w bigint); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    // Many transactions and a large one.
    let (part, half) = (rows / 20, rows / 2);
    for at in 0..10 {
        db.run(&format!(
            "INSERT INTO t SELECT {at} * {part} + g, 'value of row ' || g, g FROM generate_series(1, {part}) g"
        ));
    }
    db.run(&format!(
        "INSERT INTO t SELECT {half} + g, 'value of row ' || g, g FROM generate_series(1, {half}) g"
    ));
    let end = db.position();
    let conninfo = db.conninfo();
    let mut child = Program::build("examples-c/wal_batch.c").start(|command| {
        command.args(["--option", "status_interval=200ms", &conninfo, &slot, "pub"]);
        command.stdout(Stdio::piped());
    });
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    eventually("all rows are read and acknowledged", || {
        peak = peak.max(anonymous(&fs::read_to_string(&status).unwrap()));
        db.confirmed(&slot) + 1000 >= end
    });
    signal_process(child.id(), libc::SIGTERM);
    let ended = wait_for_exit(&mut child).expect("it ends");
    let said = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(ended.success(), "{said}");
    assert!(said.contains(&format!("rows {rows} ")), "{said}");
    assert!(peak < MOST, "{peak} kB at the most");
    println!("{peak} kB at the most");
}

on_versions! { rows_in_less_than_16_mb v18 (18, 600_000); v18_two_million (18, 2_000_000) }

/// The process's memory that no file backs, in kB.
fn anonymous(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
