//! Runs the command and reads what it says.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use crate::harness::PATIENCE;
use crate::harness::server::wait_for_exit;

/// What a run said and came to.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub status: i32,
}

/// The status of what a signal ended.
pub const KILLED: i32 = -1;

/// The command, without this process's PG… variables.
pub fn command(conninfo: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgwalstream"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    for name in ["COLUMNS", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.args(["-d", conninfo]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub fn run(conninfo: &str, arguments: &[&str]) -> Said {
    finish(command(conninfo, arguments).spawn().unwrap())
}

/// Waits for its end.
pub fn finish(mut child: Child) -> Said {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = |from: Option<_>| std::thread::spawn(move || from.map(std::io::read_to_string));
    let out = read(out.map(|it| Box::new(it) as Box<dyn std::io::Read + Send>));
    let err = read(err.map(|it| Box::new(it) as Box<dyn std::io::Read + Send>));
    let status = wait_for_exit(&mut child).expect("the command ends").code().unwrap_or(KILLED);
    let text = |thread: std::thread::JoinHandle<Option<std::io::Result<String>>>| {
        thread.join().unwrap().map(Result::unwrap).unwrap_or_default()
    };
    Said { out: text(out), err: text(err), status }
}

/// Reads lines of a child that goes on, and kills it where they do not come.
pub fn read_lines(child: &mut Child, count: usize) -> String {
    let out = child.stdout.take().unwrap();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().take(count) {
            let _ = send.send(line.unwrap() + "\n");
        }
    });
    let mut text = String::new();
    for at in 0..count {
        match receive.recv_timeout(PATIENCE) {
            Ok(line) => text.push_str(&line),
            Err(_) => {
                child.kill().unwrap();
                panic!("{at} of {count} lines came: {text}");
            }
        }
    }
    text
}

/// Asks whether a stream of this database has begun.
pub const STREAMS: &str =
    "SELECT count(*) FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
    WHERE s.database = current_database() AND r.state IN ('catchup', 'streaming')";

/// The lines as JSON.
pub fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}
