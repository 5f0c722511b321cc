//! What of the reports goes into the project's documents. It must never write there unasked.

use std::fmt::Write as _;
use std::fs;

use crate::arguments::{Arguments, Docs};
use crate::clients::ALL;
use crate::report::machine;
use crate::suite::Result1;
use crate::{Result, chart};

const BEGIN: &str = "<!-- peers: benches/peers/run --write-docs writes what follows -->\n";
const END: &str = "<!-- end of peers -->\n";

/// Writes a report into the folder, prints it, and, if that is wanted, puts it below docs/peers.
pub fn publish(given: &Arguments, name: &str, text: &str) -> Result<()> {
    fs::create_dir_all(&given.paths.out)?;
    fs::write(given.paths.out.join(name), text)?;
    println!("{text}");
    if given.docs == Docs::Write {
        let folder = given.paths.root.join("docs/peers");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// Puts the chart beside the reports, and the table between the marks of docs/performance.md.
pub fn write_page(given: &Arguments, results: &[Result1]) -> Result<()> {
    fs::write(given.paths.root.join("docs/peers/peers.svg"), chart::svg(results))?;
    let path = given.paths.root.join("docs/performance.md");
    let page = fs::read_to_string(&path)?;
    let (before, rest) =
        page.split_once(BEGIN).ok_or("docs/performance.md has no mark where the table goes")?;
    let (_, after) = rest.split_once(END).ok_or("docs/performance.md has no mark where the table ends")?;
    fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table(results, given.way.words())))?;
    Ok(())
}

/// CPU an event: a row a scenario, a column a client.
fn table(results: &[Result1], way: &str) -> String {
    let clients: Vec<&str> = ALL.iter().map(|it| it.name).filter(|name| took_part(results, name)).collect();
    let rounds = results.first().and_then(|it| it.outcomes.first()).map_or(0, |it| it.samples.len());
    let mut text = format!("\n| | {} |\n|---|{}\n", clients.join(" | "), "---|".repeat(clients.len()));
    for it in results.iter().filter(|it| !it.live) {
        let _ = write!(text, "| {} |", it.scenario);
        for client in &clients {
            let cpu = it
                .outcomes
                .iter()
                .find(|outcome| outcome.client == *client)
                .map(|outcome| outcome.cpu(it.events));
            let _ = write!(text, " {} |", cpu.map_or("–".to_owned(), |it| format!("{:.2}", it.median)));
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "\nMicroseconds of the client's CPU an event, medians of {rounds} rounds. {}\n\n![The same as a chart](peers/peers.svg)\n",
        machine(way)
    );
    text
}

fn took_part(results: &[Result1], name: &str) -> bool {
    results.iter().any(|it| it.outcomes.iter().any(|outcome| outcome.client == name))
}
