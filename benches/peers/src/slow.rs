//! What a slow spill directory does to another stream of the same process: how late its rows are while one beside it spills.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::{Arguments, Size};
use crate::measure::{End, Printed, start};
use crate::report::{Spread, machine};
use crate::server::Server;
use crate::suite::drop_slot;
use crate::{Result, docs};

/// How much longer a write or a read of a segment takes, in microseconds.
const DELAYS: [u64; 4] = [0, 1_000, 10_000, 100_000];

/// Measures, and writes `slow-disk.md`.
pub fn run(given: &Arguments) -> Result<()> {
    let version = given.versions.first().copied().unwrap_or(18);
    let server = Server::start(&given.paths.servers, &given.paths.temp, version, given.way)?;
    let rows = match given.size {
        Size::Full => 1_000_000,
        Size::Quick => 300_000,
        Size::Short => 60_000,
    };
    let mut text = format!(
        "# A slow spill directory, and the other streams of the process\n\n{}\n\nOne stream assembles a transaction of {rows} rows in \
         1 MB of memory. Another has 200 one-row transactions a second, whose lateness this is: from the row's making to the program's \
         hands. Microseconds, PostgreSQL {version}, medians of {} rounds.\n\n\
         | a segment of the file takes longer by | engine threads | p50 | p99 | most |\n|---|---|---|---|---|\n",
        machine(given.way.words()),
        given.rounds
    );
    for delay in DELAYS {
        for threads in [1, 2] {
            eprint!("{delay} µs, {threads} threads:");
            let mut all = Vec::new();
            for round in 0..given.rounds {
                eprint!(" {}", round + 1);
                all.push(one(given, &server, delay, threads, rows)?);
            }
            eprintln!();
            let of = |which: fn(&Printed) -> u64| Spread::of(all.iter().map(|it| which(it) as f64)).median;
            let (p50, p99, most) = (of(|it| it.p50), of(|it| it.p99), of(|it| it.max));
            let delay = delay as f64 / 1000.0;
            let _ = writeln!(text, "| {delay} ms | {threads} | {p50:.0} | {p99:.0} | {most:.0} |");
        }
    }
    docs::publish(given, "slow-disk.md", &text)
}

fn one(given: &Arguments, server: &Server, delay: u64, threads: u32, rows: u64) -> Result<Printed> {
    let mut sql = server.client()?;
    sql.batch_execute(
        "DROP PUBLICATION IF EXISTS large, small;
         DROP TABLE IF EXISTS bench, ticks, finish_large, finish_small;
         CREATE TABLE bench (id bigint, payload text NOT NULL);
         CREATE TABLE ticks (id serial PRIMARY KEY, made bigint);
         CREATE TABLE finish_large (n int PRIMARY KEY);
         CREATE TABLE finish_small (n int PRIMARY KEY);
         CREATE PUBLICATION large FOR TABLE bench, finish_large;
         CREATE PUBLICATION small FOR TABLE ticks, finish_small;",
    )?;
    for slot in ["large", "small"] {
        sql.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", &[&slot])?;
    }
    let mut command = Command::new(given.paths.built.join("c/beside"));
    command.arg(server.port.to_string()).arg(threads.to_string());
    command
        .env("LD_PRELOAD", given.paths.built.join("c/slow_preload.so"))
        .env("PEERS_SLOW_US", delay.to_string());
    let mut running = start(command)?;
    running.wait_for_walsender(&mut sql, "large")?;
    let written = AtomicBool::new(false);
    let sample = thread::scope(|scope| {
        let large = scope.spawn(|| {
            let done = write_large(server, rows);
            written.store(true, Ordering::Release);
            done
        });
        let small = scope.spawn(|| tick(server, || written.load(Ordering::Acquire)));
        let sample = running.finish(&mut sql, "small", &End::ByItself, true);
        large.join().map_err(|_| "the large writer panicked")??;
        small.join().map_err(|_| "the small writer panicked")??;
        sample
    })?;
    for slot in ["large", "small"] {
        drop_slot(&mut sql, slot)?;
    }
    sample.printed.ok_or_else(|| "it printed nothing".into())
}

/// One transaction of so many rows.
fn write_large(server: &Server, rows: u64) -> Result<()> {
    let mut sql = server.client()?;
    let insert = format!("INSERT INTO bench SELECT g, repeat('x', 100) FROM generate_series(1, {rows}) g");
    Ok(sql.batch_execute(&format!("BEGIN; {insert}; INSERT INTO finish_large VALUES (1); COMMIT"))?)
}

/// Small transactions for as long as the large one is written, and a second at least.
fn tick(server: &Server, over: impl Fn() -> bool) -> Result<()> {
    let mut sql = server.client()?;
    let insert =
        "INSERT INTO ticks (made) VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint)";
    let (statement, begun) = (sql.prepare(insert)?, Instant::now());
    while !over() || begun.elapsed() < Duration::from_secs(1) {
        sql.execute(&statement, &[])?;
        thread::sleep(Duration::from_millis(5));
    }
    sql.batch_execute("INSERT INTO finish_small VALUES (1)").map_err(Into::into)
}
