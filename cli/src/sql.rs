//! SQL that the command shows or sends. It must never let a name or a value become something else.

use pgwalstream::{Lsn, SlotKind};

/// A value as an SQL literal. `standard_conforming_strings` may be off: a backslash is written so that both read it alike.
pub fn literal(text: &str) -> String {
    let escape = if text.contains('\\') { " E" } else { "" };
    format!("{escape}'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// A name as SQL writes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Makes a logical slot.
pub fn create_logical(name: &str, plugin: &str, two_phase: bool, failover: bool) -> String {
    let two_phase = if two_phase { ", twophase => true" } else { "" };
    let failover = if failover { ", failover => true" } else { "" };
    let (name, plugin) = (literal(name), literal(plugin));
    format!(
        "SELECT * FROM pg_catalog.pg_create_logical_replication_slot({name}, {plugin}{two_phase}{failover});\n"
    )
}

/// Makes a physical slot.
pub fn create_physical(name: &str, reserve_wal: bool) -> String {
    let reserve = if reserve_wal { ", immediately_reserve => true" } else { "" };
    format!("SELECT * FROM pg_catalog.pg_create_physical_replication_slot({}{reserve});\n", literal(name))
}

/// Drops a slot.
pub fn drop_slot(name: &str) -> String {
    format!("SELECT pg_catalog.pg_drop_replication_slot({});\n", literal(name))
}

/// Changes a slot, over a replication connection.
pub fn alter_slot(name: &str, two_phase: Option<bool>, failover: Option<bool>) -> String {
    let options = [("TWO_PHASE", two_phase), ("FAILOVER", failover)];
    let options: Vec<String> =
        options.iter().filter_map(|(word, wish)| Some(format!("{word} {}", (*wish)?))).collect();
    format!("ALTER_REPLICATION_SLOT {} ({});\n", quoted(name), options.join(", "))
}

/// Moves a slot forward.
pub fn advance_slot(name: &str, to: Lsn) -> String {
    format!("SELECT * FROM pg_catalog.pg_replication_slot_advance({}, '{to}');\n", literal(name))
}

/// Copies a slot.
pub fn copy_slot(source: &str, name: &str, kind: SlotKind) -> String {
    let kind = if kind == SlotKind::Physical { "physical" } else { "logical" };
    format!(
        "SELECT * FROM pg_catalog.pg_copy_{kind}_replication_slot({}, {});\n",
        literal(source),
        literal(name)
    )
}

/// Makes a publication of tables, or of all where none is named.
pub fn create_publication(name: &str, tables: &[String], via_root: bool) -> String {
    let tables = match tables {
        [] => "ALL TABLES".to_owned(),
        tables => format!("TABLE {}", tables.join(", ")),
    };
    let with = if via_root { " WITH (publish_via_partition_root = true)" } else { "" };
    format!("CREATE PUBLICATION {} FOR {tables}{with};\n", quoted(name))
}

/// Drops a publication.
pub fn drop_publication(name: &str) -> String {
    format!("DROP PUBLICATION {};\n", quoted(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_quoted() {
        assert_eq!((literal("o'k"), literal(r"a\b")), ("'o''k'".into(), r" E'a\\b'".into()));
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn options_are_shown_where_they_are_wanted() {
        assert_eq!(alter_slot("s", None, Some(false)), "ALTER_REPLICATION_SLOT \"s\" (FAILOVER false);\n");
        assert_eq!(
            create_publication("p", &[], true),
            "CREATE PUBLICATION \"p\" FOR ALL TABLES WITH (publish_via_partition_root = true);\n"
        );
    }
}
