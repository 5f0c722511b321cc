//! What this library set out to reach, beside what the run shows. It informs; it never fails a run.

use std::fmt::Write as _;

use crate::clients::Family;
use crate::suite::{Outcome, Result1};

struct Aim {
    what: String,
    got: f64,
    most: f64,
}

/// A table of aims, reached and missed.
pub fn markdown(results: &[Result1]) -> String {
    let mut aims: Vec<Aim> = results.iter().flat_map(of_scenario).collect();
    aims.extend(server_tuning(results));
    let mut text = String::from("\n## Aims\n\n| aim | reached | at most | |\n|---|---|---|---|\n");
    for it in aims {
        let verdict = if it.got <= it.most { "" } else { "**missed**" };
        let _ = writeln!(text, "| {} | {:.3} | {:.3} | {verdict} |", it.what, it.got, it.most);
    }
    text
}

fn of_scenario(it: &Result1) -> Vec<Aim> {
    let name = format!("{} ({})", it.scenario, it.version);
    let ours = it.outcomes.iter().filter(|it| it.family == Family::Ours);
    let mut aims = Vec::new();
    for us in ours {
        let mut aim = |what: &str, got: f64, most: f64| {
            let what = format!("{name}: {}: {what}", us.client);
            aims.push(Aim { what, got, most });
        };
        let cheap = ["Baseline", "Batch-100", "Batch-5000", "Wide-20col", "Mixed-DML", "One-row"];
        let cpu = |other: &Outcome| us.cpu(it.events).median / other.cpu(it.events).median;
        let find = |part: &str| it.outcomes.iter().find(|it| it.client.starts_with(part));
        if let Some(peer) = find("pg_walstream, next_event").filter(|_| cheap.contains(&it.scenario.as_str()))
        {
            // Both decrypt the same with the same code, which leaves less between them.
            let most = if it.tls.is_some() { 1.0 / 3.0 } else { 1.0 / 6.0 };
            aim("CPU ÷ pg_walstream's", cpu(peer), most);
        }
        if us.client == "pgwalstream through Go"
            && let Some(c) = find("pgwalstream, next_batch")
        {
            aim("CPU ÷ the C API's", cpu(c), 1.15);
            continue;
        }
        if let Some(floor) = find("floor, gathering").filter(|_| it.scenario == "Payload-2KB") {
            aim("CPU ÷ the floor's", cpu(floor), 1.3);
        }
        if it.live {
            if let Some(peer) = find("pg_recvlogical") {
                aim("wall ÷ pg_recvlogical's", us.wall().median / peer.wall().median, 1.0 / 0.97);
            }
        } else {
            let peers = it.outcomes.iter().filter(|it| matches!(it.family, Family::Peer | Family::WallClock));
            let best = peers.map(|it| it.wall().median).fold(f64::INFINITY, f64::min);
            if best.is_finite() {
                aim("wall ÷ the best peer's", us.wall().median / best, 1.05);
            }
        }
        let most = if it.scenario.starts_with("Txn-1M") { 16.0 } else { 12.0 };
        aim("peak MB", us.spread(|it| it.rss_kib as f64 / 1024.0).median, most);
        if let Some(allocs) = us.counted.and_then(|it| it.allocs) {
            // What opening a stream allocates is there too: a few thousand.
            aim("allocations an event", allocs as f64 / it.events as f64, 5_000.0 / it.events as f64);
        }
    }
    aims
}

/// What the walsender saves where the library chose its memory.
fn server_tuning(results: &[Result1]) -> Vec<Aim> {
    let find = |version: u32, scenario: &str| {
        results.iter().find(|it| it.version == version && it.scenario == scenario)
    };
    let streamed = results.iter().filter(|it| it.scenario == "Txn-1M-streamed");
    let pairs = streamed.filter_map(|it| find(it.version, "Txn-1M").map(|plain| (it, plain)));
    pairs
        .filter_map(|(streamed, plain)| {
            let us = streamed.outcomes.iter().find(|it| it.client == "pgwalstream, next_batch")?;
            let usual = plain.outcomes.iter().find(|it| it.client == "pg_recvlogical")?;
            Some(Aim {
                what: format!(
                    "Txn-1M-streamed ({}): walsender's CPU with server_tuning=auto ÷ protocol 1 with defaults",
                    streamed.version
                ),
                got: us.walsender(streamed.rows).median / usual.walsender(plain.rows).median,
                most: 0.65,
            })
        })
        .collect()
}
