//! `pgwalstream publication`.

use pgwalstream::{Connection, NewPublication, Operation, Options};

use crate::args::Publication;
use crate::json::{member, string};
use crate::output::print;
use crate::slot::sure;
use crate::sql;
use crate::table::table;
use crate::trouble::{Trouble, note};

pub async fn run(options: Options, command: Publication) -> Result<(), Trouble> {
    match &command {
        Publication::Create { name, tables, via_partition_root, dry_run: true, .. } => {
            return print(sql::create_publication(name, tables, *via_partition_root).as_bytes());
        }
        Publication::Drop { names, dry_run: true, .. } => {
            let all: String = names.iter().map(|name| sql::drop_publication(name)).collect();
            return print(all.as_bytes());
        }
        _ => {}
    }
    if let Publication::Drop { names, yes, .. } = &command {
        sure(*yes, &format!("Drop {}? Streams that read it end.", names.join(", ")))?;
    }
    let mut connection = Connection::connect(&options).await?;
    match command {
        Publication::List { json } => list(&mut connection, json).await,
        Publication::Create { name, all_tables: true, via_partition_root, .. } => {
            let new = NewPublication::of_all_tables(name).via_partition_root(via_partition_root);
            Ok(connection.create_publication(new).await?)
        }
        Publication::Create { name, tables, via_partition_root, .. } => {
            create(&mut connection, &name, &tables, via_partition_root).await
        }
        Publication::Drop { names, .. } => {
            for name in names {
                connection.drop_publication(&name).await?;
                note(format_args!("dropped publication {name}"));
            }
            Ok(())
        }
        Publication::Tables { name, json } => tables(&mut connection, &name, json).await,
    }
}

/// Makes a publication of tables, each as SQL writes it, with a list of columns and a condition if it has them (PostgreSQL 15).
pub async fn create(
    connection: &mut Connection,
    name: &str,
    tables: &[String],
    via_root: bool,
) -> Result<(), Trouble> {
    if tables.iter().any(|table| table.contains('(')) {
        connection.query(sql::create_publication(name, tables, via_root)).await?;
    } else {
        let new = NewPublication::of_tables(name, tables.join(", ")).via_partition_root(via_root);
        connection.create_publication(new).await?;
    }
    Ok(())
}

async fn list(connection: &mut Connection, json: bool) -> Result<(), Trouble> {
    let mut rows = Vec::new();
    for found in connection.publications().await? {
        let operations = [
            (Operation::Insert, "insert"),
            (Operation::Update, "update"),
            (Operation::Delete, "delete"),
            (Operation::Truncate, "truncate"),
        ];
        let operations: Vec<&str> =
            operations.iter().filter(|(which, _)| found.publishes(*which)).map(|(_, word)| *word).collect();
        rows.push(vec![
            found.name().to_owned(),
            operations.join(","),
            if found.is_of_all_tables() { "all tables" } else { "listed tables" }.to_owned(),
            if found.is_via_partition_root() { "root" } else { "partition" }.to_owned(),
        ]);
    }
    show(&["name", "publishes", "of", "partitions as"], &rows, json)
}

async fn tables(connection: &mut Connection, name: &str, json: bool) -> Result<(), Trouble> {
    let mut rows = Vec::new();
    for found in connection.published_tables(name).await? {
        rows.push(vec![
            found.namespace().to_owned(),
            found.name().to_owned(),
            found.columns().unwrap_or("all").to_owned(),
            found.row_filter().unwrap_or("-").to_owned(),
            found.warning().unwrap_or_else(|| "good".to_owned()),
        ]);
    }
    show(&["schema", "table", "columns", "rows", "state"], &rows, json)
}

fn show(heading: &[&str], rows: &[Vec<String>], json: bool) -> Result<(), Trouble> {
    if !json {
        return print(table(heading, rows).as_bytes());
    }
    let mut out = String::new();
    for row in rows {
        let mut names = heading.iter().zip(row);
        if let Some((name, text)) = names.next() {
            out.push_str(&format!("{{\"{name}\":"));
            string(text, &mut out);
        }
        for (name, text) in names {
            member(&name.replace(' ', "_"), text, &mut out);
        }
        out.push_str("}\n");
    }
    print(out.as_bytes())
}
