//! The SQL of a snapshot: how a session takes it over, and what is asked of the catalogs.
//!
//! It must never depend on what a role or a database sets, and never look anything up along a search path.

use crate::stream::{EQ, NE, is_one_of, quote_identifier, quote_literal};

/// What ends a session, hides rows, changes how values are written or lets the order of rows differ, as a snapshot needs it
/// (P22, P29). Of the transaction only: a pooler gives the backend to another client next.
const SETTINGS: [(&str, &str); 20] = [
    ("search_path", ""),
    ("row_security", "off"),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("quote_all_identifiers", "off"),
    ("datestyle", "ISO"),
    ("intervalstyle", "postgres"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("timezone", "UTC"),
    ("lc_monetary", "C"),
    ("client_min_messages", "warning"),
    // The same rows in the same order whenever an item is read again.
    ("synchronize_seqscans", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("enable_indexscan", "off"),
    ("enable_indexonlyscan", "off"),
    ("enable_bitmapscan", "off"),
    // A range of blocks is read as one, and not as a filter over the whole table.
    ("enable_tidscan", "on"),
    ("enable_seqscan", "on"),
    ("jit", "off"),
];

/// Begins a transaction that sees what an exported snapshot sees. Each wait for a lock takes at most so many milliseconds; 0
/// waits for ever.
pub fn begin(version: u32, snapshot: &str, lock_timeout: u64) -> String {
    let mut out = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT {}; SET LOCAL lock_timeout = {lock_timeout}",
        quote_literal(snapshot)
    );
    out.push_str("; ");
    out.push_str(&settings(version));
    out
}

/// The settings of each session of a snapshot: how a filter or a default is written depends on them, too.
pub fn settings(version: u32) -> String {
    let all = SETTINGS.map(|(name, value)| format!("SET LOCAL {name} = '{value}'")).join("; ");
    if version >= 170_000 { all + "; SET LOCAL transaction_timeout = 0" } else { all }
}

/// Locks tables, by their schemas and names, against whatever a snapshot cannot see through: TRUNCATE, a rewrite, DROP.
pub fn lock<'a>(tables: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let names =
        tables.map(|(schema, name)| format!("ONLY {}.{}", quote_identifier(schema), quote_identifier(name)));
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", ")))
}

/// What is asked of the catalogs, to be asked twice: as the snapshot sees them, and as they are once the tables are locked.
/// Where both answers are the same, nothing changed in between.
#[derive(Debug)]
pub struct Questions {
    /// The tables, each with each of its leaves.
    pub tables: String,
    /// Their columns.
    pub columns: String,
    /// The publications, as rows of the catalogs.
    pub publications: String,
}

impl Questions {
    /// Of publications, to a server of `version`.
    pub fn new(version: u32, publications: &[String]) -> Self {
        let wanted = is_one_of("t.pubname", publications);
        Self {
            tables: tables(version, &wanted),
            columns: columns(version, &wanted),
            publications: fingerprint(version, &is_one_of("p.pubname", publications)),
        }
    }

    /// How many blocks the tables with these OIDs have, whether row security hides rows of them, and whether they can be
    /// divided into ranges of blocks.
    pub fn sizes(oids: impl Iterator<Item = u32>) -> String {
        let list: Vec<String> = oids.map(|oid| oid.to_string()).collect();
        format!(
            "SELECT c.oid, pg_catalog.pg_relation_size(c.oid) OPERATOR(pg_catalog./) \
             pg_catalog.current_setting('block_size')::pg_catalog.int8, pg_catalog.row_security_active(c.oid), \
             coalesce(m.amname {EQ} 'heap', false), pg_catalog.current_setting('block_size') \
             FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am m ON m.oid {EQ} c.relam \
             WHERE c.oid {EQ} ANY (ARRAY[{}]::pg_catalog.oid[])",
            list.join(", ")
        )
    }
}

/// From the published tables to the catalog's.
fn published() -> String {
    format!(
        "pg_catalog.pg_publication_tables t JOIN pg_catalog.pg_namespace n ON n.nspname {EQ} t.schemaname \
         JOIN pg_catalog.pg_class c ON c.relnamespace {EQ} n.oid AND c.relname {EQ} t.tablename"
    )
}

/// Partitions are found in pg_inherits itself: the server's functions look at what is now, and not at the snapshot.
fn tables(version: u32, wanted: &str) -> String {
    let filter = if version >= 150_000 { "t.rowfilter" } else { "NULL" };
    format!(
        "SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relkind, t.pubname, {filter}, \
         l.oid, l.nspname, l.relname, l.relkind, l.relfilenode, \
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_partition_ancestors(c.oid)) FROM {} \
         LEFT JOIN LATERAL (WITH RECURSIVE p (oid) AS (SELECT c.oid UNION ALL SELECT i.inhrelid FROM p \
         JOIN pg_catalog.pg_class k ON k.oid {EQ} p.oid AND k.relkind {EQ} 'p' \
         JOIN pg_catalog.pg_inherits i ON i.inhparent {EQ} p.oid) \
         SELECT l.oid, s.nspname, l.relname, l.relkind, l.relfilenode FROM p \
         JOIN pg_catalog.pg_class l ON l.oid {EQ} p.oid AND l.relkind {NE} 'p' AND l.relpersistence {EQ} 'p' \
         JOIN pg_catalog.pg_namespace s ON s.oid {EQ} l.relnamespace) l ON true \
         WHERE {wanted} ORDER BY c.oid, t.pubname, l.oid",
        published()
    )
}

/// Those that pgoutput sends: generated ones from 18 on, where the publication says so.
fn columns(version: u32, wanted: &str) -> String {
    let sent = match version {
        180_000.. => format!("a.attname {EQ} ANY (t.attnames)"),
        150_000.. => format!("a.attgenerated {EQ} '' AND a.attname {EQ} ANY (t.attnames)"),
        _ => format!("a.attgenerated {EQ} ''"),
    };
    format!(
        "SELECT c.oid, t.pubname, a.attname, a.atttypid, a.atttypmod, {}, \
         y.typsend::pg_catalog.oid {NE} 0, b.nspname, b.typname FROM {} \
         JOIN pg_catalog.pg_attribute a ON a.attrelid {EQ} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND {sent} \
         JOIN pg_catalog.pg_type y ON y.oid {EQ} a.atttypid \
         LEFT JOIN LATERAL (WITH RECURSIVE b (oid, typtype, typbasetype, typnamespace, typname) AS ( \
         SELECT y.oid, y.typtype, y.typbasetype, y.typnamespace, y.typname UNION ALL \
         SELECT z.oid, z.typtype, z.typbasetype, z.typnamespace, z.typname FROM b \
         JOIN pg_catalog.pg_type z ON z.oid {EQ} b.typbasetype WHERE b.typtype {EQ} 'd') \
         SELECT s.nspname, b.typname FROM b JOIN pg_catalog.pg_namespace s ON s.oid {EQ} b.typnamespace \
         WHERE b.typtype {NE} 'd') b ON true WHERE {wanted} ORDER BY c.oid, t.pubname, a.attnum",
        is_key(),
        published()
    )
}

/// Whether the column `a` of the table `c` is of its replica identity (RelationGetIdentityKeyBitmap).
fn is_key() -> String {
    format!(
        "(c.relreplident {EQ} 'f' OR EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid {EQ} c.oid \
         AND i.indisvalid AND i.indisunique AND i.indimmediate \
         AND CASE WHEN c.relreplident {EQ} 'd' THEN i.indisprimary WHEN c.relreplident {EQ} 'i' THEN i.indisreplident ELSE false END \
         AND a.attnum {EQ} ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts OPERATOR(pg_catalog.-) 1])))"
    )
}

/// The rows of the catalogs that say what is published, as one text: `pg_publication_tables` itself looks at what is now.
fn fingerprint(version: u32, wanted: &str) -> String {
    let members = |catalog: &str, publication: &str| {
        format!(
            "SELECT pg_catalog.concat('{catalog} ', m) FROM pg_catalog.{catalog} m \
             JOIN pg_catalog.pg_publication p ON p.oid {EQ} m.{publication} WHERE {wanted}"
        )
    };
    let mut all = vec![
        format!(
            "SELECT pg_catalog.concat('pg_publication ', p) FROM pg_catalog.pg_publication p WHERE {wanted}"
        ),
        members("pg_publication_rel", "prpubid"),
    ];
    if version >= 150_000 {
        all.push(members("pg_publication_namespace", "pnpubid"));
    }
    format!(
        "SELECT pg_catalog.md5(pg_catalog.string_agg(u.line, ' ' ORDER BY u.line)) FROM ({}) u (line)",
        all.join(" UNION ALL ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_taken_over_before_anything_else_is_said() {
        let text = begin(180_004, "00000003-0000001B-1'", 1500);
        let wanted = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT '00000003-0000001B-1'''; SET LOCAL lock_timeout = 1500;";
        assert!(text.starts_with(wanted), "{text}");
        assert!(
            text.contains("transaction_timeout") && !begin(160_000, "x", 0).contains("transaction_timeout")
        );
    }

    #[test]
    fn names_of_tables_cannot_leave_their_quotes() {
        assert_eq!(lock(std::iter::empty()), None);
        let text = lock([("s", "a\"; DROP"), ("S x", "b")].into_iter()).unwrap();
        assert_eq!(text, r#"LOCK TABLE ONLY "s"."a""; DROP", ONLY "S x"."b" IN ACCESS SHARE MODE"#);
    }
}
