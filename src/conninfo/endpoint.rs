//! Where the server is: a name, an address or a Unix socket.
//!
//! It must never resolve a name; that can block for half a minute.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::bad;
use super::parameter::Key;
use super::settings::{Settings, not_built};
use crate::error::Result;

/// Debian's and most packagers' directory for the server's socket.
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// sun_path without its NUL (unix(7)).
const MAX_SOCKET_PATH: usize = 107;

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host name to be resolved, or an address as text.
    Host(String),
    /// An address; the name that goes with it, if one was given, is for certificates.
    Address {
        /// The address.
        address: IpAddr,
        /// The host name that `host` gave beside it.
        name: Option<String>,
    },
    /// A Unix socket; a path that begins with '@' is in the abstract namespace.
    Socket(PathBuf),
}

impl Endpoint {
    pub(super) fn from_settings(settings: &Settings, port: u16) -> Result<Self> {
        let (host, hostaddr) = (settings.text(Key::Host), settings.text(Key::Hostaddr));
        if [host, hostaddr].into_iter().flatten().any(|text| text.contains(',')) {
            return Err(not_built("a conninfo with several hosts", "Name one host."));
        }
        if let Some(hostaddr) = hostaddr {
            let address = hostaddr.trim_ascii().parse().map_err(|_| {
                bad("the conninfo parameter hostaddr is not a numeric address")
                    .with_hint("Write 192.0.2.1 or 2001:db8::1; a name belongs into host.")
            })?;
            return Ok(Self::Address { address, name: host.map(str::to_owned) });
        }
        match host {
            Some(host) if host.starts_with(['/', '@']) => Self::socket(host, port),
            Some(host) => Ok(Self::Host(host.to_owned())),
            None if Path::new(SOCKET_DIRECTORY).is_dir() => Self::socket(SOCKET_DIRECTORY, port),
            None => Ok(Self::Host("localhost".to_owned())),
        }
    }

    fn socket(directory: &str, port: u16) -> Result<Self> {
        let path = format!("{directory}/.s.PGSQL.{port}");
        if path.len() > MAX_SOCKET_PATH {
            return Err(bad(format!("the path of the Unix socket is longer than {MAX_SOCKET_PATH} bytes"))
                .with_hint(
                    "Give the server a shorter unix_socket_directories, or reach it through a symbolic link.",
                ));
        }
        Ok(Self::Socket(path.into()))
    }

    /// The place as error messages name it, with the port where it is not part of the path.
    pub fn describe(&self, port: u16) -> String {
        match self {
            Self::Host(name) => format!("host \"{name}\", port {port}"),
            Self::Address { address, name: Some(name) } => {
                format!("host \"{name}\" ({address}), port {port}")
            }
            Self::Address { address, name: None } => format!("address {address}, port {port}"),
            Self::Socket(path) => format!("Unix socket \"{}\"", path.display()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) | Self::Address { name: Some(name), .. } => f.write_str(name),
            Self::Address { address, name: None } => address.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}
