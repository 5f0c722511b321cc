//! The command itself, as a user runs it, against real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

#[path = "../../../tests/harness/mod.rs"]
#[macro_use]
#[allow(dead_code, unused_imports, unused_macros, reason = "these tests need a part of what all share")]
mod harness;

mod a_config_file_names_arguments;
mod changes_are_applied_once;
mod changes_in_every_format;
mod check_finds_what_is_missing;
mod every_command_explains_itself;
mod files_hold_each_change_once;
mod numbers_are_served;
mod run;
mod slots_and_publications;
mod tail_prints_what_was_committed;
mod waldump_prints_what_pg_waldump_prints;
