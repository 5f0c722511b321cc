//! What the library asks of every session, whatever carries it: which kind, which settings, how much patience. It must
//! never hold what only one carrier needs.

use std::time::{Duration, Instant};

use crate::conninfo::{self, Conninfo};

/// What the text of values depends on, and what makes warnings come (P17, P22). The user's own options come behind
/// and win.
pub(super) const OPTIONS: &str = "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex \
                       -c timezone=UTC -c lc_monetary=C -c quote_all_identifiers=off -c client_min_messages=warning";

/// Behind all others, so that nothing of another role's runs with ours, and names in values are whole.
pub(super) const EMPTY_PATH: &str = " -c search_path=";

pub(super) const APPLICATION_NAME: &str = "pgwalstream";

/// What kind of connection is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replication {
    /// A walsender that decodes one database and takes SQL too.
    #[default]
    Database,
    /// A walsender that sends WAL, knows no database and takes no SQL.
    Physical,
    /// An ordinary backend, which is told nothing at start-up but what the user says: poolers refuse options there.
    Off,
}

/// Where the session looks for what is named without a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchPath {
    /// Nowhere, whatever the role, the database and the connection string say.
    #[default]
    Empty,
    /// Where the user's settings lead: it is the user's own SQL that runs there.
    OfUser,
}

/// What the library asks of a session beside the connection string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartupSettings {
    /// What kind of connection is wanted.
    pub replication: Replication,
    /// Server settings, name and value, put between the library's own and the user's `options`.
    pub server_settings: Vec<(String, String)>,
    /// Where it looks for names.
    pub search_path: SearchPath,
    /// How long each address may take where the connection string sets no limit; `None` leaves it to `ADDRESS_TIMEOUT`
    /// and the caller's deadline.
    pub address_timeout: Option<Duration>,
}

/// How long an address may take, authentication included, where nobody says anything of it (P15).
pub(super) const ADDRESS_TIMEOUT: Duration = Duration::from_secs(30);

impl StartupSettings {
    /// Of a session beside a stream.
    pub fn beside() -> Self {
        Self { replication: Replication::Off, ..Self::default() }
    }

    /// How long each address may take. A caller with a deadline, and one who wants no limit, have none of ours.
    pub(super) fn limit(&self, target: &Conninfo, deadline: Option<Instant>) -> Option<Duration> {
        match (target.connect_timeout(), self.address_timeout) {
            (Some(conninfo::Limit::After(limit)), _) => Some(limit),
            (Some(conninfo::Limit::Never), own) => own,
            (None, Some(own)) => Some(own),
            (None, None) => deadline.is_none().then_some(ADDRESS_TIMEOUT),
        }
    }
}

/// The server's command line, if there is to be one: what values depend on, then what the user asks for, which wins
/// but for the search path.
pub(super) fn options(conninfo: &Conninfo, settings: &StartupSettings) -> Option<String> {
    if settings.replication == Replication::Off {
        return Some(conninfo.options().to_owned()).filter(|it| !it.is_empty());
    }
    let mut all = OPTIONS.to_owned();
    let surroundings = conninfo.server_settings().iter().map(|(name, value)| (*name, value));
    let ours = settings.server_settings.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in surroundings.chain(ours) {
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
    if settings.search_path == SearchPath::Empty {
        all.push_str(EMPTY_PATH);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
