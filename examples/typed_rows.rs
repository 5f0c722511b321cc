//! Prints the orders of a shop as they change, each row as a struct of this program.
//!
//! ```text
//! cargo run --example typed_rows --features serde -- 'host=/run/postgresql dbname=shop' shop_slot shop_pub [COUNT]
//! ```
//!
//! It expects a table like this, and passes over all others:
//!
//! ```sql
//! CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10, 2), note text, placed timestamptz);
//! CREATE PUBLICATION shop_pub FOR TABLE orders;
//! ```
//!
//! The slot is made if there is none. After COUNT changes it ends at the end of their transaction; without COUNT, never.

use std::io::{Write, stdout};
use std::process::ExitCode;

use pgwalstream::{Error, Event, EventKind, Maybe, Options, SlotCreate, Stream};
use serde::Deserialize;

/// A row of the table. Columns that are not here are passed over.
#[derive(Debug, Deserialize)]
struct Order {
    id: i64,
    customer: String,
    /// NULL is None. A numeric is text, which keeps every digit; a decimal type that reads text does as well.
    total: Option<String>,
    /// A large text that an UPDATE left alone is not sent: it is what it was, and not None.
    note: Maybe<Option<String>>,
    /// RFC 3339, which chrono's, jiff's and time's types read too.
    placed: Option<String>,
}

/// What identifies a row, of which a DELETE has no more.
#[derive(Debug, Deserialize)]
struct OrderKey {
    id: i64,
}

fn show(event: &Event) -> Result<(), Error> {
    if event.relation().is_none_or(|table| table.name() != "orders") {
        return Ok(());
    }
    match event.kind() {
        EventKind::Insert | EventKind::Update => {
            let order: Order = event.deserialize_new()?;
            let total = order.total.as_deref().unwrap_or("not known");
            let placed = order.placed.as_deref().unwrap_or("never");
            print!("{} {}: {}, {total}, placed {placed}", event.kind(), order.id, order.customer);
            match order.note {
                Maybe::Sent(Some(note)) => println!(", {} bytes of note", note.len()),
                Maybe::Sent(None) => println!(),
                Maybe::Unchanged | Maybe::Absent => println!(", the note as before"),
            }
        }
        EventKind::Delete => println!("DELETE {}", event.deserialize_old::<OrderKey>()?.id),
        _ => {}
    }
    Ok(())
}

async fn run(options: &Options, count: usize) -> Result<(), Error> {
    let mut stream = Stream::connect(options).await?;
    let mut changes = 0;
    while let Some(event) = stream.next_event().await? {
        show(&event)?;
        changes +=
            usize::from(matches!(event.kind(), EventKind::Insert | EventKind::Update | EventKind::Delete));
        if let Some(end) = event.ack_lsn() {
            // What is acknowledged the server forgets: first the lines leave the process.
            if stdout().flush().is_err() {
                break;
            }
            stream.ack(end)?;
            if changes >= count {
                break;
            }
        }
    }
    stream.close().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [conninfo, slot, publication, rest @ ..] = &arguments[..] else {
        eprintln!("usage: typed_rows CONNINFO SLOT PUBLICATION [COUNT]");
        return ExitCode::from(2);
    };
    let Ok(count) = rest.first().map_or(Ok(usize::MAX), |count| count.parse()) else {
        eprintln!("typed_rows: COUNT is a number");
        return ExitCode::from(2);
    };
    let options = Options::new()
        .conninfo(conninfo)
        .slot(slot)
        .slot_create(SlotCreate::IfMissing)
        .publication(publication);
    match run(&options, count).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("typed_rows: {error}\n  {}", error.hint());
            ExitCode::FAILURE
        }
    }
}
