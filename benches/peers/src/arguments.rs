//! The command line. The folders come from the scripts, in the environment.

use std::path::PathBuf;

use crate::server::Way;
use crate::{Paths, Result};

/// Which of the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Run,
    Live,
    Latency,
    Large,
    SlowDisk,
    Decode,
    List,
}

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Full,
    /// Half the rows.
    Quick,
    /// What seven rounds over everything take a few minutes with.
    Short,
}

/// Where the reports go beside the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Docs {
    Leave,
    /// Below docs/.
    Write,
}

/// What was asked for.
#[derive(Debug)]
pub struct Arguments {
    pub what: What,
    pub size: Size,
    pub docs: Docs,
    pub rounds: usize,
    pub way: Way,
    /// Empty: all.
    pub scenarios: Vec<String>,
    /// Empty: each scenario's own.
    pub versions: Vec<u32>,
    /// Empty: all. Parts of names.
    pub clients: Vec<String>,
    pub paths: Paths,
}

impl Arguments {
    /// Reads them.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let folder = |name: &str| -> Result<PathBuf> {
            std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set").into())
        };
        let what = match words.next().as_deref() {
            Some("run") => What::Run,
            Some("live") => What::Live,
            Some("latency") => What::Latency,
            Some("large") => What::Large,
            Some("slow-disk") => What::SlowDisk,
            Some("decode") => What::Decode,
            _ => {
                return Err(
                    "start me through benches/peers/run, live, latency, large, slow-disk or decode".into()
                );
            }
        };
        let mut it = Self {
            what,
            size: Size::Full,
            docs: Docs::Leave,
            rounds: 0,
            way: Way::Clear,
            scenarios: Vec::new(),
            versions: Vec::new(),
            clients: Vec::new(),
            paths: Paths {
                servers: folder("PEERS_SERVERS")?,
                built: folder("PEERS_BUILT")?,
                temp: folder("PEERS_TEMP")?,
                out: folder("PEERS_OUT")?,
                root: folder("PEERS_ROOT")?,
            },
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => it.size = Size::Quick,
                "--short" => it.size = Size::Short,
                "--write-docs" => it.docs = Docs::Write,
                "--tls" => it.way = Way::Tls,
                "--list" => it.what = What::List,
                "--rounds" => {
                    it.rounds =
                        value()?.parse().ok().filter(|n| *n > 0).ok_or("--rounds takes a number above 0")?;
                }
                "--version" => it.versions.push(value()?.parse().map_err(|_| "--version takes 14 to 18")?),
                "--scenario" => it.scenarios.push(value()?),
                "--client" => it.clients.push(value()?),
                "--out" => it.paths.out = value()?.into(),
                _ => return Err(format!("unknown argument {word}: see --help").into()),
            }
        }
        if it.rounds == 0 {
            it.rounds = if it.size == Size::Short && it.what != What::Run { 3 } else { 7 };
        }
        Ok(it)
    }

    /// Whether a client takes part.
    pub fn wants_client(&self, name: &str) -> bool {
        self.clients.is_empty() || self.clients.iter().any(|part| name.contains(part.as_str()))
    }
}
