//! Commit-to-delivery latency: each row carries the server's clock_timestamp(), taken right before its commit, and each
//! client compares it with the same machine's clock when the row is in its hands.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client as Sql;

use crate::arguments::{Arguments, Size};
use crate::clients::{ALL, Client, Family, Streaming, Task};
use crate::measure::{End, Printed, start};
use crate::report::{Spread, machine};
use crate::scenario::finish;
use crate::server::Server;
use crate::suite::drop_slot;
use crate::{Result, docs, measure::Sample};

/// One of the figures of a run.
type Figure = fn(&Printed) -> u64;

const RATES: [u32; 4] = [1, 100, 1_000, 8_000];
/// One connection does some 5,000 commits a second at best.
const PER_WRITER: u32 = 2_000;

/// Measures, and writes `latency.md`.
pub fn run(given: &Arguments) -> Result<()> {
    let version = given.versions.first().copied().unwrap_or(18);
    let server = Server::start(&given.paths.servers, &given.paths.temp, version, given.way)?;
    let mut sql = server.client()?;
    let clients: Vec<&Client> = ALL
        .iter()
        .filter(|it| it.live && it.family != Family::WallClock && given.wants_client(it.name))
        .collect();
    let mut text = format!(
        "# From commit to delivery\n\n{}\n\nMicroseconds, one-row transactions, PostgreSQL {version}. Medians of {} interleaved \
         rounds (least–most).\n\n| transactions/s | client | rows | p50 | p99 | p99.9 | CPU µs/transaction | switches/transaction |\n|---|---|---|---|---|---|---|---|\n",
        machine(given.way.words()),
        given.rounds
    );
    let mut aims = String::from("\n## Aims\n\n| aim | reached | at most | |\n|---|---|---|---|\n");
    for rate in RATES {
        eprint!("{rate} transactions/s:");
        let mut all: Vec<Vec<Sample>> = vec![Vec::new(); clients.len()];
        for round in 0..given.rounds {
            eprint!(" {}", round + 1);
            for turn in 0..clients.len() {
                eprint!(".");
                let at = (turn + round) % clients.len();
                let seconds = match (rate, given.size) {
                    (1, Size::Full) => 20,
                    (_, Size::Full) | (1, Size::Quick) => 8,
                    (1, Size::Short) => 6,
                    (_, Size::Quick | Size::Short) => 3,
                };
                all[at].push(one(given, &server, &mut sql, clients[at], rate, seconds)?);
            }
        }
        eprintln!();
        for (client, samples) in clients.iter().zip(&all) {
            let of = |which: fn(&Printed) -> u64| {
                let it = Spread::of(
                    samples.iter().filter_map(|it| it.printed.as_ref()).map(|it| which(it) as f64),
                );
                format!("{:.0} ({:.0}–{:.0})", it.median, it.least, it.most)
            };
            let rows = samples.iter().filter_map(|it| it.printed).map(|it| it.samples).min().unwrap_or(0);
            let cpu = Spread::of(samples.iter().map(|it| (it.user + it.system) * 1e6 / rows as f64));
            let switches = Spread::of(samples.iter().map(|it| it.switches as f64 / rows as f64));
            let _ = writeln!(
                text,
                "| {rate} | {} | {rows} | {} | {} | {} | {:.1} | {:.1} |",
                client.name,
                of(|it| it.p50),
                of(|it| it.p99),
                of(|it| it.p999),
                cpu.median,
                switches.median
            );
        }
        aims.push_str(&aims_of(rate, &clients, &all));
    }
    text.push_str(&aims);
    docs::publish(given, "latency.md", &text)
}

/// What this library set out to reach: a fifth and 50 µs beside pg_walstream, and what may be gathered above 1,000
/// transactions a second.
fn aims_of(rate: u32, clients: &[&Client], all: &[Vec<Sample>]) -> String {
    // That of sparse windows, a quarter of latency_budget.
    const BUDGET: f64 = 500.0;
    let median = |samples: &[Sample], which: fn(&Printed) -> u64| {
        Spread::of(samples.iter().filter_map(|it| it.printed.as_ref()).map(|it| which(it) as f64)).median
    };
    let both = || clients.iter().zip(all);
    let Some((_, peer)) = both().find(|(it, _)| it.name.starts_with("pg_walstream")) else {
        return String::new();
    };
    let mut text = String::new();
    for (client, samples) in both().filter(|(it, _)| it.family == Family::Ours) {
        let figures: [(&str, Figure); 2] = [("p50", |it| it.p50), ("p99", |it| it.p99)];
        for (name, which) in figures {
            let more = if rate > 1000 { BUDGET } else { 0.0 };
            let (got, most) = (median(samples, which), median(peer, which) * 1.2 + 50.0 + more);
            let verdict = if got <= most { "" } else { "**missed**" };
            let _ = writeln!(
                text,
                "| {rate} a second: {}: {name} | {got:.0} | {most:.0} | {verdict} |",
                client.name
            );
        }
    }
    text
}

fn one(
    given: &Arguments,
    server: &Server,
    sql: &mut Sql,
    client: &Client,
    rate: u32,
    seconds: u32,
) -> Result<Sample> {
    sql.batch_execute(
        "DROP PUBLICATION IF EXISTS peers;
         DROP TABLE IF EXISTS bench, finish;
         CREATE TABLE bench (id serial PRIMARY KEY, made bigint);
         CREATE TABLE finish (n int PRIMARY KEY);
         CREATE PUBLICATION peers FOR TABLE bench, finish;",
    )?;
    sql.query("SELECT pg_create_logical_replication_slot('turn', 'pgoutput')", &[])?;
    let task = Task {
        port: server.port,
        slot: "turn",
        streaming: Streaming::Off,
        latency: true,
        sslmode: server.way.sslmode(),
        end: None,
    };
    let mut running = start(client.command(&given.paths, &task))?;
    running.wait_for_walsender(sql, "turn")?;
    thread::sleep(Duration::from_millis(200));
    let writers = rate.div_ceil(PER_WRITER);
    let expected = u64::from(rate * seconds);
    let sample = thread::scope(|scope| {
        let work = scope.spawn(|| -> Result<()> {
            thread::scope(|scope| {
                let all: Vec<_> = (0..writers)
                    .map(|n| scope.spawn(move || write(server, rate, writers, n, rate * seconds / writers)))
                    .collect();
                all.into_iter().try_for_each(|it| it.join().map_err(|_| "a writer panicked")?)
            })?;
            finish(&mut server.client()?).map(drop)
        });
        let sample = running.finish(sql, "turn", &End::ByItself, true);
        work.join().map_err(|_| "the writers panicked")??;
        sample
    })?;
    drop_slot(sql, "turn")?;
    let got = sample.printed.map_or(0, |it| it.samples);
    if got != expected {
        return Err(format!("{} saw {got} rows of {expected}", client.name).into());
    }
    Ok(sample)
}

/// One writer's share of the rows, each at its time. A late one is not made up for by a burst.
fn write(server: &Server, rate: u32, writers: u32, n: u32, rows: u32) -> Result<()> {
    let mut sql = server.client()?;
    let statement = sql.prepare(
        "INSERT INTO bench (made) VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint)",
    )?;
    let step = Duration::from_secs_f64(f64::from(writers) / f64::from(rate));
    let mut next = Instant::now() + step.mul_f64(f64::from(n) / f64::from(writers));
    for _ in 0..rows {
        let now = Instant::now();
        if next > now {
            thread::sleep(next - now);
        } else {
            next = now;
        }
        sql.execute(&statement, &[])?;
        next += step;
    }
    Ok(())
}
