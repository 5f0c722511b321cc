//! `pgwalstream slot watch`: slots, again and again. It must never end because a connection was lost: it makes another one.

use std::io::{self, IsTerminal};

use pgwalstream::{Connection, Options};

use crate::args::Watch;
use crate::json::member;
use crate::metrics::Metrics;
use crate::pipe::Pipe;
use crate::signals::{Ends, Signals};
use crate::slot::{Slots, is_lost, look, numbers, shown};
use crate::trouble::{Trouble, say};

/// Puts the cursor into the first line, and clears all below.
const CLEAR: &str = "\x1b[H\x1b[J";

pub async fn run(options: &Options, watch: Watch) -> Result<(), Trouble> {
    let metrics = Metrics::serve(&watch.serving)?;
    let mut signals = Signals::new()?;
    let (mut ends, out) = (Ends::new(&mut signals, None), Pipe::stdout());
    // A server that is not there at all is a mistake.
    let mut connection = Some(Connection::connect(options).await?);
    let mut pace = tokio::time::interval(watch.interval.max(std::time::Duration::from_millis(50)));
    let mut looks = 0;
    loop {
        tokio::select! {
            _ = pace.tick() => {}
            () = ends.wait() => return Ok(()),
        }
        let slots = tokio::select! {
            slots = look_again(&mut connection, options) => slots,
            () = ends.wait() => return Ok(()),
        };
        match slots {
            Ok(slots) => {
                metrics.tell(numbers(&slots), watch.interval);
                let slots = watched(&watch, slots);
                match ends.allow(out.write(show(&watch, &slots).as_bytes())).await {
                    Some(written) => written?,
                    None => return Ok(()),
                }
                judge(&watch, &slots)?;
            }
            Err(Trouble::Library(error)) if error.is_retriable() => {
                say(format_args!("{}", error.message()));
                connection = None;
            }
            Err(trouble) => return Err(trouble),
        }
        looks += 1;
        if watch.count.is_some_and(|most| looks >= most) {
            return Ok(());
        }
    }
}

async fn look_again(connection: &mut Option<Connection>, options: &Options) -> Result<Slots, Trouble> {
    if connection.is_none() {
        *connection = Some(Connection::connect(options).await?);
    }
    match connection {
        Some(connection) => look(connection).await,
        None => Ok(Slots::new()),
    }
}

/// The slots that are watched.
fn watched(watch: &Watch, mut slots: Slots) -> Slots {
    slots.retain(|(slot, _)| watch.names.is_empty() || watch.names.iter().any(|name| name == slot.name()));
    slots
}

/// What is printed of them.
fn show(watch: &Watch, slots: &Slots) -> String {
    let at = humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string();
    if watch.json {
        let mut first = String::new();
        member("at", &at, &mut first);
        shown(slots, true, &format!("{},", first.trim_start_matches(',')))
    } else if io::stdout().is_terminal() {
        format!("{CLEAR}{at}\n\n{}", shown(slots, false, ""))
    } else {
        format!("{at}\n{}\n", shown(slots, false, ""))
    }
}

/// An error: one that was named is lost, or not there.
fn judge(watch: &Watch, slots: &Slots) -> Result<(), Trouble> {
    for name in &watch.names {
        match slots.iter().find(|(slot, _)| slot.name() == name) {
            None => return Err(Trouble::Gone(format!("slot {name} does not exist"))),
            Some((slot, _)) if is_lost(slot) => return Err(Trouble::Gone(format!("slot {name} is lost"))),
            Some(_) => {}
        }
    }
    Ok(())
}
