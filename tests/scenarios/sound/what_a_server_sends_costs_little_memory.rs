//! Whatever a server sends, a process with little memory left gets an error and lives on: it is never aborted.
//!
//! The library runs in children whose address space is bounded anew for each case; the server, and who stands between, are the
//! parent's.

use std::collections::BTreeMap;
use std::process::Command;

use super::hostile_words;
use crate::harness::server::unique;
use crate::harness::{Next, Options, Proxy, Server};
use pgwalstream::error::Status;

/// What a child is told: a line for each case, with its name, how many MiB the library may take, and how to reach the server.
const CASES: &str = "WAL_S51_CASES";

/// What the machinery around takes: threads, their stacks, the runtime.
const AROUND: u64 = 64;

/// How many cases there are at least: who loses some on the way has to say so here.
const AT_LEAST: usize = 300;

/// Where the server begins to mean harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In place of the first request for a password.
    Start,
    /// In place of the key that is told behind the settings.
    Settings,
    /// In place of the first row.
    Query,
    /// In place of the walsender's first word.
    InCopy,
}

use Place::{InCopy, Query, Settings, Start};

/// What is said behind the first words.
#[derive(Clone, Debug)]
pub enum Then {
    /// The same for ever.
    Again(Vec<u8>),
    /// Nothing: the connection is closed.
    Cut,
}

/// What a hostile server does.
#[derive(Clone, Debug)]
pub struct Case {
    pub what: String,
    pub place: Place,
    /// How much the library may take for it, in MiB.
    pub budget: u64,
    pub first: Vec<u8>,
    pub then: Then,
    /// What it may end with; empty: any error but one that tells of a fault of the library.
    pub expected: &'static [Status],
}

pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [header(tag, body.len()), body.to_vec()].concat()
}

pub fn header(tag: u8, length: usize) -> Vec<u8> {
    [&[tag], &(length as u32 + 4).to_be_bytes()[..]].concat()
}

fn setting(number: u32, size: usize) -> Vec<u8> {
    message(b'S', &[format!("name{number}\0").as_bytes(), &vec![0xFF; size], b"\0"].concat())
}

/// What is large, or never ends.
#[rustfmt::skip] // a table
fn floods() -> Vec<Case> {
    use Status::*;
    const BROKEN: &[Status] = &[WAL_E_PROTOCOL];
    let authenticated = message(b'R', &[0; 4]);
    let settings = |size| (0..8).flat_map(|number| setting(number, size)).collect::<Vec<u8>>();
    let notice = [&b"VWARNING\0C01000\0M"[..], &[0xFF; 60_000], b"\0\0"].concat();
    let words = |tag| [header(tag, 48 << 20), b"SERROR\0VERROR\0C22000\0M".to_vec()].concat();
    let row = message(b'D', &[&b"\0\x01\0\x0f\0\0"[..], &vec![0xFF; 15 << 16]].concat());
    let wide = message(b'D', &[&65_535_u16.to_be_bytes()[..], &[0xFF; 4 * 65_535]].concat());
    let columns = |count: u16| {
        message(b'T', &[&count.to_be_bytes()[..], &b"a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".repeat(count.into())].concat())
    };
    let case = |what: &str, place, budget, first, again, expected| {
        Case { what: what.into(), place, budget, first, then: Then::Again(again), expected }
    };
    vec![
        case("settings of 250 kB", Start, 8, authenticated.clone(), settings(250_000), BROKEN),
        case("settings of 1 MB", Start, 8, authenticated.clone(), settings(1_000_000), BROKEN),
        case("notices", Start, 8, vec![], message(b'N', &notice), BROKEN),
        case("authenticated for ever", Start, 8, vec![], authenticated.repeat(1000), BROKEN),
        case("settings in an answer", Query, 16, vec![], settings(200_000), BROKEN),
        case("settings of 15 MB in an answer", Query, 16, vec![], settings(15 << 20), BROKEN),
        case("rows", Query, 112, columns(1), row, &[WAL_E_OUT_OF_RANGE]),
        case("rows of nothing", Query, 112, columns(65_535), wide, &[WAL_E_OUT_OF_RANGE, WAL_E_PROTOCOL]),
        case("an error of 48 MB in an answer", Query, 16, words(b'E'), vec![b'x'; 65_536], &[WAL_E_SERVER]),
        case("an error of 48 MB", InCopy, 16, words(b'E'), vec![b'x'; 65_536], &[WAL_E_SERVER]),
        case("a notice of 48 MB", InCopy, 16, words(b'N'), vec![b'x'; 65_536], BROKEN),
        case("a setting of 48 MB", InCopy, 16, header(b'S', 48 << 20), vec![b'x'; 65_536], BROKEN),
        case("a row of 1 GB", InCopy, 16, [header(b'd', 1 << 30), b"w".to_vec()].concat(), vec![0; 65_536], &[WAL_E_NO_MEMORY]),
        case("a message of 100 MB", InCopy, 16, header(b'd', 100 << 20), vec![b'x'; 65_536], &[WAL_E_NO_MEMORY]),
    ]
}

#[test]
fn s51_a_process_with_little_memory_is_never_aborted() {
    // Temporary slots are made at once where nobody else has a transaction.
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run("CREATE PUBLICATION pub");
    // What one case leaves to the allocator is at hand for the next: those that take most have a child each.
    let mut children: Vec<Vec<Case>> = floods().into_iter().map(|case| vec![case]).collect();
    for place in [Start, Settings, Query, InCopy] {
        children.push(hostile_words::cases(place));
    }
    children.extend(hostile_words::floods().into_iter().map(|case| vec![case]));
    let outcomes: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let running: Vec<_> = children
            .chunks(children.len().div_ceil(4))
            .map(|some| {
                let (server, database) = (&server, &db.name);
                scope.spawn(move || {
                    some.iter().map(|cases| survives(server, database, cases)).collect::<Vec<_>>()
                })
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let wrong: Vec<String> = outcomes.iter().flat_map(|(_, wrong)| wrong.clone()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tried: usize = outcomes.iter().map(|(tried, _)| tried).sum();
    assert!(tried >= AT_LEAST, "only {tried} cases were tried");
}

/// A proxy behind which the server is as the case says.
fn between(server: &Server, case: &Case) -> Proxy {
    let Case { place, first, then, .. } = case.clone();
    let mut copying = None;
    Proxy::start(server.port, move |tag, body, out| {
        let here = match place {
            Start => tag == b'R',
            Settings => tag == b'K',
            Query => tag == b'T',
            InCopy => copying == Some(out.connection),
        };
        if tag == b'W' {
            copying = Some(out.connection);
        }
        if !here {
            return out.send(tag, body);
        }
        out.raw(&first);
        match &then {
            Then::Again(again) => out.flood(again),
            Then::Cut => out.cut(),
        }
    })
}

/// Runs cases in one child, and tells how many there were, and what is wrong with them.
fn survives(server: &Server, database: &str, cases: &[Case]) -> (usize, Vec<String>) {
    let proxies: Vec<Proxy> = cases.iter().map(|case| between(server, case)).collect();
    let lines = cases.iter().zip(&proxies).map(|(case, proxy)| {
        format!("{}\t{}\t{}\n", case.what, AROUND + case.budget, proxy.conninfo(database))
    });
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .arg("sound::what_a_server_sends_costs_little_memory::child")
        .env(CASES, lines.collect::<String>())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let begun = said.lines().rfind(|line| line.starts_with("begins: ")).unwrap_or("nothing began");
        let cried = String::from_utf8_lossy(&output.stderr);
        return (cases.len(), vec![format!("{begun}: {}\n{cried}", output.status)]);
    }
    let ended: BTreeMap<&str, (&str, &str)> = said
        .lines()
        .filter_map(|line| line.strip_prefix("ended: ")?.split_once('\t'))
        .filter_map(|(what, rest)| Some((what, rest.split_once('\t')?)))
        .collect();
    let mut wrong: Vec<String> = cases.iter().filter_map(|case| complaint(case, &ended)).collect();
    if ended.len() != cases.len() {
        wrong.push(format!("{} cases, and {} ended: two have one name", cases.len(), ended.len()));
    }
    (cases.len(), wrong)
}

fn complaint(case: &Case, ended: &BTreeMap<&str, (&str, &str)>) -> Option<String> {
    let Some((status, failure)) = ended.get(case.what.as_str()) else {
        return Some(format!("{}: did not end", case.what));
    };
    let is_expected = match case.expected {
        [] => !NEVER.iter().any(|never| never.name() == *status),
        some => some.iter().any(|expected| expected.name() == *status),
    };
    (!is_expected).then(|| format!("{}: {status} {failure}", case.what))
}

/// What is a fault of the library, or of the test.
const NEVER: [Status; 4] =
    [Status::WAL_E_PANIC, Status::WAL_E_INTERNAL, Status::WAL_E_SLOT_MISMATCH, Status::WAL_E_STATE];

/// The child: opens a stream for each case, reads it, and tells the status that it ends with.
#[test]
#[ignore = "run by the test above"]
fn child() {
    for line in std::env::var(CASES).unwrap().lines() {
        let [what, budget, conninfo] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        println!("\nbegins: {what}");
        bound(budget.parse::<u64>().unwrap() << 20);
        // Other children are at work, and a slot may outlive its connection for a moment.
        let slot = format!("{}_{}", unique("hostile"), std::process::id());
        let options = Options::stream(conninfo, &slot, "pub")
            .with("slot_create", "temporary")
            .with("relations_bytes", "64kB")
            .with("reconnect", "off");
        let failure = read_to_the_end(&options);
        let text: String = format!("{failure:?}").chars().take(300).collect();
        println!("\nended: {what}\t{}\t{text}", failure.status.name());
    }
}

fn read_to_the_end(options: &Options) -> crate::harness::Failure {
    let stream = options.new_stream().unwrap();
    if let Err(failure) = stream.connect(30_000) {
        return failure;
    }
    let mut stream = stream;
    loop {
        match stream.next(20_000) {
            Ok(Next::Event(_)) => (),
            Ok(Next::Nothing(status)) => panic!("{status:?}"),
            Err(failure) => return failure,
        }
    }
}

/// Bounds the address space to what there is and so much more.
fn bound(more: u64) {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let limit = libc::rlimit { rlim_cur: pages * 4096 + more, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a struct of this frame.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}
