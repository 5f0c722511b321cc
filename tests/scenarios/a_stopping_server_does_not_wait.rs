//! P9: a server that is told to stop waits until its consumers have confirmed all it sent. One that is caught up
//! confirms at once, so that stopping takes at most a second more than with nobody there, and its consumer learns
//! that it may come back.

use std::thread;
use std::time::Duration;

use crate::harness::server::Stop;
use crate::harness::{Database, Kind, Next, Options, Server, Stream, backend};
use pgwalstream::error::Status;

fn p9_a_caught_up_consumer_does_not_delay_a_fast_stop(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t SELECT generate_series(1, 1000); CHECKPOINT");
    let alone = server.stop(Stop::Fast);

    for attached in [Attached::Waiting, Attached::Silent] {
        // A busy machine may delay one stop, or two, but not each.
        let mut tries = (0..3).map(|_| stop_with(&server, &mut db, &slot, attached));
        let quick = tries.any(|took| took <= alone + Duration::from_secs(1));
        assert!(quick, "{attached:?}: thrice more than a second longer than {alone:?}");
    }
    // Nothing was lost or comes twice for it: what was acknowledged is gone, what is new comes.
    server.restart();
    db.sql = server.client(&db.name);
    db.run("INSERT INTO t VALUES (100000)");
    let seen = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap().read_transactions(1);
    assert!(seen.iter().any(|event| event.line == "INSERT public.t new id=100000"), "{seen:?}");
}

/// What the consumer does as the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attached {
    /// It waits in a call.
    Waiting,
    /// It makes no call.
    Silent,
}

/// Starts the server again, lets a consumer catch up, and stops it.
fn stop_with<'s>(server: &'s Server, db: &mut Database<'s>, slot: &str, attached: Attached) -> Duration {
    server.restart();
    db.sql = server.client(&db.name);
    // A status interval longer than the test: only the server's question or the acknowledgement can be the reason.
    let options = Options::stream(&db.conninfo(), slot, "pub").with("status_interval", "1h");
    let options = options.with("reconnect", "off");
    let mut stream = options.open().unwrap();
    db.script("INSERT INTO t SELECT max(id) + 1 FROM t;\nDELETE FROM t WHERE id % 100 = (SELECT max(id) % 100 FROM t)");
    // Reads the last transaction there is, and acknowledges it.
    let mut last = 0;
    loop {
        match stream.next(1000).unwrap() {
            Next::Event(event) => last = last.max(event.fields().ack_lsn),
            Next::Nothing(_) if last != 0 => break,
            Next::Nothing(status) => assert_eq!(status, Status::WAL_TIMEOUT),
        }
    }
    stream.ack(last).unwrap();
    db.run("CHECKPOINT");
    let (took, ending) = if attached == Attached::Waiting {
        let waiter = thread::spawn(move || {
            let mut stream = stream;
            stream.read_to_error().1
        });
        let took = server.stop(Stop::Fast);
        (took, waiter.join().unwrap())
    } else {
        let took = server.stop(Stop::Fast);
        (took, stream.read_to_error().1)
    };
    let endings = [Status::WAL_E_SERVER_SHUTDOWN, Status::WAL_E_CONNECTION_LOST];
    assert!(endings.contains(&ending.status), "{ending:?}");
    assert!(ending.is_retriable && ending.is_fatal, "{ending:?}");
    took
}

on_versions! { p9_a_caught_up_consumer_does_not_delay_a_fast_stop v14 14, v18 18 }

/// While a server starts or stops, connecting fails in a way that says to try again.
#[test]
fn p9_a_server_that_is_not_there_is_worth_another_try() {
    let server = Server::start(18, &[]);
    let conninfo = server.conninfo("postgres");
    server.stop(Stop::Immediate);
    let failure = Options::stream(&conninfo, "s", "p").open().err().unwrap();
    assert_eq!(failure.status, Status::WAL_E_CONNECT, "{failure:?}");
    assert!(failure.is_retriable && failure.os_errno == backend::errno(libc::ECONNREFUSED), "{failure:?}");
}

/// Twenty that wait, and twenty that acknowledge each commit at once while somebody writes until the very end.
/// What forty walsenders may take to decode the last of it, beside other tests on two processors. A consumer that does not
/// confirm holds the server up for as long as its status interval, 10 s.
const OF_FORTY: Duration = Duration::from_secs(5);

fn p9_forty_consumers_do_not_delay_a_fast_stop(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run(
        "CREATE TABLE busy (id int); CREATE TABLE idle (id int);
         CREATE PUBLICATION busy FOR TABLE busy; CREATE PUBLICATION idle FOR TABLE idle",
    );
    let slots: Vec<(String, &str)> =
        (0..40).map(|number| (db.slot(), if number < 20 { "busy" } else { "idle" })).collect();
    // What stopping takes with the same writer and no consumer.
    let alone = stop_under_load(&server, &mut db, &[]);
    // A busy machine may delay one stop, or two, but not each.
    let mut tries = (0..3).map(|_| {
        server.restart();
        db.sql = server.client(&db.name);
        stop_under_load(&server, &mut db, &slots)
    });
    let quick = tries.any(|took| {
        println!("{version}: {took:?}, alone {alone:?}");
        took <= alone + OF_FORTY
    });
    assert!(quick, "thrice more than {OF_FORTY:?} longer than {alone:?}");
}

/// Lets consumers of these slots, and somebody who writes, run for a second, and stops the server.
fn stop_under_load<'s>(server: &'s Server, db: &mut Database<'s>, slots: &[(String, &str)]) -> Duration {
    db.run("CHECKPOINT");
    let consumers: Vec<_> = slots
        .iter()
        .map(|(slot, publication)| {
            // Longer than the test: only the server's question or the acknowledgement can be the reason to report.
            let options = Options::stream(&db.conninfo(), slot, publication).with("status_interval", "1h");
            let options = options.with("reconnect", "off");
            let stream = options.open().unwrap();
            thread::spawn(move || consume(stream))
        })
        .collect();
    let mut writer = server.client(&db.name);
    let writing = thread::spawn(move || {
        let mut commits = 0;
        while writer.batch_execute("INSERT INTO busy VALUES (1)").is_ok() {
            commits += 1;
            thread::sleep(Duration::from_millis(2));
        }
        commits
    });
    thread::sleep(Duration::from_secs(1));
    let took = server.stop(Stop::Fast);
    assert!(writing.join().unwrap() > 10, "somebody wrote");
    let commits: Vec<u64> = consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect();
    for ((_, publication), commits) in slots.iter().zip(&commits) {
        assert_eq!(*publication == "busy", *commits > 0, "{commits} commits of {publication}");
    }
    took
}

/// Acknowledges each commit at once, until the server is gone. Tells how many there were.
fn consume(mut stream: Stream) -> u64 {
    let mut commits = 0;
    loop {
        match stream.next(60_000) {
            Ok(Next::Event(event)) => {
                let (kind, lsn) = (event.kind(), event.fields().ack_lsn);
                commits += u64::from(kind == Kind::Commit);
                stream.ack(lsn).unwrap();
            }
            Ok(Next::Nothing(status)) => panic!("{status:?}"),
            Err(failure) => {
                assert!(failure.is_retriable, "{failure:?}");
                return commits;
            }
        }
    }
}

on_versions! { p9_forty_consumers_do_not_delay_a_fast_stop v15 15, v18 18 }
