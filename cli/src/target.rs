//! The database that changes are made in. It must never commit changes without the position behind them.

use pgwalstream::{Batch, Connection, EventKind, Lsn, Options, Position, Renderer};

use crate::sql::literal;
use crate::trouble::{Trouble, say};

/// What apply keeps in the target, made where it is not there. A row of `applied` is only moved on by whoever knows where it stands.
const FURNITURE: &str = "BEGIN;
CREATE SCHEMA pgwalstream;
CREATE TABLE pgwalstream.applied (slot text PRIMARY KEY, position text NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION pgwalstream.one(n bigint, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF n OPERATOR(pg_catalog.<>) 1 THEN RAISE EXCEPTION '%: % rows', what, n USING ERRCODE = 'no_data_found'; END IF;
END $$;
COMMENT ON SCHEMA pgwalstream IS 'how far pgwalstream apply is';
COMMIT";

/// How literals are read, and what must not end a transaction.
const SESSION: &str = "SET search_path = ''; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on;
SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";

/// A connection to the target, and how far it is.
pub struct Target {
    connection: Connection,
    renderer: Renderer,
    slot: String,
    /// The text of the position that the target has; empty before the first.
    position: String,
    /// Whether a transaction of the target is open.
    is_open: bool,
}

impl Target {
    /// Connects, and finds where to go on.
    pub async fn open(options: &Options, slot: &str) -> Result<Self, Trouble> {
        let mut connection = Connection::connect(options).await?;
        connection.query(SESSION).await?;
        if let Err(error) = connection.query("SET session_replication_role = replica").await {
            say(format_args!("{}: triggers and foreign keys of the target see the changes", error.message()));
        }
        let there = connection.query("SELECT pg_catalog.to_regclass('pgwalstream.applied')").await?;
        if there.rows.first().and_then(|row| row.first()).is_none_or(Option::is_none) {
            connection.query(FURNITURE).await?;
        }
        let position = match stands(&mut connection, slot).await? {
            Some(position) => position,
            None => {
                // Another apply may have been faster.
                let row = format!("{}, '', pg_catalog.now()", literal(slot));
                let insert =
                    format!("INSERT INTO pgwalstream.applied VALUES ({row}) ON CONFLICT (slot) DO NOTHING");
                connection.query(insert).await?;
                stands(&mut connection, slot).await?.unwrap_or_default()
            }
        };
        let renderer = Renderer::new("sql")?;
        Ok(Self { connection, renderer, slot: slot.to_owned(), position, is_open: false })
    }

    /// What to resume after; None: nothing was applied yet.
    pub fn position(&self) -> Result<Option<Position>, Trouble> {
        match self.position.as_str() {
            "" => Ok(None),
            text => Ok(Some(text.parse()?)),
        }
    }

    /// Makes the changes of a batch. Of what is whole the target has it when this returns, with its position: what it gives may be
    /// acknowledged.
    pub async fn make(&mut self, batch: &Batch) -> Result<Option<Lsn>, Trouble> {
        self.renderer.clear();
        let (mut whole, mut last) = (0, None);
        for event in batch {
            if event.kind() != EventKind::Progress {
                self.renderer.push(event)?;
            }
            if let (Some(ack), Some(position)) = (event.ack_lsn(), event.position()) {
                (whole, last) = (self.renderer.messages().len(), Some((ack, position)));
            } else if event.kind() == EventKind::Commit {
                let why = "the source tells no positions: it is a standby, and may be promoted at any time";
                return Err(Trouble::other(why));
            }
        }
        let Some((ack, position)) = last else {
            self.send(0, usize::MAX, String::new()).await?;
            return Ok(None);
        };
        let position = position.to_string();
        if position != self.position {
            let (slot, old, new) = (literal(&self.slot), literal(&self.position), literal(&position));
            let moved = format!(
                "UPDATE pgwalstream.applied SET position = {new}, at = pg_catalog.now() WHERE slot OPERATOR(pg_catalog.=) {slot} \
                 AND position OPERATOR(pg_catalog.=) {old}"
            );
            let end = format!(
                "{}COMMIT;",
                checked(&moved, &format!("position of slot {}, which another apply moved", self.slot))
            );
            self.send(0, whole, end).await?;
            self.is_open = false;
            self.position = position;
        }
        self.send(whole, usize::MAX, String::new()).await?;
        Ok(Some(ack))
    }

    /// Sends the statements of some messages, in a transaction that stays open unless `end` ends it.
    async fn send(&mut self, from: usize, to: usize, end: String) -> Result<(), Trouble> {
        let mut text = Statements::default();
        for message in self.renderer.messages().take(to).skip(from) {
            let Some(value) =
                message.value.filter(|_| !matches!(message.kind, EventKind::Begin | EventKind::Commit))
            else {
                continue;
            };
            let statement = std::str::from_utf8(value)
                .map_err(|_| Trouble::other("a change is not UTF-8, and cannot be a statement"))?;
            match message.kind {
                EventKind::Insert => text.insert(statement),
                EventKind::Update | EventKind::Delete => {
                    let table = String::from_utf8_lossy(message.topic.unwrap_or_default());
                    let what = format!("{} of {table}", message.kind.name());
                    text.push(&checked(statement.trim_end_matches(';'), &what));
                }
                _ => text.push(statement),
            }
        }
        let mut text = text.whole();
        text.push_str(&end);
        if text.is_empty() {
            return Ok(());
        }
        if !self.is_open {
            text.insert_str(0, "BEGIN;\n");
            self.is_open = true;
        }
        self.connection.query(text).await?;
        Ok(())
    }
}

/// Statements, one behind the other.
#[derive(Default)]
struct Statements {
    text: String,
    /// How far the last one reaches to which rows can be appended, and where its rows begin.
    insert: Option<(usize, usize)>,
}

/// What stands between the columns and the rows of an INSERT of the format sql.
const ROWS: &str = ") OVERRIDING SYSTEM VALUE VALUES ";

impl Statements {
    fn push(&mut self, statement: &str) {
        self.insert = None;
        self.text.push_str(statement);
        self.text.push('\n');
    }

    /// Rows of one table that follow each other become one statement: the server reads it in a part of the time.
    fn insert(&mut self, statement: &str) {
        let rows = statement.find(ROWS).map(|at| at + ROWS.len());
        // What is found inside of a name is none.
        let rows =
            rows.filter(|at| statement.get(..*at).is_some_and(|head| head.matches('"').count() % 2 == 0));
        let begin = self.text.len();
        if let (Some(rows), Some((first, to))) = (rows, self.insert)
            && self.text.get(first..to) == statement.get(..rows)
        {
            self.text.truncate(self.text.trim_end_matches('\n').trim_end_matches(';').len());
            self.text.push(',');
            self.text.push_str(statement.get(rows..).unwrap_or_default());
            self.text.push('\n');
            return;
        }
        self.push(statement);
        self.insert = rows.map(|rows| (begin, begin + rows));
    }

    fn whole(self) -> String {
        self.text
    }
}

/// Where a slot stands in the target, if it was applied from there.
async fn stands(connection: &mut Connection, slot: &str) -> Result<Option<String>, Trouble> {
    let name = literal(slot);
    let query = format!("SELECT position FROM pgwalstream.applied WHERE slot OPERATOR(pg_catalog.=) {name}");
    Ok(connection.query(query).await?.get(0, "position").map(str::to_owned))
}

/// A statement that must change one row, or else is named.
fn checked(statement: &str, what: &str) -> String {
    format!(
        "WITH hit AS ({statement} RETURNING 1) SELECT pgwalstream.one(pg_catalog.count(*), {}) FROM hit;",
        literal(what)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_each_other_become_one_statement() {
        let of = |statements: &[&str]| {
            let mut text = Statements::default();
            for statement in statements {
                if statement.starts_with("INSERT") { text.insert(statement) } else { text.push(statement) }
            }
            text.whole()
        };
        let (one, two) = (
            "INSERT INTO \"t\" (\"a\") OVERRIDING SYSTEM VALUE VALUES ('1;\n');",
            "INSERT INTO \"t\" (\"a\") OVERRIDING SYSTEM VALUE VALUES (';');",
        );
        assert_eq!(
            of(&[one, two, two]),
            "INSERT INTO \"t\" (\"a\") OVERRIDING SYSTEM VALUE VALUES ('1;\n'),(';'),(';');\n"
        );
        assert_eq!(of(&[one, "TRUNCATE x;", two]), format!("{one}\nTRUNCATE x;\n{two}\n"));
        let other = one.replace("\"a\"", "\"b\"");
        assert_eq!(of(&[one, &other]), format!("{one}\n{other}\n"));
        // Such a name is no end of columns.
        let odd = "INSERT INTO \"t\" (\"a) OVERRIDING SYSTEM VALUE VALUES (\") OVERRIDING SYSTEM VALUE VALUES ('1');";
        assert_eq!(of(&[odd, odd]), format!("{odd}\n{odd}\n"));
        let none = "INSERT INTO \"t\" DEFAULT VALUES;";
        assert_eq!(of(&[none, none]), format!("{none}\n{none}\n"));
    }

    #[test]
    fn a_statement_must_change_one_row() {
        assert_eq!(
            checked("DELETE FROM t", "DELETE of o'k"),
            "WITH hit AS (DELETE FROM t RETURNING 1) SELECT pgwalstream.one(pg_catalog.count(*), 'DELETE of o''k') FROM hit;"
        );
    }
}
