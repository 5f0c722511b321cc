//! A program's copy of tables: rows of a snapshot and changes, applied as a program would, with a check at each that it fits.

use std::collections::{BTreeMap, HashMap};

use crate::harness::stream::Outcome;
use crate::harness::view::{Event, SNAPSHOT, Value};
use crate::harness::{Cell, Database, Kind, Next, Options, Stream};
use postgres::SimpleQueryMessage;

pub const TABLE_BEGIN: u32 = 1;
pub const ITEM_END: u32 = 2;
pub const TABLE_END: u32 = 3;
pub const END: u32 = 4;
pub const RESTART: u32 = 5;

/// A row, by its columns, as the server's output functions write values.
type Row = Vec<Option<String>>;

/// A table's columns, and its rows by their first column.
#[derive(Default)]
pub struct Copy {
    pub columns: Vec<String>,
    pub rows: BTreeMap<String, Row>,
}

/// The copy.
#[derive(Default)]
pub struct Mirror {
    pub tables: HashMap<String, Copy>,
    /// The tables whose rows come, with how many came of each item.
    open: HashMap<String, HashMap<u32, u64>>,
    /// The tables whose rows are all there.
    pub ended: Vec<String>,
    /// How many rows of the snapshot came.
    pub rows: u64,
    /// How many items ended.
    pub items: u32,
    /// The state to store.
    pub state: Vec<u8>,
    /// Where the end of the snapshot is to be acknowledged.
    pub end: Option<u64>,
    /// How many changes came behind it.
    pub changes: u64,
}

fn shown(value: Value<'_>) -> Option<String> {
    match value.cell() {
        Cell::Null => None,
        // What a type without a binary form sends is its text.
        Cell::Text(text) => Some(String::from_utf8(text).unwrap()),
        Cell::Binary(_) => Some(value.format().unwrap()),
        other => panic!("{other:?} is no value"),
    }
}

impl Mirror {
    /// Takes an event. Whatever does not fit panics.
    pub fn take(&mut self, event: Event<'_>) {
        let it = event.fields();
        match event.kind() {
            Kind::Snapshot => self.step(event),
            Kind::Insert if it.flags & SNAPSHOT != 0 => {
                let (table, (_, item, _)) = (event.relation().full_name(), event.snapshot());
                assert_eq!((it.lsn, it.ack_lsn, it.xid, it.n_old), (0, 0, 0, 0));
                assert!(it.commit_lsn != 0 && event.position().timeline == 0, "it has no position");
                let came = self.open.get_mut(&table).unwrap_or_else(|| panic!("{table} has not begun"));
                let next = came.entry(item).or_insert(0);
                assert_eq!(it.sequence, *next, "rows are numbered in their item");
                *next += 1;
                self.rows += 1;
                self.insert(event);
            }
            Kind::Insert => {
                self.changes += 1;
                assert!(self.end.is_some(), "changes come behind the rows");
                self.insert(event);
            }
            Kind::Update => {
                self.changes += 1;
                let row: Vec<Value<'_>> = (0..it.n_new).map(|at| event.new_value(at)).collect();
                let copy = self.copy(event);
                let key = if it.n_old > 0 { event.old_value(0) } else { row[0] };
                let key = shown(key).unwrap();
                let old = copy.rows.remove(&key).unwrap_or_else(|| panic!("{} is not there", event.line()));
                let new: Row = row
                    .into_iter()
                    .zip(old)
                    .map(|(value, old)| if value.cell() == Cell::Unchanged { old } else { shown(value) })
                    .collect();
                let key = new[0].clone().unwrap();
                assert!(copy.rows.insert(key, new).is_none(), "{} twice", event.line());
            }
            Kind::Delete => {
                self.changes += 1;
                let key = shown(event.old_value(0)).unwrap();
                assert!(self.copy(event).rows.remove(&key).is_some(), "{} is not there", event.line());
            }
            Kind::Truncate => {
                self.changes += 1;
                let line = event.line();
                for (_, copy) in self.tables.iter_mut().filter(|(name, _)| line.contains(name.as_str())) {
                    copy.rows.clear();
                }
            }
            Kind::Relation => {
                self.copy(event);
            }
            _ => {}
        }
    }

    fn step(&mut self, event: Event<'_>) {
        let it = event.fields();
        let (step, item, state) = event.snapshot();
        assert!(!state.is_empty() && it.commit_lsn != 0 && self.end.is_none());
        self.state = state;
        let table = || event.relation().full_name();
        match step {
            TABLE_BEGIN => assert!(self.open.insert(table(), HashMap::new()).is_none()),
            ITEM_END => {
                let came = self.open[&table()].get(&item).copied().unwrap_or(0);
                assert_eq!(it.sequence, came, "an item says how many rows it has");
                self.items += 1;
            }
            TABLE_END => {
                let came: u64 = self.open.remove(&table()).unwrap().values().sum();
                assert_eq!(it.sequence, came, "a table says how many rows it has");
                self.ended.push(table());
            }
            END => {
                assert!(self.open.is_empty() && it.relation.is_null());
                assert_eq!((it.sequence, it.ack_lsn), (self.rows, it.commit_lsn));
                let position = event.position();
                assert_eq!((position.end_lsn, position.sequence), (it.ack_lsn, 0));
                self.end = Some(it.ack_lsn);
            }
            RESTART => {
                self.tables.values_mut().for_each(|copy| copy.rows.clear());
                (self.rows, self.items) = (0, 0);
                self.open.clear();
                self.ended.clear();
            }
            other => panic!("step {other}"),
        }
        if step != END {
            assert_eq!((it.ack_lsn, event.position().timeline), (0, 0));
        }
    }

    fn copy(&mut self, event: Event<'_>) -> &mut Copy {
        let relation = event.relation();
        let copy = self.tables.entry(relation.full_name()).or_default();
        if copy.columns.is_empty() {
            let width = relation.definition().matches(':').count() as u32;
            let name = |at| String::from_utf8(relation.column_name(at).to_vec()).unwrap();
            copy.columns = (0..width).map(name).collect();
        }
        copy
    }

    fn insert(&mut self, event: Event<'_>) {
        let row: Row = (0..event.fields().n_new).map(|at| shown(event.new_value(at))).collect();
        let key = row[0].clone().unwrap();
        assert!(self.copy(event).rows.insert(key, row).is_none(), "{} twice", event.line());
    }

    /// Reads until the snapshot has ended.
    #[track_caller]
    pub fn read_snapshot(&mut self, stream: &mut Stream) {
        self.read(stream, |it, _| it.end.is_some()).unwrap();
    }

    /// Reads to the end of what is committed by now, which a message marks.
    #[track_caller]
    pub fn catch_up(&mut self, db: &mut Database<'_>, stream: &mut Stream) {
        let mark = crate::harness::server::unique("mark");
        db.run(&format!("SELECT pg_logical_emit_message(true, '{mark}', '')"));
        self.read(stream, |_, event| {
            event.kind() == Kind::Message && event.message_prefix() == mark.as_bytes()
        })
        .unwrap();
    }

    /// Reads until something holds.
    pub fn read(
        &mut self,
        stream: &mut Stream,
        mut until: impl FnMut(&Self, Event<'_>) -> bool,
    ) -> Outcome<()> {
        loop {
            match stream.next(crate::harness::PATIENCE.as_millis() as i32)? {
                Next::Event(event) => {
                    self.take(event);
                    if until(self, event) {
                        return Ok(());
                    }
                }
                Next::Nothing(status) => panic!("{status:?} after {} rows", self.rows),
            }
        }
    }

    /// Whether the copy is what the server has, row by row. `condition`, by table, says which rows are published.
    #[track_caller]
    pub fn compare(&self, db: &mut Database<'_>, conditions: &[(&str, &str)]) {
        // A partition is described before its changes, which come as its root's.
        for (name, copy) in self.tables.iter().filter(|(name, _)| self.ended.contains(name)) {
            let columns: Vec<String> = copy.columns.iter().map(|name| format!("\"{name}\"")).collect();
            let quoted = name.replace('"', "\"\"");
            let (schema, table) = quoted.split_once('.').unwrap();
            let condition = conditions.iter().find(|(of, _)| of == name).map_or("true", |(_, it)| it);
            let query =
                format!("SELECT {} FROM \"{schema}\".\"{table}\" WHERE {condition}", columns.join(", "));
            let mut there = BTreeMap::new();
            for message in db.sql.simple_query(&query).unwrap() {
                if let SimpleQueryMessage::Row(row) = message {
                    let row: Row = (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect();
                    there.insert(row[0].clone().unwrap(), row);
                }
            }
            for (key, row) in &copy.rows {
                assert_eq!(there.get(key), Some(row), "{name} {key}");
            }
            let lost: Vec<_> = there.keys().filter(|key| !copy.rows.contains_key(*key)).take(5).collect();
            assert!(lost.is_empty(), "of {name} the copy lacks {lost:?}");
        }
    }
}

/// Options of a stream that begins with the rows.
pub fn options(db: &Database<'_>, slot: &str) -> Options {
    Options::stream(&db.conninfo(), slot, "pub")
        .with("snapshot", "initial")
        .with("slot_create", "if_missing")
        .with("messages", "on")
}

/// How many slots of the test's there are.
pub fn slots(db: &mut Database<'_>) -> String {
    db.text("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()")
}

/// A table of so many rows, each of 1 kB, published.
pub fn thousand_bytes_each(db: &mut Database<'_>, rows: u32) {
    db.run(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, pad text);
         INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, {rows}) n;
         CREATE PUBLICATION pub FOR TABLE t"
    ));
}
