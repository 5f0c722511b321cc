//! One simple query and its answer.
//!
//! It must never leave the session in doubt: what it ends with says whether the next query's answer can be told apart.

use super::startup::{Greeting, MAX_MESSAGE};
use super::transport::{Limit, Message, Transport};
use super::{Phase, Rows};
use crate::error::{Error, Result, Status};
use crate::wire::backend::{self, tag};
use crate::wire::{MOST_WORDS, classify, frame, frontend};

/// The most that the rows of one answer may take.
pub(in crate::layers::session) const MAX_ANSWER: usize = 16 << 20;

/// What a value costs beside its bytes.
pub(in crate::layers::session) const VALUE: usize = size_of::<Option<String>>();

/// How long a message of an answer may be. Words are cut, rows are what an answer may hold at most, and the columns
/// of a row, of which there are 1,664 at most, have names of 63 bytes.
fn limit(tag: u8) -> Limit {
    match tag {
        tag::DATA_ROW => Limit::Whole(MAX_ANSWER),
        tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => Limit::Beginning(MOST_WORDS),
        _ => Limit::Whole(MAX_MESSAGE),
    }
}

/// What the answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Rows,
    CopyBoth,
}

/// How a query ended.
pub(super) enum End {
    /// The server waits for the next one.
    Idle(Result<Rows>),
    /// COPY began.
    Copy,
    /// The connection is of no more use.
    Broken(Error),
}

impl End {
    pub(super) fn into_result(self, phase: &mut Phase) -> Result<Rows> {
        let (next, result) = match self {
            Self::Idle(result) => (Phase::Idle, result),
            Self::Copy => (Phase::Copy, Ok(Rows::default())),
            Self::Broken(error) => (Phase::Busy, Err(error)),
        };
        *phase = next;
        result
    }
}

/// Sends a query and takes its answer.
pub(super) async fn run(
    transport: &mut Transport,
    greeting: &mut Greeting,
    sql: &str,
    expect: Expect,
) -> End {
    let mut bytes = Vec::new();
    if let Err(error) = frontend::query(&mut bytes, sql) {
        return End::Idle(Err(error));
    }
    // A server that was stopped closes its side after its last words: they say more than the failed write.
    let unsent = match transport.send(&bytes) {
        Ok(_) => transport.flush().await.err(),
        Err(error) => Some(error),
    };
    let mut answer = Answer { doing: first_word(sql), expect, rows: Rows::default(), size: 0, error: None };
    loop {
        let message = match transport.message(limit).await {
            Ok(message) => message,
            Err(error) => return End::Broken(answer.error.or(unsent).unwrap_or(error)),
        };
        match answer.take(message, greeting) {
            Ok(None) => (),
            Ok(Some(end)) => return end,
            Err(error) => return End::Broken(error),
        }
    }
}

/// What came of the answer so far.
struct Answer<'a> {
    doing: &'a str,
    expect: Expect,
    rows: Rows,
    size: usize,
    error: Option<Error>,
}

impl Answer<'_> {
    /// Takes one message; gives the end, if this is it. An error here means that the connection is of no more use.
    fn take(&mut self, message: Message, greeting: &mut Greeting) -> Result<Option<End>> {
        let Message { tag, ref body, .. } = message;
        match tag {
            tag::ROW_DESCRIPTION => {
                self.rows = Rows { columns: backend::row_description(body)?, rows: Vec::new() };
            }
            tag::DATA_ROW => self.row(body)?,
            tag::COMMAND_COMPLETE => drop(backend::command_complete(body)?),
            tag::EMPTY_QUERY_RESPONSE | tag::NOTIFICATION_RESPONSE => (),
            tag::NOTICE_RESPONSE => greeting.notice(message.words()?),
            tag::PARAMETER_STATUS => greeting.parameters.set(body)?,
            tag::ERROR_RESPONSE => {
                let message = message.words()?;
                let ends = message.ends_connection();
                let error = classify::into_error(message, self.doing);
                if ends {
                    return Err(error);
                }
                self.error.get_or_insert(error);
            }
            tag::COPY_BOTH_RESPONSE if self.expect == Expect::CopyBoth => {
                backend::copy_both_response(body)?;
                return Ok(Some(End::Copy));
            }
            tag::READY_FOR_QUERY => {
                backend::ready_for_query(body)?;
                return Ok(Some(End::Idle(self.end())));
            }
            other => return Err(unexpected(other, self.doing)),
        }
        Ok(None)
    }

    fn row(&mut self, body: &[u8]) -> Result<()> {
        let size = backend::data_row_size(body)?;
        if self.size + size > MAX_ANSWER {
            return Err(too_large(self.doing));
        }
        self.size += size;
        let values = backend::data_row(body)?;
        if values.len() != self.rows.columns.len() {
            let (got, want) = (values.len(), self.rows.columns.len());
            return Err(Error::new(
                Status::WAL_E_PROTOCOL,
                format!("{}: the server sent a row of {got} values for {want} columns", self.doing),
            ));
        }
        self.rows.rows.push(values);
        Ok(())
    }

    fn end(&mut self) -> Result<Rows> {
        match (self.error.take(), self.expect) {
            (Some(error), _) => Err(error),
            (None, Expect::Rows) => Ok(std::mem::take(&mut self.rows)),
            (None, Expect::CopyBoth) => Err(Error::new(
                Status::WAL_E_PROTOCOL,
                format!("{}: the server ended the command without starting COPY", self.doing),
            )),
        }
    }
}

#[cold]
pub(in crate::layers::session) fn too_large(doing: &str) -> Error {
    Error::new(Status::WAL_E_PROTOCOL, format!("{doing}: the answer is larger than {MAX_ANSWER} bytes"))
        .with_hint("Ask for less; the answers to the library's own queries are small.")
}

#[cold]
pub(super) fn unexpected(tag: u8, doing: &str) -> Error {
    let tag = frame::tag_name(tag);
    Error::new(
        Status::WAL_E_PROTOCOL,
        format!("{doing}: the server sent a message {tag} that does not belong here"),
    )
    .with_hint("Check that host and port are those of a PostgreSQL server.")
}

/// The command's name, for errors. The rest may hold what nobody should see.
pub(in crate::layers::session) fn first_word(sql: &str) -> &str {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| !word.is_empty())
        .unwrap_or("query")
}
