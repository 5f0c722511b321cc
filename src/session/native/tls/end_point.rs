//! The hash of a certificate to which SCRAM is tied (RFC 5929, tls-server-end-point).
//!
//! Which hash it is must come from the parsed certificate, never from bytes that look like one.

use der::asn1::{ContextSpecific, ObjectIdentifier};
use der::{Reader, TagNumber};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::certificate::Certificate;
use crate::wire::EndPoint;

const RSA_PSS: &str = "1.2.840.113549.1.1.10";

/// The hash of the server's certificate.
pub(super) fn of(der: &[u8]) -> EndPoint {
    let Ok(certificate) = Certificate::parse(der) else { return EndPoint::Undefined };
    let algorithm = certificate.signature_algorithm();
    let name = match algorithm.oid.to_string() {
        oid if oid == RSA_PSS => pss_hash(algorithm).map(|it| it.to_string()).unwrap_or_default(),
        oid => oid,
    };
    let hash = match name.as_str() {
        // Those of MD5 and SHA-1 take SHA-256 (RFC 5929, section 4.1).
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10045.4.1"
        | "1.2.840.10040.4.3"
        | "1.3.14.3.2.26"
        | "1.3.14.3.2.29" => Sha256::digest(der).to_vec(),
        "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.3.2"
        | "2.16.840.1.101.3.4.3.2"
        | "2.16.840.1.101.3.4.2.1" => Sha256::digest(der).to_vec(),
        "1.2.840.113549.1.1.14"
        | "1.2.840.10045.4.3.1"
        | "2.16.840.1.101.3.4.3.1"
        | "2.16.840.1.101.3.4.2.4" => Sha224::digest(der).to_vec(),
        "1.2.840.113549.1.1.12"
        | "1.2.840.10045.4.3.3"
        | "2.16.840.1.101.3.4.3.3"
        | "2.16.840.1.101.3.4.2.2" => Sha384::digest(der).to_vec(),
        "1.2.840.113549.1.1.13"
        | "1.2.840.10045.4.3.4"
        | "2.16.840.1.101.3.4.3.4"
        | "2.16.840.1.101.3.4.2.3" => Sha512::digest(der).to_vec(),
        "1.2.840.113549.1.1.15" | "2.16.840.1.101.3.4.2.5" => Sha512_224::digest(der).to_vec(),
        "1.2.840.113549.1.1.16" | "2.16.840.1.101.3.4.2.6" => Sha512_256::digest(der).to_vec(),
        // Ed25519 and Ed448 name no hash.
        _ => return EndPoint::Undefined,
    };
    EndPoint::Hash(hash)
}

/// The hash inside the parameters of RSASSA-PSS; SHA-1 where they name none (RFC 4055).
fn pss_hash(algorithm: &AlgorithmIdentifierOwned) -> Option<ObjectIdentifier> {
    let sha1 = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    let Some(parameters) = &algorithm.parameters else { return Some(sha1) };
    let found: der::Result<_> = parameters.sequence(|reader| {
        let hash = ContextSpecific::<AlgorithmIdentifierOwned>::decode_explicit(reader, TagNumber(0))?;
        reader.read_slice(reader.remaining_len())?;
        Ok(hash)
    });
    found.ok().map(|hash| hash.map_or(sha1, |hash| hash.value.oid))
}
