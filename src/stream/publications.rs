//! Publications and their tables: the commands, the questions, and what is wrong with a table's replica identity (P26).

use super::preflight::cell;
use super::slot_row::flags;
use super::sql::{EQ, NE, is_one_of, quote_identifier};
use crate::conninfo::nearest_name;
use crate::error::{Error, Result, Status};
use crate::options::qualified_names;

/// Bits that say what a publication publishes, and how. C programs know them as `WAL_PUBLISH_…` and
/// `WAL_PUBLICATION_…`.
pub mod publication_flag {
    /// INSERT.
    pub const INSERT: u32 = 1;
    /// UPDATE.
    pub const UPDATE: u32 = 2;
    /// DELETE.
    pub const DELETE: u32 = 4;
    /// TRUNCATE.
    pub const TRUNCATE: u32 = 8;
    /// The changes of partitions come as those of the table at their root.
    pub const VIA_ROOT: u32 = 256;
    /// All tables, those to come too.
    pub const ALL_TABLES: u32 = 512;
}

use publication_flag::{ALL_TABLES, DELETE, INSERT, TRUNCATE, UPDATE, VIA_ROOT};

const OPERATIONS: [(u32, &str); 4] =
    [(INSERT, "insert"), (UPDATE, "update"), (DELETE, "delete"), (TRUNCATE, "truncate")];

/// A publication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// `publication_flag`.
    pub flags: u32,
}

/// CREATE PUBLICATION. Without operations all are published; `tables` is a list as SQL writes it.
pub fn create_publication(name: &str, tables: &str, flags: u32) -> Result<String> {
    let known = INSERT | UPDATE | DELETE | TRUNCATE | VIA_ROOT | ALL_TABLES;
    if flags & !known != 0 {
        return Err(invalid(format!("a publication does not take the flags {:#x}", flags & !known)));
    }
    let tables = table_list(tables, flags)?;
    let mut options = Vec::new();
    let operations: Vec<&str> =
        OPERATIONS.into_iter().filter(|(flag, _)| flags & flag != 0).map(|(_, word)| word).collect();
    if !operations.is_empty() {
        options.push(format!("publish = '{}'", operations.join(", ")));
    }
    if flags & VIA_ROOT != 0 {
        options.push("publish_via_partition_root = true".to_owned());
    }
    let options = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
    Ok(format!("CREATE PUBLICATION {}{tables}{options}", quote_identifier(name)))
}

fn table_list(tables: &str, flags: u32) -> Result<String> {
    match (tables.trim().is_empty(), flags & ALL_TABLES != 0) {
        (true, false) => Ok(String::new()),
        (true, true) => Ok(" FOR ALL TABLES".to_owned()),
        (false, true) => Err(invalid("give tables, or the flag for all tables, not both".to_owned())),
        (false, false) => {
            let names =
                qualified_names(tables).map_err(|why| invalid(format!("the list of tables: {why}")))?;
            let quoted: Vec<String> = names
                .iter()
                .map(|parts| parts.iter().map(|part| quote_identifier(part)).collect::<Vec<_>>().join("."))
                .collect();
            Ok(format!(" FOR TABLE {}", quoted.join(", ")))
        }
    }
}

/// DROP PUBLICATION.
pub fn drop_publication(name: &str) -> String {
    format!("DROP PUBLICATION {}", quote_identifier(name))
}

/// Asks for all publications of the database.
pub fn publications_query() -> String {
    "SELECT pubname, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, puballtables \
     FROM pg_catalog.pg_publication ORDER BY pubname"
        .to_owned()
}

impl Publication {
    /// Understands a row of the answer to `publications_query`.
    pub fn read(row: &[Option<String>]) -> Self {
        let columns = [(1, INSERT), (2, UPDATE), (3, DELETE), (4, TRUNCATE), (5, VIA_ROOT), (6, ALL_TABLES)];
        Self { name: cell(row, 0).to_owned(), flags: flags(row, &columns) }
    }
}

/// Whether an UPDATE or a DELETE of a published table can say which row it was.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum ReplicaIdentity {
    /// It can, or neither is published.
    #[default]
    WAL_IDENTITY_USABLE = 0,
    /// REPLICA IDENTITY DEFAULT, and there is no primary key.
    WAL_IDENTITY_NO_PRIMARY_KEY = 1,
    /// REPLICA IDENTITY NOTHING.
    WAL_IDENTITY_NOTHING = 2,
    /// REPLICA IDENTITY USING INDEX, and the index was dropped.
    WAL_IDENTITY_INDEX_MISSING = 3,
    /// The publication's column list leaves out columns of the replica identity.
    WAL_IDENTITY_COLUMN_LIST = 4,
    /// A partition whose own replica identity is not usable.
    WAL_IDENTITY_PARTITION = 5,
}

impl ReplicaIdentity {
    /// Why it is not usable, as the end of a sentence; "" if it is.
    pub fn explain(self) -> &'static str {
        match self {
            Self::WAL_IDENTITY_USABLE => "",
            Self::WAL_IDENTITY_NO_PRIMARY_KEY => "it has no primary key",
            Self::WAL_IDENTITY_NOTHING => "its replica identity is NOTHING",
            Self::WAL_IDENTITY_INDEX_MISSING => "the index of its replica identity is gone",
            Self::WAL_IDENTITY_COLUMN_LIST => "the column list leaves out columns of its replica identity",
            Self::WAL_IDENTITY_PARTITION => "a partition has no usable replica identity",
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "1" => Self::WAL_IDENTITY_NO_PRIMARY_KEY,
            "2" => Self::WAL_IDENTITY_NOTHING,
            "3" => Self::WAL_IDENTITY_INDEX_MISSING,
            "4" => Self::WAL_IDENTITY_COLUMN_LIST,
            "5" => Self::WAL_IDENTITY_PARTITION,
            _ => Self::WAL_IDENTITY_USABLE,
        }
    }
}

/// A published table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedTable {
    /// Its schema.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its oid.
    pub oid: u32,
    /// `pg_class.relreplident`.
    pub replica_identity: u8,
    /// Whether updates and deletes can be told apart.
    pub identity: ReplicaIdentity,
    /// The published columns, separated by commas and quoted where SQL needs it; "" before 15, which publishes all.
    pub columns: String,
    /// The row filter; "" if all rows are published.
    pub row_filter: String,
    /// Of which publication.
    pub publication: String,
}

/// Which tables to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// At most so many whose updates or deletes fail.
    Unusable(u32),
}

/// Asks for the tables of publications.
///
/// The server decides in the same way as an UPDATE or DELETE is refused (CheckCmdReplicaIdentity): of a partitioned table
/// by each leaf.
pub fn tables_query(version: u32, publications: &[String], which: Which) -> String {
    let (own, wanted) = (own(), is_one_of("t.pubname", publications));
    let (columns, filter, list) = if version >= 150_000 {
        (
            "(SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a::pg_catalog.text), ', ' ORDER BY n) \
             FROM pg_catalog.unnest(t.attnames) WITH ORDINALITY AS u (a, n))",
            "t.rowfilter",
            leaves_out(),
        )
    } else {
        ("NULL", "NULL", "false".to_owned())
    };
    let (condition, limit) = match which {
        Which::All => (String::new(), String::new()),
        Which::Unusable(most) => (format!(" WHERE identity {NE} 0"), format!(" LIMIT {most}")),
    };
    format!(
        "SELECT * FROM (SELECT t.schemaname, t.tablename, c.oid, c.relreplident, \
         CASE WHEN NOT (p.pubupdate OR p.pubdelete) THEN 0 \
         WHEN c.relkind {EQ} 'p' THEN CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_partition_tree(c.oid) l \
         JOIN pg_catalog.pg_class c ON c.oid {EQ} l.relid WHERE l.isleaf AND c.relkind {EQ} 'r' AND {own} {NE} 0) THEN 5 ELSE 0 END \
         WHEN {own} {NE} 0 THEN {own} WHEN {list} THEN 4 ELSE 0 END AS identity, \
         {columns}, {filter}, t.pubname \
         FROM pg_catalog.pg_publication_tables t \
         JOIN pg_catalog.pg_publication p ON p.pubname {EQ} t.pubname \
         JOIN pg_catalog.pg_namespace n ON n.nspname {EQ} t.schemaname \
         JOIN pg_catalog.pg_class c ON c.relnamespace {EQ} n.oid AND c.relname {EQ} t.tablename \
         WHERE {wanted} ORDER BY 1, 2) AS tables{condition}{limit}"
    )
}

/// What is wrong with the replica identity of the table `c` itself.
fn own() -> String {
    let has = |which: &str| {
        format!(
            "EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid {EQ} c.oid AND i.{which} AND i.indisvalid)"
        )
    };
    format!(
        "(CASE WHEN c.relreplident {EQ} 'f' THEN 0 WHEN c.relreplident {EQ} 'n' THEN 2 \
         WHEN c.relreplident {EQ} 'd' THEN CASE WHEN {} THEN 0 ELSE 1 END ELSE CASE WHEN {} THEN 0 ELSE 3 END END)",
        has("indisprimary"),
        has("indisreplident")
    )
}

/// Whether a column list leaves out a part of the identity (pub_collist_contains_invalid_column): with FULL no list may
/// be, else the index's columns must be in it.
fn leaves_out() -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_catalog.pg_publication_rel r WHERE r.prpubid {EQ} p.oid AND r.prrelid {EQ} c.oid \
         AND r.prattrs IS NOT NULL AND (c.relreplident {EQ} 'f' OR EXISTS (SELECT 1 FROM pg_catalog.pg_index i \
         CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) AS k (attnum) WHERE i.indrelid {EQ} c.oid \
         AND CASE WHEN c.relreplident {EQ} 'd' THEN i.indisprimary ELSE i.indisreplident END \
         AND NOT (k.attnum {EQ} ANY (r.prattrs::pg_catalog.int2[])))))"
    )
}

impl PublishedTable {
    /// Understands a row of the answer to `tables_query`.
    pub fn read(row: &[Option<String>]) -> Self {
        Self {
            namespace: cell(row, 0).to_owned(),
            name: cell(row, 1).to_owned(),
            oid: cell(row, 2).parse().unwrap_or(0),
            replica_identity: cell(row, 3).bytes().next().unwrap_or(0),
            identity: ReplicaIdentity::read(cell(row, 4)),
            columns: cell(row, 5).to_owned(),
            row_filter: cell(row, 6).to_owned(),
            publication: cell(row, 7).to_owned(),
        }
    }

    /// What is to be said of a table whose updates or deletes fail (P26).
    pub fn warning(&self) -> String {
        let (schema, table) = (quote_identifier(&self.namespace), quote_identifier(&self.name));
        format!(
            "publication {} publishes updates or deletes of {schema}.{table}, and {}: they fail on the server until it has a usable replica identity (ALTER TABLE … ADD PRIMARY KEY, or REPLICA IDENTITY FULL)",
            quote_identifier(&self.publication),
            self.identity.explain()
        )
    }
}

/// The way out where a publication is missing: another that may have been meant, by its case or by its letters, or
/// making it.
pub(super) fn missing_publication<'a>(name: &str, others: impl Iterator<Item = &'a str> + Clone) -> String {
    let folded = others.clone().find(|other| other.to_lowercase() == name.to_lowercase());
    if let Some(other) = folded {
        let quoted = quote_identifier(other);
        return format!(
            "Did you mean {quoted}? As in SQL, a name is folded to lower case unless it stands in double quotes: set publication to {quoted}, with the quotes."
        );
    }
    let meant =
        nearest_name(name, others).map(|other| format!("Did you mean {}? Else ", quote_identifier(other)));
    format!(
        "{}CREATE PUBLICATION {} FOR TABLE …; before the slot is created.",
        meant.unwrap_or_default(),
        quote_identifier(name)
    )
}

/// The error of a publication's command, in this library's words where it has some.
pub fn explain_publication(error: Error, name: &str) -> Error {
    let name = quote_identifier(name);
    let (status, message, hint) = match error.sqlstate() {
        "42710" => (
            Status::WAL_E_PUBLICATION_EXISTS,
            format!("publication {name} exists already"),
            "Choose another name, or drop that one.",
        ),
        "42704" => (
            Status::WAL_E_PUBLICATION_MISSING,
            format!("publication {name} does not exist"),
            "List the publications of this database to see which there are.",
        ),
        _ => return error,
    };
    let sqlstate = error.sqlstate().as_bytes().first_chunk::<5>().copied().unwrap_or(*b"XX000");
    Error::new(status, message).with_detail(error.message()).with_hint(hint).with_sqlstate(sqlstate)
}

fn invalid(why: String) -> Error {
    Error::new(Status::WAL_E_INVALID_ARGUMENT, why).with_hint(
        "Tables are separated by commas; names are quoted as in SQL: a, public.b, \"My schema\".\"C\"",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        let command = create_publication("p\"; DROP TABLE t; --", "a, Public.B, \"S. x\".\"t\"\"y\"", 0);
        assert_eq!(
            command.unwrap(),
            r#"CREATE PUBLICATION "p""; DROP TABLE t; --" FOR TABLE "a", "public"."b", "S. x"."t""y""#
        );
        for bad in ["a; b", "a,", "\"open", "a.b.c.d", "a..b", "a b"] {
            assert_eq!(
                create_publication("p", bad, 0).unwrap_err().status(),
                Status::WAL_E_INVALID_ARGUMENT,
                "{bad}"
            );
        }
    }

    #[test]
    fn each_way_to_publish_has_its_words() {
        for (tables, flags, rest) in [
            ("", 0, ""),
            ("", ALL_TABLES, " FOR ALL TABLES"),
            ("t", INSERT | DELETE, " FOR TABLE \"t\" WITH (publish = 'insert, delete')"),
            (
                "t",
                VIA_ROOT | TRUNCATE,
                " FOR TABLE \"t\" WITH (publish = 'truncate', publish_via_partition_root = true)",
            ),
        ] {
            assert_eq!(
                create_publication("p", tables, flags).unwrap(),
                format!("CREATE PUBLICATION \"p\"{rest}")
            );
        }
        assert!(
            create_publication("p", "t", ALL_TABLES).is_err()
                && create_publication("p", "t", 1 << 30).is_err()
        );
    }
}
