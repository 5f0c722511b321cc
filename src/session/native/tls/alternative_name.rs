//! The names that a certificate has beside its subject, and those in what it says of its issuer (RFC 5280, 4.2.1.6 and
//! 4.2.1.1).
//!
//! It must never refuse a certificate for a name that nobody compares: only hosts, addresses and directory names are read.

use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use x509_cert::name::Name;

const DNS_NAME: u32 = 2;
const DIRECTORY_NAME: u32 = 4;
const IP_ADDRESS: u32 = 7;

/// One of a certificate's alternative names, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AlternativeName {
    Dns(Vec<u8>),
    Address(Vec<u8>),
    /// Of another kind: no host is compared with it.
    Other,
}

/// What a certificate says of its issuer's.
#[derive(Default)]
pub(super) struct AuthorityKey {
    pub(super) key_id: Option<Vec<u8>>,
    /// The first name of its issuer that is a directory's.
    pub(super) issuer: Option<Name>,
    pub(super) serial: Option<Vec<u8>>,
}

/// The value of the extension "subject alternative name".
pub(super) fn alternative_names(value: &[u8]) -> der::Result<Vec<AlternativeName>> {
    let names = SliceReader::new(value)?.sequence(parts)?;
    Ok(names
        .into_iter()
        .map(|(number, name)| match number {
            DNS_NAME => AlternativeName::Dns(name.value().to_vec()),
            IP_ADDRESS => AlternativeName::Address(name.value().to_vec()),
            _ => AlternativeName::Other,
        })
        .collect())
}

/// The value of the extension "authority key identifier".
pub(super) fn authority_key(value: &[u8]) -> der::Result<AuthorityKey> {
    let mut it = AuthorityKey::default();
    for (number, part) in SliceReader::new(value)?.sequence(parts)? {
        match number {
            0 => it.key_id = Some(OctetStringRef::new(part.value())?.as_bytes().to_vec()),
            1 => {
                let mut reader = SliceReader::new(part.value())?;
                let names = parts(&mut reader)?;
                let named = names.into_iter().find(|(number, _)| *number == DIRECTORY_NAME);
                it.issuer = named.map(|(_, name)| Name::from_der(name.value())).transpose()?;
            }
            2 => it.serial = Some(part.value().to_vec()),
            _ => {}
        }
    }
    Ok(it)
}

/// All that comes, with the numbers of the tags.
fn parts<'a>(reader: &mut SliceReader<'a>) -> der::Result<Vec<(u32, AnyRef<'a>)>> {
    let mut all = Vec::new();
    while !reader.is_finished() {
        let part = AnyRef::decode(reader)?;
        match part.tag() {
            Tag::ContextSpecific { number, .. } => all.push((number.value(), part)),
            tag => return Err(tag.unexpected_error(None).into()),
        }
    }
    Ok(all)
}
