//! The clients. To add one (this library in Rust, through C++): a row in `ALL`, and a program that takes
//! `PORT SLOT off|on|assembled count|latency`, reads until table `finish` was inserted into, and prints one line of JSON.

use std::process::Command;

use crate::Paths;

/// One client.
#[derive(Debug)]
pub struct Client {
    /// As tables name it.
    pub name: &'static str,
    pub program: Program,
    pub family: Family,
    /// Whether it also takes part while writers are at work, and in the latency command.
    pub live: bool,
}

/// What to start.
#[derive(Debug)]
pub enum Program {
    /// One of C, in the folder of built C programs.
    C(&'static str),
    /// One of this crate, and what it takes beyond the usual.
    Rust(&'static str, &'static [&'static str]),
    /// One of the Go module.
    Go(&'static str),
    /// PostgreSQL's own.
    Recvlogical,
}

/// Whose it is, and so what of it can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Ours,
    Peer,
    /// Decodes nothing: the wall clock only.
    WallClock,
    /// Counts messages: what reading alone costs.
    Floor,
}

pub static ALL: &[Client] = &[
    Client {
        name: "pgwalstream, next",
        program: Program::C("pgwalstream_next"),
        family: Family::Ours,
        live: true,
    },
    Client {
        name: "pgwalstream, next_batch",
        program: Program::C("pgwalstream_batch"),
        family: Family::Ours,
        live: true,
    },
    Client {
        name: "pgwalstream through Go",
        program: Program::Go("pgwalstream"),
        family: Family::Ours,
        live: false,
    },
    Client {
        name: "pg_walstream, next_event",
        program: Program::Rust("pg_walstream", &["next"]),
        family: Family::Peer,
        live: true,
    },
    Client {
        name: "pg_walstream, Stream",
        program: Program::Rust("pg_walstream", &["stream"]),
        family: Family::Peer,
        live: false,
    },
    Client { name: "pglogrepl (Go)", program: Program::Go("pglogrepl"), family: Family::Peer, live: true },
    Client { name: "pg_recvlogical", program: Program::Recvlogical, family: Family::WallClock, live: true },
    Client {
        name: "floor: read and count",
        program: Program::C("floor"),
        family: Family::Floor,
        live: false,
    },
    Client {
        name: "floor, gathering",
        program: Program::C("floor_coalescing"),
        family: Family::Floor,
        live: false,
    },
];

/// How large transactions come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    Off,
    On,
    /// This library alone.
    Assembled,
}

impl Streaming {
    /// As the clients take it.
    fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Assembled => "assembled",
        }
    }
}

/// What a client is to do.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub port: u16,
    pub slot: &'a str,
    pub streaming: Streaming,
    pub latency: bool,
    /// `disable` or `require`.
    pub sslmode: &'static str,
    /// A position before the last transaction, where it is known beforehand: pg_recvlogical ends there.
    pub end: Option<&'a str>,
}

impl Client {
    /// Whether it can speak TLS: the libpq that pg_recvlogical is fetched with may not.
    pub fn has_tls(&self) -> bool {
        !matches!(self.family, Family::Floor | Family::WallClock)
    }

    /// Whether it counts rows and prints what it counted.
    pub fn counts(&self) -> bool {
        self.family != Family::WallClock
    }

    /// The command that starts it.
    pub fn command(&self, paths: &Paths, task: &Task) -> Command {
        let (program, rest): (_, &[&str]) = match self.program {
            Program::C(name) => (paths.built.join("c").join(name), &[]),
            Program::Rust(name, rest) => (paths.built.join("release").join(name), rest),
            Program::Go(name) => (paths.built.join("go").join(name), &[]),
            Program::Recvlogical => return recvlogical(paths, task),
        };
        let mut command = Command::new(program);
        command.arg(task.port.to_string()).arg(task.slot).arg(task.streaming.word());
        command.arg(if task.latency { "latency" } else { "count" }).args(rest);
        command.env("PEERS_SSLMODE", task.sslmode);
        command
    }
}

fn recvlogical(paths: &Paths, task: &Task) -> Command {
    let mut command = Command::new(paths.program("pg_recvlogical"));
    command.args(["-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-p", &task.port.to_string()]);
    command.env("PGSSLMODE", task.sslmode);
    command.args(["--start", "--no-loop", "-F", "0", "-f", "/dev/null", "-S", task.slot]);
    command.args(["-o", "publication_names=peers", "-o", "binary=true"]);
    command.args(if task.streaming != Streaming::Off {
        ["-o", "proto_version=2", "-o", "streaming=on"].as_slice()
    } else {
        ["-o", "proto_version=1"].as_slice()
    });
    if let Some(end) = task.end {
        command.args(["--endpos", end]);
    }
    command
}
