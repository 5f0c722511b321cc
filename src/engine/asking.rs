//! A query that can be given up: the server is asked to end it, and tells whether it did.
//!
//! It must never drop a query half-way without knowing what became of it, if that can be known; and never let a session be
//! asked again while a request to cancel may still hit what it is asked next (P45).

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::conninfo::Conninfo;
use crate::error::Result;
use crate::session::{AnyCanceller, AnySession, Rows, Session};
use crate::wire::CopyOut;

/// How long the server may take to end a query that was given up, and then to be done with the request for that.
pub const GRACE: Duration = Duration::from_secs(3);

/// A request to cancel that overtakes its query has no effect, so that it is sent again.
const AGAIN: Duration = Duration::from_millis(300);

/// How a query ended.
#[derive(Debug)]
pub enum Ended<T, R = Rows> {
    /// The server answered.
    Answered(Result<R>),
    /// It was given up, and the server said that it gave up too.
    Cancelled(T),
    /// It was given up, and the server said nothing of it. The session is of no more use.
    InDoubt(T),
}

/// Runs a query until it is answered or `stop` is done, which is then what was given up for. A session that may be
/// asked again is idle then.
pub async fn ask<T>(
    session: &mut AnySession,
    conninfo: &Conninfo,
    sql: &str,
    stop: impl Future<Output = T>,
) -> Ended<T> {
    let sql = sql.to_owned();
    pursue(session, conninfo, |session| Box::pin(async move { session.query(&sql).await }), stop).await
}

/// The same of a statement that begins a COPY towards the client.
pub async fn ask_copy<T>(
    session: &mut AnySession,
    conninfo: &Conninfo,
    sql: &str,
    stop: impl Future<Output = T>,
) -> Ended<T, CopyOut> {
    let sql = sql.to_owned();
    pursue(session, conninfo, |session| Box::pin(async move { session.start_copy_out(&sql).await }), stop)
        .await
}

/// An answer that is waited for.
type Awaited<'a, R> = Pin<Box<dyn Future<Output = Result<R>> + Send + 'a>>;

async fn pursue<T, R>(
    session: &mut AnySession,
    conninfo: &Conninfo,
    work: impl for<'a> FnOnce(&'a mut AnySession) -> Awaited<'a, R>,
    stop: impl Future<Output = T>,
) -> Ended<T, R> {
    let canceller = session.canceller();
    let (why, answer, request) = {
        let query = work(session);
        tokio::pin!(query);
        let why = tokio::select! {
            biased;
            answer = &mut query => return Ended::Answered(answer),
            why = stop => why,
        };
        match timeout(GRACE, cancel(query, &canceller, conninfo)).await {
            Ok((answer, request)) => (why, answer, request),
            Err(_) => return Ended::InDoubt(why),
        }
    };
    if let Some(request) = request
        && timeout(GRACE, request).await.is_err()
    {
        session.abandon();
    }
    match answer {
        Err(error) if error.sqlstate() == "57014" => Ended::Cancelled(why),
        answer => Ended::Answered(answer),
    }
}

/// A request to cancel that is under way. It is over once the server has closed its connection, or it never left.
pub(super) type Request<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Asks the server to end a query until it answers; gives the request too, if that is not over by then.
pub(super) async fn cancel<'a, R>(
    mut query: Pin<&mut impl Future<Output = R>>,
    canceller: &'a AnyCanceller,
    conninfo: &'a Conninfo,
) -> (R, Option<Request<'a>>) {
    loop {
        let mut request: Request<'a> = Box::pin(canceller.send(conninfo));
        tokio::select! {
            answer = &mut query => return (answer, Some(request)),
            // Only the answer to the query tells whether it arrived.
            _ = &mut request => (),
        }
        tokio::select! {
            answer = &mut query => return (answer, None),
            () = sleep(AGAIN) => (),
        }
    }
}
