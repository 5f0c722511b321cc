//! Lists of revoked certificates, as OpenSSL heeds them with CRL_CHECK and CRL_CHECK_ALL.
//!
//! It must never take a certificate for good because its list is missing, stale or not signed by its issuer.

use std::time::Duration;

use der::Decode;
use der::asn1::ObjectIdentifier;
use rustls::crypto::WebPkiSupportedAlgorithms;
use x509_cert::certificate::Raw;
use x509_cert::crl::{CertificateList, RevokedCert};

use super::certificate::{Certificate, Checked, Signed, same_name, since_epoch};

const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
/// The value of a reason code removeFromCRL.
const REMOVED: &[u8] = &[0x0a, 0x01, 0x08];
const HINT: &str = "Get the authority's newest list of revoked certificates into sslcrl or sslcrldir.";

/// One list.
pub(super) struct RevocationList {
    signed: Signed,
    parsed: CertificateList<Raw>,
}

impl RevocationList {
    pub(super) fn parse(der: &[u8]) -> der::Result<Self> {
        Ok(Self { signed: Signed::parse(der)?, parsed: CertificateList::from_der(der)? })
    }

    fn has_revoked(&self, it: &Certificate) -> bool {
        let entries = self.parsed.tbs_cert_list.revoked_certificates.iter().flatten();
        let mut same = entries.filter(|entry| entry.serial_number.as_bytes() == it.serial());
        same.any(|entry| !was_taken_back(entry))
    }

    /// One whose scope is limited, or which says what is not understood.
    fn is_odd(&self) -> bool {
        let of_list = self.parsed.tbs_cert_list.crl_extensions.iter().flatten();
        of_list.filter(|extension| extension.critical).count() > 0
    }
}

fn was_taken_back(entry: &RevokedCert<Raw>) -> bool {
    let mut extensions = entry.crl_entry_extensions.iter().flatten();
    extensions.any(|it| it.extn_id == REASON && it.extn_value.as_bytes() == REMOVED)
}

/// What the lists say against a certificate.
pub(super) fn fault(
    lists: &[RevocationList],
    it: &Certificate,
    issuer: &Certificate,
    now: Duration,
    known: &WebPkiSupportedAlgorithms,
) -> Option<(String, &'static str)> {
    let may_sign = issuer.extensions.usage.as_ref().is_none_or(|usage| usage.crl_sign());
    let mut wrong = "there is no list of revoked certificates of its issuer";
    for list in lists {
        let tbs = &list.parsed.tbs_cert_list;
        if !same_name(&tbs.issuer, it.issuer()) {
            continue;
        }
        let (fresh, begun) = (
            tbs.next_update.is_none_or(|until| since_epoch(until) >= now),
            since_epoch(tbs.this_update) <= now,
        );
        wrong = match (list.signed.check(issuer.key(), known), may_sign) {
            (Checked::Good, true) if list.is_odd() => {
                "its issuer's list of revoked certificates has an extension that is not understood"
            }
            (Checked::Good, true) if !begun => "its issuer's list of revoked certificates is not valid yet",
            (Checked::Good, true) if !fresh => "its issuer's list of revoked certificates is out of date",
            (Checked::Good, true) if list.has_revoked(it) => {
                return Some(("it was revoked".to_owned(), "Give the server a new certificate."));
            }
            (Checked::Good, true) => return None,
            (Checked::Good, false) => "its issuer may not sign lists of revoked certificates",
            (Checked::Bad | Checked::Unknown, _) => {
                "the list of revoked certificates in its issuer's name is not signed by it"
            }
        };
    }
    Some((wrong.to_owned(), HINT))
}
