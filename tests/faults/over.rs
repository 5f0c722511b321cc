//! What lies between the consumer and its server: nothing but TCP, TLS, libpq, or libpq's TLS.

use crate::harness::Authority;
use crate::harness::authority::{CA, SERVER, Wish};

/// How the consumer's connections are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Plain,
    Tls,
    /// TCP, with transactions that are streamed and put together again.
    Assembled,
    #[cfg(feature = "libpq")]
    Libpq,
    #[cfg(feature = "libpq")]
    LibpqTls,
}

impl Over {
    /// What the command line calls the run on a version.
    pub fn name(self, version: u32) -> String {
        match self {
            Self::Plain => format!("v{version}"),
            Self::Tls => "over_tls".to_owned(),
            Self::Assembled => "assembled".to_owned(),
            #[cfg(feature = "libpq")]
            Self::Libpq => "over_libpq".to_owned(),
            #[cfg(feature = "libpq")]
            Self::LibpqTls => "over_tls_of_libpq".to_owned(),
        }
    }

    /// The certificates, where they are wanted.
    pub fn authority(self) -> Option<Authority> {
        self.is_encrypted().then(|| {
            let all = Authority::new();
            all.root("root", Wish { subject: "/CN=Root", extensions: CA, ..SERVER });
            all.issue("server", "root", SERVER);
            all
        })
    }

    /// What the consumer's options say of it.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Plain | Self::Tls => &[],
            Self::Assembled => &["streaming=assembled", "assemble_memory=1MB", "spill_min_free=0"],
            #[cfg(feature = "libpq")]
            Self::Libpq | Self::LibpqTls => &["backend=libpq"],
        }
    }

    fn is_encrypted(self) -> bool {
        match self {
            Self::Plain | Self::Assembled => false,
            Self::Tls => true,
            #[cfg(feature = "libpq")]
            Self::Libpq => false,
            #[cfg(feature = "libpq")]
            Self::LibpqTls => true,
        }
    }
}

impl Over {
    /// What the server's settings say of it: whatever can be streamed is.
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Assembled => &["debug_logical_replication_streaming=immediate"],
            _ => &[],
        }
    }
}

/// The server's settings for these certificates.
pub fn settings(authority: Option<&Authority>) -> Vec<String> {
    let Some(all) = authority else { return Vec::new() };
    let (crt, key) = (all.path("server.crt"), all.path("server.key"));
    vec![format!("ssl_cert_file={crt}"), format!("ssl_key_file={key}"), "ssl=on".to_owned()]
}

/// The consumer's end of it, to be put behind a conninfo: nothing but that certificate will do.
pub fn conninfo(authority: Option<&Authority>) -> String {
    authority.map_or_else(
        || " sslmode=disable".to_owned(),
        |all| format!(" sslmode=verify-full sslrootcert={}", all.path("root.crt")),
    )
}
