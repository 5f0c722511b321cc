//! The check of a server's certificate without a connection, for the fuzz target.
//!
//! It must decide as a handshake would: it only skips the files that a handshake reads its trust from.

use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::certificate::Certificate;
use super::chain::Trust;
use super::revocation::RevocationList;
use super::verifier::Verifier;
use crate::error::Result;

/// Whether a server that shows these certificates (DER, its own first) is believed to be `host` at `now`, seconds since 1970,
/// by a client that trusts `roots`. `lists` are lists of revoked certificates; `None`: revocation is not looked at. Roots and lists
/// that cannot be read are left out.
pub fn examine(
    shown: &[&[u8]],
    roots: &[&[u8]],
    lists: Option<&[&[u8]]>,
    host: &str,
    now: u64,
) -> Result<()> {
    let known = aws_lc_rs::default_provider().signature_verification_algorithms;
    let trust = Trust {
        roots: roots.iter().filter_map(|der| Certificate::parse(der).ok()).collect(),
        revoked: lists.map(|lists| lists.iter().filter_map(|der| RevocationList::parse(der).ok()).collect()),
        known,
    };
    let verifier = Verifier { trust: Some(trust), host: Some(host.to_owned()), known };
    let (leaf, sent) = shown.split_first().unwrap_or((&(&[] as &[u8]), &[]));
    let sent: Vec<_> = sent.iter().map(|der| CertificateDer::from(*der)).collect();
    verifier.check(leaf, &sent, UnixTime::since_unix_epoch(Duration::from_secs(now)))
}
