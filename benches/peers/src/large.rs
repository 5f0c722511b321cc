//! One large transaction: how long its last event takes after COMMIT has returned, and what it costs on both sides. Every client
//! streams while it is written. It must never compare runs that did not see all rows.

use std::cell::Cell;
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client as Sql;

use crate::arguments::{Arguments, Size};
use crate::clients::{ALL, Client, Program, Streaming, Task};
use crate::measure::{End, Sample, start};
use crate::report::{Spread, machine};
use crate::server::Server;
use crate::suite::drop_slot;
use crate::{Result, docs};

/// What a walsender can keep up with.
const RATE: u64 = 200_000;
/// Rows of one statement.
const STEP: u64 = 10_000;

/// One of those compared.
struct Side {
    name: &'static str,
    client: &'static Client,
    streaming: Streaming,
    /// `server_tuning` of this library.
    tuning: &'static str,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Assembled,
    /// What the aims of costs are held against: protocol 1 with the server's own memory.
    Usual,
    /// What the aim of time is held against, with `Usual`.
    Other,
    /// Gives what is not committed.
    Uncommitted,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Paced,
    Unpaced,
}

struct Run {
    sample: Sample,
    /// Seconds from COMMIT's return to the last event.
    late: f64,
}

/// Measures, and writes `large.md`.
pub fn run(given: &Arguments) -> Result<()> {
    let version = given.versions.first().copied().unwrap_or(18);
    let server = Server::start(&given.paths.servers, &given.paths.temp, version, given.way)?;
    let mut sql = server.client()?;
    let sides: Vec<Side> = sides().into_iter().filter(|it| given.wants_client(it.name)).collect();
    let mut text = format!(
        "# One large transaction\n\n{}\n\nPostgreSQL {version}, logical_decoding_work_mem as each client leaves it (64 MB by default). \
         Medians of {} interleaved rounds (least–most). Paced: at most {RATE} rows a second.\n\n\
         | rows | | COMMIT to the last event, s | walsender, µs a row | client, µs a row | client's peak, MB |\n|---|---|---|---|---|---|\n",
        machine(given.way.words()),
        given.rounds
    );
    let mut aims = String::from("\n## Aims\n\n| aim | reached | at most | |\n|---|---|---|---|\n");
    for (rows, pace) in works(given.size) {
        eprint!("{rows} rows, {pace:?}:");
        let mut all: Vec<Vec<Run>> = sides.iter().map(|_| Vec::new()).collect();
        for round in 0..given.rounds {
            eprint!(" {}", round + 1);
            for turn in 0..sides.len() {
                eprint!(".");
                let at = (turn + round) % sides.len();
                let run = one(given, &server, &mut sql, &sides[at], rows, pace);
                all[at].push(run.map_err(|error| format!("{}: {error}", sides[at].name))?);
            }
        }
        eprintln!();
        for (side, runs) in sides.iter().zip(&all) {
            let per_row = |seconds: f64| seconds * 1e6 / rows as f64;
            let cpu = of(runs, |it| per_row(it.sample.user + it.sample.system));
            let _ = writeln!(
                text,
                "| {rows}{} | {} | {} | {} | {} | {:.1} |",
                if pace == Pace::Unpaced { ", unpaced" } else { "" },
                side.name,
                show(of(runs, |it| it.late)),
                show(of(runs, |it| per_row(it.sample.walsender))),
                if side.client.counts() { show(cpu) } else { "–".into() },
                of(runs, |it| it.sample.rss_kib as f64 / 1024.0).median
            );
        }
        if pace == Pace::Paced {
            aims.push_str(&aims_of(rows, &sides, &all));
        }
    }
    text.push_str(&aims);
    docs::publish(given, "large.md", &text)
}

fn sides() -> Vec<Side> {
    let find = |wanted: fn(&Program) -> bool| ALL.iter().find(|it| wanted(&it.program));
    let batch = find(|it| matches!(it, Program::C("pgwalstream_batch")));
    let peer = find(|it| matches!(it, Program::Rust("pg_walstream", ["next"])));
    let recvlogical = find(|it| matches!(it, Program::Recvlogical));
    let side = |name, client: Option<&'static Client>, streaming, tuning, role| {
        client.map(|client| Side { name, client, streaming, tuning, role })
    };
    [
        side("pgwalstream, assembled", batch, Streaming::Assembled, "auto", Role::Assembled),
        side("pgwalstream, protocol 1", batch, Streaming::Off, "auto", Role::Other),
        side("pgwalstream, protocol 1, server_tuning=off", batch, Streaming::Off, "off", Role::Usual),
        side("pg_recvlogical, protocol 1", recvlogical, Streaming::Off, "auto", Role::Other),
        side("pg_walstream, protocol 1", peer, Streaming::Off, "auto", Role::Other),
        side("pg_walstream, streaming=on (not committed)", peer, Streaming::On, "auto", Role::Uncommitted),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn works(size: Size) -> Vec<(u64, Pace)> {
    match size {
        Size::Full => vec![(1_000_000, Pace::Paced), (5_000_000, Pace::Paced), (1_000_000, Pace::Unpaced)],
        Size::Quick => vec![(500_000, Pace::Paced), (2_500_000, Pace::Paced), (500_000, Pace::Unpaced)],
        // More than the walsender's memory for streams holds, less than that for others.
        Size::Short => vec![(100_000, Pace::Paced), (100_000, Pace::Unpaced)],
    }
}

fn of(runs: &[Run], which: impl Fn(&Run) -> f64) -> Spread {
    Spread::of(runs.iter().map(which))
}

fn show(it: Spread) -> String {
    format!("{:.2} ({:.2}–{:.2})", it.median, it.least, it.most)
}

/// What this library set out to reach.
fn aims_of(rows: u64, sides: &[Side], all: &[Vec<Run>]) -> String {
    let with = |role: Role| sides.iter().zip(all).filter(move |(side, _)| side.role == role);
    let (Some((_, assembled)), Some((_, usual))) = (with(Role::Assembled).next(), with(Role::Usual).next())
    else {
        return String::new();
    };
    let best = with(Role::Other).map(|(_, runs)| of(runs, |it| it.late).median);
    let best = best.fold(of(usual, |it| it.late).median, f64::min);
    let ratio = |which: fn(&Run) -> f64, usual: f64| of(assembled, which).median / usual;
    let client: fn(&Run) -> f64 = |it| it.sample.user + it.sample.system;
    let walsender: fn(&Run) -> f64 = |it| it.sample.walsender;
    [
        ("COMMIT to the last event, of the best other", ratio(|it| it.late, best), 0.25),
        (
            "walsender, of protocol 1 with server_tuning=off",
            ratio(walsender, of(usual, walsender).median),
            0.65,
        ),
        ("client, of the same", ratio(client, of(usual, client).median), 1.6),
    ]
    .into_iter()
    .fold(String::new(), |mut text, (aim, got, most)| {
        let verdict = if got <= most { "" } else { "**missed**" };
        let _ = writeln!(text, "| {rows} rows: {aim} | {got:.2} | {most:.2} | {verdict} |");
        text
    })
}

/// One client, while one transaction is written.
fn one(given: &Arguments, server: &Server, sql: &mut Sql, side: &Side, rows: u64, pace: Pace) -> Result<Run> {
    sql.batch_execute(
        "DROP PUBLICATION IF EXISTS peers;
         DROP TABLE IF EXISTS bench, finish;
         CREATE TABLE bench (id bigint, payload text NOT NULL);
         CREATE TABLE finish (n int PRIMARY KEY);
         CREATE PUBLICATION peers FOR TABLE bench, finish;
         CHECKPOINT;",
    )?;
    sql.query("SELECT pg_create_logical_replication_slot('turn', 'pgoutput')", &[])?;
    let task = Task {
        port: server.port,
        slot: "turn",
        streaming: side.streaming,
        latency: false,
        sslmode: server.way.sslmode(),
        end: None,
    };
    let mut command = side.client.command(&given.paths, &task);
    command.env("PEERS_SERVER_TUNING", side.tuning);
    let mut running = start(command)?;
    running.wait_for_walsender(sql, "turn")?;
    let began = running.begin();
    let (sample, committed) = thread::scope(|scope| {
        let work = scope.spawn(|| write(server, rows, pace));
        let work = Cell::new(Some(work));
        let written: Cell<Option<Result<(Instant, String)>>> = Cell::new(None);
        let end: Cell<Option<String>> = Cell::new(None);
        let known = || {
            let handle = work.take();
            match handle {
                Some(handle) if handle.is_finished() => {
                    let joined = handle.join().unwrap_or_else(|_| Err("the writer panicked".into()));
                    end.set(joined.as_ref().ok().map(|(_, position)| position.clone()));
                    written.set(Some(joined));
                }
                other => work.set(other),
            }
            let position = end.take();
            end.set(position.clone());
            position
        };
        let until = if side.client.counts() { End::ByItself } else { End::Interrupt(&known) };
        let sample = running.finish(sql, "turn", &until, side.client.counts());
        let written = match (written.take(), work.take()) {
            (Some(written), _) => written,
            (None, Some(handle)) => handle.join().unwrap_or_else(|_| Err("the writer panicked".into())),
            (None, None) => Err("there is no writer".into()),
        };
        Ok::<_, crate::Failure>((sample?, written?.0))
    })?;
    drop_slot(sql, "turn")?;
    if let Some(printed) = sample.printed
        && printed.rows != rows + 1
    {
        return Err(format!("it saw {} rows of {}", printed.rows, rows + 1).into());
    }
    let late = sample.wall - (committed - began).as_secs_f64();
    Ok(Run { sample, late })
}

/// Writes the transaction, whose last row is that of `finish`. Tells when COMMIT returned, and a position right before it.
fn write(server: &Server, rows: u64, pace: Pace) -> Result<(Instant, String)> {
    let mut sql = server.client()?;
    // Decoding begins when the WAL is flushed; COMMIT waits for that.
    sql.batch_execute("SET synchronous_commit = on; BEGIN")?;
    let begun = Instant::now();
    let insert =
        "INSERT INTO bench SELECT g, repeat('x', 100) FROM generate_series($1::bigint, $2::bigint) g";
    let insert = sql.prepare(insert)?;
    let mut written = 0;
    while written < rows {
        let to = rows.min(written + STEP);
        sql.execute(&insert, &[&((written + 1) as i64), &(to as i64)])?;
        written = to;
        let due = begun + Duration::from_secs_f64(written as f64 / RATE as f64);
        if pace == Pace::Paced {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    sql.batch_execute("INSERT INTO finish VALUES (1)")?;
    let before: String = sql.query_one("SELECT pg_current_wal_lsn()::text", &[])?.get(0);
    sql.batch_execute("COMMIT")?;
    Ok((Instant::now(), before))
}
