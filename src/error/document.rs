//! The statuses as a Markdown page, docs/errors.md, made of the enum's comments. It must never say of a status what the
//! source does not; a test keeps the page equal to it.

use std::ffi::CStr;
use std::fmt::Write;

use super::{Status, TABLE};

/// The ranges of docs/abi.md: the lowest number of each, and what is in it.
const RANGES: &[(i32, &str)] = &[
    (0, "Outcomes that are no errors"),
    (-19, "The call: its arguments, its options, the state of the handle"),
    (-39, "Connecting and the connection"),
    (-59, "What the server sends"),
    (-89, "The server: rights, slots, publications, versions, failover"),
    (-99, "The system and the library"),
    (-109, "WAL records"),
    (-139, "Physical streams and archives"),
];

const INTRODUCTION: &str = "# Errors

This page is generated from `src/error.rs`. Every call that can fail gives a status. An error has more: a message, which says what
happened, where, and with which value; a detail; a hint, which says what to do; and the server's SQLSTATE. None holds a password.

**Retriable** means that the same call may succeed later without anybody changing anything. The table tells what a status alone
says; `wal_error_is_retriable` tells it of one error, and may know better. A stream reconnects by itself after such errors.

Names in the languages: `WAL_E_GAP` in C, `status::gap` in C++, `ErrGap` in Go, `ErrorCode::Gap` in Rust. Treat an unknown status by
its sign: new ones may come.
";

fn markdown() -> String {
    let comments = comments(include_str!("../error.rs"));
    let mut rows: Vec<Status> = TABLE.iter().map(|row| row.0).collect();
    rows.sort_by_key(|status| (*status as i32).abs() + if (*status as i32) < 0 { 1000 } else { 0 });
    let mut out = String::from(INTRODUCTION);
    let mut within = None;
    for status in rows {
        let code = status as i32;
        let range = RANGES.iter().find(|(least, _)| code >= *least);
        if range != within {
            within = range;
            let title = range.map_or("", |(_, title)| title);
            write!(out, "\n## {title}\n\n| status | number | meaning | retriable |\n|---|---|---|---|\n")
                .unwrap();
        }
        let (_, comment) = comments.iter().find(|(name, _)| name == status.name()).unwrap();
        let retriable = if status.is_retriable() { "yes" } else { "" };
        writeln!(out, "| `{}` | {code} | {comment} | {retriable} |", status.name()).unwrap();
    }
    out
}

/// The comment of each variant of `Status`, on one line.
fn comments(source: &str) -> Vec<(String, String)> {
    let body = source.split_once("pub enum Status {").unwrap().1.split_once("\n}").unwrap().0;
    let (mut found, mut comment) = (Vec::new(), String::new());
    for line in body.lines().map(str::trim) {
        match (line.strip_prefix("/// "), line.split_once(" = ")) {
            (Some(text), _) => comment = format!("{comment} {text}"),
            (None, Some((name, _))) => {
                found.push((name.to_owned(), std::mem::take(&mut comment).trim().to_owned()));
            }
            (None, None) => {}
        }
    }
    found
}

#[test]
fn documents_have_the_table_of_statuses() {
    let wanted = markdown();
    assert_eq!(wanted.matches("\n| `WAL_").count(), TABLE.len(), "each status has a row");
    crate::generated::file("docs/errors.md", &wanted);
}

/// What they say of a status is written by hand, in the words of their languages.
#[test]
fn cpp_and_go_have_every_status() {
    let name = |row: &(Status, &CStr, &CStr)| row.1.to_str().unwrap().to_owned();
    let cpp = TABLE.iter().map(|row| format!("= {}", name(row)));
    crate::generated::holds("bindings/cpp/pgwalstream/status.hpp", cpp);
    let errors = TABLE.iter().filter(|row| (row.0 as i32) < 0);
    crate::generated::holds("bindings/go/status.go", errors.map(|row| format!("Status = {}", row.0 as i32)));
}
