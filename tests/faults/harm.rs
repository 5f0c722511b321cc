//! Lets things go wrong, one at a time, and keeps count of what a server could not do by itself.

use std::thread;
use std::time::{Duration, Instant};

use super::consumer::Consumer;
use super::link::{End, Link, Way};
use super::schedule::Fault;
use super::sql;
use crate::harness::server::{Stop, signal_process};
use crate::harness::{Random, Server};

/// How long a server that is stopping may go without its consumer getting anything.
const STALLS_FOR: Duration = Duration::from_secs(20);

/// What is between and around a server and its consumer.
pub struct Scene<'a> {
    pub server: &'a Server,
    pub link: &'a Link,
    pub database: &'a str,
    pub slot: &'a str,
    pub consumer: &'a mut Consumer,
    pub stops: Stops,
}

/// Fast stops.
#[derive(Default)]
pub struct Stops {
    pub all: usize,
    /// Those that only went on when the consumer's connection was cut.
    pub cut_off: usize,
}

impl Scene<'_> {
    /// Lets one thing go wrong.
    pub fn commit(&mut self, fault: Fault, random: &mut Random) {
        match fault {
            Fault::Cut(way, bytes, end) => {
                self.link.cut_after(way, bytes, end);
                let patience = Instant::now() + Duration::from_millis(300);
                while !self.link.has_cut() && Instant::now() < patience {
                    thread::sleep(Duration::from_millis(2));
                }
            }
            Fault::Stall(way, time) => self.link.stall(way, time),
            Fault::Delay(time) => {
                self.link.delay(time);
                thread::sleep(Duration::from_millis(300));
                self.link.delay(Duration::ZERO);
            }
            Fault::Terminate => {
                let terminate = format!("SELECT pg_terminate_backend(active_pid) {}", self.of_slot());
                let _ = sql(self.server, self.database).batch_execute(&terminate);
            }
            Fault::Restart(how) => {
                match how {
                    Stop::Fast => self.stop_fast(),
                    Stop::Immediate => drop(self.server.stop(how)),
                }
                self.server.restart();
            }
            Fault::KillWalsender => {
                let query = format!("SELECT active_pid {}", self.of_slot());
                if let Ok(Some(row)) = sql(self.server, self.database).query_opt(&query, &[]) {
                    signal_process(row.get::<_, i32>(0) as u32, libc::SIGKILL);
                    // The server ends every connection and starts over; until then it still answers.
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Fault::KillConsumer => self.consumer.kill_and_start(random.below(u64::MAX)),
        }
    }

    fn of_slot(&self) -> String {
        let slot = self.slot;
        format!("FROM pg_replication_slots WHERE slot_name = '{slot}' AND active_pid IS NOT NULL")
    }

    /// A fast stop waits until the walsender has sent everything, however far behind it was.
    ///
    /// Not of a server that is still recovering: where the stop meets the end of recovery, the startup process waits
    /// for a checkpointer that has gone already, for a minute (RequestCheckpoint), with or without a consumer.
    fn stop_fast(&mut self) {
        drop(sql(self.server, self.database));
        self.stops.all += 1;
        let mut seen = (Instant::now(), self.consumer.written());
        while !self.server.stop_within(Stop::Fast, Duration::from_secs(1)) {
            let written = self.consumer.written();
            if written != seen.1 {
                seen = (Instant::now(), written);
            }
            if seen.0.elapsed() >= STALLS_FOR {
                return self.cut_off();
            }
        }
    }

    fn cut_off(&mut self) {
        self.stops.cut_off += 1;
        println!("PostgreSQL {} does not stop, and sends nothing for {STALLS_FOR:?}", self.server.version);
        // The consumer's next status update is its connection's last.
        self.link.cut_after(Way::ToServer, 1, End::Reset);
        self.server.stop(Stop::Fast);
    }
}
