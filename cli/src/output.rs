//! Where lines go: stdout or a file. It must never say that something is written which is still in a buffer of ours.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pgwalstream::{ErrorCode, Position};

use crate::args::Printing;
use crate::journal::{self, Journal, Kept};
use crate::lines::{Lines, Span};
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
    path: Option<PathBuf>,
    size: Option<u64>,
    age: Option<Duration>,
    sure: Sure,
    /// Where the journal is, and what it said.
    journal: Option<(PathBuf, Option<Kept>)>,
}

/// A place for lines.
pub enum Output {
    /// stdout.
    Stdout(io::Stdout),
    /// A file, which is appended to.
    File(Box<Growing>),
}

/// A file that grows, until another is begun.
pub struct Growing {
    file: File,
    path: PathBuf,
    name: String,
    plan: Plan,
    journal: Option<Journal>,
    /// What is known of the file; `length` is that of the last place where nothing is open.
    kept: Kept,
    length: u64,
    /// What the file holds behind that place.
    rest: Option<Span>,
    is_regular: bool,
}

impl Plan {
    /// What is printed so. `resumes`: the stream can go on where the file ends.
    pub fn new(printing: &Printing, sure: Sure, resumes: bool) -> Result<Self, Trouble> {
        let path = printing.output.clone();
        let is_regular = |path: &Path| std::fs::metadata(path).map_or(true, |found| found.is_file());
        let is_file = path.as_deref().is_some_and(is_regular);
        if !is_file && (printing.rotate_size.is_some() || printing.rotate_time.is_some()) {
            return Err(Trouble::Usage("--rotate-size and --rotate-time need an ordinary file".to_owned()));
        }
        let mut it =
            Self { path, size: printing.rotate_size, age: printing.rotate_time, sure, journal: None };
        if let Some(path) = it.path.as_deref().filter(|_| is_file) {
            let path = journal::path_of(path);
            let said = Journal::read(&path)?;
            match said {
                _ if resumes && sure != Sure::No => it.journal = Some((path, said)),
                None => {}
                // The next command with the slot would cut off what this one writes.
                Some(_) => {
                    let name = path.display();
                    let why = format!(
                        "{name} tells how far a slot is in the file, and what is written now would not count"
                    );
                    return Err(Trouble::Usage(format!("{why}: write to another file")));
                }
            }
        }
        Ok(it)
    }

    /// Whether a journal tells where to go on.
    pub fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// What it means that the stream cannot go on where the journal says.
    pub fn explain(&self, trouble: Trouble) -> Trouble {
        match (trouble, &self.journal) {
            (Trouble::Library(error), Some((path, Some(_)))) if error.code() == ErrorCode::Gap => {
                Trouble::Gone(format!(
                    "{}\n  hint: another command read the slot meanwhile, or it is another slot: move {} and its file away to go on where \
                 the slot is",
                    error.message(),
                    path.display()
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
        self.journal.as_ref()?.1?.position
    }

    /// Opens it. What was written behind the last place that the journal tells is cut off: it comes again. Nobody else may be
    /// writing, which the slot sees to: call it when the stream is connected.
    pub fn open(self) -> Result<Output, Trouble> {
        let Some(path) = self.path.clone() else { return Ok(Output::Stdout(io::stdout())) };
        Growing::open(self, path).map(|file| Output::File(Box::new(file)))
    }
}

impl Output {
    /// Whether people look at it.
    pub fn is_terminal(printing: &Printing) -> bool {
        printing.output.is_none() && io::stdout().is_terminal()
    }

    /// Writes whole lines; a reader that is slow is waited for. Behind them the last place at which nothing is open is kept.
    pub fn put(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        match self {
            Self::Stdout(_) => self.write(lines.bytes()),
            Self::File(file) => file.put(lines),
        }
    }

    /// When another file is to be begun, though nothing comes.
    pub fn next_file(&self) -> Option<Duration> {
        match self {
            Self::Stdout(_) => None,
            Self::File(file) => file.next_file(),
        }
    }

    /// Begins another file where it is time.
    pub fn look(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File(file) => file.look(lines),
        }
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        match self {
            Self::Stdout(out) => out
                .write_all(lines)
                .and_then(|()| out.flush())
                .map_err(|error| Trouble::writing("stdout", &error)),
            Self::File(file) => file.append(lines),
        }
    }
}

impl Growing {
    fn open(plan: Plan, path: PathBuf) -> Result<Self, Trouble> {
        let name = path.display().to_string();
        let wrong = |error: io::Error| Trouble::other(format!("cannot open {name}: {error}"));
        let file = open_or_make(&path).map_err(wrong)?;
        let found = file.metadata().map_err(wrong)?;
        let (is_regular, mut length) = (found.is_file(), found.len());
        let said = plan.journal.as_ref().and_then(|(_, said)| *said);
        let journal = match &plan.journal {
            Some((path, said)) => Some(Journal::open(path, *said)?),
            None => None,
        };
        let mut kept = said.unwrap_or_default();
        match said {
            // It was taken away, or never there: what comes begins a new one.
            _ if length == 0 => kept = Kept { length: 0, begun: now(), span: None, ..kept },
            Some(said) if length < said.length => {
                let why = format!(
                    "{name} has {length} bytes, and {} were acknowledged: some of it is lost",
                    said.length
                );
                let hint = format!("move it and {name}.position away to go on where the slot is");
                return Err(Trouble::Gone(format!("{why}\n  hint: {hint}")));
            }
            Some(said) => {
                file.set_len(said.length).map_err(wrong)?;
                length = said.length;
            }
            None => kept = Kept { length, begun: now(), ..kept },
        }
        let mut it = Self { file, path, name, plan, journal, kept, length, rest: None, is_regular };
        // Else what is written next would be measured by what the journal says of another file.
        if said != Some(kept) {
            it.keep()?;
        }
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
        match &mut self.journal {
            Some(journal) => journal.write(&self.kept, is_durable),
            None => Ok(()),
        }
    }

    fn next_file(&self) -> Option<Duration> {
        let age = self.plan.age.filter(|_| self.kept.span.is_some())?;
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

    /// Gives the file its lasting name, and begins another. The journal says already what a crash in between needs: a file
    /// that is not there is begun at the kept position.
    fn begin_file(&mut self, span: Span) -> Result<(), Trouble> {
        let full = full_name(&self.path, span);
        let wrong = |error: io::Error| {
            Trouble::other(format!("cannot begin another file than {}: {error}", full.display()))
        };
        if full.exists() {
            return Err(wrong(io::Error::from(ErrorKind::AlreadyExists)));
        }
        self.sync()?;
        std::fs::rename(&self.path, &full).map_err(wrong)?;
        self.file = open_or_make(&self.path).map_err(wrong)?;
        sync_folder(&self.path).map_err(wrong)?;
        self.length = 0;
        self.kept = Kept { length: 0, begun: now(), span: None, ..self.kept };
        self.keep()
    }

    /// All of the lines, or none: half of one would become the beginning of the next.
    fn append(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        if let Err(error) = self.file.write_all(lines) {
            if self.is_regular {
                let _ = self.file.set_len(self.length);
            }
            return Err(Trouble::writing(&self.name, &error));
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    fn sync(&self) -> Result<(), Trouble> {
        if !self.is_regular {
            return Ok(());
        }
        let name = &self.name;
        self.file.sync_data().map_err(|error| Trouble::other(format!("cannot sync {name}: {error}")))
    }
}

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
fn full_name(path: &Path, span: Span) -> PathBuf {
    let positions = format!("{:016X}-{:016X}", span.first.0, span.last.0);
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
    Output::Stdout(io::stdout()).write(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgwalstream::Lsn;

    #[test]
    fn names_of_full_files_sort_by_their_positions() {
        let of = |path: &str, first, last| {
            full_name(Path::new(path), Span { first: Lsn(first), last: Lsn(last) }).display().to_string()
        };
        assert_eq!(
            of("a/orders.jsonl", 0xABC, 0x1_0000_0000),
            "a/orders.0000000000000ABC-0000000100000000.jsonl"
        );
        assert_eq!(of("orders", 1, 2), "orders.0000000000000001-0000000000000002");
        assert!(of("o.csv", 0xFF, 0xFF) < of("o.csv", 0x100, 0x100));
    }
}
