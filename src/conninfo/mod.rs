//! Connection strings: what libpq takes, read into typed values.
//!
//! It must never put a value into an error or a log line: an unquoted space or an unescaped '@' turns a piece of the
//! password into any other field. Errors name the parameter; nothing that was given is silently ignored.

mod auth;
mod endpoint;
mod environment;
mod host;
mod keyword;
mod limit;
mod nearest;
mod parameter;
mod passfile;
mod passwords;
mod service;
mod settings;
mod source;
mod target;
mod tls;
mod uri;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

pub use auth::{AuthMethod, AuthPolicy, ChannelBinding, RequireAuth, ScramKey};
pub use endpoint::Endpoint;
pub use environment::Environment;
pub use host::Host;
pub(crate) use host::advice;
pub use limit::Limit;
pub use nearest::among as nearest_name;
use passwords::Asking;
pub use passwords::{Given, Origin, Password, PasswordCallback, PasswordRequest, Passwords};
use settings::Settings;
use source::{Files, Source};
pub use target::{Order, Target};
pub use tls::{SslCertMode, SslFile, SslMode, SslNegotiation, SslRoot, Tls, TlsVersion};

use crate::error::{Error, Result, Status};
use crate::sys;
use parameter::Key;

/// A connection string, read and completed with defaults.
#[derive(Clone, PartialEq, Eq)]
pub struct Conninfo {
    source: Source,
    asking: Option<Asking>,
    hosts: Vec<Host>,
    target: Target,
    order: Order,
    user: String,
    password: Option<Zeroizing<String>>,
    /// Why a password file gave no password.
    passfile_fault: Option<String>,
    dbname: String,
    application_name: Option<String>,
    fallback_application_name: Option<String>,
    options: String,
    /// Settings of the session that environment variables ask for.
    server_settings: Vec<(&'static str, String)>,
    client_encoding: Option<String>,
    /// `None`: nothing was given.
    connect_timeout: Option<Limit>,
    keepalives: Keepalives,
    tcp_user_timeout: Option<Duration>,
    require_peer: Option<String>,
    tls: Tls,
    auth: AuthPolicy,
}

/// Probing of an idle TCP connection, so that a vanished server is noticed (P15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalives {
    /// The kernel does not probe.
    Off,
    /// The kernel probes; what is `None` is left to the system.
    On {
        /// How long the connection is idle before the first probe.
        idle: Option<Duration>,
        /// How long between probes.
        interval: Option<Duration>,
        /// How many probes may stay unanswered.
        count: Option<u32>,
    },
}

/// Probes start after half a minute, so that a vanished server is noticed within one (P15); the systems' own two
/// hours are of no use to a stream.
const IDLE: u32 = 30;
const INTERVAL: u32 = 10;
const COUNT: u32 = 3;

/// How long sent bytes may stay unacknowledged: as long as probing takes. While something is unacknowledged the
/// kernel does not probe, and its own limit is a quarter of an hour (P15). This is the client's socket; the
/// server's own tcp_user_timeout is another matter and does harm.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

impl Conninfo {
    /// Reads `key = value` pairs or a `postgresql://` URI. Defaults come from the operating system's user and the
    /// usual socket directory; the environment is not read, files only if they are named.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text, Environment::ignored())
    }

    /// The same, completed from a service file, from the environment and from a password file.
    pub fn read(text: &str, environment: Environment<'_>) -> Result<Self> {
        let settings = complete(text, environment)?;
        let mut it = Self::from_settings(&settings, environment)?;
        it.server_settings = environment.server_settings()?;
        let passfile = passfile::path(&settings, environment).filter(|_| it.password.is_none());
        if let Some(path) = &passfile {
            passfile::fill(&mut it, path);
        }
        let has_files = passfile.is_some() || service::is_named(&settings, environment)?;
        it.source = Source {
            text: Zeroizing::new(text.to_owned()),
            variables: environment.all(),
            files: if has_files { Files::Some } else { Files::None },
        };
        Ok(it)
    }

    /// Whether reading it again may give something else.
    pub fn may_change(&self) -> bool {
        self.source.files == Files::Some
    }

    /// The same, with the password file and the service file read again. What was given stays. May block.
    pub fn again(&self) -> Result<Self> {
        let look_up = |name: &str| self.source.variable(name);
        let environment = match &self.source.variables {
            Some(_) => Environment::new(&look_up),
            None => Environment::ignored(),
        };
        Ok(Self { asking: self.asking.clone(), ..Self::read(&self.source.text, environment)? })
    }

    /// Passwords come from the program first; it has so long to answer.
    pub fn asking(&mut self, passwords: Arc<Passwords>, timeout: Duration) {
        self.asking = Some(Asking { passwords, timeout });
    }

    /// Where passwords come from, if that is the program, and what it is asked for a server.
    pub fn password_request(&self, host: &Host) -> Option<(&Arc<Passwords>, PasswordRequest)> {
        let Asking { passwords, timeout } = self.asking.as_ref()?;
        let (host, port, user) = (host.given().to_owned(), host.port(), self.user.clone());
        Some((passwords, PasswordRequest { host, port, user, timeout: *timeout }))
    }

    /// What is for libpq to act upon: what this library does not do itself is not refused. libpq reads the environment
    /// and the password files, whatever it is told, so the environment is read here too.
    #[cfg(feature = "libpq")]
    pub fn read_for_libpq(text: &str) -> Result<Self> {
        let environment = Environment::of_process();
        let mut settings = complete(text, environment)?;
        settings.leave_to_libpq();
        let mut it = Self::from_settings(&settings, environment)?;
        it.server_settings = environment.server_settings()?;
        it.source.text = Zeroizing::new(text.to_owned());
        Ok(it)
    }

    /// Whether `text` is good as far as it goes. No file is read.
    pub fn check(text: &str) -> Result<()> {
        Self::from_settings(&settings(text)?, Environment::ignored()).map(drop)
    }

    /// What `text` alone says, without any file: to be shown.
    pub fn redacted_text(text: &str) -> Result<String> {
        let mut settings = settings(text)?;
        Self::from_settings(&settings, Environment::ignored())?;
        settings.hide_secrets();
        let pairs = settings.into_pairs();
        Ok(pairs.iter().map(|(name, value)| keyword::pair(name, value)).collect::<Vec<_>>().join(" "))
    }

    /// Completes what was given.
    fn from_settings(settings: &Settings, environment: Environment<'_>) -> Result<Self> {
        settings.check()?;
        let user = match settings.text(Key::User) {
            Some(user) => user.to_owned(),
            None => os_user()?,
        };
        Ok(Self {
            source: Source::default(),
            asking: None,
            hosts: Host::all(settings)?,
            target: Target::from_settings(settings),
            order: Order::from_settings(settings),
            password: settings.text(Key::Password).map(|it| Zeroizing::new(it.to_owned())),
            passfile_fault: None,
            dbname: settings.text(Key::Dbname).unwrap_or(&user).to_owned(),
            user,
            application_name: settings.text(Key::ApplicationName).map(str::to_owned),
            fallback_application_name: settings.text(Key::FallbackApplicationName).map(str::to_owned),
            options: settings.text(Key::Options).unwrap_or_default().to_owned(),
            server_settings: Vec::new(),
            // "auto" asks libpq for the locale's encoding; a library has none of its own.
            client_encoding: settings.text(Key::ClientEncoding).filter(|it| *it != "auto").map(str::to_owned),
            connect_timeout: settings.number(Key::ConnectTimeout, i32::MIN, i32::MAX)?.map(Limit::of_seconds),
            keepalives: keepalives(settings)?,
            tcp_user_timeout: user_timeout(settings)?,
            require_peer: settings.text(Key::Requirepeer).map(str::to_owned),
            tls: Tls::from_settings(settings, environment)?,
            auth: AuthPolicy::from_settings(settings)?,
        })
    }

    /// What was read, as `key=value` pairs with the password hidden: for logs and for showing what is set.
    pub fn redacted(&self) -> String {
        let list = |part: &dyn Fn(&Host) -> String| {
            let all: Vec<_> = self.hosts.iter().map(part).collect();
            Some(all.join(",")).filter(|it| it.bytes().any(|byte| byte != b','))
        };
        let host = list(&|host| match &host.endpoint {
            Endpoint::Socket(path) => path.parent().map(|it| it.display().to_string()).unwrap_or_default(),
            Endpoint::Host(name) => name.clone(),
            Endpoint::Address { .. } => host.name.clone(),
        });
        let hostaddr = list(&|host| host.address.clone());
        let port = list(&|host| host.port.to_string());
        let pairs = [
            ("host", host.as_deref()),
            ("hostaddr", hostaddr.as_deref()),
            ("port", port.as_deref()),
            ("user", Some(self.user())),
            ("password", self.password.as_ref().map(|_| "***")),
            ("dbname", Some(self.dbname())),
            ("application_name", self.application_name()),
            ("options", Some(self.options()).filter(|it| !it.is_empty())),
        ];
        let given = pairs.into_iter().filter_map(|(key, value)| value.map(|value| keyword::pair(key, value)));
        given.collect::<Vec<_>>().join(" ")
    }

    /// As it was given, for libpq only: it holds the password.
    #[cfg(feature = "libpq")]
    pub(crate) fn text(&self) -> &str {
        &self.source.text
    }

    /// The servers, in the order in which they were given; at least one.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// What the session must be.
    pub fn target(&self) -> Target {
        self.target
    }

    /// In which order the servers are tried.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The role.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password for a server, for authentication only.
    pub fn password<'a>(&'a self, host: &'a Host) -> Option<&'a str> {
        self.password.as_ref().or(host.password.as_ref()).map(|it| it.as_str())
    }

    /// Why a password file gave no password, in a sentence.
    pub fn passfile_fault(&self) -> Option<&str> {
        self.passfile_fault.as_deref()
    }

    /// The database.
    pub fn dbname(&self) -> &str {
        &self.dbname
    }

    /// The name that pg_stat_activity and pg_stat_replication show.
    pub fn application_name(&self) -> Option<&str> {
        self.application_name.as_deref()
    }

    /// The same, where `application_name` is not given.
    pub fn fallback_application_name(&self) -> Option<&str> {
        self.fallback_application_name.as_deref()
    }

    /// Command-line options for the server, as `-c name=value`.
    pub fn options(&self) -> &str {
        &self.options
    }

    /// Settings of the session, name and value, that come before `options`.
    pub fn server_settings(&self) -> &[(&'static str, String)] {
        &self.server_settings
    }

    /// The encoding that the user insists on.
    pub fn client_encoding(&self) -> Option<&str> {
        self.client_encoding.as_deref()
    }

    /// How long connecting to one address may take; `None`: the user says nothing of it.
    pub fn connect_timeout(&self) -> Option<Limit> {
        self.connect_timeout
    }

    /// Probing of the TCP connection.
    pub fn keepalives(&self) -> Keepalives {
        self.keepalives
    }

    /// How long sent bytes may stay unacknowledged; `None` leaves it to the system.
    pub fn tcp_user_timeout(&self) -> Option<Duration> {
        self.tcp_user_timeout
    }

    /// The operating system's user that the server behind a Unix socket must run as.
    pub fn require_peer(&self) -> Option<&str> {
        self.require_peer.as_deref()
    }

    /// What the user asks of TLS.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Which ways of authentication the user accepts.
    pub fn auth(&self) -> &AuthPolicy {
        &self.auth
    }
}

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conninfo")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "(hidden)"))
            .field("dbname", &self.dbname)
            .finish_non_exhaustive()
    }
}

/// The parameters that `text` gives, each once, in the order in which they came: what libpq's `PQconninfoParse` finds.
/// Names are checked, values are not.
pub fn pairs(text: &str) -> Result<Vec<(&'static str, String)>> {
    settings(text).map(Settings::into_pairs)
}

/// The same, completed from a service file and from the environment.
pub fn completed_pairs(text: &str, environment: Environment<'_>) -> Result<Vec<(&'static str, String)>> {
    complete(text, environment).map(Settings::into_pairs)
}

/// Every parameter that is known by name, with its environment variable and whether its value is a secret.
pub fn parameters() -> impl Iterator<Item = (&'static str, Option<&'static str>, bool)> {
    let variable = |name: &'static str| Some(name).filter(|it| !it.is_empty());
    parameter::TABLE.iter().map(move |row| (row.name, variable(row.variable), row.is_secret()))
}

fn complete(text: &str, environment: Environment<'_>) -> Result<Settings> {
    let mut settings = settings(text)?;
    service::fill(&mut settings, environment)?;
    environment.fill(&mut settings)?;
    Ok(settings)
}

fn settings(text: &str) -> Result<Settings> {
    if text.contains('\0') {
        return Err(bad("the connection string contains a NUL character").with_hint("Remove it."));
    }
    if text.trim_start().starts_with("jdbc:") {
        return Err(bad("the connection string begins with \"jdbc:\", which is Java's").with_hint(
            "Write postgresql://user:password@host:5432/database: without jdbc:, and with user and password before the host.",
        ));
    }
    let mut settings = Settings::default();
    match uri::after_scheme(text) {
        Some(rest) => uri::parse(rest, &mut settings)?,
        None => keyword::parse(text, &mut settings)?,
    }
    Ok(settings)
}

/// The error of a connection string. `message` names parameters, never what they were set to.
#[cold]
fn bad(message: impl Into<String>) -> Error {
    Error::new(Status::WAL_E_CONNINFO, message)
}

fn os_user() -> Result<String> {
    sys::user_name().map_err(|error| {
        Error::os(
            Status::WAL_E_CONNINFO,
            "no user is given and the operating system's user has no name",
            &error,
        )
        .with_hint("Add user=... to the conninfo.")
    })
}

fn keepalives(settings: &Settings) -> Result<Keepalives> {
    let setting = |key, default: u32| {
        let given = settings.number(key, i32::MIN, i32::MAX)?;
        // 0 and below leave it to the system, as with libpq.
        Ok(given.map_or(Some(default), |it| u32::try_from(it).ok().filter(|it| *it > 0)))
    };
    let idle = setting(Key::KeepalivesIdle, IDLE)?.map(|it| Duration::from_secs(it.into()));
    let interval = setting(Key::KeepalivesInterval, INTERVAL)?.map(|it| Duration::from_secs(it.into()));
    let count = setting(Key::KeepalivesCount, COUNT)?;
    match settings.number(Key::Keepalives, i32::MIN, i32::MAX)? {
        Some(0) => Ok(Keepalives::Off),
        _ => Ok(Keepalives::On { idle, interval, count }),
    }
}

fn user_timeout(settings: &Settings) -> Result<Option<Duration>> {
    let given = settings.number(Key::TcpUserTimeout, i32::MIN, i32::MAX)?;
    Ok(given.map_or(Some(USER_TIMEOUT), |ms| {
        u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
    }))
}

#[cfg(test)]
mod tests;
