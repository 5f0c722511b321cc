//! From a connected socket to a server that waits for queries: the start-up message, authentication, first settings.
//!
//! Until the server is authenticated, it must never be believed: its messages are small and few, or it is sent away.

use super::query::unexpected;
use super::transport::{Limit, Message, Transport};
use zeroize::Zeroizing;

use crate::conninfo::Conninfo;
use crate::error::{Error, Result, Status};
use crate::session::MAX_NOTICES;
use crate::session::helper::{self, Kind};
use crate::session::progress::{Progress, Wait};
use crate::session::settings::{APPLICATION_NAME, Replication, StartupSettings, options};
use crate::wire::backend::{self, tag};
use crate::wire::{Authentication, ServerMessage, Step, classify, frame, frontend};

/// The longest message between authentication and the first ReadyForQuery, and the longest setting at any time.
pub(super) const MAX_MESSAGE: usize = 256 << 10;

/// The most that a server may say until it waits for queries. Honest ones say some hundred bytes.
const MAX_START: usize = 1 << 20;

/// The most that the notices, and the most that the settings of one session may take.
const MAX_KEPT: usize = 1 << 20;

/// The most settings that a server may report; there are some fifteen.
const MAX_PARAMETERS: usize = 512;

/// What is known once the server waits for queries.
#[derive(Default)]
pub(super) struct Greeting {
    pub(super) parameters: Parameters,
    pub(super) backend_pid: u32,
    /// What a request to cancel must show. A secret.
    pub(super) cancel_key: Zeroizing<Vec<u8>>,
    notices: Vec<ServerMessage>,
    /// What the notices that are kept take.
    kept: usize,
    /// How much was said, and how many notices, before the server waited for queries.
    heard: usize,
    noticed: usize,
}

/// The settings that the server reports by itself.
#[derive(Default)]
pub(super) struct Parameters {
    all: Vec<(String, String)>,
    size: usize,
}

impl Greeting {
    /// Keeps a notice, if there is room.
    pub(super) fn notice(&mut self, notice: ServerMessage) {
        let size = notice.size();
        if self.notices.len() < MAX_NOTICES && self.kept + size <= MAX_KEPT {
            self.kept += size;
            self.notices.push(notice);
        }
    }

    pub(super) fn take_notices(&mut self) -> Vec<ServerMessage> {
        self.kept = 0;
        std::mem::take(&mut self.notices)
    }

    /// Counts a message of the start-up, of whatever kind.
    fn count(&mut self, message: &Message) -> Result<()> {
        self.heard += frame::HEADER + message.body.len();
        self.noticed += usize::from(message.tag == tag::NOTICE_RESPONSE);
        match () {
            () if self.noticed > MAX_NOTICES => Err(too_many("notices", MAX_NOTICES)),
            () if self.heard > MAX_START => Err(too_many("bytes before it took a query", MAX_START)),
            () => Ok(()),
        }
    }
}

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Takes the body of a ParameterStatus message.
    pub(super) fn set(&mut self, body: &[u8]) -> Result<()> {
        let (name, value) = backend::parameter_status(body)?;
        let count = self.all.len();
        let entry = self.all.iter_mut().find(|(other, _)| *other == name);
        let before = entry.as_ref().map_or(0, |(name, value)| name.len() + value.len());
        let size = self.size - before + name.len() + value.len();
        if size > MAX_KEPT {
            return Err(too_many("bytes of settings", MAX_KEPT));
        }
        match entry {
            Some(entry) => entry.1 = value,
            None if count < MAX_PARAMETERS => self.all.push((name, value)),
            None => return Err(too_many("settings", MAX_PARAMETERS)),
        }
        self.size = size;
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
        let Message { tag, body, .. } = line.hear(frame::MAX_EARLY_MESSAGE, greeting).await?;
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
        let Message { tag, body, .. } = line.hear(MAX_MESSAGE, greeting).await?;
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
            let message = match self.transport.message(|_| Limit::Whole(limit)).await {
                Ok(message) => message,
                Err(error) => return Err(self.unsent.take().unwrap_or(error)),
            };
            greeting.count(&message)?;
            match message.tag {
                tag::ERROR_RESPONSE => return Err(classify::into_error(message.words()?, self.doing)),
                tag::NOTICE_RESPONSE => greeting.notice(message.words()?),
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
        Replication::Physical => all.push(("replication", "true".to_owned())),
        Replication::Off => (),
    }
    all.push(("application_name", name.to_owned()));
    all.push(("client_encoding", conninfo.client_encoding().unwrap_or("UTF8").to_owned()));
    all.extend(options(conninfo, settings).map(|options| ("options", options)));
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
    use crate::session::settings::{EMPTY_PATH, OPTIONS};

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
            ("options", &format!("{OPTIONS}{EMPTY_PATH}")),
        ];
        assert_eq!(got, expected.map(|(name, value)| (name, value.to_owned())));

        let conninfo = Conninfo::parse(
            "host=h user=u fallback_application_name=f client_encoding=SQL_ASCII options='-c timezone=Asia/Tokyo'",
        );
        let server_settings = vec![("a.b".to_owned(), "x y\\".to_owned())];
        let settings = StartupSettings { server_settings, ..Default::default() };
        let conninfo = conninfo.unwrap();
        let got = parameters(&conninfo, &settings);
        let expected = format!("{OPTIONS} -c a.b=x\\ y\\\\ -c timezone=Asia/Tokyo{EMPTY_PATH}");
        assert_eq!(
            got[3..],
            [
                ("application_name", "f".to_owned()),
                ("client_encoding", "SQL_ASCII".to_owned()),
                ("options", expected)
            ]
        );
    }

    #[test]
    fn s2_beside_a_stream_nothing_is_said_that_a_pooler_refuses() {
        let said = |text: &str| {
            let conninfo = Conninfo::parse(text).unwrap();
            let all = parameters(&conninfo, &StartupSettings::beside());
            all.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        let usual = "user=u database=d application_name=pgwalstream client_encoding=UTF8";
        assert_eq!(said("host=h user=u dbname=d"), usual);
        assert_eq!(said("host=h user=u dbname=d options='-c a.b=c'"), format!("{usual} options=-c a.b=c"));
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
