//! From a connected socket to a server that waits for queries: the start-up message, authentication, first settings.
//!
//! Until the server is authenticated, it must never be believed: its messages are small and few, or it is sent away.

use super::query::unexpected;
use super::transport::{Message, Transport};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::conninfo::{Conninfo, Limit};
use crate::error::{Error, Result, Status};
use crate::session::MAX_NOTICES;
use crate::session::helper::{self, Kind};
use crate::session::progress::{Progress, Wait};
use crate::wire::backend::{self, tag};
use crate::wire::{Authentication, ServerMessage, Step, classify, frame, frontend};

/// What the text of values depends on, and what makes warnings come (P17, P22). The user's own options come behind
/// and win.
const OPTIONS: &str = "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex \
                       -c timezone=UTC -c lc_monetary=C -c client_min_messages=warning";

/// The longest message between authentication and the first ReadyForQuery.
const MAX_MESSAGE: usize = 1 << 20;

/// The most settings that a server may report; there are some fifteen.
const MAX_PARAMETERS: usize = 512;

pub(in crate::session) const APPLICATION_NAME: &str = "pgwalstream";

/// What kind of connection is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replication {
    /// A walsender that decodes one database and takes SQL too.
    #[default]
    Database,
    /// An ordinary backend.
    Off,
}

/// What the library asks of a session beside the connection string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartupSettings {
    /// What kind of connection is wanted.
    pub replication: Replication,
    /// Server settings, name and value, put between the library's own and the user's `options`.
    pub server_settings: Vec<(String, String)>,
    /// How long each address may take where the connection string sets no limit; `None` leaves it to `ADDRESS_TIMEOUT`
    /// and the caller's deadline.
    pub address_timeout: Option<Duration>,
}

/// How long an address may take, authentication included, where nobody says anything of it (P15).
pub(in crate::session) const ADDRESS_TIMEOUT: Duration = Duration::from_secs(30);

impl StartupSettings {
    /// How long each address may take. A caller with a deadline, and one who wants no limit, have none of ours.
    pub(in crate::session) fn limit(
        &self,
        conninfo: &Conninfo,
        deadline: Option<Instant>,
    ) -> Option<Duration> {
        match (conninfo.connect_timeout(), self.address_timeout) {
            (Some(Limit::After(limit)), _) => Some(limit),
            (Some(Limit::Never), own) => own,
            (None, Some(own)) => Some(own),
            (None, None) => deadline.is_none().then_some(ADDRESS_TIMEOUT),
        }
    }
}

/// What is known once the server waits for queries.
#[derive(Default)]
pub(super) struct Greeting {
    pub(super) parameters: Parameters,
    pub(super) backend_pid: u32,
    /// What a request to cancel must show. A secret.
    pub(super) cancel_key: Zeroizing<Vec<u8>>,
    pub(super) notices: Vec<ServerMessage>,
}

/// The settings that the server reports by itself.
#[derive(Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Greeting {
    /// Keeps a notice, if there is room and it is of a size that somebody may read.
    pub(super) fn notice(&mut self, notice: ServerMessage) {
        if self.notices.len() < MAX_NOTICES && notice.message.len() < frame::MAX_EARLY_MESSAGE {
            self.notices.push(notice);
        }
    }
}

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Takes the body of a ParameterStatus message.
    pub(super) fn set(&mut self, body: &[u8]) -> Result<()> {
        let (name, value) = backend::parameter_status(body)?;
        if let Some(entry) = self.0.iter_mut().find(|(other, _)| *other == name) {
            entry.1 = value;
        } else if self.0.len() < MAX_PARAMETERS {
            self.0.push((name, value));
        } else {
            return Err(too_many("settings", MAX_PARAMETERS));
        }
        Ok(())
    }
}

/// Does the start-up as far as authentication. `doing` is the beginning of error messages.
pub(super) async fn start(
    transport: &mut Transport,
    conninfo: &Conninfo,
    password: Option<&str>,
    settings: &StartupSettings,
    progress: &Progress,
    doing: &str,
) -> Result<Greeting> {
    let mut greeting = Greeting::default();
    let mut bytes = Vec::new();
    let parameters = parameters(conninfo, settings);
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    frontend::startup(&mut bytes, &parameters)?;
    progress.wait_for(Wait::Server);
    let mut line = Line { transport, unsent: None, doing };
    line.say(&bytes).await;
    let channel = line.transport.channel();
    let authentication = Authentication::new(conninfo.user(), password, conninfo.auth(), channel);
    let authenticated = authenticate(&mut line, authentication, &mut greeting, progress).await;
    // A password may have gone through it.
    transport.wipe_sent();
    authenticated?;
    Ok(greeting)
}

/// Until the server says that the client may come in.
async fn authenticate(
    line: &mut Line<'_>,
    mut authentication: Authentication<'_>,
    greeting: &mut Greeting,
    progress: &Progress,
) -> Result<()> {
    loop {
        let Message { tag, body } = line.hear(frame::MAX_EARLY_MESSAGE, greeting).await?;
        match tag {
            tag::AUTHENTICATION => match authentication.message(&body)? {
                Step::Send(bytes) => line.say(&bytes).await,
                Step::Hash(task) => {
                    let hashed = helper::run(Kind::Scram, progress, || task.run()).await??;
                    progress.wait_for(Wait::Server);
                    line.say(&authentication.hashed(hashed)?).await;
                }
                Step::Wait => (),
                Step::Done => return Ok(()),
            },
            // An older minor version is what was asked for, and no protocol option was.
            tag::NEGOTIATE_PROTOCOL_VERSION => drop(backend::negotiate_protocol_version(&body)?),
            other => return Err(unexpected(other, line.doing)),
        }
    }
}

/// From there until the server waits for queries.
pub(super) async fn settle(transport: &mut Transport, greeting: &mut Greeting, doing: &str) -> Result<()> {
    let mut line = Line { transport, unsent: None, doing };
    loop {
        let Message { tag, body } = line.hear(MAX_MESSAGE, greeting).await?;
        match tag {
            tag::PARAMETER_STATUS => greeting.parameters.set(&body)?,
            tag::BACKEND_KEY_DATA => {
                let (pid, key) = backend::backend_key_data(&body)?;
                (greeting.backend_pid, greeting.cancel_key) = (pid, Zeroizing::new(key));
            }
            tag::READY_FOR_QUERY => return backend::ready_for_query(&body).map(drop),
            other => return Err(unexpected(other, line.doing)),
        }
    }
}

/// The conversation of a start-up.
struct Line<'a> {
    transport: &'a mut Transport,
    /// A write that failed. A server that refuses a client closes after its last words, which say more.
    unsent: Option<Error>,
    doing: &'a str,
}

impl Line<'_> {
    async fn say(&mut self, bytes: &[u8]) {
        let sent = match self.transport.send(bytes) {
            Ok(_) => self.transport.flush().await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            self.unsent.get_or_insert(error);
        }
    }

    /// The next message that is neither a notice nor an error.
    async fn hear(&mut self, limit: usize, greeting: &mut Greeting) -> Result<Message> {
        loop {
            let message = match self.transport.message(limit).await {
                Ok(message) => message,
                Err(error) => return Err(self.unsent.take().unwrap_or(error)),
            };
            match message.tag {
                tag::ERROR_RESPONSE => {
                    return Err(classify::into_error(ServerMessage::parse(&message.body)?, self.doing));
                }
                tag::NOTICE_RESPONSE if greeting.notices.len() >= MAX_NOTICES => {
                    return Err(too_many("notices", MAX_NOTICES));
                }
                tag::NOTICE_RESPONSE => greeting.notice(ServerMessage::parse(&message.body)?),
                _ => return Ok(message),
            }
        }
    }
}

/// What the start-up message says.
fn parameters(conninfo: &Conninfo, settings: &StartupSettings) -> Vec<(&'static str, String)> {
    let name =
        conninfo.application_name().or(conninfo.fallback_application_name()).unwrap_or(APPLICATION_NAME);
    let mut all = vec![("user", conninfo.user().to_owned()), ("database", conninfo.dbname().to_owned())];
    match settings.replication {
        Replication::Database => all.push(("replication", "database".to_owned())),
        Replication::Off => (),
    }
    all.push(("application_name", name.to_owned()));
    all.push(("client_encoding", conninfo.client_encoding().unwrap_or("UTF8").to_owned()));
    all.push(("options", options(conninfo, &settings.server_settings)));
    all
}

/// The server's command line: what values depend on, then what the user asks for, which wins.
pub(in crate::session) fn options(conninfo: &Conninfo, settings: &[(String, String)]) -> String {
    let mut all = OPTIONS.to_owned();
    let surroundings = conninfo.server_settings().iter().map(|(name, value)| (*name, value));
    for (name, value) in surroundings.chain(settings.iter().map(|(name, value)| (name.as_str(), value))) {
        all.push_str(" -c ");
        all.push_str(name);
        all.push('=');
        for c in value.chars() {
            // The server splits at blanks and takes what follows a backslash as it is (pg_split_opts).
            if c.is_ascii_whitespace() || matches!(c, '\\' | '\x0b') {
                all.push('\\');
            }
            all.push(c);
        }
    }
    if !conninfo.options().is_empty() {
        all.push(' ');
        all.push_str(conninfo.options());
    }
    all
}

#[cold]
fn too_many(what: &str, limit: usize) -> Error {
    Error::new(Status::WAL_E_PROTOCOL, format!("the server sent more than {limit} {what}"))
        .with_hint("Check that host and port are those of a PostgreSQL server.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_first() {
        let conninfo = Conninfo::parse("host=h user=u dbname=d").unwrap();
        let got = parameters(&conninfo, &StartupSettings::default());
        let expected = [
            ("user", "u"),
            ("database", "d"),
            ("replication", "database"),
            ("application_name", "pgwalstream"),
            ("client_encoding", "UTF8"),
            ("options", OPTIONS),
        ];
        assert_eq!(got, expected.map(|(name, value)| (name, value.to_owned())));

        let conninfo = Conninfo::parse(
            "host=h user=u fallback_application_name=f client_encoding=SQL_ASCII options='-c timezone=Asia/Tokyo'",
        );
        let server_settings = vec![("a.b".to_owned(), "x y\\".to_owned())];
        let settings =
            StartupSettings { replication: Replication::Off, server_settings, ..Default::default() };
        let got = parameters(&conninfo.unwrap(), &settings);
        let expected = format!("{OPTIONS} -c a.b=x\\ y\\\\ -c timezone=Asia/Tokyo");
        assert_eq!(
            got[2..],
            [
                ("application_name", "f".to_owned()),
                ("client_encoding", "SQL_ASCII".to_owned()),
                ("options", expected)
            ]
        );
    }

    #[test]
    fn s28_a_silent_server_is_never_waited_for_for_ever() {
        let limit = |text: &str, own, deadline| {
            let settings = StartupSettings { address_timeout: own, ..StartupSettings::default() };
            settings.limit(&Conninfo::parse(&format!("host=h user=u {text}")).unwrap(), deadline)
        };
        let (soon, seconds) = (Some(Instant::now()), |n| Some(Duration::from_secs(n)));
        assert_eq!(limit("", None, None), seconds(30));
        // Who says otherwise wins: the caller, or the connection string.
        assert_eq!(limit("", None, soon), None);
        assert_eq!(limit("connect_timeout=0", None, None), None);
        assert_eq!(limit("connect_timeout=7", None, soon), seconds(7));
        // A reconnect comes to the next address whatever is said.
        assert_eq!(limit("", seconds(10), soon), seconds(10));
        assert_eq!(limit("connect_timeout=0", seconds(10), None), seconds(10));
        assert_eq!(limit("connect_timeout=7", seconds(10), None), seconds(7));
    }

    #[test]
    fn settings_are_bounded_and_the_last_value_holds() {
        let mut it = Parameters::default();
        for i in 0..MAX_PARAMETERS {
            it.set(format!("p{i}\0a\0").as_bytes()).unwrap();
        }
        it.set(b"p7\0b\0").unwrap();
        assert_eq!((it.get("p7"), it.get("p8"), it.get("x")), (Some("b"), Some("a"), None));
        assert!(it.set(b"one too many\0a\0").is_err());
    }
}
