//! The Markdown table, and the raw numbers as JSON. It must never show a mean: medians, with the least and the most.

use std::fmt::Write as _;
use std::fs;

use crate::arguments::{Arguments, What};
use crate::measure::Sample;
use crate::suite::{Outcome, Result1};
use crate::{Result, aims, chart};

/// A median with its spread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Of some numbers.
    pub fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut all: Vec<f64> = numbers.collect();
        all.sort_by(f64::total_cmp);
        let at = |i: usize| all.get(i).copied().unwrap_or(f64::NAN);
        let n = all.len();
        let median = if n % 2 == 1 { at(n / 2) } else { (at((n / 2).saturating_sub(1)) + at(n / 2)) / 2.0 };
        Self { median, least: at(0), most: at(n.saturating_sub(1)) }
    }

    fn text(self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.most)
    }
}

impl Outcome {
    /// One number of every run.
    pub fn spread(&self, of: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.samples.iter().map(of))
    }

    /// The client's CPU, in microseconds an event.
    pub fn cpu(&self, events: u64) -> Spread {
        self.spread(|it| (it.user + it.system) * 1e6 / events as f64)
    }

    /// The walsender's CPU, in microseconds an event.
    pub fn walsender(&self, events: u64) -> Spread {
        self.spread(|it| it.walsender * 1e6 / events as f64)
    }

    /// Seconds from start to end.
    pub fn wall(&self) -> Spread {
        self.spread(|it| it.wall)
    }
}

/// The report's name.
pub fn name(given: &Arguments) -> &'static str {
    if given.what == What::Live { "live.md" } else { "peers.md" }
}

/// Writes the report, the chart and the numbers, as far as they are known.
pub fn write(given: &Arguments, results: &[Result1]) -> Result<()> {
    let path = given.paths.out.join(name(given));
    fs::create_dir_all(&given.paths.out)?;
    fs::write(&path, markdown(results))?;
    fs::write(path.with_extension("svg"), chart::svg(results))?;
    fs::write(path.with_extension("json"), serde_json::to_string_pretty(results)?)?;
    Ok(())
}

/// All of it.
pub fn markdown(results: &[Result1]) -> String {
    let rounds = results.first().and_then(|it| it.outcomes.first()).map_or(0, |it| it.samples.len());
    let mut text = format!(
        "# Clients side by side\n\n{}\n\nMedians of {rounds} interleaved rounds over the same WAL, the least and the most \
         in brackets. An event is a begin, a row or a commit; events, rows and bytes were the same for every client. CPU is \
         of the whole process. Allocations and reads come from a round of their own.\n",
        machine(results.first().and_then(|it| it.tls.as_deref()).unwrap_or("no TLS"))
    );
    for it in results {
        section(&mut text, it);
    }
    text.push_str(&aims::markdown(results));
    text
}

fn section(text: &mut String, it: &Result1) {
    let _ = write!(
        text,
        "\n## {} (PostgreSQL {})\n\n{}: {} events, {} rows, {:.1} MB of values{}\n\n",
        it.scenario,
        it.version,
        it.what,
        it.events,
        it.rows,
        it.bytes as f64 / 1e6,
        if it.live { ". Wall time from the writers' start to the last event." } else { "." }
    );
    text.push_str(
        "| client | wall s | events/s | CPU µs/event | user + system | walsender µs/event | switches | reads | peak MB | allocations/event |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for outcome in &it.outcomes {
        let events = it.events as f64;
        let counted = outcome.counted.unwrap_or_default();
        let number = |it: Option<u64>| it.map_or("–".to_owned(), |it| it.to_string());
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} k | {} | {:.2} + {:.2} | {} | {:.0} | {} | {:.1} | {} |",
            outcome.client,
            outcome.wall().text(2),
            events / outcome.wall().median / 1e3,
            outcome.cpu(it.events).text(2),
            outcome.spread(|it| it.user * 1e6 / events).median,
            outcome.spread(|it| it.system * 1e6 / events).median,
            outcome.walsender(it.events).text(2),
            outcome.spread(|it| it.switches as f64).median,
            number(counted.reads),
            outcome.spread(|it| it.rss_kib as f64 / 1024.0).median,
            counted.allocs.map_or("–".to_owned(), |it| format!("{:.3}", it as f64 / events)),
        );
    }
}

/// The load before the first run; from then on it is our own.
static LOAD: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or("").to_owned()
});

/// What it ran on, in a line; `way` says what was below the protocol.
pub fn machine(way: &str) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let versions = std::env::var("PEERS_VERSIONS").unwrap_or_default();
    format!(
        "{} × {}, Linux {}; loopback, {way}, fsync off, binary values; load of the last \
         minute {}. {versions}",
        cores,
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        *LOAD
    )
}
