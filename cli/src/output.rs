//! Where lines go: stdout or a file. It must never say that something is written which is still in a buffer of ours.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pgwalstream::{ErrorCode, Options, Position};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::args::Printing;
use crate::connect::exactly_once;
use crate::journal::{self, Journal, Kept};
use crate::lines::{Lines, Span};
use crate::pipe::{Pipe, aside};
use crate::trouble::Trouble;

/// How sure it must be that lines are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// Nobody relies on it.
    No,
    /// They are written.
    Written,
    /// The disk has them.
    Durable,
}

/// A place for lines that is not open yet.
pub struct Plan {
    place: Place,
    size: Option<u64>,
    age: Option<Duration>,
    sure: Sure,
    /// What tells how far the file is.
    journal: Option<Journal>,
}

/// What lines are written to.
enum Place {
    Stdout,
    /// A FIFO, a terminal and so on.
    Special(PathBuf),
    /// An ordinary file, or none yet.
    File(PathBuf),
}

/// A place for lines.
pub enum Output {
    /// Somebody reads it.
    Pipe(Pipe),
    /// A file, which is appended to.
    File(Box<Growing>),
}

/// A file that grows, until another is begun.
pub struct Growing {
    file: File,
    path: PathBuf,
    name: String,
    plan: Plan,
    /// What is known of the file; `length` is that of the last place where nothing is open.
    kept: Kept,
    length: u64,
    /// What the file holds behind that place.
    rest: Option<Span>,
}

impl Plan {
    /// What is printed so. `slot`: the stream can go on where the file ends.
    pub fn new(
        printing: &Printing,
        sure: Sure,
        slot: Option<&str>,
        options: &Options,
    ) -> Result<Self, Trouble> {
        let place = Place::of(printing.output.as_deref());
        let rotates = printing.rotate_size.is_some() || printing.rotate_time.is_some();
        let (size, age) = (printing.rotate_size, printing.rotate_time);
        let Place::File(path) = &place else {
            if rotates {
                return Err(Trouble::Usage(
                    "--rotate-size and --rotate-time need an ordinary file".to_owned(),
                ));
            }
            if sure == Sure::Durable {
                let why = "--ack fsynced needs --output with an ordinary file: nothing else has a disk";
                return Err(Trouble::Usage(why.to_owned()));
            }
            return Ok(Self { place, size, age, sure, journal: None });
        };
        let at = journal::path_of(path);
        let journal = match slot.filter(|_| sure != Sure::No) {
            Some(slot) => {
                exactly_once(options)?;
                Some(Journal::take(&at, slot)?)
            }
            // The next command with the slot would cut off what this one writes.
            None if at.exists() => {
                let name = at.display();
                let why = format!(
                    "{name} tells how far a slot is in the file, and what is written now would not count"
                );
                return Err(Trouble::Usage(format!("{why}: write to another file")));
            }
            None => None,
        };
        let is_known = journal.as_ref().is_some_and(|journal| journal.said().is_some());
        if rotates && !is_known && std::fs::metadata(path).is_ok_and(|found| found.len() > 0) {
            let why = "holds something already, and its lasting name would not tell what";
            return Err(Trouble::Usage(format!("{} {why}: move it away", path.display())));
        }
        Ok(Self { place, size, age, sure, journal })
    }

    /// Whether a journal tells where to go on.
    pub fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// What it means that the stream cannot go on where the journal says.
    pub fn explain(&self, trouble: Trouble) -> Trouble {
        match (trouble, self.journal.as_ref().filter(|journal| journal.said().is_some())) {
            (Trouble::Library(error), Some(journal)) if error.code() == ErrorCode::Gap => {
                Trouble::Gone(format!(
                    "{}\n  hint: another command read the slot meanwhile, or the slot was made again: move {} and its file away to go \
                     on where the slot is",
                    error.message(),
                    journal.path().display()
                ))
            }
            (trouble, _) => trouble,
        }
    }

    /// Whether files are changed.
    pub fn rotates(&self) -> bool {
        self.size.is_some() || self.age.is_some()
    }

    /// What to resume after.
    pub fn position(&self) -> Option<Position> {
        self.journal.as_ref()?.said()?.position
    }

    /// Opens it. What was written behind the last place that the journal tells is cut off: it comes again. Call it when the stream
    /// is connected. It waits for the reader of a FIFO.
    pub async fn open(self) -> Result<Output, Trouble> {
        match &self.place {
            Place::Stdout => Ok(Output::Pipe(Pipe::stdout())),
            Place::Special(path) => {
                let (path, name) = (path.clone(), path.display().to_string());
                let opened = aside(move || OpenOptions::new().append(true).open(path)).await;
                let file = opened.map_err(|error| Trouble::other(format!("cannot open {name}: {error}")))?;
                Ok(Output::Pipe(Pipe::new(Box::new(file), name)))
            }
            Place::File(path) => {
                let path = path.clone();
                Ok(Output::File(Box::new(Growing::open(self, path)?)))
            }
        }
    }
}

impl Place {
    fn of(path: Option<&Path>) -> Self {
        match path {
            None => Self::Stdout,
            Some(path) if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) => {
                Self::Special(path.to_owned())
            }
            Some(path) => Self::File(path.to_owned()),
        }
    }
}

impl Output {
    /// Whether people look at it.
    pub fn is_terminal(printing: &Printing) -> bool {
        printing.output.is_none() && io::stdout().is_terminal()
    }

    /// Writes whole lines; a reader that is slow is waited for. Behind them the last place at which nothing is open is kept.
    /// What was given up may have been written in part: then write no more.
    pub async fn put(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        match self {
            Self::Pipe(pipe) => pipe.write(lines.bytes()).await,
            Self::File(file) => file.put(lines),
        }
    }

    /// When another file is to be begun, though nothing comes.
    pub fn next_file(&self) -> Option<Duration> {
        match self {
            Self::Pipe(_) => None,
            Self::File(file) => file.next_file(),
        }
    }

    /// Begins another file where it is time.
    pub fn look(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        match self {
            Self::Pipe(_) => Ok(()),
            Self::File(file) => file.look(lines),
        }
    }

    /// Takes back what is written of a transaction that is not whole, where it comes again.
    pub fn end(&mut self) -> Result<(), Trouble> {
        match self {
            Self::File(file) if file.plan.has_journal() => file.cut(),
            _ => Ok(()),
        }
    }
}

impl Growing {
    fn open(mut plan: Plan, path: PathBuf) -> Result<Self, Trouble> {
        let name = path.display().to_string();
        let wrong = |error: io::Error| Trouble::other(format!("cannot open {name}: {error}"));
        let length = match std::fs::metadata(&path) {
            Ok(found) => Some(found.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(wrong(error)),
        };
        let said = plan.journal.as_ref().and_then(Journal::said);
        let kept = match (said, length) {
            // It was taken away: what comes begins a new one.
            (Some(said), None) => Kept { length: 0, begun: now(), span: None, ..said },
            (Some(said), Some(length)) if length < said.length => {
                let why = format!(
                    "{name} has {length} bytes, and {} were acknowledged: some of it is lost",
                    said.length
                );
                let hint = format!("move it and {name}.position away to go on where the slot is");
                return Err(Trouble::Gone(format!("{why}\n  hint: {hint}")));
            }
            (Some(said), Some(_)) => said,
            (None, length) => Kept { length: length.unwrap_or_default(), begun: now(), ..Kept::default() },
        };
        if let Some(journal) = plan.journal.as_mut().filter(|_| said != Some(kept)) {
            if kept.length > 0 {
                File::open(&path).and_then(|file| file.sync_all()).map_err(wrong)?;
            }
            // Before the file is made: an empty one of which more is said has lost it.
            journal.write(&kept, true)?;
        }
        let file = open_or_make(&path).map_err(wrong)?;
        let mut it = Self { file, path, name, plan, kept, length: length.unwrap_or_default(), rest: None };
        it.cut()?;
        Ok(it)
    }

    fn put(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        let before = self.length;
        self.append(lines.bytes())?;
        let Some(mark) = lines.mark() else {
            self.rest = Span::join(self.rest, lines.rest());
            return Ok(());
        };
        let span = Span::join(self.kept.span, Span::join(self.rest.take(), mark.span));
        self.rest = lines.rest();
        let length = before + mark.length as u64;
        // A file is as old as its first change.
        let begun = if self.kept.span.is_none() { now() } else { self.kept.begun };
        let kept = Kept { length, begun, span, position: mark.position };
        if kept != self.kept {
            self.kept = kept;
            self.keep()?;
        }
        self.look(lines)
    }

    /// Sees to it that the file is safe up to the kept place, and says so.
    fn keep(&mut self) -> Result<(), Trouble> {
        let is_durable = self.plan.sure == Sure::Durable;
        if is_durable {
            self.sync()?;
        }
        self.say(is_durable)
    }

    fn say(&mut self, is_durable: bool) -> Result<(), Trouble> {
        match &mut self.plan.journal {
            Some(journal) => journal.write(&self.kept, is_durable),
            None => Ok(()),
        }
    }

    /// None also while something is open: no file ends inside of a transaction.
    fn next_file(&self) -> Option<Duration> {
        let is_open = self.length > self.kept.length;
        let age = self.plan.age.filter(|_| self.kept.span.is_some() && !is_open)?;
        Some(age.saturating_sub(Duration::from_secs(now().saturating_sub(self.kept.begun))))
    }

    fn look(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        let is_large = self.plan.size.is_some_and(|most| self.length >= most);
        let is_old = self.next_file().is_some_and(|left| left.is_zero());
        let is_open = self.length > self.kept.length;
        match self.kept.span {
            Some(span) if (is_large || is_old) && !is_open => {
                self.begin_file(span)?;
                lines.begin_file();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives the file its lasting name, and begins another. Whatever `--ack` says, the disk has each step before the next: a
    /// crash in between leaves a file that is not there, or an empty one of which nothing is said.
    fn begin_file(&mut self, span: Span) -> Result<(), Trouble> {
        self.sync()?;
        self.say(true)?;
        let full = rename_full(&self.path, span)?;
        let wrong = |error: io::Error| {
            Trouble::other(format!("cannot begin another file than {}: {error}", full.display()))
        };
        sync_folder(&self.path).map_err(wrong)?;
        (self.length, self.rest) = (0, None);
        self.kept = Kept { length: 0, begun: now(), span: None, ..self.kept };
        self.say(true)?;
        self.file = open_or_make(&self.path).map_err(wrong)?;
        Ok(())
    }

    /// All of the lines, or none: half of one would become the beginning of the next.
    fn append(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        if let Err(error) = self.file.write_all(lines) {
            let _ = self.file.set_len(self.length);
            return Err(Trouble::writing(&self.name, &error));
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Cuts off what is behind the kept place.
    fn cut(&mut self) -> Result<(), Trouble> {
        if self.length > self.kept.length {
            let name = &self.name;
            let cut = self.file.set_len(self.kept.length);
            cut.map_err(|error| Trouble::other(format!("cannot cut {name}: {error}")))?;
            (self.length, self.rest) = (self.kept.length, None);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Trouble> {
        let name = &self.name;
        self.file.sync_data().map_err(|error| Trouble::other(format!("cannot sync {name}: {error}")))
    }
}

/// Gives a full file its lasting name, and tells it. One that is there is never written over: a number makes another.
fn rename_full(path: &Path, span: Span) -> Result<PathBuf, Trouble> {
    for number in 0..MOST_ALIKE {
        let full = full_name(path, span, number);
        match renameat_with(CWD, path, CWD, &full, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(full),
            Err(Errno::EXIST) => {}
            // Of a file system that cannot do both in one.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if full.exists() => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if std::fs::rename(path, &full).is_ok() => {
                return Ok(full);
            }
            Err(error) => {
                return Err(Trouble::other(format!("cannot make {}: {error}", full.display())));
            }
        }
    }
    Err(Trouble::other(format!("{} is there already", full_name(path, span, 0).display())))
}

/// So many files of the same positions are told apart. Where a server tells no positions the same changes may come again.
const MOST_ALIKE: u32 = 1000;

/// A file to append to. Where it is made, its folder has its name before it has a line.
fn open_or_make(path: &Path) -> io::Result<File> {
    match OpenOptions::new().append(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => OpenOptions::new().append(true).open(path),
        made => made.and_then(|file| sync_folder(path).map(|()| file)),
    }
}

/// Waits until the disk has the names in the folder of a file.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// `orders.00000000016B3748-00000000016C0000.jsonl` of `orders.jsonl`: such names sort in the order of the commits.
fn full_name(path: &Path, span: Span, number: u32) -> PathBuf {
    let mut positions = format!("{:016X}-{:016X}", span.first.0, span.last.0);
    if number > 0 {
        positions.push_str(&format!(".{number}"));
    }
    match path.extension() {
        Some(extension) => path.with_extension(format!("{positions}.{}", extension.to_string_lossy())),
        None => path.with_extension(positions),
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Writes to stdout.
pub fn print(bytes: &[u8]) -> Result<(), Trouble> {
    let mut out = io::stdout();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Trouble::writing("stdout", &error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use pgwalstream::Lsn;

    #[test]
    fn names_of_full_files_sort_by_their_positions() {
        let of = |path: &str, first, last| {
            full_name(Path::new(path), Span { first: Lsn(first), last: Lsn(last) }, 0).display().to_string()
        };
        assert_eq!(
            of("a/orders.jsonl", 0xABC, 0x1_0000_0000),
            "a/orders.0000000000000ABC-0000000100000000.jsonl"
        );
        assert_eq!(of("orders", 1, 2), "orders.0000000000000001-0000000000000002");
        assert!(of("o.csv", 0xFF, 0xFF) < of("o.csv", 0x100, 0x100));
    }
    #[test]
    fn a_full_file_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.csv");
        let span = Span { first: Lsn(1), last: Lsn(2) };
        let names = ["a", "b", "c"].map(|text| {
            std::fs::write(&path, text).unwrap();
            rename_full(&path, span).unwrap()
        });
        assert_eq!(names.each_ref().map(|name| std::fs::read_to_string(name).unwrap()), ["a", "b", "c"]);
        assert!(!path.exists() && names[1].ends_with("o.0000000000000001-0000000000000002.1.csv"));
    }

    fn growing(path: &Path, age: Option<Duration>) -> Result<Growing, Trouble> {
        let journal = Some(Journal::take(&journal::path_of(path), "s")?);
        let plan =
            Plan { place: Place::File(path.to_owned()), size: None, age, sure: Sure::Written, journal };
        Growing::open(plan, path.to_owned())
    }

    /// Only a file that is not there was taken away: an empty one is what a crash of the machine leaves.
    #[test]
    fn an_empty_file_of_which_more_was_said_is_a_loss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o");
        let mut file = growing(&path, None).unwrap();
        file.append(b"one\n").unwrap();
        file.kept = Kept { length: 4, ..file.kept };
        file.keep().unwrap();
        drop(file);
        std::fs::write(&path, "").unwrap();
        assert!(matches!(growing(&path, None), Err(Trouble::Gone(why)) if why.contains("has 0 bytes")));
        std::fs::remove_file(&path).unwrap();
        drop(growing(&path, None).unwrap());
        // Begun, and nothing written: as if the machine had crashed right then.
        assert_eq!(growing(&path, None).unwrap().length, 0);
    }

    /// In the steps of a change of files each moment has a journal that is true of what is there.
    #[test]
    fn a_file_is_changed_in_steps_that_a_crash_may_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o");
        let span = Span { first: Lsn(1), last: Lsn(2) };
        let mut file = growing(&path, None).unwrap();
        file.append(b"one\n").unwrap();
        // The journal was never written for it: what it says before the name is changed is what counts.
        file.kept = Kept { length: 4, span: Some(span), ..file.kept };
        file.begin_file(span).unwrap();
        drop(file);
        let said = Journal::take(&journal::path_of(&path), "s").unwrap().said().unwrap();
        assert_eq!((said.length, said.span), (0, None));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn no_file_is_due_while_a_transaction_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o");
        let mut file = growing(&path, Some(Duration::from_secs(1))).unwrap();
        file.append(b"one\n").unwrap();
        let span = Some(Span { first: Lsn(1), last: Lsn(2) });
        file.kept = Kept { length: 4, begun: 0, span, position: None };
        assert_eq!(file.next_file(), Some(Duration::ZERO));
        file.append(b"tw").unwrap();
        assert_eq!(file.next_file(), None);
        // At a clean end the part is taken back.
        file.cut().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
    }
}
