//! The definitions of published tables as pgoutput would send them, so that rows of a snapshot and changes have the same
//! relations (PostgreSQL documentation, "Logical Replication Message Formats", Relation and Type; logicalrep_write_rel,
//! logicalrep_write_typ). It must never say what pgoutput would not.

use super::plan::{Column, Published};

/// The first OID that is none of PostgreSQL's own types (FirstGenbkiObjectId).
const FIRST_OF_USERS: u32 = 10_000;

/// The messages: the types that are not built in, then the table.
pub fn definitions(table: &Published) -> Vec<Vec<u8>> {
    let foreign = table.columns.iter().filter(|column| column.type_oid >= FIRST_OF_USERS);
    foreign.map(type_message).chain([relation_message(table)]).collect()
}

fn type_message(column: &Column) -> Vec<u8> {
    let mut out = vec![b'Y'];
    out.extend(column.type_oid.to_be_bytes());
    text(&mut out, schema(&column.type_namespace));
    text(&mut out, &column.type_name);
    out
}

fn relation_message(table: &Published) -> Vec<u8> {
    let mut out = vec![b'R'];
    out.extend(table.oid.to_be_bytes());
    text(&mut out, schema(&table.namespace));
    text(&mut out, &table.name);
    out.push(table.replica_identity);
    out.extend(u16::try_from(table.columns.len()).unwrap_or(u16::MAX).to_be_bytes());
    for column in &table.columns {
        out.push(u8::from(column.is_key));
        text(&mut out, &column.name);
        out.extend(column.type_oid.to_be_bytes());
        out.extend(column.typmod.to_be_bytes());
    }
    out
}

/// "" stands for pg_catalog (logicalrep_write_namespace).
fn schema(name: &str) -> &str {
    if name == "pg_catalog" { "" } else { name }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes());
    out.push(0);
}
