//! Writers whose rows say what they must be. They outlive the server: what it had committed is read from the table.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};

use super::schedule::time_below;
use crate::harness::{Random, Server};

/// A row's key: its writer, the writer's transaction, its place in that.
pub type Row = (u32, u32, u32);

/// How many write at the same time.
pub const WRITERS: u32 = 3;

/// The writer of the row that ends a run.
pub const LAST: u32 = 99;

/// What a row must hold, so that a mix-up of rows shows.
pub fn proof((writer, number, place): Row) -> String {
    let mixed = (u64::from(writer) + 7) * 1_000_003;
    format!("{:x}", mixed ^ (u64::from(number) * 8_191) ^ (u64::from(place) << 33))
}

/// Writes until it is told to stop, through every end of the server, pausing for up to `pause` after a transaction.
pub fn write(
    server: &Server,
    database: &str,
    writer: u32,
    mut random: Random,
    pause: Duration,
    stop: &AtomicBool,
) {
    let conninfo = format!("{} connect_timeout=5", server.conninfo(database));
    // A number is used once: whether a transaction that a crash interrupted was committed is nobody's guess.
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        let Ok(mut sql) = Client::connect(&conninfo, NoTls) else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        while !stop.load(Ordering::SeqCst) {
            number += 1;
            if transaction(&mut sql, writer, number, &mut random).is_err() {
                break;
            }
            thread::sleep(time_below(&mut random, pause));
        }
    }
}

/// One transaction: mostly a few rows, sometimes thousands, some of them or all rolled back.
fn transaction(
    sql: &mut Client,
    writer: u32,
    number: u32,
    random: &mut Random,
) -> Result<(), postgres::Error> {
    let kept = if random.below(60) == 0 { 500 + random.below(2_500) } else { 1 + random.below(6) };
    let mut statements = "BEGIN;".to_owned();
    for place in 0..kept {
        statements.push_str(&insert((writer, number, place as u32), ""));
        if random.below(16) == 0 {
            statements.push_str("SAVEPOINT s;");
            statements.push_str(&insert((writer, number, 100_000 + place as u32), " wrong"));
            statements.push_str("ROLLBACK TO s; RELEASE s;");
        }
    }
    sql.batch_execute(&statements)?;
    // Between its rows and its end others commit.
    thread::sleep(time_below(random, Duration::from_millis(2)));
    sql.batch_execute(if random.below(10) == 0 { "ROLLBACK" } else { "COMMIT" })
}

fn insert(row: Row, mark: &str) -> String {
    let (writer, number, place) = row;
    format!("INSERT INTO t VALUES ({writer}, {number}, {place}, '{}{mark}');", proof(row))
}
