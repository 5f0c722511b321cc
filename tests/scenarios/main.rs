//! Scenarios against real servers, through the C API. Each file tells one story, and its name is the story's sentence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

#[path = "../harness/mod.rs"]
#[macro_use]
mod harness;
#[path = "../libpq/mod.rs"]
mod libpq;

mod a_busy_consumer_keeps_its_connection;
mod a_gap_is_never_silent;
mod a_partitioned_table_is_seen_as_published;
mod a_program_resumes_after_its_position;
mod a_slow_consumer_costs_only_its_queue;
mod a_stopping_server_does_not_wait;
mod a_stray_stream_abort_means_nothing;
mod a_stream_obeys_its_threads;
mod a_table_changes_its_shape_in_the_middle;
mod a_thousand_idle_streams_cost_one_thread;
mod a_wrong_message_ends_the_stream;
mod a_wrong_setup_is_named;
mod an_event_loop_never_sleeps_over_an_event;
mod an_idle_stream_lets_the_server_forget;
mod batches_outlive_everything;
mod connection;
mod every_change_arrives_as_it_was_made;
mod every_committed_row_is_seen;
mod every_option_takes_what_it_says;
mod freeing_never_waits_for_the_network;
mod large_transactions_and_rows_come_whole;
mod many_streams_share_an_engine;
mod memory_stays_small;
mod numbers_keep_every_digit;
mod only_what_was_acknowledged_is_confirmed;
mod physical;
mod protocol;
mod reconnect;
mod records;
mod rows_of_any_copy_come_in_batches;
mod slots;
mod snapshot;
mod sound;
mod status_updates_leave_at_their_interval;
mod the_log_is_short_and_harmless;
mod the_numbers_tell_the_truth;
mod the_replica_identity_decides_what_is_old;
mod the_server_decodes_in_the_memory_that_suits;
mod the_text_depends_on_nobodys_settings;
mod thirty_types_keep_their_values;
mod times_at_the_edge_keep_their_value;
mod values;
mod work_is_acknowledged_in_the_order_of_the_stream;
