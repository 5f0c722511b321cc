//! The database that changes are made in. It must never commit changes without the position behind them, nor say that it has what
//! its disk may not have.

use std::collections::BTreeSet;
use std::time::Duration;

use pgwalstream::{Batch, Connection, Error, EventKind, EventRef, Lsn, Options, Position, Renderer, Rows};
use tokio::time::sleep;

use crate::lines::is_vague;
use crate::sql::literal;
use crate::trouble::{Trouble, say};

/// The schema of what apply keeps in the target.
const OWN: &str = "pgwalstream";

/// What apply keeps in the target, made where it is not there. A row of `applied` is only moved on by whoever knows where it stands.
/// Of two that begin at once one waits.
const FURNITURE: &str = "BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(1886871916, 0);
CREATE SCHEMA IF NOT EXISTS pgwalstream;
CREATE TABLE IF NOT EXISTS pgwalstream.applied (slot text PRIMARY KEY, position text NOT NULL, at timestamptz NOT NULL);
CREATE OR REPLACE FUNCTION pgwalstream.one(n bigint, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF n OPERATOR(pg_catalog.<>) 1 THEN RAISE EXCEPTION '%: % rows', what, n USING ERRCODE = 'no_data_found'; END IF;
END $$;
COMMENT ON SCHEMA pgwalstream IS 'how far pgwalstream apply is';
COMMIT";

/// Of whom apply runs no function: neither the role itself nor a superuser.
const STRANGERS: &str = "SELECT pg_catalog.string_agg(r.rolname, ', ') AS roles FROM (
  SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'pgwalstream'
  UNION SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'pgwalstream.applied'::pg_catalog.regclass
  UNION SELECT proowner FROM pg_catalog.pg_proc WHERE pronamespace = 'pgwalstream'::pg_catalog.regnamespace
) o(id) JOIN pg_catalog.pg_roles r ON r.oid = o.id WHERE NOT r.rolsuper AND r.rolname <> current_user";

/// How literals are read, who sees all rows, and what a role or a database may have set otherwise.
const SETTINGS: &[(&str, &str)] = &[
    ("search_path", ""),
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("array_nulls", "on"),
    ("xmloption", "content"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("row_security", "off"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_isolation", "read committed"),
];

/// What must not end a transaction, of the versions that have it.
const NO_TIMEOUTS: &str = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = ANY ('{statement_timeout,\
    lock_timeout,idle_in_transaction_session_timeout,idle_session_timeout,transaction_timeout}')";

/// COMMIT must not return before the disk has it. What waits for standbys too stays.
const FLUSHED: &str = "SELECT pg_catalog.set_config('synchronous_commit', 'on', false) \
    WHERE pg_catalog.current_setting('synchronous_commit') = 'off'";

/// Where the equality of types of extensions is found: in schemas in which nobody but the owner can put another.
const EQUALITIES: &str = "SELECT pg_catalog.set_config('search_path', coalesce(pg_catalog.string_agg(DISTINCT \
      pg_catalog.quote_ident(n.nspname), ', '), ''), false) \
    FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.objid = o.oid \
    JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner \
    WHERE o.oprname = '=' AND d.deptype = 'e' AND (r.rolsuper OR r.rolname IN (current_user, 'pg_database_owner')) \
    AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner)";

/// The first half of the key of the locks, of which FURNITURE has one too.
const LOCKS: i32 = 1_886_871_916;

/// Longer than this nobody waits in silence.
const SILENCE: Duration = Duration::from_secs(2);

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
    /// Connects, and finds where to go on. As long as this is there nobody else applies the slot: an old session that still works, of
    /// a command that was killed, is waited for.
    pub async fn open(options: &Options, slot: &str) -> Result<Self, Trouble> {
        let mut connection = Connection::connect(options).await.map_err(of_target)?;
        let settings: Vec<String> = SETTINGS
            .iter()
            .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', false)"))
            .collect();
        for query in [&format!("SELECT {}", settings.join(", ")), NO_TIMEOUTS, FLUSHED, EQUALITIES] {
            ask(&mut connection, query).await?;
        }
        if let Err(error) = connection.query("SET session_replication_role = replica").await {
            say(format_args!("target: {}: its triggers and foreign keys see the changes", error.message()));
        }
        // A backend that works does not see else that its client is gone. Not every system can tell it.
        let _ = connection.query("SET client_connection_check_interval = '1s'").await;
        lock(&mut connection, slot).await?;
        give_origin(&mut connection, slot).await?;
        let there =
            ask(&mut connection, "SELECT pg_catalog.to_regclass('pgwalstream.applied') AS at").await?;
        if there.get(0, "at").is_none() {
            ask(&mut connection, FURNITURE).await?;
        }
        if let Some(roles) = ask(&mut connection, STRANGERS).await?.get(0, "roles") {
            let why = "its functions would run with the rights of apply's role";
            return Err(Trouble::other(format!(
                "target: schema pgwalstream, or what is in it, belongs to {roles}: {why}\n  \
                 hint: give it to the role that apply connects as"
            )));
        }
        let position = match stands(&mut connection, slot).await? {
            Some(position) => position,
            None => {
                let row = format!("{}, '', pg_catalog.now()", literal(slot));
                let insert =
                    format!("INSERT INTO pgwalstream.applied VALUES ({row}) ON CONFLICT (slot) DO NOTHING");
                ask(&mut connection, &insert).await?;
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
    /// acknowledged. Dropping the future gives the transaction up, and this with it.
    pub async fn make(&mut self, batch: &Batch) -> Result<Option<Lsn>, Trouble> {
        let made = self.make_all(batch).await;
        made.map_err(|trouble| match trouble {
            Trouble::Target(error, _) => Trouble::Target(error, commits(batch)),
            trouble => trouble,
        })
    }

    async fn make_all(&mut self, batch: &Batch) -> Result<Option<Lsn>, Trouble> {
        self.renderer.clear();
        let (mut whole, mut last) = (0, None);
        for event in batch {
            if event.kind() != EventKind::Progress && !is_own(event)? {
                self.renderer.push(event)?;
            }
            if let (Some(ack), Some(position)) = (event.ack_lsn(), event.position()) {
                (whole, last) = (self.renderer.messages().len(), Some((ack, position)));
            } else if event.kind() == EventKind::Commit && !is_vague(event) {
                let why = "the source tells no positions, which is so while it is a standby: it may be promoted at any time";
                return Err(Trouble::other(why));
            }
        }
        let Some((ack, position)) = last else {
            self.send(0, usize::MAX, String::new()).await?;
            return Ok(None);
        };
        let position = position.to_string();
        if position != self.position {
            let moved = format!(
                "UPDATE pgwalstream.applied SET position = {}, at = pg_catalog.now() WHERE {}",
                literal(&position),
                self.stands_here()
            );
            let end = format!("{}COMMIT;", checked(&moved, &self.moved_on()));
            self.send(0, whole, end).await?;
            self.is_open = false;
            self.position = position;
        }
        self.send(whole, usize::MAX, String::new()).await?;
        Ok(Some(ack))
    }

    fn stands_here(&self) -> String {
        let (slot, position) = (literal(&self.slot), literal(&self.position));
        format!("slot OPERATOR(pg_catalog.=) {slot} AND position OPERATOR(pg_catalog.=) {position}")
    }

    fn moved_on(&self) -> String {
        format!("position of slot {}, which another apply moved", self.slot)
    }

    /// The beginning of a transaction. The position comes first: where another made these changes, that is told and no conflict.
    fn begin(&self) -> String {
        format!(
            "BEGIN;\nWITH hit AS (SELECT 1 FROM pgwalstream.applied WHERE {} FOR UPDATE) \
             SELECT pgwalstream.one(pg_catalog.count(*), {}) FROM hit;\n",
            self.stands_here(),
            literal(&self.moved_on())
        )
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
            text.insert_str(0, &self.begin());
            self.is_open = true;
        }
        ask(&mut self.connection, &text).await?;
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
    Ok(ask(connection, &query).await?.get(0, "position").map(str::to_owned))
}

fn of_target(error: Error) -> Trouble {
    Trouble::Target(error, String::new())
}

async fn ask(connection: &mut Connection, query: &str) -> Result<Rows, Trouble> {
    connection.query(query).await.map_err(of_target)
}

/// Takes the lock of a slot for as long as the session lives. A backend does not notice that its client was killed while it works.
async fn lock(connection: &mut Connection, slot: &str) -> Result<(), Trouble> {
    let key = crc32c::crc32c(slot.as_bytes()).cast_signed();
    let query = format!("SELECT pg_catalog.pg_advisory_lock({LOCKS}, {key})");
    let locked = ask(connection, &query);
    tokio::pin!(locked);
    tokio::select! {
        done = &mut locked => return done.map(drop),
        () = sleep(SILENCE) => {}
    }
    say(format_args!("target: another apply of slot {slot} still works there: it is waited for"));
    locked.await.map(drop)
}

/// Says of what the session writes that it comes from elsewhere, so that a stream back can leave it out (origin=none).
async fn give_origin(connection: &mut Connection, slot: &str) -> Result<(), Trouble> {
    let name = format!(
        "pg_catalog.concat('pgwalstream_', (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()), {})",
        literal(&format!("_{slot}"))
    );
    let made = format!(
        "SELECT pg_catalog.pg_replication_origin_create({name}) WHERE pg_catalog.pg_replication_origin_oid({name}) IS NULL"
    );
    let set = format!("SELECT pg_catalog.pg_replication_origin_session_setup({name})");
    let mut attempts = 0;
    for query in [made, set] {
        while let Err(error) = connection.query(query.as_str()).await {
            if error.is_retriable() && error.sqlstate() != IN_USE {
                return Err(of_target(error));
            }
            // A session gives it back a moment after its lock.
            if error.sqlstate() == IN_USE && attempts < 50 {
                attempts += 1;
                sleep(Duration::from_millis(100)).await;
                continue;
            }
            say(format_args!("target: {}: a stream back cannot leave out what is applied", error.message()));
            return Ok(());
        }
    }
    Ok(())
}

/// The SQLSTATE object_in_use.
const IN_USE: &str = "55006";

/// Whether an event is of what an apply keeps in the source, which is itself a target: that is no data.
fn is_own(event: EventRef<'_>) -> Result<bool, Trouble> {
    if let Some(relation) = event.relation() {
        return Ok(relation.namespace() == OWN);
    }
    if event.kind() != EventKind::Truncate {
        return Ok(false);
    }
    let own = event.truncated().filter(|relation| relation.namespace() == OWN).count();
    match event.truncated().count() - own {
        0 => Ok(true),
        _ if own == 0 => Ok(false),
        _ => Err(Trouble::other("one TRUNCATE empties tables of schema pgwalstream and others")),
    }
}

/// The transactions of a batch, for whoever looks for a conflict.
fn commits(batch: &Batch) -> String {
    let all: BTreeSet<Lsn> = batch.iter().filter_map(|event| event.commit_lsn()).collect();
    match (all.first(), all.last()) {
        (Some(first), Some(last)) if first == last => format!("the transaction that commits at {first}"),
        (Some(first), Some(last)) => {
            format!("{} transactions that commit from {first} to {last}", all.len())
        }
        _ => String::new(),
    }
}

/// What tells a database of a server from all others.
pub async fn identity(connection: &mut Connection) -> Result<String, Error> {
    let query = "SELECT pg_catalog.concat(pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()), ' ', \
         pg_catalog.current_database()) AS it";
    Ok(connection.query(query).await?.get(0, "it").unwrap_or_default().to_owned())
}

/// Looks for what would end `apply` in the middle, or make other changes than the source did. `tables`: schema and name of each.
pub async fn fits(options: &Options, source: &str, tables: &[(String, String)]) -> Result<(), Trouble> {
    let mut connection = Connection::connect(options).await.map_err(of_target)?;
    ask(&mut connection, "SELECT pg_catalog.set_config('search_path', '', false)").await?;
    if identity(&mut connection).await.map_err(of_target)? == source {
        return Err(Trouble::Usage("--to is the source itself: each change would make another".to_owned()));
    }
    if tables.is_empty() {
        return Ok(());
    }
    let list: Vec<String> =
        tables.iter().map(|(schema, name)| format!("({}, {})", literal(schema), literal(name))).collect();
    let list = list.join(", ");
    let of = format!(
        "FROM (VALUES {list}) w(s, t) JOIN pg_catalog.pg_namespace n ON n.nspname = w.s \
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.t"
    );
    let parents = format!(
        "SELECT pg_catalog.format('%I.%I', w.s, w.t) AS name {of} \
         WHERE c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid) ORDER BY 1"
    );
    if let Some(name) = ask(&mut connection, &parents).await?.get(0, "name") {
        return Err(Trouble::other(format!(
            "target: others inherit from {name}: its statements would reach them\n  hint: leave it out of the publication"
        )));
    }
    let identities = format!(
        "SELECT pg_catalog.format('ALTER TABLE %I.%I ALTER %I SET GENERATED BY DEFAULT', w.s, w.t, a.attname) AS remedy, \
           pg_catalog.format('%I of %I.%I', a.attname, w.s, w.t) AS name {of} \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attidentity = 'a' \
         WHERE c.relreplident <> 'f' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey) \
           AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END) ORDER BY 1"
    );
    let found = ask(&mut connection, &identities).await?;
    if let (Some(remedy), Some(name)) = (found.get(0, "remedy"), found.get(0, "name")) {
        return Err(Trouble::other(format!(
            "target: column {name} is GENERATED ALWAYS AS IDENTITY and no part of the key: no UPDATE can set it\n  \
             hint: in the target, {remedy}"
        )));
    }
    Ok(())
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
