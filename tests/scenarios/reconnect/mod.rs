//! A connection that breaks is made again, and nobody has to know.

mod a_crash_brings_nothing_back;
mod a_lost_connection_is_made_again_or_named;
mod a_silent_server_is_given_up;
mod a_standby_lacks_what_was_delivered;
mod a_standby_takes_over;
pub mod cutter;
mod nothing_is_lost_and_nothing_comes_twice;
