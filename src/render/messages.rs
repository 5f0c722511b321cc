//! The messages that were made, and the buffers that hold them. It must never give a part of one.

use std::ops::Range;

use super::out::Out;
use crate::error::{Error, Result};

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendered<'a> {
    /// Which event it is of, counted from `clear`.
    pub event: usize,
    /// The event's `wal_event_kind`.
    pub kind: u32,
    /// `schema.table` of a change, ambiguous where one has a dot, or what the format calls it; None for an event without one.
    pub topic: Option<&'a [u8]>,
    /// What identifies the row, in formats that have keys.
    pub key: Option<&'a [u8]>,
    /// The message. None says that the key is gone, in formats that have keys.
    pub value: Option<&'a [u8]>,
}

/// Messages in their order.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The values, a line feed behind each. What stands behind the last is a message that is being made.
    pub(super) out: Out,
    /// The keys, one behind the other. What stands behind the last is a key that is being made.
    pub(super) keys: Out,
    topics: Out,
    list: Vec<Message>,
    /// Where the present value and key begin.
    begin: (usize, usize),
    /// How many events there were.
    events: usize,
    /// The kind of the present one.
    kind: u32,
}

/// Where the parts of a message are.
#[derive(Clone, Debug)]
struct Message {
    event: usize,
    kind: u32,
    topic: Option<Range<usize>>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
}

impl Messages {
    /// Forgets all, and keeps the room.
    pub(super) fn clear(&mut self) {
        self.out.clear();
        self.keys.clear();
        self.topics.clear();
        self.begin = (0, 0);
        /// How many are kept in any case.
        const KEPT: usize = 1 << 16;
        let used = self.list.len();
        self.list.clear();
        if self.list.capacity() > KEPT && self.list.capacity() / 4 > used {
            self.list.shrink_to(KEPT.max(used));
        }
        self.events = 0;
    }

    /// What follows is of an event of this kind.
    pub(super) fn begin_event(&mut self, kind: u32) {
        self.kind = kind;
    }

    /// How many events there were.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// What follows is of the next event.
    pub(super) fn end_event(&mut self) {
        self.events += 1;
    }

    /// What was written since the last message is one, and has a key if one was written.
    pub(super) fn end(&mut self, topic: Option<&[u8]>) -> Result<()> {
        let value = self.begin.0..self.out.len();
        self.out.byte(b'\n');
        self.out.check()?;
        self.push(topic, Some(value))
    }

    /// The key that was written, or a copy of the last message's, has no value any more.
    pub(super) fn end_tombstone(&mut self, topic: &[u8]) -> Result<()> {
        self.push(Some(topic), None)
    }

    #[inline]
    fn push(&mut self, topic: Option<&[u8]>, value: Option<Range<usize>>) -> Result<()> {
        let key = self.begin.1..self.keys.len();
        self.keys.check()?;
        // A tombstone follows the message of its key.
        let key = match key.is_empty() {
            false => Some(key),
            true if value.is_none() => self.list.last().and_then(|last| last.key.clone()),
            true => None,
        };
        self.begin = (self.out.len(), self.keys.len());
        let topic = match topic {
            // Most are of the same table as the one before.
            Some(topic) if self.last_topic() == Some(topic) => {
                self.list.last().and_then(|last| last.topic.clone())
            }
            Some(topic) => {
                let begin = self.topics.len();
                self.topics.put(topic);
                self.topics.check()?;
                Some(begin..self.topics.len())
            }
            None => None,
        };
        let bytes = self.list.len() * size_of::<Message>();
        self.list.try_reserve(1).map_err(|_| Error::no_memory("messages", bytes))?;
        self.list.push(Message { event: self.events, kind: self.kind, topic, key, value });
        Ok(())
    }

    fn last_topic(&self) -> Option<&[u8]> {
        self.topics.bytes().get(self.list.last()?.topic.clone()?)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Rendered<'_>> {
        self.list.iter().map(|message| Rendered {
            event: message.event,
            kind: message.kind,
            topic: message.topic.as_ref().and_then(|topic| self.topics.bytes().get(topic.clone())),
            key: message.key.as_ref().and_then(|key| self.keys.bytes().get(key.clone())),
            value: message.value.as_ref().and_then(|value| self.out.bytes().get(value.clone())),
        })
    }
}
