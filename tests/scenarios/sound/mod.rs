//! What strangers' cases broke, each fault with its number.

mod a_flood_stops_nobody;
mod a_message_that_drips_is_silence;
mod a_replay_never_waits_for_a_pipe;
mod nobody_comes_in_without_what_was_required;
mod what_a_server_sends_costs_little_memory;
