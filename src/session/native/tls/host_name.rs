//! Whether a certificate is that of the host (libpq, `pq_verify_peer_name_matches_certificate`).
//!
//! It must never compare with anything but the `host` that the user gave: an address found for it proves nothing.

use std::net::IpAddr;

use super::alternative_name::AlternativeName;
use super::certificate::Certificate;
use crate::error::{Error, Result, Status};

/// What a name in a certificate came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    /// A NUL in a name is a trick (CVE-2009-4034).
    Trick,
}

/// An error if the certificate is not that of `host`.
pub(super) fn check(certificate: &Certificate, host: &str) -> Result<()> {
    if host.is_empty() {
        return Err(Error::new(Status::WAL_E_TLS, "sslmode=verify-full needs a host name to compare with")
            .with_hint("Give host beside hostaddr."));
    }
    let address = host.parse::<IpAddr>().ok();
    let mut seen = Vec::new();
    let mut uses_common_name = true;
    for name in &certificate.extensions.names {
        let found = match name {
            AlternativeName::Dns(name) => {
                uses_common_name &= address.is_some();
                seen.push(String::from_utf8_lossy(name).into_owned());
                name_matches(name, host)
            }
            AlternativeName::Address(bytes) => {
                uses_common_name &= address.is_none();
                let Some(of_certificate) = address_of(bytes) else {
                    return Err(odd_address(certificate, bytes.len()));
                };
                seen.push(of_certificate.to_string());
                if Some(of_certificate) == address { Match::Yes } else { Match::No }
            }
            AlternativeName::Other => Match::No,
        };
        match found {
            Match::Yes => return Ok(()),
            Match::No => (),
            Match::Trick => return Err(trick(certificate)),
        }
    }
    if uses_common_name && let Some(name) = certificate.common_name() {
        seen.push(String::from_utf8_lossy(&name).into_owned());
        match name_matches(&name, host) {
            Match::Yes => return Ok(()),
            Match::No => (),
            Match::Trick => return Err(trick(certificate)),
        }
    }
    Err(mismatch(certificate, host, &seen))
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn name_matches(name: &[u8], host: &str) -> Match {
    let host = host.as_bytes();
    if name.contains(&0) {
        Match::Trick
    } else if name.eq_ignore_ascii_case(host) || wildcard_matches(name, host) {
        Match::Yes
    } else {
        Match::No
    }
}

/// A star stands for the whole of the first label, and for nothing else.
fn wildcard_matches(pattern: &[u8], host: &[u8]) -> bool {
    let Some(rest) = pattern.strip_prefix(b"*").filter(|rest| rest.len() > 1 && rest.starts_with(b"."))
    else {
        return false;
    };
    match host.iter().position(|byte| *byte == b'.').and_then(|dot| host.split_at_checked(dot)) {
        Some((label, domain)) => !label.is_empty() && domain.eq_ignore_ascii_case(rest),
        None => false,
    }
}

#[cold]
fn trick(certificate: &Certificate) -> Error {
    Error::new(Status::WAL_E_TLS_CERTIFICATE, "a name in the server's certificate contains a NUL character")
        .with_detail(format!("The certificate: {certificate}."))
        .with_hint("This is an attack, or a mistake of the authority.")
}

#[cold]
fn odd_address(certificate: &Certificate, length: usize) -> Error {
    let what = format!("the server's certificate has an address of {length} bytes among its names");
    Error::new(Status::WAL_E_TLS_CERTIFICATE, what)
        .with_detail(format!("The certificate: {certificate}."))
        .with_hint("An address has 4 bytes or 16: let the authority issue another certificate.")
}

#[cold]
fn mismatch(certificate: &Certificate, host: &str, seen: &[String]) -> Error {
    let names = match seen {
        [] => "it has no name".to_owned(),
        names => format!("it is for {}", names.iter().take(8).cloned().collect::<Vec<_>>().join(", ")),
    };
    Error::new(
        Status::WAL_E_TLS_CERTIFICATE,
        format!("the server's certificate is not that of host \"{host}\": {names}"),
    )
    .with_detail(format!("The certificate: {certificate}."))
    .with_hint("Give host as the certificate has it (and the address in hostaddr), or give the server the right one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_with_libpq() {
        for (name, host, expected) in [
            ("db.example.com", "db.example.com", Match::Yes),
            ("DB.Example.com", "db.eXample.com", Match::Yes),
            ("db.example.com", "db.example.org", Match::No),
            ("*.example.com", "db.example.com", Match::Yes),
            ("*.EXAMPLE.com", "db.example.COM", Match::Yes),
            ("*.example.com", "a.db.example.com", Match::No),
            ("*.example.com", "example.com", Match::No),
            ("*.example.com", ".example.com", Match::No),
            ("*.com", "example.com", Match::Yes),
            ("*", "example", Match::No),
            ("*.", "a.", Match::No),
            ("d*.example.com", "db.example.com", Match::No),
            ("db.*.com", "db.example.com", Match::No),
            ("127.0.0.1", "127.0.0.1", Match::Yes),
            ("*.0.0.1", "127.0.0.1", Match::Yes),
            ("db.example.com\0.evil.org", "db.example.com", Match::Trick),
        ] {
            assert_eq!(name_matches(name.as_bytes(), host), expected, "{name} {host}");
        }
    }
}
