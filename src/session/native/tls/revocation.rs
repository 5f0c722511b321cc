//! Lists of revoked certificates, as OpenSSL heeds them with CRL_CHECK and CRL_CHECK_ALL.
//!
//! It must never take a certificate for good because its list is missing, stale or not signed by its issuer.

use std::cmp::Reverse;
use std::time::Duration;

use der::Decode;
use der::asn1::ObjectIdentifier;
use rustls::crypto::WebPkiSupportedAlgorithms;
use x509_cert::certificate::Raw;
use x509_cert::crl::{CertificateList, RevokedCert};

use super::certificate::{Certificate, Checked, Signed, same_name, since_epoch};
use super::dates::since_1970;

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
        Ok(Self { signed: Signed::parse(der)?, parsed: CertificateList::from_der(&since_1970(der))? })
    }

    fn has_revoked(&self, it: &Certificate) -> bool {
        let entries = self.parsed.tbs_cert_list.revoked_certificates.iter().flatten();
        let mut same = entries.filter(|entry| entry.serial_number.as_bytes() == it.serial());
        same.any(|entry| !was_taken_back(entry))
    }

    fn is_fresh(&self, now: Duration) -> bool {
        self.parsed.tbs_cert_list.next_update.is_none_or(|until| since_epoch(until) >= now)
    }

    fn has_begun(&self, now: Duration) -> bool {
        since_epoch(self.parsed.tbs_cert_list.this_update) <= now
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

/// The lists of a certificate's issuer, that which counts first: of those that are valid now the newest (OpenSSL,
/// `get_crl_sk`). An older one may be valid still, and lack what was revoked since.
fn of_issuer<'a>(
    lists: &'a [RevocationList],
    it: &Certificate,
    now: Duration,
) -> impl Iterator<Item = &'a RevocationList> {
    let is_of_it = |list: &&RevocationList| same_name(&list.parsed.tbs_cert_list.issuer, it.issuer());
    let mut all: Vec<_> = lists.iter().filter(is_of_it).collect();
    let is_valid = |list: &RevocationList| list.is_fresh(now) && list.has_begun(now);
    all.sort_by_key(|list| Reverse((is_valid(list), since_epoch(list.parsed.tbs_cert_list.this_update))));
    all.into_iter()
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
    for list in of_issuer(lists, it, now) {
        let (fresh, begun) = (list.is_fresh(now), list.has_begun(now));
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
