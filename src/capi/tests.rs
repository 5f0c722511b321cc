//! That each function of the C API is where every one must be: written by hand in many files, it is easily left out of one.

use std::fs;
use std::path::Path;

/// What need not be in a place. A name that ends with `*` stands for all that begin so; one that is not needed any more fails.
type Exempt = &'static [(&'static str, &'static str)];

const CPP: Exempt = &[
    ("wal_connection_open", "connection connects in two steps"),
    ("wal_stream_open", "as above"),
    ("wal_error_clone", "an error is copied field by field"),
    ("wal_error_code", "as above"),
    ("wal_error_name", "as above"),
    ("wal_event_timeline", "read from the struct"),
    ("wal_event_new_by_name", "rows are ranges"),
    ("wal_event_old_by_name", "as above"),
    ("wal_event_new_value", "as above"),
    ("wal_event_old_value", "as above"),
];

const GO: Exempt = &[
    ("wal_connection_open", "it connects in two steps"),
    ("wal_stream_open", "as above"),
    ("wal_replay_open", "it opens a list of files"),
    ("wal_stream_next", "batches are walked without a call"),
    ("wal_stream_resume_after", "a part of Options"),
    ("wal_decoder_decode", "callers of Go hold streams, not messages"),
    ("wal_error_clone", "an error is copied"),
    ("wal_event_clone", "an event is copied"),
    ("wal_event_free", "as above"),
    ("wal_event_new_by_name", "rows are slices"),
    ("wal_event_old_by_name", "as above"),
    ("wal_event_new_value", "as above"),
    ("wal_event_old_value", "as above"),
    ("wal_relation_column_index", "relations are copied"),
    ("wal_archive_fd", "goroutines wait"),
    ("wal_rows_values", "rows are made of texts"),
    ("wal_nested_column", "items are copied with their types"),
    ("wal_lsn_format", "own code, a call costs more"),
    ("wal_lsn_parse", "as above"),
    ("wal_numeric_text", "as above"),
    ("wal_value_as_bits", "as above"),
    ("wal_value_as_uint64", "as above"),
    ("wal_identity_name", "own names, which a test compares"),
    ("wal_invalidation_name", "as above"),
    ("wal_log_level_name", "as above"),
    ("wal_slot_kind_name", "as above"),
    ("wal_slot_wal_name", "as above"),
    ("wal_value_kind_name", "as above"),
];

/// In the test that gives each function NULL.
const NULL: Exempt = &[
    ("wal_change_kind_name", "takes no pointer"),
    ("wal_event_kind_name", "as above"),
    ("wal_identity_name", "as above"),
    ("wal_invalidation_name", "as above"),
    ("wal_log_level_name", "as above"),
    ("wal_shape_name", "as above"),
    ("wal_slot_kind_name", "as above"),
    ("wal_slot_wal_name", "as above"),
    ("wal_status_*", "as above"),
    ("wal_type_kind_name", "as above"),
    ("wal_type_source_name", "as above"),
    ("wal_value_kind_name", "as above"),
    ("wal_version*", "as above"),
];

/// What a fuzzer asks of all that a decoder gives.
const FUZZED: [&str; 5] = ["wal_event_", "wal_relation_", "wal_value_", "wal_type_", "wal_nested_"];

const FUZZ: Exempt = &[
    ("wal_event_kind_name", "takes a number"),
    ("wal_type_kind_name", "as above"),
    ("wal_type_source_name", "as above"),
    ("wal_value_kind_name", "as above"),
    ("wal_event_reconnect_*", "no decoder gives such an event"),
    ("wal_event_snapshot_*", "as above"),
    ("wal_event_switchpoint", "as above"),
    ("wal_event_timeline*", "as above"),
];

/// All that the files of a folder say, in the languages that are compiled.
fn said(path: &Path) -> String {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().map(|entry| said(&entry.unwrap().path())).collect();
    }
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    let is_code = ["hpp", "go", "h", "c", "rs"].contains(&kind);
    if is_code { fs::read_to_string(path).unwrap() } else { String::new() }
}

fn check(place: &str, path: &str, functions: &[&str], exempt: Exempt) {
    let text = said(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let words: std::collections::HashSet<&str> =
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let covers = |name: &str, function: &str| match name.strip_suffix('*') {
        Some(beginning) => function.starts_with(beginning),
        None => function == name,
    };
    let lacking: Vec<&&str> = functions
        .iter()
        .filter(|function| !words.contains(**function))
        .filter(|function| !exempt.iter().any(|(name, _)| covers(name, function)))
        .collect();
    assert!(
        lacking.is_empty(),
        "{place} ({path}) has none of {lacking:?}: add them, or say why in src/capi/tests.rs"
    );
    for (name, why) in exempt {
        assert!(!why.is_empty());
        let is_used = functions.iter().any(|function| covers(name, function) && !words.contains(function));
        assert!(is_used, "{place} has {name} by now: take it off the list in src/capi/tests.rs");
    }
}

#[test]
fn cpp_and_go_have_every_function_and_each_is_given_null() {
    let list =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("abi/pgwalstream.symbols")).unwrap();
    let all: Vec<&str> = list.lines().collect();
    assert!(all.len() >= 240, "only {} functions", all.len());
    check("C++", "bindings/cpp", &all, CPP);
    check("Go", "bindings/go", &all, GO);
    check("the test of NULL", "tests/c/test_null.c", &all, NULL);
    let fuzzed: Vec<&str> = all
        .iter()
        .copied()
        .filter(|name| FUZZED.iter().any(|beginning| name.starts_with(beginning)))
        .collect();
    check("the fuzz target", "fuzz/src/decoder_api.rs", &fuzzed, FUZZ);
}
