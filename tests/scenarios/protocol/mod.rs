//! Versions 2 to 4 of the protocol: what streamed and prepared transactions come to, put together by the test.

mod encoder;
mod forms;
mod reassembly;
mod workload;

mod a_bounded_replay_ends_where_it_was_told;
mod a_captured_session_replays_as_it_was;
mod a_decoder_needs_no_connection;
mod a_prepared_transaction_comes_when_it_commits;
mod an_assembled_transaction_is_as_one_never_streamed;
mod batches_end_where_transactions_do;
mod changes_from_elsewhere_can_be_left_out;
mod every_message_is_understood_to_the_last_byte;
mod large_transactions_are_kept_in_bounds;
mod payloads_of_any_plugin_come_as_they_are;
mod payloads_of_wal2json_are_json;
mod prepared_transactions_are_followed_to_their_end;
mod rolled_back_parts_of_streamed_transactions_are_told;
mod same_wal_same_rows_in_every_form;
