//! The consumer's processes, and what they wrote down.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::writers::Row;
use crate::harness::server::{signal_process, wait_for_exit};
use crate::harness::{PATIENCE, Program};

/// A line of the consumer's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A change: its identity (commit_lsn and sequence), its row, and what the row holds.
    Change(u64, u32, Row, String),
    /// The end of a transaction.
    Commit(u64),
    /// Another connection: where it began, how far the last one had come, the attempts, and why.
    Reconnected(u64, u64, u64, i64),
    /// A transaction whose rest will not come.
    Discarded(u64),
}

/// One process after the other, each with a file of its own.
pub struct Consumer {
    command: Vec<String>,
    folder: PathBuf,
    lives: Vec<PathBuf>,
    child: Child,
}

impl Consumer {
    /// Starts the first. `options` are the stream's, as `key=value`.
    pub fn start(conninfo: &str, slot: &str, folder: &Path, seed: u64, options: &[&str]) -> Self {
        let command = [conninfo, slot].into_iter().chain(options.iter().copied());
        let command: Vec<String> = command.map(str::to_owned).collect();
        let file = folder.join("life-0");
        let child = run(&command, &file, seed);
        Self { command, folder: folder.to_owned(), lives: vec![file], child }
    }

    /// Ends the process without a warning and starts another.
    pub fn kill_and_start(&mut self, seed: u64) {
        self.expect_alive();
        signal_process(self.child.id(), libc::SIGKILL);
        wait_for_exit(&mut self.child).expect("who is killed ends");
        let file = self.folder.join(format!("life-{}", self.lives.len()));
        self.child = run(&self.command, &file, seed);
        self.lives.push(file);
    }

    /// Asks the process to end.
    pub fn stop(&mut self) {
        self.expect_alive();
        signal_process(self.child.id(), libc::SIGTERM);
        let status = wait_for_exit(&mut self.child).expect("the consumer ends");
        assert!(status.success(), "{status:?}: {}", self.said());
    }

    /// A consumer never ends by itself: no fault here is one that it may not survive.
    pub fn expect_alive(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "the consumer ended: {}", self.said());
    }

    /// How many processes there were.
    pub fn lives(&self) -> usize {
        self.lives.len()
    }

    /// Waits until the present process has written a line down. However far behind it is, it must go on.
    #[track_caller]
    pub fn expect_line(&mut self, line: &str) {
        let mut file = None;
        let mut text = String::new();
        let mut last = Instant::now();
        loop {
            self.expect_alive();
            if file.is_none() {
                file = File::open(self.file()).ok();
            }
            let read = file.as_mut().map_or(0, |file| file.read_to_string(&mut text).unwrap());
            if text.contains(line) {
                return;
            }
            if read > 0 {
                last = Instant::now();
                // What may be the beginning of the line stays.
                text.drain(..text.rfind('\n').unwrap_or(0));
            }
            assert!(last.elapsed() < PATIENCE, "nothing has come for {PATIENCE:?}, and not yet '{line}'");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many bytes the present process has written down.
    pub fn written(&self) -> u64 {
        fs::metadata(self.file()).map_or(0, |file| file.len())
    }

    /// What each process wrote down. Where it was killed the last line may be cut off.
    pub fn output(&self, life: usize) -> Vec<Line> {
        let text = fs::read_to_string(&self.lives[life]).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(parse).collect()
    }

    fn file(&self) -> &Path {
        &self.lives[self.lives.len() - 1]
    }

    fn said(&self) -> String {
        fs::read_to_string(self.file().with_extension("err")).unwrap_or_default()
    }
}

/// Who looks into a failed run wants the library's log.
impl Drop for Consumer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for file in self.lives.iter().rev().take(3) {
            let said = fs::read_to_string(file.with_extension("err")).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            eprintln!("--- {}\n{}", file.display(), lines[lines.len().saturating_sub(120)..].join("\n"));
        }
    }
}

fn run(command: &[String], file: &Path, seed: u64) -> Child {
    Program::build("tests/faults/consumer.c").start(|process| {
        process.args(&command[..2]).arg(file).arg(seed.to_string()).args(&command[2..]);
        process.stderr(File::create(file.with_extension("err")).unwrap());
    })
}

fn parse(line: &str) -> Line {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |at: usize| -> u64 { words[at].parse().unwrap_or_else(|_| panic!("'{line}'")) };
    match words[..] {
        ["C", _, _, _, _, _, proof] => {
            let row = (number(3) as u32, number(4) as u32, number(5) as u32);
            Line::Change(number(1), number(2) as u32, row, proof.to_owned())
        }
        ["T", _, _] => Line::Commit(number(1)),
        ["R", _, _, _, status] => Line::Reconnected(number(1), number(2), number(3), status.parse().unwrap()),
        ["D", _] => Line::Discarded(number(1)),
        _ => panic!("no line of the consumer's: '{line}'"),
    }
}
