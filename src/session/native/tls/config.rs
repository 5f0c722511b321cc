//! From settings to what rustls needs: files are read, keys opened, roots gathered (libpq, `initialize_SSL`).
//!
//! It reads files and hashes passwords, so it must never run on the engine's thread.

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::certificate::Certificate;
use super::chain::Trust;
use super::client_certificate::ClientCertificate;
use super::private_key;
use super::revocation::RevocationList;
use super::verifier::Verifier;
use crate::conninfo::{SslCertMode, SslFile, SslMode, SslRoot, Tls, TlsVersion};
use crate::error::{Error, Result, Status};

/// The name of PostgreSQL's protocol inside TLS.
pub(super) const ALPN: &[u8] = b"postgresql";

/// No file of certificates is longer.
const MAX_FILE: u64 = 64 << 20;

/// What one handshake needs.
pub(in crate::layers::session::native) struct Setup {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    pub(super) certificate: Arc<ClientCertificate>,
}

/// Reads what the settings name. `host` is what the user gave, or ""; `peer` is where the connection goes.
pub(in crate::layers::session::native) fn load(tls: &Tls, host: &str, peer: IpAddr) -> Result<Setup> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let known = provider.signature_verification_algorithms;
    let trust = match roots(tls)? {
        Some(roots) => Some(Trust { roots, revoked: revoked(tls)?, known }),
        None => None,
    };
    let host_to_check = (tls.mode == SslMode::VerifyFull).then(|| host.to_owned());
    let verifier = Arc::new(Verifier { trust, host: host_to_check, known });
    let certificate = Arc::new(client_certificate(tls, &provider)?);
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(tls))
        .map_err(|error| Error::new(Status::WAL_E_TLS, format!("TLS cannot be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::clone(&certificate) as _);
    config.alpn_protocols = vec![ALPN.to_vec()];
    // PostgreSQL gives no tickets, and a session that is resumed would pass by what the files say today.
    config.resumption = Resumption::disabled();
    let name = named(host).unwrap_or(ServerName::IpAddress(peer.into()));
    config.enable_sni = tls.sni;
    Ok(Setup { config: Arc::new(config), name, certificate })
}

/// The host's name, if it is one that may be sent to the server.
fn named(host: &str) -> Option<ServerName<'static>> {
    let name = ServerName::try_from(host.to_owned()).ok()?;
    matches!(name, ServerName::DnsName(_)).then_some(name)
}

fn versions(tls: &Tls) -> &'static [&'static SupportedProtocolVersion] {
    const NEW: &[&SupportedProtocolVersion] = &[&TLS13];
    const OLD: &[&SupportedProtocolVersion] = &[&TLS12];
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    match (tls.min_version, tls.max_version) {
        (TlsVersion::Tls13, _) => NEW,
        (_, TlsVersion::Tls12) => OLD,
        _ => BOTH,
    }
}

/// Who is trusted; `None`: nobody is asked for.
fn roots(tls: &Tls) -> Result<Option<Vec<Certificate>>> {
    let path = match &tls.root {
        SslRoot::System => return system_roots().map(Some),
        SslRoot::File(path) | SslRoot::Usual(path) if exists(path) => path,
        root if tls.mode >= SslMode::VerifyCa => return Err(no_roots(root)),
        _ => return Ok(None),
    };
    let mut all = Vec::new();
    for der in certificates(path, "root certificate")? {
        all.push(Certificate::parse(&der).map_err(|error| malformed(path, "root certificate", &error))?);
    }
    match all.is_empty() {
        true => Err(empty(path, "root certificate")),
        false => Ok(Some(all)),
    }
}

/// libpq looks whether there is such a file, and for nothing else.
fn exists(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

fn system_roots() -> Result<Vec<Certificate>> {
    let found = rustls_native_certs::load_native_certs();
    let all: Vec<_> = found.certs.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
    match all.is_empty() {
        true => Err(Error::new(Status::WAL_E_TLS, "the operating system has no trusted certificates")
            .with_detail(found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            .with_hint("Install them (Debian: ca-certificates), or name a file in sslrootcert.")),
        false => Ok(all),
    }
}

/// The lists of revoked certificates. Those that were named must be there: a check that silently does not happen
/// helps nobody. The system's roots come without any, as with libpq.
fn revoked(tls: &Tls) -> Result<Option<Vec<RevocationList>>> {
    if tls.root == SslRoot::System {
        return Ok(None);
    }
    let mut all = Vec::new();
    match &tls.crl {
        SslFile::Named(path) => all.extend(lists(path)?),
        SslFile::Usual(path) if exists(path) => all.extend(lists(path)?),
        _ if tls.crl_dir.is_none() => return Ok(None),
        _ => (),
    }
    if let Some(folder) = &tls.crl_dir {
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, "CRL", &error))?;
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            // As openssl rehash names them: the hash of the issuer's name, .r and a number.
            if path.extension().and_then(|it| it.to_str()).is_some_and(|it| it.starts_with('r')) {
                all.extend(lists(&path)?);
            }
        }
    }
    Ok(Some(all))
}

fn lists(path: &Path) -> Result<Vec<RevocationList>> {
    let text = read(path, "CRL")?;
    let mut all = Vec::new();
    for der in CertificateRevocationListDer::pem_slice_iter(&text) {
        let der = der.map_err(|error| malformed(path, "CRL", &error))?;
        all.push(RevocationList::parse(&der).map_err(|error| malformed(path, "CRL", &error))?);
    }
    if all.is_empty() { Err(empty(path, "CRL")) } else { Ok(all) }
}

fn client_certificate(tls: &Tls, provider: &CryptoProvider) -> Result<ClientCertificate> {
    let path = match (&tls.cert, tls.cert_mode) {
        (_, SslCertMode::Disable) | (SslFile::Missing, _) => return Ok(ClientCertificate::none()),
        (SslFile::Named(path) | SslFile::Usual(path), _) => path,
    };
    match fs::metadata(path) {
        // The server may do without.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(ClientCertificate::none());
        }
        Err(error) => return Err(unreadable(path, "client certificate", &error)),
        Ok(_) => (),
    }
    let chain = certificates(path, "client certificate")?;
    let Some(first) = chain.first() else { return Err(empty(path, "client certificate")) };
    let own = Certificate::parse(first).map_err(|error| malformed(path, "client certificate", &error))?;
    let (SslFile::Named(key_path) | SslFile::Usual(key_path)) = &tls.key else {
        return Err(Error::new(Status::WAL_E_TLS, "sslcert is given and sslkey is not")
            .with_hint("Name the key's file in sslkey."));
    };
    let key = private_key::read(key_path, tls.password.as_ref().map(|it| it.as_str()))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| {
        Error::new(
            Status::WAL_E_TLS,
            format!("the key file \"{}\" cannot be used: {error}", key_path.display()),
        )
        .with_hint("It takes RSA of 2048 bits or more, ECDSA of P-256, P-384 or P-521, and Ed25519.")
    })?;
    if key.public_key().is_some_and(|spki| spki.as_ref() != own.key().spki) {
        let (cert, key) = (path.display(), key_path.display());
        return Err(Error::new(
            Status::WAL_E_TLS,
            format!("the key in \"{key}\" is not that of the certificate in \"{cert}\""),
        )
        .with_hint("Name the two that were made together in sslcert and sslkey."));
    }
    Ok(ClientCertificate::new(chain, key))
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let text = read(path, what)?;
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    all.map_err(|error| malformed(path, what, &error))
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    let of = fs::metadata(path).map_err(|error| unreadable(path, what, &error))?;
    // Opening a pipe would wait for its writer.
    if !of.is_file() || of.len() > MAX_FILE {
        return Err(Error::new(
            Status::WAL_E_TLS,
            format!("the {what} file \"{}\" is no plain file of a usual size", path.display()),
        )
        .with_hint("Name another one."));
    }
    fs::read(path).map_err(|error| unreadable(path, what, &error))
}

#[cold]
fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Error {
    Error::os(Status::WAL_E_TLS, format!("cannot read the {what} file \"{}\"", path.display()), error)
        .with_hint("See that it exists, and its permissions.")
}

#[cold]
fn malformed(path: &Path, what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(Status::WAL_E_TLS, format!("the {what} file \"{}\" is malformed: {error}", path.display()))
        .with_hint("It takes PEM, as openssl writes it.")
}

#[cold]
fn empty(path: &Path, what: &str) -> Error {
    malformed(path, what, &"nothing of that kind is in it")
}

#[cold]
fn no_roots(root: &SslRoot) -> Error {
    let what = match root {
        SslRoot::File(path) | SslRoot::Usual(path) => {
            format!("the root certificate file \"{}\" does not exist", path.display())
        }
        _ => "sslmode asks to verify the server's certificate, and no root certificate is named".to_owned(),
    };
    Error::new(Status::WAL_E_TLS, what).with_hint(
        "Name the file in sslrootcert, or use sslrootcert=system for the authorities that the system trusts.",
    )
}
