//! What the user asks of TLS: modes, files and limits. Files are named here, and read when a connection needs them.
//!
//! It must never weaken what was asked for: a combination that libpq refuses as weak is refused here too.

use zeroize::Zeroizing;

use std::path::PathBuf;

use super::bad;
use super::environment::Environment;
use super::parameter::Key;
use super::settings::Settings;
use crate::error::{Error, Result, Status};

/// Whether TLS is tried, required, and what of the server is verified (libpq documentation, "Protection Provided in
/// Different Modes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS only if the server refuses a plain connection.
    Allow,
    /// TLS if the server offers it; a plain connection if the server refuses that one.
    Prefer,
    /// TLS. The server is verified only if there is a root certificate file.
    Require,
    /// TLS, with a certificate from a trusted authority.
    VerifyCa,
    /// The same, and the certificate is that of the host.
    VerifyFull,
}

/// How a TLS connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslNegotiation {
    /// The server is asked first.
    Postgres,
    /// With the handshake at once, which servers understand from version 17 on.
    Direct,
}

/// Who is trusted to sign the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SslRoot {
    /// Those in this file, which was named.
    File(PathBuf),
    /// Those in this file, if it exists: the usual place.
    Usual(PathBuf),
    /// Those whom the operating system trusts.
    System,
    /// Nobody was named.
    Nobody,
}

/// Whether a client certificate is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslCertMode {
    /// Never.
    Disable,
    /// If there is one and the server asks for it.
    Allow,
    /// The server must ask for it, and one must be sent.
    Require,
}

/// A file, and whether it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SslFile {
    /// It was named.
    Named(PathBuf),
    /// It is looked for in the usual place.
    Usual(PathBuf),
    /// There is none.
    Missing,
}

/// A version of the TLS protocol that can be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// All settings of TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// Whether, and what is verified.
    pub mode: SslMode,
    /// How it begins.
    pub negotiation: SslNegotiation,
    /// Who is trusted.
    pub root: SslRoot,
    /// The revoked certificates; more of them lie in `crl_dir`.
    pub crl: SslFile,
    /// A folder of such files, with names as `openssl rehash` gives.
    pub crl_dir: Option<PathBuf>,
    /// Whether a client certificate is sent.
    pub cert_mode: SslCertMode,
    /// The client's certificate and those that lead from it to its root.
    pub cert: SslFile,
    /// Its key.
    pub key: SslFile,
    /// What the key is encrypted with.
    pub password: Option<Zeroizing<String>>,
    /// Whether the host's name is sent in the clear, so that a proxy can choose the server by it.
    pub sni: bool,
    /// The oldest version of the protocol that is spoken.
    pub min_version: TlsVersion,
    /// The newest.
    pub max_version: TlsVersion,
}

impl Tls {
    pub(super) fn from_settings(settings: &Settings, environment: Environment<'_>) -> Result<Self> {
        let root = root(settings, environment);
        let mode = mode(settings, &root)?;
        let negotiation = match settings.text(Key::Sslnegotiation) {
            Some("direct") if mode < SslMode::Require => {
                return Err(weak("sslnegotiation=direct", "require, verify-ca or verify-full"));
            }
            Some("direct") => SslNegotiation::Direct,
            _ => SslNegotiation::Postgres,
        };
        let (min_version, max_version) = versions(settings)?;
        let file = |key, name: &str| match settings.text(key) {
            Some(path) => SslFile::Named(path.into()),
            None => usual(environment, name).map_or(SslFile::Missing, SslFile::Usual),
        };
        let crl_dir = settings.text(Key::Sslcrldir).map(PathBuf::from);
        let crl = match (file(Key::Sslcrl, "root.crl"), &crl_dir) {
            // A folder that was named stands for the file in the usual place too.
            (SslFile::Usual(_), Some(_)) => SslFile::Missing,
            (crl, _) => crl,
        };
        Ok(Self {
            mode,
            negotiation,
            root,
            crl,
            crl_dir,
            cert_mode: match settings.text(Key::Sslcertmode) {
                Some("disable") => SslCertMode::Disable,
                Some("require") => SslCertMode::Require,
                _ => SslCertMode::Allow,
            },
            cert: file(Key::Sslcert, "postgresql.crt"),
            key: file(Key::Sslkey, "postgresql.key"),
            password: settings.text(Key::Sslpassword).map(|it| Zeroizing::new(it.to_owned())),
            sni: settings.text(Key::Sslsni) != Some("0"),
            min_version,
            max_version,
        })
    }
}

/// A file in libpq's folder, where the environment counts.
fn usual(environment: Environment<'_>, name: &str) -> Option<PathBuf> {
    let home = environment.home().filter(|_| environment.is_read());
    home.map(|home| home.join(".postgresql").join(name))
}

fn root(settings: &Settings, environment: Environment<'_>) -> SslRoot {
    match settings.text(Key::Sslrootcert) {
        Some("system") => SslRoot::System,
        Some(path) => SslRoot::File(path.into()),
        None => usual(environment, "root.crt").map_or(SslRoot::Nobody, SslRoot::Usual),
    }
}

/// The system trusts authorities that sign for everybody, so only the name tells one server from another.
fn mode(settings: &Settings, root: &SslRoot) -> Result<SslMode> {
    // The table has let nothing else through.
    let mode = match settings.text(Key::Sslmode) {
        Some("disable") => SslMode::Disable,
        Some("allow") => SslMode::Allow,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        None if *root == SslRoot::System && !settings.has(Key::Sslmode) => SslMode::VerifyFull,
        _ => SslMode::Prefer,
    };
    match root {
        SslRoot::System if mode != SslMode::VerifyFull => Err(weak("sslrootcert=system", "verify-full")),
        _ => Ok(mode),
    }
}

fn versions(settings: &Settings) -> Result<(TlsVersion, TlsVersion)> {
    let min = match version(settings, Key::SslMinProtocolVersion)? {
        Some(Named::Spoken(version)) => version,
        // Older ones are not spoken, which is within what was asked for.
        Some(Named::Old) | None => TlsVersion::Tls12,
    };
    let max = match version(settings, Key::SslMaxProtocolVersion)? {
        Some(Named::Spoken(version)) => version,
        Some(Named::Old) => return Err(too_old()),
        None => TlsVersion::Tls13,
    };
    match min <= max {
        true => Ok((min, max)),
        false => Err(bad("ssl_min_protocol_version is above ssl_max_protocol_version")
            .with_hint("Remove one of them.")),
    }
}

/// A version of the protocol, as it was named.
enum Named {
    Old,
    Spoken(TlsVersion),
}

fn version(settings: &Settings, key: Key) -> Result<Option<Named>> {
    let Some(text) = settings.text(key) else { return Ok(None) };
    match text.to_ascii_lowercase().as_str() {
        "tlsv1" | "tlsv1.1" => Ok(Some(Named::Old)),
        "tlsv1.2" => Ok(Some(Named::Spoken(TlsVersion::Tls12))),
        "tlsv1.3" => Ok(Some(Named::Spoken(TlsVersion::Tls13))),
        _ => Err(bad(format!("{} does not take this value", settings.place(key)))
            .with_hint("It takes TLSv1.2 and TLSv1.3.")),
    }
}

#[cold]
fn too_old() -> Error {
    Error::new(
        Status::WAL_E_NOT_BUILT,
        "ssl_max_protocol_version asks for a version of TLS that is not built into this library",
    )
    .with_hint("TLS 1.0 and 1.1 are insecure: set it to TLSv1.2 or TLSv1.3, or remove it.")
}

#[cold]
fn weak(with: &str, modes: &str) -> Error {
    bad(format!("the sslmode is too weak for {with}")).with_hint(format!("Set sslmode={modes}."))
}
