//! A query that can be given up: the server is asked to end it, and tells whether it did.
//!
//! It must never drop a query half-way without knowing what became of it, if that can be known.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::conninfo::Conninfo;
use crate::error::Result;
use crate::session::{AnySession, Rows, Session};

/// How long the server may take to end a query that was given up.
pub const GRACE: Duration = Duration::from_secs(3);

/// A request to cancel that overtakes its query has no effect, so that it is sent again.
const AGAIN: Duration = Duration::from_millis(300);

/// How a query ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// The server answered.
    Answered(Result<Rows>),
    /// It was given up, and the server said that it gave up too.
    Cancelled(T),
    /// It was given up, and the server said nothing of it. The session is of no more use.
    InDoubt(T),
}

/// Runs a query until it is answered or `stop` is done, which is then what was given up for.
pub async fn ask<T>(
    session: &mut AnySession,
    conninfo: &Conninfo,
    sql: &str,
    stop: impl Future<Output = T>,
) -> Ended<T> {
    let canceller = session.canceller();
    let query = session.query(sql);
    tokio::pin!(query);
    let why = tokio::select! {
        biased;
        answer = &mut query => return Ended::Answered(answer),
        why = stop => why,
    };
    let cancelling = async {
        loop {
            // The answer to the query tells whether it arrived.
            let _ = canceller.send(conninfo).await;
            sleep(AGAIN).await;
        }
    };
    let last_word = async {
        tokio::select! {
            answer = &mut query => answer,
            () = cancelling => Ok(Rows::default()),
        }
    };
    match timeout(GRACE, last_word).await {
        Ok(Err(error)) if error.sqlstate() == "57014" => Ended::Cancelled(why),
        Ok(answer) => Ended::Answered(answer),
        Err(_) => Ended::InDoubt(why),
    }
}
