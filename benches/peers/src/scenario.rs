//! What is measured: the tables and sizes of pg_walstream's own load test, and what it lacks.
//! To add one: a row in `all`, and, for a new kind of work, an arm in `Work::run`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::thread;

use postgres::Client;

use crate::arguments::Size;
use crate::server::Server;
use crate::{Paths, Result};

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub what: String,
    pub work: Work,
    /// Whether clients ask for streaming=on.
    pub streaming: bool,
    /// The versions it runs on unless others are asked for.
    pub versions: &'static [u32],
}

/// How the rows come to be.
#[derive(Clone, Debug)]
pub enum Work {
    /// `writers` at once, each `transactions` of `rows` inserts into a table of one payload.
    Insert { writers: u32, transactions: u32, rows: u32, payload: u32 },
    /// Twenty columns of 50 bytes.
    Wide { transactions: u32, rows: u32 },
    /// Batches of rows of which half are kept, a quarter updated, a quarter deleted; replica identity full.
    Mixed { batches: u32, rows: u32 },
    /// While a client reads: pgbench's clients, each `transactions` of `rows`.
    Live { writers: u32, transactions: u32, rows: u32, how: How },
}

/// How live writers write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Insert,
    Copy,
}

/// All scenarios.
pub fn all(size: Size) -> Vec<Scenario> {
    let less = match size {
        Size::Full => 1,
        Size::Quick => 2,
        Size::Short => 5,
    };
    let insert = |writers, transactions: u32, rows, payload| Work::Insert {
        writers,
        transactions: (transactions / less).max(1),
        rows,
        payload,
    };
    let backlog = |name: &str, what: &str, work| Scenario {
        name: name.into(),
        what: what.into(),
        work,
        streaming: false,
        versions: &[18],
    };
    // More than the walsender's memory holds, however short the run.
    let million = if size == Size::Short { 300_000 } else { 1_000_000 / less };
    let mut all = vec![
        backlog("Baseline", "1 writer, 8,000 rows a transaction, 100-byte payload", insert(1, 50, 8000, 100)),
        backlog("Batch-100", "100 rows a transaction", insert(1, 3000, 100, 100)),
        backlog("Batch-5000", "5,000 rows a transaction", insert(1, 80, 5000, 100)),
        backlog("4-Writers", "4 writers at once, 8,000 rows a transaction", insert(4, 12, 8000, 100)),
        backlog(
            "Wide-20col",
            "20 columns of 50 bytes, 500 rows a transaction",
            Work::Wide { transactions: 300 / less, rows: 500 },
        ),
        backlog(
            "Payload-2KB",
            "payloads of 2,000 bytes, 500 rows a transaction",
            // What starting costs must not show beside reading.
            Work::Insert { writers: 1, transactions: 300 / less.min(2), rows: 500, payload: 2000 },
        ),
        backlog(
            "Mixed-DML",
            "500 inserts, then a quarter updated, a quarter deleted; replica identity full",
            Work::Mixed { batches: 300 / less, rows: 500 },
        ),
        backlog("One-row", "one row a transaction", insert(1, 100_000, 1, 100)),
        backlog(
            "Txn-1M",
            &format!("one transaction of {million} rows, sent at its commit"),
            insert(1, 1, million, 100),
        ),
        Scenario {
            streaming: true,
            ..backlog(
                "Txn-1M-streamed",
                "the same, sent while it runs (streaming=on)",
                insert(1, 1, million, 100),
            )
        },
    ];
    for how in [How::Insert, How::Copy] {
        for writers in [16, 64, 192] {
            let rows = if size == Size::Short { 1_000 } else { 10_000 / less };
            let transactions = (64 / writers).max(1);
            let verb = if how == How::Insert { "INSERT" } else { "COPY" };
            all.push(Scenario {
                name: format!("Live-{verb}-{writers}w"),
                what: format!("{writers} writers at work, {rows} rows a transaction by {verb}"),
                work: Work::Live { writers, transactions, rows, how },
                streaming: false,
                versions: &[16, 18],
            });
        }
    }
    all
}

impl Scenario {
    /// Whether the work is done while a client reads.
    pub fn is_live(&self) -> bool {
        matches!(self.work, Work::Live { .. })
    }
}

/// Makes tables and the publication anew, and drops every slot of a former scenario.
pub fn prepare(sql: &mut Client, work: &Work) -> Result<()> {
    let columns = match work {
        Work::Wide { .. } => (1..=20).fold(String::new(), |mut all, n| {
            let _ = write!(all, ", col_{n} text");
            all
        }),
        _ => ", payload text NOT NULL, created_at timestamp DEFAULT now()".to_owned(),
    };
    let identity = if matches!(work, Work::Mixed { .. }) { "FULL" } else { "DEFAULT" };
    sql.batch_execute(&format!(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
         DROP PUBLICATION IF EXISTS peers;
         DROP TABLE IF EXISTS bench, finish;
         CREATE TABLE bench (id serial PRIMARY KEY{columns});
         ALTER TABLE bench REPLICA IDENTITY {identity};
         CREATE TABLE finish (n int PRIMARY KEY);
         CREATE PUBLICATION peers FOR TABLE bench, finish;
         CHECKPOINT;"
    ))?;
    Ok(())
}

/// Ends the work: the transaction that every client waits for. Returns a position right before it.
pub fn finish(sql: &mut Client) -> Result<String> {
    sql.batch_execute("SET synchronous_commit = on;")?;
    let before: String = sql.query_one("SELECT pg_current_wal_lsn()::text", &[])?.get(0);
    sql.batch_execute("INSERT INTO finish VALUES (1)")?;
    Ok(before)
}

impl Work {
    /// Does it all.
    pub fn run(&self, server: &Server, paths: &Paths) -> Result<()> {
        match *self {
            Self::Insert { writers, transactions, rows, payload } => {
                let payload = format!("repeat('x', {payload})");
                let statement =
                    format!("INSERT INTO bench (payload) SELECT {payload} FROM generate_series(1, {rows})");
                at_once(server, writers, &loop_of(transactions, &statement))
            }
            Self::Wide { transactions, rows } => {
                let names: Vec<String> = (1..=20).map(|n| format!("col_{n}")).collect();
                let values = vec!["repeat('y', 50)"; 20].join(", ");
                let names = names.join(", ");
                let statement =
                    format!("INSERT INTO bench ({names}) SELECT {values} FROM generate_series(1, {rows})");
                at_once(server, 1, &loop_of(transactions, &statement))
            }
            Self::Mixed { batches, rows } => {
                let statement = format!(
                    "INSERT INTO bench (payload) SELECT repeat('x', 100) FROM generate_series(1, {rows});
                     COMMIT;
                     UPDATE bench SET payload = payload || '_upd' WHERE id > {rows} * (i - 1) AND id % 4 = 2;
                     COMMIT;
                     DELETE FROM bench WHERE id > {rows} * (i - 1) AND id % 4 = 3"
                );
                at_once(server, 1, &loop_of(batches, &statement))
            }
            Self::Live { writers, transactions, rows, how } => {
                let script = paths.temp.join("live.sql");
                let work = match how {
                    How::Insert => format!(
                        "INSERT INTO bench (payload) SELECT repeat('x', 100) FROM generate_series(1, {rows});\n"
                    ),
                    How::Copy => {
                        let data = paths.temp.join("live.txt");
                        fs::write(&data, format!("{}\n", "x".repeat(100)).repeat(rows as usize))?;
                        format!("COPY bench (payload) FROM '{}';\n", data.display())
                    }
                };
                fs::write(&script, work)?;
                let done = Command::new(paths.program("pgbench"))
                    .args(["-n", "-h", "127.0.0.1", "-U", "postgres", "-p", &server.port.to_string()])
                    .args(["-j", "1", "-c", &writers.to_string(), "-t", &transactions.to_string(), "-f"])
                    .arg(&script)
                    .arg("postgres")
                    .output()?;
                if done.status.success() {
                    return Ok(());
                }
                Err(format!("pgbench failed: {}", String::from_utf8_lossy(&done.stderr)).into())
            }
        }
    }
}

/// A procedure's body that does a statement in so many transactions of its own.
fn loop_of(transactions: u32, statement: &str) -> String {
    format!("DO $$ BEGIN FOR i IN 1..{transactions} LOOP {statement}; COMMIT; END LOOP; END $$")
}

fn at_once(server: &Server, writers: u32, sql: &str) -> Result<()> {
    thread::scope(|scope| {
        let all: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut client = server.client()?;
                    client.batch_execute("SET synchronous_commit = off")?;
                    Ok(client.batch_execute(sql)?)
                })
            })
            .collect();
        all.into_iter().try_for_each(|it| it.join().map_err(|_| "a writer panicked")?)
    })
}
