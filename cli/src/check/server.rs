//! The server and the role: settings, rights, what is left of slots and senders, who waits for whom.
//! It must never count a limit as free that another walsender may take: it says what is left now.

use super::{Asked, Finding};
use crate::sql::quoted;
use crate::table::size;
use crate::trouble::Trouble;

/// What is asked of pg_settings.
const SETTINGS: &str = "SELECT name, setting FROM pg_settings WHERE name IN ('wal_level', 'max_replication_slots', \
    'max_wal_senders', 'max_slot_wal_keep_size', 'wal_sender_timeout', 'synchronous_standby_names', \
    'hot_standby_feedback')";

/// A sender that is silent for less is given up while it decodes a large transaction, or the network pauses.
const SHORT: i64 = 10_000;

/// A transaction that runs for longer holds up whoever makes a slot, for this many seconds.
const LONG: f64 = 300.0;

/// The settings that were found.
struct Settings(Vec<(String, String)>);

impl Settings {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }
}

pub(super) async fn check(asked: &mut Asked<'_>) -> Result<Vec<Finding>, Trouble> {
    let rows = asked.rows(SETTINGS).await?;
    let settings = (0..rows.rows.len()).filter_map(|at| {
        Some((rows.get(at, "name")?.to_owned(), rows.get(at, "setting").unwrap_or_default().to_owned()))
    });
    let settings = Settings(settings.collect());
    let mut found = vec![Finding::good("server", format!("PostgreSQL {}", release(asked.version)))];
    found.push(wal_level(asked, &settings));
    found.extend(role(asked).await?);
    found.extend(left(asked, &settings).await?);
    found.extend(limits(&settings));
    found.extend(recovery(asked, &settings).await?);
    found.extend(synchronous(asked, &settings).await?);
    found.extend(old_transactions(asked).await?);
    Ok(found)
}

fn release(version: u32) -> String {
    format!("{}.{}", version / 10_000, version % 10_000)
}

fn wal_level(asked: &Asked<'_>, settings: &Settings) -> Finding {
    match settings.text("wal_level") {
        Some("logical") => Finding::good("wal_level", "logical"),
        // From 19 on, a logical slot raises the level while it is there.
        Some("replica") if asked.since(19) => {
            Finding::good("wal_level", "replica, which PostgreSQL 19 raises for a slot")
        }
        Some(level) => Finding::bad(
            "wal_level",
            format!("{level}, and logical decoding needs logical"),
            "ALTER SYSTEM SET wal_level = 'logical'; then restart the server.",
        ),
        None => Finding::unknown("wal_level"),
    }
}

async fn role(asked: &mut Asked<'_>) -> Result<Vec<Finding>, Trouble> {
    let rows = asked
        .rows(
            "SELECT current_user AS name, rolsuper OR rolreplication AS may_stream, \
             has_database_privilege(current_database(), 'CREATE') AS may_publish FROM pg_roles WHERE rolname = current_user",
        )
        .await?;
    let is = |column| rows.get(0, column) == Some("t");
    let name = rows.get(0, "name").unwrap_or_default();
    let mut found = Vec::new();
    found.push(match is("may_stream") {
        true => Finding::good("role", format!("{name} may stream")),
        // It did come in over a replication connection: a cloud's own role may stand in for the attribute.
        false => Finding::warning(
            "role",
            format!("{name} has no REPLICATION attribute of its own"),
            format!("ALTER ROLE {} REPLICATION; unless your provider grants it otherwise.", quoted(name)),
        ),
    });
    if !is("may_publish") {
        found.push(Finding::warning(
            "publications",
            format!("{name} may not make any in this database"),
            "Let the owner of the tables make them, or GRANT CREATE ON DATABASE.",
        ));
    }
    Ok(found)
}

/// What is left of slots and senders.
async fn left(asked: &mut Asked<'_>, settings: &Settings) -> Result<Vec<Finding>, Trouble> {
    let rows = asked
        .rows(
            "SELECT (SELECT count(*) FROM pg_replication_slots) AS slots, \
             (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender') AS senders, \
             (SELECT count(*) FROM pg_stat_activity WHERE backend_type IS NULL) AS hidden",
        )
        .await?;
    let number = |column| rows.get(0, column).and_then(|text| text.parse::<i64>().ok());
    let mut found = Vec::new();
    // The connection of this command is a sender itself.
    for (what, setting, used, is_seen) in [
        ("replication slots", "max_replication_slots", number("slots"), true),
        ("WAL senders", "max_wal_senders", number("senders").map(|n| n - 1), number("hidden") == Some(0)),
    ] {
        let (Some(most), Some(used)) = (settings.number(setting), used) else {
            found.push(Finding::unknown(what));
            continue;
        };
        let is = format!("{used} of {most} used");
        let remedy = format!("Raise {setting} and restart the server, or end what nobody needs.");
        found.push(match most - used {
            _ if !is_seen => Finding::unknown(what),
            ..=0 => Finding::bad(what, is, remedy),
            1..=2 => Finding::warning(what, is, remedy),
            _ => Finding::good(what, is),
        });
    }
    Ok(found)
}

/// Limits that are too tight, or missing.
fn limits(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    found.push(match settings.number("max_slot_wal_keep_size") {
        None => Finding::unknown("max_slot_wal_keep_size"),
        Some(-1) => Finding::warning(
            "max_slot_wal_keep_size",
            "no limit: a slot that nobody reads fills the disk",
            "ALTER SYSTEM SET max_slot_wal_keep_size = '100GB'; or what your disk has, and watch pgwalstream slot list.",
        ),
        Some(megabytes) => {
            let most = size(u64::try_from(megabytes).unwrap_or(0) << 20);
            Finding::good("max_slot_wal_keep_size", format!("{most}: a slot that lags by more is lost"))
        }
    });
    found.push(match settings.number("wal_sender_timeout") {
        None => Finding::unknown("wal_sender_timeout"),
        Some(0) => Finding::warning(
            "wal_sender_timeout",
            "off: the slot of a consumer that vanished stays in use",
            "ALTER SYSTEM RESET wal_sender_timeout; then SELECT pg_reload_conf();",
        ),
        Some(short) if short < SHORT => Finding::warning(
            "wal_sender_timeout",
            format!("{short} ms: a short pause of the network ends the stream"),
            "ALTER SYSTEM SET wal_sender_timeout = '60s'; then SELECT pg_reload_conf();",
        ),
        Some(patience) => Finding::good("wal_sender_timeout", format!("{} s", patience / 1000)),
    });
    found
}

/// What a standby needs, and what lets a slot outlive a failover.
async fn recovery(asked: &mut Asked<'_>, settings: &Settings) -> Result<Vec<Finding>, Trouble> {
    let rows = asked
        .rows(
            "SELECT pg_is_in_recovery() AS standby, (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'physical' AND active) AS followers",
        )
        .await?;
    let followers = rows.get(0, "followers").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if rows.get(0, "standby") != Some("t") {
        let mut found = vec![Finding::good("server's part", "primary")];
        if followers > 0 && asked.since(17) {
            found.push(Finding::good(
                "failover",
                format!("{followers} standby(s) with a slot: slots with failover=on can follow to those with sync_replication_slots=on"),
            ));
        }
        return Ok(found);
    }
    let version = match asked.since(16) {
        true => Finding::good("server's part", "standby, which PostgreSQL 16 and later decode on"),
        false => Finding::bad(
            "server's part",
            "standby, which decodes nothing before PostgreSQL 16",
            "Connect to the primary: target_session_attrs=read-write.",
        ),
    };
    let feedback = match settings.text("hot_standby_feedback") {
        Some("on") => Finding::good("hot_standby_feedback", "on"),
        _ => Finding::warning(
            "hot_standby_feedback",
            "off: the primary may remove rows of its catalog that slots here need, which ends them",
            "ALTER SYSTEM SET hot_standby_feedback = on; then SELECT pg_reload_conf(); and give primary_slot_name.",
        ),
    };
    Ok(vec![version, feedback])
}

/// Whether commits wait for consumers.
async fn synchronous(asked: &mut Asked<'_>, settings: &Settings) -> Result<Vec<Finding>, Trouble> {
    let Some(names) = settings.text("synchronous_standby_names") else {
        return Ok(vec![Finding::unknown("synchronous_standby_names")]);
    };
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows = asked
        .rows(
            "SELECT string_agg(application_name, ', ') AS names FROM pg_stat_replication \
             WHERE sync_state IN ('sync', 'quorum') AND pid IN (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical')",
        )
        .await?;
    Ok(vec![match (rows.get(0, "names"), names.contains('*')) {
        (Some(consumers), _) => Finding::warning(
            "synchronous_standby_names",
            format!("commits wait for the consumer(s) {consumers}"),
            "Name the standbys that are meant, or set application_name of the consumer to another name.",
        ),
        (None, true) => Finding::warning(
            "synchronous_standby_names",
            "a star: commits will wait for any stream that connects",
            "Name the standbys that are meant.",
        ),
        (None, false) => Finding::good("synchronous_standby_names", names),
    }])
}

/// Making a slot waits for all transactions that are open.
async fn old_transactions(asked: &mut Asked<'_>) -> Result<Vec<Finding>, Trouble> {
    let rows = asked
        .rows(
            "SELECT (SELECT max(extract(epoch FROM now() - xact_start)) FROM pg_stat_activity WHERE backend_xid IS NOT NULL) AS running, \
             (SELECT max(extract(epoch FROM now() - prepared)) FROM pg_prepared_xacts) AS prepared",
        )
        .await?;
    let mut found = Vec::new();
    for (what, column, remedy) in [
        (
            "oldest writing transaction",
            "running",
            "End it before a slot is made: SELECT pid, query FROM pg_stat_activity ORDER BY xact_start.",
        ),
        (
            "oldest prepared transaction",
            "prepared",
            "COMMIT PREPARED or ROLLBACK PREPARED: SELECT gid FROM pg_prepared_xacts ORDER BY prepared.",
        ),
    ] {
        let age = rows.get(0, column).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        if age > LONG {
            found.push(Finding::warning(
                what,
                format!("{age:.0} s: making a slot waits for its end"),
                remedy,
            ));
        }
    }
    Ok(found)
}
