//! Whatever a server sends, a process with little memory left gets an error and lives on: it is never aborted.
//!
//! The library runs in a child whose address space is bounded; the server, and who stands between, are the parent's.

use std::process::Command;

use crate::harness::{Next, Options, Proxy, Server};
use pgwalstream::error::Status;

/// What the child is told: how to reach the server, the slot, and how many MiB it may take beside what it has.
const CONNINFO: &str = "WAL_S51_CONNINFO";
const SLOT: &str = "WAL_S51_SLOT";
const BUDGET: &str = "WAL_S51_BUDGET";

/// What the machinery around takes: threads, their stacks, the runtime.
const AROUND: u64 = 64;

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [header(tag, body.len()), body.to_vec()].concat()
}

fn header(tag: u8, length: usize) -> Vec<u8> {
    [&[tag], &(length as u32 + 4).to_be_bytes()[..]].concat()
}

/// Where the server begins to mean harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In place of the first request for a password.
    Start,
    /// In place of the first row.
    Query,
    /// In place of the walsender's first word.
    InCopy,
}

use Place::{InCopy, Query, Start};

struct Case {
    what: &'static str,
    place: Place,
    /// How much the library may take for it, in MiB.
    budget: u64,
    /// Said once, and then again and again.
    first: Vec<u8>,
    again: Vec<u8>,
    expected: &'static [Status],
}

fn setting(number: u32, size: usize) -> Vec<u8> {
    message(b'S', &[format!("name{number}\0").as_bytes(), &vec![0xFF; size], b"\0"].concat())
}

#[rustfmt::skip] // a table
fn cases() -> Vec<Case> {
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
    let case = |what, place, budget, first, again, expected| Case { what, place, budget, first, again, expected };
    vec![
        case("settings of 250 kB", Start, 8, authenticated.clone(), settings(250_000), BROKEN),
        case("settings of 1 MB", Start, 8, authenticated.clone(), settings(1_000_000), BROKEN),
        case("notices", Start, 8, vec![], message(b'N', &notice), BROKEN),
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
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE PUBLICATION pub");
    let slots: Vec<(Case, String)> = cases().into_iter().map(|case| (case, db.slot())).collect();
    std::thread::scope(|scope| {
        for (case, slot) in slots {
            let database = &db.name;
            scope.spawn(move || survives(server, database, &slot, case));
        }
    });
}

fn survives(server: &Server, database: &str, slot: &str, case: Case) {
    let Case { what, place, budget, first, again, expected } = case;
    let mut is_copying = false;
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        let here = match place {
            Start => tag == b'R',
            Query => tag == b'T',
            InCopy => is_copying,
        };
        is_copying |= tag == b'W';
        if here {
            out.raw(&first);
            out.flood(&again);
        } else {
            out.send(tag, body);
        }
    });
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .arg("sound::what_a_server_sends_costs_little_memory::child")
        .env(CONNINFO, proxy.conninfo(database))
        .env(SLOT, slot)
        .env(BUDGET, (AROUND + budget).to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let cried = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{said}\n{cried}", output.status);
    let expected = expected.iter().map(|status| format!("ended: {}\n", status.name()));
    assert!(expected.into_iter().any(|line| said.contains(&line)), "{what}: {said}\n{cried}");
}

/// The child: opens the stream, reads it, and tells the status that it ends with.
#[test]
#[ignore = "run by the test above"]
fn child() {
    let said = |name| std::env::var(name).unwrap();
    bound(said(BUDGET).parse::<u64>().unwrap() << 20);
    let options = Options::stream(&said(CONNINFO), &said(SLOT), "pub").with("reconnect", "off");
    let stream = options.new_stream().unwrap();
    let failure = match stream.connect(30_000) {
        Err(failure) => failure,
        Ok(_) => {
            let mut stream = stream;
            loop {
                match stream.next(20_000) {
                    Ok(Next::Event(_)) => (),
                    Ok(Next::Nothing(status)) => panic!("{status:?}"),
                    Err(failure) => break failure,
                }
            }
        }
    };
    let text = format!("{failure:?}");
    println!("{}", text.chars().take(300).collect::<String>());
    println!("\nended: {}", failure.status.name());
}

/// Bounds the address space to what there is and so much more.
fn bound(more: u64) {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let most = pages * 4096 + more;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: a struct of this frame.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}
