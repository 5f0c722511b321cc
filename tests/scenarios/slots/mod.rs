//! The life of slots and publications, over a connection of their own.

mod a_slots_health_is_seen_in_time;
mod a_snapshot_and_its_slot_make_a_whole;
mod an_invalidated_slot_is_named_and_never_retried;
mod every_command_speaks_the_servers_version;
mod making_a_slot_never_hangs;
mod what_a_publication_cannot_tell_apart_is_reported;
