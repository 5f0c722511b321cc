//! Publications, and whether the rows of their tables can be told apart.
//! It must never ask for more than the names: tables may be many.

use super::{Asked, Finding};
use crate::leftovers::LEFT_BEHIND;
use crate::sql::{literal, quoted};
use crate::trouble::Trouble;

/// How many tables of one kind are named.
const NAMED: usize = 5;

pub(super) async fn check(asked: &mut Asked<'_>, wanted: &[String]) -> Result<Vec<Finding>, Trouble> {
    let rows = asked
        .rows(
            "SELECT pubname, puballtables, pubupdate OR pubdelete AS changes, \
             (SELECT count(*) FROM pg_publication_tables t WHERE t.pubname = p.pubname) AS tables, \
             obj_description(oid, 'pg_publication') AS comment, \
             EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = pubname) AS runs FROM pg_publication p ORDER BY 1",
        )
        .await?;
    let mut found = Vec::new();
    for name in
        wanted.iter().filter(|name| !(0..rows.rows.len()).any(|at| rows.get(at, "pubname") == Some(name)))
    {
        found.push(Finding::bad(
            format!("publication {name}"),
            "does not exist in this database",
            format!("pgwalstream publication create {name} --table TABLE."),
        ));
    }
    for at in 0..rows.rows.len() {
        let text = |column| rows.get(at, column).unwrap_or_default();
        let name = text("pubname");
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let what = format!("publication {name}");
        let count = text("tables");
        if text("comment") == LEFT_BEHIND && text("runs") == "f" {
            found.push(Finding::warning(
                &what,
                "was left behind by a pgwalstream tail that was killed",
                "pgwalstream tail --cleanup",
            ));
        }
        found.push(match (count, text("puballtables")) {
            ("0", "t") => Finding::good(&what, "all tables; there is none yet"),
            ("0", _) => Finding::warning(
                &what,
                "has no table",
                format!("ALTER PUBLICATION {} ADD TABLE …", quoted(name)),
            ),
            _ => Finding::good(&what, format!("{count} table(s)")),
        });
        if text("changes") == "t" {
            found.extend(identities(asked, name).await?);
        }
    }
    if rows.rows.is_empty() && wanted.is_empty() {
        found.push(Finding::good("publications", "none yet"));
    }
    Ok(found)
}

/// Tables whose updates and deletes the server refuses, since nothing would say which row is meant.
async fn identities(asked: &mut Asked<'_>, publication: &str) -> Result<Vec<Finding>, Trouble> {
    let rows = asked
        .rows(format!(
            "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_publication_tables t \
             JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename \
             WHERE t.pubname = {} AND c.relkind = 'r' AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS \
             (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid) OR c.relreplident = 'i' AND NOT EXISTS \
             (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)) ORDER BY 1 LIMIT {}",
            literal(publication),
            NAMED + 1
        ))
        .await?;
    let names: Vec<&str> = (0..rows.rows.len()).filter_map(|at| rows.get(at, "name")).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let more = if names.len() > NAMED { " and others" } else { "" };
    let named: Vec<&str> = names.iter().copied().take(NAMED).collect();
    Ok(vec![Finding::bad(
        format!("publication {publication}"),
        format!(
            "the server refuses each UPDATE and DELETE of {}{more}: they have no replica identity",
            named.join(", ")
        ),
        "Give them a primary key, or ALTER TABLE … REPLICA IDENTITY USING INDEX …, or FULL.",
    )])
}
