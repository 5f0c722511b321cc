//! COPY towards the client over a connection for commands: its rows in batches, read as the program asks for them.
//!
//! It must never hold more than a batch and the message that is being read, and never leave the connection in doubt: it is
//! free for the next command, or closed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::timeout;

use super::super::asking::{self, Ended, GRACE};
use super::super::creation::until;
use super::super::log::Level;
use super::{Connection, Limits, Next, Why, deadline, lock};
use crate::conninfo::Conninfo;
use crate::error::{Error, Result, Status};
use crate::session::{AnySession, Fill, Session};
use crate::wire::backend::tag;
use crate::wire::{
    CopiedRows, CopyForm, CopyOut, CopyRead, CopyReader, Frame, ServerMessage, classify, split,
};

/// How much of rows is a batch: a row that is longer is one by itself.
const BATCH: usize = 256 << 10;

/// What one read takes, unless the message that is begun is longer.
const READ: usize = 64 << 10;

/// Room for a long row, which is not kept for short ones.
const LARGE: usize = 2 << 20;

/// A message of COPY that is no piece of it is never longer.
const WORDS: usize = 1 << 20;

/// What a connection copies.
#[derive(Debug, Default)]
pub(super) enum Copied {
    /// Nothing.
    #[default]
    Nothing,
    /// The rows come.
    Open(Box<Copying>),
    /// They have ended, with an error or without.
    Ended(u64, Option<Error>),
}

impl Copied {
    /// The session, while it is lent to a COPY.
    pub(super) fn session(&mut self) -> Option<&mut AnySession> {
        match self {
            Self::Open(copying) => Some(&mut copying.session),
            Self::Nothing | Self::Ended(..) => None,
        }
    }
}

/// A COPY whose rows come.
#[derive(Debug)]
pub(super) struct Copying {
    number: u64,
    session: AnySession,
    reader: CopyReader,
    rows: CopiedRows,
    /// What was read. Its length is the room; so much of it is filled, and of that so much was taken.
    inbox: Vec<u8>,
    filled: usize,
    taken: usize,
    failed: Option<Error>,
    notices: Vec<String>,
}

/// How far reading has come.
enum Read {
    /// A batch is full, or nothing more is there.
    Batch,
    /// The server waits for the next command.
    Over,
    /// What comes is not what was asked for: it is to be cancelled.
    Refused,
}

impl Connection {
    /// Runs a `COPY … TO STDOUT`, and gives the number by which its rows are asked for. `None` and the like: it was given up.
    pub fn copy_open(&mut self, sql: &str, how: CopyRead, timeout: Option<Duration>) -> Result<Next<u64>> {
        let Some(mut session) = self.take_session()? else { return Ok(Next::Interrupted) };
        let embeds = embedding(session.parameter("client_encoding"), sql).map(str::to_owned);
        if let (CopyRead::Text, Some(encoding)) = (how, embeds) {
            self.session = Some(session);
            return Err(Error::new(
                Status::WAL_E_INVALID_ARGUMENT,
                format!("a COPY as text cannot be read in the encoding {encoding}: a backslash may be half of a character there"),
            )
            .with_hint("SET client_encoding = 'UTF8' first, or ask for lines or for the binary format."));
        }
        let deadline = deadline(timeout);
        let (conninfo, sql) = (Arc::clone(&self.conninfo), sql.to_owned());
        let limits = std::mem::replace(&mut self.limits, Limits::Usual);
        let done = self.perform(move |stop| async move {
            if limits == Limits::OfCreation
                && let Err(error) = session.query("RESET lock_timeout").await
                && !session.is_idle()
            {
                return Ok((session, Ended::Answered(Err(error))));
            }
            let given_up = Mutex::new(None);
            let why = async {
                let why = tokio::select! {
                    () = stop.notified() => Why::Interrupted,
                    () = until(deadline) => Why::Deadline,
                };
                *lock(&given_up) = Some(why);
                why
            };
            let ended = asking::ask_copy(&mut session, &conninfo, &sql, why).await;
            let given_up = lock(&given_up).take();
            Ok(match (ended, given_up) {
                // The announcement waits in the server's buffer for the first rows, or for the end.
                (Ended::Answered(Ok(announced)), Some(why)) => {
                    let mut copying = Copying::new(0, session, how, announced);
                    copying.cancel(&conninfo).await;
                    (copying.session, Ended::Cancelled(why))
                }
                (ended, _) => (session, ended),
            })
        });
        let ((session, ended), told) = done?;
        match ended {
            Ended::Answered(Ok(announced)) => {
                self.pass_on(told);
                self.announced(Copying::new(0, session, how, announced), misfit(how, announced.form))
            }
            Ended::Answered(Err(error)) => {
                self.keep(session);
                self.pass_on(told);
                Err(error)
            }
            Ended::Cancelled(why) => {
                self.keep(session);
                Ok(if why == Why::Deadline { Next::TimedOut } else { self.given_up() })
            }
            Ended::InDoubt(_) => {
                self.lose();
                Err(Error::new(
                    Status::WAL_E_CONNECTION_LOST,
                    "a COPY was given up, and the server did not say whether it ended it",
                )
                .with_hint("The connection was closed: connect again."))
            }
        }
    }

    /// A COPY begins, unless it is not what was asked for.
    fn announced(&mut self, mut copying: Copying, misfit: Option<Error>) -> Result<Next<u64>> {
        self.copies += 1;
        copying.number = self.copies;
        copying.failed.clone_from(&misfit);
        self.copied = Copied::Open(Box::new(copying));
        match misfit {
            Some(error) => self.copy_close(self.copies).and(Err(error)),
            None => Ok(Next::Ready(self.copies)),
        }
    }

    /// The next rows of a COPY; nothing is read from the server before they are asked for. `Ended`: there are no more, and the
    /// connection is free for the next command, as it is after an error of the server.
    pub fn copy_next(&mut self, number: u64, timeout: Option<Duration>) -> Result<Next<CopiedRows>> {
        let mut copying = match std::mem::take(&mut self.copied) {
            Copied::Open(copying) if copying.number == number => copying,
            other => {
                let ended = match &other {
                    Copied::Ended(of, error) if *of == number => error.clone().map_or(Ok(Next::Ended), Err),
                    _ => Err(Error::new(Status::WAL_E_STATE, "this COPY is over")),
                };
                self.copied = other;
                return ended;
            }
        };
        if self.control.take_interrupt() {
            self.copied = Copied::Open(copying);
            return Ok(Next::Interrupted);
        }
        let deadline = deadline(timeout);
        let conninfo = Arc::clone(&self.conninfo);
        let done = self.perform(move |stop| async move {
            let read = tokio::select! {
                biased;
                read = copying.read() => Ok(read),
                () = stop.notified() => Err(Why::Interrupted),
                () = until(deadline) => Err(Why::Deadline),
            };
            if let Ok(Ok(Read::Refused)) = read {
                copying.cancel(&conninfo).await;
            }
            Ok((copying, read))
        });
        let ((copying, read), told) = match done {
            Ok(done) => done,
            Err(error) => {
                self.lose();
                return Err(error);
            }
        };
        match read {
            Ok(read) => {
                self.pass_on(told);
                self.came(copying, read)
            }
            Err(Why::Interrupted) if self.control.is_closing() => {
                self.copied = Copied::Open(copying);
                // Never the end: rows are left.
                Err(Error::new(Status::WAL_E_STATE, "the connection is being freed in the middle of a COPY"))
            }
            Err(why) => {
                self.copied = Copied::Open(copying);
                // Never the end, for rows are left: whoever frees the connection meanwhile is told by the next call.
                Ok(if why == Why::Deadline { Next::TimedOut } else { Next::Interrupted })
            }
        }
    }

    /// Ends a COPY whose rows are not wanted any more: the server is asked to cancel it.
    pub fn copy_close(&mut self, number: u64) -> Result<()> {
        let mut copying = match std::mem::take(&mut self.copied) {
            Copied::Open(copying) if copying.number == number => copying,
            Copied::Ended(of, _) if of == number => return Ok(()),
            other => {
                self.copied = other;
                return Ok(());
            }
        };
        let conninfo = Arc::clone(&self.conninfo);
        let done = self.perform(|_| async move {
            copying.cancel(&conninfo).await;
            Ok(copying)
        });
        match done {
            Ok((copying, told)) => {
                self.keep(copying.session);
                self.pass_on(told);
                Ok(())
            }
            Err(error) => {
                self.lose();
                Err(error)
            }
        }
    }

    /// Ends the COPY that is open, if one is: nobody reads it any more.
    pub fn copy_end(&mut self) -> Result<()> {
        let number = match &self.copied {
            Copied::Open(copying) => copying.number,
            Copied::Nothing | Copied::Ended(..) => return Ok(()),
        };
        self.copy_close(number)
    }

    /// What reading came to.
    fn came(&mut self, mut copying: Box<Copying>, read: Result<Read>) -> Result<Next<CopiedRows>> {
        for notice in copying.notices.drain(..) {
            self.logger.log(Level::WAL_LOG_WARN, "copy", || format!("the server says: {notice}"));
        }
        let rows = std::mem::replace(&mut copying.rows, copying.reader.rows());
        let number = copying.number;
        let ended = match read {
            Ok(Read::Batch) => {
                self.copied = Copied::Open(copying);
                return Ok(Next::Ready(rows));
            }
            Ok(Read::Over | Read::Refused) => {
                self.keep(copying.session);
                copying.failed
            }
            Err(error) => {
                self.lose();
                Some(error)
            }
        };
        self.copied = Copied::Ended(number, ended.clone());
        match ended {
            // What came before it is the program's.
            _ if rows.count() > 0 => Ok(Next::Ready(rows)),
            Some(error) => Err(error),
            None => Ok(Next::Ended),
        }
    }
}

impl Copying {
    fn new(number: u64, session: AnySession, how: CopyRead, announced: CopyOut) -> Self {
        let reader = CopyReader::new(how, announced);
        let rows = reader.rows();
        Self {
            number,
            session,
            reader,
            rows,
            inbox: Vec::new(),
            filled: 0,
            taken: 0,
            failed: None,
            notices: Vec::new(),
        }
    }

    /// Reads until a batch is full, nothing more is there, or COPY is over. Cancel-safe: what came is kept.
    async fn read(&mut self) -> Result<Read> {
        let mut turns = 0_u32;
        loop {
            match self.messages()? {
                Read::Batch => {}
                ended => return Ok(ended),
            }
            if self.rows.weight() >= BATCH {
                return Ok(Read::Batch);
            }
            self.make_room()?;
            // A source that has more waits with it: what is read beyond a message is held.
            let room = self.inbox.get_mut(self.filled..self.filled + READ).unwrap_or_default();
            match self.session.fill(room)? {
                Fill::Bytes(count) => self.filled += count,
                Fill::WouldBlock if self.rows.count() > 0 => return Ok(Read::Batch),
                Fill::WouldBlock => drop(self.session.poll_io(true).await?),
                Fill::Eof => {
                    return Err(Error::new(
                        Status::WAL_E_CONNECTION_LOST,
                        "the server closed the connection in the middle of a COPY",
                    )
                    .with_hint("See the server's log: it was stopped, or it ended this session."));
                }
            }
            turns += 1;
            if turns.is_multiple_of(16) {
                // Nothing is half-done, and the other streams of the thread have their turn.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Throws away what still comes.
    async fn drain(&mut self) -> Result<()> {
        while !matches!(self.read().await?, Read::Over) {}
        Ok(())
    }

    /// Asks the server to end it, and waits until it has. Else the session is of no more use.
    async fn cancel(&mut self, conninfo: &Conninfo) {
        let canceller = self.session.canceller();
        // What comes until then is not looked at.
        let given_up = || Error::new(Status::WAL_E_STATE, "the COPY was given up");
        self.failed.get_or_insert_with(given_up);
        let rows = std::mem::replace(&mut self.rows, self.reader.rows());
        let done = {
            let drain = self.drain();
            tokio::pin!(drain);
            timeout(GRACE, asking::cancel(drain, &canceller, conninfo)).await
        };
        self.rows = rows;
        let Ok((Ok(()), request)) = done else {
            self.session.abandon();
            return;
        };
        // A request that is under way may hit what is asked next (P45).
        if let Some(request) = request
            && timeout(GRACE, request).await.is_err()
        {
            self.session.abandon();
        }
    }

    /// Room for one more read. It grows with what came, and not with what a length says, and a long row's is given back.
    fn make_room(&mut self) -> Result<()> {
        let left = self.filled - self.taken;
        let lacking = |bytes| move |_| Error::no_memory("a row of COPY", bytes);
        if left <= READ && self.inbox.len() > LARGE {
            let mut small = Vec::new();
            small.try_reserve_exact(2 * READ).map_err(lacking(2 * READ))?;
            small.extend_from_slice(self.inbox.get(self.taken..self.filled).unwrap_or_default());
            small.resize(2 * READ, 0);
            (self.inbox, self.taken, self.filled) = (small, 0, left);
        }
        if self.inbox.len() - self.filled < READ {
            self.inbox.copy_within(self.taken..self.filled, 0);
            (self.taken, self.filled) = (0, left);
        }
        if self.inbox.len() - self.filled < READ {
            let more = self.inbox.len().max(2 * READ);
            self.inbox.try_reserve_exact(more).map_err(lacking(more))?;
            self.inbox.resize(self.inbox.len() + more, 0);
        }
        Ok(())
    }

    /// Takes the messages that are whole, until a batch is full.
    fn messages(&mut self) -> Result<Read> {
        let mut read = Read::Batch;
        let Self { inbox, filled, taken, .. } = self;
        let mut taken = *taken;
        let inbox = std::mem::take(inbox);
        let came = inbox.get(..*filled).unwrap_or_default();
        let outcome = loop {
            if self.rows.weight() >= BATCH {
                break Ok(());
            }
            match split(came.get(taken..).unwrap_or_default()) {
                Ok(Frame::Complete { tag, body, total }) => {
                    taken += total;
                    match self.message(tag, body) {
                        Ok(Read::Batch) => {}
                        Ok(Read::Over) => {
                            read = Read::Over;
                            break self.session.end_copy(came.get(taken..).unwrap_or_default());
                        }
                        Ok(Read::Refused) => {
                            read = Read::Refused;
                            break Ok(());
                        }
                        Err(error) => break Err(error),
                    }
                }
                Ok(Frame::Incomplete { need: Some(need) })
                    if need > WORDS && came.get(taken) != Some(&tag::COPY_DATA) =>
                {
                    break Err(unexpected("a message", "that is too long"));
                }
                Ok(Frame::Incomplete { .. }) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.inbox = inbox;
        self.taken = taken;
        outcome.map(|()| read)
    }

    fn message(&mut self, tag: u8, body: &[u8]) -> Result<Read> {
        match tag {
            tag::COPY_DATA if self.failed.is_some() => {}
            tag::COPY_DATA => {
                if let Err(error) = self.reader.take(body, &mut self.rows) {
                    self.failed = Some(error);
                    return Ok(Read::Refused);
                }
            }
            tag::COPY_DONE if self.failed.is_none() => {
                if let Err(error) = self.reader.end() {
                    self.failed = Some(error);
                }
            }
            tag::ERROR_RESPONSE => {
                let message = ServerMessage::parse(body)?;
                let ends = message.ends_connection();
                let error = classify::into_error(message, "COPY");
                if ends {
                    return Err(error);
                }
                // What the server says is the better reason, but for one that was here before.
                self.failed.get_or_insert(error);
            }
            tag::NOTICE_RESPONSE => self.note(&ServerMessage::parse(body)?),
            tag::COPY_OUT_RESPONSE | tag::ROW_DESCRIPTION => {
                self.failed.get_or_insert_with(|| {
                    Error::new(Status::WAL_E_INVALID_ARGUMENT, "the command has more behind its COPY")
                        .with_hint("Send one COPY at a time.")
                });
                return Ok(Read::Refused);
            }
            tag::READY_FOR_QUERY => return Ok(Read::Over),
            tag::COPY_DONE
            | tag::COMMAND_COMPLETE
            | tag::DATA_ROW
            | tag::EMPTY_QUERY_RESPONSE
            | tag::NOTIFICATION_RESPONSE
            | tag::PARAMETER_STATUS => {}
            _ => return Err(unexpected("a message", "that does not belong to a COPY")),
        }
        Ok(Read::Batch)
    }

    /// A few: who sends many does not get memory for all.
    fn note(&mut self, notice: &ServerMessage) {
        if self.notices.len() < crate::session::MAX_NOTICES {
            self.notices.push(notice.told());
        }
    }
}

/// The encodings that only clients have, in which a byte of a character may be that of a backslash
/// (PG_ENCODING_IS_CLIENT_ONLY), with the names that the server takes for them.
const EMBEDDING: [&str; 17] = [
    "sjis",
    "mskanji",
    "shiftjis",
    "win932",
    "windows932",
    "shiftjis2004",
    "big5",
    "win950",
    "windows950",
    "gbk",
    "win936",
    "windows936",
    "uhc",
    "win949",
    "windows949",
    "gb18030",
    "johab",
];

/// The encoding, if in the one that the session has, or the statement names, a backslash may be half of a character.
pub fn embedding<'a>(session: Option<&'a str>, sql: &'a str) -> Option<&'a str> {
    let embeds = |name: &&str| {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        EMBEDDING.contains(&plain.to_ascii_lowercase().as_str())
    };
    // Whatever stands behind the word may be it.
    let word = sql.as_bytes().windows(8).position(|word| word.eq_ignore_ascii_case(b"encoding"));
    let rest = word.and_then(|at| sql.get(at + 8..)).unwrap_or_default();
    let quoted = rest.split('\'').skip(1).step_by(2);
    // It may stand there without quotes, too.
    let bare = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    quoted.chain(bare).find(embeds).or_else(|| session.filter(|name| embeds(name)))
}

/// What was announced is not what was asked for.
fn misfit(how: CopyRead, form: CopyForm) -> Option<Error> {
    let (asked, hint) = match (how, form) {
        (CopyRead::Binary, CopyForm::Text) => ("binary", "Write COPY … TO STDOUT (FORMAT binary)."),
        (CopyRead::Text, CopyForm::Binary) => {
            ("text", "Leave FORMAT binary out of the statement, or ask for binary rows.")
        }
        _ => return None,
    };
    let error = Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("the COPY is not in the {asked} format"));
    Some(error.with_hint(hint))
}

fn unexpected(what: &str, which: &str) -> Error {
    Error::new(Status::WAL_E_PROTOCOL, format!("COPY: the server sent {what} {which}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_that_has_backslashes_in_characters_is_seen() {
        for (session, sql, found) in [
            (Some("UTF8"), "COPY t TO STDOUT", None),
            (None, "COPY t TO STDOUT", None),
            (Some("SJIS"), "COPY t TO STDOUT", Some("SJIS")),
            (Some("SHIFT_JIS_2004"), "COPY t TO STDOUT", Some("SHIFT_JIS_2004")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING 'big5')", Some("big5")),
            (Some("UTF8"), "copy t to stdout with csv encoding\n'GB-18030'", Some("GB-18030")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING sjis)", Some("sjis")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING $$gbk$$)", Some("gbk")),
            (Some("UTF8"), "SET client_encoding TO gbk; COPY t TO STDOUT", Some("gbk")),
            (Some("UTF8"), "COPY t TO STDOUT (ENCODING 'LATIN1')", None),
            (Some("UTF8"), "COPY (SELECT encoding FROM t) TO STDOUT", None),
        ] {
            assert_eq!(embedding(session, sql), found, "{sql}");
        }
    }
}
