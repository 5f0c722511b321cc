//! What strangers' cases broke once, each by its number.

mod a_pooler_may_stand_between;
mod a_word_comes_before_the_harm;
mod no_setting_of_a_role_changes_what_is_seen;
mod nothing_of_other_roles_runs_with_ours;
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
