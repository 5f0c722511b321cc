//! The consumer's side for futures: the same as the calls that block, polled. It must never block, and what a poll does
//! not give it must not take.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::{Came, Found, Shared};
use crate::engine::lifecycle::Step;
use crate::engine::log::Level;
use crate::error::{Error, Result, Status};

impl Shared {
    /// The oldest batch, or that nothing more comes; as `find`.
    pub fn poll_find(&self, context: &mut Context<'_>) -> Poll<Found> {
        match self.find() {
            Found::Nothing => {}
            found => return Poll::Ready(found),
        }
        self.wakers.register(context.waker());
        match self.find() {
            Found::Nothing => Poll::Pending,
            found => Poll::Ready(found),
        }
    }

    /// Whether the attempt to connect came to anything.
    pub fn poll_connected(&self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.wakers.register(context.waker());
        match self.came() {
            Came::Connecting => Poll::Pending,
            Came::Failed(error) => Poll::Ready(Err(error)),
            Came::Connected => Poll::Ready(Ok(())),
            Came::Closed => {
                Poll::Ready(Err(Error::new(Status::WAL_E_STATE, "the stream was closed while it connected")))
            }
        }
    }

    /// Waits until the present acknowledgement was written to the connection.
    pub async fn flushed_now(&self) -> Result<()> {
        let number = self.ask_flush();
        poll_fn(|context| {
            self.wakers.register(context.waker());
            match self.lock().life.is_flushed(number) {
                Ok(true) => Poll::Ready(Ok(())),
                Ok(false) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await
    }

    /// Waits until the stream has said good-bye and no task of it runs.
    pub async fn closed(&self) {
        poll_fn(|context| {
            self.wakers.register(context.waker());
            if self.lock().life.is_over() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The good-bye took too long: nobody waits for it any more.
    pub fn give_up_closing(&self) {
        self.lock().life.step(Step::Overdue);
        self.logger.log(Level::WAL_LOG_WARN, "stream", || "closing took too long and was given up");
    }
}
