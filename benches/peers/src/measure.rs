//! One run of one client, and what the kernel says it cost: the client by wait4 and /proc, its walsender by /proc.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client as Sql;
use serde::{Deserialize, Serialize};

use crate::Result;

/// How often /proc is looked at.
const TICK: Duration = Duration::from_millis(5);
/// A client that is slower than this has lost the stream.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a client prints.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Printed {
    pub events: u64,
    pub rows: u64,
    pub bytes: u64,
    pub allocs: Option<u64>,
    pub reads: Option<u64>,
    pub samples: u64,
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// What one run cost. Times in seconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    pub wall: f64,
    pub user: f64,
    pub system: f64,
    pub walsender: f64,
    pub switches: u64,
    pub rss_kib: u64,
    /// The version of TLS and the cipher.
    pub tls: Option<String>,
    pub printed: Option<Printed>,
}

/// When the run is over.
pub enum End<'a> {
    /// The client ends by itself.
    ByItself,
    /// It is interrupted once the server has sent all up to here; the position is asked for until it is known.
    Interrupt(&'a dyn Fn() -> Option<String>),
}

/// A client that has been started.
pub struct Running {
    pid: u32,
    begin: Instant,
    stdout: std::process::ChildStdout,
    ended: std::sync::mpsc::Receiver<(i32, libc::rusage, Instant)>,
    walsender: Option<u32>,
    sample: Sample,
}

/// Starts a client.
pub fn start(mut command: Command) -> Result<Running> {
    let begin = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| {
            format!("{} does not start: {error}", command.get_program().to_string_lossy())
        })?;
    let pid = child.id();
    let stdout = child.stdout.take().ok_or("no stdout")?;
    let (send, ended) = channel();
    thread::spawn(move || {
        // SAFETY: rusage is plain numbers, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        let mut status = 0;
        // SAFETY: the pointers lead to the locals above; nobody else waits for this child.
        unsafe { libc::wait4(pid as i32, &mut status, 0, &mut usage) };
        let _ = send.send((status, usage, Instant::now()));
    });
    Ok(Running { pid, begin, stdout, ended, walsender: None, sample: Sample::default() })
}

impl Running {
    /// Waits until its walsender streams.
    pub fn wait_for_walsender(&mut self, sql: &mut Sql, slot: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.walsender.is_none() {
            self.find_walsender(sql, slot)?;
            if Instant::now() > end || !std::path::Path::new(&format!("/proc/{}", self.pid)).exists() {
                return Err("the client does not come to stream".into());
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn find_walsender(&mut self, sql: &mut Sql, slot: &str) -> Result<()> {
        let query = "SELECT active_pid, (SELECT version || ', ' || cipher FROM pg_stat_ssl WHERE pid = active_pid AND ssl)
             FROM pg_replication_slots WHERE slot_name = $1";
        if let Some(row) = sql.query_opt(query, &[&slot])? {
            self.walsender = row.get::<_, Option<i32>>(0).and_then(|pid| u32::try_from(pid).ok());
            self.sample.tls = row.get(1);
        }
        Ok(())
    }

    /// Waits for its end, and tells what it cost.
    pub fn finish(mut self, sql: &mut Sql, slot: &str, end: &End, prints: bool) -> Result<Sample> {
        let deadline = Instant::now() + PATIENCE;
        let mut interrupted = false;
        let (status, usage, at) = loop {
            self.look();
            if self.walsender.is_none() {
                self.find_walsender(sql, slot)?;
            }
            if let (End::Interrupt(until), false) = (end, interrupted)
                && let Some(until) = until()
            {
                interrupted = self.interrupt_after(sql, &until)?;
            }
            match self.ended.recv_timeout(TICK) {
                Ok(ended) => break ended,
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => {
                    self.signal(libc::SIGKILL);
                    return Err("the client does not come to its end".into());
                }
            }
        };
        let mut text = String::new();
        self.stdout.read_to_string(&mut text)?;
        if status != 0 && !interrupted {
            return Err(format!("the client failed (wait status {status}): {text}").into());
        }
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        Ok(Sample {
            wall: (at - self.begin).as_secs_f64(),
            user: seconds(usage.ru_utime),
            system: seconds(usage.ru_stime),
            switches: usage.ru_nvcsw as u64,
            printed: if prints { Some(serde_json::from_str(text.trim())?) } else { None },
            ..self.sample
        })
    }

    fn interrupt_after(&self, sql: &mut Sql, until: &str) -> Result<bool> {
        let Some(walsender) = self.walsender else { return Ok(false) };
        let query = "SELECT sent_lsn > $1::text::pg_lsn FROM pg_stat_replication WHERE pid = $2";
        let row = sql.query_opt(query, &[&until, &(walsender as i32)])?;
        let sent = row.and_then(|row| row.get::<_, Option<bool>>(0)).unwrap_or(false);
        if sent {
            self.signal(libc::SIGINT);
        }
        Ok(sent)
    }

    fn signal(&self, signal: i32) {
        // SAFETY: a plain system call; the child is waited for only by our thread, which has not told of its end.
        unsafe { libc::kill(self.pid as i32, signal) };
    }

    /// Looks at /proc: what is seen last counts, as both processes are gone once they are done.
    fn look(&mut self) {
        // Not wait4's maxrss: it begins with the memory of the process that forked.
        if let Some(peak) =
            fs::read_to_string(format!("/proc/{}/status", self.pid)).ok().and_then(|it| peak_rss(&it))
        {
            self.sample.rss_kib = self.sample.rss_kib.max(peak);
        }
        let Some(walsender) = self.walsender else { return };
        let nanoseconds = fs::read_to_string(format!("/proc/{walsender}/schedstat"))
            .ok()
            .and_then(|it| it.split(' ').next()?.parse::<u64>().ok());
        if let Some(nanoseconds) = nanoseconds {
            self.sample.walsender = nanoseconds as f64 / 1e9;
        }
    }

    /// How long it has been running.
    pub fn begin(&self) -> Instant {
        self.begin
    }
}

fn peak_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
