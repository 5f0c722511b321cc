//! The options as a Markdown page, docs/options.md, grouped by purpose. It must never say of an option what the table
//! does not; a test keeps the page equal to it.

use std::fmt::Write;

use super::{Id, TABLE};

/// The groups: each begins with the row of its option, so that a new row is in the group that it stands in.
const GROUPS: &[(Id, &str)] = &[
    (Id::Conninfo, "Connecting"),
    (Id::Slot, "Slot and publication"),
    (Id::StartLsn, "Where to start and end"),
    (Id::Snapshot, "Snapshot"),
    (Id::Messages, "What the server sends"),
    (Id::Ack, "Acknowledging, reporting, gaps"),
    (Id::QueueBytes, "Memory, batches, latency, closing"),
    (Id::HealthInterval, "Health"),
    (Id::CaptureFile, "Capture and replay"),
    (Id::Reconnect, "Reconnect and failover"),
    (Id::ServerTuning, "The server's memory"),
    (Id::Mode, "Physical streams"),
];

const INTRODUCTION: &str = "# Options

This page is generated from `src/options/table.rs`. Set an option by its name: `wal_options_set(options, \"name\", \"value\", &err)` in
C, `options.set(\"name\", value)` in C++, a field or `Params` of `Options` in Go, `Options::set` or a method of the name in Rust. An
unknown name or value is an error, never ignored.

A duration takes ms, s, min or h; a bare number is in milliseconds. A size takes B, kB, MB or GB, powers of 1024; a bare number is in
bytes. A switch takes on or off.
";

/// The whole page: a table for each group, in the order of the table.
pub fn markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    for spec in TABLE {
        if let Some((_, title)) = GROUPS.iter().find(|(first, _)| *first == spec.id) {
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "\n## {title}\n\n| option | takes | default | what it does |\n|---|---|---|---|\n"
            );
        }
        let code = |text: &str| {
            if text.is_empty() { String::new() } else { format!("`{}`", text.replace('|', "\\|")) }
        };
        let range = spec.kind.range().replace(" | ", ", ");
        let takes = if range.is_empty() {
            spec.kind.name().to_owned()
        } else {
            format!("{}: {range}", spec.kind.name())
        };
        let _ = writeln!(out, "| `{}` | {takes} | {} | {} |", spec.name, code(spec.default), spec.sentence);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_the_table_of_options() {
        crate::generated::file("docs/options.md", &markdown());
    }

    #[test]
    fn every_group_begins_with_an_option_of_the_table() {
        for (first, title) in GROUPS {
            assert_eq!(TABLE.iter().filter(|spec| spec.id == *first).count(), 1, "{title}");
        }
        assert_eq!(TABLE.first().map(|spec| spec.id), GROUPS.first().map(|(first, _)| *first));
    }
}
