//! The Rust API against real servers. Each file tells one story, and its name is the story's sentence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

#[path = "../harness/mod.rs"]
#[macro_use]
#[allow(dead_code, unused_imports, unused_macros, reason = "these tests need a part of what all share")]
mod harness;
mod table;

mod a_dropped_future_loses_nothing;
mod a_position_is_stored_and_resumed_after;
mod a_program_keeps_its_panic_hook;
mod a_stream_lives_in_any_runtime;
mod commands_run_beside_the_stream;
mod every_kind_of_event_is_told;
mod rows_become_the_programs_types;
mod rows_come_before_the_changes;
mod rows_of_a_copy_come_as_they_are_asked_for;
mod the_example_prints_what_it_reads;
mod values_with_parts_come_apart;
mod wal_is_streamed_and_archived;
mod what_was_not_sent_is_never_none;
