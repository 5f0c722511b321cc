//! Batches and events as `futures_core::Stream`. Nothing is between them and the stream, so that dropping one loses
//! nothing.

use std::borrow::BorrowMut;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::batch::Batch;
use super::event::Event;
use super::stream::Stream;
use crate::error::Result;

/// Whether there may be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    On,
    /// The end, or an error, was given.
    Over,
}

macro_rules! adaptors {
    ($($(#[$doc:meta])* $name:ident of $item:ty, $poll:ident, $by_ref:ident, $by_value:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<S> {
            stream: S,
            going: Going,
        }

        impl Stream {
            $(#[$doc])*
            pub fn $by_ref(&mut self) -> $name<&mut Self> {
                $name { stream: self, going: Going::On }
            }

            $(#[$doc])*
            ///
            /// This one owns the stream, for a task that lives on its own: take the [`acker`](Self::acker) before.
            pub fn $by_value(self) -> $name<Self> {
                $name { stream: self, going: Going::On }
            }
        }

        impl<S: BorrowMut<Stream> + Unpin> futures_core::Stream for $name<S> {
            type Item = Result<$item>;

            fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                if self.going == Going::Over {
                    return Poll::Ready(None);
                }
                let item = ready!(self.stream.borrow_mut().$poll(context)).transpose();
                if !matches!(item, Some(Ok(_))) {
                    self.going = Going::Over;
                }
                Poll::Ready(item)
            }
        }
    )* };
}

adaptors! {
    /// Batches, as an asynchronous stream that ends after the first error.
    Batches of Batch, poll_batch, batches, into_batches;
    /// Events, as an asynchronous stream that ends after the first error. An event keeps its batch in memory.
    Events of Event, poll_event, events, into_events;
}
