//! What strangers' cases broke. Each test bears the number of its fault in the issue "Sound".

mod a_capture_replays_all_that_was_told;
mod a_promotion_loses_nothing_that_is_there;
mod a_stored_position_is_enough;
mod no_position_is_false;
