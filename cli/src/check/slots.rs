//! Slots: which of them are lost, or hold back WAL that nobody reads.
//! It must never take a slot's silence for its consumer's end: it says since when nobody reads, where the server knows it.

use super::{Asked, Finding};
use crate::table::size;
use crate::trouble::Trouble;

/// More WAL than this is worth a word.
const MUCH: u64 = 1 << 30;

pub(super) async fn check(asked: &mut Asked<'_>, wanted: Option<&str>) -> Result<Vec<Finding>, Trouble> {
    let since = if asked.since(17) { "inactive_since" } else { "NULL" };
    let synced = if asked.since(17) { "synced" } else { "false" };
    let end = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END";
    let rows = asked
        .rows(format!(
            "SELECT slot_name, slot_type, plugin, database, active, wal_status, {since} AS since, {synced} AS synced, \
             database IS DISTINCT FROM current_database() AS elsewhere, \
             pg_wal_lsn_diff({end}, restart_lsn)::bigint AS held FROM pg_replication_slots ORDER BY 1"
        ))
        .await?;
    let mut found = Vec::new();
    let mut is_there = false;
    for at in 0..rows.rows.len() {
        let text = |column| rows.get(at, column).unwrap_or_default();
        let name = text("slot_name");
        if wanted.is_some_and(|wanted| wanted != name) {
            continue;
        }
        is_there = true;
        let held = text("held").parse::<u64>().unwrap_or(0);
        found.push(slot(
            name,
            text("wal_status"),
            text("active") == "t",
            text("synced") == "t",
            text("since"),
            held,
        ));
        if wanted.is_some() {
            found.extend(fits(
                name,
                text("slot_type"),
                text("plugin"),
                text("database"),
                text("elsewhere") == "t",
            ));
        }
    }
    match wanted {
        Some(name) if !is_there => {
            found.push(Finding::bad(
                format!("slot {name}"),
                "does not exist",
                format!("pgwalstream slot create {name}, or set slot_create to \"if_missing\"."),
            ));
        }
        None if found.is_empty() => found.push(Finding::good("slots", "none yet")),
        _ => {}
    }
    Ok(found)
}

fn slot(name: &str, status: &str, is_active: bool, is_synced: bool, since: &str, held: u64) -> Finding {
    let what = format!("slot {name}");
    let held_back = format!("holds back {}", size(held));
    match (status, is_active) {
        ("lost", _) => Finding::bad(
            what,
            "lost: the WAL that it needs is gone",
            format!(
                "Copy the tables again with a new slot, and drop this one: pgwalstream slot drop {name}."
            ),
        ),
        ("unreserved", _) => Finding::warning(
            what,
            format!("{held_back}; the next checkpoint may take that away, and the slot is lost then"),
            "Let its consumer catch up now, or raise max_slot_wal_keep_size.",
        ),
        (_, false) if is_synced => Finding::good(what, format!("a copy for a failover; {held_back}")),
        (_, false) if held > MUCH => {
            let since = if since.is_empty() { String::new() } else { format!(" since {since}") };
            Finding::warning(
                what,
                format!("nobody reads it{since}, and it {held_back}"),
                format!("Start its consumer, or drop it: pgwalstream slot drop {name}."),
            )
        }
        (_, false) => Finding::good(what, format!("nobody reads it now; it {held_back}")),
        (_, true) => Finding::good(what, format!("in use; {held_back}")),
    }
}

/// Whether a stream of this library, on this database, can read it.
fn fits(name: &str, kind: &str, plugin: &str, database: &str, is_elsewhere: bool) -> Vec<Finding> {
    let what = format!("slot {name}");
    let mut found = Vec::new();
    if kind != "logical" {
        found.push(Finding::bad(&what, "a physical slot", "Use a logical one: pgwalstream slot create."));
    } else if plugin != "pgoutput" {
        found.push(Finding::warning(
            &what,
            format!("of the output plugin {plugin}, whose messages come undecoded"),
            "Use a slot of pgoutput to have rows.",
        ));
    }
    if kind == "logical" && is_elsewhere {
        found.push(Finding::bad(
            &what,
            format!("of the database {database}"),
            "Connect to that database with -d.",
        ));
    }
    found
}
