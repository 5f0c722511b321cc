//! Stories of the rows that are there before the changes.

mod a_lost_session_costs_no_row;
mod each_row_comes_once_before_the_changes;
mod mirror;
mod what_cannot_be_copied_is_named;
mod what_was_begun_is_gone_on_with;
