//! Connecting through libpq: each of its steps on a helper thread, the waiting between them in the reactor.
//!
//! It must never hold a helper thread while the network is waited for, and never go on after the caller's deadline.

use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::time::timeout_at;

use super::connection::{Connection, Polling};
use super::copy::Inbox;
use super::parameters::{self, Instead, Parameters};
use super::refusal::{self, Before};
use super::{Input, LibpqSession, Output, Phase, Place};
use crate::conninfo::{Conninfo, Host, Target};
use crate::error::{Error, Result, Status};
use crate::session::helper::{self, Kind};
use crate::session::progress::{Progress, late};
use crate::session::{StartupSettings, credentials};
use crate::sys::AsyncSocket;

impl LibpqSession {
    /// Connects as the connection string says, the environment included. libpq leaves `connect_timeout` to whoever
    /// connects without waiting, so it is kept here: a server that takes longer is left out, and libpq starts again with
    /// the others. `deadline` limits everything. Dropping the future gives the attempt up.
    pub async fn connect(
        conninfo: &Conninfo,
        settings: &StartupSettings,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let mut hosts: Vec<&Host> = conninfo.hosts().iter().collect();
        if !hosts.iter().any(|host| conninfo.password_request(host).is_some()) {
            return Self::search(conninfo, settings, deadline, hosts, Instead::default()).await;
        }
        // libpq takes one password for all servers, so that each is tried by itself.
        conninfo.order().arrange(&mut hosts);
        let mut failed: Vec<Error> = Vec::new();
        for wanted in conninfo.target().passes() {
            for host in &hosts {
                match Self::one(conninfo, settings, deadline, host, *wanted).await {
                    Ok(session) => return Ok(session),
                    Err(error) if is_final(&error) => return Err(joined(&failed, error)),
                    Err(error) => failed.push(error),
                }
            }
        }
        let last = failed.pop();
        Err(last.map_or_else(
            || Error::new(Status::WAL_E_INTERNAL, "there was no server to connect to"),
            |last| joined(&failed, last),
        ))
    }

    /// Tries one server with a password of the program's, and once more where one that was kept is refused.
    async fn one(
        conninfo: &Conninfo,
        settings: &StartupSettings,
        deadline: Option<Instant>,
        host: &Host,
        wanted: Target,
    ) -> Result<Self> {
        loop {
            let given = credentials::password(conninfo, host, &Progress::default(), deadline).await?;
            let instead = Instead { target: Some(wanted), given: given.as_ref(), ..Instead::default() };
            let search = Box::pin(Self::search(conninfo, settings, deadline, vec![host], instead));
            match search.await {
                Err(error) if credentials::refused(conninfo, host, given.as_ref(), &error) => (),
                other => return other,
            }
        }
    }

    /// Lets libpq try the servers, again without those that take too long.
    async fn search(
        conninfo: &Conninfo,
        settings: &StartupSettings,
        deadline: Option<Instant>,
        mut hosts: Vec<&Host>,
        instead: Instead<'_>,
    ) -> Result<Self> {
        let mut late: Vec<Error> = Vec::new();
        let mut doubts = 0;
        loop {
            let some = (hosts.len() < conninfo.hosts().len()).then_some(hosts.as_slice());
            let parameters = parameters::all(conninfo, settings, Instead { hosts: some, ..instead })?;
            let limit = settings.limit(conninfo, deadline);
            let attempt = Attempt {
                conninfo,
                deadline,
                limit,
                progress: Progress::default(),
                server: Server::default(),
                since: Instant::now(),
            };
            match attempt.run(parameters).await {
                Ok(session) => return Ok(session),
                Err(Ended::Doubtful(_)) if doubts < MOST_DOUBTS => doubts += 1,
                Err(Ended::Refused(error) | Ended::Doubtful(error)) => return Err(joined(&late, error)),
                Err(Ended::Late(error, server)) => {
                    let at = hosts.iter().position(|host| server.is(host)).unwrap_or(0);
                    hosts.remove(at);
                    if hosts.is_empty() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        return Err(joined(&late, error));
                    }
                    late.push(error);
                }
            }
        }
    }
}

/// How often a connection is tried anew that was gone before anybody said why.
const MOST_DOUBTS: u32 = 3;

/// libpq's way through the servers.
struct Attempt<'a> {
    conninfo: &'a Conninfo,
    deadline: Option<Instant>,
    /// How long each server may take.
    limit: Option<Duration>,
    progress: Progress,
    /// The one that it is at, and since when.
    server: Server,
    since: Instant,
}

/// How an attempt ended without a connection.
enum Ended {
    /// libpq says so.
    Refused(Error),
    /// The same, but it may have been cut: what is refused is refused again.
    Doubtful(Error),
    /// A server took too long.
    Late(Error, Server),
}

/// Name, address and port, as libpq tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Server {
    host: String,
    address: String,
    port: String,
}

impl Server {
    fn of(connection: &Connection) -> Self {
        Self { host: connection.host(), address: connection.address(), port: connection.port() }
    }

    fn is(&self, host: &Host) -> bool {
        // libpq gives the address where there is no name.
        let names = [host.name(), host.address()];
        names.contains(&self.host.as_str()) && self.port == host.port().to_string()
    }

    fn describe(&self) -> String {
        match (self.host.as_str(), self.port.as_str()) {
            ("", _) => "the server".to_owned(),
            (path, port) if path.starts_with(['/', '@']) => format!("{path}/.s.PGSQL.{port}"),
            (name, port) => format!("\"{name}\", port {port}"),
        }
    }
}

/// What a step came to.
struct Step {
    connection: Connection,
    polling: Polling,
    /// Why, if it failed.
    end: Option<Ended>,
}

impl Attempt<'_> {
    async fn run(mut self, parameters: Parameters) -> std::result::Result<LibpqSession, Ended> {
        let wanted = self.conninfo.target();
        let mut step = self.step(move || start(&parameters, wanted)).await?;
        loop {
            let server = Server::of(&step.connection);
            if server != self.server {
                self.server = server;
                self.since = Instant::now();
            }
            match step.polling {
                Polling::Connected => return session(step.connection).map_err(Ended::Refused),
                Polling::Failed => {
                    let unknown = || Error::new(Status::WAL_E_INTERNAL, "libpq failed without an error");
                    return Err(step.end.unwrap_or_else(|| Ended::Refused(unknown())));
                }
                Polling::Reading => self.wait(&step.connection, Interest::READABLE).await?,
                Polling::Writing => self.wait(&step.connection, Interest::WRITABLE).await?,
            }
            let connection = step.connection;
            step = self.step(move || Some(go_on(connection, wanted))).await?;
        }
    }

    /// A step of libpq's, which may block in name resolution and in Kerberos.
    async fn step(
        &self,
        work: impl FnOnce() -> Option<Step> + Send + 'static,
    ) -> std::result::Result<Step, Ended> {
        let step =
            self.in_time(helper::run(Kind::Libpq, &self.progress, work)).await?.map_err(Ended::Refused)?;
        step.ok_or_else(|| Ended::Refused(Error::new(Status::WAL_E_NO_MEMORY, "libpq has no memory")))
    }

    /// Until the socket, which may be another after each step, is ready.
    async fn wait(&self, connection: &Connection, interest: Interest) -> std::result::Result<(), Ended> {
        let wait = async {
            match connection.socket() {
                Some(fd) => AsyncSocket::beside(fd)?.ready(interest).await.map(drop),
                None => Ok(()),
            }
        };
        let unwatched =
            |error| Error::os(Status::WAL_E_CONNECT, "cannot watch the connection being made", &error);
        self.progress.wait_for(connection.stage().wait());
        self.in_time(wait).await?.map_err(|error| Ended::Refused(unwatched(error)))
    }

    /// Within `connect_timeout` for this server and the caller's deadline.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> std::result::Result<T, Ended> {
        let limit = self.limit;
        let own = limit.and_then(|limit| self.since.checked_add(limit));
        let until = [own, self.deadline].into_iter().flatten().min();
        let Some(until) = until else { return Ok(work.await) };
        timeout_at(until.into(), work).await.map_err(|_| {
            let is_own = self.deadline.is_none_or(|deadline| until < deadline);
            let limit: Option<Duration> = limit.filter(|_| is_own);
            Ended::Late(late(&self.server.describe(), limit, self.progress.get()), self.server.clone())
        })
    }
}

fn start(parameters: &Parameters, wanted: Target) -> Option<Step> {
    let connection = Connection::start(parameters)?;
    let failed = connection.is_bad();
    let end = failed.then(|| Ended::Refused(refusal::error(&connection, &Before::start(), wanted)));
    // libpq documentation, PQconnectPoll: at first it is as if it had asked for the socket to be writable.
    let polling = if failed { Polling::Failed } else { Polling::Writing };
    Some(Step { connection, polling, end })
}

fn go_on(mut connection: Connection, wanted: Target) -> Step {
    let before = Before::step(&connection);
    let polling = connection.poll();
    let end = (polling == Polling::Failed).then(|| {
        let error = refusal::error(&connection, &before, wanted);
        match refusal::is_doubtful(&connection, &before, &error) {
            true => Ended::Doubtful(error),
            false => Ended::Refused(error),
        }
    });
    Step { connection, polling, end }
}

fn session(mut connection: Connection) -> Result<LibpqSession> {
    let unwatched = |error| Error::os(Status::WAL_E_SYSTEM, "cannot watch the connection", &error);
    let fd = connection.socket().filter(|_| connection.never_wait());
    let Some(fd) = fd else {
        return Err(Error::new(Status::WAL_E_CONNECTION_LOST, connection.message()));
    };
    let socket = AsyncSocket::beside(fd).map_err(unwatched)?;
    let place = if connection.address().is_empty() { Place::Local } else { Place::Network };
    Ok(LibpqSession {
        connection,
        socket: Some(socket),
        inbox: Inbox::default(),
        phase: Phase::Idle,
        input: Input::Unknown,
        output: Output::Flushed,
        place,
        announced: None,
    })
}

/// Whether a server decided what another would decide in the same way.
fn is_final(error: &Error) -> bool {
    use Status::{
        WAL_E_CONNECT, WAL_E_CONNECT_TIMEOUT, WAL_E_CONNECTION_LOST, WAL_E_NOT_READY, WAL_E_RESOLVE,
    };
    let elsewhere =
        [WAL_E_CONNECT, WAL_E_CONNECT_TIMEOUT, WAL_E_CONNECTION_LOST, WAL_E_NOT_READY, WAL_E_RESOLVE];
    !elsewhere.contains(&error.status())
}

/// The last error, with those of the servers that were left out in its detail.
fn joined(late: &[Error], last: Error) -> Error {
    let mut lines: Vec<&str> = late.iter().map(Error::message).collect();
    lines.extend(Some(last.detail()).filter(|it| !it.is_empty()));
    let detail = lines.join("\n");
    last.with_detail(detail)
}
