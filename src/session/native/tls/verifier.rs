//! What rustls asks about the server's certificate, answered as libpq would.
//!
//! The signature of the handshake must be checked always, whatever is asked of the certificate: without it anybody
//! could show another one's certificate.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, OtherError, SignatureScheme};
use std::sync::Arc;

use super::certificate::Certificate;
use super::chain::Trust;
use super::host_name;
use crate::error::{Error, Status};

/// What is checked of one server.
pub(super) struct Verifier {
    /// `None`: any certificate is taken.
    pub(super) trust: Option<Trust>,
    /// The host whose certificate it must be; `None`: anybody's.
    pub(super) host: Option<String>,
    pub(super) known: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// What is asked of the certificates, apart from the signature of the handshake.
    pub(super) fn check(&self, leaf: &[u8], sent: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        let Some(trust) = &self.trust else { return Ok(()) };
        let leaf = Certificate::parse(leaf).map_err(|error| unreadable(&error))?;
        // One that cannot be read leads nowhere; the others may do.
        let sent: Vec<_> = sent.iter().filter_map(|it| Certificate::parse(it).ok()).collect();
        trust.check(&leaf, &sent, std::time::Duration::from_secs(now.as_secs()))?;
        match &self.host {
            Some(host) => host_name::check(&leaf, host),
            None => Ok(()),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.check(end_entity, intermediates, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(CertificateError::Other(OtherError(Arc::new(error))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let cert = Certificate::parse(cert).map_err(|_| CertificateError::BadEncoding)?;
        let known = self.known.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
        // In TLS 1.2 the scheme does not name the curve.
        let good = known.iter().flat_map(|(_, all)| all.iter()).any(|it| {
            let bits = cert.key().bits_of(it.public_key_alg_id().as_ref());
            bits.is_some_and(|bits| it.verify_signature(bits, message, dss.signature()).is_ok())
        });
        match good {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(CertificateError::BadSignature.into()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let cert = Certificate::parse(cert).map_err(|_| CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(cert.key().spki.as_slice());
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_schemes()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cold]
fn unreadable(error: &der::Error) -> Error {
    Error::new(Status::WAL_E_TLS_CERTIFICATE, format!("the server's certificate cannot be read: {error}"))
        .with_hint("See it with openssl x509 -text, and give the server another one.")
}
