//! Bytes into batches: where the next read goes, which frames are whole, when a batch is handed over.
//!
//! A chunk is written only behind what events point at, and a batch is sealed by pushing it: the incomplete tail
//! moves to the next chunk first, so that the engine never writes where a reader may look.

use std::sync::Arc;

use super::log::Level;
use super::shared::Shared;
use crate::batch::{Arrays, Batch, Event, EventKind, Provenance, Relation};
use crate::error::{Error, Result, Status};
use crate::options::BatchBoundary;
use crate::stream::{Delivered, Receiver, Taken};
use crate::wire::backend::tag;
use crate::wire::frame::HEADER;
use crate::wire::{Frame, MOST_WORDS, split};

/// A read shorter than this is not worth taking a batch back for.
const WORTH: usize = 4096;

/// The batch being filled.
#[derive(Debug)]
pub struct Intake {
    shared: Arc<Shared>,
    working: Option<Box<Batch>>,
    /// How much of the working chunk is decoded.
    decoded: usize,
    /// How long the frame is that begins there, as far as is known.
    need: usize,
    /// What is still to come of a frame of which only the beginning was wanted.
    unwanted: usize,
    /// How many events of a batch that was taken back are counted already.
    counted: usize,
    /// How many events of the working batch are known to be behind its last end of a transaction.
    open: usize,
    news: News,
    source: Source,
    /// Which server what comes is from.
    server: Provenance,
}

/// Where the next events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The bytes that come.
    Wire,
    /// A transaction that the receiver kept. The batch that is filled next needs room for a message of so many bytes;
    /// what came on the wire behind its end waits.
    Kept(usize),
}

/// How the bytes at hand were used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decoded {
    /// All that is whole is decoded.
    All,
    /// The batch has no room.
    Full,
    /// A transaction that was kept comes first.
    Kept,
}

/// Where a batch is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind all that is decoded.
    Decoded,
    /// Behind so many events.
    Behind(usize),
    /// No transaction ends in it yet.
    Nowhere,
}

/// Whether the consumer was told of what was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Told,
    /// It is at the end of the turn: one wake-up a turn is enough, however many batches come of it.
    Due,
}

/// What came up while decoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// The server waits for a status update.
    pub reply_due: bool,
    /// What the log should hold.
    pub remarks: Vec<String>,
    /// The end that was asked for is reached.
    pub ended: bool,
}

/// What takes the frames that come.
pub trait Takes {
    /// The longest piece of COPY that is believed.
    const LONGEST: usize = usize::MAX;

    /// Takes one backend message.
    ///
    /// # Safety
    /// `body` lives and stays as it is until `out` is cleared or dropped.
    unsafe fn frame(&mut self, tag: u8, body: &[u8], out: &mut Arrays) -> Result<Taken>;

    /// Takes the beginning of a message that is no piece of COPY and longer than anybody wants to know.
    fn beginning(&mut self, tag: u8, body: &[u8]) -> Result<Taken>;

    /// What the last `Taken::Remark` was about.
    fn take_remark(&mut self) -> Option<String>;
}

impl Takes for Receiver {
    #[inline]
    unsafe fn frame(&mut self, tag: u8, body: &[u8], out: &mut Arrays) -> Result<Taken> {
        // SAFETY: the caller's promise.
        unsafe { Self::frame(self, tag, body, out) }
    }

    fn beginning(&mut self, tag: u8, body: &[u8]) -> Result<Taken> {
        Self::beginning(self, tag, body)
    }

    fn take_remark(&mut self) -> Option<String> {
        Self::take_remark(self)
    }
}

impl Intake {
    /// Nothing received yet.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            working: None,
            decoded: 0,
            need: 0,
            unwanted: 0,
            counted: 0,
            open: 0,
            news: News::Told,
            source: Source::Wire,
            server: Provenance::default(),
        }
    }

    /// What comes next is from this server; `flush` came before.
    pub fn come_from(&mut self, server: Provenance) {
        self.server = server;
        if let Some(batch) = &mut self.working {
            batch.arrays.come_from(server);
        }
    }

    /// Whether a transaction that was kept comes before anything that is read: `deliver` gives it.
    pub fn is_delivering(&self) -> bool {
        self.source != Source::Wire
    }

    /// Fills and hands over one batch of a transaction that was kept; behind its end, goes on with what came on the wire.
    /// Tells how many bytes that was. Nothing is read from the wire before all of it is out.
    pub fn deliver(&mut self, receiver: &mut Receiver, noted: &mut Noted) -> Result<usize> {
        let Source::Kept(need) = self.source else { return Ok(0) };
        let mut batch = self.take_batch(need)?;
        let Batch { chunk, arrays, .. } = batch.as_mut();
        // SAFETY: both are of this batch, and its chunk is not touched again before it is handed over.
        let delivered = unsafe { receiver.deliver(chunk, arrays) };
        let bytes = batch.chunk.filled().len();
        if batch.arrays.events().is_empty() {
            self.shared.discard(batch);
        } else {
            self.push(batch);
        }
        match delivered? {
            Delivered::Full(need) => self.source = Source::Kept(need),
            Delivered::Done => {
                self.source = Source::Wire;
                self.received(0, receiver, noted)?;
            }
            Delivered::End => {
                self.source = Source::Wire;
                noted.ended = true;
                self.drop_working();
            }
        }
        Ok(bytes)
    }

    /// Where the next bytes go. Never empty.
    pub fn room(&mut self) -> Result<&mut [u8]> {
        let batch = match self.working.take() {
            Some(batch) => batch,
            None => self.fresh(0)?,
        };
        Ok(self.working.insert(batch).chunk.tail_mut())
    }

    /// How much memory the events take that nobody was given yet: between turns, those of a transaction that is to end in its
    /// batch. A message that is only begun does not count: one
    /// may be longer than the queue; nor do bytes that became no event, for which a consumer never makes room.
    pub fn pending(&self) -> usize {
        let working = self.working.as_ref().filter(|batch| !batch.arrays.events().is_empty());
        working.map_or(0, |batch| batch.weight() - batch.chunk.filled().len() + self.decoded)
    }

    /// How much has come of a message that is not whole, as far as it is kept.
    pub fn begun(&self) -> usize {
        self.working.as_ref().map_or(0, |batch| batch.chunk.filled().len() - self.decoded)
    }

    /// Whether what comes next is the rest of a message of which no more is wanted.
    pub fn passes_over(&self) -> bool {
        self.unwanted > 0
    }

    /// `n` bytes came into the room. Decodes what is whole.
    pub fn received<R: Takes>(&mut self, n: usize, receiver: &mut R, noted: &mut Noted) -> Result<()> {
        if let Some(batch) = &mut self.working {
            batch.chunk.advance(n);
            // Nothing is waiting to be decoded before it.
            let unwanted = self.unwanted.min(n);
            self.decoded += unwanted;
            self.unwanted -= unwanted;
        }
        loop {
            match self.decode(receiver, noted)? {
                Decoded::All => break,
                Decoded::Full => self.seal()?,
                Decoded::Kept => {
                    self.source = Source::Kept(0);
                    let has_events = self.working.as_ref().is_some_and(|it| !it.arrays.events().is_empty());
                    // All of it: what was kept comes behind it.
                    return if has_events { self.seal_at(Place::Decoded) } else { Ok(()) };
                }
            }
        }
        let Some(batch) = &mut self.working else { return Ok(()) };
        // A frame that cannot end in this chunk moves to one of its size at once, before much of it is there.
        let begun = batch.chunk.filled().len() - self.decoded;
        let fits = self.need.max(begun + 1) <= batch.chunk.capacity() - self.decoded;
        if fits { Ok(()) } else { self.seal() }
    }

    /// Begins a turn of reading: fills the newest waiting batch up where that saves a chunk.
    pub fn begin(&mut self) {
        if self.is_delivering() {
            return;
        }
        let begun = self.working.as_ref().map_or(0, |batch| batch.chunk.filled().len() - self.decoded);
        if self.working.as_ref().is_some_and(|batch| !batch.arrays.events().is_empty()) {
            return;
        }
        let Some(mut back) = self.shared.take_back(self.need.max(begun) + WORTH) else { return };
        // Rows of a snapshot may come from the server that was there before.
        back.arrays.come_from(self.server);
        self.counted = back.arrays.events().len();
        let decoded = back.chunk.filled().len();
        if let Some(batch) = self.working.take() {
            back.chunk.append(batch.chunk.filled().get(self.decoded..).unwrap_or_default());
            self.shared.discard(batch);
        }
        self.decoded = decoded;
        self.working = Some(back);
    }

    /// Ends a turn: what is decoded goes to the consumer, and an idle stream holds no memory.
    pub fn end(&mut self) -> Result<()> {
        let sealed = match &self.working {
            None => Ok(()),
            Some(batch) if !batch.arrays.events().is_empty() => self.seal_what_ended(),
            Some(batch) if batch.chunk.filled().len() == self.decoded => {
                self.drop_working();
                Ok(())
            }
            Some(_) => Ok(()),
        };
        self.signal();
        sealed
    }

    /// Hands over all that is decoded, for nothing more comes to it.
    pub fn flush(&mut self) -> Result<()> {
        let has_events = self.working.as_ref().is_some_and(|batch| !batch.arrays.events().is_empty());
        let sealed = if has_events { self.seal_at(Place::Decoded) } else { Ok(()) };
        self.signal();
        sealed
    }

    /// A progress event (see `Positions::progress`). The end of all that was delivered may lie beyond it, where prepared
    /// transactions are kept: who stores the event's position has that too.
    pub fn tell_progress(&mut self, lsn: u64, delivered: u64) -> Result<()> {
        let mut event = Event::new(EventKind::WAL_EVENT_PROGRESS);
        event.lsn = lsn;
        event.ack_lsn = lsn;
        event.number = if delivered > lsn { delivered } else { 0 };
        if let Some(mut obsolete) = self.shared.take_back_progress() {
            obsolete.home = None;
            self.shared.discard(obsolete);
        }
        self.tell(vec![event])
    }

    /// Tells the consumer that this is all: what was asked for, or what there is.
    pub fn tell_end(&mut self, receiver: &Receiver) -> Result<()> {
        let discarded = receiver.discarded();
        for event in discarded.iter().filter(|event| event.kind == EventKind::WAL_EVENT_STREAM_ABORT as u32) {
            self.shared.logger.log(Level::WAL_LOG_WARN, "stream", || {
                format!("discarded the streamed transaction {}, which is open at stop_lsn", event.xid)
            });
        }
        self.flush()?;
        self.tell(discarded)?;
        self.shared.finish();
        Ok(())
    }

    /// Hands over events that the engine itself has to tell.
    pub fn tell(&mut self, events: Vec<Event>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        // SAFETY: events of the engine's own that go without values and relations point at nothing.
        self.tell_with(|arrays| events.into_iter().for_each(|event| unsafe { arrays.push_event(event) }))
    }

    /// Hands over a batch of what `fill` puts in, behind all that was received.
    pub fn tell_with(&mut self, fill: impl FnOnce(&mut Arrays)) -> Result<()> {
        self.flush()?;
        let mut batch = self.take_batch(0)?;
        fill(&mut batch.arrays);
        self.push(batch);
        self.signal();
        Ok(())
    }

    /// Tells of definitions that no message of this connection brought, and gives those of the tables among them.
    pub fn describe(&mut self, receiver: &mut Receiver, messages: &[Vec<u8>]) -> Result<Vec<Arc<Relation>>> {
        self.flush()?;
        let mut relations = Vec::new();
        let mut batch = self.take_batch(0)?;
        for message in messages {
            let taken = match batch.chunk.append_whole(message) {
                true => receiver.describe_beside(&mut batch, message.len())?,
                false => None,
            };
            let found = match taken {
                Some(found) => found,
                None => {
                    let full = std::mem::replace(&mut batch, self.take_batch(message.len())?);
                    self.push_or_discard(full);
                    batch.chunk.append_whole(message);
                    receiver.describe_beside(&mut batch, message.len())?.unwrap_or_default()
                }
            };
            relations.extend(found);
        }
        self.push_or_discard(batch);
        self.signal();
        Ok(relations)
    }

    fn push_or_discard(&mut self, batch: Box<Batch>) {
        match batch.arrays.events().is_empty() {
            true => self.shared.discard(batch),
            false => self.push(batch),
        }
    }

    /// The number of the next batch that `tell_with` hands over.
    pub fn next_number(&self) -> u64 {
        self.shared.next_number()
    }

    /// A new connection: what of the old one's bytes is no whole frame is thrown away. `flush` came before.
    pub fn reconnected(&mut self) {
        self.drop_working();
        self.source = Source::Wire;
        self.unwanted = 0;
        self.counted = 0;
    }

    /// Decodes frame by frame.
    fn decode<R: Takes>(&mut self, receiver: &mut R, noted: &mut Noted) -> Result<Decoded> {
        let Some(batch) = &mut self.working else { return Ok(Decoded::All) };
        let Batch { chunk, arrays, .. } = batch.as_mut();
        let mut rest = chunk.filled().get(self.decoded..).unwrap_or_default();
        loop {
            match split(rest)? {
                Frame::Incomplete { need } => {
                    self.need = need.unwrap_or(0);
                    if self.need > R::LONGEST && rest.first() == Some(&tag::COPY_DATA) {
                        return Err(too_long(self.need));
                    }
                    let Some((tag, beginning)) = long_aside(rest, &mut self.need) else {
                        return Ok(Decoded::All);
                    };
                    if receiver.beginning(tag, beginning)? == Taken::Remark {
                        noted.remarks.extend(receiver.take_remark());
                    }
                    self.unwanted = self.need - rest.len();
                    self.need = 0;
                    self.decoded = chunk.filled().len();
                    return Ok(Decoded::All);
                }
                Frame::Complete { tag, body, total } => {
                    // SAFETY: the body lies in the batch's own chunk, whose filled part stays as it is.
                    match unsafe { receiver.frame(tag, body, arrays) }? {
                        Taken::Done => {}
                        Taken::Full => return arrays.full_though_empty().map(|()| Decoded::Full),
                        Taken::Deliver => {
                            self.decoded += total;
                            return Ok(Decoded::Kept);
                        }
                        Taken::End => {
                            noted.ended = true;
                            self.decoded = chunk.filled().len();
                            return Ok(Decoded::All);
                        }
                        Taken::ReplyDue => noted.reply_due = true,
                        Taken::Remark => noted.remarks.extend(receiver.take_remark()),
                    }
                    self.decoded += total;
                    rest = rest.get(total..).unwrap_or_default();
                }
            }
        }
    }

    /// At the end of a turn: as `seal`, but what may yet end in its batch waits for that.
    fn seal_what_ended(&mut self) -> Result<()> {
        match self.boundary() {
            // Nobody waits in the queue's place: a queue that is smaller than a batch must not wait for it.
            Place::Nowhere if self.pending() < self.shared.config.queue_bytes => Ok(()),
            Place::Nowhere => self.seal_at(Place::Decoded),
            place => {
                self.seal_at(place)?;
                match &self.working {
                    Some(rest)
                        if !rest.arrays.events().is_empty()
                            && self.pending() >= self.shared.config.queue_bytes =>
                    {
                        self.seal_at(Place::Decoded)
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Hands the batch over, up to where it should end, and goes on in another chunk with the rest.
    fn seal(&mut self) -> Result<()> {
        let place = self.boundary();
        self.seal_at(if place == Place::Nowhere { Place::Decoded } else { place })
    }

    /// Where the working batch should end.
    fn boundary(&mut self) -> Place {
        let Some(batch) = &self.working else { return Place::Decoded };
        if self.shared.config.batch_boundary == BatchBoundary::Any {
            return Place::Decoded;
        }
        let events = batch.arrays.events();
        let seen = events.len() - self.open.min(events.len());
        let fresh = events.get(self.open..).unwrap_or_default();
        let Some(last) = fresh.iter().rposition(is_end).map(|at| self.open + at + 1) else {
            self.open += seen;
            return Place::Nowhere;
        };
        if last == events.len() { Place::Decoded } else { Place::Behind(last) }
    }

    /// Hands over the first events and goes on with the others. False: there is no memory for that.
    fn split(&mut self, stays: usize) -> bool {
        let Some(mut batch) = self.working.take() else { return false };
        let split = batch.split_at(stays, self.decoded);
        let bytes = split.bytes(&batch).max(split.moved(self.decoded) + self.need);
        let next = self.take_batch(bytes + 1).ok();
        let Some(mut next) = next else {
            self.working = Some(batch);
            return false;
        };
        if !batch.split_into(split, &mut next) {
            self.shared.discard(next);
            self.working = Some(batch);
            return false;
        }
        self.decoded = split.moved(self.decoded);
        self.open = next.arrays.events().len();
        self.working = Some(next);
        // Of those that were counted some may have moved.
        let counted = self.counted.saturating_sub(stays);
        self.counted = self.counted.min(stays);
        self.push(batch);
        self.counted = counted;
        true
    }

    fn seal_at(&mut self, place: Place) -> Result<()> {
        if let Place::Behind(stays) = place
            && self.split(stays)
        {
            return Ok(());
        }
        self.open = 0;
        let Some(mut batch) = self.working.take() else { return Ok(()) };
        let rest = batch.chunk.filled().get(self.decoded..).unwrap_or_default();
        let moved = rest.len();
        // Whether there is memory for it or not, what is decoded goes to the consumer first.
        let mut next = match moved {
            0 => Ok(None),
            _ => self.take_batch(self.need.max(moved + 1)).map(Some),
        };
        if let Ok(Some(next)) = &mut next {
            next.chunk.append(rest);
        }
        batch.chunk.retreat(moved);
        self.decoded = 0;
        if batch.arrays.events().is_empty() {
            self.shared.discard(batch);
        } else {
            self.push(batch);
        }
        self.working = next?;
        Ok(())
    }

    fn push(&mut self, mut batch: Box<Batch>) {
        let new = batch.arrays.events().len() - self.counted;
        self.counted = 0;
        self.shared.number(&mut batch, new);
        self.shared.push(batch);
        self.news = News::Due;
    }

    fn signal(&mut self) {
        if self.news == News::Due {
            self.shared.signal();
            self.news = News::Told;
        }
    }

    fn fresh(&mut self, bytes: usize) -> Result<Box<Batch>> {
        self.decoded = 0;
        self.take_batch(bytes)
    }

    fn take_batch(&self, bytes: usize) -> Result<Box<Batch>> {
        let mut batch = self.shared.take_batch(bytes)?;
        batch.arrays.come_from(self.server);
        Ok(batch)
    }

    fn drop_working(&mut self) {
        if let Some(batch) = self.working.take() {
            self.shared.discard(batch);
        }
        self.decoded = 0;
        self.need = 0;
        self.open = 0;
    }
}

#[cold]
fn too_long(bytes: usize) -> Error {
    let text = format!("the server announced a message of {bytes} bytes, and none is so long");
    Error::new(Status::WAL_E_PROTOCOL, text)
}

/// Whether nothing that belongs to an event is waited for: its transaction ended, or its block, of which nobody knows when
/// another comes.
fn is_end(event: &Event) -> bool {
    use EventKind::{WAL_EVENT_STREAM_ABORT, WAL_EVENT_STREAM_STOP};
    event.ack_lsn != 0
        || event.kind == WAL_EVENT_STREAM_STOP as u32
        || event.kind == WAL_EVENT_STREAM_ABORT as u32
}

/// Of what is no piece of COPY only the beginning is looked at: who sends 1 GiB of words does not get 1 GiB of memory for
/// them. Gives it once it is there; until then `need` is what it takes.
#[cold]
fn long_aside<'a>(rest: &'a [u8], need: &mut usize) -> Option<(u8, &'a [u8])> {
    let tag = *rest.first()?;
    let most = HEADER + MOST_WORDS;
    if tag == tag::COPY_DATA || *need <= most {
        return None;
    }
    let beginning = rest.get(HEADER..most);
    if beginning.is_none() {
        *need = most;
    }
    beginning.map(|beginning| (tag, beginning))
}
