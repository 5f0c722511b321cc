//! The fault run: writers write, and everything between them and the consumer goes wrong on purpose, again and again:
//! the network cuts at any byte, stalls one way and delays; walsenders are terminated and killed; servers stop, crash and
//! start; consumers are killed. Every committed row is delivered, in commit order, none twice within a process, and what
//! another process sees again is recognised by its identity.
//!
//! 100 faults for each version and over TLS with `cargo test --test faults`, a step of script/test; with the feature libpq
//! also through that. The environment asks for other runs, of more than 1,000 faults mostly cuts; a failure prints what
//! brings it back:
//!
//!     FAULTS=10000 FAULTS_SEED=7 cargo test --test faults v18 -- --nocapture

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]
#[allow(
    dead_code,
    unused_imports,
    reason = "the harness serves several test programs; each uses a part of it"
)]
#[path = "../harness/mod.rs"]
#[macro_use]
mod harness;

mod check;
mod consumer;
mod harm;
mod link;
mod over;
mod schedule;
mod writers;

use std::collections::BTreeSet;
use std::env;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use consumer::Consumer;
use harm::{Scene, Stops};
use harness::server::new_folder;
use harness::{Database, Random, Server, StopAtEnd, eventually};
use link::Link;
use over::Over;
use postgres::{Client, NoTls};
use schedule::{Storm, time_below};
use writers::{LAST, Row, WRITERS};

/// The servers give up a silent consumer sooner than it gives up them, and both within a fault or two.
const SETTINGS: [&str; 2] = ["wal_sender_timeout=3s", "restart_after_crash=on"];

const OPTIONS: [&str; 4] =
    ["status_interval=200ms", "reconnect_initial=10ms", "reconnect_max=300ms", "queue_bytes=256kB"];

fn storm(version: u32) {
    storm_over(Over::Plain, version);
}

on_every_version! { storm }

#[test]
fn over_tls() {
    storm_over(Over::Tls, 18);
}

#[test]
fn assembled() {
    storm_over(Over::Assembled, 18);
}

#[cfg(feature = "libpq")]
#[test]
fn over_libpq() {
    storm_over(Over::Libpq, 18);
}

#[cfg(feature = "libpq")]
#[test]
fn over_tls_of_libpq() {
    storm_over(Over::LibpqTls, 18);
}

fn storm_over(over: Over, version: u32) {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let faults = number("FAULTS").unwrap_or(100);
    let seed = number("FAULTS_SEED").unwrap_or_else(Random::fresh_seed);
    println!(
        "FAULTS={faults} FAULTS_SEED={seed} cargo test --test faults {} -- --nocapture",
        over.name(version)
    );
    let storm = if faults > 1000 { Storm::Long } else { Storm::Short };

    let authority = over.authority();
    let encryption = over::settings(authority.as_ref());
    let settings = SETTINGS.into_iter().chain(over.settings().iter().copied());
    let settings: Vec<&str> = settings.chain(encryption.iter().map(String::as_str)).collect();
    let server = Server::start(version, &settings);
    let mut db = server.database();
    db.run(
        "CREATE TABLE t (writer int, number int, place int, proof text, PRIMARY KEY (writer, number, place));
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    let link = Link::start(server.port);
    let encrypted = over::conninfo(authority.as_ref());
    let conninfo = format!("host=127.0.0.1 port={} user=postgres dbname={}{encrypted}", link.port(), db.name);
    let mut random = Random::new(seed);
    let folder = new_folder();
    let options = [&OPTIONS, over.options()].concat();
    let mut consumer = Consumer::start(&conninfo, &slot, &folder, random.below(u64::MAX), &options);
    let stop = AtomicBool::new(false);
    let stops = thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (server, name, stop, random) =
                (&server, db.name.clone(), &stop, Random::new(random.below(u64::MAX)));
            scope.spawn(move || writers::write(server, &name, writer, random, storm.writers_pause(), stop));
        }
        let stop = StopAtEnd(&stop);
        let mut scene = Scene {
            server: &server,
            link: &link,
            database: &db.name,
            slot: &slot,
            consumer: &mut consumer,
            stops: Stops::default(),
        };
        rage(&mut scene, storm, faults, &mut random);
        drop(stop);
        scene.stops
    });
    // Whatever still lies ahead of the network may come to pass now.
    catch_up(&server, &db.name, &mut consumer, 0);
    consumer.stop();
    db.sql = sql(&server, &db.name);
    let table = rows(&mut db);
    let summary = check::check(&consumer, &table);
    assert!(summary.rows as u64 > faults * 2, "only {} rows were written", summary.rows);
    assert!(summary.reconnects as u64 > faults / 10, "only {} reconnects", summary.reconnects);
    println!(
        "PostgreSQL {version} {over:?}: {faults} faults, {} rows, {} reconnects, {} processes, {} changes seen again, {} fast stops ({} ended by a cut)",
        summary.rows,
        summary.reconnects,
        consumer.lives(),
        summary.again,
        stops.all,
        stops.cut_off,
    );
}

/// One thing after the other goes wrong.
fn rage(scene: &mut Scene<'_>, storm: Storm, faults: u64, random: &mut Random) {
    let begin = Instant::now();
    for number in 1..=faults {
        let fault = storm.next(random);
        let pause = time_below(random, storm.pause());
        scene.commit(fault, random);
        scene.consumer.expect_alive();
        thread::sleep(pause);
        if number.is_multiple_of(500) {
            // Cuts keep large transactions from coming through: who is cut all the time falls behind.
            catch_up(scene.server, scene.database, scene.consumer, number);
            println!("PostgreSQL {}: {number} faults in {:?}", scene.server.version, begin.elapsed());
        }
    }
}

/// A connection to a server that may be starting.
fn sql(server: &Server, database: &str) -> Client {
    let conninfo = format!("{} connect_timeout=5", server.conninfo(database));
    let mut client = None;
    eventually("the server answers", || {
        client = Client::connect(&conninfo, NoTls).ok();
        client.is_some()
    });
    client.unwrap()
}

/// Writes a row and waits until it is seen, with all that was committed before it.
fn catch_up(server: &Server, database: &str, consumer: &mut Consumer, number: u64) {
    let insert = format!("INSERT INTO t VALUES ({LAST}, {number}, 0, 'last') ON CONFLICT DO NOTHING");
    // A server whose walsender was killed just now may still answer.
    eventually("the row is committed", || sql(server, database).batch_execute(&insert).is_ok());
    consumer.expect_line(&format!(" {LAST} {number} 0 last\n"));
}

fn rows(db: &mut Database<'_>) -> BTreeSet<Row> {
    let rows = db.sql.query("SELECT writer, number, place FROM t", &[]).unwrap();
    let of = |row: &postgres::Row, at: usize| row.get::<_, i32>(at) as u32;
    rows.iter().map(|row| (of(row, 0), of(row, 1), of(row, 2))).collect()
}
