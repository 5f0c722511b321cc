//! Whether a certificate leads to somebody who is trusted: paths, dates, what each certificate may do, and revocation,
//! as OpenSSL's `X509_verify_cert` has it for a TLS server.
//!
//! It must never take what OpenSSL refuses, and never let a server make it work without end.

use std::time::Duration;

use der::asn1::ObjectIdentifier;
use rustls::crypto::WebPkiSupportedAlgorithms;

use super::certificate::{Certificate, Checked, since_epoch};
use super::revocation::RevocationList;
use crate::error::{Error, Status};

/// The longest path; OpenSSL's own limit of 100 serves nobody.
const LONGEST: usize = 12;

/// The most signatures that are looked at for one server.
const SIGNATURES: u32 = 64;

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
/// Netscape's and Microsoft's word for strong encryption, which OpenSSL takes for the same.
const SERVER_GATED: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("2.16.840.1.113730.4.1"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.3.3"),
];

/// The bit of Netscape's certificate type that stands for a server.
const NETSCAPE_SERVER: u8 = 0x40;

/// Who is trusted, and what was revoked.
pub(super) struct Trust {
    pub(super) roots: Vec<Certificate>,
    /// `None`: revocation is not looked at.
    pub(super) revoked: Option<Vec<RevocationList>>,
    pub(super) known: WebPkiSupportedAlgorithms,
}

/// Why a certificate is not accepted.
struct Refusal<'a> {
    certificate: &'a Certificate,
    why: String,
    hint: &'static str,
}

impl Trust {
    /// Whether the first certificate leads to a trusted one, over those that were sent with it.
    pub(super) fn check(&self, leaf: &Certificate, sent: &[Certificate], now: Duration) -> Result<(), Error> {
        let mut search = Search { trust: self, sent, now, left: SIGNATURES, refusal: None };
        match search.extend(&mut vec![leaf]) {
            Found::Yes => Ok(()),
            Found::No => Err(search
                .refusal
                .map_or_else(|| refused(&no_issuer(leaf), leaf), |refusal| refused(&refusal, leaf))),
        }
    }
}

/// The error for a certificate of a server.
#[cold]
fn refused(refusal: &Refusal<'_>, leaf: &Certificate) -> Error {
    let whose = match std::ptr::eq(refusal.certificate, leaf) {
        true => "the server's certificate".to_owned(),
        false => format!("the certificate \"{}\" above the server's", refusal.certificate.subject()),
    };
    let detail = match std::ptr::eq(refusal.certificate, leaf) {
        true => format!("The certificate: {leaf}."),
        false => format!("The certificate: {}. The server's: {leaf}.", refusal.certificate),
    };
    Error::new(Status::WAL_E_TLS_CERTIFICATE, format!("{whose} is not accepted: {}", refusal.why))
        .with_detail(detail)
        .with_hint(refusal.hint)
}

enum Found {
    Yes,
    No,
}

/// The search for a path from the server's certificate to a trusted one.
struct Search<'a> {
    trust: &'a Trust,
    sent: &'a [Certificate],
    now: Duration,
    left: u32,
    /// Why the first path came to nothing that was looked at.
    refusal: Option<Refusal<'a>>,
}

impl<'a> Search<'a> {
    /// Goes on from the last certificate of a path; trusted issuers are looked at first.
    fn extend(&mut self, path: &mut Vec<&'a Certificate>) -> Found {
        let Some(&last) = path.last() else { return Found::No };
        if last.is_self_issued() && self.trust.roots.iter().any(|root| root.der() == last.der()) {
            return self.judge(path);
        }
        if path.len() >= LONGEST {
            return self.refuse(Refusal {
                certificate: last,
                why: format!("the way to a root is longer than {LONGEST} certificates"),
                hint: "Give the server a shorter chain.",
            });
        }
        let mut any = false;
        for next in self.trust.roots.iter().chain(self.sent) {
            let new = !path.iter().any(|it| it.der() == next.der());
            if !new || !last.names_as_issuer(next) {
                continue;
            }
            any = true;
            match self.check_signature(last, next) {
                None => {
                    path.push(next);
                    let found = self.extend(path);
                    path.pop();
                    if matches!(found, Found::Yes) {
                        return found;
                    }
                }
                Some(refusal) => drop(self.refuse(refusal)),
            }
        }
        if any { Found::No } else { self.refuse(no_issuer(last)) }
    }

    fn check_signature(&mut self, of: &'a Certificate, by: &'a Certificate) -> Option<Refusal<'a>> {
        let refusal = |why: String, hint| Some(Refusal { certificate: of, why, hint });
        if self.left == 0 {
            return refusal(
                "there are too many ways to look at".into(),
                "Let the server send fewer certificates.",
            );
        }
        self.left -= 1;
        match of.signed().check(by.key(), &self.trust.known) {
            Checked::Good => None,
            Checked::Bad => refusal(
                format!("its signature is not that of \"{}\"", by.subject()),
                "sslrootcert names an authority of the same name with another key: give it the right file.",
            ),
            Checked::Unknown => refusal(
                "it is signed with an algorithm or key that is too weak or not built in".into(),
                "Let it be signed with SHA-256 or better and RSA of 2048 bits or more, ECDSA or Ed25519.",
            ),
        }
    }

    /// Looks at a path that ends in a trusted certificate.
    fn judge(&mut self, path: &[&'a Certificate]) -> Found {
        let refusal = path
            .iter()
            .enumerate()
            .find_map(|(at, certificate)| self.fault(path, at).map(|(why, hint)| (*certificate, why, hint)));
        match refusal {
            None => Found::Yes,
            Some((certificate, why, hint)) => self.refuse(Refusal { certificate, why, hint }),
        }
    }

    /// What is wrong with one certificate of a path.
    fn fault(&self, path: &[&'a Certificate], at: usize) -> Option<(String, &'static str)> {
        let it = path.get(at)?;
        let (from, until) = (it.valid_from(), it.valid_until());
        if since_epoch(from) > self.now {
            let why = format!("it is valid only from {} on", from.to_date_time());
            return Some((why, "See the clocks of this machine and of the authority."));
        }
        if since_epoch(until) < self.now {
            let why = format!("it expired on {}", until.to_date_time());
            return Some((why, "Give the server a new one; see the clock of this machine too."));
        }
        if let Some(oid) = it.extensions.unhandled {
            let why = format!("it has the extension {oid}, which is not understood");
            return Some((why, "Let the authority leave it out."));
        }
        let fault = if at == 0 { server_fault(it) } else { authority_fault(path, at) };
        if let Some((why, hint)) = fault {
            return Some((why.to_owned(), hint));
        }
        let lists = self.trust.revoked.as_deref()?;
        // The root signs for itself.
        let issuer = path.get(at + 1).unwrap_or(it);
        super::revocation::fault(lists, it, issuer, self.now, &self.trust.known)
    }

    /// The first refusal is that of the shortest way and says most.
    fn refuse(&mut self, refusal: Refusal<'a>) -> Found {
        self.refusal.get_or_insert(refusal);
        Found::No
    }
}

/// OpenSSL's `check_purpose_ssl_server` of the server's own certificate.
fn server_fault(it: &Certificate) -> Option<(&'static str, &'static str)> {
    if !serves(it) || it.extensions.netscape.is_some_and(|bits| bits & NETSCAPE_SERVER == 0) {
        return Some(NOT_FOR_SERVERS);
    }
    let may =
        it.extensions.usage.as_ref().is_none_or(|usage| {
            usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()
        });
    match may {
        true => None,
        false => Some((
            "its key usage does not allow TLS",
            "Let its key usage hold digitalSignature and keyEncipherment, or leave it out.",
        )),
    }
}

/// OpenSSL's `check_ssl_ca` and the lengths of paths.
fn authority_fault(path: &[&Certificate], at: usize) -> Option<(&'static str, &'static str)> {
    let it = path.get(at)?;
    if !serves(it) {
        return Some(NOT_FOR_SERVERS);
    }
    let no_authority = Some((
        "it is not one of an authority",
        "Name the authority's certificate in sslrootcert: one with CA:TRUE and, if it has a key usage, keyCertSign.",
    ));
    if it.extensions.usage.as_ref().is_some_and(|usage| !usage.key_cert_sign()) {
        return no_authority;
    }
    let is_last = at + 1 == path.len();
    match &it.extensions.basic {
        Some(basic) if !basic.ca => return no_authority,
        Some(_) => (),
        // Those from before there were extensions are believed at the end of a path only.
        None if is_last && (it.is_version_1() || it.extensions.usage.is_some()) => (),
        None => return no_authority,
    }
    let limit = it.extensions.basic.as_ref().and_then(|basic| basic.path_len_constraint);
    let between = path.get(1..at).unwrap_or_default().iter().filter(|it| !it.is_self_issued()).count();
    match limit {
        Some(limit) if between > usize::from(limit) => Some((
            "more authorities are below it than it allows",
            "Let its pathlen be larger, or the chain shorter.",
        )),
        _ => None,
    }
}

const NOT_FOR_SERVERS: (&str, &str) = (
    "its extended key usage, or its Netscape type, is not that of a server",
    "Let it hold serverAuth, or leave it out.",
);

/// Whether the extended key usage, if there is one, is that of a server.
fn serves(it: &Certificate) -> bool {
    let usage = it.extensions.extended_usage.as_ref();
    usage.is_none_or(|all| all.iter().any(|oid| *oid == SERVER_AUTH || SERVER_GATED.contains(oid)))
}

#[cold]
fn no_issuer(it: &Certificate) -> Refusal<'_> {
    let (why, hint) = match it.is_self_issued() {
        true => (
            "it is signed by itself and not among the trusted ones".to_owned(),
            "If it is the right server, put this very certificate, or its authority's, into the file that sslrootcert names.",
        ),
        false => (
            format!("its issuer \"{}\" is not trusted", it.issuer()),
            "Put the certificate of the root authority into the file that sslrootcert names, and let the server send \
             those in between.",
        ),
    };
    Refusal { certificate: it, why, hint }
}
