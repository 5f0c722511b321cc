//! What strangers' cases broke once, each fault by its number (S1 to S65) in the order of the issue.

mod a_capture_goes_on_in_other_files;
mod a_capture_replays_all_that_was_told;
mod a_command_given_up_hurts_no_other;
mod a_flood_stops_nobody;
mod a_message_that_drips_is_silence;
mod a_pooler_may_stand_between;
mod a_promotion_loses_nothing_that_is_there;
mod a_refused_answer_leaves_the_connection_usable;
mod a_replay_never_waits_for_a_pipe;
mod a_server_that_decodes_gets_more_time;
mod a_stored_position_is_enough;
mod a_word_comes_before_the_harm;
mod advice_names_what_is_wrong;
mod credentials_change_while_a_stream_lives;
mod definitions_take_bounded_memory;
mod each_hint_was_tried;
mod every_password_that_gets_in_with_libpq_gets_in;
mod every_status_has_a_situation;
mod hostile_words;
mod no_password_stays_in_memory;
mod no_position_is_false;
mod no_setting_of_a_role_changes_what_is_seen;
mod nobody_comes_in_without_what_was_required;
mod nothing_of_other_roles_runs_with_ours;
mod the_first_connection_may_wait;
mod what_a_server_sends_costs_little_memory;
mod what_is_taken_from_elsewhere_is_known;
mod what_nobody_can_mend_is_as_documented;
mod what_was_not_sent_is_never_null;

use crate::harness::Database;
use crate::harness::server::unique;

/// The backends that are built in.
fn backends() -> &'static [&'static str] {
    if cfg!(feature = "libpq") { &["rustls", "libpq"] } else { &["rustls"] }
}

/// A new role that may do everything, and the connection string by which it comes to the database.
fn role(db: &mut Database<'_>) -> (String, String) {
    let name = unique("role");
    db.run(&format!("CREATE ROLE {name} LOGIN SUPERUSER REPLICATION"));
    let conninfo = db.conninfo().replace("user=postgres", &format!("user={name}"));
    (name, conninfo)
}
