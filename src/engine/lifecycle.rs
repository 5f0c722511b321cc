//! The life of a stream: its phases, what leads from one to the next, and what each means to whoever asks. One table; it
//! must never be written anywhere else which phase comes next.

use crate::error::{Error, Result, Status};

/// Where in its life a stream is.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Not connected.
    New,
    /// A task is connecting.
    Connecting,
    /// Connecting failed; the stream can be connected again.
    Failed(Error),
    /// Changes come.
    Streaming,
    /// The program frees the stream: the task says good-bye.
    Closing,
    /// Nothing more will come but what is in the queue; with the reason.
    Ended(Error),
    /// The task is gone after a good-bye, or nobody waits for it.
    Closed,
}

/// What happens to a stream.
#[derive(Clone, Debug)]
pub enum Step {
    /// The program connects.
    Connect,
    /// The task is connected.
    Stream,
    /// The task is done, for an error or as it was asked to.
    Leave(Option<Error>),
    /// The last task ended without a word, as when its engine died.
    Lose,
    /// Nobody waits for the attempt to connect any more.
    GiveUp,
    /// The program frees the stream.
    Close,
    /// The good-bye took too long.
    Overdue,
}

impl Phase {
    /// The table: what comes after `step`. `None`: it does not belong here, and changes nothing.
    fn after(&self, step: Step) -> Option<Self> {
        use Phase::{Closed, Closing, Connecting, Ended, Failed, New, Streaming};
        match (step, self) {
            (Step::Connect, New) => Some(Connecting),
            (Step::Stream, Connecting) => Some(Streaming),
            (Step::Leave(Some(error)), Connecting) => Some(Failed(error)),
            (Step::Leave(Some(error)), Streaming | Closing) => Some(Ended(error)),
            (Step::Leave(None), Connecting | Streaming | Closing) => Some(Closed),
            (Step::Lose, Connecting) => Some(Failed(lost())),
            (Step::Lose, Streaming) => Some(Ended(lost())),
            (Step::Lose, Closing) => Some(Closed),
            (Step::GiveUp, Connecting | Failed(_)) => Some(New),
            (Step::Close, Streaming) => Some(Closing),
            (Step::Close, New | Connecting | Failed(_) | Ended(_)) | (Step::Overdue, _) => Some(Closed),
            (
                Step::Connect | Step::Stream | Step::Leave(_) | Step::Lose | Step::GiveUp | Step::Close,
                New | Connecting | Failed(_) | Streaming | Closing | Ended(_) | Closed,
            ) => None,
        }
    }
}

/// The life of one stream.
#[derive(Debug)]
pub struct Lifecycle {
    phase: Phase,
    /// Which attempt to connect the phase belongs to: what an older one still says is not heard.
    attempt: u64,
    /// How many tasks of this stream run: they log, so that freeing waits for them.
    tasks: usize,
    /// The end that was asked for is reached: what is in the queue is all.
    finished: bool,
    flush_asked: u64,
    flush_done: u64,
}

/// What the consumer wants of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The program frees the stream.
    pub closing: bool,
    /// The number of the newest request to flush that is not done.
    pub flush: Option<u64>,
}

/// What a consumer finds behind the last batch.
#[derive(Clone, Debug)]
pub enum Rest {
    /// More may come.
    More,
    /// Nothing, for this reason.
    Ended(Error),
    /// Nothing, as was asked for.
    Closed,
}

/// What an attempt to connect came to.
#[derive(Clone, Debug)]
pub enum Came {
    /// Nothing yet.
    Connecting,
    /// The stream was there. What ended it since then, the next call tells, behind what came before.
    Connected,
    /// It failed.
    Failed(Error),
    /// The stream was closed meanwhile.
    Closed,
}

impl Lifecycle {
    /// A stream that is not connected.
    pub fn new() -> Self {
        Self { phase: Phase::New, attempt: 0, tasks: 0, finished: false, flush_asked: 0, flush_done: 0 }
    }

    /// Where the stream is.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Something happens. False: it does not belong here.
    pub fn step(&mut self, step: Step) -> bool {
        // A task that is connecting learns by its attempt's number that nobody waits for it.
        let is_new_attempt = match step {
            Step::Connect | Step::GiveUp => true,
            Step::Close => !matches!(self.phase, Phase::Streaming),
            Step::Stream | Step::Leave(_) | Step::Lose | Step::Overdue => false,
        };
        let Some(next) = self.phase.after(step) else { return false };
        self.phase = next;
        self.attempt += u64::from(is_new_attempt);
        true
    }

    /// The same, from a task that connects or connected. False, too, where its attempt was given up.
    pub fn step_of(&mut self, attempt: u64, step: Step) -> bool {
        self.attempt == attempt && self.step(step)
    }

    /// Begins an attempt to connect, with a task, and gives its number.
    pub fn connect(&mut self) -> Result<u64> {
        if !self.step(Step::Connect) {
            return Err(Error::new(Status::WAL_E_STATE, "the stream was connected before")
                .with_hint("Make a new stream from the same options."));
        }
        self.tasks += 1;
        Ok(self.attempt)
    }

    /// Whether somebody still waits for this attempt to connect.
    pub fn is_attempt(&self, attempt: u64) -> bool {
        self.attempt == attempt
    }

    /// A task is gone, with or without a word.
    pub fn task_ended(&mut self) {
        self.tasks -= 1;
        if self.tasks == 0 {
            self.step(Step::Lose);
        }
    }

    /// Whether the good-bye is said and no task runs.
    pub fn is_over(&self) -> bool {
        !matches!(self.phase, Phase::Closing) && self.tasks == 0
    }

    /// Whether a batch is for anybody.
    pub fn takes_batches(&self) -> bool {
        !matches!(self.phase, Phase::Closed)
    }

    /// The end that was asked for is reached.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether it is.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// What the consumer wants of the task.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            // Closed while the task runs: freeing did not wait for it.
            closing: matches!(self.phase, Phase::Closing | Phase::Closed),
            flush: (self.flush_asked > self.flush_done).then_some(self.flush_asked),
        }
    }

    /// What comes behind the last batch.
    pub fn rest(&self) -> Rest {
        match &self.phase {
            _ if self.finished => Rest::Closed,
            Phase::New | Phase::Failed(_) => Rest::Ended(not_connected()),
            Phase::Connecting | Phase::Streaming => Rest::More,
            Phase::Ended(error) => Rest::Ended(error.clone()),
            Phase::Closing | Phase::Closed => Rest::Closed,
        }
    }

    /// What became of the attempt to connect.
    pub fn came(&self) -> Came {
        match &self.phase {
            Phase::Connecting => Came::Connecting,
            Phase::Failed(error) => Came::Failed(error.clone()),
            Phase::Streaming | Phase::Ended(_) => Came::Connected,
            // A replay may end at once, and its task with it.
            Phase::Closed if self.finished => Came::Connected,
            Phase::New | Phase::Closing | Phase::Closed => Came::Closed,
        }
    }

    /// Asks for a flush and gives the request's number.
    pub fn ask_flush(&mut self) -> u64 {
        self.flush_asked += 1;
        self.flush_asked
    }

    /// Requests up to this number are done.
    pub fn flushed(&mut self, number: u64) {
        self.flush_done = number;
    }

    /// Whether the request to flush of this number is done. An error: it never will be.
    pub fn is_flushed(&self, number: u64) -> Result<bool> {
        match &self.phase {
            _ if self.flush_done >= number => Ok(true),
            Phase::Streaming | Phase::Closing => Ok(false),
            Phase::Ended(error) => Err(error.clone()),
            // It left because everything was acknowledged and reported.
            Phase::Closed if self.finished => Ok(true),
            Phase::New | Phase::Connecting | Phase::Failed(_) | Phase::Closed => Err(not_connected()),
        }
    }
}

fn lost() -> Error {
    Error::new(Status::WAL_E_INTERNAL, "the stream's task was lost")
}

fn not_connected() -> Error {
    Error::new(Status::WAL_E_STATE, "the stream is not connected").with_hint("Connect it first.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Step {
        Step::Leave(Some(Error::new(Status::WAL_E_CONNECTION_LOST, "gone")))
    }

    fn streaming() -> (Lifecycle, u64) {
        let mut it = Lifecycle::new();
        let attempt = it.connect().unwrap();
        assert!(it.step_of(attempt, Step::Stream));
        (it, attempt)
    }

    #[test]
    fn a_stream_connects_once_and_again_only_after_it_failed() {
        let mut it = Lifecycle::new();
        assert!(matches!(it.rest(), Rest::Ended(_)) && it.is_flushed(1).is_err());
        let first = it.connect().unwrap();
        assert_eq!(it.connect().unwrap_err().status(), Status::WAL_E_STATE);
        assert!(it.step_of(first, broken()) && matches!(it.came(), Came::Failed(_)));
        it.task_ended();
        assert!(it.step(Step::GiveUp) && !it.is_attempt(first));
        let second = it.connect().unwrap();
        assert!(!it.step_of(first, Step::Stream), "an older attempt is not heard");
        assert!(it.step_of(second, Step::Stream) && matches!(it.came(), Came::Connected));
        assert!(!it.step(Step::GiveUp), "it came at the very moment that it was given up");
        assert!(it.connect().is_err());
    }

    #[test]
    fn closing_waits_for_a_good_bye_only_where_something_streams() {
        let (mut it, attempt) = streaming();
        assert!(it.step(Step::Close) && it.wanted().closing && !it.is_over());
        assert!(!it.step_of(attempt, Step::Stream) && it.step_of(attempt, Step::Leave(None)));
        it.task_ended();
        assert!(it.is_over() && matches!(it.rest(), Rest::Closed) && !it.takes_batches());

        let mut it = Lifecycle::new();
        let attempt = it.connect().unwrap();
        assert!(it.step(Step::Close) && !it.is_attempt(attempt), "the task learns that nobody waits");
        assert!(!it.step_of(attempt, Step::Stream) && matches!(it.came(), Came::Closed));
    }

    #[test]
    fn a_task_that_is_lost_leaves_nobody_waiting() {
        let (mut it, _) = streaming();
        it.task_ended();
        assert!(matches!(it.rest(), Rest::Ended(error) if error.status() == Status::WAL_E_INTERNAL));
        let mut it = Lifecycle::new();
        it.connect().unwrap();
        it.task_ended();
        assert!(matches!(it.came(), Came::Failed(_)));
        let (mut it, _) = streaming();
        it.step(Step::Close);
        it.task_ended();
        assert!(it.is_over() && matches!(it.rest(), Rest::Closed));
    }

    #[test]
    fn what_is_closed_stays_so() {
        let (mut it, attempt) = streaming();
        it.step(Step::Close);
        assert!(it.step(Step::Overdue) && !it.step_of(attempt, broken()));
        for step in [Step::Connect, Step::Stream, Step::Lose, Step::GiveUp, Step::Close, broken()] {
            assert!(!it.step(step) && matches!(it.phase(), Phase::Closed));
        }
    }

    #[test]
    fn a_flush_is_done_or_will_never_be() {
        let (mut it, attempt) = streaming();
        let number = it.ask_flush();
        assert_eq!((it.wanted().flush, it.is_flushed(number).unwrap()), (Some(number), false));
        it.flushed(number);
        assert_eq!((it.wanted().flush, it.is_flushed(number).unwrap()), (None, true));
        let next = it.ask_flush();
        it.finish();
        it.step_of(attempt, Step::Leave(None));
        assert!(it.is_flushed(next).unwrap(), "it left because all was reported");
    }
}
