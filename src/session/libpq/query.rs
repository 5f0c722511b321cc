//! One simple query through libpq, its rows one by one.
//!
//! It must never leave the session in doubt: what it ends with says whether the next query's answer can be told apart.

use std::ffi::CString;

use tokio::io::Interest;

use super::connection::Copied;
use super::outcome::{Kind, Outcome};
use super::{Input, LibpqSession, Output, Phase, READS_OF_A_RECORD};
use crate::error::{Error, Result, Status};
use crate::session::answer::{MAX_ANSWER, MAX_REFUSED, copy_refused, first_word, too_large};
use crate::session::{Rows, Session, Turns};
use crate::wire::{ServerMessage, classify};

/// What the answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Rows,
    CopyBoth,
    CopyOut,
}

/// Sends a query and takes its answer. The phase is `Busy` on the way in, and stays so if the connection is of no more
/// use.
pub(super) async fn run(session: &mut LibpqSession, sql: &str, expect: Expect) -> Result<Rows> {
    let Ok(text) = CString::new(sql) else {
        session.phase = Phase::Idle;
        return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, "the query contains a NUL character")
            .with_hint("PostgreSQL cannot take the character U+0000; remove it."));
    };
    if !session.connection.send_query(&text) {
        // A server that was stopped closes its side after its last words: they say more than the failed write.
        session.consume();
    }
    session.output = Output::Queued;
    let mut answer = Answer { doing: first_word(sql), size: 0, rows: Rows::default(), whole: Whole::Yes };
    let mut failed = None;
    let mut turns = Turns::default();
    loop {
        settle(session, &mut turns).await?;
        let Some(outcome) = session.connection.outcome() else { break };
        session.look_after_socket();
        match outcome.kind() {
            Kind::Row | Kind::Rows => answer.take(&outcome, &mut failed)?,
            Kind::Done => answer.whole = Whole::Yes,
            Kind::Failed => {
                let Some(body) = outcome.error_body() else {
                    return Err(failed.unwrap_or(session.failure()));
                };
                let message = ServerMessage::parse(&body)?;
                let ends = message.ends_connection();
                let error = classify::into_error(message, answer.doing);
                if ends {
                    return Err(error);
                }
                failed.get_or_insert(error);
            }
            Kind::CopyBoth if expect == Expect::CopyBoth => {
                session.phase = Phase::Copy;
                session.input = Input::Unknown;
                session.connection.notices().keep_all();
                return Ok(Rows::default());
            }
            Kind::CopyOut if expect == Expect::CopyOut && failed.is_none() => {
                session.phase = Phase::Copy;
                session.input = Input::Unknown;
                session.connection.notices().keep_all();
                session.announced = Some(outcome.announced());
                return Ok(Rows::default());
            }
            // COPY is not for this call: what comes of it is thrown away, and what the server waits for is refused.
            Kind::CopyOut | Kind::CopyIn | Kind::CopyBoth => {
                failed.get_or_insert_with(|| copy_refused(answer.doing));
                let told = match outcome.kind() {
                    Kind::CopyIn => session.connection.put_refusal(),
                    Kind::CopyBoth => session.connection.put_end(),
                    _ => true,
                };
                if !told {
                    return Err(session.lost());
                }
                session.output = Output::Queued;
                if outcome.kind() != Kind::CopyIn {
                    drain(session).await?;
                }
            }
            Kind::Other => {
                let doing = answer.doing;
                return Err(Error::new(
                    Status::WAL_E_PROTOCOL,
                    format!("{doing}: the server sent a result that does not belong here"),
                ));
            }
        }
    }
    if session.connection.is_bad() {
        return Err(failed.unwrap_or(session.failure()));
    }
    session.phase = Phase::Idle;
    match (failed, expect) {
        (Some(error), _) => Err(error),
        (None, Expect::Rows | Expect::CopyOut) => Ok(answer.rows),
        (None, Expect::CopyBoth) => Err(Error::new(
            Status::WAL_E_PROTOCOL,
            format!("{}: the server ended the command without starting COPY", answer.doing),
        )),
    }
}

/// Throws away what COPY gives.
async fn drain(session: &mut LibpqSession) -> Result<()> {
    let mut size = 0;
    loop {
        match session.connection.copied() {
            Copied::Message(data) => {
                size += data.bytes().len();
                if size > MAX_REFUSED {
                    return Err(copy_refused("COPY"));
                }
            }
            Copied::Ended => return Ok(()),
            Copied::Failed => return Err(session.failure()),
            Copied::Nothing => {
                while session.has_unsent() {
                    session.poll_io(false).await?;
                }
                if let Input::Lost(error) = &session.input {
                    return Err(error.clone());
                }
                if !session.connection.is_encrypted() && !session.is_ready_now(Interest::READABLE)? {
                    session.ready(Interest::READABLE).await?;
                }
                session.consume();
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Until the next result is there, or there will be none.
async fn settle(session: &mut LibpqSession, turns: &mut Turns) -> Result<()> {
    turns.give_way().await;
    while session.has_unsent() {
        session.poll_io(false).await?;
    }
    while session.connection.is_busy() {
        if let Input::Lost(error) = &session.input {
            return Err(error.clone());
        }
        if !session.is_ready_now(Interest::READABLE)? {
            // What is in a record that was read is not the kernel's any more, and wakes nobody.
            let reads = if session.connection.is_encrypted() { READS_OF_A_RECORD } else { 0 };
            for _ in 0..reads {
                session.consume();
                if !session.connection.is_busy() {
                    return Ok(());
                }
            }
            session.ready(Interest::READABLE).await?;
        }
        session.consume();
        turns.give_way().await;
    }
    Ok(())
}

/// What came of the answer so far.
struct Answer<'a> {
    doing: &'a str,
    size: usize,
    rows: Rows,
    whole: Whole,
}

/// Whether the rows are those of a whole statement: what comes next is another's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

impl Answer<'_> {
    /// One row, or the end of a statement's rows.
    fn take(&mut self, outcome: &Outcome, failed: &mut Option<Error>) -> Result<()> {
        if self.whole == Whole::Yes {
            self.rows = Rows::of(outcome.columns());
        }
        self.size = self.size.saturating_add(outcome.size());
        if self.size > MAX_REFUSED {
            return Err(too_large(self.doing));
        }
        if self.size > MAX_ANSWER {
            failed.get_or_insert_with(|| too_large(self.doing));
            self.rows.rows = Vec::new();
        } else {
            self.rows.rows.extend(outcome.rows());
        }
        self.whole = if outcome.kind() == Kind::Rows { Whole::Yes } else { Whole::No };
        Ok(())
    }
}
