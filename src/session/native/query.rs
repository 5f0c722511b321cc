//! One simple query and its answer.
//!
//! It must never leave the session in doubt: what it ends with says whether the next query's answer can be told apart.

use super::startup::{Greeting, MAX_MESSAGE};
use super::transport::{Extent, Limit, Message, Transport};
use super::{Phase, Rows};
use crate::error::{Error, Result, Status};
use crate::session::answer::{MAX_ANSWER, MAX_REFUSED, copy_refused, first_word, too_large};
use crate::wire::backend::{self, tag};
use crate::wire::{CopyOut, MOST_WORDS, classify, copy_out_response, frame, frontend};

/// How long a message of an answer may be. Words are cut, a row that no answer may hold is thrown away, and the columns
/// of a row, of which there are 1,664 at most, have names of 63 bytes.
fn limit(tag: u8) -> Limit {
    match tag {
        tag::DATA_ROW | tag::COPY_DATA => Limit::Nothing(MAX_ANSWER),
        tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => Limit::Beginning(MOST_WORDS),
        _ => Limit::Whole(MAX_MESSAGE),
    }
}

/// What the answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Rows,
    CopyBoth,
    CopyOut,
}

/// How a query ended.
pub(super) enum End {
    /// The server waits for the next one.
    Idle(Result<Rows>),
    /// COPY began.
    Copy,
    /// COPY towards the client began.
    CopyOut(CopyOut),
    /// The connection is of no more use.
    Broken(Error),
}

impl End {
    pub(super) fn into_result(self, phase: &mut Phase) -> Result<Rows> {
        let (next, result) = match self {
            Self::Idle(result) => (Phase::Idle, result),
            Self::Copy | Self::CopyOut(_) => (Phase::Copy, Ok(Rows::default())),
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
            Ok(Taken::On) => (),
            Ok(Taken::End(end)) => return end,
            Ok(Taken::Say(bytes)) => {
                // A failed write shows with what is read next.
                if transport.send(&bytes).is_ok() {
                    let _ = transport.flush().await;
                }
            }
            Err(error) => return End::Broken(error),
        }
    }
}

/// What is to be done after a message of an answer.
enum Taken {
    /// Read on.
    On,
    /// Say this to the server, and read on.
    Say(Vec<u8>),
    /// The answer is over.
    End(End),
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
    fn take(&mut self, message: Message, greeting: &mut Greeting) -> Result<Taken> {
        let Message { tag, ref body, length, extent } = message;
        if extent == Extent::Beginning && tag == tag::DATA_ROW {
            return self.refuse(length, too_large).map(|()| Taken::On);
        }
        match tag {
            tag::ROW_DESCRIPTION => {
                self.rows = Rows::of(backend::row_description(body)?);
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
                return Ok(Taken::End(End::Copy));
            }
            tag::COPY_OUT_RESPONSE if self.expect == Expect::CopyOut && self.error.is_none() => {
                return Ok(Taken::End(End::CopyOut(copy_out_response(body)?)));
            }
            // COPY is not for this call: what comes of it is thrown away, and what the server waits for is refused.
            tag::COPY_OUT_RESPONSE => self.refuse(0, copy_refused)?,
            tag::COPY_IN_RESPONSE => {
                self.refuse(0, copy_refused)?;
                let mut bytes = Vec::new();
                frontend::copy_fail(&mut bytes, "COPY is refused by the client")?;
                return Ok(Taken::Say(bytes));
            }
            tag::COPY_BOTH_RESPONSE => {
                self.refuse(0, copy_refused)?;
                let mut bytes = Vec::new();
                frontend::copy_done(&mut bytes);
                return Ok(Taken::Say(bytes));
            }
            tag::COPY_DATA | tag::COPY_DONE if self.error.is_some() => self.refuse(length, copy_refused)?,
            tag::READY_FOR_QUERY => {
                backend::ready_for_query(body)?;
                return Ok(Taken::End(End::Idle(self.end())));
            }
            other => return Err(unexpected(other, self.doing)),
        }
        Ok(Taken::On)
    }

    /// Throws the answer away, `size` bytes of it now, and keeps why; the connection stays of use, for as long as what comes
    /// is bounded.
    fn refuse(&mut self, size: usize, why: impl FnOnce(&str) -> Error) -> Result<()> {
        if self.error.is_none() {
            self.error = Some(why(self.doing));
        }
        self.rows.rows = Vec::new();
        self.size = self.size.saturating_add(size);
        match &self.error {
            Some(error) if self.size > MAX_REFUSED => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn row(&mut self, body: &[u8]) -> Result<()> {
        let size = backend::data_row_size(body)?;
        if self.size + size > MAX_ANSWER {
            return self.refuse(size, too_large);
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
            (None, Expect::Rows | Expect::CopyOut) => Ok(std::mem::take(&mut self.rows)),
            (None, Expect::CopyBoth) => Err(Error::new(
                Status::WAL_E_PROTOCOL,
                format!("{}: the server ended the command without starting COPY", self.doing),
            )),
        }
    }
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
