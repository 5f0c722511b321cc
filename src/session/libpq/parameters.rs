//! What libpq is told: the connection string as it was given, and behind it, where it wins, what is the library's.
//!
//! It must never leave out what the text of values depends on (P22) or what keeps a dead server from being waited for
//! (P15).

use std::ffi::{CStr, CString};

use zeroize::Zeroizing;

use crate::conninfo::{Conninfo, Given, Host, Keepalives, Target};
use crate::error::{Error, Result, Status};
use crate::session::settings::{APPLICATION_NAME, Replication, StartupSettings, options};

/// Names and values, in the order in which they hold. There may be a password among them.
pub(super) type Parameters = Vec<(&'static CStr, Zeroizing<CString>)>;

/// What holds for one attempt, whatever the connection string says.
#[derive(Clone, Copy, Default)]
pub(super) struct Instead<'a> {
    /// Only these servers are tried.
    pub(super) hosts: Option<&'a [&'a Host]>,
    /// What they must be.
    pub(super) target: Option<Target>,
    /// The password.
    pub(super) given: Option<&'a Given>,
}

/// All of them.
pub(super) fn all(
    conninfo: &Conninfo,
    settings: &StartupSettings,
    instead: Instead<'_>,
) -> Result<Parameters> {
    let mut all: Vec<(&CStr, String)> = Vec::new();
    // libpq takes a string with a '=' in it, or a URI, apart; anything else it would take for the database's name.
    if !conninfo.text().trim().is_empty() {
        all.push((c"dbname", conninfo.text().to_owned()));
    }
    if let Some(hosts) = instead.hosts {
        let list = |part: &dyn Fn(&Host) -> String| {
            hosts.iter().map(|host| part(host)).collect::<Vec<_>>().join(",")
        };
        all.push((c"host", list(&|host| host.name().to_owned())));
        all.push((c"hostaddr", list(&|host| host.address().to_owned())));
        all.push((c"port", list(&|host| host.port().to_string())));
    }
    if let Some(target) = instead.target {
        all.push((c"target_session_attrs", target.word().to_owned()));
    }
    if let Some(given) = instead.given {
        all.push((c"password", given.text().to_owned()));
    }
    match settings.replication {
        Replication::Database => all.push((c"replication", "database".to_owned())),
        Replication::Physical => all.push((c"replication", "true".to_owned())),
        Replication::Off => {}
    }
    all.push((c"client_encoding", conninfo.client_encoding().unwrap_or("UTF8").to_owned()));
    all.extend(options(conninfo, settings).map(|options| (c"options", options)));
    if conninfo.application_name().or(conninfo.fallback_application_name()).is_none() {
        all.push((c"fallback_application_name", APPLICATION_NAME.to_owned()));
    }
    all.extend(probing(conninfo));
    let terminated = |(name, value): (&'static CStr, String)| match CString::new(value) {
        Ok(value) => Ok((name, Zeroizing::new(value))),
        Err(_) => {
            let name = name.to_string_lossy();
            Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("{name} contains a NUL character"))
                .with_hint("PostgreSQL cannot take the character U+0000; remove it."))
        }
    };
    all.into_iter().map(terminated).collect()
}

/// Our defaults where nothing was given; 0 leaves it to the system.
fn probing(conninfo: &Conninfo) -> Vec<(&'static CStr, String)> {
    let patience = conninfo.tcp_user_timeout().map_or(0, |time| time.as_millis());
    let mut all = vec![(c"tcp_user_timeout", patience.to_string())];
    match conninfo.keepalives() {
        Keepalives::Off => all.push((c"keepalives", "0".to_owned())),
        Keepalives::On { idle, interval, count } => {
            let seconds = |time: Option<std::time::Duration>| time.map_or(0, |it| it.as_secs()).to_string();
            all.push((c"keepalives_idle", seconds(idle)));
            all.push((c"keepalives_interval", seconds(interval)));
            all.push((c"keepalives_count", count.unwrap_or(0).to_string()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, hosts: Option<&[&Host]>) -> Vec<(String, String)> {
        let conninfo = Conninfo::read_for_libpq(text).unwrap();
        let all =
            all(&conninfo, &StartupSettings::default(), Instead { hosts, ..Instead::default() }).unwrap();
        let texts = |(name, value): (&CStr, Zeroizing<CString>)| {
            (name.to_str().unwrap().to_owned(), value.to_str().unwrap().to_owned())
        };
        all.into_iter().map(texts).collect()
    }

    fn value<'a>(all: &'a [(String, String)], name: &str) -> Option<&'a str> {
        all.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_string_goes_as_it_was_given_and_ours_comes_behind() {
        let text = "host=h user=u password='s 3' krbsrvname=x options='-c a.b=c'";
        let got = of(text, None);
        assert_eq!(got[0], ("dbname".into(), text.into()));
        assert_eq!(
            (value(&got, "replication"), value(&got, "client_encoding")),
            (Some("database"), Some("UTF8"))
        );
        let options = value(&got, "options").unwrap();
        assert!(
            options.starts_with("-c datestyle=ISO") && options.ends_with("-c a.b=c -c search_path="),
            "{options}"
        );
        assert_eq!(value(&got, "fallback_application_name"), Some("pgwalstream"));
        assert_eq!(
            (value(&got, "tcp_user_timeout"), value(&got, "keepalives_idle")),
            (Some("60000"), Some("30"))
        );
        let got = of(
            "host=h user=u application_name=a client_encoding=LATIN1 keepalives=0 tcp_user_timeout=0",
            None,
        );
        assert_eq!((value(&got, "fallback_application_name"), value(&got, "keepalives")), (None, Some("0")));
        assert_eq!(
            (value(&got, "client_encoding"), value(&got, "tcp_user_timeout")),
            (Some("LATIN1"), Some("0"))
        );
        assert_eq!(value(&of(" ", None), "dbname"), None);
    }

    #[test]
    fn servers_are_left_out_with_all_that_belongs_to_them() {
        let text = "host=a,b,c hostaddr=127.0.0.1,,127.0.0.3 port=1,2,3 user=u";
        let conninfo = Conninfo::read_for_libpq(text).unwrap();
        let left: Vec<_> = conninfo.hosts().iter().skip(1).collect();
        let got = of(text, Some(&left));
        let lists = ["host", "hostaddr", "port"].map(|name| value(&got, name).unwrap());
        assert_eq!(lists, ["b,c", ",127.0.0.3", "2,3"]);
    }
}
