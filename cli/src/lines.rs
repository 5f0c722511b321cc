//! Batches as what is written: in a format of the library, or for people. It must never tell a place to go on from that lies
//! inside of what is written, nor before it.

use std::collections::{HashMap, HashSet};

use pgwalstream::{Batch, EventKind, EventRef, Lsn, Position, Renderer};

use crate::args::{Format, Printing};
use crate::filter::Tables;
use crate::pretty::Pretty;
use crate::trouble::Trouble;

/// Makes lines of batches.
pub struct Lines {
    how: How,
    tables: Tables,
    /// Whether BEGIN, COMMIT and others are wanted.
    is_all: bool,
    changes: u64,
    most: Option<u64>,
    mark: Option<Mark>,
    rest: Option<Span>,
    is_enough: bool,
    /// What is written is done to the tables that it names.
    is_sql: bool,
}

enum How {
    /// One message a line.
    Renderer(Renderer),
    /// Pieces of documents, one document a line.
    Documents(Renderer, Vec<u8>),
    /// Rows under a heading for each table.
    Rows(Renderer, Headings, Vec<u8>),
    /// For people.
    Pretty(Pretty),
}

/// The headings of tables: each stands before the first row of its table in a file.
#[derive(Default)]
struct Headings {
    /// By OID: the generation, and its heading.
    known: HashMap<u32, (u32, Vec<u8>)>,
    /// Those that the present file has.
    written: HashSet<u32>,
}

/// A place in the lines of a batch where nothing is open: behind the end of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// How many bytes of the lines come before it.
    pub length: usize,
    /// What to acknowledge once they are safe.
    pub ack: Lsn,
    /// What to resume after.
    pub position: Option<Position>,
    /// What the lines before it hold.
    pub span: Option<Span>,
}

/// The commits of the first and the last change in some lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: Lsn,
    pub last: Lsn,
}

impl Span {
    /// With what follows.
    pub fn join(before: Option<Self>, behind: Option<Self>) -> Option<Self> {
        match (before, behind) {
            (Some(before), Some(behind)) => Some(Self { first: before.first, last: behind.last }),
            (one, other) => one.or(other),
        }
    }
}

impl Lines {
    /// For what is printed so, of these tables, up to `most` changes. `is_terminal`: they go to a terminal.
    pub fn new(
        printing: &Printing,
        tables: &[String],
        most: Option<u64>,
        is_terminal: bool,
    ) -> Result<Self, Trouble> {
        let format = printing.format.unwrap_or(if is_terminal { Format::Pretty } else { Format::Json });
        let can_tell_all = matches!(format, Format::Json | Format::Pretty);
        if printing.transactions && !can_tell_all {
            let why = "--transactions is for json and pretty: other formats always have what they can tell";
            return Err(Trouble::Usage(why.to_owned()));
        }
        Ok(Self {
            how: How::new(format, printing, is_terminal)?,
            tables: Tables::new(tables, &printing.excluded)?,
            is_all: printing.transactions || !can_tell_all,
            changes: 0,
            most,
            mark: None,
            rest: None,
            is_enough: false,
            is_sql: format == Format::Sql,
        })
    }

    /// Makes the lines of a batch in place of those that there are.
    pub fn take(&mut self, batch: &Batch) -> Result<(), Trouble> {
        self.how.clear();
        (self.mark, self.rest) = (None, None);
        for event in batch {
            let is_change = is_change(event);
            if (is_change || self.is_all && event.kind() != EventKind::Progress) && self.tables.take(event) {
                if self.is_sql && !self.tables.takes_all(event) {
                    let why = "one TRUNCATE empties tables that are wanted and others: a statement would empty all of them";
                    return Err(Trouble::other(why));
                }
                let before = self.how.bytes().len();
                self.how.push(event)?;
                if self.how.bytes().len() > before {
                    self.rest = Span::join(self.rest, span(event));
                }
                self.changes += u64::from(is_change);
            }
            if let Some(ack) = event.ack_lsn() {
                self.set_mark(event, ack);
                if self.most.is_some_and(|most| self.changes >= most) {
                    self.is_enough = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn set_mark(&mut self, event: EventRef<'_>, ack: Lsn) {
        if is_vague(event) {
            return;
        }
        let span = Span::join(self.mark.and_then(|mark| mark.span), self.rest.take());
        self.mark = Some(Mark { length: self.how.bytes().len(), ack, position: event.position(), span });
    }

    /// The lines.
    pub fn bytes(&self) -> &[u8] {
        self.how.bytes()
    }

    /// The last place in them where nothing is open.
    pub fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// What the lines behind that hold.
    pub fn rest(&self) -> Option<Span> {
        self.rest
    }

    /// How many changes there were.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether no more is wanted.
    pub fn is_enough(&self) -> bool {
        self.is_enough
    }

    /// What follows goes to another file.
    pub fn begin_file(&mut self) {
        if let How::Rows(_, headings, _) = &mut self.how {
            headings.written.clear();
        }
    }
}

impl How {
    fn new(format: Format, printing: &Printing, is_terminal: bool) -> Result<Self, Trouble> {
        let Some(name) = format.renderer() else {
            if !printing.render.is_empty() {
                return Err(Trouble::Usage("--render: the format pretty has no options".to_owned()));
            }
            return Ok(Self::Pretty(Pretty::new(printing.color, is_terminal)));
        };
        let mut renderer = Renderer::new(name)?;
        if matches!(format, Format::Json | Format::Wal2json | Format::Wal2json2 | Format::Debezium) {
            // Nothing at which any reader breaks a line.
            renderer.set("line_separators", "escaped")?;
        }
        for given in &printing.render {
            let Some((name, value)) = given.split_once('=') else {
                return Err(Trouble::Usage(format!("--render {given}: expected NAME=VALUE")));
            };
            renderer.set(name, value)?;
        }
        Ok(match format {
            Format::Wal2json => Self::Documents(renderer, Vec::new()),
            Format::Csv => Self::Rows(renderer, Headings::default(), Vec::new()),
            _ => Self::Renderer(renderer),
        })
    }

    fn clear(&mut self) {
        match self {
            Self::Renderer(renderer) => renderer.clear(),
            Self::Documents(_, out) | Self::Rows(_, _, out) => out.clear(),
            Self::Pretty(pretty) => pretty.clear(),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Renderer(renderer) => renderer.lines(),
            Self::Documents(_, out) | Self::Rows(_, _, out) => out,
            Self::Pretty(pretty) => pretty.bytes(),
        }
    }

    fn push(&mut self, event: EventRef<'_>) -> Result<(), Trouble> {
        match self {
            Self::Renderer(renderer) => renderer.push(event)?,
            Self::Documents(renderer, out) => {
                renderer.clear();
                renderer.push(event)?;
                let is_alone = event.message().is_some_and(|message| !message.is_transactional);
                for message in renderer.messages() {
                    out.extend_from_slice(message.value.unwrap_or_default());
                    if is_alone || message.kind == EventKind::Commit {
                        out.push(b'\n');
                    }
                }
            }
            Self::Rows(renderer, headings, out) => {
                renderer.clear();
                renderer.push(event)?;
                headings.push(event, renderer.lines(), out);
            }
            Self::Pretty(pretty) => pretty.push(event),
        }
        Ok(())
    }
}

impl Headings {
    /// Keeps a heading, or writes rows under theirs. The rows of a TRUNCATE have none: it tells no columns.
    fn push(&mut self, event: EventRef<'_>, lines: &[u8], out: &mut Vec<u8>) {
        let Some(relation) = event.relation() else { return out.extend_from_slice(lines) };
        let (oid, generation) = (relation.oid(), relation.generation());
        if event.kind() == EventKind::Relation {
            if self.known.get(&oid).is_none_or(|known| known.0 != generation) {
                self.known.insert(oid, (generation, lines.to_vec()));
                self.written.remove(&oid);
            }
            return;
        }
        if !self.written.contains(&oid)
            && let Some((_, heading)) = self.known.get(&oid)
        {
            out.extend_from_slice(heading);
            self.written.insert(oid);
        }
        out.extend_from_slice(lines);
    }
}

/// Whether an event is a change, or a message of the program's own.
pub fn is_change(event: EventRef<'_>) -> bool {
    use EventKind::{Delete, Insert, Message, Truncate, Update};
    matches!(event.kind(), Insert | Update | Delete | Truncate | Message)
}

/// Whether an event ends something, and does not tell a place to go on from though others do: without a position these come while
/// more is had than they tell. The next that has one tells it.
pub fn is_vague(event: EventRef<'_>) -> bool {
    let is_late = event.prepare_lsn().is_some();
    (is_late || matches!(event.kind(), EventKind::Reconnected | EventKind::RollbackPrepared))
        && event.position().is_none()
}

/// An event by its commit, or by its own place where it has none.
fn span(event: EventRef<'_>) -> Option<Span> {
    let lsn = event.commit_lsn().unwrap_or_else(|| event.lsn());
    (lsn != Lsn(0)).then_some(Span { first: lsn, last: lsn })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_join_in_order() {
        let span = |first, last| Some(Span { first: Lsn(first), last: Lsn(last) });
        assert_eq!(Span::join(span(1, 2), span(5, 7)), span(1, 7));
        assert_eq!(Span::join(None, span(5, 7)), span(5, 7));
        assert_eq!(Span::join(span(1, 2), None), span(1, 2));
        assert_eq!(Span::join(None, None), None);
    }
}
