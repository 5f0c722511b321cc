//! The rounds: every client over the same WAL, in turn, beginning with another one each round; and the check that all
//! of them saw the same.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use postgres::Client as Sql;
use serde::Serialize;

use crate::arguments::{Arguments, Docs, What};
use crate::clients::{ALL, Client, Family, Streaming, Task};
use crate::measure::{End, Printed, Sample, start};
use crate::scenario::{Scenario, all, finish, prepare};
use crate::server::{Server, Way};
use crate::{Paths, Result, docs, report};

/// All runs of one client in one scenario.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub client: &'static str,
    #[serde(skip)]
    pub family: Family,
    pub samples: Vec<Sample>,
    /// Allocations and reads, from a round of their own.
    pub counted: Option<Printed>,
}

/// One scenario on one version.
#[derive(Debug, Serialize)]
pub struct Result1 {
    pub version: u32,
    pub scenario: String,
    pub what: String,
    pub live: bool,
    /// The version of TLS and the cipher, the same for all clients; none without TLS.
    pub tls: Option<String>,
    /// What every client must see.
    pub events: u64,
    pub rows: u64,
    pub bytes: u64,
    pub outcomes: Vec<Outcome>,
}

/// Runs what was asked for and writes the reports.
pub fn run(given: &Arguments) -> Result<()> {
    let wanted = choose(given)?;
    let versions: BTreeSet<u32> = wanted.iter().flat_map(|it| versions_of(given, it)).collect();
    let clients: Vec<&Client> = ALL
        .iter()
        .filter(|it| given.wants_client(it.name) && (given.way == Way::Clear || it.has_tls()))
        .collect();
    let mut results = Vec::new();
    for version in versions {
        let server = Server::start(&given.paths.servers, &given.paths.temp, version, given.way)?;
        for scenario in wanted.iter().filter(|it| versions_of(given, it).contains(&version)) {
            let suite = Suite { server: &server, paths: &given.paths, scenario, rounds: given.rounds };
            results.push(suite.run(&clients)?);
            report::write(given, &results)?;
        }
    }
    docs::publish(given, report::name(given), &report::markdown(&results))?;
    if given.docs == Docs::Write && given.what == What::Run {
        docs::write_page(given, &results)?;
    }
    eprintln!("written: {}, with .svg and .json, in {}", report::name(given), given.paths.out.display());
    Ok(())
}

fn versions_of(given: &Arguments, scenario: &Scenario) -> Vec<u32> {
    if given.versions.is_empty() { scenario.versions.to_vec() } else { given.versions.clone() }
}

fn choose(given: &Arguments) -> Result<Vec<Scenario>> {
    let all = all(given.size);
    if let Some(unknown) = given.scenarios.iter().find(|name| !all.iter().any(|it| it.name == **name)) {
        return Err(format!("no such scenario: {unknown} (see --list)").into());
    }
    Ok(all
        .into_iter()
        .filter(|it| match given.scenarios.as_slice() {
            [] => it.is_live() == (given.what == What::Live),
            some => some.contains(&it.name),
        })
        .collect())
}

struct Suite<'a> {
    server: &'a Server,
    paths: &'a Paths,
    scenario: &'a Scenario,
    rounds: usize,
}

impl Suite<'_> {
    fn run(&self, clients: &[&'static Client]) -> Result<Result1> {
        let scenario = self.scenario;
        eprint!("PostgreSQL {}, {}: ", self.server.version, scenario.name);
        let mut sql = self.server.client()?;
        let mut end = String::new();
        if !scenario.is_live() {
            prepare(&mut sql, &scenario.work)?;
            sql.query("SELECT pg_create_logical_replication_slot('base', 'pgoutput')", &[])?;
            scenario.work.run(self.server, self.paths)?;
            end = finish(&mut sql)?;
        }
        let takes_part = |it: &&&'static Client| it.live || !scenario.is_live();
        let mut outcomes: Vec<(&'static Client, Outcome)> = clients
            .iter()
            .filter(takes_part)
            .map(|it| {
                (*it, Outcome { client: it.name, family: it.family, samples: Vec::new(), counted: None })
            })
            .collect();
        if !scenario.is_live() {
            eprint!("counting");
            for (client, outcome) in &mut outcomes {
                eprint!(".");
                outcome.counted = Some(self.count(&mut sql, client, &end)?);
            }
        }
        for round in 0..self.rounds {
            eprint!(" {}", round + 1);
            let n = outcomes.len();
            for turn in 0..n {
                let Some((client, outcome)) = outcomes.get_mut((turn + round) % n) else { continue };
                eprint!(".");
                let sample = if scenario.is_live() {
                    self.live(&mut sql, client)
                } else {
                    self.backlog(&mut sql, client, &end)
                };
                outcome.samples.push(sample.map_err(|error| format!("{}: {error}", client.name))?);
            }
        }
        eprintln!();
        self.checked(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
    }

    fn task<'b>(&self, end: Option<&'b str>) -> Task<'b> {
        Task {
            port: self.server.port,
            slot: "turn",
            streaming: if self.scenario.streaming { Streaming::On } else { Streaming::Off },
            latency: false,
            sslmode: self.server.way.sslmode(),
            end,
        }
    }

    /// One client over the WAL that is there.
    fn backlog(&self, sql: &mut Sql, client: &Client, end: &str) -> Result<Sample> {
        sql.query("SELECT pg_copy_logical_replication_slot('base', 'turn')", &[])?;
        let running = start(client.command(self.paths, &self.task(Some(end))))?;
        let sample = running.finish(sql, "turn", &End::ByItself, client.counts())?;
        drop_slot(sql, "turn")?;
        Ok(sample)
    }

    /// One client while writers are at work; the clock starts with them.
    fn live(&self, sql: &mut Sql, client: &Client) -> Result<Sample> {
        prepare(sql, &self.scenario.work)?;
        sql.query("SELECT pg_create_logical_replication_slot('turn', 'pgoutput')", &[])?;
        let mut running = start(client.command(self.paths, &self.task(None)))?;
        running.wait_for_walsender(sql, "turn")?;
        let began = running.begin();
        let writers = Instant::now();
        let end: RefCell<Option<Result<String>>> = RefCell::new(None);
        let mut sample = std::thread::scope(|scope| {
            let work = scope.spawn(|| -> Result<String> {
                self.scenario.work.run(self.server, self.paths)?;
                finish(&mut self.server.client()?)
            });
            let work = RefCell::new(Some(work));
            let known = || {
                if work.borrow().as_ref().is_some_and(|it| it.is_finished()) {
                    let joined = work.borrow_mut().take().map(|it| it.join());
                    *end.borrow_mut() = Some(
                        joined.and_then(|it| it.ok()).unwrap_or_else(|| Err("the writers panicked".into())),
                    );
                }
                end.borrow().as_ref().and_then(|it| it.as_ref().ok().cloned())
            };
            let until = if client.counts() { End::ByItself } else { End::Interrupt(&known) };
            let sample = running.finish(sql, "turn", &until, client.counts());
            if let Some(work) = work.take() {
                work.join().map_err(|_| "the writers panicked")??;
            }
            sample
        })?;
        sample.wall -= (writers - began).as_secs_f64();
        drop_slot(sql, "turn")?;
        Ok(sample)
    }

    /// One client with its allocations and reads counted, which slows it down.
    fn count(&self, sql: &mut Sql, client: &Client, end: &str) -> Result<Printed> {
        sql.query("SELECT pg_copy_logical_replication_slot('base', 'turn')", &[])?;
        let file = self.paths.temp.join("counts.json");
        let _ = fs::remove_file(&file);
        let mut command = client.command(self.paths, &self.task(Some(end)));
        command.env("LD_PRELOAD", self.paths.built.join("c/preload.so")).env("PEERS_COUNTS", &file);
        let sample = start(command)
            .and_then(|it| it.finish(sql, "turn", &End::ByItself, client.counts()))
            .map_err(|error| format!("{}: {error}", client.name))?;
        drop_slot(sql, "turn")?;
        // Go calls the kernel by itself and says what it counted; the others are counted by the library.
        let printed = sample.printed.unwrap_or_default();
        if printed.allocs.is_some() {
            return Ok(printed);
        }
        Ok(serde_json::from_str(&fs::read_to_string(&file)?)?)
    }

    /// All clients must have seen the same, in every round.
    fn checked(&self, outcomes: Vec<Outcome>) -> Result<Result1> {
        let mut seen: Option<(&'static str, Printed)> = None;
        for outcome in outcomes.iter().filter(|it| matches!(it.family, Family::Ours | Family::Peer)) {
            for printed in outcome.samples.iter().filter_map(|it| it.printed) {
                let (first, expected) = *seen.get_or_insert((outcome.client, printed));
                if (printed.events, printed.rows, printed.bytes)
                    != (expected.events, expected.rows, expected.bytes)
                {
                    return Err(format!(
                        "{}: {} saw {} events, {} rows, {} bytes, and {first} {}, {}, {}",
                        self.scenario.name,
                        outcome.client,
                        printed.events,
                        printed.rows,
                        printed.bytes,
                        expected.events,
                        expected.rows,
                        expected.bytes
                    )
                    .into());
                }
            }
        }
        let floors = outcomes.iter().filter(|it| it.family == Family::Floor);
        for printed in floors.flat_map(|it| &it.samples).filter_map(|it| it.printed) {
            let (first, expected) = *seen.get_or_insert(("the floor", printed));
            if (printed.events, printed.rows) != (expected.events, expected.rows) {
                return Err(format!(
                    "{}: the floor saw {} events, {first} {}",
                    self.scenario.name, printed.events, expected.events
                )
                .into());
            }
        }
        let (_, expected) = seen.ok_or("no client that counts took part")?;
        let mut ciphers: Vec<_> =
            outcomes.iter().flat_map(|it| &it.samples).map(|it| it.tls.clone()).collect();
        ciphers.dedup();
        let [tls] = ciphers.as_slice() else {
            return Err(format!(
                "{}: not all agreed with the server on the same: {ciphers:?}",
                self.scenario.name
            )
            .into());
        };
        if tls.is_some() != (self.server.way == Way::Tls) {
            return Err(format!("{}: the connections had {tls:?}", self.scenario.name).into());
        }
        Ok(Result1 {
            version: self.server.version,
            scenario: self.scenario.name.clone(),
            what: self.scenario.what.clone(),
            live: self.scenario.is_live(),
            tls: tls.clone(),
            events: expected.events,
            rows: expected.rows,
            bytes: expected.bytes,
            outcomes,
        })
    }
}

/// Drops a slot once its walsender has noticed that the client is gone.
pub fn drop_slot(sql: &mut Sql, slot: &str) -> Result<()> {
    for _ in 0..600 {
        match sql.query("SELECT pg_drop_replication_slot($1)", &[&slot]) {
            Ok(_) => return Ok(()),
            Err(error) if error.code().is_some_and(|it| it.code() == "55006") => {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("slot {slot} stays in use").into())
}
