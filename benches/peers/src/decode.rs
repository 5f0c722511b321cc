//! Decoding alone: the same captured messages through each client's decoder, in processes of their own, in turn.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::Client as Sql;
use serde::Deserialize;

use crate::arguments::{Arguments, Size};
use crate::report::{Spread, machine};
use crate::scenario::{Work, finish, prepare};
use crate::server::{Server, Way};
use crate::{Paths, Result, docs};

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
struct Printed {
    rows: u64,
    bytes: u64,
    ns_per_row: f64,
}

/// Name, program, its arguments, and how many times as long as this library it shall take.
const DECODERS: &[(&str, &str, &[&str], Option<f64>)] = &[
    ("pgwalstream, wal_decoder_decode", "c/decode", &[], None),
    ("pg_walstream, parser", "release/decode_pg_walstream", &["parse"], None),
    ("pg_walstream, events", "release/decode_pg_walstream", &["event"], Some(15.0)),
    ("pglogrepl, Parse", "go/decode", &[], Some(10.0)),
];

/// A peer, the aim, and what was reached.
type Ratio = (&'static str, f64, f64);

/// Captures, decodes, and writes `decode.md`.
pub fn run(given: &Arguments) -> Result<()> {
    let version = given.versions.first().copied().unwrap_or(18);
    let server = Server::start(&given.paths.servers, &given.paths.temp, version, Way::Clear)?;
    let mut sql = server.client()?;
    let works = [
        ("3 columns, inserts", Work::Insert { writers: 1, transactions: 20, rows: 1000, payload: 100 }),
        ("20 columns, inserts", Work::Wide { transactions: 10, rows: 500 }),
        ("inserts, updates and deletes, full old rows", Work::Mixed { batches: 20, rows: 500 }),
        ("one row a transaction", Work::Insert { writers: 1, transactions: 10_000, rows: 1, payload: 100 }),
    ];
    let mut text = format!(
        "# Decoding alone\n\n{}\n\nNanoseconds a row, the best pass of each process, median of {} processes in turn (least–most). \
         Where each message begins and ends was found before. The ratio is to \
         wal_decoder_decode.\n\n| messages | decoder | ns/row | ratio |\n|---|---|---|---|\n",
        machine(Way::Clear.words()),
        given.rounds
    );
    let mut aims = String::from("\n## Aims\n\n| aim | reached | at least | |\n|---|---|---|---|\n");
    for (name, work) in works {
        eprintln!("decoding: {name}");
        prepare(&mut sql, &work)?;
        sql.query("SELECT pg_create_logical_replication_slot('base', 'pgoutput')", &[])?;
        work.run(&server, &given.paths)?;
        finish(&mut sql)?;
        let file = capture(&mut sql, &given.paths)?;
        let seconds = if given.size == Size::Full { "2" } else { "0.3" };
        let ratios = compare(&mut text, name, given, &file, seconds)?;
        for (what, aim, ratio) in ratios {
            let verdict = if ratio >= aim { "" } else { "**missed**" };
            let _ = writeln!(aims, "| {name}: {what} ÷ pgwalstream | {ratio:.1} | {aim:.0} | {verdict} |");
        }
    }
    text.push_str(&aims);
    docs::publish(given, "decode.md", &text)
}

/// The messages as pgoutput makes them, each behind its length.
fn capture(sql: &mut Sql, paths: &Paths) -> Result<PathBuf> {
    let path = paths.temp.join("messages");
    let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
    let rows = sql.query(
        "SELECT data FROM pg_logical_slot_peek_binary_changes('base', NULL, NULL, 'proto_version', '1', \
         'publication_names', 'peers', 'binary', 'true')",
        &[],
    )?;
    for row in rows {
        let data: &[u8] = row.get(0);
        file.write_all(&u32::try_from(data.len())?.to_be_bytes())?;
        file.write_all(data)?;
    }
    file.flush()?;
    Ok(path)
}

fn compare(
    text: &mut String,
    name: &str,
    given: &Arguments,
    file: &Path,
    seconds: &str,
) -> Result<Vec<Ratio>> {
    let mut all: Vec<Vec<Printed>> = vec![Vec::new(); DECODERS.len()];
    for _ in 0..given.rounds {
        for ((what, program, rest, _), printed) in DECODERS.iter().zip(&mut all) {
            let done =
                Command::new(given.paths.built.join(program)).arg(file).arg(seconds).args(*rest).output()?;
            if !done.status.success() {
                return Err(format!("{what}: {}", String::from_utf8_lossy(&done.stderr)).into());
            }
            printed.push(serde_json::from_slice(&done.stdout)?);
        }
    }
    let first = all.first().and_then(|it| it.first()).copied().ok_or("no decoder")?;
    if let Some(other) = all.iter().flatten().find(|it| (it.rows, it.bytes) != (first.rows, first.bytes)) {
        return Err(format!("{name}: one decoder saw {first:?}, another {other:?}").into());
    }
    let (mut base, mut ratios) = (None, Vec::new());
    for ((what, _, _, aim), printed) in DECODERS.iter().zip(&all) {
        let ns = Spread::of(printed.iter().map(|it| it.ns_per_row));
        let base = *base.get_or_insert(ns.median);
        let _ = writeln!(
            text,
            "| {name} | {what} | {:.1} ({:.1}–{:.1}) | {:.1} |",
            ns.median,
            ns.least,
            ns.most,
            ns.median / base
        );
        ratios.extend(aim.map(|aim| (*what, aim, ns.median / base)));
    }
    Ok(ratios)
}
