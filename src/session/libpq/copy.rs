//! COPY in both directions: libpq's messages, framed again as they were on the wire.
//!
//! It must never change their order: a notice stands before the change that it belongs before (P17).

use super::connection::{Connection, Copied, CopyData};
use super::outcome::Kind;
use crate::wire::backend::tag;
use crate::wire::frame::HEADER;

/// What is to be given to `fill`, and what comes next.
#[derive(Default)]
pub(super) struct Inbox {
    /// Whole messages, before `data`.
    frames: Vec<u8>,
    frames_taken: usize,
    data: Option<Data>,
    stage: Stage,
}

/// One CopyData message on its way.
struct Data {
    header: [u8; HEADER],
    message: CopyData,
    taken: usize,
}

/// Where COPY stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Messages come.
    #[default]
    Copying,
    /// They have ended; results say why.
    Ending,
    /// The server has ended its half, and waits for ours.
    HalfClosed,
    /// The server waits for queries.
    Over,
}

/// What asking for more came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    /// There is more to give.
    Something,
    /// Nothing before more is read from the socket.
    Nothing,
    /// COPY is over, and there will be nothing more.
    Over,
    /// The connection is of no more use.
    Failed,
}

impl Inbox {
    /// Whether a message is only partly given, or waits.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.data.is_none()
    }

    /// Moves what is there into `buf`; tells how much.
    pub(super) fn give(&mut self, buf: &mut [u8]) -> usize {
        let mut given = 0;
        // One that was begun goes first: what came since stands behind it.
        if self.data.as_ref().is_some_and(|data| data.taken > 0) {
            given += self.give_data(buf);
        }
        let left = self.frames.get(self.frames_taken..).unwrap_or_default();
        let count = copy(left, buf.get_mut(given..).unwrap_or_default());
        given += count;
        self.frames_taken += count;
        if self.frames_taken < self.frames.len() {
            return given;
        }
        self.frames.clear();
        self.frames_taken = 0;
        given + self.give_data(buf.get_mut(given..).unwrap_or_default())
    }

    fn give_data(&mut self, buf: &mut [u8]) -> usize {
        let Some(data) = &mut self.data else { return 0 };
        let mut given = copy(data.header.get(data.taken..).unwrap_or_default(), buf);
        data.taken += given;
        if data.taken >= HEADER {
            let body = data.message.bytes();
            let left = body.get(data.taken - HEADER..).unwrap_or_default();
            let count = copy(left, buf.get_mut(given..).unwrap_or_default());
            data.taken += count;
            given += count;
            if data.taken == HEADER + body.len() {
                self.data = None;
            }
        }
        given
    }

    /// Takes the next message out of what libpq has read. Only when all is given.
    pub(super) fn refill(&mut self, connection: &mut Connection) -> More {
        let mut more = More::Nothing;
        loop {
            match self.stage {
                Stage::Copying => match connection.copied() {
                    Copied::Message(message) => {
                        self.data = Some(Data::new(message));
                        more = More::Something;
                    }
                    Copied::Nothing => (),
                    Copied::Failed => more = More::Failed,
                    Copied::Ended => {
                        self.stage = Stage::Ending;
                        continue;
                    }
                },
                Stage::Ending if connection.is_busy() => (),
                Stage::Ending => more = self.ending(connection),
                Stage::HalfClosed => (),
                Stage::Over => more = More::Over,
            }
            // What libpq has met on the way to it comes before it.
            let own = std::mem::take(&mut self.frames);
            connection.notices().take_frames(&mut self.frames);
            self.frames.extend_from_slice(&own);
            return if self.frames.is_empty() { more } else { More::Something };
        }
    }

    /// One result after COPY.
    fn ending(&mut self, connection: &mut Connection) -> More {
        let Some(outcome) = connection.outcome() else {
            self.stage = Stage::Over;
            push_frame(&mut self.frames, tag::READY_FOR_QUERY, b"I");
            return More::Something;
        };
        match (outcome.kind(), outcome.error_body()) {
            (Kind::CopyIn, _) => {
                self.stage = Stage::HalfClosed;
                push_frame(&mut self.frames, tag::COPY_DONE, b"");
            }
            (Kind::Failed, Some(body)) => push_frame(&mut self.frames, tag::ERROR_RESPONSE, &body),
            (Kind::CopyOut, _) => {
                // Another one behind it, which whoever reads has to refuse.
                self.stage = Stage::Copying;
                push_frame(&mut self.frames, tag::COPY_OUT_RESPONSE, b"");
            }
            (Kind::Failed | Kind::CopyBoth | Kind::Other, _) => return More::Failed,
            (kind @ (Kind::Done | Kind::Rows | Kind::Row), _) => {
                if kind != Kind::Done {
                    push_frame(&mut self.frames, tag::ROW_DESCRIPTION, b"");
                }
                let mut body = outcome.tag().into_bytes();
                body.push(0);
                push_frame(&mut self.frames, tag::COMMAND_COMPLETE, &body);
            }
        }
        More::Something
    }

    /// Whether the server may wait for the end of our half.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Copying | Stage::HalfClosed)
    }

    /// Our half of COPY is ended: the results are worth asking for again.
    pub(super) fn ended_ours(&mut self) {
        if self.stage == Stage::HalfClosed {
            self.stage = Stage::Ending;
        }
    }
}

impl Data {
    fn new(message: CopyData) -> Self {
        let mut header = [tag::COPY_DATA, 0, 0, 0, 0];
        // libpq takes no message of 2 GiB or more.
        let length = u32::try_from(message.bytes().len() + 4).unwrap_or(u32::MAX);
        header[1..].copy_from_slice(&length.to_be_bytes());
        Self { header, message, taken: 0 }
    }
}

/// Appends one message. Longer ones than can be are not: libpq has read them.
pub(super) fn push_frame(frames: &mut Vec<u8>, tag: u8, body: &[u8]) {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    frames.push(tag);
    frames.extend_from_slice(&length.to_be_bytes());
    frames.extend_from_slice(body);
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..count), from.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}
