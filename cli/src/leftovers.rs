//! Publications that a killed `tail` or `capture` made for itself. It must never drop that of a command that runs.

use std::time::Duration;

use pgwalstream::{Connection, Options};

use crate::trouble::{Trouble, note};

/// What a command writes into the comment of a publication that it makes for itself.
pub const LEFT_BEHIND: &str = "made by a pgwalstream command, and dropped at its end";

/// Between its publication and its slot, which has the same name, a command takes less than this.
const START: Duration = Duration::from_secs(5);

/// Drops what was there twice without its slot.
pub async fn drop_all(options: &Options) -> Result<(), Trouble> {
    let mut connection = Connection::connect(options).await?;
    let before = left_behind(&mut connection).await?;
    if !before.is_empty() {
        tokio::time::sleep(START).await;
    }
    for name in left_behind(&mut connection).await?.iter().filter(|name| before.contains(name)) {
        connection.drop_publication(name.as_str()).await?;
        note(format_args!("dropped publication {name}"));
    }
    Ok(())
}

async fn left_behind(connection: &mut Connection) -> Result<Vec<String>, Trouble> {
    let rows = connection
        .query(format!(
            "SELECT pubname FROM pg_catalog.pg_publication WHERE pg_catalog.obj_description(oid, 'pg_publication') \
             OPERATOR(pg_catalog.=) '{LEFT_BEHIND}' AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots \
             WHERE slot_name OPERATOR(pg_catalog.=) pubname) ORDER BY 1"
        ))
        .await?;
    Ok(rows.rows.into_iter().flatten().flatten().collect())
}
