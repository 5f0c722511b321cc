//! Short-lived threads for what blocks: getaddrinfo, SCRAM's hashing, libpq, files, the program's own callbacks.
//!
//! Each kind of work has threads of its own, so that none waits for another (P43). Nobody ever waits for one to end:
//! whoever loses interest drops the future, and the thread ends by itself.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use super::progress::{Progress, Wait};
use crate::error::{Error, Result, Status};
use crate::sys::{PerProcess, block_all_signals, is_shortage};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "libpq"), allow(dead_code, reason = "some are libpq's"))]
pub(super) enum Kind {
    /// getaddrinfo.
    Resolve,
    /// SCRAM's hashing.
    Scram,
    /// The database of users, for `requirepeer`.
    Peer,
    /// A request to cancel through libpq.
    Cancel,
    /// A step of libpq's in connecting.
    Libpq,
    /// Files of certificates and passwords, which may lie on the network.
    Files,
    /// The program's function that gives passwords.
    Password,
    /// A command of the program's, which waits for a server.
    Command,
}

/// Each kind at the place of its number.
const KINDS: [Kind; 8] = [
    Kind::Resolve,
    Kind::Scram,
    Kind::Peer,
    Kind::Cancel,
    Kind::Libpq,
    Kind::Files,
    Kind::Password,
    Kind::Command,
];

/// How long to wait for the system to allow a thread, and how long between two tries.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(20);

/// Per process, for in a forked child the permits of the parent's threads would never come back.
static PERMITS: PerProcess<[Semaphore; KINDS.len()]> =
    PerProcess::new(|| KINDS.map(|kind| Semaphore::new(kind.threads())));

impl Kind {
    /// How many threads it has: few where they compute, more where they wait for somebody.
    pub(super) fn threads(self) -> usize {
        match self {
            Self::Scram | Self::Peer | Self::Files => 4,
            Self::Resolve | Self::Cancel | Self::Libpq | Self::Password => 16,
            // One may wait for hours, as the making of a slot does for a transaction that is running.
            Self::Command => 64,
        }
    }

    /// As the system shows its threads.
    fn name(self) -> &'static str {
        match self {
            Self::Resolve => "pgwal-resolve",
            Self::Scram => "pgwal-scram",
            Self::Peer => "pgwal-peer",
            Self::Cancel => "pgwal-cancel",
            Self::Libpq => "pgwal-libpq",
            Self::Files => "pgwal-files",
            Self::Password => "pgwal-password",
            Self::Command => "pgwal-command",
        }
    }

    /// What is waited for, behind "waiting".
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Resolve => "for the machine's name service",
            Self::Scram => "for the hashing of the password",
            Self::Peer => "for the machine's database of users",
            Self::Cancel => "for a request to cancel",
            Self::Libpq => "for libpq, which may resolve a name or ask Kerberos",
            Self::Files => "for the files of certificates and passwords",
            Self::Password => "for the program's password callback",
            Self::Command => "for another command",
        }
    }

    /// What the user can do where that takes too long.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Resolve => {
                "Check the machine's name service (/etc/resolv.conf) and the spelling of host, or give hostaddr."
            }
            Self::Scram => "Lower scram_iterations on the server, or allow more time.",
            Self::Peer => {
                "Check the machine's name service switch (/etc/nsswitch.conf), or leave requirepeer out."
            }
            Self::Cancel => "Check the network and firewalls between.",
            Self::Password => "See what the program's password callback waits for.",
            Self::Command => "See what the commands of other connections wait for.",
            Self::Files => "Check the disk or network that holds the files that conninfo names.",
            Self::Libpq => "Check the machine's name service and its Kerberos servers, or allow more time.",
        }
    }
}

/// Runs `work` on a helper thread, after waiting for one of its kind. Where the system allows no thread just now, that is
/// waited for too.
pub(super) async fn run<T: Send + 'static>(
    kind: Kind,
    progress: &Progress,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let permits = PERMITS.get().map_err(|error| Error::os(Status::WAL_E_SYSTEM, "mmap", &error))?;
    let permits = permits.get(kind as usize).ok_or_else(|| lost(kind))?;
    progress.wait_for(Wait::Turn(kind));
    let permit = permits.acquire().await.map_err(|_| lost(kind))?;
    let (send, receive) = oneshot::channel();
    // A thread that is not allowed takes what it was to run with it.
    let task = Arc::new(Mutex::new(Some((work, permit, send))));
    progress.wait_for(Wait::Thread);
    let begun = Instant::now();
    loop {
        let task = Arc::clone(&task);
        let started = start(kind.name(), move || {
            let taken = task.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((work, permit, send)) = taken {
                // The permit goes back as soon as the work is done, wanted or not.
                let result = work();
                drop(permit);
                let _ = send.send(result);
            }
        });
        match started {
            Ok(()) => break,
            Err(error) if is_shortage(&error) && begun.elapsed() < PATIENCE => {
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(Error::os(Status::WAL_E_SYSTEM, "cannot start a thread", &error)),
        }
    }
    drop(task);
    progress.wait_for(Wait::Work(kind));
    let result = receive.await.map_err(|_| lost(kind));
    progress.wait_for(Wait::Nothing);
    result
}

/// Runs a command that waits for a server on a helper thread.
pub async fn command<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    run(Kind::Command, &Progress::default(), work).await
}

/// Starts a thread that no signal of the host can hit.
fn start(name: &str, thread: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let before = block_all_signals()?;
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(thread);
    before.restore();
    started.map(drop)
}

#[cold]
fn lost(kind: Kind) -> Error {
    Error::new(Status::WAL_E_INTERNAL, format!("the helper thread {} ended without a result", kind.name()))
}

/// Holds all threads of a kind until what it gives is dropped.
#[cfg(test)]
pub(super) async fn occupy(kind: Kind) -> Vec<std::sync::mpsc::Sender<()>> {
    let mut held = Vec::new();
    for _ in 0..kind.threads() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let nothing = Progress::default();
        let wait = run(kind, &nothing, move || stopped.recv());
        assert!(tokio::time::timeout(Duration::from_millis(5), wait).await.is_err());
        held.push(stop);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    async fn done<T: Send + 'static>(kind: Kind, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        run(kind, &Progress::default(), work).await
    }

    #[test]
    fn each_kind_is_at_the_place_of_its_number() {
        assert!(KINDS.iter().enumerate().all(|(at, kind)| *kind as usize == at));
    }

    #[test]
    fn at_most_four_run_and_lost_interest_gives_the_permit_back() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let work = || {
            MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(30));
            NOW.fetch_sub(1, Ordering::SeqCst);
            7
        };
        runtime().block_on(async {
            let local = tokio::task::LocalSet::new();
            let tasks: Vec<_> = (0..10).map(|_| local.spawn_local(done(Kind::Peer, work))).collect();
            // Those whose future is dropped while their thread runs.
            for _ in 0..4 {
                let _ = tokio::time::timeout(Duration::from_millis(1), done(Kind::Peer, work)).await;
            }
            local.await;
            for task in tasks {
                assert_eq!(task.await.unwrap().unwrap(), 7);
            }
            assert_eq!(done(Kind::Peer, || 8).await.unwrap(), 8);
        });
        assert!(MOST.load(Ordering::SeqCst) <= Kind::Peer.threads());
    }

    #[test]
    fn shutting_down_does_not_wait() {
        let (stop, stopped) = mpsc::channel::<()>();
        let runtime = runtime();
        let start = Instant::now();
        runtime.block_on(async {
            let wait = done(Kind::Cancel, move || stopped.recv());
            assert!(tokio::time::timeout(Duration::from_millis(20), wait).await.is_err());
        });
        drop(runtime);
        // Else it would wait for ever.
        assert!(start.elapsed() < Duration::from_secs(20));
        drop(stop);
    }

    #[test]
    fn s17_kinds_of_work_do_not_wait_for_each_other() {
        runtime().block_on(async {
            let held = occupy(Kind::Libpq).await;
            for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Libpq) {
                let soon = tokio::time::timeout(Duration::from_secs(10), done(kind, || 7)).await;
                assert_eq!(soon.unwrap().unwrap(), 7, "{kind:?}");
            }
            let progress = Progress::default();
            let wait = run(Kind::Libpq, &progress, || ());
            assert!(tokio::time::timeout(Duration::from_millis(20), wait).await.is_err());
            assert_eq!(progress.get(), Wait::Turn(Kind::Libpq));
            assert!(
                progress.get().phrase().contains("16 helper threads") && !progress.get().hint().is_empty()
            );
            drop(held);
            assert_eq!(done(Kind::Libpq, || 7).await.unwrap(), 7);
        });
    }
    /// A process of its own: what it may have is the process's.
    #[test]
    fn s19_a_thread_that_the_system_does_not_allow_is_waited_for() {
        const CHILD: &str = "PGWALSTREAM_TEST_WITHOUT_THREADS";
        if std::env::var_os(CHILD).is_none() {
            let name = "session::helper::tests::s19_a_thread_that_the_system_does_not_allow_is_waited_for";
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let child = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
            return assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        }
        let limit = |bytes| {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: a whole rlimit.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        };
        let (short, awaited) = mpsc::channel::<()>();
        let relief = std::thread::spawn(move || {
            awaited.recv().unwrap();
            std::thread::sleep(Duration::from_millis(200));
            limit(libc::RLIM_INFINITY);
        });
        runtime().block_on(async {
            // Room for what is small, and not for a stack. No thread has ended yet whose stack could be used again.
            let pages: u64 = std::fs::read_to_string("/proc/self/statm")
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            limit(pages * 4096 + (1 << 20));
            let failed = start("pgwal-test", || ()).unwrap_err();
            let error = Error::os(Status::WAL_E_SYSTEM, "x", &failed);
            assert!(is_shortage(&failed) && error.is_retriable(), "{failed:?}");
            short.send(()).unwrap();
            assert_eq!(done(Kind::Scram, || 8).await.unwrap(), 8);
        });
        relief.join().unwrap();
    }
}
