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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    /// Signs itself with RSA and SHA-256.
    const CERTIFICATE: &str = "MIICFjCCAX+gAwIBAgIUC25UQqzboD05sO2cSAMGSs6rq54wDQYJKoZIhvcNAQELBQAwDjEMMAoGA1UEAwwDYSBiMCAXDTI2MTEy\
        MjIwMjQ0MloYDzIxMjYxMDI5MjAyNDQyWjAOMQwwCgYDVQQDDANhIGIwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAK7jaBFR\
        D24631j/QkLqCu91YCKlMfxwQ94Ufb0nuypKe3yhEZknTg9aZDQ+3ibwoRi+GahUy/xWBNVZOJXtaySaAYfo7WauGfAXFjq7vCjd\
        /0z3GJ1Ikp2dRsYLFxMHGZ860R8dpLLvd5xikC8YEkUM6W07qDIrl7nr2HUHOTPJAgMBAAGjbzBtMB0GA1UdDgQWBBQw7/otOkGJ\
        6of9vTmRZrOBBnntVzAfBgNVHSMEGDAWgBQw7/otOkGJ6of9vTmRZrOBBnntVzAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGC\
        CWxvY2FsaG9zdIcEfwAAATANBgkqhkiG9w0BAQsFAAOBgQA5w2B4pm0691XandOit2tWkDUk/W3oNOKoxLDj6ZklHmxmZcDHWOWJ\
        3YVFx1QBZ8dazUHkYQNbvar07fGW/IbBVHdQeXEVjiPyZc3xxOZ1sDOOkkZJkXkSud5CvfSZBO1Uw/w62qLF+TdVHzbPLxqjCMAA\
        wDi9qPcdqF6f9eWpgA==";

    fn certificate() -> Vec<u8> {
        STANDARD.decode(CERTIFICATE).unwrap()
    }

    /// The certificate with the last byte of its signature algorithm's name changed, in both places.
    fn signed_with(algorithm: u8) -> Vec<u8> {
        const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
        let mut der = certificate();
        let places: Vec<_> =
            der.windows(9).enumerate().filter(|it| it.1 == SHA256_WITH_RSA).map(|it| it.0).collect();
        assert_eq!(places.len(), 2);
        places.iter().for_each(|at| der[at + 8] = algorithm);
        der
    }

    #[test]
    fn each_signature_has_its_hash() {
        for (algorithm, length) in
            [(4, 32), (5, 32), (11, 32), (12, 48), (13, 64), (14, 28), (15, 28), (16, 32)]
        {
            let der = signed_with(algorithm);
            let EndPoint::Hash(hash) = of(&der) else { panic!("{algorithm} has a hash") };
            assert_eq!(hash.len(), length, "{algorithm}");
        }
        let of_md5 = signed_with(4);
        assert_eq!(of(&of_md5), EndPoint::Hash(Sha256::digest(&of_md5).to_vec()));
        assert_eq!(of(&signed_with(99)), EndPoint::Undefined);
        assert_eq!(of(b"no certificate"), EndPoint::Undefined);
    }

    #[test]
    fn any_byte_of_a_certificate_may_be_wrong() {
        let whole = certificate();
        for (at, flip) in (0..whole.len()).flat_map(|at| [(at, 0x01), (at, 0x80), (at, 0xff)]) {
            let mut der = whole.clone();
            der[at] ^= flip;
            if let Ok(it) = Certificate::parse(&der) {
                let _ = (
                    it.to_string(),
                    it.is_self_issued(),
                    it.names_as_issuer(&it),
                    it.common_name(),
                    of(&der),
                );
            }
            let _ = Certificate::parse(&der[..at]);
        }
    }
}
