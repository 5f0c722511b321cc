//! What is prepared of a relation once, so that no event pays for it: names as strings with their punctuation, and how each
//! column is written. It must never be taken for another definition's, nor grow with each change of a table.

use std::collections::HashMap;
use std::ops::Range;

use super::out::Out;
use super::settings::Settings;
use super::value::Shape;
use super::{csv, sql, text, type_name};
use crate::batch::{Column, Relation};
use crate::error::Result;

/// Of a relation.
#[derive(Debug)]
pub(super) struct Plan {
    /// All texts, one behind the other.
    texts: Out,
    /// `,"schema":"public","table":"t"`, or `"public"."t"` for SQL
    table: Range<usize>,
    /// `public.t`
    topic: Range<usize>,
    columns: Box<[ColumnPlan]>,
}

/// Of a column.
#[derive(Debug)]
pub(super) struct ColumnPlan {
    /// What is before its value, with a comma in front.
    name: Range<usize>,
    /// What stands apart: the name of its type, or its own.
    apart: Range<usize>,
    /// The type that its values are read as.
    pub(super) reads_as: u32,
    pub(super) shape: Shape,
    /// Whether it is part of the replica identity.
    pub(super) is_key: bool,
}

/// How a column is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `,"name":`
    Object,
    /// `,{"name":"name","type":"integer","value":`
    Wal2Json,
    /// `"name"`, and the type's name apart
    Lists,
    /// `,name` as csv has it, and the name as it is apart
    Csv,
    /// `,"name"` as SQL has it
    Sql,
}

impl Layout {
    fn begin(self, column: &Column, settings: &Settings, out: &mut Out) -> Shape {
        match self {
            Self::Object => {
                out.byte(b',');
                text::string(&column.name, settings, out);
                out.byte(b':');
                Shape::of(column.data_type.reads_as)
            }
            Self::Wal2Json => {
                out.put(b",{\"name\":");
                text::string(&column.name, settings, out);
                out.put(b",\"type\":");
                type_name::write(column, settings, out);
                out.put(b",\"value\":");
                Shape::of_wal2json(column.type_oid)
            }
            Self::Lists => {
                text::string(&column.name, settings, out);
                Shape::of_wal2json(column.type_oid)
            }
            Self::Csv => {
                out.byte(b',');
                csv::quoted(&column.name, out);
                Shape::Text
            }
            Self::Sql => {
                out.byte(b',');
                sql::identifier(&column.name, out);
                Shape::Text
            }
        }
    }
}

impl Plan {
    fn new(relation: &Relation, settings: &Settings, layout: Layout) -> Result<Self> {
        let mut texts = Out::default();
        if layout == Layout::Sql {
            sql::identifier(&relation.namespace, &mut texts);
            texts.byte(b'.');
            sql::identifier(&relation.name, &mut texts);
        } else {
            texts.put(b",\"schema\":");
            text::string(&relation.namespace, settings, &mut texts);
            texts.put(b",\"table\":");
            text::string(&relation.name, settings, &mut texts);
        }
        let table = 0..texts.len();
        texts.put(&relation.namespace);
        texts.byte(b'.');
        texts.put(&relation.name);
        let topic = table.end..texts.len();
        let column = |column: &Column| {
            let begin = texts.len();
            let shape = layout.begin(column, settings, &mut texts);
            let name = begin..texts.len();
            match layout {
                Layout::Lists => type_name::write(column, settings, &mut texts),
                Layout::Csv => texts.put(&column.name),
                Layout::Object | Layout::Wal2Json | Layout::Sql => {}
            }
            let (apart, reads_as) = (name.end..texts.len(), column.data_type.reads_as);
            ColumnPlan { name, apart, reads_as, shape, is_key: column.is_key }
        };
        let columns = relation.columns.iter().map(column).collect();
        texts.check()?;
        Ok(Self { texts, table, topic, columns })
    }

    /// `,"schema":"public","table":"t"`, or `"public"."t"` for SQL
    pub(super) fn table(&self) -> &[u8] {
        self.text(&self.table)
    }

    /// `public.t`
    pub(super) fn topic(&self) -> &[u8] {
        self.text(&self.topic)
    }

    /// Each column with what is before its value.
    #[inline]
    pub(super) fn columns(&self) -> impl Iterator<Item = (&ColumnPlan, &[u8])> {
        self.columns.iter().map(|column| (column, self.text(&column.name)))
    }

    /// What stands apart of a column: the name of its type, or its own.
    pub(super) fn apart(&self, column: &ColumnPlan) -> &[u8] {
        self.text(&column.apart)
    }

    #[inline]
    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.texts.bytes().get(range.clone()).unwrap_or_default()
    }
}

impl Prepared for Plan {
    type With = Layout;

    fn prepare(relation: &Relation, settings: &Settings, layout: Layout) -> Result<Self> {
        Self::new(relation, settings, layout)
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.texts.len() + self.columns.len() * size_of::<ColumnPlan>() + 64
    }
}

/// What is prepared of a relation.
pub(super) trait Prepared: Sized {
    /// What it depends on beside the settings.
    type With: Copy;

    /// Prepares it.
    fn prepare(relation: &Relation, settings: &Settings, with: Self::With) -> Result<Self>;

    /// How much memory it takes, about.
    fn weight(&self) -> usize;
}

/// The plans of the relations that were seen lately.
#[derive(Debug)]
pub(super) struct Plans<P: Prepared = Plan> {
    with: P::With,
    plans: Vec<P>,
    /// Where the plan of a definition is.
    places: HashMap<u64, usize>,
    /// The definition that was asked for last, and its place.
    last: (u64, usize),
    weight: usize,
}

/// How much memory plans may take, but for a single one: some ten thousand tables, or a thousand whose messages bring schemas.
const MOST: usize = 16 << 20;

impl<P: Prepared> Plans<P> {
    /// None yet.
    pub(super) fn new(with: P::With) -> Self {
        Self { with, plans: Vec::new(), places: HashMap::new(), last: (0, 0), weight: 0 }
    }

    /// The plan of a relation.
    #[inline]
    pub(super) fn of(&mut self, relation: &Relation, settings: &Settings) -> Result<&P> {
        let serial = relation.serial.number();
        if self.last.0 != serial {
            self.find(relation, serial, settings)?;
        }
        self.plans.get(self.last.1).ok_or_else(lost)
    }

    fn find(&mut self, relation: &Relation, serial: u64, settings: &Settings) -> Result<()> {
        if let Some(place) = self.places.get(&serial) {
            self.last = (serial, *place);
            return Ok(());
        }
        let plan = P::prepare(relation, settings, self.with)?;
        if self.weight + plan.weight() > MOST {
            *self = Self::new(self.with);
        }
        self.weight += plan.weight();
        self.places.insert(serial, self.plans.len());
        self.last = (serial, self.plans.len());
        self.plans.push(plan);
        Ok(())
    }
}

#[cold]
fn lost() -> crate::error::Error {
    crate::error::Error::new(crate::error::Status::WAL_E_INTERNAL, "the plan of a relation is lost")
}
