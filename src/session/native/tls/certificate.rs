//! One certificate, as far as verification looks at it.
//!
//! It must never be verified by anything but the bytes that came: what is signed is kept as it was.

use std::fmt;
use std::time::Duration;

use der::asn1::{Any, BitStringRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use rustls::crypto::WebPkiSupportedAlgorithms;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner, Version};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

use super::alternative_name::{AlternativeName, AuthorityKey, alternative_names, authority_key};
use super::dates::since_1970;

/// What OpenSSL knows how to heed when it is critical (`X509_supported_extension`), beside proxy certificates, which
/// it refuses, and name constraints, which are not built here.
const KNOWN: &[&str] = &[
    "2.16.840.1.113730.1.1", // Netscape's certificate type
    "2.5.29.15",             // key usage
    "2.5.29.17",             // subject alternative name
    "2.5.29.19",             // basic constraints
    "2.5.29.31",             // CRL distribution points
    "2.5.29.32",             // certificate policies
    "2.5.29.33",             // policy mappings
    "2.5.29.36",             // policy constraints
    "2.5.29.37",             // extended key usage
    "2.5.29.54",             // inhibit any policy
    "1.3.6.1.5.5.7.1.7",     // address blocks
    "1.3.6.1.5.5.7.1.8",     // autonomous systems
    "1.3.6.1.5.5.7.48.1.5",  // no OCSP check
];

const NETSCAPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113730.1.1");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A certificate.
pub(super) struct Certificate {
    der: Vec<u8>,
    signed: Signed,
    parsed: CertificateInner<Raw>,
    key: PublicKey,
    pub(super) extensions: Extensions,
}

/// Signed bytes with their signature: of a certificate or a list of revoked ones.
pub(super) struct Signed {
    bytes: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// A key that signs.
pub(super) struct PublicKey {
    /// The content of its AlgorithmIdentifier.
    algorithm: Vec<u8>,
    bits: Vec<u8>,
    /// The whole SubjectPublicKeyInfo.
    pub(super) spki: Vec<u8>,
}

/// What a signature came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Good,
    Bad,
    /// The algorithm or the kind of key is not built in.
    Unknown,
}

/// The extensions that matter.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) basic: Option<BasicConstraints>,
    pub(super) usage: Option<KeyUsage>,
    pub(super) extended_usage: Option<Vec<ObjectIdentifier>>,
    pub(super) names: Vec<AlternativeName>,
    pub(super) key_id: Option<Vec<u8>>,
    pub(super) authority: Option<AuthorityKey>,
    /// Netscape's certificate type, if there is one: the bits.
    pub(super) netscape: Option<u8>,
    /// One that is critical and not understood, or that limits names.
    pub(super) unhandled: Option<ObjectIdentifier>,
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> der::Result<Self> {
        let parsed = CertificateInner::<Raw>::from_der(&since_1970(der))?;
        let tbs = parsed.tbs_certificate();
        let spki = tbs.subject_public_key_info();
        let key = PublicKey {
            algorithm: content(&spki.algorithm)?,
            bits: spki.subject_public_key.raw_bytes().to_vec(),
            spki: spki.to_der()?,
        };
        let mut signed = Signed::parse(der)?;
        if tbs.signature() != parsed.signature_algorithm() {
            // What names the algorithm must be signed too; one that differs verifies as nothing.
            signed.algorithm.clear();
        }
        Ok(Self { signed, extensions: Extensions::parse(tbs)?, der: der.to_vec(), key, parsed })
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn signed(&self) -> &Signed {
        &self.signed
    }

    pub(super) fn signature_algorithm(&self) -> &AlgorithmIdentifierOwned {
        self.parsed.signature_algorithm()
    }

    pub(super) fn subject(&self) -> &Name {
        self.tbs().subject()
    }

    pub(super) fn issuer(&self) -> &Name {
        self.tbs().issuer()
    }

    pub(super) fn serial(&self) -> &[u8] {
        self.tbs().serial_number().as_bytes()
    }

    pub(super) fn valid_from(&self) -> Time {
        self.tbs().validity().not_before
    }

    pub(super) fn valid_until(&self) -> Time {
        self.tbs().validity().not_after
    }

    pub(super) fn is_version_1(&self) -> bool {
        self.tbs().version() == Version::V1
    }

    /// The first common name; `None` too where it is no text.
    pub(super) fn common_name(&self) -> Option<Vec<u8>> {
        let found = self.subject().iter().find(|it| it.oid == COMMON_NAME)?;
        let text = found.value.value().to_vec();
        match found.value.tag() {
            Tag::Utf8String | Tag::PrintableString | Tag::TeletexString | Tag::Ia5String => Some(text),
            _ => None,
        }
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        same_name(self.subject(), self.issuer())
    }

    /// Whether the other one's name and key are those of this one's issuer (OpenSSL, `X509_check_issued`), so far as
    /// that can be told without looking at the signature.
    pub(super) fn names_as_issuer(&self, other: &Self) -> bool {
        if !same_name(self.issuer(), other.subject()) {
            return false;
        }
        let Some(authority) = &self.extensions.authority else { return true };
        let key_fits = match (&authority.key_id, &other.extensions.key_id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let serial_fits = authority.serial.as_ref().is_none_or(|serial| serial == other.serial());
        let issuer_fits = authority.issuer.as_ref().is_none_or(|name| same_name(name, other.issuer()));
        key_fits && serial_fits && issuer_fits
    }

    fn tbs(&self) -> &TbsCertificateInner<Raw> {
        self.parsed.tbs_certificate()
    }
}

impl Signed {
    /// Takes the parts of `SEQUENCE { signed, algorithm, signature }`.
    pub(super) fn parse(der: &[u8]) -> der::Result<Self> {
        SliceReader::new(der)?.sequence(|reader| {
            let bytes = reader.tlv_bytes()?.to_vec();
            let algorithm = AlgorithmIdentifierOwned::decode(reader)?;
            let signature = BitStringRef::decode(reader)?;
            Ok(Self { bytes, algorithm: content(&algorithm)?, signature: signature.raw_bytes().to_vec() })
        })
    }

    /// Whether the key made the signature.
    pub(super) fn check(&self, key: &PublicKey, known: &WebPkiSupportedAlgorithms) -> Checked {
        let mut outcome = Checked::Unknown;
        for it in known.all {
            if it.signature_alg_id().as_ref() == self.algorithm
                && it.public_key_alg_id().as_ref() == key.algorithm
            {
                match it.verify_signature(&key.bits, &self.bytes, &self.signature) {
                    Ok(()) => return Checked::Good,
                    Err(_) => outcome = Checked::Bad,
                }
            }
        }
        outcome
    }
}

impl PublicKey {
    /// The bits, if the key is of this kind.
    pub(super) fn bits_of(&self, algorithm: &[u8]) -> Option<&[u8]> {
        (self.algorithm == algorithm).then_some(self.bits.as_slice())
    }
}

impl Extensions {
    fn parse(tbs: &TbsCertificateInner<Raw>) -> der::Result<Self> {
        let mut it = Self::default();
        it.basic = tbs.get_extension::<BasicConstraints>()?.map(|(_, it)| it);
        it.usage = tbs.get_extension::<KeyUsage>()?.map(|(_, it)| it);
        it.extended_usage = tbs.get_extension::<ExtendedKeyUsage>()?.map(|(_, it)| it.0);
        let value = |oid| {
            let found = tbs.extensions().into_iter().flatten().find(|extension| extension.extn_id == oid);
            found.map(|extension| extension.extn_value.as_bytes())
        };
        it.names = value(ALTERNATIVE_NAMES).map(alternative_names).transpose()?.unwrap_or_default();
        it.key_id = tbs.get_extension::<SubjectKeyIdentifier>()?.map(|(_, it)| it.0.as_bytes().to_vec());
        it.authority = value(AUTHORITY_KEY).map(authority_key).transpose()?;
        it.netscape = value(NETSCAPE)
            .map(BitStringRef::from_der)
            .transpose()?
            .map(|bits| bits.raw_bytes().first().copied().unwrap_or(0));
        it.unhandled = tbs.extensions().into_iter().flatten().find_map(|extension| {
            let known = KNOWN.iter().any(|oid| extension.extn_id.to_string() == *oid);
            let matters = extension.critical && !known || extension.extn_id == NAME_CONSTRAINTS;
            matters.then_some(extension.extn_id)
        });
        Ok(it)
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject \"{}\", issuer \"{}\"", self.subject(), self.issuer())?;
        write!(
            f,
            ", valid from {} until {}",
            self.valid_from().to_date_time(),
            self.valid_until().to_date_time()
        )
    }
}

/// A moment, to be compared with those of certificates.
pub(super) fn since_epoch(time: Time) -> Duration {
    time.to_unix_duration()
}

/// Names are equal if their texts are, whatever the case of their letters, the number of their blanks and the kind of
/// their strings (OpenSSL, `x509_name_canon`).
pub(super) fn same_name(one: &Name, other: &Name) -> bool {
    one == other || canonical(one) == canonical(other)
}

fn canonical(name: &Name) -> Vec<Vec<(ObjectIdentifier, Vec<u8>)>> {
    name.iter_rdn().map(|rdn| rdn.iter().map(|it| (it.oid, canonical_value(&it.value))).collect()).collect()
}

fn canonical_value(value: &Any) -> Vec<u8> {
    let text: String = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString => {
            String::from_utf8_lossy(value.value()).into_owned()
        }
        Tag::TeletexString => value.value().iter().copied().map(char::from).collect(),
        Tag::BmpString => {
            let pairs =
                value.value().chunks(2).map(|it| it.iter().fold(0, |all, b| all << 8 | u16::from(*b)));
            char::decode_utf16(pairs).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => return value.to_der().unwrap_or_default(),
    };
    let words: Vec<_> = text.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
    words.join(" ").into_bytes()
}

/// What is inside an AlgorithmIdentifier's SEQUENCE.
pub(super) fn content(algorithm: &AlgorithmIdentifierOwned) -> der::Result<Vec<u8>> {
    Ok(Any::from_der(&algorithm.to_der()?)?.value().to_vec())
}
