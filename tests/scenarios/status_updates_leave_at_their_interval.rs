//! P3, P8: a status update leaves each interval, whatever else happens: nothing at all, an event a second, or a million rows
//! that wait. Seen from the server, as pg_stat_replication.reply_time, and counted by the stream itself.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Database, Kind, Next, Options, Server, Stream, eventually};
use pgwalstream::error::Status;

const INTERVAL: Duration = Duration::from_millis(500);

/// How late an update may be on a busy machine.
const LATE: Duration = Duration::from_millis(1500);

/// While it sends without a pause, the walsender looks at replies only each half of its patience (WalSndWriteData).
const PATIENCE: Duration = Duration::from_secs(2);

/// What the server heard, sampled for as long as a consumer works.
struct Heard {
    took: Duration,
    /// The times of the replies in the order in which they were seen, each once, in microseconds.
    replies: Vec<i64>,
    updates: u64,
}

impl Heard {
    /// Samples until `work` says that it is over; it must return at least each tenth of a second.
    fn sample(db: &mut Database<'_>, stream: &mut Stream, mut work: impl FnMut(&mut Stream) -> bool) -> Self {
        let pid = stream.stats().backend_pid;
        let query = format!(
            "SELECT (extract(epoch FROM reply_time) * 1000000)::bigint FROM pg_stat_replication WHERE pid = {pid}"
        );
        let (begin, before) = (Instant::now(), stream.stats().status_updates);
        let mut replies = Vec::new();
        let mut looked = begin;
        while work(stream) {
            if looked.elapsed() < Duration::from_millis(50) {
                continue;
            }
            looked = Instant::now();
            // Before the first reply it is NULL.
            if let Ok(reply) = db.text(&query).parse::<i64>()
                && replies.last() != Some(&reply)
            {
                replies.push(reply);
            }
        }
        Self { took: begin.elapsed(), replies, updates: stream.stats().status_updates - before }
    }

    #[track_caller]
    fn is_on_time(&self, what: &str, most: Duration) {
        let gaps = self.replies.windows(2).map(|pair| pair[1] - pair[0]);
        let longest = Duration::from_micros(gaps.max().expect("more than one reply").try_into().unwrap());
        let due = self.took.as_micros() / INTERVAL.as_micros();
        println!(
            "{what}: {} updates in {:?}, of which the server showed {}, {longest:?} apart at the most",
            self.updates,
            self.took,
            self.replies.len()
        );
        // A late one shifts those after it: half of them would mean that each was late by an interval.
        assert!(u128::from(self.updates) > due / 2, "{what}: {} of {due} updates left", self.updates);
        assert!(longest < most, "{what}: {longest:?} between two replies");
    }
}

/// Waits a little, acknowledging what comes.
fn idle(stream: &mut Stream, commits: &mut u64) {
    match stream.next(50).unwrap() {
        Next::Event(event) => {
            let (kind, lsn) = (event.kind(), event.fields().ack_lsn);
            *commits += u64::from(kind == Kind::Commit);
            stream.ack(lsn).unwrap();
        }
        Next::Nothing(status) => assert_eq!(status, Status::WAL_TIMEOUT),
    }
}

fn p3_at_each_load(version: u32) {
    let server = Server::start(version, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = format!("{} options='-c wal_sender_timeout={}s'", db.conninfo(), PATIENCE.as_secs());
    let open = || {
        let interval = format!("{}ms", INTERVAL.as_millis());
        Options::stream(&conninfo, &slot, "pub").with("status_interval", &interval).open().unwrap()
    };
    let mut stream = open();
    let mut commits = 0;

    let begin = Instant::now();
    let nothing = Heard::sample(&mut db, &mut stream, |stream| {
        idle(stream, &mut commits);
        begin.elapsed() < Duration::from_secs(6)
    });
    nothing.is_on_time("no events", INTERVAL + LATE);
    assert_eq!(commits, 0);
    // And not much more often: each interval, and once for each keepalive that asks.
    let keepalives = u128::from(stream.stats().keepalives);
    assert!(
        u128::from(nothing.updates) <= 6000 / INTERVAL.as_millis() + keepalives + 2,
        "{}",
        nothing.updates
    );

    let mut writer = server.client(&db.name);
    let begin = Instant::now();
    let mut written = 0;
    let slow = Heard::sample(&mut db, &mut stream, |stream| {
        if begin.elapsed() >= Duration::from_secs(written) {
            written += 1;
            writer.batch_execute("INSERT INTO t VALUES (0, '')").unwrap();
        }
        idle(stream, &mut commits);
        begin.elapsed() < Duration::from_secs(6)
    });
    slow.is_on_time("an event a second", INTERVAL + LATE);
    assert!(commits + 1 >= written && written >= 6, "{commits} of {written}");
    // The last one too, or it comes again with the backlog.
    eventually("every commit is read", || {
        idle(&mut stream, &mut commits);
        commits >= written
    });

    drop(stream);
    db.released(&slot);
    // In many transactions: a walsender that gathers a large one looks at no reply before it is complete.
    db.run(
        "DO $$ BEGIN FOR i IN 1..200 LOOP
         INSERT INTO t SELECT g, 'value of row ' || g FROM generate_series(1, 5000) g; COMMIT; END LOOP; END $$",
    );
    let mut stream = open();
    let (begin, mut rows) = (Instant::now(), 0_u64);
    let backlog = Heard::sample(&mut db, &mut stream, |stream| {
        let batch = stream.batch(60_000).unwrap_or_else(|outcome| panic!("{outcome:?} after {rows} rows"));
        rows += batch.events().filter(|event| event.fields().kind == Kind::Insert as u32).count() as u64;
        stream.ack(batch.ack_lsn()).unwrap();
        // Not faster than in six seconds: the queue is full, and what waits, waits in the server.
        let due = Duration::from_secs(6).mul_f64(rows as f64 / 1e6);
        thread::sleep(due.saturating_sub(begin.elapsed()).min(Duration::from_millis(100)));
        rows < 1_000_000
    });
    backlog.is_on_time("a backlog", PATIENCE / 2 + INTERVAL + LATE);
    assert_eq!(rows, 1_000_000);
}

on_versions! { p3_at_each_load v18 18; v15 15 }
