//! What is prepared of a relation for Debezium's envelope: topic, names, keys, and how each column is written. It must never name
//! as key what the server does not send with a DELETE, unless the program said so.

use std::ops::Range;

use super::super::out::Out;
use super::super::plan::Prepared;
use super::super::settings::{Schemas, Settings};
use super::super::text;
use super::form::Form;
use super::{placeholder, schema};
use crate::batch::{Column, Relation};
use crate::error::{Error, Result, Status};

/// Of a relation.
#[derive(Debug)]
pub(super) struct Table {
    /// All texts, one behind the other.
    texts: Out,
    topic: Range<usize>,
    /// `public.t`
    collection: Range<usize>,
    /// `,"schema":"public","table":"t"`
    names: Range<usize>,
    /// What a value and a key begin with.
    value_head: Range<usize>,
    key_head: Range<usize>,
    pub(super) columns: Box<[TableColumn]>,
    /// Which of the columns identify a row; empty where none do.
    pub(super) key: Box<[usize]>,
    /// Whether the server sends the old key with an UPDATE that changes it.
    pub(super) old_key_is_told: bool,
    /// Which definition it is.
    pub(super) serial: u64,
}

/// Of a column.
#[derive(Debug)]
pub(super) struct TableColumn {
    /// Its place in a row.
    pub(super) at: usize,
    /// `,"name":`
    name: Range<usize>,
    /// What stands for a value that was not sent.
    placeholder: Range<usize>,
    pub(super) reads_as: u32,
    pub(super) form: Form,
}

impl Table {
    /// What messages of its changes go to.
    pub(super) fn topic(&self) -> &[u8] {
        self.text(&self.topic)
    }

    /// `public.t`
    pub(super) fn collection(&self) -> &[u8] {
        self.text(&self.collection)
    }

    /// `,"schema":"public","table":"t"`
    pub(super) fn names(&self) -> &[u8] {
        self.text(&self.names)
    }

    /// What a value begins with, up to the old row.
    pub(super) fn value_head(&self) -> &[u8] {
        self.text(&self.value_head)
    }

    /// What a key begins with, up to its first column.
    pub(super) fn key_head(&self) -> &[u8] {
        self.text(&self.key_head)
    }

    /// `,"name":`
    #[inline]
    pub(super) fn name(&self, column: &TableColumn) -> &[u8] {
        self.text(&column.name)
    }

    /// What stands for a column's value that was not sent.
    pub(super) fn placeholder(&self, column: &TableColumn) -> &[u8] {
        self.text(&column.placeholder)
    }

    /// The columns that identify a row.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = &TableColumn> {
        self.key.iter().filter_map(|at| self.columns.get(*at))
    }

    #[inline]
    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.texts.bytes().get(range.clone()).unwrap_or_default()
    }
}

impl Prepared for Table {
    type With = ();

    fn prepare(relation: &Relation, settings: &Settings, (): ()) -> Result<Self> {
        let mut texts = Out::default();
        let mut piece = |write: &mut dyn FnMut(&mut Out)| {
            let begin = texts.len();
            write(&mut texts);
            begin..texts.len()
        };
        let collection = piece(&mut |out| {
            out.put(&relation.namespace);
            out.byte(b'.');
            out.put(&relation.name);
        });
        let topic = piece(&mut |out| topic(settings, &[&relation.namespace, b".", &relation.name], out));
        let names = piece(&mut |out| {
            out.put(b",\"schema\":");
            text::string(&relation.namespace, settings, out);
            out.put(b",\"table\":");
            text::string(&relation.name, settings, out);
        });
        let forms =
            relation.columns.iter().enumerate().map(|(at, column)| {
                (at, column, Form::of(column.data_type.reads_as, column.typmod, settings))
            });
        let shown: Vec<(usize, &Column, Form)> = forms.filter(|(.., form)| *form != Form::Missing).collect();
        let key = key(relation, settings, &shown)?;
        let is_full = relation.replica_identity == b'f';
        let is_told = |at: &usize| shown.get(*at).is_some_and(|(_, column, _)| column.is_key);
        let old_key_is_told = is_full || key.iter().all(is_told);
        let columns = shown.iter().map(|(at, column, form)| TableColumn {
            at: *at,
            name: piece(&mut |out| {
                out.byte(b',');
                text::string(&column.name, settings, out);
                out.byte(b':');
            }),
            placeholder: piece(&mut |out| {
                placeholder::write(settings, *form, column.data_type.reads_as, out)
            }),
            reads_as: column.data_type.reads_as,
            form: *form,
        });
        let columns = columns.collect();
        let fields = || {
            shown.iter().enumerate().map(|(at, (_, column, form))| schema::Column {
                name: &column.name,
                form: *form,
                of: &column.data_type,
                // With FULL all columns count as those of a key.
                is_optional: is_full || !column.is_key || !key.contains(&at),
            })
        };
        let with = settings.schemas == Schemas::With;
        let value_head = piece(&mut |out| {
            if with {
                out.put(b"{\"schema\":");
                schema::envelope(relation, fields(), settings, out);
                out.put(b",\"payload\":");
            }
            out.put(b"{\"before\":");
        });
        let key_head = piece(&mut |out| {
            if with {
                out.put(b"{\"schema\":");
                let columns = key.iter().filter_map(|at| fields().nth(*at));
                schema::key(relation, columns, settings, out);
                out.put(b",\"payload\":");
            }
            out.byte(b'{');
        });
        texts.check()?;
        let serial = relation.serial.number();
        Ok(Self {
            texts,
            topic,
            collection,
            names,
            value_head,
            key_head,
            columns,
            key,
            old_key_is_told,
            serial,
        })
    }

    fn weight(&self) -> usize {
        size_of::<Self>()
            + self.texts.len()
            + self.columns.len() * size_of::<TableColumn>()
            + self.key.len() * size_of::<usize>()
            + 64
    }
}

/// The places of the columns that identify a row: those that the program named, else those of the replica identity. With FULL that
/// is all of them, which identifies nothing.
fn key(relation: &Relation, settings: &Settings, shown: &[(usize, &Column, Form)]) -> Result<Box<[usize]>> {
    let table = [&relation.namespace, &b"."[..], &relation.name].concat();
    if let Some(names) = settings.names.key_columns.of_table(&table) {
        let place = |name: &String| {
            let has_name = |column: &Column| *column.name == *name.as_bytes();
            if relation.columns.iter().any(|column| has_name(column) && is_lost(column, settings)) {
                return Err(lost(&table, name.as_bytes()));
            }
            let place = shown.iter().position(|(_, column, _)| has_name(column));
            place.ok_or_else(|| {
                let table = String::from_utf8_lossy(&table);
                let what =
                    format!("option key_columns of a renderer: {table} has no published column {name:?}");
                Error::new(Status::WAL_E_BAD_OPTION, what)
            })
        };
        return names.iter().map(place).collect();
    }
    if relation.replica_identity == b'f' {
        return Ok(Box::default());
    }
    if let Some(column) = relation.columns.iter().find(|column| column.is_key && is_lost(column, settings)) {
        return Err(lost(&table, &column.name));
    }
    let keys = shown.iter().enumerate().filter(|(_, (_, column, _))| column.is_key);
    Ok(keys.map(|(at, _)| at).collect())
}

/// Whether Debezium writes nothing of a column, or `null` for all of its values, and is copied.
fn is_lost(column: &Column, settings: &Settings) -> bool {
    let form = Form::of(column.data_type.reads_as, column.typmod, settings);
    matches!(form, Form::Missing | Form::Lost)
}

#[cold]
fn lost(table: &[u8], column: &[u8]) -> Error {
    let (table, column) = (String::from_utf8_lossy(table), String::from_utf8_lossy(column));
    let what = format!(
        "{table}: of column {column:?} of its key Debezium writes no value, and option compatible copies that"
    );
    Error::new(Status::WAL_E_STATE, what)
        .with_hint("Set option compatible to off, or name other columns that identify a row in key_columns.")
}

/// The prefix and names as the name of a topic: other characters than letters, digits, `.`, `_` and `-` become `_`.
pub(super) fn topic(settings: &Settings, names: &[&[u8]], out: &mut Out) {
    let prefix = [settings.names.topic_prefix.as_bytes(), b"."];
    for name in prefix.iter().chain(names) {
        for character in String::from_utf8_lossy(name).chars() {
            let is_legal = character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
            out.byte(if is_legal { character as u8 } else { b'_' });
        }
    }
}
