//! What of the published tables deserves a word before it matters, beside those whose updates fail: questions for a
//! session beside the stream, and the warnings that the answers are.
//!
//! It must never decide anything: what is found here is logged.

use super::preflight::cell;
use super::sql::{EQ, NE, is_one_of, quote_identifier};
use crate::options::Config;

/// What is asked, each with how its rows read.
pub type Advice = (String, fn(&[Option<String>]) -> String);

/// The questions for a server of `version`, of which each answers with at most `most` rows.
pub fn advice(version: u32, config: &Config, most: u32) -> Vec<Advice> {
    let wanted = is_one_of("p.pubname", &config.publications);
    let mut all: Vec<Advice> =
        vec![(without_tables(&wanted, most), say_without_tables), (partitions(&wanted, most), say_partition)];
    if config.binary {
        all.push((unsendable(version, &wanted, most), say_unsendable));
    }
    all
}

fn without_tables(wanted: &str, most: u32) -> String {
    format!(
        "SELECT p.pubname FROM pg_catalog.pg_publication p WHERE {wanted} AND NOT p.puballtables \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_publication_tables t WHERE t.pubname {EQ} p.pubname) \
         ORDER BY 1 LIMIT {most}"
    )
}

fn say_without_tables(row: &[Option<String>]) -> String {
    let name = quote_identifier(cell(row, 0));
    format!("publication {name} has no tables, so that nothing comes: ALTER PUBLICATION {name} ADD TABLE …")
}

/// Tables whose partitions send less of an old row than the table's own identity says (see pgoutput's leaves).
fn partitions(wanted: &str, most: u32) -> String {
    format!(
        "SELECT DISTINCT p.pubname, t.schemaname, t.tablename FROM pg_catalog.pg_publication p \
         JOIN pg_catalog.pg_publication_tables t ON t.pubname {EQ} p.pubname \
         JOIN pg_catalog.pg_namespace n ON n.nspname {EQ} t.schemaname \
         JOIN pg_catalog.pg_class c ON c.relnamespace {EQ} n.oid AND c.relname {EQ} t.tablename \
         WHERE {wanted} AND p.pubviaroot AND (p.pubupdate OR p.pubdelete) AND c.relkind {EQ} 'p' AND c.relreplident {EQ} 'f' \
         AND EXISTS (SELECT 1 FROM pg_catalog.pg_partition_tree(c.oid) l \
         JOIN pg_catalog.pg_class o ON o.oid {EQ} l.relid WHERE l.isleaf AND o.relreplident {NE} 'f') \
         ORDER BY 1, 2, 3 LIMIT {most}"
    )
}

fn say_partition(row: &[Option<String>]) -> String {
    let [publication, schema, table] = [0, 1, 2].map(|at| quote_identifier(cell(row, at)));
    format!(
        "publication {publication} publishes {schema}.{table} with its partitions, and its replica identity is FULL while that of a partition is not: of old rows there only the key comes, and the rest is ABSENT (ALTER TABLE … REPLICA IDENTITY FULL, for each partition)"
    )
}

/// Columns that hold, in arrays, rows or ranges, a type without a function for its binary form. A column of such a type
/// itself comes as text (logicalrep_write_tuple); within another the walsender fails.
fn unsendable(version: u32, wanted: &str, most: u32) -> String {
    let published = match version {
        150_000.. => format!("AND a.attname {EQ} ANY (t.attnames)"),
        _ => String::new(),
    };
    format!(
        "WITH RECURSIVE parts (schema, tab, col, type, inside) AS (\
         SELECT t.schemaname, t.tablename, a.attname, a.atttypid, false FROM pg_catalog.pg_publication p \
         JOIN pg_catalog.pg_publication_tables t ON t.pubname {EQ} p.pubname \
         JOIN pg_catalog.pg_namespace n ON n.nspname {EQ} t.schemaname \
         JOIN pg_catalog.pg_class c ON c.relnamespace {EQ} n.oid AND c.relname {EQ} t.tablename \
         JOIN pg_catalog.pg_attribute a ON a.attrelid {EQ} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 \
         AND NOT a.attisdropped {published} WHERE {wanted} \
         UNION SELECT parts.schema, parts.tab, parts.col, part.type, part.inside FROM parts \
         JOIN pg_catalog.pg_type y ON y.oid {EQ} parts.type CROSS JOIN LATERAL (\
         SELECT y.typbasetype, parts.inside WHERE y.typtype {EQ} 'd' \
         UNION ALL SELECT y.typelem, true WHERE y.typsend::pg_catalog.oid {EQ} 'pg_catalog.array_send'::pg_catalog.regproc::pg_catalog.oid \
         UNION ALL SELECT b.atttypid, true FROM pg_catalog.pg_attribute b WHERE y.typtype {EQ} 'c' \
         AND b.attrelid {EQ} y.typrelid AND b.attnum OPERATOR(pg_catalog.>) 0 AND NOT b.attisdropped \
         UNION ALL SELECT r.rngsubtype, true FROM pg_catalog.pg_range r WHERE r.rngtypid {EQ} y.oid OR r.rngmultitypid {EQ} y.oid\
         ) AS part (type, inside)) \
         SELECT DISTINCT parts.schema, parts.tab, parts.col, pg_catalog.format_type(y.oid, NULL) FROM parts \
         JOIN pg_catalog.pg_type y ON y.oid {EQ} parts.type WHERE parts.inside AND y.typtype {NE} 'd' AND y.typsend::pg_catalog.oid {EQ} '0' \
         ORDER BY 1, 2, 3, 4 LIMIT {most}"
    )
}

fn say_unsendable(row: &[Option<String>]) -> String {
    let [schema, table, column] = [0, 1, 2].map(|at| quote_identifier(cell(row, at)));
    format!(
        "binary is on, and column {column} of {schema}.{table} holds the type {}, which has no binary form: a row with it ends the stream on the server. Set binary to \"off\", or leave the column out of the publication",
        cell(row, 3)
    )
}
