//! Strangers' cases that broke the library once, each named by its number.

mod a_command_given_up_hurts_no_other;
mod a_refused_answer_leaves_the_connection_usable;
mod a_server_that_decodes_gets_more_time;
mod advice_names_what_is_wrong;
mod credentials_change_while_a_stream_lives;
mod every_password_that_gets_in_with_libpq_gets_in;
mod no_password_stays_in_memory;
mod the_first_connection_may_wait;
