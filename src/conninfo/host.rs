//! The servers that a connection string names, in its order.
//!
//! It must never let a list of one length be taken for a list of another.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::bad;
use super::endpoint::Endpoint;
use super::parameter::Key;
use super::settings::Settings;
use crate::error::Result;

const PORT: u16 = 5432;

/// One server.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    pub(super) endpoint: Endpoint,
    pub(super) port: u16,
    /// What `host` and `hostaddr` say of this server; "" where they say nothing.
    pub(super) name: String,
    pub(super) address: String,
    /// From a password file.
    pub(super) password: Option<Zeroizing<String>>,
}

impl Host {
    /// All servers. `hostaddr` decides how many there are, else `host`; there is one where neither is given.
    pub(super) fn all(settings: &Settings) -> Result<Vec<Self>> {
        let list = |key| settings.text(key).map(|text| text.split(',').collect::<Vec<_>>());
        let (names, addresses, ports) = (list(Key::Host), list(Key::Hostaddr), settings.ports()?);
        let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
        if let Some(names) = names.as_ref().filter(|names| names.len() != count) {
            return Err(bad(format!("the conninfo has {} hosts and {count} hostaddrs", names.len()))
                .with_hint("Give as many of the one as of the other; a place in a list may be empty."));
        }
        if ports.len() > 1 && ports.len() != count {
            return Err(bad(format!("the conninfo has {} ports for {count} hosts", ports.len()))
                .with_hint("Give one port for all hosts, or as many ports as hosts."));
        }
        let mut all = Vec::with_capacity(count);
        for at in 0..count {
            let part = |list: &Option<Vec<&str>>| {
                list.as_ref().and_then(|it| it.get(at)).map_or("", |it| it).to_owned()
            };
            let (name, address) = (part(&names), part(&addresses));
            let port = ports.get(at).or(ports.first()).copied().flatten().unwrap_or(PORT);
            let endpoint = Endpoint::new(&name, &address, port)?;
            all.push(Self { endpoint, port, name, address, password: None });
        }
        Ok(all)
    }

    /// Where the server is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The TCP port; part of the file name of a Unix socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the user calls it: host, else hostaddr, else the folder of its socket.
    pub(super) fn given(&self) -> &str {
        match (self.name.as_str(), self.address.as_str(), &self.endpoint) {
            ("", "", Endpoint::Socket(path)) => path.parent().and_then(Path::to_str).unwrap_or_default(),
            ("", "", _) => "localhost",
            ("", address, _) => address,
            (name, ..) => name,
        }
    }

    /// What `host` says of this server.
    #[cfg(feature = "libpq")]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What `hostaddr` says of it.
    #[cfg(feature = "libpq")]
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The place as error messages name it.
    pub fn describe(&self) -> String {
        self.endpoint.describe(self.port)
    }
}

/// What is wrong with a host name that no name service will know, as advice.
pub(crate) fn advice(name: &str) -> Option<&'static str> {
    let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    if let Some(inner) = name.strip_prefix('[') {
        return match inner.split_once(']') {
            Some((address, "")) if is_address(address) => {
                Some("In host write an IPv6 address without brackets: host=::1. Brackets belong into URIs.")
            }
            Some((address, _)) if is_address(address) => Some(
                "Give address and port by themselves, without brackets: host=::1 port=5432. Brackets belong into URIs.",
            ),
            _ => None,
        };
    }
    match name.rsplit_once(':') {
        Some((host, port)) if is_port(port) && !host.contains(':') => {
            Some("Give the port by itself: host=192.0.2.1 port=5432.")
        }
        _ => None,
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("endpoint", &self.endpoint)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
