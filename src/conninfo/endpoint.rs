//! Where the server is: a name, an address or a Unix socket.
//!
//! It must never resolve a name; that can block for half a minute.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::bad;
use crate::error::Result;

/// The directories of the server's socket: Debian's and most packagers', which is the default here; the
/// PostgreSQL project's own.
pub(super) const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

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
    /// The place that `host` and `hostaddr` name together; either may be "".
    pub(super) fn new(host: &str, hostaddr: &str, port: u16) -> Result<Self> {
        if !hostaddr.is_empty() {
            let address = hostaddr.trim_ascii().parse().map_err(|_| {
                bad("the conninfo parameter hostaddr is not a numeric address").with_hint(
                    "Write 192.0.2.1 or 2001:db8::1; a name or an address with a zone belongs into host.",
                )
            })?;
            return Ok(Self::Address { address, name: Some(host.to_owned()).filter(|it| !it.is_empty()) });
        }
        let [default, _] = SOCKET_DIRECTORIES;
        match host {
            "" if Path::new(default).is_dir() => Self::socket(default, port),
            "" => Ok(Self::Host("localhost".to_owned())),
            path if path.starts_with(['/', '@']) => Self::socket(path, port),
            name => Ok(Self::Host(name.to_owned())),
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
