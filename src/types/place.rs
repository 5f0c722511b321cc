//! Where a value stands, in the words of errors. It must never show the value.

use super::oid;
use crate::batch::{Column, Relation, Type, TypeKind, TypeSource};

/// The table, the column and its type: `table public.t, column "at" (date)`.
#[cold]
pub fn place(relation: &Relation, column: &Column) -> String {
    let text = String::from_utf8_lossy;
    if relation.generation == 0 {
        // Not a table's: the items of a value of that type.
        let of = label(&column.data_type);
        return format!("{}, item \"{}\" ({of})", text(&relation.name), text(&column.name));
    }
    let (schema, table, column_name) = (text(&relation.namespace), text(&relation.name), text(&column.name));
    format!("table {schema}.{table}, column \"{column_name}\" ({})", label(&column.data_type))
}

/// A type's name for people.
#[cold]
pub fn label(of: &Type) -> String {
    let oid = of.oid;
    match of.kind {
        _ if !of.sql_name.is_empty() => of.sql_name.to_owned(),
        TypeKind::WAL_TYPE_KIND_DOMAIN => {
            format!("a domain over {}, OID {oid}", oid::name(of.base_oid()).unwrap_or("?"))
        }
        _ if oid == 0 => "a type that is not told".to_owned(),
        _ if of.name.is_empty() => format!("type with OID {oid}"),
        _ => {
            let (schema, name) = (String::from_utf8_lossy(&of.namespace), String::from_utf8_lossy(&of.name));
            format!("{schema}.{name}, OID {oid}")
        }
    }
}

/// Whether it is known how the binary form of a type's values is read.
pub fn is_resolved(of: &Type) -> bool {
    oid::is_built_in(of.reads_as)
        && of.reads_as != oid::GEOMETRY_ARRAY
        && of.source != TypeSource::WAL_TYPE_SOURCE_NONE
}
