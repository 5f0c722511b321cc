//! The task of one replay on the engine thread: a capture instead of a session feeds the same receiver and batches.
//!
//! It must give the same events each time: what depends on a clock, such as progress, is not told.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::intake::{Intake, Noted};
use super::log::Level;
use super::reconnected::Reconnected;
use super::shared::Shared;
use crate::batch::{Provenance, Telling};
use crate::capture::{Chain, Epoch, Head, Kind};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Choice, Config, Options, ReplayPace, Streaming, TwoPhase};
use crate::statistics::Counts;
use crate::stream::Receiver;

/// How much is read before other streams of the thread have their turn.
const TURN: usize = 256 << 10;

/// A capture that is open and stands at its first connection.
#[derive(Debug)]
pub struct Source {
    chain: Chain,
    first: Option<Head>,
}

impl Source {
    /// Opens a capture: its files in their order.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut chain = Chain::open(paths)?;
        let first = chain.next()?;
        Ok(Self { chain, first })
    }

    /// Where the captured stream began.
    pub fn start(&self) -> Result<Lsn> {
        let epoch = if self.first.is_some() { read_epoch(&self.chain)? } else { Epoch::default() };
        Ok(number(&epoch, "start_lsn").unwrap_or_default())
    }

    /// The options of the replay: what is not set is as it was in the captured stream.
    pub fn config(&self, options: &Options) -> Result<Config> {
        let mut options = options.clone();
        let epoch = if self.first.is_some() { read_epoch(&self.chain)? } else { Epoch::default() };
        for name in ["decode", "plugin", "on_gap", "stop_lsn", "dedupe", "on_ambiguous"] {
            // What ends a stream is known from decoding only.
            let is_moot = name == "stop_lsn" && !options.decodes()?;
            if !options.is_given(name) && !is_moot {
                options.set(name, epoch.get(name))?;
            }
        }
        // What an earlier life of the program had is left out here too.
        let position = if options.decodes()? { epoch.get("resume_after") } else { None };
        options.set("start_lsn", None)?;
        options.set("resume_after", position)?;
        let assembled = Streaming::Assembled.word();
        // Any other way of streaming shows in what was received.
        if epoch.get("streaming") == Some(assembled) && options.decodes()? && !options.is_given("streaming") {
            options.set("streaming", Some(assembled))?;
        }
        let join = TwoPhase::Join.word();
        if epoch.get("two_phase") == Some(join) && options.decodes()? && !options.is_given("two_phase") {
            options.set("two_phase", Some(join))?;
        }
        options.replay_config()
    }
}

/// Runs a replay to its end.
pub async fn work(shared: Arc<Shared>, source: Source) -> Result<()> {
    shared.socket.store(source.chain.fd(), Ordering::Release);
    let mut receiver = Receiver::new(&shared.config).showing(&shared.spill_fd);
    let start = source.start()?;
    receiver.positions.begin(start.0, start.0);
    let replay = Replay {
        receiver,
        intake: Intake::new(Arc::clone(&shared)),
        chain: source.chain,
        fed: None,
        current: source.first,
        connections: 0,
        timeline: 0,
        reason: None,
        began: Instant::now(),
        shared,
    };
    replay.run().await
}

struct Replay {
    shared: Arc<Shared>,
    chain: Chain,
    receiver: Receiver,
    intake: Intake,
    /// How much of the present record the receiver was given, until it was given all.
    fed: Option<usize>,
    /// The record whose time has not come.
    current: Option<Head>,
    connections: u64,
    /// That of the last connection's server, 0 where the capture does not tell.
    timeline: u32,
    /// What the last connection ended with, where its bytes tell.
    reason: Option<Error>,
    began: Instant,
}

impl Drop for Replay {
    /// The file is closed next: a forked child must not close what has its number then.
    fn drop(&mut self) {
        self.shared.socket.store(-1, Ordering::Release);
    }
}

/// How a turn of reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There is more.
    More,
    /// What comes next was received this long after the beginning.
    Later(Duration),
    /// There is no more.
    Over,
}

impl Replay {
    async fn run(mut self) -> Result<()> {
        let recorded = self.shared.config.replay_pace == ReplayPace::Recorded;
        loop {
            let wanted = self.shared.wanted();
            if wanted.closing {
                return Ok(());
            }
            if let Some(number) = wanted.flush {
                self.shared.flushed(number);
            }
            if !self.shared.has_room(self.intake.pending()) {
                self.shared.engine.notified().await;
                continue;
            }
            match self.read(recorded)? {
                Turn::More => tokio::task::yield_now().await,
                Turn::Later(after) => {
                    let at = self.began.checked_add(after).unwrap_or_else(Instant::now);
                    tokio::select! {
                        () = sleep_until(at.into()) => {}
                        () = self.shared.engine.notified() => {}
                    }
                }
                Turn::Over => {
                    self.intake.tell_end(&self.receiver)?;
                    return Ok(());
                }
            }
            Counts::add(&self.shared.counts.wakeups, 1);
        }
    }

    /// One turn. Whatever ends it, what came before is handed over first.
    fn read(&mut self, recorded: bool) -> Result<Turn> {
        self.intake.begin();
        let turn = self.turn(recorded);
        self.shared.publish(&mut self.receiver);
        let ended = self.intake.end();
        let turn = match turn {
            Err(error) => {
                self.intake.flush()?;
                self.after_error(error)?
            }
            Ok(turn) => turn,
        };
        ended?;
        Ok(turn)
    }

    fn turn(&mut self, recorded: bool) -> Result<Turn> {
        let mut bytes = 0;
        while bytes < TURN && self.shared.has_room(self.intake.pending()) {
            if self.intake.is_delivering() || self.fed.is_some() {
                let (fed, ended) = self.feed()?;
                bytes += fed;
                if ended {
                    return Ok(Turn::Over);
                }
                continue;
            }
            let head = match self.current.take() {
                Some(head) => head,
                None => match self.following()? {
                    Some(head) => head,
                    None => return Ok(Turn::Over),
                },
            };
            if recorded && self.began.elapsed() < head.at {
                self.current = Some(head);
                return Ok(Turn::Later(head.at));
            }
            match head.kind {
                Kind::Epoch => self.connection()?,
                Kind::Received => {
                    Counts::add(&self.shared.counts.reads, 1);
                    let bytes = self.chain.body().len();
                    Counts::add(&self.shared.counts.bytes_received, bytes as u64);
                    self.fed = Some(0);
                }
                Kind::Sent => Counts::add(&self.shared.counts.status_updates, 1),
                Kind::End | Kind::Next | Kind::Onward => {}
            }
        }
        Ok(Turn::More)
    }

    /// The next record; a forked child closes the file that is open then.
    fn following(&mut self) -> Result<Option<Head>> {
        let head = self.chain.next();
        self.shared.socket.store(self.chain.fd(), Ordering::Release);
        head
    }

    /// Gives the receiver a piece of what was received, or has it go on with a transaction that it kept. Tells how much that
    /// was, and whether the end that was asked for is reached.
    fn feed(&mut self) -> Result<(usize, bool)> {
        let Self { chain, intake, receiver, shared, .. } = self;
        let mut noted = Noted::default();
        let taken = if intake.is_delivering() {
            intake.deliver(receiver, &mut noted)
        } else {
            let rest = chain.body().get(self.fed.unwrap_or(0)..).unwrap_or_default();
            let room = intake.room()?;
            let n = room.len().min(rest.len());
            if let (Some(to), Some(from)) = (room.get_mut(..n), rest.get(..n)) {
                to.copy_from_slice(from);
            }
            self.fed = Some(self.fed.unwrap_or(0) + n).filter(|_| n < rest.len());
            intake.received(n, receiver, &mut noted).map(|()| n)
        };
        for remark in noted.remarks {
            shared.logger.log(Level::WAL_LOG_WARN, "replay", || remark);
        }
        Ok((taken?, noted.ended))
    }

    /// Another connection: what the one before it left unfinished is nothing.
    fn connection(&mut self) -> Result<()> {
        let epoch = read_epoch(&self.chain)?;
        Counts::set(&self.shared.counts.server_version, number(&epoch, "server_version").unwrap_or(0));
        let lost = self.timeline;
        self.timeline = number(&epoch, "timeline").unwrap_or(0);
        Counts::set(&self.shared.counts.timeline, self.timeline.into());
        let system = number(&epoch, "system_identifier").unwrap_or(0);
        // Behind all that came over the one before.
        self.intake.flush()?;
        let telling = number(&epoch, "telling").map_or_else(Telling::default, Telling::of_word);
        self.intake.come_from(Provenance { system, timeline: self.timeline, telling });
        if self.connections > 0 {
            let how = Reconnected::read(&epoch, self.reason.take(), (lost, self.timeline));
            let restart = Reconnected::restart(&epoch);
            how.go_on(&self.shared, &mut self.receiver, &mut self.intake, restart)?;
            self.intake.begin();
        }
        self.connections += 1;
        Ok(())
    }

    /// What ended a connection did not end the stream if it connected again.
    fn after_error(&mut self, error: Error) -> Result<Turn> {
        if is_local(error.status()) {
            return Err(error);
        }
        self.fed = None;
        self.intake.reconnected();
        while let Ok(Some(head)) = self.following() {
            if head.kind == Kind::Epoch {
                let lost: Option<i32> = number(&read_epoch(&self.chain)?, "lost_status");
                // Of this the stream knew a way out that a replay has not.
                if error.status() == Status::WAL_E_AMBIGUOUS && lost != Some(error.status() as i32) {
                    return Err(error);
                }
                self.shared
                    .logger
                    .log(Level::WAL_LOG_WARN, "replay", || format!("connected anew after: {error:?}"));
                self.current = Some(head);
                self.reason = Some(error);
                return Ok(Turn::More);
            }
        }
        Err(error)
    }
}

/// Whether an error is of the capture or of this process: the stream did not go on after it, so that going on would leave
/// out what came until its next connection.
fn is_local(status: Status) -> bool {
    use Status::{WAL_E_CAPTURE, WAL_E_INTERNAL, WAL_E_NO_MEMORY, WAL_E_PANIC, WAL_E_SPILL, WAL_E_SYSTEM};
    matches!(
        status,
        WAL_E_CAPTURE | WAL_E_SPILL | WAL_E_NO_MEMORY | WAL_E_SYSTEM | WAL_E_INTERNAL | WAL_E_PANIC
    )
}

/// A fact that is a number or a position.
fn number<T: FromStr>(epoch: &Epoch, name: &str) -> Option<T> {
    epoch.get(name).and_then(|text| text.parse().ok())
}

/// The present record as a connection.
fn read_epoch(chain: &Chain) -> Result<Epoch> {
    Epoch::decode(chain.body()).ok_or_else(|| {
        let at = chain.offset();
        Error::new(
            Status::WAL_E_CAPTURE,
            format!("at offset {at}: the description of a connection cannot be read"),
        )
    })
}
